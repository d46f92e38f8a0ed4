use super::{
    ArgumentKind, CheckOptions, Checked, Libraries, Signature, Signatures, StageBits, Target, check,
};
use crate::ast::{EXPRESSION_HEIGHT_MAX, Expr, ExprKind, Place, PlaceRoot, StatementKind};
use crate::builtin::{Effect, Kind};
use crate::lexer::lex;
use crate::parser::parse;
use proptest::prelude::*;
use source::{Diagnostic, Severity, Source, nearest};
use std::sync::Arc;

const REQUEST: StageBits = 1;
const RESPONSE: StageBits = 2;

/// A few functions: name, fewest and most arguments, the first argument's kind, stages.
type Row = (&'static str, usize, Option<usize>, ArgumentKind, StageBits);
const TABLE: &[Row] = &[
    ("http.getHeader", 1, Some(1), ArgumentKind::String, REQUEST | RESPONSE),
    ("http.getCookie", 1, Some(1), ArgumentKind::String, REQUEST | RESPONSE),
    ("http.addResponseHeader", 2, Some(2), ArgumentKind::String, REQUEST | RESPONSE),
    ("http.setResponseCookie", 2, Some(3), ArgumentKind::String, REQUEST | RESPONSE),
    ("http.getResponseCode", 0, Some(0), ArgumentKind::Any, RESPONSE),
    ("response.setBandwidthClass", 1, Some(1), ArgumentKind::String, REQUEST | RESPONSE),
    ("rate.use", 1, Some(2), ArgumentKind::String, REQUEST),
    ("rate.use.noQueue", 1, Some(2), ArgumentKind::String, REQUEST),
    ("rate.getBacklog", 1, Some(2), ArgumentKind::String, REQUEST),
    ("string.contains", 2, Some(2), ArgumentKind::String, REQUEST | RESPONSE),
    ("string.startsWith", 2, Some(2), ArgumentKind::String, REQUEST | RESPONSE),
    ("string.regexsub", 3, Some(4), ArgumentKind::String, REQUEST | RESPONSE),
    ("string.regexmatch", 2, Some(3), ArgumentKind::String, REQUEST | RESPONSE),
    ("string.repeat", 1, None, ArgumentKind::Number, REQUEST | RESPONSE),
    ("array.push", 2, None, ArgumentKind::Array, REQUEST | RESPONSE),
    ("string.length", 1, Some(1), ArgumentKind::String, REQUEST | RESPONSE),
    ("http.getMethodCode", 0, Some(0), ArgumentKind::Any, REQUEST | RESPONSE),
    ("http.getHeaders", 0, Some(0), ArgumentKind::Any, REQUEST | RESPONSE),
    ("pool.use", 1, Some(1), ArgumentKind::String, REQUEST),
    ("http.redirect", 1, Some(1), ArgumentKind::String, REQUEST | RESPONSE),
    ("hash.keys", 1, Some(1), ArgumentKind::Hash, REQUEST | RESPONSE),
];

struct Table;

impl Signatures for Table {
    fn find(&self, name: &str) -> Option<Signature> {
        let index = TABLE.iter().position(|row| row.0.eq_ignore_ascii_case(name))?;
        let (name, min_args, max_args, kind, stages) = TABLE[index];
        let mut kinds = [ArgumentKind::Any; 8];
        kinds[0] = kind;
        let effect = match name {
            "pool.use" | "http.redirect" => Effect::Ends,
            _ if name.starts_with("string.") && name != "string.regexmatch" => Effect::Pure,
            _ => Effect::Reads,
        };
        let returns = match name {
            "http.getHeader" | "http.getCookie" => Kind::String,
            "http.getMethodCode" | "string.length" => Kind::Integer,
            "string.contains" => Kind::Truth,
            "http.getHeaders" => Kind::Hash,
            _ => Kind::Any,
        };
        let pattern = name.starts_with("string.regex").then_some((1, None));
        Some(Signature { index, name, min_args, max_args, kinds, stages, returns, effect, pattern })
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, TABLE.iter().map(|row| row.0))
    }

    fn unsupported(&self, name: &str) -> Option<&str> {
        name.eq_ignore_ascii_case("java.run").then_some("there is no Java here")
    }

    fn stage_names(&self, stages: StageBits) -> String {
        if stages == RESPONSE { "response rules".to_owned() } else { String::new() }
    }
}

