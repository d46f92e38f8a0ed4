//! One trace, once through the proxy over in-memory streams on paused time and once through the event queue of
//! `try`: the decisions are the same, record for record.

use engine::catalog::{MemoryFiles, Node};
use engine::decision::{DecisionRecord, Event, MarkState, Outcome, RulePlace};
use engine::{Catalog, Now, Rehearsal, Shared, SharedOptions, Visit, WallTime};
use message::{RequestHead, ResponseHead, Version};
use proxy::{Clock, Dial, Ends, Wakes, Worker, WorkerSettings};
use shaping::Tick;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::{Builder, LocalOptions};
use tokio::time::Instant;

pub(crate) const START: WallTime = WallTime(1_700_000_000_000_000);
pub(crate) const SEED: [u64; 2] = [11, 13];
pub(crate) const LISTEN: &str = "127.0.0.1:80";
const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn catalog() -> Catalog {
    let text = "[virtual_servers.site]\nlisten = \"127.0.0.1:80\"\npool = \"nodes\"\ntimeout = \"9s\"\n\
        request_rules = [{ rule = \"slashdot\", mode = \"observe\" }, \"abusive-referer\", \"turned\"]\n\
        [pools.nodes]\nnodes = [\"10.0.0.1:80\"]\n\
        [rate_classes.StandardReferer]\nmax_rate_per_second = 3\nmax_rate_per_minute = 40\nmax_wait = \"8s\"\n\
        [rate_classes.BusyReferer]\nmax_rate_per_second = 6\n\
        [bandwidth_classes.AbusiveReferer]\nmaximum = \"8 Mbit/s\"\n\
        [bandwidth_classes.slashdot]\nmaximum = \"1 Mbit/s\"\n";
    let turned = "if( http.getPath() == \"/discard\" ) {\n   connection.discard();\n}\n\
        if( http.getPath() == \"/no\" ) {\n   http.sendResponse( 403, \"text/plain\", \"no\", \"\" );\n}\n\
        log.info( \"through\" );\n";
    let files = MemoryFiles::default()
        .with("tidegate.toml", text)
        .with("rules/slashdot.rts", include_str!("../../../../spec/rules/slashdot.rts"))
        .with("rules/abusive-referer.rts", include_str!("../../../../spec/rules/abusive-referer.rts"))
        .with("rules/turned.rts", turned);
    let loaded = Catalog::load(Path::new("tidegate.toml"), &files, engine::builtins::builtins());
    loaded.catalog.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

/// Somebody who comes.
struct Guest {
    at: Duration,
    client: SocketAddr,
    path: &'static str,
    referer: Option<&'static str>,
    cookie: Option<String>,
    leaves_at: Option<Duration>,
}

/// Milliseconds between two guests. It has no divisor in common with 1000, so that nobody comes at the very moment at
/// which a place falls free: whole seconds after somebody else came. Who is first then is not decided.
const APART_MILLIS: u64 = 37;

/// 240 guests in some nine seconds.
fn trace() -> Vec<Guest> {
    let mut state = 7_u32;
    let mut up_to = |max: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % max
    };
    let referers = [
        None,
        Some("http://news.example/story"),
        Some("http://news.example/other"),
        Some("http://slashdot.org/x"),
        Some("http://google/search"),
        Some("http://localhost/"),
        Some("no url at all"),
    ];
    // A good mark, one that is forged, and none.
    let cookies = [marked(), "AbusiveReferer=news.example".to_owned(), "a=b".to_owned()];
    let taken: BTreeSet<u64> = (0..240).map(|number| number * APART_MILLIS % 1000).collect();
    let guest = |number: u16| {
        let at = u64::from(number) * APART_MILLIS;
        let mut leaves_at =
            (1 + at + u64::from(up_to(3_000))..).filter(|moment| !taken.contains(&(moment % 1000)));
        Guest {
            at: Duration::from_millis(at),
            client: SocketAddr::from(([192, 0, 2, u8::try_from(1 + up_to(9)).unwrap()], 10_000 + number)),
            path: ["/", "/", "/", "/page", "/discard", "/no"][up_to(6) as usize],
            referer: referers[up_to(7) as usize],
            cookie: (up_to(8) == 0).then(|| cookies[up_to(3) as usize].clone()),
            leaves_at: leaves_at.next().filter(|_| up_to(5) == 0).map(Duration::from_millis),
        }
    };
    (0..240).map(guest).collect()
}

#[test]
fn the_proxy_and_the_event_queue_decide_alike() {
    let live = by_arrival(through_the_proxy(&trace()));
    let rehearsed = by_arrival(through_the_queue(&trace()));
    assert_eq!(live.len(), 240);
    for (live, rehearsed) in live.iter().zip(&rehearsed) {
        assert_eq!(live, rehearsed);
    }
    assert_eq!(live.len(), rehearsed.len());
    // The trace has something to say about all of it.
    let outcomes =
        |wanted: fn(&Outcome) -> bool| live.iter().filter(|record| wanted(&record.outcome)).count();
    assert!(outcomes(|outcome| matches!(outcome, Outcome::Forward { .. })) > 20);
    assert!(outcomes(|outcome| matches!(outcome, Outcome::Respond { .. })) > 5);
    assert!(outcomes(|outcome| matches!(outcome, Outcome::Discard)) > 5);
    assert!(outcomes(|outcome| matches!(outcome, Outcome::ClientLeft)) > 5);
    let waited = |record: &&DecisionRecord| {
        record.events.iter().any(|(_, event)| matches!(event, Event::Rate { waited_micros: 1.., .. }))
    };
    assert!(live.iter().filter(waited).count() > 20);
    for state in [MarkState::Held, MarkState::Remembered, MarkState::Forged] {
        let is_told = |(_, event): &(RulePlace, Event)| matches!(event, Event::Mark { state: told, .. } if *told == state);
        assert!(live.iter().any(|record| record.events.iter().any(is_told)), "{state:?}");
    }
    assert!(live.iter().any(|record| record.bandwidth_class.as_deref() == Some("AbusiveReferer")));
}

