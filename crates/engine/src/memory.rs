//! How short memory is, and what is given up for it, in stages.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What is given up. Each stage gives up what those before it do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryStage {
    /// There is enough.
    #[default]
    Enough,
    /// Buffers are small, and idle connections close.
    Lean,
    /// Connections are not kept for another request, and nobody new may wait in a rate class.
    Scarce,
    /// Newcomers are told to come again later.
    Full,
}

impl MemoryStage {
    const ALL: [Self; 4] = [Self::Enough, Self::Lean, Self::Scarce, Self::Full];

    /// Hundredths of the limit from which on the stage holds.
    const fn percent(self) -> u64 {
        match self {
            Self::Enough => 0,
            Self::Lean => 80,
            Self::Scarce => 90,
            Self::Full => 95,
        }
    }

    /// The stage for so many bytes in use, out of so many. A stage that holds is left only when there is some room again
    /// (2 % below its bound), so that it does not come and go with each answer.
    pub fn of(used: u64, limit: u64, now: Self) -> Self {
        let reaches = |stage: &Self| {
            let percent = stage.percent() - if *stage <= now && *stage > Self::Enough { 2 } else { 0 };
            u128::from(used) * 100 >= u128::from(limit) * u128::from(percent)
        };
        Self::ALL.into_iter().rfind(reaches).unwrap_or_default()
    }

    /// For the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enough => "enough",
            Self::Lean => "lean",
            Self::Scarce => "scarce",
            Self::Full => "full",
        }
    }
}

/// The stage of the process; written by whoever measures, read by everybody.
#[derive(Debug, Default)]
pub struct MemoryStages {
    /// In bytes; 0: there is no limit.
    limit: AtomicU64,
    used: AtomicU64,
    stage: AtomicU8,
}

impl MemoryStages {
    /// The limit in bytes, if there is one.
    pub(crate) fn limit(&self, bytes: Option<u64>) {
        self.limit.store(bytes.unwrap_or(0), Ordering::Relaxed);
        if bytes.is_none() {
            self.stage.store(0, Ordering::Relaxed);
        }
    }

    /// Whether measuring has a use.
    pub fn has_limit(&self) -> bool {
        self.limit.load(Ordering::Relaxed) > 0
    }

    /// The process takes so many bytes; gives the new stage if it changed.
    pub fn measured(&self, used: u64) -> Option<MemoryStage> {
        self.used.store(used, Ordering::Relaxed);
        let limit = self.limit.load(Ordering::Relaxed);
        let before = self.stage();
        let stage = if limit == 0 { MemoryStage::Enough } else { MemoryStage::of(used, limit, before) };
        self.stage.store(stage as u8, Ordering::Relaxed);
        (stage != before).then_some(stage)
    }

    /// The stage now.
    #[inline]
    pub fn stage(&self) -> MemoryStage {
        let place = usize::from(self.stage.load(Ordering::Relaxed));
        MemoryStage::ALL.get(place).copied().unwrap_or_default()
    }

    /// The last measure and the limit, in bytes; 0 where there is none.
    pub fn bytes(&self) -> (u64, u64) {
        (self.used.load(Ordering::Relaxed), self.limit.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_has_its_bound_and_is_left_a_little_below_it() {
        use MemoryStage::{Enough, Full, Lean, Scarce};
        let mut stage = Enough;
        let mut seen = Vec::new();
        for used in [79, 80, 79, 77, 90, 95, 94, 92, 88, 87, 78, 77, 99] {
            stage = MemoryStage::of(used, 100, stage);
            seen.push(stage);
        }
        assert_eq!(
            seen,
            [Enough, Lean, Lean, Enough, Scarce, Full, Full, Scarce, Scarce, Lean, Lean, Enough, Full]
        );
    }

    #[test]
    fn without_a_limit_there_is_always_enough() {
        let memory = MemoryStages::default();
        assert_eq!(memory.measured(u64::MAX), None);
        memory.limit(Some(100));
        assert_eq!(memory.measured(96), Some(MemoryStage::Full));
        assert_eq!(memory.measured(96), None);
        memory.limit(None);
        assert_eq!(memory.stage(), MemoryStage::Enough);
    }
}
