//! Who is behind a set of requests: the numbers by which hot-linkers, leeches, bots and visitors are told apart.

use super::concurrency::{Download, concurrency, downloads};
use super::names::OTHER;
use super::own::OwnNames;
use super::rows::{Outcome, Row};
use super::summary::Concurrency;
use super::tally::Tally;
use super::visitors::ClientKey;
use crate::human::share;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use ipnet::IpNet;
use visit::{RefererClass, TARGET_KINDS, TargetKind};

/// Something counted, by its number.
pub(super) type ByNumber = HashMap<u32, (u64, u64), FixedState>;

/// Who is behind a set of requests.
#[derive(Debug)]
pub(super) struct Crowd {
    pub(super) requests: u64,
    pub(super) bytes: u64,
    /// Distinct addresses.
    pub(super) clients: u64,
    /// Distinct /24 and /48; at least so many where clients were left out.
    pub(super) networks: u64,
    /// Distinct visitors who got media in it, and those of them who never opened a page anywhere in the log.
    pub(super) media_visitors: u64,
    pub(super) asset_only_visitors: u64,
    /// Visitors whose requests say that one of the site's own pages sent them, and those of them who never opened any
    /// page that they name.
    pub(super) own_visitors: u64,
    pub(super) forged_visitors: u64,
    /// Requests and bytes by kind.
    pub(super) kinds: [(u64, u64); TARGET_KINDS],
    /// Requests by class of referer, most first.
    pub(super) classes: Vec<(RefererClass, u64)>,
    /// Requests and bytes by number, most requests first; ties by name.
    pub(super) agents: Vec<(u32, u64, u64)>,
    pub(super) referers: Vec<(u32, u64, u64)>,
    pub(super) paths: Vec<(u32, u64, u64)>,
    /// The address with the most bytes: requests and bytes.
    pub(super) top_client: Option<(ClientKey, u64, u64)>,
    /// The network with the most bytes: requests and bytes.
    pub(super) top_network: Option<(String, u64, u64)>,
    /// Answers that were a part (206), and that were refused or missing.
    pub(super) parts: u64,
    pub(super) refused: u64,
    /// Answers that the client's copy is still good (304).
    pub(super) unchanged: u64,
    /// The largest answer.
    pub(super) largest: u64,
    /// Requests by hour since 1970, UTC.
    pub(super) hours: Vec<(i64, u64)>,
    /// How many downloads it had at once; the mean is over its own time.
    pub(super) at_once: Concurrency,
}

impl Crowd {
    /// Of rows; more than one in [`Rows::one_in`](super::rows::Rows::one_in) counts for all.
    pub(super) fn of<'a>(tally: &Tally, own: &OwnNames, rows: impl Iterator<Item = &'a Row> + Clone) -> Self {
        let mut gathered = Gathered::default();
        for row in rows.clone() {
            gathered.take(tally, own, row);
        }
        let at_once = downloads(rows, &tally.rows);
        gathered.finish(tally, own, &at_once)
    }

    pub(super) fn media_requests(&self) -> u64 {
        TargetKind::ALL.iter().filter(|kind| kind.is_media()).map(|kind| self.kinds[*kind as usize].0).sum()
    }

    pub(super) fn pages(&self) -> u64 {
        self.kinds[TargetKind::Page as usize].0
    }

    /// The share of media in the requests.
    pub(super) fn media_share(&self) -> f64 {
        share(self.media_requests(), self.requests)
    }

    /// The share of media visitors that never opened a page.
    pub(super) fn asset_only_share(&self) -> f64 {
        share(self.asset_only_visitors, self.media_visitors)
    }

    /// The share of requests whose referer is of one of these classes.
    pub(super) fn class_share(&self, classes: &[RefererClass]) -> f64 {
        let of: u64 = self.classes.iter().filter(|(class, _)| classes.contains(class)).map(|(_, n)| n).sum();
        share(of, self.requests)
    }

    /// The share of requests that the `n` most used programs sent.
    pub(super) fn agents_share(&self, n: usize) -> f64 {
        share(self.agents.iter().take(n).map(|agent| agent.1).sum(), self.requests)
    }

    /// The share of requests that the most asked path got.
    pub(super) fn top_path_share(&self) -> f64 {
        share(self.paths.first().map_or(0, |path| path.1), self.requests)
    }

    /// How many hours hold half of the requests: a burst has few of them.
    pub(super) fn hours_of_half(&self) -> usize {
        let mut counts: Vec<u64> = self.hours.iter().map(|hour| hour.1).collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        let mut sum = 0;
        counts
            .iter()
            .take_while(|count| {
                let is_needed = 2 * sum < self.requests;
                sum += **count;
                is_needed
            })
            .count()
    }
}

