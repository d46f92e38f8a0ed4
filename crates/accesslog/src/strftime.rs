//! The time formats of `%{...}t`, as the C library writes them in the C locale.

use crate::digits::{decimal, padded, pair, signed};
use crate::timestamp::{LocalTime, write_year};

/// One part of a time format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimePart {
    Literal(Box<[u8]>),
    /// A letter that stood in `LETTERS`.
    Letter(u8),
}

/// Where a time format is wrong, in bytes from its start.
#[derive(Debug)]
pub(crate) struct BadTime {
    pub(crate) at: usize,
    pub(crate) letter: Option<char>,
}

/// The letters that are known, in the order in which people learn them.
pub(crate) const LETTERS: &str = "aAbBcCdDeFgGhHIjklmMnprRsStTuUVwWxXyYzZ%";

/// Takes a time format apart.
pub(crate) fn parse(text: &str) -> Result<Box<[TimePart]>, BadTime> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(percent) = rest.find('%') {
        if percent > 0 {
            parts.push(TimePart::Literal(rest.as_bytes()[..percent].into()));
        }
        let at = text.len() - rest.len() + percent + 1;
        let letter = rest[percent + 1..].chars().next();
        match letter {
            Some(letter) if LETTERS.contains(letter) => {
                // All letters are ASCII, so the byte is the letter.
                parts.push(TimePart::Letter(rest.as_bytes()[percent + 1]));
                rest = &rest[percent + 2..];
            }
            _ => return Err(BadTime { at, letter }),
        }
    }
    if !rest.is_empty() {
        parts.push(TimePart::Literal(rest.as_bytes().into()));
    }
    Ok(parts.into())
}

/// Appends a moment.
pub(crate) fn write(parts: &[TimePart], time: &LocalTime, out: &mut Vec<u8>) {
    for part in parts {
        match part {
            TimePart::Literal(text) => out.extend_from_slice(text),
            TimePart::Letter(letter) => write_letter(*letter, time, out),
        }
    }
}

fn write_letter(letter: u8, time: &LocalTime, out: &mut Vec<u8>) {
    match letter {
        b'a' => out.extend_from_slice(&time.weekday_name().as_bytes()[..3]),
        b'A' => out.extend_from_slice(time.weekday_name().as_bytes()),
        b'b' | b'h' => out.extend_from_slice(&time.month_name().as_bytes()[..3]),
        b'B' => out.extend_from_slice(time.month_name().as_bytes()),
        b'C' => padded(century(time), 2, out),
        b'd' => out.extend_from_slice(&pair(time.day)),
        b'e' => blank_filled(time.day, out),
        b'g' => padded(last_two(time.iso_week().0), 2, out),
        b'G' => write_year(time.iso_week().0, out),
        b'H' => out.extend_from_slice(&pair(time.hour)),
        b'I' => out.extend_from_slice(&pair(twelve_hour(time))),
        b'j' => padded(time.day_of_year.into(), 3, out),
        b'k' => blank_filled(time.hour, out),
        b'l' => blank_filled(twelve_hour(time), out),
        b'm' => out.extend_from_slice(&pair(time.month)),
        b'M' => out.extend_from_slice(&pair(time.minute)),
        b'n' => out.push(b'\n'),
        b'p' => out.extend_from_slice(if time.hour < 12 { b"AM" } else { b"PM" }),
        b's' => signed(time.unix_seconds, out),
        b'S' => out.extend_from_slice(&pair(time.second)),
        b't' => out.push(b'\t'),
        b'u' => decimal(if time.weekday == 0 { 7 } else { time.weekday.into() }, out),
        b'U' => padded(week(time, time.weekday), 2, out),
        b'V' => padded(time.iso_week().1.into(), 2, out),
        b'w' => decimal(time.weekday.into(), out),
        b'W' => padded(week(time, (time.weekday + 6) % 7), 2, out),
        b'y' => padded(last_two(time.year), 2, out),
        b'Y' => write_year(time.year, out),
        b'z' => out.extend_from_slice(&time.offset_text()),
        b'Z' => write_zone(time, out),
        b'%' => out.push(b'%'),
        _ => write_composed(letter, time, out),
    }
}

/// The letters that stand for several others.
fn write_composed(letter: u8, time: &LocalTime, out: &mut Vec<u8>) {
    let letters: &[u8] = match letter {
        b'c' => b"a b e T Y",
        b'D' | b'x' => b"m/d/y",
        b'F' => b"Y-m-d",
        b'r' => b"I:M:S p",
        b'R' => b"H:M",
        b'T' | b'X' => b"H:M:S",
        _ => return,
    };
    for &letter in letters {
        if letter.is_ascii_alphabetic() {
            write_letter(letter, time, out);
        } else {
            out.push(letter);
        }
    }
}

