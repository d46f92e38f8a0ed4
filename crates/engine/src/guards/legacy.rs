//! What a guard leaves to the process that takes the place of this one: a surge does not end because a program is
//! exchanged. Moments go as the time since them, because each process has a clock of its own.

use super::site::Site;
use super::watch::Watch;
use crate::catalog::Step;
use crate::limits;
use serde::{Deserialize, Serialize};
use shaping::Tick;
use std::time::Duration;

/// Of one guard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardLegacy {
    /// The length of the windows in which the usual was counted.
    window: Duration,
    /// For so long no site climbs.
    hold: Duration,
    pub(super) sites: Vec<SiteLegacy>,
}

/// Of one site. What is usual is as precise as [`Site`] has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SiteLegacy {
    name: String,
    step: String,
    stood: Duration,
    spared: Duration,
    weight: u32,
    usual: [u64; 3],
}

impl Watch {
    /// At most so many sites: those that stand highest, then those that send most.
    pub(super) fn legacy(&self, sites_max: usize, now: Tick) -> GuardLegacy {
        let mut sites: Vec<&Site> = self.sites().filter(|site| site.is_known()).collect();
        sites.sort_by(|one, other| {
            let key = |site: &Site| (site.step, site.spared_until > now, site.weight);
            key(other).cmp(&key(one)).then_with(|| one.name.cmp(&other.name))
        });
        sites.truncate(sites_max);
        let left = |site: &Site| SiteLegacy {
            name: site.name.to_string(),
            step: site.step.name().to_owned(),
            stood: now.since(site.since),
            spared: site.spared_until.since(now),
            weight: site.weight,
            usual: site.learnt(),
        };
        let hold = self.hold_until.since(now);
        GuardLegacy { window: self.window, hold, sites: sites.into_iter().map(left).collect() }
    }

    /// Takes it, in the place of what was seen since the start.
    pub(super) fn inherit(&mut self, legacy: &GuardLegacy, now: Tick) {
        (self.window, self.hold_until) = (legacy.window, now.saturating_add(legacy.hold));
        for left in legacy.sites.iter().take(limits::GUARD_SITES_MAX) {
            if left.name.len() > limits::GUARD_SITE_BYTES_MAX {
                continue;
            }
            let site = self.place(&left.name, now);
            if *site.name != *left.name {
                // Its set is full of others that keep their places.
                continue;
            }
            if let Some(step) = Step::ALL.iter().find(|step| step.name() == left.step) {
                site.stand_on(*step, now.saturating_sub(left.stood));
            }
            site.spared_until = now.saturating_add(left.spared);
            site.weight = left.weight;
            site.relearn(left.usual);
        }
    }
}
