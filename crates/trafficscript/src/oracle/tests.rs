#![cfg(test)]
use super::{Oracle, writer::Writer};
use crate::builtin::{Answer, Builtin, Builtins, Effect, Example, Host, Kind, Param, Stages};
use crate::call::{Call, Scratch};
use crate::check::{CheckOptions, Libraries, check};
use crate::compile::Table;
use crate::parser::parse;
use crate::{CompileOptions, FaultKind, Run, RunLimits, Step, Value, Warning, compile};
use proptest::prelude::*;
use source::{Source, render_human};
use std::sync::{Arc, LazyLock};

/// Writes down all that happens.
#[derive(Default)]
struct Witness {
    log: Vec<String>,
    waits: i64,
}

impl Host for Witness {
    fn warn(&mut self, warning: Warning) {
        self.log.push(format!("warning: {}", warning.text));
    }

    fn random(&mut self, out: &mut [u8]) {
        out.fill(0x55);
    }
}

impl Witness {
    fn answer(&mut self) -> Value {
        self.waits += 1;
        Value::from(self.waits)
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.borrow().iter().map(shown).collect::<Vec<_>>().join(","))
        }
        Value::Hash(table) => {
            let table = table.borrow();
            let pairs: Vec<String> =
                table.iter().map(|(key, value)| format!("{key}=>{}", shown(value))).collect();
            format!("{{{}}}", pairs.join(","))
        }
        Value::String(text) => format!("{text:?}"),
        other => format!("{} {}", other.kind_name(), other.to_text()),
    }
}

fn note(call: &mut Call<'_, Witness>) {
    let line: Vec<String> = call.arguments().iter().map(shown).collect();
    call.host.log.push(line.join(" "));
}

static BUILTINS: LazyLock<Builtins<Witness>> = LazyLock::new(builtins);

fn builtins() -> Builtins<Witness> {
    const ANY: &[Param] = &[Param::any("values", "What is noted.").repeated()];
    let row = |name, call: fn(&mut Call<'_, Witness>) -> Answer| Builtin {
        name,
        summary: "",
        params: ANY,
        returns: Kind::Any,
        stages: Stages::ALL,
        effect: Effect::Waits,
        examples: &[Example { rule: "", given: "", gives: "" }],
        doc: "",
        call,
    };
    Builtins::new([
        row("note", |call| {
            note(call);
            Answer::Value(call.argument(0).cloned().unwrap_or_default())
        }),
        row("wait", |call| {
            note(call);
            Answer::Wait
        }),
        row("stop", |_| Answer::EndRule),
    ])
    .unwrap()
}

struct NoLibraries;

impl Libraries for NoLibraries {
    fn rule(&self, _: &str) -> Option<Arc<Source>> {
        None
    }
}

const LIMITS: RunLimits =
    RunLimits { instructions_max: 3_000, memory_bytes_max: 1 << 20, sub_depth_max: 20, strict: false };

/// Limits that the two count differently: the machine may copy where the oracle moves.
fn is_of_measure(kind: &FaultKind) -> bool {
    matches!(kind, FaultKind::OutOfFuel(_) | FaultKind::OutOfMemory(_) | FaultKind::NestedTooDeep(_))
}

/// What the machine and the oracle make of a rule; `None` where one of them ran out of its own measure of steps.
fn both(text: &str) -> Option<(Vec<String>, Vec<String>)> {
    let builtins = &*BUILTINS;
    let source = Arc::new(Source::new("rule", text));
    let compiled = compile(&source, builtins, &CompileOptions::new(Stages::ALL));
    let program =
        compiled.program.unwrap_or_else(|| panic!("{}", render_human(&compiled.diagnostics, false)));
    let mut machine = Witness::default();
    let mut run = Run::new(Arc::clone(&program), &LIMITS);
    let mut answer = None;
    let fault = loop {
        match run.resume(builtins, &mut machine, answer.take()) {
            Step::Suspended if machine.waits > 50 => return None,
            Step::Suspended => answer = Some(machine.answer()),
            Step::Finished => break None,
            Step::Faulted(fault) if is_of_measure(&fault.kind) => return None,
            Step::Faulted(fault) => break Some(fault.kind),
        }
    };
    machine.log.push(format!("{fault:?}"));
    machine.log.extend((1..=9).map(|number| shown(&run.capture(number))));

    let (ast, _) = parse(&source);
    let options = CheckOptions { stages: u32::MAX, libraries: &NoLibraries };
    let (checked, _) = check(ast, &Table(builtins), options);
    let mut walker = Witness::default();
    let mut oracle = Oracle {
        checked: &checked,
        builtins,
        host: &mut walker,
        scratch: Scratch::new(&RunLimits { memory_bytes_max: 1 << 30, ..LIMITS }),
        program: &program,
        answer: Witness::answer,
        steps_left: 300_000,
        depth: 0,
    };
    let fault = oracle.run().err();
    if fault.as_ref().is_some_and(is_of_measure) {
        return None;
    }
    let captures: Vec<String> = (1..=9).map(|number| shown(&oracle.scratch.captures.value(number))).collect();
    walker.log.push(format!("{fault:?}"));
    walker.log.extend(captures);
    Some((machine.log, walker.log))
}

