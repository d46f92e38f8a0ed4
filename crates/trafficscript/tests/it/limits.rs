//! Rules that try to take more than their share: each meets a limit that has a name. Fuel is asserted, not time: an
//! instruction, and each unit of work that counts as one, is short.

use crate::kit::{Notes, compiled, notes, run_on};
use trafficscript::{FaultKind, RunLimits, Step};

const FUEL: FaultKind = FaultKind::OutOfFuel(100_000);
const MEMORY: FaultKind = FaultKind::OutOfMemory(64 << 20);

/// A megabyte of `a`, made cheaply: each doubling is charged once.
const MEGABYTE: &str = "$m = \"aaaaaaaaaaaaaaaa\"; for( $i = 0; $i < 16; $i++ ) $m = $m . $m;\n";

fn end(rule: &str) -> Result<(), FaultKind> {
    match run_on(&mut Notes::default(), rule, &RunLimits::default()) {
        Step::Finished => Ok(()),
        Step::Faulted(fault) => Err(fault.kind),
        Step::Suspended => panic!("{rule} waits"),
    }
}

/// A line so many times, `#` being the number from 0 on.
fn numbered(count: u32, line: &str) -> String {
    (0..count).map(|number| line.replace('#', &number.to_string())).collect()
}

fn mistakes(rule: &str) -> Vec<&'static str> {
    compiled(rule).diagnostics.iter().map(|diagnostic| diagnostic.id.0).collect()
}

