//! What a function still has to do when the bytes it asked for have come. A rule goes on behind its call with the
//! value; the call itself is not run again.

use super::form::{self, Form, FormWork, Parameters, Parts};
use super::plain::Missing;
use super::{BodyEnd, BodySide};
use crate::host::Host;
use crate::limits::{BODY_LINES_MAX, DELIMITER_REST_BYTES_MAX, FORM_PARAMETERS_MAX};
use message::{Known, ResponseHead};
use source::{Source, Span};
use std::sync::Arc;
use trafficscript::{ByteString, Value};

/// Where a call stands, for what is told about it later.
pub(crate) type Place = (Arc<Source>, Span);

/// The rest of a function.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// `http.getBody`; without a count all of it.
    RequestBody { count: Option<usize> },
    /// `http.getBodyLines`.
    RequestLines { count: Option<usize> },
    /// The form functions.
    Form(FormWork),
    /// `http.getMultipartAttachment`.
    Attachment { number: usize },
    /// `http.getResponseBody`.
    ResponseBody { count: Option<usize> },
    /// `http.getResponseBodyLines`.
    ResponseLines { count: Option<usize> },
    /// `http.stream.readResponse`, and with `is_bulk` `http.stream.readBulkResponse`.
    ReadStream { count: usize, delimiter: ByteString, is_bulk: bool },
}

/// What came of it.
pub(crate) enum Came {
    Value(Given),
    /// Bytes must be read first: so many are to be held, at least and at most.
    Missing {
        side: BodySide,
        least: usize,
        most: usize,
    },
}

/// A function's value, and what goes with it.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) value: Value,
    /// `$1` and following, where the function sets them.
    pub(crate) captures: Vec<Value>,
    /// What must be told the rule's author.
    pub(crate) warning: Option<String>,
}

impl From<Value> for Given {
    fn from(value: Value) -> Self {
        Self { value, ..Self::default() }
    }
}

impl Work {
    /// What it costs a run besides the call: bytes that are searched, parameters that are compared. (Bytes that are
    /// given are counted as memory.)
    pub(crate) fn instructions(&self, host: &Host) -> u64 {
        let posted = host.bodies.as_ref().and_then(|bodies| bodies.posted.as_ref());
        match self {
            Self::Form(_) => {
                let query = host.request.query().map_or(0, <[u8]>::len);
                (query / 32 + posted.map_or(0, Parameters::len) / 16) as u64
            }
            Self::Attachment { .. } => (host.held(BodySide::Request).0 / 2048) as u64,
            _ => 0,
        }
    }
}

/// Does it, if all is there; where it `may_wait`, says what is missing; where not, does it with what is there.
pub(crate) fn try_work(host: &mut Host, work: &Work, may_wait: bool) -> Came {
    match work {
        Work::RequestBody { count } => of_request(host, *count, may_wait, |body| body.bytes.into()),
        Work::RequestLines { count } => of_request(host, *count, may_wait, |body| lines(body.bytes)),
        Work::Form(work) => form_value(host, work, may_wait),
        Work::Attachment { number } => attachment(host, *number, may_wait),
        Work::ResponseBody { count } => of_response(host, *count, may_wait, |bytes| bytes.into()),
        Work::ResponseLines { count } => of_response(host, *count, may_wait, lines),
        Work::ReadStream { count, delimiter, is_bulk } => {
            read_stream(host, *count, (delimiter, *is_bulk), may_wait)
        }
    }
}

/// The request's body as far as it is held.
struct RequestBytes<'a> {
    bytes: &'a [u8],
    /// It is longer than may be held.
    is_longer: bool,
    /// It is all there.
    is_whole: bool,
}

impl RequestBytes<'_> {
    const NONE: Self = Self { bytes: &[], is_longer: false, is_whole: false };
}

