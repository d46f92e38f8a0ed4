//! TrafficScript, the machine alone.

use crate::desk::{Desk, Request};
use source::Source;
use std::sync::Arc;
use trafficscript::{
    Answer, Builtin, Builtins, ByteString, Call, CompileOptions, Effect, Example, Host, Kind, Param, Program,
    Run, RunLimits, Stages, Step, Warning, compile,
};

impl Host for Desk {
    fn warn(&mut self, warning: Warning) {
        panic!("{warning}");
    }

    fn random(&mut self, out: &mut [u8]) {
        out.fill(0);
    }
}

pub(crate) struct Language {
    builtins: Builtins<Desk>,
    program: Arc<Program>,
    desk: Desk,
}

fn row(
    name: &'static str,
    returns: Kind,
    params: &'static [Param],
    call: fn(&mut Call<'_, Desk>) -> Answer,
) -> Builtin<Desk> {
    const EXAMPLES: &[Example] = &[Example { rule: "", given: "", gives: "" }];
    let (summary, doc) = ("As the engine's.", "As the engine's.");
    let (stages, effect, examples) = (Stages::ALL, Effect::Waits, EXAMPLES);
    Builtin { name, summary, params, returns, stages, effect, examples, doc, call }
}

fn rows() -> [Builtin<Desk>; 6] {
    const NAME: &[Param] = &[Param::string("name", "Which.")];
    const CONTEXT: &[Param] =
        &[Param::string("class", "Which."), Param::string("context", "Whose.").optional()];
    const PAIR: &[Param] = &[Param::string("name", "Which."), Param::string("value", "What.")];
    [
        row("http.getHeader", Kind::String, NAME, |call| {
            let name = call.bytes(0);
            Answer::Value(call.host.header(&name).into())
        }),
        row("http.getCookie", Kind::String, NAME, |call| {
            let name = call.bytes(0);
            Answer::Value(call.host.cookie(&name).into())
        }),
        row("response.setBandwidthClass", Kind::Truth, NAME, |call| {
            call.host.marked += 1;
            1.into()
        }),
        row("rate.getBacklog", Kind::Integer, CONTEXT, |call| {
            let (class, context) = (call.bytes(0), call.bytes(1));
            call.host.backlog(&class, &context).into()
        }),
        row("rate.use", Kind::Truth, CONTEXT, |call| {
            let (class, context) = (call.bytes(0), call.bytes(1));
            call.host.enter(&class, &context);
            1.into()
        }),
        row("http.setResponseCookie", Kind::Nothing, PAIR, |call| {
            call.host.marked += 1;
            ByteString::EMPTY.into()
        }),
    ]
}

impl Language {
    pub(crate) fn new(rule: &str, request: Request) -> Self {
        let builtins = Builtins::new(rows()).expect("a table");
        let source = Arc::new(Source::new("rule.rts", rule));
        let compiled = compile(&source, &builtins, &CompileOptions::new(Stages::ALL));
        Self { builtins, program: compiled.program.expect("a rule"), desk: Desk::new(request) }
    }

    pub(crate) fn run(&mut self, runs: u32) {
        let limits = RunLimits::default();
        for _ in 0..runs {
            let mut run = Run::new(Arc::clone(&self.program), &limits);
            let step = run.resume(&self.builtins, &mut self.desk, None);
            assert!(matches!(step, Step::Finished), "{step:?}");
        }
        assert_eq!(self.desk.marked, 0);
    }
}
