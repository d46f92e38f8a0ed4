//! What an operator wrote: the directives of a file, each with its place.
//!
//! ```text
//! File ── Directive ─┬─ a rewriting rule with the conditions in front of it
//!                    ├─ a container (Files, If) with directives of its own
//!                    └─ a setting
//! ```
//!
//! What Apache decides while it reads is decided here too: of `<IfModule>` and its kin only what counts is kept, in
//! place; `<Limit>` is a remark on the directives in it. What an expression means is the business of the evaluation.

mod access;
mod address;
mod answer;
mod asked;
mod environment;
mod rewriting;
mod template;

pub use access::{
    AccessList, AccessOrder, AccessSource, Limit, LoginNeed, Merging, Requirement, RequirementKind, Satisfy,
};
pub(crate) use address::AddressError;
pub use address::AddressRange;
pub use answer::{
    DocumentKind, ErrorDocumentDirective, HeaderChange, HeaderCondition, HeaderDirective, HeaderSide,
    HeaderValue, HeaderValuePart, Redirect, RedirectMatch, RedirectPlace,
};
pub use asked::AskedFile;
pub use environment::{Attribute, EnvironmentSetting, SetEnvIf, SetEnvIfTest};
pub use rewriting::{
    Comparison, CondTest, EscapeBackReferences, Joined, MapError, MapKind, MapSource, RewriteCond,
    RewriteMap, RewriteOption, RewriteRule, RuleFlag, Substitution, WrittenFlag,
};
pub use template::{Named, Template, TemplatePart};

use crate::expression::{self, StringExpression};
use pattern::Pattern;
use source::{Source, Span};
use std::sync::Arc;

/// A file, read.
#[derive(Clone, Debug)]
pub struct File {
    /// Its text.
    pub source: Arc<Source>,
    /// What counts here, in the order in which it is written.
    pub directives: Vec<Directive>,
    /// What is taken and has no effect here (`Options`, `AddType` ...), in the order in which it is written.
    pub ignored: Vec<Ignored>,
    /// Sections that are left out because what they ask for is not so (`<IfModule mod_php5.c>`).
    pub left_out: Vec<Span>,
}

/// One directive.
#[derive(Clone, Debug)]
pub struct Directive {
    /// All of it, of a container its first line.
    pub span: Span,
    /// Its name, of a container with the `<`.
    pub name: Span,
    /// The methods it is limited to; looked at by Order, Allow, Deny, Satisfy and Require only, as Apache does.
    pub limit: Option<Arc<Limit>>,
    /// What it is.
    pub kind: DirectiveKind,
}

/// What a directive is.
#[derive(Clone, Debug)]
pub enum DirectiveKind {
    /// `RewriteEngine`
    RewriteEngine(bool),
    /// `RewriteBase`: begins with `/`.
    RewriteBase(Vec<u8>),
    /// `RewriteOptions`
    RewriteOptions(Vec<RewriteOption>),
    /// `RewriteRule`, with the `RewriteCond`s that belong to it.
    RewriteRule(Box<RewriteRule>),
    /// `RewriteMap`
    RewriteMap(RewriteMap),
    /// `SetEnvIf`, `SetEnvIfNoCase`, `SetEnvIfExpr`, `BrowserMatch`, `BrowserMatchNoCase`
    SetEnvIf(Box<SetEnvIf>),
    /// `SetEnv`: name, value (empty where none is written).
    SetEnv(Vec<u8>, Vec<u8>),
    /// `UnsetEnv`: names.
    UnsetEnv(Vec<Vec<u8>>),
    /// `PassEnv`: names of variables of the server's own environment.
    PassEnv(Vec<Vec<u8>>),
    /// `Order`
    Order(AccessOrder),
    /// `Allow from`, `Deny from`
    Access(AccessList, Vec<AccessSource>),
    /// `Satisfy`
    Satisfy(Satisfy),
    /// `Require`, `<RequireAll>`, `<RequireAny>`, `<RequireNone>`
    Require(Requirement),
    /// `AuthMerging`
    AuthMerging(Merging),
    /// `DirectoryIndex`: names in the order in which they are looked for; at least one, or `disabled` alone.
    DirectoryIndex(Vec<Vec<u8>>),
    /// `DirectorySlash`
    DirectorySlash(bool),
    /// `ErrorDocument`
    ErrorDocument(ErrorDocumentDirective),
    /// `Redirect`, `RedirectTemp`, `RedirectPermanent`
    Redirect(Redirect),
    /// `RedirectMatch`
    RedirectMatch(Box<RedirectMatch>),
    /// `Header`, `RequestHeader`
    Header(Box<HeaderDirective>),
    /// `<Files>`, `<FilesMatch>`, `<If>`, `<ElseIf>`, `<Else>`
    Container(Box<Container>),
}

/// A section with directives of its own.
#[derive(Clone, Debug)]
pub struct Container {
    /// When its directives count.
    pub condition: ContainerCondition,
    /// They.
    pub directives: Vec<Directive>,
}

/// When the directives of a container count.
#[derive(Clone, Debug)]
pub enum ContainerCondition {
    /// `<Files name>`: a name, or one with `*`, `?` and `[...]`, as `fnmatch` knows them.
    Files(Vec<u8>),
    /// `<FilesMatch pattern>`, `<Files ~ pattern>`
    FilesMatch(Regex),
    /// `<If expression>`
    If(Expression),
    /// `<ElseIf expression>`: those of the `<If>` and `<ElseIf>`s before it did not count, and the expression is true.
    ElseIf(Expression),
    /// `<Else>`
    Else,
}

/// A directive without effect here.
#[derive(Clone, Debug)]
pub struct Ignored {
    /// Where its name stands.
    pub name: Span,
    /// Why nothing is lost, or what.
    pub why: IgnoredWhy,
}

/// Why a directive has no effect here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IgnoredWhy {
    /// It is about files or how they are made into answers: the nodes do that.
    NodesDo,
    /// It asks for a name and a password; nobody here can check them.
    Login,
}

/// A regular expression, as written.
#[derive(Clone, Debug)]
pub struct Regex {
    /// The pattern, without a `!` before it.
    pub text: Vec<u8>,
    /// Letters of both cases are the same.
    pub ignores_case: bool,
    /// Where it stands.
    pub span: Span,
    /// Ready to search with, `.` and `$` as Apache has them.
    pub compiled: Arc<Pattern>,
}

/// An expression of Apache's language for conditions.
#[derive(Clone, Debug)]
pub struct Expression {
    /// As written, without quotes around it.
    pub text: Vec<u8>,
    /// Where it stands.
    pub span: Span,
    /// Ready to be judged.
    pub(crate) read: Arc<expression::Expression>,
}

/// A text with such expressions in it (`%{...}`).
#[derive(Clone, Debug)]
pub struct TextExpression {
    /// As written, without quotes around it.
    pub text: Vec<u8>,
    /// Where it stands.
    pub span: Span,
    /// Ready to be worked out.
    pub(crate) read: Arc<StringExpression>,
}
