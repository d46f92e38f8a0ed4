//! A rule stops in the middle of a line and goes on behind the call.

use crate::kit::{Notes, builtins, notes, program};
use trafficscript::{FaultKind, Run, RunLimits, Step, Value};

#[test]
fn the_answer_is_the_value_of_the_call_that_waited() {
    let program = program(
        "$n = 1; $r = f( $n ) . rate.use( \"b\" ) . $n; note( $r ); sub f( $x ) { return rate.use( $x ) + 1; }",
    );
    let (builtins, mut host) = (builtins(), Notes::default());
    let mut run = Run::new(program, &RunLimits::default());
    assert!(matches!(run.resume(&builtins, &mut host, None), Step::Suspended));
    assert_eq!(host.done, ["rate 1"]);
    assert!(matches!(run.resume(&builtins, &mut host, Some(Value::from(41))), Step::Suspended));
    assert!(matches!(run.resume(&builtins, &mut host, Some(Value::from("text"))), Step::Finished));
    assert_eq!(host.done, ["rate 1", "rate b", "note 42text1"]);
    assert!(matches!(run.resume(&builtins, &mut host, None), Step::Finished), "over is over");
    assert_eq!(host.done.len(), 3);
}

#[test]
fn a_waited_answer_can_be_more_than_one_value() {
    let program = program("$1 = \"own\"; note( rate.use( \"b\" ) . $1 . $4 );");
    let (builtins, mut host) = (builtins(), Notes::default());
    let mut run = Run::new(program, &RunLimits::default());
    assert!(matches!(run.resume(&builtins, &mut host, None), Step::Suspended));
    run.captures().set(1, 200);
    run.captures().set(4, " OK");
    assert!(matches!(run.resume(&builtins, &mut host, Some(Value::from("body"))), Step::Finished));
    assert_eq!(host.done, ["rate b", "note body200 OK"]);
}

#[test]
fn what_a_host_puts_into_captures_counts_as_memory() {
    let program = program("$a = []; for( ;; ) { rate.use( 1 ); array.push( $a, $3 ); }");
    let (builtins, mut host) = (builtins(), Notes::default());
    let limits = RunLimits { memory_bytes_max: 1 << 20, ..RunLimits::default() };
    let mut run = Run::new(program, &limits);
    let mut waits = 0;
    let last = loop {
        match run.resume(&builtins, &mut host, None) {
            Step::Suspended => run.captures().set(3, vec![b'x'; 100_000]),
            step => break step,
        }
        waits += 1;
    };
    assert_eq!(waits, 11, "ten fit into the bound");
    assert!(matches!(last, Step::Faulted(fault) if matches!(fault.kind, FaultKind::OutOfMemory(_))));
}

#[test]
fn a_wait_gives_back_the_fuel_and_the_count_goes_on() {
    let program = program("for( $i = 0; $i < 30; $i++ ) rate.use( $i );");
    let limits = RunLimits { instructions_max: 12, ..RunLimits::default() };
    let (builtins, mut host) = (builtins(), Notes::default());
    let mut run = Run::new(program, &limits);
    let mut waits = 0;
    while let Step::Suspended = run.resume(&builtins, &mut host, Some(Value::from(1))) {
        waits += 1;
    }
    assert_eq!((waits, host.done.len()), (30, 30));
    assert!(run.instructions() > 100);
}

#[test]
fn two_runs_of_one_program_do_not_know_each_other() {
    let program = program("$n = http.getHeader( \"x\" ); rate.use( $n ); note( $n );");
    let builtins = builtins();
    let mut hosts = ["a", "b"].map(|referer| Notes { referer: referer.into(), ..Notes::default() });
    let mut runs = [0, 1].map(|_| Run::new(program.clone(), &RunLimits::default()));
    for _ in 0..2 {
        for (run, host) in runs.iter_mut().zip(&mut hosts) {
            let _ = run.resume(&builtins, host, None);
        }
    }
    assert_eq!(hosts[0].done, ["rate a", "note a"]);
    assert_eq!(hosts[1].done, ["rate b", "note b"]);
}

#[test]
fn a_function_may_end_the_rule_also_from_within_a_sub_and_a_loop() {
    let rule = "while( 1 ) { f(); } sub f() { for( ;; ) { http.sendResponse( 1 ); note( 2 ); } }";
    assert_eq!(notes(rule), ["send 1"]);
    assert_eq!(notes("note( 1 ); f(); note( 2 ); sub f() { break; }"), ["1"]);
    assert_eq!(notes("note( 1 ); return; note( 2 );"), ["1"]);
}

#[test]
fn continue_outside_a_loop_begins_again_with_empty_variables() {
    let rule = "note( \"[\" . $a . \"]\" ); $1 = $1 + 1; $a = 5; if( $1 < 3 ) continue; note( \"end\" );";
    assert_eq!(notes(rule), ["[]", "[]", "[]", "end"]);
}
