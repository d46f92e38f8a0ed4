//! Pressure: what says that send buffers run out, and whether they do now.
//!
//! ```text
//!  /proc/user_beancounters, /proc/bc ─┐
//!  sockstat, tcp_mem, TcpExt, PSI ────┼─▶ Reading ─┐ another one, later
//!  control groups v1, v2 ─────────────┘            ├─▶ Pressure: verdict, rows, who holds the buffers, evidence
//!  sockets, read by the shell ─────────────────────┘
//! ```
//!
//! Nearly everything here counts from the start of the container or the machine. One reading can say that something was
//! refused, never that it is being refused: only two readings and their difference can. And a resource that is held far
//! below its limit is no proof of health: a barrier of send buffers makes writers wait before the limit is reached, and
//! what is held falls as soon as they do.

mod beancounters;
mod buffers;
mod cgroup;
mod evidence;
mod kernel;
mod reading;
mod sockets;

pub use beancounters::{Beancounters, CONTAINERS_MAX, Held, ROWS_MAX, Row, Unit, Zone, is_unlimited};
pub use buffers::{
    Consistency, FIRST_PACKET_BYTES, Room, SLOW_DOWNLOAD_BYTES_LEAST, SLOW_DOWNLOAD_BYTES_MOST,
    SlowDownloads, downloads_that_fill, slow_downloads_that_fill,
};
pub use cgroup::{Group, Version};
pub use kernel::{COUNTERS, Counter, Speaks, Stall, TcpMemory, Values};
pub use reading::{Boot, Reading, Roots, Source, SourceState};
pub use sockets::{
    Direction, SendTimes, Socket, SocketGroup, SocketGroups, Trade, TradeSum, WaitsFor, network_of,
};

use crate::human;
use crate::report::Evidence;
use serde::Serialize;

/// What the machine or its containers say.
#[derive(Clone, Debug, Serialize)]
pub struct Pressure {
    /// In a word.
    pub verdict: PressureVerdict,
    /// Whether send buffers are refused or made to wait now; `None` where nobody can tell.
    pub is_failing_now: Option<bool>,
    /// In a sentence.
    pub sentence: String,
    /// From the first reading to the second; `None` with one reading, or where the times are not known.
    pub between_seconds: Option<f64>,
    /// Whether there were two readings of the same start.
    pub has_two_readings: bool,
    /// Where it comes from, and what could not be read and why.
    pub sources: Vec<Source>,
    /// Containers, those in trouble first.
    pub containers: Vec<Container>,
    /// TCP's memory on the whole machine.
    pub tcp: Option<Tcp>,
    /// The kernel's counters that are not 0.
    pub counters: Vec<Count>,
    /// Control groups that hold memory for sockets or were refused it.
    pub groups: Vec<GroupPressure>,
    /// Programs that stood still for want of memory.
    pub stall: Option<Stall>,
    /// Who holds the send buffers now.
    pub sockets: Option<SocketGroups>,
    /// How many slow downloads there is room for: of the container in most trouble first.
    pub rooms: Vec<Room>,
    /// What it rests on, the strongest first.
    pub evidence: Vec<Evidence>,
}

/// What pressure comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PressureVerdict {
    /// Memory for sending was refused between the two readings.
    Failing,
    /// Something else of a container was refused between them.
    FailingElsewhere,
    /// More is held than should be; nothing was refused.
    Tight,
    /// Two readings, and nothing was refused between them.
    NotFailing,
    /// One reading, and nothing was refused since the start.
    NeverFailed,
    /// Something was refused at some time: one reading cannot say when.
    CannotTell,
    /// There was nothing to read.
    NothingToRead,
}

/// What a count grew by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// By so much.
    pub by: u64,
    /// In a second; `None` where the time between is not known.
    pub per_second: Option<f64>,
    /// `+N in T (N/s)`.
    pub text: String,
}

/// One container.
#[derive(Clone, Debug, Serialize)]
pub struct Container {
    /// Its number or name; empty where the file does not say.
    pub uid: String,
    /// As people would say it.
    pub name: String,
    /// A counter fell between the readings: it was restarted, and counts anew.
    pub was_restarted: bool,
    /// The worst zone of its resources.
    pub zone: Option<Zone>,
    /// Its resources in the order of the file.
    pub resources: Vec<Resource>,
    /// Whether barrier and limit of its send buffers fit its sockets.
    pub consistency: Option<Consistency>,
}

/// One resource of a container.
#[derive(Clone, Debug, Serialize)]
pub struct Resource {
    /// By the kernel's name.
    pub name: String,
    /// What its numbers count.
    pub unit: Unit,
    /// Held now.
    pub held: u64,
    /// The most that was held.
    pub maxheld: u64,
    /// The soft line; `None` if there is none.
    pub barrier: Option<u64>,
    /// The hard line; `None` if there is none.
    pub limit: Option<u64>,
    /// Times refused since the container started.
    pub failcnt: u64,
    /// What the times refused grew by.
    pub change: Option<Change>,
    /// How bad it is; `None` where there is no line to alarm on.
    pub zone: Option<Zone>,
    /// Whether a short table should show it.
    pub is_notable: bool,
}

