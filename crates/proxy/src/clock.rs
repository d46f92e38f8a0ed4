//! The only place that asks the time.
//!
//! Everything else is told: `now` is an argument. Two clocks are read together: the monotonic one, by which all
//! waiting and pacing goes, and the one on the wall, for log lines and dates. The wall clock is asked again once a
//! second and reckoned from the monotonic one between, so a step of the system's clock shows within a second.

use engine::{Now, Stopwatch, WallTime};
use jiff::tz::TimeZone;
use shaping::Tick;
use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Nanoseconds between two looks at the wall clock.
const WALL_REFRESH_NANOS: u64 = 1_000_000_000;
const QUARTER_HOUR_MICROS: i64 = 900_000_000;

/// Reads both clocks. Copies share the same origin, so that the ticks of all workers mean the same moments.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    /// Wall time at the origin, in microseconds since the epoch, as far as known.
    wall_at_origin: Cell<i64>,
    /// The tick at which the wall clock is asked again; `u64::MAX`: never, it is derived.
    refresh_at_nanos: Cell<u64>,
    zone: TimeZone,
    /// A quarter of an hour since the epoch, and the offset that holds in it.
    offset: Cell<(i64, i32)>,
}

impl Clock {
    /// The system's clocks, ticks counted from now on.
    pub fn system() -> Self {
        let clock = Self::new(0, 0, TimeZone::system());
        clock.now();
        clock
    }

    /// A clock whose wall time starts at `wall` and then goes as the runtime's clock goes: for runtimes whose time
    /// is paused and moved by hand, where a recorded date must come out the same each time. Local time is UTC.
    pub fn derived(wall: WallTime) -> Self {
        Self::new(wall.0, u64::MAX, TimeZone::UTC)
    }

    fn new(wall_at_origin: i64, refresh_at_nanos: u64, zone: TimeZone) -> Self {
        Self {
            origin: Instant::now(),
            wall_at_origin: Cell::new(wall_at_origin),
            refresh_at_nanos: Cell::new(refresh_at_nanos),
            zone,
            offset: Cell::new((i64::MIN, 0)),
        }
    }

    /// Both clocks, now.
    #[inline]
    pub fn now(&self) -> Now {
        let nanos = self.nanos();
        if nanos >= self.refresh_at_nanos.get() {
            self.ask_the_wall(nanos);
        }
        let micros = i64::try_from(nanos / 1_000).unwrap_or(i64::MAX);
        Now {
            tick: Tick::from_nanos(nanos),
            wall: WallTime(self.wall_at_origin.get().saturating_add(micros)),
        }
    }

    /// The monotonic clock alone.
    #[inline]
    pub fn tick(&self) -> Tick {
        Tick::from_nanos(self.nanos())
    }

    /// The monotonic clock alone, for who may be on any thread.
    pub fn stopwatch(&self) -> Stopwatch {
        let origin = self.origin;
        Stopwatch::new(move || Tick::from_nanos(nanos_since(origin)))
    }

    /// Returns at the first whole millisecond of the timer at or after `tick`; at once if it is past.
    pub async fn sleep_until(&self, tick: Tick) {
        tokio::time::sleep_until(self.instant(tick)).await;
    }

    /// Local time minus UTC at this moment, in seconds. Looked up once in a quarter of an hour:
    /// offsets change at no other moments.
    pub(crate) fn utc_offset_seconds(&self, now: Now) -> i32 {
        let quarter = now.wall.0.div_euclid(QUARTER_HOUR_MICROS);
        let (known, offset) = self.offset.get();
        if known == quarter {
            return offset;
        }
        let offset =
            jiff::Timestamp::from_microsecond(now.wall.0).map_or(0, |at| self.zone.to_offset(at).seconds());
        self.offset.set((quarter, offset));
        offset
    }

    /// The runtime's name for a tick.
    pub(crate) fn instant(&self, tick: Tick) -> Instant {
        self.origin.checked_add(Duration::from_nanos(tick.nanos())).unwrap_or(self.origin)
    }

    #[inline]
    fn nanos(&self) -> u64 {
        nanos_since(self.origin)
    }

    #[cold]
    #[expect(clippy::disallowed_methods, reason = "this is the place that asks the time")]
    fn ask_the_wall(&self, nanos: u64) {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
        let ticked = i64::try_from(nanos / 1_000).unwrap_or(i64::MAX);
        self.wall_at_origin.set(wall.saturating_sub(ticked));
        self.refresh_at_nanos.set(nanos.saturating_add(WALL_REFRESH_NANOS));
    }
}
#[inline]
fn nanos_since(origin: Instant) -> u64 {
    u64::try_from(Instant::now().saturating_duration_since(origin).as_nanos()).unwrap_or(u64::MAX)
}
