//! A sign of life, asked of all workers at once: a worker that answers turns, and says how many connections it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// What the workers answered so far.
#[derive(Debug)]
pub struct Pulse {
    asked: usize,
    answered: AtomicUsize,
    connections: AtomicUsize,
    /// Rung when the last one has answered.
    complete: Notify,
}

impl Pulse {
    pub(crate) fn of(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            asked: workers,
            answered: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            complete: Notify::new(),
        })
    }

    pub(crate) fn answer(&self, connections: usize) {
        self.connections.fetch_add(connections, Ordering::Relaxed);
        if self.answered.fetch_add(1, Ordering::Release) + 1 == self.asked {
            self.complete.notify_one();
        }
    }

    /// Whether all workers have answered.
    pub fn is_complete(&self) -> bool {
        self.answered.load(Ordering::Acquire) >= self.asked
    }

    /// Until all workers have answered. For one who waits.
    pub async fn complete(&self) {
        while !self.is_complete() {
            self.complete.notified().await;
        }
    }

    /// Client connections of the workers that have answered.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}
