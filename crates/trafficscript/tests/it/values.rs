//! Values, containers, references and copies.

use crate::kit::{notes, value};

#[test]
fn the_arithmetic_of_the_guide() {
    for (expression, result) in [
        ("1 + 1/2 + 0.25", "1.75"),
        ("4/2", "2"),
        ("\"10, 2.71828\" + 4", "14"),
        ("7 % 3", "1"),
        ("\"n=\" . 1 . 2", "n=12"),
        ("\"9\" < \"10\"", "0"),
        ("\"9\" < 10", "1"),
        ("\"abc\" == 0", "1"),
        ("\"3.75\" == 4", "1"),
        ("!\"0\"", "0"),
        ("$undefined . \"x\"", "x"),
        ("$undefined + 1", "1"),
        ("2 && \"a\"", "1"),
    ] {
        assert_eq!(value(expression), result, "{expression}");
    }
}

#[test]
fn an_assignment_is_an_expression() {
    assert_eq!(notes("if( $a = \"x\" ) note( $a ); if( !$b = \"\" ) note( \"no\" );"), ["x", "no"]);
    assert_eq!(notes("$a = $b = 2; $a += $b += 3; note( $a, $b );"), ["7,5"]);
    assert_eq!(notes("$i = 5; $i = $i++; note( $i ); $i = ++$i; note( $i );"), ["5", "6"]);
    assert_eq!(notes("$a = 1; note( $a . ( $a = 2 ) . $a );"), ["122"]);
}

#[test]
fn assignment_copies_and_a_sub_gets_the_container_itself() {
    let rule = "$a = [ 1, [ 2 ] ]; $b = $a; $b[ 1 ][ 0 ] = 9; note( $a[ 1 ][ 0 ], $b[ 1 ][ 0 ] );\n\
                add( $a ); note( array.length( $a ), array.length( $b ) );\n\
                rebind( $a ); note( array.length( $a ) );\n\
                sub add( $set ) { array.push( $set, 3 ); }\n\
                sub rebind( $set ) { $set = []; array.push( $set, 1 ); }";
    assert_eq!(notes(rule), ["2,9", "3,2", "3"]);
}

#[test]
fn a_container_never_holds_itself() {
    assert_eq!(
        notes(
            "$a = [ 1 ]; array.push( $a, $a ); $a[ 0 ] = $a; note( $a[ 0 ][ 1 ][ 0 ], array.length( $a ) );"
        ),
        ["1,2"]
    );
    assert_eq!(
        notes("$h[ \"x\" ] = 1; $h[ \"h\" ] = $h; note( hash.count( $h ), hash.count( $h[ \"h\" ] ) );"),
        ["2,1"]
    );
}

#[test]
fn hashes_grow_out_of_nothing_and_keep_their_order() {
    let rule = "$ips[ \"b\" ][ \"n\" ]++; $ips[ \"a\" ] = 1; $ips[ \"b\" ][ \"n\" ] += 2;\n\
                foreach( $k in hash.keys( $ips ) ) note( $k ); note( $ips[ \"b\" ][ \"n\" ], $ips[ \"none\" ] );";
    assert_eq!(notes(rule), ["b", "a", "3,"]);
}

#[test]
fn foreach_goes_over_a_snapshot() {
    let rule = "$a = [ 1, 2 ]; foreach( $e in $a ) { array.push( $a, $e ); note( $e ); } note( array.length( $a ) );";
    assert_eq!(notes(rule), ["1", "2", "4"]);
}

#[test]
fn a_switch_runs_the_first_match_only_and_may_compare_with_a_function() {
    let rule = "foreach( $p in [ \"/a/x\", \"/b\", \"/c\" ] ) {\n\
                  switch( $p, string.startsWith ) { case \"/a\", \"/x\": note( \"a\" ); case \"/b\": break; note( 0 ); default: note( \"d\" ); }\n\
                }";
    assert_eq!(notes(rule), ["a", "d"]);
}

#[test]
fn loops_break_and_continue() {
    let rule = "for( $i = 0; $i < 9; $i++ ) { if( $i == 1 ) continue; if( $i == 3 ) break; note( $i ); }\n\
                do { $n++; if( $n == 2 ) continue; note( $n ); } while( $n < 3 );\n\
                while( $w < 2 ) note( \"w\" . $w++ );";
    assert_eq!(notes(rule), ["0", "2", "1", "3", "w0", "w1"]);
}

#[test]
fn long_strings_are_shared_and_built_in_place() {
    let rule = "for( $i = 0; $i < 2000; $i++ ) { $s .= \"0123456789\"; } $t = $s; $t .= \"!\";\n\
                note( string.length( $s ), string.length( $t ), string.right( $t, 2 ) );";
    assert_eq!(notes(rule), ["20000,20001,9!"]);
}
