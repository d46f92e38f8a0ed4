//! Places of classes that admit by spare capacity: given back when they are dropped, and whoever is next is woken.

use crate::shared::Shared;
use shaping::{Answered, SpareClass, Tick, Way};
use std::fmt;
use std::sync::Arc;

/// A request is inside, as a class that admits by spare capacity sees it; dropping it says that it is over.
pub struct SparePlace {
    shared: Arc<Shared>,
    class: Arc<SpareClass>,
    way: Way,
}

impl SparePlace {
    /// Of somebody who has been told that he may come in.
    pub(crate) fn admitted(shared: &Arc<Shared>, class: Arc<SpareClass>) -> Self {
        Self { shared: Arc::clone(shared), class, way: Way::Admitted }
    }

    /// Of somebody who goes to the class's pool without having asked.
    pub(crate) fn passing(shared: &Arc<Shared>, class: Arc<SpareClass>) -> Self {
        class.pass();
        Self { shared: Arc::clone(shared), class, way: Way::Passed }
    }

    pub(crate) fn is_of(&self, class: &Arc<SpareClass>) -> bool {
        Arc::ptr_eq(&self.class, class)
    }

    /// What a node made of the request; see [`SpareClass::note`].
    pub(crate) fn answered(&self, sort: u64, answered: Answered, now: Tick) {
        self.shared.wake(self.class.note(sort, answered, now));
    }
}

impl Drop for SparePlace {
    fn drop(&mut self) {
        self.shared.wake(self.class.leave(self.way));
    }
}

impl fmt::Debug for SparePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SparePlace").field("way", &self.way).finish_non_exhaustive()
    }
}
