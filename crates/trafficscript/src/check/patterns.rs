//! Literal regular expressions that make the search work for nothing.

use super::Signature;
use super::walk::Walk;
use crate::ast::{Expr, ExprKind};
use pattern::{Case, Pattern};
use source::{Diagnostic, DiagnosticId};

/// Groups inside one another, at most; a deeper pattern is not looked into.
const DEPTH_MAX: usize = 30;

/// Functions for which only the fact that something was found matters, and what its groups hold.
const SEARCHES: [&str; 2] = ["string.regexmatch", "array.filter"];

impl Walk<'_> {
    /// Warns of a literal pattern that has the search try the same thing in many ways.
    pub(super) fn doubt_pattern(&mut self, signature: &Signature, arguments: &[Expr]) {
        let Some((at, _)) = signature.pattern else { return };
        let Some(argument) = arguments.get(at) else { return };
        let ExprKind::String(text) = &argument.kind else { return };
        let is_search = SEARCHES.iter().any(|name| signature.name.eq_ignore_ascii_case(name));
        if let Some((message, help)) = doubt(text, is_search) {
            let warning = Diagnostic::warning(DiagnosticId("needless-backtracking"), message);
            self.report.push(warning.at(self.report.source, argument.span, "").help(help));
        }
    }
}

/// What is doubtful about a pattern, and what to write instead; the worst first.
fn doubt(pattern: &[u8], is_search: bool) -> Option<(&'static str, &'static str)> {
    let alternatives = Reader { pattern, at: 0, groups: 0 }.whole()?;
    let is_nested = any(&alternatives, &Item::is_pointless_repetition);
    let is_risky = any(&alternatives, &Item::is_ambiguous_repetition);
    if is_risky && Pattern::new(pattern, Case::Sensitive).is_ok_and(|pattern| pattern.backtracks()) {
        return Some((
            "a repetition of what may itself repeat: this pattern may be tried in a great many ways",
            "let each round begin or end with something that must be there, or do without look-around and `\\1`",
        ));
    }
    if is_nested {
        return Some((
            "a repetition of a repetition finds nothing more",
            "leave one of the two out: `a+`, not `(a+)+`",
        ));
    }
    let says_twice = |sequence: &[Item]| {
        sequence.windows(2).any(|pair| pair.iter().all(|item| item.is_any && item.is_endless))
    };
    if any_sequence(&alternatives, &says_twice) {
        return Some(("`.*` behind `.*` finds nothing more", "leave one of the two out"));
    }
    let [only] = alternatives.as_slice() else { return None };
    let first = only.first()?;
    let has_groups = any(&alternatives, &|item: &Item| item.captures);
    let is_needless = first.is_any && first.is_endless && first.is_optional && (first.is_lazy || !has_groups);
    (is_search && only.len() > 1 && is_needless).then_some((
        "a search need not begin with `.*`: the pattern is looked for everywhere",
        "leave it out",
    ))
}

/// One atom of a pattern with its quantifier.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about an atom")]
struct Item {
    /// `.`
    is_any: bool,
    /// It may repeat without an end.
    is_endless: bool,
    /// It may be left out.
    is_optional: bool,
    is_lazy: bool,
    captures: bool,
    /// What is in a group, by alternatives; empty for all else.
    inside: Vec<Vec<Item>>,
}

impl Item {
    /// `(a+)+`: all of an alternative is one endless item.
    fn is_pointless_repetition(&self) -> bool {
        self.is_endless
            && self.inside.iter().any(|alternative| matches!(alternative.as_slice(), [one] if one.is_endless))
    }

    /// `(a+b?)+`: nothing in an alternative must be there once, so that a text can be divided in many ways.
    fn is_ambiguous_repetition(&self) -> bool {
        let is_loose = |item: &Item| item.is_endless || item.is_optional;
        self.is_endless
            && self.inside.iter().any(|alternative| {
                alternative.iter().all(is_loose) && alternative.iter().any(|item| item.is_endless)
            })
    }
}

fn any(alternatives: &[Vec<Item>], wanted: &dyn Fn(&Item) -> bool) -> bool {
    alternatives.iter().flatten().any(|item| wanted(item) || any(&item.inside, wanted))
}

fn any_sequence(alternatives: &[Vec<Item>], wanted: &dyn Fn(&[Item]) -> bool) -> bool {
    alternatives
        .iter()
        .any(|sequence| wanted(sequence) || sequence.iter().any(|item| any_sequence(&item.inside, wanted)))
}

/// Reads the shape of a pattern; `None` for what it does not understand, of which nothing is said then.
struct Reader<'a> {
    pattern: &'a [u8],
    at: usize,
    groups: usize,
}

