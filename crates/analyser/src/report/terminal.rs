//! The report for a terminal: the answer, then the steps, with tables and small pictures out of letters.

use super::shown::{Detail, columns, cut, moment, plain};
use super::walk::{counted_said, said};
use super::{Finding, Log, Report, Step};
use crate::human::{self, things};
use crate::log::Series;
use crate::pressure::Pressure;
use crate::proposal::{Action, Form, Proposal};
use std::fmt::Write as _;

/// The narrowest terminal that is written for.
const WIDTH_MIN: usize = 40;
/// The widest lines that are still read with ease.
const WIDTH_MAX: usize = 100;
/// Rows of a table.
const ROWS_MAX: usize = 5;
/// Findings that are told in full.
const FINDINGS_MAX: usize = 8;
/// Lines that could not be read, as they are shown.
const SAMPLES_MAX: usize = 3;

/// What the terminal can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Escape sequences for colours are obeyed.
    pub is_coloured: bool,
    /// Letters beyond ASCII are shown.
    pub is_unicode: bool,
}

/// The report for a terminal.
pub fn terminal(report: &Report, look: Look) -> String {
    let width = look.width.clamp(WIDTH_MIN, WIDTH_MAX);
    let mut page = Page { out: String::new(), width, look };
    page.head(report);
    let mut number = 0;
    while let Some(step) = report.steps.get(number) {
        let alike =
            report.steps[number..].iter().take_while(|other| is_as_unseen(other, step)).count().max(1);
        page.step(number + 1, alike, step);
        page.pictures(step.name, report);
        number += alike;
    }
    page.findings(&report.findings);
    page.proposals(&report.proposals);
    if let Some(log) = &report.log {
        page.lines(log);
    }
    if look.is_unicode { page.out } else { in_ascii(&page.out) }
}

/// Steps that have nothing to say, for one reason.
fn is_as_unseen(other: &Step, step: &Step) -> bool {
    other.evidence.is_empty()
        && other.answer == step.answer
        && other.cannot_tell.is_some()
        && other.cannot_tell == step.cannot_tell
}

/// The signs that the report itself uses, without those that ASCII lacks.
fn in_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '…' => out.push_str("..."),
            '–' | '—' | '−' => out.push('-'),
            '×' => out.push('x'),
            '’' | '‘' => out.push('\''),
            c if c.is_ascii() => out.push(c),
            c => {
                let _written = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    out
}

/// Where a column's texts stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

#[derive(Clone, Copy)]
enum Ink {
    Strong,
    Faint,
    Good,
    Bad,
    Doubt,
}

struct Page {
    out: String,
    width: usize,
    look: Look,
}

