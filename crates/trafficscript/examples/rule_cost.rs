//! Runs a rule many times, to count what one run costs:
//!
//! ```text
//! cargo build --release -p trafficscript --example rule_cost
//! for n in 1000 2000; do
//!     valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/rule_cost rule.rts 27 $n
//! done                                  # instructions of a run: the difference of the two counts, by 1000
//! ```
//!
//! Arguments: the rule, the length of the Referer in bytes, the number of runs. The host answers as cheaply as it can,
//! so that the language is what is counted.

use source::{Source, render_human};
use std::sync::Arc;
use trafficscript::{
    Answer, Builtin, Builtins, ByteString, Call, CompileOptions, Effect, Example, Host, Kind, Param, Run,
    RunLimits, Stages, Step, Value, Warning, compile,
};

struct Counting {
    referer: ByteString,
    waits: u64,
    cookies: u64,
}

impl Host for Counting {
    fn warn(&mut self, _: Warning) {}

    fn random(&mut self, _: &mut [u8]) {}
}

fn row(
    name: &'static str,
    params: &'static [Param],
    effect: Effect,
    call: fn(&mut Call<'_, Counting>) -> Answer,
) -> Builtin<Counting> {
    const EXAMPLES: &[Example] = &[Example { rule: "", given: "", gives: "" }];
    let (summary, doc) = ("As the engine's.", "As the engine's.");
    Builtin {
        name,
        summary,
        params,
        returns: Kind::String,
        stages: Stages::ALL,
        effect,
        examples: EXAMPLES,
        doc,
        call,
    }
}

fn rows() -> [Builtin<Counting>; 7] {
    const NAME: &[Param] = &[Param::string("name", "Which.")];
    const CONTEXT: &[Param] =
        &[Param::string("class", "Which."), Param::string("context", "Whose.").optional()];
    const PAIR: &[Param] = &[Param::string("name", "Which."), Param::string("value", "What.")];
    [
        row("http.getHeader", NAME, Effect::Reads, |call| {
            if call.bytes(0).eq_ignore_ascii_case(b"referer") {
                call.host.referer.clone().into()
            } else {
                "".into()
            }
        }),
        row("http.getCookie", NAME, Effect::Reads, |_| ByteString::EMPTY.into()),
        row("http.addResponseHeader", PAIR, Effect::Changes, |_| ByteString::EMPTY.into()),
        row("response.setBandwidthClass", NAME, Effect::Changes, |_| true.into()),
        row("rate.getBacklog", CONTEXT, Effect::Reads, |_| 0.into()),
        row("rate.use", CONTEXT, Effect::Waits, |call| {
            call.host.waits += 1;
            Answer::Wait
        }),
        row("http.setResponseCookie", PAIR, Effect::Changes, |call| {
            call.host.cookies += 1;
            ByteString::EMPTY.into()
        }),
    ]
}

/// `http://www.example.org/page…`, as long as is wanted.
fn referer(length: usize) -> ByteString {
    let mut text = b"http://www.example.org/page".to_vec();
    text.resize(length, b'x');
    text.into()
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(length), Some(runs)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("rule_cost RULE REFERER_BYTES RUNS".into());
    };
    let builtins = Builtins::new(rows())?;
    let source = Arc::new(Source::new(path.as_str(), std::fs::read(&path)?));
    let compiled = compile(&source, &builtins, &CompileOptions::new(Stages::ALL));
    eprint!("{}", render_human(&compiled.diagnostics, false));
    let Some(program) = compiled.program else { return Err("the rule does not compile".into()) };
    let runs: u64 = runs.parse()?;
    let mut host = Counting { referer: referer(length.parse()?), waits: 0, cookies: 0 };
    let limits = RunLimits::default();
    let mut instructions = 0;
    for _ in 0..runs {
        let mut run = Run::new(Arc::clone(&program), &limits);
        let mut answer = None;
        loop {
            match run.resume(&builtins, &mut host, answer.take()) {
                Step::Suspended => answer = Some(Value::from(true)),
                Step::Finished => break,
                Step::Faulted(fault) => return Err(fault.into()),
            }
        }
        instructions = run.instructions();
    }
    if runs <= 1 {
        print!("{}", program.listing());
    }
    println!("{runs} runs of {instructions} instructions, {} waits, {} cookies", host.waits, host.cookies);
    Ok(())
}
