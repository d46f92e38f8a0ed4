use super::{FormatError, WIDTH, format};
use crate::parser::parse_without_lints;
use proptest::prelude::*;
use source::Source;
use std::sync::Arc;

fn source(text: &[u8]) -> Arc<Source> {
    Arc::new(Source::new("r", text))
}

fn formatted(text: &str) -> String {
    let out = format(&source(text.as_bytes())).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let again = format(&source(&out)).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&out), "not stable: {text}");
    String::from_utf8(out).unwrap()
}

/// The tree without places: what differs when words are read otherwise.
fn tree(text: &[u8]) -> String {
    let (ast, _) = parse_without_lints(&source(text));
    let shown = std::format!("{:?}{:?}{:?}", ast.imports, ast.subs, ast.body);
    let mut out = String::new();
    let mut rest = shown.as_str();
    while let Some((before, behind)) = rest.split_once("Span {") {
        out.push_str(before);
        rest = behind.split_once('}').map_or("", |(_, behind)| behind);
    }
    out + rest
}

#[test]
fn the_layout_is_that_of_the_manual() {
    for (written, laid_out) in [
        ("", ""),
        ("$a=1;$b  =  $a.\"x\" ;", "$a = 1;\n$b = $a . \"x\";\n"),
        ("if($a){break;}else{f();}", "if( $a ) {\n   break;\n} else {\n   f();\n}\n"),
        ("if($a)f();\nelse if(!$b)\n g();\nelse{}", "if( $a ) f();\nelse if( !$b )\n   g();\nelse {}\n"),
        ("if($a){}elseif($b){}", "if( $a ) {} elseif( $b ) {}\n"),
        ("while($i<3)$i++;", "while( $i < 3 ) $i++;\n"),
        ("do{f();}while($a);do f();while($a);", "do {\n   f();\n} while( $a );\ndo f();\nwhile( $a );\n"),
        ("for($i=0;$i<3;$i++){f($i);}", "for( $i = 0; $i < 3; $i++ ) {\n   f( $i );\n}\n"),
        ("for(;;){break;}", "for( ; ; ) {\n   break;\n}\n"),
        ("foreach($e in f( ) ){g($e);}", "foreach( $e in f() ) {\n   g( $e );\n}\n"),
        (
            "switch($a,string.startsWith){case 1,2:f();break;case $b?1:2:default:g();}",
            "switch( $a, string.startsWith ) {\n   case 1, 2:\n      f();\n      break;\n   case $b ? 1 : 2:\n   \
             default: g();\n}\n",
        ),
        (
            "sub a.b($x,$y){return;}sub c(){return $1;}",
            "sub a.b( $x, $y ) {\n   return;\n}\nsub c() {\n   return $1;\n}\n",
        ),
        ("import \"a b\"  as c;import d ;", "import \"a b\" as c;\nimport d;\n"),
        (
            "$h=[\"a\"=>1,'b'=>[1,2],];$h[\"a\"][-1]=- -1;",
            "$h = [ \"a\" => 1, 'b' => [ 1, 2 ], ];\n$h[ \"a\" ][ -1 ] = - -1;\n",
        ),
        ("$f&&$h=g($f);$x=$a?$b=1:$c=2;", "$f && $h = g( $f );\n$x = $a ? $b = 1 : $c = 2;\n"),
        ("{;}{{f();}}", "{\n   ;\n}\n{\n   {\n      f();\n   }\n}\n"),
        (
            "$x=$i++ + ++$i- -1;",
            "$x = $i++ + ++$i - -1;
",
        ),
    ] {
        assert_eq!(formatted(written), laid_out, "{written}");
    }
}

#[test]
fn comments_stay_with_what_they_belong_to() {
    for text in [
        "# A rule.\n\n# Of two comments.\n$a = 1; # one\n\n# and\n$b = 2;\n# at the end\n",
        "if( $a ) { # why\n   # what\n   f();\n\n   # the end\n} # done\n# else\nelse { # not\n   g();\n}\n",
        "f(\n   1, # first\n   # second\n   2\n);\n",
        "$x = [\n   \"a\" => 1, # one\n\n   \"b\" => 2\n];\n",
        "switch( $a ) {\n   # one\n   case 1: f(); # 1\n   # two\n   case 2:\n      # nothing\n      # at all\n   default:\n      \
         g();\n      h();\n      # end\n}\n",
        "if( $a && # both\n   $b ) f();\n",
        "sub f( # none\n) {\n   # empty\n}\n",
        "return # what\n   1;\n",
        "if( $a ) break; # at once\n",
        "# only\n",
    ] {
        let comments = |text: &str| text.matches('#').count();
        let out = formatted(text);
        assert_eq!(comments(&out), comments(text), "{text}");
    }
    for text in [
        "# A rule.\n\n# Of two comments.\n$a = 1; # one\n\n# and\n$b = 2;\n# at the end\n",
        "if( $a ) break; # at once\n",
        "f(\n   1, # first\n   # second\n   2\n);\n",
    ] {
        assert_eq!(formatted(text), text);
    }
}

