//! `RewriteMap`: values that are looked up.

use crate::directive::{MapKind, MapSource};
use crate::escape::{escape_path, unescape_loosely};
use std::collections::HashMap;

/// A map that rules know by name, with its text, if it has one.
#[derive(Clone, Debug)]
pub struct NamedMap {
    /// As rules write it: `${name:key}`.
    pub name: Vec<u8>,
    /// What kind of map, and the file it came from.
    pub source: MapSource,
    /// The text of that file; empty for `int:` maps.
    pub text: Vec<u8>,
}

/// A map, ready to be asked.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) name: Vec<u8>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Text(HashMap<Vec<u8>, Vec<u8>>),
    Random(HashMap<Vec<u8>, Vec<u8>>),
    ToUpper,
    ToLower,
    Escape,
    Unescape,
}

impl Map {
    pub(crate) fn new(map: NamedMap) -> Self {
        let values = match map.source {
            MapSource::File(MapKind::Text, _) => Values::Text(lines(&map.text)),
            MapSource::File(MapKind::Random, _) => Values::Random(lines(&map.text)),
            MapSource::ToUpper => Values::ToUpper,
            MapSource::ToLower => Values::ToLower,
            MapSource::Escape => Values::Escape,
            MapSource::Unescape => Values::Unescape,
        };
        Self { name: map.name, values }
    }

    /// The value of a key; `draw` gives a number below the one it is given.
    pub(crate) fn get(&self, key: &[u8], draw: impl FnOnce(u32) -> u32) -> Option<Vec<u8>> {
        match &self.values {
            Values::Text(values) => values.get(key).cloned(),
            Values::Random(values) => {
                let value = values.get(key)?;
                let count = value.split(|byte| *byte == b'|').count();
                let drawn = if count > 1 { draw(u32::try_from(count).unwrap_or(u32::MAX)) } else { 0 };
                let part = value.split(|byte| *byte == b'|').nth(usize::try_from(drawn).unwrap_or_default());
                part.filter(|part| !part.is_empty()).map(<[u8]>::to_vec)
            }
            Values::ToUpper => Some(key.to_ascii_uppercase()),
            Values::ToLower => Some(key.to_ascii_lowercase()),
            Values::Escape => Some(escape_path(key)),
            Values::Unescape => Some(unescape_loosely(key)),
        }
    }
}

/// Lines of a key, blanks and a value; the first line of a key counts. Lines that begin with `#` or a blank do not.
fn lines(text: &[u8]) -> HashMap<Vec<u8>, Vec<u8>> {
    let mut values = HashMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        if line.first().is_none_or(|byte| *byte == b'#' || byte.is_ascii_whitespace()) {
            continue;
        }
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        if let (Some(key), Some(value)) = (words.next(), words.next()) {
            values.entry(key.to_vec()).or_insert_with(|| value.to_vec());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(source: MapSource, text: &str) -> Map {
        Map::new(NamedMap { name: b"m".to_vec(), source, text: text.as_bytes().to_vec() })
    }

    #[test]
    fn a_text_gives_the_first_word_behind_its_key() {
        let map =
            map(MapSource::File(MapKind::Text, Vec::new()), "# a x\na  1 # one\na 2\n b 3\nc\r\nd 4\r\n");
        let get = |key: &[u8]| map.get(key, |_| 0);
        assert_eq!(get(b"a"), Some(b"1".to_vec()));
        assert_eq!(get(b"b"), None);
        assert_eq!(get(b"c"), None);
        assert_eq!(get(b"d"), Some(b"4".to_vec()));
    }

    #[test]
    fn a_random_map_draws_among_its_parts() {
        let map = map(MapSource::File(MapKind::Random, Vec::new()), "a x|y|z\nb w\n");
        assert_eq!(map.get(b"a", |bound| bound - 1), Some(b"z".to_vec()));
        assert_eq!(map.get(b"b", |_| 7), Some(b"w".to_vec()));
    }
}
