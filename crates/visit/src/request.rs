//! What kind of request it is: how its visitor came to ask.
//!
//! A referer alone cannot tell. A page can hide it (`referrerpolicy`), and then a hot-linked file looks like one that a
//! feed reader fetches. Browsers say besides, over TLS, who began a request and for what
//! ([Fetch Metadata](https://www.w3.org/TR/fetch-metadata/)); feed readers and players never do.

use crate::agent::Program;
use crate::referer::{Referer, RefererClass};
use crate::target::{TargetKind, contains_without_case};
use serde::Serialize;

/// What a request says of itself. A field that is not there, or that nobody knows, is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// As in the request line.
    pub target: &'a [u8],
    /// `Referer`
    pub referer: Option<&'a [u8]>,
    /// `User-Agent`
    pub agent: Option<&'a [u8]>,
    /// `Accept`
    pub accept: Option<&'a [u8]>,
    /// `Range`
    pub range: Option<&'a [u8]>,
    /// `Sec-Fetch-Site`: who began it, as the browser sees it, redirects on the way included.
    pub fetch_site: Option<&'a [u8]>,
    /// `Sec-Fetch-Mode`
    pub fetch_mode: Option<&'a [u8]>,
    /// `Sec-Fetch-Dest`: what the answer is for.
    pub fetch_dest: Option<&'a [u8]>,
}

/// How a visitor came to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestKind {
    /// A page of this site led to it.
    Own,
    /// Somebody followed a link on another site.
    Link,
    /// A page of another site shows it as part of itself: hot-linking.
    Embed,
    /// Typed, bookmarked, or opened from outside of a browser.
    Direct,
    /// A feed reader, a podcast app, a player.
    App,
    /// A program that says neither that it is a browser nor an app, and no page that sent it.
    Bare,
    /// What it says cannot all be true of a browser.
    Forged,
}

impl RequestKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Own, Self::Link, Self::Embed, Self::Direct, Self::App, Self::Bare, Self::Forged];

    /// The word for it in rules and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Link => "link",
            Self::Embed => "embed",
            Self::Direct => "direct",
            Self::App => "app",
            Self::Bare => "bare",
            Self::Forged => "forged",
        }
    }

    /// Judges a request. `is_own` says of a host (lower case, A-labels) whether it belongs to the site that is asked.
    ///
    /// Where a browser says who began the request, that counts for more than a referer, which anyone can write and any
    /// page can hide; where both speak and contradict each other, the request is [`Self::Forged`].
    pub fn of(asked: &Asked<'_>, is_own: impl Fn(&str) -> bool) -> Self {
        Self::of_sender(asked, &Referer::of(asked.referer.unwrap_or_default()), is_own)
    }

    /// The same for whoever has read the referer already.
    pub fn of_sender(asked: &Asked<'_>, referer: &Referer, is_own: impl Fn(&str) -> bool) -> Self {
        let from = match referer.class {
            RefererClass::None => From::Nowhere,
            RefererClass::Garbage => return Self::Forged,
            _ if is_own(&referer.host) => From::Own,
            RefererClass::App => From::App,
            class => From::Elsewhere(class),
        };
        match asked.fetch_site {
            Some(site) => Self::by_metadata(asked, site, from),
            None => Self::by_referer(asked, from),
        }
    }

    fn by_metadata(asked: &Asked<'_>, site: &[u8], from: From) -> Self {
        let dest = asked.fetch_dest.unwrap_or_default();
        match (site, from) {
            // A page sends its own address or none, and what was typed was sent by no page.
            (b"same-origin" | b"same-site", From::Elsewhere(_))
            | (b"none", From::Elsewhere(_) | From::Own) => Self::Forged,
            // From an own page to one over another site, as at a log-in, is across sites to a browser.
            (b"same-origin" | b"same-site", _) | (b"cross-site", From::Own) => Self::Own,
            (b"none", _) => Self::Direct,
            (b"cross-site", _) if [&b"iframe"[..], b"frame", b"embed", b"object"].contains(&dest) => {
                Self::Embed
            }
            (b"cross-site", _) if dest == b"document" || asked.fetch_mode == Some(b"navigate") => Self::Link,
            (b"cross-site", _) => Self::Embed,
            _ => Self::Forged,
        }
    }

    fn by_referer(asked: &Asked<'_>, from: From) -> Self {
        match from {
            From::Own => Self::Own,
            From::App => Self::App,
            // Who searches for pictures looks at ours on the page of the search engine: it leads here as a link does.
            From::Elsewhere(RefererClass::Search | RefererClass::ImageSearch) => Self::Link,
            From::Elsewhere(_) => match TargetKind::of(asked.target) {
                TargetKind::Image | TargetKind::Audio | TargetKind::Video | TargetKind::Trimming => {
                    Self::Embed
                }
                _ => Self::Link,
            },
            From::Nowhere => match Program::of(asked.agent.unwrap_or_default()) {
                Program::FeedReader | Program::Player => Self::App,
                Program::Browser if asked.is_for_a_player_of_a_page() => Self::Embed,
                Program::Browser => Self::Direct,
                _ => Self::Bare,
            },
        }
    }
}

/// Whose page sent it, as far as the referer says.
#[derive(Clone, Copy)]
enum From {
    Nowhere,
    Own,
    App,
    Elsewhere(RefererClass),
}

