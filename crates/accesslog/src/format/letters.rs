//! Which letter means what.

use super::BadFormat;
use super::parse::Argument;
use crate::directive::{Directive, Moment, TimeShape, TimeUnit, TlsPart};
use crate::strftime;

/// A directive, and how many bytes its letter takes.
pub(super) struct Found {
    pub(super) directive: Directive,
    pub(super) length: usize,
}

/// The directive whose letter stands at `at`.
pub(super) fn find(text: &str, at: usize, argument: Option<Argument<'_>>) -> Result<Found, BadFormat> {
    let rest = &text[at..];
    if rest.starts_with('^') {
        return find_long(rest, at, argument);
    }
    let Some(letter) = rest.chars().next() else {
        return Err(bad(at, "this directive has no letter".to_owned(), None));
    };
    let directive = match (plain(letter), argument) {
        (Some(directive), None) => directive,
        (plain, Some(argument)) => match with_argument(letter, argument)? {
            Some(directive) => directive,
            None if plain.is_some() => return Err(takes_no_name(letter, argument)),
            None => return Err(unknown_letter(letter, at)),
        },
        (None, None) if "iCoenxc".contains(letter) => return Err(wants_a_name(letter, at)),
        (None, None) => return Err(unknown_letter(letter, at)),
    };
    Ok(Found { directive, length: letter.len_utf8() })
}

/// Letters that stand alone.
fn plain(letter: char) -> Option<Directive> {
    Some(match letter {
        'a' | 'h' => Directive::ClientAddress,
        'A' => Directive::LocalAddress,
        'B' => Directive::BodyBytes,
        'b' => Directive::BodyBytesOrDash,
        'D' => Directive::Duration(TimeUnit::Micros),
        'f' => Directive::Unknowable("the name of the file served is known to the web server behind only"),
        'H' => Directive::Protocol,
        'k' => Directive::RequestsBefore,
        'l' => Directive::Unknowable(""),
        'L' => Directive::RequestId,
        'm' => Directive::Method,
        'p' => Directive::LocalPort,
        'P' => Directive::Unknowable(WHY_NO_PROCESS),
        'q' => Directive::Query,
        'r' => Directive::RequestLine,
        'R' => Directive::Unknowable("the handler of the request is known to the web server behind only"),
        's' => Directive::Status,
        't' => Directive::Time { of: Moment::Begin, shown: TimeShape::Clf },
        'T' => Directive::Duration(TimeUnit::Seconds),
        'u' => Directive::User,
        'U' => Directive::Path,
        'v' => Directive::VirtualServer,
        'V' => Directive::HostName,
        'X' => Directive::ConnectionState,
        'I' => Directive::BytesReceived,
        'O' => Directive::BytesSent,
        'S' => Directive::BytesBoth,
        _ => return None,
    })
}

/// Letters with a name in braces; `None`: this letter has none.
fn with_argument(letter: char, argument: Argument<'_>) -> Result<Option<Directive>, BadFormat> {
    let name = argument.text;
    Ok(Some(match letter {
        'a' | 'h' => one_of(argument, &[("c", Directive::PeerAddress)])?,
        'C' => Directive::Cookie(named(argument)?),
        'c' => tls(name),
        'e' => Directive::Environment(named(argument)?),
        'i' => Directive::RequestField(named(argument)?),
        'n' => Directive::Unknowable("notes exist between the modules of the web server behind only"),
        'o' if name.eq_ignore_ascii_case("Content-Type") => Directive::ResponseContentType,
        'o' => Directive::ResponseField(named(argument)?),
        'p' => one_of(
            argument,
            &[
                ("canonical", Directive::LocalPort),
                ("local", Directive::LocalPort),
                ("remote", Directive::ClientPort),
            ],
        )?,
        'P' => {
            let process = Directive::Unknowable(WHY_NO_PROCESS);
            one_of(argument, &[("pid", process.clone()), ("tid", process.clone()), ("hextid", process)])?
        }
        't' => time(argument)?,
        'T' => one_of(
            argument,
            &[
                ("s", Directive::Duration(TimeUnit::Seconds)),
                ("ms", Directive::Duration(TimeUnit::Millis)),
                ("us", Directive::Duration(TimeUnit::Micros)),
            ],
        )?,
        'x' if name.starts_with("SSL_") => tls(name),
        'x' => one_of(argument, &own())?,
        _ => return Ok(None),
    }))
}

/// What was agreed on for an encrypted connection, by mod_ssl's names, the old ones too.
fn tls(name: &str) -> Directive {
    Directive::Tls(match name {
        "SSL_PROTOCOL" | "version" => TlsPart::Protocol,
        "SSL_CIPHER" | "cipher" => TlsPart::Cipher,
        "SSL_TLS_SNI" => TlsPart::ServerName,
        "SSL_SESSION_RESUMED" => TlsPart::Session,
        "SSL_CLIENT_VERIFY" => TlsPart::ClientVerify,
        _ => return Directive::Unknowable(WHY_NO_TLS),
    })
}

