//! Marks on their way in and out: what a client sends is opened before anybody reads it, what it gets is sealed after
//! everybody has written.

use super::edit::{attributes_of, keep_from_shared_caches};
use super::{Host, Note, ResponseEdit, cookie_name, cookie_value};
use crate::catalog::MarkMemoryBy;
use crate::decision::MarkState;
use crate::limits;
use crate::marks::{self, Asked, Given, MarkMemory, NoMark, Place, Recalled, Sameness, Terms, Who};
use crate::time::WallTime;
use message::{Fields, Known};
use source::{Source, Span};
use std::sync::Arc;
use trafficscript::ByteString;

/// What is known of a transaction's marks.
#[derive(Debug, Default)]
pub(crate) struct MarksSeen {
    /// By the mark's place in the virtual server's list.
    came: Vec<(usize, Came)>,
    /// Lines by which the node itself sets cookies of these names: they are signed, and nobody else is told of them.
    of_node: Vec<Vec<u8>>,
    /// What rules were told of, so that a rule in a loop writes one line of the record.
    told: Vec<(usize, MarkState)>,
    /// The answer's marks are sealed.
    is_sealed: bool,
}

/// What came of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Held,
    Not(NoMark),
    /// A rule has written it itself, or taken it away: the memory keeps silent.
    Edited,
}

impl From<NoMark> for MarkState {
    fn from(why: NoMark) -> Self {
        match why {
            NoMark::Forged => Self::Forged,
            NoMark::OldKey => Self::OldKey,
            NoMark::Expired => Self::Expired,
            NoMark::Revoked => Self::Revoked,
        }
    }
}

impl MarksSeen {
    fn came(&self, mark: usize) -> Option<Came> {
        self.came.iter().find(|(at, _)| *at == mark).map(|(_, came)| *came)
    }

    fn set(&mut self, mark: usize, came: Came) {
        self.came.retain(|(at, _)| *at != mark);
        self.came.push((mark, came));
    }
}

impl Host {
    /// Puts the values of good marks in their places in the `Cookie` field and takes bad ones out of it, before
    /// anybody reads it. Of several cookies of a name the first good one counts.
    pub(crate) fn open_marks(&mut self) {
        let fields = self.request.fields();
        if !fields.cookies().any(|(name, _)| self.signed_mark(name).is_some()) {
            return;
        }
        let (line, came) = self.opened_cookies(fields);
        let fields = self.request.fields_mut();
        fields.remove(b"Cookie");
        if !line.is_empty() {
            // It is made of pieces of fields.
            let _fits = fields.add(b"Cookie", &line);
        }
        for (_, came) in &came {
            self.count(*came);
        }
        self.marks_mut().came = came;
    }

    /// All cookies in one line, and what came of the marks among them.
    fn opened_cookies(&self, fields: &Fields) -> (Vec<u8>, Vec<(usize, Came)>) {
        let keys = self.shared.mark_keys();
        let terms = self.terms();
        let mut line = Vec::new();
        let mut put = |name: &[u8], value: &[u8]| {
            let blank: &[u8] = if line.is_empty() { b"" } else { b"; " };
            for part in [blank, name, b"=", value] {
                line.extend_from_slice(part);
            }
        };
        let (mut came, mut tries): (Vec<(usize, Came)>, usize) = (Vec::new(), 0);
        for (name, value) in fields.cookies() {
            let Some(mark) = self.signed_mark(name) else {
                put(name, value);
                continue;
            };
            let known = came.iter_mut().find(|(at, _)| *at == mark);
            let is_held = known.as_ref().is_some_and(|(_, came)| *came == Came::Held);
            if is_held || tries == limits::MARK_TRIES_MAX {
                continue;
            }
            tries += 1;
            let opened = marks::open(&keys, self.place_of_mark(name), value, terms, self.arrived.wall);
            let now = match &opened {
                Ok(value) => {
                    put(name, value);
                    Came::Held
                }
                Err(why) => Came::Not(*why),
            };
            match known {
                Some((_, came)) => *came = now,
                None => came.push((mark, now)),
            }
        }
        (line, came)
    }

    fn count(&self, came: Came) {
        let counters = self.shared.counters();
        match came {
            Came::Held => counters.marks_accepted.add_one(),
            Came::Not(NoMark::Forged) => counters.marks_forged.add_one(),
            Came::Not(NoMark::OldKey) => counters.marks_old_key.add_one(),
            Came::Not(NoMark::Expired) => counters.marks_expired.add_one(),
            Came::Not(NoMark::Revoked) => counters.marks_revoked.add_one(),
            Came::Edited => {}
        }
    }

