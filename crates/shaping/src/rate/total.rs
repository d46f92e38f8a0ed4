//! All contexts of a class together: how many of them may start, and whose turn it is when only that holds them up.
//!
//! A context whose own windows are open and whose head waits only for the total is *ready*. The ready ones start in the
//! order in which they became ready, one of each, so that contexts share the total by turns.

use super::TicketId;
use super::class::{RateClass, Settings, Window};
use super::starts::Starts;
use std::collections::{BTreeMap, VecDeque};

#[derive(Debug)]
pub(crate) struct Total {
    settings: Settings,
    /// The latest tick seen.
    last: u64,
    starts: Starts,
    /// The heads of the ready contexts, by turns.
    ready: BTreeMap<u64, TicketId>,
    next_turn: u64,
    /// Who waits in all contexts.
    waiting: usize,
    /// In a shadow registry: when those who wait there will start, ascending.
    virtual_dues: VecDeque<u64>,
}

impl Total {
    pub(crate) fn new(class: &RateClass) -> Self {
        Self {
            settings: Settings::of_total(class),
            last: 0,
            starts: Starts::default(),
            ready: BTreeMap::new(),
            next_turn: 0,
            waiting: 0,
            virtual_dues: VecDeque::new(),
        }
    }

    /// The time to use: never before what was used here.
    pub(crate) fn time(&mut self, now: u64) -> u64 {
        self.last = self.last.max(now);
        self.last
    }

    /// Takes over edited limits. `history` are the starts of all contexts as far as they are known, ascending: it counts
    /// where it knows more than the total does, which has only looked on while it had limits.
    pub(crate) fn edit(&mut self, class: &RateClass, history: &[u64], now: u64) {
        self.settings = Settings::of_total(class).succeeding(&self.settings, now);
        self.starts.fit(&self.settings);
        if history.len() > self.starts.since(now.saturating_sub(Window::Minute.nanos()), history.len()).len()
        {
            self.starts = Starts::default();
            for &at in history {
                let _one_list_in_the_class = self.starts.record(at, &self.settings);
            }
        }
    }

    /// How many starts a total of these limits needs to know of to judge by them.
    pub(crate) fn history_max(class: &RateClass) -> usize {
        let settings = Settings::of_total(class);
        Window::BOTH.map(|window| settings.limit(window)).into_iter().max().map_or(0, to_usize)
    }

    /// Whether edited limits look at a window that these do not.
    pub(crate) fn gains_a_window(&self, class: &RateClass) -> bool {
        let after = Settings::of_total(class);
        Window::BOTH.iter().any(|&window| self.settings.limit(window) == 0 && after.limit(window) > 0)
    }

    /// So many wait from now on; if there is no limit any more, nobody waits for it.
    pub(crate) fn recount(&mut self, waiting: usize) {
        self.waiting = waiting;
        if self.settings.is_unlimited() {
            self.ready.clear();
            self.virtual_dues.clear();
        }
    }

    pub(crate) const fn joined(&mut self) {
        self.waiting = self.waiting.saturating_add(1);
    }

    pub(crate) const fn left(&mut self, count: usize) {
        self.waiting = self.waiting.saturating_sub(count);
    }

    /// When its windows let one more start, not before `now`.
    pub(crate) fn due(&self, now: u64) -> u64 {
        self.due_after(0, now)
    }

    /// Whether somebody may start now who waits nowhere.
    pub(crate) fn is_free(&self, now: u64) -> bool {
        self.ready.is_empty() && self.due_after(self.virtual_dues.len(), now) <= now
    }

    /// Makes a context ready, or names its new head; `turn` is the context's own note of it. When the head may start, if
    /// it is its turn.
    pub(crate) fn queue_up(&mut self, turn: &mut Option<u64>, head: TicketId, now: u64) -> Option<u64> {
        let mine = *turn.get_or_insert_with(|| {
            let next = self.next_turn;
            self.next_turn = next.saturating_add(1);
            next
        });
        self.ready.insert(mine, head);
        let is_first = self.ready.first_key_value().is_some_and(|(&first, _)| first == mine);
        is_first.then(|| self.due(now))
    }

    /// A ready context has another head.
    pub(crate) fn rename(&mut self, turn: Option<u64>, head: TicketId) {
        if let Some(mine) = turn {
            self.ready.insert(mine, head);
        }
    }

    /// The context is ready no more. Who is first now, if that is another.
    pub(crate) fn step_back(&mut self, turn: &mut Option<u64>) -> Option<TicketId> {
        let mine = turn.take()?;
        let before = self.first();
        self.ready.remove(&mine);
        self.first().filter(|first| before != Some(*first))
    }

    /// Somebody starts.
    pub(crate) fn record(&mut self, now: u64) {
        let _one_list_in_the_class = self.starts.record(now, &self.settings);
    }

    fn first(&self) -> Option<TicketId> {
        self.ready.first_key_value().map(|(_, &head)| head)
    }

    /// About when it lets somebody start before whom `place` wait in the same context: each ready context has a turn for
    /// each of them.
    pub(crate) fn estimate(&self, place: usize, now: u64) -> u64 {
        let turns = self.ready.len().saturating_mul(place.saturating_add(1));
        self.due_after(turns.min(self.waiting), now)
    }

    /// When its windows let one more start behind `ahead` others that start as soon as they may, not before `now`.
    fn due_after(&self, ahead: usize, now: u64) -> u64 {
        let mut due = now;
        for window in Window::BOTH {
            let limit = to_usize(self.settings.limit(window));
            let (Some(rounds), Some(rest)) = (ahead.checked_div(limit), ahead.checked_rem(limit)) else {
                continue;
            };
            let opens = self.starts.opens(window, limit.saturating_sub(rest)).max(now);
            let rounds = u64::try_from(rounds).unwrap_or(u64::MAX);
            due = due.max(opens.saturating_add(window.nanos().saturating_mul(rounds)));
        }
        due
    }

    /// In a shadow registry: lets those go whose time has come.
    pub(crate) fn settle(&mut self, now: u64) {
        while let Some(due) = self.virtual_dues.pop_front_if(|due| *due <= now) {
            let _one_list_in_the_class = self.starts.record(due, &self.settings);
        }
    }

    /// In a shadow registry: about when somebody will start whom his own context lets start at `due`.
    pub(crate) fn virtual_due(&self, due: u64, now: u64) -> u64 {
        let ahead = |due: u64| self.virtual_dues.partition_point(|other| *other <= due);
        let due = due.max(self.due_after(ahead(due), now));
        // those whom it waits for may themselves have to wait: once more, which is near enough
        due.max(self.due_after(ahead(due), now))
    }

    /// In a shadow registry: somebody will start at `due`.
    pub(crate) fn reserve(&mut self, due: u64) {
        let at = self.virtual_dues.partition_point(|other| *other <= due);
        self.virtual_dues.insert(at, due);
    }
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
