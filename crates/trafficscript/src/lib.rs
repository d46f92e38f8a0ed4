//! trafficscript: see ARCHITECTURE.md.

mod ast;
mod check;
