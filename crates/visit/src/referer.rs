//! From a field Referer to who is behind it: registrable domain, and what kind of place that is.
//!
//! The registrable domain comes from the public suffix list with its private section on: `a.blogspot.com` and
//! `b.blogspot.com` are different people, `www.forum.co.nz` and `forum.co.nz` the same.

use crate::target::{contains_without_case, starts_without_case};
use serde::Serialize;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of place a referer names. Whether it is the site itself is not in the text: see [`OwnNames`](super::OwnNames).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefererClass {
    /// None was sent, or an empty one.
    None,
    /// The site itself.
    Own,
    /// A search engine.
    Search,
    /// A search engine's pictures.
    ImageSearch,
    /// A social network.
    Social,
    /// A feed reader or mail program, in the browser or as an app.
    App,
    /// An address instead of a name.
    BareIp,
    /// Nothing that could be a referer.
    Garbage,
    /// Somebody else's pages.
    Other,
}

/// Who referred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referer {
    /// The registrable domain in A-labels; the address for a bare one; the scheme and name of an app; empty if there
    /// is none.
    pub domain: String,
    /// The host, in lower case and A-labels.
    pub host: String,
    /// What kind of place it is.
    pub class: RefererClass,
}

/// Longer than a host name can be.
const HOST_MAX: usize = 253;
/// Schemes of apps and extensions, and what a browser sends for a local page.
const APP_SCHEMES: [&str; 11] = [
    "android-app",
    "ios-app",
    "capacitor",
    "ionic",
    "chrome-extension",
    "moz-extension",
    "safari-web-extension",
    "ms-appx-web",
    "app",
    "about",
    "file",
];
const SEARCH: [&str; 26] = [
    "google",
    "bing",
    "yahoo",
    "duckduckgo",
    "yandex",
    "baidu",
    "ecosia",
    "startpage",
    "qwant",
    "naver",
    "ask",
    "sogou",
    "seznam",
    "brave",
    "aol",
    "so",
    "daum",
    "rambler",
    "kagi",
    "mojeek",
    "swisscows",
    "metager",
    "dogpile",
    "lycos",
    "ixquick",
    "babylon",
];
const SOCIAL: [&str; 34] = [
    "facebook.com",
    "fb.com",
    "twitter.com",
    "t.co",
    "x.com",
    "instagram.com",
    "linkedin.com",
    "lnkd.in",
    "reddit.com",
    "pinterest.com",
    "tumblr.com",
    "vk.com",
    "ok.ru",
    "weibo.com",
    "youtube.com",
    "youtu.be",
    "tiktok.com",
    "threads.net",
    "mastodon.social",
    "bsky.app",
    "telegram.org",
    "t.me",
    "discord.com",
    "slack.com",
    "whatsapp.com",
    "quora.com",
    "stumbleupon.com",
    "digg.com",
    "delicious.com",
    "hootsuite.com",
    "ow.ly",
    "flipboard.com",
    "getpocket.com",
    "snapchat.com",
];
const APPS: [&str; 16] = [
    "feedly.com",
    "netvibes.com",
    "newsblur.com",
    "theoldreader.com",
    "inoreader.com",
    "bloglines.com",
    "feedbin.com",
    "feedbin.me",
    "bazqux.com",
    "commafeed.com",
    "newsgator.com",
    "feedspot.com",
    "live.com",
    "outlook.com",
    "gmx.net",
    "web.de",
];

