use super::parse;
use crate::ast::{
    Ast, BinaryOperator, EXPRESSION_HEIGHT_MAX, Expr, ExprKind, NESTING_MAX, Place, PlaceRoot, Statement,
    StatementKind, UnaryOperator,
};
use crate::token::{Keyword, Mark};
use proptest::prelude::*;
use source::{Diagnostic, Severity, Source};
use std::fmt::Write as _;
use std::sync::Arc;

fn read(text: impl Into<Vec<u8>>) -> (Ast, Vec<Diagnostic>) {
    parse(&Arc::new(Source::new("r", text)))
}

/// The tree of a rule without mistakes, in brackets.
fn tree(text: &str) -> String {
    let (ast, diagnostics) = read(text);
    assert!(
        diagnostics.is_empty(),
        "{text}: {:?}",
        diagnostics.iter().map(Diagnostic::one_line).collect::<Vec<_>>()
    );
    assert!(ast.is_whole);
    statements(&ast.body)
}

/// The tree of one expression.
fn expr(text: &str) -> String {
    tree(&format!("{text};"))
}

/// `line:column id` of each mistake.
fn mistakes(text: &str) -> Vec<String> {
    let (ast, diagnostics) = read(text);
    let place = |diagnostic: &Diagnostic| {
        let place = diagnostic.place().unwrap();
        format!("{}:{} {}", place.line, place.column, diagnostic.id.0)
    };
    let has_error = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    assert_eq!(ast.is_whole, !has_error);
    diagnostics.iter().map(place).collect()
}

fn statements(list: &[Statement]) -> String {
    list.iter().map(statement).collect::<Vec<_>>().join(" ")
}

fn optional(expression: Option<&Expr>) -> String {
    expression.map_or("-".to_owned(), show)
}

fn statement(statement: &Statement) -> String {
    match &statement.kind {
        StatementKind::Expr(expression) => show(expression),
        StatementKind::Block(body) => format!("{{{}}}", statements(body)),
        StatementKind::If { arms, otherwise } => {
            let mut out = "(if".to_owned();
            for arm in arms {
                write!(out, " {} {{{}}}", show(&arm.condition), statements(&arm.body)).unwrap();
            }
            if let Some(body) = otherwise {
                write!(out, " else {{{}}}", statements(body)).unwrap();
            }
            out + ")"
        }
        StatementKind::While { condition, body } => {
            format!("(while {} {{{}}})", show(condition), statements(body))
        }
        StatementKind::DoWhile { body, condition } => {
            format!("(do {{{}}} {})", statements(body), show(condition))
        }
        StatementKind::For { start, condition, step, body } => {
            let [start, condition, step] = [start, condition, step].map(|part| optional(part.as_ref()));
            format!("(for {start} {condition} {step} {{{}}})", statements(body))
        }
        StatementKind::Foreach { variable, array, body } => {
            format!("(foreach ${} {} {{{}}})", variable.name.text, show(array), statements(body))
        }
        StatementKind::Switch { subject, comparison, cases, default } => {
            let by = comparison.as_ref().map_or("==", |comparison| &comparison.name.text);
            let mut out = format!("(switch {} {by}", show(subject));
            for case in cases {
                write!(out, " ({}: {})", list(&case.values), statements(&case.body)).unwrap();
            }
            if let Some(body) = default {
                write!(out, " (default: {})", statements(body)).unwrap();
            }
            out + ")"
        }
        StatementKind::Break => "break".to_owned(),
        StatementKind::Continue => "continue".to_owned(),
        StatementKind::Return(value) => format!("(return {})", optional(value.as_ref())),
        StatementKind::Empty => ";".to_owned(),
    }
}

