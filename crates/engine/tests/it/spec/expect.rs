//! The lines of an `expect` block, and whether they hold.

use super::document::Block;
use super::drive::Happened;
use super::traffic::{Request, shown, time};
use engine::decision::{DecisionRecord, Event, Outcome, RulePlace};

/// One expectation.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// In the Markdown file.
    at: usize,
    /// As written.
    text: String,
    subject: Subject,
    what: What,
}

/// Which requests a line speaks of.
#[derive(Clone, Debug, PartialEq)]
enum Subject {
    All,
    /// Numbers from 1, both included.
    Numbers(usize, usize),
    /// Requests of this visitor, of this path, or with a field of this value.
    Named(String),
}

#[derive(Clone, Debug)]
enum What {
    /// When its requests start, in order of time.
    Starts(Vec<u64>),
    Waits(u64),
    Outcome(String),
    /// Empty: none.
    BandwidthClass(String),
    RequestBandwidthClass(String),
    /// A name, or a whole value.
    SetCookie(String),
    /// A mark's name, and what is known of it; `None`: nothing is known of any.
    Mark(Option<String>),
    NoSetCookie,
    /// `None`: no such field.
    Sends(String, Option<String>),
    SendsLine(String),
    /// `host:port`.
    AsksNode(String),
    Gets(String, Option<String>),
    Body(String),
    SendsBody(String),
    Tries(usize),
    Backlog(u32),
    Log(String),
    /// What an `.htaccess` file decided, or that none did.
    Htaccess(Option<String>),
    NoLog,
    /// The name of an event, and its text.
    Event(String, String),
    Warns(String),
    Faults(String),
    Quiet,
}

impl Line {
    /// Each request logs this text, in its order among the lines about logs.
    pub(super) fn logs(line: usize, code: &str, text: &str) -> Self {
        let what = What::Log(unquoted(text).to_owned());
        Self { at: line, text: format!("{code}  # {text}"), subject: Subject::All, what }
    }
}

/// Reads a block.
///
/// # Errors
/// The line that is of no known form.
pub(super) fn parse(block: &Block) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for (index, text) in block.text.lines().enumerate() {
        let written = text.split("  # ").next().unwrap_or_default().trim();
        if written.is_empty() {
            continue;
        }
        let line = block.line + index;
        let (subject, rest) = subject(written);
        let what = what(rest).map_err(|why| format!("line {line}: {why}: `{written}`"))?;
        lines.push(Line { at: line, text: written.to_owned(), subject, what });
    }
    Ok(lines)
}

fn subject(line: &str) -> (Subject, &str) {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    if let Some(numbers) = first.strip_prefix('#') {
        let (low, high) = numbers.split_once('-').unwrap_or((numbers, numbers));
        if let (Ok(low), Ok(high)) = (low.parse(), high.parse()) {
            return (Subject::Numbers(low, high), rest.trim_start());
        }
    }
    match first.strip_suffix(':') {
        Some("all") => (Subject::All, rest.trim_start()),
        Some(name) => (Subject::Named(name.to_owned()), rest.trim_start()),
        None => (Subject::All, line),
    }
}

