//! TLS with nodes.

use super::{Authority, Running, catalog, echo, head_of, node, provider, start};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

type Served = StreamOwned<ServerConnection, TcpStream>;

fn server_config((certificate, key): &(String, String), clients: Option<&Authority>) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let roots = Arc::new(authority.roots());
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

/// A node under TLS.
fn secured(config: &Arc<ServerConfig>, serve: impl Fn(Served) + Send + Sync + 'static) -> SocketAddr {
    let config = Arc::clone(config);
    node(move |stream| serve(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream)))
}

fn through(address: SocketAddr, tls: &str, files: &[(&str, &str)]) -> (Running, SocketAddr) {
    let port = address.port();
    let text = format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:0\"\npool = \"nodes\"\n\
         [pools.nodes]\nnodes = [\"localhost:{port}\"]\n{tls}\n"
    );
    start(catalog(&text, files))
}

fn get(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    super::ask(&mut stream, "a", "/").unwrap()
}

#[test]
fn a_node_is_spoken_to_in_tls_and_its_connection_is_used_again() {
    let authority = Authority::new();
    let config = server_config(&authority.vouch(&["localhost"]), None);
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let node = secured(&config, move |stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        echo(stream);
    });
    let (_running, address) =
        through(node, "tls.authorities = \"ca.pem\"", &[("ca.pem", authority.pem().as_str())]);
    let mut client = TcpStream::connect(address).unwrap();
    for _ in 0..5 {
        write!(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let head = head_of(&mut client).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        client.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_node_that_nobody_vouches_for_gets_no_request_unless_that_is_said() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let config = server_config(&stranger.vouch(&["localhost"]), None);
    let node = secured(&config, echo);
    let pem = authority.pem();
    let files = [("ca.pem", pem.as_str())];
    let (_running, address) = through(node, "tls.authorities = \"ca.pem\"", &files);
    assert!(get(address).starts_with("HTTP/1.1 50"));
    let (_running, address) = through(node, "tls.verify = \"none\"", &[]);
    assert!(get(address).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_node_with_a_certificate_for_another_name_gets_no_request_unless_the_name_is_said() {
    let authority = Authority::new();
    let config = server_config(&authority.vouch(&["app.internal"]), None);
    let node = secured(&config, echo);
    let pem = authority.pem();
    let files = [("ca.pem", pem.as_str())];
    let (_running, address) = through(node, "tls.authorities = \"ca.pem\"", &files);
    assert!(get(address).starts_with("HTTP/1.1 50"));
    let tls = "tls = { authorities = \"ca.pem\", server_name = \"app.internal\" }";
    let (_running, address) = through(node, tls, &files);
    assert!(get(address).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_node_that_asks_who_we_are_is_shown_our_certificate() {
    let authority = Authority::new();
    let config = server_config(&authority.vouch(&["localhost"]), Some(&authority));
    let node = secured(&config, echo);
    let (pem, ours) = (authority.pem(), authority.vouch(&["tidegate.example"]));
    let files = [("ca.pem", pem.as_str()), ("our.pem", &ours.0), ("our.key", &ours.1)];
    let (_running, address) = through(node, "tls.authorities = \"ca.pem\"", &files);
    assert!(get(address).starts_with("HTTP/1.1 50"));
    let tls =
        "tls = { authorities = \"ca.pem\", certificate = { certificate = \"our.pem\", key = \"our.key\" } }";
    let (_running, address) = through(node, tls, &files);
    assert!(get(address).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_body_that_ends_with_the_connection_is_whole_only_if_the_node_says_so() {
    for says_so in [true, false] {
        let authority = Authority::new();
        let config = server_config(&authority.vouch(&["localhost"]), None);
        let node = secured(&config, move |mut stream| {
            head_of(&mut stream);
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it").unwrap();
            if says_so {
                stream.conn.send_close_notify();
            }
            stream.flush().unwrap();
        });
        let pem = authority.pem();
        let (_running, address) = through(node, "tls.authorities = \"ca.pem\"", &[("ca.pem", pem.as_str())]);
        let answer = get(address);
        assert!(answer.contains("all of it"), "{answer}");
        assert_eq!(answer.ends_with("\r\n0\r\n\r\n"), says_so, "{answer}");
    }
}
