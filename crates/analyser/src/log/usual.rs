//! What a domain usually uses: learnt from every log that is looked at, kept between runs.
//!
//! Hours are kept for ten weeks, days for thirteen months. The same log may be learnt twice, or again after it has
//! grown: an hour remembers its first and last second with a request; what does not overlap is added, what overlaps
//! is the same log seen again, and the larger number stands.

use super::hours::{HOUR, HourCell};
use super::tally::Tally;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many domains are remembered; those with the fewest bytes are forgotten first.
pub const USUAL_DOMAINS_MAX: usize = 10_000;
/// How many hours are remembered of a domain: ten weeks.
const HOURS_KEPT: i32 = 10 * 7 * 24;
/// How many days are remembered of a domain: thirteen months.
const DAYS_KEPT: i32 = 400;
/// How far two logs of one hour may overlap and still be two: a line is written at the end of a request, with the
/// time of its beginning.
const OVERLAP_SECONDS: u16 = 5;

/// What is usual, for each domain: the state between runs. Its form as JSON stays readable by later versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usuals {
    /// The form of what follows: 1.
    #[serde(default = "first_form")]
    form: u32,
    #[serde(default)]
    domains: BTreeMap<String, DomainUsual>,
}

fn first_form() -> u32 {
    1
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DomainUsual {
    /// By hours since 1970 of local time.
    #[serde(default)]
    hours: BTreeMap<i32, KnownHour>,
    /// By days since 1970 of local time.
    #[serde(default)]
    days: BTreeMap<i32, KnownDay>,
}

/// Bytes, requests, and the first and last second of an hour that has a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownHour(u64, u64, u16, u16);

/// Bytes, requests, and how many hours are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct KnownDay(u64, u64, u8);

impl Usuals {
    /// Learns what a tally has counted, up to `now`, in seconds since 1970: later times are a clock's mistake.
    pub fn learn(&mut self, tally: &Tally, now: i64) {
        self.form = first_form();
        for cell in tally.hours.cells() {
            if i64::from(cell.hour) * HOUR > now {
                continue;
            }
            let name = tally.domains.names.shown(u32::from(cell.domain));
            self.domains.entry(name).or_default().learn(cell);
        }
        for domain in self.domains.values_mut() {
            domain.forget();
        }
        self.forget();
    }

    pub(super) fn domain(&self, name: &str) -> Option<&DomainUsual> {
        self.domains.get(name)
    }

    fn forget(&mut self) {
        let excess = self.domains.len().saturating_sub(USUAL_DOMAINS_MAX);
        if excess == 0 {
            return;
        }
        let mut sizes: Vec<(u64, String)> =
            self.domains.iter().map(|(name, domain)| (domain.bytes(), name.clone())).collect();
        sizes.sort_unstable();
        for (_, name) in sizes.into_iter().take(excess) {
            self.domains.remove(&name);
        }
    }
}

impl DomainUsual {
    /// Bytes by hour of local time, where any are known.
    pub(super) fn hours(&self) -> impl DoubleEndedIterator<Item = (i32, u64)> {
        self.hours.iter().map(|(hour, known)| (*hour, known.0))
    }

    /// Bytes in an hour of local time.
    pub(super) fn hour(&self, hour: i32) -> u64 {
        self.hours.get(&hour).map_or(0, |known| known.0)
    }

    /// Bytes and number of known days of each month of local time, in order: (year, month) → (bytes, days).
    pub(super) fn months(&self) -> BTreeMap<(i16, i8), (u64, u32)> {
        let mut months = BTreeMap::new();
        for (day, known) in &self.days {
            let Some(date) = date_of(*day) else { continue };
            let month: &mut (u64, u32) = months.entry((date.year(), date.month())).or_default();
            month.0 += known.0;
            month.1 += 1;
        }
        months
    }

    fn bytes(&self) -> u64 {
        self.days.values().map(|day| day.0).sum()
    }

    fn learn(&mut self, cell: &HourCell) {
        let hour = cell.local_hour();
        let new = KnownHour(cell.bytes, cell.requests, cell.first, cell.last);
        let known = self.hours.entry(hour).or_insert(KnownHour(0, 0, u16::MAX, 0));
        *known = known.with(new);
        let day = hour.div_euclid(24);
        let hours = self.hours.range(day * 24..day * 24 + 24).map(|(_, known)| known);
        let whole = hours.fold(KnownDay::default(), |sum, known| {
            KnownDay(sum.0 + known.0, sum.1 + known.1, sum.2.saturating_add(1))
        });
        let known = self.days.entry(day).or_default();
        // of a day whose hours are forgotten the larger number stands
        if whole.0 >= known.0 {
            *known = whole;
        }
    }

    fn forget(&mut self) {
        if let Some((last, _)) = self.hours.last_key_value() {
            self.hours = self.hours.split_off(&last.saturating_sub(HOURS_KEPT));
        }
        if let Some((last, _)) = self.days.last_key_value() {
            self.days = self.days.split_off(&last.saturating_sub(DAYS_KEPT));
        }
    }
}

impl KnownHour {
    fn with(self, new: Self) -> Self {
        if self.1 == 0 {
            return new;
        }
        let holds = |one: Self, other: Self| one.2 <= other.2 && other.3 <= one.3;
        let is_before = |one: Self, other: Self| one.3 <= other.2.saturating_add(OVERLAP_SECONDS);
        let is_apart =
            !holds(self, new) && !holds(new, self) && (is_before(self, new) || is_before(new, self));
        if is_apart {
            return Self(self.0 + new.0, self.1 + new.1, self.2.min(new.2), self.3.max(new.3));
        }
        if new.0 > self.0 { new } else { self }
    }
}

impl HourCell {
    /// The hour of local time, since 1970.
    pub(super) fn local_hour(&self) -> i32 {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.offset_minutes);
        i32::try_from(minutes.div_euclid(60)).unwrap_or(i32::MAX)
    }
}

pub(super) fn date_of(day: i32) -> Option<jiff::civil::Date> {
    let seconds = i64::from(day) * 24 * HOUR;
    let moment = jiff::Timestamp::from_second(seconds).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(moment).date())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cell(hour: i32, bytes: u64, first: u16, last: u16) -> HourCell {
        HourCell { domain: 1, hour, requests: 1, bytes, first, last, offset_minutes: 0 }
    }

    #[test]
    fn two_halves_of_an_hour_are_added_and_the_same_half_is_not() {
        let mut domain = DomainUsual::default();
        domain.learn(&cell(100, 10, 0, 1700));
        domain.learn(&cell(100, 20, 1698, 3599));
        domain.learn(&cell(100, 20, 1698, 3599));
        domain.learn(&cell(100, 10, 0, 1700));
        assert_eq!(domain.hour(100), 30);
        assert_eq!(domain.months().values().map(|month| month.0).sum::<u64>(), 30);
    }

    proptest! {
        #[test]
        fn learning_a_log_again_changes_nothing(
            cells in proptest::collection::vec((0_i32..3000, 1_u64..1_000_000), 1..40)
        ) {
            let mut hours: BTreeMap<i32, u64> = BTreeMap::new();
            for (hour, bytes) in cells {
                hours.insert(hour, bytes);
            }
            let mut domain = DomainUsual::default();
            let learn = |domain: &mut DomainUsual| {
                for (hour, bytes) in &hours {
                    domain.learn(&cell(*hour, *bytes, 5, 3000));
                }
                domain.forget();
            };
            learn(&mut domain);
            let once = domain.clone();
            learn(&mut domain);
            prop_assert_eq!(once.days, domain.days);
            prop_assert_eq!(once.hours, domain.hours);
        }
    }
}
