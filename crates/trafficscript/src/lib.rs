//! trafficscript: see ARCHITECTURE.md.

mod ast;
mod check;
mod lexer;
mod parser;
mod token;
pub mod mend;
