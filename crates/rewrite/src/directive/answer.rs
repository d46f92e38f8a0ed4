//! What is done to answers: redirects, error documents, header fields.

use super::{Expression, Regex, Template, TextExpression};
use source::Span;

/// `Redirect`, `RedirectTemp`, `RedirectPermanent`.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// Of the answer: mostly 301, 302, 303, 410.
    pub status: u16,
    /// Of what, and where to.
    pub place: RedirectPlace,
}

/// What a `Redirect` is for, and where it leads; there is no target if the status is no redirect.
#[derive(Clone, Debug)]
pub enum RedirectPlace {
    /// A path and all below it, as in a URL; what is below goes along to the target.
    Below {
        /// Which.
        path: Vec<u8>,
        /// Where to, as it is.
        target: Option<Vec<u8>>,
    },
    /// All paths, in `<Files>` and `<If>` only.
    All(Option<TextExpression>),
}

/// `RedirectMatch`.
#[derive(Clone, Debug)]
pub struct RedirectMatch {
    /// Of the answer.
    pub status: u16,
    /// What the path is compared with.
    pub pattern: Regex,
    /// Where to, with `$0` to `$9`; `None` if the status is no redirect.
    pub target: Option<Template>,
}

/// `ErrorDocument`.
#[derive(Clone, Debug)]
pub struct ErrorDocumentDirective {
    /// For which.
    pub status: u16,
    /// What is shown; places `%{...}` in it are expressions.
    pub document: Option<TextExpression>,
    /// The document is a text, a path, or a URL; `None` of all for `default`.
    pub kind: Option<DocumentKind>,
}

/// What an error document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// A text to show.
    Text,
    /// A path of this server: begins with `/`.
    Path,
    /// A URL elsewhere.
    Url,
}

/// Which side's fields are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderSide {
    /// `Header`, `Header onsuccess`: answers that are no errors.
    Response,
    /// `Header always`: all answers.
    ResponseAlways,
    /// `RequestHeader`: what nodes see.
    Request,
}

/// `Header`, `RequestHeader`.
#[derive(Clone, Debug)]
pub struct HeaderDirective {
    /// Whose.
    pub side: HeaderSide,
    /// Which field; a name of one letter or more, as written.
    pub name: Vec<u8>,
    /// Where the name stands.
    pub name_span: Span,
    /// What is done.
    pub change: HeaderChange,
    /// When.
    pub condition: HeaderCondition,
}

/// What is done to a field.
#[derive(Clone, Debug)]
pub enum HeaderChange {
    /// `set`
    Set(HeaderValue),
    /// `append`
    Append(HeaderValue),
    /// `merge`
    Merge(HeaderValue),
    /// `add`
    Add(HeaderValue),
    /// `setifempty`
    SetIfEmpty(HeaderValue),
    /// `unset`
    Unset,
    /// `echo`: the request's fields with a matching name go into the answer.
    Echo(Regex),
    /// `note`: remembered under this name for logs.
    Note(Vec<u8>),
    /// `edit`: the first match in each value is replaced; the replacement has `$0` to `$9`.
    Edit(Regex, HeaderValue),
    /// `edit*`: all matches.
    EditAll(Regex, HeaderValue),
}

/// When a field is changed.
#[derive(Clone, Debug)]
pub enum HeaderCondition {
    /// Always.
    None,
    /// `early`: in the file of a folder it is too late for that, and Apache takes it and does nothing.
    Never,
    /// `env=name`
    Environment(Vec<u8>),
    /// `env=!name`
    NoEnvironment(Vec<u8>),
    /// `expr=...`
    Expression(Expression),
}

/// A value of a field.
#[derive(Clone, Debug)]
pub enum HeaderValue {
    /// Text with places.
    Format(Vec<HeaderValuePart>),
    /// `expr=...`
    Expression(TextExpression),
}

/// A piece of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderValuePart {
    /// As it is.
    Literal(Vec<u8>),
    /// `%{name}e`; `(null)` where it is not set.
    Environment(Vec<u8>),
    /// `%{name}s`; `(null)` where it is not set.
    Ssl(Vec<u8>),
    /// `%t`: when the request came, `t=` and microseconds.
    Time,
    /// `%D`: how long it took, `D=` and microseconds.
    Duration,
    /// `%l`, `%i`, `%b`: how busy the server is.
    Load(u8),
}
