//! The real binary, from outside: its verbs, its signals, real origins behind it, and the two published rules.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must end")]
#![expect(clippy::print_stdout, reason = "what is skipped is said aloud")]

mod bad_disk;
mod bad_input;
mod check;
mod control;
mod diagnose;
mod directory;
mod downgrade;
mod editor;
mod frames;
mod guards;
mod heads;
mod htaccess;
mod http2_upgrade;
mod kit;
mod layout;
mod log_sets;
mod marks;
mod numbers;
mod origins;
mod process_log;
mod replaying;
mod rule_bodies;
mod run;
mod same_as_apache;
mod same_decisions;
mod same_from_log;
mod seeds;
mod service;
mod short_memory;
mod stores;
mod story;
mod strict_node;
mod tls;
mod trying;
