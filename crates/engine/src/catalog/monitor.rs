//! Monitors, as said and as meant: who looks whether the nodes of a pool are well.

use super::check::Checker;
use super::read::{At, BAD_VALUE, Count, Slot, Text, said_choice, said_table, shown};
use super::units::Length;
use crate::limits;
use pattern::{Case, Pattern};
use std::sync::Arc;
use std::time::Duration;

said_table! {
    /// A look at the nodes of a pool, again and again, whether they are well.
    "a monitor" MonitorTable {
        /// What is looked at.
        kind: MonitorKind => "connect",
        /// How long after one look the next begins; up to a tenth of it longer or shorter, so that not all come at once.
        delay: Length<100> => "3s",
        /// How long one look may take in all.
        timeout: Length<1> => "3s",
        /// Looks in a row that fail before the node is taken for failed.
        failures: Count<1, 1_000> => 3,
        /// Looks in a row that succeed before a failed node is taken for well again.
        successes: Count<1, 1_000> => 1,
        /// What an `"http"` monitor asks for.
        path: Text => "/",
        /// Its method.
        method: Text => "GET",
        /// Its Host; without it, the node's own name.
        host_header: Text => optional,
        /// Its answer's status must match this regular expression.
        status_regex: Text => "^[234][0-9][0-9]$",
        /// Its answer's body must match this regular expression; the first 64 KiB are looked at.
        body_regex: Text => optional,
        /// What a `"tcp_transaction"` monitor says first; without it, it only listens.
        write_string: Text => optional,
        /// What it hears must match this regular expression; the first 64 KiB are looked at.
        response_regex: Text => optional,
        /// For people.
        note: Text => "",
    }
}

said_choice! {
    /// What a monitor looks at. Where the pool speaks TLS to its nodes, monitors of the kinds that say something do so too.
    pub MonitorKind {
        /// Whether a connection can be made.
        Connect = "connect",
        /// Whether a connection can be made and TLS be spoken on it, with the certificate that the pool asks for.
        Tls = "tls",
        /// What a request is answered with.
        Http = "http",
        /// What the node says, of itself or in answer to a text.
        TcpTransaction = "tcp_transaction",
    }
    later ["ping", "rtsp", "sip", "program"]
}

/// A monitor, by its place in [`super::Catalog::monitors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorId(pub u32);

impl MonitorId {
    /// The place.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Who looks whether nodes are well.
#[derive(Debug)]
pub struct Monitor {
    /// The name in the catalog.
    pub name: Arc<str>,
    /// What it looks at.
    pub look: Look,
    /// Between two looks; 100 ms at least.
    pub delay: Duration,
    /// For one look. Never zero.
    pub timeout: Duration,
    /// Failed looks in a row that make a node failed; at least 1.
    pub failures: u32,
    /// Good looks in a row that make it well; at least 1.
    pub successes: u32,
}

/// What a monitor looks at.
#[derive(Debug)]
pub enum Look {
    /// That a connection can be made.
    Connect,
    /// And that TLS can be spoken on it.
    Tls,
    /// A request and its answer.
    Http(Box<HttpLook>),
    /// What the node says.
    Tcp {
        /// What is said first.
        write: Vec<u8>,
        /// What it must match.
        expect: Option<Expected>,
    },
}

/// A request, and what its answer must be like.
#[derive(Debug)]
pub struct HttpLook {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The Host; `None`: the node's name.
    pub host: Option<String>,
    /// What the status must match.
    pub status: Expected,
    /// What the body must match.
    pub body: Option<Expected>,
}

/// What something that was heard must be like.
#[derive(Debug)]
pub struct Expected(Pattern);

impl Expected {
    /// Whether it is; a search that takes too many steps says no.
    pub fn is_met_by(&self, heard: &[u8]) -> bool {
        self.0.is_match(heard).unwrap_or(false)
    }
}

impl Checker<'_> {
    pub(super) fn monitor(&mut self, name: &At<String>, said: &At<MonitorTable>) -> Option<Monitor> {
        let table = &said.value;
        let look = match *table.kind.value()? {
            MonitorKind::Connect => Some(Look::Connect),
            MonitorKind::Tls => Some(Look::Tls),
            MonitorKind::Http => self.http_look(table).map(|look| Look::Http(Box::new(look))),
            MonitorKind::TcpTransaction => self.tcp_look(table),
        };
        self.keys_of_others(table);
        Some(Monitor {
            name: Arc::from(name.value.as_str()),
            look: look?,
            delay: table.delay.value()?.0,
            timeout: table.timeout.value()?.0,
            failures: table.failures.value()?.0,
            successes: table.successes.value()?.0,
        })
    }