fn what(text: &str) -> Result<What, String> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    let field = |text: &str| match (text.strip_prefix("no "), text.split_once(": ")) {
        (Some(name), _) => Ok((name.to_owned(), None)),
        (None, Some((name, value))) => Ok((name.to_owned(), Some(unquoted(value).to_owned()))),
        (None, None) => Err("a field is `Name: value` or `no Name`".to_owned()),
    };
    Ok(match word {
        "starts" | "start" => What::Starts(starts(text)?),
        number if number.parse::<usize>().is_ok() => What::Starts(starts(text)?),
        "waits" => What::Waits(time(rest)?),
        "outcome" => What::Outcome(rest.to_owned()),
        "bandwidth-class" => What::BandwidthClass(none_is_empty(rest)),
        "request-bandwidth-class" => What::RequestBandwidthClass(none_is_empty(rest)),
        "set-cookie" => What::SetCookie(rest.to_owned()),
        "no" if rest == "set-cookie" => What::NoSetCookie,
        "mark" => What::Mark(Some(rest.to_owned())),
        "no" if rest == "mark" => What::Mark(None),
        "no" if rest == "log" => What::NoLog,
        "no" if rest == "htaccess" => What::Htaccess(None),
        "htaccess" => What::Htaccess(Some(rest.to_owned())),
        "asks" => What::AsksNode(rest.to_owned()),
        "sends-line" => What::SendsLine(rest.to_owned()),
        "sends" => field(rest).map(|(name, value)| What::Sends(name, value))?,
        "gets" => field(rest).map(|(name, value)| What::Gets(name, value))?,
        "body" => What::Body(escaped(rest)),
        "sends-body" => What::SendsBody(escaped(rest)),
        "tries" => What::Tries(rest.parse().map_err(|_| "a number is wanted".to_owned())?),
        "backlog" => What::Backlog(rest.parse().map_err(|_| "a number is wanted".to_owned())?),
        "log" => What::Log(unquoted(rest).to_owned()),
        "event" => {
            let (name, text) = rest.split_once(' ').ok_or("an event has a name and a text")?;
            What::Event(name.to_owned(), unquoted(text).to_owned())
        }
        "warns" => What::Warns(unquoted(rest).to_owned()),
        "faults" => What::Faults(unquoted(rest).to_owned()),
        "quiet" => What::Quiet,
        _ => return Err(format!("nothing is expected with `{word}`")),
    })
}

/// `10 start at 0s, then at 60s, 60s` or `starts at 5s`: the times in order, the number repeated.
fn starts(text: &str) -> Result<Vec<u64>, String> {
    let mut times = Vec::new();
    let mut count = 1;
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        match word {
            "start" | "starts" | "at" | "then" | "and" => {}
            number if number.parse::<usize>().is_ok() => count = number.parse().unwrap_or(1),
            moment => {
                times.extend(std::iter::repeat_n(time(moment)?, count));
                count = 1;
            }
        }
    }
    Ok(times)
}

fn none_is_empty(text: &str) -> String {
    if text == "none" { String::new() } else { unquoted(text).to_owned() }
}

