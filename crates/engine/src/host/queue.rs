//! Joining the queue of a rate class: what `rate.use` does, and what guards do.

use super::{End, Host, Note, Waiting};
use crate::MemoryStage;
use crate::decision::RateResult;
use core::time::Duration;
use shaping::{ClientNetwork, Entry, RateClassId};
use source::{Source, Span};
use std::sync::Arc;
use trafficscript::ByteString;

/// When to come again if memory is too short for anybody to wait.
const SHORT_OF_MEMORY: Duration = Duration::from_secs(1);

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// There was room.
    Started,
    /// It is to wait: see `waiting`.
    Waits,
    /// It cannot be served in time: see `end`.
    Refused,
}

impl Host {
    /// Joins the queue of a class, named as whoever asks does, and a context.
    pub(crate) fn join(
        &mut self,
        id: RateClassId,
        (class, context): (ByteString, Option<ByteString>),
        place: (&Arc<Source>, Span),
    ) -> Joined {
        let now = self.now.tick;
        let client = ClientNetwork::of(self.arrival.client);
        let spare = self.shared.registry().spare_class(id);
        let note = |host: &mut Self, backlog, result| {
            let (class, context) = (class.clone(), context.clone());
            host.note(place, Note::Rate { class, context, backlog, waited_micros: 0, result })
        };
        if spare.as_ref().is_some_and(|spare| self.needs_no_place(spare, place)) {
            note(self, 0, RateResult::Started);
            return Joined::Started;
        }
        let entry = match &spare {
            Some(spare) => spare.enter(self.asker(&class, context.as_deref()).entrant(), now),
            None => self.shared.registry().enter(id, context.as_deref(), client, now),
        };
        self.tell_overflow(place);
        match entry {
            Entry::Started => {
                if let Some(spare) = spare {
                    self.come_in(spare);
                }
                note(self, 0, RateResult::Started);
                Joined::Started
            }
            Entry::Queued { ticket, displaced, .. }
                if self.shared.memory().stage() >= MemoryStage::Scarce =>
            {
                self.shared.wake(displaced);
                self.shared.wake(self.shared.registry().withdraw(ticket, now));
                note(self, 0, RateResult::Refused);
                self.end = Some(End::QueueRefused { retry_after: SHORT_OF_MEMORY });
                Joined::Refused
            }
            Entry::Queued { ticket, place, displaced, .. } => {
                self.shared.wake(displaced);
                self.shared.counters().queued.add_one();
                let note = note(self, place, RateResult::Waiting);
                // Thousands may wait, each with a line or two.
                self.notes.shrink_to_fit();
                self.waiting = Some(Waiting::Turn { ticket, since: now, note });
                Joined::Waits
            }
            Entry::Refused { retry_after, .. } => {
                note(self, 0, RateResult::Refused);
                self.end = Some(End::QueueRefused { retry_after });
                Joined::Refused
            }
        }
    }

    /// Tells the operator, once a minute, of classes whose contexts are too many to be kept apart.
    pub(crate) fn tell_overflow(&mut self, place: (&Arc<Source>, Span)) {
        for id in self.shared.registry().overflowed() {
            let Some(name) = self.shared.registry().rate_class_name(id) else { continue };
            let text = format!(
                "all contexts that the rate class \"{name}\" has room for limit somebody: newcomers share one, (other)"
            );
            self.shared.counters().contexts_overflowed.add_one();
            self.note(place, Note::Warning { text });
        }
    }
}
