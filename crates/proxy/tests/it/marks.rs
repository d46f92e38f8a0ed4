//! Marks on packets: what rules set is set on the sockets, towards the client and towards the node.

use crate::kit::catalog;
use engine::catalog::Node;
use engine::{Shared, SharedOptions};
use proxy::{Clock, Dial, Ends, Wakes, Worker, WorkerSettings};
use socket2::{SockRef, Socket};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};

/// Dials for real, and keeps a hand on our end of each connection.
struct Held {
    sockets: Rc<RefCell<Vec<Socket>>>,
}

impl Dial for Held {
    type Stream = TcpStream;

    async fn dial(&self, node: &Node) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((node.host.as_str(), node.port)).await?;
        self.sockets.borrow_mut().push(SockRef::from(&stream).try_clone()?);
        Ok(stream)
    }
}

const RULE: &str =
    "if( http.getPath() == \"/marked\" ) { request.setToS( \"THROUGHPUT\" ); response.setDSCP( \"EF\" ); }";
const RESPONSE: &str = "http.setResponseHeader( \"X-Ends\", response.getLocalIP() . \":\" . response.getLocalPort() . \
                        \" \" . response.getRemoteIP() . \":\" . response.getRemotePort() );";

async fn head(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await.unwrap();
        seen.push(byte);
    }
    String::from_utf8(seen).unwrap()
}

async fn story(host: &str, mark_of: fn(&Socket) -> u32) {
    let origin = TcpListener::bind((host, 0)).await.unwrap();
    let node = origin.local_addr().unwrap();
    let text = format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:80\"\npool = \"nodes\"\nrequest_rules = [\"mark\"]\n\
         response_rules = [\"tell\"]\n[pools.nodes]\nnodes = [\"{node}\"]\n"
    );
    let (clock, wakes) = (Clock::system(), Wakes::new());
    let rules = [("mark", RULE), ("tell", RESPONSE)];
    let waker = Box::new(wakes.clone());
    let shared = Shared::new(catalog(&text, &rules), &SharedOptions::default(), waker, clock.now());
    let sockets = Rc::new(RefCell::new(Vec::new()));
    let settings = WorkerSettings { shared, wakes, clock, place: (0, 1), connections_max: 10, seed: 1 };
    let worker = Worker::new(settings, Held { sockets: Rc::clone(&sockets) });

    let front = TcpListener::bind((host, 0)).await.unwrap();
    let mut client = TcpStream::connect(front.local_addr().unwrap()).await.unwrap();
    let (accepted, peer) = front.accept().await.unwrap();
    let to_client = SockRef::from(&accepted).try_clone().unwrap();
    let listen: SocketAddr = "127.0.0.1:80".parse().unwrap();
    let ends = Ends { listen, peer, local: accepted.local_addr().unwrap() };
    tokio::task::spawn_local(worker.serve(accepted, ends));

    let mut at_node: Option<TcpStream> = None;
    for (path, node_mark, client_mark) in [("/plain", 0, 0), ("/marked", 0x08, 46 << 2), ("/plain", 0, 0)] {
        client.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
        let mut stream = match at_node.take() {
            Some(stream) => stream,
            None => origin.accept().await.unwrap().0,
        };
        head(&mut stream).await;
        assert_eq!(mark_of(&sockets.borrow()[0]), node_mark, "towards the node for {path}");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        let answer = head(&mut client).await;
        let ours = stream.peer_addr().unwrap();
        let told = format!("X-Ends: {}:{} {}:{}\r\n", ours.ip(), ours.port(), node.ip(), node.port());
        assert!(answer.contains(&told), "{answer} does not tell {told}");
        assert_eq!(mark_of(&to_client), client_mark, "towards the client for {path}");
        at_node = Some(stream);
    }
    assert_eq!(sockets.borrow().len(), 1, "the connection to the node is used again, unmarked");
}

fn run(host: &'static str, mark_of: fn(&Socket) -> u32) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(story(host, mark_of));
}

#[test]
fn packets_carry_the_marks_that_a_rule_set_for_its_transaction_only() {
    run("127.0.0.1", |socket| socket.tos_v4().unwrap());
}

#[test]
fn over_ipv6_it_is_the_traffic_class() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        // A machine without IPv6 cannot show it.
        return;
    }
    run("::1", |socket| socket.tclass_v6().unwrap());
}
