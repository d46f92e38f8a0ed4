//! The way of an errand through a host: asked for by a function, handed on by whoever drives the rules, settled with
//! its report.

use super::{Host, Note, Waiting};
use crate::catalog::Refusal;
use crate::errand::{Errand, ErrandError, ErrandKind, Report};
use crate::limits;
use crate::log_text::log_text;
use core::net::SocketAddr;
use core::time::Duration;
use shaping::Tick;
use source::{Source, Span};
use std::sync::Arc;
use trafficscript::{Answer, ByteString, Call, Captures, Host as _, Value, Warning};

/// An errand that a rule waits for.
#[derive(Debug)]
pub(crate) struct OnErrand {
    /// `None` once the shell has it.
    errand: Option<Errand>,
    kind: ErrandKind,
    since: Tick,
    pub(crate) until: Tick,
    /// Which note tells of it.
    note: usize,
    /// The call that waits.
    place: (Arc<Source>, Span),
    pub(crate) report: Option<Result<Report, ErrandError>>,
}

/// Sends a rule's errand on its way, or answers at once with the call's failure value where it cannot go.
pub(crate) fn go(call: &mut Call<'_, Host>, errand: Errand, time: Duration) -> Answer {
    let kind = errand.kind();
    let to = shown(&errand);
    if let Err(error) = call.host.foresee(&errand) {
        if call.host.errands < limits::ERRAND_NOTES_MAX {
            let place = call.place();
            call.host.note(place, Note::Errand { kind, to, result: text(&error), micros: 0 });
        }
        return refused(call, kind, error);
    }
    call.host.errands += 1;
    call.host.shared.counters().errands.add_one();
    let (source, span) = call.place();
    let note = Note::Errand { kind, to, result: ByteString::from("under way"), micros: 0 };
    let is_told = call.host.errands <= limits::ERRAND_NOTES_MAX;
    let note = if is_told { call.host.note((source, span), note) } else { usize::MAX };
    let since = call.host.now.tick;
    let until = since.saturating_add(time).min(call.host.deadline);
    let place = (Arc::clone(source), span);
    let on = OnErrand { errand: Some(errand), kind, since, until, note, place, report: None };
    call.host.waiting = Some(Waiting::Errand(Box::new(on)));
    Answer::Wait
}

/// The failure value of a call; a warning where the operator should know.
pub(crate) fn refused(call: &mut Call<'_, Host>, kind: ErrandKind, error: ErrandError) -> Answer {
    if error.is_ours() {
        call.warn(error.to_string());
    }
    Answer::Value(kind.settle(Err(error), call.captures()))
}

/// Where it goes, fit for a record.
fn shown(errand: &Errand) -> ByteString {
    let place: String = errand.place().chars().take(limits::ERRAND_PLACE_CHARS_MAX).collect();
    ByteString::from(place)
}

fn text(error: &ErrandError) -> ByteString {
    ByteString::from(error.to_string())
}

impl Host {
    /// Whether an errand may begin.
    fn foresee(&self, errand: &Errand) -> Result<(), ErrandError> {
        if self.observes() {
            return Err(ErrandError::Observed);
        }
        if self.errands >= limits::ERRANDS_PER_TRANSACTION_MAX {
            let most = limits::ERRANDS_PER_TRANSACTION_MAX;
            return Err(ErrandError::TooMuch(format!(
                "a transaction may not ask for more than {most} errands"
            )));
        }
        if self.deadline <= self.now.tick {
            return Err(ErrandError::TimedOut);
        }
        let (host, port, bytes) = match errand {
            Errand::Fetch(fetch) => (fetch.host.clone(), fetch.port, fetch.body.as_ref().map_or(0, Vec::len)),
            Errand::Connect { address } => (address.ip().to_string(), address.port(), 0),
            Errand::Datagram { host, port, data } => (host.clone(), *port, data.len()),
            Errand::Write { data, .. } => (String::new(), 0, data.len()),
            _ => (String::new(), 0, 0),
        };
        if bytes > limits::ERRAND_DATA_BYTES_MAX {
            let most = limits::ERRAND_DATA_BYTES_MAX;
            return Err(ErrandError::TooMuch(format!("more than {most} bytes cannot be sent at once")));
        }
        if host.is_empty() {
            return Ok(());
        }
        self.catalog.outgoing.foresee(&host, port).map_err(|refusal| {
            let address = match &refusal {
                Refusal::ThisMachine(address) => Some(*address),
                Refusal::NotAllowed => host.parse().ok().map(|ip| SocketAddr::new(ip, port)),
                Refusal::Never(_) => None,
            };
            // What would allow an address does not help where nobody may go.
            let is_own = address.is_some_and(|address| self.catalog.listens_at(address));
            ErrandError::refused(if is_own { &Refusal::OWN } else { &refusal }, &host, port)
        })
    }