    /// A rule asks for a cookie. If it is a mark, it is written down what is known of it; and if the client did not send
    /// it, the memory answers.
    pub(crate) fn ask_for_mark(&mut self, name: &[u8], place: (&Arc<Source>, Span)) -> Option<ByteString> {
        let mark = self.mark(name)?;
        let came = self.marks.as_ref().and_then(|seen| seen.came(mark));
        match came {
            Some(Came::Held) => {
                self.tell_of_mark(mark, MarkState::Held, place);
                return None;
            }
            Some(Came::Edited) => return None,
            Some(Came::Not(why)) => self.tell_of_mark(mark, why.into(), place),
            None => {}
        }
        if self.request.fields().cookie(name).is_some() {
            return None;
        }
        let recalled = self.recall(name);
        let counters = self.shared.counters();
        match recalled {
            Recalled::Nothing => None,
            Recalled::Shared => {
                counters.mark_memory_shared.add_one();
                self.tell_of_mark(mark, MarkState::Shared, place);
                None
            }
            Recalled::Mark(value) => {
                counters.mark_memory_hits.add_one();
                self.tell_of_mark(mark, MarkState::Remembered, place);
                Some(value)
            }
        }
    }

    /// Whether the client brought this mark, and it was good.
    pub(crate) fn holds_mark(&self, name: &[u8]) -> bool {
        let mark = self.mark(name);
        mark.is_some_and(|mark| self.marks.as_ref().and_then(|seen| seen.came(mark)) == Some(Came::Held))
    }

    /// The names of the virtual server's marks, for a rule that asks for all cookies.
    pub(crate) fn mark_names(&self) -> Vec<Arc<[u8]>> {
        self.virtual_server().marks.names.iter().map(|mark| Arc::clone(&mark.name)).collect()
    }

    /// A rule writes or removes a cookie of the request itself: nothing else is known of it any more.
    pub(crate) fn mark_edited(&mut self, name: &[u8]) {
        if let Some(mark) = self.mark(name) {
            self.marks_mut().set(mark, Came::Edited);
        }
    }

    /// A rule that observes would have set a cookie: the rules that observe are told of it from now on.
    pub(crate) fn remember_in_shadow(&mut self, edit: &ResponseEdit) {
        let pair: &[u8];
        let line = match edit {
            ResponseEdit::Cookie { pair, attributes, .. } => {
                &[&pair[..], attributes.as_deref().unwrap_or_default()].concat()[..]
            }
            ResponseEdit::Set(name, value) | ResponseEdit::Add(name, value)
                if name.eq_ignore_ascii_case(b"Set-Cookie") =>
            {
                pair = value;
                pair
            }
            _ => return,
        };
        if self.mark(cookie_name(line)).is_some()
            && let Some(value) = cookie_value(line)
        {
            self.remember(line, &line[value], true);
        }
    }

    /// The node has answered: which of these cookies it sets itself.
    pub(crate) fn note_marks_of_node(&mut self) {
        let ours = |line: &&[u8]| self.signed_mark(cookie_name(line)).is_some();
        let lines: Vec<Vec<u8>> =
            self.response.fields().all_known(Known::SetCookie).filter(ours).map(<[u8]>::to_vec).collect();
        if !lines.is_empty() || self.marks.is_some() {
            let seen = self.marks_mut();
            (seen.of_node, seen.is_sealed) = (lines, false);
        }
    }

    /// The answer was written anew: its marks are not sealed.
    pub(crate) fn unseal_marks(&mut self) {
        if let Some(seen) = &mut self.marks {
            (seen.is_sealed, seen.of_node) = (false, Vec::new());
        }
    }

    /// Signs the marks that the answer sets, and remembers them. Done once, when nobody writes to the head any more.
    pub(crate) fn seal_marks(&mut self) {
        let is_ours = |line: &[u8]| self.signed_mark(cookie_name(line)).is_some();
        let fields = self.response.fields();
        if self.marks.as_ref().is_some_and(|seen| seen.is_sealed)
            || !fields.all_known(Known::SetCookie).any(is_ours)
        {
            return;
        }
        let lines: Vec<Vec<u8>> =
            fields.all_known(Known::SetCookie).filter(|line| is_ours(line)).map(<[u8]>::to_vec).collect();
        let names: Vec<Arc<[u8]>> = self.mark_names();
        let is_mark = |value: &[u8]| names.iter().any(|name| **name == *cookie_name(value));
        self.response
            .fields_mut()
            .remove_where(|_, value, known| known == Known::SetCookie && is_mark(value));
        for line in lines {
            if let Some(sealed) = self.sealed_line(&line) {
                // It was a field's value, and nothing came to it that none can hold.
                let _fits = self.response.fields_mut().add(b"Set-Cookie", &sealed);
            }
        }
        let caching = self.virtual_server().cookie_caching;
        keep_from_shared_caches(&mut self.response, caching);
        self.marks_mut().is_sealed = true;
    }

    /// A `Set-Cookie` value with its mark signed; `None` if it would be too long.
    fn sealed_line(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let Some(at) = cookie_value(line) else { return Some(line.to_vec()) };
        let value = line.get(at.clone()).unwrap_or_default();
        let is_of_node =
            self.marks.as_ref().is_some_and(|seen| seen.of_node.iter().any(|known| known == line));
        if !is_of_node {
            self.remember(line, value, false);
        }
        if is_taken_back(line, value, self.now.wall) {
            return Some(line.to_vec());
        }
        let place = self.place_of_mark(cookie_name(line));
        let lasts = self.virtual_server().marks.lasts;
        let counters = self.shared.counters();
        let Some(sealed) = marks::seal(&self.shared.mark_keys(), place, value, lasts, self.now.wall) else {
            counters.marks_too_long.add_one();
            return None;
        };
        counters.marks_signed.add_one();
        let (before, after) = (line.get(..at.start)?, line.get(at.end..)?);
        Some([before, &sealed, after].concat())
    }

