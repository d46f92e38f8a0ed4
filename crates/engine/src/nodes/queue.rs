//! Requests that wait for a place at a node of their pool: first come, first served, whichever worker they are on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The line of one pool. Nobody takes its lock while there is room.
#[derive(Debug, Default)]
pub(crate) struct NodeQueue {
    line: Mutex<Line>,
    /// As many as in `line`; read without the lock.
    length: AtomicUsize,
}

#[derive(Debug, Default)]
struct Line {
    /// The number of the next newcomer; numbers in `waiting` grow.
    next: u64,
    waiting: VecDeque<(u64, Option<Waker>)>,
}

/// There are as many as may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

impl NodeQueue {
    /// Takes the last place; `most` places there are.
    pub(crate) fn join(self: &Arc<Self>, most: usize) -> Result<Waiting, QueueFull> {
        let mut line = self.lock();
        if line.waiting.len() >= most {
            return Err(QueueFull);
        }
        let number = line.next;
        line.next += 1;
        line.waiting.push_back((number, None));
        self.length.store(line.waiting.len(), Ordering::SeqCst);
        drop(line);
        Ok(Waiting { queue: Arc::clone(self), number })
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.length.load(Ordering::SeqCst)
    }

    /// There may be room: whoever is first looks.
    pub(crate) fn wake_first(&self) {
        if self.len() == 0 {
            return;
        }
        let waker = self.lock().waiting.front().and_then(|(_, waker)| waker.clone());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line; dropping it leaves the line.
#[derive(Debug)]
pub struct Waiting {
    queue: Arc<NodeQueue>,
    number: u64,
}

impl Waiting {
    /// Whether nobody is before it. If somebody is, `waker` is woken when that may have changed; also when it is
    /// first and there may be room.
    pub fn is_first(&self, waker: &Waker) -> bool {
        let mut line = self.queue.lock();
        let is_first = line.waiting.front().is_some_and(|(number, _)| *number == self.number);
        if let Ok(at) = line.waiting.binary_search_by_key(&self.number, |(number, _)| *number)
            && let Some((_, kept)) = line.waiting.get_mut(at)
            && !kept.as_ref().is_some_and(|kept| kept.will_wake(waker))
        {
            *kept = Some(waker.clone());
        }
        is_first
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut line = self.queue.lock();
        if let Ok(at) = line.waiting.binary_search_by_key(&self.number, |(number, _)| *number) {
            line.waiting.remove(at);
        }
        self.queue.length.store(line.waiting.len(), Ordering::SeqCst);
        drop(line);
        // There may be room for one more.
        self.queue.wake_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nobody_overtakes_and_who_leaves_makes_room() {
        let queue = Arc::new(NodeQueue::default());
        let waker = Waker::noop();
        let first = queue.join(2).unwrap();
        let second = queue.join(2).unwrap();
        assert_eq!(queue.join(2).err(), Some(QueueFull));
        assert!(first.is_first(waker) && !second.is_first(waker));
        drop(first);
        let third = queue.join(2).unwrap();
        assert!(second.is_first(waker) && !third.is_first(waker));
    }

    proptest! {
        #[test]
        fn the_line_is_served_in_the_order_of_coming_and_never_longer_than_it_may_be(
            steps in proptest::collection::vec(0_usize..8, 1..200), most in 1_usize..6,
        ) {
            let queue = Arc::new(NodeQueue::default());
            let mut line: Vec<Waiting> = Vec::new();
            for step in steps {
                if step < 5 {
                    let joined = queue.join(most);
                    prop_assert_eq!(joined.is_ok(), line.len() < most);
                    line.extend(joined);
                } else if !line.is_empty() {
                    line.remove(step % line.len());
                }
                prop_assert_eq!(queue.len(), line.len());
                for (at, waiting) in line.iter().enumerate() {
                    prop_assert_eq!(waiting.is_first(Waker::noop()), at == 0);
                }
            }
        }
    }
}
