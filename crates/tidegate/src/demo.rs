//! `tidegate demo`: ordinary visitors, then a crowd, against a small site; first unguarded, then guarded.
//!
//! Nothing is simulated: the site, the proxy with its built-in catalog and everybody who comes talk HTTP over the
//! loopback, and what is shown is what the visitors measured.

mod browser;
mod party;
mod report;
mod table;
mod tally;

use crate::command_line::{DemoOptions, OutputFormat};
use crate::mark_keys::KeyStore;
use crate::open_files;
use crate::run::{self, tell};
use crate::site::{Capacity, Site};
use crate::verdict::Verdict;
use anyhow::{Context, bail};
use engine::Catalog;
use engine::builtins::builtins;
use engine::catalog::{EmbeddedOptions, Guard};
use party::Story;
use proxy::Clock;
use std::num::{NonZeroU64, NonZeroUsize};
use std::rc::Rc;
use std::time::Duration;
use table::Table;
use tally::{Limits, Results};
use tokio::runtime::{Builder, LocalOptions};
use tokio::time::Instant;

/// The name of the site.
const SITE_NAME: &str = "music.example";

/// A small machine on a small line: one processor, as many workers as its memory bears.
const SMALL: Capacity = Capacity {
    workers: 128,
    page_work: Duration::from_millis(15),
    // 40 Mbit/s
    line_bytes_per_second: NonZeroU64::new(5_000_000),
    accept_queue: 16,
};

/// How often the table is drawn anew.
const REDRAW_EVERY: Duration = Duration::from_millis(250);

/// Plays the story and sums up.
pub(crate) fn run(options: &DemoOptions) -> anyhow::Result<Verdict> {
    open_files::raise_limit();
    let story = Rc::new(Story::of(Duration::from_secs(options.seconds.into())));
    // The limits that the guard will promise, whatever the node.
    let limits = Limits::of(&catalog(Guard::Enforce, "127.0.0.1:1")?);
    let mut results = Results::new(limits, story.patience);
    let mut table = Table::new(options.format);
    table.begin(&story, SMALL);
    for is_guarded in [false, true] {
        results.begin(is_guarded);
        let is_through = act(&story, is_guarded, &mut results, &mut table)?;
        if !is_through {
            break;
        }
    }
    table.end();
    match options.format {
        OutputFormat::Human => report::print(&results, &story)?,
        OutputFormat::Json => report::print_json(&results, &story)?,
    }
    Ok(if results.is_complete() { Verdict::Good } else { Verdict::Interrupted })
}

/// The built-in catalog in front of a node.
fn catalog(guard: Guard, node: &str) -> anyhow::Result<Catalog> {
    let listen = "127.0.0.1:0".to_owned();
    let options = EmbeddedOptions { listen, node: node.to_owned(), hosts: vec![SITE_NAME.to_owned()], guard };
    let loaded = Catalog::embedded(&options, builtins());
    let Some(catalog) = loaded.catalog else {
        tell(&loaded.diagnostics)?;
        bail!("the built-in catalog does not load");
    };
    Ok(catalog)
}

/// One half of the story, with a site and a proxy of its own. Gives whether it was played to its end.
fn act(
    story: &Rc<Story>,
    is_guarded: bool,
    results: &mut Results,
    table: &mut Table,
) -> anyhow::Result<bool> {
    let site = Site::start(SMALL).context("cannot start the sample site")?;
    let guard = if is_guarded { Guard::Enforce } else { Guard::Off };
    let catalog = catalog(guard, &site.address.to_string())?;
    let keys = KeyStore::Memory.keys(None, catalog.settings.mark_key_age, Clock::system().now().wall)?;
    let running = run::start(catalog, NonZeroUsize::MIN, keys)?;
    let (_, address) = running.addresses().next().context("the proxy listens nowhere")?;
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let is_through = runtime.block_on(async {
        let start = Instant::now();
        let tally = results.current();
        party::come(story, address, &tally);
        let mut redraw = tokio::time::interval(REDRAW_EVERY);
        let end = tokio::time::sleep_until(start + story.act());
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break Ok(true),
                interrupted = tokio::signal::ctrl_c() => break interrupted.map(|()| false),
                _ = redraw.tick() => {
                    tally.elapsed.set(start.elapsed());
                    table.show(results, story);
                }
            }
        }
    })?;
    results.close(story, is_through);
    // Everybody leaves with the runtime; only then the proxy and the site go.
    drop(runtime);
    running.stop(Duration::ZERO);
    drop(site);
    Ok(is_through)
}
