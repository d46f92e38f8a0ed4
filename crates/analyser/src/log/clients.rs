//! Visitors summed up by client and by network, in one walk over them in the order of clients.

use super::networks::{Network, Networks, client_order};
use super::order::VisitorsInOrder;
use super::summary::LISTED_MAX;
use super::tally::Tally;
use super::visitors::{ClientKey, Visitor};
use crate::Counted;
use std::cmp::Ordering;

/// How many clients are looked at whole by bytes, and again by requests.
const CLIENTS_LOOKED_AT: usize = 10;

/// One client address with all its programs.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientSum {
    pub(super) key: ClientKey,
    pub(super) requests: u64,
    pub(super) bytes: u64,
    pub(super) pages: u64,
    pub(super) agents: u32,
    /// The User-Agent with the most requests.
    pub(super) agent: u32,
}

/// All clients together, and the largest one by one.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) count: u64,
    /// The most bytes first.
    pub(super) by_bytes: Vec<ClientSum>,
    /// The most requests first.
    by_requests: Vec<ClientSum>,
    /// The most bytes first.
    pub(super) networks: Vec<(Network, Counted)>,
    /// By number of User-Agent, how many clients have it.
    pub(super) of_agent: Vec<u64>,
}

impl Clients {
    pub(super) fn of(tally: &Tally, order: &VisitorsInOrder) -> Self {
        let mut all = Self {
            count: 0,
            by_bytes: Vec::new(),
            by_requests: Vec::new(),
            networks: Vec::new(),
            of_agent: vec![0; tally.agents.names.len()],
        };
        let mut networks = Networks::new(LISTED_MAX);
        let mut present: Option<Present> = None;
        for (_, visitor) in order.each(tally) {
            let same = present.filter(|present| present.sum.key == visitor.client);
            if same.is_none()
                && let Some(ended) = present.take()
            {
                all.end(tally, &mut networks, ended.sum);
            }
            let mut next = same.unwrap_or_else(|| Present::new(visitor));
            if next.take(tally, visitor) {
                all.of_agent[visitor.agent as usize] += 1;
            }
            present = Some(next);
        }
        if let Some(ended) = present {
            all.end(tally, &mut networks, ended.sum);
        }
        all.networks = networks.finish(tally).1;
        all
    }

    /// Those with the most bytes, and those with the most requests.
    pub(super) fn top(&self) -> Vec<ClientSum> {
        let mut top: Vec<ClientSum> = self.by_bytes.iter().take(CLIENTS_LOOKED_AT).copied().collect();
        for client in &self.by_requests {
            if top.iter().all(|other| other.key != client.key) {
                top.push(*client);
            }
        }
        top.retain(|client| client.key != ClientKey::OTHER);
        top
    }

    fn end(&mut self, tally: &Tally, networks: &mut Networks, client: ClientSum) {
        self.count += 1;
        networks.add(tally, client.key, client.requests, client.bytes);
        offer(&mut self.by_bytes, LISTED_MAX, client, |one, other| most_bytes(tally, one, other));
        offer(&mut self.by_requests, CLIENTS_LOOKED_AT, client, |one, other| {
            most_requests(tally, one, other)
        });
    }
}

/// The client whose visitors are coming.
#[derive(Clone, Copy, Debug)]
struct Present {
    sum: ClientSum,
    /// The requests of its most used program.
    most: u64,
    /// The last program, and its requests.
    latest: Option<(u32, u64)>,
}

impl Present {
    fn new(visitor: &Visitor) -> Self {
        let (key, agent) = (visitor.client, visitor.agent);
        let sum = ClientSum { key, requests: 0, bytes: 0, pages: 0, agents: 0, agent };
        Self { sum, most: 0, latest: None }
    }

    /// Takes one of its visitors; says whether that is another program than the one before.
    fn take(&mut self, tally: &Tally, visitor: &Visitor) -> bool {
        let before = self.latest.filter(|latest| latest.0 == visitor.agent);
        let of_agent = before.map_or(0, |latest| latest.1) + u64::from(visitor.requests);
        self.latest = Some((visitor.agent, of_agent));
        self.sum.agents += u32::from(before.is_none());
        let name = |agent: u32| tally.agents.names.name(agent);
        if self.most == 0 || (of_agent, name(visitor.agent)) > (self.most, name(self.sum.agent)) {
            (self.most, self.sum.agent) = (of_agent, visitor.agent);
        }
        self.sum.requests += u64::from(visitor.requests);
        self.sum.bytes += visitor.bytes;
        self.sum.pages += u64::from(visitor.pages);
        before.is_none()
    }
}

/// Holds a client if it is among the first so many; they are in order.
fn offer(
    held: &mut Vec<ClientSum>,
    most: usize,
    client: ClientSum,
    order: impl Fn(&ClientSum, &ClientSum) -> Ordering,
) {
    if held.len() == most && held.last().is_some_and(|last| order(last, &client).is_lt()) {
        return;
    }
    let place = held.partition_point(|other| order(other, &client).is_lt());
    held.insert(place, client);
    held.truncate(most);
}

fn most_bytes(tally: &Tally, one: &ClientSum, other: &ClientSum) -> Ordering {
    let by_size = (other.bytes, other.requests).cmp(&(one.bytes, one.requests));
    by_size.then_with(|| client_order(tally, one.key).cmp(&client_order(tally, other.key)))
}

fn most_requests(tally: &Tally, one: &ClientSum, other: &ClientSum) -> Ordering {
    let by_size = other.requests.cmp(&one.requests);
    by_size.then_with(|| client_order(tally, one.key).cmp(&client_order(tally, other.key)))
}
