//! What a guard knows while it is in force, for all workers: one lock over the sites, taken twice for each request that
//! another site led to; own visitors are counted without it. It outlives catalogs by the guard's name.

use super::GuardSettings;
use super::event::{GuardEvent, shown};
use super::legacy::GuardLegacy;
use super::others::{Other, Others};
use super::site::Role;
use super::watch::{Change, Watch};
use crate::catalog::Step;
use crate::counters::Counter;
use crate::limits;
use crate::time::Now;
use shaping::{ClientNetwork, Tick};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Windows without anybody that are looked at one by one after a pause; after an hour or so all is calm.
const MISSED_WINDOWS_MAX: u32 = 400;

/// The live state of a guard.
pub struct GuardLive {
    state: Mutex<State>,
    others: Others,
    /// When the window that goes on is over, in nanoseconds; 0 before the first request.
    due: AtomicU64,
    counters: GuardCounters,
}

impl std::fmt::Debug for GuardLive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardLive").field("counters", &self.counters).finish_non_exhaustive()
    }
}

struct State {
    watch: Watch,
    /// The last ones, the newest at the end.
    events: VecDeque<GuardEvent>,
    /// How many of them, from the end, the log was not told.
    untold: usize,
}

macro_rules! guard_counters {
    ($($name:ident: $help:literal,)*) => {
        /// What was counted of a guard.
        #[derive(Debug, Default)]
        pub struct GuardCounters {
            $(#[doc = $help] pub $name: Counter,)*
        }

        impl GuardCounters {
            /// Name, help text and value of each.
            pub fn list(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($name), $help, self.$name.value()),)*]
            }
        }
    };
}

guard_counters! {
    climbed: "Steps up that sites took on the ladder of a guard.",
    descended: "Steps down that sites took, for whatever reason.",
    hurt: "Steps up that were taken back because they hurt others.",
    shadow_waiting: "Entries that would have waited if their site stood one step higher.",
    shadow_refused: "Entries that would have been refused if their site stood one step higher.",
    queued: "Entries that a guard sent through its rate class.",
    slowed: "Requests for embedded media that a guard put into its bandwidth class.",
    noticed: "Entries that got a notice to come later.",
    refused: "Requests for embedded media that were refused.",
    overflowed: "Requests of sites for which a guard had no place.",
}

/// A site as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteReading {
    /// Its name, control bytes escaped.
    pub site: String,
    /// Where it stands.
    pub step: Step,
    /// Seconds that it has stood there; 0 if it never climbed.
    pub since_seconds: u64,
    /// Of the last whole window.
    pub requests: u32,
    /// Of the last whole window.
    pub entries: u32,
    /// Of the last whole window.
    pub new_visitors: u32,
    /// New visitors that are usual in a window.
    pub usual_new_visitors: u64,
    /// All bytes sent, in the last whole window.
    pub bytes: u64,
    /// Bytes of embedded media, in the last whole window.
    pub media_bytes: u64,
    /// Bytes of embedded media that are usual in a window.
    pub usual_media_bytes: u64,
    /// Seconds for which it is left alone because somebody said so.
    pub spared_seconds: u64,
}

impl GuardLive {
    pub(crate) fn new(seed: [u64; 2]) -> Self {
        let state = State { watch: Watch::new(seed), events: VecDeque::new(), untold: 0 };
        Self {
            state: Mutex::new(state),
            others: Others::default(),
            due: AtomicU64::new(0),
            counters: GuardCounters::default(),
        }
    }

