//! TLS with clients.

use super::{Authority, Running, ask, catalog, connect, echo, get, head_of, load, node, start};
use rustls::{HandshakeKind, ProtocolVersion};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const SITE: &str = "[virtual_servers.site]\nlisten = \"127.0.0.1:0\"\npool = \"nodes\"\n\
    tls.certificates = { certificate = \"a.pem\", key = \"a.key\" }\n";

fn nodes(node: SocketAddr) -> String {
    format!("[pools.nodes]\nnodes = [\"{node}\"]\n")
}

/// A site for `a.example`, before a node that answers with the head it got.
fn site(authority: &Authority) -> (Running, SocketAddr) {
    let (certificate, key) = authority.vouch(&["a.example"]);
    let text = format!("{SITE}{}", nodes(node(echo)));
    start(catalog(&text, &[("a.pem", &certificate), ("a.key", &key)]))
}

fn counter(running: &Running, name: &str) -> u64 {
    running.shared().counters().list().into_iter().find(|(known, ..)| *known == name).unwrap().2
}

/// Until so many were counted: a client may know of its failure before the worker has counted it.
fn awaits(running: &Running, name: &str, wanted: u64) {
    let clock = running.clock();
    let until = clock.tick().saturating_add(Duration::from_secs(20));
    while counter(running, name) < wanted && clock.tick() < until {
        std::thread::yield_now();
    }
    assert_eq!(counter(running, name), wanted, "{name}");
}

#[test]
fn a_request_under_tls_is_served_and_the_node_is_told_that_it_was() {
    let authority = Authority::new();
    let (running, address) = site(&authority);
    let answer = get(address, &Arc::new(authority.client()), "a.example").unwrap();
    assert!(answer.contains("X-Forwarded-Proto: https\r\n"), "{answer}");
    assert_eq!(counter(&running, "tls_handshakes"), 1);
}

#[test]
fn a_request_in_the_clear_is_told_that_tls_is_spoken_here() {
    let authority = Authority::new();
    let (running, address) = site(&authority);
    let mut client = TcpStream::connect(address).unwrap();
    let answer = ask(&mut client, "a.example", "/").unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
    assert!(body.contains("TLS"), "{answer}");
    awaits(&running, "tls_plain_requests", 1);
}

#[test]
fn each_name_has_its_certificate_and_an_unknown_one_the_first() {
    let authority = Authority::new();
    let [first, second, other] =
        [&["a.example"][..], &["*.b.example"], &["c.example"]].map(|names| authority.vouch(names));
    let text = format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:0\"\npool = \"nodes\"\nrequest_rules = \"say\"\n\
         [virtual_servers.site.tls]\ncertificates = [\"first.pem\", \"second.pem\"]\n\
         [virtual_servers.other]\nlisten = \"127.0.0.1:0\"\npool = \"nodes\"\nhosts = \"c.example\"\n\
         request_rules = \"say\"\ntls.certificates = \"other.pem\"\n{}",
        nodes(node(echo))
    );
    let joined = |(certificate, key): (String, String)| certificate + &key;
    let files = [first, second, other].map(joined);
    let say = "http.sendResponse( \"200 OK\", \"text/plain\", ssl.serverCertCommonName() . \" \" . \
               ssl.serverSiteName() . \" \" . ssl.getTLSServerName() . \" \" . ssl.serverCertName(), \"\" );";
    let files = [
        ("first.pem", files[0].as_str()),
        ("second.pem", &files[1]),
        ("other.pem", &files[2]),
        ("rules/say.rts", say),
    ];
    let (_running, address) = start(catalog(&text, &files));
    let config = Arc::new(authority.client());
    let said = |name| {
        let answer = get(address, &config, name).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    assert_eq!(said("a.example"), "a.example a.example a.example first.pem");
    assert_eq!(said("x.b.example"), "*.b.example x.b.example x.b.example second.pem");
    assert_eq!(said("c.example"), "c.example c.example c.example other.pem");
    // The name of the certificate is another one, and the client says so: it was shown the first.
    let refused = get(address, &config, "unknown.example").unwrap_err();
    assert!(refused.to_string().contains("not valid for name"), "{refused}");
}