    /// The mark of a name, signed or not.
    fn mark(&self, name: &[u8]) -> Option<usize> {
        self.virtual_server().marks.names.iter().position(|mark| *mark.name == *name)
    }

    /// The mark of a name, if what clients bring must be signed.
    fn signed_mark(&self, name: &[u8]) -> Option<usize> {
        self.virtual_server().marks.names.iter().position(|mark| mark.is_signed && *mark.name == *name)
    }

    fn marks_mut(&mut self) -> &mut MarksSeen {
        self.marks.get_or_insert_default()
    }

    fn tell_of_mark(&mut self, mark: usize, state: MarkState, place: (&Arc<Source>, Span)) {
        let seen = self.marks_mut();
        if seen.told.contains(&(mark, state)) {
            return;
        }
        seen.told.push((mark, state));
        let name = self
            .virtual_server()
            .marks
            .names
            .get(mark)
            .map_or(ByteString::from(""), |mark| ByteString::from(&*mark.name));
        self.note(place, Note::Mark { name, state });
    }

    fn place_of_mark<'a>(&'a self, cookie: &'a [u8]) -> Place<'a> {
        Place { virtual_server: &self.virtual_server().name, cookie }
    }

    fn terms(&self) -> Terms {
        let marks = &self.virtual_server().marks;
        let keys = self.shared.mark_keys();
        Terms { lasts: marks.lasts, valid_from: marks.valid_from.max(keys.valid_from()) }
    }

    /// The memory, and how it tells clients apart.
    fn mark_memory(&self) -> Option<(Arc<MarkMemory>, Sameness)> {
        let marks = &self.virtual_server().marks;
        let same = match marks.memory_by {
            MarkMemoryBy::Off => return None,
            MarkMemoryBy::Address => Sameness::Address,
            MarkMemoryBy::AddressAndAgent => Sameness::AddressAndAgent,
        };
        marks.memory.clone().map(|memory| (memory, same))
    }

    fn who(&self, memory: &MarkMemory) -> Who {
        let agent = self.request.fields().known(Known::UserAgent).unwrap_or_default();
        memory.who(shaping::ClientNetwork::of(self.arrival.client), agent)
    }

    fn recall(&self, name: &[u8]) -> Recalled {
        let Some((memory, same)) = self.mark_memory() else { return Recalled::Nothing };
        let asked = Asked { same, terms: self.terms(), now: self.now.wall };
        memory.recall(self.who(&memory), name, asked, self.observes())
    }

    /// Remembers the mark of a `Set-Cookie` value, or forgets it where the line takes it back.
    fn remember(&self, line: &[u8], value: &[u8], observes: bool) {
        let Some((memory, same)) = self.mark_memory() else { return };
        let (who, name, set) = (self.who(&memory), cookie_name(line), self.now.wall);
        if is_taken_back(line, value, set) {
            memory.forget(who, name, same, observes);
            return;
        }
        let micros = i64::try_from(self.virtual_server().marks.lasts.as_micros()).unwrap_or(i64::MAX);
        let end = WallTime(set.0.saturating_add(micros));
        if memory.remember(who, Given { name, value, same, set, end }, observes).is_err() {
            self.shared.counters().mark_memory_refused.add_one();
        }
    }
}

/// Whether a `Set-Cookie` value takes the cookie back: it is empty, or over already.
fn is_taken_back(line: &[u8], value: &[u8], now: WallTime) -> bool {
    let mut max_age = None;
    let mut expires = None;
    for attribute in
        attributes_of(line).split(|byte| *byte == b';').filter_map(|text| std::str::from_utf8(text).ok())
    {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("max-age") {
            max_age = value.parse::<i64>().ok();
        } else if name.eq_ignore_ascii_case("expires") {
            expires = jiff::fmt::rfc2822::parse(value).ok().map(|date| date.timestamp().as_microsecond());
        }
    }
    // Max-Age is stronger (RFC 6265, 5.3).
    let is_over = max_age.map_or(expires.is_some_and(|expires| expires <= now.0), |seconds| seconds <= 0);
    value.is_empty() || is_over
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_taken_back_by_an_empty_value_or_a_time_that_is_over() {
        let now = WallTime(1_795_377_600_000_000);
        for line in [
            "a=; Path=/",
            "a=1; Max-Age=0",
            "a=1; max-age=-1; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
            "a=1; expires=Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            let value = &line.as_bytes()[cookie_value(line.as_bytes()).unwrap()];
            assert!(is_taken_back(line.as_bytes(), value, now), "{line}");
        }
        for line in ["a=1", "a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a=1; expires=soon"] {
            let value = &line.as_bytes()[cookie_value(line.as_bytes()).unwrap()];
            assert!(!is_taken_back(line.as_bytes(), value, now), "{line}");
        }
    }
}
