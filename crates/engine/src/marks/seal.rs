//! What a mark looks like in a cookie, and whether one is ours.
//!
//! ```text
//! v1.Kb3x.1795381200.3600.3q2-7wAAAAAAAAAAAAAAAA.news.example
//!  │   │       │       │            │                 └ the value; ~XX for what a cookie cannot hold, and for ~
//!  │   │       │       │            └ HMAC-SHA-256, its first 128 bits, in base64url
//!  │   │       │       └ for how many seconds it was given
//!  │   │       └ the second in which it ends, since 1970
//!  │   └ which key
//!  └ this form
//! ```
//!
//! The signature covers the virtual server's name, the cookie's name, both times and the value as it stands there; it is
//! verified before anything of the value is looked at.

use super::keys::MarkKeys;
use crate::limits;
use crate::time::WallTime;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use core::time::Duration;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Bytes of a signature: 128 bits of HMAC-SHA-256 (RFC 2104, section 5, allows half of the hash).
pub(crate) const SIGNATURE_BYTES: usize = 16;

const FORM: &[u8] = b"v1";
/// What else is signed with the same key must begin differently.
const PURPOSE: &[u8] = b"tidegate mark 1";

/// What a mark belongs to: nowhere else it means anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) virtual_server: &'a str,
    pub(crate) cookie: &'a [u8],
}

/// For how long marks hold, as the catalog says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) lasts: Duration,
    /// Those set before are void.
    pub(crate) valid_from: WallTime,
}

impl Terms {
    /// When a mark that was set at one moment, to last until another, ends under these terms; `None`: it is void.
    pub(crate) fn end(self, set: WallTime, end: WallTime) -> Option<WallTime> {
        let micros = i64::try_from(self.lasts.as_micros()).unwrap_or(i64::MAX);
        (set >= self.valid_from).then(|| end.min(WallTime(set.0.saturating_add(micros))))
    }
}

/// Why a cookie is no mark of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoMark {
    /// Not signed, or not by us, or for another place, or altered.
    Forged,
    /// Its key is gone: too old, or of another machine.
    OldKey,
    /// Its time is over.
    Expired,
    /// It was set before marks became valid.
    Revoked,
}

/// The cookie's value that stands for `value`; `None` if it would be longer than a cookie can be.
pub(crate) fn seal(
    keys: &MarkKeys,
    place: Place<'_>,
    value: &[u8],
    lasts: Duration,
    now: WallTime,
) -> Option<Vec<u8>> {
    let key = keys.current();
    let seconds = lasts.as_secs().max(1);
    // Both moments are whole seconds, rounded down: what was set before a moment never seems to be set after it.
    let end = seconds_of(now).saturating_add(seconds);
    let times = format!("{end}.{seconds}.");
    let mut written = Vec::with_capacity(value.len());
    escape(value, &mut written);
    if written.len() > limits::COOKIE_VALUE_BYTES_MAX {
        return None;
    }
    let tag = signing(key.mac.clone(), place, times.as_bytes(), &written).finalize().into_bytes();
    let signature = URL_SAFE_NO_PAD.encode(tag.get(..SIGNATURE_BYTES)?);
    let parts: [&[u8]; 8] =
        [FORM, b".", &key.id, b".", times.as_bytes(), signature.as_bytes(), b".", &written];
    Some(parts.concat())
}

/// The value that a cookie stands for.
///
/// # Errors
/// Why it is none of ours, or not any more.
pub(crate) fn open(
    keys: &MarkKeys,
    place: Place<'_>,
    sealed: &[u8],
    terms: Terms,
    now: WallTime,
) -> Result<Vec<u8>, NoMark> {
    let mut parts = sealed.splitn(6, |byte| *byte == b'.');
    let mut part = || parts.next().ok_or(NoMark::Forged);
    let (form, id, end, lasts, signature, written) = (part()?, part()?, part()?, part()?, part()?, part()?);
    if form != FORM || written.len() > limits::COOKIE_VALUE_BYTES_MAX {
        return Err(NoMark::Forged);
    }
    let (end_seconds, lasted) = (number(end).ok_or(NoMark::Forged)?, number(lasts).ok_or(NoMark::Forged)?);
    let mut tag = [0; SIGNATURE_BYTES];
    if URL_SAFE_NO_PAD.decode_slice(signature, &mut tag) != Ok(SIGNATURE_BYTES) {
        return Err(NoMark::Forged);
    }
    let key = keys.find(id).ok_or(NoMark::OldKey)?;
    let times = [end, b".", lasts, b"."].concat();
    // In constant time, as the crate promises.
    let verified = signing(key.mac.clone(), place, &times, written).verify_truncated_left(&tag);
    verified.map_err(|_| NoMark::Forged)?;
    let wall = |seconds: u64| WallTime(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000));
    let set = wall(end_seconds.saturating_sub(lasted));
    let end = terms.end(set, wall(end_seconds)).ok_or(NoMark::Revoked)?;
    if now >= end {
        return Err(NoMark::Expired);
    }
    unescape(written).ok_or(NoMark::Forged)
}

