//! What only the system's sockets show: binding, stopping, reloading, resets.

use crate::kit::catalog;
use proxy::{Clock, Options, Proxy, Running, StartError, Wakes};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::thread::JoinHandle;
use std::time::Duration;

fn text(listen: &[String], node: SocketAddr) -> String {
    format!(
        "[virtual_servers.site]\nlisten = {listen:?}\npool = \"nodes\"\n[pools.nodes]\nnodes = [\"{node}\"]\n"
    )
}

fn start(text: &str) -> Result<Running, StartError> {
    start_with(catalog(text, &[]), 2)
}

pub(crate) fn start_with(catalog: engine::Catalog, workers: usize) -> Result<Running, StartError> {
    let (clock, wakes) = (Clock::system(), Wakes::new());
    let shared =
        engine::Shared::new(catalog, &engine::SharedOptions::default(), Box::new(wakes.clone()), clock.now());
    let workers = NonZeroUsize::new(workers).unwrap();
    Proxy::start(shared, (wakes, clock), Options { workers, connections_max: 1000 })
}

pub(crate) fn bound(running: &Running) -> SocketAddr {
    running.addresses().next().unwrap().1
}

/// A node that serves `connections` connections, each on its own thread.
fn node(
    connections: usize,
    serve: impl Fn(TcpStream) + Send + Clone + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let served: Vec<_> = (0..connections)
            .map(|_| {
                let (stream, serve) = (listener.accept().unwrap().0, serve.clone());
                std::thread::spawn(move || serve(stream))
            })
            .collect();
        for one in served {
            one.join().unwrap();
        }
    });
    (address, thread)
}

fn read_head(stream: &mut TcpStream) -> String {
    head_or_end(stream).unwrap()
}

/// `None` where the stream ends before the first byte.
fn head_or_end(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap() == 0 {
            assert!(head.is_empty(), "the stream ended in a head");
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap())
}

fn say_hi(mut stream: TcpStream) {
    read_head(&mut stream);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").unwrap();
}

fn get(address: SocketAddr) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = String::new();
    client.read_to_string(&mut all).unwrap();
    all
}

#[test]
fn a_free_port_is_found_and_told() {
    let (address, node) = node(1, say_hi);
    let running = start(&text(&["127.0.0.1:0".into()], address)).unwrap();
    assert_ne!(bound(&running).port(), 0);
    assert!(get(bound(&running)).ends_with("hi"));
    running.stop(Duration::ZERO);
    node.join().unwrap();
}

#[test]
fn a_port_in_use_is_reported_with_every_other_one() {
    let taken = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let listen: Vec<String> = taken.iter().map(|taken| taken.local_addr().unwrap().to_string()).collect();
    let Err(StartError::Listen(errors)) = start(&text(&listen, "127.0.0.1:1".parse().unwrap())) else {
        panic!("it started");
    };
    assert_eq!(errors.len(), 2);
}

#[test]
fn two_proxies_do_not_share_a_port_by_accident() {
    let running = start(&text(&["127.0.0.1:0".into()], "127.0.0.1:1".parse().unwrap())).unwrap();
    let again = start(&text(&[bound(&running).to_string()], "127.0.0.1:1".parse().unwrap()));
    assert!(matches!(again, Err(StartError::Listen(_))));
}

#[test]
fn a_reload_adds_and_removes_listeners_and_keeps_the_others() {
    let (address, node) = node(3, say_hi);
    let stays = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let goes = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let comes = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut running = start(&text(&[stays.clone(), goes.clone()], address)).unwrap();
    assert!(get(goes.parse().unwrap()).ends_with("hi"));
    running.adopt(catalog(&text(&[stays.clone(), comes.clone()], address), &[])).unwrap();
    assert!(get(stays.parse().unwrap()).ends_with("hi"));
    assert!(get(comes.parse().unwrap()).ends_with("hi"));
    let told: Vec<String> = running.addresses().map(|(address, _)| address.to_string()).collect();
    assert!(told.contains(&comes) && !told.contains(&goes));
    running.stop(Duration::ZERO);
    assert!(TcpStream::connect(&goes).is_err());
    node.join().unwrap();
}

#[test]
fn a_reload_that_cannot_listen_changes_nothing() {
    let (address, node) = node(1, say_hi);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut running = start(&text(&["127.0.0.1:0".into()], address)).unwrap();
    let both = ["127.0.0.1:0".into(), taken.local_addr().unwrap().to_string()];
    let refused = running.adopt(catalog(&text(&both, address), &[]));
    assert!(matches!(refused, Err(StartError::Listen(errors)) if errors.len() == 1));
    assert!(get(bound(&running)).ends_with("hi"));
    running.stop(Duration::ZERO);
    node.join().unwrap();
}

#[test]
fn stopping_lets_a_transfer_finish_and_closes_what_is_idle() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let (address, node) = node(1, move |mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst").unwrap();
        wait.lock().unwrap().recv().unwrap();
        stream.write_all(b"later").unwrap();
    });
    let running = start(&text(&["127.0.0.1:0".into()], address)).unwrap();
    let mut idle = TcpStream::connect(bound(&running)).unwrap();
    let mut client = TcpStream::connect(bound(&running)).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    read_head(&mut client);
    let stopping = std::thread::spawn(move || running.stop(Duration::from_secs(30)));
    let mut nothing = Vec::new();
    assert_eq!(idle.read_to_end(&mut nothing).unwrap(), 0);
    go.send(()).unwrap();
    let mut body = String::new();
    client.read_to_string(&mut body).unwrap();
    assert_eq!(body, "firstlater");
    stopping.join().unwrap();
    node.join().unwrap();
}

