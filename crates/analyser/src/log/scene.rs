//! Who stands out, looked at whole: the crowds behind the paths, referring domains, clients and programs that hold much.

use super::crowd::Crowd;
use super::names::OTHER;
use super::own::OwnNames;
use super::rows::Row;
use super::tally::{Tallied, Tally};
use super::visitors::ClientKey;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use visit::{RefererClass, TargetKind};

/// How many paths are looked at by bytes, and again by requests.
const PATHS_LOOKED_AT: usize = 50;
/// How many referring domains are looked at by bytes, and again by requests.
const SITES_LOOKED_AT: usize = 100;
/// How many folders of one kind of file are looked at.
const GROUPS_LOOKED_AT: usize = 16;
/// How many clients are looked at.
const CLIENTS_LOOKED_AT: usize = 10;
/// How many families of programs are looked at by bytes, and again by requests.
const FAMILIES_LOOKED_AT: usize = 5;
/// Of no crowd.
const NONE: u16 = u16::MAX;

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

/// Files of one kind below one folder of a domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Group {
    pub(super) domain: u16,
    /// `/audio/`: the first folder; `/` for files beside the root page.
    pub(super) folder: Vec<u8>,
    pub(super) kind: TargetKind,
}

/// Everything that findings are made from.
pub(super) struct Scene<'a> {
    pub(super) tally: &'a Tally,
    pub(super) own: &'a OwnNames,
    /// By address, the most bytes first.
    pub(super) clients: Vec<ClientSum>,
    /// For each visitor, a number of its client.
    client_of: Vec<u32>,
    /// Of visitors with own referers on media, the share that opened no page at all.
    pub(super) asset_only_share: f64,
    /// The share of them that opened none of the pages they name: what caches and broken-off visits make.
    pub(super) forged_share: f64,
    /// Paths of media, and of what pages need.
    pub(super) paths: Vec<(u32, Crowd)>,
    /// Referring domains that are not the site's own: by number.
    pub(super) sites: Vec<(u32, Crowd)>,
    pub(super) groups: Vec<(Group, Crowd)>,
    pub(super) top_clients: Vec<(ClientSum, Crowd)>,
    /// Programs that are no browsers, by family.
    pub(super) families: Vec<(String, Crowd)>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(tally: &'a Tally, own: &'a OwnNames) -> Self {
        let (clients, client_of) = clients(tally);
        let (asset_only_share, forged_share) = own_visitors(tally, own);
        let paths = media_paths(tally);
        let sites = sites(tally);
        let groups = groups(tally);
        let families = families(tally);
        let mut slots = Slots::default();
        let mut by_path = vec![NONE; tally.paths.names.len()];
        for path in &paths {
            by_path[*path as usize] = slots.more();
        }
        let mut by_site = vec![NONE; tally.sites.len()];
        for site in &sites {
            by_site[*site as usize] = slots.more();
        }
        let mut by_group = vec![NONE; tally.paths.names.len()];
        for (_, paths) in &groups {
            let slot = slots.more();
            for path in paths {
                by_group[*path as usize] = slot;
            }
        }
        let top = top_clients(tally, &clients);
        let by_client: HashMap<ClientKey, u16, FixedState> =
            top.iter().map(|client| (client.key, slots.more())).collect();
        let by_visitor: Vec<u16> = tally
            .visitors
            .all()
            .iter()
            .map(|visitor| by_client.get(&visitor.client).copied().unwrap_or(NONE))
            .collect();
        let mut by_agent = vec![NONE; tally.agents.names.len()];
        for (_, agents) in &families {
            let slot = slots.more();
            for agent in agents {
                by_agent[*agent as usize] = slot;
            }
        }
        for (number, row) in (0_u32..).zip(tally.rows.iter()) {
            let place = tally.referers.known[row.referer as usize];
            let visitor = tally.visitors.get(row.visitor);
            slots.put(by_path[row.path as usize], number);
            if own.class(row.domain, place) != RefererClass::Own {
                slots.put(by_site[place.site as usize], number);
            }
            slots.put(by_group[row.path as usize], number);
            slots.put(by_visitor[row.visitor as usize], number);
            slots.put(by_agent[visitor.agent as usize], number);
        }
        let mut crowds = slots
            .rows
            .into_iter()
            .map(|rows| Crowd::of(tally, own, rows.iter().filter_map(|number| tally.rows.get(*number))));
        let mut next = || crowds.next();
        Self {
            tally,
            own,
            paths: paths.into_iter().map_while(|path| Some((path, next()?))).collect(),
            sites: sites.into_iter().map_while(|site| Some((site, next()?))).collect(),
            groups: groups.into_iter().map_while(|(group, _)| Some((group, next()?))).collect(),
            top_clients: top.into_iter().map_while(|client| Some((client, next()?))).collect(),
            families: families.into_iter().map_while(|(family, _)| Some((family, next()?))).collect(),
            clients,
            client_of,
            asset_only_share,
            forged_share,
        }
    }

    /// How many pages of a domain were asked for.
    pub(super) fn pages_of(&self, domain: u16) -> u64 {
        self.own.pages_of(domain) * self.tally.rows.one_in()
    }

    /// How many clients each slot has: of the rows for which `slot` gives one.
    pub(super) fn clients_by(&self, slots: usize, slot: impl Fn(&Row) -> Option<u32>) -> Vec<u64> {
        let rows = &self.tally.rows;
        let mut pairs: Vec<u64> = rows
            .iter()
            .filter(|row| rows.has_whole(self.tally.visitors.get(row.visitor).lot))
            .filter_map(|row| {
                let client = self.client_of[row.visitor as usize];
                slot(row).map(|slot| (u64::from(slot) << 32) | u64::from(client))
            })
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut clients = vec![0; slots];
        for pair in pairs {
            if let Some(count) = usize::try_from(pair >> 32).ok().and_then(|slot| clients.get_mut(slot)) {
                *count += rows.one_in();
            }
        }
        clients
    }

    /// The domain of a path, and all that was asked of it.
    pub(super) fn domain(&self, domain: u16) -> Tallied {
        self.tally.domains.tallied[usize::from(domain)]
    }
}

