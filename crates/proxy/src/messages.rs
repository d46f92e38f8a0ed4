//! What rules tell the operator, on its way to the process log: not more than a reader can take in.

use engine::Message;
use shaping::Tick;
use std::cell::Cell;
use std::time::Duration;

/// Messages that one worker passes on in a second; the others are counted, and the count is told.
const PER_SECOND_MAX: u32 = 100;

/// The limit of one worker.
#[derive(Default)]
pub(crate) struct Messages {
    second_ends: Cell<Tick>,
    passed: Cell<u32>,
    left_out: Cell<u64>,
}

impl Messages {
    /// Logs a message, or counts it.
    pub(crate) fn pass_on(&self, message: &Message, now: Tick) {
        if now >= self.second_ends.get() {
            self.second_ends.set(now.saturating_add(Duration::from_secs(1)));
            self.passed.set(0);
            let left_out = self.left_out.take();
            if left_out > 0 {
                tracing::warn!(target: "rule", left_out, "more messages of rules than a reader can take in");
            }
        }
        if self.passed.get() >= PER_SECOND_MAX {
            self.left_out.set(self.left_out.get() + 1);
            return;
        }
        self.passed.set(self.passed.get() + 1);
        match message.level {
            "error" => tracing::error!(target: "rule", "{}", message.text),
            "warn" => tracing::warn!(target: "rule", "{}", message.text),
            _ => tracing::info!(target: "rule", "{}", message.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_talkative_rule_is_heard_a_hundred_times_a_second() {
        let messages = Messages::default();
        let message = Message { level: "info", text: String::new() };
        for _ in 0..250 {
            messages.pass_on(&message, Tick::ZERO);
        }
        assert_eq!((messages.passed.get(), messages.left_out.get()), (100, 150));
        messages.pass_on(&message, Tick::ZERO.saturating_add(Duration::from_secs(1)));
        assert_eq!((messages.passed.get(), messages.left_out.get()), (1, 0));
    }
}
