//! TLS, as meant: what a virtual server shows to clients and asks of them, and how a pool speaks to its nodes.

mod check;

pub(crate) use check::{CertificateFolder, Declared, files_of};

use super::read::said_choice;
use crate::tls::Certificate;
use rustls::RootCertStore;
use std::sync::Arc;

/// How a virtual server speaks TLS to its clients.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// At least one. The first one that is for the name a client asks for and that the client can verify is shown;
    /// where none is for the name, the first one.
    pub certificates: Vec<Arc<Certificate>>,
    /// The oldest version spoken.
    pub min_version: TlsVersion,
    /// Whose certificates of clients are believed; `None`: clients are not asked for one.
    pub clients: Option<ClientCheck>,
    /// Whether clients may take up an earlier session.
    pub session_tickets: bool,
}

/// What is asked of clients.
#[derive(Clone, Debug)]
pub struct ClientCheck {
    /// Whether a client without a certificate is turned away.
    pub is_required: bool,
    /// Who vouches for clients.
    pub authorities: Arc<RootCertStore>,
    /// Tells what is asked here from what is asked elsewhere: a hash of the authorities and of the line above.
    pub policy: [u8; 32],
}

impl ServerTls {
    /// Whether a connection whose handshake was made for `made_for`, in this version, satisfies all that is asked here.
    pub fn is_satisfied_by(&self, made_for: &Self, version: &str) -> bool {
        let policy = |tls: &Self| tls.clients.as_ref().map(|clients| clients.policy);
        let is_asked = self.clients.is_none() || policy(self) == policy(made_for);
        is_asked && (self.min_version == TlsVersion::Tls12 || version != "TLSv1.2")
    }
}

/// How the nodes of a pool are spoken to.
#[derive(Clone, Debug)]
pub struct NodeTls {
    /// Who vouches for the nodes; `None`: whom the machine trusts.
    pub authorities: Option<Arc<RootCertStore>>,
    /// The name that the certificate must be for; `None`: the node's own.
    pub server_name: Option<Arc<str>>,
    /// Whether the certificate is looked at.
    pub verify: Verification,
    /// What we show if the node asks.
    pub certificate: Option<Arc<Certificate>>,
    /// Tells these settings from others: a hash of all of the above.
    pub settings: [u8; 32],
}

said_choice! {
    /// The oldest version of TLS that is spoken.
    pub TlsVersion {
        /// TLS 1.2, with the cipher suites that are still sound, and 1.3.
        Tls12 = "1.2",
        /// TLS 1.3 only.
        Tls13 = "1.3",
    }
}

said_choice! {
    /// Whether clients are asked for a certificate.
    pub(crate) ClientCertificates {
        /// They are not asked.
        Off = "off",
        /// They are asked, and need not have one; one that nobody vouches for ends the connection.
        Optional = "optional",
        /// They are asked, and who has none is not served.
        Required = "required",
    }
}

said_choice! {
    /// Whether the certificate of a node is looked at.
    pub Verification {
        /// Somebody of the authorities must vouch for it, and it must be for the node's name.
        Full = "full",
        /// Any certificate will do: whoever sits between us and the node reads and changes everything.
        Nothing = "none",
    }
}