fn list(expressions: &[Expr]) -> String {
    expressions.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn place(place: &Place) -> String {
    let root = match &place.root {
        PlaceRoot::Variable(variable) => format!("${}", variable.name.text),
        PlaceRoot::Capture(number) => format!("${number}"),
    };
    place.indexes.iter().fold(root, |out, index| format!("{out}[{}]", show(index)))
}

fn sign(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::Remainder => "%",
        BinaryOperator::Add => "+",
        BinaryOperator::Subtract => "-",
        BinaryOperator::Concat => ".",
        BinaryOperator::ShiftLeft => "<<",
        BinaryOperator::ShiftRight => ">>",
        BinaryOperator::Less => "<",
        BinaryOperator::LessOrEqual => "<=",
        BinaryOperator::Greater => ">",
        BinaryOperator::GreaterOrEqual => ">=",
        BinaryOperator::Equal => "==",
        BinaryOperator::NotEqual => "!=",
        BinaryOperator::BitAnd => "&",
        BinaryOperator::BitXor => "^",
        BinaryOperator::BitOr => "|",
    }
}

fn show(expression: &Expr) -> String {
    match &expression.kind {
        ExprKind::Integer(value) => value.to_string(),
        ExprKind::Double(value) => format!("{value:?}"),
        ExprKind::String(value) => format!("{:?}", String::from_utf8_lossy(value)),
        ExprKind::True => "true".to_owned(),
        ExprKind::False => "false".to_owned(),
        ExprKind::Variable(variable) => format!("${}", variable.name.text),
        ExprKind::Capture(number) => format!("${number}"),
        ExprKind::Index { base, index } => format!("{}[{}]", show(base), show(index)),
        ExprKind::Call { function, arguments } => format!("{}({})", function.name.text, list(arguments)),
        ExprKind::Unary { operator, operand } => {
            let sign = match operator {
                UnaryOperator::Not => "!",
                UnaryOperator::BitNot => "~",
                UnaryOperator::Negate => "-",
            };
            format!("({sign} {})", show(operand))
        }
        ExprKind::Binary { operator, left, right } => {
            format!("({} {} {})", sign(*operator), show(left), show(right))
        }
        ExprKind::And { left, right } => format!("(&& {} {})", show(left), show(right)),
        ExprKind::Or { left, right } => format!("(|| {} {})", show(left), show(right)),
        ExprKind::Ternary { condition, yes, no } => {
            format!("(? {} {} {})", show(condition), show(yes), show(no))
        }
        ExprKind::Assign { operator, place: to, value } => {
            format!("({}= {} {})", operator.map_or("", sign), place(to), show(value))
        }
        ExprKind::PreIncrement(to) => format!("(++_ {})", place(to)),
        ExprKind::PreDecrement(to) => format!("(--_ {})", place(to)),
        ExprKind::PostIncrement(to) => format!("(_++ {})", place(to)),
        ExprKind::PostDecrement(to) => format!("(_-- {})", place(to)),
        ExprKind::Array(items) => format!("[{}]", list(items)),
        ExprKind::Hash(pairs) => {
            let pairs: Vec<_> =
                pairs.iter().map(|(key, value)| format!("{}=>{}", show(key), show(value))).collect();
            format!("[{}]", pairs.join(" "))
        }
    }
}

#[test]
fn operators_bind_as_the_table_says() {
    assert_eq!(expr("1 + 2 * 3 - 4"), "(- (+ 1 (* 2 3)) 4)");
    assert_eq!(expr("\"n=\" . $a + 1"), "(+ (. \"n=\" $a) 1)");
    assert_eq!(expr("1 << 2 + 3 < 4 == 5"), "(== (< (<< 1 (+ 2 3)) 4) 5)");
    assert_eq!(expr("1 | 2 ^ 3 & 4 == 5"), "(| 1 (^ 2 (& 3 (== 4 5))))");
    assert_eq!(expr("$a || $b && $c || $d"), "(|| (|| $a (&& $b $c)) $d)");
    assert_eq!(expr("!$a == -1 - -2"), "(== (! $a) (- (- 1) (- 2)))");
    assert_eq!(expr("( 1 + 2 ) * ~3 % 4"), "(% (* (+ 1 2) (~ 3)) 4)");
    assert_eq!(expr("$a ? 1 : $b ? 2 : 3"), "(? $a 1 (? $b 2 3))");
    assert_eq!(expr("$a == 1 ? $b . \"x\" : 2"), "(? (== $a 1) (. $b \"x\") 2)");
}

