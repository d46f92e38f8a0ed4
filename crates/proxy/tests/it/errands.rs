//! What rules have done in the world, over loopback: the test plays the world.

use crate::kit::{Reach, Site, catalog};
use proxy::{Clock, Looked, Lookup, Options, Proxy, Running, Wakes};
use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};

/// A site whose one rule answers each request. `WORLD` in the rule stands for the address of the test's world.
fn site(world: SocketAddr, allow: &str, rule: &str) -> Running {
    site_with(world, &format!("[outgoing]\nallow = {allow}\n"), rule)
}

fn site_with(world: SocketAddr, more: &str, rule: &str) -> Running {
    let text = format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:0\"\npool = \"discard\"\nrequest_rules = [\"go\"]\n{more}"
    );
    let rule = rule.replace("WORLD", &world.to_string()).replace("PORT", &world.port().to_string());
    let rule = format!("{rule}\nhttp.sendResponse( 200, \"text/plain\", $said, \"\" );");
    let catalog = catalog(&text, &[("go", &rule)]);
    let (clock, wakes) = (Clock::system(), Wakes::new());
    let shared =
        engine::Shared::new(catalog, &engine::SharedOptions::default(), Box::new(wakes.clone()), clock.now());
    let options = Options { workers: NonZeroUsize::MIN, connections_max: 100 };
    Proxy::start(shared, (wakes, clock), options).unwrap()
}

fn address(running: &Running) -> SocketAddr {
    running.addresses().next().unwrap().1
}

fn ask(running: &Running) -> TcpStream {
    let mut client = TcpStream::connect(address(running)).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n").unwrap();
    client
}

/// What the rule said.
fn said(running: &Running) -> String {
    let mut all = String::new();
    ask(running).read_to_string(&mut all).unwrap();
    all.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// A server of the world for one connection.
fn server<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, std::thread::spawn(move || serve(listener.accept().unwrap().0)))
}

fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "the head ended early");
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Reads until the other side is gone.
fn until_gone(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // Gone is gone, in order or not.
    let _broken = stream.read_to_end(&mut rest);
    rest
}

const GET: &str =
    "$said = http.request.get( \"http://WORLD/v?q=1\" ) . \"|\" . $1 . \"|\" . $2 . \"|\" . $4;";

#[test]
fn a_page_is_fetched_and_its_head_is_told() {
    let (world, server) = server(|mut stream| {
        let head = read_head(&mut stream);
        stream
            .write_all(b"HTTP/1.1 203 Well done\r\ncontent-type: text/x\r\ncontent-length: 4\r\nX-Odd: 1\r\n\r\nbody")
            .unwrap();
        head
    });
    let rule = format!("{GET} $said .= string.contains( $3, \"X-Odd: 1\\r\\n\" );");
    let running = site(world, "\"127.0.0.1\"", &rule);
    assert_eq!(said(&running), "body|203|text/x|HTTP/1.1 203 Well done1");
    let head = server.join().unwrap();
    assert!(head.starts_with("GET /v?q=1 HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("Host: {world}\r\n")) && head.contains("User-Agent: tidegate\r\n"),
        "{head}"
    );
    assert!(!head.to_ascii_lowercase().contains("content-length"), "{head}");
    running.stop(Duration::ZERO);
}

#[test]
fn a_post_brings_its_data_and_a_chunked_answer_back() {
    let (world, server) = server(|mut stream| {
        let head = read_head(&mut stream);
        let mut data = [0; 7];
        stream.read_exact(&mut data).unwrap();
        stream
            .write_all(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n")
            .unwrap();
        (head, data)
    });
    let rule = "$said = http.request.post( \"http://WORLD/\", \"a=1&b=2\", \"X-A: 1\" ) . $1;";
    let running = site(world, "\"127.0.0.1\"", rule);
    assert_eq!(said(&running), "yes201");
    let (head, data) = server.join().unwrap();
    assert!(head.starts_with("POST / HTTP/1.1\r\n") && head.contains("Content-Length: 7\r\n"), "{head}");
    assert!(head.contains("X-A: 1\r\n") && head.contains("Content-Type: application/x-www-form-urlencoded"));
    assert_eq!(&data, b"a=1&b=2");
    running.stop(Duration::ZERO);
}

#[test]
fn what_is_not_allowed_is_never_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let running = site(listener.local_addr().unwrap(), "[\"*\", \"127.0.0.1:1\"]", GET);
    let said = said(&running);
    assert!(said.contains("|0|") && said.contains("the catalog does not allow it"), "{said}");
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(running.shared().counters().rule_warnings.value(), 1);
    running.stop(Duration::ZERO);
}

#[test]
fn no_rule_talks_to_the_proxy_that_runs_it() {
    let nowhere = "127.0.0.1:1".parse().unwrap();
    let rule = "$said = http.request.get( \"http://127.0.0.1:\" . request.getLocalPort() . \"/\" ) . $2;";
    let running = site(nowhere, "[\"*\", \"127.0.0.0/8\"]", rule);
    let said = said(&running);
    assert!(said.contains("tidegate itself listens there"), "{said}");
    running.stop(Duration::ZERO);
}

#[test]
fn no_rule_talks_to_the_admin_port() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let admin = listener.local_addr().unwrap();
    let more = format!("[outgoing]\nallow = \"127.0.0.0/8\"\n[admin]\nlisten = \"{admin}\"\n");
    let running = site_with(admin, &more, GET);
    let said = said(&running);
    assert!(said.contains("tidegate itself listens there"), "{said}");
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    running.stop(Duration::ZERO);
}