#[test]
fn what_is_nested_too_deeply_is_refused_when_it_is_loaded() {
    for (open, inside, close) in
        [("(", "1", ")"), ("[ ", "1", " ]"), ("lang.max( ", "1", " )"), ("!", "1", ""), ("-", "1", "")]
    {
        let rule = format!("$a = {}{inside}{};", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(mistakes(&rule).len(), 1, "{open}");
    }
    for open in ["{", "if( 1 ) ", "while( 1 ) { ", "for( ;; ) ", "switch( 1 ) { case 1: ", "sub f() { "] {
        assert!(compiled(&open.repeat(50_000)).program.is_none(), "{open}");
    }
    assert!(compiled(&format!("$a = 1{};", " + 1".repeat(100_000))).program.is_none());
}

#[test]
fn a_rule_of_a_megabyte_is_loaded_or_refused_and_a_longer_one_refused() {
    let statement = "$total += 1; # a comment that makes the line longer\n";
    let long = statement.repeat((1 << 20) / statement.len());
    assert!(matches!(end(&long), Ok(()) | Err(FaultKind::OutOfFuel(_))));
    assert_eq!(mistakes(&" ".repeat((1 << 20) + 1)), ["rule-too-long"]);
    let constants = numbered(70_000, "$a = #;\n");
    assert!(mistakes(&constants).contains(&"rule-too-large"), "{:?}", &mistakes(&constants));
    let literal = format!("$a = \"{}\"; note( string.length( $a ) );", "x".repeat(1_000_000));
    assert_eq!(notes(&literal), ["1000000"]);
}

#[test]
fn a_thousand_variables_are_no_trouble_and_more_are_refused() {
    let thousand = numbered(999, "$v# = #;\n");
    assert_eq!(notes(&format!("{thousand}note( $v0 + $v998 );")), ["998"]);
    assert!(mistakes(&numbered(10_000, "$v# = #;\n")).contains(&"too-many-variables"));
    let deep = format!("f( 99 ); sub f( $n ) {{ if( $n ) f( $n - 1 ); return; {thousand} }}");
    assert_eq!(end(&deep), Ok(()));
    let again = format!("continue; {thousand}");
    assert_eq!(end(&again), Err(FUEL));
}

#[test]
fn recursion_ends_at_its_depth_whatever_it_hands_on() {
    assert_eq!(
        end("f( [ 1 ] ); sub f( $a ) { array.push( $a, 1 ); f( $a ); }"),
        Err(FaultKind::TooDeep(100))
    );
    assert_eq!(end("f(); sub f() { g(); } sub g() { f(); }"), Err(FaultKind::TooDeep(100)));
    assert_eq!(end("f( 30 ); sub f( $n ) { if( $n ) { f( $n - 1 ); f( $n - 1 ); } }"), Err(FUEL));
}

#[test]
fn long_strings_cost_fuel_wherever_they_are_read() {
    for work in [
        "$x = string.contains( $m, \"b\" );",
        "$x = $m == $n;",
        "$x = $m < $n;",
        "$x = $m + 1;",
        "$x = -$m;",
        "$x = ~$m;",
        "$m++; $m = $n;",
        "$x = $h[ $m ];",
        "$h[ $m ] = 1;",
        "$h[ $m ]++;",
        "switch( $m ) { case $n: $x = 1; }",
        "foreach( $x in $l ) array.contains( $l, $n );",
        "$x = array.contains( $l, $n );",
        "$x = string.regexmatch( $m, \"b\" );",
        "$x = string.regexmatch( $m, \"(a)(?=b)\" );",
    ] {
        // Two strings that are alike but not the same bytes, and a list that holds one of them a hundred times.
        let rule = format!(
            "{MEGABYTE} $n = string.left( $m, 1048575 ) . \"b\"; $h[ $m ] = 1;\n\
             for( $i = 0; $i < 100; $i++ ) $l[ $i ] = $m; $l = hash.values( $l );\n while( 1 ) {{ {work} }}"
        );
        let rule = rule.replace(
            "$l = hash.values( $l );",
            "$k = []; foreach( $e in hash.keys( $l ) ) array.push( $k, $m ); $l = $k;",
        );
        let got = end(&rule);
        assert!(
            matches!(got, Err(FaultKind::OutOfFuel(_) | FaultKind::OutOfMemory(_) | FaultKind::PatternSteps)),
            "{work}: {got:?}"
        );
    }
}

#[test]
fn copies_of_arrays_and_hashes_cost_fuel_before_they_are_made() {
    // A few names, thousands of copies: there would be memory for many more than there is time for.
    let nested =
        "$a = [ \"a\" => [ \"b\" => 1 ], \"c\" => 2 ]; while( 1 ) $a = [ \"a\" => $a, \"c\" => $a ];";
    assert_eq!(end(nested), Err(FUEL));
    assert_eq!(end("$a = [ 1 ]; while( 1 ) array.push( $a, $a );"), Err(FUEL));
    let large = "for( $i = 0; $i < 2000; $i++ ) $a[ \"name\" . $i ] = [ $i ]; ";
    for more in [
        "while( 1 ) $b = $a;",
        "while( 1 ) $1 = $a;",
        "while( 1 ) $b[ 0 ] = $a;",
        "while( 1 ) array.push( $c, $a );",
        "$c = [ $a ]; while( 1 ) array.copy( $c );",
        "array.create( 150, $a );",
    ] {
        let got = end(&format!("{large}$c = []; {more}"));
        assert_eq!(got, Err(FUEL), "{more}");
    }
    // An empty one has nothing to copy, but is made all the same.
    assert_eq!(end("array.create( 110000, [] );"), Err(FUEL));
}

#[test]
fn sorting_costs_fuel_by_what_is_compared() {
    let same = format!(
        "{MEGABYTE} $l = []; for( $i = 0; $i < 1000; $i++ ) array.push( $l, $m ); while( 1 ) array.sort( $l );"
    );
    assert_eq!(end(&same), Err(FUEL));
    let many = "$l = string.split( string.sprintf( \"%50000d\", 1 ), \"\" ); while( 1 ) array.sort( $l );";
    assert_eq!(end(many), Err(FUEL));
}

#[test]
fn a_switch_of_ten_thousand_cases_runs_within_its_fuel() {
    let cases = numbered(10_000, "case \"value#\": $a = #;\n");
    assert_eq!(notes(&format!("switch( \"value9999\" ) {{ {cases} }} note( $a );")), ["9999"]);
    let cases = cases.replace("value", "^v");
    assert_eq!(end(&format!("while( 1 ) switch( \"x\", string.regexmatch ) {{ {cases} }}")), Err(FUEL));
}

#[test]
fn an_array_that_grows_while_it_is_gone_over_does_not_prolong_the_loop() {
    assert_eq!(
        notes(
            "$a = [ 1, 2, 3 ]; foreach( $e in $a ) { array.push( $a, $e ); $n++; } note( $n, array.length( $a ) );"
        ),
        ["3,6"]
    );
    let growing = "$a = [ 1 ]; while( 1 ) foreach( $e in $a ) array.push( $a, $e );";
    assert!(matches!(end(growing), Err(FUEL | MEMORY)));
}

#[test]
fn concatenation_in_loops_ends_at_the_memory_limit() {
    for grow in [
        "$s = $s . $s;",
        "$s .= $s;",
        "$s = string.append( $s, $s );",
        "$s = string.replaceAll( $s, \"a\", \"aa\" );",
    ] {
        assert_eq!(
            end(&format!("$s = \"aaaaaaaaaaaaaaaaaaaaaaaa\"; while( 1 ) {grow}")),
            Err(MEMORY),
            "{grow}"
        );
    }
    assert!(matches!(end("while( 1 ) $s .= \"a\";"), Err(FUEL)));
    assert!(matches!(end("while( 1 ) $s = \"a\" . $s;"), Err(FUEL | MEMORY)));
}

#[test]
fn containers_cannot_hold_themselves_and_copies_are_counted() {
    assert_eq!(notes("$a = [ 0 ]; $a[ 0 ] = $a; $a[ 0 ][ 0 ] = 7; note( $a[ 0 ][ 0 ] );"), ["7"]);
    assert_eq!(
        notes(
            "$a = [ 0 ]; f( $a, $a ); note( array.length( $a ) ); sub f( $x, $y ) { $x[ 0 ] = $y; $y[ 0 ][ 0 ] = $x; }"
        ),
        ["1"]
    );
    for grow in ["$a[ 0 ] = $a;", "$h[ \"x\" ] = $h;", "$1 = [ $1 ];", "$a = [ $a ];"] {
        assert!(
            matches!(
                end(&format!("$a = [ 1 ]; $h[ 1 ] = 1; while( 1 ) {grow}")),
                Err(FaultKind::NestedTooDeep(100))
            ),
            "{grow}"
        );
    }
    for grow in ["$a = [ $a, $a ];", "array.push( $a, $a );", "$a = [ \"k\" => $a, \"l\" => $a ];"] {
        let got = end(&format!("$a = [ 1 ]; while( 1 ) {grow}"));
        assert!(matches!(got, Err(MEMORY | FUEL | FaultKind::NestedTooDeep(_))), "{grow}: {got:?}");
    }
}

#[test]
fn patterns_that_explode_are_faults_in_both_engines_and_never_a_stall() {
    let subject = "$s = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\";";
    // The linear engine does not mind.
    assert_eq!(end(&format!("{subject} string.regexmatch( $s, \"^(a+)+$\" );")), Ok(()));
    assert_eq!(end(&format!("{subject} string.regexmatch( $s, \"^(a|aa)*c\" );")), Ok(()));
    for pattern in ["^(?:a(?=a?)|a)*$", "^(a+)+\\\\1$", "^(?:(a)|a\\\\1?)*c$"] {
        let got = end(&format!("{subject} string.regexmatch( $s, \"{pattern}\" );"));
        assert!(matches!(got, Err(FaultKind::PatternSteps) | Ok(())), "{pattern}: {got:?}");
        let got = end(&format!("{subject} while( 1 ) string.regexmatch( $s, \"{pattern}\" );"));
        assert!(matches!(got, Err(FaultKind::PatternSteps | FaultKind::OutOfFuel(_))), "{pattern}: {got:?}");
    }
    for pattern in ["a{1000}{1000}", "(?:a{1,1000}){1,1000}", "((a{100}){100}){100}"] {
        assert!(compiled(&format!("string.regexmatch( $s, \"{pattern}\" );")).program.is_none(), "{pattern}");
    }
    let long = format!("string.regexmatch( $s, \"{}\" );", "a|".repeat(10_000));
    assert!(mistakes(&long).contains(&"bad-pattern"));
}

#[test]
fn many_patterns_that_are_put_together_while_running_cost_fuel() {
    assert_eq!(end("for( ;; $i++ ) string.regexmatch( \"x\", \"(x|\" . $i . \")+\" );"), Err(FUEL));
    assert_eq!(
        end("$s = \"b\"; while( 1 ) { $s .= \"|[ab]{50}\"; string.regexmatch( \"x\", $s ); }"),
        Err(FUEL)
    );
}

#[test]
fn a_mistake_is_told_in_one_line_whatever_names_the_rule_uses() {
    let compiled = compiled("import \"a\\nb\\033[2J\";");
    let told = compiled.diagnostics.first().unwrap().one_line();
    assert!(!told.contains(char::is_control) && told.contains("a\\nb"), "{told}");
}
