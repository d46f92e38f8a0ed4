//! Classes measured over sockets.
//!
//! ```text
//! cargo xtask bench pace        how even bandwidth classes are, beside nginx's limit_rate
//! cargo xtask bench keyflood    what two million referers never seen before do to a rate class
//! cargo xtask bench soak        whether anything grows in ten minutes of everything at once
//! ```

mod keyflood;
mod pace;
mod reads;
mod soak;
mod source;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use tokio::runtime::{Builder, LocalOptions};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The tidegate to measure
    #[arg(long, global = true, default_value = "target/release/tidegate")]
    tidegate: PathBuf,
    /// Where settings and logs are written
    #[arg(long, global = true, default_value = "target/bench/shaping")]
    folder: PathBuf,
}

#[derive(Subcommand)]
enum What {
    /// How even bandwidth classes are, beside nginx's limit_rate
    Pace(pace::Options),
    /// What referers never seen before do to a rate class
    Keyflood(keyflood::Options),
    /// Whether anything grows in ten minutes of everything at once
    Soak(soak::Options),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(arguments.folder.join("rules"))?;
    let places =
        Places { tidegate: arguments.tidegate.canonicalize()?, folder: arguments.folder.canonicalize()? };
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    match arguments.what {
        What::Pace(options) => runtime.block_on(pace::run(&options, &places)),
        What::Keyflood(options) => runtime.block_on(keyflood::run(&options, &places)),
        What::Soak(options) => runtime.block_on(soak::run(&options, &places)),
    }
}

/// Where things are.
struct Places {
    tidegate: PathBuf,
    folder: PathBuf,
}