#[test]
fn a_session_is_taken_up_again_by_whichever_worker_and_after_a_reload() {
    let authority = Authority::new();
    let (certificate, key) = authority.vouch(&["a.example"]);
    let text = format!("{SITE}{}", nodes(node(echo)));
    let files = [("a.pem", certificate.as_str()), ("a.key", &key)];
    let (mut running, address) = start(catalog(&text, &files));
    let mut config = authority.client();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let builder = rustls::ClientConfig::builder_with_provider(super::provider());
        let builder = builder.with_protocol_versions(&[version]).unwrap();
        config.clone_from(&builder.with_root_certificates(authority.roots()).with_no_client_auth());
        let config = Arc::new(config.clone());
        let kind = || {
            let mut stream = connect(address, &config, "a.example");
            ask(&mut stream, "a.example", "/").unwrap();
            stream.conn.handshake_kind().unwrap()
        };
        assert_ne!(kind(), HandshakeKind::Resumed);
        for _ in 0..8 {
            assert_eq!(kind(), HandshakeKind::Resumed, "{version:?}");
        }
        running.adopt(catalog(&text, &files)).unwrap();
        assert_eq!(kind(), HandshakeKind::Resumed, "{version:?}");
    }
    assert_eq!(counter(&running, "tls_resumptions"), 18);
}

#[test]
fn without_tickets_every_handshake_is_made_in_full() {
    let authority = Authority::new();
    let (certificate, key) = authority.vouch(&["a.example"]);
    let text = format!("{SITE}tls.session_tickets = false\n{}", nodes(node(echo)));
    let (running, address) = start(catalog(&text, &[("a.pem", &certificate), ("a.key", &key)]));
    let config = Arc::new(authority.client());
    for _ in 0..3 {
        get(address, &config, "a.example").unwrap();
    }
    assert_eq!((counter(&running, "tls_handshakes"), counter(&running, "tls_resumptions")), (3, 0));
}

#[test]
fn who_must_show_a_certificate_is_not_served_without_and_rules_read_it() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (certificate, key) = authority.vouch(&["a.example"]);
    let text = format!(
        "{SITE}request_rules = \"say\"\ntls.client_certificates = \"required\"\n\
         tls.client_authorities = \"ca.pem\"\n{}",
        nodes(node(echo))
    );
    let say = "http.sendResponse( \"200 OK\", \"text/plain\", ssl.clientCertStatus() . \" \" . \
               ssl.clientCertCommonName() . \" \" . ssl.clientCertIssuer() . \" \" . ssl.clientCert(), \"\" );";
    let files = [
        ("a.pem", certificate.as_str()),
        ("a.key", &key),
        ("ca.pem", &authority.pem()),
        ("rules/say.rts", say),
    ];
    let (running, address) = start(catalog(&text, &files));
    let alice = authority.vouch(&["alice"]);
    let answer = get(address, &Arc::new(authority.client_with(&alice)), "a.example").unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.replace('\n', "");
    let shown = alice.0.replace("\r\n", "").replace('\n', "");
    assert_eq!(body, format!("OK alice CN=authority of a test {shown}"));
    assert!(get(address, &Arc::new(authority.client()), "a.example").is_err());
    let mallory = stranger.vouch(&["alice"]);
    assert!(get(address, &Arc::new(authority.client_with(&mallory)), "a.example").is_err());
    awaits(&running, "tls_handshake_failures", 2);
    assert_eq!(counter(&running, "requests"), 1);
}

