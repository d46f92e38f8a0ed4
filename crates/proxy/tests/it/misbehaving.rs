//! Nodes that misbehave in every way we know, and a ledger: every request has exactly one outcome, what must not be done
//! twice reaches a node at most once, a body that is whole is the one that the node sent, and a cut stays a cut.

use crate::kit::{Reach, Site, catalog, on_paused_time, pass};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream};

const CATALOG: &str = "[virtual_servers.site]\nlisten = \"127.0.0.1:80\"\npool = \"nodes\"\ntimeout = \"20s\"\n\
    [pools.nodes]\nnodes = [\"10.0.0.1:80\", \"10.0.0.2:80\", \"10.0.0.3:80\"]\nmax_reply_time = \"3s\"\n\
    max_connect_time = \"1s\"\nnode_fail_time = \"100ms\"\nmax_connections_pernode = 20\n";
const CLIENTS: u64 = 200;
const REQUESTS_OF_CLIENT: u64 = 3;

/// How a node answers.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Good,
    Chunked,
    Slow,
    Silent,
    /// Says a length and sends less.
    TooLittle,
    /// Says a length and sends more.
    TooMuch,
    BothFramings,
    Garbage,
    HugeHead,
    CutInHead,
    CutInBody,
    CutInChunks,
    HalfClose,
    /// Answers well and closes when the next request comes on the connection.
    Stale,
    InterimFlood,
    UntilClose,
    ClosesAtOnce,
}

const MANNERS: [Manner; 17] = [
    Manner::Good,
    Manner::Chunked,
    Manner::Slow,
    Manner::Silent,
    Manner::TooLittle,
    Manner::TooMuch,
    Manner::BothFramings,
    Manner::Garbage,
    Manner::HugeHead,
    Manner::CutInHead,
    Manner::CutInBody,
    Manner::CutInChunks,
    Manner::HalfClose,
    Manner::Stale,
    Manner::InterimFlood,
    Manner::UntilClose,
    Manner::ClosesAtOnce,
];

/// What is drawn from a seed (`SplitMix64`).
struct Dice(Cell<u64>);

impl Dice {
    fn roll(&self, sides: u64) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
        let mut mixed = self.0.get();
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn text(&self) -> String {
        let length = [0, 1, 17, 900, 70_000][usize::try_from(self.roll(5)).unwrap()];
        (0..length).map(|_| char::from(b'a' + u8::try_from(self.roll(26)).unwrap())).collect()
    }
}

#[derive(Default)]
struct Ledger {
    /// By the number of the request: how often a node got it.
    reached: HashMap<u64, u32>,
    /// The bodies that nodes sent as wholes.
    whole: HashMap<u64, Vec<String>>,
    /// Requests that clients sent, and whether doing them twice does no harm.
    sent: BTreeMap<u64, bool>,
    answered: u64,
    cut: u64,
    over: u64,
    seen: HashMap<u16, u64>,
}

