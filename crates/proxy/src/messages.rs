//! What rules and nodes tell the operator, on its way to the process log: not more than a reader can take in.

use engine::catalog::Pool;
use engine::{ErrorKind, Message, NodeIndex, TransactionError};
use shaping::Tick;
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Messages of one sort that one worker passes on in a second; the others are counted, and the count is told.
const PER_SECOND_MAX: u32 = 100;

/// The limit of one worker for one sort.
#[derive(Default)]
pub(crate) struct Messages {
    second_ends: Cell<Tick>,
    passed: Cell<u32>,
    left_out: Cell<u64>,
}

impl Messages {
    /// Logs a message of a rule, or counts it.
    pub(crate) fn pass_on(&self, message: &Message, now: Tick) {
        if !self.admits(now) {
            return;
        }
        match message.level {
            "error" => tracing::error!(target: "rule", "{}", message.text),
            "warn" => tracing::warn!(target: "rule", "{}", message.text),
            _ => tracing::info!(target: "rule", "{}", message.text),
        }
    }

    /// Logs that a node gave no usable answer, or counts it.
    #[cold]
    pub(crate) fn node_failed(&self, (pool, index): (&Pool, NodeIndex), error: TransactionError, now: Tick) {
        if !self.admits(now) {
            return;
        }
        let (pool, node, why) = (&*pool.name, name_of(pool, index), error.word());
        if let ErrorKind::NodeBadResponse(detail) = error.kind {
            tracing::warn!(target: "node", pool, node, why, detail, "a node's answer is malformed");
        } else {
            tracing::warn!(target: "node", pool, node, why, "a node failed");
        }
    }

    /// Logs that a node is left alone for its answers, or counts it.
    #[cold]
    pub(crate) fn node_ejected(&self, (pool, index): (&Pool, NodeIndex), length: Duration, now: Tick) {
        if self.admits(now) {
            let (pool, node, seconds) = (&*pool.name, name_of(pool, index), length.as_secs());
            tracing::warn!(target: "node", pool, node, seconds, "a node is left alone for its bad answers");
        }
    }

    /// Logs that a node that had failed answered, or counts it.
    #[cold]
    pub(crate) fn node_is_back(&self, (pool, index): (&Pool, NodeIndex), now: Tick) {
        if self.admits(now) {
            let (pool, node) = (&*pool.name, name_of(pool, index));
            tracing::info!(target: "node", pool, node, "a node that had failed answers again");
        }
    }

    /// Logs that slowed answers cannot wait in files, or counts it.
    #[cold]
    pub(crate) fn no_spool(&self, folder: &Path, why: &io::Error, now: Tick) {
        if self.admits(now) {
            let folder = folder.display();
            tracing::warn!(target: "spool", %folder, %why, "a slowed answer has no file: its node waits ([settings] spool_folder)");
        }
    }

    /// Logs that a client was told to go away, or counts it.
    #[cold]
    pub(crate) fn breach(&self, why: &str, client: SocketAddr, now: Tick) {
        if self.admits(now) {
            tracing::warn!(target: "client", %client, why, "a client of HTTP/2 spends more than it may");
        }
    }

    /// Whether one more may be told; those that may not are counted.
    fn admits(&self, now: Tick) -> bool {
        if now >= self.second_ends.get() {
            self.second_ends.set(now.saturating_add(Duration::from_secs(1)));
            self.passed.set(0);
            let left_out = self.left_out.take();
            if left_out > 0 {
                tracing::warn!(left_out, "more messages of one sort than a reader can take in");
            }
        }
        if self.passed.get() >= PER_SECOND_MAX {
            self.left_out.set(self.left_out.get() + 1);
            return false;
        }
        self.passed.set(self.passed.get() + 1);
        true
    }
}

fn name_of(pool: &Pool, index: NodeIndex) -> &str {
    pool.nodes.get(index.index()).map_or("", |node| &*node.name)
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
