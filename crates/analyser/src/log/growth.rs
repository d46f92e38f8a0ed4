//! What grew: when a level began, which hours stand out, and which values of a dimension hold the increase.

use super::summary::Baseline;
use crate::robust::{self, Usual};

/// Robust deviations from which an hour stands out: a normal hour gets there once in a billion, a bursty one within
/// a tenth of its ordinary swing does not.
pub(super) const UNUSUAL_Z: f64 = 6.0;
/// It also has so many times its usual: less is within what days differ by.
pub(super) const UNUSUAL_TIMES: f64 = 3.0;
/// And so many bytes: 10 MB an hour are 22 kbit/s, which fills nobody's buffers. Many times nothing is nothing.
pub(super) const UNUSUAL_BYTES_MIN: f64 = 10_000_000.0;
/// Unusual hours with so few quiet ones between them are one stretch.
const QUIET_HOURS_MAX: usize = 3;
/// Hours of the same hour of the week that are needed for a usual of their own.
const SAME_HOURS_MIN: usize = 3;
/// Hours of anything that are needed for a usual.
const OTHER_HOURS_MIN: usize = 12;
/// Weeks that are looked at, before and after.
const WEEKS: usize = 8;
/// How likely chance may make a change of level that is reported (Pettitt). Hours hang together, so the formula is too
/// sure of itself; hence far below the usual 5%.
const CHANCE_MAX: f64 = 0.001;
/// How many times the old level the new one must be.
const CHANGE_TIMES: f64 = 2.0;
/// Adtributor: a value is part of the explanation if it explains so much of the increase (T_EEP).
const EXPLAINS_MIN: f64 = 0.1;
/// Adtributor: enough is explained (T_EP).
const EXPLAINED_ENOUGH: f64 = 0.67;

/// Hours of one domain, without gaps.
#[derive(Clone, Debug)]
pub(super) struct HourSeries {
    /// The first hour, since 1970 of local time.
    pub(super) from: i32,
    pub(super) bytes: Vec<f64>,
}

/// One hour against its usual.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    pub(super) usual: f64,
    pub(super) z: f64,
    pub(super) is_unusual: bool,
}

/// A run of unusual hours: places in the series, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) unusual_hours: u32,
}

impl HourSeries {
    /// Which comparison so much history allows; `None`: none.
    pub(super) fn baseline(&self) -> Option<Baseline> {
        match self.bytes.len() {
            336.. => Some(Baseline::HourOfWeek),
            96.. => Some(Baseline::HourOfDay),
            OTHER_HOURS_MIN.. => Some(Baseline::OtherHours),
            _ => None,
        }
    }

    /// Each hour from `first` on against its usual; `grain` is the size of one request.
    pub(super) fn judged(&self, first: usize, baseline: Baseline, grain: f64) -> Vec<Judged> {
        let overall = Usual::of(&mut self.bytes.clone(), grain);
        (first..self.bytes.len())
            .map(|at| {
                let mut same = self.same_hours(at, baseline);
                let own = if same.len() >= SAME_HOURS_MIN { Usual::of(&mut same, grain) } else { overall };
                let bytes = self.bytes[at];
                let Some(usual) = own else { return Judged { usual: bytes, z: 0.0, is_unusual: false } };
                let z = usual.z(bytes);
                let is_unusual = z >= UNUSUAL_Z
                    && bytes >= UNUSUAL_TIMES * usual.median
                    && bytes - usual.median >= UNUSUAL_BYTES_MIN;
                Judged { usual: usual.median, z, is_unusual }
            })
            .collect()
    }

    /// What an hour is compared with: never itself.
    fn same_hours(&self, at: usize, baseline: Baseline) -> Vec<f64> {
        let step = match baseline {
            Baseline::HourOfWeek => 168,
            Baseline::HourOfDay => 24,
            Baseline::OtherHours => 1,
        };
        let reach = if baseline == Baseline::OtherHours { self.bytes.len() } else { WEEKS * 168 };
        let from = at.saturating_sub(reach / step * step).max(at % step);
        (from..self.bytes.len().min(at + reach + 1))
            .step_by(step)
            .filter(|other| *other != at)
            .map(|other| self.bytes[other])
            .collect()
    }
}

