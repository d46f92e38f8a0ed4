//! What becomes of a request.

use crate::Question;
use source::Span;

/// What an evaluation comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What is to be done.
    pub verdict: Verdict,
    /// The environment at the end: names and values, in the order in which they were first set.
    pub environment: Vec<(Vec<u8>, Vec<u8>)>,
    /// Cookies to set, in order.
    pub cookies: Vec<Cookie>,
    /// What `T=` sets the content type of the answer to.
    pub content_type: Option<Vec<u8>>,
    /// What `Header` does to the answer, in order; conditions are judged already.
    pub header_edits: Vec<HeaderEdit>,
    /// What `RequestHeader` does to the request that goes on, in order; `always` means nothing here.
    pub request_edits: Vec<HeaderEdit>,
    /// What is shown for a status that is an error, where a directive says so; the last one for a status counts.
    pub error_documents: Vec<(u16, ErrorDocument)>,
}

/// What is to be done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on to the origin.
    Pass {
        /// Where it goes if a rule changed that.
        changed: Option<Target>,
        /// The directive that changed it last.
        by: Option<(usize, Span)>,
    },
    /// It is answered with this status, and nothing else.
    Status {
        /// Mostly 403 or 410; 500 where the rules go round in circles.
        status: u16,
        /// The directive that says so, and which file it is in (the number it was given to the site in).
        by: Option<(usize, Span)>,
    },
    /// It is answered with a redirect.
    Redirect {
        /// 3xx.
        status: u16,
        /// What the Location field holds.
        location: Vec<u8>,
        /// The directive that says so.
        by: Option<(usize, Span)>,
    },
    /// `[P]`: it goes to another server.
    Proxy {
        /// An absolute URL.
        url: Vec<u8>,
        /// The directive that says so.
        by: Option<(usize, Span)>,
    },
    /// It hangs on facts that nobody can know; named as operators write them (`%{HTTP_COOKIE}`).
    Undecidable {
        /// Which, without repeats.
        unknown: Vec<String>,
    },
    /// It hangs on answers that are not there yet.
    Asks(Vec<Question>),
}

/// Where a request goes: escaped, as it stands in a request line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Begins with `/`.
    pub path: Vec<u8>,
    /// Without `?`; `None` where there is none.
    pub query: Option<Vec<u8>>,
}

/// A cookie of the flag `CO`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// The whole value of the Set-Cookie field, expiry left out.
    pub field: Vec<u8>,
    /// Seconds until it expires; `None` until the browser closes, a negative number at once.
    pub lifetime_seconds: Option<i64>,
}

/// A change to the fields of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderEdit {
    /// Also on answers that are errors (`Header always`).
    pub always: bool,
    /// What is done.
    pub action: HeaderAction,
    /// Which field.
    pub name: Vec<u8>,
    /// Its value; empty for [`HeaderAction::Unset`].
    pub value: Vec<u8>,
}

/// What is done to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderAction {
    /// Replaces all of the name.
    Set,
    /// Joined to what is there by a comma.
    Append,
    /// As append, unless the value is among those that are there.
    Merge,
    /// One more field.
    Add,
    /// Sets it where it is absent.
    SetIfEmpty,
    /// Takes all of the name away.
    Unset,
}

/// What is shown for an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorDocument {
    /// This text.
    Text(Vec<u8>),
    /// The answer to this path, under the status of the error.
    Path(Vec<u8>),
    /// A redirect (302) to this URL.
    Url(Vec<u8>),
    /// The built-in page.
    Default,
}
