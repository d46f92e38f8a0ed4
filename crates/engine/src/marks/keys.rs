//! The keys that marks are signed with: the current one signs, the previous one still verifies.
//!
//! Keys are made outside (the engine draws no randomness) and come in as values or as the text of a file:
//!
//! ```text
//! tidegate mark keys 1
//! valid-from 2026-11-22T20:00:00Z                                            (marks that were set before are void)
//! current 2026-11-22T20:00:00Z 43 characters of base64url
//! previous 2026-11-21T20:00:00Z 43 characters of base64url                   (not at first, nor after a revocation)
//! ```

use crate::time::WallTime;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use core::time::Duration;
use hmac::{Hmac, KeyInit};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a key: as many as the hash function gives.
pub const MARK_KEY_BYTES: usize = 32;

/// Bytes of the text of a key file, at most; four lines need 200.
pub const MARK_KEYS_TEXT_BYTES_MAX: usize = 4 << 10;

const FIRST_LINE: &str = "tidegate mark keys 1";

/// One key.
#[derive(Clone)]
pub(crate) struct MarkKey {
    /// Stands in each mark, so that the key is found again; tells nothing of it.
    pub(crate) id: [u8; 4],
    /// The signature's state behind the key, ready to be continued.
    pub(crate) mac: Hmac<Sha256>,
    made: WallTime,
    secret: Zeroizing<[u8; MARK_KEY_BYTES]>,
}

impl MarkKey {
    fn new(secret: Zeroizing<[u8; MARK_KEY_BYTES]>, made: WallTime) -> Self {
        let digest = Sha256::new().chain_update(b"tidegate mark key id").chain_update(*secret).finalize();
        let mut id = [0; 4];
        // Three bytes are four characters.
        let _fits = URL_SAFE_NO_PAD.encode_slice(digest.get(..3).unwrap_or_default(), &mut id);
        // A key of this length is taken by every HMAC; should one not be, a key of zeros would sign nothing honestly.
        let mac = Hmac::<Sha256>::new_from_slice(&*secret).unwrap_or_else(|_| Hmac::new(&[0; 64].into()));
        Self { id, mac, made, secret }
    }
}

/// The keys in force.
#[derive(Clone)]
pub struct MarkKeys {
    current: MarkKey,
    previous: Option<MarkKey>,
    valid_from: WallTime,
}

impl fmt::Debug for MarkKeys {
    /// Nothing of the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MarkKeys")
    }
}

/// A text of keys that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct BadMarkKeys {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    /// What is wrong there; never a part of the text.
    pub what: &'static str,
}

impl MarkKeys {
    /// One key, and none before it: marks that were set earlier, with whatever key, are void.
    pub fn new(secret: Zeroizing<[u8; MARK_KEY_BYTES]>, made: WallTime) -> Self {
        Self { current: MarkKey::new(secret, made), previous: None, valid_from: WallTime(i64::MIN) }
    }

    /// Keys for tests and replay, from the seed of the process: the same seed, the same keys.
    pub(crate) fn of_seed(seed: [u64; 2]) -> Self {
        let [first, second] = seed.map(u64::to_le_bytes);
        let digest = Sha256::new().chain_update(b"tidegate mark key of seed");
        let digest: [u8; MARK_KEY_BYTES] = digest.chain_update(first).chain_update(second).finalize().into();
        Self::new(Zeroizing::new(digest), WallTime(0))
    }

    /// A new key signs, what was current still verifies, what was previous is gone.
    #[must_use]
    pub fn rotated(&self, secret: Zeroizing<[u8; MARK_KEY_BYTES]>, now: WallTime) -> Self {
        Self {
            current: MarkKey::new(secret, now),
            previous: Some(self.current.clone()),
            valid_from: self.valid_from,
        }
    }

    /// A new key, and no other: every mark that was set before `now` is void, in cookies and in memory.
    #[must_use]
    pub fn revoked(secret: Zeroizing<[u8; MARK_KEY_BYTES]>, now: WallTime) -> Self {
        Self { valid_from: now, ..Self::new(secret, now) }
    }

    /// When the current key was made.
    pub fn made(&self) -> WallTime {
        self.current.made
    }

    /// When the current key has reached an age and is to be followed by another.
    pub fn due(&self, age: Duration) -> WallTime {
        let micros = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        WallTime(self.current.made.0.saturating_add(micros))
    }

    /// Marks that were set before this moment are void.
    pub fn valid_from(&self) -> WallTime {
        self.valid_from
    }

    /// The short names of the current key and of the previous one, as marks carry them; and when each was made.
    pub fn names(&self) -> Vec<(String, WallTime)> {
        let keys = [Some(&self.current), self.previous.as_ref()].into_iter().flatten();
        keys.map(|key| (String::from_utf8_lossy(&key.id).into_owned(), key.made)).collect()
    }

    pub(crate) fn current(&self) -> &MarkKey {
        &self.current
    }

