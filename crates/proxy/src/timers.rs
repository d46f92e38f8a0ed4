//! Time-outs of connections, cheap where nothing times out.
//!
//! Each connection has one [`Watch`]: a cell with the moment at which its present wait is over. Setting it is a store.
//! The watch lies in a slot of a wheel; when the slot's time comes, the cell is looked at: past, and the connection
//! is woken with an [`Alarm`]; moved on, and the watch is put into a later slot. So a connection costs the wheel
//! something once in a time-out's length, not once a read.
//!
//! Alarms come up to [`SLOT_NANOS`] late and never early. What must be exact (queues, pacing) has timers of its own.

use crate::clock::Clock;
use shaping::Tick;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::sync::Notify;

/// Length of a slot: how late an alarm may be.
const SLOT_NANOS: u64 = 64_000_000;
/// Slots: 131 seconds ahead. What lies further is looked at once in that time.
const SLOTS: usize = 2048;
/// No slot.
const NOWHERE: u64 = u64::MAX;

/// Why a connection's wait is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alarm {
    /// The time set has come.
    Deadline,
    /// It was idle, and what it holds is needed elsewhere.
    Reaped,
    /// The process stops and its grace is over.
    Cut,
}

/// The time-out of one connection.
pub(crate) struct Watch {
    deadline: Cell<Tick>,
    /// The number of the slot in which the wheel will look at it, and its place there.
    slot: Cell<u64>,
    slot_place: Cell<usize>,
    alarm: Cell<Option<Alarm>>,
    /// Since when nothing is under way on the connection; `None` while something is.
    idle_since: Cell<Option<Tick>>,
    waker: RefCell<Option<Waker>>,
    /// Where it stands in the list of all.
    place: Cell<usize>,
    holder: Holder,
    timers: Rc<Timers>,
}

impl Watch {
    /// The present wait is over at `deadline` at the latest.
    #[inline]
    pub(crate) fn set(self: &Rc<Self>, deadline: Tick) {
        self.deadline.set(deadline);
        if self.alarm.get() == Some(Alarm::Deadline) {
            self.alarm.set(None);
        }
        if slot_of(deadline) < self.slot.get() {
            self.timers.place(self, deadline);
        }
    }

