//! Log time and Unix time, both ways, the offset of local time kept.

use crate::digits::{padded, pair, signed};

/// A moment as a log line shows it: whole seconds, with the offset of local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogTime {
    /// Seconds since 1970, UTC.
    pub unix_seconds: i64,
    /// Local time minus UTC, in seconds; a log shows whole minutes of it.
    pub utc_offset_seconds: i32,
}

impl LogTime {
    /// Reads `10/Oct/2000:13:55:36 -0700`, with or without the brackets around it.
    ///
    /// Months are English, in any case; a leap second (60) counts as the second after. `None`: anything else,
    /// days that the month does not have included.
    pub fn parse_clf(text: &[u8]) -> Option<Self> {
        let text = match text {
            [b'[', inner @ .., b']'] => inner,
            bare => bare,
        };
        #[rustfmt::skip]
        let [
            d1, d2, b'/', _, _, _, b'/', y1, y2, y3, y4, b':', h1, h2, b':', n1, n2, b':', s1, s2, b' ',
            sign, zh1, zh2, zm1, zm2,
        ] = text else { return None };
        let month = month_number(&text[3..6])?;
        let day = two(*d1, *d2)?;
        let year = i64::from(two(*y1, *y2)?) * 100 + i64::from(two(*y3, *y4)?);
        let (hour, minute, second) = (two(*h1, *h2)?, two(*n1, *n2)?, two(*s1, *s2)?);
        if day == 0 || day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (zone_hours, zone_minutes) = (two(*zh1, *zh2)?, two(*zm1, *zm2)?);
        if zone_hours > 23 || zone_minutes > 59 {
            return None;
        }
        let offset = i32::from(zone_hours) * 3600 + i32::from(zone_minutes) * 60;
        let utc_offset_seconds = match sign {
            b'+' => offset,
            b'-' => -offset,
            _ => return None,
        };
        let local = days_from_civil(year, month, day) * DAY
            + i64::from(hour) * 3600
            + i64::from(minute) * 60
            + i64::from(second);
        Some(Self { unix_seconds: local - i64::from(utc_offset_seconds), utc_offset_seconds })
    }

    /// Appends `[10/Oct/2000:13:55:36 -0700]`.
    pub fn write_clf(self, out: &mut Vec<u8>) {
        let local = LocalTime::at(self);
        let mut text = *b"[01/Jan/1970:00:00:00 +0000]";
        text[1..3].copy_from_slice(&pair(local.day));
        text[4..7].copy_from_slice(&local.month_name().as_bytes()[..3]);
        text[13..15].copy_from_slice(&pair(local.hour));
        text[16..18].copy_from_slice(&pair(local.minute));
        text[19..21].copy_from_slice(&pair(local.second));
        text[22..27].copy_from_slice(&local.offset_text());
        if let Some(year) = local.four_digit_year() {
            text[8..12].copy_from_slice(&year);
            return out.extend_from_slice(&text);
        }
        out.extend_from_slice(&text[..8]);
        write_year(local.year, out);
        out.extend_from_slice(&text[12..]);
    }
}

/// A moment taken apart for the calendar on the wall.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalTime {
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: u8,
    /// 1 to 31.
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    /// 0 is Sunday.
    pub(crate) weekday: u8,
    /// 1 to 366.
    pub(crate) day_of_year: u16,
    pub(crate) utc_offset_seconds: i32,
    pub(crate) unix_seconds: i64,
}

impl LocalTime {
    pub(crate) fn at(time: LogTime) -> Self {
        // An offset of a day or more is nobody's local time.
        let utc_offset_seconds = time.utc_offset_seconds.clamp(-86_399, 86_399);
        let local = time.unix_seconds.saturating_add(i64::from(utc_offset_seconds));
        let days = local.div_euclid(DAY);
        let (year, month, day) = civil_from_days(days);
        let in_day = small(local.rem_euclid(DAY));
        let in_hour = in_day % 3600;
        let january_first = days_from_civil(year, 1, 1);
        Self {
            year,
            month,
            day,
            hour: byte(in_day / 3600),
            minute: byte(in_hour / 60),
            second: byte(in_hour % 60),
            // 1 January 1970 was a Thursday.
            weekday: byte(small((days + 4).rem_euclid(7))),
            day_of_year: two_bytes(small(days - january_first) + 1),
            utc_offset_seconds,
            unix_seconds: time.unix_seconds,
        }
    }

    fn four_digit_year(&self) -> Option<[u8; 4]> {
        let year = u16::try_from(self.year).ok().filter(|year| *year < 10_000)?;
        let ([a, b], [c, d]) = (pair(byte(u32::from(year / 100))), pair(byte(u32::from(year % 100))));
        Some([a, b, c, d])
    }

    /// `+0200`.
    pub(crate) fn offset_text(&self) -> [u8; 5] {
        let minutes = self.utc_offset_seconds.unsigned_abs() / 60;
        let ([a, b], [c, d]) = (pair(byte(minutes / 60)), pair(byte(minutes % 60)));
        [if self.utc_offset_seconds < 0 { b'-' } else { b'+' }, a, b, c, d]
    }

