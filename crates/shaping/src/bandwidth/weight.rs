//! How much of what is divided one has beside the others.

use core::num::{NonZeroU16, NonZeroU64};

/// What a transfer counts for where a limit is divided: one of 200 has twice what one of 100 has, as long as both want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(NonZeroU16);

impl Weight {
    /// What a transfer counts for of which nobody said anything: 100, so that others may be put below it as well as above.
    pub const USUAL: Self = Self(NonZeroU16::new(100).expect("it is not 0"));
    /// The greatest.
    pub const MAX: u16 = 10_000;

    /// A weight from 1 to [`Self::MAX`]; `None` for another number.
    pub fn new(weight: u16) -> Option<Self> {
        NonZeroU16::new(weight).filter(|weight| weight.get() <= Self::MAX).map(Self)
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.0.get()
    }

    pub(crate) fn wide(self) -> NonZeroU64 {
        self.0.into()
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::USUAL
    }
}

/// The weights of those who have one share together, which counts for as much as the greatest of them: more transfers
/// gain nothing, and a light one beside a heavy one costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Weights {
    /// Each weight that somebody has, and how many have it. Usually one.
    all: Vec<(Weight, u64)>,
}

impl Weights {
    pub(crate) const fn new() -> Self {
        Self { all: Vec::new() }
    }

    pub(crate) fn add(&mut self, weight: Weight) {
        match self.all.iter_mut().find(|it| it.0 == weight) {
            Some(it) => it.1 = it.1.saturating_add(1),
            None => self.all.push((weight, 1)),
        }
    }

    pub(crate) fn remove(&mut self, weight: Weight) {
        if let Some(it) = self.all.iter_mut().find(|it| it.0 == weight) {
            it.1 = it.1.saturating_sub(1);
        }
        self.all.retain(|it| it.1 > 0);
    }

    /// The greatest; 0 if there is nobody.
    pub(crate) fn greatest(&self) -> u64 {
        self.all.iter().map(|it| it.0.wide().get()).max().unwrap_or(0)
    }
}
