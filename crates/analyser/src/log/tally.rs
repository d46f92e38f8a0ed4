//! Counting lines: one tally on each core, merged at the end.

use super::hours::Hours;
use super::names::{Names, NamesMax, OTHER};
use super::rows::{Asked, Outcome, Row, Rows};
use super::seed::Seed;
use super::summary::BytesSaid;
use super::visitors::{TOGETHER, Visitors, Wanted};
use crate::input::{LogFile, Worker};
use accesslog::{Facts, Line, Said, Text};
use visit::{Program, Referer, RefererClass, TARGET_KINDS, TargetKind};

/// Virtual servers that are told apart.
const DOMAINS_MAX: NamesMax = NamesMax { names: 8_192, bytes: 1 << 20 };
/// Paths that are told apart.
const PATHS_MAX: NamesMax = NamesMax { names: 1_000_000, bytes: 64 << 20 };
/// Referers that are told apart by page; beyond, by host.
const REFERERS_MAX: NamesMax = NamesMax { names: 400_000, bytes: 48 << 20 };
/// Of them, places that are kept for hosts when pages are no longer told apart.
const REFERER_HOSTS_KEPT: usize = 100_000;
/// Referring domains and hosts that are told apart.
const SITES_MAX: NamesMax = NamesMax { names: 200_000, bytes: 16 << 20 };
/// User-Agents that are told apart.
const AGENTS_MAX: NamesMax = NamesMax { names: 200_000, bytes: 32 << 20 };
/// Clients by name that are told apart, where a log has names instead of addresses.
const CLIENT_NAMES_MAX: NamesMax = NamesMax { names: 1_500_000, bytes: 64 << 20 };
/// How many statuses are told apart: 0 to 999.
const STATUSES: usize = 1000;
/// What a domain is called that nothing names.
const THIS_LOG: &[u8] = b"(this log)";

/// Requests and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tallied {
    pub(super) requests: u64,
    pub(super) bytes: u64,
}