    /// What was counted.
    pub fn counters(&self) -> &GuardCounters {
        &self.counters
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request that a site led to; gives the step on which the site stands.
    pub(crate) fn arrives(
        &self,
        settings: &GuardSettings,
        (site, role): (&str, Role),
        client: ClientNetwork,
        now: Now,
    ) -> Step {
        self.look(settings, now);
        let (step, is_overflow) = self.state().watch.arrives(site, role, client, now.tick);
        if is_overflow {
            self.counters.overflowed.add_one();
        }
        step
    }

    /// An answer to such a request is over.
    pub(crate) fn sent(&self, site: &str, role: Role, bytes: u64) {
        self.state().watch.sent(site, role, bytes);
    }

    /// A request of somebody else is over.
    pub(crate) fn note_other(&self, settings: &GuardSettings, other: Other, now: Now) {
        self.look(settings, now);
        self.others.add(other);
    }

    /// Judges the windows that are over by now, if any. Costs one read else.
    pub fn look(&self, settings: &GuardSettings, now: Now) {
        let due = self.due.load(Ordering::Relaxed);
        if due == 0 || now.tick.nanos() >= due {
            self.look_at_windows(settings, now);
        }
    }

    #[cold]
    fn look_at_windows(&self, settings: &GuardSettings, now: Now) {
        let mut state = self.state();
        let due = self.due.load(Ordering::Relaxed);
        let begin = |from: Tick| {
            let due = from.saturating_add(settings.window).nanos().max(1);
            self.due.store(due, Ordering::Relaxed);
            Tick::from_nanos(due)
        };
        if due == 0 {
            begin(now.tick);
            return;
        }
        let mut due = Tick::from_nanos(due);
        let mut missed = 0;
        // Another worker may have looked meanwhile.
        while due <= now.tick {
            let at = due;
            let changes = state.watch.look(settings, self.others.take(), at);
            let at = Now { tick: at, wall: now.wall_at(at) };
            state.note(&changes, settings, (at, &self.counters));
            missed += 1;
            due = begin(if missed < MISSED_WINDOWS_MAX { at.tick } else { now.tick });
        }
    }

    /// Takes all steps of a site back, and leaves it alone for an hour. `None` if the site is not known.
    pub fn undo(&self, settings: &GuardSettings, site: &str, now: Now) -> Option<GuardEvent> {
        let mut state = self.state();
        // People have the name as it is shown.
        let named =
            state.watch.sites().find(|known| shown(&known.name) == site).map(|known| known.name.clone())?;
        let change = state.watch.undo(&named, now.tick)?;
        state.note(&[change], settings, (now, &self.counters));
        state.events.back().cloned()
    }

    /// The last events, the newest at the end.
    pub fn events(&self) -> Vec<GuardEvent> {
        self.state().events.iter().cloned().collect()
    }

    /// The events since this was asked last, at most those of [`Self::events`]: for the log.
    pub fn untold(&self) -> Vec<GuardEvent> {
        let mut state = self.state();
        let from = state.events.len() - state.untold;
        state.untold = 0;
        state.events.range(from..).cloned().collect()
    }

    /// The sites as they stand: the highest step first, then those that send most.
    pub fn sites(&self, now: Tick) -> Vec<SiteReading> {
        let state = self.state();
        let mut sites: Vec<_> = state.watch.sites().filter(|site| site.is_known()).collect();
        sites.sort_by(|one, other| {
            let key = |site: &super::site::Site| (site.step, site.weight);
            key(other).cmp(&key(one)).then_with(|| one.name.cmp(&other.name))
        });
        let reading = |site: &super::site::Site| {
            let (usual_new_visitors, usual_media_bytes) = site.usual();
            SiteReading {
                site: shown(&site.name),
                step: site.step,
                since_seconds: if site.since == Tick::ZERO { 0 } else { now.since(site.since).as_secs() },
                requests: site.last.requests,
                entries: site.last.entries,
                new_visitors: site.last.new_visitors,
                usual_new_visitors,
                bytes: site.last.bytes,
                media_bytes: site.last.media_bytes,
                usual_media_bytes,
                spared_seconds: site.spared_until.since(now).as_secs(),
            }
        };
        sites.into_iter().map(reading).collect()
    }

    /// For the process that takes the place of this one: the steps and what is usual, of so many sites at most. Who was
    /// here lately is not in it, so that in the first window all are new.
    pub fn legacy(&self, sites_max: usize, now: Tick) -> GuardLegacy {
        self.state().watch.legacy(sites_max, now)
    }

    /// Goes on from where the process before has left it.
    pub fn inherit(&self, legacy: &GuardLegacy, now: Tick) {
        self.state().watch.inherit(legacy, now);
    }

    /// How many sites stand on each step, in the order of steps.
    pub fn standing(&self) -> Vec<(Step, u64)> {
        let state = self.state();
        let count = |step: &Step| {
            let sites = state.watch.sites().filter(|site| site.is_known());
            (*step, sites.filter(|site| site.step == *step).count() as u64)
        };
        Step::ALL.iter().map(count).collect()
    }
}

impl State {
    fn note(&mut self, changes: &[Change], settings: &GuardSettings, (at, counters): (Now, &GuardCounters)) {
        for change in changes {
            if change.to > change.from {
                counters.climbed.add_one();
            } else if change.to < change.from {
                counters.descended.add_one();
            }
            if matches!(change.why, super::watch::Why::Hurt(_)) {
                counters.hurt.add_one();
            }
            if self.events.len() >= limits::GUARD_EVENTS_MAX {
                self.events.pop_front();
            }
            self.events.push_back(GuardEvent::of(change, settings, at.wall));
            self.untold = (self.untold + 1).min(self.events.len());
        }
    }
}
