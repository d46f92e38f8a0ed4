//! Dice with a seed, and texts that a pattern matches (mostly: what it does not understand it passes over).

/// `SplitMix64`.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let mix = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, mix))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A text that the pattern matches.
pub(crate) fn matching(pattern: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut sampler = Sampler { pattern, at: 0, dice };
    let mut text = Vec::new();
    while sampler.at < pattern.len() {
        text.extend(sampler.alternatives());
        sampler.at += 1;
    }
    text
}

struct Sampler<'a> {
    pattern: &'a [u8],
    at: usize,
    dice: &'a mut Dice,
}

impl Sampler<'_> {
    fn peek(&self) -> Option<u8> {
        self.pattern.get(self.at).copied()
    }

    /// Up to the end of the group; one of them is taken.
    fn alternatives(&mut self) -> Vec<u8> {
        let mut all = vec![Vec::new()];
        while let Some(byte) = self.peek() {
            match byte {
                b')' => break,
                b'|' => {
                    self.at += 1;
                    all.push(Vec::new());
                }
                _ => {
                    let piece = self.piece();
                    all.last_mut().unwrap().extend(piece);
                }
            }
        }
        self.dice.one_of(&all).clone()
    }

    fn piece(&mut self) -> Vec<u8> {
        let start = self.at;
        let first = self.atom();
        let atom_end = self.at;
        let (least, most) = self.quantity();
        let times = least + self.dice.below(most - least + 1);
        if times == 0 {
            return Vec::new();
        }
        let behind = self.at;
        let mut text = first;
        for _ in 1..times {
            self.at = start;
            text.extend(self.atom());
            debug_assert_eq!(self.at, atom_end, "an atom is as long each time");
        }
        self.at = behind;
        text
    }

    fn atom(&mut self) -> Vec<u8> {
        let byte = self.pattern[self.at];
        self.at += 1;
        match byte {
            b'^' | b'$' => Vec::new(),
            b'.' => vec![*self.dice.one_of(b"abz019-_./")],
            b'[' => vec![self.class()],
            b'(' => self.group(),
            b'\\' => {
                let escape = self.peek().unwrap_or(b'\\');
                self.at += 1;
                match escape {
                    b'd' => vec![*self.dice.one_of(b"0123456789")],
                    b'w' => vec![*self.dice.one_of(b"abcXYZ09_")],
                    b's' => b" ".to_vec(),
                    b'S' | b'D' | b'W' => b"-".to_vec(),
                    b'b' | b'B' | b'A' | b'z' | b'Z' => Vec::new(),
                    other => vec![other],
                }
            }
            other => vec![other],
        }
    }

    fn group(&mut self) -> Vec<u8> {
        let mut looks = false;
        if self.peek() == Some(b'?') {
            let rest = &self.pattern[self.at..];
            looks = [&b"?="[..], b"?!", b"?<=", b"?<!"].iter().any(|kind| rest.starts_with(kind));
            while self.peek().is_some_and(|byte| !b":=!>)".contains(&byte)) {
                self.at += 1;
            }
            if self.peek() != Some(b')') {
                self.at += 1;
            }
        }
        let text = self.alternatives();
        self.at += 1;
        if looks { Vec::new() } else { text }
    }

    fn class(&mut self) -> u8 {
        let negated = self.peek() == Some(b'^');
        if negated {
            self.at += 1;
        }
        let start = self.at;
        let mut members = Vec::new();
        while let Some(byte) = self.peek() {
            if byte == b']' && self.at > start {
                break;
            }
            self.at += 1;
            if byte == b'\\' {
                match self.peek() {
                    Some(b'd') => members.extend(b"059"),
                    Some(b'w') => members.extend(b"aZ_3"),
                    Some(b's') => members.push(b' '),
                    Some(other) => members.push(other),
                    None => {}
                }
                self.at += 1;
            } else if byte == b'-' && !members.is_empty() && self.peek().is_some_and(|next| next != b']') {
                let last = self.peek().unwrap();
                let first = *members.last().unwrap();
                members.extend([first.midpoint(last), last]);
                self.at += 1;
            } else {
                members.push(byte);
            }
        }
        self.at += 1;
        if negated {
            *b"axq7-_".iter().find(|byte| !members.contains(byte)).unwrap_or(&b'~')
        } else {
            members.get(self.dice.below(members.len())).copied().unwrap_or(b'a')
        }
    }

    fn quantity(&mut self) -> (usize, usize) {
        let bounds = match self.peek() {
            Some(b'*') => (0, 3),
            Some(b'+') => (1, 3),
            Some(b'?') => (0, 1),
            Some(b'{') => return self.counted(),
            _ => return (1, 1),
        };
        self.at += 1;
        self.pass_manner();
        bounds
    }

    fn counted(&mut self) -> (usize, usize) {
        let rest = &self.pattern[self.at + 1..];
        let Some(end) = rest.iter().position(|byte| *byte == b'}') else {
            return (1, 1);
        };
        let text = String::from_utf8_lossy(&rest[..end]).into_owned();
        let (least, most) = text.split_once(',').unwrap_or((&text, &text));
        let Ok(least) = least.parse::<usize>() else { return (1, 1) };
        self.at += end + 2;
        self.pass_manner();
        (least, most.parse().unwrap_or(least + 2).max(least))
    }

    /// Lazy or possessive.
    fn pass_manner(&mut self) {
        if self.peek().is_some_and(|byte| byte == b'?' || byte == b'+') {
            self.at += 1;
        }
    }
}
