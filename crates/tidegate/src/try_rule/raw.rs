//! `try --protocol client_first`: one connection of raw bytes, in virtual time.

use super::report::file_of;
use super::{CLIENT_PORT, Stage, body, has_no_rule, wall_time, world};
use crate::command_line::{OutputFormat, TryOptions};
use crate::verdict::{Mistake, Verdict};
use anyhow::{Context, bail};
use engine::decision::Event;
use engine::{RawRehearsal, RawVisit, RawVisited, SharedOptions};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Plays the connection and prints what went over it.
pub(super) fn run(stage: Stage, options: &TryOptions) -> anyhow::Result<Verdict> {
    if has_no_rule(options) {
        bail!(Mistake(
            "client_first: name a rule with --rule or --response-rule; catalogs have HTTP rules".to_owned()
        ));
    }
    let mut visit = RawVisit {
        client: SocketAddr::new(options.client, CLIENT_PORT),
        virtual_server: stage.virtual_server,
        sends: Vec::new(),
        ends_at: None,
        answers: Vec::new(),
    };
    let mut at = Duration::ZERO;
    for data in &options.data {
        visit.sends.push((at, bytes(data).map_err(|error| Mistake(format!("--data: {error:#}")))?));
        at = at.saturating_add(options.pause);
    }
    visit.ends_at = Some(at);
    for data in &options.node_data {
        let data = bytes(data).map_err(|error| Mistake(format!("--node-data: {error:#}")))?;
        visit.answers.push(vec![(Duration::ZERO, data)]);
    }
    let settings = SharedOptions { bounds: stage.catalog.settings.bounds(), ..SharedOptions::default() };
    let visited =
        RawRehearsal::new(stage.catalog, &settings, wall_time()).in_world(world(options)?).run(&visit);
    let tried = Tried::new(&visited, &stage.paths);
    let mut out = std::io::stdout().lock();
    match options.format {
        OutputFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&tried)?)?,
        OutputFormat::Human => write!(out, "{}", tried.in_full())?,
    }
    Ok(Verdict::Good)
}

/// A file as it is, or a text with its escapes.
fn bytes(data: &str) -> anyhow::Result<Vec<u8>> {
    if data.starts_with('@') {
        return body(data);
    }
    let mut out = Vec::new();
    let mut rest = data.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                u8::from_str_radix(digits, 16).with_context(|| format!("\\x{digits} is no byte"))?
            }
            _ => bail!("after a backslash stands one of r n t 0 \\ xHH"),
        });
    }
    Ok(out)
}

/// What went over the connection, as `--format json` prints it; bytes are escaped.
#[derive(Serialize)]
struct Tried {
    end: &'static str,
    ended_ms: f64,
    to_node: Vec<Sent>,
    to_client: Vec<Sent>,
    bandwidth_class: Option<String>,
    request_bandwidth_class: Option<String>,
    log: Vec<Said>,
    faults: Vec<Said>,
    instructions: u64,
}

#[derive(Serialize)]
struct Sent {
    at_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
    bytes: String,
}

#[derive(Serialize)]
struct Said {
    level: String,
    file: String,
    line: u32,
    text: String,
}

fn milliseconds(length: Duration) -> f64 {
    length.as_secs_f64() * 1e3
}

impl Tried {
    fn new(visited: &RawVisited, paths: &[(Arc<str>, String)]) -> Self {
        let sent = |at: &Duration, pool, bytes: &[u8]| Sent {
            at_ms: milliseconds(*at),
            pool,
            bytes: bytes.escape_ascii().to_string(),
        };
        let (mut log, mut faults) = (Vec::new(), Vec::new());
        for (place, event) in &visited.events {
            let said = |level: &str, text: &str| Said {
                level: level.to_owned(),
                file: file_of(place, paths),
                line: place.line,
                text: text.to_owned(),
            };
            match event {
                Event::Log { level, text } => log.push(said(level, text)),
                Event::Fault { text } => faults.push(said("fault", text)),
                Event::Warning { text } => faults.push(said("warning", text)),
                _ => {}
            }
        }
        Self {
            end: visited.end.word(),
            ended_ms: milliseconds(visited.ended_at),
            to_node: visited
                .to_node
                .iter()
                .map(|(at, pool, bytes)| sent(at, Some(pool.clone()), bytes))
                .collect(),
            to_client: visited.to_client.iter().map(|(at, bytes)| sent(at, None, bytes)).collect(),
            bandwidth_class: visited.bandwidth_class.clone(),
            request_bandwidth_class: visited.request_bandwidth_class.clone(),
            log,
            faults,
            instructions: visited.instructions,
        }
    }

    fn in_full(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, text: &str| {
            // Writing to a string cannot fail.
            let _written = writeln!(out, "{name:<16} {text}");
        };
        line("end", &format!("{} after {:.0} ms", self.end, self.ended_ms));
        for sent in &self.to_node {
            let pool = sent.pool.as_deref().unwrap_or("-");
            line("to the node", &format!("{:>8.0} ms  {pool}  \"{}\"", sent.at_ms, sent.bytes));
        }
        for sent in &self.to_client {
            line("to the client", &format!("{:>8.0} ms  \"{}\"", sent.at_ms, sent.bytes));
        }
        if let Some(class) = &self.bandwidth_class {
            line("bandwidth", class);
        }
        if let Some(class) = &self.request_bandwidth_class {
            line("towards the node", class);
        }
        for said in self.log.iter().chain(&self.faults) {
            line(&said.level, &format!("{}:{}: {}", said.file, said.line, said.text));
        }
        line("instructions", &self.instructions.to_string());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_are_written_with_escapes() {
        assert_eq!(bytes(r"GET\x20a\r\n\0\\").unwrap(), b"GET a\r\n\0\\");
        for wrong in [r"\q", r"\", r"\xg0", r"\x"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