fn choice(words: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    proptest::sample::select(words.to_vec()).prop_map(str::to_owned)
}

fn place() -> impl Strategy<Value = String> {
    choice(&[
        "$a",
        "$b",
        "$c",
        "$a",
        "$1",
        "$a[ 0 ]",
        "$b[ \"k\" ]",
        "$b[ $c ]",
        "$a[ -1 ][ \"x\" ]",
        "$1[ \"y\" ]",
        "$b[ $a ][ 1 ]",
    ])
}

fn variable() -> impl Strategy<Value = String> {
    choice(&["$a", "$b", "$c"])
}

fn key() -> impl Strategy<Value = String> {
    choice(&["0", "\"k\"", "-1", "$c", "1 ][ \"k\""])
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        choice(&["0", "1", "2", "-3", "1.5", "\"\"", "\"k\"", "\"2x\"", "\"3.75\"", "true", "[]"]),
        place(),
        place(),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let e = inner.clone();
        prop_oneof![
            (
                e.clone(),
                choice(&["+", "-", "*", "/", "%", ".", "==", "!=", "<", ">=", "&&", "||", "&", "<<"]),
                e.clone()
            )
                .prop_map(|(left, operator, right)| format!("( {left} {operator} {right} )")),
            (choice(&["!", "-", "~"]), e.clone())
                .prop_map(|(operator, operand)| format!("{operator}( {operand} )")),
            (place(), choice(&["=", "=", "+=", ".=", "-="]), e.clone())
                .prop_map(|(place, operator, value)| format!("( {place} {operator} {value} )")),
            (choice(&["{}++", "{}--", "++{}", "--{}"]), place())
                .prop_map(|(step, place)| format!("( {} )", step.replace("{}", &place))),
            (e.clone(), e.clone(), e.clone()).prop_map(|(c, yes, no)| format!("( {c} ? {yes} : {no} )")),
            (e.clone(), e.clone()).prop_map(|(first, second)| format!("[ {first}, {second} ]")),
            (e.clone(), e.clone()).prop_map(|(first, second)| format!("[ \"k\" => {first}, 1 => {second} ]")),
            (choice(&["note", "wait", "one", "lang.toString"]), e.clone())
                .prop_map(|(function, value)| format!("{function}( {value} )")),
            (choice(&["one", "hash.keys", "array.pop", "array.length", "string.length"]), place())
                .prop_map(|(function, place)| format!("{function}( {place} )")),
            (e.clone(), choice(&["\"(k)|(2)x\"", "\"([^a-k])\"", "\"(.)(.)?(.)?\""]))
                .prop_map(|(text, pattern)| format!("string.regexmatch( {text}, {pattern} )")),
            (place(), e.clone(), e.clone())
                .prop_map(|(place, one, two)| { format!("( {place} = {one} ) . ( {place} .= {two} )") }),
            (choice(&["two", "array.push", "lang.max"]), e.clone(), e.clone())
                .prop_map(|(function, first, second)| format!("{function}( {first}, {second} )")),
            (e.clone(), e.clone()).prop_map(|(base, index)| format!("note( {base} )[ {index} ]")),
        ]
    })
}

