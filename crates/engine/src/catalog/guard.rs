//! Guards: from what was said to what decides.

use super::check::{Checker, many, named, toml_key};
use super::read::{At, BAD_VALUE, Slot, Text, said_choice, shown};
use super::{GuardId, said};
use crate::guards::{GuardLive, GuardSettings, SiteGuard};
use source::{DiagnosticId, nearest};
use std::sync::Arc;
use visit::Host;

const UNKNOWN_GUARD: DiagnosticId = DiagnosticId("unknown-guard");
const UNKNOWN_RATE_CLASS: DiagnosticId = DiagnosticId("unknown-rate-class");
const UNKNOWN_BANDWIDTH_CLASS: DiagnosticId = DiagnosticId("unknown-bandwidth-class");
const STEP_WITHOUT_CLASS: DiagnosticId = DiagnosticId("step-without-class");

said_choice! {
    /// A step of the ladder that a guard climbs, site by site; each does what those before it do, and more.
    pub Step {
        /// Sites are watched, and what stands out is told of.
        Observe = "observe",
        /// What a queue would do to a site's visitors is counted.
        Shadow = "shadow",
        /// A site's visitors enter through the rate class of `queue`.
        Queue = "queue",
        /// Media that its pages embed come in the bandwidth class of `slow`.
        Slow = "slow",
        /// Its visitors get a notice to come later.
        Notice = "notice",
        /// Media that its pages embed are refused.
        Refuse = "refuse",
    }
}

impl Step {
    /// The next one; the last stays.
    pub(crate) fn up(self) -> Self {
        Self::ALL.get(self as usize + 1).copied().unwrap_or(self)
    }

    /// The one before; the first stays.
    pub(crate) fn down(self) -> Self {
        (self as usize).checked_sub(1).and_then(|at| Self::ALL.get(at)).copied().unwrap_or(self)
    }
}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Step {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self as usize).cmp(&(*other as usize))
    }
}

impl Checker<'_> {
    /// `None` where a value was not understood.
    pub(super) fn guard(&mut self, name: &At<String>, table: &said::Guard) -> Option<SiteGuard> {
        let queue = self.class_of_guard(&table.queue, ClassSort::Rate);
        let slow = self.class_of_guard(&table.slow, ClassSort::Bandwidth);
        let exempt: Vec<_> =
            many(&table.exempt).iter().filter_map(|listed| self.exempt_host(listed)).collect();
        let climb_to = table.climb_to.said()?;
        for (step, key, slot) in [(Step::Queue, "queue", &table.queue), (Step::Slow, "slow", &table.slow)] {
            if climb_to.value >= step && matches!(slot, Slot::Absent) {
                let message = format!(
                    "the guard `{}` has no class for the step \"{}\"",
                    shown(&name.value),
                    step.name()
                );
                let sort = if step == Step::Queue { "rate" } else { "bandwidth" };
                let help =
                    format!("add {key} = …, the name of a {sort} class, or stop before \"{}\"", step.name());
                self.error(STEP_WITHOUT_CLASS, message, climb_to.span, &help);
            }
        }
        let settings = GuardSettings {
            window: table.window.value()?.0,
            crowd: table.crowd.value()?.0,
            media_bytes: table.media.value()?.0,
            media_share: table.media_share.value()?.0,
            surge: table.surge.value()?.0,
            climb_after: table.climb_after.value()?.0,
            calm_after: table.calm_after.value()?.0,
            climb_to: climb_to.value,
            queue,
            slow,
            exempt,
        };
        Some(SiteGuard {
            name: Arc::from(name.value.as_str()),
            settings,
            // The catalog that is put in force gets the state that is there.
            live: Arc::new(GuardLive::new([0; 2])),
            place: (Arc::clone(self.source), name.span.start),
        })
    }

    fn exempt_host(&mut self, listed: &At<Text>) -> Option<Box<str>> {
        match Host::of(listed.value.0.as_bytes()) {
            Some(Host::Name(name)) => Some(name.into()),
            Some(Host::Address(address)) => Some(address.to_string().into()),
            None => {
                let message = format!("`{}` is no host", shown(&listed.value.0));
                self.error(BAD_VALUE, message, listed.span, "a name such as \"partner.example\"");
                None
            }
        }
    }

    fn class_of_guard(&mut self, slot: &Slot<Text>, sort: ClassSort) -> Option<Arc<str>> {
        let name = slot.said()?;
        let list = |slot: Vec<&str>| slot.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let rates = list(named(&self.said.rate_classes).iter().map(|(name, _)| &*name.value).collect());
        let bandwidths =
            list(named(&self.said.bandwidth_classes).iter().map(|(name, _)| &*name.value).collect());
        let (ours, others) = match sort {
            ClassSort::Rate => (rates, bandwidths),
            ClassSort::Bandwidth => (bandwidths, rates),
        };
        let text = &name.value.0;
        if !ours.contains(text) {
            let (id, kind, other, table) = match sort {
                ClassSort::Rate => (UNKNOWN_RATE_CLASS, "rate", "bandwidth", "rate_classes"),
                ClassSort::Bandwidth => (UNKNOWN_BANDWIDTH_CLASS, "bandwidth", "rate", "bandwidth_classes"),
            };
            let near = nearest(text, ours.iter().map(String::as_str));
            let help = match near {
                _ if others.contains(text) => {
                    format!("`{}` is a {other} class, and a {kind} class is wanted here", shown(text))
                }
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("declare it as [{table}.{}]", toml_key(text)),
            };
            self.error(id, format!("there is no {kind} class `{}`", shown(text)), name.span, &help);
        }
        Some(Arc::from(text.as_str()))
    }

    /// The guard that a virtual server names.
    pub(super) fn guard_of(&mut self, slot: &Slot<Text>, guards: &[SiteGuard]) -> Option<GuardId> {
        let name = slot.said()?;
        let declared = named(&self.said.guards);
        if !declared.iter().any(|(declared, _)| declared.value == name.value.0) {
            let help = match nearest(&name.value.0, declared.iter().map(|(name, _)| name.value.as_str())) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("declare it as [guards.{}]", toml_key(&name.value.0)),
            };
            let message = format!("there is no guard `{}`", shown(&name.value.0));
            self.error(UNKNOWN_GUARD, message, name.span, &help);
        }
        let at = guards.iter().position(|guard| *guard.name == *name.value.0)?;
        u32::try_from(at).ok().map(GuardId)
    }
}

#[derive(Clone, Copy)]
enum ClassSort {
    Rate,
    Bandwidth,
}