impl Page {
    fn ink(&self, ink: Ink, text: &str) -> String {
        if !self.look.is_coloured || text.is_empty() {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Strong => "1",
            Ink::Faint => "2",
            Ink::Good => "32",
            Ink::Bad => "31",
            Ink::Doubt => "33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// A text over as many lines as it needs, the first behind `first`, the others below its text.
    fn wrapped(&mut self, first: &str, text: &str, ink: Option<Ink>) {
        let indent = columns(first);
        let room = self.width.saturating_sub(indent).max(20);
        for (number, line) in wrap(text, room).into_iter().enumerate() {
            let before = if number == 0 { first.to_owned() } else { " ".repeat(indent) };
            let text = match ink {
                Some(ink) => self.ink(ink, &line),
                None => line,
            };
            self.line(&format!("{before}{text}"));
        }
    }

    fn heading(&mut self, text: &str) {
        self.line("");
        let text = self.ink(Ink::Strong, text);
        self.line(&text);
    }

    fn head(&mut self, report: &Report) {
        if report.is_partial {
            self.wrapped(
                "",
                "PARTIAL: the run was broken off; all numbers are of what was read until then.",
                Some(Ink::Bad),
            );
            self.line("");
        }
        for sentence in &report.answer {
            self.wrapped("", sentence, Some(Ink::Strong));
        }
    }

    /// A step, or several that have the same to say.
    fn step(&mut self, number: usize, count: usize, step: &Step) {
        if count > 1 {
            self.heading(&format!("{number} to {}. {} And so on.", number + count - 1, step.question));
        } else {
            self.heading(&format!("{number}. {}", step.question));
        }
        self.wrapped("   ", &step.answer, None);
        let bullet = if self.look.is_unicode { "   · " } else { "   - " };
        for evidence in &step.evidence {
            self.wrapped(bullet, evidence, Some(Ink::Faint));
        }
        if let Some(why) = &step.cannot_tell {
            self.wrapped("   ? ", why, Some(Ink::Doubt));
        }
    }

    fn pictures(&mut self, step: &str, report: &Report) {
        if step == "pressure"
            && let Some(pressure) = &report.pressure
        {
            self.counters(pressure);
        }
        let Some(log) = &report.log else { return };
        match step {
            "domain" => self.series(log),
            "path" => self.paths(log),
            "who" => self.who(log),
            _ => {}
        }
    }

    /// The counters of containers that are worth a look.
    fn counters(&mut self, pressure: &Pressure) {
        for container in pressure.containers.iter().take(ROWS_MAX) {
            let number = |value: Option<u64>| value.map_or_else(|| "unlimited".to_owned(), human::count);
            let rows = container.resources.iter().filter(|resource| resource.is_notable).map(|resource| {
                let grown = resource.change.as_ref().map(|change| format!("+{}", human::count(change.by)));
                vec![
                    plain(&resource.name, 30),
                    human::count(resource.held),
                    human::count(resource.maxheld),
                    number(resource.barrier),
                    human::count(resource.failcnt),
                    grown.unwrap_or_else(|| "?".to_owned()),
                    resource.zone.map_or_else(|| "-".to_owned(), |zone| format!("{zone:?}").to_lowercase()),
                    number(resource.limit),
                ]
            });
            let rows: Vec<_> = rows.collect();
            let whose = match pressure.containers.len() {
                1 => "resource".to_owned(),
                _ => plain(&container.name, 30),
            };
            let heads = [&*whose, "held", "most held", "barrier", "refused", "now", "zone", "limit"];
            self.table(&heads, &rows);
        }
    }

    /// Bytes in time as a row of bars, with what stands out marked below.
    fn series(&mut self, log: &Log) {
        let series = &log.summary.series;
        if series.points.len() < 2 {
            return;
        }
        let room = self.width.saturating_sub(6).max(10);
        let bars = folded(series, room);
        let most = bars.iter().map(|bar| bar.bytes).max().unwrap_or(0).max(1);
        let signs: Vec<char> =
            if self.look.is_unicode { "▁▂▃▄▅▆▇█".chars() } else { "_.:-=+*#".chars() }.collect();
        let mut row = String::new();
        let mut marks = String::new();
        for bar in &bars {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                reason = "0 to 7"
            )]
            let level = ((bar.bytes as f64 / most as f64) * 7.0).round() as usize;
            let sign = signs.get(level).or(signs.last()).copied().unwrap_or('?').to_string();
            row.push_str(&if bar.is_unusual { self.ink(Ink::Bad, &sign) } else { sign });
            marks.push(if bar.is_unusual { '^' } else { ' ' });
        }
        self.line("");
        self.line(&format!("   {row}"));
        if marks.contains('^') {
            let marks = self.ink(Ink::Bad, marks.trim_end());
            self.line(&format!("   {marks}"));
        }
        let span = log.summary.span.as_ref();
        let step = i64::from(series.step_seconds);
        let end = series.from_unix + step * i64::try_from(series.points.len()).unwrap_or(0);
        let (from, to) = (moment(series.from_unix, span, Detail::Hour), moment(end, span, Detail::Hour));
        let hours = (series.step_seconds / 3600).max(1);
        let point = if hours == 1 { "hour".to_owned() } else { things(u64::from(hours), "hour") };
        let folded = ratio(series.points.len(), bars.len());
        let each = if folded == 1 { String::new() } else { format!(" (of each {folded} the highest)") };
        let marked = if marks.contains('^') { "; ^ stands out" } else { "" };
        let text =
            format!("{from} to {to}: bytes in each {point}{each}, at most {}{marked}", human::bytes(most));
        self.wrapped("   ", &text, Some(Ink::Faint));
    }

