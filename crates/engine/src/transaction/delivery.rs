//! The end of a transaction: what the shell really sent, and the line that goes into the access log.

use super::{Origin, Transaction};
use crate::catalog::{AccessLog, VirtualServer};
use crate::connection::ConnectionFacts;
use crate::host::{Note, Noted};
use crate::request_id::{RequestId, RequestName};
use crate::settings::AskedLine;
use crate::time::Now;
use crate::tls::TlsFacts;
use accesslog::{ConnectionState, Entry, FieldLookup, NoFields, TlsEntry};
use message::{Fields, RequestHead};
use shaping::Tick;
use std::borrow::Cow;

/// What became of a decision on the wire. Counted by the shell.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// Bytes of body written to the client.
    pub body_bytes_sent: u64,
    /// All bytes written to the client for this transaction.
    pub bytes_sent: u64,
    /// All bytes of the request, head and body.
    pub bytes_received: u64,
    /// When the first byte of the answer was written; `None` if none was.
    pub first_byte_at: Option<Tick>,
    /// The node that answered, if one did.
    pub node: Option<&'a str>,
    /// How the client's connection stands now.
    pub connection: ConnectionState,
    /// Local time minus UTC, in seconds, for the log.
    pub utc_offset_seconds: i32,
}

/// The status of a client that left, as nginx writes it.
const CLIENT_LEFT: u16 = 499;
/// The status of a connection closed without an answer, as nginx writes it.
const DISCARDED: u16 = 444;

impl Transaction {
    /// Where this transaction is to be logged, if anywhere.
    pub fn access_log(&self) -> Option<&AccessLog> {
        self.virtual_server().access_log.as_ref().filter(|_| self.is_logged())
    }

    /// The status for the log: what the client got, 499 if it left first, 444 if it was discarded.
    pub fn logged_status(&self) -> u16 {
        match self.origin {
            Origin::ClientLeft => CLIENT_LEFT,
            Origin::Nobody | Origin::Undecided => DISCARDED,
            Origin::Node | Origin::Rule | Origin::Htaccess | Origin::Secured | Origin::Error(_) => {
                self.host.response.status()
            }
        }
    }

    /// Appends the access-log line, if the virtual server has a log. Called once, at the end.
    pub fn write_log_line(&self, delivery: &Delivery<'_>, now: Now, out: &mut Vec<u8>) {
        let Some(log) = self.access_log() else { return };
        let host = &self.host;
        let arrived = Arrived {
            virtual_server: self.virtual_server(),
            facts: host.connection.facts(),
            head: &host.request,
            asked: host.asked.as_deref(),
            id: host.arrival.id,
            named: host.arrival.named.as_deref(),
            request_number: host.arrival.request_number,
            at: host.arrived,
        };
        let texts = Texts::of(&arrived);
        let (request, response) = (Lookup(host.request.fields()), Lookup(host.response.fields()));
        let summary = Summary::of(self);
        let class = self.response_class();
        let class = class.as_deref().map_or(Cow::Borrowed(""), String::from_utf8_lossy);
        log.format.write(
            &Entry {
                client_address: host.arrival.client,
                status: self.logged_status(),
                pool: self.pool_name(),
                node: delivery.node.unwrap_or_default(),
                verdict: self.verdict(),
                rule: &summary.rule,
                bandwidth_class: &class,
                rate_class: &summary.rate_class,
                context: summary.context,
                queue_micros: summary.queue_micros,
                queue_place: summary.queue_place,
                marks: &summary.marks,
                kind: if log.format.says_kind() { host.request_kind().word() } else { "" },
                environment: host.judged.as_ref().map_or(&[], |judged| &judged.environment),
                request_fields: &request,
                response_fields: &response,
                ..entry(&arrived, &texts, delivery, now)
            },
            out,
        );
    }

    /// What was decided, in one word.
    pub fn verdict(&self) -> &'static str {
        match self.origin {
            Origin::Undecided => "undecided",
            Origin::Node => "forward",
            Origin::Rule => "respond",
            Origin::Htaccess => "htaccess",
            Origin::Secured => "redirect",
            Origin::Error(word) => word,
            Origin::Nobody => "discard",
            Origin::ClientLeft => "client-left",
        }
    }

    pub(super) fn pool_name(&self) -> &str {
        let pool = self.host.pool.or(self.virtual_server().pool);
        pool.map_or("", |pool| &self.host.catalog.pool(pool).name)
    }
}

/// A request that was refused before it could become a transaction.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    /// Where it arrived; the default of the address, if its Host could not be read.
    pub virtual_server: &'a VirtualServer,
    /// Its connection.
    pub facts: &'a ConnectionFacts,
    /// What could be read of it.
    pub head: &'a RequestHead,
    /// The client's answer.
    pub status: u16,
    /// Why, as one word.
    pub code: &'a str,
    /// Its identity.
    pub id: RequestId,
    /// Which request of its connection, from 1.
    pub request_number: u32,
    /// When it came.
    pub arrived: Now,
}

impl Refused<'_> {
    /// Appends the access-log line, if the virtual server has a log.
    pub fn write_log_line(&self, delivery: &Delivery<'_>, now: Now, out: &mut Vec<u8>) {
        let Some(log) = &self.virtual_server.access_log else { return };
        let arrived = Arrived {
            virtual_server: self.virtual_server,
            facts: self.facts,
            head: self.head,
            asked: None,
            id: self.id,
            named: None,
            request_number: self.request_number,
            at: self.arrived,
        };
        let texts = Texts::of(&arrived);
        let request = Lookup(self.head.fields());
        let base = entry(&arrived, &texts, delivery, now);
        let entry = Entry { status: self.status, verdict: self.code, request_fields: &request, ..base };
        log.format.write(&entry, out);
    }
}