#[test]
fn dots_join_without_blanks_beside_numbers_names_and_brackets() {
    assert_eq!(expr("$protocol.$host.$end_url"), "(. (. $protocol $host) $end_url)");
    assert_eq!(expr("\"x\".$1"), "(. \"x\" $1)");
    assert_eq!(expr("$4.\"\\r\\n\".$3"), "(. (. $4 \"\\r\\n\") $3)");
    assert_eq!(expr("\".\".(string.skip( $p, 7 ))"), "(. \".\" string.skip($p 7))");
    assert_eq!(expr("$a.http.getPath()"), "(. $a http.getPath())");
    assert_eq!(expr("2.\"x\".1.5"), "(. (. 2 \"x\") 1.5)");
}

#[test]
fn an_assignment_is_an_expression_also_behind_and_and_not() {
    assert_eq!(
        tree("if ( $cookie = http.getCookie(\"a\") ) { break; }"),
        "(if (= $cookie http.getCookie(\"a\")) {break})"
    );
    assert_eq!(expr("$f && $host = string.extractHost( $f )"), "(&& $f (= $host string.extractHost($f)))");
    assert_eq!(
        tree("if( !$port = string.extractPort( $f ) ) $port = 80;"),
        "(if (! (= $port string.extractPort($f))) {(= $port 80)})"
    );
    assert_eq!(expr("$a = $b = 1 + 2"), "(= $a (= $b (+ 1 2)))");
    assert_eq!(
        tree("while( $data = http.getMultipartAttachment( $n ) ) $n++;"),
        "(while (= $data http.getMultipartAttachment($n)) {(_++ $n)})"
    );
}

#[test]
fn all_operators_of_assignment_and_steps_are_read() {
    for (mark, sign) in [
        ("+=", "+"),
        ("-=", "-"),
        ("*=", "*"),
        ("/=", "/"),
        ("%=", "%"),
        (".=", "."),
        ("&=", "&"),
        ("|=", "|"),
        ("^=", "^"),
        ("<<=", "<<"),
        (">>=", ">>"),
    ] {
        assert_eq!(expr(&format!("$a {mark} 1")), format!("({sign}= $a 1)"));
    }
    assert_eq!(expr("$a++ + ++$b - --$c . $d--"), "(. (- (+ (_++ $a) (++_ $b)) (--_ $c)) (_-- $d))");
    assert_eq!(expr("$a[\"k\"][1] .= $1 = 2"), "(.= $a[\"k\"][1] (= $1 2))");
}

#[test]
fn arrays_hashes_and_indexes_nest_and_a_call_can_be_indexed() {
    assert_eq!(expr("$a = [ 1, \"b\", [ 3, ], ]"), "(= $a [1 \"b\" [3]])");
    assert_eq!(expr("$a = [ \"k\" => 1, 2 => [] ]"), "(= $a [\"k\"=>1 2=>[]])");
    assert_eq!(expr("string.split( http.getPath(), '.' )[-1]"), "string.split(http.getPath() \".\")[(- 1)]");
    assert_eq!(expr("f( 1, 2, )"), "f(1 2)");
}

#[test]
fn blanks_may_stand_before_the_bracket_of_a_call_and_the_longest_name_counts() {
    assert_eq!(expr("log.info ( \"x\" )"), "log.info(\"x\")");
    assert_eq!(expr("rate.use.noQueue( \"c\" )"), "rate.use.noQueue(\"c\")");
    assert_eq!(expr("String.Contains\n($a, \"\")"), "String.Contains($a \"\")");
}

#[test]
fn every_kind_of_statement_is_read() {
    assert_eq!(tree("if( $a ) f(); else if( $b ) { } else ;"), "(if $a {f()} $b {} else {;})");
    assert_eq!(tree("do $i++; while( $i < 3 );"), "(do {(_++ $i)} (< $i 3))");
    assert_eq!(
        tree("for( $i = 0; $i < 3; $i++ ) { continue; }"),
        "(for (= $i 0) (< $i 3) (_++ $i) {continue})"
    );
    assert_eq!(tree("for( ; ; ) break;"), "(for - - - {break})");
    assert_eq!(tree("foreach( $e in hash.keys( $h ) ) f( $e );"), "(foreach $e hash.keys($h) {f($e)})");
    assert_eq!(tree("return; { return 1; }"), "(return -) {(return 1)}");
    assert_eq!(
        tree("switch( $p, string.startsWith ) { case \"/a\", \"/b\": f(); g(); default: h(); }"),
        "(switch $p string.startsWith (\"/a\" \"/b\": f() g()) (default: h()))"
    );
    assert_eq!(tree("switch( 1 ) { case $a ? 1 : 2: }"), "(switch 1 == ((? $a 1 2): ))");
    assert_eq!(tree("# only a comment, isn't it"), "");
}

