//! What the server answers: the findings of `trafficscript::assist` and of the check, in the protocol's own shapes.

use super::documents::{Document, Documents, uri_of};
use engine::builtins::builtins;
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, Diagnostic as Shown,
    DiagnosticRelatedInformation, DiagnosticSeverity, DocumentSymbol, Documentation, Hover, HoverContents,
    Location, MarkupContent, MarkupKind, NumberOrString, ParameterInformation, ParameterLabel, Position,
    Range, SignatureHelp, SignatureInformation, SymbolKind, TextEdit, Uri,
};
use source::{Diagnostic, Label, Severity, Source, Span};
use std::str::FromStr;
use std::sync::Arc;
use trafficscript::assist::{self, Completion, CompletionKind};
use trafficscript::fmt::format;

/// Where the manual's section on each diagnostic is; the editor shows the name.
const ORIGIN: &str = "tidegate";

fn position(source: &Source, at: u32) -> Position {
    let (line, character) = source.utf16_position(at);
    Position { line, character }
}

fn range(source: &Source, span: Span) -> Range {
    Range { start: position(source, span.start), end: position(source, span.end) }
}

fn offset(document: &Document, position: Position) -> u32 {
    document.source.offset_at_utf16(position.line, position.character)
}

fn markdown(value: String) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value }
}

fn place(source: &Source, span: Span) -> Option<Location> {
    Some(Location { uri: Uri::from_str(&uri_of(source.name())).ok()?, range: range(source, span) })
}

/// What is wrong with a document.
pub(super) fn diagnostics(documents: &Documents, document: &Document) -> Vec<Shown> {
    documents.check(document).iter().map(|diagnostic| shown(document, diagnostic)).collect()
}

fn shown(document: &Document, diagnostic: &Diagnostic) -> Shown {
    let source = &document.source;
    let is_here = |label: &&Label| label.source.name() == source.name();
    let main = diagnostic.labels.iter().find(is_here);
    // A mistake in an imported rule stands at the top, with its place beside it.
    let range = main.map_or_else(Range::default, |label| range(source, label.span));
    let others = diagnostic.labels.iter().filter(|label| main.is_none_or(|main| !std::ptr::eq(*label, main)));
    let related: Vec<DiagnosticRelatedInformation> = others
        .filter_map(|label| {
            let text = if label.text.is_empty() { &diagnostic.message } else { &label.text };
            Some(DiagnosticRelatedInformation {
                location: place(&label.source, label.span)?,
                message: text.clone(),
            })
        })
        .collect();
    let mut message = diagnostic.message.clone();
    if let Some(label) = main.filter(|label| !label.text.is_empty()) {
        message.extend([format!(": {}", label.text)]);
    }
    if let Some(help) = &diagnostic.help {
        message.extend([format!("\n{help}")]);
    }
    Shown {
        range,
        severity: Some(match diagnostic.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(diagnostic.id.0.to_owned())),
        source: Some(ORIGIN.to_owned()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        ..Shown::default()
    }
}

pub(super) fn completion(documents: &Documents, document: &Document, at: Position) -> Vec<CompletionItem> {
    let source = &document.source;
    let library = |name: &str| documents.library(source, name);
    let names = |function: &str| Documents::names(document, function);
    let found = assist::complete(builtins(), source, offset(document, at), &names, &library);
    found.into_iter().map(|offer| item(source, offer)).collect()
}

fn item(source: &Arc<Source>, offer: Completion) -> CompletionItem {
    let kind = match offer.kind {
        CompletionKind::Function => CompletionItemKind::FUNCTION,
        CompletionKind::Sub => CompletionItemKind::METHOD,
        CompletionKind::Variable => CompletionItemKind::VARIABLE,
        CompletionKind::Keyword => CompletionItemKind::KEYWORD,
        CompletionKind::Name => CompletionItemKind::VALUE,
    };
    let edit = TextEdit { range: range(source, offer.replaces), new_text: offer.label.clone() };
    CompletionItem {
        label: offer.label,
        kind: Some(kind),
        detail: (!offer.detail.is_empty()).then_some(offer.detail),
        documentation: (!offer.doc.is_empty()).then(|| Documentation::MarkupContent(markdown(offer.doc))),
        text_edit: Some(CompletionTextEdit::Edit(edit)),
        ..CompletionItem::default()
    }
}

pub(super) fn hover(documents: &Documents, document: &Document, at: Position) -> Option<Hover> {
    let source = &document.source;
    let library = |name: &str| documents.library(source, name);
    let found = assist::hover(builtins(), source, offset(document, at), &library)?;
    let contents = HoverContents::Markup(markdown(found.text));
    Some(Hover { contents, range: Some(range(source, found.span)) })
}

pub(super) fn signature(documents: &Documents, document: &Document, at: Position) -> Option<SignatureHelp> {
    let source = &document.source;
    let library = |name: &str| documents.library(source, name);
    let found = assist::signature(builtins(), source, offset(document, at), &library)?;
    let text = |text: String| (!text.is_empty()).then_some(Documentation::String(text));
    let active = u32::try_from(found.active).ok();
    let parameters = found.params.into_iter().map(|(label, said)| ParameterInformation {
        label: ParameterLabel::Simple(label),
        documentation: text(said),
    });
    let signature = SignatureInformation {
        label: found.label,
        documentation: text(found.doc),
        parameters: Some(parameters.collect()),
        active_parameter: active,
    };
    Some(SignatureHelp { signatures: vec![signature], active_signature: Some(0), active_parameter: active })
}

pub(super) fn definition(documents: &Documents, document: &Document, at: Position) -> Option<Location> {
    let source = &document.source;
    let library = |name: &str| documents.library(source, name);
    let found = assist::definition(source, offset(document, at), &library)?;
    place(&found.source, found.name)
}

#[expect(deprecated, reason = "the protocol's crate wants every field written, the deprecated one too")]
pub(super) fn symbols(document: &Document) -> Vec<DocumentSymbol> {
    let source = &document.source;
    let symbol = |symbol: assist::Symbol| DocumentSymbol {
        name: symbol.name,
        detail: Some(symbol.signature),
        kind: SymbolKind::FUNCTION,
        tags: None,
        deprecated: None,
        range: range(source, symbol.span),
        selection_range: range(source, symbol.selection),
        children: None,
    };
    assist::symbols(source).into_iter().map(symbol).collect()
}

/// One edit of the whole text; none where it is laid out already, nothing at all where it has mistakes.
pub(super) fn formatting(document: &Document) -> Option<Vec<TextEdit>> {
    let source = &document.source;
    let laid_out = format(source).ok()?;
    if laid_out == source.bytes() {
        return Some(Vec::new());
    }
    let whole = Span::new(0, u32::try_from(source.bytes().len()).unwrap_or(u32::MAX));
    let new_text = String::from_utf8(laid_out).ok()?;
    Some(vec![TextEdit { range: range(source, whole), new_text }])
}
