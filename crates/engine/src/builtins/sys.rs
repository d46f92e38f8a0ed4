//! `sys.*`: the time, and the machine.

use super::{EVERYWHERE, row};
use crate::host::Host;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::fmt::Write;
use trafficscript::{Answer, Builtin, Call, Param};

const EPOCH: Param = Param::integer("epoch", "Seconds since 1970; now without it.");
const FORMAT: Param = Param::string("format", "Text with letters behind `%`.");
const LOCAL: &str = "In the machine's own time zone. Without a time it is that at which the rule started or last went \
on after waiting; replay gives the log's.";
const LETTERS: &str = "Letters: `a` `A` the weekday, short and long; `b` `B` `h` the month, short, long, short; `d` the \
day, two digits; `e` with a blank for the first; `D` as `%m/%d/%y`; `H` the hour; `I` of twelve; `M` the minute; `S` the \
second; `p` AM or PM; `T` as `%H:%M:%S`; `R` as `%H:%M`; `r` as `%I:%M:%S %p`; `j` the day of the year, three digits; \
`m` the month; `y` `Y` the year, two and four digits; `u` the weekday from Monday, 1 to 7; `w` from Sunday, 0 to 6; `Z` \
the time zone; `n` a line break; `t` a tab; `%` itself. What stands behind `%` and is none of these is kept as it is, \
with a warning.";

