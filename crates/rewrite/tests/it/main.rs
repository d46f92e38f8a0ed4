//! The corpus of `spec/htaccess`: rule files, requests, and what Apache itself makes of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]
#![expect(clippy::print_stdout, reason = "what is skipped is said aloud")]

mod answer;
mod apache;
mod corpus;
mod differential;
mod generate;
mod ours;
mod recorded;
mod request;
mod sample;
mod world;
