//! From what was counted to a summary and findings.

use super::chosen;
use super::clients::{ClientSum, Clients};
use super::concurrency::at_once;
use super::domains::{InTime, Times};
use super::finding;
use super::hours::HOURS_MAX;
use super::networks::{Network, client_name};
use super::order::{InOrder, RowsInOrder, VisitorsInOrder};
use super::own::OwnNames;
use super::rows::Outcome;
use super::scene::Scene;
use super::summary::{
    AgentRow, ClassCount, ClientRow, Domain, KindCount, LISTED_MAX, LimitReached, NetworkRow, OwnName,
    PathRow, RefererRow, Span, StatusCount, Summary, WithoutReferer,
};
use super::tally::{Tallied, Tally};
use super::usual::Usuals;
use super::visitors::VISITORS_MAX;
use crate::human::share;
use crate::{Counted, Finding};
use std::num::NonZeroUsize;
use std::thread;
use visit::{RefererClass, TargetKind};

impl Tally {
    /// What the lines say, and what stands out in them, against what is usual; `now` is in seconds since 1970.
    ///
    /// `usuals` are those of earlier runs, without this log: let them [learn](Usuals::learn) it afterwards.
    pub fn finish(&mut self, usuals: &Usuals, now: i64) -> (Summary, Vec<Finding>) {
        self.finish_on(NonZeroUsize::MIN, usuals, now)
    }

    /// Names that the logged sites have, as somebody said who knows: what else they are called is still learnt, but no longer
    /// guessed from what most referers name.
    pub fn know_own(&mut self, names: &[String]) {
        self.own = names.to_vec();
    }

    /// The names by which the logged servers know themselves: a part of what [`Tally::finish`] finds out.
    pub fn own_names(&mut self) -> Vec<OwnName> {
        self.settle();
        OwnNames::learn(self).shown
    }

    /// The same as [`Tally::finish`] on so many threads at most.
    pub fn finish_on(&mut self, threads: NonZeroUsize, usuals: &Usuals, now: i64) -> (Summary, Vec<Finding>) {
        self.settle();
        self.look(threads, usuals, now)
    }

    /// All lines are of one virtual server: its name is the only one beside "(other)", which nothing counts as before names
    /// run out.
    fn has_one_domain(&self) -> bool {
        self.domains.names.len() == 2
    }

    fn look(&self, threads: NonZeroUsize, usuals: &Usuals, now: i64) -> (Summary, Vec<Finding>) {
        let ((own, known, rows), (visitors, sums)) = both(
            threads,
            || {
                let mut known = usuals.clone();
                known.learn(self, now);
                (OwnNames::learn(self), known, RowsInOrder::of(self))
            },
            || {
                let visitors = VisitorsInOrder::of(self);
                let sums = Clients::of(self, &visitors);
                (visitors, sums)
            },
        );
        let times = Times { tally: self, own: &own, known: &known, now, threads };
        let in_time = times.domains();
        let mut scene = Scene::new(self, &own, (InOrder { visitors, rows }, sums), &in_time, threads);
        let domains = domains(&mut scene, &times, in_time);
        let concurrency = match domains.as_slice() {
            [only] if self.has_one_domain() => only.concurrency,
            _ => {
                let downloads =
                    scene.domains.iter().map(|domain| &domain.downloads).chain([&scene.other_downloads]);
                at_once(downloads, &self.rows, times.seconds())
            }
        };
        let summary = Summary {
            bytes_meaning: self.meaning,
            span: self.span.map(|(from_unix, to_unix)| Span {
                from_unix,
                to_unix,
                utc_offset_seconds: self.offset_seconds.1,
            }),
            total: counted(self.total, scene.clients.count),
            aborted: self.aborted.map(|aborted| counted(aborted, 0)),
            has_referer: self.has_referer,
            has_user_agent: self.has_user_agent,
            statuses: statuses(self),
            domains,
            series: times.series(),
            concurrency,
            without_referer: self.has_referer.then(|| without_referer(self)),
            own_names: own.shown.clone(),
            kinds: kinds(self),
            referer_classes: if self.has_referer { classes(self, &own) } else { Vec::new() },
            referers: referers(&scene),
            paths: paths(&scene),
            clients: clients(&scene),
            networks: networks(&scene),
            agents: agents(&scene),
            limits: limits(self),
            relations_of_one_in: u32::try_from(self.rows.one_in()).unwrap_or(u32::MAX),
        };
        let findings = finding::look(&scene, &summary);
        (summary, findings)
    }
}

