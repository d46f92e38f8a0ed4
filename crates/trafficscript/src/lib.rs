//! The rule language: a rule becomes a [`Program`], a program runs on a host this crate knows nothing about.
//!
//! It must not know HTTP, proxies, threads, clocks or files. Whatever a rule can do to the world is a [`Builtin`] of
//! the host's; the language only knows that a builtin may ask to wait.
//!
//! ```text
//! text ─ lexer ─▶ tokens ─ parser ─▶ Ast + diagnostics ─ check(Builtins, stage) ─▶ Checked ─ lower ─▶ Program
//!                                                                                                        │ each run
//!                                                         Step ◀─ vm ◀─ Run { registers, at, fuel } ◀────┘
//! ```
//!
//! ```
//! use source::Source;
//! use std::sync::Arc;
//! use trafficscript::{Builtins, CompileOptions, Host, Run, RunLimits, Stages, Step, Warning, compile};
//!
//! struct Quiet;
//! impl Host for Quiet {
//!     fn warn(&mut self, _: Warning) {}
//!     fn random(&mut self, out: &mut [u8]) {
//!         out.fill(4);
//!     }
//! }
//!
//! let builtins = Builtins::<Quiet>::new([])?;
//! let rule = Arc::new(Source::new("a.rts", "if( string.contains( \"abc\", \"b\" ) ) break; lang.assert( 0 );"));
//! let compiled = compile(&rule, &builtins, &CompileOptions::new(Stages::ALL));
//! let mut run = Run::new(compiled.program.unwrap(), &RunLimits::default());
//! assert!(matches!(run.resume(&builtins, &mut Quiet, None), Step::Finished));
//! # Ok::<(), trafficscript::TableError>(())
//! ```

pub mod assist;
mod ast;
mod builtin;
mod byte_string;
mod call;
mod check;
mod compile;
mod fault;
pub mod fmt;
mod lexer;
mod limits;
mod lower;
pub mod mend;
mod number;
mod operator;
#[cfg(test)]
mod oracle;
mod parser;
mod pattern_cache;
mod place;
mod program;
mod stdlib;
mod table;
mod token;
mod value;
mod vm;

pub use builtin::{
    Answer, Builtin, Builtins, Effect, Example, Host, Kind, Param, Presence, Stages, TableError,
};
pub use byte_string::ByteString;
pub use call::{Call, Captures};
pub use check::{ArgumentFact, CallFact};
pub use compile::{CompileOptions, Compiled, compile};
pub use fault::{Fault, FaultKind, Warning};
pub use limits::RunLimits;
pub use pattern_cache::PatternCache;
pub use program::Program;
pub use stdlib::address_text;
pub use table::Table;
pub use value::Value;
pub use vm::{Run, Step};
