//! Who is behind a set of requests: the numbers by which hot-linkers, leeches, bots and visitors are told apart.

use super::concurrency::{Downloads, at_once};
use super::names::OTHER;
use super::networks::{Networks, client_order};
use super::rows::{Outcome, Row};
use super::summary::Concurrency;
use super::sums::Sums;
use super::tally::Tally;
use super::visitors::{ClientKey, Visitor};
use crate::human::share;
use visit::{RefererClass, TARGET_KINDS, TargetKind};

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

/// Whose rows are coming.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coming<'a> {
    pub(super) number: u32,
    pub(super) visitor: &'a Visitor,
    /// Opened one of the own pages that its referers name.
    pub(super) came_from_page: bool,
}

/// Rows on their way to a crowd, in the order of [`InOrder`](super::order::InOrder): what is distinct in it is counted
/// where it changes.
#[derive(Debug)]
pub(super) struct Gathering {
    requests: u64,
    bytes: u64,
    kinds: [(u64, u64); TARGET_KINDS],
    classes: [u64; RefererClass::ALL.len()],
    agents: Sums,
    referers: Sums,
    paths: Sums,
    hours: Sums,
    parts: u64,
    refused: u64,
    unchanged: u64,
    largest: u64,
    downloads: Downloads,
    visitor: Option<VisitorHere>,
    client: Option<ClientHere>,
    networks: Networks,
    top_client: Option<ClientHere>,
    clients: u64,
    media_visitors: u64,
    asset_only_visitors: u64,
    own_visitors: u64,
    forged_visitors: u64,
}

/// The present visitor's rows in one crowd.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
struct VisitorHere {
    number: u32,
    client: ClientKey,
    agent: u32,
    is_asset_only: bool,
    came_from_page: bool,
    /// All its rows are here; of others only big ones are.
    is_whole: bool,
    has_media: bool,
    /// Says of media that an own page sent it.
    has_own: bool,
    requests: u64,
    bytes: u64,
}

/// The present client's rows in one crowd.
#[derive(Clone, Copy, Debug)]
struct ClientHere {
    key: ClientKey,
    is_whole: bool,
    requests: u64,
    bytes: u64,
}

impl Gathering {
    pub(super) fn new() -> Self {
        Self {
            requests: 0,
            bytes: 0,
            kinds: [(0, 0); TARGET_KINDS],
            classes: [0; RefererClass::ALL.len()],
            agents: Sums::default(),
            referers: Sums::default(),
            paths: Sums::default(),
            hours: Sums::default(),
            parts: 0,
            refused: 0,
            unchanged: 0,
            largest: 0,
            downloads: Downloads::default(),
            visitor: None,
            client: None,
            networks: Networks::new(1),
            top_client: None,
            clients: 0,
            media_visitors: 0,
            asset_only_visitors: 0,
            own_visitors: 0,
            forged_visitors: 0,
        }
    }

    /// Takes a row with its place, and the class of its referer.
    pub(super) fn take(
        &mut self,
        tally: &Tally,
        coming: &Coming<'_>,
        (place, row): (u32, &Row),
        class: RefererClass,
    ) {
        let weight = tally.rows.weight(row);
        let bytes = row.bytes() * weight;
        let outcome = row.outcome();
        self.requests += weight;
        self.bytes += bytes;
        let kind = &mut self.kinds[row.kind() as usize];
        *kind = (kind.0 + weight, kind.1 + bytes);
        self.classes[class as usize] += weight;
        self.referers.add(row.referer, weight, bytes);
        self.paths.add(row.path, weight, bytes);
        self.hours.add((row.second / 3600).saturating_sub(tally.first_hour()), weight, bytes);
        match outcome {
            Outcome::Whole => {}
            Outcome::Part => self.parts += weight,
            Outcome::Unchanged => self.unchanged += weight,
            Outcome::Refused => self.refused += weight,
        }
        self.largest = self.largest.max(row.bytes());
        if self.visitor.is_none_or(|visitor| visitor.number != coming.number) {
            self.end_visitor(tally);
            self.visitor = Some(VisitorHere::new(tally, coming));
        }
        if let Some(visitor) = &mut self.visitor {
            let is_media = row.kind().is_media() && outcome != Outcome::Refused;
            visitor.has_media |= is_media;
            visitor.has_own |= is_media && class == RefererClass::Own;
            visitor.requests += weight;
            visitor.bytes += bytes;
        }
        self.downloads.take(place, row);
    }

