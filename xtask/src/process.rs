//! Starting other programs.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The cargo that runs us, or the one on the path.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(arguments).stdin(Stdio::null());
    command
}

/// Runs a program to its end with our own standard output.
///
/// # Errors
/// When it cannot be started, or says that it failed.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    println!("$ {shown}");
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Where a program stands, if it is on the path (or where the system keeps its servers).
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Whether a program, asked something harmless, says yes.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The folder cargo builds into.
///
/// # Errors
/// When cargo cannot say.
pub(crate) fn target_folder(root: &Path) -> Result<PathBuf> {
    let metadata = metadata(&root.join("Cargo.toml"))?;
    let folder = metadata["target_directory"].as_str().context("cargo names no target directory")?;
    Ok(PathBuf::from(folder))
}

/// What cargo knows of a workspace's own packages.
///
/// # Errors
/// When cargo fails or answers something that is no JSON.
pub(crate) fn metadata(manifest: &Path) -> Result<serde_json::Value> {
    let folder = manifest.parent().context("a manifest stands in a folder")?;
    let mut command = cargo(folder, &["metadata", "--no-deps", "--format-version", "1"]);
    let output = command.output().context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata gave something that is no JSON")
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