#[test]
fn a_server_that_says_nothing_is_given_up_and_its_connection_closed() {
    let (world, server) = server(until_gone);
    let rule = "$said = http.request.get( \"http://WORLD/\", \"\", 0.2 ) . $1 . $2;";
    let running = site(world, "\"127.0.0.1\"", rule);
    assert_eq!(said(&running), "0timed out");
    assert!(server.join().unwrap().starts_with(b"GET / "));
    running.stop(Duration::ZERO);
}

#[test]
fn an_endless_answer_is_cut_off_and_an_endless_head_too() {
    for endless in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nX: "] {
        let (world, server) = server(move |mut stream| {
            read_head(&mut stream);
            stream.write_all(endless.as_bytes()).unwrap();
            let (piece, mut sent) = (vec![b'x'; 64 * 1024], 0);
            while stream.write_all(&piece).is_ok() {
                sent += piece.len();
            }
            sent
        });
        let running =
            site(world, "\"127.0.0.1\"", "$said = http.request.get( \"http://WORLD/\" ) . $1 . \" \" . $2;");
        let said = said(&running);
        assert!(said.starts_with("0 ") && said.len() > 2 && said.len() < 200, "{said}");
        assert!(server.join().unwrap() < 64 << 20);
        running.stop(Duration::ZERO);
    }
}

#[test]
fn what_is_no_http_is_an_error_of_the_other_side() {
    let (world, server) = server(|mut stream| {
        read_head(&mut stream);
        stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
    });
    let running = site(world, "\"127.0.0.1\"", "http.request.get( \"http://WORLD/\" ); $said = $1 . $2;");
    let said = said(&running);
    assert!(said.starts_with('0') && said.len() > 5, "{said}");
    assert_eq!(running.shared().counters().rule_warnings.value(), 0);
    server.join().unwrap();
    running.stop(Duration::ZERO);
}

#[test]
fn a_client_that_leaves_ends_what_its_rule_has_under_way() {
    let (arrived, has_arrived) = std::sync::mpsc::channel();
    let (world, server) = server(move |mut stream| {
        read_head(&mut stream);
        arrived.send(()).unwrap();
        until_gone(stream);
    });
    let running = site(world, "\"127.0.0.1\"", GET);
    let client = ask(&running);
    has_arrived.recv().unwrap();
    drop(client);
    server.join().unwrap();
    running.stop(Duration::from_secs(5));
}