impl Asked<'_> {
    /// A browser asks for sound or video from the beginning, in ranges, and not for a page: an element of some page
    /// plays it, and that page hides itself. What is opened by hand is asked for as a page is, without `Range`.
    fn is_for_a_player_of_a_page(&self) -> bool {
        self.range.is_some_and(|range| range.starts_with(b"bytes=0-"))
            && self.accept.is_some_and(|accept| !contains_without_case(accept, b"text/html"))
            && matches!(TargetKind::of(self.target), TargetKind::Audio | TargetKind::Video)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIREFOX: &[u8] = b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

    fn kind(asked: Asked<'_>) -> RequestKind {
        RequestKind::of(&asked, |host| host == "site.example" || host.ends_with(".site.example"))
    }

    fn from<'a>(target: &'a str, referer: &'a str) -> Asked<'a> {
        let referer = Some(referer.as_bytes()).filter(|referer| !referer.is_empty());
        Asked { target: target.as_bytes(), referer, agent: Some(FIREFOX), ..Asked::default() }
    }

    fn fetched<'a>(asked: Asked<'a>, site: &'a str, mode: &'a str, dest: &'a str) -> Asked<'a> {
        Asked {
            fetch_site: Some(site.as_bytes()),
            fetch_mode: Some(mode.as_bytes()),
            fetch_dest: Some(dest.as_bytes()),
            ..asked
        }
    }

    #[test]
    fn without_metadata_the_referer_and_the_thing_asked_for_decide() {
        for (target, referer, expected) in [
            ("/a.mp3", "http://www.site.example/", RequestKind::Own),
            ("/a.mp3", "http://forum.example/thread?1", RequestKind::Embed),
            ("/a.png", "https://www.google.com/imgres?x", RequestKind::Link),
            ("/article", "http://news.example/", RequestKind::Link),
            ("/report.pdf", "http://news.example/", RequestKind::Link),
            ("/article", "", RequestKind::Direct),
            ("/a.mp3", "", RequestKind::Direct),
            ("/a.mp3", "android-app://com.example/", RequestKind::App),
            ("/a.mp3", "l", RequestKind::Forged),
        ] {
            assert_eq!(kind(from(target, referer)), expected, "{target} {referer}");
        }
    }

    #[test]
    fn a_page_that_hides_itself_is_told_from_a_podcast_app() {
        let hidden = fetched(from("/a.mp3", ""), "cross-site", "no-cors", "audio");
        assert_eq!(kind(hidden), RequestKind::Embed);
        let in_the_clear = Asked {
            range: Some(b"bytes=0-"),
            accept: Some(b"audio/webm,audio/ogg,audio/wav,audio/*;q=0.9,*/*;q=0.5"),
            ..from("/a.mp3", "")
        };
        assert_eq!(kind(in_the_clear), RequestKind::Embed);
        for agent in ["AntennaPod/3.4.0", "AppleCoreMedia/1.0.0.21E236", "Tiny Tiny RSS/24.04"] {
            let app = Asked { agent: Some(agent.as_bytes()), range: Some(b"bytes=0-"), ..from("/a.mp3", "") };
            assert_eq!(kind(app), RequestKind::App, "{agent}");
        }
        for agent in [&b"curl/8.5"[..], b"", b"Mozilla/5.0 (compatible; Googlebot/2.1)"] {
            assert_eq!(kind(Asked { agent: Some(agent), ..from("/a.mp3", "") }), RequestKind::Bare);
        }
    }

    #[test]
    fn what_a_browser_says_counts_for_more_than_a_referer() {
        for (referer, site, mode, dest, expected) in [
            ("", "none", "navigate", "document", RequestKind::Direct),
            ("", "same-origin", "no-cors", "audio", RequestKind::Own),
            ("https://site.example/", "same-origin", "cors", "empty", RequestKind::Own),
            ("", "same-site", "no-cors", "image", RequestKind::Own),
            ("https://forum.example/", "cross-site", "navigate", "document", RequestKind::Link),
            ("", "cross-site", "navigate", "document", RequestKind::Link),
            ("https://forum.example/", "cross-site", "navigate", "iframe", RequestKind::Embed),
            ("https://forum.example/", "cross-site", "no-cors", "image", RequestKind::Embed),
            ("https://site.example/login", "cross-site", "navigate", "document", RequestKind::Own),
            ("https://www.google.com/", "none", "navigate", "document", RequestKind::Forged),
            ("https://www.google.com/", "same-origin", "navigate", "document", RequestKind::Forged),
            ("", "somewhere", "navigate", "document", RequestKind::Forged),
        ] {
            let asked = fetched(from("/a.mp3", referer), site, mode, dest);
            assert_eq!(kind(asked), expected, "{referer} {site} {mode} {dest}");
        }
    }

    proptest! {
        #[test]
        fn no_request_is_too_strange_to_be_judged(
            target: Vec<u8>, referer: Option<Vec<u8>>, agent: Option<Vec<u8>>, site: Option<Vec<u8>>,
        ) {
            let asked = Asked {
                target: &target,
                referer: referer.as_deref(),
                agent: agent.as_deref(),
                fetch_site: site.as_deref(),
                ..Asked::default()
            };
            let judged = kind(asked);
            prop_assert!(RequestKind::ALL.contains(&judged));
        }
    }
}
