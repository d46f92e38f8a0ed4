//! The notes of a transaction as a [`DecisionRecord`].

use super::{Origin, Transaction};
use crate::catalog::Mode;
use crate::decision::{DecisionRecord, Event, Outcome, RulePlace};
use crate::guards::SiteGuard;
use crate::host::{Host, Note, Noted};
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use trafficscript::ByteString;

/// A line for the process log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `info`, `warn` or `error`.
    pub level: &'static str,
    /// Rule, line and text; control characters are escaped.
    pub text: String,
}

impl Transaction {
    /// All that was decided, as data. Costs what it writes; nobody who does not ask pays.
    pub fn record(&self) -> DecisionRecord {
        let host = &self.host;
        let lossy = |name: Cow<'_, [u8]>| String::from_utf8_lossy(&name).into_owned();
        let request_class =
            host.pool.or(self.virtual_server().pool).and_then(|pool| self.request_class(pool));
        DecisionRecord {
            request_id: host.arrival.id.0,
            virtual_server: self.virtual_server().name.to_string(),
            arrived: host.arrived.wall,
            events: host.events(),
            bandwidth_class: self.response_class().map(lossy),
            request_bandwidth_class: request_class.map(lossy),
            outcome: self.outcome(),
        }
    }

    /// What its rules have to say to the operator: what they logged, warnings, faults. Empty for most transactions.
    pub fn messages(&self) -> impl Iterator<Item = Message> {
        self.host.notes.iter().filter_map(|noted| {
            let (level, text) = match &noted.note {
                Note::Fault { text } => return Some(Message { level: "error", text: text.clone() }),
                Note::Warning { text } => ("warn", text),
                Note::Log { level, text } => (*level, text),
                Note::Emitted { name, text } => ("info", &format!("event {name}: {text}")),
                _ => return None,
            };
            let place = self.host.place_or_none(noted);
            Some(Message { level, text: format!("{}:{}: {text}", place.rule, place.line) })
        })
    }

    fn outcome(&self) -> Outcome {
        let status = self.host.response.status();
        match self.origin {
            Origin::Node => Outcome::Forward { pool: self.pool_name().to_owned(), status },
            Origin::Rule => Outcome::Respond { status, reason: Cow::Borrowed("rule") },
            Origin::Htaccess => Outcome::Respond { status, reason: Cow::Borrowed("htaccess") },
            Origin::Secured => Outcome::Respond { status, reason: Cow::Borrowed("redirect") },
            Origin::Error(word) => Outcome::Respond { status, reason: Cow::Borrowed(word) },
            Origin::Nobody | Origin::Undecided => Outcome::Discard,
            Origin::ClientLeft => Outcome::ClientLeft,
        }
    }
}

impl Host {
    /// The rule (or the library it imports) and the line of a note; `None` for what no rule did.
    pub(super) fn place_of(&self, noted: &Noted) -> Option<RulePlace> {
        let Some(running) = noted.running else {
            return self.place_in_htaccess(noted).or_else(|| self.place_in_guard(noted));
        };
        let rule = &self.rules(running.stage).get(usize::from(running.place))?.rule;
        let at = noted.source.position(noted.at);
        let is_library = !Arc::ptr_eq(&noted.source, &rule.source);
        let library = Path::new(noted.source.name()).file_stem().filter(|_| is_library);
        Some(RulePlace {
            rule: library.map_or(rule.name.to_string(), |name| name.to_string_lossy().into_owned()),
            line: at.line,
            column: at.column,
            observed: running.observes,
        })
    }

    fn place_in_htaccess(&self, noted: &Noted) -> Option<RulePlace> {
        let htaccess = self.virtual_server().htaccess.as_deref()?;
        let name = htaccess.name_of(&noted.source)?;
        let at = noted.source.position(noted.at);
        let observed = htaccess.mode == Mode::Observe;
        Some(RulePlace { rule: name.to_string(), line: at.line, column: at.column, observed })
    }

    fn place_in_guard(&self, noted: &Noted) -> Option<RulePlace> {
        let guard = self.guard_of(noted)?;
        let at = noted.source.position(noted.at);
        let rule = format!("guards.{}", guard.name);
        Some(RulePlace { rule, line: at.line, column: at.column, observed: false })
    }

    /// The guard that a note tells of.
    pub(super) fn guard_of(&self, noted: &Noted) -> Option<&SiteGuard> {
        let guard = self.catalog.guard(self.arrival.virtual_server)?;
        Arc::ptr_eq(&guard.place.0, &noted.source).then_some(guard)
    }

    /// What was decided and said so far, in order.
    pub(crate) fn events(&self) -> Vec<(RulePlace, Event)> {
        self.notes.iter().map(|noted| (self.place_or_none(noted), event(&noted.note))).collect()
    }

    fn place_or_none(&self, noted: &Noted) -> RulePlace {
        self.place_of(noted).unwrap_or(RulePlace { rule: String::new(), line: 0, column: 0, observed: false })
    }
}

fn event(note: &Note) -> Event {
    let text = |bytes: &ByteString| String::from_utf8_lossy(bytes).into_owned();
    match note {
        Note::Rate { class, context, backlog, waited_micros, result } => Event::Rate {
            class: text(class),
            context: context.as_ref().map(text),
            backlog: *backlog,
            waited_micros: *waited_micros,
            result: *result,
        },
        Note::BandwidthClass { side, class } => {
            Event::BandwidthClass { side: Cow::Borrowed(side), class: text(class) }
        }
        Note::Cookie { name } => Event::Cookie { name: text(name) },
        Note::Mark { name, state } => Event::Mark { name: text(name), state: *state },
        Note::Field { side, name } => Event::Field { side: Cow::Borrowed(side), name: text(name) },
        Note::Pool { pool } => Event::Pool { pool: text(pool) },
        Note::Setting { name, value } => Event::Setting { name: Cow::Borrowed(name), value: text(value) },
        Note::Respond { status } => Event::Respond { status: *status },
        Note::Errand { kind, to, result, micros } => Event::Errand {
            errand: Cow::Borrowed(kind.word()),
            to: text(to),
            result: text(result),
            micros: *micros,
        },
        Note::Htaccess { verdict, status, to } => {
            Event::Htaccess { verdict: Cow::Borrowed(verdict), status: *status, to: text(to) }
        }
        Note::Discard => Event::Discard,
        Note::Undecidable { fact } => Event::Undecidable { fact: text(fact) },
        Note::Fault { text } => Event::Fault { text: text.clone() },
        Note::Warning { text } => Event::Warning { text: text.clone() },
        Note::Emitted { name, text: said } => Event::Emitted { name: text(name), text: said.clone() },
        Note::Log { level, text } => Event::Log { level: Cow::Borrowed(level), text: text.clone() },
    }
}
