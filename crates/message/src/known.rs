//! Field names that the product looks at often: a look-up of one of these compares a byte, not a name.

macro_rules! known_names {
    ($($variant:ident = $name:literal,)*) => {
        /// A field name the product knows. Computed once when a field enters [`Fields`](crate::Fields).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Known {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// Any other name.
            Other,
        }

        impl Known {
            /// All known names, without [`Known::Other`].
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in lower case; empty for [`Known::Other`].
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* Self::Other => "" }
            }
        }
    };
}

known_names! {
    Host = "host",
    Connection = "connection",
    ContentLength = "content-length",
    TransferEncoding = "transfer-encoding",
    KeepAlive = "keep-alive",
    Upgrade = "upgrade",
    Te = "te",
    Trailer = "trailer",
    Expect = "expect",
    Via = "via",
    Forwarded = "forwarded",
    XForwardedFor = "x-forwarded-for",
    XForwardedProto = "x-forwarded-proto",
    XForwardedHost = "x-forwarded-host",
    Referer = "referer",
    Cookie = "cookie",
    SetCookie = "set-cookie",
    UserAgent = "user-agent",
    Range = "range",
    ProxyConnection = "proxy-connection",
    ProxyAuthenticate = "proxy-authenticate",
    ProxyAuthorization = "proxy-authorization",
    Proxy = "proxy",
    CacheControl = "cache-control",
    ContentType = "content-type",
    ContentEncoding = "content-encoding",
    ContentRange = "content-range",
    Date = "date",
    Location = "location",
    Server = "server",
    Accept = "accept",
    AcceptEncoding = "accept-encoding",
    AcceptLanguage = "accept-language",
    AcceptRanges = "accept-ranges",
    Authorization = "authorization",
    WwwAuthenticate = "www-authenticate",
    Origin = "origin",
    Etag = "etag",
    LastModified = "last-modified",
    IfModifiedSince = "if-modified-since",
    IfNoneMatch = "if-none-match",
    Vary = "vary",
    Age = "age",
    Expires = "expires",
    RetryAfter = "retry-after",
    Http2Settings = "http2-settings",
    MaxForwards = "max-forwards",
    XRealIp = "x-real-ip",
}

// One bit for each in a 64-bit set.
const _: () = assert!(Known::ALL.len() < 64);

const TABLE_SIZE: usize = 128;

/// Perfect table: the place of a name is computed from its length and three of its letters, the same way here and in
/// [`Known::of`]. The factors were found by trial; two names in one place do not compile.
static TABLE: [(&[u8], Known); TABLE_SIZE] = {
    let mut table: [(&[u8], Known); TABLE_SIZE] = [(b"", Known::Other); TABLE_SIZE];
    let mut index = 0;
    while index < Known::ALL.len() {
        let known = Known::ALL[index];
        let name = known.name().as_bytes();
        let place = place(name.len(), name[0], name[name.len() / 2], name[name.len() - 1]);
        assert!(table[place].0.is_empty(), "two known names fall into one place of the table");
        table[place] = (name, known);
        index += 1;
    }
    table
};

#[inline]
const fn place(len: usize, first: u8, middle: u8, last: u8) -> usize {
    const FOLD: usize = 0x20;
    (len * 6 + (first as usize | FOLD) * 53 + (middle as usize | FOLD) * 107 + (last as usize | FOLD) * 96)
        % TABLE_SIZE
}

impl Known {
    /// Which known name this is, letter case aside; [`Known::Other`] for all others. `name` should be a token.
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let (Some(&first), Some(&middle), Some(&last)) =
            (name.first(), name.get(name.len() / 2), name.last())
        else {
            return Self::Other;
        };
        let (lower, known) = TABLE[place(name.len(), first, middle, last)];
        if same_token(name, lower) { known } else { Self::Other }
    }

    /// The bit of this name in a set of names; 0 for [`Known::Other`].
    #[inline]
    pub(crate) const fn bit(self) -> u64 {
        match self {
            Self::Other => 0,
            known => 1 << known as u8,
        }
    }
}

/// Compares a name with a lower-case one, eight bytes at a time.
#[inline]
fn same_token(name: &[u8], lower: &[u8]) -> bool {
    if name.len() != lower.len() {
        return false;
    }
    if let (Some(tail), Some(lower_tail)) = (name.last_chunk::<8>(), lower.last_chunk::<8>()) {
        let (chunks, _) = name.as_chunks::<8>();
        let (lower_chunks, _) = lower.as_chunks::<8>();
        return fold(*tail) == u64::from_le_bytes(*lower_tail)
            && chunks.iter().zip(lower_chunks).all(|(a, b)| fold(*a) == u64::from_le_bytes(*b));
    }
    if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        return Some(&fold_half(*first).to_le_bytes()) == lower.first_chunk()
            && Some(&fold_half(*last).to_le_bytes()) == lower.last_chunk();
    }
    name.eq_ignore_ascii_case(lower)
}

/// Lower-cases letters by setting one bit. Other token bytes change too, but into nothing that a known name holds: of
/// those only `-` (0x2d), digits and letters occur, and 0x0d and 0x10 to 0x19 are no token bytes.
#[inline]
fn fold(bytes: [u8; 8]) -> u64 {
    u64::from_le_bytes(bytes) | 0x2020_2020_2020_2020
}

#[inline]
fn fold_half(bytes: [u8; 4]) -> u32 {
    u32::from_le_bytes(bytes) | 0x2020_2020
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_in_any_case() {
        for &known in Known::ALL {
            assert_eq!(Known::of(known.name().as_bytes()), known);
            assert_eq!(Known::of(known.name().to_ascii_uppercase().as_bytes()), known);
        }
    }

    #[test]
    fn a_name_off_by_one_byte_is_another_name() {
        for &known in Known::ALL {
            for at in 0..known.name().len() {
                let mut name = known.name().as_bytes().to_vec();
                name[at] = if name[at] == b'_' { b'~' } else { b'_' };
                assert_eq!(Known::of(&name), Known::Other, "{}", String::from_utf8_lossy(&name));
            }
            let longer = format!("{}x", known.name());
            assert_eq!(Known::of(longer.as_bytes()), Known::Other);
        }
        assert_eq!(Known::of(b""), Known::Other);
    }
}
