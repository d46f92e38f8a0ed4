//! What access logs say, as JSON on standard output: `cargo run --release -p analyser --example log -- THREADS FILE…`.
//! For measuring what reading and all statistics cost together.

#![allow(clippy::print_stdout, reason = "this is what it is for")]

use analyser::input::{Input, Options, Watch};
use analyser::log::{Tally, Usuals};
use std::error::Error;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let threads: NonZeroUsize = arguments.next().ok_or("how many threads?")?.parse()?;
    let paths: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let input = Input::open(&paths, &Options { layout: None, threads })?;
    let watch = Watch { cancel: &AtomicBool::new(false), progress: &|_| {} };
    let mut scanned = input.scan(|| Tally::new(1), &watch);
    let (summary, findings) = scanned.worker.finish_on(threads, &Usuals::default(), i64::MAX / 2);
    let all = serde_json::json!({ "files": scanned.counts, "summary": summary, "findings": findings });
    println!("{}", serde_json::to_string_pretty(&all)?);
    Ok(())
}
