//! One virtual server in time: against its usual, since when, and what holds the increase.

use super::chosen;
use super::concurrency::{Downloads, at_once};
use super::finish::both;
use super::growth::{self, HourSeries, Judged, Moved, Stretch};
use super::hours::{HOUR, HourCell};
use super::own::OwnNames;
use super::summary::{
    AgainstMonth, AgainstUsual, Baseline, Change, Dimension, Domain, Explained, POINTS_MAX, Point, Series,
};
use super::tally::Tally;
use super::usual::{DomainUsual, Usuals};
use super::whom::{Numbered, Sum, Whom, Window};
use crate::{Counted, robust};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use visit::TargetKind;

/// How many domains are looked at one by one.
const DOMAINS_LOOKED_AT: usize = 30;
/// How many hours of a log are looked at, the last ones: a line with a wild date makes no series of a century.
const HOURS_LOOKED_AT: i32 = 400 * 24;
/// A month is known if so many of its days are.
const DAYS_OF_MONTH_MIN: u32 = 20;
/// So many values of a dimension are weighed, those that grew most; the rest cannot explain a tenth each.
const VALUES_MAX: usize = 5_000;

/// What is known of all hours: of the usuals and of this log.
pub(super) struct Times<'a> {
    pub(super) tally: &'a Tally,
    pub(super) own: &'a OwnNames,
    /// With this log learnt.
    pub(super) known: &'a Usuals,
    pub(super) now: i64,
    /// So many at most.
    pub(super) threads: NonZeroUsize,
}

/// The hours of this log, of one domain or of all.
struct LogHours {
    bytes: BTreeMap<i32, (u64, u64)>,
    offset_seconds: i64,
}

impl LogHours {
    fn of<'a>(cells: impl Iterator<Item = &'a HourCell>, now: i64) -> Self {
        let mut bytes: BTreeMap<i32, (u64, u64)> = BTreeMap::new();
        let mut offset = (i32::MIN, 0);
        for cell in cells.filter(|cell| i64::from(cell.hour) * HOUR <= now) {
            let sum = bytes.entry(cell.local_hour()).or_default();
            *sum = (sum.0 + cell.bytes, sum.1 + cell.requests);
            offset = offset.max((cell.hour, cell.offset_minutes));
        }
        if let Some((last, _)) = bytes.last_key_value() {
            bytes = bytes.split_off(&(last - HOURS_LOOKED_AT));
        }
        Self { bytes, offset_seconds: i64::from(offset.1) * 60 }
    }

    fn span(&self) -> Option<(i32, i32)> {
        Some((*self.bytes.first_key_value()?.0, *self.bytes.last_key_value()?.0))
    }

    fn unix(&self, local_hour: i32) -> i64 {
        i64::from(local_hour) * HOUR - self.offset_seconds
    }

    /// From when to when a stretch goes.
    fn stretch(&self, stretch: Stretch) -> (i64, i64) {
        let first = self.span().map_or(0, |span| span.0);
        let at = |place: usize| self.unix(first + i32::try_from(place).unwrap_or(0));
        (at(stretch.from), at(stretch.to) + HOUR)
    }
}

/// What the hours of one domain say.
pub(super) struct InTime {
    pub(super) domain: u16,
    name: String,
    hours: LogHours,
    looked: Option<Looked>,
    change: Option<Change>,
    /// The stretch of time that is to be explained.
    pub(super) window: Option<Window>,
}

