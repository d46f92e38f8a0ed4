//! Fair division of a limit among transfers: the fluid model, kept exactly.
//!
//! One clock runs for all transfers that have demand. It counts the bytes that *each* of them may have sent: while N have
//! demand it runs at a N-th of the limit. (Where they have weights, N is the sum of the weights, and what a transfer may
//! have sent is what the clock shows times its own.) A transfer remembers where the clock stood for what it has been granted; the
//! difference is what it may have now. Hence equal shares to the byte, whoever asks on which core and how late his timer
//! was; and the sum is the limit, because the clock gives away exactly what time brought in.
//!
//! ```text
//!  time x limit ──▶ undivided ──÷ N──▶ clock ──(clock − drawn)──▶ a lane's due ──▶ grants
//!                       ▲                                              │
//!                       └────── what a lane left behind, or overslept ─┘
//! ```
//!
//! Where clients are to have equal shares and not transfers, there are two such clocks, one inside the other: the outer
//! one counts what each *group* with hungry lanes may have, and each group's own divides that among its lanes (`groups`).
//! Else all lanes are in one group.
//!
//! A lane is *hungry* while it was granted less than it wanted (it counts in N), *resting* when it got all (it keeps what
//! was left of its turn for a moment, and gains nothing), else *idle*. Hungry lanes that do not come back within 50
//! to 60 ms of their turn become idle, and what had gathered for them is divided again. So nothing is lost while anybody wants it. Only when *everybody* is late by more than the slack (a turn and a half
//! or so: the process was stopped, or there is but one) the time beyond is gone: no burst makes up for it, and nobody's
//! grace runs out in it. So is the time in which more has gathered than can be late (the process has not the time to send
//! what is due).

use super::Grant;
use super::groups::{Groups, Share};
use super::pace::{Longest, Pace, SLEEP_MAX_NANOS, Terms, mul_div};
use super::weight::Weight;
use crate::Tick;
use crate::client::ClientNetwork;
use core::num::NonZeroU64;

const NANOS: u64 = 1_000_000_000;
/// For how long at most a division pays for heads that went unshaped; what is owed beyond is forgiven.
const OWED_MAX_NANOS: u64 = 10 * NANOS;
/// How many late lanes are looked past to find one that is still to come.
const LATE_LOOKS: usize = 8;
const NOWHERE: u32 = u32::MAX;

/// One division: of a class, or of a connection in a class. Amounts are in nano-bytes (limit times nanoseconds) inside.
#[derive(Debug)]
pub(crate) struct Fair {
    rate: u64,
    last: u64,
    /// How much time is gone because everybody was late.
    lost: u64,
    clock: u128,
    undivided: u64,
    /// What went unshaped and is not paid for yet.
    owed: u64,
    lanes: Vec<Lane>,
    free: Vec<u32>,
    groups: Groups,
    hungry: List,
    resting: List,
    /// What was divided among the hungry and not granted yet.
    outstanding: u128,
    /// That of who asked last.
    pace: Pace,
    longest: Longest,
    joined: u32,
}

#[derive(Debug)]
struct Lane {
    state: State,
    group: u32,
    weight: Weight,
    /// What the clock showed for all that was granted (hungry), or what is left of the turn (resting).
    drawn: u128,
    saved: u64,
    /// Worth a grant when this many bytes are due.
    target_bytes: u64,
    /// What may still be granted before `opens_at`.
    allowance_bytes: u64,
    opens_at: u64,
    due_at: u64,
    /// In time that is not lost.
    expires_at: u64,
    before: u32,
    after: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Idle,
    Hungry,
    Resting,
}

/// Lanes in the order in which they last asked, linked through themselves.
#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
    count: u64,
}

const EMPTY: List = List { first: NOWHERE, last: NOWHERE, count: 0 };

impl Default for Fair {
    fn default() -> Self {
        Self {
            rate: 0,
            last: 0,
            lost: 0,
            clock: 0,
            undivided: 0,
            owed: 0,
            lanes: Vec::new(),
            free: Vec::new(),
            groups: Groups::default(),
            hungry: EMPTY,
            resting: EMPTY,
            outstanding: 0,
            pace: Pace::default(),
            longest: Longest::default(),
            joined: 0,
        }
    }
}

