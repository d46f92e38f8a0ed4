//! Times in texts.

use super::row;
use crate::builtin::{Builtin, Host, Param};
use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

/// How times are written, without the day of the week, which is not looked at. What follows is a zone, or nothing.
/// Years of two digits come first: one of four digits cannot be taken for such a one, but it the other way round.
const FORMS: [&str; 10] = [
    "%d %b %y %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%d-%b-%y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S",
    "%b %e %H:%M:%S %Y",
    "%b %e %H:%M:%S GMT %Y",
    "%b %e %H:%M:%S UTC %Y",
    "%d/%b/%Y:%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
];

/// Longest text that is looked at, in bytes.
const LONGEST: usize = 128;

pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![row!(
        "string.gmtime.parse", "The time that a text tells, in seconds since 1 January 1970.",
        (Param::string("str", "The text.")),
        Integer, Pure,
        ["string.gmtime.parse( \"Sun, 06 Nov 1994 08:49:37 GMT\" )" => "784111777",
         "string.gmtime.parse( \"Sunday, 06-Nov-94 08:49:37 GMT\" )" => "784111777",
         "string.gmtime.parse( \"Sun Nov  6 08:49:37 1994\" )" => "784111777",
         "string.gmtime.parse( \"1994-11-06T08:49:37Z\" )" => "784111777"],
        "The three forms of HTTP dates, those of cookies, `date` and access logs, and ISO 8601. The day of the week and the \
         time zone are not looked at: the time counts as GMT. A text in another form is a warning and 0.",
        |call| {
            let seconds = seconds(&call.bytes(0));
            if seconds.is_none() {
                call.warn("string.gmtime.parse cannot read the time");
            }
            seconds.unwrap_or(0).into()
        }
    )]
}

fn seconds(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text.get(..text.len().min(LONGEST))?).ok()?.trim();
    let text = text.strip_prefix('[').unwrap_or(text);
    let text = without_weekday(text);
    let time = FORMS.iter().find_map(|form| {
        let (time, read) = BrokenDownTime::parse_prefix(form, text).ok()?;
        let rest = text.get(read..)?;
        (!rest.starts_with(|next: char| next.is_ascii_digit())).then(|| time.to_datetime().ok())?
    })?;
    Some(at_greenwich(time))
}

fn at_greenwich(time: DateTime) -> i64 {
    TimeZone::UTC.to_timestamp(time).map_or(0, jiff::Timestamp::as_second)
}

fn without_weekday(text: &str) -> &str {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = text.split_at(length);
    let is_day = word.get(..3).is_some_and(|front| DAYS.iter().any(|day| day.eq_ignore_ascii_case(front)));
    if is_day { rest.trim_start_matches([',', ' ']) } else { text }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn all_usual_forms_tell_the_same_time() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun Nov  6 08:49:37 GMT 1994",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "06 Nov 1994 08:49:37",
            "Sun, 6 Nov 94 08:49:37 EST",
            "[06/Nov/1994:08:49:37 +0200]",
            "1994-11-06T08:49:37Z",
            "1994-11-06T08:49:37.25+01:00",
            " 1994-11-06 08:49:37 ",
            "Tue, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(seconds(text.as_bytes()), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "yesterday",
            "06 Nov 1994",
            "32 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 25:00:00 GMT",
            "\u{e9}",
        ] {
            assert_eq!(seconds(text.as_bytes()), None, "{text}");
        }
        assert_eq!(seconds(&[0xff; 200]), None);
        assert_eq!(seconds("\u{e9}".repeat(200).as_bytes()), None);
    }
}
