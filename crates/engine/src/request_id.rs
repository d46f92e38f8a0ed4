//! The identity of a request: one for the log, for nodes, for clients that get an error, and for what rules draw by lot.

use crate::limits;

/// Identity of a request, given by the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub u64);

/// Letters of an id as it is written.
const WRITTEN: usize = 16;

impl RequestId {
    /// The id of this name: the one that is written so, or, where a proxy has given a name of its own, a number made
    /// of it (FNV-1a, 64 bits). A replay finds the same number in the log.
    pub fn of_name(name: &str) -> Self {
        let is_ours = name.len() == WRITTEN && name.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
        let ours = u64::from_str_radix(name, 16).ok().filter(|_| is_ours);
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(ours.unwrap_or_else(|| name.bytes().fold(0xcbf2_9ce4_8422_2325, fold)))
    }

    /// Sixteen hexadecimal digits.
    #[inline]
    pub fn name(self) -> RequestName {
        let mut digits = [0; WRITTEN];
        for (at, digit) in digits.iter_mut().enumerate() {
            let nibble = (self.0 >> (60 - 4 * at)) & 0xf;
            *digit = b"0123456789abcdef".get(nibble as usize).copied().unwrap_or(b'0');
        }
        RequestName(digits)
    }

    /// Whether a name that a proxy has given can be used: not too long, and of bytes that stand in logs, fields and
    /// documents as they are.
    pub fn is_usable(name: &[u8]) -> bool {
        (1..=limits::REQUEST_ID_BYTES_MAX).contains(&name.len())
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=@~#,;!|".contains(byte))
    }
}

/// A [`RequestId`], written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestName([u8; WRITTEN]);

impl RequestName {
    /// The digits.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_again_by_its_name() {
        for id in [0, 1, 0x00c0_ffee, u64::MAX] {
            assert_eq!(RequestId(id).name().as_str(), format!("{id:016x}"));
            assert_eq!(RequestId::of_name(RequestId(id).name().as_str()), RequestId(id));
        }
        let theirs = RequestId::of_name("7f3c9a52-0d1e-4f7a-9b7e-1d2c3b4a5f60");
        assert_eq!(theirs, RequestId::of_name("7f3c9a52-0d1e-4f7a-9b7e-1d2c3b4a5f60"));
        assert_ne!(theirs, RequestId::of_name("7f3c9a52-0d1e-4f7a-9b7e-1d2c3b4a5f61"));
        assert_ne!(
            RequestId::of_name("00000000000000FF"),
            RequestId(0xff),
            "ours are written in small letters"
        );
    }

    #[test]
    fn names_that_could_break_a_log_line_are_not_used() {
        for name in ["7f3c9a52-0d1e", "Root=1-67891233-abcdef", "a/b:c"] {
            assert!(RequestId::is_usable(name.as_bytes()), "{name}");
        }
        for name in ["", "a b", "a\"b", "a\\b", "<b>", "a\tb", "\u{e4}", &"x".repeat(129)] {
            assert!(!RequestId::is_usable(name.as_bytes()), "{name}");
        }
    }
}
