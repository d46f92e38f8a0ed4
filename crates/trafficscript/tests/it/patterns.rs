//! Regular expressions as rules use them.

use crate::kit::{notes, value};

#[test]
fn a_match_sets_the_captures_and_a_miss_leaves_them() {
    let rule = "$ok = string.regexmatch( \"k=v\", \"(k)(x)?=(.)\" ); note( $ok, $1, $2, $3 );\n\
                $ok = string.regexmatch( \"none\", \"(k)=\" ); note( $ok, $1 );";
    assert_eq!(notes(rule), ["1,k,,v", "0,k"]);
}

#[test]
fn captures_are_shared_by_a_rule_and_its_subs() {
    assert_eq!(notes("f(); note( $1, $9 ); sub f() { $1 = \"a\"; $9 = 2; }"), ["a,2"]);
}

#[test]
fn replacing_once_and_everywhere() {
    assert_eq!(value("string.regexsub( \"a1b2\", \"[0-9]\", \"<$0>\" )"), "a<$0>b2");
    assert_eq!(value("string.regexsub( \"a1b2\", \"([a-z])([0-9])\", \"$2$1\", \"g\" )"), "1a2b");
    assert_eq!(value("string.regexsub( \"AbaB\", \"b\", \"-\", \"gi\" )"), "A-a-");
    assert_eq!(value("string.regexsub( \"abc\", \"x*\", \"-\", \"g\" )"), "-a-b-c-");
    assert_eq!(value("string.regexsub( \"abc\", \"z\", \"-\", \"g\" )"), "abc");
    assert_eq!(value("string.regexsub( \"a/b\", \"/\", \"\", \"\" )"), "ab");
}

#[test]
fn patterns_and_flags_may_be_computed() {
    assert_eq!(value("string.regexmatch( \"ABC\", \"b\" . \"c\", string.lowercase( \"I\" ) )"), "1");
    let many =
        "for( $i = 0; $i < 200; $i++ ) { $n += string.regexmatch( $i, \"^\" . $i . \"$\" ); } note( $n );";
    assert_eq!(notes(many), ["200"]);
}