/// A text with `\\r` and `\\n` in it.
fn escaped(text: &str) -> String {
    unquoted(text).replace("\\r", "\r").replace("\\n", "\n")
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// Sentences about the lines that do not hold.
pub(super) fn check(lines: &[Line], requests: &[Request], happened: &[Happened]) -> Vec<String> {
    let mut failures = Vec::new();
    for (index, happened) in happened.iter().enumerate() {
        if happened.record.is_none() {
            failures.push(format!("request #{} never came to an end", index + 1));
        }
    }
    for line in lines {
        let subjects: Vec<usize> =
            (0..requests.len()).filter(|index| line.subject.is(*index, requests)).collect();
        let told = |why: String| format!("line {}: `{}`: {why}", line.at, line.text);
        if subjects.is_empty() {
            failures.push(told("no request is meant".to_owned()));
        } else if let What::Starts(expected) = &line.what {
            failures.extend(check_starts(expected, &subjects, happened).map(told));
        } else {
            for index in subjects {
                let why = check_one(&line.what, &requests[index], &happened[index]);
                failures.extend(why.map(|why| told(format!("request #{}: {why}", index + 1))));
            }
        }
    }
    failures.extend(check_logs(lines, requests, happened));
    failures
}

impl Subject {
    fn is(&self, index: usize, requests: &[Request]) -> bool {
        match self {
            Self::All => true,
            Self::Numbers(low, high) => (*low..=*high).contains(&(index + 1)),
            Self::Named(name) => {
                let request = &requests[index];
                request.visitor.as_ref() == Some(name)
                    || request.target == *name
                    || request.fields.iter().any(|(_, value)| value == name)
            }
        }
    }
}

fn check_starts(expected: &[u64], subjects: &[usize], happened: &[Happened]) -> Option<String> {
    let mut times: Vec<u64> = subjects.iter().filter_map(|index| happened[*index].started).collect();
    times.sort_unstable();
    let written = |times: &[u64]| times.iter().map(|time| shown(*time)).collect::<Vec<_>>().join(", ");
    let (expected, times) = (written(expected), written(&times));
    (expected != times).then(|| format!("they start at {times}"))
}

fn check_one(what: &What, request: &Request, happened: &Happened) -> Option<String> {
    let record = happened.record.as_ref()?;
    let differs = |expected: &str, found: String| (expected != found).then(|| format!("found {found}"));
    let class = |found: &Option<String>| found.clone().unwrap_or_default();
    let (status, fields, body) = match &happened.got {
        Some(got) => (got.status, got.fields.as_slice(), got.body.as_str()),
        None => (0, &[][..], ""),
    };
    match what {
        What::Waits(wait) => differs(&shown(*wait), shown(happened.started?.saturating_sub(request.at))),
        What::Outcome(expected) => {
            let found = outcome(&record.outcome);
            let met = found == *expected || found.strip_suffix(&format!(" {status}")) == Some(expected);
            (!met).then(|| format!("found {found}"))
        }
        What::BandwidthClass(expected) => differs(expected, class(&record.bandwidth_class)),
        What::RequestBandwidthClass(expected) => differs(expected, class(&record.request_bandwidth_class)),
        What::Htaccess(expected) => check_htaccess(record, expected.as_deref()),
        What::SetCookie(expected) => check_cookie(fields, Some(expected)),
        What::NoSetCookie => check_cookie(fields, None),
        What::Mark(expected) => check_mark(record, expected.as_deref()),
        What::Sends(name, expected) => {
            check_field(happened.sent.as_ref().map(|(_, f)| f.as_slice()), name, expected.as_deref())
        }
        What::SendsLine(expected) => match &happened.sent {
            Some((line, _)) => differs(expected, line.clone()),
            None => Some("nothing was sent to a node".to_owned()),
        },
        What::AsksNode(expected) => {
            differs(expected, happened.node.clone().unwrap_or_else(|| "no node".to_owned()))
        }
        What::Gets(name, expected) => {
            check_field(happened.got.is_some().then_some(fields), name, expected.as_deref())
        }
        What::Body(expected) => differs(expected, body.to_owned()),
        What::SendsBody(expected) => differs(expected, happened.sent_body.clone()),
        What::Tries(expected) => differs(&expected.to_string(), happened.tries.to_string()),
        What::Backlog(expected) => {
            let found = record.events.iter().find_map(|(_, event)| match event {
                Event::Rate { backlog, .. } => Some(*backlog),
                _ => None,
            });
            (found != Some(*expected)).then(|| format!("found {found:?}"))
        }
        What::Event(name, text) => check_event(record, text, |event| match event {
            Event::Emitted { name: found, text } if found == name => Some(text),
            _ => None,
        }),
        What::Warns(text) => check_event(record, text, |event| match event {
            Event::Warning { text } => Some(text),
            _ => None,
        }),
        What::Faults(text) => check_event(record, text, |event| match event {
            Event::Fault { text } => Some(text),
            _ => None,
        }),
        What::Quiet => {
            let loud = |event: &&Event| matches!(event, Event::Warning { .. } | Event::Fault { .. });
            record.events.iter().map(|(_, event)| event).find(loud).map(|event| format!("found {event:?}"))
        }
        What::NoLog => logs(happened).first().map(|text| format!("found log \"{text}\"")),
        What::Log(_) | What::Starts(_) => None,
    }
}

fn check_htaccess(record: &DecisionRecord, expected: Option<&str>) -> Option<String> {
    let found: Vec<String> = record.events.iter().filter_map(by_htaccess).collect();
    let met = match expected {
        Some(expected) => found.iter().any(|found| found == expected),
        None => found.is_empty(),
    };
    (!met).then(|| format!("found {found:?}"))
}

/// What an `.htaccess` file decided: `.htaccess:5 refuse 403`, `.htaccess:3 rewrite /b`, with a tilde where it only
/// observes.
fn by_htaccess((place, event): &(RulePlace, Event)) -> Option<String> {
    let what = match event {
        Event::Htaccess { verdict, status, to } => {
            let status = status.map_or(String::new(), |status| format!(" {status}"));
            let to = if to.is_empty() { String::new() } else { format!(" {to}") };
            format!("{verdict}{status}{to}")
        }
        Event::Undecidable { fact } if place.rule.ends_with(".htaccess") => format!("undecidable {fact}"),
        _ => return None,
    };
    let mark = if place.observed { "~" } else { "" };
    Some(format!("{mark}{}:{} {what}", place.rule, place.line))
}

fn check_event(
    record: &DecisionRecord,
    wanted: &str,
    text: impl Fn(&Event) -> Option<&String>,
) -> Option<String> {
    let found: Vec<&String> = record.events.iter().filter_map(|(_, event)| text(event)).collect();
    (!found.iter().any(|text| text.contains(wanted))).then(|| format!("found {found:?}"))
}

fn check_field(fields: Option<&[(String, String)]>, name: &str, expected: Option<&str>) -> Option<String> {
    let Some(fields) = fields else { return Some("there is no such head".to_owned()) };
    let found = values(fields, name);
    let met = match expected {
        Some(expected) => found.contains(&expected),
        None => found.is_empty(),
    };
    (!met).then(|| format!("found {found:?}"))
}

fn values<'a>(fields: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    let of_name = fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
    of_name.map(|(_, value)| value.as_str()).collect()
}

