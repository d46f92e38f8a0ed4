//! What kind of program asks, judged by what it says of itself. Anyone can say anything: a name here explains, and
//! excuses nobody by itself.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde::Serialize;
use std::sync::LazyLock;

/// What kind of program asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Program {
    /// Says that it is a browser.
    Browser,
    /// A search engine, an archive, a preview of a link in a chat.
    Crawler,
    /// Reads feeds.
    FeedReader,
    /// Plays sound or video, podcasts among it.
    Player,
    /// A library or a tool for downloads, as programs use it.
    Library,
    /// Looks whether the site is up.
    Monitoring,
    /// Says nothing.
    Silent,
    /// Something else.
    Other,
}

/// So much of a field is looked at, in bytes: the rest of a longer one is an attacker's.
const LOOKED_AT_BYTES: usize = 1024;

const MONITORING: [&str; 24] = [
    "pingdom",
    "uptimerobot",
    "uptime-kuma",
    "statuscake",
    "site24x7",
    "nagios",
    "check_http",
    "zabbix",
    "icinga",
    "sensu",
    "datadog",
    "newrelic",
    "blackbox",
    "prometheus",
    "kube-probe",
    "elb-healthchecker",
    "googlehc",
    "haproxy",
    "monit/",
    "monitoring",
    "catchpoint",
    "betteruptime",
    "better uptime",
    "hetrixtools",
];
const FEED_READERS: [&str; 36] = [
    "feedly",
    "tiny tiny rss",
    "tt-rss",
    "newsblur",
    "feedbin",
    "inoreader",
    "theoldreader",
    "feedfetcher",
    "feedburner",
    "feedparser",
    "universalfeedparser",
    "netnewswire",
    "newsbeuter",
    "newsboat",
    "liferea",
    "akregator",
    "rssowl",
    "bloglines",
    "netvibes",
    "feeddemon",
    "simplepie",
    "magpierss",
    "rome client",
    "reeder",
    "rss",
    "feed",
    "miniflux",
    "freshrss",
    "commafeed",
    "yarr",
    "vienna/",
    "planet",
    "livejournal.com",
    "digg deeper",
    "bazqux",
    "selfoss",
];
const PLAYERS: [&str; 34] = [
    "applecoremedia",
    "itunes",
    "podcast",
    "overcast",
    "pocketcasts",
    "pocket casts",
    "castbox",
    "antennapod",
    "castro",
    "downcast",
    "icatcher",
    "instacast",
    "gpodder",
    "stitcher",
    "podbean",
    "podcruncher",
    "spotify",
    "vlc",
    "libvlc",
    "lavf/",
    "mplayer",
    "mpv",
    "winamp",
    "foobar2000",
    "nsplayer",
    "windows-media-player",
    "wmplayer",
    "quicktime",
    "stagefright",
    "exoplayer",
    "kodi",
    "sonos",
    "audacious",
    "gstreamer",
];
const CRAWLERS: [&str; 30] = [
    "bot",
    "crawl",
    "spider",
    "slurp",
    "archiver",
    "ia_archiver",
    "mediapartners",
    "facebookexternalhit",
    "whatsapp",
    "preview",
    "google web preview",
    "yandex.com/bots",
    "bingpreview",
    "embedly",
    "scoutjet",
    "nutch",
    "heritrix",
    "teoma",
    "baiduspider",
    "sogou",
    "validator",
    "scrapy",
    "gptbot",
    "claude-web",
    "ccbot",
    "yahoo!",
    "panscient",
    "search",
    "google-",
    "indexer",
];
const LIBRARIES: [&str; 36] = [
    "curl",
    "wget",
    "python",
    "urllib",
    "aiohttp",
    "httpx",
    "libwww",
    "lwp",
    "java/",
    "okhttp",
    "apache-httpclient",
    "jakarta",
    "go-http-client",
    "go 1.",
    "ruby",
    "faraday",
    "mechanize",
    "php/",
    "guzzle",
    "node-fetch",
    "axios",
    "undici",
    "got (",
    "winhttp",
    "wininet",
    "powershell",
    "aria2",
    "libcurl",
    "http_request",
    "fetch",
    "httrack",
    "downloader",
    "postman",
    "dalvik",
    "cfnetwork",
    "typhoeus",
];
const BROWSERS: [&str; 6] = ["mozilla/", "opera/", "lynx", "w3m", "links (", "elinks"];

impl Program {
    /// The kind of program that a field User-Agent names.
    ///
    /// A name in it counts for more than `Mozilla/5.0`, which nearly all say.
    pub fn of(agent: &[u8]) -> Self {
        let mut lower = [0; LOOKED_AT_BYTES];
        let text = lowered(agent, &mut lower);
        if text.is_empty() || text == b"-" {
            return Self::Silent;
        }
        named(text).map_or(Self::Other, |(program, _)| program)
    }