#[test]
fn what_is_not_done_when_the_grace_is_over_is_cut() {
    let (address, node) = node(1, |mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst").unwrap();
        let mut rest = Vec::new();
        let _broken = stream.read_to_end(&mut rest);
    });
    let running = start(&text(&["127.0.0.1:0".into()], address)).unwrap();
    let mut client = TcpStream::connect(bound(&running)).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    read_head(&mut client);
    let clock = Clock::system();
    running.stop(Duration::from_millis(50));
    assert!(clock.tick() < shaping::Tick::ZERO.saturating_add(Duration::from_secs(5)));
    let mut body = String::new();
    assert!(client.read_to_string(&mut body).is_err() || body.len() < 10);
    node.join().unwrap();
}

#[test]
fn an_answer_that_ends_with_its_connection_is_reset_when_the_node_dies() {
    let (address, node) = node(1, |mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n").unwrap();
    });
    let running = start(&text(&["127.0.0.1:0".into()], address)).unwrap();
    let mut client = TcpStream::connect(bound(&running)).unwrap();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut all = Vec::new();
    let ended = client.read_to_end(&mut all);
    assert!(ended.is_err(), "an old client would take {:?} for the whole", String::from_utf8_lossy(&all));
    running.stop(Duration::ZERO);
    node.join().unwrap();
}

#[test]
fn the_answer_to_a_bad_request_arrives_although_more_is_being_sent() {
    let running = start(&text(&["127.0.0.1:0".into()], "127.0.0.1:1".parse().unwrap())).unwrap();
    let mut client = TcpStream::connect(bound(&running)).unwrap();
    client.write_all(b"GET / HTTP/1.1\nHost: a\n\n").unwrap();
    client.write_all(&vec![b'x'; 30_000]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut all = String::new();
    client.read_to_string(&mut all).unwrap();
    assert!(all.starts_with("HTTP/1.1 400 "), "{all}");
    running.stop(Duration::ZERO);
}

#[test]
fn every_request_ends_in_one_log_line() {
    let (address, node) = node(2, say_hi);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let log = format!("access_log = {{ path = {path:?}, format = '%m %U %>s %B %X' }}\npool = ");
    let running = start(&text(&["127.0.0.1:0".into()], address).replacen("pool = ", &log, 1)).unwrap();
    get(bound(&running));
    get(bound(&running));
    let mut bad = TcpStream::connect(bound(&running)).unwrap();
    bad.write_all(b"GET /two HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").unwrap();
    bad.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    bad.read_to_string(&mut answer).unwrap();
    let bytes = answer.split_once("\r\n\r\n").unwrap().1.len();
    running.stop(Duration::from_secs(5));
    let written = std::fs::read_to_string(&path).unwrap();
    // Each worker hands over its own lines, so the order is not that of the requests.
    let mut lines: Vec<&str> = written.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["GET / 200 2 -", "GET / 200 2 -", &format!("GET /two 400 {bytes} -")]);
    node.join().unwrap();
}

#[test]
fn a_queued_client_that_leaves_is_missed_however_much_it_sent_ahead() {
    let (address, node) = node(1, |mut stream| {
        // One connection serves everybody who is not queued.
        while head_or_end(&mut stream).is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
        }
    });
    let text = format!(
        "[virtual_servers.queued]\nlisten = \"127.0.0.1:0\"\nhosts = [\"queued\"]\npool = \"nodes\"\n\
         request_rules = [\"wait\"]\n[virtual_servers.free]\nlisten = \"127.0.0.1:0\"\npool = \"nodes\"\n\
         [pools.nodes]\nnodes = [\"{address}\"]\n[rate_classes.slow]\nmax_rate_per_minute = 1\n"
    );
    let rules = [("wait", "rate.use( \"slow\" );")];
    let running = start_with(catalog(&text, &rules), 1).unwrap();
    let address = bound(&running);
    let ask = |client: &mut TcpStream| {
        client.write_all(b"GET / HTTP/1.1\r\nHost: free\r\n\r\n").unwrap();
        read_head(client);
        client.read_exact(&mut [0; 2]).unwrap();
    };

    let mut first = TcpStream::connect(address).unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nHost: queued\r\n\r\n").unwrap();
    read_head(&mut first);
    let mut leaver = TcpStream::connect(address).unwrap();
    let ahead = b"GET / HTTP/1.1\r\nHost: queued\r\n\r\n".repeat(1_000);
    leaver.write_all(&ahead).unwrap();
    let mut other = TcpStream::connect(address).unwrap();
    while running.shared().counters().queued.value() == 0 {
        ask(&mut other);
    }
    drop(leaver);
    // Its place would be free after a minute; it is given back long before.
    while running.shared().counters().clients_left.value() == 0 {
        ask(&mut other);
    }
    drop((first, other));
    running.stop(Duration::ZERO);
    node.join().unwrap();
}

#[test]
fn of_an_answer_that_a_client_does_not_read_the_system_holds_little() {
    let (node, served) = node(1, |mut stream| {
        read_head(&mut stream);
        SockRef::from(&stream).set_send_buffer_size(64 * 1024).unwrap();
        stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n").unwrap();
        let (piece, mut taken) = ([b'x'; 16 * 1024], 0);
        // Until nobody takes anything for half a second.
        while let Ok(count) = stream.write(&piece) {
            taken += count;
        }
        assert!(taken < 1536 * 1024, "{taken} bytes lie between the node and a client that reads nothing");
    });
    let running = start_with(catalog(&text(&["127.0.0.1:0".to_owned()], node), &[]), 1).unwrap();
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    client.set_recv_buffer_size(8 * 1024).unwrap();
    client.connect(&bound(&running).into()).unwrap();
    let mut client = TcpStream::from(client);
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    served.join().unwrap();
    drop(client);
    running.stop(Duration::ZERO);
}
