//! Running the rules of a stage, one after the other, through waits. Whoever has a [`Host`] can run rules: an HTTP
//! transaction does, and so does a connection of raw bytes.

use super::Ask;
use crate::builtins::builtins;
use crate::catalog::{Attachment, Mode, OnRuleError, RunFrequency};
use crate::connection::AttachmentName;
use crate::decision::RateResult;
use crate::host::{End, Host, Note, Running, Stage, Waiting};
use crate::limits;
use crate::log_text::log_text;
use core::time::Duration;
use shaping::{Poll, Tick};
use std::sync::Arc;
use trafficscript::{Fault, Run, Step, Value};

/// How far the rules of a stage got.
pub(crate) enum RulesStep {
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
pub(super) enum Waited {
    Answer(Option<Value>),
    Still(Ask),
    TimedOut { retry_after: Duration },
}

/// Goes through the lists of rules of one host, one list at a time.
#[derive(Debug)]
pub(crate) struct Runner {
    stage: Stage,
    /// The place in the list of what is to run next.
    next: u16,
    /// A run that waits.
    run: Option<Box<Run>>,
    /// Instructions of the runs that are over.
    instructions: u64,
}

impl Runner {
    /// At the beginning of a list.
    pub(crate) fn new(stage: Stage) -> Self {
        Self { stage, next: 0, run: None, instructions: 0 }
    }

    /// Begins another list, or the same again. A run that waits is given up.
    pub(crate) fn begin(&mut self, stage: Stage) {
        self.end_run();
        (self.stage, self.next) = (stage, 0);
    }

    /// Instructions that rules have executed so far.
    pub(crate) fn instructions(&self) -> u64 {
        self.instructions.saturating_add(self.run.as_ref().map_or(0, |run| run.instructions()))
    }

    /// A run that waits.
    pub(super) fn waiting_run(&mut self) -> Option<&mut Run> {
        self.run.as_deref_mut()
    }

    /// Gives up a run in the middle; what it did counts.
    pub(crate) fn end_run(&mut self) {
        let run = self.run.take();
        self.instructions = self.instructions.saturating_add(run.map_or(0, |run| run.instructions()));
    }

    /// Runs as far as it gets.
    #[inline]
    pub(crate) fn go_on(&mut self, host: &mut Host) -> RulesStep {
        let waits = self.run.is_some() || host.waiting.is_some();
        if !waits && host.rules(self.stage).is_empty() {
            host.running = None;
            return RulesStep::Over;
        }
        self.go_on_with_rules(host)
    }

    fn go_on_with_rules(&mut self, host: &mut Host) -> RulesStep {
        let mut answer = match self.waited(host) {
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
                None => match self.next_run(host) {
                    Some(run) => run,
                    None => return RulesStep::Over,
                },
            };
            let step = run.resume(builtins(), host, answer.take());
            match step {
                Step::Suspended => {
                    self.run = Some(Box::new(run));
                    return match self.waited(host) {
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
                    host.fault(&fault);
                }
            }
            if host.end.is_some() {
                host.running = None;
                return RulesStep::Over;
            }
        }
    }

    /// Looks at what a rule waits for; `Answer(None)` if it does not wait.
    fn waited(&mut self, host: &mut Host) -> Waited {
        let now = host.now.tick;
        let deadline = host.deadline;
        match host.waiting.take() {
            None => Waited::Answer(None),
            Some(Waiting::Sleep { until }) if until <= now => Waited::Answer(Some(Value::from(1))),
            Some(Waiting::Sleep { until }) => {
                host.waiting = Some(Waiting::Sleep { until });
                Waited::Still(Ask::Sleep { until })
            }
            Some(Waiting::Body(wait)) => self.body_waited(host, wait),
            Some(Waiting::Written) => self.write_waited(host),
            Some(Waiting::Turn { ticket, since, note }) => match host.shared.registry().poll(&ticket, now) {
                Poll::Started { wakes } => {
                    host.shared.wake(wakes);
                    host.settle_rate(note, now.since(since), RateResult::Started);
                    Waited::Answer(Some(Value::from(1)))
                }
                Poll::Gone => {
                    // The registry knows nothing of it: nobody is to be held up by that.
                    debug_assert!(false, "a ticket was polled after its end");
                    host.settle_rate(note, now.since(since), RateResult::Started);
                    Waited::Answer(Some(Value::from(1)))
                }
                Poll::Waiting { until } if deadline <= now => {
                    let retry_after = until.unwrap_or(Tick::ZERO).since(now);
                    let wakes = host.shared.registry().withdraw(ticket, now);
                    host.shared.wake(wakes);
                    host.settle_rate(note, now.since(since), RateResult::TimedOut);
                    Waited::TimedOut { retry_after }
                }
                Poll::Waiting { until } => {
                    let until = until.map_or(deadline, |until| until.min(deadline));
                    let ask = Ask::Turn { ticket: ticket.id(), until };
                    host.waiting = Some(Waiting::Turn { ticket, since, note });
                    Waited::Still(ask)
                }
            },
        }
    }

    /// The run of the next attachment of the list that is to run; `None` at its end.
    fn next_run(&mut self, host: &mut Host) -> Option<Run> {
        let stage = self.stage;
        while let Some(attachment) = host.rules(stage).get(usize::from(self.next)) {
            let place = self.next;
            self.next = self.next.saturating_add(1);
            if is_to_run(attachment, host, stage, place) {
                let observes = attachment.mode == Mode::Observe;
                let run = Run::new(attachment.rule.program.clone(), &limits::RUN);
                host.running = Some(Running { stage, place, observes });
                host.shared.counters().rule_runs.add_one();
                return Some(run);
            }
        }
        host.running = None;
        None
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
    /// Gives a place in a queue back, if one is held.
    pub(crate) fn withdraw(&mut self, result: RateResult) {
        let now = self.now.tick;
        if let Some(Waiting::Turn { ticket, since, note, .. }) = self.waiting.take() {
            let wakes = self.shared.registry().withdraw(ticket, now);
            self.shared.wake(wakes);
            self.settle_rate(note, now.since(since), result);
        }
    }

    /// A rule could not go on: written down, counted, and then what the virtual server says. A rule that only
    /// observes changes nothing, not even by failing.
    fn fault(&mut self, fault: &Fault) {
        self.shared.counters().rule_faults.add_one();
        let observes = self.observes();
        let text = log_text(fault.to_string().as_bytes(), limits::LOG_TEXT_BYTES_MAX);
        self.note((&fault.source, fault.span), Note::Fault { text });
        let is_over = self.completion.is_some();
        if observes || is_over {
            return;
        }
        self.end = match self.virtual_server().on_rule_error {
            OnRuleError::Next => self.end.take(),
            OnRuleError::Close => Some(End::Discard),
            OnRuleError::ServiceUnavailable => Some(End::Fault),
        };
    }

    /// Fills in what became of a wait.
    fn settle_rate(&mut self, note: usize, waited: Duration, how: RateResult) {
        if let Some(noted) = self.notes.get_mut(note)
            && let Note::Rate { waited_micros, result, .. } = &mut noted.note
        {
            *waited_micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
            *result = how;
        }
    }
}