fn signing(mut mac: Hmac<Sha256>, place: Place<'_>, times: &[u8], written: &[u8]) -> Hmac<Sha256> {
    mac.update(PURPOSE);
    // Lengths stand before what they measure, so that no two places read the same.
    for part in [place.virtual_server.as_bytes(), place.cookie] {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.update(times);
    mac.update(written);
    mac
}

fn seconds_of(wall: WallTime) -> u64 {
    u64::try_from(wall.0 / 1_000_000).unwrap_or(0)
}

/// Up to twelve digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    let is_number = (1..=12).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

/// What may stand in a cookie's value (RFC 6265, 4.1.1, `cookie-octet`) and is not the escape itself.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\' | b'~')
}

fn escape(value: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value {
        if is_plain(*byte) {
            out.push(*byte);
        } else {
            out.extend([b'~', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

fn unescape(written: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut value = Vec::with_capacity(written.len());
    let mut bytes = written.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == b'~' {
            let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
            value.push(high << 4 | low);
        } else {
            value.push(byte);
        }
    }
    Some(value)
}

/// Reads a cookie as a mark of one fixed place with keys of the seed, and says its value: for the fuzzer.
#[doc(hidden)]
pub fn open_any(sealed: &[u8]) -> Option<Vec<u8>> {
    let keys = MarkKeys::of_seed([0, 0]);
    let place = Place { virtual_server: "fuzz", cookie: b"mark" };
    let terms = Terms { lasts: Duration::from_mins(1), valid_from: WallTime(0) };
    let now = WallTime(1_000_000);
    if let Some(value) = seal(&keys, place, sealed, terms.lasts, now) {
        let opened = open(&keys, place, &value, terms, now);
        assert_eq!(opened.as_deref(), Ok(sealed), "what was sealed is opened as it was");
    }
    open(&keys, place, sealed, terms, now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_hours(1);
    const NOON: WallTime = WallTime(1_795_377_600_500_000);
    const PLACE: Place<'static> = Place { virtual_server: "site", cookie: b"slashdot" };
    const TERMS: Terms = Terms { lasts: HOUR, valid_from: WallTime(i64::MIN) };

    fn keys() -> MarkKeys {
        MarkKeys::of_seed([1, 2])
    }

    fn at(seconds: i64) -> WallTime {
        WallTime(NOON.0 + seconds * 1_000_000)
    }

    fn sealed(value: &[u8]) -> Vec<u8> {
        seal(&keys(), PLACE, value, HOUR, NOON).unwrap()
    }

    #[test]
    fn a_mark_can_be_read_by_people_and_says_when_it_ends() {
        let text = String::from_utf8(sealed(b"news.example")).unwrap();
        let parts: Vec<&str> = text.splitn(6, '.').collect();
        assert_eq!((parts[0], parts[2], parts[3], parts[5]), ("v1", "1795381200", "3600", "news.example"));
        assert_eq!(parts[4].len(), 22, "128 bits");
    }

    #[test]
    fn a_mark_holds_for_its_time_and_not_a_moment_longer() {
        let mark = sealed(b"1");
        let opens = |now| open(&keys(), PLACE, &mark, TERMS, now);
        assert_eq!(opens(NOON).unwrap(), b"1");
        assert_eq!(opens(at(3599)).unwrap(), b"1");
        assert_eq!(opens(at(3601)), Err(NoMark::Expired));
        assert_eq!(opens(at(-3600)).unwrap(), b"1", "a clock that was put back frees nobody");
    }

    #[test]
    fn a_shorter_time_and_a_later_beginning_act_on_marks_that_are_out() {
        let mark = sealed(b"1");
        let short = Terms { lasts: Duration::from_mins(1), ..TERMS };
        assert_eq!(open(&keys(), PLACE, &mark, short, at(30)).unwrap(), b"1");
        assert_eq!(open(&keys(), PLACE, &mark, short, at(62)), Err(NoMark::Expired));
        let long = Terms { lasts: HOUR * 2, ..TERMS };
        assert_eq!(open(&keys(), PLACE, &mark, long, at(3602)), Err(NoMark::Expired), "nobody was told more");
        let later = Terms { valid_from: at(5), ..TERMS };
        assert_eq!(open(&keys(), PLACE, &mark, later, at(10)), Err(NoMark::Revoked));
    }

    #[test]
    fn a_mark_of_another_place_or_key_is_none() {
        let mark = sealed(b"1");
        let other_server = Place { virtual_server: "other", ..PLACE };
        let other_name = Place { cookie: b"AbusiveReferer", ..PLACE };
        let shifted = Place { virtual_server: "sites", cookie: b"lashdot" };
        for place in [other_server, other_name, shifted] {
            assert_eq!(open(&keys(), place, &mark, TERMS, NOON), Err(NoMark::Forged));
        }
        assert_eq!(open(&MarkKeys::of_seed([9, 9]), PLACE, &mark, TERMS, NOON), Err(NoMark::OldKey));
        assert_eq!(open(&keys(), PLACE, b"1", TERMS, NOON), Err(NoMark::Forged), "a bare value");
    }

    #[test]
    fn a_rotated_key_still_verifies_and_then_no_more() {
        let mark = sealed(b"1");
        let secret = |byte| zeroize::Zeroizing::new([byte; 32]);
        let once = keys().rotated(secret(1), NOON);
        assert_eq!(open(&once, PLACE, &mark, TERMS, NOON).unwrap(), b"1");
        let twice = once.rotated(secret(2), NOON);
        assert_eq!(open(&twice, PLACE, &mark, TERMS, NOON), Err(NoMark::OldKey));
    }

    #[test]
    fn a_value_that_no_cookie_holds_is_not_sealed() {
        let most = limits::COOKIE_VALUE_BYTES_MAX;
        let seal = |value: &[u8]| seal(&keys(), PLACE, value, HOUR, NOON);
        assert!(seal(&vec![b'x'; most]).is_some());
        assert!(seal(&vec![b'x'; most + 1]).is_none());
        assert!(seal(&vec![b' '; most / 2]).is_none(), "what is written counts");
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened_byte_for_byte(
            value in proptest::collection::vec(any::<u8>(), 0..600),
            server in "[a-z.]{0,20}", cookie in "[A-Za-z]{1,20}", seconds in 0_i64..3600,
        ) {
            let place = Place { virtual_server: &server, cookie: cookie.as_bytes() };
            let mark = seal(&keys(), place, &value, HOUR, NOON).unwrap();
            let is_octet = |byte: &u8| byte.is_ascii_graphic() && !b"\",;\\".contains(byte);
            prop_assert!(mark.iter().all(is_octet), "a cookie can hold it");
            prop_assert_eq!(open(&keys(), place, &mark, TERMS, at(seconds)), Ok(value));
        }

        #[test]
        fn whatever_is_altered_is_no_mark_any_more(
            value in proptest::collection::vec(any::<u8>(), 0..40), at in any::<proptest::sample::Index>(), to in any::<u8>(),
        ) {
            let mut mark = sealed(&value);
            let at = at.index(mark.len());
            prop_assume!(mark[at] != to);
            mark[at] = to;
            prop_assert!(open(&keys(), PLACE, &mark, TERMS, NOON).is_err());
        }

        #[test]
        fn what_is_cut_is_no_mark_any_more(
            value in proptest::collection::vec(any::<u8>(), 0..40), at in any::<proptest::sample::Index>(),
        ) {
            let mark = sealed(&value);
            prop_assert!(open(&keys(), PLACE, &mark[..at.index(mark.len())], TERMS, NOON).is_err());
        }

        #[test]
        fn no_bytes_are_a_mark_by_chance(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(open(&keys(), PLACE, &bytes, TERMS, NOON).is_err());
            let dressed = [&b"v1.AAAA.1795381200.3600.AAAAAAAAAAAAAAAAAAAAAA."[..], &bytes].concat();
            prop_assert!(open(&keys(), PLACE, &dressed, TERMS, NOON).is_err());
        }
    }
}
