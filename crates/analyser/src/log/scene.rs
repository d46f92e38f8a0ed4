//! Who stands out, looked at whole: the crowds behind the paths, referring domains, clients and programs that hold much.

use super::chosen::{self, Group};
use super::clients::{ClientSum, Clients};
use super::concurrency::Downloads;
use super::crowd::{Crowd, Gathering};
use super::domains::InTime;
use super::finish::both;
use super::order::InOrder;
use super::own::OwnNames;
use super::summary::LISTED_MAX;
use super::tally::{Tallied, Tally};
use super::walk::{Slots, places, walk};
use super::whom::Whom;
use crate::human::share;
use std::num::NonZeroUsize;
use std::slice;

/// Everything that findings are made from.
pub(super) struct Scene<'a> {
    pub(super) tally: &'a Tally,
    pub(super) own: &'a OwnNames,
    pub(super) clients: Clients,
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
    /// The paths with the most bytes, and how many clients each has.
    pub(super) listed_paths: Vec<(u32, u64)>,
    /// The domains with the most bytes, as [`Times::domains`](super::domains::Times::domains) gives them.
    pub(super) domains: Vec<ListedDomain>,
    /// Downloads of the other domains.
    pub(super) other_downloads: Downloads,
}

/// What the rows say of a domain.
pub(super) struct ListedDomain {
    pub(super) clients: u64,
    pub(super) downloads: Downloads,
    pub(super) whom: Whom,
}

impl<'a> Scene<'a> {
    /// On so many threads; what comes out does not hang on it.
    pub(super) fn new(
        tally: &'a Tally,
        own: &'a OwnNames,
        (order, clients): (InOrder, Clients),
        domains: &[InTime],
        threads: NonZeroUsize,
    ) -> Self {
        let mut slots = Slots::default();
        let paths = chosen::media_paths(tally);
        slots.by_path = slots.numbered(tally.paths.names.len(), paths.iter().map(slice::from_ref));
        let sites = chosen::sites(tally);
        slots.by_site = slots.numbered(tally.sites.len(), sites.iter().map(slice::from_ref));
        let groups = chosen::groups(tally);
        slots.by_group =
            slots.numbered(tally.paths.names.len(), groups.iter().map(|group| group.1.as_slice()));
        let families = chosen::families(tally);
        slots.by_agent =
            slots.numbered(tally.agents.names.len(), families.iter().map(|family| family.1.as_slice()));
        let top = clients.top();
        slots.by_client = top.iter().map(|client| (client.key, slots.more())).collect();
        let listed = chosen::first(&tally.paths.tallied, LISTED_MAX, |number| tally.paths.names.name(number));
        slots.listed_paths = places(tally.paths.names.len(), &listed);
        let numbers: Vec<u32> = domains.iter().map(|domain| u32::from(domain.domain)).collect();
        slots.domains = places(tally.domains.names.len(), &numbers);
        slots.windows = domains.iter().map(|domain| domain.window).collect();
        let mut walked = walk(tally, own, &order, &slots, threads);
        drop(order);
        let second_half = walked.crowds.split_off(walked.crowds.len() / 2);
        let finish = |some: Vec<Gathering>| -> Vec<Crowd> {
            some.into_iter().map(|rows| rows.finish(tally)).collect()
        };
        let (first, second) = both(threads, || finish(walked.crowds), || finish(second_half));
        let mut crowds = first.into_iter().chain(second);
        let mut next = || crowds.next();
        Self {
            paths: paths.into_iter().map_while(|path| Some((path, next()?))).collect(),
            sites: sites.into_iter().map_while(|site| Some((site, next()?))).collect(),
            groups: groups.into_iter().map_while(|(group, _)| Some((group, next()?))).collect(),
            families: families.into_iter().map_while(|(family, _)| Some((family, next()?))).collect(),
            top_clients: top.into_iter().map_while(|client| Some((client, next()?))).collect(),
            asset_only_share: share(walked.own_visitors.asset_only, walked.own_visitors.all),
            forged_share: share(walked.own_visitors.forged, walked.own_visitors.all),
            listed_paths: listed.into_iter().zip(walked.clients_of_paths).collect(),
            domains: listed_domains(walked.clients_of_domains, walked.downloads, walked.whom),
            other_downloads: walked.other_downloads,
            tally,
            own,
            clients,
        }
    }

    /// How many pages of a domain were asked for.
    pub(super) fn pages_of(&self, domain: u16) -> u64 {
        self.own.pages_of(domain) * self.tally.rows.one_in()
    }

    /// The domain of a path, and all that was asked of it.
    pub(super) fn domain(&self, domain: u16) -> Tallied {
        self.tally.domains.tallied[usize::from(domain)]
    }
}

fn listed_domains(clients: Vec<u64>, downloads: Vec<Downloads>, whom: Vec<Whom>) -> Vec<ListedDomain> {
    let all = clients.into_iter().zip(downloads).zip(whom);
    all.map(|((clients, downloads), whom)| ListedDomain { clients, downloads, whom }).collect()
}