impl Referer {
    /// Reads the field, its log's escapes undone.
    ///
    /// Never fails: what is not a referer is [`RefererClass::Garbage`].
    pub fn of(field: &[u8]) -> Self {
        let field = field.trim_ascii();
        if field.is_empty() {
            return Self::nameless(RefererClass::None);
        }
        let (scheme, rest) = match memchr::memmem::find(field, b"://") {
            Some(at) => (&field[..at], &field[at + 3..]),
            None => return Self::without_slashes(field),
        };
        if let Some(app) = APP_SCHEMES.iter().find(|app| scheme.eq_ignore_ascii_case(app.as_bytes())) {
            let name = String::from_utf8_lossy(host_part(rest)).to_ascii_lowercase();
            let name: String = name.chars().take(HOST_MAX).collect();
            return Self { domain: format!("{app}://{name}"), host: name, class: RefererClass::App };
        }
        if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
            return Self::nameless(RefererClass::Garbage);
        }
        Self::of_host(host_part(rest), page_part(rest))
    }

    /// The path of a referer, without query and fragment; empty where it has none.
    pub fn path_of(field: &[u8]) -> &[u8] {
        let rest = memchr::memmem::find(field, b"://").map_or(field, |at| &field[at + 3..]);
        let Some(at) = memchr::memchr(b'/', rest) else { return b"" };
        let page = &rest[at..];
        let end = memchr::memchr2(b'?', b'#', page).unwrap_or(page.len());
        &page[..end]
    }

    /// `about:blank` is a browser's, `www.example.com` a careless program's.
    fn without_slashes(field: &[u8]) -> Self {
        if starts_without_case(field, b"about:") || starts_without_case(field, b"file:") {
            return Self { domain: "about:".to_owned(), host: String::new(), class: RefererClass::App };
        }
        let host = host_part(field);
        let referer = Self::of_host(host, page_part(field));
        let is_name = psl::suffix(referer.host.as_bytes()).is_some_and(|suffix| suffix.is_known());
        if is_name && memchr::memchr(b'.', host).is_some() {
            return referer;
        }
        Self::nameless(RefererClass::Garbage)
    }

    fn of_host(host: &[u8], page: &[u8]) -> Self {
        match Host::of(host) {
            Some(Host::Address(address)) => {
                let name = address.to_string();
                Self { domain: name.clone(), host: name, class: RefererClass::BareIp }
            }
            Some(Host::Name(host)) => {
                let domain = registrable(&host).to_owned();
                let class = class_of(&host, &domain, page);
                Self { domain, host, class }
            }
            None => Self::nameless(RefererClass::Garbage),
        }
    }

    fn nameless(class: RefererClass) -> Self {
        Self { domain: String::new(), host: String::new(), class }
    }
}

impl RefererClass {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Own,
        Self::Search,
        Self::ImageSearch,
        Self::Social,
        Self::App,
        Self::BareIp,
        Self::Garbage,
        Self::Other,
    ];

    /// In a few words.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "no referer",
            Self::Own => "the site itself",
            Self::Search => "search",
            Self::ImageSearch => "image search",
            Self::Social => "social networks",
            Self::App => "feed readers, mail and other apps",
            Self::BareIp => "bare addresses",
            Self::Garbage => "garbage",
            Self::Other => "other sites",
        }
    }

    /// Whether a domain of this class may be named as somebody who uses the site's files in his own pages.
    pub fn may_be_accused(self) -> bool {
        matches!(self, Self::Other | Self::BareIp)
    }
}

/// A host as a name or an address.
pub enum Host {
    /// An address, IPv4 in IPv6 undone.
    Address(IpAddr),
    /// A name in lower case and A-labels, without a dot at its end.
    Name(String),
}

impl Host {
    /// Reads a host without port; `None` if it is none.
    pub fn of(host: &[u8]) -> Option<Self> {
        if let Some(inner) = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
            let address: Ipv6Addr = std::str::from_utf8(inner).ok()?.parse().ok()?;
            return Some(Self::Address(IpAddr::V6(address).to_canonical()));
        }
        if let Some(name) = plain_name(host) {
            return Some(Self::Name(name));
        }
        if host.is_empty() || host.len() > 3 * HOST_MAX {
            return None;
        }
        let host = percent_decoded(host);
        let host = host.strip_suffix(b".").unwrap_or(&host);
        let name: Cow<'_, str> = if host.iter().all(|byte| is_host_byte(*byte)) {
            Cow::Owned(std::str::from_utf8(host).ok()?.to_ascii_lowercase())
        } else {
            idna::domain_to_ascii_cow(host, idna::AsciiDenyList::URL).ok()?
        };
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        let is_number = name.rsplit('.').next()?.bytes().all(|byte| byte.is_ascii_digit());
        let has_empty_label = name.split('.').any(str::is_empty);
        if is_number
            || has_empty_label
            || name.len() > HOST_MAX
            || name.bytes().any(|byte| !is_host_byte(byte))
        {
            return None;
        }
        Some(Self::Name(name.into_owned()))
    }
}

