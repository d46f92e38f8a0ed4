//! When a line was written. Mail servers write local time, mostly without its zone, and syslog leaves out the year.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What a line says of its time, and the rest of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp<'a> {
    /// `None`: syslog.
    pub(super) year: Option<i32>,
    pub(super) month: u8,
    pub(super) day: u8,
    pub(super) second_of_day: u32,
    /// Seconds east of Greenwich, where the line says so.
    pub(super) offset_seconds: Option<i32>,
    /// A zone by name (`America/Boise`), where the line says so.
    pub(super) zone: Option<&'a str>,
    pub(super) style: Style,
}

/// Who writes times like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `2017-01-31 23:59:59`
    Exim,
    /// `Jan 31 23:59:59`
    Syslog,
    /// `2017-01-31T23:59:59.123456+01:00`
    Iso,
    /// `[31-Jan-2017 23:59:59 UTC]`
    Php,
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads the time a line begins with; `None` if it begins with none.
pub(super) fn read(line: &str) -> Option<(Stamp<'_>, &str)> {
    match line.as_bytes().first()? {
        b'0'..=b'9' => dated(line),
        b'[' => bracketed(line),
        _ => syslog(line),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn month(name: &str) -> Option<u8> {
    let at = MONTHS.iter().position(|month| *month == name)?;
    u8::try_from(at + 1).ok()
}

/// `HH:MM:SS`, and a fraction that is left away.
fn clock(text: &str) -> Option<(u32, &str)> {
    let (hms, rest) = text.split_at_checked(8)?;
    let mut parts = hms.split(':');
    let (h, m, s): (u32, u32, u32) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    // 60: a leap second
    (h < 24 && m < 60 && s <= 60 && parts.next().is_none()).then_some((h * 3600 + m * 60 + s.min(59), rest))
}

/// `+0100`, `+01:00` or `Z`.
fn offset(text: &str) -> Option<(i32, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((0, rest));
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, rest) = text.get(1..)?.split_at_checked(2)?;
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, rest) = rest.split_at_checked(2)?;
    let (hours, minutes): (i32, i32) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some((sign * (hours * 3600 + minutes * 60), rest))
}

fn valid(stamp: Stamp<'_>) -> Option<Stamp<'_>> {
    let is_date = (1..=12).contains(&stamp.month) && (1..=31).contains(&stamp.day);
    let is_year = stamp.year.is_none_or(|year| (1970..=9999).contains(&year));
    (is_date && is_year).then_some(stamp)
}

fn dated(line: &str) -> Option<(Stamp<'_>, &str)> {
    let (date, rest) = line.split_at_checked(10)?;
    let mut parts = date.split('-');
    let (year, month, day) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    let (style, rest) = match rest.as_bytes().first()? {
        b'T' => (Style::Iso, rest.get(1..)?),
        b' ' => (Style::Exim, rest.get(1..)?),
        _ => return None,
    };
    let (second_of_day, rest) = clock(rest)?;
    let (offset_seconds, rest) = match offset(rest.strip_prefix(' ').unwrap_or(rest)) {
        Some((offset, rest)) => (Some(offset), rest),
        None => (None, rest),
    };
    let rest = rest.strip_prefix(' ')?;
    let stamp = Stamp { year: Some(year), month, day, second_of_day, offset_seconds, zone: None, style };
    Some((valid(stamp)?, rest))
}

fn syslog(line: &str) -> Option<(Stamp<'_>, &str)> {
    let (name, rest) = line.split_at_checked(3)?;
    let month = month(name)?;
    let (day, rest) = rest.strip_prefix(' ')?.split_at_checked(2)?;
    let day = number(day.trim_start())?;
    let (second_of_day, rest) = clock(rest.strip_prefix(' ')?)?;
    let rest = rest.strip_prefix(' ')?;
    let stamp = Stamp {
        year: None,
        month,
        day,
        second_of_day,
        offset_seconds: None,
        zone: None,
        style: Style::Syslog,
    };
    Some((valid(stamp)?, rest))
}

fn bracketed(line: &str) -> Option<(Stamp<'_>, &str)> {
    let (inside, rest) = line.strip_prefix('[')?.split_once(']')?;
    let mut words = inside.split(' ');
    let mut date = words.next()?.split('-');
    let (day, name, year) = (number(date.next()?)?, date.next()?, number(date.next()?)?);
    let (second_of_day, _) = clock(words.next()?)?;
    let said = words.next();
    let offset_seconds = said.and_then(offset).map(|(offset, _)| offset);
    let zone = if offset_seconds.is_some() { None } else { said };
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let month = month(name)?;
    let stamp =
        Stamp { year: Some(year), month, day, second_of_day, offset_seconds, zone, style: Style::Php };
    Some((valid(stamp)?, rest.trim_start()))
}

/// Days from 1970-01-01 (proleptic Gregorian; the usual computation from the 1st of March).
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl Stamp<'_> {
    /// Seconds since 1970 as if the local clock were UTC.
    pub(super) fn local_seconds(&self, year: i32) -> i64 {
        days(i64::from(year), i64::from(self.month), i64::from(self.day)) * 86_400
            + i64::from(self.second_of_day)
    }
}