/// The zone has no name here, only its offset; at zero that is UTC.
fn write_zone(time: &LocalTime, out: &mut Vec<u8>) {
    if time.utc_offset_seconds == 0 {
        out.extend_from_slice(b"UTC");
    } else {
        out.extend_from_slice(&time.offset_text());
    }
}

fn blank_filled(number: u8, out: &mut Vec<u8>) {
    if number < 10 {
        out.push(b' ');
    }
    decimal(number.into(), out);
}

fn twelve_hour(time: &LocalTime) -> u8 {
    (time.hour + 11) % 12 + 1
}

fn century(time: &LocalTime) -> u64 {
    time.year.div_euclid(100).unsigned_abs()
}

fn last_two(year: i64) -> u64 {
    year.rem_euclid(100).unsigned_abs()
}

/// Number of the week, when weeks begin on the day whose number is 0 and days before the first such day are week 0.
fn week(time: &LocalTime, weekday: u8) -> u64 {
    (u64::from(time.day_of_year) + 6 - u64::from(weekday)) / 7
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::LogTime;

    fn shown(format: &str, unix_seconds: i64, utc_offset_seconds: i32) -> String {
        let mut out = Vec::new();
        let time = LocalTime::at(LogTime { unix_seconds, utc_offset_seconds });
        write(&parse(format).unwrap(), &time, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_letter_reads_as_the_c_library_writes_it() {
        // `TZ=UTC date -d @1100000007 +...`: Tuesday, 9 November 2004, 11:33:27.
        let told = [
            ("a", "Tue"),
            ("A", "Tuesday"),
            ("b", "Nov"),
            ("B", "November"),
            ("c", "Tue Nov  9 11:33:27 2004"),
            ("C", "20"),
            ("d", "09"),
            ("D", "11/09/04"),
            ("e", " 9"),
            ("F", "2004-11-09"),
            ("g", "04"),
            ("G", "2004"),
            ("h", "Nov"),
            ("H", "11"),
            ("I", "11"),
            ("j", "314"),
            ("k", "11"),
            ("l", "11"),
            ("m", "11"),
            ("M", "33"),
            ("n", "\n"),
            ("p", "AM"),
            ("r", "11:33:27 AM"),
            ("R", "11:33"),
            ("s", "1100000007"),
            ("S", "27"),
            ("t", "\t"),
            ("T", "11:33:27"),
            ("u", "2"),
            ("U", "45"),
            ("V", "46"),
            ("w", "2"),
            ("W", "45"),
            ("x", "11/09/04"),
            ("X", "11:33:27"),
            ("y", "04"),
            ("Y", "2004"),
            ("z", "+0000"),
            ("Z", "UTC"),
            ("%", "%"),
        ];
        assert_eq!(told.map(|(letter, _)| letter).concat(), LETTERS, "every letter is tried");
        for (letter, expected) in told {
            assert_eq!(shown(&format!("%{letter}"), 1_100_000_007, 0), expected, "%{letter}");
        }
        assert_eq!(shown("%d/%b %l%p, %Z", 1_100_000_007 + 3600, -3600), "09/Nov 11AM, -0100");
        assert_eq!(shown("%I %l %p", 0, 0), "12 12 AM");
        assert_eq!(shown("%I %l %p", 13 * 3600, 0), "01  1 PM");
    }

    #[test]
    fn weeks_of_the_turn_of_the_year_belong_where_iso_puts_them() {
        // Saturday 1 January 2005, Monday 31 December 2007, Friday 1 January 2010.
        assert_eq!(shown("%G-W%V-%u %U %W", 1_104_537_600, 0), "2004-W53-6 00 00");
        assert_eq!(shown("%G-W%V-%u %U %W", 1_199_059_200, 0), "2008-W01-1 52 53");
        assert_eq!(shown("%G-W%V-%u %U %W", 1_262_304_000, 0), "2009-W53-5 00 00");
    }

    #[test]
    fn an_unknown_letter_is_pointed_at() {
        let bad = parse("%d/%Q").unwrap_err();
        assert_eq!((bad.at, bad.letter), (4, Some('Q')));
        let bad = parse("%").unwrap_err();
        assert_eq!((bad.at, bad.letter), (1, None));
        assert_eq!(parse("%ü").unwrap_err().letter, Some('ü'));
    }
}
