//! One context of a rate class: who started, who waits. First in, first out.
//!
//! Beside those who wait lies the list of the moments at which each *place* of the queue will start if nobody leaves and
//! everybody is on time. The list belongs to places, not to people: when somebody leaves, the last moment goes, and all
//! others hold for whoever moves up. Only a head that comes late can make the list too early, never by more than he was
//! late (`drift`); it is then made anew when it matters.

use super::TicketId;
use super::class::{Settings, Window};
use super::starts::Starts;
use crate::fingerprint::Fingerprint;
use std::collections::VecDeque;

/// One context.
#[derive(Debug, Default)]
pub(crate) struct Instance {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) starts: Starts,
    pub(crate) queue: Option<Box<Queue>>,
}

#[derive(Debug)]
pub(crate) struct Queue {
    /// Ascending; the first has not left. Empty in a shadow registry, where nobody waits.
    waiters: VecDeque<Waiter>,
    /// When each place will start; as many as wait.
    dues: VecDeque<u64>,
    /// By how much `dues` may be too early, in nanoseconds.
    drift: u64,
    /// The context, kept while somebody waits, for those who look on.
    pub(crate) name: Box<[u8]>,
    /// Where the shard's list of busy contexts names this one.
    pub(crate) listed_at: usize,
}

/// Whom [`Queue::remove`] took out.
pub(crate) enum Removed {
    Nobody,
    FromBehind,
    Head { next: Option<TicketId> },
}

#[derive(Debug)]
struct Waiter {
    id: TicketId,
    has_left: bool,
}

impl Queue {
    pub(crate) const fn new(name: Box<[u8]>, listed_at: usize) -> Self {
        Self { waiters: VecDeque::new(), dues: VecDeque::new(), drift: 0, name, listed_at }
    }

    pub(crate) fn push(&mut self, id: Option<TicketId>, due: u64) {
        self.dues.push_back(due);
        if let Some(id) = id {
            self.waiters.push_back(Waiter { id, has_left: false });
        }
    }

    pub(crate) fn head(&self) -> Option<TicketId> {
        self.waiters.front().map(|waiter| waiter.id)
    }

    fn find(&self, id: TicketId) -> Option<usize> {
        let at = self.waiters.binary_search_by_key(&id, |waiter| waiter.id).ok()?;
        self.waiters.get(at).filter(|waiter| !waiter.has_left).map(|_| at)
    }

    pub(crate) fn holds(&self, id: TicketId) -> bool {
        self.find(id).is_some()
    }

    pub(crate) fn remove(&mut self, id: TicketId) -> Removed {
        let Some(at) = self.find(id) else { return Removed::Nobody };
        self.dues.pop_back();
        if at == 0 {
            self.drop_head();
            return Removed::Head { next: self.head() };
        }
        if let Some(waiter) = self.waiters.get_mut(at) {
            waiter.has_left = true;
        }
        // so that leavers in the middle never hold more memory than those who stay
        if self.waiters.len() > self.dues.len().saturating_mul(2).saturating_add(16) {
            self.waiters.retain(|waiter| !waiter.has_left);
        }
        Removed::FromBehind
    }

    fn drop_head(&mut self) {
        self.waiters.pop_front();
        while self.waiters.front().is_some_and(|waiter| waiter.has_left) {
            self.waiters.pop_front();
        }
    }
}

impl Instance {
    pub(crate) fn new(fingerprint: Fingerprint) -> Self {
        Self { fingerprint, ..Self::default() }
    }

    #[inline]
    pub(crate) fn backlog(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.dues.len())
    }

    /// Whether forgetting this one changes nothing.
    pub(crate) fn is_fresh(&self, settings: &Settings, now: u64) -> bool {
        self.backlog() == 0 && self.starts.is_fresh(settings, now)
    }

    /// When a newcomer at the end of the queue will start at the earliest, not before `now`.
    #[inline]
    pub(crate) fn due(&self, settings: &Settings, now: u64) -> u64 {
        static NOBODY: VecDeque<u64> = VecDeque::new();
        let ahead = self.queue.as_ref().map_or(&NOBODY, |queue| &queue.dues);
        Self::due_behind(&self.starts, ahead, settings, now)
    }

    /// When the head may start, not before `now`.
    pub(crate) fn head_due(&self, settings: &Settings, now: u64) -> u64 {
        static NOBODY: VecDeque<u64> = VecDeque::new();
        Self::due_behind(&self.starts, &NOBODY, settings, now)
    }

    #[inline]
    fn due_behind(starts: &Starts, ahead: &VecDeque<u64>, settings: &Settings, now: u64) -> u64 {
        let mut due = now.max(ahead.back().copied().unwrap_or(0));
        for window in Window::BOTH {
            let limit = settings.limit(window);
            if limit > 0 {
                due = due.max(starts.due(window, limit, ahead));
            }
        }
        due
    }

    /// As [`Instance::due`], but sure about `latest`: whether the newcomer starts by then is exact even after heads were late.
    pub(crate) fn due_against(&mut self, latest: u64, settings: &Settings, now: u64) -> u64 {
        let due = self.due(settings, now);
        let Some(queue) = self.queue.as_ref() else { return due };
        let overdue = queue.dues.front().map_or(0, |&head| now.saturating_sub(head));
        let late = queue.drift.max(overdue);
        if late == 0 || due > latest || due.saturating_add(late) <= latest {
            return due;
        }
        self.project(settings, now);
        self.due(settings, now)
    }

    /// Makes the list of moments anew.
    pub(crate) fn project(&mut self, settings: &Settings, now: u64) {
        let Some(queue) = self.queue.as_mut() else { return };
        let places = queue.dues.len();
        queue.dues.clear();
        for _ in 0..places {
            let due = Self::due_behind(&self.starts, &queue.dues, settings, now);
            queue.dues.push_back(due);
        }
        queue.drift = 0;
    }

    /// The head starts at `now`. Who is the head after him.
    pub(crate) fn start_head(&mut self, settings: &Settings, now: u64) -> Option<TicketId> {
        self.starts.record(now, settings);
        let queue = self.queue.as_mut()?;
        if let Some(due) = queue.dues.pop_front() {
            queue.drift = queue.drift.max(now.saturating_sub(due));
        }
        queue.drop_head();
        queue.head()
    }

    /// Lets virtual tickets go whose time has come; how many.
    pub(crate) fn settle(&mut self, settings: &Settings, now: u64) -> usize {
        let Some(queue) = self.queue.as_mut().filter(|queue| queue.waiters.is_empty()) else { return 0 };
        let mut gone = 0_usize;
        while let Some(due) = queue.dues.pop_front_if(|due| *due <= now) {
            self.starts.record(due, settings);
            gone = gone.saturating_add(1);
        }
        gone
    }
}