impl Times<'_> {
    /// All domains together, in time.
    pub(super) fn series(&self) -> Series {
        let hours = LogHours::of(self.tally.hours.cells().iter(), self.now);
        let judged = Looked::at(&hours, None, self.grain());
        series(&hours, judged.as_ref())
    }

    /// The domains with the most bytes, by their hours alone.
    pub(super) fn domains(&self) -> Vec<InTime> {
        let names = &self.tally.domains.names;
        let listed =
            chosen::first(&self.tally.domains.tallied, DOMAINS_LOOKED_AT, |number| names.name(number));
        listed.into_iter().filter_map(|number| Some(self.in_time(u16::try_from(number).ok()?))).collect()
    }

    fn in_time(&self, domain: u16) -> InTime {
        let name = self.tally.domains.names.shown(u32::from(domain));
        let cells = self.tally.hours.cells().iter().filter(|cell| cell.domain == domain);
        let hours = LogHours::of(cells, self.now);
        let looked = Looked::at(&hours, self.known.domain(&name), self.grain());
        let change = looked.as_ref().and_then(|looked| looked.change(&hours));
        let window = hours.span().and_then(|(first, last)| {
            let all = (hours.unix(first), hours.unix(last) + HOUR);
            let inside = match (looked.as_ref().and_then(|looked| looked.stretch), change) {
                (Some(stretch), _) => hours.stretch(stretch),
                (None, Some(change)) => (change.at_unix, all.1),
                (None, None) => return None,
            };
            Some(Window { inside, all }).filter(|window| window.hours().0 >= 1.0)
        });
        InTime { domain, name, hours, looked, change, window }
    }

    /// One domain, with what the rows have given.
    pub(super) fn domain(
        &self,
        in_time: InTime,
        counted: Counted,
        downloads: &Downloads,
        whom: Whom,
    ) -> Domain {
        let InTime { domain, name, hours, looked, change, window } = in_time;
        let explain = || window.map(|window| self.explained(domain, window, whom)).unwrap_or_default();
        let seconds = hours.span().map_or(1, |(first, last)| i64::from(last - first + 1) * HOUR);
        let (explained, concurrency) =
            both(self.threads, explain, || at_once([downloads], &self.tally.rows, seconds.unsigned_abs()));
        let usual = self.known.domain(&name);
        Domain {
            counted,
            series: series(&hours, looked.as_ref()),
            against_usual: looked.as_ref().and_then(|looked| looked.against_usual(&hours)),
            month: usual.and_then(|usual| month(usual, &hours)),
            name,
            change,
            explained,
            concurrency,
        }
    }

    /// How long the log is, in seconds.
    pub(super) fn seconds(&self) -> u64 {
        let hours = LogHours::of(self.tally.hours.cells().iter(), self.now);
        hours.span().map_or(1, |(first, last)| u64::from((last - first).unsigned_abs() + 1) * 3600)
    }

    /// Bytes of a request, in the mean.
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    fn grain(&self) -> f64 {
        self.tally.total.bytes as f64 / self.tally.total.requests.max(1) as f64
    }

    /// Which values of each dimension hold an increase.
    fn explained(&self, domain: u16, window: Window, whom: Whom) -> Vec<Explained> {
        let [paths, kinds, sites] = self.of_what(domain, window);
        let ([of_networks, agents], networks) = whom.finish();
        let sums = [paths, kinds, sites, of_networks, agents];
        let dimensions =
            [Dimension::Path, Dimension::Kind, Dimension::Referer, Dimension::Network, Dimension::Agent];
        let mut explained = Vec::new();
        for (dimension, sums) in dimensions.into_iter().zip(sums) {
            let shown = |value: u32| self.shown(dimension, value, &networks);
            explained.extend(parts(sums, window.hours(), shown).map(|(value, part)| Explained {
                dimension,
                value,
                before: part.moved.before,
                during: part.moved.during,
                share_of_increase: part.power,
                surprise: part.surprise,
            }));
        }
        explained
    }

    /// By path, kind and referer. By numbers that are there already: what they stand for is looked up once for each, not
    /// for each row.
    fn of_what(&self, domain: u16, window: Window) -> [Vec<Sum>; 3] {
        let tally = self.tally;
        let mut paths = vec![[0; 2]; tally.paths.names.len()];
        let mut kinds = vec![[0; 2]; TargetKind::ALL.len()];
        let mut referers = vec![[0; 2]; tally.referers.names.len()];
        for row in tally.rows.iter().filter(|row| row.domain == domain) {
            let Some(side) = window.side(row.second) else { continue };
            let bytes = row.bytes() * tally.rows.weight(row);
            paths[row.path as usize][side] += bytes;
            kinds[row.kind() as usize][side] += bytes;
            referers[row.referer as usize][side] += bytes;
        }
        let mut sites: BTreeMap<u32, [u64; 2]> = BTreeMap::new();
        for (referer, [before, during]) in numbered(referers) {
            let sum = sites.entry(self.referer_value(domain, referer)).or_default();
            *sum = [sum[0] + before, sum[1] + during];
        }
        [numbered(paths), numbered(kinds), sites.into_iter().collect()]
    }

    /// The site of a foreign referer; for others their class, above all numbers of sites.
    fn referer_value(&self, domain: u16, referer: u32) -> u32 {
        let place = self.tally.referers.known[referer as usize];
        let class = self.own.class(domain, place);
        if class.may_be_accused() { place.site } else { u32::MAX - class as u32 }
    }

    fn shown(&self, dimension: Dimension, value: u32, networks: &Numbered) -> String {
        match dimension {
            Dimension::Path => self.tally.paths.names.shown(value),
            Dimension::Kind => TargetKind::ALL[value as usize].plural().to_owned(),
            Dimension::Referer => visit::RefererClass::ALL
                .iter()
                .find(|class| u32::MAX - **class as u32 == value)
                .map_or_else(|| self.tally.sites.shown(value), |class| class.label().to_owned()),
            Dimension::Network => networks.shown(self.tally, value),
            Dimension::Agent => self.tally.agents.names.shown(value),
        }
    }
}

