//! What a client is told when nobody has an answer for it: a page for a person, a problem document for a program (RFC
//! 9457), or a plain text, whichever it accepts most (RFC 9110, 12.5.1). An operator's own files come before ours.

use message::{Fields, Known, reason_of};
use std::fmt::Write;
use std::sync::Arc;

/// Media ranges of one `Accept` that are looked at; browsers send about ten.
const MEDIA_RANGES_MAX: usize = 64;

/// How an error is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// A page for a person.
    Html,
    /// A problem document, RFC 9457.
    Json,
    /// A text of a few lines.
    Text,
}

impl Form {
    /// Every form; of two that a client wants equally, the first.
    pub const ALL: [Self; 3] = [Self::Html, Self::Json, Self::Text];

    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/problem+json",
            Self::Text => "text/plain; charset=utf-8",
        }
    }

    /// The media types by which a client asks for it.
    const fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Html => &["text/html"],
            Self::Json => &["application/problem+json", "application/json"],
            Self::Text => &["text/plain"],
        }
    }

    /// The form that a client wants most. One that says nothing gets a page; one that wants none of them a text, since
    /// an error has to be told in some way.
    pub fn wanted(fields: &Fields) -> Self {
        if !fields.has(Known::Accept) {
            return Self::Html;
        }
        let ranges: Vec<MediaRange<'_>> = fields
            .all_known(Known::Accept)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .take(MEDIA_RANGES_MAX)
            .enumerate()
            .filter_map(|(place, text)| MediaRange::read(text, place))
            .collect();
        let mut best: Option<(Wish, Self)> = None;
        for form in Self::ALL {
            let wish = form.media_types().iter().filter_map(|media| wish_for(media, &ranges)).max();
            let Some(wish) = wish.filter(|wish| wish.quality > 0) else { continue };
            if best.is_none_or(|(other, _)| wish > other) {
                best = Some((wish, form));
            }
        }
        best.map_or(Self::Text, |(_, form)| form)
    }
}

/// How much a media type is wanted; the greater the more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wish {
    /// In thousandths.
    quality: u16,
    precision: Precision,
    /// What stands first is wanted first, where nothing else tells.
    place: std::cmp::Reverse<usize>,
}

/// How exactly a media range names a type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    Anything,
    AnyOfType,
    Exact,
}

/// `text/html;q=0.8`
struct MediaRange<'a> {
    name: &'a [u8],
    quality: u16,
    place: usize,
}

