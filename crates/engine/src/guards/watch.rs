//! All sites of a guard: a bounded table, and the look at it when a window is over.
//!
//! The table has sets of a few places, chosen by a keyed hash of the name. Who comes to a full set gets the place of
//! the site that sent least lately, the eldest of equals; one that stands on a step, or that somebody spared, keeps its
//! place. Where all of a set do, newcomers are one site, `(other)`, which is judged as any.

use super::GuardSettings;
use super::others::{Health, Hurt};
use super::site::{Move, Role, Site};
use super::visitors::Visitors;
use crate::catalog::Step;
use crate::limits;
use shaping::{ClientNetwork, Tick};
use std::hash::BuildHasher;
use std::time::Duration;

/// Places of a set.
const PLACES: usize = 8;
const SETS: usize = limits::GUARD_SITES_MAX / PLACES;
/// All for whom there is no place.
const OTHER: &str = "(other)";
/// How long a site that was spared takes no step.
pub(super) const SPARED_FOR: Duration = Duration::from_hours(1);

/// See the module.
pub(super) struct Watch {
    hasher: foldhash::quality::FixedState,
    /// [`SETS`] sets; empty until somebody comes.
    sets: Vec<Vec<Site>>,
    other: Site,
    visitors: Visitors,
    came: u64,
    /// The length of the windows so far.
    pub(super) window: Duration,
    /// Until then no site climbs.
    pub(super) hold_until: Tick,
    trial: Option<Trial>,
}

/// The step that was taken last, and how the others fared before it.
#[derive(Clone, Copy)]
struct Trial {
    at: Tick,
    before: Health,
}

/// What a look changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) site: Box<str>,
    pub(super) from: Step,
    pub(super) to: Step,
    pub(super) why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Moved(Move),
    /// The step hurt others.
    Hurt(Hurt),
    /// Somebody said so.
    Undone,
}

impl Watch {
    pub(super) fn new([first, second]: [u64; 2]) -> Self {
        Self {
            hasher: foldhash::quality::FixedState::with_seed(first),
            sets: Vec::new(),
            other: Site::new(OTHER, 0),
            visitors: Visitors::new(second),
            came: 0,
            window: Duration::ZERO,
            hold_until: Tick::ZERO,
            trial: None,
        }
    }

    /// A request from a site; gives the step that the site stands on, and whether there was no place for it. Looks at
    /// the places of one set.
    pub(super) fn arrives(
        &mut self,
        name: &str,
        role: Role,
        client: ClientNetwork,
        now: Tick,
    ) -> (Step, bool) {
        let is_new = role == Role::Entry && self.visitors.is_new(client, now);
        let site = self.place(name, now);
        site.arrives(role, is_new);
        (site.step, &*site.name == OTHER && name != OTHER)
    }

    /// An answer to a request from a site is over. A site that has lost its place meanwhile is not blamed.
    pub(super) fn sent(&mut self, name: &str, role: Role, bytes: u64) {
        if let Some(site) = self.find(name) {
            site.sent(role, bytes);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a remainder of a small number")]
    fn set_of(&self, name: &str) -> usize {
        (self.hasher.hash_one(name) % SETS as u64) as usize
    }

    fn find(&mut self, name: &str) -> Option<&mut Site> {
        if name == OTHER {
            return Some(&mut self.other);
        }
        let at = self.set_of(name);
        self.sets.get_mut(at)?.iter_mut().find(|site| &*site.name == name)
    }

    pub(super) fn place(&mut self, name: &str, now: Tick) -> &mut Site {
        if name == OTHER {
            return &mut self.other;
        }
        if self.sets.is_empty() {
            self.sets.resize_with(SETS, Vec::new);
        }
        self.came += 1;
        let (at, order) = (self.set_of(name), self.came);
        let Some(set) = self.sets.get_mut(at) else { return &mut self.other };
        let known = set.iter().position(|site| &*site.name == name);
        let place = match known {
            Some(place) => place,
            None if set.len() < PLACES => {
                set.push(Site::new(name, order));
                set.len() - 1
            }
            None => {
                let may_go = set.iter().enumerate().filter(|(_, site)| site.may_go(now));
                let least = may_go.min_by_key(|(_, site)| (site.weight, site.order));
                let Some((place, _)) = least else { return &mut self.other };
                set[place] = Site::new(name, order);
                place
            }
        };
        &mut set[place]
    }

    pub(super) fn sites(&self) -> impl Iterator<Item = &Site> {
        self.sets.iter().flatten().chain([&self.other])
    }

    fn sites_mut(&mut self) -> impl Iterator<Item = &mut Site> {
        self.sets.iter_mut().flatten().chain([&mut self.other])
    }

    /// A window is over. A step that hurt others is taken back, and nobody climbs until it has been calm for a while;
    /// else each site takes one step at most.
    pub(super) fn look(&mut self, settings: &GuardSettings, health: Health, now: Tick) -> Vec<Change> {
        self.follow_window(settings.window);
        let trial_over = settings.climb_after.max(settings.window);
        let trial = self.trial.filter(|trial| now.since(trial.at) <= trial_over);
        let hurt = trial.and_then(|trial| Some((trial, health.hurt_since(&trial.before)?)));
        let mut changes = Vec::new();
        if let Some((trial, hurt)) = hurt {
            self.hold_until = now.saturating_add(settings.calm_after);
            changes.extend(self.step_back((trial.at, settings.climb_to), hurt, now));
        }
        let may_climb = self.hold_until <= now;
        for site in self.sites_mut() {
            let from = site.step;
            if let Some(moved) = site.look(settings, may_climb, now) {
                let (to, why) = (site.step, Why::Moved(moved));
                changes.push(Change { site: site.name.clone(), from, to, why });
            }
        }
        let has_acted =
            |change: &Change| matches!(change.why, Why::Moved(Move::Climb(_))) && change.to >= Step::Queue;
        self.trial = if changes.iter().any(has_acted) {
            Some(Trial { at: now, before: health })
        } else if hurt.is_some() {
            None
        } else {
            trial
        };
        changes
    }

    /// All that climbed at that moment to where something is done take the step back, but for those that go down
    /// anyway because less is allowed by now.
    fn step_back(&mut self, (at, climb_to): (Tick, Step), hurt: Hurt, now: Tick) -> Vec<Change> {
        let mut changes = Vec::new();
        for site in self.sites_mut() {
            if site.climbed_at == Some(at) && (Step::Queue..=climb_to).contains(&site.step) {
                let from = site.step;
                site.stand_on(from.down(), now);
                changes.push(Change { site: site.name.clone(), from, to: site.step, why: Why::Hurt(hurt) });
            }
        }
        changes
    }

    fn follow_window(&mut self, window: Duration) {
        let before = std::mem::replace(&mut self.window, window);
        if before != window && !before.is_zero() {
            self.sites_mut().for_each(|site| site.rescale(before, window));
        }
    }

    /// Takes all steps of a site back and leaves it alone for [`SPARED_FOR`]; `None` if nobody knows it.
    pub(super) fn undo(&mut self, name: &str, now: Tick) -> Option<Change> {
        let site = self.find(name)?;
        let from = site.step;
        site.stand_on(Step::Observe, now);
        site.spared_until = now.saturating_add(SPARED_FOR);
        Some(Change { site: site.name.clone(), from, to: Step::Observe, why: Why::Undone })
    }
}
