use super::{CompletionKind, complete, definition, hover, signature, symbols};
use crate::builtin::{Builtins, Host};
use crate::fault::Warning;
use proptest::prelude::*;
use source::Source;
use std::sync::Arc;

struct Nobody;

impl Host for Nobody {
    fn warn(&mut self, _: Warning) {}

    fn random(&mut self, _: &mut [u8]) {}
}

fn table() -> Builtins<Nobody> {
    Builtins::new([]).unwrap().unsupported([("java.run", "there is no Java here")])
}

fn library(name: &str) -> Option<Arc<Source>> {
    (name == "lib").then(|| Arc::new(Source::new("lib.rts", "# tools\nsub Twice( $n ) { return 2 * $n; }")))
}

/// A text with `|` where somebody points.
fn pointed(text: &str) -> (Arc<Source>, u32) {
    let at = text.find('|').unwrap();
    (Arc::new(Source::new("r.rts", text.replacen('|', "", 1))), u32::try_from(at).unwrap())
}

fn offers(text: &str) -> Vec<(String, CompletionKind)> {
    let (source, at) = pointed(text);
    let names = |function: &str| if function == "string.trim" { vec!["web".to_owned()] } else { Vec::new() };
    let found = complete(&table(), &source, at, &names, &library);
    found.into_iter().map(|offer| (offer.label, offer.kind)).collect()
}

fn labels(text: &str) -> Vec<String> {
    offers(text).into_iter().map(|(label, _)| label).collect()
}

#[test]
fn functions_are_offered_by_what_their_names_begin_with() {
    let found = labels("$a = String.st|");
    assert!(found.contains(&"string.startsWith".to_owned()), "{found:?}");
    assert!(found.iter().all(|name| name.to_ascii_lowercase().starts_with("string.st")), "{found:?}");
    assert!(labels("string.|").contains(&"string.length".to_owned()));
    assert!(labels("wh|").contains(&"while".to_owned()));
    let (source, at) = pointed("$x = string.le|; # ü");
    let offer = complete(&table(), &source, at, &|_| Vec::new(), &library).remove(0);
    assert_eq!(source.slice(offer.replaces), b"string.le");
    assert!(offer.doc.contains("```") && offer.detail.starts_with(&offer.label));
}

#[test]
fn subs_are_offered_also_those_of_imports() {
    let text = "import lib as l; sub local() { } l.|";
    assert_eq!(offers(text), [("l.Twice".to_owned(), CompletionKind::Sub)]);
    assert!(labels("sub local() { } loc|").contains(&"local".to_owned()));
}

#[test]
fn variables_are_those_of_the_scope() {
    assert_eq!(labels("$one = 1; sub f( $two ) { $three = 3; $|"), ["$three", "$two"]);
    assert_eq!(labels("$one = 1; sub f( $two ) { } $o|"), ["$one"]);
}

#[test]
fn names_are_offered_in_the_quotes_of_a_function_that_takes_one() {
    assert_eq!(offers("string.trim( \"w|\" );"), [("web".to_owned(), CompletionKind::Name)]);
    assert_eq!(labels("string.trim( \"|"), ["web"], "the string is not closed yet");
    assert!(offers("string.length( \"w|\" );").is_empty());
    assert!(offers("string.trim( 1, \"w|\" );").is_empty(), "not the first argument");
    assert!(offers("# string.|").is_empty(), "a comment");
}

#[test]
fn hovering_tells_what_a_function_or_a_sub_is() {
    let told = |text: &str| {
        let (source, at) = pointed(text);
        hover(&table(), &source, at, &library).map(|hover| hover.text)
    };
    assert!(told("STRING.le|ngth( 1 );").unwrap().contains("string.length("));
    assert!(told("java.r|un();").unwrap().contains("there is no Java here"));
    assert!(told("import lib; lib.tw|ice( 1 );").unwrap().contains("sub lib.Twice( $n )"));
    assert_eq!(told("$le|ngth = 1;"), None);
}

#[test]
fn the_argument_that_is_being_written_is_known() {
    let active = |text: &str| {
        let (source, at) = pointed(text);
        signature(&table(), &source, at, &library).map(|hint| (hint.label, hint.active))
    };
    assert_eq!(active("string.find( $a, |").unwrap().1, 1);
    assert_eq!(active("string.find( string.trim( $a ), [ 1, 2 ], |").unwrap().1, 2);
    assert!(active("string.find( string.trim( |").unwrap().0.starts_with("string.trim"));
    assert_eq!(active("import lib; lib.twice( |").unwrap().0, "lib.Twice( $n )");
    assert_eq!(active("string.trim( $a ); |"), None);
    assert_eq!(active("string.sprintf( $a, 1, 2, 3, |").unwrap().1, 1, "the repeated one");
}

#[test]
fn subs_are_found_where_they_are_declared() {
    let (source, at) = pointed("import lib; lib.twice( o|wn() ); sub Own() { }");
    let own = definition(&source, at, &library).unwrap();
    assert_eq!((own.source.name(), own.source.slice(own.name)), ("r.rts", b"Own".as_slice()));
    let (source, at) = pointed("import lib; lib.tw|ice( 1 );");
    let imported = definition(&source, at, &library).unwrap();
    assert_eq!(
        (imported.source.name(), imported.source.slice(imported.name)),
        ("lib.rts", b"Twice".as_slice())
    );
    let found = symbols(&Arc::new(Source::new("r", "sub a() { } $x = 1; sub b.c( $d ) {")));
    assert_eq!(
        found.iter().map(|symbol| symbol.signature.as_str()).collect::<Vec<_>>(),
        ["a()", "b.c( $d )"]
    );
}

proptest! {
    #[test]
    fn any_place_in_any_text_can_be_asked_about(words in prop::collection::vec(prop::sample::select(vec![
        "$a", "string.", "f(", ")", "\"", "'", "sub x(", "{", "}", ";", ",", "import lib;", "lib.twice(", "# ü\n", "é", "[", "=",
    ]), 0..20), at in 0_u32..80) {
        let source = Arc::new(Source::new("r", words.join(" ")));
        let _ = complete(&table(), &source, at, &|_| vec!["n".to_owned()], &library);
        let _ = hover(&table(), &source, at, &library);
        let _ = signature(&table(), &source, at, &library);
        let _ = definition(&source, at, &library);
        let _ = symbols(&source);
    }
}