/// Reads one request; its number. `None` at the end of the connection.
async fn request(stream: &mut DuplexStream, held: &mut Vec<u8>) -> Option<u64> {
    let head = loop {
        if let Some(at) = held.windows(4).position(|window| window == b"\r\n\r\n") {
            break String::from_utf8(held.drain(..at + 4).collect()).unwrap();
        }
        more(stream, held).await?;
    };
    let length = field(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    while held.len() < length {
        more(stream, held).await?;
    }
    held.drain(..length);
    Some(head.split(['/', ' ']).nth(2)?.parse().unwrap())
}

async fn more(stream: &mut (impl AsyncRead + Unpin), held: &mut Vec<u8>) -> Option<()> {
    let mut piece = vec![0; 16 << 10];
    let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
    held.extend_from_slice(&piece[..count]);
    Some(())
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// One connection of a node.
async fn node(mut stream: DuplexStream, dice: Rc<Dice>, ledger: Rc<RefCell<Ledger>>) {
    let mut held = Vec::new();
    let mut is_stale = false;
    while let Some(number) = request(&mut stream, &mut held).await {
        *ledger.borrow_mut().reached.entry(number).or_insert(0) += 1;
        if is_stale {
            return;
        }
        let manner = MANNERS[usize::try_from(dice.roll(MANNERS.len() as u64)).unwrap()];
        let body = dice.text();
        let whole = || ledger.borrow_mut().whole.entry(number).or_default().push(body.clone());
        // Only what the node sends whole may arrive as a whole.
        match manner {
            Manner::Good
            | Manner::Slow
            | Manner::TooMuch
            | Manner::HalfClose
            | Manner::Stale
            | Manner::Chunked
            | Manner::UntilClose => whole(),
            _ => {}
        }
        is_stale = matches!(manner, Manner::Stale);
        if answer(&mut stream, manner, &body).await.is_none() {
            return;
        }
    }
}

/// Answers; `None` where the connection ends with that.
async fn answer(stream: &mut DuplexStream, manner: Manner, body: &str) -> Option<()> {
    let length = body.len();
    let plain = |said: usize, body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {said}\r\n\r\n{body}");
    let half = &body[..length / 2];
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = if length == 0 { String::new() } else { format!("{length:x}\r\n{body}\r\n") };
    let text = match manner {
        Manner::Good | Manner::HalfClose | Manner::Stale => plain(length, body),
        Manner::Chunked => format!("{chunked}{chunk}0\r\n\r\n"),
        Manner::Slow => {
            pass(Duration::from_secs(2)).await;
            stream.write_all(plain(length, half).as_bytes()).await.ok()?;
            pass(Duration::from_secs(5)).await;
            body[length / 2..].to_owned()
        }
        Manner::Silent => std::future::pending().await,
        Manner::TooLittle => plain(length + 9, body),
        Manner::TooMuch => format!("{}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", plain(length, body)),
        Manner::BothFramings => {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
            )
        }
        Manner::Garbage => "\u{1}\u{2} HTP/9 nonsense \r\n\n\r\n".to_owned(),
        Manner::HugeHead => format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\n\r\n", "x".repeat(1 << 20)),
        Manner::CutInHead => "HTTP/1.1 200 OK\r\nContent-Le".to_owned(),
        Manner::CutInBody => plain(length + 1, half),
        Manner::CutInChunks => format!("{chunked}{chunk}5\r\nab"),
        Manner::InterimFlood => {
            format!("{}{}", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(500), plain(length, body))
        }
        Manner::UntilClose => format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
        Manner::ClosesAtOnce => return None,
    };
    stream.write_all(text.as_bytes()).await.ok()?;
    match manner {
        Manner::Good | Manner::Chunked | Manner::Slow | Manner::TooMuch | Manner::Stale => Some(()),
        Manner::HalfClose => {
            stream.shutdown().await.ok()?;
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok()?;
            None
        }
        _ => None,
    }
}

/// What a client got.
#[derive(Debug)]
enum Outcome {
    /// A whole answer; whether the connection goes on.
    Whole { status: u16, body: String, again: bool },
    /// The connection ended before the answer did.
    Cut,
}

async fn outcome(stream: &mut (impl AsyncRead + Unpin), held: &mut Vec<u8>) -> Outcome {
    loop {
        while let Some(at) = held.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(held.drain(..at + 4).collect()).unwrap();
            let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
            if status >= 200 {
                return body(stream, held, (&head, status)).await;
            }
        }
        if more(stream, held).await.is_none() {
            return Outcome::Cut;
        }
    }
}

async fn body(
    stream: &mut (impl AsyncRead + Unpin),
    held: &mut Vec<u8>,
    (head, status): (&str, u16),
) -> Outcome {
    let again = field(head, "connection") != Some("close");
    let body = if let Some(length) = field(head, "content-length") {
        let length: usize = length.parse().unwrap();
        while held.len() < length {
            if more(stream, held).await.is_none() {
                return Outcome::Cut;
            }
        }
        held.drain(..length).collect()
    } else if field(head, "transfer-encoding") == Some("chunked") {
        let mut all = Vec::new();
        loop {
            let line = loop {
                if let Some(at) = held.windows(2).position(|window| window == b"\r\n") {
                    break String::from_utf8(held.drain(..at + 2).collect()).unwrap();
                }
                if more(stream, held).await.is_none() {
                    return Outcome::Cut;
                }
            };
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            while held.len() < size + 2 {
                if more(stream, held).await.is_none() {
                    return Outcome::Cut;
                }
            }
            all.extend(held.drain(..size));
            held.drain(..2);
            if size == 0 {
                break all;
            }
        }
    } else {
        panic!("an answer to HTTP/1.1 without a frame: {head}");
    };
    Outcome::Whole { status, body: String::from_utf8(body).unwrap(), again }
}

