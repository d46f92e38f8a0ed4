//! The layout of a line, read once.

mod letters;
mod parse;

use std::fmt;

use crate::directive::{Directive, Piece};
use crate::entry::Entry;
use crate::{json, write};

/// The longest text of a format, in bytes; Apache's own configuration lines end at 8,192.
pub const FORMAT_BYTES_MAX: usize = 8_192;

/// The layout of a log line: an Apache `LogFormat`, or the named format `json`.
///
/// # Letters
///
/// All of Apache's: `%a %{c}a %A %B %b %C %D %f %h %H %i %o %e %n %k %l %L %m %p %P %q %r %R %s %t %T %u %U %v %V %X
/// %I %O %S %^FB %^ti %^to %%`, with `%>s %<s` (one and the same here), `%400,501{x}i` and `%!200{x}i`; in the text
/// between them `\n`, `\t`, `\\` and `\"`. Where a proxy says something slightly different:
///
/// | letter | here |
/// |---|---|
/// | `%h` | the address: names are not looked up |
/// | `%b %B` | body bytes really sent; Apache logs the full length when a client breaks off |
/// | `%U` | percent-decoded as by Apache; dot segments and double slashes stay as the client sent them |
/// | `%p` | the port the client connected to |
/// | `%L` | the request's id, by which the process log speaks of it |
/// | `%{SSL_PROTOCOL}x`, `%{SSL_CIPHER}x` | as agreed with the client, the cipher suite by its name at the IANA; also `%{version}c`, `%{cipher}c` |
/// | `%{SSL_TLS_SNI}x` | the name that the client asked for in its handshake |
/// | `%{SSL_SESSION_RESUMED}x`, `%{SSL_CLIENT_VERIFY}x` | `Initial` or `Resumed`; `NONE` or `SUCCESS` |
/// | `%f %l %e %n %P %R %^ti %^to`, other `%{SSL_..}x`, `%{..}c` | always `-`, see [`Format::unknowable`] |
///
/// # Our own
///
/// | `%{...}x` | what |
/// |---|---|
/// | `class` | bandwidth class of the answer |
/// | `rate_class`, `context` | rate class, and the context within it |
/// | `queue_ms`, `queue_us`, `queue_place` | time held back; place in the queue on entering, from 1 |
/// | `verdict`, `rule` | what was decided, and by which rule |
/// | `reqid`, `connection` | id of the request; number of the client connection |
/// | `kind`, `marks` | how the visitor came to ask (own, link, embed, direct, app, bare, forged); marks of the client |
/// | `pool`, `node` | where the answer came from |
/// | `host` | the Host field as received |
/// | `arrival_us` | arrival, microseconds since 1970 UTC |
///
/// # Escaping
///
/// All that comes from outside is escaped as Apache does, see [`escape`](crate::escape): one line stays one line.
/// A missing value is `-`; a field that is present and empty writes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    text: Box<str>,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Line(Box<[Piece]>),
    Json,
}

