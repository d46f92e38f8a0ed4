//! What a rule tests, made safe: names out of a log become patterns that hold nothing but themselves.
//!
//! Everything that comes from a log and goes into a rule goes through [`literal`] or [`remark`]. Their results hold
//! printable ASCII only, and none of `" ' # $ % { }` or a line break; a backslash stands only where they put it. So a text
//! cannot end the quotation, the remark or the line in which it stands, whichever of the four languages that is.

use crate::report::{PathTrait, Traits};
use ipnet::IpNet;
use std::fmt::Write as _;
use std::net::IpAddr;

/// Values of one kind that a rule names; those behind (they matter less) are left out.
const VALUES_MAX: usize = 16;
/// Bytes of one value. A longer path or agent is left out.
const VALUE_BYTES_MAX: usize = 300;
/// Bytes of one pattern; Apache takes lines of 8 KiB.
const PATTERN_BYTES_MAX: usize = 4096;
/// Characters of a name in a remark.
const REMARK_MAX: usize = 80;
/// Values of one kind that a remark names.
const REMARKED_MAX: usize = 2;
/// The longest name of a host.
const HOST_BYTES_MAX: usize = 253;

/// Programs that read feeds or play what feeds and pages name, by words in User-Agent.
pub(crate) const FEEDS_AND_PLAYERS: &str =
    "feed|rss|podcast|itunes|vlc|mplayer|foobar|winamp|lavf|stagefright";

/// A regular expression in what the four dialects have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) ignores_case: bool,
}

/// What a rule tests; all of it must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Aim {
    pub(super) referer: Option<Pattern>,
    pub(super) is_without_referer: bool,
    pub(super) path: Option<Pattern>,
    pub(super) agent: Option<Pattern>,
    pub(super) networks: Vec<IpNet>,
    /// Feed readers and players are let through.
    pub(super) spares_feeds: bool,
    /// The same for people; safe in remarks.
    pub(super) said: String,
}

impl Aim {
    /// `None` if no rule can say it without meaning more than was found.
    pub(super) fn of(traits: &Traits, own: &[String]) -> Option<Self> {
        let hosts: Vec<&str> = traits.referers.iter().map(String::as_str).collect();
        let host = |host: &&str| if is_own(host, own) { None } else { host_pattern(host) };
        let referer = any(&hosts, "^https?://(?:[^/?]*@)?", "(?:[/?].*)?$", true, host).ok()?;
        let path = any(&traits.paths, "^", "$", false, path_pattern).ok()?;
        let agents: Vec<&str> = traits.agents.iter().map(String::as_str).collect();
        let agent = any(&agents, "^", "$", false, |agent| literal(agent.as_bytes())).ok()?;
        let mut networks = traits.networks.clone();
        networks.truncate(VALUES_MAX);
        if referer.is_none() && path.is_none() && agent.is_none() && networks.is_empty() {
            return None;
        }
        let mut aim = Self {
            referer,
            is_without_referer: traits.is_without_referer && traits.referers.is_empty(),
            path,
            agent,
            networks,
            spares_feeds: false,
            said: String::new(),
        };
        aim.said = said(traits, &aim);
        Some(aim)
    }
}

/// Of the values given none can be said: a rule without them would mean everything.
struct Unsayable;

/// One pattern for any of some values, if there are any.
fn any<T>(
    values: &[T],
    before: &str,
    behind: &str,
    ignores_case: bool,
    pattern: impl Fn(&T) -> Option<String>,
) -> Result<Option<Pattern>, Unsayable> {
    if values.is_empty() {
        return Ok(None);
    }
    let mut text = String::new();
    let mut count = 0;
    for value in values.iter().filter_map(pattern) {
        if count == VALUES_MAX || text.len() + value.len() > PATTERN_BYTES_MAX {
            break;
        }
        if count > 0 {
            text.push('|');
        }
        text.push_str(&value);
        count += 1;
    }
    let text = match count {
        0 => return Err(Unsayable),
        1 => format!("{before}{text}{behind}"),
        _ => format!("{before}(?:{text}){behind}"),
    };
    Ok(Some(Pattern { text, ignores_case }))
}

/// Whether a host is a name of one's own, or lies below one.
fn is_own(host: &str, own: &[String]) -> bool {
    own.iter().any(|name| {
        let below = host.len().checked_sub(name.len() + 1);
        host.eq_ignore_ascii_case(name)
            || below.is_some_and(|at| {
                host.as_bytes()[at] == b'.' && host.as_bytes()[at + 1..].eq_ignore_ascii_case(name.as_bytes())
            })
    })
}