/// Sums with their places as numbers, where they have any bytes.
fn numbered(sums: Vec<[u64; 2]>) -> Vec<Sum> {
    (0..).zip(sums).filter(|(_, sum)| *sum != [0; 2]).collect()
}

/// What explains an increase in one dimension, with names, in an order that hangs on nothing.
#[expect(clippy::cast_precision_loss, reason = "bytes an hour")]
fn parts(
    mut sums: Vec<Sum>,
    hours: (f64, f64),
    shown: impl Fn(u32) -> String,
) -> impl Iterator<Item = (String, growth::Part)> {
    let moved = |&(value, [before, during]): &Sum| Moved {
        value,
        before: before as f64 / hours.0,
        during: during as f64 / hours.1,
    };
    let growth = |sum: &Sum| sum.1[1] as f64 / hours.1 - sum.1[0] as f64 / hours.0;
    let most_first = |one: &Sum, other: &Sum| growth(other).total_cmp(&growth(one)).then(one.0.cmp(&other.0));
    let mut rest = None;
    if sums.len() > VALUES_MAX {
        // what is cut off counts as one value
        sums.select_nth_unstable_by(VALUES_MAX, most_first);
        let cut = sums.drain(VALUES_MAX..).map(|(_, bytes)| bytes);
        rest = cut.reduce(|one, other| [one[0] + other[0], one[1] + other[1]]).map(|bytes| (0, bytes));
    }
    sums.sort_unstable_by(most_first);
    let values: Vec<Moved> = sums.iter().chain(&rest).map(moved).collect();
    let mut parts: Vec<(String, growth::Part)> =
        growth::explain(&values).into_iter().map(|part| (shown(part.moved.value), part)).collect();
    parts.sort_by(|one, other| other.1.power.total_cmp(&one.1.power).then_with(|| one.0.cmp(&other.0)));
    parts.into_iter()
}

/// A domain's hours, judged.
struct Looked {
    baseline: Baseline,
    /// From the first hour of the log.
    bytes: Vec<f64>,
    judged: Vec<Judged>,
    stretch: Option<Stretch>,
}

