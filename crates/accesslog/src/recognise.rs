//! Which layout the lines of a sample have.

use std::cmp::Reverse;

use crate::address::forwarded;
use crate::layout::{Layout, LeftOut};
use crate::line::{BytesMeaning, Client, Line, LineMoment, Mended, Said};
use crate::read::{LineReader, Read};

/// A layout that may be the one of a sample.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The layout; what it counts as bytes is decided by the sample where that can be.
    pub layout: Layout,
    /// Lines of the sample that it reads exactly.
    pub lines_read: usize,
    /// Lines of the sample that it reads after mending them.
    pub lines_mended: usize,
    /// Lines of the sample, without comments.
    pub lines: usize,
    /// How certain it is.
    pub certainty: Certainty,
    /// Why this one, as a sentence without its end.
    pub reason: String,
}

/// How certain a recognised layout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It reads some lines.
    Guess,
    /// It reads most lines; or another layout would read them as well.
    Likely,
    /// It reads at least 95 of 100 lines exactly.
    Certain,
}

/// Lines of a sample that are looked at.
const SAMPLE_LINES_MAX: usize = 2_000;

/// So many lines without a body must agree before they say what is counted as bytes.
const BODILESS_MIN: u32 = 3;

/// The layouts that read lines of the sample, the best first. A last line without its end is left out if there are
/// others.
pub fn recognise(sample: &[u8]) -> Vec<Candidate> {
    let mut lines: Vec<&[u8]> =
        sample.split_inclusive(|byte| *byte == b'\n').take(SAMPLE_LINES_MAX).collect();
    if lines.len() > 1 && lines.last().is_some_and(|last| !last.ends_with(b"\n")) {
        lines.pop();
    }
    let mut tried: Vec<Tried> = Layout::names()
        .filter_map(|(name, _)| Some(Tried::on(name, Layout::named(name)?, &lines)))
        .filter(|tried| tried.read + tried.mended > 0)
        .collect();
    // The sort keeps the order of names among equals: the richer layouts come first there.
    tried.sort_by_key(|tried| Reverse((tried.read, tried.mended)));
    prefer_seconds(&mut tried);
    tried.into_iter().map(Tried::candidate).collect()
}

/// A number after a combined line is a duration: in microseconds if in seconds it would be beyond a day.
fn prefer_seconds(tried: &mut [Tried]) {
    if let [first, second, ..] = tried
        && (first.name, second.name) == ("combined_micros", "icecast")
        && first.read == second.read
    {
        first.doubt = Some("the last number is taken as microseconds");
        second.doubt = Some("the last number is taken as seconds");
        if first.longest_micros < 86_400 {
            std::mem::swap(first, second);
        }
    }
}

/// What reading a sample by one layout gave.
struct Tried {
    name: &'static str,
    layout: Layout,
    lines: usize,
    read: usize,
    mended: usize,
    longest_micros: u64,
    bodiless: Bodiless,
    seen: Seen,
    doubt: Option<&'static str>,
}

/// Answers that have no body (304, HEAD): what is logged for their bytes tells what is counted.
#[derive(Default)]
struct Bodiless {
    dashes: u32,
    zeros: u32,
    heads: u32,
}

/// Which values came at all.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
struct Seen {
    referer: bool,
    user_agent: bool,
    duration: bool,
    host: bool,
}

impl Tried {
    fn on(name: &'static str, layout: Layout, lines: &[&[u8]]) -> Self {
        let mut reader = LineReader::new(&layout);
        let mut tried = Self {
            name,
            layout,
            lines: 0,
            read: 0,
            mended: 0,
            longest_micros: 0,
            bodiless: Bodiless::default(),
            seen: Seen::default(),
            doubt: None,
        };
        for text in lines {
            match reader.read(text) {
                Read::Comment => continue,
                Read::Bad(_) => {}
                Read::Line(line) if !is_plausible(name, &line) => {}
                Read::Line(line) => tried.take(&line, text),
            }
            tried.lines += 1;
        }
        tried.layout = reader.layout().clone();
        tried
    }

