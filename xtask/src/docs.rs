//! `cargo xtask docs`: the manual's pages of functions, from what `tidegate doc --all --format json` says.

use crate::process::{cargo, succeed, target_folder};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Where the pages are; nothing else lies there.
const FOLDER: &str = "docs/manual/functions";
const INDEX: &str = "README.md";
const NOTE: &str =
    "<!-- Written by `cargo xtask docs` from the table of functions. Change the table, not this page. -->";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail if a page is not what it would be
    #[arg(long)]
    check: bool,
}

/// Writes the pages, or compares them.
///
/// # Errors
/// When the product does not build, a page cannot be written, or, when only comparing, one is stale.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let pages = pages(&functions(root)?)?;
    if arguments.check { compare(root, &pages) } else { write(root, &pages) }
}

/// What is compared by `cargo xtask test`.
///
/// # Errors
/// When a page is stale.
pub(crate) fn check(root: &Path) -> Result<()> {
    run(root, &Arguments { check: true })
}

/// All that the product says of its functions.
fn functions(root: &Path) -> Result<Value> {
    succeed(&mut cargo(root, &["build", "--workspace", "--bin", "tidegate", "--quiet"]))?;
    let program = target_folder(root)?.join("debug/tidegate");
    let output = Command::new(&program)
        .args(["doc", "--all", "--format", "json"])
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    if !output.status.success() {
        bail!("tidegate doc failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("tidegate doc gave something that is no JSON")
}

fn write(root: &Path, pages: &BTreeMap<String, String>) -> Result<()> {
    let folder = root.join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {FOLDER}"))?;
    for name in there(&folder).difference(&pages.keys().cloned().collect()) {
        std::fs::remove_file(folder.join(name)).with_context(|| format!("cannot remove {FOLDER}/{name}"))?;
        println!("{FOLDER}/{name}: removed");
    }
    for (name, text) in pages {
        let path = folder.join(name);
        if std::fs::read_to_string(&path).ok().as_ref() != Some(text) {
            std::fs::write(&path, text).with_context(|| format!("cannot write {FOLDER}/{name}"))?;
            println!("{FOLDER}/{name}: written");
        }
    }
    Ok(())
}

fn compare(root: &Path, pages: &BTreeMap<String, String>) -> Result<()> {
    let folder = root.join(FOLDER);
    let is_stale =
        |name: &String| std::fs::read_to_string(folder.join(name)).ok().as_ref() != pages.get(name);
    let names: BTreeSet<String> = pages.keys().cloned().chain(there(&folder)).collect();
    let stale: Vec<String> = names.into_iter().filter(is_stale).collect();
    if !stale.is_empty() {
        bail!("stale in {FOLDER}: {}; run `cargo xtask docs`", stale.join(", "));
    }
    println!("docs: {} pages are as the table of functions has it", pages.len());
    Ok(())
}

/// The names of the pages in the folder.
fn there(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The pages by name.
fn pages(all: &Value) -> Result<BTreeMap<String, String>> {
    let functions = all["functions"].as_array().context("no functions")?;
    let mut families: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for function in functions {
        families.entry(text(function, "family")?).or_default().push(function);
    }
    let mut pages = BTreeMap::new();
    let mut index = format!(
        "# Functions\n\n{NOTE}\n\nWhat rules can call, by family; `tidegate doc NAME` tells the same in a terminal. \
         Names may be written in any case.\n\n| family | functions |\n|---|---|\n"
    );
    for (family, functions) in &families {
        pages.insert(format!("{family}.md"), page(family, functions)?);
        index.extend([format!("| [`{family}`]({family}.md) | {} |\n", functions.len())]);
    }
    index.push_str(
        "\n## Known by name, and not supported\n\nA rule that uses one of these is refused, with the reason and what \
         to use instead.\n\n| function | why, and what instead |\n|---|---|\n",
    );
    for unsupported in all["unsupported"].as_array().context("no unsupported functions")? {
        let (name, why) = (text(unsupported, "name")?, text(unsupported, "why")?);
        index.extend([format!("| `{name}` | {} |\n", cell(why))]);
    }
    pages.insert(INDEX.to_owned(), index);
    Ok(pages)
}

fn page(family: &str, functions: &[&Value]) -> Result<String> {
    let mut out = format!("# `{family}`\n\n{NOTE}\n\n| function | what it does |\n|---|---|\n");
    for function in functions {
        let name = text(function, "name")?;
        let anchor: String = name.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        out.extend([format!("| [`{name}`](#{anchor}) | {} |\n", cell(text(function, "summary")?))]);
    }
    for function in functions {
        out.push_str(&section(function)?);
    }
    Ok(out)
}

fn section(function: &Value) -> Result<String> {
    let mut out = format!(
        "\n## `{}`\n\n```text\n{}\n```\n\n{}\n",
        text(function, "name")?,
        text(function, "signature")?,
        text(function, "summary")?
    );
    let aliases: Vec<String> = function["aliases"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| Some(format!("`{}`", name.as_str()?)))
        .collect();
    if !aliases.is_empty() {
        out.extend([format!("\nAlso called {}.\n", aliases.join(", "))]);
    }
    let parameters = function["parameters"].as_array().context("no parameters")?;
    if !parameters.is_empty() {
        out.push_str("\n| argument | kind | |\n|---|---|---|\n");
    }
    for parameter in parameters {
        let presence = match text(parameter, "presence")? {
            "optional" => ", optional",
            "repeated" => ", any number of times",
            _ => "",
        };
        let (name, kind) = (text(parameter, "name")?, text(parameter, "kind")?);
        out.extend([format!("| `{name}` | {kind}{presence} | {} |\n", cell(text(parameter, "summary")?))]);
    }
    out.extend([format!("\n{}\n", text(function, "text")?)]);
    if let Some(pending) = function["pending"].as_str() {
        out.extend([format!("\n**Not yet:** it {pending}.\n")]);
    }
    out.extend([format!("\n{} {}\n", text(function, "stages_text")?, text(function, "effect")?)]);
    for example in function["examples"].as_array().context("no examples")? {
        out.extend([format!(
            "\n```text\n{}\n```\n\ngives `{:?}`",
            text(example, "rule")?,
            text(example, "gives")?
        )]);
        let given = text(example, "given")?;
        if given.is_empty() {
            out.push('\n');
        } else {
            out.extend([format!(", where this is given:\n\n```text\n{given}\n```\n")]);
        }
    }
    Ok(out)
}

/// In a table a `|` ends the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str> {
    value[key].as_str().with_context(|| format!("no `{key}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_family_has_a_page_and_each_function_a_section() {
        let function = |name: &str, family: &str| {
            json!({"name": name, "family": family, "aliases": ["other"], "signature": format!("{name}()"),
                "summary": "Does | it.", "parameters": [{"name": "a", "kind": "string", "presence": "optional",
                "summary": "It."}], "stages_text": "Works.", "effect": "None.", "text": "More.",
                "examples": [{"rule": "x()", "given": "GET /", "gives": "1"}]})
        };
        let all = json!({"functions": [function("a.b", "a"), function("c.d", "c"), function("a.e.f", "a")],
            "unsupported": [{"name": "z.z", "why": "no; use a"}]});
        let pages = pages(&all).unwrap();
        assert_eq!(pages.keys().collect::<Vec<_>>(), ["README.md", "a.md", "c.md"]);
        assert!(pages["a.md"].contains("| [`a.e.f`](#aef) | Does \\| it. |"), "{}", pages["a.md"]);
        assert!(
            pages["a.md"].contains("## `a.b`\n\n```text\na.b()\n```\n\nDoes | it.\n"),
            "{}",
            pages["a.md"]
        );
        assert!(pages["README.md"].contains("| `z.z` | no; use a |"), "{}", pages["README.md"]);
    }
}