/// A host in a referer, with the names below it, a full stop at its end, a port.
fn host_pattern(host: &str) -> Option<String> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let name = match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => literal(address.to_string().as_bytes())?,
        Ok(IpAddr::V6(address)) => literal(format!("[{address}]").as_bytes())?,
        Err(_) if is_host(host) => {
            format!(r"(?:[^/?@:]+\.)?{}\.?", literal(host.to_ascii_lowercase().as_bytes())?)
        }
        Err(_) => return None,
    };
    Some(format!("{name}(?::[0-9]*)?"))
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    host.len() <= HOST_BYTES_MAX && host.split('.').all(is_label)
}

fn path_pattern(path: &PathTrait) -> Option<String> {
    match path {
        PathTrait::Is(path) if path.starts_with('/') => literal(path.as_bytes()),
        PathTrait::Below(folder) if folder.starts_with('/') => {
            Some(format!("{}.*", literal(folder.as_bytes())?))
        }
        PathTrait::Ending(ending) => Some(format!(r".*\.{}", any_case(ending)?)),
        PathTrait::Is(_) | PathTrait::Below(_) => None,
    }
}

/// An ending in letters of both cases.
fn any_case(ending: &str) -> Option<String> {
    let is_ending =
        !ending.is_empty() && ending.len() <= 16 && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let both = |c: char| {
        if c.is_ascii_alphabetic() {
            format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase())
        } else {
            c.to_string()
        }
    };
    is_ending.then(|| ending.chars().map(both).collect())
}

/// Bytes as a pattern of themselves; `None` if they are too many or none.
pub(super) fn literal(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() || bytes.len() > VALUE_BYTES_MAX {
        return None;
    }
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b' '
            | b'_'
            | b'-'
            | b'/'
            | b';'
            | b','
            | b':'
            | b'=' => {
                text.push(char::from(*byte));
            }
            b'.' | b'(' | b')' | b'+' | b'[' | b']' => text.extend(['\\', char::from(*byte)]),
            _ => {
                let _written = write!(text, r"\x{byte:02X}");
            }
        }
    }
    Some(text)
}

/// A text of a log for a remark: what is not plain in it as `\xhh`, its end cut where it is long.
pub(super) fn remark(text: &str) -> String {
    let mut out = String::new();
    for (number, byte) in text.bytes().enumerate() {
        if number == REMARK_MAX {
            out.push_str("...");
            break;
        }
        if byte == b' ' || (byte.is_ascii_graphic() && !b"\\\"'#$%{}<>`".contains(&byte)) {
            out.push(char::from(byte));
        } else {
            let _written = write!(out, "(x{byte:02x})");
        }
    }
    out
}

fn said(traits: &Traits, aim: &Aim) -> String {
    let mut parts = Vec::new();
    let list = |values: Vec<String>| {
        let more = values.len().saturating_sub(REMARKED_MAX);
        let shown = values.into_iter().take(REMARKED_MAX).collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{shown} and {more} more") } else { shown }
    };
    let path = |path: &PathTrait| match path {
        PathTrait::Is(path) => remark(path),
        PathTrait::Below(folder) => format!("all below {}", remark(folder)),
        PathTrait::Ending(ending) => format!("all that ends in .{}", remark(ending)),
    };
    let paths = list(traits.paths.iter().map(path).collect());
    parts.push(if paths.is_empty() { "anything".to_owned() } else { paths });
    if aim.referer.is_some() {
        let hosts = list(traits.referers.iter().map(|host| remark(host)).collect());
        parts.push(format!("asked for from pages of {hosts}"));
    }
    if aim.is_without_referer {
        parts.push("asked for without a referer".to_owned());
    }
    if aim.agent.is_some() {
        parts.push(match traits.agents.as_slice() {
            [one] => format!("by the program {}", remark(one)),
            several => format!("by {} programs (the rule names them)", several.len()),
        });
    }
    if !aim.networks.is_empty() {
        parts.push(format!("by clients in {}", list(aim.networks.iter().map(ToString::to_string).collect())));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_ones_own_is_never_aimed_at_and_nothing_else_is_in_its_place() {
        let traits = Traits { referers: vec!["www.own.example".into()], ..Traits::default() };
        assert!(Aim::of(&traits, &["own.example".into()]).is_none());
        let other = Traits { referers: vec!["notown.example".into()], ..Traits::default() };
        assert!(Aim::of(&other, &["own.example".into()]).is_some());
    }

    #[test]
    fn what_cannot_be_said_makes_no_wider_rule() {
        let paths = vec![PathTrait::Is("/a".into())];
        let traits = Traits { referers: vec!["a b\"".into()], paths, ..Traits::default() };
        assert!(Aim::of(&traits, &[]).is_none());
        assert!(Aim::of(&Traits { is_without_referer: true, ..Traits::default() }, &[]).is_none());
    }

    #[test]
    fn a_literal_is_plain_or_in_hexadecimal() {
        assert_eq!(literal(b"/a b.mp3\"$\n").unwrap(), r"/a b\.mp3\x22\x24\x0A");
        assert_eq!(literal(b""), None);
        assert_eq!(literal(&[b'a'; VALUE_BYTES_MAX + 1]), None);
    }
}
