//! A host that keeps a list of what rules do, and short ways to run one.

use source::{Source, render_human};
use std::sync::Arc;
use trafficscript::{
    Answer, Builtin, Builtins, Call, CompileOptions, Compiled, Effect, Example, Host, Kind, Param, Program,
    Run, RunLimits, Stages, Step, Value, Warning, compile,
};

/// Notes everything, answers with what it was told.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) referer: String,
    pub(crate) cookie: String,
    pub(crate) backlog: i64,
    pub(crate) done: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

impl Host for Notes {
    fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning.to_string());
    }

    fn random(&mut self, out: &mut [u8]) {
        out.fill(0x55);
    }
}

fn note(call: &mut Call<'_, Notes>, name: &str) {
    let count = call.argument_count();
    let arguments: Vec<String> = (0..count).map(|at| call.string(at).to_string()).collect();
    call.host.done.push(format!("{name} {}", arguments.join(",")));
}

fn row(name: &'static str, effect: Effect, call: fn(&mut Call<'_, Notes>) -> Answer) -> Builtin<Notes> {
    Builtin {
        name,
        summary: "Of the tests.",
        params: const { &[Param::any("values", "Anything.").repeated()] },
        returns: Kind::Any,
        stages: Stages::ALL,
        effect,
        examples: &[Example { rule: "", given: "", gives: "" }],
        doc: "Of the tests.",
        call,
    }
}

pub(crate) fn builtins() -> Builtins<Notes> {
    Builtins::new([
        row("note", Effect::Changes, |call| {
            note(call, "note");
            "".into()
        }),
        row("http.getHeader", Effect::Reads, |call| call.host.referer.as_str().into()),
        row("http.getCookie", Effect::Reads, |call| call.host.cookie.as_str().into()),
        row("http.addResponseHeader", Effect::Changes, |call| {
            note(call, "header");
            "".into()
        }),
        row("http.setResponseCookie", Effect::Changes, |call| {
            note(call, "cookie");
            "".into()
        }),
        row("http.sendResponse", Effect::Changes, |call| {
            note(call, "send");
            Answer::EndRule
        }),
        row("response.setBandwidthClass", Effect::Changes, |call| {
            note(call, "bandwidth");
            true.into()
        }),
        row("rate.getBacklog", Effect::Reads, |call| call.host.backlog.into()),
        row("rate.use", Effect::Waits, |call| {
            note(call, "rate");
            Answer::Wait
        }),
    ])
    .unwrap()
}

pub(crate) fn compiled(text: &str) -> Compiled {
    compile(&Arc::new(Source::new("rule.rts", text)), &builtins(), &CompileOptions::new(Stages::ALL))
}

pub(crate) fn program(text: &str) -> Arc<Program> {
    let compiled = compiled(text);
    compiled.program.unwrap_or_else(|| panic!("{}", render_human(&compiled.diagnostics, false)))
}

/// Runs to the end; each wait gives 1.
pub(crate) fn run_on(host: &mut Notes, text: &str, limits: &RunLimits) -> Step {
    let mut run = Run::new(program(text), limits);
    let mut answer = None;
    loop {
        match run.resume(&builtins(), host, answer.take()) {
            Step::Suspended => answer = Some(Value::from(1)),
            step => return step,
        }
    }
}

/// What a rule notes; it must not fault.
pub(crate) fn notes(text: &str) -> Vec<String> {
    let mut host = Notes::default();
    let step = run_on(&mut host, text, &RunLimits::default());
    assert!(matches!(step, Step::Finished), "{step:?}");
    host.done.into_iter().map(|line| line.strip_prefix("note ").unwrap_or(&line).to_owned()).collect()
}

/// The value of an expression, as text.
pub(crate) fn value(expression: &str) -> String {
    notes(&format!("note( {expression} );")).remove(0)
}
