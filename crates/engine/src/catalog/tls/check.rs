//! Reading certificates and keys, and saying what is wrong with them.

use super::{ClientCertificates, ClientCheck, NodeTls, ServerTls, Verification};
use crate::catalog::check::{Checker, EMPTY_LIST, MISSING_KEY, TOO_MANY, named};
use crate::catalog::read::{At, BAD_VALUE, Flag, OneOrMany, Slot, Text, shown};
use crate::catalog::said::{self, CertificateUse};
use crate::catalog::virtual_server::{HostPattern, Protocol, VirtualServer};
use crate::limits;
use crate::tls::{Certificate, UnusableCertificate};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use sha2::{Digest, Sha256};
use source::{Diagnostic, DiagnosticId, Source, Span};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const UNUSABLE_CERTIFICATE: DiagnosticId = DiagnosticId("unusable-certificate");
const KEY_MISMATCH: DiagnosticId = DiagnosticId("key-mismatch");
const KEY_FOR_EVERYBODY: DiagnosticId = DiagnosticId("key-for-everybody");
const UNCOVERED_HOST: DiagnosticId = DiagnosticId("uncovered-host");
const MIXED_LISTENER: DiagnosticId = DiagnosticId("mixed-listener");
const UNVERIFIED_NODES: DiagnosticId = DiagnosticId("unverified-nodes");
const CERTIFICATE_DATES: DiagnosticId = DiagnosticId("certificate-dates");

/// A certificate that ends within these seconds is told of: those who renew by themselves do so a month before.
const SOON: i64 = 14 * 86_400;

/// A certificate and where the catalog names it, to be able to tell of its dates at any time.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) certificate: Arc<Certificate>,
    source: Arc<Source>,
    span: Span,
    /// What it was read from.
    files: Vec<PathBuf>,
}

impl Declared {
    /// What there is to say of its dates at this moment, in seconds since 1970.
    pub(crate) fn doubt(&self, now: i64) -> Option<Diagnostic> {
        let Certificate { name, valid_from, valid_until, .. } = &*self.certificate;
        let message = if *valid_until <= now {
            format!("the certificate {} ended on {}", shown(name), date(*valid_until))
        } else if *valid_from > now {
            format!("the certificate {} begins on {} only", shown(name), date(*valid_from))
        } else if *valid_until - now < SOON {
            format!("the certificate {} ends on {}", shown(name), date(*valid_until))
        } else {
            return None;
        };
        let warning = Diagnostic::warning(CERTIFICATE_DATES, message).at(&self.source, self.span, "");
        Some(warning.help("clients refuse it out of its time; put a new one in its place, and reload"))
    }
}

fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}

/// The files that certificates were read from, each once, for whoever watches them.
pub(crate) fn files_of(declared: &[Declared]) -> Vec<&Path> {
    let all = declared.iter().flat_map(|declared| &declared.files);
    let mut files: Vec<&Path> = all.map(PathBuf::as_path).collect();
    files.sort_unstable();
    files.dedup();
    files
}

/// Certificates that were read: several virtual servers may name one file.
#[derive(Default)]
pub(crate) struct CertificateFolder {
    read: BTreeMap<Vec<PathBuf>, Option<usize>>,
    declared: Vec<Declared>,
    authorities: BTreeMap<PathBuf, Option<Arc<Authorities>>>,
}

/// Those who vouch, out of one file.
struct Authorities {
    certificates: Vec<CertificateDer<'static>>,
    hash: [u8; 32],
}

impl CertificateFolder {
    pub(crate) fn take(&mut self) -> Vec<Declared> {
        std::mem::take(&mut self.declared)
    }

    /// The files with those who vouch for clients and nodes.
    pub(crate) fn take_authorities(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.authorities).into_keys().collect()
    }
}

/// The names of the files of one certificate: its chain, its key, what its authority says of it.
struct Parts<'s> {
    chain: &'s At<Text>,
    key: &'s At<Text>,
    staple: Option<&'s At<Text>>,
}