fn of_request(
    host: &mut Host,
    count: Option<usize>,
    may_wait: bool,
    value: impl FnOnce(&RequestBytes<'_>) -> Value,
) -> Came {
    match request_bytes(host, count, may_wait) {
        Ok(body) => {
            let warning = body.is_longer.then(|| longer(body.bytes.len()));
            Came::Value(Given { value: value(&body), captures: Vec::new(), warning })
        }
        Err(missing) => Came::Missing { side: BodySide::Request, least: missing.least, most: missing.most },
    }
}

fn longer(held: usize) -> String {
    format!("the body is longer than max_body_buffer allows; its first {held} bytes are given")
}

fn request_bytes(host: &mut Host, count: Option<usize>, may_wait: bool) -> Result<RequestBytes<'_>, Missing> {
    let cap = host.virtual_server().max_body_buffer;
    let may_read = may_wait && !host.is_response_stage() && host.request_has_body();
    let wanted = count.unwrap_or(usize::MAX);
    // One more than may be held tells a body that fits from one that does not.
    let target = wanted.min(cap.saturating_add(1));
    let (held, end) = host.held(BodySide::Request);
    let is_written = host.bodies.as_ref().is_some_and(|bodies| bodies.written_request.is_some());
    if may_read && !is_written && end == BodyEnd::Open && held < target {
        return Err(Missing { least: target, most: target });
    }
    let Some(bodies) = &host.bodies else { return Ok(RequestBytes::NONE) };
    if let Some(written) = &bodies.written_request {
        let bytes = written.get(..wanted).unwrap_or(written);
        return Ok(RequestBytes { bytes, is_longer: false, is_whole: true });
    }
    let all = &bodies.request.bytes;
    // Behind the request rules a part of it is no body.
    if end != BodyEnd::Whole && host.is_behind_request_rules() {
        return Ok(RequestBytes::NONE);
    }
    let is_longer = all.len() > cap && wanted > cap;
    let bytes = all.get(..wanted.min(cap)).unwrap_or(all);
    Ok(RequestBytes { bytes, is_longer, is_whole: end == BodyEnd::Whole })
}

fn form_value(host: &mut Host, work: &FormWork, may_wait: bool) -> Came {
    let mut query = Parameters::default();
    query.add_urlencoded(host.request.query().unwrap_or_default());
    let is_there = match work {
        FormWork::One { name, .. } | FormWork::Exists { name } => query.has(name),
        _ => false,
    };
    let content_type = host.request.fields().known(Known::ContentType).unwrap_or_default();
    let form = if host.request.method() == b"POST" && !is_there { form::is_form(content_type) } else { None };
    let mut warning = None;
    if let Some(form) = form {
        match posted(host, &form, may_wait) {
            Ok(true) => {}
            Ok(false) => {
                warning = Some("the form is longer than max_body_buffer allows and is not read".to_owned());
            }
            Err(Missing { least, most }) => {
                return Came::Missing { side: BodySide::Request, least, most };
            }
        }
        if let Some(posted) = host.bodies.as_ref().and_then(|bodies| bodies.posted.as_ref()) {
            query.add(posted, matches!(work, FormWork::All));
        }
    }
    if query.is_full {
        warning = Some(format!("only the first {FORM_PARAMETERS_MAX} parameters are looked at"));
    }
    Came::Value(Given { value: query.answer(work), captures: Vec::new(), warning })
}

/// Takes a posted form apart, once; whether all of it could be read.
fn posted(host: &mut Host, form: &Form, may_wait: bool) -> Result<bool, Missing> {
    if host.bodies.as_ref().is_some_and(|bodies| bodies.posted.is_some()) {
        return Ok(true);
    }
    let body = request_bytes(host, None, may_wait)?;
    if body.is_longer {
        return Ok(false);
    }
    if !body.is_whole {
        // Nobody may wait for the rest; half a form could pass for a whole one.
        return Ok(true);
    }
    let mut posted = Parameters::default();
    match form {
        Form::UrlEncoded => posted.add_urlencoded(body.bytes),
        Form::Multipart(boundary) => posted.add_multipart(body.bytes, boundary),
    }
    host.bodies_mut().posted = Some(posted);
    Ok(true)
}