impl<'a> MediaRange<'a> {
    /// What cannot be read wants nothing.
    fn read(text: &'a [u8], place: usize) -> Option<Self> {
        let mut parts = text.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().filter(|name| name.contains(&b'/'))?;
        let weight = parts.find_map(|part| part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q=")));
        Some(Self { name, quality: weight.map_or(Some(1000), thousandths)?, place })
    }

    fn precision(&self, media: &str) -> Option<Precision> {
        if self.name.eq_ignore_ascii_case(media.as_bytes()) {
            return Some(Precision::Exact);
        }
        let kind = media.split('/').next().unwrap_or_default();
        match self.name.strip_suffix(b"/*")? {
            b"*" => Some(Precision::Anything),
            any if any.eq_ignore_ascii_case(kind.as_bytes()) => Some(Precision::AnyOfType),
            _ => None,
        }
    }
}

/// A weight (RFC 9110, 12.4.2): `0` to `1` with at most three digits behind the point.
fn thousandths(text: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_sound = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    let part: u16 = format!("{part:0<3}").parse().ok().filter(|_| is_sound)?;
    match (whole, part) {
        ("0", part) => Some(part),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// The range that names a type most exactly decides about it.
fn wish_for(media: &str, ranges: &[MediaRange<'_>]) -> Option<Wish> {
    let wishes = ranges.iter().filter_map(|range| {
        let precision = range.precision(media)?;
        Some(Wish { quality: range.quality, precision, place: std::cmp::Reverse(range.place) })
    });
    wishes.max_by_key(|wish| (wish.precision, wish.quality, wish.place))
}

/// What there is to tell.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The status of the answer.
    pub status: u16,
    /// What happened, in a sentence.
    pub sentence: &'a str,
    /// Which request it was, as in the log.
    pub request_id: &'a str,
}

/// The operator's own pages of a virtual server.
#[derive(Clone, Debug, Default)]
pub struct ErrorPages {
    /// The more exact before the less.
    pub(crate) pages: Vec<(Statuses, Form, Arc<Page>)>,
}

/// For which errors a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Statuses {
    /// This one.
    One(u16),
    /// All of one hundred.
    Hundred(u16),
    /// All.
    All,
}

impl Statuses {
    /// `"503"`, `"5xx"`, `"default"`
    pub(crate) fn read(text: &str) -> Option<Self> {
        match text {
            "default" => Some(Self::All),
            "4xx" => Some(Self::Hundred(4)),
            "5xx" => Some(Self::Hundred(5)),
            _ => text.parse().ok().filter(|status| (400..600).contains(status)).map(Self::One),
        }
    }

    const fn hold(self, status: u16) -> bool {
        match self {
            Self::One(one) => one == status,
            Self::Hundred(hundred) => status / 100 == hundred,
            Self::All => true,
        }
    }
}

/// A file of the operator's, with places that are filled in.
#[derive(Debug)]
pub(crate) struct Page {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(Box<str>),
    Status,
    Reason,
    Sentence,
    RequestId,
}

impl Piece {
    /// The place to fill in that a text begins with, and the length of its name.
    fn at(text: &str) -> Option<(usize, Self)> {
        let places = [
            ("{{status}}", Self::Status),
            ("{{reason}}", Self::Reason),
            ("{{message}}", Self::Sentence),
            ("{{request_id}}", Self::RequestId),
        ];
        let found = places.into_iter().find(|(name, _)| text.starts_with(name));
        found.map(|(name, piece)| (name.len(), piece))
    }
}

impl Page {
    /// Whatever else stands between double braces is left as it is: pages bring templates of their own.
    pub(crate) fn new(text: &str) -> Self {
        let (mut pieces, mut from, mut at) = (Vec::new(), 0, 0);
        while let Some(found) = text.get(at..).and_then(|rest| rest.find("{{")) {
            let start = at + found;
            let rest = text.get(start..).unwrap_or_default();
            let Some((length, piece)) = Piece::at(rest) else {
                at = start + 1;
                continue;
            };
            pieces.push(Piece::Text(text.get(from..start).unwrap_or_default().into()));
            pieces.push(piece);
            at = start + length;
            from = at;
        }
        pieces.push(Piece::Text(text.get(from..).unwrap_or_default().into()));
        Self { pieces }
    }

    fn write(&self, form: Form, told: Told<'_>) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                // Writing to a string cannot fail.
                Piece::Status => drop(write!(out, "{}", told.status)),
                Piece::Reason => escape(form, reason_of(told.status), &mut out),
                Piece::Sentence => escape(form, told.sentence, &mut out),
                Piece::RequestId => escape(form, told.request_id, &mut out),
            }
        }
        out
    }
}

impl ErrorPages {
    /// The page for this error in the form that a client wants, and its `Content-Type`. `None` stands for a client of
    /// whom nothing could be read: it gets the operator's page if there is one, else a text.
    pub fn tell(&self, told: Told<'_>, wanted: Option<Form>) -> (&'static str, Vec<u8>) {
        let fits = |(statuses, form, _): &&(Statuses, Form, Arc<Page>)| {
            statuses.hold(told.status) && wanted.is_none_or(|wanted| wanted == *form)
        };
        let page = match self.pages.iter().find(fits) {
            Some((_, form, page)) => return (form.content_type(), page.write(*form, told).into_bytes()),
            None => wanted.unwrap_or(Form::Text),
        };
        let body = match page {
            Form::Html => html(told),
            Form::Json => json(told),
            Form::Text => text(told),
        };
        (page.content_type(), body.into_bytes())
    }
}

