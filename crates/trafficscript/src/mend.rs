//! Rules that lost their line breaks on the way (copied from a web page, most often): everything behind the first
//! `#` of a line became comment. Here such comments are found, and the line breaks put back.
#![warn(clippy::indexing_slicing)]

use crate::ast::Ast;
use crate::lexer::lex;
use crate::parser::parse_without_lints;
use crate::token::{Keyword, Mark, Token, TokenKind};
use source::{Diagnostic, DiagnosticId, Severity, Source, Span};
use std::ops::Range;
use std::sync::Arc;

/// How many bytes are read, all attempts together, in search of the places where comments end. A pasted rule of
/// 20 KiB needs about half a megabyte; beyond the limit the rest of the text is left as it is.
const SEARCH_BYTES_MAX: usize = 2 << 20;

/// The rule with a line break before each comment and behind it, if line breaks were lost; `None` if nothing is to
/// be mended, or if what would come out is no rule.
///
/// Only line breaks are added (and blanks beside them removed): the code keeps every token, in order.
///
/// ```
/// let pasted = b"# Mark the crowd. $crowd = 1; # Slow it down. if ( $crowd ) { break; }";
/// let mended = trafficscript::mend::newlines(pasted).unwrap();
/// assert_eq!(mended, b"# Mark the crowd.\n$crowd = 1;\n# Slow it down.\nif ( $crowd ) { break; }");
/// assert!(trafficscript::mend::newlines(&mended).is_none());
/// ```
pub fn newlines(text: &[u8]) -> Option<Vec<u8>> {
    let source = Arc::new(Source::new("rule", text));
    let (ast, _) = parse_without_lints(&source);
    let survey = Survey::of(&ast);
    mended(&ast, &survey)
}

/// A warning for each comment that holds code behind its words.
pub(crate) fn swallowed_code(ast: &Ast) -> Vec<Diagnostic> {
    let survey = Survey::of(ast);
    if survey.comments.is_empty() {
        return Vec::new();
    }
    let help = if mended(ast, &survey).is_some() {
        "the line breaks of this rule were lost; `tidegate check --fix newlines` puts them back"
    } else {
        "if it is to run, it must begin a line of its own"
    };
    let warn = |swallowed: &Swallowed| {
        let code = swallowed.pieces.iter().find(|piece| piece.is_code);
        let span = code.map_or(swallowed.comment, |piece| piece.span(swallowed.comment));
        let message = "a comment goes to the end of its line, and this one swallows code";
        Diagnostic::warning(DiagnosticId("comment-swallows-code"), message)
            .at(&ast.source, span, "this never runs")
            .at(
                &ast.source,
                Span::new(swallowed.comment.start, swallowed.comment.start + 1),
                "the comment begins here",
            )
            .help(help)
    };
    survey.comments.iter().map(warn).collect()
}

/// The comments of a text that swallow code.
struct Survey {
    comments: Vec<Swallowed>,
}

/// One comment, cut into what is comment and what was code.
struct Swallowed {
    comment: Span,
    pieces: Vec<Piece>,
}

/// A part of a comment, by offsets from the comment's `#`.
struct Piece {
    range: Range<usize>,
    is_code: bool,
}

impl Piece {
    fn span(&self, comment: Span) -> Span {
        let at = |offset: usize| comment.start + u32::try_from(offset).unwrap_or(0);
        Span::new(at(self.range.start), at(self.range.end))
    }
}

impl Survey {
    fn of(ast: &Ast) -> Self {
        let mut search = Search { budget: SEARCH_BYTES_MAX, code_before: Vec::new() };
        let mut comments = Vec::new();
        let mut at = 0;
        for comment in &ast.comments {
            search.code_before.extend_from_slice(ast.source.slice(Span::new(at, comment.start)));
            search.code_before.push(b'\n');
            at = comment.end;
            let text = ast.source.slice(*comment);
            if candidates(text, 1..text.len()).next().is_none() {
                continue;
            }
            let pieces = search.split(text);
            if pieces.iter().any(|piece| piece.is_code) {
                comments.push(Swallowed { comment: *comment, pieces });
            }
        }
        Self { comments }
    }

