//! Laws of the ladder, searched for counter-examples.

use super::GuardSettings;
use super::event::GuardEvent;
use super::others::Health;
use super::site::{Move, Role};
use super::watch::{Change, Watch, Why};
use crate::catalog::Step;
use crate::limits;
use crate::time::WallTime;
use proptest::prelude::*;
use shaping::{ClientNetwork, Tick};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(10);

fn settings(climb_to: Step) -> GuardSettings {
    GuardSettings {
        window: WINDOW,
        crowd: 20,
        media_bytes: 1_000_000,
        media_share: 50,
        surge: 4,
        climb_after: WINDOW,
        calm_after: 2 * WINDOW,
        climb_to,
        queue: Some(Arc::from("Entries")),
        slow: Some(Arc::from("Media")),
        exempt: Vec::new(),
    }
}

/// A watch, its time, and clients that were never there before.
struct Played {
    watch: Watch,
    settings: GuardSettings,
    window: u32,
    client: u32,
}

impl Played {
    fn new(climb_to: Step) -> Self {
        Self { watch: Watch::new([1, 2]), settings: settings(climb_to), window: 0, client: 0x0a00_0000 }
    }

    fn now(&self) -> Tick {
        Tick::ZERO.saturating_add(WINDOW * self.window)
    }

    fn newcomers(&mut self, site: &str, count: u32) {
        for _ in 0..count {
            self.client += 1;
            let client = ClientNetwork::of(IpAddr::from(self.client.to_be_bytes()));
            self.watch.arrives(site, Role::Entry, client, self.now());
        }
    }

    fn media(&mut self, site: &str, count: u32, bytes: u64) {
        for _ in 0..count {
            let client = ClientNetwork::of(IpAddr::from([192, 0, 2, 1]));
            self.watch.arrives(site, Role::Media, client, self.now());
            self.watch.sent(site, Role::Media, bytes);
        }
    }

    fn look(&mut self, health: Health) -> Vec<Change> {
        self.window += 1;
        let now = self.now();
        self.watch.look(&self.settings, health, now)
    }

    fn step(&self, site: &str) -> Option<Step> {
        self.watch.sites().find(|known| &*known.name == site).map(|site| site.step)
    }
}

fn well(millis: u64) -> Health {
    Health { slowest: Some(Duration::from_millis(millis)), failed: Some(0), refused: Some(0) }
}

#[test]
fn a_crowd_is_held_back_step_by_step_and_let_go_when_it_ends() {
    let mut played = Played::new(Step::Refuse);
    let mut steps = Vec::new();
    for window in 0..20 {
        played.newcomers("news.example", if window < 6 { 200 } else { 1 });
        played.look(well(50));
        steps.push(played.step("news.example").expect("it is known").name());
    }
    let up = ["shadow", "queue", "slow", "notice", "refuse", "refuse"];
    let down = ["refuse", "refuse", "notice", "notice", "slow", "slow", "queue", "queue", "shadow", "shadow"];
    assert_eq!(steps[..6], up);
    assert_eq!(steps[6..16], down);
    assert_eq!(steps[16..], ["observe"; 4]);
}

#[test]
fn the_reason_names_what_was_seen_and_what_is_done() {
    let mut played = Played::new(Step::Queue);
    let mut told = Vec::new();
    for _ in 0..3 {
        played.newcomers("news.example", 212);
        for change in played.look(well(50)) {
            told.push(GuardEvent::of(&change, &played.settings, WallTime(0)).reason);
        }
    }
    assert_eq!(
        told,
        [
            "212 new visitors (212 entries) in 10 s, usual 0; from now on what a queue would do is counted",
            "212 new visitors (212 entries) in 10 s, usual 0; from now on entries queue in `Entries`",
        ]
    );
}

#[test]
fn a_guard_that_observes_tells_of_each_surge_once_and_does_nothing() {
    let mut played = Played::new(Step::Observe);
    let mut told = Vec::new();
    for window in 0..9 {
        played.newcomers("news.example", if window == 4 { 0 } else { 100 });
        told.extend(played.look(well(50)).into_iter().map(|change| (window, change.from, change.to)));
    }
    assert_eq!(told, [(0, Step::Observe, Step::Observe), (5, Step::Observe, Step::Observe)]);
}