/// The stretch of unusual hours with the most bytes above their usual.
pub(super) fn worst_stretch(bytes: &[f64], judged: &[Judged]) -> Option<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for (at, _) in judged.iter().enumerate().filter(|(_, judged)| judged.is_unusual) {
        match stretches.last_mut() {
            Some(stretch) if at - stretch.to <= QUIET_HOURS_MAX + 1 => {
                stretch.to = at;
                stretch.unusual_hours += 1;
            }
            _ => stretches.push(Stretch { from: at, to: at, unusual_hours: 1 }),
        }
    }
    let excess = |stretch: &Stretch| -> f64 {
        (stretch.from..=stretch.to).map(|at| bytes[at] - judged[at].usual).sum()
    };
    stretches.into_iter().max_by(|one, other| excess(one).total_cmp(&excess(other)))
}

/// Where a level changed upwards, by Pettitt's test (A. N. Pettitt, *A non-parametric approach to the change-point
/// problem*, Applied Statistics 28, 1979): the place of the first number of the new level, both medians, and how likely
/// chance makes it.
pub(super) fn change(numbers: &[f64]) -> Option<(usize, f64, f64, f64)> {
    let length = numbers.len();
    let ranks = ranks(numbers);
    let n = as_float(length);
    let (mut sum, mut best) = (0.0, (0_usize, 0.0_f64));
    for (at, rank) in ranks.iter().enumerate().take(length.saturating_sub(1)) {
        sum += rank;
        // U(t) = 2 ΣR − t(n+1); negative where the later numbers are the larger ones
        let u = 2.0 * sum - as_float(at + 1) * (n + 1.0);
        if -u > best.1 {
            best = (at + 1, -u);
        }
    }
    let (at, k) = best;
    if at == 0 {
        return None;
    }
    let chance = (2.0 * (-6.0 * k * k / (n * n * n + n * n)).exp()).min(1.0);
    let before = robust::median(&mut numbers[..at].to_vec())?;
    let after = robust::median(&mut numbers[at..].to_vec())?;
    (chance <= CHANCE_MAX && after >= CHANGE_TIMES * before && after - before >= 1.0)
        .then_some((at, before, after, chance))
}

/// Ranks from 1; equal numbers share theirs.
fn ranks(numbers: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|one, other| numbers[*one].total_cmp(&numbers[*other]));
    let mut ranks = vec![0.0; numbers.len()];
    let mut at = 0;
    while at < order.len() {
        let mut end = at;
        while end + 1 < order.len() && numbers[order[end + 1]].total_cmp(&numbers[order[at]]).is_eq() {
            end += 1;
        }
        let shared = as_float(at + end) / 2.0 + 1.0;
        for place in &order[at..=end] {
            ranks[*place] = shared;
        }
        at = end + 1;
    }
    ranks
}

/// One value of a dimension, before and during an increase.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    /// The value's number in its dimension.
    pub(super) value: u32,
    pub(super) before: f64,
    pub(super) during: f64,
}

/// A value that is part of the explanation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) moved: Moved,
    /// Explanatory power: its share of the increase.
    pub(super) power: f64,
    /// Jensen–Shannon divergence of its share before and during, in bits.
    pub(super) surprise: f64,
}

/// Which values of one dimension hold the increase: *Adtributor* (Bhagwan et al., *Adtributor: Revenue Debugging in
/// Advertising Systems*, NSDI 2014). Values are taken by surprise, if each explains a tenth, until two thirds are
/// explained. Empty where nothing increased.
pub(super) fn explain(values: &[Moved]) -> Vec<Part> {
    let before: f64 = values.iter().map(|value| value.before).sum();
    let during: f64 = values.iter().map(|value| value.during).sum();
    let increase = during - before;
    if increase <= 0.0 {
        return Vec::new();
    }
    let mut parts: Vec<Part> = values
        .iter()
        .map(|moved| Part {
            moved: *moved,
            power: (moved.during - moved.before) / increase,
            surprise: surprise(moved.before / before.max(f64::MIN_POSITIVE), moved.during / during),
        })
        .filter(|part| part.power > EXPLAINS_MIN)
        .collect();
    parts.sort_by(|one, other| {
        let by_surprise = other.surprise.total_cmp(&one.surprise);
        by_surprise.then(other.power.total_cmp(&one.power))
    });
    let mut explained = 0.0;
    parts.retain(|part| {
        let is_needed = explained < EXPLAINED_ENOUGH;
        if is_needed {
            explained += part.power;
        }
        is_needed
    });
    parts
}