/// Numbers of rows, by crowd.
#[derive(Default)]
struct Slots {
    rows: Vec<Vec<u32>>,
}

impl Slots {
    fn more(&mut self) -> u16 {
        let slot = u16::try_from(self.rows.len()).unwrap_or(NONE);
        self.rows.push(Vec::new());
        slot
    }

    fn put(&mut self, slot: u16, row: u32) {
        if slot != NONE {
            self.rows[usize::from(slot)].push(row);
        }
    }
}

/// Sums by address, the most bytes first; ties by address or name.
fn clients(tally: &Tally) -> (Vec<ClientSum>, Vec<u32>) {
    let mut client_of = vec![0; tally.visitors.all().len()];
    let mut order: Vec<u32> = (0..).take(tally.visitors.all().len()).collect();
    order.sort_unstable_by_key(|number| {
        let visitor = tally.visitors.get(*number);
        (visitor.client, visitor.agent)
    });
    let mut clients: Vec<ClientSum> = Vec::new();
    let (mut most, mut of_agent, mut latest) = (0, 0, None);
    for number in order {
        let visitor = tally.visitors.get(number);
        if visitor.requests == 0 {
            continue;
        }
        if clients.last().is_none_or(|client| client.key != visitor.client) {
            let (key, agent) = (visitor.client, visitor.agent);
            clients.push(ClientSum { key, requests: 0, bytes: 0, pages: 0, agents: 0, agent });
            (most, latest) = (0, None);
        }
        client_of[number as usize] = u32::try_from(clients.len()).unwrap_or(0);
        let Some(client) = clients.last_mut() else { continue };
        let name = |agent: u32| tally.agents.names.name(agent);
        if latest != Some(visitor.agent) {
            (latest, of_agent) = (Some(visitor.agent), 0);
            client.agents += 1;
        }
        of_agent += u64::from(visitor.requests);
        if most == 0 || (of_agent, name(visitor.agent)) > (most, name(client.agent)) {
            (most, client.agent) = (of_agent, visitor.agent);
        }
        client.requests += u64::from(visitor.requests);
        client.bytes += visitor.bytes;
        client.pages += u64::from(visitor.pages);
    }
    clients.sort_by(|one, other| {
        let by_size = (other.bytes, other.requests).cmp(&(one.bytes, one.requests));
        by_size.then_with(|| tie(tally, one.key).cmp(&tie(tally, other.key)))
    });
    (clients, client_of)
}