/// TCP's memory against its lines, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tcp {
    /// Connections of this network namespace.
    pub connections: u64,
    /// Held now, on the whole machine.
    pub held_bytes: u64,
    /// Above it windows stop to grow.
    pub pressure_bytes: Option<u64>,
    /// Above it memory is refused.
    pub high_bytes: Option<u64>,
}

/// One of the kernel's counters.
#[derive(Clone, Debug, Serialize)]
pub struct Count {
    /// `TcpExt.TCPMemoryPressures`.
    pub name: String,
    /// What it speaks of.
    pub speaks: Speaks,
    /// What one more of it means.
    pub meaning: &'static str,
    /// Since the start.
    pub value: u64,
    /// What it grew by.
    pub change: Option<Change>,
}

/// A control group, and what its refusals grew by.
#[derive(Clone, Debug, Serialize)]
pub struct GroupPressure {
    /// As it was read.
    #[serde(flatten)]
    pub group: Group,
    /// What `failcnt` grew by (v1).
    pub refused: Option<Change>,
    /// What the runs into the limit of memory grew by (v2).
    pub memory_max_change: Option<Change>,
}

impl Pressure {
    /// What the later reading says, and against the earlier one if there is one. `sockets` are those of the moment of
    /// the later one.
    pub fn of(before: Option<&Reading>, after: &Reading, sockets: Option<&[Socket]>) -> Self {
        // a reading is no earlier one of itself
        let before = before.filter(|before| *before != after);
        let same_start = before.filter(|before| before.boot.is_same(&after.boot));
        let between = same_start.and_then(|before| {
            let micros = after.at_unix_micros?.checked_sub(before.at_unix_micros?)?;
            #[expect(clippy::cast_precision_loss, reason = "years of microseconds fit the 53 bits")]
            (micros > 0).then(|| micros as f64 / 1e6)
        });
        let mut containers = containers(same_start, after, between);
        containers.sort_by_key(|container| std::cmp::Reverse(container.trouble()));
        let mut pressure = Self {
            verdict: PressureVerdict::NothingToRead,
            is_failing_now: None,
            sentence: String::new(),
            between_seconds: between,
            has_two_readings: same_start.is_some(),
            sources: after.sources.clone(),
            tcp: after.tcp.as_ref().map(Tcp::of),
            counters: counters(same_start, after, between),
            groups: groups(same_start, after, between),
            stall: after.stall,
            sockets: sockets.map(SocketGroups::of),
            rooms: rooms(&containers, after.tcp.as_ref()),
            containers,
            evidence: Vec::new(),
        };
        pressure.judge(before, after);
        pressure
    }

    /// How much room there is for slow downloads, and whose it is: of the container in most trouble, or the machine.
    pub fn room(&self) -> Option<&Room> {
        self.rooms.first()
    }
}

impl Tcp {
    fn of(memory: &TcpMemory) -> Self {
        let bytes = |pages: u64| pages.saturating_mul(memory.page_bytes);
        Self {
            connections: memory.inuse,
            held_bytes: bytes(memory.held_pages),
            pressure_bytes: memory.lines_pages.map(|[_, pressure, _]| bytes(pressure)),
            high_bytes: memory.lines_pages.map(|[_, _, high]| bytes(high)),
        }
    }
}

impl Container {
    /// The resource of that name.
    pub fn resource(&self, name: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.name == name)
    }

    /// The greater, the more it is in trouble: refused now, then zone, then refused ever; send buffers before others.
    fn trouble(&self) -> (u64, Option<Zone>, u64) {
        let growth = |resource: &Resource| resource.change.as_ref().map_or(0, |change| change.by);
        let sends = self.resource("tcpsndbuf");
        (
            sends.map_or(0, growth).max(self.resources.iter().map(growth).max().unwrap_or(0)),
            self.zone,
            sends
                .map_or(0, |row| row.failcnt)
                .max(self.resources.iter().map(|r| r.failcnt).max().unwrap_or(0)),
        )
    }

    fn of(held: &Held, before: Option<&Held>, between: Option<f64>) -> Self {
        let fell = |row: &Row| {
            let old = before.and_then(|before| before.row(&row.resource));
            old.is_some_and(|old| row.failcnt < old.failcnt)
        };
        let was_restarted = held.rows.iter().any(fell);
        let before = before.filter(|_| !was_restarted);
        let resources: Vec<Resource> = held
            .rows
            .iter()
            .map(|row| Resource::of(row, before.and_then(|before| before.row(&row.resource)), between))
            .collect();
        let name = match held.uid.as_str() {
            "" => "this container".to_owned(),
            "0" => "the node itself (0)".to_owned(),
            uid => format!("container {}", uid.escape_default()),
        };
        let lined = |name: &str| held.row(name).filter(|row| !is_unlimited(row.barrier) && row.barrier > 0);
        let consistency = lined("tcpsndbuf").filter(|row| !is_unlimited(row.limit)).map(|row| {
            Consistency::of(row.barrier, row.limit, lined("numtcpsock").map(|sockets| sockets.barrier))
        });
        let zone = resources.iter().filter_map(|resource| resource.zone).max();
        Self { uid: held.uid.clone(), name, was_restarted, zone, resources, consistency }
    }
}

