//! What a rule has done in the world while it waits: fetch a page, look up a name, talk over a socket, ask who a user
//! is. The engine says what ([`Errand`]) and makes the call's value of what came of it ([`Report`]); the shell goes.
//!
//! ```text
//! http.request.get( .. ) ─▶ Errand ─ foreseen? ─ no ─▶ warning, failure value
//!                                        └ yes ─▶ Ask::Errand ─ shell: resolve, judge the address, go ─▶ Report ─▶ value, $1..$4
//! ```

mod url;
mod world;

pub(crate) use url::Url;
pub use world::{World, WorldError};

use crate::catalog::{Allowed, Authenticator, Refusal};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use trafficscript::{ByteString, Captures, Table, Value};

/// Something to be done, with all that is needed for it.
#[derive(Clone, Debug)]
pub enum Errand {
    /// One HTTP request and its answer.
    Fetch(Box<Fetch>),
    /// The address of a name.
    Resolve {
        /// In lower case.
        name: String,
        /// Which kind of address.
        family: Family,
    },
    /// The name of an address.
    ResolveAddress {
        /// Which.
        address: IpAddr,
    },
    /// A TCP connection; it belongs to the transaction.
    Connect {
        /// Where to.
        address: SocketAddr,
    },
    /// What comes next on a connection.
    Read {
        /// As [`Report::Connected`] named it.
        socket: u32,
        /// At most so many bytes.
        bytes_max: usize,
    },
    /// All of the data, onto a connection.
    Write {
        /// As [`Report::Connected`] named it.
        socket: u32,
        /// What.
        data: Vec<u8>,
    },
    /// The end of a connection.
    Close {
        /// As [`Report::Connected`] named it.
        socket: u32,
    },
    /// One UDP datagram.
    Datagram {
        /// A name or an address.
        host: String,
        /// Its port.
        port: u16,
        /// What.
        data: Vec<u8>,
    },
    /// Who a user is, and whether the password is theirs.
    Authenticate(Box<Credentials>),
    /// The name of an address that leads back to the address: nobody is believed who only names himself.
    ConfirmedName {
        /// Which.
        address: IpAddr,
    },
    /// What a file is. What lies outside of the folder, also by a symbolic link, is not there.
    Stat {
        /// The folder.
        root: PathBuf,
        /// The absolute path, the folder in it.
        path: Vec<u8>,
    },
}

/// What there is at a path. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts of a file that do not depend on each other")]
pub struct FileState {
    /// Something.
    pub exists: bool,
    /// A plain file, links followed.
    pub is_file: bool,
    /// A folder, links followed.
    pub is_folder: bool,
    /// The path itself is a symbolic link.
    pub is_link: bool,
    /// It holds bytes.
    pub has_bytes: bool,
    /// Somebody may execute it.
    pub is_executable: bool,
}

/// One HTTP request. Redirects in its answer are not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// `GET` and its kin.
    pub method: &'static str,
    /// Whether it goes over TLS.
    pub tls: bool,
    /// A name in lower case, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What stands in the request line.
    pub target: String,
    /// Names and values, `Host` among them; none that frames the message.
    pub fields: Vec<(String, Vec<u8>)>,
    /// What is sent behind the head; `None` for methods without a body.
    pub body: Option<Vec<u8>>,
    /// Certificates in PEM of those who may have signed the server's; `None` trusts whom the machine trusts.
    pub authorities: Option<Vec<Vec<u8>>>,
}

/// Which addresses of a name are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A user as a rule has them.
#[derive(Clone)]
pub struct Credentials {
    /// Who knows the users.
    pub authenticator: Arc<Authenticator>,
    /// The user's name as typed.
    pub user: ByteString,
    /// The password; `None` only looks the user up.
    pub password: Option<ByteString>,
}

impl std::fmt::Debug for Credentials {
    /// Passwords do not belong in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("authenticator", &self.authenticator.name).finish_non_exhaustive()
    }
}