/// Those with the most bytes, and those with the most requests.
fn top_clients(tally: &Tally, clients: &[ClientSum]) -> Vec<ClientSum> {
    let mut by_requests: Vec<&ClientSum> = clients.iter().collect();
    let compare = |one: &&ClientSum, other: &&ClientSum| {
        other.requests.cmp(&one.requests).then_with(|| tie(tally, one.key).cmp(&tie(tally, other.key)))
    };
    if by_requests.len() > CLIENTS_LOOKED_AT {
        by_requests.select_nth_unstable_by(CLIENTS_LOOKED_AT - 1, compare);
        by_requests.truncate(CLIENTS_LOOKED_AT);
    }
    by_requests.sort_unstable_by(compare);
    let mut top: Vec<ClientSum> = clients.iter().take(CLIENTS_LOOKED_AT).copied().collect();
    for client in by_requests {
        if top.iter().all(|other| other.key != client.key) {
            top.push(*client);
        }
    }
    top.retain(|client| client.key != ClientKey::OTHER);
    top
}

/// Of the visitors who got media with an own referer, the shares of those who opened no page, and no page they name.
fn own_visitors(tally: &Tally, own: &OwnNames) -> (f64, f64) {
    let is_own_media = |row: &&Row| {
        row.kind().is_media()
            && own.class(row.domain, tally.referers.known[row.referer as usize]) == RefererClass::Own
    };
    let mut seen = vec![false; tally.visitors.all().len()];
    for row in tally.rows.iter().filter(is_own_media) {
        seen[row.visitor as usize] = true;
    }
    let (mut all, mut asset_only, mut forged) = (0, 0, 0);
    for ((number, visitor), _) in (0_u32..).zip(tally.visitors.all()).zip(seen).filter(|(_, seen)| *seen) {
        all += 1;
        asset_only += u64::from(visitor.is_asset_only());
        forged += u64::from(!own.came_from_page(number));
    }
    (crate::human::share(asset_only, all), crate::human::share(forged, all))
}

/// What orders clients whatever numbers their names have.
fn tie(tally: &Tally, key: ClientKey) -> (u64, u64, &[u8]) {
    match key.address() {
        Some(_) => (key.high, key.low, b""),
        None => (u64::MAX, 0, tally.client_names.name(u32::try_from(key.low).unwrap_or(OTHER))),
    }
}

/// The numbers with the most bytes and the most requests among those that are wanted; ties by name.
pub(super) fn top<'a>(
    tallied: &[Tallied],
    most: usize,
    name: impl Fn(u32) -> &'a [u8],
    is_wanted: impl Fn(u32) -> bool,
) -> Vec<u32> {
    let wanted: Vec<u32> =
        (1..).take(tallied.len().saturating_sub(1)).filter(|number| is_wanted(*number)).collect();
    let mut chosen = Vec::new();
    for by in [|sum: &Tallied| (sum.bytes, sum.requests), |sum: &Tallied| (sum.requests, sum.bytes)] {
        let mut order: Vec<u32> = wanted.clone();
        let compare = |one: &u32, other: &u32| {
            let size = by(&tallied[*other as usize]).cmp(&by(&tallied[*one as usize]));
            size.then_with(|| name(*one).cmp(name(*other)))
        };
        if order.len() > most {
            order.select_nth_unstable_by(most - 1, compare);
            order.truncate(most);
        }
        order.sort_unstable_by(compare);
        chosen.extend(order);
    }
    let mut seen = Vec::new();
    chosen.retain(|number| {
        !seen.contains(number) && {
            seen.push(*number);
            true
        }
    });
    chosen
}