impl Resource {
    fn of(row: &Row, before: Option<&Row>, between: Option<f64>) -> Self {
        let change = before.map(|before| Change::of(before.failcnt, row.failcnt, between));
        let has_failed_now = change.as_ref().is_some_and(|change| change.by > 0);
        let zone = if has_failed_now { Some(Zone::Black) } else { row.zone() };
        let is_sending = matches!(row.resource.as_str(), "tcpsndbuf" | "numtcpsock");
        Self {
            name: row.resource.clone(),
            unit: row.unit(),
            held: row.held,
            maxheld: row.maxheld,
            barrier: Some(row.barrier).filter(|value| !is_unlimited(*value)),
            limit: Some(row.limit).filter(|value| !is_unlimited(*value)),
            failcnt: row.failcnt,
            change,
            zone,
            is_notable: is_sending || row.failcnt > 0 || zone.is_some_and(|zone| zone > Zone::Green),
        }
    }
}

/// Files that are dated less far apart were copied together: their dates say nothing of when they were read.
const READINGS_APART_MIN: f64 = 0.5;

impl Change {
    fn of(before: u64, after: u64, between: Option<f64>) -> Self {
        let by = after.saturating_sub(before);
        let between = between.filter(|seconds| *seconds >= READINGS_APART_MIN);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let per_second = between.map(|seconds| by as f64 / seconds);
        let text = match (per_second, between) {
            (Some(rate), Some(between)) if by > 0 => {
                format!("+{} in {} ({})", human::count(by), human::seconds(between), human::per_second(rate))
            }
            (_, Some(between)) => format!("+{} in {}", human::count(by), human::seconds(between)),
            _ => format!("+{} between the two readings", human::count(by)),
        };
        Self { by, per_second, text }
    }
}

fn containers(before: Option<&Reading>, after: &Reading, between: Option<f64>) -> Vec<Container> {
    let Some(counters) = &after.beancounters else { return Vec::new() };
    let before = before.and_then(|before| before.beancounters.as_ref());
    let of =
        |held: &Held| Container::of(held, before.and_then(|before| before.container(&held.uid)), between);
    counters.containers.iter().map(of).collect()
}

fn counters(before: Option<&Reading>, after: &Reading, between: Option<f64>) -> Vec<Count> {
    let count = |counter: &'static Counter| {
        let name = format!("{}.{}", counter.group, counter.name);
        let value = *after.counters.get(&name)?;
        let old = before.and_then(|before| before.counters.get(&name)).copied();
        // a count that fell is of another network namespace, or another start
        let change = old.filter(|old| *old <= value).map(|old| Change::of(old, value, between));
        let is_shown = value > 0 || counter.speaks == Speaks::TcpMemory;
        is_shown.then_some(Count { name, speaks: counter.speaks, meaning: counter.meaning, value, change })
    };
    COUNTERS.iter().filter_map(count).collect()
}

fn groups(before: Option<&Reading>, after: &Reading, between: Option<f64>) -> Vec<GroupPressure> {
    let of = |group: &Group| {
        let old = before.and_then(|before| {
            before.groups.iter().find(|old| old.path == group.path && old.version == group.version)
        });
        let change = |pick: fn(&Group) -> Option<u64>| {
            let (old, new) = (old.and_then(pick)?, pick(group)?);
            (old <= new).then(|| Change::of(old, new, between))
        };
        GroupPressure {
            group: group.clone(),
            refused: change(|group| group.failcnt),
            memory_max_change: change(|group| group.memory_max),
        }
    };
    after.groups.iter().map(of).collect()
}

fn rooms(containers: &[Container], tcp: Option<&TcpMemory>) -> Vec<Room> {
    let of_container = |container: &Container| {
        let barrier = container.resource("tcpsndbuf")?.barrier.filter(|barrier| *barrier > 0)?;
        Some(Room::of_barrier(&container.name, barrier))
    };
    let mut rooms: Vec<Room> = containers.iter().filter_map(of_container).collect();
    if rooms.is_empty()
        && let Some(tcp) = tcp
        && let (Some([_, pressure, _]), Some([_, first, greatest])) = (tcp.lines_pages, tcp.send_buffer_bytes)
    {
        rooms.push(Room::of_machine(pressure.saturating_mul(tcp.page_bytes), (first, greatest)));
    }
    rooms
}
