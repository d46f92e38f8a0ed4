//! The names by which a logged server knows itself, learnt from the log. A site reached by its bare address or by an
//! alias is the classic false alarm: its own pages look like somebody else's.

use super::names::OTHER;
use super::rows::Outcome;
use super::summary::OwnName;
use super::tally::{Place, Tally};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeSet;
use visit::{Host, Referer, RefererClass, TargetKind, registrable};

/// A host named by fewer referers is not learnt.
const REFERERS_MIN: u64 = 5;
/// So many different pages that a host's referers name must be served here.
const SERVED_PAGES_MIN: u64 = 2;
/// The share of a host's requests whose referer is a page served here.
const SERVED_SHARE_MIN: f64 = 0.3;
/// The share of a host's asset requests that come from visitors who opened pages here: a copy of the site elsewhere
/// has the same paths, but its visitors open no pages here.
const VISITORS_SHARE_MIN: f64 = 0.3;
/// For a site of one page: so many asset requests, and this share of all, from visitors who opened pages here.
const ROOT_ASSETS_MIN: u64 = 10;
const ROOT_SHARE_MIN: f64 = 0.5;
/// Where nobody opens pages (a host of files only): the share of all referers that the most frequent host has.
const ONLY_HOST_SHARE_MIN: f64 = 0.5;
/// Where fewer requests than this share are for pages, nobody opens pages.
const PAGES_SHARE_MIN: f64 = 0.02;
/// How many are shown.
const SHOWN_MAX: usize = 50;

/// The own names of each virtual server.
#[derive(Debug)]
pub struct OwnNames {
    /// For each domain, the numbers of its own registrable domains.
    sites: Vec<Vec<u32>>,
    /// For each domain, how many rows are pages, and how many there are.
    pages: Vec<(u64, u64)>,
    /// Visitors who opened a page that a referer of theirs names.
    came_from_pages: Vec<bool>,
    pub(super) shown: Vec<OwnName>,
}

/// What speaks for a host being a domain's own.
#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    requests: u64,
    assets: u64,
    assets_of_visitors: u64,
    pages: u64,
    from_served: u64,
    served_pages: u64,
}

type ByHost = HashMap<(u16, u32), (u32, Signs), FixedState>;

impl OwnNames {
    /// Learns from what was counted.
    pub(super) fn learn(tally: &Tally) -> Self {
        let domains = tally.domains.names.len();
        let mut served = vec![false; tally.paths.names.len()];
        let mut pages = vec![(0_u64, 0_u64); domains];
        for row in tally.rows.iter() {
            let is_page = row.kind() == TargetKind::Page && row.outcome() != Outcome::Refused;
            served[row.path as usize] |= is_page;
            let (of_pages, all) = &mut pages[usize::from(row.domain)];
            *of_pages += u64::from(is_page);
            *all += 1;
        }
        let sites = vec![Vec::new(); domains];
        let mut own = Self { sites, pages, came_from_pages: Vec::new(), shown: Vec::new() };
        let signs = signs(tally, &served);
        own.take_names(tally, &signs);
        own.take_learnt(tally, &signs);
        own.take_only(tally, &signs);
        own.shown
            .sort_by(|one, other| other.requests.cmp(&one.requests).then_with(|| one.name.cmp(&other.name)));
        own.shown.dedup_by(|one, other| one.name == other.name);
        own.shown.truncate(SHOWN_MAX);
        own.came_from_pages = own.came_from_pages(tally);
        own
    }

    /// The class of a referer on a domain.
    pub(super) fn class(&self, domain: u16, place: Place) -> RefererClass {
        let is_own = place.site != OTHER && self.sites[usize::from(domain)].contains(&place.site);
        if is_own { RefererClass::Own } else { place.class }
    }

    /// Whether people open pages on a domain: if not, it says nothing of a client that it opened none.
    pub(super) fn opens_pages(&self, domain: u16) -> bool {
        let (pages, all) = self.pages.get(usize::from(domain)).copied().unwrap_or_default();
        crate::human::share(pages, all) >= PAGES_SHARE_MIN
    }

    /// Whether a visitor opened one of the own pages that its referers name. Who says that a page sent him and never
    /// opened it has it from a cache, or made it up.
    pub(super) fn came_from_page(&self, visitor: u32) -> bool {
        self.came_from_pages.get(visitor as usize).copied().unwrap_or(false)
    }

    fn came_from_pages(&self, tally: &Tally) -> Vec<bool> {
        let mut opened: HashSet<(u32, u32), FixedState> = HashSet::default();
        for row in tally.rows.iter() {
            if row.kind().is_page() && row.outcome() != Outcome::Refused && row.visitor != OTHER {
                opened.insert((row.visitor, row.path));
            }
        }
        let mut came = vec![false; tally.visitors.all().len()];
        let mut named: Vec<Option<(u16, Option<u32>)>> = vec![None; tally.referers.names.len()];
        for row in tally.rows.iter() {
            let came = &mut came[row.visitor as usize];
            let is_asset = row.kind().is_media() || row.kind() == TargetKind::Trimming;
            let place = tally.referers.known[row.referer as usize];
            if *came || !is_asset || self.class(row.domain, place) != RefererClass::Own {
                continue;
            }
            let page = match named[row.referer as usize] {
                Some((domain, page)) if domain == row.domain => page,
                _ => {
                    let path = Referer::path_of(tally.referers.names.name(row.referer));
                    let path = if path.is_empty() { b"/" } else { path };
                    let page = tally.paths.names.known(row.domain, path);
                    named[row.referer as usize] = Some((row.domain, page));
                    page
                }
            };
            *came = page.is_some_and(|page| opened.contains(&(row.visitor, page)));
        }
        came
    }

