//! Judges one request many times, or loads a file many times, to count what either costs:
//!
//! ```text
//! cargo build --profile dist -p rewrite --example evaluate_cost
//! evaluate_cost judge audio.htaccess 100000
//! evaluate_cost load long.htaccess 10
//! ```
//!
//! The request asks for `/audio/song.mp3`, linked from `www.theDomainInQuestion.com`; what it is asked for besides is
//! there and short, so that the evaluation is what is counted.
#![expect(clippy::print_stdout, reason = "a command")]

use rewrite::{Fact, Facts, PlacedFile, Question, Site, SiteOptions, Variable, parse};
use source::{Severity, Source, render_human};
use std::borrow::Cow;
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

struct Visitor;

impl Facts for Visitor {
    fn variable(&self, variable: Variable) -> Fact<Cow<'_, [u8]>> {
        Fact::Known(Cow::Borrowed(match variable {
            Variable::RequestMethod => b"GET",
            Variable::RawPath => b"/audio/song.mp3",
            Variable::TheRequest => b"GET /audio/song.mp3 HTTP/1.1",
            Variable::ServerProtocol => b"HTTP/1.1",
            Variable::ServerName => b"www.thedomaininquestion.com",
            Variable::ServerPort => b"80",
            Variable::RequestScheme => b"http",
            Variable::RemoteAddr => b"192.0.2.1",
            _ => b"",
        }))
    }

    fn field(&self, name: &[u8]) -> Fact<Option<Cow<'_, [u8]>>> {
        let is_referer = name.eq_ignore_ascii_case(b"referer");
        Fact::Known(is_referer.then_some(Cow::Borrowed(b"http://www.theDomainInQuestion.com/a")))
    }

    fn client(&self) -> Fact<IpAddr> {
        Fact::Known(IpAddr::from([192, 0, 2, 1]))
    }

    fn answer(&self, _: &Question) -> Fact<bool> {
        Fact::Known(false)
    }

    fn random(&self, draw: u32, bound: u32) -> u32 {
        draw % bound
    }
}

fn load(path: &str, text: &[u8]) -> Result<Site, Box<dyn Error>> {
    let parsed = parse(&Arc::new(Source::new(path, text)));
    if parsed.diagnostics.iter().any(|one| one.severity == Severity::Error) {
        return Err(render_human(&parsed.diagnostics, false).into());
    }
    let placed = PlacedFile { prefix: b"/".to_vec(), file: Arc::new(parsed.file) };
    Ok(Site::new(&[placed], SiteOptions::default()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, path, times] = &arguments[..] else {
        return Err("evaluate_cost judge|load FILE TIMES".into());
    };
    let text = std::fs::read(path)?;
    let times: u32 = times.parse()?;
    if what == "load" {
        for _ in 0..times {
            load(path, &text)?;
        }
        println!("loaded {times} times");
        return Ok(());
    }
    let site = load(path, &text)?;
    let mut last = None;
    for _ in 0..times {
        last = Some(site.evaluate(&Visitor).verdict);
    }
    println!("judged {times} times: {last:?}");
    Ok(())
}
