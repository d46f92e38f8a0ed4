//! Medians and their spread: what a few wild hours cannot move.
//!
//! The ordinary z score hides outliers behind the deviation that they themselves make (masking); median and MAD do
//! not move until half of the numbers are wild. Rousseeuw and Croux, *Alternatives to the Median Absolute Deviation*
//! (JASA 88, 1993), have the factor.

/// Makes the MAD of normally distributed numbers their standard deviation.
pub(crate) const MAD_TO_DEVIATION: f64 = 1.4826;

/// The least spread, as a share of the median: three equal weeks do not make the fourth a wonder.
const SPREAD_SHARE_MIN: f64 = 0.1;

/// The middle of numbers and how far they spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usual {
    pub(crate) median: f64,
    /// In the unit of the numbers; never less than a tenth of the median, nor than what counting alone scatters.
    pub(crate) spread: f64,
}

impl Usual {
    /// Of what was measured; `grain` is the size of one event (bytes of a request), for what counting alone scatters
    /// (Poisson: the root of the number of events). `None` of nothing.
    pub(crate) fn of(numbers: &mut [f64], grain: f64) -> Option<Self> {
        let median = median(numbers)?;
        let mut distances: Vec<f64> = numbers.iter().map(|number| (number - median).abs()).collect();
        let mad = self::median(&mut distances)?;
        let grain = grain.max(1.0);
        let poisson = (median / grain).max(1.0).sqrt() * grain;
        Some(Self { median, spread: mad.max(SPREAD_SHARE_MIN * median).max(poisson) })
    }

    /// How many robust deviations `number` lies above the median.
    pub(crate) fn z(&self, number: f64) -> f64 {
        (number - self.median) / (MAD_TO_DEVIATION * self.spread)
    }
}

/// The median; `None` of nothing. Reorders.
pub(crate) fn median(numbers: &mut [f64]) -> Option<f64> {
    if numbers.is_empty() {
        return None;
    }
    let middle = numbers.len() / 2;
    let is_even = numbers.len().is_multiple_of(2);
    let (below, upper, _) = numbers.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if !is_even {
        return Some(upper);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp).unwrap_or(upper);
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_median_is_the_middle_and_a_wild_value_does_not_move_it() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0, 1.0, 1e9]), Some(3.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }

    #[test]
    fn one_wild_number_does_not_hide_itself() {
        let mut hours = [8.0, 9.0, 8.5, 7.5, 8.2, 9.1, 500.0];
        let usual = Usual::of(&mut hours, 1.0).expect("there are numbers");
        assert!(usual.z(500.0) > 50.0, "{usual:?}");
        let mean = 550.3 / 7.0;
        let deviation = (hours.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 7.0).sqrt();
        assert!((500.0 - mean) / deviation < 3.0, "the ordinary z hides it");
    }

    #[test]
    fn equal_numbers_still_have_a_spread() {
        let usual = Usual::of(&mut [1000.0, 1000.0, 1000.0], 1.0).expect("there are numbers");
        assert!((usual.spread - 100.0).abs() < 1e-9);
        let usual = Usual::of(&mut [0.0, 0.0, 0.0], 500.0).expect("there are numbers");
        assert!((usual.spread - 500.0).abs() < 1e-9, "nothing was usual: one request is no wonder");
    }

    proptest! {
        #[test]
        fn the_median_stands_in_the_middle(mut numbers in proptest::collection::vec(-1e9_f64..1e9, 1..60)) {
            let median = median(&mut numbers).expect("there are numbers");
            let below = numbers.iter().filter(|number| **number < median).count();
            let above = numbers.iter().filter(|number| **number > median).count();
            prop_assert!(below <= numbers.len() / 2 && above <= numbers.len() / 2);
        }

        #[test]
        fn moving_and_stretching_the_numbers_moves_and_stretches_the_usual(
            numbers in proptest::collection::vec(1e6_f64..1e9, 3..40), factor in 1.0_f64..50.0
        ) {
            let one = Usual::of(&mut numbers.clone(), 1.0).expect("there are numbers");
            let mut stretched: Vec<f64> = numbers.iter().map(|number| number * factor).collect();
            let other = Usual::of(&mut stretched, 1.0).expect("there are numbers");
            prop_assert!((other.median - one.median * factor).abs() < 1e-6 * other.median);
            prop_assert!((other.spread - one.spread * factor).abs() < 1e-3 * other.spread);
        }
    }
}