/// The Jensen–Shannon divergence of one value's share before (`p`) and during (`q`), in bits.
fn surprise(p: f64, q: f64) -> f64 {
    let term = |share: f64| if share > 0.0 { share * (2.0 * share / (p + q)).log2() } else { 0.0 };
    0.5 * (term(p) + term(q))
}

#[expect(clippy::cast_precision_loss, reason = "numbers of hours")]
fn as_float(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_level_that_rises_is_dated() {
        let mut hours = vec![10.0, 12.0, 9.0, 11.0, 10.5, 9.5, 11.5, 10.2, 9.8, 10.1, 11.1, 10.9];
        hours.extend([60.0, 70.0, 65.0, 66.0, 61.0, 63.0, 69.0, 71.0, 64.0, 62.0, 68.0, 67.0]);
        let (at, before, after, chance) = change(&hours).expect("it rose");
        assert_eq!(at, 12);
        assert!(before < 11.0 && after > 60.0 && chance < 0.001);
        hours.reverse();
        assert!(change(&hours).is_none(), "a fall is no increase");
    }

    #[test]
    fn a_big_file_that_did_not_grow_explains_nothing() {
        let moved = |value, before, during| Moved { value, before, during };
        let parts = explain(&[moved(1, 900.0, 900.0), moved(2, 10.0, 500.0), moved(3, 90.0, 100.0)]);
        assert_eq!(parts.iter().map(|part| part.moved.value).collect::<Vec<_>>(), [2]);
        assert!((parts[0].power - 490.0 / 500.0).abs() < 1e-9);
    }

    #[test]
    fn an_hour_is_not_compared_with_itself() {
        let mut bytes = vec![20e6; 48];
        bytes[30] = 900e6;
        let series = HourSeries { from: 0, bytes };
        let judged = series.judged(0, Baseline::OtherHours, 1000.0);
        let unusual: Vec<usize> = (0..48).filter(|at| judged[*at].is_unusual).collect();
        assert_eq!(unusual, [30]);
        assert_eq!(
            worst_stretch(&series.bytes, &judged).map(|stretch| (stretch.from, stretch.to)),
            Some((30, 30))
        );
    }

    #[test]
    fn twenty_times_nothing_is_nothing() {
        let mut bytes = vec![1000.0; 48];
        bytes[30] = 20_000.0;
        let series = HourSeries { from: 0, bytes };
        assert!(series.judged(0, Baseline::OtherHours, 100.0).iter().all(|judged| !judged.is_unusual));
    }

    proptest! {
        #[test]
        fn surprise_is_between_nothing_and_one_bit(p in 0.0_f64..=1.0, q in 0.0_f64..=1.0) {
            let surprise = surprise(p, q);
            prop_assert!((-1e-12..=1.0).contains(&surprise));
            prop_assert!((surprise - super::surprise(q, p)).abs() < 1e-12);
        }

        #[test]
        fn powers_of_all_values_add_up_to_the_increase(
            all in proptest::collection::vec((0.0_f64..1e6, 0.0_f64..1e6), 1..30)
        ) {
            let values: Vec<Moved> = (0_u32..).zip(&all)
                .map(|(value, (before, during))| Moved { value, before: *before, during: *during }).collect();
            let parts = explain(&values);
            let increase: f64 = all.iter().map(|(before, during)| during - before).sum();
            prop_assert!(increase > 0.0 || parts.is_empty());
            for part in parts {
                prop_assert!((part.power * increase - (part.moved.during - part.moved.before)).abs() < 1e-3);
                prop_assert!(part.power > EXPLAINS_MIN);
            }
        }

        #[test]
        fn ranks_add_up(numbers in proptest::collection::vec(0_u8..10, 1..50)) {
            let numbers: Vec<f64> = numbers.iter().map(|number| f64::from(*number)).collect();
            let n = as_float(numbers.len());
            prop_assert!((ranks(&numbers).iter().sum::<f64>() - n * (n + 1.0) / 2.0).abs() < 1e-6);
        }
    }
}
