//! Synthetic logs: made up by dice with a fixed seed, so that a story is the same in every run. No line of them is
//! real; addresses are of 10.0.0.0/8 and names end in `.example`.

use accesslog::{Layout, LineReader, Read};
use analyser::log::{Summary, Tally, Usuals};
use analyser::{Confidence, Finding, Verdict};
use std::fmt::Write as _;

/// Monday, 2 March 2026, 00:00 UTC.
pub(crate) const START: i64 = 1_772_409_600;
/// Long after every story.
pub(crate) const NOW: i64 = START + 2 * 366 * 86_400;
/// The site of the stories.
pub(crate) const OWN: &str = "https://www.blog.example";

pub(crate) const BROWSERS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_1) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/139.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
];
pub(crate) const GOOGLEBOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

/// Dice with a seed (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// From 0 to `below` - 1.
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below
    }

    pub(crate) fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[usize::try_from(self.roll(all.len() as u64)).unwrap_or(0)]
    }
}

/// One request; the parts that stories leave alone have a default.
#[derive(Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) at: i64,
    pub(crate) from: String,
    pub(crate) target: &'a str,
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) referer: &'a str,
    pub(crate) agent: &'a str,
}

/// A log that grows.
pub(crate) struct Story {
    pub(crate) dice: Dice,
    pub(crate) text: String,
}

impl Story {
    pub(crate) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), text: String::new() }
    }

    pub(crate) fn ask(&mut self, ask: &Ask<'_>) {
        let at = jiff::Timestamp::from_second(ask.at).unwrap().strftime("%d/%b/%Y:%H:%M:%S +0000");
        let bytes = if ask.bytes == 0 { "-".to_owned() } else { ask.bytes.to_string() };
        let Ask { from, target, status, referer, agent, .. } = ask;
        writeln!(
            self.text,
            "{from} - - [{at}] \"GET {target} HTTP/1.1\" {status} {bytes} \"{referer}\" \"{agent}\""
        )
        .unwrap();
    }

    /// An address that has hardly been seen before.
    pub(crate) fn address(&mut self) -> String {
        format!("10.{}.{}.{}", self.dice.roll(250), self.dice.roll(250), 1 + self.dice.roll(250))
    }

    /// Somebody comes, opens `pages` pages, and gets what they show; most from a search engine or by a bookmark.
    pub(crate) fn visit(&mut self, at: i64, pages: u64) {
        let (from, agent) = (self.address(), self.dice.one_of(&BROWSERS));
        let referer = self.dice.one_of(&["-", "https://www.google.com/", "https://www.bing.com/", "-"]);
        self.visit_of(at, pages, (&from, agent), referer);
    }

    /// The same of one address with one program.
    pub(crate) fn visit_of(&mut self, at: i64, pages: u64, (from, agent): (&str, &str), referer: &str) {
        let mut referer = referer.to_owned();
        for page in 0..pages {
            let number = self.dice.roll(40);
            let target = format!("/post/{number}");
            let at = at + i64::try_from(page).unwrap() * 40;
            let mut ask = Ask {
                at,
                from: from.to_owned(),
                target: &target,
                status: 200,
                bytes: 0,
                referer: &referer,
                agent,
            };
            ask.bytes = 9_000 + self.dice.roll(4_000);
            self.ask(&ask);
            let page = format!("{OWN}{target}");
            if !referer.starts_with(OWN) {
                self.ask(&Ask {
                    target: "/style.css",
                    bytes: 5_120,
                    referer: &page,
                    at: at + 1,
                    ..ask.clone()
                });
            }
            for image in 0..3 {
                let target = format!("/img/{number}-{image}.jpg");
                let bytes = 40_000 + self.dice.roll(40_000);
                self.ask(&Ask { target: &target, bytes, referer: &page, at: at + 1 + image, ..ask.clone() });
            }
            referer = page;
        }
    }

    /// An ordinary blog for so many hours: visitors by day and night, robots, readers of the feed, image search.
    pub(crate) fn blog(&mut self, hours: i64) {
        for hour in 0..hours {
            let begin = START + hour * 3600;
            let daylight = 6 + 10 * u64::from((7..23).contains(&(hour % 24)));
            for _ in 0..daylight + self.dice.roll(5) {
                let (at, pages) = (self.moment(begin), 1 + self.dice.roll(3));
                self.visit(at, pages);
            }
            for _ in 0..15 {
                let (at, number) = (self.moment(begin), self.dice.roll(400));
                let target = format!("/post/{number}");
                let ask = Ask {
                    at,
                    from: "10.66.249.7".into(),
                    target: &target,
                    status: 200,
                    bytes: 9_500,
                    referer: "-",
                    agent: GOOGLEBOT,
                };
                self.ask(&ask);
            }
            for reader in 0..6 {
                let ask = Ask {
                    at: begin + reader * 500,
                    from: format!("10.251.0.{reader}"),
                    target: "/feed/",
                    status: if reader % 2 == 0 { 304 } else { 200 },
                    bytes: if reader % 2 == 0 { 0 } else { 20_000 },
                    referer: "-",
                    agent: "Tiny Tiny RSS/21.11 (https://tt-rss.org/)",
                };
                self.ask(&ask);
            }
            for _ in 0..2 {
                let (at, from) = (self.moment(begin), self.address());
                let (number, agent) = (self.dice.roll(40), self.dice.one_of(&BROWSERS));
                let target = format!("/img/{number}-0.jpg");
                let referer = "https://www.google.com/imgres?imgurl=x";
                self.ask(&Ask { at, from, target: &target, status: 200, bytes: 50_000, referer, agent });
            }
        }
    }

    /// A moment within an hour.
    pub(crate) fn moment(&mut self, begin: i64) -> i64 {
        begin + i64::try_from(self.dice.roll(3500)).unwrap()
    }

    pub(crate) fn look(&self) -> (Summary, Vec<Finding>) {
        let (summary, findings) = tally(&self.text, "combined", 1).finish(&Usuals::default(), NOW);
        for finding in &findings {
            println!("{:?} {:?}: {}", finding.confidence, finding.verdict, finding.subject);
            for evidence in &finding.evidence {
                println!("    {}", evidence.text);
            }
        }
        (summary, findings)
    }
}

/// Counts a text of lines in a named layout.
pub(crate) fn tally(text: &str, layout: &str, seed: u64) -> Tally {
    let layout = Layout::named(layout).unwrap();
    let (mut reader, facts) = (LineReader::new(&layout), layout.facts());
    let mut tally = Tally::new(seed);
    for line in text.as_bytes().split_inclusive(|byte| *byte == b'\n') {
        if let Read::Line(line) = reader.read(line) {
            tally.add(&line, &facts, None);
        }
    }
    tally
}

/// The verdicts that are more than a hint, with their subjects.
pub(crate) fn accused(findings: &[Finding]) -> Vec<(Verdict, &str)> {
    let sure = findings.iter().filter(|finding| finding.confidence > Confidence::Low);
    sure.map(|finding| (finding.verdict, finding.subject.as_str())).collect()
}
