//! Times as logs write them, read fast: neighbouring lines share their day, so its date is computed once.
#![warn(clippy::indexing_slicing)]

use crate::number::{decimal, scaled, signed};
use crate::strftime::TimePart;
use crate::timestamp::{DAY, LogTime, days_from_civil, days_in_month, month_number, two};

/// How a time stands in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimeText {
    /// `10/Oct/2000:13:55:36 -0700`.
    Clf,
    /// `2013-10-10T16:52:00.123+02:00`, also with a blank in the middle, and without a zone (UTC then).
    Iso,
    /// Whole seconds, or thousandths, or millionths: ten to this power of them in a second.
    Epoch(u32),
    /// `1703373474.815`.
    EpochDecimal,
    /// `06/Feb/2009:12:14:14.655`: HAProxy's, local time of which nobody knows the zone.
    ClfMillis,
    /// Parts of strftime.
    Parts(Box<[TimePart]>),
    /// `2014-05-23` alone.
    Date,
    /// `01:13:11` alone.
    Clock,
}

/// A moment, in microseconds since 1970, and local time minus UTC in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) unix_micros: i64,
    pub(crate) utc_offset_seconds: i32,
}

/// What was computed for the line before: its day, and its zone. Lines stand in the order in which answers ended, so that
/// minutes alternate; days hardly do.
#[derive(Debug, Clone)]
pub(crate) struct DayCache {
    /// `10/Oct/2000:`.
    clf_day: [u8; 12],
    /// ` -0700`.
    clf_zone: [u8; 6],
    /// Of its first second.
    clf_unix_seconds: i64,
    utc_offset_seconds: i32,
    /// `2013-10-10`.
    date: [u8; 10],
    days: i64,
}

impl DayCache {
    pub(crate) const fn new() -> Self {
        Self {
            clf_day: [0; 12],
            clf_zone: [0; 6],
            clf_unix_seconds: 0,
            utc_offset_seconds: 0,
            date: [0; 10],
            days: 0,
        }
    }

    /// Reads `10/Oct/2000:13:55:36 -0700`.
    #[inline]
    pub(crate) fn clf(&mut self, text: &[u8; 26]) -> Option<Moment> {
        let (day, rest) = text.split_first_chunk::<12>()?;
        let (clock, zone) = rest.split_first_chunk::<8>()?;
        // Compared as numbers: a comparison of texts of this length is a call.
        let start = |text: &[u8; 12]| text.first_chunk::<8>().map(|text| u64::from_le_bytes(*text));
        let is_same = start(day) == start(&self.clf_day)
            && day.last_chunk::<4>() == self.clf_day.last_chunk()
            && zone.first_chunk::<4>() == self.clf_zone.first_chunk()
            && zone.last_chunk::<2>() == self.clf_zone.last_chunk();
        if !is_same {
            self.remember(text)?;
        }
        let [h1, h2, b':', n1, n2, b':', s1, s2] = *clock else { return None };
        let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let in_day = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
        Some(Moment {
            unix_micros: (self.clf_unix_seconds + in_day) * 1_000_000,
            utc_offset_seconds: self.utc_offset_seconds,
        })
    }

    #[cold]
    fn remember(&mut self, text: &[u8; 26]) -> Option<()> {
        let mut first = *text;
        first.get_mut(12..20)?.copy_from_slice(b"00:00:00");
        let time = LogTime::parse_clf(&first)?;
        self.clf_day = *text.first_chunk()?;
        self.clf_zone = *text.last_chunk()?;
        self.clf_unix_seconds = time.unix_seconds;
        self.utc_offset_seconds = time.utc_offset_seconds;
        Some(())
    }

    /// Reads `2014-05-23` as days since 1970.
    pub(crate) fn date(&mut self, text: &[u8; 10]) -> Option<i64> {
        if *text != self.date {
            let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
            let year = i64::from(two(y1, y2)?) * 100 + i64::from(two(y3, y4)?);
            self.days = days(year, two(m1, m2)?, two(d1, d2)?)?;
            self.date = *text;
        }
        Some(self.days)
    }

