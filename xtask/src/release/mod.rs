//! The program that is shipped, built twice: the second time it is laid out by what the first was seen to do.
//!
//! See ADR 0060 for what that is worth.

mod training;

use crate::process::{cargo, find_program, succeed, target_folder};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds it, and says where it is.
///
/// # Errors
/// When a program is not there that the way needs, or a step of it failed.
pub(crate) fn run(root: &Path) -> Result<()> {
    let compiler = Compiler::here()?;
    let merge = compiler.profile_tool();
    if !merge.is_file() {
        bail!("the compiler's tools for profiles are not there: rustup component add llvm-tools");
    }
    if let Some(missing) = training::PROGRAMS.iter().find(|program| find_program(program).is_none()) {
        bail!("the load that is learnt from needs {missing} (Debian: nginx, wrk, nghttp2-client, openssl)");
    }
    let folder = target_folder(root)?.join("shipped");
    let counts = folder.join("counts");
    if counts.exists() {
        // of other builds, whose functions are not these
        std::fs::remove_dir_all(&counts).context("cannot clear the counts of the last training")?;
    }
    std::fs::create_dir_all(&counts).context("cannot make the folder of the counts")?;
    let counting = format!("-Cprofile-generate={}", counts.display());
    let counting = compiler.build(root, &folder.join("counting"), &counting)?;
    training::run(root, &counting, &folder.join("training"), &counts)?;
    let profile = folder.join("tidegate.profdata");
    succeed(Command::new(&merge).arg("merge").arg("-o").arg(&profile).arg(&counts))?;
    let using = format!("-Cprofile-use={}", profile.display());
    let program = compiler.build(root, &folder.join("program"), &using)?;
    println!("{}", program.display());
    Ok(())
}

/// The compiler, and the machine it builds for.
struct Compiler {
    libraries: PathBuf,
    host: String,
}

impl Compiler {
    fn here() -> Result<Self> {
        let ask = |arguments: &[&str]| -> Result<String> {
            let output = Command::new("rustc").args(arguments).output().context("cannot start rustc")?;
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let version = ask(&["-vV"])?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.context("rustc does not say for which machine it builds")?.to_owned();
        let libraries = ask(&["--print", "target-libdir"])?;
        Ok(Self { libraries: PathBuf::from(libraries.trim()), host })
    }

    /// LLVM's own, of the compiler's version: the format of profiles changes with it.
    fn profile_tool(&self) -> PathBuf {
        self.libraries.with_file_name("bin").join("llvm-profdata")
    }

    /// Builds what is shipped with one flag more. A target that is named keeps the flag from programs that only help to
    /// build.
    fn build(&self, root: &Path, folder: &Path, flag: &str) -> Result<PathBuf> {
        let words = ["build", "--profile", "dist", "--package", "tidegate", "--target", &self.host];
        let mut build = cargo(root, &words);
        succeed(build.env("CARGO_TARGET_DIR", folder).env("RUSTFLAGS", flag))?;
        Ok(folder.join(&self.host).join("dist/tidegate"))
    }
}