#[test]
fn stopping_ends_what_is_under_way() {
    let (arrived, has_arrived) = std::sync::mpsc::channel();
    let (world, server) = server(move |mut stream| {
        read_head(&mut stream);
        arrived.send(()).unwrap();
        until_gone(stream);
    });
    let running = site(world, "\"127.0.0.1\"", GET);
    let _client = ask(&running);
    has_arrived.recv().unwrap();
    running.stop(Duration::ZERO);
    server.join().unwrap();
}

#[test]
fn a_conversation_over_tcp_ends_with_the_request() {
    let (world, server) = server(|mut stream| {
        stream.write_all(b"220 hello\r\n").unwrap();
        let mut line = [0; 6];
        stream.read_exact(&mut line).unwrap();
        stream.write_all(b"221 bye\r\n").unwrap();
        (line, until_gone(stream))
    });
    let rule = "$s = tcp.connect( \"127.0.0.1\", PORT, 5000 );
        $said = $s . string.trim( tcp.read( $s, 5 ) ) . string.trim( tcp.read( $s ) );
        $said .= tcp.write( $s, \"QUIT\\r\\n\" );
        $said .= string.trim( tcp.read( $s, 100 ) ) . \"[\" . $1 . \"]\";
        $said .= \"[\" . tcp.read( $s, 100, 100 ) . $1 . \"]\";";
    let running = site(world, "\"127.0.0.1\"", rule);
    assert_eq!(said(&running), "1220 hello6221 bye[][timed out]");
    let (line, rest) = server.join().unwrap();
    assert_eq!((&line, &rest[..]), (b"QUIT\r\n", &b""[..]));
    running.stop(Duration::ZERO);
}

#[test]
fn a_request_has_sixteen_sockets_and_may_close_some() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let rule = "for( $i = 0; $i < 17; $i++ ) { $s = tcp.connect( \"127.0.0.1\", PORT ); }
        $said = $s . \" \" . $1 . \" \" . tcp.close( 3 ) . tcp.connect( \"127.0.0.1\", PORT ) . tcp.close( 3 );";
    let running = site(listener.local_addr().unwrap(), "\"127.0.0.1\"", rule);
    assert_eq!(said(&running), "0 a transaction has at most 16 sockets; close one first 1170");
    running.stop(Duration::ZERO);
}

#[test]
fn a_port_where_nobody_listens_is_told_in_the_first_capture() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = site(free, "\"127.0.0.1\"", "$said = tcp.connect( \"127.0.0.1\", PORT ) . \" \" . $1;");
    let said = said(&running);
    assert!(said.starts_with("0 127.0.0.1:") && said.to_lowercase().contains("refused"), "{said}");
    running.stop(Duration::ZERO);
}

#[test]
fn a_datagram_arrives() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let rule = "$said = udp.sendTo( \"127.0.0.1\", PORT, \"<14>hello\" );";
    let running = site(socket.local_addr().unwrap(), "\"127.0.0.1\"", rule);
    assert_eq!(said(&running), "1");
    let mut data = [0; 100];
    let count = socket.recv(&mut data).unwrap();
    assert_eq!(&data[..count], b"<14>hello");
    running.stop(Duration::ZERO);
}