#[test]
fn the_dangling_else_belongs_to_the_inner_if() {
    assert_eq!(tree("if( $a ) if( $b ) f(); else g();"), "(if $a {(if $b {f()} else {g()})})");
}

#[test]
fn subs_and_imports_stand_beside_the_body() {
    let (ast, diagnostics) =
        read("import a; import \"b c\" as d;\nf( 1 );\nsub set.empty( $s, $t, ) { return 1; }");
    assert!(diagnostics.is_empty());
    let imports: Vec<_> =
        ast.imports.iter().map(|import| (&*import.rule.text, &*import.alias.text)).collect();
    assert_eq!(imports, [("a", "a"), ("b c", "d")]);
    assert_eq!(&*ast.subs[0].name.text, "set.empty");
    assert_eq!(ast.subs[0].parameters.len(), 2);
    assert_eq!(statements(&ast.subs[0].body), "(return 1)");
    assert_eq!(statements(&ast.body), "f(1)");
    assert_eq!(mistakes("import \"b c\";"), ["1:8 import-needs-name"]);
    assert_eq!(mistakes("if( 1 ) { sub f() { } f(); }"), ["1:11 misplaced-declaration"]);
}

#[test]
fn a_missing_semicolon_is_reported_in_its_own_line_and_costs_nothing_else() {
    let text = "$a = \"x\"\n$b = \"y\";\nif( $a ) { f() }\nbreak\n";
    assert_eq!(mistakes(text), ["1:8 missing-semicolon", "3:14 missing-semicolon", "4:5 missing-semicolon"]);
    assert_eq!(statements(&read(text).0.body), "(= $a \"x\") (= $b \"y\") (if $a {f()}) break");
    assert_eq!(mistakes("$a = \"x\"\n\"y\";"), ["2:1 syntax"]);
}

#[test]
fn each_mistake_is_reported_once_and_those_behind_it_are_found() {
    assert_eq!(
        mistakes("$a = ;\nif( $b = = 1 ) { f( ; } else { g( 1 2 ); }\n$c = 1;\n$d = * 2;"),
        ["1:6 syntax", "2:10 syntax", "2:21 syntax", "2:37 syntax", "4:6 syntax"]
    );
    assert_eq!(mistakes("for( $i = 0; $i < ; $i++ ) { f(); }\nfoo;"), ["1:19 syntax", "2:1 bare-name"]);
    assert_eq!(mistakes("$a = “x”;\n$b = 1;"), ["1:6 typographic-quote"]);
    assert_eq!(mistakes("f();\n}\ng();"), ["2:1 syntax"]);
    assert_eq!(mistakes("if( 1 ) { while( 1 ) { f();"), ["1:22 unclosed-block"]);
    assert_eq!(mistakes("else { }"), ["1:1 syntax"]);
    assert_eq!(
        mistakes("\"a\" = 1; f() = 2; $a++ = 1;"),
        ["1:1 not-a-variable", "1:10 not-a-variable", "1:22 missing-semicolon"]
    );
    assert_eq!(mistakes("$a = [ 1, 2 => 3 ];"), ["1:11 syntax"]);
    assert_eq!(mistakes("$a = \"x;\nf();"), ["1:6 unterminated-string"]);
    assert_eq!(mistakes("case 1: f();"), ["1:1 syntax"]);
    assert_eq!(mistakes("IF( 1 ) { f(); }"), ["1:1 keyword-case"]);
}