/// A moment: in UTC, and what the clock on the wall showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) unix_seconds: i64,
    pub(super) local_seconds: i64,
}

impl Moment {
    pub(super) const fn local_hour(self) -> i64 {
        self.local_seconds.div_euclid(3600)
    }
}

/// Turns stamps into moments: knows the zone of the log, and keeps track of the year.
#[derive(Debug)]
pub(super) struct Clock {
    zone: TimeZone,
    year: i32,
    month: Option<u8>,
    /// The offset of the local hour that was asked for last.
    last: Option<(i64, i32)>,
}

/// A step back of so many months is a new year: from December to January, with room for lines out of order and for
/// servers that were silent for a while.
const NEW_YEAR_MONTHS: u8 = 9;

impl Clock {
    pub(super) const fn new(zone: TimeZone) -> Self {
        Self { zone, year: 1970, month: None, last: None }
    }

    /// Another file begins; times without a year in it are from `first_year` on.
    pub(super) const fn begin(&mut self, first_year: i32) {
        self.year = first_year;
        self.month = None;
    }

    pub(super) fn moment(&mut self, stamp: &Stamp<'_>) -> Moment {
        let year = stamp.year.unwrap_or_else(|| self.year_of(stamp.month));
        let local_seconds = stamp.local_seconds(year);
        let offset = match (stamp.offset_seconds, stamp.zone) {
            (Some(offset), _) => offset,
            (None, Some(name)) => {
                let named = TimeZone::get(name).ok();
                offset_at(named.as_ref().unwrap_or(&self.zone), local_seconds)
            }
            (None, None) => self.offset(local_seconds),
        };
        Moment { unix_seconds: local_seconds - i64::from(offset), local_seconds }
    }

    fn year_of(&mut self, month: u8) -> i32 {
        let last = self.month.unwrap_or(month);
        if last >= month + NEW_YEAR_MONTHS {
            self.year += 1;
        } else if month >= last + NEW_YEAR_MONTHS {
            // a line of December that comes late
            return self.year - 1;
        }
        self.month = Some(month);
        self.year
    }

    fn offset(&mut self, local_seconds: i64) -> i32 {
        let hour = local_seconds.div_euclid(3600);
        if let Some((_, offset)) = self.last.filter(|(of, _)| *of == hour) {
            return offset;
        }
        let offset = offset_at(&self.zone, local_seconds);
        self.last = Some((hour, offset));
        offset
    }
}

/// The offset of a zone when its clocks show that time; the earlier one where they show it twice.
fn offset_at(zone: &TimeZone, local_seconds: i64) -> i32 {
    let Ok(as_utc) = Timestamp::from_second(local_seconds) else { return 0 };
    let civil = TimeZone::UTC.to_datetime(as_utc);
    let Ok(moment) = zone.to_timestamp(civil) else { return 0 };
    zone.to_offset(moment).seconds()
}

/// Finds the year in which a file without years begins: it ends before `reference` (when it was last written, or now).
#[derive(Debug, Default)]
pub(super) struct FirstYear {
    last: Option<(u8, u8)>,
    new_years: i32,
}

impl FirstYear {
    /// Looks at the next stamp without a year.
    pub(super) fn look(&mut self, stamp: &Stamp<'_>) {
        if let Some((month, _)) = self.last {
            if stamp.month >= month + NEW_YEAR_MONTHS {
                return;
            }
            self.new_years += i32::from(month >= stamp.month + NEW_YEAR_MONTHS);
        }
        self.last = Some((stamp.month, stamp.day));
    }

