//! What kind of thing a target is, judged by its path: a server's own media types are not in a log.

use serde::Serialize;

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum TargetKind {
    /// A page that a person opens.
    Page,
    /// What a page needs to look right: style, code, fonts, icons of the site.
    Trimming,
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures, and the lists and pieces of streams.
    Video,
    /// Packed files, programs, images of disks.
    Archive,
    /// Documents to be read outside of a browser, data, plain text.
    Document,
    /// A feed: RSS, Atom, a podcast's list.
    Feed,
    /// Data for programs.
    Api,
    /// `robots.txt`, site maps, `.well-known`.
    Notice,
    /// Not a target at all.
    Garbage,
}

/// How many kinds there are.
pub const TARGET_KINDS: usize = 11;

impl TargetKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; TARGET_KINDS] = [
        Self::Page,
        Self::Trimming,
        Self::Image,
        Self::Audio,
        Self::Video,
        Self::Archive,
        Self::Document,
        Self::Feed,
        Self::Api,
        Self::Notice,
        Self::Garbage,
    ];

    /// The kind of `target`: a path with or without query, or an absolute URL, as in the request line.
    pub fn of(target: &[u8]) -> Self {
        let (path, query) = match memchr::memchr(b'?', target) {
            Some(at) => (&target[..at], &target[at + 1..]),
            None => (target, &b""[..]),
        };
        Self::of_path(path).with_query(query)
    }

    /// The kind of a path without its query.
    pub fn of_path(path: &[u8]) -> Self {
        let path = path_of(path);
        if !path.starts_with(b"/") {
            return if path == b"*" { Self::Notice } else { Self::Garbage };
        }
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let mut lower = [0; EXTENSION_MAX];
        match extension(name, &mut lower) {
            Some(ext) => Self::of_extension(ext).unwrap_or(Self::Page).with_name(path, name),
            None => Self::of_bare(path),
        }
    }

    /// A page whose query asks for a feed is one (`?feed=rss2`, `?flav=atom`).
    #[must_use]
    pub fn with_query(self, query: &[u8]) -> Self {
        let asks = |mark: &[u8]| contains_without_case(query, mark);
        if self == Self::Page && !query.is_empty() && (asks(b"rss") || asks(b"atom") || asks(b"feed=")) {
            return Self::Feed;
        }
        self
    }

    /// A file that people take for itself, and that other pages may embed or link: what hot-linking is about.
    pub fn is_media(self) -> bool {
        matches!(self, Self::Image | Self::Audio | Self::Video | Self::Archive | Self::Document)
    }

    /// What tells a visitor from something that takes single files.
    pub fn is_page(self) -> bool {
        self == Self::Page
    }

    /// In a few words, as a noun in the plural.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Page => "pages",
            Self::Trimming => "styles and code",
            Self::Image => "images",
            Self::Audio => "audio files",
            Self::Video => "videos",
            Self::Archive => "archives",
            Self::Document => "documents and data",
            Self::Feed => "feeds",
            Self::Api => "answers for programs",
            Self::Notice => "notices to robots",
            Self::Garbage => "garbage",
        }
    }

    fn of_extension(ext: &[u8]) -> Option<Self> {
        let kind = match ext {
            b"css" | b"js" | b"mjs" | b"map" | b"woff" | b"woff2" | b"ttf" | b"eot" | b"otf" | b"ico"
            | b"cur" | b"htc" | b"wasm" | b"webmanifest" | b"swf" => Self::Trimming,
            b"jpg" | b"jpeg" | b"jpe" | b"png" | b"gif" | b"webp" | b"avif" | b"svg" | b"svgz" | b"bmp"
            | b"tif" | b"tiff" | b"xbm" | b"heic" | b"jxl" | b"jfif" | b"psd" => Self::Image,
            b"mp3" | b"ogg" | b"oga" | b"opus" | b"m4a" | b"aac" | b"wav" | b"wma" | b"flac" | b"mid"
            | b"midi" | b"au" | b"aif" | b"aiff" | b"m3u" | b"pls" | b"ram" | b"ra" => Self::Audio,
            b"mp4" | b"m4v" | b"webm" | b"ogv" | b"avi" | b"mov" | b"wmv" | b"flv" | b"mkv" | b"mpg"
            | b"mpeg" | b"3gp" | b"m3u8" | b"ts" | b"mpd" | b"m4s" | b"f4v" | b"qt" => Self::Video,
            b"zip" | b"gz" | b"tgz" | b"bz2" | b"xz" | b"zst" | b"7z" | b"rar" | b"tar" | b"iso" | b"img"
            | b"dmg" | b"exe" | b"msi" | b"deb" | b"rpm" | b"apk" | b"ipa" | b"jar" | b"war" | b"bin"
            | b"run" | b"pkg" | b"torrent" | b"lha" | b"z" | b"cab" | b"gem" | b"whl" | b"crx" | b"xpi"
            | b"asc" | b"sig" => Self::Archive,
            b"pdf" | b"doc" | b"docx" | b"xls" | b"xlsx" | b"ppt" | b"pptx" | b"odt" | b"ods" | b"odp"
            | b"rtf" | b"epub" | b"mobi" | b"txt" | b"log" | b"csv" | b"tsv" | b"sql" | b"ps" | b"eps"
            | b"tex" | b"md" | b"patch" | b"diff" | b"c" | b"h" | b"py" | b"rb" | b"sh" | b"pl" | b"conf"
            | b"dat" | b"db" => Self::Document,
            b"rss" | b"atom" | b"rdf" | b"rss20" | b"opml" => Self::Feed,
            b"json" | b"xml" | b"jsonld" | b"yaml" | b"yml" | b"asmx" | b"svc" => Self::Api,
            _ => return None,
        };
        Some(kind)
    }

    /// Names that say more than their extension.
    fn with_name(self, path: &[u8], name: &[u8]) -> Self {
        match self {
            _ if name == b"robots.txt" || name == b"ads.txt" || path.starts_with(b"/.well-known/") => {
                Self::Notice
            }
            Self::Api | Self::Page if starts_without_case(name, b"sitemap") && self == Self::Api => {
                Self::Notice
            }
            Self::Api | Self::Page if is_feed_name(name) => Self::Feed,
            Self::Image
                if starts_without_case(name, b"favicon")
                    || starts_without_case(name, b"apple-touch-icon") =>
            {
                Self::Trimming
            }
            _ => self,
        }
    }

    /// A path whose last part has no extension.
    fn of_bare(path: &[u8]) -> Self {
        if path.starts_with(b"/.well-known/") {
            return Self::Notice;
        }
        let last = path.rsplit(|byte| *byte == b'/').find(|part| !part.is_empty()).unwrap_or_default();
        if [&b"feed"[..], b"feeds", b"rss", b"atom", b"rdf"]
            .iter()
            .any(|name| last.eq_ignore_ascii_case(name))
        {
            return Self::Feed;
        }
        let starts = |mark: &[u8]| starts_without_case(path, mark);
        if starts(b"/api/") || starts(b"/graphql") || starts(b"/rest/") || starts(b"/wp-json/") {
            return Self::Api;
        }
        Self::Page
    }
}

