//! One walk over all rows, visitor by visitor: every crowd that is looked at gathers its own on the way.

use super::concurrency::Downloads;
use super::crowd::{Coming, Gathering};
use super::names::OTHER;
use super::order::InOrder;
use super::own::{CameFromPage, OwnNames};
use super::rows::Row;
use super::tally::Tally;
use super::visitors::{ClientKey, Visitor};
use super::whom::{Whom, Window};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::hint;
use std::num::NonZeroUsize;
use std::thread;
use visit::RefererClass;

/// Of no crowd.
pub(super) const NONE: u16 = u16::MAX;
/// Visitors that are looked at ahead, and rows of each: what they take fits into the cache next to the processor.
const TOGETHER: usize = 32;
const ROWS_AHEAD: usize = 16;
/// Fewer rows than this are not worth another thread.
const ROWS_PER_THREAD_MIN: usize = 4_000;

/// Which crowd a row belongs to: by its path, its referring domain, and so on.
#[derive(Debug, Default)]
pub(super) struct Slots {
    count: u16,
    pub(super) by_path: Vec<u16>,
    /// For referers that are not the site's own.
    pub(super) by_site: Vec<u16>,
    /// By path too.
    pub(super) by_group: Vec<u16>,
    pub(super) by_agent: Vec<u16>,
    pub(super) by_client: HashMap<ClientKey, u16, FixedState>,
    /// Paths whose clients are counted: for each path its place among them.
    pub(super) listed_paths: Vec<u16>,
    /// Domains whose clients are counted and whose downloads are kept: for each domain its place among them.
    pub(super) domains: Vec<u16>,
    /// By place among them.
    pub(super) windows: Vec<Option<Window>>,
}

impl Slots {
    /// The number of one more crowd.
    pub(super) fn more(&mut self) -> u16 {
        let slot = self.count;
        self.count += 1;
        slot
    }

    /// A crowd for each of these sets of numbers, of so many that there are.
    pub(super) fn numbered<'n>(&mut self, all: usize, sets: impl Iterator<Item = &'n [u32]>) -> Vec<u16> {
        let mut slots = vec![NONE; all];
        for set in sets {
            let slot = self.more();
            for number in set {
                slots[*number as usize] = slot;
            }
        }
        slots
    }
}

/// For each number its place in a list.
pub(super) fn places(all: usize, list: &[u32]) -> Vec<u16> {
    let mut places = vec![NONE; all];
    for (place, number) in (0..).zip(list) {
        places[*number as usize] = place;
    }
    places
}

/// What the walk has gathered.
#[derive(Debug)]
pub(super) struct Walked {
    /// In the order of slots.
    pub(super) crowds: Vec<Gathering>,
    pub(super) clients_of_paths: Vec<u64>,
    pub(super) clients_of_domains: Vec<u64>,
    /// By place among the listed domains.
    pub(super) downloads: Vec<Downloads>,
    pub(super) other_downloads: Downloads,
    /// By place among the listed domains.
    pub(super) whom: Vec<Whom>,
    pub(super) own_visitors: OwnVisitors,
}

/// Visitors who got media with an own referer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnVisitors {
    pub(super) all: u64,
    /// Those of them who opened no page.
    pub(super) asset_only: u64,
    /// Those of them who opened no page that they name.
    pub(super) forged: u64,
}