    /// The name by which one program is known whatever its version: `Googlebot` of `Mozilla/5.0 (compatible;
    /// Googlebot/2.1; …)`. `None` for browsers, whose names say nothing about who sits there.
    pub fn family(agent: &[u8]) -> Option<String> {
        let mut lower = [0; LOOKED_AT_BYTES];
        let text = lowered(agent, &mut lower);
        let (program, at) = named(text)?;
        if program == Self::Browser {
            return None;
        }
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.!".contains(byte);
        let from = text[..at].iter().rposition(|byte| !is_part(byte)).map_or(0, |before| before + 1);
        let to = text[at..].iter().position(|byte| !is_part(byte)).map_or(text.len(), |after| at + after);
        Some(String::from_utf8_lossy(&agent[from..to]).into_owned())
    }

    /// In a few words, in the plural.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Browser => "browsers",
            Self::Crawler => "crawlers",
            Self::FeedReader => "feed readers",
            Self::Player => "players and podcast apps",
            Self::Library => "libraries and download tools",
            Self::Monitoring => "monitoring",
            Self::Silent => "programs that say nothing of themselves",
            Self::Other => "other programs",
        }
    }
}

/// The names in the order in which they count: one in a table before another outweighs all behind it.
const TABLES: [(Program, &[&str]); 6] = [
    (Program::Monitoring, &MONITORING),
    (Program::Crawler, &["googlebot", "bingbot", "yandexbot", "imgsrch"]),
    (Program::FeedReader, &FEED_READERS),
    (Program::Player, &PLAYERS),
    (Program::Crawler, &CRAWLERS),
    (Program::Library, &LIBRARIES),
];

/// All names in one automaton, so that a field is gone through once; with the program of each.
struct Names {
    programs: Vec<Program>,
    automaton: AhoCorasick,
}

static NAMES: LazyLock<Option<Names>> = LazyLock::new(|| {
    let named = || TABLES.iter().flat_map(|(program, names)| names.iter().map(|name| (*program, *name)));
    let automaton =
        AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(named().map(|(_, name)| name));
    Some(Names { programs: named().map(|(program, _)| program).collect(), automaton: automaton.ok()? })
});

fn named(text: &[u8]) -> Option<(Program, usize)> {
    let names = NAMES.as_ref()?;
    let found =
        names.automaton.find_overlapping_iter(text).min_by_key(|found| (found.pattern(), found.start()));
    let found =
        found.and_then(|found| Some((*names.programs.get(found.pattern().as_usize())?, found.start())));
    found.or_else(|| {
        BROWSERS.iter().any(|name| text.starts_with(name.as_bytes())).then_some((Program::Browser, 0))
    })
}

fn lowered<'a>(agent: &[u8], to: &'a mut [u8; LOOKED_AT_BYTES]) -> &'a [u8] {
    let length = agent.len().min(LOOKED_AT_BYTES);
    to[..length].copy_from_slice(&agent[..length]);
    to[..length].make_ascii_lowercase();
    &to[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_the_name_it_gives() {
        let chrome = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/32.0.1700.77 Safari/537.36";
        let cases = [
            (chrome, Program::Browser),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Program::Crawler),
            ("Tiny Tiny RSS/1.11 (http://tt-rss.org/)", Program::FeedReader),
            ("UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/", Program::FeedReader),
            ("AppleCoreMedia/1.0.0.12B466 (iPhone; U; CPU OS 8_1_3 like Mac OS X; en_us)", Program::Player),
            ("curl/7.88.1", Program::Library),
            ("Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", Program::Monitoring),
            ("-", Program::Silent),
            ("", Program::Silent),
            ("Chef Knife/11.8.2", Program::Other),
        ];
        for (agent, program) in cases {
            assert_eq!(Program::of(agent.as_bytes()), program, "{agent}");
        }
    }

    #[test]
    fn a_family_has_no_version() {
        let of = |agent: &str| Program::family(agent.as_bytes());
        assert_eq!(
            of("Mozilla/5.0 (compatible; Googlebot/2.1; +http://x/bot.html)").as_deref(),
            Some("Googlebot")
        );
        assert_eq!(
            of("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://x)").as_deref(),
            Some("Baiduspider")
        );
        assert_eq!(of("Wget/1.13.4 (linux-gnu)").as_deref(), Some("Wget"));
        assert_eq!(of("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"), None);
    }

    #[test]
    fn all_names_fit_into_the_automaton() {
        assert!(NAMES.is_some());
    }

    #[test]
    fn what_is_no_text_is_no_trouble() {
        assert_eq!(Program::of(&[0xff; 5000]), Program::Other);
        assert_eq!(Program::family(&[0xff; 5000]), None);
    }
}