/// The longest extension that is one.
const EXTENSION_MAX: usize = 11;

/// The path of an absolute URL, else the text itself.
pub fn path_of(target: &[u8]) -> &[u8] {
    if target.starts_with(b"/") {
        return target;
    }
    let Some(at) = memchr::memmem::find(target, b"://") else { return target };
    if !target[..at].iter().all(u8::is_ascii_alphabetic) {
        return target;
    }
    let rest = &target[at + 3..];
    memchr::memchr(b'/', rest).map_or(b"/", |at| &rest[at..])
}

fn extension<'a>(name: &[u8], lower: &'a mut [u8; EXTENSION_MAX]) -> Option<&'a [u8]> {
    let at = memchr::memrchr(b'.', name)?;
    let ext = &name[at + 1..];
    let to = lower.get_mut(..ext.len())?;
    to.copy_from_slice(ext);
    to.make_ascii_lowercase();
    (!ext.is_empty()).then_some(to)
}

fn is_feed_name(name: &[u8]) -> bool {
    [&b"feed"[..], b"rss", b"atom", b"podcast", b"index.xml"]
        .iter()
        .any(|mark| contains_without_case(name, mark))
}

pub(crate) fn starts_without_case(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

pub(crate) fn contains_without_case(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_judged_by_its_last_part() {
        let cases: [(&str, TargetKind); 26] = [
            ("/", TargetKind::Page),
            ("/blog/geekery/a-post", TargetKind::Page),
            ("/blog/v1.0-release", TargetKind::Page),
            ("/index.php?id=3", TargetKind::Page),
            ("/a.html", TargetKind::Page),
            ("/audio/Song.MP3", TargetKind::Audio),
            ("/presentations/images/kibana-search.png", TargetKind::Image),
            ("http://other.example/a.png?x", TargetKind::Image),
            ("http://other.example", TargetKind::Page),
            ("/misc/sample.log", TargetKind::Document),
            ("/files/logstash.tar.gz", TargetKind::Archive),
            ("/video/part-12.ts", TargetKind::Video),
            ("/style2.css?v=2", TargetKind::Trimming),
            ("/favicon.ico", TargetKind::Trimming),
            ("/favicon-32.png", TargetKind::Trimming),
            ("/robots.txt", TargetKind::Notice),
            ("/sitemap-posts.xml", TargetKind::Notice),
            ("/.well-known/security.txt", TargetKind::Notice),
            ("/feed/", TargetKind::Feed),
            ("/?flav=rss20", TargetKind::Feed),
            ("/blog/tags/puppet?flav=rss20", TargetKind::Feed),
            ("/podcast.xml", TargetKind::Feed),
            ("/api/v2/users", TargetKind::Api),
            ("/data.json", TargetKind::Api),
            (r"\x16\x03\x01", TargetKind::Garbage),
            ("*", TargetKind::Notice),
        ];
        for (target, kind) in cases {
            assert_eq!(TargetKind::of(target.as_bytes()), kind, "{target}");
        }
    }

    #[test]
    fn every_kind_stands_at_its_number() {
        for (number, kind) in TargetKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, number);
        }
    }
}