    /// The key of a name, if it is still in force.
    pub(crate) fn find(&self, id: &[u8]) -> Option<&MarkKey> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().find(|key| key.id == id)
    }

    /// The text that [`Self::parse`] reads.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(400));
        text.push_str(FIRST_LINE);
        text.push('\n');
        if self.valid_from > WallTime(i64::MIN) {
            push_line(&mut text, "valid-from", self.valid_from, None);
        }
        push_line(&mut text, "current", self.current.made, Some(&self.current));
        if let Some(previous) = &self.previous {
            push_line(&mut text, "previous", previous.made, Some(previous));
        }
        text
    }

    /// The keys of a text.
    ///
    /// # Errors
    /// Anything but what [`Self::to_text`] writes.
    pub fn parse(text: &[u8]) -> Result<Self, BadMarkKeys> {
        let bad = |line, column, what| BadMarkKeys { line, column, what };
        if text.len() > MARK_KEYS_TEXT_BYTES_MAX {
            return Err(bad(1, 1, "this is too long for a file of keys"));
        }
        let text = std::str::from_utf8(text).map_err(|_| bad(1, 1, "this is no text of keys"))?;
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
        if lines.next().is_none_or(|(_, line)| line != FIRST_LINE) {
            return Err(bad(1, 1, "expected `tidegate mark keys 1`"));
        }
        let (mut current, mut previous, mut valid_from) = (None, None, None);
        for (number, line) in lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let (moment, secret) = rest.split_once(' ').map_or((rest, None), |(at, key)| (at, Some(key)));
            let column = word.len() + 2;
            let moment = moment_of(moment).ok_or(bad(
                number,
                column,
                "expected a time such as 2026-11-22T20:00:00Z",
            ))?;
            let key = || secret.and_then(secret_of).map(|secret| MarkKey::new(secret, moment));
            let place = (number, line.len() - secret.map_or(0, str::len) + 1);
            let no_key = bad(place.0, place.1, "expected a key: 43 characters of base64url");
            let again = bad(number, 1, "this stands here twice");
            match word {
                "valid-from" if secret.is_some() => {
                    return Err(bad(number, place.1, "expected the end of the line"));
                }
                "valid-from" if valid_from.is_none() => valid_from = Some(moment),
                "current" if current.is_none() => current = Some(key().ok_or(no_key)?),
                "previous" if previous.is_none() => previous = Some(key().ok_or(no_key)?),
                "valid-from" | "current" | "previous" => return Err(again),
                _ => return Err(bad(number, 1, "expected `current`, `previous` or `valid-from`")),
            }
        }
        let last = text.lines().count();
        let current = current.ok_or(bad(last, 1, "the line `current` is missing"))?;
        Ok(Self { current, previous, valid_from: valid_from.unwrap_or(WallTime(i64::MIN)) })
    }
}

fn push_line(text: &mut Zeroizing<String>, word: &str, moment: WallTime, key: Option<&MarkKey>) {
    let moment = jiff::Timestamp::from_microsecond(moment.0).unwrap_or_default();
    text.push_str(word);
    text.push(' ');
    text.push_str(&moment.to_string());
    if let Some(key) = key {
        text.push(' ');
        let written = Zeroizing::new(URL_SAFE_NO_PAD.encode(*key.secret));
        text.push_str(&written);
    }
    text.push('\n');
}

fn moment_of(text: &str) -> Option<WallTime> {
    text.parse::<jiff::Timestamp>().ok().map(|moment| WallTime(moment.as_microsecond()))
}

fn secret_of(text: &str) -> Option<Zeroizing<[u8; MARK_KEY_BYTES]>> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
    let mut secret = Zeroizing::new([0; MARK_KEY_BYTES]);
    if bytes.len() != MARK_KEY_BYTES {
        return None;
    }
    secret.copy_from_slice(&bytes);
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: Duration = Duration::from_hours(24);

    fn secret(byte: u8) -> Zeroizing<[u8; MARK_KEY_BYTES]> {
        Zeroizing::new([byte; MARK_KEY_BYTES])
    }

    #[test]
    fn keys_survive_being_written_and_read() {
        let first = MarkKeys::new(secret(1), WallTime(1_795_377_600_000_000));
        let second = first.rotated(secret(2), WallTime(1_795_464_000_123_456));
        for keys in [first, second.clone(), MarkKeys::revoked(secret(3), WallTime(7_000_000))] {
            let again = MarkKeys::parse(keys.to_text().as_bytes()).unwrap();
            assert_eq!(again.to_text(), keys.to_text());
            assert_eq!(again.names(), keys.names());
        }
        assert_eq!(second.due(DAY), WallTime(1_795_464_000_123_456 + 86_400_000_000));
        assert_eq!(format!("{second:?}"), "MarkKeys", "no log shows a key");
    }

    #[test]
    fn the_third_key_back_verifies_nothing_any_more() {
        let first = MarkKeys::new(secret(1), WallTime(0));
        let id = first.current().id;
        let second = first.rotated(secret(2), WallTime(1));
        assert!(second.find(&id).is_some());
        let third = second.rotated(secret(3), WallTime(2));
        assert!(third.find(&id).is_none() && third.find(&second.current().id).is_some());
    }

    #[test]
    fn a_text_that_is_no_text_of_keys_is_refused_with_its_place() {
        let good = MarkKeys::new(secret(1), WallTime(0)).to_text().to_string();
        let says = |text: &str| MarkKeys::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(says(""), "line 1, column 1: expected `tidegate mark keys 1`");
        assert_eq!(says("tidegate mark keys 1\n"), "line 1, column 1: the line `current` is missing");
        let twice = format!("{good}{}\n", good.lines().nth(1).unwrap());
        assert_eq!(says(&twice), "line 3, column 1: this stands here twice");
        assert_eq!(
            says(&good[..good.len() - 2]),
            "line 2, column 30: expected a key: 43 characters of base64url"
        );
        assert_eq!(
            says("tidegate mark keys 1\ncurrent yesterday x"),
            "line 2, column 9: expected a time such as 2026-11-22T20:00:00Z"
        );
        assert_eq!(
            says("tidegate mark keys 1\nolder 1970-01-01T00:00:00Z x"),
            "line 2, column 1: expected `current`, `previous` or `valid-from`"
        );
        assert!(MarkKeys::parse(&[0xff]).is_err());
        assert!(MarkKeys::parse(&[b'a'; MARK_KEYS_TEXT_BYTES_MAX + 1]).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _whatever = MarkKeys::parse(&text);
        }
    }
}