fn attachment(host: &mut Host, number: usize, may_wait: bool) -> Came {
    let content_type = host.request.fields().known(Known::ContentType).unwrap_or_default();
    let Some(Form::Multipart(boundary)) = form::is_form(content_type) else {
        return Came::Value(Given::default());
    };
    match request_bytes(host, None, may_wait) {
        Err(Missing { least, most }) => Came::Missing { side: BodySide::Request, least, most },
        Ok(body) => {
            let warning = body.is_longer.then(|| longer(body.bytes.len()));
            let part = Parts::of(body.bytes, &boundary).nth(number);
            let given = part.map_or_else(Given::default, |part| Given {
                value: part.content.into(),
                captures: vec![part.field(b"Content-Type").unwrap_or_default().into(), part.head.into()],
                warning: None,
            });
            Came::Value(Given { warning, ..given })
        }
    }
}

fn of_response(
    host: &mut Host,
    count: Option<usize>,
    may_wait: bool,
    value: impl FnOnce(&[u8]) -> Value,
) -> Came {
    let cap = host.virtual_server().max_body_buffer;
    let wanted = count.unwrap_or(usize::MAX);
    // What `http.stream.*` has read is no longer part of it.
    let begun = host.bodies.as_ref().map_or(0, |bodies| bodies.read_at);
    let missing = host.prepare_answer(begun.saturating_add(wanted.min(cap.saturating_add(1))));
    if let Some(Missing { least, most }) = missing.filter(|_| may_wait) {
        return Came::Missing { side: BodySide::Response, least, most };
    }
    let is_own = host.has_own_answer;
    let plain = host.plain_answer();
    let rest = plain.bytes.get(begun..).unwrap_or_default();
    let is_longer = !is_own && (rest.len() > cap || !plain.is_over) && wanted > cap && may_wait;
    let most = if is_own { wanted } else { wanted.min(cap) };
    let bytes = rest.get(..most).unwrap_or(rest);
    let warning = plain.odd.map(str::to_owned).or_else(|| is_longer.then(|| longer(bytes.len())));
    Came::Value(Given { value: value(bytes), captures: Vec::new(), warning })
}

fn read_stream(
    host: &mut Host,
    count: usize,
    (delimiter, is_bulk): (&ByteString, bool),
    may_wait: bool,
) -> Came {
    let cap = host.virtual_server().max_body_buffer;
    let count = count.min(cap);
    let begun = host.bodies.as_ref().map_or(0, |bodies| bodies.read_at);
    let piece = Piece {
        count,
        delimiter,
        is_bulk,
        beyond: delimiter.len().saturating_sub(1).min(DELIMITER_REST_BYTES_MAX),
    };
    // Looked at first, so that a delimiter that is there is not waited for.
    host.prepare_answer(begun.saturating_add(1));
    let rest = host.plain_answer().bytes.get(begun..).unwrap_or_default();
    if let Some(target) = piece.lacks(rest) {
        let missing = host.prepare_answer(begun.saturating_add(target));
        if let Some(Missing { least, most }) = missing.filter(|_| may_wait) {
            let most = most.max(begun.saturating_add(count));
            return Came::Missing { side: BodySide::Response, least, most };
        }
    }
    let plain = host.plain_answer();
    let rest = plain.bytes.get(begun..).unwrap_or_default();
    let end = piece.end(rest);
    let is_full = rest.is_empty() && !plain.is_over && may_wait;
    let warning = plain.odd.map(str::to_owned).or_else(|| {
        is_full.then(|| "more than max_body_buffer was read before http.stream.startResponse".to_owned())
    });
    let value: Value = rest.get(..end).unwrap_or(rest).into();
    if may_wait {
        let read = begun.saturating_add(end);
        let held = host.plain_answer().bytes.len();
        let bodies = host.bodies_mut();
        bodies.read_at = read;
        // Moving what is left costs; it is done when it is less than what is dropped.
        if bodies.streamed.is_some() && read >= held / 2 {
            host.drop_read();
        }
    }
    Came::Value(Given { value, captures: Vec::new(), warning })
}

