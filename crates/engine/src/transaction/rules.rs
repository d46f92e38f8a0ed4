//! Running the rules of a stage, one after the other, through waits. Whoever has a [`Host`] can run rules: an HTTP
//! transaction does, and so does a connection of raw bytes.

use super::Ask;
use crate::builtins::builtins;
use crate::catalog::{Attachment, Mode, OnRuleError, RunFrequency};
use crate::connection::AttachmentName;
use crate::counters::{Counter, RuleCounters};
use crate::decision::RateResult;
use crate::errand::ErrandError;
use crate::host::{Answered, End, Host, Note, OnErrand, Running, Stage, Waiting};
use crate::limits;
use crate::log_text::log_text;
use crate::spare::SparePlace;
use core::time::Duration;
use shaping::{Poll, Tick};
use source::Span;
use std::sync::Arc;
use trafficscript::{Fault, Run, Step, Value, Warning};

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
    /// The rule does not go on: a fault, written down, or a class that will not serve it; see `host.end`.
    Over,
    Answer(Option<Value>),
    Still(Ask),
    TimedOut {
        retry_after: Duration,
    },
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
    /// When the rules began to run, or were last looked at for running long.
    running_since: Tick,
}

impl Runner {
    /// At the beginning of a list.
    pub(crate) fn new(stage: Stage) -> Self {
        Self { stage, next: 0, run: None, instructions: 0, running_since: Tick::ZERO }
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
        self.running_since = host.now.tick;
        let mut answer = match self.waited(host) {
            Waited::Answer(answer) => answer,
            Waited::Still(ask) => return RulesStep::Asked(ask),
            Waited::TimedOut { retry_after } => {
                self.end_run();
                return RulesStep::TimedOut { retry_after };
            }
            Waited::Over => {
                self.end_run();
                if host.end.is_some() {
                    host.running = None;
                    return RulesStep::Over;
                }
                None
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
            let before = run.instructions();
            let step = run.resume(builtins(), host, answer.take());
            if run.instructions().saturating_sub(before) > limits::BRIEF_RUN_INSTRUCTIONS {
                self.look_at_time(host);
            }
            match step {
                Step::Suspended => {
                    self.run = Some(Box::new(run));
                    match self.waited(host) {
                        Waited::Still(ask) => return RulesStep::Asked(ask),
                        Waited::TimedOut { retry_after } => return RulesStep::TimedOut { retry_after },
                        Waited::Answer(value) => {
                            answer = Some(value.unwrap_or_else(|| Value::from(0)));
                            continue;
                        }
                        Waited::Over => self.end_run(),
                    }
                }
                Step::Finished => self.instructions = self.instructions.saturating_add(run.instructions()),
                Step::Faulted(fault) => {
                    self.instructions = self.instructions.saturating_add(run.instructions());
                    host.fault(&fault);
                }
            }
            if host.end.is_some() {
                host.count_end();
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
            Some(waiting @ Waiting::Bytes { .. }) => self.bytes(host, waiting),
            Some(Waiting::Sleep { until }) if until <= now => Waited::Answer(Some(Value::from(1))),
            Some(Waiting::Sleep { until }) => {
                host.waiting = Some(Waiting::Sleep { until });
                Waited::Still(Ask::Sleep { until })
            }
            Some(Waiting::Errand(on)) => self.errand_waited(host, on),
            Some(Waiting::Body(wait)) => self.body_waited(host, wait),
            Some(Waiting::Written) => self.write_waited(host),
            Some(Waiting::Turn { ticket, since, note }) => match host.shared.registry().poll(&ticket, now) {
                Poll::Started { wakes } => {
                    host.shared.wake(wakes);
                    let spare = host.shared.registry().spare_class_of(&ticket);
                    host.spare = spare.map(|class| SparePlace::admitted(&host.shared, class));
                    host.settle_rate(note, now.since(since), RateResult::Started);
                    Waited::Answer(Some(Value::from(1)))
                }
                Poll::Refused { retry_after, wakes, .. } => {
                    host.shared.wake(wakes);
                    host.settle_rate(note, now.since(since), RateResult::Refused);
                    host.end = Some(End::QueueRefused { retry_after });
                    Waited::Over
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

    /// Whether what came on a raw connection is enough for what a rule waits for.
    fn bytes(&mut self, host: &mut Host, waiting: Waiting) -> Waited {
        let Waiting::Bytes { side, want, mut searched, place } = waiting else { return Waited::Answer(None) };
        let Some(raw) = host.raw.as_mut() else { return Waited::Answer(None) };
        match raw.side(side).answer(&want, false, &mut searched) {
            Err(steps) => {
                let (source, span) = place;
                host.fault(&Fault { kind: steps.into(), source, span });
                Waited::Over
            }
            Ok(Some(answered)) => {
                if answered.cut_short {
                    let (source, span) = place;
                    let text = Answered::CUT_SHORT.to_owned();
                    trafficscript::Host::warn(host, Warning { text, source, span });
                }
                if let (Some(next), Some(run)) = (answered.next, self.run.as_mut()) {
                    run.captures().set(1, i64::try_from(next).unwrap_or(i64::MAX));
                }
                Waited::Answer(Some(answered.value.into()))
            }
            Ok(None) if host.deadline <= host.now.tick => Waited::TimedOut { retry_after: Duration::ZERO },
            Ok(None) => {
                host.waiting = Some(Waiting::Bytes { side, want, searched, place });
                Waited::Still(Ask::Bytes { until: host.deadline })
            }
        }
    }

    /// Tells of a rule that has run for long.
    fn look_at_time(&mut self, host: &mut Host) {
        let (Some(stopwatch), Some(patience)) = (host.shared.stopwatch(), host.catalog.rules.slow_run) else {
            return;
        };
        let now = stopwatch.tick();
        let took = now.since(self.running_since);
        self.running_since = now;
        if took > patience {
            host.note_slow_run(took);
        }
    }

    fn errand_waited(&mut self, host: &mut Host, mut on: Box<OnErrand>) -> Waited {
        let result = match on.report.take() {
            Some(result) => result,
            None if on.until <= host.now.tick => Err(ErrandError::TimedOut),
            None => {
                let until = on.until;
                host.waiting = Some(Waiting::Errand(on));
                return Waited::Still(Ask::Errand { until });
            }
        };
        // Without a run nobody waits for it.
        let Some(run) = &mut self.run else { return Waited::Answer(None) };
        Waited::Answer(Some(host.settle_errand(&on, result, run.captures())))
    }

    /// The run of the next attachment of the list that is to run; `None` at its end.
    fn next_run(&mut self, host: &mut Host) -> Option<Run> {
        let stage = self.stage;
        while let Some(attachment) = host.rules(stage).get(usize::from(self.next)) {
            let place = self.next;
            self.next = self.next.saturating_add(1);
            if is_to_run(attachment, host, stage, place) {
                let observes = attachment.mode == Mode::Observe;
                let run = Run::new(attachment.rule.program.clone(), &attachment.limits);
                attachment.counters.executions.add_one();
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
    /// Gives a place in a queue back, if one is held, and an errand up.
    pub(crate) fn withdraw(&mut self, result: RateResult) {
        let now = self.now.tick;
        match self.waiting.take() {
            Some(Waiting::Turn { ticket, since, note, .. }) => {
                let wakes = self.shared.registry().withdraw(ticket, now);
                self.shared.wake(wakes);
                self.settle_rate(note, now.since(since), result);
            }
            Some(Waiting::Errand(on)) => self.withdraw_errand(&on),
            _ => {}
        }
    }

    /// Counts something for the rule that runs.
    pub(crate) fn count_for_rule(&self, cell: impl FnOnce(&RuleCounters) -> &Counter) {
        if let Some(attachment) = self.attachment() {
            cell(&attachment.counters).add_one();
        }
    }

    /// Counts how a rule ended the list it stands in.
    fn count_end(&self) {
        match self.end {
            Some(End::Discard | End::Close { .. }) => self.count_for_rule(|counters| &counters.discards),
            Some(End::Respond(_)) => self.count_for_rule(|counters| &counters.responses),
            Some(End::Retry) => self.count_for_rule(|counters| &counters.retries),
            _ => {}
        }
    }

    /// An event only: the rule goes on, under strict checking too.
    fn note_slow_run(&mut self, took: Duration) {
        self.count_for_rule(|counters| &counters.slow_runs);
        self.shared.counters().slow_rule_runs.add_one();
        let Some(source) = self.attachment().map(|attachment| Arc::clone(&attachment.rule.source)) else {
            return;
        };
        let text = format!("the rule ran {} ms without waiting", took.as_millis());
        self.note((&source, Span::default()), Note::Warning { text });
    }

    /// A rule could not go on: written down, counted, and then what the virtual server says. A rule that only
    /// observes changes nothing, not even by failing.
    fn fault(&mut self, fault: &Fault) {
        self.shared.counters().rule_faults.add_one();
        self.count_for_rule(|counters| &counters.aborts);
        // Strict checking can end a rule at a call that began to wait.
        self.withdraw(RateResult::Left);
        self.waiting = None;
        let observes = self.observes();
        let text = log_text(fault.to_string().as_bytes(), limits::LOG_TEXT_BYTES_MAX);
        self.note((&fault.source, fault.span), Note::Fault { text });
        let is_over = self.completion.is_some();
        if observes || is_over {
            return;
        }
        let writes = self.running.as_ref().map(|running| running.place);
        let is_its_stream = self.streamed_mut().is_some_and(|streamed| streamed.writer == writes);
        self.end = match self.virtual_server().on_rule_error {
            // Nobody can bring its answer to the end that it had in mind.
            OnRuleError::Next if is_its_stream => Some(End::Fault),
            OnRuleError::Next => None,
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
