//! `tidegate run`: the traffic manager in the foreground.

mod guards;
mod hand_over;
mod heir;
mod inheritance;
mod life;
mod pid_file;
mod reload;
mod signals;
mod status;
mod welcome;

use crate::admin::Admin;
use crate::certificates;
use crate::check::{DEFAULT_CATALOG, colours};
use crate::command_line::{GuardMode, OutputFormat, RunOptions};
use crate::control::{Listening, place_of};
use crate::disk::Disk;
use crate::mark_keys::KeyStore;
use crate::open_files;
use crate::process_log::ProcessLog;
use crate::service::{self, Watchdog};
use crate::site::{Capacity, Site};
use crate::verdict::{Mistake, Verdict};
use anyhow::{Context, anyhow, bail};
use engine::builtins::builtins;
use engine::catalog::{AccessLog, Destination, EmbeddedOptions, Guard, Loaded};
use engine::{Catalog, MarkKeys, Shared, SharedOptions};
use heir::Start;
use inheritance::Inheritance;
use life::Life;
use pid_file::PidFile;
use proxy::{Clock, ListeningSockets, Options, Prepared, Proxy, Running, StartError, Wakes};
use signals::Signals;
use source::{Diagnostic, render_human};
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Write};
use std::mem::take;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

/// Where a start without a file listens.
const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// Where the catalog comes from.
enum Origin {
    /// A file; it can be read again.
    File(PathBuf),
    /// The command line.
    BuiltIn(EmbeddedOptions),
}

/// Runs until a signal ends it, or another process has its place.
pub(crate) fn run(options: &RunOptions) -> anyhow::Result<Verdict> {
    // Kept until the end: dropping it writes what was said.
    let process_log = ProcessLog::start(options.log_format, options.log_level)?;
    open_files::raise_limit();
    // Kept until the end as well: dropping it stops it.
    let (origin, site) = origin(options)?;
    let mut inheritance = options.take_over.then(Inheritance::receive).transpose()?;
    // One thread waits for signals and questions; the workers have runtimes of their own.
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let begun = begin((options, &process_log), &origin, &mut inheritance, &runtime);
    let (life, signals) = match (begun, inheritance) {
        (Ok(begun), inheritance) => {
            inheritance.into_iter().for_each(Inheritance::serving);
            begun
        }
        (Err(NotBegun::Mistaken(diagnostics)), Some(inheritance)) => {
            inheritance.failed(render_human(&diagnostics, false), true);
            return Ok(Verdict::Mistaken);
        }
        (Err(NotBegun::Mistaken(_)), None) => return Ok(Verdict::Mistaken),
        (Err(NotBegun::Failed(error)), inheritance) => {
            let tell = |heard: Inheritance| heard.failed(format!("{error:#}\n"), error.is::<Mistake>());
            inheritance.into_iter().for_each(tell);
            return Err(error);
        }
    };
    welcome((options, &process_log), &origin, &life, site.is_some());
    let verdict = runtime.block_on(life.serve(signals, &process_log));
    drop(site);
    verdict
}

