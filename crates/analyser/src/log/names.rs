//! Texts as numbers: each distinct name once, with what was counted for it.

use super::seed::Seed;
use hashbrown::HashTable;

/// Longer names are cut: all that begin alike count as one.
pub(super) const NAME_BYTES_MAX: usize = 1024;

/// The number of the name that stands for all others, once a limit is reached.
pub(super) const OTHER: u32 = 0;

/// How many names, and how many bytes of them, a table may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamesMax {
    pub(super) names: usize,
    pub(super) bytes: usize,
}

/// Distinct names and their numbers. A name belongs to a group (a path to its domain), and is distinct in it.
#[derive(Debug)]
pub(super) struct Names {
    seed: Seed,
    max: NamesMax,
    numbers: HashTable<u32>,
    spots: Vec<Spot>,
    text: Vec<u8>,
    /// How often a name found no place.
    beyond: u64,
}

/// Where a name ends (it begins where the one before it does), and its group.
#[derive(Clone, Copy, Debug)]
struct Spot {
    end: u32,
    group: u16,
}

impl Names {
    /// A table that knows only [`OTHER`].
    pub(super) fn new(seed: Seed, max: NamesMax) -> Self {
        let text = b"(other)".to_vec();
        let spots = vec![Spot { end: 7, group: 0 }];
        Self { seed, max, numbers: HashTable::new(), spots, text, beyond: 0 }
    }

    /// The number of a name, a new one if need be; [`OTHER`] if the table is full.
    pub(super) fn number(&mut self, group: u16, name: &[u8]) -> u32 {
        let name = &name[..name.len().min(NAME_BYTES_MAX)];
        let hash = self.seed.of_name(group, name);
        if let Some(number) = self.find(hash, group, name) {
            return number;
        }
        if self.spots.len() >= self.max.names || self.text.len() + name.len() > self.max.bytes {
            self.beyond += 1;
            return OTHER;
        }
        self.insert(hash, group, name)
    }

    /// The number of a name, if it has one.
    pub(super) fn known(&self, group: u16, name: &[u8]) -> Option<u32> {
        let name = &name[..name.len().min(NAME_BYTES_MAX)];
        self.find(self.seed.of_name(group, name), group, name)
    }

    /// The name of a number.
    pub(super) fn name(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let start = at.checked_sub(1).and_then(|before| self.spots.get(before)).map_or(0, |spot| spot.end);
        self.spots.get(at).map_or(b"", |spot| &self.text[start as usize..spot.end as usize])
    }

    /// The name of a number, for showing: bytes that are no UTF-8 are replaced.
    pub(super) fn shown(&self, number: u32) -> String {
        String::from_utf8_lossy(self.name(number)).into_owned()
    }

    /// The group of a number.
    pub(super) fn group(&self, number: u32) -> u16 {
        self.spots.get(number as usize).map_or(0, |spot| spot.group)
    }

    /// How many numbers there are, [`OTHER`] among them.
    pub(super) fn len(&self) -> usize {
        self.spots.len()
    }

    /// How often a name found no place.
    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// To how many names it is limited.
    pub(super) fn limit(&self) -> usize {
        self.max.names
    }

    /// Takes the names of another table; gives for each of its numbers the one here.
    pub(super) fn take(&mut self, other: &Self, group: impl Fn(u16) -> u16) -> Vec<u32> {
        self.beyond += other.beyond;
        let mut numbers = vec![OTHER; other.len()];
        for (theirs, mine) in numbers.iter_mut().enumerate().skip(1) {
            let theirs = u32::try_from(theirs).unwrap_or(OTHER);
            *mine = self.number(group(other.group(theirs)), other.name(theirs));
        }
        numbers
    }

    fn find(&self, hash: u64, group: u16, name: &[u8]) -> Option<u32> {
        self.numbers.find(hash, |number| self.group(*number) == group && self.name(*number) == name).copied()
    }

    fn insert(&mut self, hash: u64, group: u16, name: &[u8]) -> u32 {
        let Ok(number) = u32::try_from(self.spots.len()) else { return OTHER };
        self.text.extend_from_slice(name);
        // `max.bytes` is far below 4 GiB
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.spots.push(Spot { end, group });
        let (spots, text, seed) = (&self.spots, &self.text, self.seed);
        self.numbers.insert_unique(hash, number, |number| {
            let at = *number as usize;
            let start = if at == 0 { 0 } else { spots[at - 1].end as usize };
            seed.of_name(spots[at].group, &text[start..spots[at].end as usize])
        });
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: NamesMax = NamesMax { names: 1000, bytes: 100_000 };

    #[test]
    fn at_the_limit_new_names_are_the_other_and_old_ones_stay() {
        let mut names = Names::new(Seed::new(1), NamesMax { names: 3, bytes: 1000 });
        let (a, b) = (names.number(0, b"a"), names.number(0, b"b"));
        assert_eq!(names.number(0, b"c"), OTHER);
        assert_eq!((names.number(0, b"a"), names.number(0, b"b")), (a, b));
        assert_eq!(names.beyond(), 1);
        assert_eq!(names.shown(OTHER), "(other)");
    }

    #[test]
    fn a_name_is_another_one_in_another_group() {
        let mut names = Names::new(Seed::new(1), MAX);
        assert_ne!(names.number(1, b"/"), names.number(2, b"/"));
    }

    proptest! {
        #[test]
        fn a_number_gives_its_name_back(seed in any::<u64>(), all in proptest::collection::vec("[a-c]{0,3}", 0..50)) {
            let mut names = Names::new(Seed::new(seed), MAX);
            let numbers: Vec<u32> = all.iter().map(|name| names.number(7, name.as_bytes())).collect();
            for (name, number) in all.iter().zip(numbers) {
                prop_assert_eq!(names.name(number), name.as_bytes());
                prop_assert_eq!(names.known(7, name.as_bytes()), Some(number));
            }
        }
    }
}