/// What came of an errand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Of [`Errand::Fetch`].
    Fetched(Box<Fetched>),
    /// Of [`Errand::Resolve`].
    Address(IpAddr),
    /// Of [`Errand::ResolveAddress`] and [`Errand::ConfirmedName`].
    Name(String),
    /// Of [`Errand::Stat`].
    File(FileState),
    /// Of [`Errand::Connect`]: the number of the connection, from 1.
    Connected(u32),
    /// Of [`Errand::Read`]; empty at the end of the stream.
    Read(Vec<u8>),
    /// Of [`Errand::Write`]: how many bytes.
    Written(usize),
    /// Of [`Errand::Close`] and [`Errand::Datagram`].
    Done,
    /// Of [`Errand::Authenticate`].
    User {
        /// Whether the user is known, and the password theirs.
        accepted: bool,
        /// What is known of the user: names, and the values of each.
        attributes: Vec<(String, Vec<Vec<u8>>)>,
    },
}

/// An HTTP answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// `HTTP/1.1 200 OK`.
    pub first_line: Vec<u8>,
    /// Names and values in the order they came.
    pub fields: Vec<(String, Vec<u8>)>,
    /// All of it.
    pub body: Vec<u8>,
}

/// Why an errand failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrandError {
    /// The catalog does not allow it, or nothing ever may.
    #[error("{0}")]
    Refused(String),
    /// A limit of ours.
    #[error("{0}")]
    TooMuch(String),
    /// The time for it was over.
    #[error("timed out")]
    TimedOut,
    /// The name has no address (or the address no name).
    #[error("cannot resolve {0}")]
    Unresolved(String),
    /// The other side, or the way to it.
    #[error("{0}")]
    Failed(String),
    /// The transaction has no such connection.
    #[error("there is no socket {0}")]
    NoSocket(u32),
    /// The rule only observes: nothing was done.
    #[error("not done: the rule only observes")]
    Observed,
    /// There is no world in virtual time beyond what was told of it.
    #[error("a rehearsal does not go out, and was not told of {0}")]
    Rehearsal(String),
}

impl ErrandError {
    /// What is said of a place that may not be gone to, and of what would allow it.
    pub fn refused(refusal: &Refusal, host: &str, port: u16) -> Self {
        let named = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut text = format!("{named} is refused: {refusal}");
        // A spelling that no entry can have ("127.1") is no advice.
        if *refusal == Refusal::NotAllowed && Allowed::parse(&named).is_some() {
            let _written = write!(text, "; [outgoing] allow = [\"{named}\"] would");
        }
        Self::Refused(text)
    }

    /// Whether the operator has to hear of it: what the other side did is the rule's own affair.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::TooMuch(_) | Self::NoSocket(_) | Self::Rehearsal(_))
    }
}

/// The kinds of errands, which decide what a call gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrandKind {
    Fetch,
    Resolve,
    /// The name of this address; where it has none, the address is the value.
    ResolveAddress(IpAddr),
    Connect,
    Read,
    Write,
    Close,
    Datagram,
    Authenticate,
    /// Of no call: `.htaccess` asks.
    ConfirmedName,
    Stat,
}

impl ErrandKind {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Resolve | Self::ResolveAddress(_) | Self::ConfirmedName => "resolve",
            Self::Stat => "stat",
            Self::Connect => "connect",
            Self::Read => "read",
            Self::Write => "write",
            Self::Close => "close",
            Self::Datagram => "datagram",
            Self::Authenticate => "authenticate",
        }
    }

    /// The call's value; `$1` and its kin are set.
    pub(crate) fn settle(self, result: Result<Report, ErrandError>, captures: &mut Captures) -> Value {
        match self {
            Self::Fetch => fetched(result, captures),
            Self::Resolve => match result {
                Ok(Report::Address(address)) => trafficscript::address_text(address).into(),
                _ => Value::EMPTY,
            },
            Self::ResolveAddress(address) => match result {
                Ok(Report::Name(name)) => name.as_str().into(),
                _ => address.to_string().into(),
            },
            Self::Authenticate => user(result),
            Self::ConfirmedName | Self::Stat => Value::EMPTY,
            Self::Connect | Self::Read | Self::Write | Self::Close | Self::Datagram => {
                let error = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
                captures.set(1, error.as_str());
                match result {
                    Ok(Report::Connected(socket)) => i64::from(socket).into(),
                    Ok(Report::Read(data)) => data.into(),
                    Ok(Report::Written(count)) => i64::try_from(count).unwrap_or(i64::MAX).into(),
                    Ok(_) => 1.into(),
                    Err(_) if self == Self::Read => Value::EMPTY,
                    Err(_) => 0.into(),
                }
            }
        }
    }
}

