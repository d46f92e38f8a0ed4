//! One trace through the proxy over in-memory streams on paused time, and its access log in the format `tidegate`
//! through replay: the decisions are the same, record for record. Guests are browsers: they bring back the cookies that
//! they got, and the log does not tell.

use crate::same_decisions::{LISTEN, Pipes, SEED, START};
use accesslog::{ConnectionState, Layout};
use analyser::input::{Input, Options, Watch};
use analyser::replay::{Replay, ReplayOptions};
use engine::catalog::MemoryFiles;
use engine::decision::{DecisionRecord, Event, Outcome};
use engine::{Catalog, Delivery, Shared, SharedOptions};
use proxy::{Clock, Ends, Wakes, Worker, WorkerSettings};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, LocalOptions};
use tokio::time::Instant;

const GUESTS: u16 = 120;

fn catalog(format: &str) -> Catalog {
    let text = format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:80\"\npool = \"nodes\"\ntimeout = \"9s\"\n\
         access_log = {{ path = \"-\", format = \"{format}\" }}\n\
         request_rules = [\"abusive-referer\", \"turned\"]\n\
         [pools.nodes]\nnodes = [\"10.0.0.1:80\"]\n\
         [rate_classes.StandardReferer]\nmax_rate_per_second = 3\nmax_rate_per_minute = 40\nmax_wait = \"8s\"\n\
         [rate_classes.BusyReferer]\nmax_rate_per_second = 6\n\
         [bandwidth_classes.AbusiveReferer]\nmaximum = \"8 Mbit/s\"\n"
    );
    let turned = "if( http.getPath() == \"/discard\" ) {\n   connection.discard();\n}\n\
        if( http.getPath() == \"/no\" && http.getHostHeader() == \"site.example\" ) {\n\
           http.sendResponse( 403, \"text/plain\", \"no\", \"\" );\n}\n\
        if( http.getPath() == \"/nap\" ) {\n   connection.sleep( 700 );\n}\n";
    let files = MemoryFiles::default()
        .with("tidegate.toml", text)
        .with("rules/abusive-referer.rts", include_str!("../../../../spec/rules/abusive-referer.rts"))
        .with("rules/turned.rts", turned);
    let loaded = Catalog::load(Path::new("tidegate.toml"), &files, engine::builtins::builtins());
    loaded.catalog.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

/// Somebody who comes.
#[derive(Clone)]
struct Guest {
    at: Duration,
    client: SocketAddr,
    path: &'static str,
    referer: Option<&'static str>,
    leaves_at: Option<Duration>,
}

/// No two moments of a trace are whole seconds apart, so that nobody comes at the very moment at which a place falls
/// free: who is first then is not decided.
const APART_MILLIS: u64 = 37;

fn trace(seed: u32) -> Vec<Guest> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(7);
    let mut up_to = |max: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % max
    };
    let referers =
        [None, Some("http://news.example/story"), Some("http://news.example/other"), Some("http://google/")];
    let taken: BTreeSet<u64> = (0..u64::from(GUESTS)).map(|number| number * APART_MILLIS % 1000).collect();
    let guest = |number: u16| {
        let at = u64::from(number) * APART_MILLIS;
        let mut leaves_at =
            (1 + at + u64::from(up_to(3_000))..).filter(|moment| !taken.contains(&(moment % 1000)));
        Guest {
            at: Duration::from_millis(at),
            client: SocketAddr::from(([192, 0, 2, u8::try_from(1 + up_to(40)).unwrap()], 10_000 + number)),
            path: ["/", "/", "/page?x=1", "/discard", "/no", "/nap"][up_to(6) as usize],
            referer: referers[up_to(4) as usize],
            leaves_at: leaves_at.next().filter(|_| up_to(5) == 0).map(Duration::from_millis),
        }
    };
    (0..GUESTS).map(guest).collect()
}

#[test]
fn a_log_in_our_own_format_replays_to_the_same_decisions() {
    for seed in 0..8 {
        let (live, log) = through_the_proxy("tidegate", &trace(seed));
        let live = by_arrival(live);
        let replayed = by_arrival(through_replay("tidegate", &log));
        assert_eq!(live.len(), usize::from(GUESTS), "seed {seed}");
        for (live, replayed) in live.iter().zip(&replayed) {
            assert_eq!(live, replayed, "seed {seed}");
        }
        assert_eq!(live.len(), replayed.len(), "seed {seed}");
        // The trace has something to say about all of it.
        let count = |wanted: fn(&DecisionRecord) -> bool| live.iter().filter(|record| wanted(record)).count();
        assert!(count(|record| matches!(record.outcome, Outcome::Forward { .. })) > 10);
        assert!(count(|record| matches!(record.outcome, Outcome::Discard)) > 5);
        assert!(count(|record| matches!(record.outcome, Outcome::ClientLeft)) > 2);
        let waited = |event: &Event| matches!(event, Event::Rate { waited_micros: 1.., .. });
        assert!(
            live.iter().filter(|record| record.events.iter().any(|(_, event)| waited(event))).count() > 10
        );
        assert!(count(|record| record.bandwidth_class.as_deref() == Some("AbusiveReferer")) > 3);
    }
}

