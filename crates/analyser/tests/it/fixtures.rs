//! Real data, which is not ours to hand on: it lies beside the project, or where `TIDEGATE_FIXTURES` says.

use std::path::PathBuf;

/// The path of a file or folder of the fixtures; `None`, and said aloud, where they are absent.
pub(crate) fn fixture(name: &str) -> Option<PathBuf> {
    let said = std::env::var_os("TIDEGATE_FIXTURES").map(PathBuf::from);
    let checkout = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."));
    let beside = checkout.join("shared/fixtures");
    // a worktree may lie elsewhere
    let path = said.unwrap_or(beside).join(name);
    if !path.exists() {
        println!("skipped: no fixture {name} (set TIDEGATE_FIXTURES)");
        return None;
    }
    Some(path)
}