#[derive(Default)]
struct Gathered {
    requests: u64,
    bytes: u64,
    /// Visitor, and whether it got media, and whether it named an own page.
    visitors: HashMap<u32, (bool, bool, u64, u64), FixedState>,
    kinds: [(u64, u64); TARGET_KINDS],
    classes: HashMap<RefererClass, u64, FixedState>,
    referers: ByNumber,
    paths: ByNumber,
    parts: u64,
    refused: u64,
    unchanged: u64,
    largest: u64,
    hours: HashMap<i64, u64, FixedState>,
}

impl Gathered {
    fn take(&mut self, tally: &Tally, own: &OwnNames, row: &Row) {
        let weight = tally.rows.weight(row);
        let bytes = row.bytes() * weight;
        self.requests += weight;
        self.bytes += bytes;
        let class = own.class(row.domain, tally.referers.known[row.referer as usize]);
        let is_media = row.kind().is_media() && row.outcome() != Outcome::Refused;
        let visitor = self.visitors.entry(row.visitor).or_default();
        visitor.0 |= is_media;
        visitor.1 |= is_media && class == RefererClass::Own;
        visitor.2 += weight;
        visitor.3 += bytes;
        let kind = &mut self.kinds[row.kind() as usize];
        *kind = (kind.0 + weight, kind.1 + bytes);
        *self.classes.entry(class).or_default() += weight;
        for (counts, number) in [(&mut self.referers, row.referer), (&mut self.paths, row.path)] {
            let count = counts.entry(number).or_default();
            *count = (count.0 + weight, count.1 + bytes);
        }
        self.unchanged += if row.outcome() == Outcome::Unchanged { weight } else { 0 };
        self.parts += if row.outcome() == Outcome::Part { weight } else { 0 };
        self.refused += if row.outcome() == Outcome::Refused { weight } else { 0 };
        self.largest = self.largest.max(row.bytes());
        *self.hours.entry(i64::from(row.second) / 3600).or_default() += weight;
    }

