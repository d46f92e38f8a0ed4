//! Reading the catalog again: what came of it, for the log, for who asked, and for the counters.

use super::log;
use crate::certificates;
use crate::check::Shown;
use crate::control::{Answer, Outcome};
use crate::disk::Disk;
use crate::mark_keys::KeyStore;
use engine::catalog::{Changes, Part};
use engine::{Catalog, Counter};
use proxy::Running;
use source::{Diagnostic, Severity, render_human};
use std::fmt::Write as _;
use std::path::Path;

/// Names that are listed of each kind of change; of more, their number is told.
const NAMES_MAX: usize = 8;

/// What came of a reload.
pub(super) struct Reloaded {
    /// `None`: the old catalog goes on serving.
    in_force: Option<InForce>,
    diagnostics: Vec<Diagnostic>,
    /// Why a catalog without mistakes was not adopted, or why there is none.
    why: Option<String>,
}

struct InForce {
    changes: Changes,
    /// Settings that take effect at the next start only.
    next_start: Vec<&'static str>,
    generation: u64,
}

/// Reads the catalog again. A bad one changes nothing.
pub(super) fn reload(running: &mut Running, file: Option<&Path>) -> Reloaded {
    let Some(path) = file else {
        let why = "there is nothing to read again: the catalog is the built-in one";
        tracing::info!("{why}");
        return Reloaded { in_force: None, diagnostics: Vec::new(), why: Some(why.to_owned()) };
    };
    let loaded = certificates::load(path, &Disk);
    loaded.diagnostics.iter().for_each(log);
    let mut reloaded = Reloaded { in_force: None, diagnostics: loaded.diagnostics, why: None };
    let Some(catalog) = loaded.catalog else {
        refused(running, path);
        return reloaded;
    };
    let old = running.shared().catalog();
    let changes = old.outline.changes_to(&catalog.outline);
    let next_start = not_live(&old, &catalog);
    match running.adopt(catalog) {
        Ok(()) => {
            renew_mark_keys(running);
            running.shared().note_reload(true, running.clock().now().wall);
            let addresses: Vec<String> = running.addresses().map(|(_, bound)| bound.to_string()).collect();
            tracing::info!("{} is in force, on {}", path.display(), addresses.join(", "));
            for line in lines(&changes) {
                tracing::info!("{line}");
            }
            if let Some(line) = next_start_line(&next_start) {
                tracing::warn!("{line}");
            }
            let generation = running.shared().generation();
            reloaded.in_force = Some(InForce { changes, next_start, generation });
        }
        Err(error) => {
            tracing::error!("{error}");
            reloaded.why = Some(error.to_string());
            refused(running, path);
        }
    }
    reloaded
}

impl Reloaded {
    /// For who asked.
    pub(super) fn answer(&self, colours: bool) -> Answer {
        let mut text = render_human(&self.diagnostics, colours);
        if !text.is_empty() {
            text.push('\n');
        }
        if let Some(why) = &self.why {
            // Writing to a text does not fail.
            let _written = writeln!(text, "{why}");
        }
        let shown: Vec<Shown> = self.diagnostics.iter().map(Shown::from).collect();
        let Some(in_force) = &self.in_force else {
            text.push_str("not adopted: the old catalog goes on serving\n");
            let has_mistakes = self.diagnostics.iter().any(|found| found.severity == Severity::Error);
            let outcome = if has_mistakes { Outcome::Mistaken } else { Outcome::Failed };
            return Answer::new(outcome, text).with("diagnostics", shown).with("why", &self.why);
        };
        let lines = lines(&in_force.changes).into_iter().chain(next_start_line(&in_force.next_start));
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        if in_force.changes.is_empty() {
            text.push_str("nothing is other than before\n");
        }
        let _written = writeln!(text, "in force: catalog {}", in_force.generation);
        let changes = &in_force.changes;
        Answer::new(Outcome::Good, text)
            .with("diagnostics", shown)
            .with("added", parts(&changes.added))
            .with("changed", parts(&changes.changed))
            .with("removed", parts(&changes.removed))
            .with("takes_effect_at_next_start", &in_force.next_start)
            .with("generation", in_force.generation)
    }
}

fn parts(parts: &[Part]) -> Vec<serde_json::Value> {
    parts.iter().map(|part| serde_json::json!({ "kind": part.kind, "name": part.name })).collect()
}

/// A line for each kind of thing that changed.
fn lines(changes: &Changes) -> Vec<String> {
    let lists = [("added", &changes.added), ("changed", &changes.changed), ("removed", &changes.removed)];
    let mut lines = Vec::new();
    for (what, parts) in lists {
        for of_kind in parts.chunk_by(|one, other| one.kind == other.kind) {
            let Some(first) = of_kind.first() else { continue };
            let named: Vec<String> = of_kind.iter().take(NAMES_MAX).map(|part| shown(&part.name)).collect();
            let more = of_kind.len().saturating_sub(NAMES_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            lines.push(format!("{what}: {} {}{more}", shown(&first.kind), named.join(", ")));
        }
    }
    lines
}

/// A name out of a catalog, for a terminal.
fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn next_start_line(names: &[&str]) -> Option<String> {
    (!names.is_empty())
        .then(|| format!("{}: takes effect at the next start or upgrade only", names.join(", ")))
}

/// What another catalog says that a running process cannot do.
fn not_live(old: &Catalog, new: &Catalog) -> Vec<&'static str> {
    let (before, after) = (old.settings, new.settings);
    let compared = [
        ("settings.workers", before.workers == after.workers),
        ("settings.max_contexts", before.contexts_max == after.contexts_max),
        ("settings.max_context_memory", before.contexts_bytes_max == after.contexts_bytes_max),
        ("settings.max_waiting", before.waiting_max == after.waiting_max),
        ("settings.control_socket", old.control_socket == new.control_socket),
        ("admin", old.admin == new.admin),
    ];
    compared.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name).collect()
}

/// Takes the keys of marks as they are in their file by now, or follows them up when they are old. Where that cannot be
/// done, those in force stay.
pub(super) fn renew_mark_keys(running: &Running) {
    let catalog = running.shared().catalog();
    let Some(store) = KeyStore::of(&catalog) else { return };
    let in_force = running.shared().mark_keys();
    let now = running.clock().now().wall;
    match store.keys(Some(&in_force), catalog.settings.mark_key_age, now) {
        Ok(keys) if keys.names() == in_force.names() && keys.valid_from() == in_force.valid_from() => {}
        Ok(keys) => {
            let names: Vec<String> = keys.names().into_iter().map(|(name, _)| name).collect();
            tracing::info!("marks are signed with key {} now", names.first().map_or("", String::as_str));
            running.shared().set_mark_keys(keys);
        }
        Err(error) => tracing::error!("the keys of marks stay as they are: {error:#}"),
    }
}

fn refused(running: &Running, path: &Path) {
    let refused: &Counter = &running.shared().counters().reloads_refused;
    refused.add_one();
    running.shared().note_reload(false, running.clock().now().wall);
    let path = path.display();
    tracing::error!(refused = refused.value(), "{path} is not adopted: the old catalog goes on serving");
}
