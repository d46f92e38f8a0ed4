//! What was decided, looked at where it lies: for whoever looks at millions of transactions and keeps a few numbers.
//! [`Transaction::record`] has all of it, as texts.

use super::Transaction;
use crate::bodies::{BodyEnd, BodySide};
use crate::decision::{RateResult, RulePlace};
use crate::host::{Note, Noted, Waiting};
use crate::time::Now;
use shaping::Weight;
use std::borrow::Cow;
use trafficscript::ByteString;

/// One line of a record, borrowed; see [`crate::decision::Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// A rate class was asked.
    Rate {
        /// As the rule named it.
        class: &'a [u8],
        /// If the rule gave one.
        context: Option<&'a [u8]>,
        /// How many were waiting before.
        backlog: u32,
        /// Microseconds in the queue.
        waited_micros: u64,
        /// What came of it.
        result: RateResult,
    },
    /// A bandwidth class was chosen.
    BandwidthClass {
        /// `response` or `request`.
        side: &'static str,
        /// Its name; empty for none.
        class: &'a [u8],
    },
    /// The rule answered by itself.
    Respond {
        /// The status.
        status: u16,
    },
    /// The connection was closed without an answer.
    Discard,
    /// A cookie was set.
    Cookie {
        /// Its name.
        name: &'a [u8],
    },
    /// Something was done in the world, or would have been.
    Errand {
        /// Of which kind.
        kind: &'static str,
    },
    /// `.htaccess` decided something.
    Htaccess {
        /// `refuse`, `redirect`, `rewrite` or `proxy`.
        verdict: &'static str,
        /// Of a refusal or a redirect.
        status: Option<u16>,
    },
    /// A fact was read that nobody knows.
    Undecidable {
        /// Which.
        fact: &'a [u8],
    },
    /// A rule could not go on.
    Fault {
        /// Why.
        text: &'a str,
    },
    /// Anything else.
    Other,
}

/// Where something was decided.
#[derive(Clone, Copy)]
pub struct ToldAt<'a> {
    transaction: &'a Transaction,
    noted: &'a Noted,
}

impl<'a> ToldAt<'a> {
    /// The name of the attached rule, of the `.htaccess` file or of the guard; empty for what none of them did.
    pub fn rule(&self) -> &'a str {
        let host = &self.transaction.host;
        if let Some(running) = self.noted.running {
            let attachment = host.rules(running.stage).get(usize::from(running.place));
            return attachment.map_or("", |attachment| &attachment.rule.name);
        }
        if let Some(guard) = host.guard_of(self.noted) {
            return &guard.name;
        }
        let htaccess = self.transaction.virtual_server().htaccess.as_deref();
        htaccess.and_then(|htaccess| htaccess.name_of(&self.noted.source)).map_or("", |name| &**name)
    }

    /// Whether an `.htaccess` file said it, and not a rule.
    pub fn is_of_file(&self) -> bool {
        self.noted.running.is_none() && self.transaction.host.guard_of(self.noted).is_none()
    }

    /// Whether it was only written down.
    pub fn is_observed(&self) -> bool {
        match self.noted.running {
            Some(running) => running.observes,
            None => self.place().is_some_and(|place| place.observed),
        }
    }

    /// The line, as text.
    pub fn place(&self) -> Option<RulePlace> {
        self.transaction.host.place_of(self.noted)
    }
}

impl Transaction {
    /// What was decided and said so far, in order. Costs nothing but looking.
    pub fn told(&self) -> impl Iterator<Item = (Told<'_>, ToldAt<'_>)> {
        self.host.notes.iter().map(|noted| (told(&noted.note), ToldAt { transaction: self, noted }))
    }

    /// The number of the client's connection.
    pub fn connection_id(&self) -> u64 {
        self.host.connection.facts().id
    }

    /// What the answer counts for in that class.
    pub fn response_weight(&self) -> Weight {
        self.host.settings.response_weight
    }

    /// The class that paces the answer as rules have set it so far, by name.
    pub fn response_class_name(&self) -> Option<Cow<'_, [u8]>> {
        self.response_class()
    }

    /// The body that was asked for ([`super::Ask::Body`]) is not known here: the rule gets an empty one, and whatever
    /// it decides by it is undecidable.
    pub fn body_unknown(&mut self, side: BodySide, now: Now) -> super::Next {
        if let Some(Waiting::Body(wait)) = &self.host.waiting {
            let (source, span) = wait.place.clone();
            let fact = match side {
                BodySide::Request => "request body",
                BodySide::Response => "response body",
            };
            self.host.note((&source, span), Note::Undecidable { fact: ByteString::from(fact) });
        }
        self.body_read(side, BodyEnd::Whole, now)
    }
}

fn told(note: &Note) -> Told<'_> {
    match note {
        Note::Rate { class, context, backlog, waited_micros, result } => Told::Rate {
            class,
            context: context.as_deref(),
            backlog: *backlog,
            waited_micros: *waited_micros,
            result: *result,
        },
        Note::BandwidthClass { side, class } => Told::BandwidthClass { side, class },
        Note::Respond { status } => Told::Respond { status: *status },
        Note::Discard => Told::Discard,
        Note::Cookie { name } => Told::Cookie { name },
        Note::Errand { kind, .. } => Told::Errand { kind: kind.word() },
        Note::Htaccess { verdict, status, .. } => Told::Htaccess { verdict, status: *status },
        Note::Undecidable { fact } => Told::Undecidable { fact },
        Note::Fault { text } => Told::Fault { text },
        _ => Told::Other,
    }
}
