//! Replays a log under a policy, to count what it costs; the report goes to standard output.
//!
//! ```text
//! cargo build --profile dist -p analyser --example replay_cost
//! replay_cost tidegate.toml access.log            # a log in the format `combined`, in the order of its times
//! ```
#![expect(clippy::print_stdout, reason = "a command")]

use accesslog::{Layout, LineReader, Read};
use analyser::replay::{Replay, ReplayOptions};
use engine::Catalog;
use engine::builtins::builtins;
use engine::catalog::MemoryFiles;
use source::render_human;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The catalog, and the rules beside it.
fn files(catalog: &Path) -> Result<MemoryFiles, Box<dyn Error>> {
    let mut files = MemoryFiles::default().with("tidegate.toml", fs::read(catalog)?);
    for entry in fs::read_dir(catalog.with_file_name("rules"))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("a name in UTF-8")?;
        files = files.with(format!("rules/{name}"), fs::read(&path)?);
    }
    Ok(files)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [catalog, log] = &arguments[..] else { return Err("replay_cost CATALOG LOG".into()) };
    let loaded = Catalog::load(Path::new("tidegate.toml"), &files(Path::new(catalog))?, builtins());
    let catalog = loaded.catalog.ok_or_else(|| render_human(&loaded.diagnostics, false))?;
    let layout = Layout::named("combined").ok_or("there is a format combined")?;
    let facts = layout.facts();
    let mut reader = LineReader::new(&layout);
    let mut replay = Replay::new(catalog, ReplayOptions::default())?;
    let mut input = BufReader::with_capacity(1 << 20, File::open(log)?);
    let (mut text, mut bad) = (Vec::new(), 0);
    while input.read_until(b'\n', &mut text)? > 0 {
        match reader.read(text.trim_ascii_end()) {
            Read::Line(line) => {
                replay.take(&line, &facts);
            }
            Read::Comment => {}
            Read::Bad(_) => bad += 1,
        }
        text.clear();
    }
    println!("{}{bad} bad lines", replay.finish());
    Ok(())
}