impl Fair {
    /// A new lane, idle until it asks. Those of one `group` have one share together.
    pub(crate) fn join(&mut self, group: ClientNetwork, weight: Weight, now: u64) -> u32 {
        self.advance(now);
        let lane = Lane {
            state: State::Idle,
            group: self.groups.join(group, weight, self.clock),
            weight,
            drawn: 0,
            saved: 0,
            target_bytes: 0,
            allowance_bytes: 0,
            opens_at: 0,
            due_at: 0,
            expires_at: 0,
            before: NOWHERE,
            after: NOWHERE,
        };
        if let Some(free) = self.free.pop() {
            if let Some(place) = self.lanes.get_mut(to_usize(free)) {
                *place = lane;
            }
            return free;
        }
        self.lanes.push(lane);
        u32::try_from(self.lanes.len().saturating_sub(1)).unwrap_or(NOWHERE)
    }

    pub(crate) fn leave(&mut self, lane: u32) {
        self.make_idle(lane);
        self.divide();
        if let Some(gone) = self.lanes.get_mut(to_usize(lane)).filter(|gone| gone.state != State::Free) {
            gone.state = State::Free;
            self.groups.leave(gone.group, gone.weight, self.clock);
            self.free.push(lane);
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.lanes.len() == self.free.len()
    }

    /// Gives away what time brought in.
    #[inline]
    pub(crate) fn advance(&mut self, now: u64) {
        let mut passed = now.saturating_sub(self.last);
        if passed == 0 {
            return;
        }
        if self.hungry.count > 0 {
            let most = self.most_that_counts(passed);
            self.lost = self.lost.saturating_add(passed.saturating_sub(most));
            passed = passed.min(most);
        }
        self.last = self.last.max(now);
        let income = self.rate.saturating_mul(passed);
        let payment = self.owed.min(if self.hungry.count > 0 { income / 2 } else { income });
        self.owed = self.owed.saturating_sub(payment);
        self.undivided = self.undivided.saturating_add(income.saturating_sub(payment));
        self.divide();
    }

    /// So many bytes went without asking, and are paid for later.
    pub(crate) fn owe(&mut self, bytes: u64, terms: Terms, now: u64) {
        self.advance(now);
        let most = terms.rate.get().saturating_mul(OWED_MAX_NANOS);
        self.owed = self.owed.saturating_add(bytes.saturating_mul(NANOS)).min(most);
    }

    /// How much of the time that passed is divided: not what everybody overslept, nor more than the lanes can have to draw.
    fn most_that_counts(&self, passed: u64) -> u64 {
        let slack = self.longest.slack_nanos;
        let mut most = passed;
        if passed > slack {
            let expected = self.next_due().max(self.last);
            most = expected.saturating_add(slack).saturating_sub(self.last);
        }
        // where there are several some may have fallen silent, and what gathers for them is not lost
        let silence = if self.hungry.count == 1 { 0 } else { self.longest.grace_nanos };
        let nanos = self.longest.turn_nanos.saturating_add(slack).saturating_add(silence);
        let full = u128::from(self.rate).saturating_mul(u128::from(nanos));
        let coming = u128::from(self.rate).saturating_mul(u128::from(most));
        if self.outstanding.saturating_add(coming) <= full {
            return most;
        }
        let room = full.saturating_sub(self.outstanding).checked_div(u128::from(self.rate)).unwrap_or(0);
        most.min(u64::try_from(room).unwrap_or(u64::MAX))
    }

    /// When the next lane is expected that was not already late at the last call.
    fn next_due(&self) -> u64 {
        let mut next = self.hungry.first;
        for _ in 0..LATE_LOOKS {
            let Some(lane) = self.lanes.get(to_usize(next)) else { return self.last };
            if lane.due_at > self.last {
                return lane.due_at;
            }
            next = lane.after;
        }
        self.lanes.get(to_usize(self.hungry.last)).map_or(self.last, |lane| lane.due_at)
    }

    fn divide(&mut self) {
        if let Some(sharers) = NonZeroU64::new(self.groups.hungry) {
            let each = self.undivided / sharers;
            self.clock = self.clock.saturating_add(u128::from(each));
            self.outstanding =
                self.outstanding.saturating_add(u128::from(each.saturating_mul(sharers.get())));
            self.undivided %= sharers;
        } else {
            // a turn is saved up while nobody wants anything
            self.undivided = self.undivided.min(self.rate.saturating_mul(self.pace.usual_nanos));
        }
    }

    /// Lanes that did not come back in time make room.
    #[inline]
    fn expire(&mut self) {
        let lived = self.lived();
        let mut expired = false;
        for list in [self.hungry, self.resting] {
            let mut lane = list.first;
            while let Some(it) = self.lanes.get(to_usize(lane)).filter(|it| it.expires_at < lived) {
                let after = it.after;
                self.make_idle(lane);
                lane = after;
                expired = true;
            }
        }
        if expired {
            self.divide();
        }
    }

    /// The time that counts for those who do not come back.
    const fn lived(&self) -> u64 {
        self.last.saturating_sub(self.lost)
    }

    /// Takes a lane out of its list; what had gathered for it is undivided again.
    fn make_idle(&mut self, lane: u32) {
        self.settle(lane);
        let gathered = match self.unlink(lane) {
            State::Hungry => {
                let gathered = self.gathered(lane);
                self.outstanding = self.outstanding.saturating_sub(u128::from(gathered));
                gathered
            }
            State::Resting => self.lanes.get(to_usize(lane)).map_or(0, |it| it.saved),
            State::Idle | State::Free => return,
        };
        self.undivided = self.undivided.saturating_add(gathered);
        if let Some(it) = self.lanes.get_mut(to_usize(lane)) {
            it.state = State::Idle;
            it.saved = 0;
        }
    }

    fn gathered(&self, lane: u32) -> u64 {
        let Some(it) = self.lanes.get(to_usize(lane)) else { return 0 };
        let each = self.groups.clock(it.group).saturating_sub(it.drawn);
        u64::try_from(each).unwrap_or(u64::MAX).saturating_mul(it.weight.wide().get())
    }

    /// Brings the clock of a lane's group up to date.
    fn settle(&mut self, lane: u32) {
        if let Some(group) = self.lanes.get(to_usize(lane)).map(|it| it.group) {
            self.groups.settle(group, self.clock);
        }
    }

    /// Asks for `want` bytes, more than none, for `lane`.
    pub(crate) fn ask(&mut self, lane: u32, want: u64, terms: Terms, now: u64) -> Grant {
        self.advance(now);
        self.rate = terms.rate.get();
        let now = self.last;
        self.expire();
        self.settle(lane);
        let was = self.unlink(lane);
        let (group, weight) =
            self.lanes.get(to_usize(lane)).map_or((NOWHERE, Weight::USUAL), |it| (it.group, it.weight));
        let share = self.groups.share_with(group, weight);
        self.pace.renew(terms, share.sharers());
        self.longest.note(&self.pace, now);
        self.make_hungry(lane, was, want);
        let gathered = self.gathered(lane);
        let due_bytes = gathered / NANOS;
        let pace = self.pace;
        let Some(it) = self.lanes.get_mut(to_usize(lane)) else {
            return Grant { bytes: 0, again_at: Tick::from_nanos(now) };
        };
        if now >= it.opens_at {
            it.allowance_bytes = pace.grant_max_bytes;
        }
        it.target_bytes = it.target_bytes.min(pace.turn_bytes);
        let worth = it.target_bytes.min(want);
        let bytes = if due_bytes >= worth { due_bytes.min(want).min(it.allowance_bytes) } else { 0 };
        let left = gathered.saturating_sub(bytes.saturating_mul(NANOS));
        // what does not divide by its weight, less than a millionth of a byte, is not the lane's
        let rest = left % weight.wide();
        let left = left.saturating_sub(rest);
        if bytes > 0 {
            if now >= it.opens_at {
                it.opens_at = now.saturating_add(pace.spacing_nanos);
            }
            it.allowance_bytes = it.allowance_bytes.saturating_sub(bytes);
            it.drawn = self.groups.clock(group).saturating_sub(u128::from(left / weight.wide()));
            it.target_bytes = pace.turn_bytes;
        }
        self.undivided = self.undivided.saturating_add(rest);
        let gone = bytes.saturating_mul(NANOS).saturating_add(rest);
        self.outstanding = self.outstanding.saturating_sub(u128::from(gone));
        let again_at = if bytes == want {
            self.rest(lane, left);
            now
        } else {
            self.wait(lane, want.saturating_sub(bytes), left, share)
        };
        Grant { bytes, again_at: Tick::from_nanos(again_at) }
    }

    /// Counts a lane that asks among the hungry and sets where it stands with the clock.
    fn make_hungry(&mut self, lane: u32, was: State, want: u64) {
        let turn_bytes = self.pace.turn_bytes;
        let nobody_is = self.hungry.count == 0;
        let Some(it) = self.lanes.get_mut(to_usize(lane)) else { return };
        it.state = State::Hungry;
        self.groups.enroll(it.group, it.weight, self.clock);
        let clock = self.groups.clock(it.group);
        match was {
            State::Hungry => {}
            State::Resting => {
                it.drawn = clock.saturating_sub(u128::from(it.saved / it.weight.wide()));
                self.outstanding = self.outstanding.saturating_add(u128::from(it.saved));
            }
            State::Idle | State::Free => {
                it.drawn = clock;
                // first turns of different length keep lanes that came together from asking together for ever
                self.joined = self.joined.wrapping_add(159);
                let phase = u64::from(self.joined & 255).saturating_add(1);
                it.target_bytes =
                    mul_div(turn_bytes, phase, NonZeroU64::MIN.saturating_add(255)).clamp(1, want);
            }
        }
        it.saved = 0;
        if nobody_is {
            // what was saved up while nobody wanted anything
            let each = self.undivided / it.weight.wide();
            let given = each.saturating_mul(it.weight.wide().get());
            self.groups.give(it.group, each);
            self.outstanding = self.outstanding.saturating_add(u128::from(given));
            self.undivided = self.undivided.saturating_sub(given);
        }
    }

    /// The lane got all it wanted and keeps what is left, at most a turn or two.
    fn rest(&mut self, lane: u32, left: u64) {
        let weight = self.lanes.get(to_usize(lane)).map_or(NonZeroU64::MIN, |it| it.weight.wide());
        let kept = left.min(self.pace.turn_bytes.saturating_mul(2).saturating_mul(NANOS));
        let kept = kept.saturating_sub(kept % weight);
        self.undivided = self.undivided.saturating_add(left.saturating_sub(kept));
        self.outstanding = self.outstanding.saturating_sub(u128::from(left));
        let expires_at = self.lived().saturating_add(self.pace.usual_nanos);
        if let Some(it) = self.lanes.get_mut(to_usize(lane)) {
            let rest = self.groups.dismiss(it.group, it.weight);
            self.undivided = self.undivided.saturating_add(rest);
            self.outstanding = self.outstanding.saturating_sub(u128::from(rest));
            it.state = State::Resting;
            it.saved = kept;
            it.expires_at = expires_at;
        }
        self.link(lane);
        self.divide();
    }

    /// The lane wants `want` more; when it is worth its while.
    fn wait(&mut self, lane: u32, want: u64, left: u64, share: Share) -> u64 {
        let (now, lived) = (self.last, self.lived());
        let rate = NonZeroU64::new(self.rate).unwrap_or(NonZeroU64::MIN);
        let Some(it) = self.lanes.get_mut(to_usize(lane)) else { return now };
        let missing = it.target_bytes.min(want).saturating_mul(NANOS).saturating_sub(left);
        // one nanosecond for what division rounds off, here and in the clock
        let gathering = if missing == 0 {
            0
        } else {
            mul_div(missing, share.all.get(), rate.saturating_mul(share.own)).saturating_add(2)
        };
        let opens_in =
            if it.allowance_bytes == 0 || missing == 0 { it.opens_at.saturating_sub(now) } else { 0 };
        let wait = gathering.max(opens_in).clamp(1, SLEEP_MAX_NANOS);
        it.due_at = now.saturating_add(wait);
        it.expires_at = lived.saturating_add(wait).saturating_add(self.pace.grace_nanos);
        let due_at = it.due_at;
        self.link(lane);
        due_at
    }

    /// Takes a lane out of its list, if it is in one; what it was. Its state stays for the caller to set.
    fn unlink(&mut self, lane: u32) -> State {
        let Some(it) = self.lanes.get(to_usize(lane)) else { return State::Free };
        let (was, before, after) = (it.state, it.before, it.after);
        let list = match was {
            State::Hungry => {
                let rest = self.groups.dismiss(it.group, it.weight);
                self.undivided = self.undivided.saturating_add(rest);
                self.outstanding = self.outstanding.saturating_sub(u128::from(rest));
                &mut self.hungry
            }
            State::Resting => &mut self.resting,
            State::Idle | State::Free => return was,
        };
        list.count = list.count.saturating_sub(1);
        match self.lanes.get_mut(to_usize(before)) {
            Some(it) => it.after = after,
            None => list.first = after,
        }
        match self.lanes.get_mut(to_usize(after)) {
            Some(it) => it.before = before,
            None => list.last = before,
        }
        was
    }

    /// Puts a lane at the end of the list of its state.
    fn link(&mut self, lane: u32) {
        let Some(it) = self.lanes.get_mut(to_usize(lane)) else { return };
        let list = if it.state == State::Hungry { &mut self.hungry } else { &mut self.resting };
        it.before = list.last;
        it.after = NOWHERE;
        list.count = list.count.saturating_add(1);
        let last = core::mem::replace(&mut list.last, lane);
        match self.lanes.get_mut(to_usize(last)) {
            Some(before) => before.after = lane,
            None => list.first = lane,
        }
    }
}

fn to_usize(lane: u32) -> usize {
    usize::try_from(lane).unwrap_or(usize::MAX)
}