    fn end_visitor(&mut self, tally: &Tally) {
        let Some(visitor) = self.visitor.take() else { return };
        self.downloads.end_visitor(&tally.rows);
        self.agents.add(visitor.agent, visitor.requests, visitor.bytes);
        if visitor.is_whole && visitor.number != OTHER {
            self.media_visitors += u64::from(visitor.has_media);
            self.asset_only_visitors += u64::from(visitor.has_media && visitor.is_asset_only);
            self.own_visitors += u64::from(visitor.has_own);
            self.forged_visitors += u64::from(visitor.has_own && !visitor.came_from_page);
        }
        if self.client.is_none_or(|client| client.key != visitor.client) {
            self.end_client(tally);
            self.client =
                Some(ClientHere { key: visitor.client, is_whole: visitor.is_whole, requests: 0, bytes: 0 });
        }
        if let Some(client) = &mut self.client {
            client.is_whole |= visitor.is_whole;
            client.requests += visitor.requests;
            client.bytes += visitor.bytes;
        }
    }

    fn end_client(&mut self, tally: &Tally) {
        let Some(client) = self.client.take() else { return };
        self.clients += u64::from(client.is_whole);
        self.networks.add(tally, client.key, client.requests, client.bytes);
        self.offer(tally, client);
    }

    /// Of several the one with the most bytes is the top client.
    fn offer(&mut self, tally: &Tally, client: ClientHere) {
        let is_top = self.top_client.is_none_or(|top| {
            let size = |client: &ClientHere| (client.bytes, client.requests);
            let by_size = size(&client).cmp(&size(&top));
            by_size.then_with(|| client_order(tally, top.key).cmp(&client_order(tally, client.key))).is_gt()
        });
        if is_top {
            self.top_client = Some(client);
        }
    }

    /// Takes the rows of other clients in other networks.
    pub(super) fn merge(&mut self, tally: &Tally, mut other: Self) {
        for one in [&mut *self, &mut other] {
            one.end_visitor(tally);
            one.end_client(tally);
        }
        self.requests += other.requests;
        self.bytes += other.bytes;
        for (mine, theirs) in self.kinds.iter_mut().zip(other.kinds) {
            *mine = (mine.0 + theirs.0, mine.1 + theirs.1);
        }
        for (mine, theirs) in self.classes.iter_mut().zip(other.classes) {
            *mine += theirs;
        }
        self.agents.merge(other.agents);
        self.referers.merge(other.referers);
        self.paths.merge(other.paths);
        self.hours.merge(other.hours);
        self.parts += other.parts;
        self.refused += other.refused;
        self.unchanged += other.unchanged;
        self.largest = self.largest.max(other.largest);
        self.downloads.merge(other.downloads);
        self.networks.merge(tally, other.networks);
        if let Some(top) = other.top_client {
            self.offer(tally, top);
        }
        self.clients += other.clients;
        self.media_visitors += other.media_visitors;
        self.asset_only_visitors += other.asset_only_visitors;
        self.own_visitors += other.own_visitors;
        self.forged_visitors += other.forged_visitors;
    }

    pub(super) fn finish(mut self, tally: &Tally) -> Crowd {
        let first_hour = i64::from(tally.first_hour());
        self.end_visitor(tally);
        self.end_client(tally);
        let one_in = tally.rows.one_in();
        let (networks, top_network) = self.networks.finish(tally);
        let mut hours: Vec<(i64, u64)> =
            self.hours.all().map(|(hour, requests, _)| (first_hour + i64::from(hour), requests)).collect();
        hours.sort_unstable();
        let mut classes: Vec<(RefererClass, u64)> =
            RefererClass::ALL.into_iter().zip(self.classes).filter(|(_, requests)| *requests > 0).collect();
        classes.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
        Crowd {
            requests: self.requests,
            bytes: self.bytes,
            clients: self.clients * one_in,
            networks,
            media_visitors: self.media_visitors * one_in,
            asset_only_visitors: self.asset_only_visitors * one_in,
            own_visitors: self.own_visitors * one_in,
            forged_visitors: self.forged_visitors * one_in,
            kinds: self.kinds,
            classes,
            agents: self.agents.sorted(|number| tally.agents.names.name(number)),
            referers: self.referers.sorted(|number| tally.referers.names.name(number)),
            paths: self.paths.sorted(|number| tally.paths.names.name(number)),
            top_client: self.top_client.map(|client| (client.key, client.requests, client.bytes)),
            top_network: top_network
                .first()
                .map(|(network, counted)| (network.shown(), counted.requests, counted.bytes)),
            parts: self.parts,
            refused: self.refused,
            unchanged: self.unchanged,
            largest: self.largest,
            at_once: at_once([&self.downloads], &tally.rows, hours.len() as u64 * 3600),
            hours,
        }
    }
}

impl VisitorHere {
    fn new(tally: &Tally, coming: &Coming<'_>) -> Self {
        Self {
            number: coming.number,
            client: coming.visitor.client,
            agent: coming.visitor.agent,
            is_asset_only: coming.visitor.is_asset_only(),
            came_from_page: coming.came_from_page,
            is_whole: tally.rows.has_whole(coming.visitor.lot),
            has_media: false,
            has_own: false,
            requests: 0,
            bytes: 0,
        }
    }
}
