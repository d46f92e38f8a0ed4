//! Texts that are expanded for each request.

use crate::Variable;
use source::Span;

/// A text with places that are filled in for each request.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// In order; two literals never follow each other.
    pub parts: Vec<TemplatePart>,
    /// All of it, as written.
    pub span: Span,
    /// As written.
    pub text: Vec<u8>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplatePart {
    /// As it is; escapes are undone already.
    Literal(Vec<u8>),
    /// `$N`: a group of the rule's pattern, 0 to 9.
    RuleGroup(u8, Span),
    /// `%N`: a group of the last condition that matched, 0 to 9.
    CondGroup(u8, Span),
    /// `%{...}`
    Variable(Named, Span),
    /// `${map:key|default}`
    Map {
        /// Which.
        map: Vec<u8>,
        /// What is looked up.
        key: Vec<TemplatePart>,
        /// What it is if the map has no such key; empty if nothing is written.
        default: Vec<TemplatePart>,
        /// All of it.
        span: Span,
    },
}

/// What stands between `%{` and `}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// What does not change while a request is evaluated.
    Of(Variable),
    /// `REQUEST_URI`: the path, decoded, as it stands now.
    RequestUri,
    /// `REQUEST_FILENAME`, `SCRIPT_FILENAME`: the path in the file system as it stands now.
    RequestFilename,
    /// `QUERY_STRING`: as it stands now.
    QueryString,
    /// `PATH_INFO`
    PathInfo,
    /// `DOCUMENT_ROOT`
    DocumentRoot,
    /// `CONTEXT_PREFIX`
    ContextPrefix,
    /// `CONTEXT_DOCUMENT_ROOT`
    ContextDocumentRoot,
    /// `IS_SUBREQ`: `true` or `false`.
    IsSubrequest,
    /// `HTTPS`: `on` or `off`.
    Https,
    /// `IPV6`: `on` or `off`.
    Ipv6,
    /// `API_VERSION`
    ApiVersion,
    /// `TIME_YEAR`: four digits.
    TimeYear,
    /// `TIME_MON`: two digits, from 01.
    TimeMonth,
    /// `TIME_DAY`
    TimeDay,
    /// `TIME_HOUR`
    TimeHour,
    /// `TIME_MIN`
    TimeMinute,
    /// `TIME_SEC`
    TimeSecond,
    /// `REQUEST_STATUS`, `LOG_ID` and other names that have no value while rules run here.
    Empty,
    /// `HTTP_HOST`, `HTTP_REFERER` ... and `HTTP:name`: a field of the request, its name as in the request.
    Field(Vec<u8>),
    /// `ENV:name`
    Environment(Vec<u8>),
    /// `SSL:name`
    Ssl(Vec<u8>),
    /// `LA-U:name`: what the variable would be later, after all phases.
    AheadByUrl(Box<Named>),
    /// `LA-F:name`: what the variable would be for the file named now.
    AheadByFile(Box<Named>),
    /// Apache knows no such name; its value is empty.
    Unknown(Vec<u8>),
}
