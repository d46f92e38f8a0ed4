//! The decision of the abusive-referer rule, in one process and on the same requests: TrafficScript beside rhai and
//! LuaJIT (with its compiler on).
//!
//! ```text
//! cargo xtask bench language [ROUNDS] [RUNS]
//! ```
//!
//! Each round measures every candidate once, one after the other, so that a machine that gets busier meets all of them;
//! figures are medians over the rounds with the least and the most, ratios are taken within a round.
//!
//! | candidate | what it is |
//! |---|---|
//! | language | the rule as published, the machine alone; what it calls are functions of this program |
//! | engine | the same rule in a whole transaction with the real classes, less a transaction without a rule |
//! | rhai | the same steps as a compiled script; functions registered from the same code as for `language` |
//! | luajit | as the peers have it: fields, cookies and counts are Lua tables, nothing leaves the compiler's reach |
//! | luajit-host | the same, but what belongs to the host is asked of it, as `language` and `rhai` must |

mod desk;
mod engine_rule;
mod language;
mod lua;
mod measure;
mod rhai_script;

use desk::Request;
use measure::{Candidate, measure};
use source::Source;
use std::sync::Arc;
use trafficscript::{CompileOptions, compile};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Loads so many rules, each a text of its own; gives milliseconds of processor time.
fn load(count: u32) -> f64 {
    let table = engine::builtins::builtins();
    let rule = include_str!("../../spec/rules/abusive-referer.rts");
    let texts = (0..count).map(|number| format!("# Rule {number}.\n{rule}"));
    let sources: Vec<_> = texts.map(|text| Arc::new(Source::new("rule.rts", text))).collect();
    let options = CompileOptions::new(engine::builtins::REQUEST);
    let start = measure::processor_nanos();
    let programs: Vec<_> = sources.iter().map(|source| compile(source, table, &options).program).collect();
    let took = measure::processor_nanos() - start;
    assert!(programs.iter().all(Option::is_some));
    took as f64 / 1e6
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u32>().expect("a number"));
    let (rounds, runs) = (arguments.next().unwrap_or(15), arguments.next().unwrap_or(100_000));
    let rule = include_str!("../../spec/rules/abusive-referer.rts");
    let mut loads: Vec<f64> = (0..5).map(|_| load(1_000)).collect();
    loads.sort_by(f64::total_cmp);
    println!("1,000 rules are loaded in {:.0} ms ({:.0} to {:.0})", loads[2], loads[0], loads[4]);
    for (name, request) in [
        ("with a referer (27 bytes): the whole rule", Request { referer: b"http://news.example/story12" }),
        ("without a referer: left at the white list", Request { referer: b"" }),
    ] {
        println!("\n{name}; {rounds} rounds of {runs} decisions, nanoseconds each: median (least to most)");
        let mut language = language::Language::new(rule, request);
        let mut with_rule = engine_rule::Whole::new(Some(rule), request);
        let mut without = engine_rule::Whole::new(None, request);
        let mut rhai = rhai_script::Script::new(request);
        let mut lua = lua::Tables::new(request);
        let mut lua_host = lua::Host::new(request);
        let mut candidates: Vec<Candidate<'_>> = vec![
            ("language", Box::new(|runs| language.run(runs))),
            ("transaction with the rule", Box::new(|runs| with_rule.run(runs))),
            ("transaction without", Box::new(|runs| without.run(runs))),
            ("rhai", Box::new(|runs| rhai.run(runs))),
            ("luajit", Box::new(|runs| lua.run(runs))),
            ("luajit-host", Box::new(|runs| lua_host.run(runs))),
        ];
        let mut table = measure(&mut candidates, rounds, runs);
        table.difference("engine", "transaction with the rule", "transaction without");
        table.print();
        for (of, to) in [
            ("rhai", "language"),
            ("luajit", "language"),
            ("luajit-host", "language"),
            ("rhai", "engine"),
            ("luajit", "engine"),
        ] {
            table.print_ratio(of, to);
        }
    }
}
