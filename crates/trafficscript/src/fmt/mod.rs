//! The canonical layout of a rule: the same words and comments, other blanks between them.
//!
//! ```text
//! text ─ lexer ─▶ words with the comments that belong to them ─ statements ─▶ layout (what may break) ─▶ text
//! ```
//!
//! Three blanks for each level, blanks inside brackets (`f( $a, $b )`), `{` at the end of its line, lines of at most
//! [`WIDTH`] characters where a break is possible. Kept as written: the words, byte for byte, comments, single blank
//! lines between statements, and whether a body without braces stands behind its condition or below it.

mod expression;
mod layout;
mod statement;
#[cfg(test)]
mod tests;
mod words;

use crate::lexer::lex;
use crate::parser::{RULE_BYTES_MAX, parse_without_lints};
use crate::token::{Token, TokenKind};
use source::{Diagnostic, Severity, Source, Span};
use std::sync::Arc;

/// Characters of a line that layout aims at; a word that is longer stands alone.
pub const WIDTH: usize = 100;

/// Why a text is left alone.
#[derive(Debug)]
pub enum FormatError {
    /// It is no rule; these are the errors.
    Mistakes(Vec<Diagnostic>),
    /// Laid out it would have more bytes than a rule may have.
    TooLong,
    /// What came out had other words. It is a defect of the layout, and the text is better left as it is.
    OtherWords,
}

/// The rule in canonical layout. Laying out what came out gives the same text again.
///
/// ```
/// use source::Source;
/// use std::sync::Arc;
///
/// let rule = Arc::new(Source::new("a.rts", "if ($a==1) {break;}  # done\n"));
/// assert_eq!(trafficscript::fmt::format(&rule).unwrap(), b"if( $a == 1 ) {\n   break;\n} # done\n");
/// ```
///
/// # Errors
/// Where the text is no rule: its errors.
pub fn format(source: &Arc<Source>) -> Result<Vec<u8>, FormatError> {
    let (_, diagnostics) = parse_without_lints(source);
    let errors: Vec<Diagnostic> =
        diagnostics.into_iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect();
    if !errors.is_empty() {
        return Err(FormatError::Mistakes(errors));
    }
    let mut out = statement::print(&words::Words::of(source));
    // A break that was made by hand may decide another; what is laid out once more is what stays.
    for _ in 0..PASSES_MAX {
        if out.len() > RULE_BYTES_MAX {
            return Err(FormatError::TooLong);
        }
        let again = Arc::new(Source::new(source.name(), out.as_slice()));
        if !same_words(source, &again) {
            return Err(FormatError::OtherWords);
        }
        let next = statement::print(&words::Words::of(&again));
        if next == out {
            break;
        }
        out = next;
    }
    Ok(out)
}

/// How often a text is laid out until it stays as it is; twice does for nearly all.
const PASSES_MAX: usize = 4;

/// Whether two texts have the same words and comments, in the same order.
fn same_words(left: &Arc<Source>, right: &Arc<Source>) -> bool {
    let (left_lexed, right_lexed) = (lex(left), lex(right));
    let spelled = |source: &Arc<Source>, token: &Token| match token.kind {
        TokenKind::End => Vec::new(),
        _ => source.slice(token.span).to_vec(),
    };
    let comment = |source: &Arc<Source>, span: &Span| source.slice(*span).trim_ascii_end().to_vec();
    left_lexed.tokens.len() == right_lexed.tokens.len()
        && left_lexed.comments.len() == right_lexed.comments.len()
        && left_lexed
            .tokens
            .iter()
            .zip(&right_lexed.tokens)
            .all(|(one, other)| one.kind == other.kind && spelled(left, one) == spelled(right, other))
        && left_lexed
            .comments
            .iter()
            .zip(&right_lexed.comments)
            .all(|(one, other)| comment(left, one) == comment(right, other))
}