/// What nearly every host is: labels of ASCII with dots between them, and a letter at the end, so that it is no address. The
/// name in lower case; `None` says nothing.
fn plain_name(host: &[u8]) -> Option<String> {
    if host.len() > HOST_MAX || !host.last()?.is_ascii_alphabetic() {
        return None;
    }
    let mut before = b'.';
    let mut name = Vec::with_capacity(host.len());
    for byte in host {
        if !is_host_byte(*byte) || *byte == b'.' && before == b'.' {
            return None;
        }
        before = *byte;
        name.push(byte.to_ascii_lowercase());
    }
    String::from_utf8(name).ok()
}

/// The registrable domain of a host in lower case; the host itself where there is none.
pub fn registrable(host: &str) -> &str {
    psl::domain_str(host).unwrap_or(host)
}

fn class_of(host: &str, domain: &str, page: &[u8]) -> RefererClass {
    let in_page = |mark: &[u8]| contains_without_case(page, mark);
    if APPS.contains(&domain) || host.starts_with("mail.") || host.starts_with("webmail.") {
        return RefererClass::App;
    }
    let label = domain.split('.').next().unwrap_or_default();
    if label == "google" {
        if host.starts_with("sites.") || host.starts_with("groups.") {
            // people's own pages under a search engine's name
            return RefererClass::Other;
        }
        if host.starts_with("plus.") {
            return RefererClass::Social;
        }
        if starts_without_case(page, b"/reader") {
            return RefererClass::App;
        }
    }
    if SEARCH.contains(&label) || domain == "googleusercontent.com" {
        let is_image = host.starts_with("images.")
            || host.starts_with("image.")
            || host.contains(".images.")
            || starts_without_case(page, b"/images")
            || starts_without_case(page, b"/imgres")
            || starts_without_case(page, b"/imghp")
            || in_page(b"tbm=isch")
            || in_page(b"udm=2&")
            || in_page(b"source=images")
            || in_page(b"sa=i&");
        return if is_image { RefererClass::ImageSearch } else { RefererClass::Search };
    }
    if SOCIAL.contains(&domain) || label == "pinterest" {
        return RefererClass::Social;
    }
    RefererClass::Other
}

/// The host of what follows `scheme://`: user and port cut.
fn host_part(rest: &[u8]) -> &[u8] {
    let end = rest.iter().position(|byte| b"/?#\\".contains(byte)).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host = memchr::memrchr(b'@', authority).map_or(authority, |at| &authority[at + 1..]);
    if host.starts_with(b"[") {
        return memchr::memchr(b']', host).map_or(host, |at| &host[..=at]);
    }
    memchr::memchr(b':', host).map_or(host, |at| &host[..at])
}

fn page_part(rest: &[u8]) -> &[u8] {
    memchr::memchr2(b'/', b'?', rest).map_or(b"", |at| &rest[at..])
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
}

