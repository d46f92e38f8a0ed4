//! What a decision adds to a request, from the table that a comparison of proxies leaves: each proxy runs with the
//! decision and without it, in the same rounds.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// Of the kernel's accounting, in microseconds; Linux shows it in hundredths of a second on every machine.
pub(super) const TICK_MICROS: f64 = 10_000.0;

/// The same proxy twice.
pub(super) struct Pair {
    pub(super) plain: &'static str,
    pub(super) deciding: &'static str,
}

/// Microseconds of processor time for each request, by proxy and round.
pub(super) struct Costs(BTreeMap<(String, u32), f64>);

impl Costs {
    /// Reads the table that a comparison leaves.
    ///
    /// # Errors
    /// When it is not there, or is no such table.
    pub(super) fn read(table: &Path) -> Result<Self> {
        Self::of_table(&std::fs::read_to_string(table).context("the comparison left no table")?)
    }

    /// Lines of: round, load, proxy, requests, requests per second, megabytes per second, user ticks, system ticks, …
    fn of_table(text: &str) -> Result<Self> {
        let mut costs = BTreeMap::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [round, _, proxy, requests, _, _, user, system, ..] = fields[..] else { continue };
            let (requests, user, system): (f64, f64, f64) =
                (requests.parse()?, user.parse()?, system.parse()?);
            if requests > 0.0 {
                let micros = (user + system) * TICK_MICROS / requests;
                costs.insert((proxy.to_owned(), round.parse()?), micros);
            }
        }
        Ok(Self(costs))
    }

    fn of(&self, proxy: &str, round: u32) -> Option<f64> {
        self.0.get(&(proxy.to_owned(), round)).copied()
    }

    fn rounds(&self) -> impl Iterator<Item = u32> {
        1..=self.0.keys().map(|(_, round)| *round).max().unwrap_or(0)
    }

    /// What something comes to in each round in which both of its parts were measured.
    fn each(&self, what: impl Fn(&Self, u32) -> Option<f64>) -> Spread {
        Spread::of(self.rounds().filter_map(|round| what(self, round)).collect())
    }

    /// What the decision adds.
    fn added(&self, pair: &Pair, round: u32) -> Option<f64> {
        Some(self.of(pair.deciding, round)? - self.of(pair.plain, round)?)
    }

    /// One line for each pair, and one for each that comes after the first: what ours adds beside what it adds there.
    pub(super) fn tell(&self, ours: &Pair, others: &[Pair]) {
        println!("\nmicroseconds of processor time for a request: median over the rounds (least to most)");
        for pair in std::iter::once(ours).chain(others) {
            for proxy in [pair.plain, pair.deciding] {
                println!("{proxy:<18} {}", self.each(|costs, round| costs.of(proxy, round)));
            }
            println!("{:<18} {}", "  adds", self.each(|costs, round| costs.added(pair, round)));
        }
        for pair in others {
            let share = self.each(|costs, round| Some(costs.added(ours, round)? / costs.added(pair, round)?));
            let medians = self.each(|costs, round| costs.added(ours, round)).median()
                / self.each(|costs, round| costs.added(pair, round)).median();
            println!(
                "{} adds {medians:.2} of what {} adds (medians); round by round {share}",
                ours.deciding, pair.deciding
            );
            let whole = self
                .each(|costs, round| Some(costs.of(ours.deciding, round)? / costs.of(pair.deciding, round)?));
            println!("  and a request costs {whole} of one there");
        }
    }
}

/// Values of several rounds, ascending.
struct Spread(Vec<f64>);

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    fn median(&self) -> f64 {
        let (low, high) = (self.0.get(self.0.len().saturating_sub(1) / 2), self.0.get(self.0.len() / 2));
        low.zip(high).map_or(f64::NAN, |(low, high)| f64::midpoint(*low, *high))
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (least, most) = (self.0.first().unwrap_or(&f64::NAN), self.0.last().unwrap_or(&f64::NAN));
        write!(f, "{:.2} ({least:.2} to {most:.2})", self.median())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_decision_adds_is_the_difference_within_a_round() {
        let rows = [(1, "plain", 100), (1, "deciding", 130), (2, "plain", 200), (2, "deciding", 240)];
        let line = |(round, proxy, ticks)| format!("{round}\tk1\t{proxy}\t1000000\t0\t0\t{ticks}\t0\t0\n");
        let costs = Costs::of_table(&rows.map(line).concat()).unwrap();
        let pair = Pair { plain: "plain", deciding: "deciding" };
        let added = costs.each(|costs, round| costs.added(&pair, round));
        assert_eq!(added.to_string(), "0.35 (0.30 to 0.40)");
    }
}
