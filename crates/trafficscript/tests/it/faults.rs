//! Everything has a limit, and running out ends the rule, at its place.

use crate::kit::{Notes, compiled, run_on};
use trafficscript::{Fault, FaultKind, RunLimits, Step};

fn fault(text: &str) -> Fault {
    match run_on(&mut Notes::default(), text, &RunLimits::default()) {
        Step::Faulted(fault) => fault,
        step => panic!("{text}: {step:?}"),
    }
}

#[test]
fn endless_loops_and_recursion_end() {
    assert_eq!(fault("while( 1 ) { }").kind, FaultKind::OutOfFuel(100_000));
    assert_eq!(fault("continue;").kind, FaultKind::OutOfFuel(100_000));
    assert_eq!(fault("f(); sub f() { f(); }").kind, FaultKind::TooDeep(100));
}

#[test]
fn memory_is_bounded_however_it_is_made() {
    for text in [
        "$a = \"0123456789012345678901234567890\"; while( 1 ) $a = $a . $a;",
        "$a = \"0123456789012345678901234567890\"; while( 1 ) $a .= $a;",
        "$a = string.sprintf( \"%4000d\", 1 ); while( 1 ) $a = string.replaceAll( $a, \" \", $a );",
        "$a = string.sprintf( \"%4000d\", 1 ); while( 1 ) $a = string.regexsub( $a, \" \", $a, \"g\" );",
        "$a = string.sprintf( \"%4000d\", 1 ); while( 1 ) $a = string.append( $a, $a );",
        "$a = string.sprintf( \"%4000d\", 1 ); for( ;; ) { $b = string.split( $a, \"\" ); $a = array.join( $b, $a ); }",
    ] {
        assert_eq!(fault(text).kind, FaultKind::OutOfMemory(64 << 20), "{text}");
    }
    assert_eq!(fault("while( 1 ) $a = [ $a ];").kind, FaultKind::NestedTooDeep(100));
}

#[test]
fn work_on_long_strings_costs_fuel() {
    let text =
        "$a = \"a\"; for( $i = 0; $i < 22; $i++ ) $a = $a . $a; while( 1 ) string.contains( $a, \"b\" );";
    assert_eq!(fault(text).kind, FaultKind::OutOfFuel(100_000));
}

#[test]
fn going_over_a_long_array_costs_fuel() {
    // 3,000 elements are 187 beyond the few of the loop itself; 600 rounds would need less than 100,000 without.
    let text = "$a = string.split( string.sprintf( \"%3000d\", 1 ), \"\" );\n\
                for( $i = 0; $i < 600; $i++ ) foreach( $b in $a ) break;";
    assert_eq!(fault(text).kind, FaultKind::OutOfFuel(100_000));
}

#[test]
fn a_failed_assertion_says_what_and_where() {
    let fault = fault("$a = 1;\n  lang.assert( $a == 2, \"two\" );");
    assert_eq!(fault.kind, FaultKind::Assertion("two".to_owned()));
    assert!(fault.to_string().starts_with("rule.rts:2:3: assertion failed: two"), "{fault}");
}

#[test]
fn odd_things_are_warned_of_at_their_line_and_the_rule_goes_on() {
    let mut host = Notes::default();
    let rule = "$a = [ 1 ];\n$a[ 5 ] = 1;\n$b = 1 / 0;\n$c = $a . \"\";\n$d = $a[ 9 ];\narray.push( 1, 2 );\nnote( $b, array.length( $a ) );";
    let step = run_on(&mut host, rule, &RunLimits::default());
    assert!(matches!(step, Step::Finished));
    assert_eq!(host.done, ["note 0,1"]);
    let lines: Vec<&str> = host.warnings.iter().map(|warning| &warning[..10]).collect();
    assert_eq!(lines, ["rule.rts:2", "rule.rts:3", "rule.rts:4", "rule.rts:5", "rule.rts:6"]);
}

#[test]
fn a_wrong_literal_pattern_is_a_mistake_of_the_rule_and_too_many_steps_are_a_fault() {
    let compiled = compiled("string.regexmatch( $a, \"(\" );");
    assert!(compiled.program.is_none());
    let diagnostic = compiled.diagnostics.iter().find(|diagnostic| diagnostic.id.0 == "bad-pattern").unwrap();
    assert_eq!(diagnostic.labels[0].span, source::Span::new(23, 26));
    let steps =
        "$s = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"; string.regexmatch( $s, \"^(?:a(?=a?)|a)*$\" );";
    assert_eq!(fault(steps).kind, FaultKind::PatternSteps);
}

#[test]
fn many_hard_searches_end_as_one_does() {
    let limits = RunLimits { instructions_max: 1_000, ..RunLimits::default() };
    for rule in [
        "$s = \"aaaaaab\"; while( 1 ) { string.regexmatch( $s, \"^(?:a(?=a?)|a)*$\" ); }",
        "$s = \"a\"; for( $i = 0; $i < 18; $i++ ) $s .= $s; string.regexsub( $s, \".*[^a]|a\", \"\", \"g\" );",
    ] {
        let step = run_on(&mut Notes::default(), rule, &limits);
        assert!(
            matches!(&step, Step::Faulted(fault) if fault.kind == FaultKind::OutOfFuel(1_000)),
            "{step:?}"
        );
    }
}

#[test]
fn the_longest_chains_and_the_deepest_brackets_compile_and_run() {
    let chain = format!("$a = $b{};", " . \"x\"".repeat(450));
    let right = format!("{}1;", "$a = ".repeat(70));
    let nested = format!("$a = {}1{};", "( $b + ".repeat(70), " )".repeat(70));
    let calls = format!("$a = {}1{};", "string.append( $b, ".repeat(70), " )".repeat(70));
    for rule in [chain, right, nested, calls] {
        let step = run_on(&mut Notes::default(), &rule, &RunLimits::default());
        assert!(matches!(step, Step::Finished), "{step:?}");
    }
}