struct Shelf(&'static [(&'static str, &'static str)]);

impl Libraries for Shelf {
    fn rule(&self, name: &str) -> Option<Arc<Source>> {
        let (name, text) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(Arc::new(Source::new(*name, *text)))
    }
}

fn run(text: &str, shelf: &'static [(&'static str, &'static str)]) -> (Checked, Vec<Diagnostic>) {
    let (ast, mut diagnostics) = parse(&Arc::new(Source::new("r", text)));
    let shelf = Shelf(shelf);
    let (checked, found) = check(ast, &Table, CheckOptions { stages: REQUEST, libraries: &shelf });
    diagnostics.extend(found);
    (checked, diagnostics)
}

fn brief(diagnostics: &[Diagnostic]) -> Vec<String> {
    let place = |diagnostic: &Diagnostic| {
        let place = diagnostic.place().unwrap();
        format!("{}:{} {}", place.line, place.column, diagnostic.id.0)
    };
    diagnostics.iter().map(place).collect()
}

fn found(text: &str) -> Vec<String> {
    brief(&run(text, &[]).1)
}

fn only(text: &str) -> Diagnostic {
    let mut diagnostics = run(text, &[]).1;
    assert_eq!(diagnostics.len(), 1, "{text}: {:?}", brief(&diagnostics));
    diagnostics.remove(0)
}

#[test]
fn the_rules_of_the_articles_are_without_a_fault() {
    for name in ["slashdot.rts", "abusive-referer.rts"] {
        let path = format!("{}/../../../shared/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("skipped: there is no {path}");
            continue;
        };
        assert_eq!(found(&text), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn names_of_functions_have_no_case_and_the_nearest_one_is_offered() {
    assert!(
        found(
            "HTTP.getheader( \"a\" ); rate.use( String.Contains( \"a\", \"b\" ) ); rate.getbacklog( \"c\" );"
        )
        .is_empty()
    );
    let unknown = only("http.getHeadr( \"a\" );");
    assert_eq!(
        (unknown.id.0, unknown.help.as_deref()),
        ("unknown-function", Some("did you mean `http.getHeader`?"))
    );
    let unsupported = only("java.run( \"a\" );");
    assert_eq!(unsupported.message, "java.run is not supported by tidegate: there is no Java here");
    assert_eq!(only("sub shout() { } shuot();").help.as_deref(), Some("did you mean `shout`?"));
}

#[test]
fn arguments_are_counted() {
    assert_eq!(only("http.getHeader();").message, "`http.getHeader` takes 1 argument, and none stand here");
    assert_eq!(only("rate.use( 1, 2, 3 );").message, "`rate.use` takes 1 to 2 arguments, and 3 stand here");
    assert_eq!(
        only("array.push( [] );").message,
        "`array.push` takes at least 2 arguments, and 1 stands here"
    );
    assert_eq!(only("sub f( $a ) { return $a; } f();").id.0, "wrong-argument-count");
    assert!(found("array.push( [], 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 );").is_empty());
}

#[test]
fn a_function_of_another_stage_is_refused_with_the_stages_it_has() {
    let wrong = only("if( http.getResponseCode() == 404 ) break;");
    assert_eq!((wrong.id.0, wrong.help.as_deref()), ("wrong-stage", Some("it works in: response rules")));
    // A request rule may set things of the response.
    assert!(found("response.setBandwidthClass( \"x\" );").is_empty());
}

#[test]
fn a_literal_that_cannot_be_right_is_doubted() {
    assert_eq!(
        found(
            "http.getHeader( [ 1 ] ); $_a = string.repeat( \"x\" ); hash.keys( \"x\" ); array.push( 1, 2 );"
        ),
        ["1:17 argument-kind", "1:47 argument-kind", "1:65 argument-kind", "1:84 argument-kind"]
    );
    assert!(
        found("http.getHeader( 1 ); $_a = string.repeat( \" -3x\" ); hash.keys( [] ); array.push( [], 2 );")
            .is_empty()
    );
}

#[test]
fn subs_may_be_used_before_they_are_declared_and_have_a_scope_of_their_own() {
    let (checked, diagnostics) =
        run("$x = 1; $y = Twice( $x ); rate.use( $y );\nsub twice( $n ) { $r = 2 * $n; return $r; }", &[]);
    assert!(diagnostics.is_empty(), "{:?}", brief(&diagnostics));
    assert_eq!((checked.body_slots, checked.subs[0].slots), (2, 2));
    let unit = &checked.units[0];
    let StatementKind::Expr(Expr { kind: ExprKind::Assign { place, value, .. }, .. }) =
        &unit.ast.body[1].kind
    else {
        panic!("not an assignment")
    };
    let Place { root: PlaceRoot::Variable(y), .. } = place else { panic!("not a variable") };
    let ExprKind::Call { function, arguments } = &value.kind else { panic!("not a call") };
    let ExprKind::Variable(x) = &arguments[0].kind else { panic!("not a variable") };
    assert_eq!((unit.slot(x.id), unit.slot(y.id)), (0, 1));
    assert_eq!(unit.target(function.id), Target::Sub(0));
    let sub = &unit.ast.subs[0];
    assert_eq!(unit.slot(sub.parameters[0].id), 0);
}

#[test]
fn declarations_that_clash_are_refused() {
    assert_eq!(found("sub f() { }\nsub F() { }"), ["2:5 duplicate-sub"]);
    assert_eq!(found("sub rate.USE( $a ) { rate.use( $a ); }"), ["1:5 sub-named-like-builtin"]);
    assert_eq!(found("sub f( $a, $a ) { return $a; }"), ["1:12 duplicate-parameter"]);
}

#[test]
fn what_is_never_assigned_or_never_used_is_doubted() {
    let unassigned = only("$hash = [ 1 ]; rate.use( $hash[ $hsh ] );");
    assert_eq!(unassigned.id.0, "unassigned-variable");
    assert_eq!(unassigned.help.as_deref(), Some("did you mean `$hash`?"));
    assert_eq!(only("$a = 1; $a = 2;").id.0, "unused-variable");
    let outer = only("$limit = 1; rate.use( $limit ); f(); sub f() { rate.use( $limit ); }");
    assert!(outer.help.unwrap().contains("parameter"));
    for fine in [
        "if( $c = http.getCookie( \"a\" ) ) { break; }",
        "$f = http.getHeader( \"F\" ); $f && $h = http.getCookie( $f );",
        "foreach( $e in [ 1 ] ) rate.use( \"a\" );",
        "sub f( $unused ) { } f( 1 );",
        "for( $i = 0; $i < 3; $i++ ) { rate.use( \"a\" ); }",
        "$s .= \"a\"; rate.use( $s );",
        "$ips = http.getHeader( \"x\" ); $ips[ \"k\" ] = 1; hash.keys( $ips );",
        "$_unused = 1;",
        "string.regexmatch( \"a\", \"(a)\" ); rate.use( $1 );",
    ] {
        assert_eq!(found(fine), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn nothing_is_doubted_of_variables_where_a_part_could_not_be_read() {
    assert_eq!(found("$a = 1;\nrate.use( $b;\n"), ["2:13 syntax"]);
}

#[test]
fn code_behind_what_always_leaves_is_doubted_once() {
    assert_eq!(found("break;\nrate.use( \"a\" );\nrate.use( \"b\" );"), ["2:1 unreachable-code"]);
    assert_eq!(found("if( 1 ) { break; } else { return; }\nrate.use( \"a\" );"), ["2:1 unreachable-code"]);
    assert_eq!(found("while( 1 ) { continue; rate.use( \"a\" ); }"), ["1:24 unreachable-code"]);
    for fine in [
        "if( 1 ) break; rate.use( \"a\" );",
        "while( 1 ) { break; } rate.use( \"a\" );",
        "switch( 1 ) { case 1: break; default: break; } rate.use( \"a\" );",
        "break;; continue;".split_at(7).0,
    ] {
        assert_eq!(found(fine), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn what_ends_the_rule_makes_the_rest_unreachable() {
    assert_eq!(found("pool.use( \"a\" );\nrate.use( \"a\" );"), ["2:1 unreachable-code"]);
    assert_eq!(
        found("if( 1 ) { http.redirect( \"a\" ); } else { break; }\nrate.use( \"a\" );"),
        ["2:1 unreachable-code"]
    );
    for fine in [
        "http.redirect( \"a\" ); break;",
        "if( 1 ) { http.redirect( \"a\" ); pool.use( \"b\" ); } rate.use( \"a\" );",
        "$x = 1; if( $x ) http.redirect( \"a\" ); rate.use( \"a\" );",
    ] {
        assert_eq!(found(fine), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn a_constant_assigned_where_a_condition_stands_was_to_be_compared() {
    let wrong = only("$a = http.getHeader( \"a\" ); if( $a = \"x\" ) rate.use( $a );");
    assert_eq!(
        (wrong.id.0, wrong.help.as_deref()),
        ("assignment-as-condition", Some("to compare, write `==`"))
    );
    for doubtful in ["while( $a = 1 )", "if( http.getCookie( \"c\" ) && $a = \"x\" )", "if( !( $a = 0 ) )"] {
        assert_eq!(
            only(&format!("{doubtful} rate.use( $a );")).id.0,
            "assignment-as-condition",
            "{doubtful}"
        );
    }
    for fine in [
        "if( $c = http.getCookie( \"a\" ) ) rate.use( $c );",
        "while( $x = http.getHeader( \"b\" ) ) rate.use( $x );",
        "$f = http.getHeader( \"F\" ); $f && $h = \"x\"; rate.use( $h );",
        "if( !$port = string.length( \"a\" ) ) rate.use( $port );",
    ] {
        assert_eq!(found(fine), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn values_that_nobody_takes_are_doubted() {
    for doubtful in ["$a == 2;", "string.length( $a );", "$a;", "\"x\";", "$a . 1;", "$a < 3;"] {
        assert_eq!(only(&format!("$a = 1; rate.use( $a ); {doubtful}")).id.0, "unused-value", "{doubtful}");
    }
    for fine in ["http.getHeader( \"a\" );", "string.regexmatch( \"a\", \"(b)\" );", "$a && rate.use( $a );"]
    {
        assert_eq!(found(&format!("$a = 1; rate.use( $a ); {fine}")), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn comparisons_with_a_known_or_surprising_outcome_are_doubted() {
    for (doubtful, id) in [
        ("\"9\" < \"10\"", "constant-comparison"),
        ("1 == 2", "constant-comparison"),
        ("$t == $t", "constant-comparison"),
        ("$t[ 1 ] >= $t[ 1 ]", "constant-comparison"),
        ("http.getHeader( \"a\" ) < \"10\"", "text-comparison"),
        ("$t == 0", "text-as-number"),
        ("http.getMethodCode() == \"GET\"", "text-as-number"),
        ("string.contains( $t, \"a\" ) == \"true\"", "text-as-number"),
    ] {
        let text = format!("$t = http.getHeader( \"a\" ); $t .= \"b\"; if( {doubtful} ) rate.use( $t );");
        assert_eq!(only(&text).id.0, id, "{doubtful}");
    }
    for fine in [
        "http.getHeader( \"Content-Length\" ) > 1024 * 1024",
        "http.getMethodCode() == 404",
        "$t == \"0\"",
        "$t > 0",
        "$t < \"m\"",
        "$n == 0",
        "$t[ 1 ] == $t[ 2 ]",
        "http.getHeader( $t ) == http.getHeader( $t )",
    ] {
        let text =
            format!("$t = http.getHeader( \"a\" ); $n = \"\"; $n = 1; if( {fine} ) rate.use( $t . $n );");
        assert_eq!(found(&text), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn what_stands_twice_and_subs_that_nobody_calls_are_doubted() {
    assert_eq!(
        found("switch( $1 ) { case \"a\", 1: break; case 2, \"a\": break; case \"1\": break; }"),
        ["1:44 duplicate-case"]
    );
    assert_eq!(
        found("$h = [ \"a\" => 1, \"b\" => 2, \"a\" => 3 ]; hash.keys( $h );"),
        ["1:28 duplicate-key"]
    );
    assert_eq!(found("sub f() { f(); }\nsub _g() { }\nrate.use( \"a\" );"), ["1:5 unused-sub"]);
    assert_eq!(found("sub f() { return 1; }"), Vec::<String>::new(), "a library");
}

#[test]
fn one_mistake_is_one_message() {
    for (text, id) in [
        ("$nmae = http.getHeader( \"a\" ); rate.use( $name );", "unassigned-variable"),
        ("sub shout() { } shuot();", "unknown-function"),
        ("sub f() { } sub F() { } f();", "duplicate-sub"),
        ("string.length( [ 1 ], 2 );", "wrong-argument-count"),
        ("$a http.getHeader( \"a\" ); rate.use( $a );", "missing-semicolon"),
        ("if( 1 ) { break; rate.use( \"a\" );", "unclosed-block"),
        ("foreach( $a in http.getHeaders() ) rate.use( $a );", "argument-kind"),
    ] {
        assert_eq!(only(text).id.0, id, "{text}");
    }
}

#[test]
fn a_word_taken_out_of_a_published_rule_is_one_message() {
    for name in ["slashdot.rts", "abusive-referer.rts"] {
        let path = format!("{}/../../../shared/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
        let Ok(text) = std::fs::read(&path) else {
            println!("skipped: there is no {path}");
            continue;
        };
        let tokens = lex(&Arc::new(Source::new("r", text.as_slice()))).tokens;
        let mut several = Vec::new();
        for token in &tokens {
            let mut broken = text.clone();
            broken.drain(token.span.range());
            let found = found(&String::from_utf8(broken).unwrap());
            assert!(found.len() <= 2, "without the word at {}: {found:?}", token.span.start);
            if found.len() > 1 {
                several.push(found);
            }
        }
        // Where a brace is missing, two places may be told.
        assert!(several.len() * 20 <= tokens.len(), "{name}: {several:?}");
    }
}

#[test]
fn imported_subs_are_called_by_the_name_of_the_import() {
    let shelf: &[(&str, &str)] = &[(
        "lib",
        "sub One( $a ) { return two( $a ); } sub two( $a ) { return $a; } rate.use( \"never run\" );",
    )];
    let (checked, diagnostics) =
        run("import lib; import \"lib\" as l;\nrate.use( LIB.one( 1 ) . l.two( 2 ) );", shelf);
    assert!(diagnostics.is_empty(), "{:?}", brief(&diagnostics));
    assert_eq!((checked.units.len(), checked.subs.len()), (2, 2));
    assert_eq!(checked.calls.len(), 1);
    assert_eq!(brief(&run("import lib; one( 1 );", shelf).1), ["1:13 unknown-function"]);
}

#[test]
fn imports_that_cannot_be_are_refused() {
    let shelf: &[(&str, &str)] = &[
        ("a", "import b; sub f() { b.g(); }"),
        ("b", "import a; sub g() { a.f(); }"),
        ("self", "import self;"),
        ("broken", "sub f( {"),
        ("wrong", "sub f() { nosuch(); }"),
    ];
    assert_eq!(brief(&run("import nothing;", shelf).1), ["1:8 unknown-import"]);
    assert_eq!(brief(&run("import self;", shelf).1), ["1:1 circular-import"]);
    assert_eq!(brief(&run("import broken;", shelf).1), ["1:8 broken-import"]);
    assert_eq!(brief(&run("import b; import a as B;", shelf).1).last().unwrap(), "1:23 duplicate-import");
    let circle = run("import a; a.f();", shelf).1;
    assert_eq!(circle.iter().map(|diagnostic| diagnostic.id.0).collect::<Vec<_>>(), ["circular-import"]);
    assert_eq!(brief(&run("import nothing; nothing.f();", shelf).1), ["1:8 unknown-import"]);
    let wrong = run("import wrong; wrong.f();", shelf).1;
    assert_eq!((wrong.len(), wrong[0].place().unwrap().file.as_str()), (1, "wrong"));
}

#[test]
fn a_comparison_of_a_switch_is_a_call() {
    assert!(found("switch( \"a\", string.startswith ) { case \"b\": break; }").is_empty());
    assert_eq!(found("switch( \"a\", string.starts ) { case \"b\": break; }"), ["1:14 unknown-function"]);
    assert_eq!(
        found("switch( \"a\", http.getHeader ) { case \"b\": break; }"),
        ["1:14 wrong-argument-count"]
    );
}

#[test]
fn facts_follow_values_through_variables() {
    let text = "$list = \"localhost\";\n$r = http.getheader( \"Referer\" );\n\
        $r = String.regexsub( $r, \"a\", \"$1\", \"i\" );\n$twice = 1; $twice = 2;\n$copy = \"x\" . $r;\n\
        string.contains( $list, $copy );\nrate.use( \"c\", $twice );\n";
    let (checked, _) = run(text, &[]);
    let names: Vec<_> = checked.calls.iter().map(|call| call.function).collect();
    assert_eq!(names, ["http.getHeader", "string.regexsub", "string.contains", "rate.use"]);
    let contains = &checked.calls[2];
    assert_eq!(contains.arguments[0].constant.as_deref(), Some(b"localhost".as_slice()));
    assert!(contains.arguments[0].origins.is_empty());
    assert_eq!(contains.arguments[1].constant, None);
    assert_eq!(contains.arguments[1].origins, ["http.getHeader", "string.regexsub"]);
    let used = &checked.calls[3];
    assert_eq!(used.arguments[0].constant.as_deref(), Some(b"c".as_slice()));
    assert_eq!(used.arguments[1].constant, None);
}

#[test]
fn facts_follow_captures_and_loops() {
    let text = "string.regexmatch( http.getHeader( \"a\" ), \"(b)\" );\nrate.use( \"c\", $1 );\n\
        foreach( $e in [ http.getCookie( \"d\" ) ] ) rate.use( \"c\", $e );";
    let (checked, _) = run(text, &[]);
    let origins: Vec<_> = checked
        .calls
        .iter()
        .filter(|call| call.function == "rate.use")
        .map(|call| call.arguments[1].origins.clone())
        .collect();
    assert_eq!(origins, [vec!["http.getHeader", "string.regexmatch"], vec!["http.getCookie"]]);
}

#[test]
fn high_trees_and_many_names_are_checked_in_bounded_time_and_stack() {
    let chain = "$a . ".repeat(usize::from(EXPRESSION_HEIGHT_MAX) - 10);
    let deep = format!("{}$a = {chain}1;{}", "if( 1 ) { ".repeat(60), "}".repeat(60));
    assert_eq!(found(&deep), Vec::<String>::new());
    let many: Vec<String> = (0..2_000).map(|at| format!("$v{at} = $w{at}; nosuch{at}();")).collect();
    assert!(found(&many.concat()).len() <= super::DIAGNOSTICS_MAX);
    let flow: Vec<String> =
        (0..900).rev().map(|at| format!("$v{at} = $v{} . http.getHeader( $v{at} );", at + 1)).collect();
    assert!(run(&flow.concat(), &[]).1.iter().all(|diagnostic| diagnostic.severity == Severity::Warning));
}

proptest! {
    #[test]
    fn whatever_was_parsed_can_be_checked(words in prop::collection::vec(prop::sample::select(vec![
        "$a", "$b", "=", "f(", "rate.use(", ")", ";", "{", "}", "sub f( $a ) {", "import a;", "if( $a )", "1", "\"s\"", "[", "]",
        "foreach( $a in", "return", "break;", ".", "&&", "$1", "switch( $a, rate.use ) { case 1:",
    ]), 0..60)) {
        let _ = run(&words.join(" "), &[("a", "import b; sub f() { }"), ("b", "import a;")]);
    }
}