/// Why it does not run.
enum NotBegun {
    /// The catalog has mistakes, which have been told.
    Mistaken(Vec<Diagnostic>),
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for NotBegun {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Everything up to the first client: first what may fail, then, if another process serves so far, its word.
fn begin(
    (options, process_log): (&RunOptions, &ProcessLog),
    origin: &Origin,
    inheritance: &mut Option<Inheritance>,
    runtime: &LocalRuntime,
) -> Result<(Life, Signals), NotBegun> {
    let loaded = load(origin);
    match options.log_format {
        OutputFormat::Json => loaded.diagnostics.iter().for_each(log),
        OutputFormat::Human => process_log.say(shown(&loaded.diagnostics)),
    }
    let Some(catalog) = loaded.catalog else { return Err(NotBegun::Mistaken(loaded.diagnostics)) };
    for line in catalog.describe() {
        tracing::info!("{line}");
    }
    let workers = workers(options, &catalog);
    let file = match origin {
        Origin::File(path) => Some(path.clone()),
        Origin::BuiltIn(_) => None,
    };
    let place = place_of(options.control.as_deref(), file.as_deref());
    // Before anybody is listened to: keys that cannot be used are a mistake to be told.
    let keys = mark_keys(&catalog, inheritance.as_ref().and_then(Inheritance::mark_keys))?;
    let (sockets, watchdog) = match inheritance {
        Some(inheritance) => (take(&mut inheritance.listeners), Watchdog::inherited(inheritance.watchdog)),
        None => (service::sockets(&catalog), Watchdog::of_environment()),
    };
    let admin = Admin::bind(catalog.admin, |address| inheritance.as_mut()?.take_admin(address))?;
    let inherited =
        inheritance.as_mut().and_then(|inheritance| inheritance.take_control(&place.candidates()));
    let has_control = inherited.is_some();
    let control = match inherited {
        Some((path, socket)) => Some(Listening::inherited(path, socket)),
        None => place.listen()?,
    };
    let prepared = prepare(catalog, workers, keys, sockets).map_err(|error| explained(error, origin))?;

    // The signals are listened for before anybody is told that we are ready.
    let signals = runtime.block_on(async { Signals::new() }).context("cannot listen for signals")?;
    if let Some(inheritance) = inheritance {
        inheritance.ready(has_control)?;
    }
    let running = prepared.serve();
    if let Some(inheritance) = inheritance {
        inheritance.tell_guards(&running);
    }
    process_log.count_in(running.shared());
    let admin = admin.map(|bound| Admin::start(bound, running.shared(), running.clock())).transpose()?;
    let pid_file = options.pid_file.as_deref().map(PidFile::write).transpose()?;
    let start = Start::of_this_process().map_err(|error| format!("{error:#}"));
    Ok((Life { running, file, admin, control, pid_file, watchdog, start }, signals))
}

/// Says that it serves.
fn welcome((options, process_log): (&RunOptions, &ProcessLog), origin: &Origin, life: &Life, has_site: bool) {
    let bound: Vec<_> = life.running.addresses().map(|(_, bound)| bound).collect();
    let addresses: Vec<String> = bound.iter().map(ToString::to_string).collect();
    if let Some(control) = &life.control {
        tracing::info!("spoken to at {}", control.path.display());
    }
    tracing::info!(workers = life.running.workers(), "ready on {}", addresses.join(", "));
    if let Origin::BuiltIn(embedded) = origin
        && let Some(first) = bound.first()
        && options.log_format == OutputFormat::Human
    {
        process_log.say(welcome::text(*first, embedded.guard, has_site));
    }
}

/// What is to be run, and the sample site, if that is what stands behind it.
fn origin(options: &RunOptions) -> anyhow::Result<(Origin, Option<Site>)> {
    if let Some(path) = &options.config {
        return Ok((Origin::File(path.clone()), None));
    }
    let here = Path::new(DEFAULT_CATALOG);
    if here.exists() {
        if options.to.is_none() {
            let given = [
                ("--listen", options.listen.is_some()),
                ("--host", !options.host.is_empty()),
                ("--guard", options.guard.is_some()),
            ];
            if let Some((flag, _)) = given.iter().find(|(_, is_given)| *is_given) {
                let why = "the catalog here says that; give --to as well to leave it aside";
                bail!(Mistake(format!("{flag} does not go with {DEFAULT_CATALOG}: {why}")));
            }
            return Ok((Origin::File(here.to_owned()), None));
        }
        tracing::info!("{DEFAULT_CATALOG} in this folder is left aside, since --to is given");
    }
    let (node, site) = if let Some(url) = &options.to {
        (node_of(url).map_err(Mistake)?, None)
    } else {
        let site = Site::start(Capacity::AMPLE).context("cannot start the sample site")?;
        (site.address.to_string(), Some(site))
    };
    let guard = match options.guard {
        Some(GuardMode::Off) => Guard::Off,
        Some(GuardMode::Observe) | None => Guard::Observe,
        Some(GuardMode::Enforce) => Guard::Enforce,
    };
    let listen = options.listen.clone().unwrap_or_else(|| DEFAULT_LISTEN.to_owned());
    Ok((Origin::BuiltIn(EmbeddedOptions { listen, node, hosts: options.host.clone(), guard }), site))
}

/// `host:port` of `http://host:port/`.
fn node_of(url: &str) -> Result<String, String> {
    let Some(rest) = url.strip_prefix("http://") else {
        return Err(match url.strip_prefix("https://") {
            Some(_) => {
                format!("--to {url}: for TLS to a node write a catalog, with `tls = true` in its pool")
            }
            None => format!("--to {url}: expected http://host:port"),
        });
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.is_empty() || authority.contains(['/', '?', '#', '@']) {
        return Err(format!("--to {url}: expected http://host:port and nothing behind it"));
    }
    let has_port =
        authority.rsplit_once(':').is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
    Ok(if has_port { authority.to_owned() } else { format!("{authority}:80") })
}

fn load(origin: &Origin) -> Loaded {
    match origin {
        Origin::File(path) => certificates::load(path, &Disk),
        Origin::BuiltIn(options) => {
            let mut loaded = Catalog::embedded(options, builtins());
            let servers = loaded.catalog.iter_mut().flat_map(|catalog| &mut catalog.virtual_servers);
            for server in servers.filter(|server| server.access_log.is_none()) {
                // What is decided must be seen somewhere.
                server.access_log = accesslog::Format::named("tidegate")
                    .map(|format| AccessLog { destination: Destination::Stdout, format: Arc::new(format) });
            }
            loaded
        }
    }
}

/// Says what is wrong or doubtful with a catalog.
pub(crate) fn tell(diagnostics: &[Diagnostic]) -> std::io::Result<()> {
    std::io::stderr().lock().write_all(shown(diagnostics).as_bytes())
}

/// The same, for people who look at standard error.
fn shown(diagnostics: &[Diagnostic]) -> String {
    render_human(diagnostics, colours(&std::io::stderr()))
}

/// One mistake, in a line of the log.
pub(crate) fn log(diagnostic: &Diagnostic) {
    match diagnostic.severity {
        source::Severity::Error => tracing::error!("{}", diagnostic.one_line()),
        source::Severity::Warning => tracing::warn!("{}", diagnostic.one_line()),
    }
}

fn workers(options: &RunOptions, catalog: &Catalog) -> NonZeroUsize {
    let said = catalog.settings.workers.and_then(|workers| NonZeroUsize::try_from(workers).ok());
    options.workers.or(said).unwrap_or_else(|| Options::for_this_machine().workers)
}

/// The keys of marks for a first catalog. One without marks has some as well: a later catalog may want them.
fn mark_keys(catalog: &Catalog, inherited: Option<&MarkKeys>) -> anyhow::Result<MarkKeys> {
    let store = KeyStore::of(catalog);
    if matches!(store, Some(KeyStore::Memory)) {
        tracing::info!(
            "the keys of marks live in memory: marks end with this process ([settings] state_folder keeps them)"
        );
    }
    let store = store.unwrap_or(KeyStore::Memory);
    store.keys(inherited, catalog.settings.mark_key_age, Clock::system().now().wall)
}

/// Puts a catalog to work.
pub(crate) fn start(catalog: Catalog, workers: NonZeroUsize, keys: MarkKeys) -> Result<Running, StartError> {
    Ok(prepare(catalog, workers, keys, Vec::new())?.serve())
}

/// Opens all that a catalog needs, but for the sockets that are there already.
fn prepare(
    catalog: Catalog,
    workers: NonZeroUsize,
    keys: MarkKeys,
    sockets: Vec<ListeningSockets>,
) -> Result<Prepared, StartError> {
    let (clock, wakes) = (Clock::system(), Wakes::new());
    let random = RandomState::new();
    let options = SharedOptions {
        seed: [random.hash_one(0_u8), random.hash_one(1_u8)],
        bounds: catalog.settings.bounds(),
        stopwatch: Some(clock.stopwatch()),
        machine: crate::machine::here(),
    };
    let shared = Shared::new(catalog, &options, Box::new(wakes.clone()), clock.now());
    shared.set_mark_keys(keys);
    let options = Options { workers, ..Options::for_this_machine() };
    Proxy::prepare(shared, (wakes, clock), options, sockets)
}

/// What to do about it, besides what is wrong.
fn explained(error: StartError, origin: &Origin) -> anyhow::Error {
    let StartError::Listen(failed) = &error else { return error.into() };
    let kind = failed.first().map(|failed| failed.error.kind());
    let advice = match (kind, origin) {
        (Some(ErrorKind::AddrInUse), Origin::File(path)) => {
            format!("something else listens there; stop it, or change `listen` in {}", path.display())
        }
        (Some(ErrorKind::AddrInUse), Origin::BuiltIn(_)) => {
            "something else listens there; choose another address with --listen, or port 0 for any".to_owned()
        }
        (Some(ErrorKind::PermissionDenied), _) => {
            "ports below 1024 are for root, or for programs with the capability CAP_NET_BIND_SERVICE"
                .to_owned()
        }
        (Some(ErrorKind::AddrNotAvailable), _) => "this machine has no such address".to_owned(),
        _ => return error.into(),
    };
    anyhow!("{error}: {advice}")
}

#[cfg(test)]
mod tests {
    use super::node_of;

    #[test]
    fn the_node_of_a_url_has_a_port_and_nothing_else() {
        assert_eq!(node_of("http://127.0.0.1:8000"), Ok("127.0.0.1:8000".to_owned()));
        assert_eq!(node_of("http://origin.example/"), Ok("origin.example:80".to_owned()));
        assert_eq!(node_of("http://[::1]:81"), Ok("[::1]:81".to_owned()));
        assert_eq!(node_of("http://[::1]"), Ok("[::1]:80".to_owned()));
        for wrong in ["127.0.0.1:8000", "https://a", "http://", "http://a/b", "http://u@a", "http://a?b"] {
            assert!(node_of(wrong).is_err(), "{wrong}");
        }
    }
}
