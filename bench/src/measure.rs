//! Rounds, medians and ratios. Processor time of the thread is measured, so that others on the machine do not count.

use rustix::time::{ClockId, clock_gettime};

/// A name, and what runs it as many times as is said.
pub(crate) type Candidate<'a> = (&'static str, Box<dyn FnMut(u32) + 'a>);

/// Nanoseconds a run, by candidate and round.
pub(crate) struct Table(Vec<(&'static str, Vec<f64>)>);

/// Measures every candidate in every round; the order turns, so that nobody always follows the same neighbour.
pub(crate) fn measure(candidates: &mut [Candidate<'_>], rounds: u32, runs: u32) -> Table {
    let mut table = Table(candidates.iter().map(|(name, _)| (*name, Vec::new())).collect());
    for (_, run) in candidates.iter_mut() {
        run(runs / 4 + 1);
    }
    for round in 0..rounds as usize {
        for place in 0..candidates.len() {
            let at = (place + round) % candidates.len();
            let start = processor_nanos();
            candidates[at].1(runs);
            table.0[at].1.push((processor_nanos() - start) as f64 / f64::from(runs));
        }
    }
    table
}

pub(crate) fn processor_nanos() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1])
}

impl Table {
    fn of(&self, name: &str) -> &[f64] {
        &self.0.iter().find(|(known, _)| *known == name).expect("a candidate").1
    }

    /// Adds what one candidate takes more than another, round by round.
    pub(crate) fn difference(&mut self, name: &'static str, more: &str, less: &str) {
        let difference = self.of(more).iter().zip(self.of(less)).map(|(more, less)| more - less).collect();
        self.0.push((name, difference));
    }

    pub(crate) fn print(&self) {
        for (name, values) in &self.0 {
            let (median, least, most) = spread(values);
            println!("{name:<28} {median:>8.0} ({least:.0} to {most:.0})");
        }
    }

    pub(crate) fn print_ratio(&self, of: &str, to: &str) {
        let ratios: Vec<f64> = self.of(of).iter().zip(self.of(to)).map(|(of, to)| of / to).collect();
        let (median, least, most) = spread(&ratios);
        println!("{of} takes {median:.2} times what {to} takes ({least:.2} to {most:.2})");
    }
}
