//! What a protection class knows while it is in force: who is connected, and what it refused. It outlives catalogs.

use super::class::ProtectionRefusal;
use super::table::Table;
use crate::counters::Counter;
use shaping::Tick;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The live state of a protection class.
pub struct ProtectionLive {
    pub(super) table: Table,
    counters: ProtectionCounters,
    told: Mutex<Told>,
}

impl std::fmt::Debug for ProtectionLive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProtectionLive").field("counters", &self.counters).finish_non_exhaustive()
    }
}

/// What was counted of a protection class, by the names it has in the traffic manager this language comes from.
#[derive(Debug, Default)]
pub struct ProtectionCounters {
    /// All of the others.
    pub total_refusal: Counter,
    /// Banned addresses.
    pub refusal_ip: Counter,
    /// Too many connections of one client.
    pub refusal_conc1_ip: Counter,
    /// Too many connections of the ten busiest.
    pub refusal_conc10_ip: Counter,
    /// Too many connections and requests in the time of the rate limit.
    pub refusal_conn_rate: Counter,
    /// Binary data.
    pub refusal_binary: Counter,
    /// Targets, heads and bodies that are too long.
    pub refusal_size: Counter,
    /// Targets that are not as RFC 2396 wants them.
    pub refusal_rfc2396: Counter,
}

impl ProtectionCounters {
    /// Name, help text and value of each.
    pub fn list(&self) -> [(&'static str, &'static str, u64); 8] {
        [
            ("total_refusal", "Connections and requests refused.", self.total_refusal.value()),
            ("refusal_ip", "ProtectionRefusal because the address is banned.", self.refusal_ip.value()),
            (
                "refusal_conc1_ip",
                "ProtectionRefusal because one client had too many connections.",
                self.refusal_conc1_ip.value(),
            ),
            (
                "refusal_conc10_ip",
                "ProtectionRefusal because the ten busiest clients had too many connections.",
                self.refusal_conc10_ip.value(),
            ),
            (
                "refusal_conn_rate",
                "ProtectionRefusal because one client began too many connections and requests.",
                self.refusal_conn_rate.value(),
            ),
            ("refusal_binary", "ProtectionRefusal because of binary data.", self.refusal_binary.value()),
            ("refusal_size", "ProtectionRefusal because something was too long.", self.refusal_size.value()),
            (
                "refusal_rfc2396",
                "ProtectionRefusal because the address is not as RFC 2396 wants it.",
                self.refusal_rfc2396.value(),
            ),
        ]
    }

    fn of(&self, refused: ProtectionRefusal) -> &Counter {
        match refused {
            ProtectionRefusal::Banned => &self.refusal_ip,
            ProtectionRefusal::OneClient => &self.refusal_conc1_ip,
            ProtectionRefusal::TenClients => &self.refusal_conc10_ip,
            ProtectionRefusal::Rate => &self.refusal_conn_rate,
            ProtectionRefusal::Binary => &self.refusal_binary,
            ProtectionRefusal::UrlTooLong
            | ProtectionRefusal::FieldsTooLong
            | ProtectionRefusal::BodyTooLong => &self.refusal_size,
            ProtectionRefusal::BadUrl => &self.refusal_rfc2396,
        }
    }
}

/// What the log was told already.
#[derive(Default)]
struct Told {
    at: Option<Tick>,
    refused: u64,
    last: Option<(ProtectionRefusal, IpAddr)>,
}

/// What a protection class refused since it was last told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtectionReport {
    /// Connections and requests refused.
    pub refused: u64,
    /// The last of them: why, and whose.
    pub last: (ProtectionRefusal, IpAddr),
}

impl ProtectionLive {
    pub(crate) fn new(seed: u64) -> Self {
        Self { table: Table::new(seed), counters: ProtectionCounters::default(), told: Mutex::default() }
    }

    /// What was counted.
    pub fn counters(&self) -> &ProtectionCounters {
        &self.counters
    }

    /// Clients whose connections are counted now.
    pub fn clients(&self) -> usize {
        self.table.clients()
    }

    pub(super) fn note(&self, refused: ProtectionRefusal, client: IpAddr) {
        self.counters.total_refusal.add_one();
        self.counters.of(refused).add_one();
        self.told.lock().unwrap_or_else(PoisonError::into_inner).last = Some((refused, client));
    }

    /// What is to be told now: nothing, if nothing was refused or something was told less than `log_time` ago.
    pub(super) fn report(&self, log_time: Duration, now: Tick) -> Option<ProtectionReport> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if log_time.is_zero() || told.at.is_some_and(|at| now < at.saturating_add(log_time)) {
            return None;
        }
        let all = self.counters.total_refusal.value();
        let last = told.last.take()?;
        let refused = all.saturating_sub(told.refused);
        (told.at, told.refused) = (Some(now), all);
        Some(ProtectionReport { refused, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_of_once_in_a_log_time_with_their_number() {
        let live = ProtectionLive::new(1);
        let minute = Duration::from_mins(1);
        assert_eq!(live.report(minute, Tick::ZERO), None);
        let client = IpAddr::from([192, 0, 2, 1]);
        live.note(ProtectionRefusal::Banned, client);
        let first = live.report(minute, Tick::ZERO).expect("one was refused");
        assert_eq!(first, ProtectionReport { refused: 1, last: (ProtectionRefusal::Banned, client) });
        live.note(ProtectionRefusal::Rate, client);
        live.note(ProtectionRefusal::Rate, client);
        assert_eq!(live.report(minute, Tick::ZERO.saturating_add(minute / 2)), None);
        let second = live.report(minute, Tick::ZERO.saturating_add(minute)).expect("the minute is over");
        assert_eq!(second.refused, 2);
        assert_eq!(live.report(Duration::ZERO, Tick::MAX), None);
    }
}
