//! What rustls needs to know, made of a catalog: once for each catalog and worker, never for a connection.

use super::ALPN_HTTP2;
use engine::Certificate;
use engine::catalog::{Catalog, ClientCheck, Http2, NodeTls, ServerTls, TlsVersion, Verification};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert, ServerSessionMemoryCache,
    StoresServerSessions, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion, version,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Sessions of clients without tickets that are remembered, for all virtual servers that ask the same of clients.
const SESSIONS_MAX: usize = 4_096;
/// Nodes (names, to TLS) whose sessions are remembered, for each pool.
const NODE_SESSIONS_MAX: usize = 256;
/// What is asked of clients in different ways, at most, with keys for tickets of its own that outlive a reload.
const POLICIES_MAX: usize = 1_024;

/// How nodes are spoken to: [`NodeTls::settings`], and whether HTTP/2 is offered.
type NodeKey = ([u8; 32], bool);

/// The keys that sign and open session tickets, and what else is to be the same for all workers and after a reload.
///
/// A session carries what the client has shown. So virtual servers share keys only where they ask the same of clients:
/// elsewhere a ticket is a text like any other, and the handshake is made in full.
pub(crate) struct Keeper {
    provider: Arc<CryptoProvider>,
    sessions: Mutex<HashMap<[u8; 32], Sessions>>,
    nodes: Mutex<HashMap<NodeKey, Arc<ClientConfig>>>,
}

#[derive(Clone)]
struct Sessions {
    /// Keys change every six hours; those before are still known for as long.
    tickets: Arc<dyn ProducesTickets>,
    /// For clients of TLS 1.2 that know no tickets.
    memory: Arc<dyn StoresServerSessions>,
}

impl Keeper {
    pub(crate) fn new() -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Self { provider, sessions: Mutex::default(), nodes: Mutex::default() }
    }

    fn sessions(&self, policy: [u8; 32]) -> Result<Sessions, rustls::Error> {
        let mut known = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sessions) = known.get(&policy) {
            return Ok(sessions.clone());
        }
        let sessions = Sessions {
            tickets: rustls::crypto::aws_lc_rs::Ticketer::new()?,
            memory: ServerSessionMemoryCache::new(SESSIONS_MAX),
        };
        if known.len() < POLICIES_MAX {
            known.insert(policy, sessions.clone());
        }
        Ok(sessions)
    }

    /// How a virtual server speaks TLS.
    pub(crate) fn server(&self, tls: &Arc<ServerTls>, http2: Http2) -> Result<Served, rustls::Error> {
        let chooser = Arc::new(Chooser(Arc::clone(tls)));
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider));
        let builder = builder.with_protocol_versions(versions(tls.min_version))?;
        let builder = match &tls.clients {
            None => builder.with_no_client_auth(),
            Some(check) => builder.with_client_cert_verifier(self.client_verifier(check)?),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&chooser) as Arc<dyn ResolvesServerCert>);
        if http2.enabled {
            config.alpn_protocols.push(ALPN_HTTP2.as_bytes().to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        if tls.session_tickets {
            let sessions = self.sessions(tls.clients.as_ref().map_or([0; 32], |check| check.policy))?;
            config.ticketer = sessions.tickets;
            config.session_storage = sessions.memory;
        } else {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Served { config: Arc::new(config), tls: Arc::clone(tls), chooser })
    }

    fn client_verifier(
        &self,
        check: &ClientCheck,
    ) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, rustls::Error> {
        let roots = Arc::clone(&check.authorities);
        let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&self.provider));
        let builder = if check.is_required { builder } else { builder.allow_unauthenticated() };
        builder.build().map_err(|error| rustls::Error::General(error.to_string()))
    }

    /// How a pool's nodes are spoken to; the same settings give the same answer, with the sessions it remembers.
    /// Whom the machine trusts is needed where the pool names no authorities. `offers_http2`: the node may choose it.
    pub(crate) fn node(
        &self,
        (tls, offers_http2): (&NodeTls, bool),
        machine: Option<Arc<RootCertStore>>,
    ) -> Result<Arc<ClientConfig>, rustls::Error> {
        let key = (tls.settings, offers_http2);
        if let Some(known) = self.known_node(key) {
            return Ok(known);
        }
        let roots = tls.authorities.clone().or(machine).unwrap_or_else(|| Arc::new(RootCertStore::empty()));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider));
        let builder = builder.with_safe_default_protocol_versions()?;
        let builder = match tls.verify {
            Verification::Full => builder.with_root_certificates(roots),
            Verification::Nothing => {
                let anyone = Arc::new(Anyone(Arc::clone(&self.provider)));
                builder.dangerous().with_custom_certificate_verifier(anyone)
            }
        };
        let mut config = match &tls.certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                let ours = rustls::sign::SingleCertAndKey::from(CertifiedKey::clone(&certificate.key));
                builder.with_client_cert_resolver(Arc::new(ours))
            }
        };
        config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(NODE_SESSIONS_MAX)));
        if offers_http2 {
            config.alpn_protocols.push(ALPN_HTTP2.as_bytes().to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        let config = Arc::new(config);
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if nodes.len() < POLICIES_MAX {
            nodes.insert(key, Arc::clone(&config));
        }
        Ok(config)
    }

    fn known_node(&self, key: NodeKey) -> Option<Arc<ClientConfig>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }
}

static NEW_AND_OLD: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
static NEW: [&SupportedProtocolVersion; 1] = [&version::TLS13];

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match least {
        TlsVersion::Tls12 => &NEW_AND_OLD,
        TlsVersion::Tls13 => &NEW,
    }
}

/// How a virtual server speaks TLS, ready for handshakes.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) tls: Arc<ServerTls>,
    pub(crate) chooser: Arc<Chooser>,
}

/// By virtual server of a catalog; nothing where one speaks no TLS, or where rustls refuses its settings.
pub(crate) fn of_catalog(catalog: &Catalog, keeper: &Keeper) -> Vec<Option<Served>> {
    let served = |server: &engine::catalog::VirtualServer| {
        let made = keeper.server(server.tls.as_ref()?, server.http2);
        made.inspect_err(|error| tracing::error!(server = &*server.name, %error, "TLS cannot be set up")).ok()
    };
    catalog.virtual_servers.iter().map(served).collect()
}

/// Chooses the certificate for a client.
#[derive(Debug)]
pub(crate) struct Chooser(Arc<ServerTls>);

impl Chooser {
    /// The first certificate that is for the name and whose kind the client can verify; for want of one, the first that
    /// it can verify, and at last the first: then rustls tells the client what is missing.
    pub(crate) fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<&Arc<Certificate>> {
        let name = name.map(str::to_ascii_lowercase);
        let all = &self.0.certificates;
        let can_verify =
            |certificate: &&Arc<Certificate>| certificate.key.key.choose_scheme(schemes).is_some();
        let is_for =
            |certificate: &&Arc<Certificate>| name.as_deref().is_some_and(|name| certificate.is_for(name));
        let wanted = all.iter().find(|certificate| is_for(certificate) && can_verify(certificate));
        wanted.or_else(|| all.iter().find(can_verify)).or_else(|| all.first())
    }
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = self.choose(hello.server_name(), hello.signature_schemes())?;
        Some(Arc::clone(&chosen.key))
    }
}

/// Takes any certificate of a node, as the operator has said in so many words. The node must have its key all the same.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