fn media_paths(tally: &Tally) -> Vec<u32> {
    let is_media = |number: u32| {
        let kind = tally.paths.known[number as usize];
        kind.is_media() || kind == TargetKind::Trimming
    };
    top(&tally.paths.tallied, PATHS_LOOKED_AT, |number| tally.paths.names.name(number), is_media)
}

/// By site what was counted by referer.
pub(super) fn by_site(tally: &Tally) -> Vec<Tallied> {
    let mut sums = vec![Tallied::default(); tally.sites.len()];
    for (place, tallied) in tally.referers.known.iter().zip(&tally.referers.tallied) {
        sums[place.site as usize].take(*tallied);
    }
    sums
}

fn sites(tally: &Tally) -> Vec<u32> {
    top(&by_site(tally), SITES_LOOKED_AT, |number| tally.sites.name(number), |_| true)
}

/// Folders that hold much of one kind of media, with their paths.
fn groups(tally: &Tally) -> Vec<(Group, Vec<u32>)> {
    let mut groups: BTreeMap<Group, (u64, Vec<u32>)> = BTreeMap::new();
    for number in 1..tally.paths.names.len() {
        let (number, kind) = (u32::try_from(number).unwrap_or(OTHER), tally.paths.known[number]);
        if !kind.is_media() {
            continue;
        }
        let name = tally.paths.names.name(number);
        let folder = memchr::memchr(b'/', name.get(1..).unwrap_or_default()).map_or(1, |at| at + 2);
        let group = Group {
            domain: tally.paths.names.group(number),
            folder: name[..folder.min(name.len())].to_vec(),
            kind,
        };
        let (bytes, paths) = groups.entry(group).or_default();
        *bytes += tally.paths.tallied[number as usize].bytes;
        paths.push(number);
    }
    let mut all: Vec<(Group, u64, Vec<u32>)> = groups
        .into_iter()
        .filter(|group| group.1.1.len() > 1)
        .map(|(group, (bytes, paths))| (group, bytes, paths))
        .collect();
    all.sort_by_key(|group| std::cmp::Reverse(group.1));
    all.into_iter().take(GROUPS_LOOKED_AT).map(|(group, _, paths)| (group, paths)).collect()
}

/// Programs that are no browsers, by family, with the numbers of their fields.
fn families(tally: &Tally) -> Vec<(String, Vec<u32>)> {
    let mut families: BTreeMap<String, (Tallied, Vec<u32>)> = BTreeMap::new();
    for number in 1..tally.agents.names.len() {
        let number = u32::try_from(number).unwrap_or(OTHER);
        let Some(family) = visit::Program::family(tally.agents.names.name(number)) else { continue };
        let (sum, agents) = families.entry(family).or_default();
        sum.take(tally.agents.tallied[number as usize]);
        agents.push(number);
    }
    let mut all: Vec<(String, Tallied, Vec<u32>)> =
        families.into_iter().map(|(family, (sum, agents))| (family, sum, agents)).collect();
    all.sort_by_key(|family| std::cmp::Reverse(family.1.bytes));
    let mut chosen: Vec<(String, Tallied, Vec<u32>)> =
        all.drain(..all.len().min(FAMILIES_LOOKED_AT)).collect();
    all.sort_by_key(|family| std::cmp::Reverse(family.1.requests));
    chosen.extend(all.into_iter().take(FAMILIES_LOOKED_AT));
    chosen.into_iter().map(|(family, _, agents)| (family, agents)).collect()
}
