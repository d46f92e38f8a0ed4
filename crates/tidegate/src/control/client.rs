//! The verbs that speak to the process that runs: `reload`, `status`, `guard`, `upgrade`.

use super::place::place_of;
use super::protocol::{ANSWER_BYTES_MAX, Answer, Ask, Outcome, Request, VERSION};
use crate::check::{DEFAULT_CATALOG, colours};
use crate::command_line::{ControlOptions, GuardOptions, GuardVerb, OutputFormat, UpgradeOptions};
use crate::verdict::Verdict;
use anyhow::{Context, anyhow, bail};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take. The longest is that of an upgrade, which has a limit of its own below this.
const PATIENCE: Duration = Duration::from_mins(3);

/// `tidegate reload`.
pub(crate) fn reload(options: &ControlOptions) -> anyhow::Result<Verdict> {
    ask(options, Ask::Reload)
}

/// `tidegate status`.
pub(crate) fn status(options: &ControlOptions) -> anyhow::Result<Verdict> {
    ask(options, Ask::Status)
}

/// `tidegate guard`.
pub(crate) fn guard(options: &GuardOptions) -> anyhow::Result<Verdict> {
    match &options.verb {
        GuardVerb::List(control) => ask(control, Ask::Guards),
        GuardVerb::Undo(undo) => {
            ask(&undo.control, Ask::GuardUndo { guard: undo.guard.clone(), site: undo.site.clone() })
        }
    }
}

/// `tidegate upgrade`.
pub(crate) fn upgrade(options: &UpgradeOptions) -> anyhow::Result<Verdict> {
    let absolute = |path| std::path::absolute(path).context("there is no current folder");
    let program = options.program.as_ref().map(absolute).transpose()?;
    ask(&options.control, Ask::Upgrade { program })
}

fn ask(options: &ControlOptions, ask: Ask) -> anyhow::Result<Verdict> {
    let out = std::io::stdout();
    let request = Request { version: VERSION, ask, colours: colours(&out) };
    let mut stream = connect(options)?;
    let answer = exchange(&mut stream, &request).context("the process did not answer")?;
    let mut out = out.lock();
    match options.format {
        OutputFormat::Json => {
            let mut report = answer.report;
            report.insert("outcome".to_owned(), serde_json::to_value(answer.outcome)?);
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        }
        OutputFormat::Human => out.write_all(answer.text.as_bytes())?,
    }
    Ok(match answer.outcome {
        Outcome::Good => Verdict::Good,
        Outcome::Failed => Verdict::Failed,
        Outcome::Mistaken => Verdict::Mistaken,
    })
}

fn connect(options: &ControlOptions) -> anyhow::Result<UnixStream> {
    let catalog = options.config.as_deref().unwrap_or(Path::new(DEFAULT_CATALOG));
    let candidates = place_of(options.control.as_deref(), Some(catalog)).candidates();
    if candidates.is_empty() {
        bail!("the process of {} has no control socket: send it SIGHUP or SIGUSR2", catalog.display());
    }
    let mut tried = Vec::new();
    for path in &candidates {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                let why = match error.kind() {
                    ErrorKind::NotFound => "there is none".to_owned(),
                    ErrorKind::ConnectionRefused => "nobody serves it any more".to_owned(),
                    ErrorKind::PermissionDenied => "it is another user's".to_owned(),
                    _ => error.to_string(),
                };
                tried.push(format!("{} ({why})", path.display()));
            }
        }
    }
    let tried = tried.join(", ");
    let of = if options.control.is_none() { format!(" for {}", catalog.display()) } else { String::new() };
    Err(anyhow!("no running tidegate is reached{of}; tried the control socket {tried}"))
}

fn exchange(stream: &mut UnixStream, request: &Request) -> anyhow::Result<Answer> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut question = serde_json::to_vec(request)?;
    question.push(b'\n');
    stream.write_all(&question)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX as u64 + 2).read_to_end(&mut answer)?;
    if answer.is_empty() {
        bail!("it ended the connection");
    }
    let answer: Answer = serde_json::from_slice(&answer).context("it said something unknown")?;
    if answer.version != VERSION {
        bail!("it speaks version {} of the protocol, and this program version {VERSION}", answer.version);
    }
    Ok(answer)
}