    fn take(&mut self, line: &Line<'_>, text: &[u8]) {
        match line.mended {
            None | Some(Mended::Wrapped) => self.read += 1,
            Some(_) => self.mended += 1,
        }
        self.longest_micros = self.longest_micros.max(line.duration_micros.known().unwrap_or(0));
        self.seen.referer |= !line.referer.is_unknown();
        self.seen.user_agent |= !line.user_agent.is_unknown();
        self.seen.duration |= !line.duration_micros.is_unknown();
        self.seen.host |= !line.host.is_unknown() || !line.virtual_server.is_unknown();
        if line.status == 304 || (line.method == b"HEAD" && line.status == 200) {
            let dash = format!(" {} -", line.status);
            match line.bytes {
                Said::Known(0) if memchr::memmem::find(text, dash.as_bytes()).is_some() => {
                    self.bodiless.dashes += 1;
                }
                Said::Known(0) => self.bodiless.zeros += 1,
                Said::Known(_) => self.bodiless.heads += 1,
                Said::Absent | Said::Unknown => {}
            }
        }
    }

    fn candidate(self) -> Candidate {
        let share = |of: usize| self.read * 100 >= self.lines * of;
        let certainty = match self.doubt {
            None if share(95) => Certainty::Certain,
            _ if share(50) => Certainty::Likely,
            _ => Certainty::Guess,
        };
        let mut reason = format!("{} of {} lines of the sample read exactly", self.read, self.lines);
        if let Some(doubt) = self.doubt {
            reason = format!("{reason}; {doubt}");
        }
        let mut layout = self.layout.with_seen(|facts, left_out| {
            facts.has_referer &= self.seen.referer;
            facts.has_user_agent &= self.seen.user_agent;
            facts.has_duration &= self.seen.duration;
            facts.has_host &= self.seen.host;
            if !facts.has_duration && self.name == "json" {
                facts.moment = LineMoment::End;
            }
            *left_out = LeftOut { referer: self.seen.referer, user_agent: self.seen.user_agent };
        });
        if layout.facts().bytes == BytesMeaning::Unclear
            && let Some((meaning, why)) = self.bodiless.meaning()
        {
            layout = layout.with_bytes(meaning);
            reason = format!("{reason}; {why}");
        }
        Candidate {
            layout,
            lines_read: self.read,
            lines_mended: self.mended,
            lines: self.lines,
            certainty,
            reason,
        }
    }
}

impl Bodiless {
    /// Apache's `%b` shows a dash, nginx's `$body_bytes_sent` and `%B` a zero, `%O` the bytes of the head.
    fn meaning(&self) -> Option<(BytesMeaning, String)> {
        let Self { dashes, zeros, heads } = *self;
        let all = dashes + zeros + heads;
        // A few answers may break the pattern: a HEAD that a program answered with a body.
        let is_most = |count: u32| all >= BODILESS_MIN && count * 10 >= all * 9;
        let answers = format!("of {all} answers without a body");
        if is_most(dashes) {
            let why =
                format!("{answers} {dashes} show a dash, so bytes are those of the body as promised (%b)");
            Some((BytesMeaning::BodyPromised, why))
        } else if is_most(zeros) {
            let why = format!("{answers} {zeros} show 0, so bytes are those of the body as sent");
            Some((BytesMeaning::BodySent, why))
        } else if is_most(heads) {
            let why = format!("{answers} {heads} show some, so bytes count the head too (%O)");
            Some((BytesMeaning::AllSent, why))
        } else {
            None
        }
    }
}

/// Whether what a layout finds in a line is what it should find there.
fn is_plausible(name: &str, line: &Line<'_>) -> bool {
    let is_host = |said: Said<crate::Text<'_>>| said.known().is_some_and(|text| looks_like_host(text.raw));
    let is_client = match line.client {
        Client::Address(_) => true,
        Client::Name(name) => looks_like_host(name),
    };
    match name {
        "vhost_first_combined" | "vhost_first_common" => is_host(line.virtual_server) && is_client,
        "vhost_combined" => line.virtual_server.known().is_some() && is_client,
        "lighttpd" => is_host(line.host),
        "nginx_main" => match line.request_field(b"X-Forwarded-For") {
            Said::Known(list) => forwarded(list.raw).is_some(),
            Said::Absent => true,
            Said::Unknown => false,
        },
        "caddy" | "traefik_json" | "json" => {
            !line.target.is_empty() && (line.status != 0 || !line.bytes.is_unknown())
        }
        _ => true,
    }
}

/// A name with a dot, or an address.
fn looks_like_host(text: &[u8]) -> bool {
    memchr::memchr2(b'.', b':', text).is_some()
        && text.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'/')
        || text == b"localhost"
}
