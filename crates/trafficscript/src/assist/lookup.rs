//! What stands at a place: what a function does, where a sub is declared, which subs there are.

use super::FunctionDoc;
use super::cursor::Cursor;
use crate::ast::Sub;
use crate::builtin::{Builtins, Presence};
use crate::parser::parse_without_lints;
use crate::token::TokenKind;
use source::{Source, Span};
use std::sync::Arc;

/// What is said of the word at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// The word.
    pub span: Span,
    /// Markdown.
    pub text: String,
}

/// The function whose arguments are being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureHint {
    /// `name( first, [second] )`
    pub label: String,
    /// Each parameter as it stands in the label, and what it is.
    pub params: Vec<(String, String)>,
    /// Which of them is being written, from 0; may lie beyond the last.
    pub active: usize,
    /// One sentence; may be empty.
    pub doc: String,
}

/// Where a sub is declared.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The text, perhaps of another rule.
    pub source: Arc<Source>,
    /// Its name there.
    pub name: Span,
}

/// A sub of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// As written.
    pub name: String,
    /// `name( $a, $b )`
    pub signature: String,
    /// The whole declaration.
    pub span: Span,
    /// Its name.
    pub selection: Span,
}

/// What is said of the function or sub at a place.
pub fn hover<H>(
    table: &Builtins<H>,
    source: &Arc<Source>,
    at: u32,
    library: &dyn Fn(&str) -> Option<Arc<Source>>,
) -> Option<Hover> {
    let cursor = Cursor::new(source, at);
    let word = cursor.word().filter(|word| word.kind == TokenKind::Name)?;
    let (span, name) = (word.span, cursor.text(word.span));
    if let Some(function) = FunctionDoc::find(table, &name) {
        return Some(Hover { span, text: function.markdown() });
    }
    if let Some(why) = table.unsupported_reason(&name) {
        return Some(Hover { span, text: format!("`{name}` is not supported by tidegate: {why}.") });
    }
    let (_, sub, prefix) = find_sub(source, &name, library)?;
    Some(Hover { span, text: format!("```trafficscript\nsub {}\n```\n", sub_signature(&prefix, &sub)) })
}

/// The call whose arguments are being written at a place.
pub fn signature<H>(
    table: &Builtins<H>,
    source: &Arc<Source>,
    at: u32,
    library: &dyn Fn(&str) -> Option<Arc<Source>>,
) -> Option<SignatureHint> {
    let cursor = Cursor::new(source, at);
    let call = cursor.call().filter(|_| !cursor.is_in_comment())?;
    let name = cursor.text(call.name);
    if let Some(function) = FunctionDoc::find(table, &name) {
        let is_open = function.params.last().is_some_and(|param| param.presence == Presence::Repeated);
        let last = function.params.len().saturating_sub(1);
        let active = if is_open { call.argument.min(last) } else { call.argument };
        let param = |param: &crate::builtin::Param| {
            (param.name.to_owned(), format!("{} ({})", param.summary, param.kind.name()))
        };
        let params = function.params.iter().map(param).collect();
        return Some(SignatureHint {
            label: function.signature_with_result(),
            params,
            active,
            doc: function.summary.to_owned(),
        });
    }
    let (_, sub, prefix) = find_sub(source, &name, library)?;
    let params =
        sub.parameters.iter().map(|param| (format!("${}", param.name.text), String::new())).collect();
    Some(SignatureHint {
        label: sub_signature(&prefix, &sub),
        params,
        active: call.argument,
        doc: String::new(),
    })
}

/// Where the sub at a place is declared: in this text or in one it imports.
pub fn definition(
    source: &Arc<Source>,
    at: u32,
    library: &dyn Fn(&str) -> Option<Arc<Source>>,
) -> Option<Definition> {
    let cursor = Cursor::new(source, at);
    let word = cursor.word().filter(|word| word.kind == TokenKind::Name)?;
    let (source, sub, _) = find_sub(source, &cursor.text(word.span), library)?;
    Some(Definition { source, name: sub.name.span })
}

/// The subs of a text, in its order.
pub fn symbols(source: &Arc<Source>) -> Vec<Symbol> {
    let (ast, _) = parse_without_lints(source);
    let symbol = |sub: &Sub| Symbol {
        name: sub.name.text.to_string(),
        signature: sub_signature("", sub),
        // A sub with a mistake has no end yet.
        span: sub.span.to(sub.name.span),
        selection: sub.name.span,
    };
    ast.subs.iter().map(symbol).collect()
}

/// The sub of that name, the text it is in, and what stands before its own name where it is called.
fn find_sub(
    source: &Arc<Source>,
    name: &str,
    library: &dyn Fn(&str) -> Option<Arc<Source>>,
) -> Option<(Arc<Source>, Sub, String)> {
    let (ast, _) = parse_without_lints(source);
    let (imports, subs) = (ast.imports, ast.subs);
    if let Some(sub) = subs.into_iter().find(|sub| sub.name.text.eq_ignore_ascii_case(name)) {
        return Some((Arc::clone(source), sub, String::new()));
    }
    let (alias, inner) = name.split_once('.')?;
    let import = imports.iter().find(|import| import.alias.text.eq_ignore_ascii_case(alias))?;
    let text = library(&import.rule.text)?;
    let (imported, _) = parse_without_lints(&text);
    let sub = imported.subs.into_iter().find(|sub| sub.name.text.eq_ignore_ascii_case(inner))?;
    Some((text, sub, format!("{}.", import.alias.text)))
}

/// `prefix.name( $a, $b )`
pub(super) fn sub_signature(prefix: &str, sub: &Sub) -> String {
    let params: Vec<String> = sub.parameters.iter().map(|param| format!("${}", param.name.text)).collect();
    if params.is_empty() {
        format!("{prefix}{}()", sub.name.text)
    } else {
        format!("{prefix}{}( {} )", sub.name.text, params.join(", "))
    }
}
