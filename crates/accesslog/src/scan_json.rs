//! The values of a JSON object, one after the other, without building anything.
#![warn(clippy::indexing_slicing)]

use crate::line::BadLine;

/// Objects within objects that are looked into; deeper ones are passed over.
const DEPTH_MAX: usize = 6;

/// A value that is no object: the inside of a string, or a number, `true`, `false`, `null`.
#[derive(Clone, Copy)]
pub(crate) struct Scalar<'a> {
    pub(crate) raw: &'a [u8],
    /// Where it stands in the line.
    pub(crate) at: usize,
    is_string: bool,
}

impl Scalar<'_> {
    pub(crate) fn is_null(&self) -> bool {
        !self.is_string && self.raw == b"null"
    }
}

/// Reads an object of a line.
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

/// Takes the name of the object around it (nothing for the outermost), its own name, and the value.
type Visit<'a, 'v> = dyn FnMut(&[u8], &[u8], Scalar<'a>) + 'v;

impl<'a> Scanner<'a> {
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Visits all values of the object that the line is.
    pub(crate) fn object(&mut self, visit: &mut Visit<'a, '_>) -> Result<(), BadLine> {
        self.members(b"", 0, visit)?;
        self.blanks();
        if self.at < self.text.len() { Err(self.bad("the line goes on after its object")) } else { Ok(()) }
    }

    fn members(&mut self, parent: &[u8], depth: usize, visit: &mut Visit<'a, '_>) -> Result<(), BadLine> {
        self.expect(b'{', "there is no object here")?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.blanks();
            let name = self.string()?;
            self.expect(b':', "after a name stands no colon")?;
            self.blanks();
            match self.peek() {
                Some(b'{') if depth < DEPTH_MAX => self.members(name.raw, depth + 1, visit)?,
                Some(b'{') => self.pass_over()?,
                Some(b'[') => self.first_of_list(parent, name.raw, visit)?,
                Some(b'"') => visit(parent, name.raw, self.string()?),
                _ => visit(parent, name.raw, self.bare()?),
            }
            if self.take(b'}') {
                return Ok(());
            }
            self.expect(b',', "after a value stands neither comma nor brace")?;
        }
    }

    /// Of a list its first value, if that is a text.
    fn first_of_list(
        &mut self,
        parent: &[u8],
        name: &[u8],
        visit: &mut Visit<'a, '_>,
    ) -> Result<(), BadLine> {
        let start = self.at;
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b'"') {
            visit(parent, name, self.string()?);
        }
        self.at = start;
        self.pass_over()
    }

    /// Goes to the end of the list or object that begins here.
    fn pass_over(&mut self) -> Result<(), BadLine> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth = depth.saturating_sub(1),
                Some(_) => {}
                None => return Err(self.bad(CUT_SHORT)),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn string(&mut self) -> Result<Scalar<'a>, BadLine> {
        self.expect(b'"', "there is no text in quotes here")?;
        let at = self.at;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'"', b'\\', rest) else { return Err(self.bad(CUT_SHORT)) };
            let is_end = rest.get(found) == Some(&b'"');
            // The line may end with the backslash.
            self.at = (self.at + found + if is_end { 1 } else { 2 }).min(self.text.len());
            if is_end {
                let raw = self.text.get(at..self.at - 1).unwrap_or_default();
                return Ok(Scalar { raw, at, is_string: true });
            }
        }
    }

    fn bare(&mut self) -> Result<Scalar<'a>, BadLine> {
        let at = self.at;
        let rest = self.text.get(at..).unwrap_or_default();
        let end =
            rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'"' | b':'));
        let Some(length) = end else { return Err(self.bad(CUT_SHORT)) };
        self.at += length;
        if length == 0 {
            return Err(self.bad("there is no value here"));
        }
        Ok(Scalar { raw: rest.get(..length).unwrap_or_default(), at, is_string: false })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.blanks();
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, byte: u8, why: &'static str) -> Result<(), BadLine> {
        if self.take(byte) {
            return Ok(());
        }
        Err(self.bad(if self.at >= self.text.len() { CUT_SHORT } else { why }))
    }

    const fn bad(&self, why: &'static str) -> BadLine {
        BadLine { at: self.at, why }
    }
}

const CUT_SHORT: &str = "the line ends within its object";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_ends_in_a_backslash_is_cut_short_at_its_end() {
        for text in [&b"{\"a\\"[..], b"{\"a\":\"b\\\\\\", b"{\"a\":[\"\\"] {
            let bad = Scanner::new(text).object(&mut |_, _, _| {}).unwrap_err();
            assert_eq!((bad.at, bad.why), (text.len(), CUT_SHORT), "{text:?}");
        }
    }
}
