//! Bytes by network and by program, outside and inside of a stretch of time: gathered where the rows of a visitor are
//! together anyway.

use super::networks::Network;
use super::rows::{Row, Rows};
use super::sums::Sums;
use super::tally::Tally;
use super::visitors::{ClientKey, Visitor};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// A stretch of time, and the whole of which it is a part: seconds since 1970, the ends not among them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) inside: (i64, i64),
    pub(super) all: (i64, i64),
}

impl Window {
    /// 0: outside, 1: inside; `None`: beyond the whole.
    pub(super) fn side(&self, second: u32) -> Option<usize> {
        let second = i64::from(second);
        let is_in = |part: (i64, i64)| second >= part.0 && second < part.1;
        is_in(self.all).then(|| usize::from(is_in(self.inside)))
    }

    /// How many hours are outside, and how many inside.
    #[expect(clippy::cast_precision_loss, reason = "hours of a log")]
    pub(super) fn hours(&self) -> (f64, f64) {
        let hours = |part: (i64, i64)| (part.1 - part.0) as f64 / 3600.0;
        (hours(self.all) - hours(self.inside), hours(self.inside))
    }
}

/// Who asked one domain for how much: bytes outside and inside of a window.
#[derive(Debug, Default)]
pub(super) struct Whom {
    window: Option<Window>,
    /// The present visitor's.
    here: [u64; 2],
    agents: Sums,
    networks: Numbered,
    of_networks: Vec<[u64; 2]>,
}

/// The number of a value, and its bytes outside and inside of a stretch of time.
pub(super) type Sum = (u32, [u64; 2]);

impl Whom {
    /// Nothing is gathered where there is no window.
    pub(super) fn new(window: Option<Window>) -> Self {
        let (agents, networks) = (Sums::default(), Numbered::default());
        Self { window, here: [0; 2], agents, networks, of_networks: Vec::new() }
    }

    /// Takes a row of the present visitor.
    #[inline]
    pub(super) fn take(&mut self, rows: &Rows, row: &Row) {
        if let Some(side) = self.window.and_then(|window| window.side(row.second)) {
            self.here[side] += row.bytes() * rows.weight(row);
        }
    }

    /// No more rows of this visitor will come. Visitors come in the order of their clients.
    pub(super) fn end_visitor(&mut self, tally: &Tally, visitor: &Visitor) {
        let here = std::mem::take(&mut self.here);
        if here != [0; 2] {
            self.agents.add(visitor.agent, here[0], here[1]);
            self.add_network(tally, visitor.client, here);
        }
    }

    /// Takes what other visitors in other networks gave.
    pub(super) fn merge(&mut self, tally: &Tally, other: Self) {
        self.agents.merge(other.agents);
        for (client, bytes) in other.networks.all.into_iter().zip(other.of_networks) {
            self.add_network(tally, client, bytes);
        }
    }

    /// By network and by User-Agent, and what the numbers of networks mean.
    pub(super) fn finish(self) -> ([Vec<Sum>; 2], Numbered) {
        let of_networks = (0..).zip(self.of_networks).collect();
        let agents = self.agents.all().map(|(agent, outside, inside)| (agent, [outside, inside])).collect();
        ([of_networks, agents], self.networks)
    }

    fn add_network(&mut self, tally: &Tally, client: ClientKey, bytes: [u64; 2]) {
        let number = self.networks.number(tally, client) as usize;
        if number >= self.of_networks.len() {
            self.of_networks.push([0; 2]);
        }
        let sum = &mut self.of_networks[number];
        *sum = [sum[0] + bytes[0], sum[1] + bytes[1]];
    }
}

/// Networks as numbers, of clients that come in order: those of a network are neighbours then.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    /// One client of each.
    all: Vec<ClientKey>,
    /// Networks whose clients need not be neighbours.
    scattered: HashMap<Network, u32, FixedState>,
}

impl Numbered {
    fn number(&mut self, tally: &Tally, client: ClientKey) -> u32 {
        let next = u32::try_from(self.all.len()).unwrap_or(0);
        let number = match (client.network(), self.all.last()) {
            (Some(network), Some(last)) if last.network() == Some(network) => next - 1,
            (Some(_), _) => next,
            (None, _) => *self.scattered.entry(Network::of(tally, client)).or_insert(next),
        };
        if number == next {
            self.all.push(client);
        }
        number
    }

    /// A network, for showing.
    pub(super) fn shown(&self, tally: &Tally, number: u32) -> String {
        self.all.get(number as usize).map(|client| Network::of(tally, *client).shown()).unwrap_or_default()
    }
}