/// Text as it may stand in a document of this form.
fn escape(form: Form, text: &str, out: &mut String) {
    for c in text.chars() {
        match (form, c) {
            (Form::Html, '&') => out.push_str("&amp;"),
            (Form::Html, '<') => out.push_str("&lt;"),
            (Form::Html, '>') => out.push_str("&gt;"),
            (Form::Html, '"') => out.push_str("&quot;"),
            (Form::Html, '\'') => out.push_str("&#39;"),
            (Form::Json, '"' | '\\') => out.extend(['\\', c]),
            (Form::Json, c) if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            (_, c) => out.push(c),
        }
    }
}

fn html(told: Told<'_>) -> String {
    let escaped = |text: &str| {
        let mut out = String::new();
        escape(Form::Html, text, &mut out);
        out
    };
    let (status, reason) = (told.status, escaped(reason_of(told.status)));
    let (sentence, id) = (escaped(told.sentence), escaped(told.request_id));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{status} {reason}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<p class=\"status\">{status}</p>\n<h1>{reason}</h1>\n<p>{sentence}</p>\n\
         <p class=\"id\">Request <code>{id}</code></p>\n</main>\n</body>\n</html>\n"
    )
}

/// No font, picture or script from anywhere: the page has to work when nothing else does.
const STYLE: &str = ":root{color-scheme:light dark;--ink:#1c2530;--soft:#5b6875;--paper:#f6f7f9;--line:#3a6ea5}\
@media(prefers-color-scheme:dark){:root{--ink:#e6eaef;--soft:#98a4b1;--paper:#14191f;--line:#7fb0e6}}\
*{margin:0;box-sizing:border-box}\
body{min-height:100vh;display:grid;place-items:center;padding:2rem;background:var(--paper);color:var(--ink);\
font:1.0625rem/1.6 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}\
main{max-width:34rem;width:100%;padding-left:1.5rem;border-left:4px solid var(--line)}\
.status{font-size:.9375rem;font-weight:600;letter-spacing:.08em;color:var(--line)}\
h1{font-size:1.875rem;line-height:1.25;margin:.25rem 0 .75rem}\
.id{margin-top:1.5rem;font-size:.8125rem;color:var(--soft)}\
code{font-family:ui-monospace,SFMono-Regular,Consolas,monospace;overflow-wrap:anywhere}";

fn json(told: Told<'_>) -> String {
    let mut out = format!("{{\"type\":\"about:blank\",\"title\":\"{}\"", reason_of(told.status));
    let _infallible = write!(out, ",\"status\":{},\"detail\":\"", told.status);
    escape(Form::Json, told.sentence, &mut out);
    out.push_str("\",\"request_id\":\"");
    escape(Form::Json, told.request_id, &mut out);
    out.push_str("\"}\n");
    out
}

