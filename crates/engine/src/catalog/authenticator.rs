//! Who knows users (`[authenticators.NAME]`), for `auth.query`.

use super::Node;
use super::read::said_choice;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A directory that knows users.
#[derive(Clone, Debug)]
pub struct Authenticator {
    /// The name in the catalog.
    pub name: Arc<str>,
    /// The directory's server.
    pub server: Node,
    /// How the connection is protected.
    pub tls: LdapTls,
    /// Who we are there; `None` is nobody in particular.
    pub bind: Option<(String, Secret)>,
    /// Under which entry users are looked for.
    pub base_dn: String,
    /// What a user's entry looks like; `%u` stands for the name.
    pub filter: String,
    /// Which attributes are handed to the rule; none means all that there are.
    pub attributes: Vec<String>,
    /// How long a question may take.
    pub timeout: Duration,
}

/// A text that appears in no message.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

said_choice! {
    /// What an authenticator is.
    pub AuthenticatorKind {
        /// A directory that speaks LDAP.
        Ldap = "ldap",
    }
    later ["radius", "tacacs_plus"]
}

said_choice! {
    /// How the connection to a directory is protected.
    pub LdapTls {
        /// Not at all: passwords can be read on the way.
        None = "none",
        /// In the clear at first, then TLS.
        StartTls = "starttls",
        /// TLS from the beginning.
        Ldaps = "ldaps",
    }
}
