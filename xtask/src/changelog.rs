//! One small file per change in `changelog.d`, put together when a version is released.

use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The kinds of change, as they end the names of fragments (`slug.KIND.md`), and their headings.
const KINDS: [(&str, &str); 3] = [("added", "Added"), ("changed", "Changed"), ("fixed", "Fixed")];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Put the section into CHANGELOG.md under this heading (such as `0.2.0, 2027-01-15`) and remove the fragments
    #[arg(long, value_name = "HEADING")]
    release: Option<String>,
}

/// Prints the section of what is not yet released, or writes it.
///
/// # Errors
/// When a fragment has a name of no known kind, or a file cannot be read or written.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let fragments = fragments(&root.join("changelog.d"))?;
    let heading = arguments.release.as_deref().unwrap_or("Not released yet");
    let section = section(heading, &fragments)?;
    if arguments.release.is_none() {
        print!("{section}");
        return Ok(());
    }
    let path = root.join("CHANGELOG.md");
    let text = std::fs::read_to_string(&path).context("cannot read CHANGELOG.md")?;
    let at = text.find("\n## ").map_or(text.len(), |at| at + 1);
    let (before, after) = text.split_at(at);
    std::fs::write(&path, format!("{before}{section}\n{after}")).context("cannot write CHANGELOG.md")?;
    for (_, path) in &fragments {
        std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Kind (index into [`KINDS`]) and path of each fragment, in order of kind and name.
pub(crate) fn fragments(folder: &Path) -> Result<Vec<(usize, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name == "README.md" {
            continue;
        }
        let kind = KINDS.iter().position(|(kind, _)| name.ends_with(&format!(".{kind}.md")));
        let Some(kind) = kind else {
            bail!("changelog.d/{name}: the name must end in .added.md, .changed.md or .fixed.md");
        };
        found.push((kind, path));
    }
    found.sort();
    Ok(found)
}

fn section(heading: &str, fragments: &[(usize, PathBuf)]) -> Result<String> {
    let mut section = format!("## {heading}\n");
    let mut last = None;
    for (kind, path) in fragments {
        if last != Some(*kind) {
            write!(section, "\n### {}\n\n", KINDS[*kind].1)?;
            last = Some(*kind);
        }
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        writeln!(section, "- {}", text.trim().replace('\n', "\n  "))?;
    }
    Ok(section)
}
