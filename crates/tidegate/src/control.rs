//! The control socket: how `reload`, `status`, `guard` and `upgrade` reach the process that runs.
//!
//! ```text
//! tidegate reload ── one line of JSON ──▶ socket (0600, peers' user checked) ─▶ server ─▶ the main loop of `run`
//!                 ◀─ one line of JSON ──                                        ◀─ verdict
//! ```

mod client;
mod place;
mod protocol;
mod server;

pub(crate) use client::{guard, reload, status, upgrade};
pub(crate) use place::{Listening, place_of};
pub(crate) use protocol::{Answer, Ask, Outcome};
pub(crate) use server::{Asked, serve};