#[test]
fn other_spellings_of_else_if_are_read_with_a_warning() {
    let text = "if( 1 ) { } elseif( 2 ) { } elsif( 3 ) { }";
    assert_eq!(mistakes(text), ["1:13 else-if", "1:29 else-if"]);
    assert_eq!(statements(&read(text).0.body), "(if 1 {} 2 {} 3 {})");
}

#[test]
fn what_nests_without_end_is_refused_and_long_chains_are_bounded() {
    let deep = |open: &str, close: &str| format!("$a = {}1{};", open.repeat(15_000), close.repeat(15_000));
    for text in [
        deep("(", ")"),
        deep("[", "]"),
        deep("!", ""),
        deep("f(", ")"),
        deep("$a = ", ""),
        deep("1 ? ", " : 1"),
        deep("1 . ", ""),
        deep("$a[", "]"),
        deep("1 || 1 && 1 | 1 ^ 1 & 1 == 1 < 1 << 1 + 1 * (", ")"),
        "{".repeat(15_000),
        "if( 1 ) ".repeat(15_000),
        "do ".repeat(15_000),
        format!("$a{};", "[1]".repeat(15_000)),
    ] {
        let found = mistakes(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with("too-deep"), "{found:?}");
    }
    let chain = |links: usize| format!("$a = 1{};", " . 1".repeat(links));
    assert!(mistakes(&chain(usize::from(EXPRESSION_HEIGHT_MAX) - 2)).is_empty());
    assert!(
        mistakes(&format!("{}{}", "{".repeat(NESTING_MAX - 10), "}".repeat(NESTING_MAX - 10))).is_empty()
    );
    assert!(mistakes(&format!("if( 1 ) f();{}", " else if( 2 ) f();".repeat(5_000))).is_empty());
}

#[test]
fn a_rule_that_is_too_long_is_refused_and_reports_are_bounded() {
    assert_eq!(mistakes(&" ".repeat(super::RULE_BYTES_MAX + 1)), ["1:1 rule-too-long"]);
    assert!(mistakes(&"@ ; ".repeat(10_000)).len() <= super::DIAGNOSTICS_MAX);
    assert!(mistakes(&"\"\\d\"; ".repeat(10_000)).len() <= super::DIAGNOSTICS_MAX);
}

/// Pieces of the language in no order, which reach further than bytes alone do.
fn word() -> impl Strategy<Value = String> {
    let marks = Mark::ALL.iter().map(|mark| mark.text().to_owned());
    let keywords = Keyword::ALL.iter().map(|keyword| keyword.text().to_owned());
    let others = [
        "$a",
        "$1",
        "f(",
        "http.getHeader",
        "1",
        "2.5",
        "\"s\"",
        "'t",
        "# c\n",
        "\n",
        "# Do. $a = 1; ",
        ");",
    ];
    let all: Vec<String> = marks.chain(keywords).chain(others.map(str::to_owned)).collect();
    proptest::sample::select(all)
}

fn check_bounds(bytes: Vec<u8>) {
    let length = u32::try_from(bytes.len()).unwrap();
    let (ast, diagnostics) = read(bytes);
    let statements = ast.body.iter().map(|statement| statement.span);
    let labels = diagnostics.iter().flat_map(|diagnostic| diagnostic.labels.iter().map(|label| label.span));
    for span in statements.chain(labels).chain(ast.comments.iter().copied()) {
        assert!(span.start <= span.end && span.end <= length, "{span:?} of {length}");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_a_tree_and_spans_within_the_text(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check_bounds(bytes);
    }

    #[test]
    fn any_words_give_a_tree_and_spans_within_the_text(words in prop::collection::vec(word(), 0..120)) {
        check_bounds(words.join(" ").into_bytes());
    }

    #[test]
    fn a_text_cut_anywhere_is_refused_without_a_panic(at in 0_usize..400) {
        let text = "# c\n$a = [ \"k\" => f( 1, $b[ 2 ] ) ]; if( !$c = 1 && 2 ) { switch( $a, x.y ) { case 1, 2: \
            break; default: return 'a\\'b'; } } else for( $i = 0; $i < 3; $i++ ) { } sub q( $z ) { return $1 . \"\\x41\"; }";
        check_bounds(text.as_bytes()[..at.min(text.len())].to_vec());
    }
}
