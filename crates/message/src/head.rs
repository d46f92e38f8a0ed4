//! Request and response heads: a first line and fields.

use std::fmt;

use crate::check::{is_field_value, is_target, is_token};
use crate::{Cookies, Fields, Known, Lines};

/// Room kept for the first line by `clear`, in bytes.
const KEPT_LINE_BYTES_MAX: usize = 4 * 1024;

/// The version a message was sent in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Version {
    /// HTTP/1.0: no chunked bodies, connections close unless asked.
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
    /// HTTP/2: requests of clients only; it says all that HTTP/1.1 says, and connections and framing are not its
    /// fields' affair.
    Http2,
}

impl Version {
    /// As written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}

/// Why a first line was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvalidLine {
    /// The method is no token.
    Method,
    /// The target is empty or holds blanks, controls, `#` or bytes from 0x80 on.
    Target,
    /// The status is not 100 to 999.
    Status,
    /// The reason holds control bytes.
    Reason,
}

impl fmt::Display for InvalidLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "the method is no token",
            Self::Target => "the request target holds bytes that may not stand there",
            Self::Status => "the status is not a number from 100 to 999",
            Self::Reason => "the reason phrase holds control bytes",
        })
    }
}

impl std::error::Error for InvalidLine {}

/// The head of a request. Reusable: [`RequestHead::clear`] keeps the memory. The default is an empty one, to be filled.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// Method and target, with one byte between.
    line: Vec<u8>,
    method_end: usize,
    target_start: usize,
    version: Version,
    fields: Fields,
}

impl RequestHead {
    /// A head without fields.
    ///
    /// # Errors
    /// The method is no token, or the target holds what may not stand in a request line.
    pub fn new(method: &[u8], target: &[u8], version: Version) -> Result<Self, InvalidLine> {
        let mut head = Self { version, ..Self::default() };
        head.rewrite_line(method, target)?;
        Ok(head)
    }

    /// Forgets everything and keeps the memory for the next head (within bounds).
    #[inline]
    pub fn clear(&mut self) {
        clear_text(&mut self.line);
        (self.method_end, self.target_start) = (0, 0);
        self.version = Version::Http11;
        self.fields.clear();
    }

    /// Replaces everything: `line` is `method SP target` with the length of the method, the fields are those that
    /// `read` finds at the start of `raw`, as for [`Fields::load_with`]. The caller has checked all of it (this is the
    /// door of the wire codec).
    ///
    /// # Errors
    /// Those of `read`; the head holds the line and no fields then.
    #[inline]
    pub fn load_with<E>(
        &mut self,
        line: (&[u8], usize),
        version: Version,
        raw: &[u8],
        read: impl FnOnce(&mut Lines<'_>) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let (line, method_bytes) = line;
        clear_text(&mut self.line);
        self.version = version;
        self.line.extend_from_slice(line);
        (self.method_end, self.target_start) = (method_bytes, method_bytes + 1);
        self.fields.load_with(raw, read)
    }

    /// Begins anew with this line and no fields; keeps the memory (within bounds).
    ///
    /// # Errors
    /// The method is no token, or the target holds what may not stand in a request line; the head is empty then.
    pub fn begin(&mut self, method: &[u8], target: &[u8], version: Version) -> Result<(), InvalidLine> {
        self.clear();
        self.version = version;
        self.rewrite_line(method, target)
    }

    /// The method as sent; letter case counts.
    #[inline]
    pub fn method(&self) -> &[u8] {
        self.line.get(..self.method_end).unwrap_or_default()
    }

    /// The request target as sent: `/path?query`, `http://host/path?query` or `*`.
    #[inline]
    pub fn target(&self) -> &[u8] {
        self.line.get(self.target_start..).unwrap_or_default()
    }

    /// The path of the target as sent, nothing decoded, without query. `/` where an absolute target has none; `*` as
    /// it stands.
    pub fn path(&self) -> &[u8] {
        let target = self.origin_part();
        let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
        if path.is_empty() { b"/" } else { path }
    }

    /// What follows the first `?` of the target; `None` where there is no `?`.
    pub fn query(&self) -> Option<&[u8]> {
        self.origin_part().splitn(2, |&byte| byte == b'?').nth(1)
    }

    /// The `host[:port]` of an absolute target; `None` for the other forms.
    pub fn target_authority(&self) -> Option<&[u8]> {
        let (authority, _) = split_absolute(self.target())?;
        Some(authority)
    }

    /// The first `Host` field, port included.
    #[inline]
    pub fn host(&self) -> Option<&[u8]> {
        self.fields.known(Known::Host)
    }

    /// The version it was sent in.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The fields.
    #[inline]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The fields, to be edited.
    pub const fn fields_mut(&mut self) -> &mut Fields {
        &mut self.fields
    }

    /// Shorthand for [`Fields::cookies`].
    pub fn cookies(&self) -> Cookies<'_> {
        self.fields.cookies()
    }

    /// Puts another method in place.
    ///
    /// # Errors
    /// It is no token; nothing is changed then.
    pub fn set_method(&mut self, method: &[u8]) -> Result<(), InvalidLine> {
        let target = self.target().to_vec();
        self.rewrite_line(method, &target)
    }

