//! Running the rules of a stage, one after the other, through waits.

use super::host::Running;
use super::{Ask, End, Host, Note, Stage, State, Transaction, Waiting};
use crate::builtins::{builtins, log_text};
use crate::catalog::{Attachment, Mode, OnRuleError, RunFrequency, VirtualServer};
use crate::connection::AttachmentName;
use crate::decision::RateResult;
use crate::limits;
use core::time::Duration;
use shaping::{Poll, Tick};
use std::sync::Arc;
use trafficscript::{Fault, Run, Step, Value};

/// How far the rules of a stage got.
pub(super) enum RulesStep {
    /// One of them waits.
    Asked(Ask),
    /// One of them waited until the virtual server's patience ended.
    TimedOut {
        /// How much longer its place would have needed.
        retry_after: Duration,
    },
    /// The list is done, or a rule ended it: see `host.end`.
    Over,
}

/// What came of a wait.
enum Waited {
    Answer(Option<Value>),
    Still(Ask),
    TimedOut { retry_after: Duration },
}

#[inline]
fn rules_of(virtual_server: &VirtualServer, stage: Stage) -> &[Attachment] {
    match stage {
        Stage::Request => &virtual_server.request_rules,
        Stage::Response => &virtual_server.response_rules,
    }
}

impl Transaction {
    #[inline]
    pub(super) fn run_rules(&mut self, stage: Stage) -> RulesStep {
        let waits = self.run.is_some() || self.host.waiting.is_some();
        if !waits && rules_of(self.host.virtual_server(), stage).is_empty() {
            self.host.running = None;
            return RulesStep::Over;
        }
        self.go_on_with_rules(stage)
    }

    fn go_on_with_rules(&mut self, stage: Stage) -> RulesStep {
        let mut answer = match self.waited() {
            Waited::Answer(answer) => answer,
            Waited::Still(ask) => return RulesStep::Asked(ask),
            Waited::TimedOut { retry_after } => {
                self.end_run();
                return RulesStep::TimedOut { retry_after };
            }
        };
        loop {
            let mut run = match self.run.take() {
                Some(run) => *run,
                None => match self.next_run(stage) {
                    Some(run) => run,
                    None => return RulesStep::Over,
                },
            };
            let step = run.resume(builtins(), &mut self.host, answer.take());
            match step {
                Step::Suspended => {
                    self.run = Some(Box::new(run));
                    return match self.waited() {
                        Waited::Still(ask) => RulesStep::Asked(ask),
                        Waited::TimedOut { retry_after } => RulesStep::TimedOut { retry_after },
                        Waited::Answer(value) => {
                            answer = Some(value.unwrap_or_else(|| Value::from(0)));
                            continue;
                        }
                    };
                }
                Step::Finished => self.instructions = self.instructions.saturating_add(run.instructions()),
                Step::Faulted(fault) => {
                    self.instructions = self.instructions.saturating_add(run.instructions());
                    self.fault(&fault);
                }
            }
            if self.host.end.is_some() {
                self.host.running = None;
                return RulesStep::Over;
            }
        }
    }

    /// Looks at what a rule waits for; `Answer(None)` if it does not wait.
    fn waited(&mut self) -> Waited {
        let now = self.host.now.tick;
        let deadline = self.host.deadline;
        match self.host.waiting.take() {
            None => Waited::Answer(None),
            Some(Waiting::Sleep { until }) if until <= now => Waited::Answer(Some(Value::from(1))),
            Some(Waiting::Sleep { until }) => {
                self.host.waiting = Some(Waiting::Sleep { until });
                Waited::Still(Ask::Sleep { until })
            }
            Some(Waiting::Turn { ticket, since, note }) => {
                match self.host.shared.registry().poll(&ticket, now) {
                    Poll::Started { wakes } => {
                        self.host.shared.wake(wakes);
                        self.host.settle_rate(note, now.since(since), RateResult::Started);
                        Waited::Answer(Some(Value::from(1)))
                    }
                    Poll::Gone => {
                        // The registry knows nothing of it: nobody is to be held up by that.
                        debug_assert!(false, "a ticket was polled after its end");
                        self.host.settle_rate(note, now.since(since), RateResult::Started);
                        Waited::Answer(Some(Value::from(1)))
                    }
                    Poll::Waiting { until } if deadline <= now => {
                        let retry_after = until.unwrap_or(Tick::ZERO).since(now);
                        let wakes = self.host.shared.registry().withdraw(ticket, now);
                        self.host.shared.wake(wakes);
                        self.host.settle_rate(note, now.since(since), RateResult::TimedOut);
                        Waited::TimedOut { retry_after }
                    }
                    Poll::Waiting { until } => {
                        let until = until.map_or(deadline, |until| until.min(deadline));
                        let ask = Ask::Turn { ticket: ticket.id(), until };
                        self.host.waiting = Some(Waiting::Turn { ticket, since, note });
                        Waited::Still(ask)
                    }
                }
            }
        }
    }

    /// The run of the next attachment of the list that is to run; `None` at its end.
    fn next_run(&mut self, stage: Stage) -> Option<Run> {
        let (State::RequestRules { next } | State::ResponseRules { next }) = &mut self.state else {
            return None;
        };
        let catalog = &self.host.catalog;
        let virtual_server = catalog.virtual_server(self.host.arrival.virtual_server);
        let list = rules_of(virtual_server, stage);
        while let Some(attachment) = list.get(usize::from(*next)) {
            let place = *next;
            *next = next.saturating_add(1);
            if is_to_run(attachment, &self.host, stage, place) {
                let observes = attachment.mode == Mode::Observe;
                let run = Run::new(attachment.rule.program.clone(), &limits::RUN);
                self.host.running = Some(Running { stage, place, observes });
                self.host.shared.counters().rule_runs.add_one();
                return Some(run);
            }
        }
        self.host.running = None;
        None
    }

    /// A rule could not go on: written down, counted, and then what the virtual server says. A rule that only
    /// observes changes nothing, not even by failing.
    fn fault(&mut self, fault: &Fault) {
        self.host.shared.counters().rule_faults.add_one();
        let observes = self.host.observes();
        let text = log_text(fault.to_string().as_bytes(), limits::LOG_TEXT_BYTES_MAX);
        self.host.note((&fault.source, fault.span), Note::Fault { text });
        if observes {
            return;
        }
        self.host.end = match self.virtual_server().on_rule_error {
            OnRuleError::Next => self.host.end.take(),
            OnRuleError::Close => Some(End::Discard),
            OnRuleError::ServiceUnavailable => Some(End::Fault),
        };
    }
}

fn is_to_run(attachment: &Attachment, host: &Host, stage: Stage, place: u16) -> bool {
    let is_due = || match attachment.run {
        RunFrequency::Every => true,
        RunFrequency::First => host.connection.is_first_run(AttachmentName {
            virtual_server: Arc::clone(&host.virtual_server().name),
            stage,
            place,
            rule: Arc::clone(&attachment.rule.name),
        }),
    };
    attachment.enabled && is_due()
}

impl Host {
    /// Fills in what became of a wait.
    pub(super) fn settle_rate(&mut self, note: usize, waited: Duration, how: RateResult) {
        if let Some(noted) = self.notes.get_mut(note)
            && let Note::Rate { waited_micros, result, .. } = &mut noted.note
        {
            *waited_micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
            *result = how;
        }
    }
}
