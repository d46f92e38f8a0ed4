//! The project's one tool: what a developer or the continuous integration runs, as one command each.
//!
//! It must not know how the product works inside: it starts programs, reads texts and says what it found.
#![expect(clippy::print_stdout, reason = "a tool for a terminal: what it prints is its result")]
#![expect(
    clippy::disallowed_methods,
    reason = "a tool outside the product may read the environment and a clock"
)]

mod bench;
mod changelog;
mod docs;
mod interop;
mod packages;
mod process;
mod release;
mod test;
mod tidy;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tests, checks and measurements of tidegate")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// All tests: formats, lints, unit, property, spec and end-to-end tests, interop with other programs
    Test(test::Arguments),
    /// The rules of the house that no compiler checks: who may depend on whom, file sizes, words, pages
    Tidy,
    /// The executable specification only
    Spec {
        /// Only the files whose name contains this
        filter: Option<String>,
    },
    /// The manual's pages of functions, from the table of functions
    Docs(docs::Arguments),
    /// Measurements beside other programs
    Bench {
        #[command(subcommand)]
        what: bench::What,
    },
    /// The program that is shipped: built, loaded, and built again by what it was seen to do
    Release,
    /// What changed since the last release, from the files in `changelog.d`
    Changelog(changelog::Arguments),
}

fn main() -> ExitCode {
    let root = workspace_root();
    let result = match CommandLine::parse().command {
        Command::Test(arguments) => test::run(&root, &arguments),
        Command::Tidy => tidy::run(&root),
        Command::Spec { filter } => test::spec(&root, filter.as_deref()),
        Command::Docs(arguments) => docs::run(&root, &arguments),
        Command::Bench { what } => bench::run(&root, &what),
        Command::Release => release::run(&root),
        Command::Changelog(arguments) => changelog::run(&root, &arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder that holds the workspace's `Cargo.toml`.
fn workspace_root() -> PathBuf {
    // of the checkout that it is run for: with a build folder that several share, it may have been built in another
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let here = PathBuf::from(here);
    here.parent().map_or_else(|| PathBuf::from("."), PathBuf::from)
}