    /// Whether line breaks were lost, rather than some words written about code: nothing at all is left outside of
    /// the comments, or all stands in one line, or words and code take turns within one comment.
    fn is_convincing(&self, ast: &Ast) -> bool {
        let nothing_left = ast.body.is_empty() && ast.subs.is_empty();
        let filled = |line: &&[u8]| !line.trim_ascii().is_empty();
        let one_line = ast.source.bytes().split(|byte| *byte == b'\n').filter(filled).count() == 1;
        let take_turns =
            |swallowed: &Swallowed| swallowed.pieces.iter().filter(|piece| piece.is_code).count() >= 2;
        !self.comments.is_empty() && (nothing_left || one_line || self.comments.iter().any(take_turns))
    }
}

fn mended(ast: &Ast, survey: &Survey) -> Option<Vec<u8>> {
    if !survey.is_convincing(ast) {
        return None;
    }
    let text = |start, end| ast.source.slice(Span::new(start, end));
    let mut out = Vec::with_capacity(ast.source.bytes().len() + 64);
    let mut at = 0;
    for swallowed in &survey.comments {
        out.extend_from_slice(text(at, swallowed.comment.start));
        at = swallowed.comment.end;
        end_line(&mut out);
        for piece in &swallowed.pieces {
            let span = piece.span(swallowed.comment);
            out.extend_from_slice(text(span.start, span.end).trim_ascii());
            out.push(b'\n');
        }
        out.pop();
    }
    let rest = text(at, u32::MAX);
    out.extend_from_slice(rest);
    is_rule(out.clone()).then_some(out)
}

/// Ends the line that has begun, if there is more than blanks in it.
fn end_line(out: &mut Vec<u8>) {
    let line = out.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if !out.get(line..).unwrap_or_default().trim_ascii().is_empty() {
        out.truncate(out.trim_ascii_end().len());
        out.push(b'\n');
    }
}

/// The search for code within comments.
struct Search {
    /// Bytes that may still be read.
    budget: usize,
    /// The code in front of the comment: where it leaves a block open, code in the comment may close it. Cut to the
    /// statement that may go on.
    code_before: Vec<u8>,
}

impl Search {
    /// A comment as pieces that together are all of it.
    fn split(&mut self, comment: &[u8]) -> Vec<Piece> {
        self.forget_finished();
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < comment.len() {
            let next_hash = next_hash(comment, at + 1);
            let Some(code) = self.find_code(comment, at + 1..next_hash) else {
                pieces.push(Piece { range: at..next_hash, is_code: false });
                at = next_hash;
                continue;
            };
            let end = code.end;
            let words = comment.get(at + 1..code.start).unwrap_or_default();
            if words.trim_ascii().is_empty() {
                // A whole statement right behind the `#` was put there by its author, to be out of the way.
                pieces.push(Piece { range: at..end, is_code: false });
            } else {
                self.code_before.extend_from_slice(comment.get(code.clone()).unwrap_or_default());
                self.code_before.push(b'\n');
                self.forget_finished();
                pieces.push(Piece { range: at..code.start, is_code: false });
                pieces.push(Piece { range: code, is_code: true });
            }
            at = end;
        }
        pieces
    }

    /// The first place in `within` from where all is code, up to the next comment.
    fn find_code(&mut self, comment: &[u8], within: Range<usize>) -> Option<Range<usize>> {
        let body = within.start;
        if self.budget == 0 {
            return None;
        }
        for start in candidates(comment, within) {
            let words = comment.get(body..start).unwrap_or_default().trim_ascii_end();
            // Behind these a statement is going on: what looks like a beginning is its middle.
            if words.last().is_some_and(|byte| b";{}(,=&|".contains(byte)) {
                continue;
            }
            let end = code_end(comment, start);
            if !self.spend(end - start) {
                return None;
            }
            let code = comment.get(start..end).unwrap_or_default().trim_ascii_end();
            if code.last().is_some_and(|byte| b";{}".contains(byte)) && self.goes_on_with(code) {
                return Some(start..end);
            }
        }
        None
    }