    /// Ready when the wait must end; otherwise the task is woken when it must.
    #[inline]
    pub(crate) fn poll_alarm(&self, context: &Context<'_>) -> Poll<Alarm> {
        if let Some(alarm) = self.alarm.get() {
            return Poll::Ready(alarm);
        }
        let mut waker = self.waker.borrow_mut();
        match &mut *waker {
            Some(waker) if waker.will_wake(context.waker()) => {}
            other => *other = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Nothing is under way from now on: the connection may be closed if its descriptor is needed.
    pub(crate) fn set_idle(&self, since: Option<Tick>) {
        self.idle_since.set(since);
    }

    fn sound(&self, alarm: Alarm) {
        self.alarm.set(Some(alarm));
        self.wake();
    }

    fn wake(&self) {
        let waker = self.waker.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Whose time-out it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holder {
    /// A client connection.
    Connection,
    /// One of the streams of a connection.
    Stream,
}

/// The watch of a connection that lives; dropped with it.
pub(crate) struct Watched(Rc<Watch>);

impl std::ops::Deref for Watched {
    type Target = Rc<Watch>;
    fn deref(&self) -> &Rc<Watch> {
        &self.0
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.timers.forget(&self.0);
    }
}

/// The wheel of one worker, and the list of its connections.
pub(crate) struct Timers {
    clock: Clock,
    slots: RefCell<Vec<Vec<Rc<Watch>>>>,
    /// The number of the first slot not yet looked at.
    next_slot: Cell<u64>,
    /// The slot for which the turning task sleeps.
    awaited: Cell<u64>,
    moved: Notify,
    all: RefCell<Vec<Rc<Watch>>>,
    connections: Cell<usize>,
}

impl Timers {
    pub(crate) fn new(clock: Clock) -> Rc<Self> {
        let next_slot = slot_of(clock.tick());
        Rc::new(Self {
            clock,
            slots: RefCell::new(vec![Vec::new(); SLOTS]),
            next_slot: Cell::new(next_slot),
            awaited: Cell::new(NOWHERE),
            moved: Notify::new(),
            all: RefCell::new(Vec::new()),
            connections: Cell::new(0),
        })
    }

    /// A watch for a new connection.
    pub(crate) fn watch(self: &Rc<Self>) -> Watched {
        self.watch_for(Holder::Connection)
    }

    /// A watch for a new connection, or for a stream of one.
    pub(crate) fn watch_for(self: &Rc<Self>, holder: Holder) -> Watched {
        if holder == Holder::Connection {
            self.connections.set(self.connections.get() + 1);
        }
        let mut all = self.all.borrow_mut();
        let watch = Rc::new(Watch {
            deadline: Cell::new(Tick::MAX),
            slot: Cell::new(NOWHERE),
            slot_place: Cell::new(0),
            alarm: Cell::new(None),
            idle_since: Cell::new(None),
            waker: RefCell::new(None),
            place: Cell::new(all.len()),
            holder,
            timers: Rc::clone(self),
        });
        all.push(Rc::clone(&watch));
        Watched(watch)
    }

    /// How many connections live.
    pub(crate) fn connections(&self) -> usize {
        self.connections.get()
    }

    /// Wakes every connection, so that it looks at what changed.
    pub(crate) fn wake_all(&self) {
        for watch in self.all.borrow().iter() {
            watch.wake();
        }
    }

    /// Ends every connection.
    pub(crate) fn cut_all(&self) {
        for watch in self.all.borrow().iter() {
            watch.sound(Alarm::Cut);
        }
    }

    /// Closes up to `count` of the connections that have been idle longest, and tells how many.
    pub(crate) fn reap(&self, count: usize) -> usize {
        let all = self.all.borrow();
        let mut idle: Vec<(Tick, &Rc<Watch>)> = all
            .iter()
            .filter(|watch| watch.alarm.get().is_none())
            .filter_map(|watch| Some((watch.idle_since.get()?, watch)))
            .collect();
        if idle.len() > count && count > 0 {
            idle.select_nth_unstable_by_key(count - 1, |(since, _)| *since);
        }
        idle.truncate(count);
        for (_, watch) in &idle {
            watch.sound(Alarm::Reaped);
        }
        idle.len()
    }

    /// Turns the wheel for ever. One task of the worker.
    pub(crate) async fn turn(self: Rc<Self>) {
        loop {
            let next = self.next_occupied();
            self.awaited.set(next);
            if next == NOWHERE {
                self.moved.notified().await;
            } else {
                tokio::select! {
                    biased;
                    () = self.clock.sleep_until(Tick::from_nanos((next + 1).saturating_mul(SLOT_NANOS))) => {}
                    () = self.moved.notified() => continue,
                }
            }
            self.look(slot_of(self.clock.tick()));
        }
    }

    /// Looks at every slot that ended before slot number `end`.
    fn look(&self, end: u64) {
        let now = Tick::from_nanos(end.saturating_mul(SLOT_NANOS));
        // Beyond one round each slot would be looked at again.
        let first = self.next_slot.get().max(end.saturating_sub(SLOTS as u64));
        self.next_slot.set(end);
        for slot in first..end {
            let due = std::mem::take(&mut self.slots.borrow_mut()[index_of(slot)]);
            for watch in due {
                watch.slot.set(NOWHERE);
                self.look_at(&watch, now);
            }
        }
    }

    fn look_at(&self, watch: &Rc<Watch>, now: Tick) {
        if watch.deadline.get() >= now {
            if watch.deadline.get() < Tick::MAX {
                self.place(watch, watch.deadline.get());
            }
        } else if watch.alarm.get().is_none() {
            watch.sound(Alarm::Deadline);
        }
    }

    fn place(&self, watch: &Rc<Watch>, deadline: Tick) {
        self.take_out(watch);
        let first = self.next_slot.get();
        let slot = slot_of(deadline).clamp(first, first + SLOTS as u64 - 1);
        let mut slots = self.slots.borrow_mut();
        let entries = &mut slots[index_of(slot)];
        watch.slot.set(slot);
        watch.slot_place.set(entries.len());
        entries.push(Rc::clone(watch));
        if slot < self.awaited.get() {
            self.moved.notify_one();
        }
    }

    fn take_out(&self, watch: &Watch) {
        let slot = watch.slot.replace(NOWHERE);
        if slot == NOWHERE {
            return;
        }
        let mut slots = self.slots.borrow_mut();
        let entries = &mut slots[index_of(slot)];
        let place = watch.slot_place.get();
        if place < entries.len() {
            entries.swap_remove(place);
            if let Some(moved) = entries.get(place) {
                moved.slot_place.set(place);
            }
        }
    }

    fn next_occupied(&self) -> u64 {
        let slots = self.slots.borrow();
        let first = self.next_slot.get();
        (first..first + SLOTS as u64).find(|&slot| !slots[index_of(slot)].is_empty()).unwrap_or(NOWHERE)
    }

    fn forget(&self, watch: &Watch) {
        self.take_out(watch);
        if watch.holder == Holder::Connection {
            self.connections.set(self.connections.get().saturating_sub(1));
        }
        let mut all = self.all.borrow_mut();
        let place = watch.place.get();
        if place < all.len() {
            all.swap_remove(place);
            if let Some(moved) = all.get(place) {
                moved.place.set(place);
            }
        }
    }
}

fn slot_of(tick: Tick) -> u64 {
    tick.nanos() / SLOT_NANOS
}

#[expect(clippy::cast_possible_truncation, reason = "a remainder of a small number")]
fn index_of(slot: u64) -> usize {
    (slot % SLOTS as u64) as usize
}
