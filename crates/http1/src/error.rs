//! Every reason to refuse a message, by name.

use std::fmt;

/// Why a request was refused. The connection must close after the answer: what follows is not interpreted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadRequest {
    /// The first line is not `METHOD SP target SP HTTP/1.x CR LF`.
    RequestLine,
    /// More than the one empty line that may stand before a request line.
    EmptyLines,
    /// No method is that long (64 bytes).
    MethodTooLong,
    /// `CONNECT`: this is no forward proxy.
    Connect,
    /// Another version of HTTP, such as the HTTP/2 preface.
    Version,
    /// The target holds `#`, controls or bytes from 0x80 on.
    TargetBytes,
    /// Neither `/path` nor `http(s)://host/path`, and `*` only goes with `OPTIONS`.
    TargetForm,
    /// Longer than [`Limits::target_bytes_max`](crate::Limits::target_bytes_max).
    TargetTooLong,
    /// HTTP/1.1 demands a `Host`.
    HostMissing,
    /// Two `Host` fields, equal or not.
    HostRepeated,
    /// Empty, a list, or with bytes that no host holds.
    HostInvalid,
    /// `Host` and the authority of an absolute target differ.
    HostDisagrees,
    /// Longer than [`Limits::head_bytes_max`](crate::Limits::head_bytes_max).
    HeadTooLarge,
    /// More than [`Limits::fields_max`](crate::Limits::fields_max).
    TooManyFields,
    /// A line is malformed.
    Syntax(BadSyntax),
    /// It could be framed in two ways, or in none that we know.
    Framing(BadFraming),
}

impl BadRequest {
    /// The reason in kebab case, for counters and log fields; never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::RequestLine => "request-line",
            Self::EmptyLines => "empty-lines",
            Self::MethodTooLong => "method-too-long",
            Self::Connect => "connect",
            Self::Version => "version",
            Self::TargetBytes => "target-bytes",
            Self::TargetForm => "target-form",
            Self::TargetTooLong => "target-too-long",
            Self::HostMissing => "host-missing",
            Self::HostRepeated => "host-repeated",
            Self::HostInvalid => "host-invalid",
            Self::HostDisagrees => "host-disagrees",
            Self::HeadTooLarge => "head-too-large",
            Self::TooManyFields => "too-many-fields",
            Self::Syntax(why) => why.code(),
            Self::Framing(why) => why.code(),
        }
    }

    /// The reason in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::RequestLine => "the request line is not `METHOD target HTTP/1.x` with single spaces",
            Self::EmptyLines => "more than one empty line before the request line",
            Self::MethodTooLong => "the method is longer than any known one",
            Self::Connect => "CONNECT is not served",
            Self::Version => "only HTTP/1.0 and HTTP/1.1 are spoken here",
            Self::TargetBytes => "the request target holds bytes that may not stand there",
            Self::TargetForm => "the request target is neither a path nor an http address",
            Self::TargetTooLong => "the request target is too long",
            Self::HostMissing => "there is no Host field",
            Self::HostRepeated => "there is more than one Host field",
            Self::HostInvalid => "the Host field is no host with optional port",
            Self::HostDisagrees => "the Host field and the absolute target name different hosts",
            Self::HeadTooLarge => "the head is too large",
            Self::TooManyFields => "the head holds too many fields",
            Self::Syntax(why) => why.reason(),
            Self::Framing(why) => why.reason(),
        }
    }

    /// The status to answer with: 400, 414, 431, 501 or 505.
    pub const fn status(self) -> u16 {
        match self {
            Self::TargetTooLong => 414,
            Self::HeadTooLarge | Self::TooManyFields => 431,
            Self::Connect | Self::MethodTooLong | Self::Framing(BadFraming::CodingUnsupported) => 501,
            Self::Version => 505,
            _ => 400,
        }
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for BadRequest {}

impl From<BadSyntax> for BadRequest {
    fn from(why: BadSyntax) -> Self {
        Self::Syntax(why)
    }
}

impl From<BadFraming> for BadRequest {
    fn from(why: BadFraming) -> Self {
        Self::Framing(why)
    }
}
/// Why a node's response was refused. Nothing of it may be passed on, and the connection is of no further use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadResponse {
    /// The first line is not `HTTP/1.x SP 3DIGIT [SP reason] CR LF`.
    StatusLine,
    /// The status is no number from 100 to 999.
    Status,
    /// Another version of HTTP.
    Version,
    /// Longer than [`Limits::head_bytes_max`](crate::Limits::head_bytes_max).
    HeadTooLarge,
    /// More than [`Limits::fields_max`](crate::Limits::fields_max).
    TooManyFields,
    /// A line is malformed.
    Syntax(BadSyntax),
    /// It could be framed in two ways, or in none that we know.
    Framing(BadFraming),
}