    fn paths(&mut self, log: &Log) {
        let rows = log.summary.paths.iter().take(ROWS_MAX).map(|row| {
            vec![
                plain(&row.path, 300),
                human::count(row.counted.requests),
                human::bytes(row.counted.bytes),
                human::percent(row.counted.bytes, log.summary.total.bytes),
                human::count(row.counted.clients),
            ]
        });
        self.table(&["path", "requests", "bytes", "share", "clients"], &rows.collect::<Vec<_>>());
    }

    fn who(&mut self, log: &Log) {
        let rows = log.summary.referers.iter().take(ROWS_MAX).map(|row| {
            vec![
                format!("{} ({})", plain(&row.domain, 100), row.class.label()),
                human::count(row.counted.requests),
                human::bytes(row.counted.bytes),
                human::count(row.counted.clients),
                human::percent_of(row.media_share),
                row.asset_only_share.map_or_else(|| "-".to_owned(), human::percent_of),
            ]
        });
        self.table(
            &["referer", "requests", "bytes", "clients", "media", "no page"],
            &rows.collect::<Vec<_>>(),
        );
        let rows = log.summary.networks.iter().take(ROWS_MAX).map(|row| {
            vec![
                plain(&row.network, 100),
                human::count(row.counted.requests),
                human::bytes(row.counted.bytes),
                human::count(row.counted.clients),
            ]
        });
        self.table(&["network", "requests", "bytes", "clients"], &rows.collect::<Vec<_>>());
    }

    /// The first column gets what the others leave; where that is too little, columns at the right are left out.
    fn table(&mut self, heads: &[&str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return;
        }
        let width_of = |column: usize| {
            let texts = rows.iter().filter_map(|row| row.get(column)).map(|text| columns(text));
            texts.chain([columns(heads[column])]).max().unwrap_or(0)
        };
        let mut shown = heads.len();
        let room = self.width.saturating_sub(3);
        let others = |shown: usize| (1..shown).map(|column| width_of(column) + 2).sum::<usize>();
        while shown > 2 && room.saturating_sub(others(shown)) < width_of(0).min(24) {
            shown -= 1;
        }
        let first = width_of(0).min(room.saturating_sub(others(shown)).max(8));
        let is_unicode = self.look.is_unicode;
        let row_text = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::from("   ");
            for (column, cell) in cells.take(shown).enumerate() {
                let (width, side) =
                    if column == 0 { (first, Side::Left) } else { (width_of(column) + 2, Side::Right) };
                line.push_str(&padded(&cut(cell, width, is_unicode), width, side));
            }
            line
        };
        let head = row_text(&mut heads.iter().copied());
        let lines: Vec<String> =
            rows.iter().map(|row| row_text(&mut row.iter().map(String::as_str))).collect();
        self.line("");
        let head = self.ink(Ink::Faint, &head);
        self.line(&head);
        for line in lines {
            self.line(&line);
        }
    }

    fn findings(&mut self, findings: &[Finding]) {
        if findings.is_empty() {
            return;
        }
        self.heading("Findings");
        for finding in findings.iter().take(FINDINGS_MAX) {
            let mut text = said(finding);
            if let Some(counted) = counted_said(finding) {
                let _written = write!(text, ": {counted}");
            }
            self.wrapped(" * ", &text, Some(Ink::Strong));
            for evidence in &finding.evidence {
                self.wrapped("   + ", &plain(&evidence.text, 400), None);
            }
            if !finding.counter_check.is_empty() {
                let text = format!("before you act: {}", plain(&finding.counter_check, 600));
                self.wrapped("   ? ", &text, Some(Ink::Doubt));
            }
        }
        if findings.len() > FINDINGS_MAX {
            self.line(&format!("   and {} more (--format json)", findings.len() - FINDINGS_MAX));
        }
    }

    fn proposals(&mut self, proposals: &[Proposal]) {
        if proposals.is_empty() {
            return;
        }
        self.heading("Proposals");
        for proposal in proposals {
            let ink = if proposal.action == Action::Refuse { Ink::Doubt } else { Ink::Good };
            self.wrapped(" * ", &proposal.id, Some(ink));
            self.wrapped("   ", &proposal.summary, None);
            self.wrapped("   ", &format!("ends by itself at {}", proposal.ends), Some(Ink::Faint));
            for cost in proposal.effect_said.iter().chain(&proposal.costs) {
                self.wrapped("   ! ", cost, None);
            }
            let forms = [
                ("nginx", &proposal.nginx),
                ("HAProxy", &proposal.haproxy),
                (".htaccess", &proposal.htaccess),
            ];
            let possible: Vec<&str> = forms
                .iter()
                .filter(|(_, form)| matches!(form, Form::Texts(_)))
                .map(|(name, _)| *name)
                .collect();
            let text = format!("also for {} (in --format json and html)", possible.join(", "));
            self.wrapped("   ", &text, Some(Ink::Faint));
        }
        self.line("");
        self.wrapped(
            "",
            "try one first: tidegate apply NAME --observe; then tidegate apply NAME; undo: tidegate revert NAME",
            Some(Ink::Faint),
        );
    }

    fn lines(&mut self, log: &Log) {
        let lines = &log.lines;
        self.heading("Lines");
        let text = format!(
            "{} in {}: {} read, {} bad, {} blank or remarks. Bytes: {}.",
            things(lines.all, "line"),
            things(log.files.len() as u64, "file"),
            human::count(lines.read),
            human::count(lines.bad),
            human::count(lines.comments),
            log.summary.bytes_meaning.label()
        );
        self.wrapped("   ", &text, None);
        for file in &log.files {
            if let Some(problem) = &file.counts.problem {
                self.wrapped(
                    "   ! ",
                    &format!("{}: {}", plain(&file.path, 200), plain(problem, 200)),
                    Some(Ink::Bad),
                );
            }
            for sample in file.counts.samples.iter().take(SAMPLES_MAX) {
                let place = format!("{} at byte {}: {}: ", plain(&file.path, 200), sample.offset, sample.why);
                let line =
                    cut(&plain(&sample.text, 200), self.width.saturating_sub(10), self.look.is_unicode);
                self.wrapped("   ! ", &place, Some(Ink::Doubt));
                self.line(&format!("       {line}"));
            }
        }
        for limit in &log.summary.limits {
            let text = format!(
                "{}: more than {} were seen; {} requests of the rest are counted together",
                limit.what,
                human::count(limit.limit),
                human::count(limit.requests_beyond)
            );
            self.wrapped("   ! ", &text, Some(Ink::Doubt));
        }
    }
}