    /// Whether the code so far with this behind it can be (the beginning of) a rule.
    fn goes_on_with(&mut self, code: &[u8]) -> bool {
        let mut whole = self.code_before.clone();
        whole.extend_from_slice(code);
        if !self.spend(2 * whole.len()) {
            return false;
        }
        let source = Arc::new(Source::new("rule", whole.clone()));
        let Some(open) = open_blocks(&lex(&source).tokens) else { return false };
        whole.extend(std::iter::repeat_n(b'}', open));
        is_rule(whole)
    }

    fn spend(&mut self, bytes: usize) -> bool {
        let left = self.budget.checked_sub(bytes);
        self.budget = left.unwrap_or(0);
        left.is_some()
    }

    /// Forgets statements that nothing can be added to any more.
    fn forget_finished(&mut self) {
        if !self.spend(self.code_before.len()) {
            return;
        }
        let source = Arc::new(Source::new("rule", std::mem::take(&mut self.code_before)));
        let tokens = lex(&source).tokens;
        let mut depth = 0_usize;
        let mut keep_from = 0;
        for pair in tokens.windows(2) {
            let [token, next] = pair else { continue };
            match token.kind {
                TokenKind::Mark(Mark::OpenCurly) => depth += 1,
                TokenKind::Mark(Mark::CloseCurly) => depth = depth.saturating_sub(1),
                _ => {}
            }
            let finished = match token.kind {
                TokenKind::Mark(Mark::Semicolon) => true,
                TokenKind::Mark(Mark::CloseCurly) => !may_continue_block(&next.kind),
                _ => false,
            };
            if depth == 0 && finished {
                keep_from = next.span.start;
            }
        }
        self.code_before = source.slice(Span::new(keep_from, u32::MAX)).to_vec();
    }
}

/// Whether a statement that ended in `}` may go on with this; behind the last token nobody knows yet.
fn may_continue_block(kind: &TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::End
            | TokenKind::Keyword(Keyword::Else | Keyword::ElseIf | Keyword::ElsIf | Keyword::While)
    )
}

/// How many blocks are open at the end; `None` if one is closed that was never opened.
fn open_blocks(tokens: &[Token]) -> Option<usize> {
    tokens.iter().try_fold(0_usize, |open, token| match token.kind {
        TokenKind::Mark(Mark::OpenCurly) => Some(open + 1),
        TokenKind::Mark(Mark::CloseCurly) => open.checked_sub(1),
        _ => Some(open),
    })
}

fn is_rule(text: Vec<u8>) -> bool {
    let (_, diagnostics) = parse_without_lints(&Arc::new(Source::new("rule", text)));
    diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error)
}

/// Where a statement may begin, in order: at a `}`, a variable, a keyword, or a name that is called.
fn candidates(text: &[u8], within: Range<usize>) -> impl Iterator<Item = usize> {
    within.filter(move |at| is_code_start(text, *at))
}

fn is_code_start(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before)).copied();
    let is_apart =
        before.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'#' | b':' | b'\xa0'));
    let rest = text.get(at..).unwrap_or_default();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    match rest {
        [b'}' | b'{', ..] => is_apart,
        [b'$', next, ..] => {
            (is_apart || before == Some(b'.')) && (next.is_ascii_alphanumeric() || *next == b'_')
        }
        [first, ..] if is_apart && (first.is_ascii_alphabetic() || *first == b'_') => {
            let length = rest.iter().take_while(|byte| is_name(byte)).count();
            let (name, behind) = rest.split_at_checked(length).unwrap_or_default();
            let is_keyword = Keyword::ALL
                .iter()
                .any(|keyword| keyword.begins_or_continues() && name == keyword.text().as_bytes());
            is_keyword || behind.trim_ascii_start().starts_with(b"(")
        }
        _ => false,
    }
}

