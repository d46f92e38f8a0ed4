//! Who comes, when and from where. All of it follows from a seed, so that every contestant meets the same people at
//! the same moments.

use crate::line::Place;
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Party {
    /// Reads some pages with all that belongs to them, on any day.
    Ordinary,
    /// Follows the link on the front page of a news site.
    Crowd,
    /// Plays our audio inside another site's page, which gives its name.
    HotLinker,
    /// The same, of a page that hides its name.
    Hidden,
    /// Follows a link of a partner; they come in clumps.
    Partner,
    /// A feed reader.
    Feed,
    /// A podcast app.
    Podcast,
}

impl Party {
    pub(crate) const ALL: [Self; 7] = [
        Self::Ordinary,
        Self::Crowd,
        Self::HotLinker,
        Self::Hidden,
        Self::Partner,
        Self::Feed,
        Self::Podcast,
    ];

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary visitors",
            Self::Crowd => "crowd",
            Self::HotLinker => "hot-linkers, named",
            Self::Hidden => "hot-linkers, hidden",
            Self::Partner => "partner's visitors",
            Self::Feed => "feed reader",
            Self::Podcast => "podcast app",
        }
    }

    /// Where it comes from: a network of the loopback for each party, an address for each person.
    fn address(self, number: usize) -> Ipv4Addr {
        let low = |number: usize| u8::try_from(number % 250).unwrap_or(0) + 1;
        let network = u8::try_from(self.index()).unwrap_or(0) + 10;
        Ipv4Addr::new(127, network, low(number / 250), low(number))
    }
}

/// A part of the story, by when a visit begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Before the crowd.
    Quiet,
    /// With the crowd.
    Storm,
    /// When it is gone.
    After,
}

impl Phase {
    pub(crate) const ALL: [Self; 3] = [Self::Quiet, Self::Storm, Self::After];

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// How hard it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Variant {
    /// A crowd of fifty times the ordinary visitors, all with a referer.
    Usual,
    /// A hundred times, and half of them hide where they come from.
    Hard,
}

impl Variant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Hard => "hard",
        }
    }

    pub(crate) fn crowd_factor(self) -> f64 {
        match self {
            Self::Usual => 50.0,
            Self::Hard => 100.0,
        }
    }
}

/// How long the parts take.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Times {
    /// Before anything counts.
    pub(crate) warm: Duration,
    pub(crate) quiet: Duration,
    pub(crate) storm: Duration,
    pub(crate) after: Duration,
}

impl Times {
    pub(crate) const FULL: Self = Self {
        warm: Duration::from_secs(2),
        quiet: Duration::from_secs(15),
        storm: Duration::from_secs(20),
        after: Duration::from_secs(8),
    };
    pub(crate) const QUICK: Self = Self {
        warm: Duration::from_secs(1),
        quiet: Duration::from_secs(8),
        storm: Duration::from_secs(10),
        after: Duration::from_secs(4),
    };

    pub(crate) fn storm_begins(&self) -> Duration {
        self.warm + self.quiet
    }

    pub(crate) fn storm_ends(&self) -> Duration {
        self.storm_begins() + self.storm
    }

    pub(crate) fn end(&self) -> Duration {
        self.storm_ends() + self.after
    }

    /// `None` while the programs warm up.
    pub(crate) fn phase(&self, at: Duration) -> Option<Phase> {
        if at < self.warm {
            None
        } else if at < self.storm_begins() {
            Some(Phase::Quiet)
        } else if at < self.storm_ends() {
            Some(Phase::Storm)
        } else {
            Some(Phase::After)
        }
    }

    /// From when to when a phase lasts.
    pub(crate) fn span(&self, phase: Phase) -> (Duration, Duration) {
        match phase {
            Phase::Quiet => (self.warm, self.storm_begins()),
            Phase::Storm => (self.storm_begins(), self.storm_ends()),
            Phase::After => (self.storm_ends(), self.end()),
        }
    }
}

/// After which people give up: a page with all that belongs to it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// After which somebody closes the page with the player.
pub(crate) const LISTENING: Duration = Duration::from_secs(15);
/// The bound on arrivals of one party, so that a wrong scale cannot take all memory.
const ARRIVALS_MAX: usize = 60_000;

/// The limits every contestant is told to keep, and the line that all answers share.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "units stand last in names")]
pub(crate) struct Limits {
    /// Entries a second from one site.
    pub(crate) entries_per_second: u32,
    /// The same from a partner.
    pub(crate) partner_per_second: u32,
    /// What all hot-linkers get together.
    pub(crate) media_bytes_per_second: u32,
    /// What goes out to the world.
    pub(crate) line_bytes_per_second: u32,
}

impl Limits {
    /// At scale one: five and ten entries, a tenth of a line of 40 Mbit/s.
    pub(crate) fn of(scale: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive and far below 2^32"
        )]
        let scaled = |value: f64| (value * scale).round().max(1.0) as u32;
        Self {
            entries_per_second: scaled(5.0),
            partner_per_second: scaled(10.0),
            media_bytes_per_second: scaled(5e5),
            line_bytes_per_second: scaled(5e6),
        }
    }
}