/// What is known of a request at its arrival, whatever becomes of it.
struct Arrived<'a> {
    virtual_server: &'a VirtualServer,
    facts: &'a ConnectionFacts,
    head: &'a RequestHead,
    /// Its first line, where a rule has changed the one in the head.
    asked: Option<&'a AskedLine>,
    id: RequestId,
    /// What a trusted proxy calls it.
    named: Option<&'a str>,
    request_number: u32,
    at: Now,
}

impl Arrived<'_> {
    fn method(&self) -> &[u8] {
        self.asked.map_or(self.head.method(), |asked| &asked.method)
    }

    fn target(&self) -> &[u8] {
        self.asked.map_or(self.head.target(), |asked| &asked.target)
    }
}

/// Texts of a line that nobody holds.
struct Texts<'a> {
    request_line: Vec<u8>,
    ours: RequestName,
    named: Option<&'a str>,
}

impl<'a> Texts<'a> {
    fn of(arrived: &Arrived<'a>) -> Self {
        let version = arrived.head.version().as_str().as_bytes();
        let line = [arrived.method(), b" ", arrived.target(), b" ", version].concat();
        // What could not be read has no line, rather than one of blanks.
        let request_line = if arrived.method().is_empty() { Vec::new() } else { line };
        Self { request_line, ours: arrived.id.name(), named: arrived.named }
    }
}

fn tls_entry(tls: &TlsFacts) -> TlsEntry<'_> {
    TlsEntry {
        protocol: tls.version,
        cipher: tls.cipher_suite,
        server_name: tls.server_name.as_deref().unwrap_or_default(),
        is_resumed: tls.is_resumed,
        has_client_certificate: !tls.client_chain.is_empty(),
    }
}

/// A line as far as arrival and delivery tell; what was decided is filled in by the caller.
fn entry<'a>(arrived: &'a Arrived<'a>, texts: &'a Texts<'a>, delivery: &Delivery<'a>, now: Now) -> Entry<'a> {
    let micros = |to: Tick| u64::try_from(to.since(arrived.at.tick).as_micros()).unwrap_or(u64::MAX);
    let facts = arrived.facts;
    Entry {
        arrived_unix_micros: arrived.at.wall.0,
        utc_offset_seconds: delivery.utc_offset_seconds,
        duration_micros: micros(now.tick),
        first_byte_micros: delivery.first_byte_at.map(micros),
        client_address: facts.peer.ip(),
        client_port: facts.peer.port(),
        peer_address: facts.peer.ip(),
        local_address: facts.local.ip(),
        local_port: facts.local.port(),
        user: None,
        request_line: &texts.request_line,
        method: arrived.method(),
        target: arrived.target(),
        protocol: arrived.head.version().as_str().as_bytes(),
        status: 0,
        body_bytes_sent: delivery.body_bytes_sent,
        bytes_sent: delivery.bytes_sent,
        bytes_received: delivery.bytes_received,
        virtual_server: &arrived.virtual_server.name,
        host: arrived.head.host(),
        connection_id: facts.id,
        requests_on_connection: arrived.request_number,
        connection_state: delivery.connection,
        pool: "",
        node: "",
        request_id: texts.named.unwrap_or(texts.ours.as_str()),
        verdict: "",
        rule: "",
        bandwidth_class: "",
        rate_class: "",
        context: b"",
        queue_micros: 0,
        queue_place: None,
        marks: "",
        kind: "",
        environment: &[],
        tls: arrived.facts.tls.as_deref().map(tls_entry),
        request_fields: &NoFields,
        response_fields: &NoFields,
    }
}

/// The record in the few words that fit into a log line.
#[derive(Default)]
struct Summary<'a> {
    rule: String,
    rate_class: Cow<'a, str>,
    context: &'a [u8],
    queue_micros: u64,
    queue_place: Option<u32>,
    marks: String,
}

impl<'a> Summary<'a> {
    fn mark(&mut self, name: &[u8], state: &str) {
        if !self.marks.is_empty() {
            self.marks.push(',');
        }
        self.marks.push_str(&String::from_utf8_lossy(name));
        self.marks.push_str(state);
    }

    fn of(transaction: &'a Transaction) -> Self {
        let mut summary = Self::default();
        let mut deciding: Option<&Noted> = None;
        for noted in &transaction.host.notes {
            match &noted.note {
                Note::Rate { class, context, backlog, waited_micros, .. } => {
                    summary.rate_class = String::from_utf8_lossy(class);
                    summary.context = context.as_deref().unwrap_or_default();
                    summary.queue_micros = summary.queue_micros.saturating_add(*waited_micros);
                    summary.queue_place = (*waited_micros > 0).then(|| backlog.saturating_add(1));
                }
                Note::Cookie { name } => summary.mark(name, ""),
                Note::Mark { name, state } => {
                    // No cookie's name has a colon.
                    summary.mark(name, [":", state.word()].concat().as_str());
                    continue;
                }
                Note::Undecidable { .. } | Note::Errand { .. } | Note::Warning { .. } | Note::Log { .. } => {
                    continue;
                }
                _ => {}
            }
            deciding = Some(noted);
        }
        if let Some(place) = deciding.and_then(|noted| transaction.host.place_of(noted)) {
            // A tilde marks what was only observed: decided, written down, not done.
            let mark = if place.observed { "~" } else { "" };
            summary.rule = format!("{mark}{}:{}", place.rule, place.line);
        }
        summary
    }
}

/// The fields of a head, as a log format asks for them.
struct Lookup<'a>(&'a Fields);

impl FieldLookup for Lookup<'_> {
    fn field(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.0.joined(name)
    }

    fn cookie(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.0.cookie(name).map(Cow::Borrowed)
    }
}