    /// Sends an errand on its way that no rule has asked for; the record does not tell of it.
    ///
    /// # Errors
    /// It may not begin.
    pub(crate) fn begin_errand(
        &mut self,
        errand: Errand,
        source: &Arc<Source>,
        time: Duration,
    ) -> Result<(), ErrandError> {
        self.foresee(&errand)?;
        self.errands += 1;
        self.shared.counters().errands.add_one();
        let since = self.now.tick;
        self.waiting = Some(Waiting::Errand(Box::new(OnErrand {
            kind: errand.kind(),
            errand: Some(errand),
            since,
            until: since.saturating_add(time).min(self.deadline),
            note: usize::MAX,
            place: (Arc::clone(source), Span::default()),
            report: None,
        })));
        Ok(())
    }

    fn tell_errand(&mut self, on: &OnErrand, result: &Result<Report, ErrandError>) {
        let micros = u64::try_from(self.now.tick.since(on.since).as_micros()).unwrap_or(u64::MAX);
        if let Some(noted) = self.notes.get_mut(on.note)
            && let Note::Errand { result: told, micros: took, .. } = &mut noted.note
        {
            *took = micros;
            *told = match result {
                Ok(report) => ByteString::from(told_of(report)),
                Err(error) => ByteString::from(log_text(error.to_string().as_bytes(), 1024)),
            };
        }
    }
}

/// A report in a few words, without what it brought.
fn told_of(report: &Report) -> String {
    match report {
        Report::Fetched(fetched) => format!("{}, {} bytes", fetched.status, fetched.body.len()),
        Report::Address(address) => trafficscript::address_text(*address),
        Report::Name(name) => log_text(name.as_bytes(), 253),
        Report::File(state) => match state {
            _ if state.is_folder => "a folder",
            _ if state.is_file => "a file",
            _ if state.exists => "neither a file nor a folder",
            _ => "not there",
        }
        .to_owned(),
        Report::Connected(socket) => format!("socket {socket}"),
        Report::Read(data) => format!("{} bytes", data.len()),
        Report::Written(count) => format!("{count} bytes"),
        Report::Done => "done".to_owned(),
        Report::User { accepted: true, .. } => "accepted".to_owned(),
        Report::User { accepted: false, .. } => "not accepted".to_owned(),
    }
}

impl Host {
    /// The value of the call that waited for an errand.
    pub(crate) fn settle_errand(
        &mut self,
        on: &OnErrand,
        result: Result<Report, ErrandError>,
        captures: &mut Captures,
    ) -> Value {
        self.tell_errand(on, &result);
        if let Err(error) = &result {
            self.shared.counters().errands_failed.add_one();
            if error.is_ours() {
                let (source, span) = (Arc::clone(&on.place.0), on.place.1);
                self.warn(Warning { text: error.to_string(), source, span });
            }
        }
        on.kind.settle(result, captures)
    }

    /// The errand of a transaction that ends is over too.
    pub(crate) fn withdraw_errand(&mut self, on: &OnErrand) {
        self.tell_errand(on, &Err(ErrandError::Failed("given up".to_owned())));
    }
}

impl OnErrand {
    /// What is to be done; once.
    pub(crate) fn take(&mut self) -> Option<Errand> {
        self.errand.take()
    }
}