/// One person's coming.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Duration,
    pub(crate) party: Party,
    pub(crate) from: Ipv4Addr,
    /// What follows from chance in this person's visit.
    pub(crate) seed: u64,
    /// Whether this one of the crowd hides the referer.
    pub(crate) is_hidden: bool,
}

/// A whole story.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) times: Times,
    pub(crate) variant: Variant,
    pub(crate) scale: f64,
    pub(crate) line: Place,
    pub(crate) seed: u64,
}

/// Ordinary visitors a second, at scale one.
const ORDINARY_PER_SECOND: f64 = 2.0;

impl Scenario {
    /// Everybody, in order of coming.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        let times = &self.times;
        let storm = (times.storm_begins(), times.storm_ends());
        let whole = (Duration::ZERO, times.end());
        let ordinary = ORDINARY_PER_SECOND * self.scale;
        let mut all = Vec::new();
        let mut come = |party: Party, moments: Vec<Duration>| {
            let mut rng = Rng::with_seed(self.seed ^ (0x9e37_79b9 + party.index() as u64));
            all.extend(moments.into_iter().take(ARRIVALS_MAX).enumerate().map(|(number, at)| Arrival {
                at,
                party,
                from: party.address(number),
                seed: rng.u64(..),
                is_hidden: self.variant == Variant::Hard && number % 2 == 1,
            }));
        };
        let rng = |salt| Rng::with_seed(self.seed.wrapping_mul(31).wrapping_add(salt));
        come(Party::Ordinary, by_chance(&mut rng(1), whole, ordinary));
        come(Party::Crowd, by_chance(&mut rng(2), storm, ordinary * self.variant.crowd_factor()));
        come(Party::HotLinker, by_chance(&mut rng(3), storm, 2.0 * self.scale));
        come(Party::Hidden, by_chance(&mut rng(4), storm, 1.0 * self.scale));
        come(Party::Partner, in_clumps(&mut rng(5), whole, 6.0 * self.scale));
        come(Party::Feed, evenly(whole, 2.0 * self.scale));
        come(Party::Podcast, evenly(whole, 1.0 * self.scale));
        all.sort_by_key(|arrival| arrival.at);
        all
    }
}

/// A Poisson process.
fn by_chance(rng: &mut Rng, (from, to): (Duration, Duration), per_second: f64) -> Vec<Duration> {
    let mut at = from;
    let next = |at: Duration, rng: &mut Rng| {
        at + Duration::from_secs_f64(-(1.0 - rng.f64()).ln() / per_second.max(1e-3))
    };
    let mut moments = Vec::new();
    loop {
        at = next(at, rng);
        if at >= to || moments.len() >= ARRIVALS_MAX {
            return moments;
        }
        moments.push(at);
    }
}

fn evenly((from, to): (Duration, Duration), per_second: f64) -> Vec<Duration> {
    let every = Duration::from_secs_f64(1.0 / per_second.max(1e-3));
    (0..ARRIVALS_MAX).map(|nth| from + every.mul_f64(nth as f64 + 0.5)).take_while(|at| *at < to).collect()
}

/// As when a newsletter is opened: some people within three tenths of a second, every three seconds.
fn in_clumps(rng: &mut Rng, (from, to): (Duration, Duration), people: f64) -> Vec<Duration> {
    let mut moments = Vec::new();
    for start in evenly((from, to), 1.0 / 3.0) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a handful")]
        moments.extend((0..people.round() as u32).map(|_| start + Duration::from_millis(rng.u64(0..300))));
    }
    moments.retain(|at| *at < to);
    moments.sort();
    moments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(variant: Variant) -> Scenario {
        Scenario { times: Times::FULL, variant, scale: 1.0, line: Place::Site, seed: 7 }
    }

    #[test]
    fn the_same_seed_brings_the_same_people_at_the_same_moments() {
        let told = |scenario: Scenario| format!("{:?}", scenario.arrivals());
        assert_eq!(told(scenario(Variant::Usual)), told(scenario(Variant::Usual)));
    }

    #[test]
    fn the_crowd_comes_in_the_storm_only_and_is_as_large_as_it_is_said_to_be() {
        let times = Times::FULL;
        for variant in [Variant::Usual, Variant::Hard] {
            let all = scenario(variant).arrivals();
            let crowd: Vec<_> = all.iter().filter(|arrival| arrival.party == Party::Crowd).collect();
            assert!(crowd.iter().all(|arrival| times.phase(arrival.at) == Some(Phase::Storm)));
            let expected = times.storm.as_secs_f64() * ORDINARY_PER_SECOND * variant.crowd_factor();
            assert!((crowd.len() as f64 / expected - 1.0).abs() < 0.1, "{} of {expected}", crowd.len());
            let hidden = crowd.iter().filter(|arrival| arrival.is_hidden).count();
            assert_eq!(hidden, if variant == Variant::Hard { crowd.len() / 2 } else { 0 });
        }
    }
}
