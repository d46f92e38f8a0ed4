//! Proposals as they are kept from `diagnose` to `apply`, and what was done, from `apply` to `revert`.

use super::edit::{Before, Change};
use crate::state::State;
use crate::verdict::Mistake;
use analyser::Proposal;
use analyser::proposal::Action;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Proposals that are kept; the oldest go first.
const KEPT_MAX: usize = 200;

const PROPOSALS: &str = "proposals";
const APPLIED: &str = "applied";

/// A proposal, as far as a catalog is concerned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) id: String,
    pub(super) summary: String,
    pub(super) ends: String,
    pub(super) ends_unix_seconds: i64,
    pub(super) domain: Option<String>,
    pub(super) rule: String,
    pub(super) class: String,
    /// It is to come before the other rules, so that nothing is done for what is refused.
    pub(super) is_first: bool,
}

/// What `apply` did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Applied {
    pub(super) change: Change,
    pub(super) catalog: PathBuf,
    pub(super) rule_file: PathBuf,
    pub(super) rule: String,
    pub(super) list_before: Before,
    pub(super) text_before: String,
    pub(super) text_after: String,
}

impl Kept {
    fn of(proposal: &Proposal) -> Self {
        let class = proposal.class_text();
        let class = match class.strip_prefix('\n') {
            Some(table) => format!("\n# {}\n{table}", proposal.summary),
            None => class,
        };
        Self {
            id: proposal.id.clone(),
            summary: proposal.summary.clone(),
            ends: proposal.ends.clone(),
            ends_unix_seconds: proposal.ends_unix_seconds,
            domain: proposal.domain.clone(),
            rule: proposal.rule.clone(),
            class,
            is_first: proposal.action == Action::Refuse,
        }
    }
}

/// Keeps proposals for `apply`. One that is in force stays as it was applied.
pub(crate) fn keep(state: &State, proposals: &[Proposal]) -> anyhow::Result<()> {
    for proposal in proposals {
        state.write(&path(PROPOSALS, &proposal.id), &Kept::of(proposal))?;
    }
    for old in state.names(PROPOSALS).iter().skip(KEPT_MAX) {
        state.forget(&path(PROPOSALS, old))?;
    }
    Ok(())
}

/// The proposal of an id, or of the beginning of one.
pub(super) fn find(state: &State, asked: &str) -> anyhow::Result<Kept> {
    let names = state.names(PROPOSALS);
    let id = one(asked, &names, state)?;
    let gone =
        || Mistake(format!("the proposal {id} was made by another version: run `tidegate diagnose` again"));
    Ok(state.read(&path(PROPOSALS, &id))?.ok_or_else(gone)?)
}

/// What was applied under an id, or the beginning of one; `None` if nothing was.
pub(super) fn applied(state: &State, asked: &str) -> anyhow::Result<Option<Applied>> {
    let names = state.names(APPLIED);
    let mut fitting = names.iter().filter(|name| name.starts_with(asked));
    let Some(id) = names.iter().find(|name| *name == asked).or_else(|| fitting.next()) else {
        return Ok(None);
    };
    if id != asked && fitting.next().is_some() {
        return Err(
            Mistake(format!("several applied proposals begin with {asked}: {}", names.join(", "))).into()
        );
    }
    state.read(&path(APPLIED, id))
}

pub(super) fn remember(state: &State, applied: &Applied) -> anyhow::Result<()> {
    state.write(&path(APPLIED, &applied.change.rule), applied)
}

pub(super) fn forget(state: &State, id: &str) -> anyhow::Result<()> {
    state.forget(&path(APPLIED, id))
}

fn path(folder: &str, id: &str) -> String {
    format!("{folder}/{id}.json")
}

fn one(asked: &str, names: &[String], state: &State) -> anyhow::Result<String> {
    if names.iter().any(|name| name == asked) {
        return Ok(asked.to_owned());
    }
    let fitting: Vec<&String> = names.iter().filter(|name| name.starts_with(asked)).collect();
    match fitting.as_slice() {
        [name] => Ok((*name).clone()),
        [] => {
            let folder = state.folder().display();
            let help = match source::nearest(asked, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None if names.is_empty() => "`tidegate diagnose` makes proposals".to_owned(),
                None => {
                    format!("known are: {}", names.iter().take(8).cloned().collect::<Vec<_>>().join(", "))
                }
            };
            Err(Mistake(format!("there is no proposal {} in {folder}; {help}", asked.escape_default()))
                .into())
        }
        several => {
            let several = several.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
            Err(Mistake(format!("several proposals begin with {asked}: {several}")).into())
        }
    }
}