#[test]
fn one_client_with_many_requests_is_no_crowd() {
    let mut played = Played::new(Step::Refuse);
    let client = ClientNetwork::of(IpAddr::from([192, 0, 2, 7]));
    for _ in 0..10_000 {
        played.watch.arrives("rival.example", Role::Entry, client, Tick::ZERO);
    }
    assert_eq!(played.look(well(50)), [], "or anybody could have a site held back by its name");
}

#[test]
fn media_that_are_slowed_or_refused_do_not_look_calm_for_it() {
    let mut played = Played::new(Step::Refuse);
    for window in 0..30 {
        // From the step that slows them on, hardly anything of them is sent.
        let step = played.step("forum.example").unwrap_or(Step::Observe);
        played.media("forum.example", 30, if step >= Step::Slow { 100 } else { 100_000 });
        played.look(well(50));
        let wanted = Step::ALL[Step::ALL.len().min(window + 2) - 1];
        assert_eq!(played.step("forum.example"), Some(wanted), "window {window}");
    }
}

#[test]
fn a_step_that_hurts_the_own_visitors_is_taken_back_and_none_follows_for_a_while() {
    let mut played = Played::new(Step::Refuse);
    let mut steps = Vec::new();
    for window in 0..8 {
        played.newcomers("news.example", 200);
        // It climbs to the queue in window 1, and all who are not in it wait longer in window 2.
        let changes = played.look(if window == 2 { well(900) } else { well(50) });
        if window == 2 {
            assert!(matches!(changes[..], [Change { why: Why::Hurt(_), .. }]), "{changes:?}");
        }
        steps.push(played.step("news.example").expect("it is known").name());
    }
    assert_eq!(steps, ["shadow", "queue", "shadow", "shadow", "queue", "slow", "notice", "refuse"]);
}

#[test]
fn a_crowd_that_slows_everybody_down_by_itself_is_held_back_all_the_same() {
    let mut played = Played::new(Step::Queue);
    for millis in [50, 3_000, 3_000] {
        played.newcomers("news.example", 200);
        played.look(well(millis));
    }
    assert_eq!(played.step("news.example"), Some(Step::Queue));
}

#[test]
fn an_attacker_who_makes_up_sites_neither_grows_the_table_nor_frees_one_that_is_held_back() {
    let mut played = Played::new(Step::Queue);
    for _ in 0..2 {
        played.newcomers("news.example", 100);
        played.look(well(50));
    }
    let client = ClientNetwork::of(IpAddr::from([192, 0, 2, 9]));
    for number in 0..200_000 {
        played.watch.arrives(&format!("{number}.example"), Role::Entry, client, played.now());
    }
    assert_eq!(played.step("news.example"), Some(Step::Queue));
    let (mut sites, mut bytes) = (0, 0);
    for site in played.watch.sites() {
        sites += 1;
        bytes += site.name.len() + size_of_val(site);
    }
    assert!(sites <= limits::GUARD_SITES_MAX + 1, "{sites}");
    assert!(bytes < 512 << 10, "{bytes}");
}

#[test]
fn a_crowd_in_a_flood_of_made_up_sites_is_seen() {
    let mut played = Played::new(Step::Shadow);
    let client = ClientNetwork::of(IpAddr::from([192, 0, 2, 9]));
    for number in 0..100_000 {
        played.watch.arrives(&format!("{number}.example"), Role::Entry, client, Tick::ZERO);
        if number % 1_000 == 0 {
            played.newcomers("news.example", 1);
        }
    }
    played.look(well(50));
    assert_eq!(played.step("news.example"), Some(Step::Shadow));
}

#[test]
fn a_site_that_was_spared_by_hand_is_left_alone_for_an_hour() {
    let mut played = Played::new(Step::Refuse);
    let mut climbed = None;
    for window in 0..400_u32 {
        played.newcomers("news.example", 200);
        played.look(well(50));
        if window == 3 {
            let change = played.watch.undo("news.example", played.now()).expect("it is known");
            assert_eq!((change.from, change.to), (Step::Notice, Step::Observe));
        }
        if window > 3 && played.step("news.example") > Some(Step::Observe) {
            climbed.get_or_insert(window - 3);
        }
    }
    assert_eq!(climbed, Some(360));
    assert_eq!(played.watch.undo("nobody.example", played.now()), None);
}

