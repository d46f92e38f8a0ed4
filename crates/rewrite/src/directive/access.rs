//! Who may come in: `Order`, `Allow`, `Deny`, `Satisfy`, `Require`.

use super::{AddressRange, Expression, TextExpression};
use source::Span;

/// `<Limit>`, `<LimitExcept>`: methods a directive is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// These; `GET` stands for `HEAD` too.
    Only(Vec<Vec<u8>>),
    /// All but these; `GET` stands for `HEAD` too.
    Except(Vec<Vec<u8>>),
    /// One section within another: both count.
    Both(Box<Limit>, Box<Limit>),
}

impl Limit {
    /// Whether a method is among those meant.
    pub fn holds(&self, method: &[u8]) -> bool {
        let method: &[u8] = if method == b"HEAD" { b"GET" } else { method };
        let named = |names: &[Vec<u8>]| {
            names.iter().any(|name| name == method || (name == b"HEAD" && method == b"GET"))
        };
        match self {
            Self::Only(names) => named(names),
            Self::Except(names) => !named(names),
            Self::Both(outer, inner) => outer.holds(method) && inner.holds(method),
        }
    }
}

/// `Order`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessOrder {
    /// `Deny,Allow`: who is on no list may, who is on both may.
    DenyAllow,
    /// `Allow,Deny`: who is on no list may not, who is on both may not.
    AllowDeny,
    /// `Mutual-failure`: who is allowed and not denied may.
    MutualFailure,
}

/// Which list a line adds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessList {
    /// `Allow from`
    Allow,
    /// `Deny from`
    Deny,
}

/// Who is meant by a word behind `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessSource {
    /// `all`
    All,
    /// `env=name`
    Environment(Vec<u8>),
    /// `env=!name`
    NoEnvironment(Vec<u8>),
    /// An address or many.
    Address(AddressRange),
    /// A name or the end of one, as written.
    Host(Vec<u8>),
}

/// `Satisfy`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Satisfy {
    /// Both addresses and logins must be right.
    All,
    /// One of them is enough.
    Any,
}

/// `AuthMerging`: what the requirements of a folder are to those of the folder above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merging {
    /// They replace them.
    Off,
    /// Both must hold.
    And,
    /// One of them is enough.
    Or,
}

/// A `Require` line or section.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// All of it, of a section its first line.
    pub span: Span,
    /// `Require not ...`; never on a section.
    pub negated: bool,
    /// What is asked for.
    pub kind: RequirementKind,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub enum RequirementKind {
    /// `all granted`
    Granted,
    /// `all denied`
    Denied,
    /// `env`: one of these is set.
    Environment(Vec<Vec<u8>>),
    /// `ip`: one of these.
    Address(Vec<AddressRange>),
    /// `host`: the client's name is one of these or ends with it.
    Host(TextExpression),
    /// `forward-dns`: one of these names has the client's address.
    ForwardDns(TextExpression),
    /// `local`: the client is on this machine.
    Local,
    /// `method`: one of these.
    Method(Vec<Vec<u8>>),
    /// `expr`
    Expression(Expression),
    /// Who has logged in: nobody here knows, so it never holds.
    Login(LoginNeed),
    /// `<RequireAll>`: none fails, and one holds.
    All(Vec<Requirement>),
    /// `<RequireAny>`: one holds.
    Any(Vec<Requirement>),
    /// `<RequireNone>`: none holds.
    None(Vec<Requirement>),
}

/// Which login is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginNeed {
    /// `valid-user`
    Anybody,
    /// `user`, `group`, `ldap-group` ...: the words as written.
    Named(Vec<u8>),
}