fn text(told: Told<'_>) -> String {
    let Told { status, sentence, request_id } = told;
    format!("{status} {}\n\n{sentence}\n\nRequest {request_id}\n", reason_of(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &[&str]) -> Form {
        let mut fields = Fields::new();
        for value in accept {
            fields.add(b"Accept", value.as_bytes()).unwrap();
        }
        Form::wanted(&fields)
    }

    const TOLD: Told<'static> =
        Told { status: 503, sentence: "Come <again> & \"soon\".", request_id: "00c0ffee" };

    #[test]
    fn each_client_gets_the_form_that_it_accepts_most() {
        for (accept, form) in [
            (&[][..], Form::Html),
            (&["*/*"], Form::Html),
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"], Form::Html),
            (&["application/json"], Form::Json),
            (&["application/json, text/plain, */*"], Form::Json),
            (&["APPLICATION/Problem+JSON"], Form::Json),
            (&["application/*"], Form::Json),
            (&["text/plain, text/html"], Form::Text),
            (&["text/plain;q=0.5, text/html;q=0.4"], Form::Text),
            (&["text/*;q=0.3, text/plain;q=0.9, application/json;q=0.8"], Form::Text),
            (&["text/html;q=0", "*/*;q=0.1"], Form::Json),
            (&["text/html;level=1;q=0.1, application/json;q=0.2"], Form::Json),
            // Nothing that we have: a text after all.
            (&["image/png"], Form::Text),
            (&["*/*;q=0"], Form::Text),
            // What is no media range, or has no sound weight, says nothing.
            (&["json, text/html;q=1.5, text/plain;q=0.1"], Form::Text),
        ] {
            assert_eq!(wanted(accept), form, "{accept:?}");
        }
    }

    #[test]
    fn a_very_long_accept_is_not_read_to_its_end() {
        let long = format!("{}text/plain", "x/y,".repeat(10_000));
        assert_eq!(wanted(&[&long]), Form::Text);
        let long = format!("{}text/html", "x/y,".repeat(10_000));
        assert_eq!(wanted(&[&long]), Form::Text, "the end is too far away");
    }

    #[test]
    fn what_is_told_cannot_break_out_of_its_document() {
        let ours = ErrorPages::default();
        let (kind, html) = ours.tell(TOLD, Some(Form::Html));
        let html = String::from_utf8(html).unwrap();
        assert_eq!(kind, "text/html; charset=utf-8");
        assert!(html.contains("Come &lt;again&gt; &amp; &quot;soon&quot;."), "{html}");
        assert!(html.len() < 4096, "{} bytes", html.len());
        let (kind, json) = ours.tell(TOLD, Some(Form::Json));
        assert_eq!(kind, "application/problem+json");
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["status"], 503);
        assert_eq!(json["title"], "Service Unavailable");
        assert_eq!(json["detail"], TOLD.sentence);
        assert_eq!(json["request_id"], "00c0ffee");
        let (kind, text) = ours.tell(TOLD, None);
        assert_eq!(kind, "text/plain; charset=utf-8");
        assert!(text.starts_with(b"503 Service Unavailable\n\nCome <again>"));
    }

    #[test]
    fn the_most_exact_page_of_the_operator_is_taken() {
        let page = |statuses, form, text: &str| (statuses, form, Arc::new(Page::new(text)));
        let mut pages = vec![
            page(Statuses::All, Form::Html, "all {{status}}"),
            page(Statuses::Hundred(5), Form::Html, "5xx {{reason}}"),
            page(Statuses::One(503), Form::Html, "{{ angular }} {{request_id}}|{{message}}{{"),
            page(Statuses::One(503), Form::Json, "{\"id\":\"{{request_id}}\"}"),
        ];
        pages.sort_by_key(|(statuses, form, _)| (*statuses, *form));
        let pages = ErrorPages { pages };
        let told = |status, form| {
            let (_, body) = pages.tell(Told { status, ..TOLD }, form);
            String::from_utf8(body).unwrap()
        };
        let page = "{{ angular }} 00c0ffee|Come &lt;again&gt; &amp; &quot;soon&quot;.{{";
        assert_eq!(told(503, Some(Form::Html)), page);
        assert_eq!(told(503, Some(Form::Json)), "{\"id\":\"00c0ffee\"}");
        assert_eq!(told(502, Some(Form::Html)), "5xx Bad Gateway");
        assert_eq!(told(404, Some(Form::Html)), "all 404");
        assert_eq!(told(404, None), "all 404", "whoever cannot be understood gets the operator's page, too");
        assert!(
            told(404, Some(Form::Text)).starts_with("404 Not Found\n"),
            "ours, where the operator has none"
        );
    }
}