impl Tallied {
    pub(super) fn add(&mut self, bytes: u64) {
        self.requests += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub(super) fn take(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Names, what was counted for each, and what else is known of it.
#[derive(Debug)]
pub(super) struct Counts<T> {
    pub(super) names: Names,
    pub(super) tallied: Vec<Tallied>,
    pub(super) known: Vec<T>,
}

impl<T: Copy> Counts<T> {
    fn new(seed: Seed, max: NamesMax, other: T) -> Self {
        Self { names: Names::new(seed, max), tallied: vec![Tallied::default()], known: vec![other] }
    }

    /// The number of a name; `look` finds out about a new one.
    fn number(&mut self, group: u16, name: &[u8], look: impl FnOnce() -> T) -> u32 {
        let number = self.names.number(group, name);
        if number as usize >= self.tallied.len() {
            self.tallied.push(Tallied::default());
            self.known.push(look());
        }
        number
    }

    fn take(&mut self, other: &Self, group: impl Fn(u16) -> u16, known: impl Fn(T) -> T) -> Vec<u32> {
        let numbers = self.names.take(&other.names, group);
        for (theirs, mine) in numbers.iter().enumerate() {
            if *mine as usize >= self.tallied.len() {
                self.tallied.push(Tallied::default());
                self.known.push(known(other.known[theirs]));
            }
            self.tallied[*mine as usize].take(other.tallied[theirs]);
        }
        numbers
    }
}

/// Where a referer leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The number of its registrable domain.
    pub(super) site: u32,
    /// The number of its host.
    pub(super) host: u32,
    pub(super) class: RefererClass,
}

/// What was said in the line before: often it is said again.
#[derive(Debug, Default)]
struct Again {
    text: Vec<u8>,
    group: u16,
    number: Option<u32>,
}

impl Again {
    fn or(&mut self, group: u16, text: &[u8], find: impl FnOnce() -> u32) -> u32 {
        if let Some(number) = self.number
            && self.group == group
            && self.text == text
        {
            return number;
        }
        let number = find();
        self.text.clear();
        self.text.extend_from_slice(text);
        (self.group, self.number) = (group, Some(number));
        number
    }
}

/// What is counted of lines; made by [`Tally::new`], filled by [`Tally::add`], merged, and finished.
///
/// Memory is bounded whatever the lines are: each table has a named limit, beyond which the rest counts as "(other)".
/// Below the limits the outcome is the same for any order of lines, any number of tallies and any seed.
#[derive(Debug)]
pub struct Tally {
    pub(super) total: Tallied,
    pub(super) aborted: Option<Tallied>,
    pub(super) statuses: Vec<Tallied>,
    pub(super) kinds: [Tallied; TARGET_KINDS],
    pub(super) domains: Counts<()>,
    pub(super) paths: Counts<TargetKind>,
    pub(super) referers: Counts<Place>,
    pub(super) sites: Names,
    /// Names of the sites themselves, as somebody said.
    pub(super) own: Vec<String>,
    pub(super) hosts: Names,
    pub(super) agents: Counts<Program>,
    pub(super) client_names: Names,
    pub(super) visitors: Visitors,
    pub(super) rows: Rows,
    pub(super) hours: Hours,
    pub(super) span: Option<(i64, i64)>,
    pub(super) offset_seconds: (i64, i32),
    pub(super) meaning: BytesSaid,
    pub(super) has_referer: bool,
    pub(super) has_user_agent: bool,
    /// Lines say in which virtual server they are.
    pub(super) has_domains: bool,
    domain_again: Again,
    referer_again: Again,
    agent_again: Again,
    /// Requests whose visitors are not looked up yet.
    waiting: Vec<(Wanted, Asked)>,
    /// The numbers of their visitors; kept for its room.
    numbers: Vec<u32>,
}

impl Worker for Tally {
    fn add(&mut self, line: &Line<'_>, file: &LogFile) {
        self.add(line, &file.facts(), file.domain.as_deref());
    }

    fn merge(&mut self, other: Self) {
        self.merge(other);
    }
}

impl Tally {
    /// An empty one. The seed guards the tables against names chosen to collide; nothing that comes out hangs on it.
    pub fn new(seed: u64) -> Self {
        let seed = Seed::new(seed);
        let nowhere = Place { site: OTHER, host: OTHER, class: RefererClass::Garbage };
        let mut referers = Counts::new(seed, REFERERS_MAX, nowhere);
        referers.number(0, b"", || Place { class: RefererClass::None, ..nowhere });
        Self {
            total: Tallied::default(),
            aborted: None,
            statuses: vec![Tallied::default(); STATUSES],
            kinds: [Tallied::default(); TARGET_KINDS],
            domains: Counts::new(seed, DOMAINS_MAX, ()),
            paths: Counts::new(seed, PATHS_MAX, TargetKind::Garbage),
            referers,
            sites: Names::new(seed, SITES_MAX),
            own: Vec::new(),
            hosts: Names::new(seed, SITES_MAX),
            agents: Counts::new(seed, AGENTS_MAX, Program::Other),
            client_names: Names::new(seed, CLIENT_NAMES_MAX),
            visitors: Visitors::new(seed),
            rows: Rows::default(),
            hours: Hours::new(seed),
            span: None,
            offset_seconds: (i64::MIN, 0),
            meaning: BytesSaid::None,
            has_referer: false,
            has_user_agent: false,
            has_domains: false,
            domain_again: Again::default(),
            referer_again: Again::default(),
            agent_again: Again::default(),
            waiting: Vec::with_capacity(TOGETHER),
            numbers: Vec::with_capacity(TOGETHER),
        }
    }

    /// Counts one line of a format with these facts, of a file that is `domain`'s, if that is known.
    pub fn add(&mut self, line: &Line<'_>, facts: &Facts, domain: Option<&str>) {
        let bytes = known(line.bytes).unwrap_or(0);
        let at_unix = line.at_unix_micros.div_euclid(1_000_000);
        self.note(line, facts, at_unix, bytes);
        let domain = self.domain(line, domain);
        let (path, kind) = self.path(domain, line);
        let referer = self.referer(line);
        let agent = self.agent(line);
        self.domains.tallied[usize::from(domain)].add(bytes);
        self.paths.tallied[path as usize].add(bytes);
        self.referers.tallied[referer as usize].add(bytes);
        self.agents.tallied[agent as usize].add(bytes);
        self.kinds[kind as usize].add(bytes);
        self.hours.add(domain, at_unix, line.utc_offset_seconds, bytes);
        let wanted = Wanted::of(line.client, agent, domain, &mut self.client_names);
        let (outcome, duration_micros) = (Outcome::of(line.status), known(line.duration_micros));
        let visitor = OTHER;
        let asked = Asked { visitor, path, referer, domain, at_unix, bytes, duration_micros, kind, outcome };
        self.waiting.push((wanted, asked));
        if self.waiting.len() >= TOGETHER {
            self.settle();
        }
    }

    /// Counts the requests whose visitors were not looked up yet. Whoever looks at visitors or rows does this first.
    pub(super) fn settle(&mut self) {
        self.visitors.numbers(self.waiting.iter().map(|(wanted, _)| wanted), &mut self.numbers);
        for ((_, mut asked), visitor) in self.waiting.drain(..).zip(&self.numbers) {
            asked.visitor = *visitor;
            self.visitors.get_mut(*visitor).add(&asked);
            self.rows.push(&asked, &self.visitors);
        }
    }

    /// Takes what another tally has counted.
    pub fn merge(&mut self, mut other: Self) {
        self.settle();
        other.settle();
        if self.total.requests == 0 {
            *self = other;
            return;
        }
        if other.total.requests == 0 {
            return;
        }
        self.take_plain(&other);
        let domains = self.domains.take(&other.domains, |_| 0, |known| known);
        let domain = |theirs: u16| domains.get(usize::from(theirs)).map_or(0, |mine| domain_number(*mine));
        let paths = self.paths.take(&other.paths, domain, |kind| kind);
        let sites = self.sites.take(&other.sites, |_| 0);
        let hosts = self.hosts.take(&other.hosts, |_| 0);
        let place = |place: Place| Place {
            site: sites[place.site as usize],
            host: hosts[place.host as usize],
            ..place
        };
        let referers = self.referers.take(&other.referers, |_| 0, place);
        let agents = self.agents.take(&other.agents, |_| 0, |known| known);
        let client_names = self.client_names.take(&other.client_names, |_| 0);
        let visitors = self.visitors.take(&other.visitors, (&agents, &client_names), domain);
        self.hours.take(&other.hours, domain);
        let change = |row: &mut Row| {
            row.visitor = visitors[row.visitor as usize];
            row.path = paths[row.path as usize];
            row.referer = referers[row.referer as usize];
            row.domain = domain(row.domain);
        };
        self.rows.take(other.rows, change, &self.visitors);
    }

    /// How many requests were counted.
    pub fn requests(&self) -> u64 {
        self.total.requests
    }

    /// The hour of the first request, since 1970.
    pub(super) fn first_hour(&self) -> u32 {
        self.span.map_or(0, |span| u32::try_from(span.0.max(0) / 3600).unwrap_or(0))
    }

    fn take_plain(&mut self, other: &Self) {
        self.total.take(other.total);
        if let Some(aborted) = other.aborted {
            self.aborted.get_or_insert_default().take(aborted);
        }
        for (mine, theirs) in self.statuses.iter_mut().zip(&other.statuses) {
            mine.take(*theirs);
        }
        for (mine, theirs) in self.kinds.iter_mut().zip(&other.kinds) {
            mine.take(*theirs);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.span, other.span) {
            *mine = (mine.0.min(theirs.0), mine.1.max(theirs.1));
        }
        self.offset_seconds = self.offset_seconds.max(other.offset_seconds);
        self.meaning = self.meaning.with(other.meaning);
        self.has_referer |= other.has_referer;
        self.has_user_agent |= other.has_user_agent;
        self.has_domains |= other.has_domains;
    }

    /// What needs no table.
    fn note(&mut self, line: &Line<'_>, facts: &Facts, at_unix: i64, bytes: u64) {
        let meaning = BytesSaid::from(facts.bytes);
        self.meaning = if self.total.requests == 0 { meaning } else { self.meaning.with(meaning) };
        self.total.add(bytes);
        self.statuses[usize::from(line.status).min(STATUSES - 1)].add(bytes);
        let is_aborted = match line.is_aborted {
            Said::Known(is_aborted) => Some(is_aborted),
            Said::Absent => Some(false),
            Said::Unknown => (line.status == 499).then_some(true),
        };
        if let Some(is_aborted) = is_aborted {
            let aborted = self.aborted.get_or_insert_default();
            if is_aborted {
                aborted.add(bytes);
            }
        }
        let (from, to) = self.span.get_or_insert((at_unix, at_unix));
        (*from, *to) = ((*from).min(at_unix), (*to).max(at_unix));
        self.offset_seconds = self.offset_seconds.max((at_unix, line.utc_offset_seconds));
        self.has_referer |= facts.has_referer;
        self.has_user_agent |= facts.has_user_agent;
    }

    fn domain(&mut self, line: &Line<'_>, of_file: Option<&str>) -> u16 {
        let said = text(line.virtual_server);
        self.has_domains |= said.is_some();
        let said = said.map(|said| said.decoded());
        let host = match (&said, of_file) {
            (None, None) => text(line.host).map(|host| host.decoded()),
            _ => None,
        };
        let name = said.as_deref().or(of_file.map(str::as_bytes)).or(host.as_deref()).unwrap_or(THIS_LOG);
        let domains = &mut self.domains;
        domain_number(self.domain_again.or(0, name, || domains.number(0, &host_name(name), || ())))
    }

    fn path(&mut self, domain: u16, line: &Line<'_>) -> (u32, TargetKind) {
        let target = line.target.decoded();
        let (path, query) = match memchr::memchr2(b'?', b'#', &target) {
            Some(at) => (&target[..at], &target[at + 1..]),
            None => (&target[..], &b""[..]),
        };
        let path = visit::path_of(path);
        let number = self.paths.number(domain, path, || TargetKind::of_path(path));
        let kind =
            if number == OTHER { TargetKind::of_path(path) } else { self.paths.known[number as usize] };
        (number, kind.with_query(query))
    }

    fn referer(&mut self, line: &Line<'_>) -> u32 {
        /// The number of "no referer", given in `new`.
        const NONE: u32 = 1;
        let Some(field) = text(line.referer) else { return NONE };
        let (referers, sites, hosts) = (&mut self.referers, &mut self.sites, &mut self.hosts);
        self.referer_again.or(0, field.raw, || {
            let field = field.decoded();
            let is_full = referers.names.len() + REFERER_HOSTS_KEPT >= REFERERS_MAX.names;
            let name =
                if is_full && referers.names.known(0, &field).is_none() { origin(&field) } else { &field };
            referers.number(0, name, || {
                let referer = Referer::of(name);
                let number = |names: &mut Names, name: &str| match name {
                    "" => OTHER,
                    name => names.number(0, name.as_bytes()),
                };
                Place {
                    site: number(sites, &referer.domain),
                    host: number(hosts, &referer.host),
                    class: referer.class,
                }
            })
        })
    }

    fn agent(&mut self, line: &Line<'_>) -> u32 {
        let field = text(line.user_agent).unwrap_or(Text::EMPTY);
        let agents = &mut self.agents;
        self.agent_again.or(0, field.raw, || {
            let field = field.decoded();
            agents.number(0, &field, || Program::of(&field))
        })
    }
}

/// The number of a domain: `DOMAINS_MAX` is far below 65,536.
fn domain_number(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(0)
}

fn known<T>(said: Said<T>) -> Option<T> {
    match said {
        Said::Known(value) => Some(value),
        Said::Absent | Said::Unknown => None,
    }
}

/// A text that is there, and is not empty.
fn text(said: Said<Text<'_>>) -> Option<Text<'_>> {
    known(said).filter(|text| !text.raw.is_empty())
}

/// Scheme and host of a referer.
fn origin(field: &[u8]) -> &[u8] {
    let Some(at) = memchr::memmem::find(field, b"://") else { return field };
    let end = memchr::memchr(b'/', &field[at + 3..]).map_or(field.len(), |slash| at + 3 + slash);
    &field[..end]
}

/// A host as names are compared: in lower case, without port.
fn host_name(host: &[u8]) -> Vec<u8> {
    let port = memchr::memrchr(b':', host)
        .filter(|at| host[at + 1..].iter().all(u8::is_ascii_digit) && !host[..*at].contains(&b':'));
    host[..port.unwrap_or(host.len())].to_ascii_lowercase()
}
