//! Stories about access logs.

mod laws;
mod nothing_unusual;
mod oracles;
mod real;
mod story;
mod verdicts;
