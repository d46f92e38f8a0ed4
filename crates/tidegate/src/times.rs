//! The time that a diagnosis or a replay is about.

use crate::command_line::duration;
use crate::verdict::Mistake;
use anyhow::bail;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// From when to when, in microseconds since 1970; the end itself is not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from_unix_micros: Option<i64>,
    pub(crate) to_unix_micros: Option<i64>,
}

impl Window {
    pub(crate) fn of(from: Option<&str>, to: Option<&str>, now_unix_micros: i64) -> anyhow::Result<Self> {
        let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
        let read = |text: Option<&str>, option: &str| match text {
            None => Ok(None),
            Some(text) => match moment(text, &zone, now_unix_micros) {
                Some(moment) => Ok(Some(moment)),
                None => Err(Mistake(format!(
                    "{option} {}: expected a time such as 2026-11-22T20:00, 2026-11-22 or 3h (ago)",
                    text.escape_default()
                ))),
            },
        };
        let window = Self { from_unix_micros: read(from, "--from")?, to_unix_micros: read(to, "--to")? };
        if let (Some(from), Some(to)) = (window.from_unix_micros, window.to_unix_micros)
            && from >= to
        {
            bail!(Mistake("--from is not before --to".to_owned()));
        }
        Ok(window)
    }

    pub(crate) fn holds(self, unix_micros: i64) -> bool {
        self.from_unix_micros.is_none_or(|from| from <= unix_micros)
            && self.to_unix_micros.is_none_or(|to| unix_micros < to)
    }
}

/// A point in time with its zone, one of this machine's zone, a day, or so long ago.
fn moment(text: &str, zone: &TimeZone, now_unix_micros: i64) -> Option<i64> {
    if let Ok(ago) = duration(text) {
        return now_unix_micros.checked_sub(i64::try_from(ago.as_micros()).ok()?);
    }
    if let Ok(exact) = text.parse::<Timestamp>() {
        return Some(exact.as_microsecond());
    }
    let local = match text.parse::<DateTime>() {
        Ok(local) => local,
        Err(_) => text.parse::<Date>().ok()?.at(0, 0, 0, 0),
    };
    Some(zone.to_timestamp(local).ok()?.as_microsecond())
}

pub(crate) fn now_unix_micros() -> i64 {
    proxy::Clock::system().now().wall.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_many_ways() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let now = 1_000_000_000_000_000;
        for (text, expected) in [
            ("3h", Some(now - 3 * 3_600_000_000)),
            ("1970-01-01T02:00:01", Some(1_000_000)),
            ("1970-01-01 02:00", Some(0)),
            ("1970-01-01T00:00:01Z", Some(1_000_000)),
            ("1970-01-01", Some(-7_200_000_000)),
            ("yesterday", None),
        ] {
            assert_eq!(moment(text, &zone, now), expected, "{text}");
        }
        assert!(Window::of(Some("2026-11-22"), Some("2026-11-21"), now).is_err());
        let window = Window { from_unix_micros: Some(5), to_unix_micros: Some(7) };
        assert_eq!([4, 5, 6, 7].map(|at| window.holds(at)), [false, true, true, false]);
    }
}
