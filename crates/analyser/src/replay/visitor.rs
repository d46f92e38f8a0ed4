//! What a log does not hold: the cookies that our own rules give out, brought back by the visitors who got them.
//!
//! A visitor is an address with a program. Only those who hold a cookie are kept, so a log of people without any costs
//! nothing here.

use foldhash::quality::FixedState;
use std::collections::{HashMap, VecDeque};

/// Visitors that hold cookies; beyond, who got his longest ago is forgotten.
pub(super) const VISITORS_MAX: usize = 1_000_000;
/// Bytes of all cookies together.
pub(super) const JAR_BYTES_MAX: usize = 64 << 20;
/// Cookies of one visitor, as browsers have it (RFC 6265, 6.1).
const COOKIES_MAX: usize = 50;
/// Bytes of one cookie, as browsers have it (RFC 6265, 6.1).
const COOKIE_BYTES_MAX: usize = 4_096;
/// A cookie without an end lives as long as the browser: as long as the visitor is seen once in so many microseconds.
const SESSION_MICROS: i64 = 24 * 3_600 * 1_000_000;
/// What a visitor takes besides the bytes of his cookies, about.
const VISITOR_BYTES: usize = 96;
/// What a cookie takes besides its text, about.
const COOKIE_BYTES: usize = 64;

/// Who asks: the fingerprint of an address and a program. Two of a million share one once in 37 million logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Visitor(pub(super) u64);

/// The cookies of all visitors.
#[derive(Debug, Default)]
pub(super) struct Visitors {
    jars: HashMap<Visitor, Jar, FixedState>,
    /// In the order of their first cookie; one that has gone since is skipped.
    order: VecDeque<Visitor>,
    bytes: usize,
    /// Visitors whose cookies there was no room for.
    pub(super) forgotten: u64,
}

#[derive(Debug, Default)]
struct Jar {
    /// By name and path, each once.
    cookies: Vec<Cookie>,
    seen_unix_micros: i64,
}

#[derive(Debug)]
struct Cookie {
    name: Box<[u8]>,
    value: Box<[u8]>,
    path: Box<[u8]>,
    ends_unix_micros: Option<i64>,
}

impl Cookie {
    fn bytes(&self) -> usize {
        self.name.len() + self.value.len() + self.path.len() + COOKIE_BYTES
    }
}

impl Visitors {
    /// Whether nobody holds any: the usual case.
    pub(super) fn is_empty(&self) -> bool {
        self.jars.is_empty()
    }

    /// Writes the field Cookie of a visitor's next request; false if he brings none.
    pub(super) fn cookie_field(&mut self, who: Visitor, path: &[u8], now: i64, out: &mut Vec<u8>) -> bool {
        out.clear();
        let Some(jar) = self.jars.get_mut(&who) else { return false };
        let is_new_session = now.saturating_sub(jar.seen_unix_micros) > SESSION_MICROS;
        jar.seen_unix_micros = now;
        let before: usize = jar.cookies.iter().map(Cookie::bytes).sum();
        jar.cookies.retain(|cookie| match cookie.ends_unix_micros {
            Some(ends) => now < ends,
            None => !is_new_session,
        });
        let after: usize = jar.cookies.iter().map(Cookie::bytes).sum();
        self.bytes -= before - after;
        for cookie in jar.cookies.iter().filter(|cookie| is_below(path, &cookie.path)) {
            if !out.is_empty() {
                out.extend_from_slice(b"; ");
            }
            out.extend_from_slice(&cookie.name);
            out.push(b'=');
            out.extend_from_slice(&cookie.value);
        }
        if jar.cookies.is_empty() {
            self.drop_jar(who);
        }
        !out.is_empty()
    }

    /// Takes a value of `Set-Cookie` in, as a browser does. Domain and Secure change nothing here: one log is one site.
    pub(super) fn take(&mut self, who: Visitor, line: &[u8], now: i64) {
        let Some(cookie) = read(line, now) else { return };
        if cookie.name.len() + cookie.value.len() > COOKIE_BYTES_MAX {
            return;
        }
        let is_over = cookie.ends_unix_micros.is_some_and(|ends| ends <= now);
        let is_known = self.jars.contains_key(&who);
        if is_over && !is_known {
            return;
        }
        if !is_known {
            self.order.push_back(who);
            self.bytes += VISITOR_BYTES;
        }
        let jar = self.jars.entry(who).or_default();
        jar.seen_unix_micros = now;
        let old = jar.cookies.iter().position(|old| old.name == cookie.name && old.path == cookie.path);
        if let Some(old) = old {
            self.bytes -= jar.cookies.swap_remove(old).bytes();
        }
        if !is_over && jar.cookies.len() < COOKIES_MAX {
            self.bytes += cookie.bytes();
            jar.cookies.push(cookie);
        }
        if jar.cookies.is_empty() {
            self.drop_jar(who);
        }
        self.make_room();
    }