#[test]
fn a_combined_log_of_the_same_trace_says_what_cannot_be_equal() {
    let (live, log) = through_the_proxy("combined", &trace(1));
    let mut replay = Replay::new(catalog("combined"), ReplayOptions::default()).unwrap();
    feed(&mut replay, "combined", &log);
    let effect = replay.finish();
    assert_eq!(effect.log.requests, live.len() as u64);
    let told = effect.cannot_know.join("\n");
    for what in ["whole seconds", "no Host", "does not number connections", "how long answers took"] {
        assert!(told.contains(what), "{what}: {told}");
    }
    let unknown: Vec<&str> =
        effect.rules.iter().flat_map(|rule| &rule.undecidable).map(|row| row.fact.as_str()).collect();
    assert_eq!(unknown, ["Host"]);
}

/// In the order of arrival, which is unique here; the identities are the shells' own and become that order.
fn by_arrival(mut records: Vec<DecisionRecord>) -> Vec<DecisionRecord> {
    records.sort_by_key(|record| record.arrived);
    for (number, record) in (0..).zip(&mut records) {
        record.request_id = number;
    }
    records
}

fn through_replay(format: &str, log: &[u8]) -> Vec<DecisionRecord> {
    let records = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&records);
    let mut replay = Replay::new(catalog(format), ReplayOptions::default())
        .unwrap()
        .observed_by(move |transaction| seen.borrow_mut().push(transaction.record()));
    feed(&mut replay, format, log);
    let _effect = replay.finish();
    records.take()
}

fn feed(replay: &mut Replay, format: &str, log: &[u8]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), log).unwrap();
    let options = Options { layout: Layout::named(format), threads: NonZeroUsize::MIN };
    let input = Input::open(&[file.path().to_owned()], &options).unwrap();
    let watch = Watch { cancel: &AtomicBool::new(false), progress: &|_| {} };
    let ordered = input.in_order(&watch, |line, file| {
        replay.take(line, &file.facts());
        ControlFlow::Continue(())
    });
    assert_eq!(ordered.counts[0].bad, 0, "{:?}", ordered.counts[0].samples);
}

/// Cookies by client; all come with one program.
type Jars = Rc<RefCell<BTreeMap<IpAddr, String>>>;

fn through_the_proxy(format: &str, trace: &[Guest]) -> (Vec<DecisionRecord>, Vec<u8>) {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async {
        let clock = Clock::derived(START);
        let start = Instant::now();
        let wakes = Wakes::new();
        let options = SharedOptions { seed: SEED, ..SharedOptions::default() };
        let shared = Shared::new(catalog(format), &options, Box::new(wakes.clone()), clock.now());
        let settings = WorkerSettings {
            shared: Arc::clone(&shared),
            wakes,
            clock: clock.clone(),
            place: (0, 1),
            connections_max: 1000,
            seed: 1,
        };
        let worker = Worker::new(settings, Pipes);
        let told = Rc::new(RefCell::new((Vec::new(), Vec::new())));
        let seen = Rc::clone(&told);
        worker.observe(move |transaction| {
            let (records, log) = &mut *seen.borrow_mut();
            let delivery = Delivery {
                body_bytes_sent: 2,
                bytes_sent: 42,
                bytes_received: 80,
                first_byte_at: None,
                node: None,
                connection: ConnectionState::Closed,
                utc_offset_seconds: 7_200,
            };
            transaction.write_log_line(&delivery, clock.now(), log);
            records.push(transaction.record());
        });
        let jars = Jars::default();
        let come = |guest: &Guest| come(Rc::clone(&worker), start, guest.clone(), Rc::clone(&jars));
        let guests: Vec<_> = trace.iter().map(|guest| tokio::task::spawn_local(come(guest))).collect();
        for guest in guests {
            guest.await.unwrap();
        }
        // Those who left are noticed when the worker runs next.
        tokio::time::sleep_until(Instant::now() + Duration::from_secs(1)).await;
        told.take()
    })
}

async fn come(worker: Rc<Worker<Pipes>>, start: Instant, guest: Guest, jars: Jars) {
    tokio::time::sleep_until(start + guest.at).await;
    let (ours, mut theirs) = duplex(64 * 1024);
    let listen: SocketAddr = LISTEN.parse().unwrap();
    tokio::task::spawn_local(worker.serve(ours, Ends { listen, peer: guest.client, local: listen }));
    let mut text = format!(
        "GET {} HTTP/1.1\r\nHost: site.example\r\nUser-Agent: a browser\r\nConnection: close\r\n",
        guest.path
    );
    let cookie = jars.borrow().get(&guest.client.ip()).cloned();
    for (name, value) in [("Referer", guest.referer), ("Cookie", cookie.as_deref())] {
        if let Some(value) = value {
            text.extend([name, ": ", value, "\r\n"]);
        }
    }
    theirs.write_all((text + "\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut answered = async || {
        let mut piece = [0; 1024];
        while let Ok(count @ 1..) = theirs.read(&mut piece).await {
            answer.extend_from_slice(&piece[..count]);
        }
    };
    match guest.leaves_at {
        Some(leaves_at) => tokio::select! {
            biased;
            () = answered() => {}
            () = tokio::time::sleep_until(start + leaves_at) => {}
        },
        None => answered().await,
    }
    let answer = String::from_utf8_lossy(&answer);
    for line in answer.lines().filter_map(|line| line.strip_prefix("Set-Cookie: ")) {
        let pair = line.split(';').next().unwrap().to_owned();
        jars.borrow_mut().insert(guest.client.ip(), pair);
    }
}