    /// How many rows of a domain are pages that were sent.
    pub(super) fn pages_of(&self, domain: u16) -> u64 {
        self.pages.get(usize::from(domain)).map_or(0, |pages| pages.0)
    }

    /// What a domain's log and file call it.
    fn take_names(&mut self, tally: &Tally, signs: &[(u16, u32, u32, Signs)]) {
        for domain in 1..tally.domains.names.len() {
            let Ok(number) = u16::try_from(domain) else { break };
            let name = tally.domains.names.shown(u32::from(number));
            let site = match Host::of(name.as_bytes()) {
                Some(Host::Address(address)) => address.to_string(),
                Some(Host::Name(host)) => registrable(&host).to_owned(),
                None => continue,
            };
            if let Some(site) = tally.sites.known(0, site.as_bytes()) {
                self.sites[domain].push(site);
                let requests = signs
                    .iter()
                    .filter(|(of, at, _, _)| *of == number && *at == site)
                    .map(|sign| sign.3.requests);
                self.shown.push(OwnName {
                    name,
                    why: "the log or its file is called so",
                    requests: requests.sum(),
                });
            }
        }
    }

    /// Hosts whose pages are served here.
    fn take_learnt(&mut self, tally: &Tally, signs: &[(u16, u32, u32, Signs)]) {
        for (domain, site, host, signs) in signs {
            let share = crate::human::share;
            let has_pages = signs.served_pages >= SERVED_PAGES_MIN
                && share(signs.from_served, signs.requests) >= SERVED_SHARE_MIN
                && (share(signs.assets_of_visitors, signs.assets) >= VISITORS_SHARE_MIN || signs.assets == 0);
            let has_root = signs.assets_of_visitors >= ROOT_ASSETS_MIN
                && share(signs.assets_of_visitors, signs.requests) >= ROOT_SHARE_MIN;
            if signs.requests < REFERERS_MIN || !(has_pages || has_root) {
                continue;
            }
            let why =
                if has_pages { "its pages are served here" } else { "visitors of this log's pages name it" };
            self.take(tally, (*domain, *site, *host), why, signs.requests);
        }
    }

    /// The most frequent host where nobody opens pages and nothing else is known.
    fn take_only(&mut self, tally: &Tally, signs: &[(u16, u32, u32, Signs)]) {
        for domain in 1..self.sites.len() {
            if !self.sites[domain].is_empty()
                || u16::try_from(domain).is_ok_and(|domain| self.opens_pages(domain))
            {
                continue;
            }
            let here = || signs.iter().filter(|sign| usize::from(sign.0) == domain);
            let all: u64 = here().map(|sign| sign.3.requests).sum();
            let most = here().max_by_key(|sign| (sign.3.requests, tally.hosts.name(sign.2)));
            if let Some((domain, site, host, signs)) = most
                && signs.requests >= REFERERS_MIN
                && crate::human::share(signs.requests, all) >= ONLY_HOST_SHARE_MIN
            {
                let why = "most referers name it, and nobody opens pages in this log";
                self.take(tally, (*domain, *site, *host), why, signs.requests);
            }
        }
    }

    fn take(&mut self, tally: &Tally, found: (u16, u32, u32), why: &'static str, requests: u64) {
        let (domain, site, host) = found;
        let sites = &mut self.sites[usize::from(domain)];
        if !sites.contains(&site) {
            sites.push(site);
        }
        self.shown.push(OwnName { name: tally.hosts.shown(host), why, requests });
    }
}

/// What the rows say of each host of a referer on each domain, in an order that hangs on nothing.
fn signs(tally: &Tally, served: &[bool]) -> Vec<(u16, u32, u32, Signs)> {
    let mut by_host: ByHost = HashMap::default();
    // whether the page that a referer names is served here, for the domain that was last asked about
    let mut pages: Vec<Option<(u16, bool)>> = vec![None; tally.referers.names.len()];
    for row in tally.rows.iter() {
        let place = tally.referers.known[row.referer as usize];
        if !matches!(place.class, RefererClass::Other | RefererClass::BareIp) || place.host == OTHER {
            continue;
        }
        let (_, signs) = by_host.entry((row.domain, place.host)).or_insert((place.site, Signs::default()));
        signs.requests += 1;
        let page = &mut pages[row.referer as usize];
        let is_served = match *page {
            Some((domain, is_served)) if domain == row.domain => is_served,
            _ => {
                let is_served = names_served_page(tally, served, row.domain, row.referer);
                signs.served_pages += u64::from(is_served);
                *page = Some((row.domain, is_served));
                is_served
            }
        };
        signs.from_served += u64::from(is_served);
        let kind = row.kind();
        signs.pages += u64::from(kind.is_page());
        if kind.is_media() || kind == TargetKind::Trimming {
            signs.assets += 1;
            signs.assets_of_visitors += u64::from(tally.visitors.get(row.visitor).pages > 0);
        }
    }
    let sorted: BTreeSet<(u16, &[u8], u32)> =
        by_host.keys().map(|(domain, host)| (*domain, tally.hosts.name(*host), *host)).collect();
    sorted
        .into_iter()
        .filter_map(|(domain, _, host)| {
            by_host.get(&(domain, host)).map(|(site, signs)| (domain, *site, host, *signs))
        })
        .collect()
}

/// Whether the page that a referer names, other than the root that every site has, was served here.
fn names_served_page(tally: &Tally, served: &[bool], domain: u16, referer: u32) -> bool {
    let path = Referer::path_of(tally.referers.names.name(referer));
    path.len() > 1
        && TargetKind::of_path(path).is_page()
        && tally.paths.names.known(domain, path).is_some_and(|path| served[path as usize])
}
