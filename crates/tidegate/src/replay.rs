//! `tidegate replay`: what a policy would have done to the requests of a log.

use crate::check::{DEFAULT_CATALOG, colours, read_rule};
use crate::command_line::{OutputFormat, ReplayOptions};
use crate::disk::Disk;
use crate::htaccess::is_htaccess;
use crate::times::{Window, now_unix_micros};
use crate::verdict::{Mistake, Verdict};
use crate::watch::Watch;
use accesslog::Layout;
use analyser::input::{FileCounts, Input, Options, Ordered};
use analyser::log::Tally;
use analyser::replay::{self, ReplayError};
use anyhow::{Context, bail};
use engine::Catalog;
use engine::builtins::builtins;
use engine::catalog::{EmbeddedOptions, Guard, Htaccess};
use engine::errand::{FileState, World};
use serde::Serialize;
use source::{Diagnostic, Severity, render_human};
use std::io::Write;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Replays, and tells.
pub(crate) fn run(options: &ReplayOptions) -> anyhow::Result<Verdict> {
    let Some(policy) = load(&options.policy, options)? else { return Ok(Verdict::Mistaken) };
    let other = match &options.compare {
        None => None,
        Some(path) => match load(path, options)? {
            Some(other) => Some(other),
            None => return Ok(Verdict::Mistaken),
        },
    };
    let window = Window::of(options.from.as_deref(), options.to.as_deref(), now_unix_micros())?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let input = Input::open(&options.logs, &Options { layout: layout(options)?, threads })
        .map_err(|error| Mistake(error.to_string()))?;
    let shows = if options.progress { Some(true) } else { options.no_progress.then_some(false) };
    let watch = Watch::start(shows)?;
    let own = own_names(&policy, &input, options, &watch);
    watch.begin("replayed", input.disk_bytes());
    let settings = replay::ReplayOptions {
        virtual_server: options.virtual_server.clone(),
        host: options.host.clone(),
        own,
        offenders: options.offender.clone(),
        world: world(options)?,
        window: replay::Window {
            from_unix_micros: window.from_unix_micros,
            to_unix_micros: window.to_unix_micros,
        },
    };
    let progress = |bytes| watch.advance(bytes);
    let seen = analyser::input::Watch { cancel: &watch.cancel, progress: &progress };
    let told = match other {
        None => replay::replay(policy, &input, settings, &seen)
            .map(|(effect, ordered)| Told::One(Box::new(effect), ordered)),
        Some(other) => replay::compare([policy, other], &input, &settings, &seen)
            .map(|(comparison, ordered)| Told::Two(Box::new(comparison), ordered)),
    };
    watch.finish();
    let told = told.map_err(|error| mistake(&error, options))?;
    print(&told, &input, options)?;
    Ok(if watch.is_cancelled() { Verdict::Interrupted } else { Verdict::Good })
}

/// What the site is called: as somebody said, or else as its log tells. Reading it twice is cheaper than a report that
/// takes the site's own visitors for strangers.
fn own_names(policy: &Catalog, input: &Input, options: &ReplayOptions, watch: &Watch) -> Vec<String> {
    let is_said = !options.own.is_empty()
        || options.host.is_some()
        || policy.virtual_servers.iter().any(|server| !server.hosts.is_empty());
    if is_said {
        return options.own.clone();
    }
    watch.begin("looked through", input.disk_bytes());
    let progress = |bytes| watch.advance(bytes);
    let seen = analyser::input::Watch { cancel: &watch.cancel, progress: &progress };
    let mut scanned = input.scan(|| Tally::new(0), &seen);
    scanned.worker.own_names().into_iter().map(|own| own.name).collect()
}

fn mistake(error: &ReplayError, options: &ReplayOptions) -> Mistake {
    Mistake(format!("{}: {error}", options.policy.display()))
}

/// What came of it, and of the lines.
enum Told {
    One(Box<replay::Effect>, Ordered),
    Two(Box<replay::Comparison>, Ordered),
}

/// The policy at a path, or `None` after its mistakes were told.
fn load(path: &Path, options: &ReplayOptions) -> anyhow::Result<Option<Catalog>> {
    let path = if path.is_dir() { what_is_in(path)? } else { path.to_owned() };
    let bare = EmbeddedOptions {
        listen: "127.0.0.1:8080".to_owned(),
        node: "127.0.0.1:8000".to_owned(),
        hosts: Vec::new(),
        guard: Guard::Off,
    };
    let is_file = is_htaccess(&path);
    let loaded =
        if is_file { Catalog::embedded(&bare, builtins()) } else { Catalog::load(&path, &Disk, builtins()) };
    let Some(catalog) = loaded.catalog else {
        tell_errors(loaded.diagnostics)?;
        return Ok(None);
    };
    if !is_file {
        return Ok(Some(catalog));
    }
    // Without it folders and index files are not looked up, and only the file's own tests are unknown.
    let root = options.docroot.as_deref().map(std::path::absolute).transpose();
    let root = root.map_err(|error| Mistake(format!("--docroot: {error}")))?;
    let mut diagnostics = Vec::new();
    let Some(htaccess) = Htaccess::alone(&read_rule(&path)?, root, &Disk, &mut diagnostics) else {
        tell_errors(diagnostics)?;
        return Ok(None);
    };
    Ok(Some(catalog.with_htaccess(htaccess)))
}

