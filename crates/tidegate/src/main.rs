//! The command line of tidegate: wiring and signals. It decides nothing; what is decided is decided in `engine`.

mod check;
mod command_line;
mod demo;
mod disk;
mod open_files;
mod process_log;
mod run;
mod schema;
mod site;
mod try_rule;
mod verdict;

use clap::Parser;
use command_line::{CommandLine, Verb};
use std::process::ExitCode;
use verdict::Verdict;

fn main() -> ExitCode {
    let command_line = CommandLine::parse_from(command_line::with_aliases(std::env::args_os()));
    let verdict = match command_line.verb {
        Verb::Run(options) => run::run(&options),
        Verb::Demo(options) => demo::run(&options),
        Verb::Check(options) => check::run(&options),
        Verb::Try(options) => try_rule::run(&options),
        Verb::Schema => schema::run(),
    };
    verdict.unwrap_or_else(|error| Verdict::failed(&error)).into()
}
