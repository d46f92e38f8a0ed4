//! The analyser's stories.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]
#![expect(clippy::print_stdout, reason = "what is skipped is said aloud")]

mod fixtures;
mod input;
mod log;
mod mail;
mod places;
mod pressure;
mod real_servers;
mod replay;
