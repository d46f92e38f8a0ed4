//! What becomes of a request.

use crate::Question;
use crate::limits::EXPANDED_MAX;
use pattern::{Groups, Pattern};
use source::Span;
use std::sync::Arc;

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
    /// The bound that was reached where the verdict is a 500 for that reason.
    pub excess: Option<Excess>,
}

/// A bound that hostile or mistaken files reach; the answer is 500 then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Internal redirects: rules go round in circles.
    Rounds,
    /// Rules that were tried, mostly after `[N]`.
    Rules,
    /// Rounds of `[N]`, of those that the flag allows.
    Repeats,
    /// Searches that took too many steps.
    Steps,
    /// Bytes of a path.
    Path,
    /// Bytes of a text that was filled in.
    Text,
    /// Variables of the environment.
    Variables,
    /// Cookies.
    Cookies,
}

impl Excess {
    /// What went wrong, for operators.
    pub fn text(self) -> &'static str {
        match self {
            Self::Rounds => "the rules go round in circles: each of 10 internal redirects led to one more",
            Self::Rules => "more than 100,000 rules were tried for one request: [N] does not come to an end",
            Self::Repeats => "[N] began again as often as it may",
            Self::Steps => "several patterns took too many steps to search: they hold repeats within repeats",
            Self::Path => "a rule made a path longer than 16 KiB",
            Self::Text => "a text with what is filled in grew beyond 64 KiB",
            Self::Variables => "more than 1,000 variables were set for one request",
            Self::Cookies => "more than 100 cookies were set for one request",
        }
    }
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
    /// Its value; empty for [`HeaderAction::Unset`]. Of an edit, what a match is replaced by, with `$0` to `$9`.
    pub value: Vec<u8>,
    /// What an edit looks for.
    pub pattern: Option<EditPattern>,
}

impl HeaderEdit {
    /// What an edit makes of a value: the first match replaced, or all; unchanged for other actions, and where it would
    /// grow beyond 64 KiB (edits of one field could double it each).
    pub fn edited(&self, old: &[u8]) -> Vec<u8> {
        let Some(EditPattern(pattern)) = &self.pattern else { return old.to_vec() };
        let mut out = Vec::new();
        let mut from = 0;
        let mut groups = Groups::default();
        // Apache forgets what is behind: what follows a match is a text of its own to the next
        while let Some(rest) = old.get(from..)
            && pattern.find_at(rest, 0, &mut groups) == Ok(true)
        {
            let whole = groups.whole();
            out.extend_from_slice(rest.get(..whole.start).unwrap_or_default());
            replace(&self.value, rest, &groups, &mut out);
            from += whole.end;
            // nothing was matched: that alone would never end
            if whole.is_empty() {
                out.extend(old.get(from));
                from += 1;
            }
            if self.action == HeaderAction::Edit || from > old.len() || out.len() > EXPANDED_MAX {
                break;
            }
        }
        out.extend_from_slice(old.get(from..).unwrap_or_default());
        if out.len() > EXPANDED_MAX { old.to_vec() } else { out }
    }
}

/// Writes a replacement with its `$0` to `$9`; a backslash takes what follows as it is.
fn replace(text: &[u8], subject: &[u8], groups: &Groups, out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return,
            _ if out.len() > EXPANDED_MAX => return,
            [b'$', digit @ b'0'..=b'9', tail @ ..] => {
                let range = groups.get(usize::from(digit - b'0')).unwrap_or_default();
                out.extend_from_slice(subject.get(range).unwrap_or_default());
                tail
            }
            [b'\\', byte, tail @ ..] | [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}

/// A pattern of `Header edit`. Two are equal if they are one and the same, compiled once.
#[derive(Clone, Debug)]
pub struct EditPattern(pub(crate) Arc<Pattern>);

impl PartialEq for EditPattern {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for EditPattern {}

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
    /// In each value, the first match of a pattern is replaced: [`HeaderEdit::edited`].
    Edit,
    /// In each value, all matches.
    EditAll,
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