#[test]
fn what_a_site_always_sends_is_its_usual() {
    let mut played = Played::new(Step::Refuse);
    played.settings.crowd = 100;
    for _ in 0..100 {
        played.newcomers("partner.example", 90);
        assert_eq!(played.look(well(50)), []);
    }
    for _ in 0..10 {
        played.newcomers("partner.example", 300);
        assert_eq!(played.look(well(50)), [], "within four times its usual");
    }
    played.newcomers("partner.example", 900);
    assert!(matches!(played.look(well(50))[..], [Change { why: Why::Moved(Move::Climb(_)), .. }]));
}

/// What happens in a window: newcomers of three sites, how the others fare, and the last step that may be taken.
type Window = ([u32; 3], u64, usize);

fn windows() -> impl Strategy<Value = Vec<Window>> {
    let sizes = prop::array::uniform3(prop_oneof![Just(0), Just(8), Just(15), 30..200_u32]);
    prop::collection::vec((sizes, prop_oneof![3 => Just(50), 1 => Just(900)], 0..6_usize), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn who_inherits_knows_what_was_known(windows in windows(), is_undone in prop::bool::ANY) {
        let mut played = Played::new(Step::Refuse);
        for (sizes, millis, _) in windows {
            for (site, size) in ["a.example", "b.example", "(other)"].iter().zip(sizes) {
                played.newcomers(site, size);
                played.media(site, size, u64::from(size) * 1_000);
            }
            played.look(well(millis));
        }
        if is_undone {
            played.watch.undo("b.example", played.now());
        }
        let now = played.now();
        let left = played.watch.legacy(usize::MAX, now);
        let first = left.sites.get(..1).unwrap_or_default();
        prop_assert_eq!(&played.watch.legacy(1, now).sites, first);
        let sent = serde_json::to_string(&left).unwrap();
        let mut heir = Watch::new([3, 4]);
        heir.inherit(&serde_json::from_str(&sent).unwrap(), now);
        prop_assert_eq!(&heir.legacy(usize::MAX, now), &left);
        // A process whose clock has just begun.
        let (mut young, first) = (Watch::new([5, 6]), Tick::from_nanos(1));
        young.inherit(&left, first);
        for site in played.watch.sites().filter(|site| site.is_known()) {
            let again = young.sites().find(|known| known.name == site.name).unwrap();
            prop_assert_eq!((again.step, again.usual()), (site.step, site.usual()));
            prop_assert_eq!(again.spared_until.since(first), site.spared_until.since(now));
        }
    }

    #[test]
    fn steps_are_single_have_their_reason_and_stop_where_they_hurt(
        windows in windows(), fixed in prop::bool::ANY
    ) {
        let mut played = Played::new(Step::Refuse);
        let mut known: BTreeMap<Box<str>, Step> = BTreeMap::new();
        let mut hold_until = 0;
        for (sizes, millis, ceiling) in windows {
            if !fixed {
                played.settings.climb_to = Step::ALL[ceiling];
            }
            for (site, size) in ["a.example", "b.example", "c.example"].iter().zip(sizes) {
                played.newcomers(site, size);
            }
            let changes = played.look(well(millis));
            let mut moved: Vec<_> = changes.iter().filter(|change| change.from != change.to).collect();
            moved.sort_by(|one, other| one.site.cmp(&other.site));
            for pair in moved.windows(2) {
                prop_assert_ne!(&pair[0].site, &pair[1].site, "two steps at once");
            }
            for change in &changes {
                let from = known.get(&change.site).copied().unwrap_or(Step::Observe);
                prop_assert_eq!(change.from, from);
                let is_single = change.to == from.up() || change.to == from.down() || change.to == from;
                let is_lowered = change.why == Why::Moved(Move::Ceiling);
                prop_assert!(is_single || is_lowered, "{:?}", change);
                prop_assert!(change.to <= played.settings.climb_to || change.to < from);
                if change.to > from {
                    prop_assert!(played.window >= hold_until, "it climbs although others are hurt");
                }
                if matches!(change.why, Why::Hurt(_)) {
                    hold_until = played.window + 2;
                }
                known.insert(change.site.clone(), change.to);
            }
            for site in played.watch.sites() {
                prop_assert_eq!(site.step, known.get(&site.name).copied().unwrap_or(Step::Observe));
            }
        }
        // The surge is over: all is as it was, in time.
        for _ in 0..3 * Step::ALL.len() {
            played.look(well(50));
        }
        prop_assert!(played.watch.sites().all(|site| site.step == Step::Observe));
    }
}