impl Reader<'_> {
    fn whole(mut self) -> Option<Vec<Vec<Item>>> {
        let alternatives = self.alternatives()?;
        (self.at == self.pattern.len()).then_some(alternatives)
    }

    fn peek(&self) -> Option<u8> {
        self.pattern.get(self.at).copied()
    }

    fn eat(&mut self, text: &[u8]) -> bool {
        let found = self.pattern.get(self.at..).is_some_and(|rest| rest.starts_with(text));
        if found {
            self.at += text.len();
        }
        found
    }

    fn alternatives(&mut self) -> Option<Vec<Vec<Item>>> {
        let mut all = vec![Vec::new()];
        while let Some(byte) = self.peek().filter(|byte| *byte != b')') {
            if byte == b'|' {
                self.at += 1;
                all.push(Vec::new());
                continue;
            }
            let item = self.item()?;
            all.last_mut()?.push(item);
        }
        Some(all)
    }

    fn item(&mut self) -> Option<Item> {
        let mut item = Item::default();
        match self.peek()? {
            b'(' => item = self.group()?,
            b'[' => self.class()?,
            b'\\' => {
                self.at += 1;
                // What else begins so has a length of its own, or changes what follows.
                if matches!(self.peek()?, b'Q' | b'E' | b'x' | b'k' | b'g' | b'p' | b'P' | b'c' | b'o' | b'N')
                {
                    return None;
                }
                self.at += 1;
            }
            b'*' | b'+' | b'?' => return None,
            byte => {
                item.is_any = byte == b'.';
                self.at += 1;
            }
        }
        self.quantifier(&mut item);
        Some(item)
    }

    fn quantifier(&mut self, item: &mut Item) {
        match self.peek() {
            Some(b'*') => (item.is_optional, item.is_endless) = (true, true),
            Some(b'+') => item.is_endless = true,
            Some(b'?') => item.is_optional = true,
            Some(b'{') => return self.counted(item),
            _ => return,
        }
        self.at += 1;
        self.mode(item);
    }

    /// `{2,}`; anything else that begins so is a literal `{` or has an end.
    fn counted(&mut self, item: &mut Item) {
        let rest = self.pattern.get(self.at + 1..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b'}') else { return };
        let inside = rest.get(..end).unwrap_or_default();
        let is_count = inside.first().is_some_and(u8::is_ascii_digit)
            && inside.iter().all(|byte| byte.is_ascii_digit() || *byte == b',');
        if is_count {
            item.is_endless = inside.ends_with(b",");
            item.is_optional = inside.starts_with(b"0");
            self.at += end + 2;
            self.mode(item);
        }
    }

    fn mode(&mut self, item: &mut Item) {
        if self.eat(b"?") {
            item.is_lazy = true;
        } else if self.eat(b"+") {
            // Possessive: what it took it never gives back.
            item.is_endless = false;
        }
    }

    fn group(&mut self) -> Option<Item> {
        self.at += 1;
        self.groups += 1;
        if self.groups > DEPTH_MAX {
            return None;
        }
        let plain = self.peek() != Some(b'?');
        let is_transparent = plain || self.eat(b"?:");
        if !is_transparent {
            let known = [b"?=".as_slice(), b"?!", b"?<=", b"?<!", b"?>"];
            known.iter().find(|opening| self.eat(opening))?;
        }
        let inside = self.alternatives()?;
        if !self.eat(b")") {
            return None;
        }
        let inside = if is_transparent { inside } else { Vec::new() };
        Some(Item { captures: plain, inside, ..Item::default() })
    }

    fn class(&mut self) -> Option<()> {
        self.at += 1;
        self.eat(b"^");
        // A bracket that comes first is itself.
        self.eat(b"]");
        loop {
            match self.peek()? {
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at += 2,
                b'[' if self.eat(b"[:") => {
                    while !self.eat(b":]") {
                        self.peek()?;
                        self.at += 1;
                    }
                }
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::doubt;

    fn is_doubted(pattern: &str) -> bool {
        doubt(pattern.as_bytes(), true).is_some()
    }

    #[test]
    fn what_repeats_for_nothing_is_doubted() {
        for pattern in [
            "(a+)+",
            "(?:a*)*$",
            "(.*)*",
            "x(y|z+)*",
            "a.*.*b",
            "^(.*.+)$",
            ".*foo",
            ".*?://(.*?)/",
            "(a{2,})+",
            r"^(?!x)(\w+\s?)+$",
            r"(\d+[a-z]?)+\1",
        ] {
            assert!(is_doubted(pattern), "{pattern}");
        }
    }

    #[test]
    fn patterns_that_people_write_are_not() {
        for pattern in [
            "",
            ".*",
            "^.*foo",
            "(.*)foo",
            ".*foo(.*)",
            ".*?",
            "(a+b)+",
            r"(\d+,)+",
            r"(\w+\s?)+",
            "([^,]+,?)*x",
            r"^192\.168\.",
            "[.*.*]",
            r"\.*.*",
            ".*|foo",
            "(a|b)*",
            "(ab?)+",
            "(?i).*a",
            "{.*}",
            "(?>a+)+(?=b)",
            r"^(?!x)(\w+,)+$",
            "[]+*]+",
            "(((",
            "a**",
            r"\",
            "[a-z",
            "a{2}{3}",
            "(.*?)(.*)",
        ] {
            assert!(!is_doubted(pattern), "{pattern}");
        }
        assert!(doubt(b".*?://(.*?)/.*", false).is_none(), "what is replaced is more than what is found");
    }
}