fn fetched(result: Result<Report, ErrandError>, captures: &mut Captures) -> Value {
    let error = match result {
        Ok(Report::Fetched(fetched)) => {
            let mut head = Vec::new();
            for (name, value) in &fetched.fields {
                for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                    head.extend_from_slice(part);
                }
            }
            let kind = fetched.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            captures.set(1, i64::from(fetched.status));
            captures.set(2, kind.map_or(&b""[..], |(_, value)| value));
            captures.set(3, head);
            captures.set(4, fetched.first_line);
            return fetched.body.into();
        }
        Ok(_) => "no answer".to_owned(),
        Err(error) => error.to_string(),
    };
    captures.set(1, 0);
    captures.set(2, error.as_str());
    captures.set(3, "");
    captures.set(4, "");
    Value::EMPTY
}

fn user(result: Result<Report, ErrandError>) -> Value {
    let mut table = Table::default();
    let (accepted, error, attributes) = match result {
        Ok(Report::User { accepted, attributes }) => (accepted, String::new(), attributes),
        Ok(_) => (false, "no answer".to_owned(), Vec::new()),
        Err(error) => (false, error.to_string(), Vec::new()),
    };
    table.insert(ByteString::from(&b"OK"[..]), accepted.into());
    table.insert(ByteString::from(&b"Error"[..]), error.as_str().into());
    for (name, mut values) in attributes {
        // A directory must not be able to say that somebody is accepted.
        if name == "OK" || name == "Error" {
            continue;
        }
        let value = match values.len() {
            1 => values.remove(0).into(),
            _ => Value::array(values.into_iter().map(Value::from).collect()),
        };
        table.insert(ByteString::from(name.as_bytes()), value);
    }
    Value::hash(table)
}

impl Errand {
    pub(crate) fn kind(&self) -> ErrandKind {
        match self {
            Self::Fetch(_) => ErrandKind::Fetch,
            Self::Resolve { .. } => ErrandKind::Resolve,
            Self::ResolveAddress { address } => ErrandKind::ResolveAddress(*address),
            Self::Connect { .. } => ErrandKind::Connect,
            Self::Read { .. } => ErrandKind::Read,
            Self::Write { .. } => ErrandKind::Write,
            Self::Close { .. } => ErrandKind::Close,
            Self::Datagram { .. } => ErrandKind::Datagram,
            Self::Authenticate(_) => ErrandKind::Authenticate,
            Self::ConfirmedName { .. } => ErrandKind::ConfirmedName,
            Self::Stat { .. } => ErrandKind::Stat,
        }
    }

    /// Where it goes, for records and messages. Without the query of a URL: there may be secrets in it.
    pub fn place(&self) -> String {
        match self {
            Self::Fetch(fetch) => {
                let path = fetch.target.split('?').next().unwrap_or_default();
                format!("{} {}{path}", fetch.method, fetch.origin())
            }
            Self::Resolve { name, .. } => name.clone(),
            Self::ResolveAddress { address } | Self::ConfirmedName { address } => address.to_string(),
            Self::Stat { path, .. } => String::from_utf8_lossy(path).into_owned(),
            Self::Connect { address } => address.to_string(),
            Self::Read { socket, .. } | Self::Write { socket, .. } | Self::Close { socket } => {
                format!("socket {socket}")
            }
            Self::Datagram { host, port, .. } => format!("{host}:{port}"),
            Self::Authenticate(credentials) => credentials.authenticator.name.to_string(),
        }
    }
}

impl Fetch {
    /// `http://host:port`, without a port that needs not be said.
    pub(crate) fn origin(&self) -> String {
        let (scheme, usual) = if self.tls { ("https", 443) } else { ("http", 80) };
        let bracketed = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == usual {
            format!("{scheme}://{bracketed}")
        } else {
            format!("{scheme}://{bracketed}:{}", self.port)
        }
    }
}
