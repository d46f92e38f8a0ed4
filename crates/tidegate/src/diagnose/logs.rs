//! Access logs: those that are named, or those of this machine.

use super::Run;
use crate::verdict::Mistake;
use accesslog::{Layout, Line};
use analyser::input::{FileCounts, Input, InputError, LogFile, Options, Worker};
use analyser::log::{Tally, Usuals};
use analyser::places;
use analyser::proposal::{Terms, predict};
use analyser::replay::Window;
use analyser::{FileSaid, Finding, Lines, Log, Proposal};
use anyhow::Context;
use std::num::NonZeroUsize;
use std::path::Path;

/// Under which name usuals are kept.
const USUALS: &str = "usuals.json";

/// Proposals that are tried on the log.
const TRIED_MAX: usize = 6;

/// Lines that are replayed for all proposals together: some ten seconds of work.
const LINES_REPLAYED_MAX: u64 = 5_000_000;

/// What access logs say.
pub(super) struct Read {
    pub(super) log: Log,
    pub(super) findings: Vec<Finding>,
    pub(super) input: Input,
    pub(super) is_partial: bool,
}

/// Counts lines within a stretch of time.
struct Counting<'a> {
    tally: Tally,
    window: crate::times::Window,
    domain: Option<&'a str>,
}

impl Worker for Counting<'_> {
    fn add(&mut self, line: &Line<'_>, file: &LogFile) {
        if self.window.holds(line.at_unix_micros) {
            self.tally.add(line, &file.facts(), file.domain.as_deref().or(self.domain));
        }
    }

    fn merge(&mut self, other: Self) {
        self.tally.merge(other.tally);
    }
}

/// What access logs say; `None` if there are none.
pub(super) fn look(run: &Run<'_>) -> anyhow::Result<Option<Read>> {
    let Some(input) = open(run)? else { return Ok(None) };
    run.watch.begin("access logs", input.disk_bytes());
    let progress = |bytes| run.watch.advance(bytes);
    // whoever writes logs cannot know it
    let seed = run.now_unix_micros.unsigned_abs();
    let make =
        || Counting { tally: Tally::new(seed), window: run.window, domain: run.options.domain.as_deref() };
    let scanned = input.scan(make, &run.watch.reading(&progress));
    let mut tally = scanned.worker.tally;
    tally.know_own(&run.options.own);
    let usuals = recall(run)?;
    let (summary, findings) = tally.finish_on(threads(), &usuals, run.now_unix_seconds());
    if !scanned.is_partial {
        remember(run, usuals, &tally)?;
    }
    let log = Log { lines: lines(&scanned.counts), files: files(&input, scanned.counts), summary };
    Ok(Some(Read { log, findings, input, is_partial: scanned.is_partial }))
}

/// As many threads as there are processors for us.
fn threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn open(run: &Run<'_>) -> anyhow::Result<Option<Input>> {
    let options = run.options;
    if options.logs.is_empty() && !run.is_here {
        return Ok(None);
    }
    let layout = match &options.log_format {
        None => None,
        Some(text) => Some(Layout::said(text).map_err(|why| Mistake(format!("--log-format: {why}")))?),
    };
    let how = Options { layout, threads: threads() };
    if !options.logs.is_empty() {
        let opened = Input::open(&options.logs, &how);
        return Ok(Some(opened.map_err(|why: InputError| Mistake(format!("cannot read {why}")))?));
    }
    let mut places = places::look(Path::new("/"));
    let has_logs = !places.logs.is_empty();
    let opened = places.open(&how);
    for note in &places.notes {
        run.tell(note)?;
    }
    match opened {
        Ok(input) if has_logs && !input.files().is_empty() => Ok(Some(input)),
        Ok(_) => Ok(None),
        // a log of this machine that cannot be read does not hide what its counters say
        Err(why) => {
            run.tell(&why.to_string())?;
            Ok(None)
        }
    }
}

fn lines(counts: &[FileCounts]) -> Lines {
    let mut lines = Lines::default();
    for file in counts {
        lines.all += file.lines;
        lines.read += file.read;
        lines.bad += file.bad;
        lines.comments += file.comments;
        lines.bytes += file.bytes;
    }
    lines
}

fn files(input: &Input, counts: Vec<FileCounts>) -> Vec<FileSaid> {
    let said = |(file, counts): (&LogFile, FileCounts)| FileSaid {
        path: file.path.display().to_string(),
        format: format!("{} ({})", file.layout, file.layout_reason),
        counts,
    };
    input.files().iter().zip(counts).map(said).collect()
}

/// The usuals of earlier runs; those that are broken are told of and learnt anew.
fn recall(run: &Run<'_>) -> anyhow::Result<Usuals> {
    let Some(state) = &run.state else { return Ok(Usuals::default()) };
    match state.read(USUALS) {
        Ok(usuals) => Ok(usuals.unwrap_or_default()),
        Err(why) => {
            run.tell(&format!("{why:#}"))?;
            Ok(Usuals::default())
        }
    }
}

fn remember(run: &Run<'_>, mut usuals: Usuals, tally: &Tally) -> anyhow::Result<()> {
    let Some(state) = &run.state else { return Ok(()) };
    usuals.learn(tally, run.now_unix_seconds());
    if let Err(why) = state.write(USUALS, &usuals) {
        run.tell(&format!("what is usual is not remembered: {why:#}"))?;
    }
    Ok(())
}

/// Tries proposals on the log that they come from.
pub(super) fn try_out(
    run: &Run<'_>,
    read: (&Input, &Log),
    findings: &[Finding],
    terms: &Terms<'_>,
    proposals: &mut [Proposal],
) -> anyhow::Result<()> {
    let (input, log) = read;
    let affordable = usize::try_from(LINES_REPLAYED_MAX / log.lines.all.max(1)).unwrap_or(usize::MAX);
    let window =
        Window { from_unix_micros: run.window.from_unix_micros, to_unix_micros: run.window.to_unix_micros };
    let progress = |bytes| run.watch.advance(bytes);
    let mut tried: Vec<_> = proposals
        .iter_mut()
        .take(TRIED_MAX.min(affordable))
        .filter_map(|proposal| findings.get(proposal.finding).map(|finding| (proposal, finding)))
        .collect();
    if tried.is_empty() || run.watch.is_cancelled() {
        return Ok(());
    }
    run.watch.begin("trying the proposals", input.disk_bytes());
    predict(&mut tried, terms, (input, window), &run.watch.reading(&progress))
        .context("cannot try the proposals")?;
    Ok(())
}