impl Checker<'_> {
    /// How a virtual server speaks TLS; says what is wrong with it.
    pub(in crate::catalog) fn server_tls(
        &mut self,
        name: &At<String>,
        said: &said::VirtualServer,
        hosts: &[HostPattern],
    ) -> Option<ServerTls> {
        let Some(at) = said.tls.said() else {
            if let (Slot::Absent, Some(At { value: Protocol::Https, span })) =
                (&said.tls, said.protocol.said())
            {
                let help = "add tls.certificates = { certificate = \"site.pem\", key = \"site.key\" }";
                self.error(MISSING_KEY, "`https` needs a certificate".to_owned(), *span, help);
            }
            return None;
        };
        if let Some(At { value: Protocol::Http, span }) = said.protocol.said() {
            let message = "`http` is spoken in the clear, and there is a table `tls`".to_owned();
            self.error(BAD_VALUE, message, *span, "leave `protocol` out, or write \"https\"");
        }
        if let Some(At { value: Flag(true), span }) = said.redirect_to_https.said() {
            let message = "whoever asks here speaks TLS already".to_owned();
            self.error(BAD_VALUE, message, *span, "the key belongs to the virtual server of port 80");
        }
        let table = &at.value;
        let holder = At { value: "tls".to_owned(), span: Span::default() };
        let list = self.required(&table.certificates, "certificates", &holder, at.span)?;
        let certificates = self.certificates(list);
        self.uncovered_hosts(&certificates, hosts, list.span);
        let clients = self.client_check(name, table)?;
        Some(ServerTls {
            certificates,
            min_version: *table.min_version.value()?,
            clients,
            session_tickets: table.session_tickets.value()?.0,
        })
    }

    fn certificates(&mut self, list: &At<OneOrMany<CertificateUse>>) -> Vec<Arc<Certificate>> {
        if list.value.0.is_empty() {
            let help = "certificates = { certificate = \"site.pem\", key = \"site.key\" }";
            self.error(EMPTY_LIST, "TLS needs a certificate".to_owned(), list.span, help);
        }
        if let Some(extra) = list.value.0.get(limits::CERTIFICATES_MAX) {
            let message = format!("a virtual server has at most {} certificates", limits::CERTIFICATES_MAX);
            self.error(TOO_MANY, message, extra.span, "");
        }
        let all = list.value.0.iter().take(limits::CERTIFICATES_MAX);
        all.filter_map(|at| self.certificate(&at.value.0, at.span)).collect()
    }

    /// A certificate and its key; `None` after it was said what is wrong.
    fn certificate(&mut self, said: &said::CertificateTable, span: Span) -> Option<Arc<Certificate>> {
        let holder = At { value: "a certificate".to_owned(), span };
        let chain = self.required(&said.certificate, "certificate", &holder, span)?;
        let key = said.key.said().unwrap_or(chain);
        let parts = Parts { chain, key, staple: said.ocsp_response.said() };
        let path = |at: &At<Text>| self.folder.join(&at.value.0);
        let paths: Vec<PathBuf> = [chain, key].into_iter().chain(parts.staple).map(path).collect();
        if let Some(read) = self.certificates.read.get(&paths) {
            return read.and_then(|at| Some(Arc::clone(&self.certificates.declared.get(at)?.certificate)));
        }
        let certificate = self.read_certificate(&parts, &paths);
        let place = certificate.as_ref().map(|certificate| {
            let (source, files) = (Arc::clone(self.source), paths.clone());
            let certificate = Arc::clone(certificate);
            self.certificates.declared.push(Declared { certificate, source, span: chain.span, files });
            self.certificates.declared.len() - 1
        });
        self.certificates.read.insert(paths, place);
        certificate
    }

    fn read_certificate(&mut self, parts: &Parts<'_>, paths: &[PathBuf]) -> Option<Arc<Certificate>> {
        let Parts { chain, key, staple } = *parts;
        let key_path = paths.get(1)?;
        let chain_text = self.tls_file(chain, paths.first()?);
        let key_text = if key.span == chain.span {
            // One file holds both, and was complained of already.
            chain_text.clone().map(zeroize::Zeroizing::new)
        } else {
            self.tls_file(key, key_path).map(zeroize::Zeroizing::new)
        };
        let staple = match (staple, paths.get(2)) {
            (Some(at), Some(path)) => Some(self.staple(at, path)?),
            _ => None,
        };
        let (chain_text, key_text) = (chain_text?, key_text?);
        if self.files.facts(key_path).is_for_everybody {
            let message = format!("everybody on this machine may read the key {}", shown(&key.value.0));
            self.doubt(KEY_FOR_EVERYBODY, message, key.span, "chmod 600 is enough for us");
        }
        let name = Arc::from(chain.value.0.as_str());
        match Certificate::read(name, &chain_text, &key_text, staple) {
            Ok(certificate) => return Some(Arc::new(certificate)),
            Err(UnusableCertificate::Certificate(why)) => self.unusable(chain, &why),
            Err(UnusableCertificate::Key(why)) => self.unusable(key, &why),
            Err(UnusableCertificate::Mismatch) => {
                let (key_name, chain_name) = (shown(&key.value.0), shown(&chain.value.0));
                let message = format!("the key {key_name} is not that of the certificate {chain_name}");
                let help =
                    "the server's own certificate comes first in its file, those that vouch for it behind";
                self.error(KEY_MISMATCH, message, key.span, help);
            }
        }
        None
    }

    fn unusable(&mut self, at: &At<Text>, why: &str) {
        let message = format!("cannot use {}: {why}", shown(&at.value.0));
        self.error(UNUSABLE_CERTIFICATE, message, at.span, "");
    }

    fn tls_file(&mut self, at: &At<Text>, path: &Path) -> Option<Vec<u8>> {
        match self.files.read_up_to(path, limits::CERTIFICATE_FILE_BYTES_MAX + 1) {
            Ok(bytes) if bytes.len() > limits::CERTIFICATE_FILE_BYTES_MAX => {
                self.unusable(at, "it is larger than 1 MiB");
                None
            }
            Ok(bytes) => Some(bytes),
            Err(why) => {
                self.unusable(at, &why);
                None
            }
        }
    }

    /// What an authority says of a certificate, in DER: a sequence whose first element says that it is an answer.
    fn staple(&mut self, at: &At<Text>, path: &Path) -> Option<Vec<u8>> {
        let bytes = self.tls_file(at, path)?;
        let says_successful = bytes.windows(3).take(8).any(|part| part == [0x0a, 1, 0]);
        if bytes.first() == Some(&0x30) && says_successful {
            return Some(bytes);
        }
        self.unusable(at, "it is no successful OCSP response in DER (openssl ocsp … -respout FILE)");
        None
    }

    fn uncovered_hosts(&mut self, certificates: &[Arc<Certificate>], hosts: &[HostPattern], span: Span) {
        if certificates.is_empty() {
            return;
        }
        for host in hosts {
            if !certificates.iter().any(|certificate| certificate.is_for_pattern(host)) {
                let message = format!("no certificate is for {host}");
                let help =
                    "browsers refuse it there; the names stand in the certificate (openssl x509 -text)";
                self.doubt(UNCOVERED_HOST, message, span, help);
            }
        }
    }

    /// What is asked of clients: `Some(None)` is nothing, `None` that something is wrong.
    #[expect(
        clippy::option_option,
        reason = "the inner one is the answer, the outer one whether there is an answer"
    )]
    fn client_check(&mut self, name: &At<String>, table: &said::Tls) -> Option<Option<ClientCheck>> {
        let wanted = table.client_certificates.said()?;
        let authorities = table.client_authorities.said();
        let is_required = match (wanted.value, authorities) {
            (ClientCertificates::Off, None) => return Some(None),
            (ClientCertificates::Off, Some(authorities)) => {
                let message = format!("`{}` asks no client for a certificate", shown(&name.value));
                let help = "add client_certificates = \"required\" (or \"optional\")";
                self.error(MISSING_KEY, message, authorities.span, help);
                return None;
            }
            (ClientCertificates::Optional, _) => false,
            (ClientCertificates::Required, _) => true,
        };
        let Some(authorities) = authorities else {
            let message = "it is not said who vouches for clients".to_owned();
            self.error(MISSING_KEY, message, wanted.span, "add client_authorities = \"clients.pem\"");
            return None;
        };
        let (store, hash) = self.authorities(authorities)?;
        let policy = Sha256::new().chain_update([u8::from(is_required)]).chain_update(hash).finalize().into();
        Some(Some(ClientCheck { is_required, authorities: Arc::new(store), policy }))
    }

    /// Those who vouch, from all files, and a hash of them.
    fn authorities(&mut self, list: &At<OneOrMany<Text>>) -> Option<(RootCertStore, [u8; 32])> {
        if list.value.0.is_empty() {
            self.error(EMPTY_LIST, "nobody vouches".to_owned(), list.span, "name a file");
            return None;
        }
        let mut store = RootCertStore::empty();
        let mut hash = Sha256::new();
        for at in &list.value.0 {
            let path = self.folder.join(&at.value.0);
            if !self.certificates.authorities.contains_key(&path) {
                let read = self.read_authorities(at, &path).map(Arc::new);
                self.certificates.authorities.insert(path.clone(), read);
            }
            let file = self.certificates.authorities.get(&path).cloned().flatten()?;
            hash.update(file.hash);
            for certificate in &file.certificates {
                if let Err(error) = store.add(certificate.clone()) {
                    self.unusable(at, &format!("one of its certificates vouches for nobody: {error}"));
                    return None;
                }
            }
        }
        Some((store, hash.finalize().into()))
    }

    fn read_authorities(&mut self, at: &At<Text>, path: &Path) -> Option<Authorities> {
        let text = self.tls_file(at, path)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        match certificates {
            Ok(certificates) if certificates.is_empty() => {
                self.unusable(at, "it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
                None
            }
            Ok(certificates) => Some(Authorities { certificates, hash: Sha256::digest(&text).into() }),
            Err(error) => {
                self.unusable(at, &format!("it is no PEM: {error}"));
                None
            }
        }
    }

    /// How the nodes of a pool are spoken to; `None` is in the clear, or that something is wrong.
    pub(in crate::catalog) fn node_tls(&mut self, slot: &Slot<said::PoolTls>) -> Option<NodeTls> {
        let table = slot.value()?.0.as_ref()?;
        let verify = table.verify.said()?;
        let mut hash = Sha256::new();
        let authorities = match table.authorities.said() {
            Some(list) => {
                let (store, files) = self.authorities(list)?;
                hash.update(files);
                Some(Arc::new(store))
            }
            None => None,
        };
        if verify.value == Verification::Nothing {
            let message = "any certificate of a node will do".to_owned();
            let help = "whoever sits on the way to the nodes reads and changes all; name those who vouch: authorities";
            self.doubt(UNVERIFIED_NODES, message, verify.span, help);
        }
        let server_name = match table.server_name.said() {
            Some(name) if ServerName::try_from(name.value.0.as_str()).is_err() => {
                let message = format!("`{}` is no name of a server", shown(&name.value.0));
                self.error(BAD_VALUE, message, name.span, "server_name = \"app.internal\"");
                return None;
            }
            name => name.map(|name| Arc::<str>::from(name.value.0.as_str())),
        };
        let certificate = match table.certificate.said() {
            Some(said) => Some(self.certificate(&said.value.0, said.span)?),
            None => None,
        };
        hash.update(server_name.as_deref().unwrap_or_default());
        hash.update([u8::from(verify.value == Verification::Full)]);
        hash.update(certificate.as_ref().map_or(&[][..], |certificate| certificate.first()));
        let settings = hash.finalize().into();
        Some(NodeTls { authorities, server_name, verify: verify.value, certificate, settings })
    }

    /// On one address either all virtual servers speak TLS, or none: it is decided before a name is known.
    pub(in crate::catalog) fn mixed_listeners(&mut self, servers: &[VirtualServer]) {
        let mut first_at: BTreeMap<SocketAddr, &VirtualServer> = BTreeMap::new();
        let declared = named(&self.said.virtual_servers);
        let place = |wanted: &VirtualServer| {
            let at = declared.iter().map(|(name, _)| name).find(|name| *name.value == *wanted.name);
            at.map_or(Span::default(), |name| name.span)
        };
        for server in servers {
            for address in &server.listen {
                let first = *first_at.entry(*address).or_insert(server);
                if first.tls.is_some() == server.tls.is_some() {
                    continue;
                }
                let (one, other) = (&first.name, &server.name);
                let message =
                    format!("`{one}` and `{other}` listen on {address}, one with TLS and one without");
                let diagnostic = Diagnostic::error(MIXED_LISTENER, message)
                    .at(self.source, place(server), "")
                    .at(self.source, place(first), "the other one")
                    .help("give them addresses of their own: \":80\" in the clear and \":443\" for TLS are usual");
                self.diagnostics.push(diagnostic);
                break;
            }
        }
    }
}
