//! Who stands out, looked at whole: the crowds behind the paths, referring domains, clients and programs that hold much.

use super::chosen::{self, Group};
use super::clients::{ClientSum, Clients};
use super::concurrency::Downloads;
use super::crowd::{Crowd, Gathering};
use super::finish::both;
use super::order::{InOrder, VisitorsInOrder};
use super::own::OwnNames;
use super::summary::LISTED_MAX;
use super::tally::{Tallied, Tally};
use super::walk::{Slots, places, walk};
use crate::human::share;
use std::num::NonZeroUsize;
use std::slice;

/// How many domains are looked at one by one.
const DOMAINS_LOOKED_AT: usize = 30;

/// Everything that findings are made from.
pub(super) struct Scene<'a> {
    pub(super) tally: &'a Tally,
    pub(super) own: &'a OwnNames,
    pub(super) clients: Clients,
    pub(super) visitors: VisitorsInOrder,
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
    /// The domains with the most bytes, each with its number of clients and its downloads.
    pub(super) domains: Vec<(u16, u64, Downloads)>,
    /// Downloads of the other domains.
    pub(super) other_downloads: Downloads,
}

impl<'a> Scene<'a> {
    /// On so many threads; what comes out does not hang on it.
    pub(super) fn new(
        tally: &'a Tally,
        own: &'a OwnNames,
        (order, clients): (InOrder, Clients),
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
        let domains = chosen::first(&tally.domains.tallied, DOMAINS_LOOKED_AT, |number| {
            tally.domains.names.name(number)
        });
        slots.domains = places(tally.domains.names.len(), &domains);
        let mut walked = walk(tally, own, &order, &slots, threads);
        let InOrder { visitors, rows } = order;
        drop(rows);
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
            domains: domains
                .into_iter()
                .zip(walked.clients_of_domains)
                .zip(walked.downloads)
                .filter_map(|((domain, clients), downloads)| {
                    Some((u16::try_from(domain).ok()?, clients, downloads))
                })
                .collect(),
            other_downloads: walked.other_downloads,
            tally,
            own,
            clients,
            visitors,
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