impl Keyword {
    fn begins_or_continues(self) -> bool {
        self.begins_statement() || matches!(self, Self::Else | Self::ElseIf | Self::ElsIf)
    }
}

/// The next `#` that may begin a comment: behind a blank, or behind code.
fn next_hash(text: &[u8], from: usize) -> usize {
    let begins = |at: &usize| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        text.get(*at) == Some(&b'#')
            && before.is_some_and(|byte| byte.is_ascii_whitespace() || b";{}.".contains(byte))
    };
    (from..text.len()).find(begins).unwrap_or(text.len())
}

/// Where code that begins at `start` meets a `#` outside of strings.
fn code_end(text: &[u8], start: usize) -> usize {
    let mut quote = None;
    let mut is_escaped = false;
    for (ahead, byte) in text.get(start..).unwrap_or_default().iter().enumerate() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            // In single quotes only `\'` matters here, and it is read the same way.
            Some(_) if *byte == b'\\' => is_escaped = true,
            Some(open) if *byte == open => quote = None,
            None if matches!(byte, b'"' | b'\'') => quote = Some(*byte),
            None if *byte == b'#' => return start + ahead,
            Some(_) | None => {}
        }
    }
    text.len()
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fixture(name: &str) -> Option<Vec<u8>> {
        let path = format!("{}/../../../shared/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).ok();
        if bytes.is_none() {
            println!("skipped: there is no {path}");
        }
        bytes
    }

    fn tokens(text: &[u8]) -> Vec<TokenKind> {
        let source = Arc::new(Source::new("r", text));
        // The kinds of names do not hold their text, so that goes in as a string.
        let with_text = |token: Token| match token.kind {
            TokenKind::Name | TokenKind::Variable => TokenKind::String(source.slice(token.span).into()),
            kind => kind,
        };
        lex(&source).tokens.into_iter().map(with_text).collect()
    }

    fn mend(text: &str) -> Option<String> {
        newlines(text.as_bytes()).map(|text| String::from_utf8(text).unwrap())
    }

    fn warnings(text: &[u8]) -> Vec<Diagnostic> {
        swallowed_code(&parse_without_lints(&Arc::new(Source::new("r", text))).0)
    }

    /// A rule as a web page gives it back: every run of blanks one blank.
    fn flatten(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_rule_of_the_article_comes_back_as_it_was_meant() {
        let (Some(article), Some(meant)) =
            (fixture("002_710aa3480dbe3d4d.txt"), fixture("abusive-referer.rts"))
        else {
            return;
        };
        let lines: Vec<&[u8]> = article.split(|byte| *byte == b'\n').collect();
        let first = lines.iter().position(|line| line.starts_with(b"# Referer whitelist.")).unwrap();
        let pasted = lines[first..first + 2].join(&b'\n');
        let found = warnings(&pasted);
        assert_eq!(found.len(), 2);
        assert!(
            found.iter().all(|warning| warning
                .help
                .as_ref()
                .unwrap()
                .contains("tidegate check --fix newlines"))
        );
        let mended = newlines(&pasted).unwrap();
        assert_eq!(tokens(&mended), tokens(&meant));
        let comments = |text: &[u8]| parse_without_lints(&Arc::new(Source::new("r", text))).0.comments.len();
        assert_eq!(comments(&mended), comments(&meant));
        assert!(newlines(&mended).is_none() && warnings(&mended).is_empty());
        assert!(newlines(&meant).is_none() && warnings(&meant).is_empty());
        let in_one_line = flatten(std::str::from_utf8(&meant).unwrap());
        assert_eq!(tokens(&newlines(in_one_line.as_bytes()).unwrap()), tokens(&meant));
    }

    #[test]
    fn rules_flattened_to_one_line_come_back() {
        for rule in [
            "# Block bad robots.\n$agent = http.getHeader( \"User-Agent\" );\nif( string.contains( $agent, \"Evil\" ) ) {\n \
             # Log first, then drop.\n log.info( \"evil: \" . $agent );\n connection.discard();\n}\n",
            "$path = http.getPath();\n# Send old pages on\nif( string.startsWith( $path, \"/old#\" ) ) {\n \
             http.redirect( '/new#top' );\n} else {\n # It isn't old.\n # Count it!\n counter.increment( 1 );\n}\n",
            "# What the sub does\nsub twice( $n ) {\n # Doubles, that's all\n return 2 * $n;\n}\n# Use it\n\
             foreach( $i in [ 1, 2 ] ) log.info( twice( $i ) );\n",
            "# One\n# Two, with a $variable in it\n$a = 1; $b = 2;\n# Three: call f(x) later\n$c = $a . $b;\n",
        ] {
            let flat = flatten(rule);
            let mended = mend(&flat).unwrap_or_else(|| panic!("not mended: {flat}"));
            assert_eq!(tokens(mended.as_bytes()), tokens(rule.as_bytes()), "{mended}");
        }
    }

    #[test]
    fn a_normal_rule_is_left_alone() {
        for rule in [
            "",
            "# nothing but a comment",
            "$a = 1; # a comment behind code\n$b = 2; # another\n",
            "$a = 1;\n# $b = 2;\n# log.info( \"a\" ); log.info( \"b\" );\n#if( $a ) { f(); g(); }\n$c = 3;\n",
            "# use rate.use() here; see docs\nrate.use( \"c\" );\n",
            "# if ( you ) must; then do\n$a = \"# no comment $x = 1;\";\n",
            "# for example: $a = 1;\n$a = 2;\n$b = 3;\n",
            "# was: if( $a ) { f(); }\n$a = 2;\nif( $a ) g();\n",
        ] {
            assert_eq!(mend(rule), None, "{rule}");
        }
        assert!(warnings(b"# use rate.use() here; see docs\n$a = 1;").is_empty());
    }

    #[test]
    fn code_behind_words_is_warned_of_even_where_nothing_is_mended() {
        let found = warnings(b"# for example: $a = 1;\n$a = 2;\n$b = 3;\n");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place().map(|place| (place.line, place.column)), Some((1, 16)));
        assert!(!found[0].help.as_ref().unwrap().contains("--fix"));
    }

    #[test]
    fn what_would_not_be_a_rule_is_not_mended() {
        assert_eq!(mend("# Begin. if( $a ) { f(); # never closed. g();"), None);
        assert_eq!(mend("$a = ; # Begin. $b = 1; # Go on. $c = 2;"), None);
    }

    #[test]
    fn a_huge_comment_full_of_code_ends_the_search_and_not_the_patience() {
        let text = format!("# x {}", "$a = f( 1 ); then ".repeat(40_000));
        assert_eq!(mend(&text), None);
        let text = "{ # do if( $a ) {; ".repeat(30_000);
        assert_eq!(mend(&text), None);
    }

    proptest! {
        #[test]
        fn mending_only_ever_adds_line_breaks(words in prop::collection::vec(prop::sample::select(vec![
            "#", "# Words.", "# It isn't", "$a = 1;", "if( $a ) {", "}", "f( \"#\" );", "\n", "else {", "break;", "a",
        ]), 0..20)) {
            let text = words.join(" ");
            if let Some(mended) = mend(&text) {
                let squeeze = |text: &str| text.split_whitespace().collect::<String>();
                prop_assert_eq!(squeeze(&mended), squeeze(&text));
                prop_assert!(is_rule(mended.into_bytes()));
            }
        }
    }
}
