//! The rules of the house that no compiler checks. Every finding is reported, each in one line.

mod edges;
mod pages;
mod rust_text;
mod tree;
mod words;

use anyhow::{Result, bail};
use std::path::Path;

/// One broken rule: where, and what to do.
pub(crate) struct Finding {
    place: String,
    what: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// Checks the whole tree.
///
/// # Errors
/// When any rule is broken, or the tree cannot be read.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = tree::read(root)?;
    let mut findings = edges::check(root)?;
    findings.extend(tree.iter().flat_map(tree::check));
    findings.extend(tree.iter().flat_map(words::check));
    findings.extend(pages::check(root, &tree)?);
    for finding in &findings {
        println!("{}: {}", finding.place, finding.what);
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    println!("tidy: {} files, nothing to say", tree.len());
    Ok(())
}