/// `%hh` undone once; what is no such escape stands for itself.
pub fn percent_decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let hex = text.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(decoded) if *byte == b'%' => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn domain(field: &str) -> String {
        Referer::of(field.as_bytes()).domain
    }

    fn class(field: &str) -> RefererClass {
        Referer::of(field.as_bytes()).class
    }

    #[test]
    fn both_spellings_of_a_forum_are_one_place() {
        assert_eq!(domain("http://www.s-chassis.co.nz/viewtopic.php?f=10&t=17022"), "s-chassis.co.nz");
        assert_eq!(domain("http://S-Chassis.co.nz./viewtopic.php"), "s-chassis.co.nz");
    }

    #[test]
    fn people_under_one_hoster_are_different_people() {
        assert_eq!(domain("http://a.blogspot.com/2015/"), "a.blogspot.com");
        assert_eq!(domain("http://b.github.io/"), "b.github.io");
    }

    #[test]
    fn hosts_are_read_as_browsers_read_them() {
        assert_eq!(domain("https://user:pw@www.Example.com:8443/x"), "example.com");
        assert_eq!(domain("http://b\u{fc}cher.example/"), "xn--bcher-kva.example");
        assert_eq!(domain("http://b%C3%BCcher.example/"), "xn--bcher-kva.example");
        assert_eq!(domain("http://[2001:db8::1]:80/a"), "2001:db8::1");
        assert_eq!(domain("http://[::ffff:192.0.2.1]/a"), "192.0.2.1");
        assert_eq!(domain("http://localhost/x"), "localhost");
        assert_eq!(domain("www.example.com"), "example.com");
    }

    #[test]
    fn places_are_told_apart() {
        use RefererClass as Is;
        let cases = [
            ("", Is::None),
            ("http://www.google.com/search?q=x", Is::Search),
            ("https://www.google.co.uk/imgres?imgurl=x", Is::ImageSearch),
            ("http://images.google.de/", Is::ImageSearch),
            ("https://www.google.fr/url?sa=i&rct=j", Is::ImageSearch),
            ("https://www.bing.com/images/search?q=x", Is::ImageSearch),
            ("http://www.google.com/reader/view/", Is::App),
            ("https://mail.google.com/", Is::App),
            ("android-app://com.google.android.gm/", Is::App),
            ("about:blank", Is::App),
            ("https://t.co/abc", Is::Social),
            ("https://plus.google.com/x", Is::Social),
            ("https://sites.google.com/x", Is::Other),
            ("http://127.0.0.1/", Is::BareIp),
            ("http://forum.example/t/1", Is::Other),
            ("() { :; }; /bin/bash -c 'x'", Is::Garbage),
            ("http://", Is::Garbage),
            ("http://a..b/", Is::Garbage),
            ("http://3232235777/", Is::Garbage),
            ("ftp://x.example/", Is::Garbage),
            ("javascript:alert(1)", Is::Garbage),
            ("hello", Is::Garbage),
        ];
        for (field, expected) in cases {
            assert_eq!(class(field), expected, "{field}");
        }
    }

    proptest! {
        #[test]
        fn the_short_way_to_a_name_ends_where_the_long_one_does(host in "[a-zA-Z0-9._%-]{0,12}[a-z]?") {
            let name = |host: &str| match Host::of(host.as_bytes()) {
                Some(Host::Name(name)) => Some(name),
                Some(Host::Address(address)) => Some(address.to_string()),
                None => None,
            };
            prop_assume!(!host.ends_with('.'));
            // A dot at the end means nothing, and no name that has one goes the short way.
            prop_assert_eq!(name(&host), name(&format!("{host}.")));
        }

        #[test]
        fn any_bytes_are_a_referer_of_some_class(field in proptest::collection::vec(any::<u8>(), 0..200)) {
            let referer = Referer::of(&field);
            prop_assert!(referer.host.len() <= HOST_MAX || referer.class == RefererClass::App);
        }

        #[test]
        fn a_host_in_any_case_and_with_any_port_is_the_same_domain(
            label in "[a-z][a-z0-9-]{0,8}[a-z0-9]", port in 1_u16..65535, flip in any::<u64>()
        ) {
            let host = format!("www.{label}.co.uk");
            let shuffled: String = host.chars().enumerate()
                .map(|(at, c)| if flip >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect();
            prop_assume!(!label.contains("--"));
            prop_assert_eq!(domain(&format!("http://{shuffled}:{port}/p")), format!("{label}.co.uk"));
        }
    }
}
