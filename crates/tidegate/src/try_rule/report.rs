//! What was decided, as data and as text.

use engine::Visited;
use engine::decision::{Event, Outcome, RateResult, RulePlace};
use message::Fields;
use serde::Serialize;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// One request, as `try --format json` prints it.
#[derive(Serialize)]
pub(super) struct Tried {
    outcome: &'static str,
    pool: Option<String>,
    bandwidth_class: Option<String>,
    request_bandwidth_class: Option<String>,
    htaccess: Vec<Said>,
    rates: Vec<Rate>,
    request: Request,
    response: Option<Response>,
    log: Vec<LogLine>,
    faults: Vec<Fault>,
    instructions: u64,
}

/// The files that something may come from.
pub(super) struct Names {
    /// Of rules given by path: their names in the record, and the paths.
    pub(super) rules: Vec<(Arc<str>, String)>,
    /// The `.htaccess` files of the virtual server.
    pub(super) htaccess: Vec<String>,
}

/// What an `.htaccess` file decided, and where it stands.
#[derive(Serialize)]
struct Said {
    file: String,
    line: u32,
    column: u32,
    /// `pass`, `refuse`, `redirect`, `rewrite`, `proxy` or `undecidable`.
    verdict: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    observed: bool,
}

#[derive(Serialize)]
struct Rate {
    class: String,
    context: Option<String>,
    backlog: u32,
    waited_ms: f64,
    result: RateResult,
    observed: bool,
}

#[derive(Serialize)]
struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

#[derive(Serialize)]
struct LogLine {
    level: String,
    text: String,
}

#[derive(Serialize)]
struct Fault {
    file: String,
    line: u32,
    column: u32,
    text: String,
    severity: &'static str,
}

impl Tried {
    /// What was decided, with places in files as the user knows them.
    pub(super) fn new(visited: &Visited, names: &Names) -> Self {
        let record = &visited.record;
        let named = |place: &RulePlace| names.file_of(place);
        let mut tried = Self {
            outcome: match record.outcome {
                _ if visited.is_given_up => "endless",
                Outcome::Forward { .. } => "forward",
                Outcome::Respond { .. } => "respond",
                Outcome::Discard | Outcome::ClientLeft => "discard",
            },
            pool: match &record.outcome {
                Outcome::Forward { pool, .. } => Some(pool.clone()),
                _ => None,
            },
            bandwidth_class: record.bandwidth_class.clone(),
            request_bandwidth_class: record.request_bandwidth_class.clone(),
            htaccess: Vec::new(),
            rates: Vec::new(),
            request: Request {
                method: lossy(visited.request.method()),
                url: lossy(visited.request.target()),
                headers: list(visited.request.fields()),
            },
            response: visited.response.as_ref().map(|head| Response {
                status: head.status(),
                headers: list(head.fields()),
                body: (!visited.body.is_empty()).then(|| lossy(&visited.body)),
            }),
            log: Vec::new(),
            faults: Vec::new(),
            instructions: visited.instructions,
        };
        for (place, event) in &record.events {
            let fault = |text: &str, severity| Fault {
                file: named(place),
                line: place.line,
                column: place.column,
                text: text.to_owned(),
                severity,
            };
            match event {
                Event::Rate { class, context, backlog, waited_micros, result } => tried.rates.push(Rate {
                    class: class.clone(),
                    context: context.clone(),
                    backlog: *backlog,
                    waited_ms: Duration::from_micros(*waited_micros).as_secs_f64() * 1e3,
                    result: *result,
                    observed: place.observed,
                }),
                Event::Htaccess { verdict, status, to } => {
                    let to = (!to.is_empty()).then(|| to.clone());
                    tried.htaccess.push(Said::at(place, verdict, *status, to));
                }
                Event::Undecidable { fact } if names.is_htaccess(place) => {
                    tried.htaccess.push(Said::at(place, "undecidable", None, Some(fact.clone())));
                }
                Event::Log { level, text } => {
                    tried.log.push(LogLine { level: level.to_string(), text: text.clone() });
                }
                Event::Emitted { name, text } => {
                    tried.log.push(LogLine { level: "event".to_owned(), text: format!("{name}: {text}") });
                }
                Event::Fault { text } => tried.faults.push(fault(text, "fault")),
                Event::Warning { text } => tried.faults.push(fault(text, "warning")),
                _ => {}
            }
        }
        if let ([], Some(file)) = (tried.htaccess.as_slice(), names.htaccess.first()) {
            tried.htaccess.push(Said::passed(file));
        }
        tried
    }

