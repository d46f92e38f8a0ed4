//! A request line with fields, and any bytes as the `.htaccess` that judges it: no panic, no long search, and the same
//! verdict when it is judged again.
//!
//! The input's first line is the request: method, target, then fields (`Name: value`) with tabs between. A
//! target that begins with `?` instead of `/` is a request of which nothing else is known, as from a log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rewrite::{Fact, Facts, FileTest, PlacedFile, Question, Site, SiteOptions, Variable, Verdict, parse};
use source::{Severity, Source};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use tidegate_fuzz::timed;

struct Request<'a> {
    method: &'a [u8],
    path: &'a [u8],
    query: &'a [u8],
    line: &'a [u8],
    fields: Vec<(&'a [u8], &'a [u8])>,
    is_of_a_log: bool,
}

impl<'a> Request<'a> {
    fn of(line: &'a [u8]) -> Self {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or(b"/"));
        let is_of_a_log = target.first() == Some(&b'?');
        let mut halves = target.splitn(2, |byte| *byte == b'?');
        let path = halves.next().filter(|path| path.first() == Some(&b'/')).unwrap_or(b"/");
        let fields = words.next().unwrap_or_default();
        let field = |text: &'a [u8]| {
            let at = text.iter().position(|byte| *byte == b':')?;
            Some((text[..at].trim_ascii(), text[at + 1..].trim_ascii()))
        };
        Self {
            method,
            path,
            query: halves.next().unwrap_or_default(),
            line,
            fields: fields.split(|byte| *byte == b'\t').filter_map(field).collect(),
            is_of_a_log,
        }
    }
}

impl Facts for Request<'_> {
    fn variable(&self, variable: Variable) -> Fact<Cow<'_, [u8]>> {
        Fact::Known(Cow::Borrowed(match variable {
            Variable::RequestMethod => self.method,
            Variable::RawPath => self.path,
            Variable::RawQuery => self.query,
            Variable::TheRequest => self.line,
            Variable::ServerProtocol => b"HTTP/1.1",
            Variable::ServerName => b"www.site.example",
            Variable::ServerPort => b"80",
            Variable::RequestScheme => b"http",
            Variable::Time => b"20261122180000",
            Variable::RemoteAddr => b"192.0.2.1",
            _ if self.is_of_a_log => return Fact::Unknown,
            _ => b"",
        }))
    }

    fn field(&self, name: &[u8]) -> Fact<Option<Cow<'_, [u8]>>> {
        let found = self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        match found {
            Some((_, value)) => Fact::Known(Some(Cow::Borrowed(value))),
            None if self.is_of_a_log => Fact::Unknown,
            None => Fact::Known(None),
        }
    }

    fn client(&self) -> Fact<IpAddr> {
        Fact::Known(IpAddr::from([192, 0, 2, 1]))
    }

    fn answer(&self, question: &Question) -> Fact<bool> {
        match question {
            _ if self.is_of_a_log => Fact::Asked,
            Question::File { path, test: FileTest::Directory } => Fact::Known(path.ends_with(b"/")),
            Question::File { path, .. } => Fact::Known(path.ends_with(b".html")),
            Question::HostName { .. } => Fact::Known(false),
        }
    }

    fn random(&self, draw: u32, bound: u32) -> u32 {
        draw % bound
    }
}

fuzz_target!(|input: &[u8]| {
    timed(input, || {
        let mut parts = input.splitn(2, |byte| *byte == b'\n');
        let (line, text) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let parsed = parse(&Arc::new(Source::new(".htaccess", text)));
        if parsed.diagnostics.iter().any(|one| one.severity == Severity::Error) {
            return;
        }
        let placed = PlacedFile { prefix: b"/".to_vec(), file: Arc::new(parsed.file) };
        let options = SiteOptions { document_root: Some(b"/www".to_vec()), ..SiteOptions::default() };
        let site = Site::new(&[placed], options);
        let request = Request::of(line);
        let outcome = site.evaluate(&request);
        match &outcome.verdict {
            Verdict::Pass { changed: Some(target), .. } => {
                assert_eq!(target.path.first(), Some(&b'/'), "{outcome:?}");
            }
            Verdict::Status { status, .. } | Verdict::Redirect { status, .. } => {
                assert!((100..600).contains(status), "{outcome:?}");
            }
            _ => {}
        }
        assert_eq!(site.evaluate(&request), outcome);
    });
});