    /// Bytes that all of it takes, about.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn drop_jar(&mut self, who: Visitor) {
        if let Some(jar) = self.jars.remove(&who) {
            self.bytes -= VISITOR_BYTES + jar.cookies.iter().map(Cookie::bytes).sum::<usize>();
        }
    }

    fn make_room(&mut self) {
        while self.jars.len() > VISITORS_MAX
            || self.bytes > JAR_BYTES_MAX
            || self.order.len() > 2 * VISITORS_MAX
        {
            let Some(oldest) = self.order.pop_front() else { return };
            if self.jars.contains_key(&oldest) {
                self.forgotten += 1;
                self.drop_jar(oldest);
            }
        }
    }
}

/// Whether a path is this one or lies below it (RFC 6265, 5.1.4).
fn is_below(path: &[u8], folder: &[u8]) -> bool {
    match path.strip_prefix(folder) {
        Some(rest) => rest.is_empty() || folder.ends_with(b"/") || matches!(rest.first(), Some(b'/' | b'?')),
        None => false,
    }
}

/// A value of `Set-Cookie` (RFC 6265, 5.2).
fn read(line: &[u8], now: i64) -> Option<Cookie> {
    let mut parts = line.split(|byte| *byte == b';');
    let (name, value) = pair(parts.next()?)?;
    let (mut path, mut ends, mut has_age) = (&b"/"[..], None, false);
    for part in parts {
        let (key, value) = pair(part).unwrap_or((part.trim_ascii(), b""));
        if key.eq_ignore_ascii_case(b"Path") && value.starts_with(b"/") {
            path = value;
        } else if key.eq_ignore_ascii_case(b"Max-Age") {
            let seconds: Option<i64> = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            if let Some(seconds) = seconds {
                ends = Some(now.saturating_add(seconds.saturating_mul(1_000_000)));
                has_age = true;
            }
        } else if key.eq_ignore_ascii_case(b"Expires") && !has_age {
            ends = date(value).or(ends);
        }
    }
    if name.is_empty() {
        return None;
    }
    Some(Cookie { name: name.into(), value: value.into(), path: path.into(), ends_unix_micros: ends })
}

fn pair(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = part.iter().position(|byte| *byte == b'=')?;
    Some((part[..at].trim_ascii(), part[at + 1..].trim_ascii()))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, also with hyphens, in microseconds since 1970.
fn date(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?.replace('-', " ");
    let rest = text.split_once(", ").map_or(text.as_str(), |(_, rest)| rest);
    let rest = rest.strip_suffix(" GMT").unwrap_or(rest);
    let at = jiff::civil::DateTime::strptime("%d %b %Y %H:%M:%S", rest).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: Visitor = Visitor(1);

    fn field(visitors: &mut Visitors, path: &str, now: i64) -> String {
        let mut out = Vec::new();
        visitors.cookie_field(ME, path.as_bytes(), now, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_cookie_comes_back_until_it_ends_and_only_where_it_belongs() {
        let mut visitors = Visitors::default();
        visitors.take(ME, b"a=1; Path=/", 0);
        visitors.take(ME, b"b=2; Path=/shop; Max-Age=10", 0);
        assert_eq!(field(&mut visitors, "/shop/x", 1), "a=1; b=2");
        assert_eq!(field(&mut visitors, "/shopping", 2), "a=1");
        assert_eq!(field(&mut visitors, "/shop", 10_000_000), "a=1");
        visitors.take(ME, b"a=; Path=/; Expires=Thu, 01-Jan-1970 00:00:00 GMT", 11_000_000);
        assert!(visitors.is_empty());
        assert_eq!(visitors.bytes(), 0);
        assert!(!visitors.cookie_field(Visitor(2), b"/", 3, &mut Vec::new()));
    }

    #[test]
    fn a_cookie_without_an_end_goes_with_the_browser() {
        let mut visitors = Visitors::default();
        visitors.take(ME, b"a=1", 0);
        assert_eq!(field(&mut visitors, "/", SESSION_MICROS), "a=1");
        assert_eq!(field(&mut visitors, "/", 2 * SESSION_MICROS + 1), "");
        assert!(visitors.is_empty());
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let mut visitors = Visitors::default();
        let long = [b"a=".as_slice(), &[b'x'; 4_000]].concat();
        for number in 0..40_000 {
            visitors.take(Visitor(number), &long, 0);
        }
        assert!(visitors.bytes() <= JAR_BYTES_MAX);
        assert!(visitors.forgotten > 20_000);
        visitors.take(ME, &[b"a=".as_slice(), &[b'x'; 5_000]].concat(), 0);
        assert_eq!(field(&mut visitors, "/", 0), "");
        for number in 0..100 {
            visitors.take(ME, format!("a{number}=1").as_bytes(), 0);
        }
        assert_eq!(field(&mut visitors, "/", 0).split("; ").count(), COOKIES_MAX);
    }

    #[test]
    fn nonsense_sets_nothing() {
        let mut visitors = Visitors::default();
        for line in
            ["", "=", "=x", "a", ";;;", "a=1; Max-Age=-1", "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]
        {
            visitors.take(ME, line.as_bytes(), 1);
        }
        assert!(visitors.is_empty());
    }
}