    fn http_look(&mut self, table: &MonitorTable) -> Option<HttpLook> {
        let (path, method) = (table.path.said()?, table.method.said()?);
        let is_target =
            path.value.0.starts_with('/') && path.value.0.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_target {
            let message = format!("expected a path such as \"/health\", not \"{}\"", shown(&path.value.0));
            self.error(BAD_VALUE, message, path.span, "");
        }
        if !message::is_token(method.value.0.as_bytes()) || method.value.0 == "CONNECT" {
            let message = format!("expected a method such as \"GET\", not \"{}\"", shown(&method.value.0));
            self.error(BAD_VALUE, message, method.span, "");
        }
        let host = table.host_header.said();
        if let Some(host) = host.filter(|host| !host.value.0.bytes().all(|byte| byte.is_ascii_graphic())) {
            let message = format!("expected a host name, not \"{}\"", shown(&host.value.0));
            self.error(BAD_VALUE, message, host.span, "");
        }
        Some(HttpLook {
            method: method.value.0.clone(),
            path: path.value.0.clone(),
            host: host.map(|host| host.value.0.clone()),
            status: self.regex(&table.status_regex)?,
            body: self.regex(&table.body_regex),
        })
    }

    fn tcp_look(&mut self, table: &MonitorTable) -> Option<Look> {
        let write = table.write_string.value().map_or(Vec::new(), |text| text.0.clone().into_bytes());
        let expect = self.regex(&table.response_regex);
        if write.is_empty() && matches!(table.response_regex, Slot::Absent) {
            let message = "a tcp_transaction needs something to say or to hear".to_owned();
            let span = table.kind.said()?.span;
            self.error(BAD_VALUE, message, span, "add write_string = …, response_regex = …, or both");
        }
        Some(Look::Tcp { write, expect })
    }

    /// A key that says nothing for this kind is a mistake of whoever wrote it.
    fn keys_of_others(&mut self, table: &MonitorTable) {
        let Some(kind) = table.kind.said() else { return };
        let mine = |of: MonitorKind| kind.value == of;
        let keys = [
            ("host_header", &table.host_header, MonitorKind::Http),
            ("body_regex", &table.body_regex, MonitorKind::Http),
            ("write_string", &table.write_string, MonitorKind::TcpTransaction),
            ("response_regex", &table.response_regex, MonitorKind::TcpTransaction),
        ];
        for (key, slot, of) in keys {
            if let Some(at) = slot.said().filter(|_| !mine(of)) {
                let message =
                    format!("`{key}` says nothing to a monitor of the kind \"{}\"", kind.value.name());
                self.error(BAD_VALUE, message, at.span, &format!("kind = \"{}\"", of.name()));
            }
        }
    }

    /// `None` where there is none, or after a mistake was told.
    fn regex(&mut self, slot: &Slot<Text>) -> Option<Expected> {
        let at = slot.said()?;
        match Pattern::new(at.value.0.as_bytes(), Case::Sensitive) {
            Ok(pattern) => Some(Expected(pattern)),
            Err(error) => {
                self.error(BAD_VALUE, format!("this is no regular expression: {error}"), at.span, "");
                None
            }
        }
    }

    pub(super) fn all_monitors(&mut self) -> Vec<Arc<Monitor>> {
        let said = self.said;
        let tables = self.tables(&said.monitors, "monitors", limits::MONITORS_MAX);
        tables.into_iter().filter_map(|(name, table)| self.monitor(name, table).map(Arc::new)).collect()
    }
}