/// Does both, on two threads if there are two.
pub(super) fn both<A, B: Send>(
    threads: NonZeroUsize,
    one: impl FnOnce() -> A,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    if threads.get() == 1 {
        return (one(), other());
    }
    thread::scope(|scope| {
        let other = scope.spawn(other);
        let one = one();
        // a panic is a fault of ours: it goes on in this thread
        (one, other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn counted(tallied: Tallied, clients: u64) -> Counted {
    Counted { requests: tallied.requests, bytes: tallied.bytes, clients }
}

fn statuses(tally: &Tally) -> Vec<StatusCount> {
    let all = (0_u16..).zip(&tally.statuses).filter(|(_, sum)| sum.requests > 0);
    all.map(|(status, sum)| StatusCount { status, requests: sum.requests, bytes: sum.bytes }).collect()
}

fn kinds(tally: &Tally) -> Vec<KindCount> {
    let mut all: Vec<KindCount> = TargetKind::ALL
        .iter()
        .map(|kind| (kind, tally.kinds[*kind as usize]))
        .filter(|(_, sum)| sum.requests > 0)
        .map(|(kind, sum)| KindCount { kind: *kind, requests: sum.requests, bytes: sum.bytes })
        .collect();
    all.sort_by_key(|count| std::cmp::Reverse((count.bytes, count.requests)));
    all
}

/// The domains with the most bytes.
fn domains(scene: &mut Scene<'_>, times: &Times<'_>, in_time: Vec<InTime>) -> Vec<Domain> {
    let is_one = scene.tally.has_one_domain();
    let all = in_time.into_iter().zip(&mut scene.domains).map(|(in_time, listed)| {
        // all clients are counted, those of a domain only by rows
        let clients = if is_one { scene.clients.count } else { listed.clients };
        let counted = counted(scene.tally.domains.tallied[usize::from(in_time.domain)], clients);
        times.domain(in_time, counted, &listed.downloads, std::mem::take(&mut listed.whom))
    });
    all.collect()
}

fn without_referer(tally: &Tally) -> WithoutReferer {
    let (mut media, mut pages) = ((0, 0), (0, 0));
    for row in tally.rows.iter().filter(|row| row.outcome() != Outcome::Refused) {
        let kind = row.kind();
        let sum = if kind.is_media() {
            &mut media
        } else if kind.is_page() {
            &mut pages
        } else {
            continue;
        };
        let weight = tally.rows.weight(row);
        let is_without = tally.referers.known[row.referer as usize].class == RefererClass::None;
        *sum = (sum.0 + if is_without { weight } else { 0 }, sum.1 + weight);
    }
    WithoutReferer { of_media: share(media.0, media.1), of_pages: share(pages.0, pages.1) }
}

fn classes(tally: &Tally, own: &OwnNames) -> Vec<ClassCount> {
    let mut sums = [Tallied::default(); RefererClass::ALL.len()];
    if tally.domains.names.len() <= 2 {
        // one domain: the exact counts say it
        for (place, tallied) in tally.referers.known.iter().zip(&tally.referers.tallied) {
            sums[own.class(1, *place) as usize].take(*tallied);
        }
    } else {
        for row in tally.rows.iter() {
            let class = own.class(row.domain, tally.referers.known[row.referer as usize]);
            let weight = tally.rows.weight(row);
            sums[class as usize].take(Tallied { requests: weight, bytes: row.bytes() * weight });
        }
    }
    let mut all: Vec<ClassCount> = RefererClass::ALL
        .iter()
        .map(|class| (class, sums[*class as usize]))
        .filter(|(_, sum)| sum.requests > 0)
        .map(|(class, sum)| ClassCount { class: *class, requests: sum.requests, bytes: sum.bytes })
        .collect();
    all.sort_by_key(|count| std::cmp::Reverse((count.bytes, count.requests)));
    all
}

fn referers(scene: &Scene<'_>) -> Vec<RefererRow> {
    let tally = scene.tally;
    let mut rows: Vec<RefererRow> = scene
        .sites
        .iter()
        .filter(|(_, crowd)| crowd.requests > 0)
        .map(|(site, crowd)| RefererRow {
            domain: tally.sites.shown(*site),
            class: crowd.classes.first().map_or(RefererClass::Other, |class| class.0),
            counted: Counted { requests: crowd.requests, bytes: crowd.bytes, clients: crowd.clients },
            media_share: crowd.media_share(),
            asset_only_share: (crowd.media_visitors > 0).then(|| crowd.asset_only_share()),
            top_path: crowd.paths.first().map(|path| tally.paths.names.shown(path.0)).unwrap_or_default(),
            top_path_share: crowd.top_path_share(),
        })
        .collect();
    rows.sort_by(|one, other| {
        let size = |row: &RefererRow| (row.counted.bytes, row.counted.requests);
        size(other).cmp(&size(one)).then_with(|| one.domain.cmp(&other.domain))
    });
    rows.truncate(LISTED_MAX);
    rows
}

fn paths(scene: &Scene<'_>) -> Vec<PathRow> {
    let tally = scene.tally;
    let rows = scene.listed_paths.iter().map(|(number, clients)| PathRow {
        path: tally.paths.names.shown(*number),
        kind: tally.paths.known[*number as usize],
        counted: counted(tally.paths.tallied[*number as usize], *clients),
    });
    rows.collect()
}

fn clients(scene: &Scene<'_>) -> Vec<ClientRow> {
    let tally = scene.tally;
    let row = |client: &ClientSum| ClientRow {
        client: client_name(tally, client.key),
        counted: Counted { requests: client.requests, bytes: client.bytes, clients: 1 },
        pages: client.pages,
        agents: client.agents,
        program: tally.agents.known[client.agent as usize],
    };
    scene.clients.by_bytes.iter().map(row).collect()
}

fn networks(scene: &Scene<'_>) -> Vec<NetworkRow> {
    let row =
        |(network, counted): &(Network, Counted)| NetworkRow { network: network.shown(), counted: *counted };
    scene.clients.networks.iter().map(row).collect()
}

fn agents(scene: &Scene<'_>) -> Vec<AgentRow> {
    let tally = scene.tally;
    let name = |number| tally.agents.names.name(number);
    let rows = chosen::first(&tally.agents.tallied, LISTED_MAX, name).into_iter().map(|number| AgentRow {
        agent: tally.agents.names.shown(number),
        program: tally.agents.known[number as usize],
        counted: counted(tally.agents.tallied[number as usize], scene.clients.of_agent[number as usize]),
    });
    rows.collect()
}

fn limits(tally: &Tally) -> Vec<LimitReached> {
    let names = [
        ("virtual servers", &tally.domains.names),
        ("paths", &tally.paths.names),
        ("referers", &tally.referers.names),
        ("referring domains", &tally.sites),
        ("values of User-Agent", &tally.agents.names),
        ("client names", &tally.client_names),
    ];
    let mut limits: Vec<LimitReached> = names
        .into_iter()
        .map(|(what, names)| LimitReached {
            what,
            limit: names.limit() as u64,
            requests_beyond: names.beyond(),
        })
        .collect();
    let more =
        [("visitors", VISITORS_MAX, tally.visitors.beyond()), ("hours", HOURS_MAX, tally.hours.beyond())];
    limits.extend(more.map(|(what, limit, requests_beyond)| LimitReached {
        what,
        limit: limit as u64,
        requests_beyond,
    }));
    limits.retain(|limit| limit.requests_beyond > 0);
    limits
}
