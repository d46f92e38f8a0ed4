//! A few requests of each kind, so that people see what they read about.

use super::effect::{Sample, SampleOf, Who};
use std::collections::BTreeMap;

/// Examples of one change for one kind of people.
const EACH_MAX: usize = 3;

/// The first few of each kind of change and of people; the first, so that the same log always gives the same.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<(SampleOf, Who), Vec<Sample>>);

impl Samples {
    pub(super) fn has_room(&self, of: SampleOf, who: Who) -> bool {
        // What differs from then is what people want to see all of, and mostly it is little.
        let most = if matches!(of, SampleOf::OnlyThen | SampleOf::OnlyNow | SampleOf::Differs) {
            4 * EACH_MAX
        } else {
            EACH_MAX
        };
        self.0.get(&(of, who)).is_none_or(|samples| samples.len() < most)
    }

    /// One more, unless it is one that is there already, a moment later.
    pub(super) fn put(&mut self, sample: Sample) {
        let samples = self.0.entry((sample.of, sample.who)).or_default();
        if !samples.iter().any(|known| known.client == sample.client && known.request == sample.request) {
            samples.push(sample);
        }
    }

    /// All, by kind.
    pub(super) fn all(self) -> Vec<Sample> {
        self.0.into_values().flatten().collect()
    }
}
