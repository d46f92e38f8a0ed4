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

const TABLE_BITS: u32 = 7;

/// Found by trial.
const FACTOR: u64 = 0x90d6_8e0e_d8ed_814f;

/// Perfect table: the place of a name is computed from its ends, the same way here and in [`Known::of`]. Two names in
/// one place do not compile.
static TABLE: [Slot; 1 << TABLE_BITS] = {
    let mut table = [Slot { length: 0, ends: [0; 2], middle: 0, known: Known::Other }; 1 << TABLE_BITS];
    let mut index = 0;
    while index < Known::ALL.len() {
        let known = Known::ALL[index];
        let name = known.name().as_bytes();
        let ends = ends_of(name);
        assert!(name.len() <= 24, "first word, middle and last word leave bytes out");
        assert!(table[place(ends)].length == 0, "two known names fall into one place of the table");
        table[place(ends)] = Slot { length: name.len(), ends, middle: middle_of(name), known };
        index += 1;
    }
    table
};

/// A name in lower case, as words.
#[derive(Clone, Copy)]
struct Slot {
    length: usize,
    ends: [u64; 2],
    middle: u64,
    known: Known,
}

impl Known {
    /// Which known name this is, letter case aside; [`Known::Other`] for all others, whatever bytes they hold.
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let ends = ends_of(name);
        let slot = &TABLE[place(ends)];
        let is_same = slot.length == name.len()
            && slot.ends[0] == ends[0]
            && slot.ends[1] == ends[1]
            && (name.len() <= 16 || slot.middle == middle_of(name));
        if is_same { slot.known } else { Self::Other }
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

#[inline]
const fn place([first, last]: [u64; 2]) -> usize {
    // Seven bits are left.
    ((first ^ last).wrapping_mul(FACTOR) >> (u64::BITS - TABLE_BITS)) as usize
}

/// The first eight bytes of a name, and, if it is longer, the last eight; in lower case.
#[inline]
const fn ends_of(name: &[u8]) -> [u64; 2] {
    match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) if name.len() > 8 => {
            [lower(u64::from_le_bytes(*first)), lower(u64::from_le_bytes(*last))]
        }
        (Some(first), _) => [lower(u64::from_le_bytes(*first)), 0],
        (None, _) => [lower(short_word(name)), 0],
    }
}

/// What lies between first and last word of a name of 17 to 24 bytes.
#[inline]
const fn middle_of(name: &[u8]) -> u64 {
    match name.split_first_chunk::<8>() {
        Some((_, rest)) => match rest.first_chunk() {
            Some(middle) => lower(u64::from_le_bytes(*middle)),
            None => 0,
        },
        None => 0,
    }
}

/// Up to seven bytes as a word.
#[inline]
const fn short_word(name: &[u8]) -> u64 {
    match (name.first_chunk(), name.last_chunk()) {
        // The two halves overlap in bytes that are equal.
        (Some(first), Some(last)) => {
            u32::from_le_bytes(*first) as u64 | (u32::from_le_bytes(*last) as u64) << ((name.len() - 4) * 8)
        }
        _ => match name {
            [a, b, c] => u32::from_le_bytes([*a, *b, *c, 0]) as u64,
            [a, b] => u16::from_le_bytes([*a, *b]) as u64,
            [a] => *a as u64,
            _ => 0,
        },
    }
}

/// Lower-cases letters: the bit of lower case is set where the bit that letters have is. Other bytes of that half of
/// the table change too, but into none that a known name holds (letters, digits and `-`).
#[inline]
const fn lower(word: u64) -> u64 {
    word | ((word >> 1) & 0x2020_2020_2020_2020)
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
                for byte in 0..=u8::MAX {
                    name[at] = byte;
                    let by_search =
                        Known::ALL.iter().find(|known| name.eq_ignore_ascii_case(known.name().as_bytes()));
                    let expected = by_search.copied().unwrap_or(Known::Other);
                    assert_eq!(Known::of(&name), expected, "{}", String::from_utf8_lossy(&name));
                }
            }
            let longer = format!("{}x", known.name());
            assert_eq!(Known::of(longer.as_bytes()), Known::Other);
        }
        assert_eq!(Known::of(b""), Known::Other);
        assert_eq!(Known::of(&[0; 3]), Known::Other);
        assert_eq!(Known::of(&[b'a'; 100]), Known::Other);
    }
}