/// In the order of arrival, which is unique here; the identities are the shells' own and become that order.
fn by_arrival(mut records: Vec<DecisionRecord>) -> Vec<DecisionRecord> {
    records.sort_by_key(|record| record.arrived);
    for (number, record) in (0..).zip(&mut records) {
        record.request_id = number;
    }
    records
}

fn options() -> SharedOptions {
    SharedOptions { seed: SEED, ..SharedOptions::default() }
}

/// The cookie of somebody who was marked just now.
fn marked() -> String {
    let start = Now { tick: Tick::ZERO, wall: START };
    let shared = Shared::new(catalog(), &options(), Box::new(Wakes::new()), start);
    let mut request = RequestHead::new(b"GET", b"/", Version::Http11).unwrap();
    request.fields_mut().add(b"Cookie", b"AbusiveReferer=news.example").unwrap();
    shared.sign_marks(&shared.catalog().virtual_servers[0], &mut request, start);
    let cookie = String::from_utf8(request.fields().get(b"Cookie").unwrap().to_vec()).unwrap();
    assert!(cookie.starts_with("AbusiveReferer=v1."), "{cookie}");
    cookie
}

fn through_the_queue(trace: &[Guest]) -> Vec<DecisionRecord> {
    let mut rehearsal = Rehearsal::new(catalog(), &options(), START);
    for (number, guest) in (1..).zip(trace) {
        let mut request = RequestHead::new(b"GET", guest.path.as_bytes(), Version::Http11).unwrap();
        let fields = request.fields_mut();
        fields.add(b"Host", b"site.example").unwrap();
        for (name, value) in [("Referer", guest.referer), ("Cookie", guest.cookie.as_deref())] {
            if let Some(value) = value {
                fields.add(name.as_bytes(), value.as_bytes()).unwrap();
            }
        }
        rehearsal.add(Visit {
            at: guest.at,
            connection: number,
            client: guest.client,
            leaves_at: guest.leaves_at,
            ..Visit::of(request, ResponseHead::new(200, b"OK", Version::Http11).unwrap())
        });
    }
    rehearsal.run().into_iter().map(|visited| visited.record).collect()
}

/// Nodes that answer at once, behind pipes.
pub(crate) struct Pipes;

impl Dial for Pipes {
    type Stream = DuplexStream;

    async fn dial(&self, _node: &Node) -> io::Result<DuplexStream> {
        let (ours, mut theirs) = duplex(64 * 1024);
        tokio::task::spawn_local(async move {
            let mut seen = Vec::new();
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = theirs.read(&mut piece).await {
                seen.extend_from_slice(&piece[..count]);
                if seen.ends_with(b"\r\n\r\n") {
                    seen.clear();
                    let _gone = theirs.write_all(REPLY).await;
                }
            }
        });
        Ok(ours)
    }
}

fn through_the_proxy(trace: &[Guest]) -> Vec<DecisionRecord> {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async {
        let clock = Clock::derived(START);
        let start = Instant::now();
        let wakes = Wakes::new();
        let shared = Shared::new(catalog(), &options(), Box::new(wakes.clone()), clock.now());
        let settings = WorkerSettings {
            shared: Arc::clone(&shared),
            wakes,
            clock,
            place: (0, 1),
            connections_max: 1000,
            seed: 1,
        };
        let worker = Worker::new(settings, Pipes);
        let records = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&records);
        worker.observe(move |transaction| seen.borrow_mut().push(transaction.record()));
        let guests: Vec<_> = trace
            .iter()
            .map(|guest| {
                tokio::task::spawn_local(come(Rc::clone(&worker), start, text_of(guest), times(guest)))
            })
            .collect();
        for guest in guests {
            guest.await.unwrap();
        }
        // Those who left are noticed when the worker runs next.
        tokio::time::sleep_until(Instant::now() + Duration::from_secs(1)).await;
        records.take()
    })
}

fn text_of(guest: &Guest) -> String {
    let mut text = format!("GET {} HTTP/1.1\r\nHost: site.example\r\n", guest.path);
    for (name, value) in [("Referer", guest.referer), ("Cookie", guest.cookie.as_deref())] {
        if let Some(value) = value {
            text.extend([name, ": ", value, "\r\n"]);
        }
    }
    text + "\r\n"
}

type Times = (SocketAddr, Duration, Option<Duration>);

fn times(guest: &Guest) -> Times {
    (guest.client, guest.at, guest.leaves_at)
}

async fn come(worker: Rc<Worker<Pipes>>, start: Instant, text: String, (peer, at, leaves_at): Times) {
    tokio::time::sleep_until(start + at).await;
    let (ours, mut theirs) = duplex(64 * 1024);
    let listen: SocketAddr = LISTEN.parse().unwrap();
    tokio::task::spawn_local(worker.serve(ours, Ends { listen, peer, local: listen }));
    theirs.write_all(text.as_bytes()).await.unwrap();
    let answered = async {
        let mut answer = [0; 1024];
        let _answer = theirs.read(&mut answer).await;
    };
    match leaves_at {
        Some(leaves_at) => tokio::select! {
            biased;
            () = answered => {}
            () = tokio::time::sleep_until(start + leaves_at) => {}
        },
        None => answered.await,
    }
}
