//! Stories about access logs.

mod laws;
mod nothing_unusual;
mod real;
mod story;
mod verdicts;
