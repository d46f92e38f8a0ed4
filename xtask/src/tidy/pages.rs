//! Pages that must exist: one for every kind of diagnostic, a line for every decision, names for fragments.

use super::tree::File;
use super::{Finding, rust_text};
use crate::changelog;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;

const DIAGNOSTICS: &str = "docs/manual/diagnostics.md";
const DECISIONS: &str = "docs/adr/README.md";

/// Missing pages and pages about nothing.
///
/// # Errors
/// When `changelog.d` holds a file of no known kind.
pub(super) fn check(root: &Path, tree: &[File]) -> Result<Vec<Finding>> {
    changelog::fragments(&root.join("changelog.d"))?;
    let text = |path: &str| tree.iter().find(|file| file.path == path).map_or("", |file| file.text.as_str());
    let mut findings = diagnostics(tree, text(DIAGNOSTICS));
    let listed = text(DECISIONS);
    for file in tree {
        if let Some(name) = file.path.strip_prefix("docs/adr/")
            && name != "README.md"
            && !listed.contains(&format!("({name})"))
        {
            findings.push(Finding::new(&file.path, format!("is not listed in {DECISIONS}")));
        }
    }
    Ok(findings)
}

fn diagnostics(tree: &[File], manual: &str) -> Vec<Finding> {
    let mut used = BTreeMap::new();
    for file in tree.iter().filter(|file| file.is_rust() && is_product(&file.path)) {
        for id in ids(&file.text) {
            used.entry(id).or_insert(&file.path);
        }
    }
    let sections: Vec<&str> =
        manual.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`')).collect();
    let missing = used.iter().filter(|(id, _)| !sections.contains(&id.as_str()));
    let mut findings: Vec<Finding> = missing
        .map(|(id, path)| Finding::new(*path, format!("`{id}` has no section in {DIAGNOSTICS}")))
        .collect();
    for section in sections {
        if !used.contains_key(section) {
            findings.push(Finding::new(DIAGNOSTICS, format!("nothing reports `{section}`")));
        }
    }
    findings
}

fn is_product(path: &str) -> bool {
    path.starts_with("crates/")
        && path.contains("/src/")
        && !path.ends_with("/tests.rs")
        && !path.contains("/tests/")
}

/// How ids are written: as themselves, and as an argument of the functions that make a diagnostic of one.
const CALLS: [&str; 9] = [
    "DiagnosticId(",
    ".error(",
    ".warning(",
    " error(",
    "(error(",
    " warning(",
    ".report(",
    ".give_up(",
    ".wrong(start, ",
];

/// The ids in a file's own code; its tests, at the end, may invent some.
fn ids(text: &str) -> Vec<String> {
    let code = rust_text::mask(text).code_with_strings;
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code = code.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(");
    let pieces = CALLS.iter().flat_map(|call| code.split(call).skip(1));
    pieces
        .filter_map(|piece| piece.strip_prefix('"')?.split('"').next())
        .filter(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_without_a_section_and_a_section_without_an_id_are_found() {
        let rust = "fn f() { DiagnosticId(\"a-b\"); }\n#[cfg(test)]\nmod tests { DiagnosticId(\"made-up\") }";
        let tree = [File { path: "crates/x/src/lib.rs".to_owned(), text: rust.to_owned() }];
        assert_eq!(diagnostics(&tree, "## `a-b`\n").len(), 0);
        assert_eq!(diagnostics(&tree, "## `c-d`\n").len(), 2);
    }
}