    fn finish(self, tally: &Tally, names: &OwnNames, at_once: &[Download]) -> Crowd {
        let one_in = tally.rows.one_in();
        let mut agents = ByNumber::default();
        let mut clients: HashMap<ClientKey, (u64, u64), FixedState> = HashMap::default();
        // whose rows are all here; of others only big ones are
        let mut whole: HashSet<ClientKey, FixedState> = HashSet::default();
        let (mut media, mut asset_only, mut own, mut forged) = (0, 0, 0, 0);
        for (number, (has_media, has_own, requests, bytes)) in &self.visitors {
            let visitor = tally.visitors.get(*number);
            let sum = |at: &mut (u64, u64)| *at = (at.0 + requests, at.1 + bytes);
            sum(agents.entry(visitor.agent).or_default());
            sum(clients.entry(visitor.client).or_default());
            if !tally.rows.has_whole(visitor.lot) {
                continue;
            }
            whole.insert(visitor.client);
            if *number == OTHER {
                continue;
            }
            media += u64::from(*has_media);
            asset_only += u64::from(*has_media && visitor.is_asset_only());
            own += u64::from(*has_own);
            forged += u64::from(*has_own && !names.came_from_page(*number));
        }
        let networks = networks(tally, &clients);
        let mut hours: Vec<(i64, u64)> = self.hours.into_iter().collect();
        hours.sort_unstable();
        let mut classes: Vec<(RefererClass, u64)> = self.classes.into_iter().collect();
        classes.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
        let top_client = clients
            .iter()
            .map(|(client, (requests, bytes))| (*client, *requests, *bytes))
            .max_by(|one, other| {
                (one.2, one.1)
                    .cmp(&(other.2, other.1))
                    .then_with(|| client_name(tally, other.0).cmp(&client_name(tally, one.0)))
            });
        Crowd {
            requests: self.requests,
            bytes: self.bytes,
            clients: whole.len() as u64 * one_in,
            networks: networks.len() as u64,
            media_visitors: media * one_in,
            asset_only_visitors: asset_only * one_in,
            own_visitors: own * one_in,
            forged_visitors: forged * one_in,
            kinds: self.kinds,
            classes,
            agents: sorted(&agents, |number| tally.agents.names.name(number)),
            referers: sorted(&self.referers, |number| tally.referers.names.name(number)),
            paths: sorted(&self.paths, |number| tally.paths.names.name(number)),
            top_client,
            top_network: networks
                .first()
                .map(|(network, requests, bytes)| (network.shown(), *requests, *bytes)),
            parts: self.parts,
            refused: self.refused,
            unchanged: self.unchanged,
            largest: self.largest,
            at_once: concurrency(at_once, hours.len() as u64 * 3600),
            hours,
        }
    }
}

/// The most requests first, then the most bytes, then by name: no order of a hash table shows.
pub(super) fn sorted<'a>(counts: &ByNumber, name: impl Fn(u32) -> &'a [u8]) -> Vec<(u32, u64, u64)> {
    let mut all: Vec<(u32, u64, u64)> =
        counts.iter().map(|(number, (requests, bytes))| (*number, *requests, *bytes)).collect();
    all.sort_unstable_by(|one, other| {
        (other.1, other.2).cmp(&(one.1, one.2)).then_with(|| name(one.0).cmp(name(other.0)))
    });
    all
}

/// Networks with requests and bytes, the most bytes first.
fn networks(tally: &Tally, clients: &HashMap<ClientKey, (u64, u64), FixedState>) -> Vec<(Network, u64, u64)> {
    let mut by_network: HashMap<Network, (u64, u64), FixedState> = HashMap::default();
    for (client, (requests, bytes)) in clients {
        let sum = by_network.entry(Network::of(tally, *client)).or_default();
        *sum = (sum.0 + requests, sum.1 + bytes);
    }
    let mut all: Vec<(Network, u64, u64)> =
        by_network.into_iter().map(|(network, (requests, bytes))| (network, requests, bytes)).collect();
    all.sort_unstable_by(|one, other| {
        (other.2, other.1).cmp(&(one.2, one.1)).then_with(|| one.0.cmp(&other.0))
    });
    all
}

/// A /24 or /48, or for clients with names the end of the name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Network {
    Addresses(IpNet),
    Named(String),
}

impl Network {
    pub(super) fn of(tally: &Tally, client: ClientKey) -> Self {
        let Some(address) = client.address() else {
            let name = client_name(tally, client);
            return Self::Named(visit::registrable(&name).to_owned());
        };
        Self::Addresses(crate::pressure::network_of(address))
    }

    pub(super) fn shown(&self) -> String {
        match self {
            Self::Addresses(network) => network.to_string(),
            Self::Named(name) => name.clone(),
        }
    }
}

/// A client for showing.
pub(super) fn client_name(tally: &Tally, client: ClientKey) -> String {
    match client.address() {
        Some(address) => address.to_string(),
        None => tally.client_names.shown(u32::try_from(client.low).unwrap_or(OTHER)),
    }
}