/// What `%{...}x` knows.
fn own() -> [(&'static str, Directive); 17] {
    [
        ("class", Directive::BandwidthClass),
        ("bandwidth_class", Directive::BandwidthClass),
        ("rate_class", Directive::RateClass),
        ("context", Directive::Context),
        ("queue_ms", Directive::Queue(TimeUnit::Millis)),
        ("queue_us", Directive::Queue(TimeUnit::Micros)),
        ("queue_place", Directive::QueuePlace),
        ("verdict", Directive::Verdict),
        ("rule", Directive::Rule),
        ("reqid", Directive::RequestId),
        ("connection", Directive::ConnectionId),
        ("kind", Directive::Kind),
        ("marks", Directive::Marks),
        ("pool", Directive::Pool),
        ("node", Directive::Node),
        ("host", Directive::Host),
        ("arrival_us", Directive::ArrivalMicros),
    ]
}

/// The names that begin with `^` and have three characters.
fn find_long(rest: &str, at: usize, argument: Option<Argument<'_>>) -> Result<Found, BadFormat> {
    let directive = match (rest.get(..3), argument) {
        (Some("^FB"), None) => Directive::FirstByteMicros,
        (Some("^FB"), Some(argument)) => return Err(takes_no_name('^', argument)),
        (Some("^ti" | "^to"), Some(_)) => {
            Directive::Unknowable("fields after a body are passed on, not kept")
        }
        (Some("^ti" | "^to"), None) => {
            return Err(bad(at, "this directive needs a name".to_owned(), Some("%{Name}^ti".to_owned())));
        }
        _ => {
            let help = "the long ones are \"%{Name}^ti\", \"%{Name}^to\" and \"%^FB\"".to_owned();
            return Err(bad(at, "no directive begins like this".to_owned(), Some(help)));
        }
    };
    Ok(Found { directive, length: 3 })
}

/// `%{...}t`: `begin:` or `end:`, then a name of a number or the letters of strftime.
fn time(argument: Argument<'_>) -> Result<Directive, BadFormat> {
    let (of, format) = match argument.text {
        "" | "begin" => (Moment::Begin, ""),
        "end" => (Moment::End, ""),
        text => match (text.strip_prefix("begin:"), text.strip_prefix("end:")) {
            (Some(format), _) => (Moment::Begin, format),
            (_, Some(format)) => (Moment::End, format),
            _ => (Moment::Begin, text),
        },
    };
    let shown = match format {
        "" => TimeShape::Clf,
        "sec" => TimeShape::EpochSeconds,
        "msec" => TimeShape::EpochMillis,
        "usec" => TimeShape::EpochMicros,
        "msec_frac" => TimeShape::MillisFraction,
        "usec_frac" => TimeShape::MicrosFraction,
        letters => {
            let at = argument.at + argument.text.len() - letters.len();
            TimeShape::Custom(strftime::parse(letters).map_err(|found| bad_time(&found, at))?)
        }
    };
    Ok(Directive::Time { of, shown })
}

fn bad_time(found: &strftime::BadTime, at: usize) -> BadFormat {
    let why = match found.letter {
        Some(letter) => format!("a time has no letter \"%{letter}\""),
        None => "this percent sign has no letter".to_owned(),
    };
    bad(at + found.at, why, Some(format!("the letters of a time are {}", strftime::LETTERS)))
}

/// A name that is not empty.
fn named(argument: Argument<'_>) -> Result<Box<str>, BadFormat> {
    if argument.text.is_empty() {
        return Err(bad(argument.at, "there is no name between the braces".to_owned(), None));
    }
    Ok(argument.text.into())
}

/// A name out of a few.
fn one_of(argument: Argument<'_>, known: &[(&str, Directive)]) -> Result<Directive, BadFormat> {
    if let Some((_, directive)) = known.iter().find(|(name, _)| *name == argument.text) {
        return Ok(directive.clone());
    }
    let nearest = known
        .iter()
        .map(|(name, _)| (distance(&argument.text.to_ascii_lowercase(), name), *name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().div_ceil(3));
    let help = if let Some((_, name)) = nearest {
        format!("the nearest name is \"{name}\"")
    } else {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        format!("known here: {}", names.join(", "))
    };
    Err(bad(argument.at, format!("\"{}\" is not known here", argument.text), Some(help)))
}

/// How many single letters must be changed, added or dropped; no more than the length of the longer word.
fn distance(said: &str, known: &str) -> usize {
    let known: Vec<char> = known.chars().collect();
    let mut row: Vec<usize> = (0..=known.len()).collect();
    for (line, letter) in said.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in known.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[known.len()]
}

fn unknown_letter(letter: char, at: usize) -> BadFormat {
    let other_case =
        if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
    let help = match other_case {
        _ if letter == '"' || letter == ' ' => "write the percent sign itself as \"%%\"".to_owned(),
        other if plain(other).is_some() => format!("the nearest letter is \"%{other}\""),
        other if "iCoenx".contains(other) => format!("the nearest letter is \"%{{Name}}{other}\""),
        _ => "the letters are a A b B C D e f h H i I k l L m n o O p P q r R s S t T u U v V x X".to_owned(),
    };
    bad(at, format!("\"%{letter}\" is no directive"), Some(help))
}

fn wants_a_name(letter: char, at: usize) -> BadFormat {
    let example = match letter {
        'i' => "%{Referer}i",
        'o' => "%{Content-Length}o",
        'C' => "%{session}C",
        'x' => "%{verdict}x",
        'e' => "%{NAME}e",
        'n' => "%{name}n",
        _ => "%{version}c",
    };
    let why = format!("\"%{letter}\" needs a name in braces");
    bad(at, why, Some(format!("such as \"{example}\"")))
}

fn takes_no_name(letter: char, argument: Argument<'_>) -> BadFormat {
    let help = match letter {
        's' | 'b' | 'B' | 'r' => {
            Some(format!("for a field of the request write \"%{{{}}}i\"", argument.text))
        }
        _ => None,
    };
    bad(argument.at, format!("\"%{letter}\" takes no name in braces"), help)
}

fn bad(at: usize, why: String, help: Option<String>) -> BadFormat {
    BadFormat { at, why, help }
}

const WHY_NO_PROCESS: &str = "one process serves all requests; its number says nothing";
const WHY_NO_TLS: &str = "of encrypted connections SSL_PROTOCOL, SSL_CIPHER, SSL_TLS_SNI, SSL_SESSION_RESUMED and SSL_CLIENT_VERIFY are known";

#[cfg(test)]
mod tests {
    use crate::{BadFormat, Format};

    fn refused(text: &str) -> (usize, String) {
        let BadFormat { at, help, .. } = Format::parse(text).unwrap_err();
        (at, help.unwrap_or_default())
    }

    #[test]
    fn all_of_apaches_letters_are_taken() {
        for text in [
            "%a %{c}a %A %B %b %{x}C %D %{x}e %f %h %{c}h %H %{x}i %k %l %L %m %{x}n %{x}o %p %{canonical}p",
            "%{local}p %{remote}p %P %{pid}P %{tid}P %{hextid}P %q %r %R %s %>s %<s %t %{%d/%b/%Y %T}t %{sec}t",
            "%{begin:%s}t %{end:%T}t %{begin}t %{end}t %{end:usec_frac}t %{begin:msec_frac}t %{msec}t %{usec}t",
            "%T %{s}T %{ms}T %{us}T %u %U %v %V %X %I %O %S %^FB %{x}^ti %{x}^to %%",
            "%!200,304{x}i %400,501{x}i %{x}!400i %400>s %{SSL_PROTOCOL}x %{version}c",
        ] {
            assert_eq!(Format::parse(text).map(|format| format.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_mistake_is_pointed_at_and_the_nearest_is_named() {
        for (text, at, near) in [
            ("%h %z", 4, "the letters are"),
            ("%d", 1, "\"%D\""),
            ("%c", 1, "such as"),
            ("%i", 1, "%{Referer}i"),
            ("%{Referer}I", 2, ""),
            ("%{Referer}s", 2, "%{Referer}i"),
            ("%{verdikt}x", 2, "\"verdict\""),
            ("%{Class}x", 2, "\"class\""),
            ("%{zzzzzz}x", 2, "known here: class"),
            ("%{ns}T", 2, "\"ms\""),
            ("%{ms", 1, "add \"}\""),
            ("%{}i", 2, ""),
            ("%{%d/%Q}t", 6, "aAbB"),
            ("%{end:%Q}t", 7, "aAbB"),
            ("100%", 3, "%%"),
            ("100% sure", 4, "%%"),
            ("%40{x}i", 1, "three digits"),
            ("%99999999999s", 1, "three digits"),
            ("%^XX", 1, "^ti"),
            ("%^", 1, "^ti"),
            ("%ü", 1, "the letters are"),
            ("%^éé", 1, "^ti"),
        ] {
            let (found_at, help) = refused(text);
            assert_eq!(found_at, at, "{text}");
            assert!(help.contains(near), "{text}: {help}");
        }
    }

    #[test]
    fn a_text_beyond_the_limit_is_refused() {
        assert!(Format::parse(&"a".repeat(crate::FORMAT_BYTES_MAX)).is_ok());
        assert_eq!(refused(&"a".repeat(crate::FORMAT_BYTES_MAX + 1)).0, crate::FORMAT_BYTES_MAX);
    }
}