pub(super) const ROWS: [Builtin<Host>; 17] = [
    row!(
        "sys.time", "The time of day, in seconds since 1970.",
        (), Integer, EVERYWHERE, Reads, "", ["sys.time() > 0" => "1"],
        "Wall-clock time at the moment the rule started or last went on after waiting; replay gives the log's.",
        |call| call.host.now.wall.0.div_euclid(MICROS).into(),
    ),
    row!(
        "sys.time.highres", "The time of day, in seconds since 1970 with a fraction.",
        (), Double, EVERYWHERE, Reads, "", ["sys.time.highres() - sys.time() < 1" => "1"],
        "As `sys.time`, to the microsecond. As a text it has six digits only: use `string.sprintf( \"%f\", .. )`.",
        |call| {
            // Exact as long as the number of microseconds has at most 53 bits, until the year 2255.
            #[expect(clippy::cast_precision_loss, reason = "a time in doubles is what the function gives")]
            let micros = call.host.now.wall.0 as f64;
            (micros / 1e6).into()
        },
    ),
    row!(
        "sys.time.hour", "The hour, 0 to 23.",
        (EPOCH.optional()), Integer, EVERYWHERE, Reads, "", ["sys.time.hour( 45296 )" => "12"],
        LOCAL, |call| i64::from(local(call, 0).hour()).into(),
    ),
    row!(
        "sys.time.minutes", "The minute, 0 to 59.",
        (EPOCH.optional()), Integer, EVERYWHERE, Reads, "", ["sys.time.minutes( 45296 )" => "34"],
        LOCAL, |call| i64::from(local(call, 0).minute()).into(),
    ),
    row!(
        "sys.time.seconds", "The second, 0 to 59.",
        (EPOCH.optional()), Integer, EVERYWHERE, Reads, "", ["sys.time.seconds( 45296 )" => "56"],
        LOCAL, |call| i64::from(local(call, 0).second()).into(),
    ),
    row!(
        "sys.time.weekday", "The day of the week, 1 (Sunday) to 7 (Saturday).",
        (EPOCH.optional()), Integer, EVERYWHERE, Reads, "", ["sys.time.weekday( 0 )" => "5"],
        LOCAL, |call| i64::from(local(call, 0).weekday().to_sunday_one_offset()).into(),
    ),
    row!(
        "sys.time.monthday", "The day of the month, 1 to 31.",
        (EPOCH.optional()), Integer, EVERYWHERE, Reads, "", ["sys.time.monthday( 1767225599 )" => "31"],
        LOCAL, |call| i64::from(local(call, 0).day()).into(),
    ),
    row!(
        "sys.time.month", "The month, 1 to 12.",
        (EPOCH.optional()), Integer, EVERYWHERE, Reads, "", ["sys.time.month( 1767225599 )" => "12"],
        LOCAL, |call| i64::from(local(call, 0).month()).into(),
    ),
    row!(
        "sys.time.year", "The year, with all its digits.",
        (EPOCH.optional()), Integer, EVERYWHERE, Reads, "", ["sys.time.year( 1767225599 )" => "2025"],
        LOCAL, |call| i64::from(local(call, 0).year()).into(),
    ),
    row!(
        "sys.time.yearday", "The day of the year, 1 to 366.",
        (EPOCH.optional()), Integer, EVERYWHERE, Reads, "", ["sys.time.yearday( 1767225599 )" => "365"],
        LOCAL, |call| i64::from(local(call, 0).day_of_year()).into(),
    ),
    row!(
        "sys.timeToString", "A time as web servers write it into their logs.",
        (EPOCH.optional()), String, EVERYWHERE, Reads, "",
        ["sys.timeToString( 784111777 )" => "[06/Nov/1994:08:49:37 +0000]"],
        "In the machine's own time zone, whose distance from GMT it says. For a cookie's `expires` and the like take \
         `sys.gmtime.format( \"%a, %d %b %Y %T GMT\" )`.",
        |call| local(call, 0).strftime("[%d/%b/%Y:%H:%M:%S %z]").to_string().into(),
    ),
    row!(
        "sys.gmtime.format", "A time as text, in GMT.",
        (FORMAT, EPOCH.optional()), String, EVERYWHERE, Reads, "",
        ["sys.gmtime.format( \"%Y-%m-%d %T %Z\", 784111777 )" => "1994-11-06 08:49:37 GMT"],
        LETTERS,
        |call| {
            let (format, time) = (call.string(0), zoned(call, 1, TimeZone::UTC));
            written(call, &format, &time, "GMT")
        },
    ),
    row!(
        "sys.localtime.format", "A time as text, in the machine's own time zone.",
        (FORMAT, EPOCH.optional()), String, EVERYWHERE, Reads, "",
        ["sys.localtime.format( \"%A %e %B %y, %r (%j) %u%w %%\", 784111777 )" =>
         "Sunday  6 November 94, 08:49:37 AM (310) 70 %"],
        LETTERS,
        |call| {
            let (format, time) = (call.string(0), local(call, 1));
            let zone = time.strftime("%Z").to_string();
            written(call, &format, &time, &zone)
        },
    ),
    row!(
        "sys.hostname", "The name of the machine.",
        (), String, EVERYWHERE, Reads, "", ["sys.hostname()" => "manager"],
        "As the system has it, without the domain.",
        |call| Answer::Value(call.host.shared.machine().hostname.as_bytes().into()),
    ),
    row!(
        "sys.domainname", "The domain of the machine.",
        (), String, EVERYWHERE, Reads, "", ["sys.domainname()" => "example.com"],
        "The empty string where the system has none.",
        |call| Answer::Value(call.host.shared.machine().domain.as_bytes().into()),
    ),
    row!(
        "sys.getpid", "The number of this process.",
        (), Integer, EVERYWHERE, Reads, "", ["sys.getpid()" => "4711"],
        "All workers are threads of one process.",
        |call| i64::from(call.host.shared.machine().process).into(),
    ),
    row!(
        "sys.getenv", "A variable of the environment that tidegate was started in.",
        (Param::string("name", "Its name.")), String, EVERYWHERE, Reads, "",
        ["sys.getenv( \"SITE\" )" => "north"],
        "As it was at the start. An environment often holds secrets, so only the variables that `environment` in \
         `[settings]` lists can be read; any other is the empty string, with a warning. One that is listed and not set \
         is the empty string.",
        environment,
    ),
];

const MICROS: i64 = 1_000_000;

