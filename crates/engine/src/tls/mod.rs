//! TLS as far as it can be decided without a socket: certificates and keys as the catalog names them, and what a
//! handshake told, for rules, logs and nodes. Handshakes are made by the shell.

mod certificate;

pub use certificate::Certificate;
pub(crate) use certificate::{Shown, UnusableCertificate, hex, pem_of};

use crate::catalog::ServerTls;
use std::sync::Arc;

/// What the handshake of a client's connection told. The default knows only that the connection is encrypted.
#[derive(Clone, Debug, Default)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`; empty where nobody knows.
    pub version: &'static str,
    /// The cipher suite by its name at the IANA; empty where nobody knows.
    pub cipher_suite: &'static str,
    /// Bits of the key that the cipher suite encrypts with; 0 where nobody knows.
    pub cipher_bits: u16,
    /// The name that the client asked for (SNI), in lower case.
    pub server_name: Option<Box<str>>,
    /// What was agreed on by ALPN: `h2`, `http/1.1`; `None` where the client did not ask.
    pub alpn: Option<&'static str>,
    /// The handshake took up an earlier session.
    pub is_resumed: bool,
    /// The certificate of ours that stands for the name.
    pub certificate: Option<Arc<Certificate>>,
    /// What it was made for: the settings of the virtual server that the name led to.
    pub settings: Option<Arc<ServerTls>>,
    /// The certificates that the client showed, its own first, as DER; empty if it showed none. They were verified:
    /// a connection with others comes to no request.
    pub client_chain: Vec<Box<[u8]>>,
}
