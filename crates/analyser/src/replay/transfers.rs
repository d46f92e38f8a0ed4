//! Answers that a bandwidth class paces, and how long they take.

use super::effect::{BandwidthEffect, LimitReached};
use super::spread::{RATE_STEPS, Spread, WAIT_STEPS};
use engine::Catalog;
use shaping::{Fluid, Party, Tick};

/// Transfers of one class that are followed at once; beyond, newcomers are counted and not paced. A class that has so
/// many gives each of them next to nothing.
pub(super) const TRANSFERS_MAX: usize = 100_000;

/// Every bandwidth class of a catalog.
pub(super) struct Transfers {
    classes: Vec<Class>,
    beyond: u64,
}

struct Class {
    fluid: Fluid<Transfer>,
    effect: BandwidthEffect,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) bytes: u64,
    /// How long it took then, if the log says.
    pub(super) took_micros: Option<u64>,
    pub(super) party: Party,
}

#[derive(Clone, Copy, Debug)]
struct Transfer {
    began: Tick,
    bytes: u64,
    /// How long it took then, if the log says.
    took_micros: u64,
}

impl Transfers {
    pub(super) fn new(catalog: &Catalog) -> Self {
        let class = |(name, class): &(String, shaping::BandwidthClass)| Class {
            fluid: Fluid::new(*class),
            effect: BandwidthEffect {
                class: name.clone(),
                bytes_per_second: class.bytes_per_second.get(),
                slowed: super::effect::Amount::default(),
                rates: Spread::new(RATE_STEPS),
                durations_micros: Spread::new(WAIT_STEPS),
                running_max: 0,
            },
        };
        Self { classes: catalog.bandwidth_classes.iter().map(class).collect(), beyond: 0 }
    }

    /// A paced answer begins. False if there is no such class.
    pub(super) fn begin(&mut self, name: &[u8], answer: Answer, now: Tick) -> bool {
        let Answer { bytes, took_micros, party } = answer;
        let Some(class) = self.classes.iter_mut().find(|class| class.effect.class.as_bytes() == name) else {
            return false;
        };
        class.effect.slowed.add(bytes);
        if bytes == 0 {
            return true;
        }
        class.advance(now);
        if class.fluid.running() >= TRANSFERS_MAX {
            self.beyond += 1;
            return true;
        }
        let took_micros = took_micros.unwrap_or(0);
        class.fluid.join(bytes, party, Transfer { began: now, bytes, took_micros });
        class.effect.running_max = class.effect.running_max.max(class.fluid.running());
        true
    }

    /// All go on to their ends.
    pub(super) fn finish(mut self) -> (Vec<BandwidthEffect>, Option<LimitReached>) {
        for class in &mut self.classes {
            class.advance(Tick::MAX);
        }
        let limit = LimitReached {
            limit: "TRANSFERS_MAX",
            holds: TRANSFERS_MAX as u64,
            beyond: self.beyond,
            text: "so many answers of one class would run at once; those beyond are counted, their rates are not",
        };
        let effects = self.classes.into_iter().map(|class| class.effect);
        (effects.filter(|effect| effect.slowed.requests > 0).collect(), (self.beyond > 0).then_some(limit))
    }
}

impl Class {
    fn advance(&mut self, now: Tick) {
        let effect = &mut self.effect;
        self.fluid.advance(now, |transfer, ended| {
            let micros = u64::try_from(ended.since(transfer.began).as_micros()).unwrap_or(u64::MAX);
            // Who was slower then by himself is not faster now.
            let micros = micros.max(transfer.took_micros);
            effect.durations_micros.add(micros);
            let rate = u128::from(transfer.bytes) * 1_000_000 / u128::from(micros.max(1));
            effect.rates.add(u64::try_from(rate).unwrap_or(u64::MAX));
        });
    }
}