/// What is read of a stream at once.
struct Piece<'a> {
    /// So many bytes ...
    count: usize,
    /// ... or up to and with this,
    delimiter: &'a ByteString,
    /// the last one instead of the first.
    is_bulk: bool,
    /// So many bytes more, where a delimiter begins before `count` and ends behind it.
    beyond: usize,
}

impl Piece<'_> {
    /// The bytes in which a delimiter counts: it begins before `count`.
    fn window<'b>(&self, rest: &'b [u8]) -> &'b [u8] {
        rest.get(..self.count.saturating_add(self.beyond)).unwrap_or(rest)
    }

    fn delimiter_in(&self, rest: &[u8]) -> Option<usize> {
        let window = self.window(rest);
        let at = match self.is_bulk {
            _ if self.delimiter.is_empty() => None,
            true => memchr::memmem::rfind(window, self.delimiter),
            false => form::find(window, self.delimiter),
        };
        at.map(|at| at + self.delimiter.len())
    }

    /// How many bytes must be there to tell where the piece ends; `None` if that is known.
    fn lacks(&self, rest: &[u8]) -> Option<usize> {
        if !self.is_bulk && self.delimiter_in(rest).is_some() {
            return None;
        }
        let there = self.window(rest);
        if there.len() < self.count {
            let waits_for_all = self.is_bulk || self.delimiter.is_empty();
            return Some(if waits_for_all { self.count } else { there.len().saturating_add(1) });
        }
        // A delimiter that is cut at `count` is waited for as long as it may still be one.
        let first = there.len().saturating_sub(self.beyond);
        let begins = |at: usize| {
            there.get(at..).is_some_and(|tail| !tail.is_empty() && self.delimiter.starts_with(tail))
        };
        let is_open = there.len() < self.count.saturating_add(self.beyond) && (first..self.count).any(begins);
        is_open.then(|| there.len().saturating_add(1))
    }

    /// Where it ends in what is there.
    fn end(&self, rest: &[u8]) -> usize {
        self.delimiter_in(rest).unwrap_or(self.count.min(rest.len()))
    }
}

/// Without their ends, which are `\n` or `\r\n`. What follows the last end is a line if it
/// is not empty.
fn lines(bytes: &[u8]) -> Value {
    let mut lines: Vec<Value> = Vec::new();
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'\n', rest).filter(|_| lines.len() < BODY_LINES_MAX) {
        let line = rest.get(..at).unwrap_or_default();
        lines.push(line.strip_suffix(b"\r").unwrap_or(line).into());
        rest = rest.get(at + 1..).unwrap_or_default();
    }
    if !rest.is_empty() {
        lines.push(rest.into());
    }
    Value::array(lines)
}

/// What a head says of a body that is no longer the one it came with: lengths, packing and sums go, ranges of it are
/// not offered, and a strong validator becomes a weak one.
pub(super) fn amend_response_fields(head: &mut ResponseHead) {
    const ABOUT_THE_BYTES: [&[u8]; 8] = [
        b"Content-Encoding",
        b"Content-Length",
        b"Transfer-Encoding",
        b"Trailer",
        b"Content-MD5",
        b"Digest",
        b"Content-Digest",
        b"Repr-Digest",
    ];
    let fields = head.fields_mut();
    for name in ABOUT_THE_BYTES {
        fields.remove(name);
    }
    fields.remove(b"Accept-Ranges");
    let strong = fields.get(b"ETag").filter(|tag| !tag.starts_with(b"W/"));
    if let Some(weak) = strong.map(|tag| [b"W/", tag].concat()) {
        let _checked = fields.set(b"ETag", &weak);
    }
}