    /// The English name of the month; its first three letters are the short name.
    pub(crate) fn month_name(&self) -> &'static str {
        MONTHS[usize::from(self.month - 1)]
    }

    /// The English name of the day; its first three letters are the short name.
    pub(crate) fn weekday_name(&self) -> &'static str {
        WEEKDAYS[usize::from(self.weekday)]
    }

    /// Year and number of the ISO week, which begins on Monday and belongs to the year of its Thursday.
    pub(crate) fn iso_week(&self) -> (i64, u16) {
        let monday_based = (self.weekday + 6) % 7;
        let thursday = i64::from(self.day_of_year) - 1 + 3 - i64::from(monday_based);
        if thursday < 0 {
            let before = year_days(self.year - 1);
            (self.year - 1, two_bytes(small((thursday + before) / 7)) + 1)
        } else if thursday >= year_days(self.year) {
            (self.year + 1, 1)
        } else {
            (self.year, two_bytes(small(thursday / 7)) + 1)
        }
    }
}

/// Appends a year with four digits, more or a sign where it needs them.
pub(crate) fn write_year(year: i64, out: &mut Vec<u8>) {
    match u64::try_from(year) {
        Ok(year) => padded(year, 4, out),
        Err(_) => signed(year, out),
    }
}

/// Days since 1970 of a date in the Gregorian calendar. The year begins in March here, so that the leap day is
/// its last day and month lengths follow one formula.
pub(crate) fn days_from_civil(year: i64, month: u8, day: u8) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = small(shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + i64::from(year_of_era) + i64::from(month <= 2);
    (year, byte(month), byte(day))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn year_days(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

pub(crate) fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

pub(crate) fn month_number(text: &[u8]) -> Option<u8> {
    let found = MONTHS.iter().position(|name| name.as_bytes()[..3].eq_ignore_ascii_case(text))?;
    u8::try_from(found + 1).ok()
}

pub(crate) fn two(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + ones - b'0')
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "remainders and days, 0 to 146,096"
)]
fn small(number: i64) -> u32 {
    number as u32
}

#[expect(clippy::cast_possible_truncation, reason = "parts of a date, below 100")]
fn byte(number: u32) -> u8 {
    number as u8
}

#[expect(clippy::cast_possible_truncation, reason = "days of a year, below 367")]
fn two_bytes(number: u32) -> u16 {
    number as u16
}

pub(crate) const DAY: i64 = 86_400;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

#[cfg(test)]
mod tests {
    use super::*;

    fn clf(unix_seconds: i64, utc_offset_seconds: i32) -> String {
        let mut out = Vec::new();
        LogTime { unix_seconds, utc_offset_seconds }.write_clf(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_moment_of_the_apache_manual_is_written_and_read() {
        assert_eq!(clf(971_211_336, -7 * 3600), "[10/Oct/2000:13:55:36 -0700]");
        let read = LogTime::parse_clf(b"[10/Oct/2000:13:55:36 -0700]").unwrap();
        assert_eq!(read, LogTime { unix_seconds: 971_211_336, utc_offset_seconds: -25_200 });
        assert_eq!(LogTime::parse_clf(b"10/OCT/2000:13:55:36 -0700"), Some(read));
    }

    #[test]
    fn days_run_on_without_gap_for_eight_hundred_years() {
        let mut expected = (1600, 1, 1);
        let first = days_from_civil(1600, 1, 1);
        for days in first..first + 2 * 146_097 {
            assert_eq!(civil_from_days(days), expected);
            assert_eq!(days_from_civil(expected.0, expected.1, expected.2), days);
            expected = match expected {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, day) if day == days_in_month(year, month) => (year, month + 1, 1),
                (year, month, day) => (year, month, day + 1),
            };
        }
    }

    #[test]
    fn moments_at_the_ends_of_the_range_are_written() {
        assert_eq!(clf(0, 0), "[01/Jan/1970:00:00:00 +0000]");
        assert_eq!(clf(-1, 5 * 3600 + 45 * 60), "[01/Jan/1970:05:44:59 +0545]");
        for seconds in [i64::MIN / 1_000_000, i64::MAX / 1_000_000] {
            for offset in [i32::MIN, -1, i32::MAX] {
                assert!(clf(seconds, offset).ends_with(']'));
            }
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "[]",
            "-",
            "[10/Oct/2000:13:55:36]",
            "[31/Apr/2000:13:55:36 +0000]",
            "[29/Feb/1900:00:00:00 +0000]",
            "[00/Jan/2000:00:00:00 +0000]",
            "[10/Oct/2000:24:00:00 +0000]",
            "[10/Okt/2000:13:55:36 +0000]",
            "[10/Oct/2000:13:55:36 +00:0]",
            "[10/Oct/2000 13:55:36 +0000]",
            "[1/Oct/2000:13:55:36 +0000]",
            "[10/Oct/2000:13:55:36 +0000] ",
        ] {
            assert_eq!(LogTime::parse_clf(text.as_bytes()), None, "{text}");
        }
        assert!(LogTime::parse_clf(b"[29/Feb/2000:23:59:60 +0000]").is_some());
    }
}