#[test]
fn single_blank_lines_are_kept_and_more_are_not() {
    assert_eq!(
        formatted("\n\n$a = 1;\n\n\n\n$b = 2;\n{\n\n$c = 3;\n\n}\n\n"),
        "$a = 1;\n\n$b = 2;\n{\n   $c = 3;\n}\n"
    );
}

#[test]
fn strings_are_kept_byte_for_byte() {
    let text = b"$a='one\r\n  two\\\n\tthree \xff' . \"\\x41 \\q\" ;\r\n";
    let out = format(&source(text)).unwrap();
    assert_eq!(out, b"$a = 'one\r\n  two\\\n\tthree \xff' . \"\\x41 \\q\";\n");
}

#[test]
fn long_lines_break_at_commas_and_operators() {
    let text = "http.sendResponse( \"503 Service Unavailable\", \"text/html\", \"<html><body>Try again</body></html>\", \
                \"Retry-After: 5\" );\nif( string.startsWith( http.getPath(), \"/one\" ) && $aaaaaaaaaaaaaaaaaaaaaaa || \
                $bbbbbbbbbbbbbbbbbbbbbbbb ) { f(); }\n$text = \"aaaaaaaaaaaaaaaaaaaaaaaaa\" . $b . \
                \"cccccccccccccccccccccccccccc\" . $d . \"eeeeeeeeeeeeeeeeeeeeeeee\" . $f;\n";
    let out = formatted(text);
    assert_eq!(
        out,
        "http.sendResponse(\n   \"503 Service Unavailable\",\n   \"text/html\",\n   \
         \"<html><body>Try again</body></html>\",\n   \"Retry-After: 5\"\n);\n\
         if(\n   string.startsWith( http.getPath(), \"/one\" ) && $aaaaaaaaaaaaaaaaaaaaaaa\n   || \
         $bbbbbbbbbbbbbbbbbbbbbbbb\n) {\n   f();\n}\n\
         $text = \"aaaaaaaaaaaaaaaaaaaaaaaaa\" . $b . \"cccccccccccccccccccccccccccc\" . $d\n   . \
         \"eeeeeeeeeeeeeeeeeeeeeeee\" . $f;\n"
    );
    assert!(out.lines().all(|line| line.chars().count() <= WIDTH));
}

/// The rules in the Markdown files of a folder, and of the folders in it.
fn rules_in(folder: &std::path::Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_dir() {
            rules_in(&path, found);
        } else if ending == "rts" {
            found.push(std::fs::read_to_string(&path).unwrap());
        } else if ending == "md" {
            let text = std::fs::read_to_string(&path).unwrap();
            let blocks = text.split("\n```rule ").skip(1);
            found.extend(
                blocks.filter_map(|block| Some(block.split_once('\n')?.1.split_once("```")?.0.to_owned())),
            );
        }
    }
}

#[test]
fn all_rules_of_the_specification_keep_their_trees() {
    let mut rules = Vec::new();
    for folder in ["spec", "docs/manual", "../shared/seeds"] {
        rules_in(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder), &mut rules);
    }
    let right: Vec<&String> = rules.iter().filter(|rule| format(&source(rule.as_bytes())).is_ok()).collect();
    assert!(right.len() > 100 && right.len() * 10 > rules.len() * 8, "{} of {}", right.len(), rules.len());
    for rule in right {
        assert_eq!(tree(formatted(rule).as_bytes()), tree(rule.as_bytes()), "{rule}");
    }
}

#[test]
fn what_is_no_rule_is_left_alone() {
    let Err(FormatError::Mistakes(mistakes)) = format(&source(b"if( $a { f(); }\n")) else {
        panic!("it has a mistake")
    };
    assert_eq!(mistakes[0].id.0, "syntax");
}