/// Walks over all rows, on so many threads at most.
pub(super) fn walk(
    tally: &Tally,
    own: &OwnNames,
    order: &InOrder,
    slots: &Slots,
    threads: NonZeroUsize,
) -> Walked {
    let threads = threads.get().min(tally.rows.len() / ROWS_PER_THREAD_MIN).max(1);
    let parts = order.parts(tally, threads);
    let go = |visitors: &[u32]| {
        let mut walker = Walker::new(tally, own, slots);
        for some in visitors.chunks(TOGETHER) {
            walker.look_ahead(some, order);
            for number in some {
                walker.visit(*number, order.rows_of(*number));
            }
        }
        walker.walked
    };
    let mut all = thread::scope(|scope| {
        let (first, others) =
            parts.split_first().map_or((&[][..], &[][..]), |(first, others)| (*first, others));
        let others: Vec<_> = others.iter().map(|part| scope.spawn(|| go(part))).collect();
        let mut all = go(first);
        for other in others {
            // a panic is a fault of ours: it goes on in this thread
            all.merge(tally, other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        all
    });
    for clients in all.clients_of_paths.iter_mut().chain(&mut all.clients_of_domains) {
        *clients *= tally.rows.one_in();
    }
    all
}

impl Walked {
    /// Takes what another part of the way gave: of other clients in other networks.
    fn merge(&mut self, tally: &Tally, other: Self) {
        for (mine, theirs) in self.crowds.iter_mut().zip(other.crowds) {
            mine.merge(tally, theirs);
        }
        let theirs = other.clients_of_paths.iter().chain(&other.clients_of_domains);
        for (mine, theirs) in self.clients_of_paths.iter_mut().chain(&mut self.clients_of_domains).zip(theirs)
        {
            *mine += theirs;
        }
        for (mine, theirs) in self.downloads.iter_mut().zip(other.downloads) {
            mine.merge(theirs);
        }
        self.other_downloads.merge(other.other_downloads);
        for (mine, theirs) in self.whom.iter_mut().zip(other.whom) {
            mine.merge(tally, theirs);
        }
        self.own_visitors.all += other.own_visitors.all;
        self.own_visitors.asset_only += other.own_visitors.asset_only;
        self.own_visitors.forged += other.own_visitors.forged;
    }
}

/// One part of the walk.
struct Walker<'a> {
    tally: &'a Tally,
    own: &'a OwnNames,
    slots: &'a Slots,
    came_from_page: CameFromPage<'a>,
    walked: Walked,
    /// The client of the present visitor, by number.
    client: u32,
    client_key: Option<ClientKey>,
    /// By listed path and domain, the last client that was counted.
    seen_paths: Vec<u32>,
    seen_domains: Vec<u32>,
}

impl<'a> Walker<'a> {
    fn new(tally: &'a Tally, own: &'a OwnNames, slots: &'a Slots) -> Self {
        let listed = |places: &[u16]| places.iter().filter(|place| **place != NONE).count();
        let (paths, domains) = (listed(&slots.listed_paths), listed(&slots.domains));
        Self {
            tally,
            own,
            slots,
            came_from_page: CameFromPage::new(tally, own),
            walked: Walked {
                crowds: (0..slots.count).map(|_| Gathering::new()).collect(),
                clients_of_paths: vec![0; paths],
                clients_of_domains: vec![0; domains],
                downloads: (0..domains).map(|_| Downloads::default()).collect(),
                other_downloads: Downloads::default(),
                whom: slots.windows.iter().map(|window| Whom::new(*window)).collect(),
                own_visitors: OwnVisitors::default(),
            },
            client: 0,
            client_key: None,
            seen_paths: vec![0; paths],
            seen_domains: vec![0; domains],
        }
    }

    /// Touches what the next visits need. Rows lie in the order of the log, not of visitors: asked for one right after the
    /// other, they wait for memory together.
    fn look_ahead(&self, visitors: &[u32], order: &InOrder) {
        let mut touched = 0;
        for number in visitors {
            touched ^= self.tally.visitors.get(*number).agent;
            for place in order.rows_of(*number).iter().take(ROWS_AHEAD) {
                touched ^= self.tally.rows.get(*place).map_or(0, |row| row.second);
            }
        }
        hint::black_box(touched);
    }

    /// All rows of one visitor.
    fn visit(&mut self, number: u32, places: &[u32]) {
        let visitor = self.tally.visitors.get(number);
        if self.client_key != Some(visitor.client) {
            self.client_key = Some(visitor.client);
            self.client += 1;
        }
        let rows = || places.iter().filter_map(|place| Some((*place, self.tally.rows.get(*place)?)));
        let came_from_page = self.came_from_page.of((number, visitor), rows().map(|(_, row)| row));
        let coming = Coming { number, visitor, came_from_page };
        let of_client = self.slots.by_client.get(&visitor.client).copied().unwrap_or(NONE);
        let of_agent = self.slots.by_agent[visitor.agent as usize];
        let mut has_own_media = false;
        for (place, row) in rows() {
            let referer = self.tally.referers.known[row.referer as usize];
            let class = self.own.class(row.domain, referer);
            let is_own = class == RefererClass::Own;
            has_own_media |= is_own && row.kind().is_media();
            let of_site = if is_own { NONE } else { self.slots.by_site[referer.site as usize] };
            let path = row.path as usize;
            for slot in [self.slots.by_path[path], of_site, self.slots.by_group[path], of_client, of_agent] {
                if let Some(crowd) = self.walked.crowds.get_mut(usize::from(slot)) {
                    crowd.take(self.tally, &coming, (place, row), class);
                }
            }
        }
        for (place, row) in rows() {
            self.count(visitor, place, row);
        }
        self.end_visitor((number, visitor));
        if has_own_media {
            let sums = &mut self.walked.own_visitors;
            sums.all += 1;
            sums.asset_only += u64::from(visitor.is_asset_only());
            sums.forged += u64::from(!came_from_page);
        }
    }

    /// The ranges of a visitor are put together, and what it asked for; "(other)" is many, of several domains.
    fn end_visitor(&mut self, (number, visitor): (u32, &Visitor)) {
        let (tally, rows, walked) = (self.tally, &self.tally.rows, &mut self.walked);
        if number == OTHER {
            walked.downloads.iter_mut().for_each(|downloads| downloads.end_visitor(rows));
            walked.other_downloads.end_visitor(rows);
            walked.whom.iter_mut().for_each(|whom| whom.end_visitor(tally, visitor));
        }
        let domain = usize::from(self.slots.domains[usize::from(visitor.domain)]);
        walked.downloads.get_mut(domain).unwrap_or(&mut walked.other_downloads).end_visitor(rows);
        if let Some(whom) = walked.whom.get_mut(domain) {
            whom.end_visitor(tally, visitor);
        }
    }

    /// Counts clients by listed path and domain, and keeps the downloads and who asked for how much.
    fn count(&mut self, visitor: &Visitor, place: u32, row: &Row) {
        let domain = usize::from(self.slots.domains[usize::from(row.domain)]);
        self.walked.downloads.get_mut(domain).unwrap_or(&mut self.walked.other_downloads).take(place, row);
        if let Some(whom) = self.walked.whom.get_mut(domain) {
            whom.take(&self.tally.rows, row);
        }
        if !self.tally.rows.has_whole(visitor.lot) {
            return;
        }
        let path = usize::from(self.slots.listed_paths[row.path as usize]);
        let counts = [
            (&mut self.seen_paths, path, &mut self.walked.clients_of_paths),
            (&mut self.seen_domains, domain, &mut self.walked.clients_of_domains),
        ];
        for (seen, at, clients) in counts {
            if let Some(last) = seen.get_mut(at)
                && *last != self.client
            {
                *last = self.client;
                clients[at] += 1;
            }
        }
    }
}