/// The time of an argument (now, without it) in a time zone. What is beyond the years -9999 to 9999 is the nearest
/// that is not.
fn zoned(call: &Call<'_, Host>, at: usize, zone: TimeZone) -> Zoned {
    let now = call.host.now.wall.0.div_euclid(MICROS);
    let seconds = call.optional_integer(at).unwrap_or(now);
    let nearest = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(nearest).to_zoned(zone)
}

fn local(call: &Call<'_, Host>, at: usize) -> Zoned {
    zoned(call, at, call.host.shared.machine().time_zone.clone())
}

fn environment(call: &mut Call<'_, Host>) -> Answer {
    let name = call.string(0);
    let is_listed = call.host.catalog.environment.iter().any(|listed| listed.as_bytes() == &name[..]);
    if !is_listed {
        call.warn(format!(
            "rules may not read the variable \"{name}\": `environment` in [settings] does not list it"
        ));
        return "".into();
    }
    let machine = call.host.shared.machine();
    let found = std::str::from_utf8(&name).ok().and_then(|name| machine.environment.get(name));
    found.map_or("", String::as_str).into()
}

/// The text of a time by a format.
fn written(call: &mut Call<'_, Host>, format: &[u8], time: &Zoned, zone: &str) -> Answer {
    let most = call.memory_left();
    let mut out = Vec::with_capacity(format.len());
    let mut unknown = None;
    let mut rest = format.iter().copied();
    while let Some(byte) = rest.next() {
        if out.len() > most {
            return Answer::Fault(call.out_of_memory());
        }
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let Some(letter) = rest.next() else {
            out.push(b'%');
            break;
        };
        match letter_text(letter, time) {
            _ if letter == b'Z' => out.extend_from_slice(zone.as_bytes()),
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => {
                unknown.get_or_insert(letter);
                out.extend_from_slice(&[b'%', letter]);
            }
        }
    }
    if let Some(letter) = unknown {
        call.warn(format!(
            "\"%{}\" is no letter of a time's format, and is kept as it is",
            letter.escape_ascii()
        ));
    }
    Answer::Value(out.into())
}

/// What a letter stands for; `None` for one that stands for nothing.
fn letter_text(letter: u8, time: &Zoned) -> Option<String> {
    // The library knows the English names.
    let name = |form: &str| time.strftime(form).to_string();
    let all = |letters: &[u8]| {
        let mut out = String::new();
        for letter in letters {
            match letter {
                b':' | b'/' | b' ' => out.push(char::from(*letter)),
                // The letters of others are known; writing to a string cannot fail.
                letter => out.write_str(&letter_text(*letter, time).unwrap_or_default()).unwrap_or_default(),
            }
        }
        out
    };
    let hour_of_twelve = (time.hour() + 11) % 12 + 1;
    Some(match letter {
        b'a' => name("%a"),
        b'A' => name("%A"),
        b'b' | b'h' => name("%b"),
        b'B' => name("%B"),
        b'd' => format!("{:02}", time.day()),
        b'D' => all(b"m/d/y"),
        b'e' => format!("{:2}", time.day()),
        b'H' => format!("{:02}", time.hour()),
        b'I' => format!("{hour_of_twelve:02}"),
        b'j' => format!("{:03}", time.day_of_year()),
        b'm' => format!("{:02}", time.month()),
        b'M' => format!("{:02}", time.minute()),
        b'n' => "\n".to_owned(),
        b'p' => if time.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        b'r' => all(b"I:M:S p"),
        b'R' => all(b"H:M"),
        b'S' => format!("{:02}", time.second()),
        b't' => "\t".to_owned(),
        b'T' => all(b"H:M:S"),
        b'u' => time.weekday().to_monday_one_offset().to_string(),
        b'w' => time.weekday().to_sunday_zero_offset().to_string(),
        b'y' => format!("{:02}", time.year().rem_euclid(100)),
        b'Y' => time.year().to_string(),
        b'%' => "%".to_owned(),
        _ => return None,
    })
}
