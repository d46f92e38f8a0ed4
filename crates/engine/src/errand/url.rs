//! Addresses and header lines as rules write them.

#![warn(clippy::indexing_slicing)]

use super::Fetch;
use crate::catalog::is_host_name;
use message::{is_field_value, is_token};
use std::fmt::Write as _;
use std::net::Ipv6Addr;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// It is https.
    pub(crate) tls: bool,
    /// In lower case, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query, as a request line has them.
    pub(crate) target: String,
}

impl Url {
    /// `http://host[:port][/path][?query]`, `https` likewise. A fragment is dropped, blanks and what is not ASCII
    /// are percent-encoded.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let text = encoded(text)?;
        let (scheme, rest) = text.split_once("://").ok_or("a URL begins with http:// or https://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err("a URL begins with http:// or https://".to_owned()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err("a URL must not hold a user; send an Authorization header".to_owned());
        }
        let (host, port) = host_and_port(authority, if tls { 443 } else { 80 })?;
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { tls, host, port, target })
    }

    /// A request there, with header lines as rules give them (`Name: value`, one a line). What cannot be sent is
    /// handed to `odd` and left out.
    pub(crate) fn fetch(self, method: &'static str, lines: &[u8], odd: impl FnMut(String)) -> Fetch {
        let Self { tls, host, port, target } = self;
        let mut fetch =
            Fetch { method, tls, host, port, target, fields: Vec::new(), body: None, authorities: None };
        fetch.fields = fields(lines, odd);
        if !fetch.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            let origin = fetch.origin();
            let host = origin.split_once("://").map_or("", |(_, host)| host);
            fetch.fields.insert(0, ("Host".to_owned(), host.as_bytes().to_vec()));
        }
        fetch
    }
}

fn encoded(text: &[u8]) -> Result<String, String> {
    let mut encoded = String::with_capacity(text.len());
    for &byte in text {
        match byte {
            0..=0x1f | 0x7f => return Err("a URL must not hold control characters".to_owned()),
            b'!'..=b'~' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").unwrap_or_default(),
        }
    }
    Ok(encoded)
}

fn host_and_port(authority: &str, usual: u16) -> Result<(String, u16), String> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) if host.parse::<Ipv6Addr>().is_ok() => (host.to_ascii_lowercase(), port),
        Some(_) => return Err("there is no IPv6 address between the brackets".to_owned()),
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at_checked(end).unwrap_or((authority, ""));
            let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
            if !is_host_name(&host) {
                return Err("the URL has no host".to_owned());
            }
            (host, port)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => usual,
        Some("") => usual,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or("the port is not between 1 and 65535")?
        }
        _ => return Err("the port is not between 1 and 65535".to_owned()),
    };
    Ok((host, port))
}

/// The fields of header lines; what must not be sent is handed to `odd`.
fn fields(lines: &[u8], mut odd: impl FnMut(String)) -> Vec<(String, Vec<u8>)> {
    /// They frame the message or belong to the connection, which are ours.
    const OURS: [&str; 7] =
        ["connection", "content-length", "expect", "keep-alive", "te", "transfer-encoding", "upgrade"];
    let mut fields = Vec::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let at = line.iter().position(|byte| *byte == b':').unwrap_or(0);
        let (name, value) = line.split_at_checked(at).unwrap_or((line, b""));
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        let name = String::from_utf8_lossy(name).into_owned();
        if !is_token(name.as_bytes()) || !is_field_value(value) {
            odd(format!("\"{}\" is no header line", String::from_utf8_lossy(line)));
        } else if OURS.contains(&name.to_ascii_lowercase().as_str()) {
            odd(format!("the header {name} is not a rule's to set here"));
        } else {
            fields.push((name, value.to_vec()));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match Url::parse(text.as_bytes()) {
            Ok(url) => format!("{} {} {} {}", url.tls, url.host, url.port, url.target),
            Err(why) => why,
        }
    }

    #[test]
    fn a_url_is_taken_apart() {
        assert_eq!(shown("http://A.example"), "false a.example 80 /");
        assert_eq!(shown("HTTPS://a.example:8443?q=1#f"), "true a.example 8443 /?q=1");
        assert_eq!(shown("http://[::1]:81/x y"), "false ::1 81 /x%20y");
        assert_eq!(shown("http://a.example./\u{e9}"), "false a.example 80 /%C3%A9");
    }

    #[test]
    fn what_two_could_read_differently_is_no_url() {
        for bad in [
            "a.example",
            "ftp://a.example/",
            "http://",
            "http:///x",
            "http://user@a.example/",
            "http://a.example:0/",
            "http://a.example:99999/",
            "http://a.example/\r\nX: y",
            "http://a.example\\@b.example/",
            "http://[::1",
            "http://a b/",
        ] {
            assert!(Url::parse(bad.as_bytes()).is_err(), "{bad:?} gives {}", shown(bad));
        }
    }

    #[test]
    fn header_lines_cannot_frame_the_message_or_begin_another() {
        let mut odd = Vec::new();
        let given =
            b"X-A: 1\r\nContent-Length: 5\r\nno line\r\nTransfer-Encoding: chunked\nAccept:*/*\r\n\r\n";
        let fields = fields(given, |why| odd.push(why));
        assert_eq!(fields, [("X-A".to_owned(), b"1".to_vec()), ("Accept".to_owned(), b"*/*".to_vec())]);
        assert_eq!(odd.len(), 3);
    }
}
