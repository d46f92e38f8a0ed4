//! Marks that the server remembers, so that a client who deletes the cookie is marked all the same.
//!
//! A client is an IPv4 address or an IPv6 network of 64 bits. The table holds so many clients and no more; a client is
//! forgotten when the last of its marks has ended, and for no other reason: whoever floods it is not remembered himself,
//! and frees nobody. (Clients are compared, not hashed: no choice of addresses makes a look-up slow.)
//!
//! Many people may share an address. The table keeps which browsers came from it since it was marked; once there are more
//! than [`SHARED_AGENTS_MAX`], the address is taken for a shared one, and the cookie decides alone.

use super::seal::Terms;
use crate::limits;
use crate::time::WallTime;
use core::hash::BuildHasher;
use foldhash::quality::FixedState;
use shaping::ClientNetwork;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use trafficscript::ByteString;

/// Browsers (by `User-Agent`) that may come from one marked address before it counts as shared by many: the two or three
/// of one person, and the attempt to get rid of a mark with another one.
pub(crate) const SHARED_AGENTS_MAX: usize = 3;

/// Locks, so that workers seldom wait for one another.
const PARTS: usize = 16;

/// The marks that one virtual server remembers.
#[derive(Debug)]
pub struct MarkMemory {
    /// What rules that are in force have set.
    kept: Table,
    /// What rules that observe would have set: they alone see it.
    shadow: Table,
    agents: FixedState,
}

/// Who came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) client: ClientNetwork,
    /// What its browser calls itself, in short.
    pub(crate) agent: u64,
}

/// Whose marks are remembered for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sameness {
    /// Whoever comes from the address.
    Address,
    /// Whoever comes from the address with the same browser.
    AddressAndAgent,
}

/// What the memory says of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recalled {
    /// It was not marked.
    Nothing,
    /// It was, with this value.
    Mark(ByteString),
    /// Somebody there was, and too many come from there to say who.
    Shared,
}

/// There is no room, or the mark is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl MarkMemory {
    /// Room for so many clients; `seed` keys what is kept of browsers' names.
    pub(crate) fn new(clients_max: usize, seed: [u64; 2]) -> Self {
        let [first, second] = seed;
        Self {
            kept: Table::new(clients_max),
            shadow: Table::new(clients_max),
            agents: FixedState::with_seed(first ^ second.rotate_left(32)),
        }
    }

    /// Other room. Whoever is remembered stays, also beyond it.
    pub(crate) fn limit(&self, clients_max: usize) {
        for table in [&self.kept, &self.shadow] {
            table.clients_max.store(clients_max, Ordering::Relaxed);
        }
    }

    /// Clients that are remembered now, those whose time is over and who were not swept out yet included.
    pub fn clients(&self) -> usize {
        self.kept.clients.load(Ordering::Relaxed)
    }

    /// Clients that were forgotten since the start because their time was over.
    pub fn expired(&self) -> u64 {
        self.kept.expired.load(Ordering::Relaxed)
    }

    pub(crate) fn who(&self, client: ClientNetwork, agent: &[u8]) -> Who {
        Who { client, agent: self.agents.hash_one(agent) }
    }

    /// Remembers a mark of a client until it ends; an older one of the name gives way.
    ///
    /// # Errors
    /// There is no room for another client, or in the client's own.
    pub(crate) fn remember(&self, who: Who, mark: Given<'_>, observes: bool) -> Result<(), NoRoom> {
        self.table(observes).remember(who, mark)
    }

    /// Forgets a mark of a client: a rule has taken the cookie back.
    pub(crate) fn forget(&self, who: Who, name: &[u8], same: Sameness, observes: bool) {
        self.table(observes).forget(who, name, same);
    }

    /// The mark of a name that the client carries, though it may have no cookie. Rules that observe see what they wrote
    /// over what there is.
    pub(crate) fn recall(&self, who: Who, name: &[u8], asked: Asked, observes: bool) -> Recalled {
        let seen = if observes { self.shadow.recall(who, name, asked) } else { Recalled::Nothing };
        if seen == Recalled::Nothing { self.kept.recall(who, name, asked) } else { seen }
    }

    fn table(&self, observes: bool) -> &Table {
        if observes { &self.shadow } else { &self.kept }
    }
}

/// A mark to be remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) same: Sameness,
    pub(crate) set: WallTime,
    pub(crate) end: WallTime,
}

/// How marks are looked for, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) same: Sameness,
    pub(crate) terms: Terms,
    pub(crate) now: WallTime,
}

