//! `mod_setenvif`: variables that are set by what a request is like.

use super::{Expression, Regex, Template};

/// `SetEnvIf` and its kin.
#[derive(Clone, Debug)]
pub struct SetEnvIf {
    /// When.
    pub test: SetEnvIfTest,
    /// What happens then, in order; at least one.
    pub settings: Vec<EnvironmentSetting>,
}

/// When variables are set.
#[derive(Clone, Debug)]
pub enum SetEnvIfTest {
    /// A regular expression is found in something of the request; what is absent is the empty string.
    Attribute(Attribute, Regex),
    /// `SetEnvIfExpr`
    Expression(Expression),
}

/// What of a request is looked at.
#[derive(Clone, Debug)]
pub enum Attribute {
    /// `Remote_Addr`
    RemoteAddr,
    /// `Remote_Host`
    RemoteHost,
    /// `Server_Addr`
    ServerAddr,
    /// `Request_Method`
    RequestMethod,
    /// `Request_Protocol`
    RequestProtocol,
    /// `Request_URI`: the path, decoded, without the query.
    RequestUri,
    /// `OID(...)`: of a client's certificate.
    Oid(Vec<u8>),
    /// A field of the request, or, where there is none, a variable that was set before.
    Named(Vec<u8>),
    /// All fields whose name matches, one after the other until the value matches; no variables.
    NamedLike(Regex),
}

/// What becomes of a variable.
#[derive(Clone, Debug)]
pub enum EnvironmentSetting {
    /// `name`, `name=value`: its value (`1` where none is written), with `$0` to `$9` as
    /// [`TemplatePart::RuleGroup`](super::TemplatePart::RuleGroup).
    Set(Vec<u8>, Template),
    /// `!name`
    Unset(Vec<u8>),
}
