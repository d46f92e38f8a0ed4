//! How many requests of one bandwidth class may be at nodes at once (`max_node_connections`), counted for the machine.
//!
//! The class is the one towards the client, as it is known when a node is looked for: that of the virtual server, or the
//! one that a request rule set.

use super::Turn;
use super::queue::{NodeQueue, QueueFull, Waiting};
use crate::limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The places of one class, and the line before them: first come, first served.
#[derive(Debug)]
pub struct ClassPlaces {
    most: AtomicU32,
    taken: AtomicU32,
    queue: Arc<NodeQueue>,
}

/// One place; dropping it makes room for whoever is first in the line.
#[derive(Debug)]
pub struct ClassPlace(Arc<ClassPlaces>);

impl ClassPlaces {
    pub(crate) fn new(most: u32) -> Self {
        Self { most: AtomicU32::new(most), taken: AtomicU32::new(0), queue: Arc::default() }
    }

    /// How many there are.
    pub(crate) fn most(&self) -> u32 {
        self.most.load(Ordering::Relaxed)
    }

    /// From now on there are so many. Who has a place keeps it.
    pub(crate) fn limit(&self, most: u32) {
        self.most.store(most, Ordering::Relaxed);
        self.queue.wake_first();
    }

    /// A place, if one is free; a newcomer overtakes nobody who waits.
    pub fn enter(self: &Arc<Self>, turn: Turn) -> Option<ClassPlace> {
        if turn == Turn::New && self.queue.len() > 0 {
            return None;
        }
        let most = self.most();
        let one_more = |taken: u32| taken.checked_add(1).filter(|sum| *sum <= most);
        // Ordered with the look at the line's length: whoever joins after a place was left sees it free.
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).ok()?;
        Some(ClassPlace(Arc::clone(self)))
    }

    /// A place in the line.
    ///
    /// # Errors
    /// As many wait as may.
    pub fn wait(&self) -> Result<Waiting, QueueFull> {
        self.queue.join(limits::NODE_QUEUE_MAX as usize)
    }
}

impl Drop for ClassPlace {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::SeqCst);
        self.0.queue.wake_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_as_many_as_said_and_newcomers_overtake_nobody() {
        let places = Arc::new(ClassPlaces::new(2));
        let (one, other) = (places.enter(Turn::New).unwrap(), places.enter(Turn::New).unwrap());
        assert!(places.enter(Turn::New).is_none());
        let waiting = places.wait().unwrap();
        drop(one);
        assert!(places.enter(Turn::New).is_none(), "somebody waits");
        let third = places.enter(Turn::First).unwrap();
        drop(waiting);
        assert!(places.enter(Turn::New).is_none());
        places.limit(1);
        drop((other, third));
        let only = places.enter(Turn::New).unwrap();
        assert!(places.enter(Turn::New).is_none(), "a reload has made them fewer");
        drop(only);
    }
}
