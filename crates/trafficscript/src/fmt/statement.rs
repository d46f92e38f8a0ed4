//! Statements, line by line.

use super::expression::{Around, brackets, expression, items};
use super::layout::{Doc, Writer};
use super::words::Words;
use crate::token::{Keyword, Mark, TokenKind};

/// The text of a whole rule.
pub(super) fn print(words: &Words<'_>) -> Vec<u8> {
    let mut printer = Printer { words, writer: Writer::new(words), at: 0 };
    printer.statements(false);
    printer.last_comments();
    printer.writer.finish()
}

struct Printer<'a> {
    words: &'a Words<'a>,
    writer: Writer<'a>,
    at: usize,
}

impl Printer<'_> {
    /// Statements up to a `}` or the end; in a switch also up to the next case.
    fn statements(&mut self, in_case: bool) {
        let mut is_first = true;
        loop {
            match self.words.kind(self.at) {
                TokenKind::End | TokenKind::Mark(Mark::CloseCurly) => return,
                TokenKind::Keyword(Keyword::Case | Keyword::Default) if in_case => return,
                _ => {}
            }
            self.lead(is_first);
            self.statement();
            is_first = false;
        }
    }

    /// A new line, and the comments before the next word.
    fn lead(&mut self, is_first: bool) {
        let Some(word) = self.words.get(self.at) else { return };
        let mut is_first = is_first;
        for comment in &word.before {
            self.line(comment.follows_blank_line && !is_first);
            self.writer.comment(self.words.comment_text(comment));
            is_first = false;
        }
        self.line(word.follows_blank_line && !is_first);
        self.writer.led(self.at);
    }

    fn line(&mut self, after_blank_line: bool) {
        self.writer.begin(after_blank_line);
    }

    /// The comments before a `}` or the end belong to what stands before.
    fn last_comments(&mut self) {
        let Some(word) = self.words.get(self.at) else { return };
        for (at, comment) in word.before.iter().enumerate() {
            let opens = at == 0 && at_opening(self.words, self.at);
            self.line(comment.follows_blank_line && !opens);
            self.writer.comment(self.words.comment_text(comment));
        }
        self.writer.led(self.at);
    }

    /// The next word.
    fn bare(&mut self) {
        self.writer.put(&Doc::Word(self.at));
        self.at += 1;
    }

    /// Writes what ends before `end`.
    fn put(&mut self, docs: Vec<Doc>, end: usize) {
        self.writer.put(&Doc::All(docs));
        self.at = end;
    }

    fn statement(&mut self) {
        let here = self.at;
        match *self.words.kind(here) {
            TokenKind::Mark(Mark::OpenCurly) => {
                self.bare();
                self.block();
            }
            TokenKind::Keyword(keyword) => match keyword {
                Keyword::If => self.if_statement(),
                Keyword::While | Keyword::For | Keyword::Foreach => {
                    let open = here + 1;
                    let header = self.header(here, open);
                    self.governed(header, open);
                }
                Keyword::Do => self.do_statement(),
                Keyword::Switch => self.switch_statement(),
                Keyword::Sub => {
                    let open = here + 2;
                    let header =
                        vec![Doc::Word(here), Doc::Blank, Doc::Word(here + 1), brackets(self.words, open)];
                    self.governed(header, open);
                }
                _ => self.simple(),
            },
            _ => self.simple(),
        }
    }

    /// `keyword( … )`
    fn header(&self, keyword: usize, open: usize) -> Vec<Doc> {
        let close = self.words.close_of(open);
        let inside = if self.words.is_keyword(keyword, Keyword::For) {
            items(self.words, open + 1, close, Mark::Semicolon)
        } else if self.words.is_keyword(keyword, Keyword::Foreach) {
            let list = expression(self.words, open + 3, close, Around::Brackets);
            vec![Doc::Word(open + 1), Doc::Blank, Doc::Word(open + 2), Doc::Blank, list]
        } else {
            return vec![Doc::Word(keyword), brackets(self.words, open)];
        };
        let inside = std::iter::once(Doc::Line).chain(inside).collect();
        let group = Doc::Group(vec![Doc::Word(open), Doc::Deeper(inside), Doc::Line, Doc::Word(close)]);
        vec![Doc::Word(keyword), group]
    }

    /// A header and what it governs: a block, or a statement.
    fn governed(&mut self, mut header: Vec<Doc>, open: usize) {
        let body = self.words.close_of(open) + 1;
        if self.words.is_mark(body, Mark::OpenCurly) {
            header.extend([Doc::Blank, Doc::Word(body)]);
            self.put(header, body + 1);
            return self.block();
        }
        self.put(header, body);
        self.single();
    }

    /// Up to the `}` and with it; the `{` is written.
    fn block(&mut self) {
        let is_empty = self.words.is_mark(self.at, Mark::CloseCurly)
            && self.words.get(self.at).is_some_and(|word| word.before.is_empty());
        if is_empty && !self.writer.is_closed() {
            return self.bare();
        }
        self.writer.level += 1;
        self.statements(false);
        self.last_comments();
        self.writer.level -= 1;
        self.line(false);
        self.bare();
    }

    /// A statement without braces, behind what governs it or below.
    fn single(&mut self) {
        let Some(word) = self.words.get(self.at) else { return };
        let is_simple = match self.words.kind(self.at) {
            TokenKind::Keyword(keyword) => {
                matches!(
                    keyword,
                    Keyword::Break | Keyword::Continue | Keyword::Return | Keyword::True | Keyword::False
                )
            }
            TokenKind::Mark(Mark::OpenCurly) => false,
            _ => true,
        };
        let stays = !word.begins_line
            && word.before.is_empty()
            && !self.writer.is_closed()
            && (!is_simple || self.writer.fits_flat(&Doc::All(vec![Doc::Blank, self.simple_doc().0])));
        if stays {
            self.writer.put(&Doc::Blank);
            return self.statement();
        }
        self.writer.level += 1;
        self.lead(true);
        self.statement();
        self.writer.level -= 1;
    }

    /// An expression, a `break;` and the like.
    fn simple(&mut self) {
        let (doc, end) = self.simple_doc();
        self.put(vec![doc], end);
    }

    fn simple_doc(&self) -> (Doc, usize) {
        let here = self.at;
        let semicolon = self.words.find(here, usize::MAX, Mark::Semicolon).unwrap_or(here);
        let mut docs = Vec::new();
        match self.words.kind(here) {
            TokenKind::Keyword(Keyword::Import) => {
                for at in here..semicolon {
                    docs.extend([Doc::Word(at), Doc::Blank]);
                }
                docs.pop();
            }
            TokenKind::Keyword(Keyword::Return) if semicolon > here + 1 => {
                let value = expression(self.words, here + 1, semicolon, Around::Nothing);
                docs.extend([Doc::Word(here), Doc::Blank, value]);
            }
            TokenKind::Keyword(Keyword::Break | Keyword::Continue | Keyword::Return) => {
                docs.push(Doc::Word(here));
            }
            _ => docs.push(expression(self.words, here, semicolon, Around::Nothing)),
        }
        docs.push(Doc::Word(semicolon));
        (Doc::All(docs), semicolon + 1)
    }

    fn if_statement(&mut self) {
        loop {
            // `if`, `elseif` or `elsif`, with what it governs.
            let (keyword, open) = (self.at, self.at + 1);
            let header = self.header(keyword, open);
            self.governed(header, open);
            let ends_block =
                self.at.checked_sub(1).is_some_and(|at| self.words.is_mark(at, Mark::CloseCurly));
            let next = self.at;
            let is_else = self.words.is_keyword(next, Keyword::Else);
            if !is_else && !self.words.is_else_if(next) {
                return;
            }
            let has_comments = self.words.get(next).is_some_and(|word| !word.before.is_empty());
            if ends_block && !has_comments && !self.writer.is_closed() {
                self.writer.put(&Doc::Blank);
            } else {
                self.lead(true);
            }
            if !is_else {
                continue;
            }
            self.bare();
            if self.words.is_keyword(self.at, Keyword::If) {
                self.writer.put(&Doc::Blank);
                continue;
            }
            if self.words.is_mark(self.at, Mark::OpenCurly) {
                self.put(vec![Doc::Blank, Doc::Word(self.at)], self.at + 1);
                return self.block();
            }
            return self.single();
        }
    }

    fn do_statement(&mut self) {
        self.bare();
        if self.words.is_mark(self.at, Mark::OpenCurly) {
            self.put(vec![Doc::Blank, Doc::Word(self.at)], self.at + 1);
            self.block();
            self.writer.put(&Doc::Blank);
        } else {
            self.single();
            self.lead(true);
        }
        let open = self.at + 1;
        let mut tail = self.header(self.at, open);
        let semicolon = self.words.close_of(open) + 1;
        tail.push(Doc::Word(semicolon));
        self.put(tail, semicolon + 1);
    }

    fn switch_statement(&mut self) {
        let open = self.at + 1;
        let mut header = self.header(self.at, open);
        let curly = self.words.close_of(open) + 1;
        header.extend([Doc::Blank, Doc::Word(curly)]);
        self.put(header, curly + 1);
        self.writer.level += 1;
        let mut is_first = true;
        while !self.words.is_mark(self.at, Mark::CloseCurly) && *self.words.kind(self.at) != TokenKind::End {
            self.lead(is_first);
            self.case();
            is_first = false;
        }
        self.last_comments();
        self.writer.level -= 1;
        self.line(false);
        self.bare();
    }

    /// `case 1, 2: …` or `default: …`
    fn case(&mut self) {
        let keyword = self.at;
        let colon = self.colon(keyword + 1);
        let mut header = vec![Doc::Word(keyword)];
        if colon > keyword + 1 {
            header.push(Doc::Blank);
            header.push(Doc::Deeper(vec![Doc::Fill(items(self.words, keyword + 1, colon, Mark::Comma))]));
        }
        header.push(Doc::Word(colon));
        self.put(header, colon + 1);
        if self.is_one_simple_statement() {
            return self.single();
        }
        self.writer.level += 1;
        self.statements(true);
        self.writer.level -= 1;
    }

    /// The colon that ends a case's values; those of `? :` are not it.
    fn colon(&self, mut at: usize) -> usize {
        let mut questions = 0_usize;
        loop {
            match self.words.kind(at) {
                TokenKind::End => return at,
                TokenKind::Mark(Mark::Question) => questions += 1,
                TokenKind::Mark(Mark::Colon) if questions == 0 => return at,
                TokenKind::Mark(Mark::Colon) => questions -= 1,
                _ => {}
            }
            at = self.words.close_of(at) + 1;
        }
    }

    /// Whether a case consists of one expression or `break;`, so that it may stand behind its colon.
    fn is_one_simple_statement(&self) -> bool {
        let ends = |at: usize| {
            matches!(
                self.words.kind(at),
                TokenKind::End
                    | TokenKind::Mark(Mark::CloseCurly)
                    | TokenKind::Keyword(Keyword::Case | Keyword::Default)
            )
        };
        let is_compound = matches!(
            self.words.kind(self.at),
            TokenKind::Mark(Mark::OpenCurly)
                | TokenKind::Keyword(
                    Keyword::If
                        | Keyword::While
                        | Keyword::Do
                        | Keyword::For
                        | Keyword::Foreach
                        | Keyword::Switch
                )
        );
        !ends(self.at)
            && !is_compound
            && self
                .words
                .find(self.at, usize::MAX, Mark::Semicolon)
                .is_some_and(|semicolon| ends(semicolon + 1))
    }
}

/// Whether the word behind an opening `{` stands here, so that no empty line comes before it.
fn at_opening(words: &Words<'_>, at: usize) -> bool {
    at.checked_sub(1).is_none_or(|before| words.is_mark(before, Mark::OpenCurly))
}
