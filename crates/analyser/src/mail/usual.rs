//! What is usual for a sender.
//!
//! Compared are peaks: the hour with most recipients of a day against the median of the same on the sender's other days. A
//! newsletter makes a peak each week and is silent in between, so a peak is usual too where there was one of its size
//! before, outside of the burst itself. Days without mail are no days: a median of zeros would accuse everybody.

use super::moment::hour_text;
use serde::Serialize;
use std::collections::BTreeMap;

/// A peak of a third of the size counts as one of the size.
const LIKE: u64 = 3;

/// A peak against a sender's usual.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Usual {
    /// The hour, local time; `None` if nothing was sent.
    pub hour: Option<String>,
    /// Recipients in it.
    pub recipients: u64,
    /// The median of the peaks of the sender's other days; `None` without other days.
    pub usual: Option<f64>,
    /// How many times the usual it is (a usual under one counts as one).
    pub times_usual: Option<f64>,
    /// Other days with mail of this sender.
    pub other_days: u64,
    /// Days before the burst with a peak of its size.
    pub days_like_it: u64,
}

/// Looks at recipients by local hour; `is_judged` says which hours are looked at.
pub(super) fn usual(hours: &BTreeMap<i64, u64>, is_judged: impl Fn(i64) -> bool) -> Usual {
    let judged = hours.iter().filter(|(hour, _)| is_judged(**hour));
    // the earliest of equal hours
    let peak = judged.max_by_key(|(hour, recipients)| (**recipients, std::cmp::Reverse(**hour)));
    let Some((&hour, &recipients)) = peak.filter(|(_, recipients)| **recipients > 0) else {
        return Usual {
            hour: None,
            recipients: 0,
            usual: None,
            times_usual: None,
            other_days: 0,
            days_like_it: 0,
        };
    };
    let mut days: BTreeMap<i64, u64> = BTreeMap::new();
    for (hour, recipients) in hours {
        let peak = days.entry(hour.div_euclid(24)).or_default();
        *peak = (*recipients).max(*peak);
    }
    let burst = burst(&days, hour.div_euclid(24), recipients);
    let outside: Vec<(i64, u64)> =
        days.iter().filter(|(day, _)| !burst.contains(day)).map(|(day, peak)| (*day, *peak)).collect();
    let days_like_it =
        outside.iter().filter(|(day, peak)| day < burst.start() && peak.saturating_mul(LIKE) >= recipients);
    let mut peaks: Vec<u64> = outside.iter().map(|(_, peak)| *peak).collect();
    let usual = median(&mut peaks);
    #[expect(clippy::cast_precision_loss, reason = "recipients of an hour fit the 53 bits")]
    let times_usual = usual.map(|usual| recipients as f64 / usual.max(1.0));
    Usual {
        hour: Some(hour_text(hour)),
        recipients,
        usual,
        times_usual,
        other_days: outside.len() as u64,
        days_like_it: days_like_it.count() as u64,
    }
}

/// The days around a day whose peaks are like it, without a gap.
fn burst(days: &BTreeMap<i64, u64>, day: i64, recipients: u64) -> std::ops::RangeInclusive<i64> {
    let is_like = |day: i64| days.get(&day).is_some_and(|peak| peak.saturating_mul(LIKE) >= recipients);
    let (mut from, mut to) = (day, day);
    while is_like(from - 1) {
        from -= 1;
    }
    while is_like(to + 1) {
        to += 1;
    }
    from..=to
}

#[expect(clippy::cast_precision_loss, reason = "recipients of an hour fit the 53 bits")]
fn median(values: &mut [u64]) -> Option<f64> {
    let values: &mut Vec<f64> = &mut values.iter().map(|value| *value as f64).collect();
    crate::robust::median(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24;

    #[test]
    fn a_burst_is_measured_against_the_peaks_of_other_days() {
        let mut hours: BTreeMap<i64, u64> =
            (0..20).map(|day| (day * DAY + 9, [10, 11, 12][usize::try_from(day % 3).unwrap()])).collect();
        hours.insert(20 * DAY + 3, 3000);
        hours.insert(21 * DAY + 3, 2500);
        let usual = usual(&hours, |_| true);
        assert_eq!((usual.recipients, usual.usual, usual.other_days), (3000, Some(11.0), 20));
        assert_eq!(usual.days_like_it, 0);
    }

    #[test]
    fn a_weekly_newsletter_has_days_like_it() {
        let mut hours: BTreeMap<i64, u64> = (0..40).map(|day| (day * DAY + 9, 10)).collect();
        for week in 0..6 {
            hours.insert(week * 7 * DAY + 10, 5000);
        }
        let usual = usual(&hours, |hour| hour >= 35 * DAY);
        assert_eq!((usual.recipients, usual.usual), (5000, Some(10.0)));
        assert_eq!(usual.days_like_it, 5);
    }

    #[test]
    fn a_first_day_has_no_usual() {
        let usual = usual(&BTreeMap::from([(5, 100), (6, 100)]), |_| true);
        assert_eq!((usual.recipients, usual.usual, usual.other_days), (100, None, 0));
        assert_eq!(usual.hour.as_deref(), Some("1970-01-01 05:00"));
    }
}