#[test]
fn a_connection_made_for_one_name_does_not_reach_a_site_that_wants_certificates() {
    let authority = Authority::new();
    let (certificate, key) = authority.vouch(&["a.example", "inner.example", "other.example"]);
    let text = format!(
        "{SITE}hosts = [\"a.example\", \"other.example\"]\n\
         [virtual_servers.inner]\nlisten = \"127.0.0.1:0\"\npool = \"nodes\"\nhosts = \"inner.example\"\n\
         [virtual_servers.inner.tls]\ncertificates = {{ certificate = \"a.pem\", key = \"a.key\" }}\n\
         client_certificates = \"optional\"\nclient_authorities = \"ca.pem\"\n{}",
        nodes(node(echo))
    );
    let files = [("a.pem", certificate.as_str()), ("a.key", &key), ("ca.pem", &authority.pem())];
    let (running, address) = start(catalog(&text, &files));
    let config = Arc::new(authority.client());
    let asked = |name, host| ask(&mut connect(address, &config, name), host, "/").unwrap();
    assert!(asked("a.example", "other.example").starts_with("HTTP/1.1 200 "));
    assert!(asked("a.example", "inner.example").starts_with("HTTP/1.1 421 "));
    assert!(asked("inner.example", "inner.example").starts_with("HTTP/1.1 200 "));
    assert_eq!(counter(&running, "tls_misdirected"), 1);
    // A ticket of the open site is no way in either: its session is not taken up.
    let mut stream = connect(address, &config, "inner.example");
    ask(&mut stream, "inner.example", "/").unwrap();
    assert_eq!(stream.conn.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[test]
fn a_client_that_says_nothing_is_not_waited_for() {
    let authority = Authority::new();
    let (certificate, key) = authority.vouch(&["a.example"]);
    let text = format!("{SITE}connect_timeout = \"100ms\"\n{}", nodes(node(echo)));
    let (running, address) = start(catalog(&text, &[("a.pem", &certificate), ("a.key", &key)]));
    let mut silent = TcpStream::connect(address).unwrap();
    let mut slow = TcpStream::connect(address).unwrap();
    // The beginning of a handshake record, and no more.
    slow.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
    for client in [&mut silent, &mut slow] {
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert!(matches!(client.read(&mut [0; 64]), Ok(0) | Err(_)));
    }
    awaits(&running, "tls_handshake_failures", 2);
}

/// A pattern that a lost or doubled record would break.
fn byte_at(at: usize) -> u8 {
    u8::try_from(at % 251).unwrap()
}

#[test]
fn a_large_body_arrives_whole_though_the_client_is_slow_to_read() {
    const BYTES: usize = 8 << 20;
    let authority = Authority::new();
    let (certificate, key) = authority.vouch(&["a.example"]);
    let node = node(|mut stream| {
        head_of(&mut stream);
        write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").unwrap();
        let body: Vec<u8> = (0..BYTES).map(byte_at).collect();
        stream.write_all(&body).unwrap();
    });
    let text = format!("{SITE}{}", nodes(node));
    let (_running, address) = start(catalog(&text, &[("a.pem", &certificate), ("a.key", &key)]));
    let mut stream = connect(address, &Arc::new(authority.client()), "a.example");
    write!(stream, "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n").unwrap();
    head_of(&mut stream).unwrap();
    // The end is announced: a body that is delimited by it is known to be whole.
    let mut body = Vec::new();
    let mut piece = [0; 3_000];
    loop {
        match stream.read(&mut piece).unwrap() {
            0 => break,
            count => body.extend_from_slice(&piece[..count]),
        }
    }
    assert_eq!(body.len(), BYTES);
    assert!(body.iter().enumerate().all(|(at, byte)| *byte == byte_at(at)));
}

#[test]
fn an_answer_that_the_node_cut_is_cut_for_the_client() {
    let authority = Authority::new();
    let (certificate, key) = authority.vouch(&["a.example"]);
    let node = node(|mut stream| {
        head_of(&mut stream);
        write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").unwrap();
    });
    let text = format!("{SITE}{}", nodes(node));
    let (_running, address) = start(catalog(&text, &[("a.pem", &certificate), ("a.key", &key)]));
    let mut stream = connect(address, &Arc::new(authority.client()), "a.example");
    // To a client of HTTP/1.0 the end of the connection is the end of the body: it must not be an orderly one.
    write!(stream, "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n").unwrap();
    head_of(&mut stream).unwrap();
    assert!(stream.read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn a_reload_changes_the_certificate_for_new_handshakes_and_cuts_nobody() {
    let (authority, renewed) = (Authority::new(), Authority::new());
    let (first, second) = (authority.vouch(&["a.example"]), renewed.vouch(&["a.example"]));
    let text = format!("{SITE}{}", nodes(node(echo)));
    let with = |(certificate, key): &(String, String)| {
        load(&text, &[("a.pem", certificate.as_str()), ("a.key", key.as_str())])
    };
    let (mut running, address) = start(with(&first).catalog.unwrap());
    let mut old = connect(address, &Arc::new(authority.client()), "a.example");
    write!(old, "GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    let body = |head: String| {
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        vec![0; length.parse().unwrap()]
    };
    let mut echoed = body(head_of(&mut old).unwrap());
    old.read_exact(&mut echoed).unwrap();
    // A key that does not belong to its certificate is told of, and nothing is adopted.
    let mixed = (second.0.clone(), first.1.clone());
    let refused = with(&mixed);
    assert!(refused.catalog.is_none());
    assert_eq!(refused.diagnostics[0].id.0, "key-mismatch");
    running.adopt(with(&second).catalog.unwrap()).unwrap();
    assert!(get(address, &Arc::new(authority.client()), "a.example").is_err());
    assert!(get(address, &Arc::new(renewed.client()), "a.example").is_ok());
    write!(old, "GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    let mut echoed = body(head_of(&mut old).unwrap());
    old.read_exact(&mut echoed).unwrap();
    assert!(echoed.starts_with(b"GET /2 "));
}
