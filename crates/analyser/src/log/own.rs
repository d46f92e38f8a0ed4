//! The names by which a logged server knows itself, learnt from the log. A site reached by its bare address or by an
//! alias is the classic false alarm: its own pages look like somebody else's.

use super::names::OTHER;
use super::rows::{Outcome, Row};
use super::summary::OwnName;
use super::tally::{Place, Tally};
use super::visitors::Visitor;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::collections::BTreeMap;
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
    /// For each domain, whether its log or file has the name of a host.
    named: Vec<bool>,
    /// For each domain, how many rows are pages, and how many there are.
    pages: Vec<(u64, u64)>,
    pub(super) shown: Vec<OwnName>,
}

/// What speaks for a host being a domain's own.
#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    requests: u64,
    assets: u64,
    assets_of_visitors: u64,
    from_served: u64,
    served_pages: u64,
}

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
        let mut own = Self { sites, named: vec![false; domains], pages, shown: Vec::new() };
        let signs = signs(tally, &served);
        own.take_said(tally, &signs);
        own.take_names(tally, &signs);
        own.take_learnt(tally, &signs);
        own.take_only(tally, &signs);
        own.shown
            .sort_by(|one, other| other.requests.cmp(&one.requests).then_with(|| one.name.cmp(&other.name)));
        own.shown.dedup_by(|one, other| one.name == other.name);
        own.shown.truncate(SHOWN_MAX);
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

    /// How many rows of a domain are pages that were sent.
    pub(super) fn pages_of(&self, domain: u16) -> u64 {
        self.pages.get(usize::from(domain)).map_or(0, |pages| pages.0)
    }

    /// What somebody said who knows, for all domains of the log.
    fn take_said(&mut self, tally: &Tally, signs: &[(u16, u32, u32, Signs)]) {
        for name in &tally.own {
            let site = site_of(name).and_then(|site| tally.sites.known(0, site.as_bytes()));
            let requests = signs.iter().filter(|sign| Some(sign.1) == site).map(|sign| sign.3.requests).sum();
            for sites in self.sites.iter_mut().skip(1) {
                sites.extend(site);
            }
            self.shown.push(OwnName {
                name: name.clone(),
                why: "somebody said so",
                is_guess: false,
                requests,
            });
        }
    }

    /// What a domain's log and file call it.
    fn take_names(&mut self, tally: &Tally, signs: &[(u16, u32, u32, Signs)]) {
        for domain in 1..tally.domains.names.len() {
            let Ok(number) = u16::try_from(domain) else { break };
            let name = tally.domains.names.shown(u32::from(number));
            let Some(site) = site_of(&name) else { continue };
            self.named[domain] = true;
            if let Some(site) = tally.sites.known(0, site.as_bytes()) {
                self.sites[domain].push(site);
                let requests = signs
                    .iter()
                    .filter(|(of, at, _, _)| *of == number && *at == site)
                    .map(|sign| sign.3.requests);
                self.shown.push(OwnName {
                    name,
                    why: "the log or its file is called so",
                    is_guess: false,
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

    /// The most frequent host where nobody opens pages and nothing else is known: neither what somebody said, nor a name of
    /// the domain. A domain whose files are shown by pages of another name may be a site's host of files, or one that
    /// everybody hot-links; who has both says so (`--own`), and silence would hide the culprit.
    fn take_only(&mut self, tally: &Tally, signs: &[(u16, u32, u32, Signs)]) {
        for domain in 1..self.sites.len() {
            if !tally.own.is_empty()
                || self.named[domain]
                || !self.sites[domain].is_empty()
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
                if let Some(taken) = self.shown.last_mut() {
                    taken.is_guess = true;
                }
            }
        }
    }

    fn take(&mut self, tally: &Tally, found: (u16, u32, u32), why: &'static str, requests: u64) {
        let (domain, site, host) = found;
        let sites = &mut self.sites[usize::from(domain)];
        if !sites.contains(&site) {
            sites.push(site);
        }
        self.shown.push(OwnName { name: tally.hosts.shown(host), why, is_guess: false, requests });
    }
}

/// The registrable domain, or the address, of what is called so.
fn site_of(name: &str) -> Option<String> {
    match Host::of(name.as_bytes())? {
        Host::Address(address) => Some(address.to_string()),
        Host::Name(host) => Some(registrable(&host).to_owned()),
    }
}

/// Finds out of one visitor after the other whether it opened one of the own pages that its referers name. Who says that a
/// page sent him and never opened it has it from a cache, or made it up.
pub(super) struct CameFromPage<'a> {
    tally: &'a Tally,
    own: &'a OwnNames,
    /// By path, the last visitor that opened it; none is [`OTHER`].
    opened: Vec<u32>,
    /// By referer, the page that it names on the domain for which that was last asked.
    named: Vec<Option<(u16, Option<u32>)>>,
}

impl<'a> CameFromPage<'a> {
    pub(super) fn new(tally: &'a Tally, own: &'a OwnNames) -> Self {
        let named = vec![None; tally.referers.names.len()];
        Self { tally, own, opened: vec![OTHER; tally.paths.names.len()], named }
    }

    /// By all its rows.
    pub(super) fn of<'r>(
        &mut self,
        (number, visitor): (u32, &Visitor),
        rows: impl Iterator<Item = &'r Row> + Clone,
    ) -> bool {
        if visitor.pages == 0 || number == OTHER {
            return false;
        }
        for row in rows.clone() {
            if row.kind().is_page() && row.outcome() != Outcome::Refused {
                self.opened[row.path as usize] = number;
            }
        }
        for row in rows {
            let is_asset = row.kind().is_media() || row.kind() == TargetKind::Trimming;
            let place = self.tally.referers.known[row.referer as usize];
            if is_asset
                && self.own.class(row.domain, place) == RefererClass::Own
                && self.page(row).is_some_and(|page| self.opened[page as usize] == number)
            {
                return true;
            }
        }
        false
    }

    /// The own page that a row's referer names.
    fn page(&mut self, row: &Row) -> Option<u32> {
        let known = &mut self.named[row.referer as usize];
        if let Some((domain, page)) = *known
            && domain == row.domain
        {
            return page;
        }
        let path = Referer::path_of(self.tally.referers.names.name(row.referer));
        let path = if path.is_empty() { b"/" } else { path };
        let page = self.tally.paths.names.known(row.domain, path);
        *known = Some((row.domain, page));
        page
    }
}

/// What the rows say of each host of a referer on each domain, in an order that hangs on nothing.
fn signs(tally: &Tally, served: &[bool]) -> Vec<(u16, u32, u32, Signs)> {
    let has_pages: Vec<bool> = tally.visitors.all().iter().map(|visitor| visitor.pages > 0).collect();
    // by referer and domain: a log of one domain, as most are, needs no table for that
    let mut by_referer = vec![Signs::default(); tally.referers.names.len()];
    let mut by_both: HashMap<(u32, u16), Signs, FixedState> = HashMap::default();
    let is_one = tally.domains.names.len() <= 2;
    for row in tally.rows.iter() {
        let class = tally.referers.known[row.referer as usize].class;
        if !matches!(class, RefererClass::Other | RefererClass::BareIp) {
            continue;
        }
        let signs = if is_one {
            &mut by_referer[row.referer as usize]
        } else {
            by_both.entry((row.referer, row.domain)).or_default()
        };
        signs.requests += 1;
        let kind = row.kind();
        if kind.is_media() || kind == TargetKind::Trimming {
            signs.assets += 1;
            signs.assets_of_visitors += u64::from(has_pages[row.visitor as usize]);
        }
    }
    let of_one = (0_u32..).zip(by_referer).filter(|(_, signs)| signs.requests > 0);
    let all = of_one.map(|(referer, signs)| (referer, 1, signs));
    let all = all.chain(by_both.into_iter().map(|((referer, domain), signs)| (referer, domain, signs)));
    let mut by_host: BTreeMap<(u16, &[u8]), (u32, u32, Signs)> = BTreeMap::new();
    for (referer, domain, signs) in all {
        let place = tally.referers.known[referer as usize];
        if place.host == OTHER {
            continue;
        }
        let key = (domain, tally.hosts.name(place.host));
        let sum = &mut by_host.entry(key).or_insert((place.site, place.host, Signs::default())).2;
        sum.take(&signs, names_served_page(tally, served, domain, referer));
    }
    by_host.into_iter().map(|((domain, _), (site, host, signs))| (domain, site, host, signs)).collect()
}

impl Signs {
    /// Takes what speaks for it of one referer, that names a page served here or does not.
    fn take(&mut self, other: &Self, is_served: bool) {
        self.requests += other.requests;
        self.assets += other.assets;
        self.assets_of_visitors += other.assets_of_visitors;
        self.served_pages += u64::from(is_served);
        self.from_served += if is_served { other.requests } else { 0 };
    }
}

/// Whether the page that a referer names, other than the root that every site has, was served here.
fn names_served_page(tally: &Tally, served: &[bool], domain: u16, referer: u32) -> bool {
    let path = Referer::path_of(tally.referers.names.name(referer));
    path.len() > 1
        && TargetKind::of_path(path).is_page()
        && tally.paths.names.known(domain, path).is_some_and(|path| served[path as usize])
}