#[derive(Debug)]
struct Table {
    parts: [Mutex<Part>; PARTS],
    clients: AtomicUsize,
    clients_max: AtomicUsize,
    expired: AtomicU64,
}

#[derive(Debug, Default)]
struct Part {
    clients: BTreeMap<ClientNetwork, Client>,
    /// When each client is forgotten, the next one first.
    ends: BTreeSet<(WallTime, ClientNetwork)>,
}

/// What is kept of one client.
#[derive(Debug)]
struct Client {
    marks: Vec<Mark>,
    agents: Agents,
    /// When the last of its marks ends.
    end: WallTime,
}

#[derive(Debug)]
struct Mark {
    name: Box<[u8]>,
    value: ByteString,
    agent: u64,
    set: WallTime,
    end: WallTime,
}

/// The browsers that came from an address since it was marked.
#[derive(Clone, Copy, Debug)]
enum Agents {
    Few([Option<u64>; SHARED_AGENTS_MAX]),
    Many,
}

impl Agents {
    fn see(&mut self, agent: u64) {
        let Self::Few(seen) = self else { return };
        for place in seen {
            match place {
                Some(known) if *known == agent => return,
                Some(_) => {}
                None => {
                    *place = Some(agent);
                    return;
                }
            }
        }
        *self = Self::Many;
    }
}

impl Mark {
    fn bytes(&self) -> usize {
        self.name.len() + self.value.len()
    }
}

impl Client {
    fn find(&self, who: Who, name: &[u8], same: Sameness) -> Option<usize> {
        self.marks
            .iter()
            .position(|mark| *mark.name == *name && (same == Sameness::Address || mark.agent == who.agent))
    }
}

impl Table {
    fn new(clients_max: usize) -> Self {
        Self {
            parts: Default::default(),
            clients: AtomicUsize::new(0),
            clients_max: AtomicUsize::new(clients_max),
            expired: AtomicU64::new(0),
        }
    }

