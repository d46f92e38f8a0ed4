//! How slowly somebody may send.

use crate::limits::BODY_RATE_GRACE;
use core::time::Duration;
use shaping::Tick;

/// The least rate at which a sender must bring its bytes, counted only while it is waited for: whoever is held up by us,
/// or by a receiver, is not late.
///
/// The sender has an account of time. While it is waited for the account runs down; each byte fills it up by what a byte
/// takes at the least rate, to [`BODY_RATE_GRACE`] at most. When it is empty, the sender is too slow.
#[derive(Clone, Debug)]
pub struct LeastRate {
    /// 0: any rate will do.
    bytes_per_second: u32,
    account: Duration,
    waiting_since: Option<Tick>,
}

impl LeastRate {
    /// With a full account. 0 bytes a second demand nothing.
    pub fn new(bytes_per_second: u32) -> Self {
        Self { bytes_per_second, account: BODY_RATE_GRACE, waiting_since: None }
    }

    /// The sender is waited for, as it may have been already; gives the moment at which it is too slow.
    pub fn waits(&mut self, now: Tick) -> Tick {
        self.rests(now);
        if self.bytes_per_second == 0 {
            return Tick::MAX;
        }
        self.waiting_since = Some(now);
        now.saturating_add(self.account)
    }

    /// The sender is not waited for.
    pub fn rests(&mut self, now: Tick) {
        if let Some(since) = self.waiting_since.take() {
            let waited = Duration::from_nanos(now.nanos().saturating_sub(since.nanos()));
            self.account = self.account.saturating_sub(waited);
        }
    }

    /// So many bytes came; to be said after the waiting for them is over.
    pub fn came(&mut self, bytes: u64) {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second.max(1));
        let earned = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.account = self.account.saturating_add(earned).min(BODY_RATE_GRACE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(milliseconds: u64) -> Tick {
        Tick::from_nanos(milliseconds * 1_000_000)
    }

    /// A sender that brings so many bytes each time, so often; when it is given up.
    fn given_up(bytes: u64, every_ms: u64) -> Option<u64> {
        let mut rate = LeastRate::new(240);
        (0..10_000).map(|piece| piece * every_ms).find(|&start| {
            let due = rate.waits(after(start));
            rate.rests(after(start + every_ms));
            rate.came(bytes);
            due < after(start + every_ms)
        })
    }

    #[test]
    fn a_sender_at_the_rate_goes_on_and_one_below_it_is_given_up() {
        assert_eq!(given_up(240, 1_000), None);
        assert_eq!(given_up(2_400, 10_000), None, "in large pieces, seldom");
        let slow = given_up(1, 1_000).expect("a byte a second is too slow");
        assert!((19_000..=21_000).contains(&slow), "given up after {slow} ms");
        let half = given_up(120, 1_000).expect("half the rate is too slow");
        assert!((38_000..=41_000).contains(&half), "given up after {half} ms");
    }

    #[test]
    fn what_was_sent_fast_does_not_pay_for_a_long_silence() {
        let mut rate = LeastRate::new(240);
        rate.came(1 << 30);
        assert_eq!(rate.waits(after(0)), Tick::ZERO.saturating_add(BODY_RATE_GRACE));
    }

    #[test]
    fn time_in_which_nobody_waited_for_it_does_not_count() {
        let mut rate = LeastRate::new(240);
        rate.waits(after(0));
        rate.rests(after(10_000));
        assert_eq!(rate.waits(after(900_000)), after(910_000));
        assert_eq!(LeastRate::new(0).waits(after(0)), Tick::MAX);
    }
}