#[test]
fn a_huge_rule_is_laid_out_in_bounded_time() {
    let deep = std::format!("$a = {}1{};\n", "f( ".repeat(70), " )".repeat(70));
    let long = std::format!("$a = 1{};\n", " . $b".repeat(400));
    assert!(formatted(&std::format!("{deep}{long}").repeat(60)).len() > 100_000);
    let out = format(&source(deep.repeat(300).as_bytes()));
    assert!(matches!(out, Err(FormatError::TooLong)), "it was shorter before");
}

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "$a",
        "$b",
        "=",
        ".=",
        "==",
        "+",
        "-",
        ".",
        "*",
        "&&",
        "||",
        "!",
        "?",
        ":",
        "++",
        "--",
        "f(",
        "g(",
        "(",
        ")",
        "[",
        "]",
        ",",
        "=>",
        ";",
        "{",
        "}",
        "if(",
        "else",
        "elseif(",
        "while(",
        "do",
        "for(",
        "foreach( $a in",
        "switch(",
        "case",
        "default",
        ":",
        "break;",
        "return",
        "continue;",
        "sub f(",
        "import",
        "as",
        "1",
        "2.5",
        "\"s\"",
        "'x\ny'",
        "true",
        "# c\n",
        "\n",
        "\n\n",
        "# d\n",
    ])
}

/// Programs that are mostly right.
fn program() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "$a",
        "$1",
        "1",
        "2.5",
        "\"text\"",
        "'two\nlines'",
        "true",
        "f()",
        "$a[ 0 ]",
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
    ])
    .prop_map(str::to_owned);
    let expression = leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop::sample::select(vec!["+", "-", ".", "&&", "||", "==", "<", "*", "|", "# c\n."]),
                inner.clone()
            )
                .prop_map(|(left, operator, right)| std::format!("{left}{operator} {right}")),
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| std::format!("g({})", items.join(","))),
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| std::format!("[\n{}]", items.join(", # c\n"))),
            (inner.clone(), inner.clone()).prop_map(|(key, value)| std::format!("[{key}=>{value},]")),
            inner.clone().prop_map(|value| std::format!("-( {value})")),
            inner.clone().prop_map(|value| std::format!("!{value}")),
            inner.clone().prop_map(|value| std::format!("- - {value}")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| std::format!("({a}?{b}:{c})")),
            inner.prop_map(|value| std::format!("$b = {value}")),
        ]
    });
    let value = expression.clone();
    let simple = prop_oneof![
        expression.prop_map(|value| std::format!("{value};")),
        Just("break;".to_owned()),
        Just(";".to_owned()),
        Just("return;".to_owned()),
        Just("# comment\n$a++;".to_owned()),
        Just("\n\n$a = 1; # behind\n".to_owned()),
    ];
    let statement = simple.prop_recursive(4, 30, 3, move |inner| {
        let body = prop::collection::vec(inner.clone(), 0..3)
            .prop_map(|body| std::format!("{{{}# end\n}}", body.join(" ")));
        prop_oneof![
            (value.clone(), body.clone()).prop_map(|(value, body)| std::format!("if({value}){body}")),
            (value.clone(), body.clone(), inner.clone())
                .prop_map(|(value, body, other)| std::format!("if({value}){body}else {other}")),
            (value.clone(), inner.clone()).prop_map(|(value, body)| std::format!("while({value}){body}")),
            (value.clone(), inner.clone()).prop_map(|(value, body)| std::format!("if({value})\n{body}")),
            (value.clone(), inner.clone())
                .prop_map(|(value, body)| std::format!("do {body} while({value});")),
            (value.clone(), body.clone())
                .prop_map(|(value, body)| std::format!("foreach($e in {value}){body}")),
            (value.clone(), body.clone())
                .prop_map(|(value, body)| std::format!("for($i={value};;$i++){body}")),
            (value.clone(), inner.clone(), inner.clone()).prop_map(|(value, one, other)| std::format!(
                "switch({value}){{case 1,{value}:{one} # c\ncase 2: default:{other}}}"
            )),
            body,
        ]
    });
    prop::collection::vec(statement, 0..5).prop_map(|statements| statements.join("\n"))
}

proptest! {
    #[test]
    fn layout_changes_no_tree_and_is_stable(text in program()) {
        let out = format(&source(text.as_bytes()));
        if let Ok(out) = out {
            prop_assert_eq!(tree(&out), tree(text.as_bytes()));
            let again = format(&source(&out)).unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&out));
        } else {
            prop_assert!(matches!(out, Err(FormatError::Mistakes(_))), "{}", text);
        }
    }

    #[test]
    fn whatever_parses_is_laid_out(words in prop::collection::vec(word(), 0..40)) {
        let text = words.join(" ");
        match format(&source(text.as_bytes())) {
            Ok(out) => {
                let again = format(&source(&out)).unwrap();
                prop_assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&out));
            }
            Err(FormatError::Mistakes(_)) => {}
            Err(other) => prop_assert!(false, "{:?}: {}", other, text),
        }
    }
}