impl BadResponse {
    /// The reason in kebab case, for counters and log fields; never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::StatusLine => "status-line",
            Self::Status => "status",
            Self::Version => "version",
            Self::HeadTooLarge => "head-too-large",
            Self::TooManyFields => "too-many-fields",
            Self::Syntax(why) => why.code(),
            Self::Framing(why) => why.code(),
        }
    }

    /// The reason in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::StatusLine => "the status line is not `HTTP/1.x NNN reason`",
            Self::Status => "the status is below 100",
            Self::Version => "the node does not speak HTTP/1.0 or HTTP/1.1",
            Self::HeadTooLarge => "the head is too large",
            Self::TooManyFields => "the head holds too many fields",
            Self::Syntax(why) => why.reason(),
            Self::Framing(why) => why.reason(),
        }
    }
}

impl fmt::Display for BadResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for BadResponse {}

impl From<BadSyntax> for BadResponse {
    fn from(why: BadSyntax) -> Self {
        Self::Syntax(why)
    }
}

impl From<BadFraming> for BadResponse {
    fn from(why: BadFraming) -> Self {
        Self::Framing(why)
    }
}
/// What is wrong with a line of a head or of trailers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadSyntax {
    /// LF without CR before it.
    BareLf,
    /// CR without LF behind it.
    BareCr,
    /// A NUL byte.
    Nul,
    /// Another control byte.
    Control,
    /// A line that starts with a blank: the folding of old.
    Folded,
    /// A blank between name and colon.
    BlankBeforeColon,
    /// A line that starts with the colon.
    EmptyName,
    /// The name is no token, or the colon is missing.
    Name,
}

impl BadSyntax {
    /// The reason in kebab case, for counters and log fields; never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BareLf => "bare-lf",
            Self::BareCr => "bare-cr",
            Self::Nul => "nul",
            Self::Control => "control",
            Self::Folded => "folded",
            Self::BlankBeforeColon => "blank-before-colon",
            Self::EmptyName => "empty-name",
            Self::Name => "name",
        }
    }

    /// The reason in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BareLf => "a line ends with LF alone",
            Self::BareCr => "a CR stands without LF",
            Self::Nul => "a NUL byte stands in the head",
            Self::Control => "a control byte stands in the head",
            Self::Folded => "a line starts with a blank",
            Self::BlankBeforeColon => "a blank stands before the colon",
            Self::EmptyName => "a field name is empty",
            Self::Name => "a field name holds bytes that may not stand there, or there is no colon",
        }
    }
}

impl fmt::Display for BadSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for BadSyntax {}
/// Why the end of a message cannot be told beyond doubt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadFraming {
    /// Both `Content-Length` and `Transfer-Encoding`.
    LengthAndCoding,
    /// `Content-Length` repeated or as a list, equal or not.
    LengthRepeated,
    /// `Content-Length` is empty, signed, no number, or above 2^63 − 1.
    LengthInvalid,
    /// `Transfer-Encoding` repeated or as a list.
    CodingList,
    /// One transfer coding, and not `chunked`.
    CodingUnsupported,
    /// `Transfer-Encoding` in an HTTP/1.0 message.
    CodingOnHttp10,
}