fn what_is_in(folder: &Path) -> anyhow::Result<PathBuf> {
    let found =
        [DEFAULT_CATALOG, ".htaccess"].map(|name| folder.join(name)).into_iter().find(|path| path.exists());
    let wrong =
        || Mistake(format!("{}: there is no {DEFAULT_CATALOG} and no .htaccess in it", folder.display()));
    Ok(found.ok_or_else(wrong)?)
}

fn tell_errors(mut diagnostics: Vec<Diagnostic>) -> anyhow::Result<()> {
    diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
    let mut out = std::io::stderr().lock();
    write!(out, "{}", render_human(&diagnostics, colours(&out)))?;
    Ok(())
}

fn layout(options: &ReplayOptions) -> anyhow::Result<Option<Layout>> {
    let said = options.log_format.as_deref().map(Layout::said).transpose();
    Ok(said.map_err(|why| Mistake(format!("--log-format: {why}")))?)
}

/// The files below the folder that was given, wherever the policy takes them to be.
fn world(options: &ReplayOptions) -> anyhow::Result<World> {
    let Some(folder) = &options.docroot else { return Ok(World::default()) };
    let folder = std::path::absolute(folder).with_context(|| format!("--docroot {}", folder.display()))?;
    if !folder.is_dir() {
        bail!(Mistake(format!("--docroot {}: there is no such folder", folder.display())));
    }
    Ok(World::default().with_files(move |root, path| {
        let Some(below) = path.strip_prefix(root.as_os_str().as_bytes()) else { return FileState::default() };
        proxy::look_at_file(&folder, &[folder.as_os_str().as_bytes(), below].concat())
    }))
}

/// A file of the log, as `replay --format json` prints it.
#[derive(Serialize)]
struct Read<'a> {
    path: String,
    format: &'a str,
    #[serde(flatten)]
    counts: &'a FileCounts,
}

#[derive(Serialize)]
struct Json<'a, T> {
    policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<String>,
    files: Vec<Read<'a>>,
    late_lines: u64,
    #[serde(flatten)]
    told: &'a T,
}

fn print(told: &Told, input: &Input, options: &ReplayOptions) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let (Told::One(_, ordered) | Told::Two(_, ordered)) = told;
    let files = input.files().iter().zip(&ordered.counts).map(|(file, counts)| Read {
        path: file.path.display().to_string(),
        format: &file.layout_reason,
        counts,
    });
    let files: Vec<Read<'_>> = files.collect();
    match options.format {
        OutputFormat::Json => {
            let policy = options.policy.display().to_string();
            let other = options.compare.as_ref().map(|path| path.display().to_string());
            let late_lines = ordered.late_lines;
            match told {
                Told::One(told, _) => {
                    write_json(&mut out, &Json { policy, other, files, late_lines, told: &**told })
                }
                Told::Two(told, _) => {
                    write_json(&mut out, &Json { policy, other, files, late_lines, told: &**told })
                }
            }
        }
        OutputFormat::Human => {
            for file in &files {
                about(file, &mut out)?;
            }
            match told {
                Told::One(effect, _) => write!(out, "{effect}")?,
                Told::Two(comparison, _) => write!(out, "{comparison}")?,
            }
            Ok(())
        }
    }
}

fn write_json<T: Serialize>(out: &mut impl Write, told: &T) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, told)?;
    writeln!(out)?;
    Ok(())
}

/// A line about a file, and one for each reason why lines of it could not be read.
fn about(file: &Read<'_>, out: &mut impl Write) -> std::io::Result<()> {
    write!(out, "{}: {} lines", file.path, file.counts.lines)?;
    if file.counts.bad > 0 {
        write!(out, ", {} of them cannot be read", file.counts.bad)?;
    }
    writeln!(out, "; {}", file.format)?;
    for (why, count) in &file.counts.bad_reasons {
        writeln!(out, "  {count}: {why}")?;
    }
    if let Some(problem) = &file.counts.problem {
        writeln!(out, "  not read to its end: {problem}")?;
    }
    Ok(())
}