    fn part(&self, client: ClientNetwork) -> MutexGuard<'_, Part> {
        // Which part a client falls into decides only who waits for whom.
        let hash = foldhash::fast::FixedState::with_seed(0).hash_one(client);
        let at = usize::try_from(hash >> 32).unwrap_or(0) % PARTS;
        self.parts[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets who has been in the part for long enough.
    fn sweep(&self, part: &mut Part, now: WallTime) {
        while let Some((end, client)) = part.ends.first().copied().filter(|(end, _)| *end <= now) {
            part.ends.remove(&(end, client));
            part.clients.remove(&client);
            self.clients.fetch_sub(1, Ordering::Relaxed);
            self.expired.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn remember(&self, who: Who, given: Given<'_>) -> Result<(), NoRoom> {
        if given.name.len() + given.value.len() > limits::MARKS_OF_CLIENT_BYTES_MAX {
            return Err(NoRoom);
        }
        self.make_room(who.client, given.set)?;
        let mut part = self.part(who.client);
        let Part { clients, ends } = &mut *part;
        let client = clients.entry(who.client).or_insert_with(|| {
            self.clients.fetch_add(1, Ordering::Relaxed);
            Client { marks: Vec::new(), agents: Agents::Few(Default::default()), end: given.end }
        });
        ends.remove(&(client.end, who.client));
        client.marks.retain(|mark| mark.end > given.set);
        let old = client.find(who, given.name, given.same);
        let freed = old.and_then(|at| client.marks.get(at)).map_or(0, Mark::bytes);
        let bytes = client.marks.iter().map(Mark::bytes).sum::<usize>() - freed
            + given.name.len()
            + given.value.len();
        let count = client.marks.len() + usize::from(old.is_none());
        let fits = bytes <= limits::MARKS_OF_CLIENT_BYTES_MAX && count <= limits::MARKS_OF_CLIENT_MAX;
        if fits {
            if let Some(at) = old {
                client.marks.swap_remove(at);
            }
            // Most clients have one mark: room for four would be half of the memory.
            client.marks.reserve_exact(1);
            client.marks.push(Mark {
                name: given.name.into(),
                value: ByteString::from(given.value),
                agent: who.agent,
                set: given.set,
                end: given.end,
            });
        }
        client.agents.see(who.agent);
        client.end = client.marks.iter().map(|mark| mark.end).max().unwrap_or(given.set);
        ends.insert((client.end, who.client));
        if fits { Ok(()) } else { Err(NoRoom) }
    }

    /// Sees to it that a newcomer may be added: when it is full, by forgetting whose time is over.
    fn make_room(&self, client: ClientNetwork, now: WallTime) -> Result<(), NoRoom> {
        let mut part = self.part(client);
        self.sweep(&mut part, now);
        let is_known = part.clients.contains_key(&client);
        drop(part);
        let is_full = || self.clients.load(Ordering::Relaxed) >= self.clients_max.load(Ordering::Relaxed);
        if is_known || !is_full() {
            return Ok(());
        }
        for part in &self.parts {
            self.sweep(&mut part.lock().unwrap_or_else(PoisonError::into_inner), now);
        }
        if is_full() { Err(NoRoom) } else { Ok(()) }
    }

    fn forget(&self, who: Who, name: &[u8], same: Sameness) {
        let mut part = self.part(who.client);
        let Part { clients, ends } = &mut *part;
        let Some(client) = clients.get_mut(&who.client) else { return };
        if let Some(at) = client.find(who, name, same) {
            client.marks.swap_remove(at);
        }
        if client.marks.is_empty() {
            ends.remove(&(client.end, who.client));
            clients.remove(&who.client);
            self.clients.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn recall(&self, who: Who, name: &[u8], asked: Asked) -> Recalled {
        let mut part = self.part(who.client);
        self.sweep(&mut part, asked.now);
        let Some(client) = part.clients.get_mut(&who.client) else { return Recalled::Nothing };
        client.agents.see(who.agent);
        let Some(mark) = client.find(who, name, asked.same).and_then(|at| client.marks.get(at)) else {
            return Recalled::Nothing;
        };
        if asked.terms.end(mark.set, mark.end).is_none_or(|end| end <= asked.now) {
            return Recalled::Nothing;
        }
        match client.agents {
            Agents::Few(_) => Recalled::Mark(mark.value.clone()),
            Agents::Many => Recalled::Shared,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use std::net::Ipv6Addr;

    const NOW: WallTime = WallTime(1_000_000_000);
    const TERMS: Terms = Terms { lasts: Duration::from_mins(1), valid_from: WallTime(0) };
    const BY_ADDRESS: Asked = Asked { same: Sameness::Address, terms: TERMS, now: NOW };

    fn later(seconds: i64) -> WallTime {
        WallTime(NOW.0 + seconds * 1_000_000)
    }

    fn client(number: u128) -> ClientNetwork {
        ClientNetwork::of(Ipv6Addr::from_bits(0x2001_0db8 << 96 | number << 64).into())
    }

    fn given(value: &str) -> Given<'_> {
        let value = value.as_bytes();
        Given { name: b"mark", value, same: Sameness::Address, set: NOW, end: later(60) }
    }

    fn mark(value: &str) -> Recalled {
        Recalled::Mark(ByteString::from(value))
    }

    #[test]
    fn a_marked_client_is_known_without_its_cookie_until_its_time_is_over() {
        let memory = MarkMemory::new(10, [1, 2]);
        let (ann, bob) = (memory.who(client(1), b"Firefox"), memory.who(client(2), b"Firefox"));
        memory.remember(ann, given("1"), false).unwrap();
        assert_eq!(memory.recall(ann, b"mark", BY_ADDRESS, false), mark("1"));
        assert_eq!(memory.recall(ann, b"other", BY_ADDRESS, false), Recalled::Nothing);
        assert_eq!(memory.recall(bob, b"mark", BY_ADDRESS, false), Recalled::Nothing);
        let asked = |now| Asked { now, ..BY_ADDRESS };
        assert_eq!(memory.recall(ann, b"mark", asked(later(59)), false), mark("1"));
        assert_eq!(memory.recall(ann, b"mark", asked(later(60)), false), Recalled::Nothing);
        assert_eq!((memory.clients(), memory.expired()), (0, 1));
    }

    #[test]
    fn where_many_browsers_come_from_one_address_the_cookie_decides_alone() {
        let memory = MarkMemory::new(10, [1, 2]);
        let who = |agent: &str| memory.who(client(1), agent.as_bytes());
        memory.remember(who("a"), given("1"), false).unwrap();
        for agent in ["b", "c", "b", "a", "c"] {
            assert_eq!(memory.recall(who(agent), b"mark", BY_ADDRESS, false), mark("1"), "{agent}");
        }
        for agent in ["d", "a", "b"] {
            assert_eq!(memory.recall(who(agent), b"mark", BY_ADDRESS, false), Recalled::Shared, "{agent}");
        }
    }

    #[test]
    fn by_address_and_agent_another_browser_is_another_visitor() {
        let memory = MarkMemory::new(10, [1, 2]);
        let (a, b) = (memory.who(client(1), b"a"), memory.who(client(1), b"b"));
        let both = Asked { same: Sameness::AddressAndAgent, ..BY_ADDRESS };
        memory.remember(a, Given { same: both.same, ..given("1") }, false).unwrap();
        assert_eq!(memory.recall(b, b"mark", both, false), Recalled::Nothing);
        memory.remember(b, Given { same: both.same, ..given("2") }, false).unwrap();
        assert_eq!(memory.recall(a, b"mark", both, false), mark("1"));
        assert_eq!(memory.recall(b, b"mark", both, false), mark("2"));
    }

    #[test]
    fn a_flood_of_marked_clients_frees_nobody() {
        let memory = MarkMemory::new(100, [1, 2]);
        for number in 0..100 {
            memory.remember(memory.who(client(number), b""), given("1"), false).unwrap();
        }
        for number in 100..10_000 {
            assert_eq!(memory.remember(memory.who(client(number), b""), given("1"), false), Err(NoRoom));
        }
        assert_eq!(memory.clients(), 100);
        for number in 0..100 {
            let who = memory.who(client(number), b"");
            assert_eq!(memory.recall(who, b"mark", BY_ADDRESS, false), mark("1"), "{number}");
            memory.remember(who, given("2"), false).unwrap();
        }
        let next = Given { set: later(61), end: later(121), ..given("1") };
        for number in 500..600 {
            memory.remember(memory.who(client(number), b""), next, false).unwrap();
        }
        assert_eq!((memory.clients(), memory.expired()), (100, 100), "only time makes room");
    }

    #[test]
    fn one_client_has_room_for_so_many_bytes() {
        let memory = MarkMemory::new(10, [1, 2]);
        let who = memory.who(client(1), b"");
        let most = limits::MARKS_OF_CLIENT_BYTES_MAX - b"mark".len();
        memory.remember(who, given(&"x".repeat(most)), false).unwrap();
        assert_eq!(memory.remember(who, given(&"x".repeat(most + 1)), false), Err(NoRoom));
        assert_eq!(memory.remember(who, Given { name: b"m", ..given("1") }, false), Err(NoRoom));
        assert_eq!(
            memory.recall(who, b"mark", BY_ADDRESS, false),
            mark(&"x".repeat(most)),
            "the old one stays"
        );
    }

    #[test]
    fn a_client_takes_at_most_a_kib_and_mostly_a_third_of_it() {
        let held = |value: &str, names: &[&[u8]]| {
            let memory = MarkMemory::new(10_000, [1, 2]);
            let info = allocation_counter::measure(|| {
                for number in 0..10_000 {
                    for name in names {
                        let who = memory.who(client(number), b"");
                        memory.remember(who, Given { name, ..given(value) }, false).unwrap();
                    }
                }
            });
            info.bytes_current / 10_000
        };
        let most = limits::MARKS_OF_CLIENT_BYTES_MAX / limits::MARKS_OF_CLIENT_MAX - 1;
        let most = held(&"x".repeat(most), &[b"a", b"b", b"c", b"d"]);
        assert!(most <= 1024, "{most} bytes");
        let usual = held("news.example", &[b"AbusiveReferer"]);
        assert!(usual <= 340, "{usual} bytes");
    }

    #[test]
    fn rules_that_observe_mark_nobody_but_for_themselves() {
        let memory = MarkMemory::new(10, [1, 2]);
        let who = memory.who(client(1), b"");
        memory.remember(who, given("shadow"), true).unwrap();
        assert_eq!(memory.recall(who, b"mark", BY_ADDRESS, false), Recalled::Nothing);
        assert_eq!(memory.recall(who, b"mark", BY_ADDRESS, true), mark("shadow"));
        assert_eq!(memory.clients(), 0);
        memory.forget(who, b"mark", Sameness::Address, true);
        assert_eq!(memory.recall(who, b"mark", BY_ADDRESS, true), Recalled::Nothing);
    }

    #[test]
    fn what_was_revoked_is_not_remembered() {
        let memory = MarkMemory::new(10, [1, 2]);
        let who = memory.who(client(1), b"");
        memory.remember(who, given("1"), false).unwrap();
        let terms = Terms { valid_from: later(1), ..TERMS };
        let asked = Asked { terms, now: later(2), ..BY_ADDRESS };
        assert_eq!(memory.recall(who, b"mark", asked, false), Recalled::Nothing);
        let short = Terms { lasts: Duration::from_secs(1), ..TERMS };
        let asked = Asked { terms: short, now: later(2), ..BY_ADDRESS };
        assert_eq!(memory.recall(who, b"mark", asked, false), Recalled::Nothing);
    }
}
