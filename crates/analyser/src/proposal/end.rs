//! When a rule ends: each of the languages has its own way to know the date.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How long a proposal may hold at most; a rule that nobody wants to look at within a year is no stopgap.
pub const DAYS_MAX: u16 = 366;

/// The time from which on a rule does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    from: Timestamp,
    to: Timestamp,
}

impl End {
    /// So many days from now, [`DAYS_MAX`] at most.
    pub(super) fn after(now_unix_seconds: i64, days: u16) -> Self {
        let from = Timestamp::from_second(now_unix_seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        let length = SignedDuration::from_hours(24 * i64::from(days.clamp(1, DAYS_MAX)));
        Self { from, to: from.checked_add(length).unwrap_or(from) }
    }

    pub(super) fn unix_seconds(self) -> i64 {
        self.to.as_second()
    }

    /// `2026-12-06 20:00 UTC`
    pub(super) fn said(self) -> String {
        self.to.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
    }

    /// As Apache's `%{TIME}` writes it. That is local time; the difference is hours in a life of weeks.
    pub(super) fn as_digits(self) -> String {
        self.to.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%S").to_string()
    }

    /// A pattern for every date from today to the last day, for a server that can compare no dates.
    pub(super) fn dates(self) -> String {
        let mut tens: BTreeMap<String, (char, char)> = BTreeMap::new();
        // A day early: elsewhere it is still yesterday.
        let mut day = self.from.checked_sub(SignedDuration::from_hours(24)).unwrap_or(self.from);
        for _ in 0..=DAYS_MAX + 1 {
            if day > self.to {
                break;
            }
            let date = day.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string();
            let last = date.chars().last().unwrap_or('0');
            let ten = date.get(..date.len().saturating_sub(1)).unwrap_or_default().to_owned();
            let range = tens.entry(ten).or_insert((last, last));
            *range = (range.0.min(last), range.1.max(last));
            let Ok(next) = day.checked_add(SignedDuration::from_hours(24)) else { break };
            day = next;
        }
        let parts: Vec<String> =
            tens.iter().map(|(ten, (first, last))| format!("{ten}[{first}-{last}]")).collect();
        format!("^(?:{})T", parts.join("|"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dates_of_two_weeks_are_a_short_pattern() {
        // 2026-11-22 20:00 UTC
        let end = End::after(1_795_377_600, 14);
        assert_eq!(end.said(), "2026-12-06 20:00 UTC");
        assert_eq!(end.as_digits(), "20261206200000");
        assert_eq!(end.dates(), "^(?:2026-11-2[1-9]|2026-11-3[0-0]|2026-12-0[1-6])T");
    }

    #[test]
    fn no_rule_is_made_for_ever() {
        let end = End::after(1_795_377_600, u16::MAX);
        assert_eq!(end.unix_seconds() - 1_795_377_600, i64::from(DAYS_MAX) * 86_400);
        assert!(end.dates().len() < 1000);
    }
}
