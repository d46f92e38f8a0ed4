//! `tidegate diagnose`: the hoster's path, from failing send buffers to a proposal.

mod counters;
mod logs;
mod mail;
mod out;

use crate::apply;
use crate::command_line::{DiagnoseOptions, ReportFormat};
use crate::state::State;
use crate::times::{self, Window};
use crate::verdict::Verdict;
use crate::watch::Watch;
use analyser::proposal::Terms;
use analyser::{Parts, Report, propose};
use std::io::Write;

/// What a run needs to know besides its options.
struct Run<'a> {
    options: &'a DiagnoseOptions,
    state: Option<State>,
    window: Window,
    watch: Watch,
    /// Nothing was named: it looks at the machine it runs on.
    is_here: bool,
    now_unix_micros: i64,
}

impl Run<'_> {
    fn now_unix_seconds(&self) -> i64 {
        self.now_unix_micros.div_euclid(1_000_000)
    }

    /// Says on standard error what went wrong and did not end the run.
    fn tell(&self, what: &str) -> anyhow::Result<()> {
        self.watch.hide(|| writeln!(std::io::stderr(), "tidegate: {what}"))?;
        Ok(())
    }
}

/// Walks the path, and reports.
pub(crate) fn run(options: &DiagnoseOptions) -> anyhow::Result<Verdict> {
    let now_unix_micros = times::now_unix_micros();
    let shows = (options.progress || options.no_progress).then_some(options.progress);
    let run = Run {
        options,
        state: if options.no_state { None } else { Some(State::at(options.state.as_deref())?) },
        window: Window::of(options.from.as_deref(), options.to.as_deref(), now_unix_micros)?,
        watch: Watch::start(shows)?,
        is_here: options.logs.is_empty()
            && options.mail.is_empty()
            && options.beancounters.is_empty()
            && options.proc_root.is_none(),
        now_unix_micros,
    };
    let pressure = counters::look(&run)?;
    let mail = mail::look(&run);
    let read = logs::look(&run)?;
    let mut findings = mail.as_ref().map(|mail| mail.findings().to_vec()).unwrap_or_default();
    let mut is_partial = run.watch.is_cancelled() || mail.as_ref().is_some_and(|mail| mail.is_partial);
    let (mut log, mut input) = (None, None);
    if let Some(read) = read {
        is_partial |= read.is_partial;
        findings.extend(read.findings);
        log = Some(read.log);
        input = Some(read.input);
    }
    let parts =
        Parts { made_unix_seconds: run.now_unix_seconds(), is_partial, pressure, mail, log, findings };
    let report = Report::of(parts);
    let proposals = proposals(&run, &report, input.as_ref())?;
    let report = report.with_proposals(proposals);
    run.watch.finish();
    out::write(&report, options)?;
    Ok(if run.watch.is_cancelled() && !is_look_on(options) { Verdict::Interrupted } else { Verdict::Good })
}

/// Ctrl-C is the usual end of looking on.
fn is_look_on(options: &DiagnoseOptions) -> bool {
    options.every.is_some() && options.readings.is_none() && options.format == ReportFormat::Human
}

/// What could be done; kept for `apply`.
fn proposals(
    run: &Run<'_>,
    report: &Report,
    input: Option<&analyser::input::Input>,
) -> anyhow::Result<Vec<analyser::Proposal>> {
    let mut own = run.options.own.clone();
    let span = report.log.as_ref().and_then(|log| log.summary.span);
    if let Some(log) = &report.log {
        own.extend(log.summary.own_names.iter().map(|own| own.name.clone()));
    }
    #[expect(clippy::cast_precision_loss, reason = "a length of time")]
    let log_seconds = span.map_or(0.0, |span| (span.to_unix - span.from_unix) as f64);
    let terms =
        Terms { now_unix_seconds: run.now_unix_seconds(), days: run.options.until, own: &own, log_seconds };
    let mut proposals = propose(&report.findings, &terms);
    if let (Some(input), Some(log)) = (input, &report.log) {
        logs::try_out(run, (input, log), &report.findings, &terms, &mut proposals)?;
    }
    if let Some(state) = &run.state
        && !proposals.is_empty()
        && let Err(why) = apply::keep(state, &proposals)
    {
        run.tell(&format!("the proposals are not kept for `apply`: {why:#}"))?;
    }
    Ok(proposals)
}