/// One answer over TLS, with the certificate of the tests.
fn tls_server() -> (SocketAddr, JoinHandle<()>) {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    server(move |stream| {
        let connection = rustls::ServerConnection::new(Arc::new(settings)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if !matches!(stream.read(&mut byte), Ok(1)) {
                return;
            }
            head.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsafe").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    })
}

#[test]
fn tls_trusts_whom_the_rule_says_and_nobody_else() {
    let authority = include_str!("tls/ca.pem").trim().replace('\n', "\\n");
    let (world, server) = tls_server();
    let rule = format!("$said = http.request.ssl.get( \"https://WORLD/\", [ \"{authority}\" ] ) . $1 . $2;");
    let running = site(world, "\"127.0.0.1\"", &rule);
    assert_eq!(said(&running), "safe200");
    server.join().unwrap();
    running.stop(Duration::ZERO);

    let (world, server) = tls_server();
    let running = site(world, "\"127.0.0.1\"", "$said = http.request.get( \"https://WORLD/\" ) . $1 . $2;");
    let said = said(&running);
    assert!(said.starts_with('0') && !said.contains("safe"), "{said}");
    server.join().unwrap();
    running.stop(Duration::ZERO);
}

/// A resolver whose answers change with each question.
struct Fickle {
    answers: Vec<IpAddr>,
    asked: Rc<Cell<usize>>,
}

impl Lookup for Fickle {
    fn addresses(&self, _: String) -> Looked<Vec<IpAddr>> {
        let number = self.asked.replace(self.asked.get() + 1);
        let answer = self.answers[number % self.answers.len()];
        Box::pin(async move { Ok(vec![answer]) })
    }

    fn name(&self, address: IpAddr) -> Looked<String> {
        Box::pin(async move { Ok(format!("name-of-{address}.example")) })
    }
}

/// What a rule says where names lead to these addresses, one after the other; and how often they were asked for.
fn said_where_names_lead(answers: &[&str], allow: &str, rule: &str) -> (String, usize) {
    let text = format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:80\"\npool = \"discard\"\nrequest_rules = [\"go\"]\n\
         [outgoing]\nallow = {allow}\n"
    );
    let rule = format!("{rule}\nhttp.sendResponse( 200, \"text/plain\", $said, \"\" );");
    let asked = Rc::new(Cell::new(0));
    let answers = answers.iter().map(|answer| answer.parse().unwrap()).collect();
    let lookup = Fickle { answers, asked: Rc::clone(&asked) };
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    let said = runtime.block_on(async move {
        let site = Site::with(catalog(&text, &[("go", &rule)]), |_| Reach::Refuses);
        site.worker.look_up_with(lookup);
        let mut client = site.client();
        client.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        client.rest().await.split_once("\r\n\r\n").unwrap().1.to_owned()
    });
    (said, asked.get())
}

#[test]
fn a_name_is_asked_for_once_and_judged_by_where_it_leads() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let rule = format!("$said = http.request.get( \"http://a.example:{port}/\", \"\", 1 ) . $2;");
    let allow = "[\"a.example\", \"*\"]";
    for inside in
        ["127.0.0.1", "::ffff:127.0.0.1", "::1", "169.254.169.254", "::ffff:a9fe:a9fe", "0.0.0.0", "fe80::1"]
    {
        // The second answer would be a public address: whoever judges that and connects to this is fooled.
        let (said, asked) = said_where_names_lead(&[inside, "192.0.2.1"], allow, &rule);
        assert!(said.contains("is refused"), "{inside}: {said}");
        assert_eq!(asked, 1, "{inside}");
    }
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_name_may_lead_to_this_machine_where_the_catalog_says_so() {
    let (world, server) = server(|mut stream| {
        let head = read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
        head
    });
    let port = world.port();
    let rule = format!(
        "$said = http.request.get( \"http://a.example:{port}/\" ) . net.dns.resolveHost( \"b.example\" );"
    );
    let (said, asked) = said_where_names_lead(&["127.0.0.1"], "\"127.0.0.1\"", &rule);
    assert_eq!((said.as_str(), asked), ("hi127.0.0.1", 2));
    assert!(server.join().unwrap().contains(&format!("Host: a.example:{port}\r\n")));
}

#[test]
fn names_and_addresses_are_looked_up() {
    let rule = "$said = net.dns.resolveHost6( \"a.example\" ) . \" \" . net.dns.resolveHost( \"a.example\" ) . \" \" . net.dns.resolveIP( \"192.0.2.7\" );";
    let (said, _) = said_where_names_lead(&["2001:db8::1", "2001:db8::2"], "[]", rule);
    assert_eq!(said, "2001:db8::1  name-of-192.0.2.7.example");
}