    /// Everything, for one request.
    pub(super) fn in_full(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, text: &str| {
            // Writing to a string cannot fail.
            let _written = writeln!(out, "{name:<16} {text}");
        };
        line("outcome", self.outcome);
        line("pool", self.pool.as_deref().unwrap_or("-"));
        line("bandwidth", self.bandwidth_class.as_deref().unwrap_or("not shaped"));
        if let Some(class) = &self.request_bandwidth_class {
            line("towards the node", class);
        }
        for rate in &self.rates {
            line("rate class", &rate.to_line());
        }
        for said in &self.htaccess {
            line("htaccess", &said.to_line());
        }
        line("request", &format!("{} {}", self.request.method, self.request.url));
        for (name, value) in &self.request.headers {
            line("", &format!("{name}: {value}"));
        }
        if let Some(response) = &self.response {
            line("response", &response.status.to_string());
            for (name, value) in &response.headers {
                line("", &format!("{name}: {value}"));
            }
        }
        for entry in &self.log {
            line("log", &format!("{}: {}", entry.level, entry.text));
        }
        for fault in &self.faults {
            line(fault.severity, &format!("{}:{}:{}: {}", fault.file, fault.line, fault.column, fault.text));
        }
        if self.outcome == "endless" {
            let most = engine::limits::REHEARSED_WAITS_MAX;
            line(
                "",
                &format!(
                    "the rule waited, read, wrote or asked {most} times without an end, and was given up"
                ),
            );
        }
        line("instructions", &self.instructions.to_string());
        out
    }

    /// One line of many.
    pub(super) fn in_a_line(&self, number: usize, every: Duration) -> String {
        let at = every.saturating_mul(u32::try_from(number.saturating_sub(1)).unwrap_or(u32::MAX));
        let status = self.response.as_ref().map_or("-".to_owned(), |response| response.status.to_string());
        let rates: Vec<String> = self.rates.iter().map(Rate::to_line).collect();
        let class = self.bandwidth_class.as_deref().unwrap_or("-");
        format!(
            "{number:>5}  {:>9.3} s  {:<8} {status:>3}  {class:<16} {}",
            at.as_secs_f64(),
            self.outcome,
            rates.join("; ")
        )
    }
}

impl Said {
    fn at(place: &RulePlace, verdict: &str, status: Option<u16>, to: Option<String>) -> Self {
        Self {
            file: place.rule.clone(),
            line: place.line,
            column: place.column,
            verdict: verdict.to_owned(),
            status,
            to,
            observed: place.observed,
        }
    }

    fn passed(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            verdict: "pass".to_owned(),
            status: None,
            to: None,
            observed: false,
        }
    }

    fn to_line(&self) -> String {
        let (status, to) = (self.status.unwrap_or_default(), self.to.as_deref().unwrap_or_default());
        let what = match self.verdict.as_str() {
            "pass" => return format!("{}: lets it through", self.file),
            "refuse" => format!("refused with {status}"),
            "give-up" => format!("given up with {status}"),
            "redirect" => format!("redirected with {status} to {to}"),
            "rewrite" => format!("goes to {to}"),
            "proxy" => format!("goes to another server, {to}"),
            _ => format!("undecidable: it hangs on {to}"),
        };
        let observed = if self.observed { " (observed)" } else { "" };
        format!("{}:{}:{}: {what}{observed}", self.file, self.line, self.column)
    }
}

impl Rate {
    fn to_line(&self) -> String {
        let context = self.context.as_ref().map_or(String::new(), |context| format!(" \"{context}\""));
        let observed = if self.observed { " (observed)" } else { "" };
        let how = match self.result {
            RateResult::Started if self.waited_ms > 0.0 => format!("waited {:.0} ms", self.waited_ms),
            RateResult::Started => "started at once".to_owned(),
            RateResult::Waiting => "still waiting".to_owned(),
            RateResult::OverLimit => "over the limit".to_owned(),
            RateResult::Refused => "refused: full, or the wait would be too long".to_owned(),
            RateResult::TimedOut => format!("gave up after {:.0} ms", self.waited_ms),
            RateResult::Left => "left".to_owned(),
            RateResult::NoClass => "there is no such class".to_owned(),
        };
        format!("{}{context}: {how}, {} before it{observed}", self.class, self.backlog)
    }
}

impl Names {
    fn is_htaccess(&self, place: &RulePlace) -> bool {
        self.htaccess.contains(&place.rule)
    }

    fn file_of(&self, place: &RulePlace) -> String {
        if self.is_htaccess(place) { place.rule.clone() } else { file_of(place, &self.rules) }
    }
}

/// The file of a rule: as it was given, or in the folder of rules.
pub(super) fn file_of(place: &RulePlace, paths: &[(Arc<str>, String)]) -> String {
    let given = paths.iter().find(|(name, _)| *place.rule == **name);
    given.map_or_else(|| format!("rules/{}.rts", place.rule), |(_, path)| path.clone())
}

fn list(fields: &Fields) -> Vec<(String, String)> {
    fields.iter().map(|(name, value, _)| (lossy(name), lossy(value))).collect()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
