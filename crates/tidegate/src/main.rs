//! The command line of tidegate: wiring and signals. It decides nothing; what is decided is decided in `engine`.

mod admin;
mod apply;
mod certificates;
mod check;
mod command_line;
mod control;
mod demo;
mod diagnose;
mod disk;
mod doc;
mod fmt;
mod htaccess;
mod import;
mod lsp;
mod machine;
mod mark_keys;
mod marks;
mod open_files;
mod process_log;
mod replay;
mod run;
mod schema;
mod service;
mod site;
mod state;
mod tcp_sockets;
mod times;
mod try_rule;
mod verdict;
mod watch;

use clap::Parser;
use command_line::{CommandLine, Verb};
use std::process::ExitCode;
use verdict::Verdict;

/// A transaction and its futures are a few KiB that live for a millisecond: libc's allocator takes the long way for
/// such sizes (some 900 instructions a request, measured).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command_line = CommandLine::parse_from(command_line::with_aliases(std::env::args_os()));
    let verdict = match command_line.verb {
        Verb::Run(options) => run::run(&options),
        Verb::Reload(options) => control::reload(&options),
        Verb::Upgrade(options) => control::upgrade(&options),
        Verb::Status(options) => control::status(&options),
        Verb::Guard(options) => control::guard(&options),
        Verb::Demo(options) => demo::run(&options),
        Verb::Check(options) => check::run(&options),
        Verb::Try(options) => try_rule::run(&options),
        Verb::Diagnose(options) => diagnose::run(&options),
        Verb::Apply(options) => apply::apply(&options),
        Verb::Revert(options) => apply::revert(&options),
        Verb::Replay(options) => replay::run(&options),
        Verb::Fmt(options) => fmt::run(&options),
        Verb::Import(options) => import::run(&options),
        Verb::Doc(options) => doc::run(&options),
        Verb::Lsp => lsp::run(),
        Verb::Marks(options) => marks::run(&options),
        Verb::Schema => schema::run(),
    };
    verdict.unwrap_or_else(|error| Verdict::failed(&error)).into()
}
