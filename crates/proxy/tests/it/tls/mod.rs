//! Real handshakes over loopback, with certificates made for each test.

mod clients;
mod nodes;

use engine::catalog::{Catalog, Loaded, MemoryFiles};
use proxy::{Clock, Options, Proxy, Running, Wakes};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

type Secured = StreamOwned<ClientConnection, TcpStream>;

/// An authority of a test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names, and its key.
    fn vouch(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names[0].as_str());
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    /// Somebody who trusts this authority and shows nothing.
    fn client(&self) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        builder.with_root_certificates(self.roots()).with_no_client_auth()
    }

    /// Somebody who shows a certificate.
    fn client_with(&self, (certificate, key): &(String, String)) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        builder.with_root_certificates(self.roots()).with_client_auth_cert(chain, key).unwrap()
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The catalog's files.
fn load(text: &str, files: &[(&str, &str)]) -> Loaded {
    let mut all = MemoryFiles::default().with("tidegate.toml", text);
    for (name, text) in files {
        all = all.with(*name, *text);
    }
    Catalog::load(Path::new("tidegate.toml"), &all, engine::builtins::builtins())
}

fn catalog(text: &str, files: &[(&str, &str)]) -> Catalog {
    let loaded = load(text, files);
    loaded.catalog.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

fn start(catalog: Catalog) -> (Running, SocketAddr) {
    let (clock, wakes) = (Clock::system(), Wakes::new());
    let shared =
        engine::Shared::new(catalog, &engine::SharedOptions::default(), Box::new(wakes.clone()), clock.now());
    let workers = NonZeroUsize::new(2).unwrap();
    let running = Proxy::start(shared, (wakes, clock), Options { workers, connections_max: 1000 }).unwrap();
    let address = running.addresses().next().unwrap().1;
    (running, address)
}

/// A connection that asks for `name`; the handshake is made with the first bytes.
fn connect(address: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Secured {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let session = ClientConnection::new(Arc::clone(config), name).unwrap();
    StreamOwned::new(session, TcpStream::connect(address).unwrap())
}

/// The whole answer to a request that is the connection's last.
fn ask(stream: &mut (impl Read + Write), host: &str, path: &str) -> std::io::Result<String> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8(answer).unwrap())
}

fn get(address: SocketAddr, config: &Arc<ClientConfig>, host: &str) -> std::io::Result<String> {
    ask(&mut connect(address, config, host), host, "/")
}

fn head_of(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// A node in the clear: each connection on a thread of its own, for as long as the test runs.
fn node(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    let _until_the_end: JoinHandle<()> = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.unwrap(), Arc::clone(&serve));
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Answers each request with its own head.
fn echo(mut stream: impl Read + Write) {
    while let Some(head) = head_of(&mut stream) {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
        if stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

/// Runs a story with clients of HTTP/2 over TLS: a virtual server with this rule, and a node that says nothing.
pub(crate) fn over_tls<T>(
    rule: &str,
    story: impl AsyncFnOnce(&dyn Fn() -> std::pin::Pin<Box<dyn Future<Output = TlsStream>>>) -> T,
) -> T {
    let authority = Authority::new();
    let (certificate, key) = authority.vouch(&["site.example"]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:0\"\npool = \"nodes\"\nrequest_rules = [\"r\"]\n\
         [virtual_servers.site.tls]\ncertificates = {{ certificate = \"c.pem\", key = \"k.pem\" }}\n\
         [pools.nodes]\nnodes = [\"{}\"]\n",
        silent.local_addr().unwrap()
    );
    let (running, address) =
        start(catalog(&text, &[("c.pem", &certificate), ("k.pem", &key), ("rules/r.rts", rule)]));
    let mut config = authority.client();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let connect = || -> std::pin::Pin<Box<dyn Future<Output = TlsStream>>> {
        let connector = connector.clone();
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            connector.connect(ServerName::try_from("site.example").unwrap(), stream).await.unwrap()
        })
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(story(&connect));
    running.stop(std::time::Duration::ZERO);
    told
}

type TlsStream = tokio_rustls::client::TlsStream<tokio::net::TcpStream>;