    /// Reads `2013-10-10T16:52:00.123+02:00`.
    pub(crate) fn iso(&mut self, text: &[u8]) -> Option<Moment> {
        let (date, rest) = text.split_first_chunk::<10>()?;
        let days = self.date(date)?;
        let (separator, rest) = rest.split_first()?;
        if !matches!(separator, b'T' | b't' | b' ' | b'_') {
            return None;
        }
        let (clock, rest) = rest.split_first_chunk::<8>()?;
        let seconds = clock_seconds(*clock)?;
        let digits = match rest {
            [b'.' | b',', fraction @ ..] => {
                fraction.iter().take_while(|byte| byte.is_ascii_digit()).count() + 1
            }
            _ => 0,
        };
        let (fraction, zone) = rest.split_at_checked(digits)?;
        let micros = match fraction {
            [] => 0,
            [_, digits @ ..] => fraction_micros(digits)?,
        };
        let utc_offset_seconds = zone_seconds(zone)?;
        let unix_seconds = days * DAY + seconds - i64::from(utc_offset_seconds);
        Some(Moment { unix_micros: unix_seconds * 1_000_000 + micros, utc_offset_seconds })
    }
}

/// `+02:00`, `+0200`, `+02`, `Z`, ` UTC`, or nothing.
fn zone_seconds(text: &[u8]) -> Option<i32> {
    let text = text.trim_ascii();
    let (sign, digits) = match text {
        [] | b"Z" | b"z" | b"UTC" | b"GMT" => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (h1, h2, m1, m2) = match *digits {
        [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => (h1, h2, m1, m2),
        [h1, h2] => (h1, h2, b'0', b'0'),
        _ => return None,
    };
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    (hours < 24 && minutes < 60).then(|| sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60))
}

/// `16:52:00` in seconds; a leap second counts as the second after.
pub(crate) fn clock_seconds(text: [u8; 8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = text else { return None };
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    (hour < 24 && minute < 60 && second <= 60)
        .then(|| i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second))
}

/// Digits after the decimal point as microseconds.
pub(crate) fn fraction_micros(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() {
        return None;
    }
    let mut micros = 0;
    for place in 0..6 {
        let digit = digits.get(place).map_or(0, |byte| byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        micros = micros * 10 + i64::from(digit);
    }
    digits.iter().all(u8::is_ascii_digit).then_some(micros)
}

/// Seconds since 1970 (or a smaller unit: ten to `power` of them in a second) as microseconds.
pub(crate) fn epoch_micros(text: &[u8], power: u32) -> Option<i64> {
    signed(text)?.checked_mul(10_i64.checked_pow(6_u32.checked_sub(power)?)?)
}

/// `1703373474.815` as microseconds.
pub(crate) fn epoch_decimal_micros(text: &[u8]) -> Option<i64> {
    scaled(text, 6)?.try_into().ok()
}

fn days(year: i64, month: u8, day: u8) -> Option<i64> {
    let is_date = (1..=12).contains(&month) && day > 0 && day <= days_in_month(year, month);
    is_date.then(|| days_from_civil(year, month, day))
}

/// A moment that is put together from several parts of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    year: i64,
    month: u8,
    day: u8,
    day_of_year: Option<u16>,
    hour: u8,
    afternoon: Option<bool>,
    minute: u8,
    second: u8,
    unix_seconds: Option<i64>,
    /// Days since 1970, where a whole date was read.
    days: Option<i64>,
    pub(crate) micros: i64,
    utc_offset_seconds: i32,
}

impl Parts {
    pub(crate) const NONE: Self = Self {
        year: 0,
        month: 1,
        day: 1,
        day_of_year: None,
        hour: 0,
        afternoon: None,
        minute: 0,
        second: 0,
        unix_seconds: None,
        days: None,
        micros: 0,
        utc_offset_seconds: 0,
    };

    pub(crate) const fn set_days(&mut self, days: i64) {
        self.days = Some(days);
    }

    pub(crate) fn set_clock(&mut self, text: &[u8]) -> Option<()> {
        let (clock, rest) = text.split_first_chunk::<8>()?;
        let [h1, h2, _, m1, m2, _, s1, s2] = *clock;
        clock_seconds(*clock)?;
        (self.hour, self.minute, self.second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
        match rest {
            [] => {}
            [b'.', digits @ ..] => self.micros = fraction_micros(digits)?,
            _ => return None,
        }
        Some(())
    }

    /// Reads parts of strftime from the start of a text and says how many bytes they took.
    pub(crate) fn read(&mut self, parts: &[TimePart], text: &[u8]) -> Option<usize> {
        let mut rest = text;
        for part in parts {
            rest = match part {
                TimePart::Literal(literal) => rest.strip_prefix(literal.as_ref())?,
                TimePart::Letter(letter) => self.letter(*letter, rest)?,
            };
        }
        Some(text.len() - rest.len())
    }

    fn letter<'a>(&mut self, letter: u8, text: &'a [u8]) -> Option<&'a [u8]> {
        let (number, rest) = match letter {
            b'a' | b'A' => return Some(word(text).1),
            b'b' | b'B' | b'h' => {
                let (name, rest) = word(text);
                self.month = month_number(name.get(..3)?)?;
                return Some(rest);
            }
            b'p' => {
                let (name, rest) = text.split_first_chunk::<2>()?;
                self.afternoon = Some(name.eq_ignore_ascii_case(b"PM"));
                return Some(rest);
            }
            b'n' => return text.strip_prefix(b"\n"),
            b't' => return text.strip_prefix(b"\t"),
            b'%' => return text.strip_prefix(b"%"),
            b'z' => return self.zone(text),
            b'Z' => return self.zone_name(text),
            b'D' | b'x' => return self.composed(b"m/d/y", text),
            b'F' => return self.composed(b"Y-m-d", text),
            b'T' | b'X' => return self.composed(b"H:M:S", text),
            b'R' => return self.composed(b"H:M", text),
            b'r' => return self.composed(b"I:M:S p", text),
            b'c' => return self.composed(b"a b e T Y", text),
            b's' => digits(text, 20)?,
            b'Y' | b'G' => digits(text, 6)?,
            b'j' => digits(text, 3)?,
            b'u' | b'w' => digits(text, 1)?,
            _ => digits(text.strip_prefix(b" ").unwrap_or(text), 2)?,
        };
        let small = || u8::try_from(number).ok();
        match letter {
            b's' => self.unix_seconds = Some(number.try_into().ok()?),
            b'Y' => self.year = number.try_into().ok()?,
            // As strptime has it: 69 to 99 are of the last century.
            b'y' => self.year = i64::try_from(number).ok()? + if number < 69 { 2_000 } else { 1_900 },
            b'j' => self.day_of_year = Some(number.try_into().ok()?),
            b'm' => self.month = small()?,
            b'd' | b'e' => self.day = small()?,
            b'H' | b'k' | b'I' | b'l' => self.hour = small()?,
            b'M' => self.minute = small()?,
            b'S' => self.second = small()?,
            // Weeks and weekdays follow from the date.
            _ => {}
        }
        Some(rest)
    }

    fn composed<'a>(&mut self, letters: &[u8], text: &'a [u8]) -> Option<&'a [u8]> {
        letters.iter().try_fold(text, |rest, &letter| {
            if letter.is_ascii_alphabetic() {
                self.letter(letter, rest)
            } else {
                rest.strip_prefix(&[letter])
            }
        })
    }

    fn zone<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let (zone, rest) = text.split_first_chunk::<5>()?;
        self.utc_offset_seconds = zone_seconds(zone)?;
        Some(rest)
    }

    /// A zone by its name says nothing certain, but the ones of UTC and our own `+0200` do.
    fn zone_name<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        if matches!(text.first(), Some(b'+' | b'-')) {
            return self.zone(text);
        }
        Some(word(text).1)
    }

    /// The moment; `None`: no such date.
    pub(crate) fn moment(&self) -> Option<Moment> {
        let utc_offset_seconds = self.utc_offset_seconds;
        if let Some(unix_seconds) = self.unix_seconds {
            let unix_micros = unix_seconds.checked_mul(1_000_000)?.checked_add(self.micros)?;
            return Some(Moment { unix_micros, utc_offset_seconds });
        }
        let days = match (self.days, self.day_of_year) {
            (Some(days), _) => days,
            (None, Some(of_year @ 1..=366)) => days(self.year, 1, 1)? + i64::from(of_year) - 1,
            (None, Some(_)) => return None,
            (None, None) => days(self.year, self.month, self.day)?,
        };
        let hour = match self.afternoon {
            None => self.hour,
            Some(is_afternoon) => self.hour % 12 + if is_afternoon { 12 } else { 0 },
        };
        if hour > 23 || self.minute > 59 || self.second > 60 {
            return None;
        }
        let local =
            days * DAY + i64::from(hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        let unix_micros = (local - i64::from(utc_offset_seconds)) * 1_000_000 + self.micros;
        Some(Moment { unix_micros, utc_offset_seconds })
    }
}

/// Letters at the start of a text, and the rest.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, b""))
}

/// At most so many digits at the start of a text, and the rest.
fn digits(text: &[u8], max: usize) -> Option<(u64, &[u8])> {
    let end = text.iter().take(max).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(end)?;
    Some((decimal(number)?, rest))
}