/// Some steps of a series as one.
#[derive(Clone, Copy, Default)]
struct Bar {
    bytes: u64,
    is_unusual: bool,
}

/// A series in at most so many bars; each is the most of its steps, so that no peak is lost.
fn folded(series: &Series, bars_max: usize) -> Vec<Bar> {
    let each = series.points.len().div_ceil(bars_max.max(1)).max(1);
    let fold = |points: &[crate::log::Point]| Bar {
        bytes: points.iter().map(|point| point.bytes).max().unwrap_or(0),
        is_unusual: points.iter().any(|point| point.is_unusual),
    };
    series.points.chunks(each).map(fold).collect()
}

fn ratio(many: usize, few: usize) -> usize {
    many.div_ceil(few.max(1))
}

fn padded(text: &str, width: usize, side: Side) -> String {
    let blanks = " ".repeat(width.saturating_sub(columns(text)));
    match side {
        Side::Left => format!("{text}{blanks}"),
        Side::Right => format!("{blanks}{text}"),
    }
}

/// Lines of at most so many columns, broken between words; a word that is longer is broken within.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        if !line.is_empty() && columns(&line) + 1 + columns(word) > room {
            lines.push(std::mem::take(&mut line));
        }
        while columns(word) > room {
            let mut used = 0;
            let end = word.char_indices().find(|(_, c)| {
                used += columns(c.encode_utf8(&mut [0; 4]));
                used > room
            });
            let Some((end, _)) = end.filter(|(end, _)| *end > 0) else { break };
            lines.push(word[..end].to_owned());
            word = &word[end..];
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_there_is_room() {
        for room in [20, 37, 100] {
            let text = "a few words, then 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字 and ".to_owned()
                + &"x".repeat(130);
            for line in wrap(&text, room) {
                assert!(columns(&line) <= room, "{room}: {line}");
            }
        }
        assert_eq!(wrap("", 20), [""]);
    }

    #[test]
    fn a_terminal_without_unicode_gets_ascii_only() {
        assert!(in_ascii("5 × 3 – ‘x’… 漢 ▁").is_ascii());
    }
}