impl Format {
    /// Reads the text of a `LogFormat`, as it stands between the outer quotes of Apache's configuration or with
    /// those already taken away (`\"` and `"` both mean a quote).
    ///
    /// # Errors
    ///
    /// The first place that is no directive, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, BadFormat> {
        Ok(Self { text: text.into(), shape: Shape::Line(parse::parse(text)?) })
    }

    /// Reads the text of a `LogFormat` that somebody else writes by: letters of modules that are not known here are
    /// places that nobody asks for.
    pub(crate) fn pieces_for_reading(text: &str) -> Result<Box<[Piece]>, BadFormat> {
        parse::parse_with(text, parse::Unknown::IsSkipped)
    }

    /// A format by its name; `None`: there is none of this name.
    ///
    /// | name | layout |
    /// |---|---|
    /// | `common` | `%h %l %u %t "%r" %>s %b` |
    /// | `combined` | `common`, then `"%{Referer}i" "%{User-Agent}i"` |
    /// | `vhost_combined` | Debian's: `%v:%p` in front of `combined`, and `%O` (all bytes) in place of `%b` |
    /// | `tidegate` | `combined`, then pairs `key=value`: a line that can be replayed |
    /// | `json` | one JSON object a line |
    ///
    /// # `tidegate`
    ///
    /// Tools for `combined` read its first part. Then, every value a number or quoted, in this order:
    ///
    /// | key | letter | what |
    /// |---|---|---|
    /// | `at` | `%{arrival_us}x` | arrival, microseconds since 1970 UTC |
    /// | `us` | `%D` | duration, microseconds |
    /// | `first` | `%^FB` | to the first byte of the answer, microseconds |
    /// | `vs` | `%v` | virtual server |
    /// | `host` | `%{host}x` | Host as received |
    /// | `conn`, `nth`, `state` | `%{connection}x`, `%k`, `%X` | connection, requests on it before this one, how it ended |
    /// | `peer`, `port` | `%{c}a`, `%{remote}p` | address of the socket's peer; port of the client |
    /// | `in`, `out` | `%I`, `%O` | all bytes received and sent |
    /// | `kind`, `marks` | `%{kind}x`, `%{marks}x` | how the visitor came to ask (own, link, embed, direct, app, bare, forged); marks of the client |
    /// | `verdict`, `rule` | `%{verdict}x`, `%{rule}x` | what was decided, and by which rule |
    /// | `class` | `%{class}x` | bandwidth class |
    /// | `rate`, `context` | `%{rate_class}x`, `%{context}x` | rate class and context |
    /// | `queue`, `place` | `%{queue_us}x`, `%{queue_place}x` | time held back in microseconds, place on entering |
    /// | `pool`, `node` | `%{pool}x`, `%{node}x` | where the answer came from |
    /// | `id` | `%{reqid}x` | id of the request |
    ///
    /// # `json`
    ///
    /// Always the same keys in the same order, `null` for what is missing: `time` (RFC 3339, microseconds, local
    /// offset), `arrival_us`, `duration_us`, `first_byte_us`, `client`, `client_port`, `peer`, `local`,
    /// `local_port`, `user`, `request`, `method`, `target`, `protocol`, `status`, `body_bytes`, `bytes_sent`,
    /// `bytes_received`, `virtual_server`, `host`, `referer`, `user_agent`, `connection`, `connection_requests`
    /// (from 1), `connection_state` (`aborted`, `kept_alive`, `closed`), `pool`, `node`, `request_id`, `verdict`,
    /// `rule`, `class`, `rate_class`, `context`, `queue_us`, `queue_place`, `marks`, `kind`.
    ///
    /// A value that is not UTF-8 is shown with U+FFFD in place of what cannot be read, and directly after it stands
    /// its exact bytes as hexadecimal digits under the same key with `_hex` added: `"user_agent":"caf\u{fffd}",
    /// "user_agent_hex":"636166e9"`. Where there is no `_hex`, the value is exact.
    pub fn named(name: &str) -> Option<Self> {
        let text = match name {
            "common" => COMMON,
            "combined" => COMBINED,
            "vhost_combined" => VHOST_COMBINED,
            "tidegate" => TIDEGATE,
            "json" => return Some(Self { text: "json".into(), shape: Shape::Json }),
            _ => return None,
        };
        Self::parse(text).ok()
    }

    /// The names that [`Format::named`] knows.
    pub const NAMES: [&'static str; 5] = ["common", "combined", "vhost_combined", "tidegate", "json"];

    /// Appends one line, with its newline. Allocates nothing but room in `out`.
    pub fn write(&self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        match &self.shape {
            Shape::Line(pieces) => write::write_line(pieces, entry, out),
            Shape::Json => json::write_line(entry, out),
        }
        out.push(b'\n');
    }

    /// The names of request fields that the format reads, as written in it; twice where it reads them twice. A
    /// cookie counts as `Cookie`. Whoever builds entries needs to keep no others.
    pub fn request_fields(&self) -> impl Iterator<Item = &str> {
        let of_json: &[&str] = match self.shape {
            Shape::Json => &json::REQUEST_FIELDS,
            Shape::Line(_) => &[],
        };
        let of_line = self.pieces().iter().filter_map(|piece| match &piece.directive {
            Directive::RequestField(name) => Some(name.as_ref()),
            Directive::Cookie(_) => Some("Cookie"),
            _ => None,
        });
        of_line.chain(of_json.iter().copied())
    }

    /// Whether the format says how the visitor came to ask: to find that out costs.
    pub fn says_kind(&self) -> bool {
        match &self.shape {
            Shape::Json => true,
            Shape::Line(pieces) => pieces.iter().any(|piece| matches!(piece.directive, Directive::Kind)),
        }
    }

    /// The names of response fields that the format reads, as written in it.
    pub fn response_fields(&self) -> impl Iterator<Item = &str> {
        self.pieces().iter().filter_map(|piece| match &piece.directive {
            Directive::ResponseField(name) => Some(name.as_ref()),
            Directive::ResponseContentType => Some("Content-Type"),
            _ => None,
        })
    }

    /// The directives that will always be `-` because no proxy can know them, for a warning. `%l` is left out:
    /// nobody expects more of it.
    pub fn unknowable(&self) -> impl Iterator<Item = Unknowable<'_>> {
        self.pieces().iter().filter_map(|piece| match piece.directive {
            Directive::Unknowable(why) if !why.is_empty() => {
                Some(Unknowable { at: piece.at, directive: &self.text[piece.at..piece.end], why })
            }
            _ => None,
        })
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        match &self.shape {
            Shape::Line(pieces) => pieces,
            Shape::Json => &[],
        }
    }
}

