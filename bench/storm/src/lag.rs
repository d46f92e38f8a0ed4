//! How late the measuring program itself is: on a busy machine it measures its own waiting.

use peers::own_processor_seconds;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

const EVERY: Duration = Duration::from_millis(5);

/// A round with more says nothing about anybody's milliseconds.
const P99_MAX_MILLIS: f64 = 10.0;
const WORST_MAX_MILLIS: f64 = 150.0;

/// How late the program woke up, over a round.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Lag {
    pub(crate) p99_millis: f64,
    pub(crate) worst_millis: f64,
    /// Processor time of the measuring program, as a share of the time that went by.
    pub(crate) own_processor_share: f64,
}

impl Lag {
    pub(crate) fn is_valid(self) -> bool {
        self.p99_millis <= P99_MAX_MILLIS && self.worst_millis <= WORST_MAX_MILLIS
    }
}

/// Watches from now on.
pub(crate) struct Watch {
    late: Rc<RefCell<Vec<f64>>>,
    begun: Instant,
    processor: f64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let late = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&late);
        tokio::task::spawn_local(async move {
            loop {
                let due = Instant::now() + EVERY;
                tokio::time::sleep_until(due).await;
                kept.borrow_mut().push((Instant::now() - due).as_secs_f64() * 1e3);
            }
        });
        Self { late, begun: Instant::now(), processor: own_processor_seconds() }
    }

    pub(crate) fn lag(&self) -> Lag {
        let mut late = self.late.borrow().clone();
        late.sort_by(f64::total_cmp);
        Lag {
            p99_millis: late.get(late.len() * 99 / 100).copied().unwrap_or(f64::INFINITY),
            worst_millis: late.last().copied().unwrap_or(f64::INFINITY),
            own_processor_share: (own_processor_seconds() - self.processor)
                / self.begun.elapsed().as_secs_f64(),
        }
    }
}