async fn client(site: Rc<Site>, first: u64, dice: Rc<Dice>, ledger: Rc<RefCell<Ledger>>) {
    pass(Duration::from_millis(dice.roll(30_000))).await;
    let mut stream = site.client().stream;
    let mut held = Vec::new();
    for number in first..first + REQUESTS_OF_CLIENT {
        let body = dice.text();
        let (line, is_safe) = match dice.roll(4) {
            0 => (format!("POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n", body.len()), false),
            1 => (format!("POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"), false),
            2 => (format!("PUT /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n", body.len()), true),
            _ => (format!("GET /{number} HTTP/1.1\r\nHost: a\r\n"), true),
        };
        let sends_body = line.contains(&format!("Length: {}\r\n", body.len()));
        let text = format!("{line}\r\n{}", if sends_body { body.as_str() } else { "" });
        ledger.borrow_mut().sent.insert(number, is_safe);
        // An answer may come, and the connection end, before all was sent: both are done at once.
        let (mut from, mut to) = tokio::io::split(&mut stream);
        let (_stopped, outcome) = tokio::join!(to.write_all(text.as_bytes()), outcome(&mut from, &mut held));
        let mut ledger = ledger.borrow_mut();
        match outcome {
            Outcome::Whole { status, body, again } => {
                ledger.answered += 1;
                *ledger.seen.entry(status).or_insert(0) += 1;
                if status == 200 {
                    let sent = ledger.whole.get(&number).is_some_and(|bodies| bodies.contains(&body));
                    assert!(sent, "request {number}: no node sent these {} bytes as a whole", body.len());
                } else {
                    assert!(matches!(status, 502..=504), "{status}");
                }
                if !again {
                    return;
                }
                assert!(held.is_empty(), "something came behind the answer: {held:?}");
            }
            Outcome::Cut => {
                ledger.cut += 1;
                return;
            }
        }
    }
}

fn run(seed: u64) {
    on_paused_time(async move {
        let dice = Rc::new(Dice(Cell::new(seed)));
        let refusing = Rc::clone(&dice);
        let site = Rc::new(Site::with(catalog(CATALOG, &[]), move |_| match refusing.roll(12) {
            0 => Reach::Refuses,
            1 => Reach::Hangs,
            _ => Reach::Accepts,
        }));
        let ledger = Rc::new(RefCell::new(Ledger::default()));
        let over = Rc::clone(&ledger);
        site.worker.observe(move |_| over.borrow_mut().over += 1);
        let (nodes, dice_of_nodes, ledger_of_nodes) =
            (Rc::clone(&site), Rc::clone(&dice), Rc::clone(&ledger));
        tokio::task::spawn_local(async move {
            loop {
                let (_, far) = nodes.named_node().await;
                let (dice, ledger) = (Rc::clone(&dice_of_nodes), Rc::clone(&ledger_of_nodes));
                tokio::task::spawn_local(node(far.stream, dice, ledger));
            }
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|at| {
                let (dice, ledger) = (Rc::clone(&dice), Rc::clone(&ledger));
                tokio::task::spawn_local(client(Rc::clone(&site), 1 + at * REQUESTS_OF_CLIENT, dice, ledger))
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        pass(Duration::from_secs(1)).await;
        let ledger = ledger.borrow();
        let sent = ledger.sent.len() as u64;
        assert!(
            sent > CLIENTS && ledger.cut > 10 && ledger.seen[&200] > 100,
            "seed {seed}: {:?}",
            ledger.seen
        );
        assert_eq!(ledger.answered + ledger.cut, sent, "seed {seed}: each has one outcome");
        assert_eq!(ledger.over, sent, "seed {seed}: each is told of once");
        for (number, is_safe) in &ledger.sent {
            let reached = ledger.reached.get(number).copied().unwrap_or(0);
            assert!(*is_safe || reached <= 1, "seed {seed}: request {number} reached nodes {reached} times");
        }
        let reading = site.shared.catalog().pools[0].reading(site.now().tick);
        assert!(reading.nodes.iter().all(|node| node.in_flight == 0) && reading.queue == 0, "{reading:?}");
    });
}

#[test]
fn whatever_nodes_do_every_request_has_one_outcome_and_a_cut_stays_a_cut() {
    for seed in [1, 2, 3] {
        run(seed);
    }
}
