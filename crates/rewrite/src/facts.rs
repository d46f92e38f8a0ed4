//! What an evaluation may ask about a request and the world.

use std::borrow::Cow;
use std::net::IpAddr;

/// What is known of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fact<T> {
    /// It is so.
    Known(T),
    /// It can be found out: see [`Question`]. The evaluation ends, and is done again with the answer.
    Asked,
    /// Nobody can know (any more).
    Unknown,
}

/// Where facts come from: a request that is under way, or a line of a log.
pub trait Facts {
    /// The value of a server variable; empty where there is none.
    fn variable(&self, variable: Variable) -> Fact<Cow<'_, [u8]>>;

    /// The value of a request field, several of one name joined by `", "`; `None` where it is absent.
    fn field(&self, name: &[u8]) -> Fact<Option<Cow<'_, [u8]>>>;

    /// The names of all request fields, for directives that look at fields whose names are like a pattern. Who does not
    /// say, does not know.
    fn field_names(&self) -> Fact<Vec<Cow<'_, [u8]>>> {
        Fact::Unknown
    }

    /// Whether the request target has a `?`, even if nothing stands behind it: then redirects keep it.
    fn has_question_mark(&self) -> bool {
        matches!(self.variable(Variable::RawQuery), Fact::Known(query) if !query.is_empty())
    }

    /// Whether this is a name of the virtual server, beside `SERVER_NAME`; a rule's target on it is a path here.
    fn is_own_name(&self, _name: &[u8]) -> bool {
        false
    }

    /// The status so far: of a request for an error document that of the error.
    fn status(&self) -> u16 {
        200
    }

    /// The client's address, if it is one.
    fn client(&self) -> Fact<IpAddr>;

    /// What the world says.
    fn answer(&self, question: &Question) -> Fact<bool>;

    /// A number below `bound` (at least 1), for maps of the kind `rnd`. `draw` counts from 0 in each evaluation; the
    /// same draw gives the same number however often the request is evaluated.
    fn random(&self, draw: u32, bound: u32) -> u32;
}

/// A server variable whose value does not change while a request is evaluated. What does (`REQUEST_URI`,
/// `REQUEST_FILENAME`, `QUERY_STRING`, `ENV:x` ...) the evaluation knows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variable {
    /// `REMOTE_ADDR`: the client's address, in text.
    RemoteAddr,
    /// `REMOTE_PORT`.
    RemotePort,
    /// `REMOTE_HOST`: the client's name where one was looked up, else its address.
    RemoteHost,
    /// `REMOTE_USER`: from Basic credentials that something in front has checked; mostly empty.
    RemoteUser,
    /// `REMOTE_IDENT`.
    RemoteIdent,
    /// `AUTH_TYPE`.
    AuthType,
    /// `CONN_REMOTE_ADDR`: the peer's address, whatever it says about clients behind it.
    ConnRemoteAddr,
    /// `REQUEST_METHOD`.
    RequestMethod,
    /// `THE_REQUEST`: the request line as it came.
    TheRequest,
    /// The path of the request target as it came, before decoding; the evaluation decodes it.
    RawPath,
    /// The query as it came, without `?`.
    RawQuery,
    /// `SERVER_PROTOCOL`.
    ServerProtocol,
    /// `SERVER_NAME`: the request's host without port, else the virtual server's first name.
    ServerName,
    /// `SERVER_ADDR`.
    ServerAddr,
    /// `SERVER_PORT`.
    ServerPort,
    /// `SERVER_ADMIN`.
    ServerAdmin,
    /// `SERVER_SOFTWARE`.
    ServerSoftware,
    /// `REQUEST_SCHEME`: `http` or `https`; `HTTPS` (`on`, `off`) follows from it.
    RequestScheme,
    /// `TIME`: local time as `yyyymmddhhmmss`; the `TIME_` variables are cut out of it.
    Time,
    /// The day of the week, 0 for Sunday.
    TimeWday,
}

/// Something about the world that takes work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Whether a file passes a test. The path is absolute: the document root is in it.
    File {
        /// Which file.
        path: Vec<u8>,
        /// What it is to be.
        test: FileTest,
    },
    /// Whether an address's name (looked up, and looked up back) is this one or ends with it.
    HostName {
        /// Whose.
        address: IpAddr,
        /// The name, or its end, as written; in lower case.
        name: Vec<u8>,
    },
}

/// What a file is tested for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileTest {
    /// `-d`
    Directory,
    /// `-f`
    File,
    /// `-s`: a file that is not empty.
    NotEmpty,
    /// `-l`, `-L`, `-h`
    Link,
    /// `-x`
    Executable,
    /// `-e`, of expressions.
    Exists,
}

impl Variable {
    /// Those that operators name; the raw parts of the target have the names of what the evaluation makes of them.
    pub(crate) const NAMED: [Self; 18] = [
        Self::RemoteAddr,
        Self::RemotePort,
        Self::RemoteHost,
        Self::RemoteUser,
        Self::RemoteIdent,
        Self::AuthType,
        Self::ConnRemoteAddr,
        Self::RequestMethod,
        Self::TheRequest,
        Self::ServerProtocol,
        Self::ServerName,
        Self::ServerAddr,
        Self::ServerPort,
        Self::ServerAdmin,
        Self::ServerSoftware,
        Self::RequestScheme,
        Self::Time,
        Self::TimeWday,
    ];

    /// As operators write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::RemoteAddr => "REMOTE_ADDR",
            Self::RemotePort => "REMOTE_PORT",
            Self::RemoteHost => "REMOTE_HOST",
            Self::RemoteUser => "REMOTE_USER",
            Self::RemoteIdent => "REMOTE_IDENT",
            Self::AuthType => "AUTH_TYPE",
            Self::ConnRemoteAddr => "CONN_REMOTE_ADDR",
            Self::RequestMethod => "REQUEST_METHOD",
            Self::TheRequest => "THE_REQUEST",
            Self::RawPath => "REQUEST_URI",
            Self::RawQuery => "QUERY_STRING",
            Self::ServerProtocol => "SERVER_PROTOCOL",
            Self::ServerName => "SERVER_NAME",
            Self::ServerAddr => "SERVER_ADDR",
            Self::ServerPort => "SERVER_PORT",
            Self::ServerAdmin => "SERVER_ADMIN",
            Self::ServerSoftware => "SERVER_SOFTWARE",
            Self::RequestScheme => "REQUEST_SCHEME",
            Self::Time => "TIME",
            Self::TimeWday => "TIME_WDAY",
        }
    }
}

impl FileTest {
    /// As operators write it.
    pub fn operator(self) -> &'static str {
        match self {
            Self::Directory => "-d",
            Self::File => "-f",
            Self::NotEmpty => "-s",
            Self::Link => "-l",
            Self::Executable => "-x",
            Self::Exists => "-e",
        }
    }
}
