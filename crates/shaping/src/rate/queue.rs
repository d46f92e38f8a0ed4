//! One context of a rate class: who started, who waits.
//!
//! Beside those who wait lies the list of the moments at which each *place* of the queue will start if nobody leaves and
//! everybody is on time. The list belongs to places, not to people: when somebody leaves, the last moment goes, and all
//! others hold for whoever moves up. Only a head that comes late can make the list too early, never by more than he was
//! late (`drift`); it is then made anew when it matters.

use super::TicketId;
use super::class::{Order, Settings, Window};
use super::contexts::{Newcomer, Outlook};
use super::starts::Starts;
use super::total::Total;
use super::waiting::{Removed, Waiter, Waiting};
use crate::fingerprint::Fingerprint;
use std::collections::VecDeque;

static NOBODY: VecDeque<u64> = VecDeque::new();

/// One context.
#[derive(Debug, Default)]
pub(crate) struct Instance {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) starts: Starts,
    pub(crate) queue: Option<Box<Queue>>,
}

#[derive(Debug)]
pub(crate) struct Queue {
    /// Empty in a shadow registry, where nobody waits.
    pub(crate) waiting: Waiting,
    /// When each place will start; as many as wait.
    dues: VecDeque<u64>,
    /// By how much `dues` may be too early, in nanoseconds.
    drift: u64,
    /// The context, kept while somebody waits, for those who look on.
    pub(crate) name: Box<[u8]>,
    /// Where the shard's list of busy contexts names this one.
    pub(crate) listed_at: usize,
    /// The context's turn among those that are ready; see `total`.
    pub(crate) turn: Option<u64>,
}

impl Queue {
    /// The queue of a context.
    pub(crate) fn new((name, fingerprint): (&[u8], Fingerprint), order: Order, listed_at: usize) -> Self {
        let (waiting, dues, name) = (Waiting::new(order), VecDeque::new(), shown(name, fingerprint));
        Self { waiting, dues, drift: 0, name, listed_at, turn: None }
    }

    /// Somebody takes the last place, or only time does.
    pub(crate) fn push(&mut self, waiter: Option<Waiter>, due: u64) {
        self.dues.push_back(due);
        if let Some(waiter) = waiter {
            self.waiting.push(waiter);
        }
    }

    /// Somebody leaves without starting: everybody behind moves up.
    pub(crate) fn remove(&mut self, waiter: Waiter) -> Removed {
        let removed = self.waiting.remove(waiter);
        if removed != Removed::Nobody {
            self.dues.pop_back();
        }
        removed
    }

    /// When this place will start, or the last one if there are not so many.
    pub(crate) fn due_of(&self, place: usize) -> Option<u64> {
        self.dues.get(place).or(self.dues.back()).copied()
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
        let ahead = self.queue.as_ref().map_or(&NOBODY, |queue| &queue.dues);
        Self::due_behind(&self.starts, ahead, settings, now)
    }

    /// When somebody may start before whom nobody waits, not before `now`.
    #[inline]
    pub(crate) fn opens(&self, settings: &Settings, now: u64) -> u64 {
        Self::opens_behind(&self.starts, &NOBODY, settings, now)
    }

    /// When the head of those who wait may start, not before `now`.
    pub(crate) fn head_due(&self, settings: &Settings, now: u64) -> u64 {
        Self::due_behind(&self.starts, &NOBODY, settings, now)
    }

    fn due_behind(starts: &Starts, ahead: &VecDeque<u64>, settings: &Settings, now: u64) -> u64 {
        let due = Self::opens_behind(starts, ahead, settings, now);
        settings.spacing.map_or(due, |spacing| due.max(starts.spaced(spacing, ahead)))
    }

    /// When the windows let one more start, behind those `ahead`.
    #[inline]
    fn opens_behind(starts: &Starts, ahead: &VecDeque<u64>, settings: &Settings, now: u64) -> u64 {
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

    pub(crate) fn holds(&self, waiter: Waiter) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.waiting.holds(waiter))
    }

    /// What a newcomer has to expect: exact in the order of arrival and without a total, else an estimate.
    pub(crate) fn outlook(
        &mut self,
        newcomer: &Newcomer<'_>,
        latest: u64,
        settings: &Settings,
        (now, total): (u64, Option<&Total>),
    ) -> Outlook {
        let mut last_due = self.due_against(latest, settings, now);
        let all = self.backlog();
        let mut outlook = Outlook { place: all, due: last_due, last_due };
        if let Some(queue) = self.queue.as_ref().filter(|_| !newcomer.is_virtual) {
            outlook.place = queue.waiting.place_of(newcomer.client, all);
            if outlook.place < all {
                outlook.due = queue.due_of(outlook.place).unwrap_or(last_due).max(now);
            }
        }
        if let Some(total) = total {
            if newcomer.is_virtual {
                last_due = total.virtual_due(last_due, now);
                outlook = Outlook { place: all, due: last_due, last_due };
            } else {
                outlook.due = outlook.due.max(total.estimate(outlook.place, now));
            }
        }
        outlook
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

    /// The head starts at `now`. Who is the head after him, and by how many bytes the heap has grown.
    pub(crate) fn start_head(&mut self, settings: &Settings, now: u64) -> (Option<TicketId>, usize) {
        let grown = self.starts.record(now, settings);
        let Some(queue) = self.queue.as_mut() else { return (None, grown) };
        if let Some(due) = queue.dues.pop_front() {
            queue.drift = queue.drift.max(now.saturating_sub(due));
        }
        queue.waiting.start_head();
        (queue.waiting.head(), grown)
    }

    /// Lets virtual tickets go whose time has come; how many, and by how many bytes the heap has grown.
    pub(crate) fn settle(&mut self, settings: &Settings, now: u64) -> (usize, usize) {
        let Some(queue) = self.queue.as_mut().filter(|queue| queue.waiting.is_empty()) else { return (0, 0) };
        let (mut gone, mut grown) = (0_usize, 0_usize);
        while let Some(due) = queue.dues.pop_front_if(|due| *due <= now) {
            grown = grown.saturating_add(self.starts.record(due, settings));
            gone = gone.saturating_add(1);
        }
        (gone, grown)
    }
}

/// Bytes of a context's name that are kept for those who look on, as long as a host name can be.
const NAME_BYTES_MAX: usize = 253;

/// The name of a context for those who look on: of a longer one its fingerprint.
fn shown(name: &[u8], fingerprint: Fingerprint) -> Box<[u8]> {
    if name.len() <= NAME_BYTES_MAX {
        return name.into();
    }
    let [high, low] = fingerprint.0;
    format!("(hash {high:016x}{low:016x})").into_bytes().into()
}
