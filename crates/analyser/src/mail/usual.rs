//! What is usual for a sender.
//!
//! Compared are peaks: the hour with most recipients of a day against the median of the same on the sender's other days. A
//! newsletter makes a peak each week and is silent in between, so a peak is usual too where there was one of its size
//! before, outside of the burst itself. Days without mail are no days: a median of zeros would accuse everybody. A log
//! of a day or two has no such days; there the sender's other hours have to do.

use super::moment::hour_text;
use serde::Serialize;
use std::collections::BTreeMap;

/// A peak of a third of the size counts as one of the size.
const LIKE: u64 = 3;
/// Other days that a usual by days needs, and other hours that one by hours needs.
const DAYS_MIN: usize = 3;
const HOURS_MIN: usize = 6;

/// What a sender did in an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sending {
    pub(super) messages: u64,
    pub(super) recipients: u64,
}

/// A peak against a sender's usual.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Usual {
    /// The hour, local time; `None` if nothing was sent.
    pub hour: Option<String>,
    /// Recipients in it.
    pub recipients: u64,
    /// Messages in it.
    pub messages: u64,
    /// The usual peak; `None` where there is too little to say.
    pub usual: Option<f64>,
    /// How many times the usual it is (a usual under one counts as one).
    pub times_usual: Option<f64>,
    /// What the usual is made of.
    pub compared_with: ComparedWith,
    /// How many of them.
    pub compared: u64,
    /// Days before the burst with a peak of its size.
    pub days_like_it: u64,
}

/// What a usual is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ComparedWith {
    /// The peak hours of the sender's other days: the median.
    Days,
    /// Its other hours, in a log that is too short for days.
    Hours,
    /// There is nothing to compare with.
    #[default]
    Nothing,
}

/// Looks at what was sent by local hour; `is_judged` says which hours are looked at.
pub(super) fn usual(hours: &BTreeMap<i64, Sending>, is_judged: impl Fn(i64) -> bool) -> Usual {
    let judged = hours.iter().filter(|(hour, _)| is_judged(**hour));
    // the earliest of equal hours
    let peak = judged.max_by_key(|(hour, sent)| (sent.recipients, std::cmp::Reverse(**hour)));
    let Some((&hour, &Sending { messages, recipients })) = peak.filter(|(_, sent)| sent.recipients > 0)
    else {
        return Usual::default();
    };
    let mut days: BTreeMap<i64, u64> = BTreeMap::new();
    for (hour, sent) in hours {
        let peak = days.entry(hour.div_euclid(24)).or_default();
        *peak = sent.recipients.max(*peak);
    }
    let by_hour = hours.iter().map(|(hour, sent)| (*hour, sent.recipients)).collect();
    let (other_days, days_like_it) = outside(&days, hour.div_euclid(24), recipients);
    let (other_hours, _) = outside(&by_hour, hour, recipients);
    let (compared_with, others) = match (other_days.len(), other_hours.len()) {
        (DAYS_MIN.., _) => (ComparedWith::Days, other_days),
        (_, HOURS_MIN..) => (ComparedWith::Hours, other_hours),
        _ => (ComparedWith::Nothing, other_days),
    };
    let usual = median(&others).filter(|_| compared_with != ComparedWith::Nothing);
    #[expect(clippy::cast_precision_loss, reason = "recipients of an hour fit the 53 bits")]
    let times_usual = usual.map(|usual| recipients as f64 / usual.max(1.0));
    Usual {
        hour: Some(hour_text(hour)),
        recipients,
        messages,
        usual,
        times_usual,
        compared_with,
        compared: others.len() as u64,
        days_like_it,
    }
}

/// The peaks outside of the burst around `at`, and how many before it are like it. The burst is what is like it without a
/// gap.
fn outside(peaks: &BTreeMap<i64, u64>, at: i64, recipients: u64) -> (Vec<u64>, u64) {
    let is_like = |peak: u64| peak.saturating_mul(LIKE) >= recipients;
    let is_part = |at: i64| peaks.get(&at).is_some_and(|peak| is_like(*peak));
    let (mut from, mut to) = (at, at);
    while is_part(from - 1) {
        from -= 1;
    }
    while is_part(to + 1) {
        to += 1;
    }
    let others = peaks.iter().filter(|(at, _)| !(from..=to).contains(*at));
    let like_it = others.clone().filter(|(at, peak)| **at < from && is_like(**peak)).count();
    (others.map(|(_, peak)| *peak).collect(), like_it as u64)
}

#[expect(clippy::cast_precision_loss, reason = "recipients of an hour fit the 53 bits")]
fn median(values: &[u64]) -> Option<f64> {
    let mut values: Vec<f64> = values.iter().map(|value| *value as f64).collect();
    crate::robust::median(&mut values)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24;

    fn sent(recipients: u64) -> Sending {
        Sending { messages: recipients, recipients }
    }

    #[test]
    fn a_burst_is_measured_against_the_peaks_of_other_days() {
        let mut hours: BTreeMap<i64, Sending> = (0..20)
            .map(|day| (day * DAY + 9, sent([10, 11, 12][usize::try_from(day % 3).unwrap()])))
            .collect();
        hours.insert(20 * DAY + 3, sent(3000));
        hours.insert(21 * DAY + 3, sent(2500));
        let usual = usual(&hours, |_| true);
        assert_eq!((usual.recipients, usual.usual, usual.compared), (3000, Some(11.0), 20));
        assert_eq!((usual.compared_with, usual.days_like_it), (ComparedWith::Days, 0));
    }

    #[test]
    fn a_weekly_newsletter_has_days_like_it() {
        let mut hours: BTreeMap<i64, Sending> = (0..40).map(|day| (day * DAY + 9, sent(10))).collect();
        for week in 0..6 {
            hours.insert(week * 7 * DAY + 10, sent(5000));
        }
        let usual = usual(&hours, |hour| hour >= 35 * DAY);
        assert_eq!((usual.recipients, usual.usual, usual.days_like_it), (5000, Some(10.0), 5));
    }

    #[test]
    fn a_log_of_one_day_has_its_other_hours() {
        let mut hours: BTreeMap<i64, Sending> = (0..9).map(|hour| (hour, sent(4))).collect();
        hours.extend((9..15).map(|hour| (hour, sent(3000))));
        let usual = usual(&hours, |_| true);
        assert_eq!((usual.usual, usual.compared, usual.compared_with), (Some(4.0), 9, ComparedWith::Hours));
    }

    #[test]
    fn a_first_hour_has_no_usual() {
        let usual = usual(&BTreeMap::from([(5, sent(100)), (6, sent(100))]), |_| true);
        assert_eq!((usual.recipients, usual.usual, usual.compared_with), (100, None, ComparedWith::Nothing));
        assert_eq!(usual.hour.as_deref(), Some("1970-01-01 05:00"));
    }
}
