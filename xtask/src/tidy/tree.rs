//! The tree's texts, and the rules that look at one file alone.

use super::{Finding, rust_text};
use anyhow::{Context, Result};
use std::path::Path;

/// Longest file of Rust, in lines: what a reader can hold in the head.
const LINES_MAX: usize = 700;

/// Where nothing of ours stands.
const NOT_OURS: [&str; 4] = ["target", "artifacts", "corpus", "node_modules"];

/// One text file of the project.
pub(super) struct File {
    /// Relative to the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    pub(super) fn is_rust(&self) -> bool {
        has_suffix(&self.path, "rs")
    }

    pub(super) fn is_markdown(&self) -> bool {
        has_suffix(&self.path, "md")
    }
}

fn has_suffix(path: &str, suffix: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == suffix)
}

/// All Rust and Markdown files and manifests, in order of path.
///
/// # Errors
/// When a folder cannot be listed.
pub(super) fn read(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    gather(root, "", &mut files)?;
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn gather(root: &Path, folder: &str, files: &mut Vec<File>) -> Result<()> {
    let listed = std::fs::read_dir(root.join(folder)).with_context(|| format!("cannot list `{folder}`"))?;
    for entry in listed {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && !NOT_OURS.contains(&name.as_str()) {
                gather(root, &path, files)?;
            }
        } else if ["rs", "md", "toml"].iter().any(|suffix| has_suffix(&name, suffix)) {
            // a file that is no text is nobody's to judge here
            if let Ok(text) = std::fs::read_to_string(entry.path()) {
                files.push(File { path, text });
            }
        }
    }
    Ok(())
}

/// Size, stubs, switched-off tests, open ends, references that rot.
pub(super) fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.is_rust() {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            let what = format!("{lines} lines, at most {LINES_MAX}: split it by what its parts know");
            findings.push(Finding::new(&file.path, what));
        }
        findings.extend(stubs(file));
    }
    findings.extend(file.text.lines().enumerate().filter_map(|(index, line)| {
        let what = open_end(line).or_else(|| rotting_reference(file, line))?;
        Some(Finding::new(format!("{}:{}", file.path, index + 1), what))
    }));
    findings
}

fn stubs(file: &File) -> Vec<Finding> {
    let masked = rust_text::mask(&file.text);
    let mut findings = Vec::new();
    for (index, line) in masked.code.lines().enumerate() {
        for (stub, what) in [
            (concat!("todo", "!("), "a stub"),
            (concat!("unimplemented", "!("), "a stub"),
            (concat!("#[", "ignore"), "a test that is switched off"),
        ] {
            if line.contains(stub) {
                findings.push(Finding::new(format!("{}:{}", file.path, index + 1), what));
            }
        }
    }
    findings
}

/// A note that something is still to be done must name its issue: `(#12)` after the word.
fn open_end(line: &str) -> Option<&'static str> {
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")]
        .iter()
        .any(|word| line.match_indices(word).any(|(at, _)| is_open(line, at, word)))
        .then_some("an open end without an issue: write the number, `(#12)`, right behind it")
}

fn is_open(line: &str, at: usize, word: &str) -> bool {
    let stands_alone = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '`');
    stands_alone && !line[at + word.len()..].trim_start_matches('(').starts_with('#')
}

/// Line numbers in prose are wrong after the next change; symbols are not.
fn rotting_reference(file: &File, line: &str) -> Option<&'static str> {
    let points_at_line =
        line.match_indices(".rs:").any(|(at, found)| digit_follows(&line[at + found.len()..]))
            || line.match_indices(".rs#L").any(|(at, found)| digit_follows(&line[at + found.len()..]));
    (file.is_markdown() && points_at_line).then_some("a line number in prose: name the symbol")
}

fn digit_follows(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn an_open_end_needs_its_issue() {
        let word = concat!("TO", "DO");
        assert!(open_end(&format!("// {word}: later")).is_some());
        assert!(open_end(&format!("// {word}(#12): later")).is_none());
        assert!(open_end("// nothing is open").is_none());
    }

    #[test]
    fn a_line_number_rots_in_prose_only() {
        assert_eq!(check(&file("docs/a.md", "see lib.rs:12")).len(), 1);
        assert_eq!(check(&file("docs/a.md", "see `Head::field` in lib.rs")).len(), 0);
        assert_eq!(check(&file("a.rs", "// \"a.rs:1:6: error\"")).len(), 0);
    }

    #[test]
    fn a_switched_off_test_is_found_but_not_in_a_string() {
        let off = concat!("#[", "ignore]\nfn test() {}");
        assert_eq!(check(&file("a.rs", off)).len(), 1);
        assert_eq!(check(&file("a.rs", &format!("const A: &str = r##\"{off}\"##;"))).len(), 0);
    }
}