impl BadFraming {
    /// The reason in kebab case, for counters and log fields; never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::LengthAndCoding => "length-and-coding",
            Self::LengthRepeated => "length-repeated",
            Self::LengthInvalid => "length-invalid",
            Self::CodingList => "coding-list",
            Self::CodingUnsupported => "coding-unsupported",
            Self::CodingOnHttp10 => "coding-on-http10",
        }
    }

    /// The reason in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::LengthAndCoding => "both Content-Length and Transfer-Encoding are given",
            Self::LengthRepeated => "Content-Length is given more than once",
            Self::LengthInvalid => "Content-Length is not a number of digits only, or too large",
            Self::CodingList => "Transfer-Encoding is a list",
            Self::CodingUnsupported => "the only transfer coding here is chunked",
            Self::CodingOnHttp10 => "Transfer-Encoding is not part of HTTP/1.0",
        }
    }
}

impl fmt::Display for BadFraming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for BadFraming {}
/// Why a body ends without being whole. What was handed out before stands; the receiver must see a cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadBody {
    /// The size is missing, or holds anything but hexadecimal digits (no sign, no `0x`, no blanks).
    ChunkSize,
    /// More than 16 digits, or above 2^63 − 1.
    ChunkSizeOverflow,
    /// Controls or bytes from 0x80 on in an extension.
    ChunkExtension,
    /// Longer than [`Limits::chunk_line_bytes_max`](crate::Limits::chunk_line_bytes_max).
    ChunkLineTooLong,
    /// Longer than [`Limits::chunk_extensions_bytes_max`](crate::Limits::chunk_extensions_bytes_max).
    ChunkExtensionsTooLong,
    /// LF without CR in the chunked coding.
    BareLf,
    /// CR without LF in the chunked coding.
    BareCr,
    /// The payload of a chunk is not followed by CR LF.
    ChunkEnd,
    /// Longer than [`Limits::trailer_bytes_max`](crate::Limits::trailer_bytes_max), or too many.
    TrailersTooLarge,
    /// The connection ended before the body did.
    Cut,
    /// A trailer line is malformed.
    Trailer(BadSyntax),
}

impl BadBody {
    /// The reason in kebab case, for counters and log fields; never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ChunkSize => "chunk-size",
            Self::ChunkSizeOverflow => "chunk-size-overflow",
            Self::ChunkExtension => "chunk-extension",
            Self::ChunkLineTooLong => "chunk-line-too-long",
            Self::ChunkExtensionsTooLong => "chunk-extensions-too-long",
            Self::BareLf => "chunk-bare-lf",
            Self::BareCr => "chunk-bare-cr",
            Self::ChunkEnd => "chunk-end",
            Self::TrailersTooLarge => "trailers-too-large",
            Self::Cut => "cut",
            Self::Trailer(why) => why.code(),
        }
    }

    /// The reason in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ChunkSize => "a chunk size is not 1 to 16 hexadecimal digits",
            Self::ChunkSizeOverflow => "a chunk size is too large",
            Self::ChunkExtension => "a chunk extension holds bytes that may not stand there",
            Self::ChunkLineTooLong => "a chunk's size line is too long",
            Self::ChunkExtensionsTooLong => "the chunk extensions of a body are too long together",
            Self::BareLf => "a line of the chunked coding ends with LF alone",
            Self::BareCr => "a CR of the chunked coding stands without LF",
            Self::ChunkEnd => "a chunk is not followed by CR LF",
            Self::TrailersTooLarge => "the trailers are too large",
            Self::Cut => "the connection ended before the body",
            Self::Trailer(why) => why.reason(),
        }
    }
}

impl fmt::Display for BadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for BadBody {}

impl From<BadSyntax> for BadBody {
    fn from(why: BadSyntax) -> Self {
        Self::Trailer(why)
    }
}