impl Looked {
    /// With the hours that were known before, if any. `None` where there is nothing to compare with.
    #[expect(clippy::cast_precision_loss, reason = "bytes an hour")]
    fn at(hours: &LogHours, usual: Option<&DomainUsual>, grain: f64) -> Option<Self> {
        let (first, last) = hours.span()?;
        let known_from = usual.and_then(|usual| usual.hours().next()).map_or(first, |(hour, _)| hour);
        let from = known_from.min(first).max(last - HOURS_LOOKED_AT);
        let bytes = (from..=last)
            .map(|hour| {
                let here = hours.bytes.get(&hour).map_or(0, |sum| sum.0);
                usual.map_or(0, |usual| usual.hour(hour)).max(here) as f64
            })
            .collect();
        let series = HourSeries { from, bytes };
        let baseline = series.baseline()?;
        let start = usize::try_from(first - series.from).ok()?;
        let judged = series.judged(start, baseline, grain);
        let bytes = series.bytes[start..].to_vec();
        let stretch = growth::worst_stretch(&bytes, &judged);
        Some(Self { baseline, bytes, judged, stretch })
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes, never negative")]
    fn against_usual(&self, hours: &LogHours) -> Option<AgainstUsual> {
        let stretch = self.stretch?;
        let (from_unix, to_unix) = hours.stretch(stretch);
        let bytes: f64 = self.bytes[stretch.from..=stretch.to].iter().sum();
        let judged = &self.judged[stretch.from..=stretch.to];
        let usual: f64 = judged.iter().map(|hour| hour.usual).sum();
        Some(AgainstUsual {
            from_unix,
            to_unix,
            bytes: bytes as u64,
            usual_bytes: usual as u64,
            times_usual: (usual >= 1.0).then(|| bytes / usual),
            robust_z: judged.iter().map(|hour| hour.z).fold(0.0, f64::max),
            unusual_hours: stretch.unusual_hours,
            baseline: self.baseline,
        })
    }

    /// When the level changed: by days where there are enough of them, since hours hang together and follow the sun.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes, never negative")]
    fn change(&self, hours: &LogHours) -> Option<Change> {
        const DAYS_MIN: usize = 10;
        let (first, _) = hours.span()?;
        let step = if self.bytes.len() >= DAYS_MIN * 24 { 24 } else { 1 };
        let numbers: Vec<f64> = self.bytes.chunks(step).map(mean).collect();
        let (at, before, after, chance) = growth::change(&numbers)?;
        // within the day before and the day of the change: the first hour nearer to the new level
        let from = (at * step).saturating_sub(step);
        let middle = f64::midpoint(before, after);
        let hour = (from..self.bytes.len()).find(|at| self.bytes[*at] >= middle).unwrap_or(at * step);
        Some(Change {
            at_unix: hours.unix(first + i32::try_from(hour.min((at + 1) * step)).ok()?),
            before: before as u64,
            after: after as u64,
            chance,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean")]
fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len().max(1) as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes, never negative")]
fn series(hours: &LogHours, looked: Option<&Looked>) -> Series {
    let Some((first, last)) = hours.span() else {
        return Series { from_unix: 0, step_seconds: 3600, points: Vec::new() };
    };
    let length = usize::try_from(last - first + 1).unwrap_or(0);
    let step = length.div_ceil(POINTS_MAX).max(1);
    let mut points = Vec::with_capacity(length.div_ceil(step));
    for (at, hour) in (first..=last).enumerate() {
        if at % step == 0 {
            points.push(Point { requests: 0, bytes: 0, usual_bytes: None, is_unusual: false });
        }
        let Some(point) = points.last_mut() else { break };
        let (bytes, requests) = hours.bytes.get(&hour).copied().unwrap_or_default();
        point.bytes += bytes;
        point.requests += requests;
        if let Some(judged) = looked.and_then(|looked| looked.judged.get(at)) {
            *point.usual_bytes.get_or_insert(0) += judged.usual as u64;
            point.is_unusual |= judged.is_unusual;
        }
    }
    let step_seconds = u32::try_from(step * 3600).unwrap_or(u32::MAX);
    Series { from_unix: hours.unix(first), step_seconds, points }
}

/// The last month of the log against the months before it.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes of months"
)]
fn month(usual: &DomainUsual, hours: &LogHours) -> Option<AgainstMonth> {
    let (_, last) = hours.span()?;
    let date = super::usual::date_of(last.div_euclid(24))?;
    let months = usual.months();
    let (bytes, days) = *months.get(&(date.year(), date.month()))?;
    let mut before: Vec<f64> = months
        .range(..(date.year(), date.month()))
        .filter(|(_, (_, days))| *days >= DAYS_OF_MONTH_MIN)
        .map(|(_, (bytes, _))| *bytes as f64)
        .collect();
    let number = before.len();
    let median = robust::median(&mut before).filter(|median| *median >= 1.0)?;
    Some(AgainstMonth {
        month: format!("{:04}-{:02}", date.year(), date.month()),
        bytes,
        days,
        usual_bytes: median as u64,
        months: u32::try_from(number).unwrap_or(u32::MAX),
        times_usual: bytes as f64 / median,
    })
}