    /// Puts another target in place.
    ///
    /// # Errors
    /// It is empty or holds blanks, controls, `#` or bytes from 0x80 on; nothing is changed then.
    pub fn set_target(&mut self, target: &[u8]) -> Result<(), InvalidLine> {
        if !is_target(target) {
            return Err(InvalidLine::Target);
        }
        self.line.truncate(self.target_start);
        self.line.extend_from_slice(target);
        Ok(())
    }

    /// Says that the head is to be read as sent in another version.
    pub const fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    fn rewrite_line(&mut self, method: &[u8], target: &[u8]) -> Result<(), InvalidLine> {
        if !is_token(method) {
            return Err(InvalidLine::Method);
        }
        if !is_target(target) {
            return Err(InvalidLine::Target);
        }
        self.line.clear();
        self.line.extend_from_slice(method);
        self.line.push(b' ');
        self.line.extend_from_slice(target);
        (self.method_end, self.target_start) = (method.len(), method.len() + 1);
        Ok(())
    }

    /// The target as an origin server is asked: of an absolute target what follows the authority (may be empty or
    /// start with `?`), else the target as it stands.
    pub fn origin_part(&self) -> &[u8] {
        let target = self.target();
        if target.first() == Some(&b'/') {
            return target;
        }
        split_absolute(target).map_or(target, |(_, rest)| rest)
    }
}

impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = String::from_utf8_lossy(self.method());
        let target = String::from_utf8_lossy(self.target());
        write!(f, "{method} {target} {} {:?}", self.version.as_str(), self.fields)
    }
}

/// The head of a response. Reusable: [`ResponseHead::clear`] keeps the memory. The default is an empty 200.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseHead {
    reason: Vec<u8>,
    status: u16,
    version: Version,
    fields: Fields,
}

impl Default for ResponseHead {
    fn default() -> Self {
        Self { reason: Vec::new(), status: 200, version: Version::Http11, fields: Fields::new() }
    }
}

impl ResponseHead {
    /// A head without fields. The reason may be empty; [`reason_of`](crate::reason_of) knows the usual ones.
    ///
    /// # Errors
    /// The status is not 100 to 999, or the reason holds control bytes.
    pub fn new(status: u16, reason: &[u8], version: Version) -> Result<Self, InvalidLine> {
        let mut head = Self { version, ..Self::default() };
        head.set_status(status, reason)?;
        Ok(head)
    }

    /// Forgets everything and keeps the memory for the next head (within bounds).
    #[inline]
    pub fn clear(&mut self) {
        clear_text(&mut self.reason);
        self.status = 200;
        self.version = Version::Http11;
        self.fields.clear();
    }

    /// Replaces everything: `line` is status and reason, the fields are those that `read` finds at the start of `raw`,
    /// as for [`Fields::load_with`]. The caller has checked all of it (this is the door of the wire codec).
    ///
    /// # Errors
    /// Those of `read`; the head holds the line and no fields then.
    #[inline]
    pub fn load_with<E>(
        &mut self,
        line: (u16, &[u8]),
        version: Version,
        raw: &[u8],
        read: impl FnOnce(&mut Lines<'_>) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let (status, reason) = line;
        clear_text(&mut self.reason);
        (self.status, self.version) = (status, version);
        self.reason.extend_from_slice(reason);
        self.fields.load_with(raw, read)
    }

    /// The status number, 100 to 999.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase as sent; may be empty.
    pub fn reason(&self) -> &[u8] {
        &self.reason
    }

    /// The version it was sent in.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The fields.
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The fields, to be edited.
    pub const fn fields_mut(&mut self) -> &mut Fields {
        &mut self.fields
    }

    /// Puts another status and reason in place.
    ///
    /// # Errors
    /// The status is not 100 to 999, or the reason holds control bytes; nothing is changed then.
    pub fn set_status(&mut self, status: u16, reason: &[u8]) -> Result<(), InvalidLine> {
        if !(100..=999).contains(&status) {
            return Err(InvalidLine::Status);
        }
        if !is_field_value(reason) {
            return Err(InvalidLine::Reason);
        }
        self.status = status;
        self.reason.clear();
        self.reason.extend_from_slice(reason);
        Ok(())
    }

    /// Says that the head is to be read as sent in another version.
    pub const fn set_version(&mut self, version: Version) {
        self.version = version;
    }
}

impl fmt::Debug for ResponseHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = String::from_utf8_lossy(&self.reason);
        write!(f, "{} {} {reason} {:?}", self.version.as_str(), self.status, self.fields)
    }
}

/// Keeps the memory, within bounds.
#[inline]
fn clear_text(text: &mut Vec<u8>) {
    text.clear();
    if text.capacity() > KEPT_LINE_BYTES_MAX {
        text.shrink_to(KEPT_LINE_BYTES_MAX);
    }
}

/// `scheme://authority` taken off: (authority, the rest from the first `/` or `?` on).
fn split_absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let scheme = target.windows(3).position(|three| three == b"://")?;
    if target.get(..scheme)?.contains(&b'/') {
        return None;
    }
    let rest = target.get(scheme + 3..)?;
    let end = rest.iter().position(|&byte| byte == b'/' || byte == b'?').unwrap_or(rest.len());
    Some(rest.split_at(end))
}