fn statement() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        8 => expression().prop_map(|value| format!("note( {value}, $a, $b, $c, $1 );")),
        8 => (place(), choice(&["=", "=", "=", ".=", "+="]), expression())
            .prop_map(|(place, operator, value)| format!("{place} {operator} {value};")),
        4 => expression().prop_map(|value| format!("{value};")),
        4 => (variable(), variable(), key(), expression()).prop_map(|(to, from, key, value)| {
            format!("{to} = {from}; {to}[ {key} ] = {value}; note( $a, $b, $c );")
        }),
        2 => (variable(), choice(&["{}++", "--{}", "{} += 2", "{}[ 0 ]++", "( {} = {} . 1 ) . {}", "{} . ( {} = 7 ) . {}"]))
            .prop_map(|(to, step)| format!("{to} = {}; note( {to} );", step.replace("{}", &to))),
        1 => choice(&["break;", "continue;", "return;", "stop();"]),
        1 => expression().prop_map(|value| format!("return {value};")),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let body =
            proptest::collection::vec(inner, 1..3).prop_map(|list| format!("{{ {} }}", list.join(" ")));
        prop_oneof![
            (expression(), body.clone(), body.clone())
                .prop_map(|(condition, yes, no)| format!("if( {condition} ) {yes} else {no}")),
            body.clone().prop_map(|body| format!("for( $i = 0; $i < 3; $i++ ) {body}")),
            (expression(), body.clone()).prop_map(|(value, body)| format!("foreach( $c in {value} ) {body}")),
            (variable(), body.clone())
                .prop_map(|(list, body)| format!("foreach( $e in {list} ) {{ {list}[ 0 ] = $e; {body} }}")),
            (expression(), expression(), body.clone()).prop_map(|(subject, value, yes)| {
                format!("switch( {subject}, string.startsWith ) {{ case {value}, \"k\": {yes} }}")
            }),
            body.clone().prop_map(|body| format!("do {body} while( $j++ < 2 );")),
            (expression(), body.clone())
                .prop_map(|(value, body)| format!("while( {value} && $j++ < 4 ) {body}")),
            (expression(), expression(), body.clone(), body.clone()).prop_map(|(subject, value, yes, no)| {
                format!("switch( {subject} ) {{ case {value}, 1: {yes} default: {no} }}")
            }),
            (expression(), expression(), body.clone()).prop_map(|(subject, value, yes)| {
                format!("switch( {subject}, two ) {{ case {value}: {yes} case \"k\": note( \"k\" ); }}")
            }),
        ]
    })
}

fn rule() -> impl Strategy<Value = String> {
    let body = |least| proptest::collection::vec(statement(), least..5).prop_map(|list| list.join("\n"));
    (body(1), body(0), body(0)).prop_map(|(body, one, two)| {
        format!(
            "$a = [ 1, [ 2 ] ]; $b = [ \"k\" => 1, 1 => [] ]; $c = 1;\n{body}\nnote( $a, $b, $c );\nsub one( $a ) {{ {one} return $a; }}\nsub two( $a, $b ) {{ {two} }}"
        )
    })
}

/// How many programs are compared, unless `PROPTEST_CASES` says so: each takes its time in a build that is not
/// optimized.
fn cases(few: u32) -> u32 {
    let said = ProptestConfig::default().cases;
    if said == DEFAULT_CASES { few } else { said }
}

const DEFAULT_CASES: u32 = 256;

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(100).min(10_000), ..ProptestConfig::default() })]

    #[test]
    fn the_machine_does_what_the_tree_says(text in rule()) {
        if let Some((machine, oracle)) = both(&text) {
            prop_assert_eq!(machine, oracle, "{}", text);
        }
    }
}

#[test]
fn the_machine_does_what_the_tree_says_of_many_made_programs() {
    let programs = u64::from(cases(500));
    let mut compared = 0;
    for number in 0..programs {
        let text = Writer::program(number);
        if let Some((machine, oracle)) = both(&text) {
            assert_eq!(machine, oracle, "program {number}:\n{text}");
            compared += 1;
        }
    }
    // The others ran out of their measure of instructions or memory.
    println!("{compared} of {programs} programs ran to their ends");
    assert!(compared * 10 > programs * 7, "{compared} of {programs}");
}

#[test]
fn the_comparison_sees_what_rules_do() {
    let (machine, oracle) =
        both("$a = [ 1 ]; two( $a, 2 ); note( $a ); wait( 1 ); sub two( $a, $b ) { array.push( $a, $b ); }")
            .unwrap();
    assert_eq!(machine, oracle);
    assert_eq!(machine[0], "[integer 1,integer 2]");
}