/// Gives the text back that the format was read from; for `json` its name.
impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A directive that will always be `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknowable<'a> {
    /// Where it stands, in bytes from the start of the format.
    pub at: usize,
    /// How it is written there.
    pub directive: &'a str,
    /// What it would be, and why it is not known.
    pub why: &'static str,
}

/// A text that is no format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFormat {
    /// Where, in bytes from the start of the text.
    pub at: usize,
    /// What stands there, in lower case.
    pub why: String,
    /// What to write instead; `None`: nothing is near.
    pub help: Option<String>,
}

impl fmt::Display for BadFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (at byte {})", self.why, self.at)?;
        match &self.help {
            Some(help) => write!(formatter, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for BadFormat {}

const COMMON: &str = r#"%h %l %u %t "%r" %>s %b"#;
const COMBINED: &str = r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#;
const VHOST_COMBINED: &str = r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#;
const TIDEGATE: &str = concat!(
    r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#,
    r#" at=%{arrival_us}x us=%D first=%^FB vs="%v" host="%{host}x" conn=%{connection}x nth=%k state=%X"#,
    r#" peer=%{c}a port=%{remote}p in=%I out=%O kind="%{kind}x" marks="%{marks}x" verdict="%{verdict}x""#,
    r#" rule="%{rule}x" class="%{class}x" rate="%{rate_class}x" context="%{context}x" queue=%{queue_us}x"#,
    r#" place=%{queue_place}x pool="%{pool}x" node="%{node}x" id="%{reqid}x""#,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_format_exists_and_gives_its_text_back() {
        for name in Format::NAMES {
            let format = Format::named(name).unwrap();
            if name != "json" {
                assert_eq!(Format::parse(&format.to_string()).unwrap(), format, "{name}");
            }
            assert_eq!(format.unknowable().count(), 0, "{name}");
        }
        assert_eq!(Format::named("combinedio"), None);
        assert!(TIDEGATE.starts_with(COMBINED));
    }

    #[test]
    fn the_fields_a_format_reads_are_named() {
        let format = Format::parse(r"%{Referer}i %{Age}o %{sid}C %{content-type}o %{x}^ti").unwrap();
        assert_eq!(format.request_fields().collect::<Vec<_>>(), ["Referer", "Cookie"]);
        assert_eq!(format.response_fields().collect::<Vec<_>>(), ["Age", "Content-Type"]);
        let json = Format::named("json").unwrap();
        assert_eq!(json.request_fields().collect::<Vec<_>>(), ["Referer", "User-Agent"]);
    }

    #[test]
    fn what_a_proxy_cannot_know_is_listed_with_its_place() {
        let format = Format::parse(r"%h %l %f %400{x}n").unwrap();
        let listed: Vec<_> = format.unknowable().map(|found| (found.at, found.directive)).collect();
        assert_eq!(listed, [(6, "%f"), (9, "%400{x}n")]);
    }
}
