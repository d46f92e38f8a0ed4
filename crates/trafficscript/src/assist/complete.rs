//! What may be written at a place.

use super::FunctionDoc;
use super::cursor::Cursor;
use super::lookup::sub_signature;
use crate::ast::Ast;
use crate::builtin::Builtins;
use crate::parser::parse_without_lints;
use crate::token::{Keyword, TokenKind};
use source::{Source, Span};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompletionKind {
    /// A function of the table.
    Function,
    /// A sub of this rule or of one it imports.
    Sub,
    /// A variable of the scope.
    Variable,
    /// A word of the language.
    Keyword,
    /// What the host knows by name: a class, a pool.
    Name,
}

/// One offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What would be written.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// In one line: its signature; may be empty.
    pub detail: String,
    /// In Markdown; may be empty.
    pub doc: String,
    /// What it would be written in place of.
    pub replaces: Span,
}

/// Words that begin a statement or a value.
const KEYWORDS: [Keyword; 16] = [
    Keyword::If,
    Keyword::Else,
    Keyword::While,
    Keyword::Do,
    Keyword::For,
    Keyword::Foreach,
    Keyword::Switch,
    Keyword::Case,
    Keyword::Default,
    Keyword::Break,
    Keyword::Continue,
    Keyword::Return,
    Keyword::Sub,
    Keyword::Import,
    Keyword::True,
    Keyword::False,
];

/// What may be written at `at` (an offset in bytes). `names` gives what may stand in quotes as the first argument of a
/// function, `library` the text of a rule that can be imported.
pub fn complete<H>(
    table: &Builtins<H>,
    source: &Arc<Source>,
    at: u32,
    names: &dyn Fn(&str) -> Vec<String>,
    library: &dyn Fn(&str) -> Option<Arc<Source>>,
) -> Vec<Completion> {
    let cursor = Cursor::new(source, at);
    if cursor.is_in_comment() {
        return Vec::new();
    }
    if let Some(inside) = cursor.string() {
        return in_string(&cursor, inside, table, names);
    }
    let replaces = cursor.written();
    let written = cursor.text(replaces);
    if written.starts_with('$') {
        return variables(&cursor, replaces);
    }
    let (ast, _) = parse_without_lints(source);
    let mut found = subs(&ast, library, replaces);
    found.retain(|sub| begins(&sub.label, &written));
    found.extend(FunctionDoc::beginning_with(table, &written).into_iter().map(|function| Completion {
        label: function.name.to_owned(),
        kind: CompletionKind::Function,
        detail: function.signature_with_result(),
        doc: function.markdown(),
        replaces,
    }));
    let keywords = KEYWORDS.iter().map(|keyword| keyword.text()).filter(|keyword| begins(keyword, &written));
    found.extend(keywords.map(|keyword| plain(keyword, CompletionKind::Keyword, replaces)));
    found
}

fn begins(name: &str, written: &str) -> bool {
    name.get(..written.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(written))
}

fn plain(label: &str, kind: CompletionKind, replaces: Span) -> Completion {
    Completion { label: label.to_owned(), kind, detail: String::new(), doc: String::new(), replaces }
}

/// Names that the host knows, in the first argument of a function that takes one.
fn in_string<H>(
    cursor: &Cursor<'_>,
    inside: Span,
    table: &Builtins<H>,
    names: &dyn Fn(&str) -> Vec<String>,
) -> Vec<Completion> {
    let before = Cursor::new(cursor.source, inside.start.saturating_sub(1));
    let Some(call) = before.call().filter(|call| call.argument == 0) else { return Vec::new() };
    let Some((_, row)) = table.find(&cursor.text(call.name)) else { return Vec::new() };
    let offered = names(row.name);
    offered.iter().map(|name| plain(name, CompletionKind::Name, inside)).collect()
}

fn variables(cursor: &Cursor<'_>, replaces: Span) -> Vec<Completion> {
    let others = cursor
        .scope()
        .into_iter()
        .filter(|token| token.kind == TokenKind::Variable && token.span != replaces);
    let names: BTreeSet<String> = others.map(|token| cursor.text(token.span)).collect();
    names.iter().map(|name| plain(name, CompletionKind::Variable, replaces)).collect()
}

/// The subs that can be called, with their signatures.
fn subs(ast: &Ast, library: &dyn Fn(&str) -> Option<Arc<Source>>, replaces: Span) -> Vec<Completion> {
    let offer = |name: String, signature: String| Completion {
        detail: signature,
        ..plain(&name, CompletionKind::Sub, replaces)
    };
    let mut found: Vec<Completion> =
        ast.subs.iter().map(|sub| offer(sub.name.text.to_string(), sub_signature("", sub))).collect();
    for import in &ast.imports {
        let Some(text) = library(&import.rule.text) else { continue };
        let (imported, _) = parse_without_lints(&text);
        let prefix = format!("{}.", import.alias.text);
        found.extend(
            imported
                .subs
                .iter()
                .map(|sub| offer(format!("{prefix}{}", sub.name.text), sub_signature(&prefix, sub))),
        );
    }
    found
}