/// A `Set-Cookie` value in which the form, key, times and signature of a mark read as `mark:`.
fn readable(line: &str) -> String {
    let Some((name, value)) = line.split_once('=') else { return line.to_owned() };
    let parts: Vec<&str> = value.splitn(6, '.').collect();
    match parts.as_slice() {
        ["v1", _, _, _, signature, value] if signature.len() == 22 => format!("{name}=mark:{value}"),
        _ => line.to_owned(),
    }
}

fn check_cookie(fields: &[(String, String)], expected: Option<&str>) -> Option<String> {
    let cookies: Vec<String> = values(fields, "set-cookie").into_iter().map(readable).collect();
    let met = match expected {
        Some(expected) => cookies
            .iter()
            .any(|value| value == unquoted(expected) || value.starts_with(&format!("{expected}="))),
        None => cookies.is_empty(),
    };
    (!met).then(|| format!("found {cookies:?}"))
}

fn check_mark(record: &DecisionRecord, expected: Option<&str>) -> Option<String> {
    let told = record.events.iter().filter_map(|(_, event)| match event {
        Event::Mark { name, state } => Some(format!("{name} {}", state.word())),
        _ => None,
    });
    let found: Vec<String> = told.collect();
    let met = expected.map_or(found.is_empty(), |expected| found.iter().any(|told| told == expected));
    (!met).then(|| format!("found {found:?}"))
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Forward { pool, status } => format!("forward {pool} {status}").replacen("spec ", "", 1),
        Outcome::Respond { status, .. } => format!("respond {status}"),
        Outcome::Discard => "discard".to_owned(),
        Outcome::ClientLeft => "left".to_owned(),
    }
}

fn logs(happened: &Happened) -> Vec<&str> {
    let events = happened.record.iter().flat_map(|record| &record.events);
    events
        .filter_map(|(_, event)| match event {
            Event::Log { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// A request of which any line says what it logs must log exactly that, in that order.
fn check_logs(lines: &[Line], requests: &[Request], happened: &[Happened]) -> Vec<String> {
    let mut failures = Vec::new();
    for (index, happened) in happened.iter().enumerate() {
        let expected: Vec<(&Line, &str)> = lines
            .iter()
            .filter(|line| line.subject.is(index, requests))
            .filter_map(|line| match &line.what {
                What::Log(text) => Some((line, text.as_str())),
                _ => None,
            })
            .collect();
        if expected.is_empty() {
            continue;
        }
        let found = logs(happened);
        for (position, (line, text)) in expected.iter().enumerate() {
            if found.get(position) != Some(text) {
                let found = found.get(position).map_or("nothing".to_owned(), |text| format!("\"{text}\""));
                let place = format!("line {}: `{}`: request #{}", line.at, line.text, index + 1);
                failures.push(format!("{place} logged {found}"));
            }
        }
        for extra in found.iter().skip(expected.len()) {
            failures.push(format!("request #{} also logged \"{extra}\"", index + 1));
        }
    }
    failures
}