    /// The year, if any stamp had none. Clocks may differ by a day.
    pub(super) fn year(&self, reference_unix_seconds: i64) -> Option<i32> {
        let (month, day) = self.last?;
        let reference = Timestamp::from_second(reference_unix_seconds.saturating_add(86_400)).ok()?;
        let reference = TimeZone::UTC.to_datetime(reference);
        let last = days(i64::from(reference.year()), i64::from(month), i64::from(day));
        let latest =
            days(i64::from(reference.year()), i64::from(reference.month()), i64::from(reference.day()));
        let year = i32::from(reference.year()) - i32::from(last > latest);
        Some(year - self.new_years)
    }
}

/// A local hour as people write it: `2017-01-31 23:00`.
pub(super) fn hour_text(local_hour: i64) -> String {
    seconds_text(local_hour.saturating_mul(3600))
}

/// A local time to the minute.
pub(super) fn seconds_text(local_seconds: i64) -> String {
    let Ok(moment) = Timestamp::from_second(local_seconds) else { return "?".to_owned() };
    let civil = TimeZone::UTC.to_datetime(moment);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(line: &str) -> Option<Moment> {
        let (stamp, _) = read(line)?;
        Some(Clock::new(TimeZone::UTC).moment(&stamp))
    }

    #[test]
    fn the_same_moment_is_read_in_every_spelling() {
        for line in [
            "2017-07-30 18:51:05 x",
            "2017-07-30 18:51:05.712 x",
            "2017-07-30 20:51:05 +0200 x",
            "2017-07-30T20:51:05.712+02:00 host x",
            "2017-07-30T18:51:05Z host x",
            "[30-Jul-2017 18:51:05 UTC] x",
            "[30-Jul-2017 20:51:05 +0200]: x",
            "[30-Jul-2017 20:51:05 Europe/Berlin] x",
        ] {
            assert_eq!(moment(line).map(|m| m.unix_seconds), Some(1_501_440_665), "{line}");
        }
        let (stamp, rest) = read("Jul  3 18:51:05 host postfix/x: y").expect("syslog");
        assert_eq!((stamp.month, stamp.day, stamp.second_of_day, rest), (7, 3, 67_865, "host postfix/x: y"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for line in [
            "",
            "hello",
            "2017-13-01 00:00:00 x",
            "2017-01-01 25:00:00 x",
            "Foo 12 00:00:00 x",
            "[x]",
            "[",
            "20é7-01-01 00:00:00 x",
            "Jan é 00:00:00 x",
        ] {
            assert_eq!(moment(line), None, "{line}");
        }
    }

    #[test]
    fn a_file_without_years_ends_before_it_was_last_written() {
        // written on 2018-03-01; from October to February: began in 2017
        let reference = 1_519_862_400;
        let mut first = FirstYear::default();
        for line in [
            "Oct 31 00:00:00 h x",
            "Dec 31 23:59:59 h x",
            "Jan  1 00:00:01 h x",
            "Dec 31 23:59:58 h late",
            "Feb 28 00:00:00 h x",
        ] {
            first.look(&read(line).expect("a time").0);
        }
        assert_eq!(first.year(reference), Some(2017));
        let mut clock = Clock::new(TimeZone::UTC);
        clock.begin(2017);
        let year = |clock: &mut Clock, line: &str| {
            seconds_text(clock.moment(&read(line).expect("a time").0).local_seconds)
        };
        assert_eq!(year(&mut clock, "Dec 31 23:59:59 h x"), "2017-12-31 23:59");
        assert_eq!(year(&mut clock, "Jan  1 00:00:01 h x"), "2018-01-01 00:00");
        assert_eq!(year(&mut clock, "Dec 31 23:59:58 h late"), "2017-12-31 23:59");
        assert_eq!(year(&mut clock, "Feb 28 00:00:00 h x"), "2018-02-28 00:00");
    }

    #[test]
    fn local_time_without_a_zone_is_the_logs_zone_also_across_a_change_of_clocks() {
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        let mut clock = Clock::new(berlin);
        let mut unix = |line: &str| clock.moment(&read(line).expect("a time").0).unix_seconds;
        assert_eq!(unix("2018-03-25 01:59:59 x"), 1_521_939_599);
        assert_eq!(unix("2018-03-25 03:00:00 x"), 1_521_939_600);
    }
}
