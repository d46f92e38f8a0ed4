//! `tidegate try`: the rules, a made-up request, and what is decided. The engine runs in virtual time; no sockets.

mod raw;
mod report;

use crate::check::{DEFAULT_CATALOG, colours, read_rule};
use crate::command_line::{OutputFormat, ProtocolName, StageName, TryOptions, rule_stage};
use crate::disk::Disk;
use crate::verdict::{Mistake, Verdict};
use anyhow::{Context, bail};
use engine::builtins::builtins;
use engine::catalog::{EmbeddedOptions, Guard, Htaccess, Rule, RuleStage, VirtualServerId, check_rule};
use engine::errand::World;
use engine::{Catalog, Now, Rehearsal, SharedOptions, Visit, Visited, WallTime};
use message::{RequestHead, ResponseHead, Version, reason_of};
use report::{Names, Tried};
use shaping::Tick;
use source::{Diagnostic, Severity, render_human};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// The client's port; nobody connects from it.
const CLIENT_PORT: u16 = 50_000;

/// Runs the rules and prints what they decide.
pub(crate) fn run(options: &TryOptions) -> anyhow::Result<Verdict> {
    let Some(stage) = load(options)? else { return Ok(Verdict::Mistaken) };
    if options.protocol == ProtocolName::ClientFirst {
        return raw::run(stage, options);
    }
    let visit = visit(options, stage.virtual_server).map_err(|error| Mistake(format!("{error:#}")))?;
    let settings = SharedOptions {
        bounds: stage.catalog.settings.bounds(),
        machine: crate::machine::here(),
        ..SharedOptions::default()
    };
    let files: Vec<String> = {
        let server = stage.catalog.virtual_server(stage.virtual_server);
        server.htaccess.iter().flat_map(|htaccess| htaccess.names()).map(str::to_owned).collect()
    };
    let names = Names { rules: stage.paths, htaccess: files };
    let wall = wall_time();
    let mut rehearsal = Rehearsal::new(stage.catalog, &settings, wall).in_world(world(options)?);
    let mut visit = visit;
    let (shared, now) = (rehearsal.shared(), Now { tick: Tick::ZERO, wall });
    // A cookie that is given by hand is meant as one that was got here.
    shared.sign_marks(shared.catalog().virtual_server(stage.virtual_server), &mut visit.request, now);
    for number in 0..options.count.unwrap_or(1) {
        let mut visit = visit.clone();
        visit.at = options.every.saturating_mul(number);
        visit.connection = u64::from(number) + 1;
        rehearsal.add(visit);
    }
    let mut visited = rehearsal.run();
    visited.sort_by_key(|visited| visited.number);
    print(&visited, &names, options)?;
    Ok(Verdict::Good)
}

/// What the world answers; without `--world` nothing does.
fn world(options: &TryOptions) -> anyhow::Result<World> {
    let world = match &options.world {
        None => World::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| Mistake(format!("cannot read {}: {error}", path.display())))?;
            World::parse(&text).map_err(|wrong| Mistake(format!("{}: {wrong}", path.display())))?
        }
    };
    // Files are there without going out: what the world says of one counts first.
    Ok(world.with_files(proxy::look_at_file))
}

fn has_no_rule(options: &TryOptions) -> bool {
    options.rule.is_none() && options.response_rule.is_none() && options.completion_rule.is_none()
}

/// The time of day, for rules that ask; the run itself takes no time.
fn wall_time() -> WallTime {
    proxy::Clock::system().now().wall
}

/// What is tried.
struct Stage {
    catalog: Catalog,
    virtual_server: VirtualServerId,
    /// The names of the rules given by path, as records have them, and the paths as the user gave them.
    paths: Vec<(Arc<str>, String)>,
}

/// The catalog with its virtual server, or `None` after its mistakes were told.
fn load(options: &TryOptions) -> anyhow::Result<Option<Stage>> {
    let embedded = EmbeddedOptions {
        listen: "127.0.0.1:8080".to_owned(),
        node: "127.0.0.1:8000".to_owned(),
        hosts: Vec::new(),
        guard: Guard::Enforce,
    };
    let bare = EmbeddedOptions { guard: Guard::Off, ..embedded.clone() };
    let here = Path::new(DEFAULT_CATALOG);
    let loaded = match &options.config {
        Some(path) => Catalog::load(path, &Disk, builtins()),
        None if options.htaccess.is_some() => Catalog::embedded(&bare, builtins()),
        None if has_no_rule(options) && here.exists() => Catalog::load(here, &Disk, builtins()),
        None => Catalog::embedded(&embedded, builtins()),
    };
    let Some(catalog) = loaded.catalog else {
        tell_errors(loaded.diagnostics)?;
        return Ok(None);
    };
    let at = match options.virtual_server.as_deref() {
        None => 0,
        Some(name) => place_of(name, &catalog)?,
    };
    let virtual_server = VirtualServerId(u32::try_from(at).unwrap_or(0));
    let Some(rules) = rules(options, &catalog)? else { return Ok(None) };
    let compiled: Vec<_> = rules.iter().map(|(rule, stage, _)| (Arc::clone(rule), *stage)).collect();
    let paths = rules.into_iter().map(|(rule, _, path)| (Arc::clone(&rule.name), path)).collect();
    let catalog = if compiled.is_empty() { catalog } else { catalog.with_only_rules(&compiled) };
    let Some(catalog) = with_htaccess(catalog, options)? else { return Ok(None) };
    Ok(Some(Stage { catalog, virtual_server, paths }))
}

/// The catalog with the file of `--htaccess`, if one is given; `None` after its mistakes were told.
fn with_htaccess(catalog: Catalog, options: &TryOptions) -> anyhow::Result<Option<Catalog>> {
    let Some(path) = &options.htaccess else { return Ok(Some(catalog)) };
    let text = read_rule(path)?;
    let root = options.document_root.as_deref().map(std::path::absolute).transpose();
    let root = root.map_err(|error| Mistake(format!("--document-root: {error}")))?;
    let mut diagnostics = Vec::new();
    let Some(htaccess) = Htaccess::alone(&text, root, &Disk, &mut diagnostics) else {
        tell_errors(diagnostics)?;
        return Ok(None);
    };
    Ok(Some(catalog.with_htaccess(htaccess)))
}

/// A rule given by path, for its stage; the path as the user gave it.
type Given = (Arc<Rule>, RuleStage, String);

/// The rules given by path, compiled; `None` after their mistakes were told.
fn rules(options: &TryOptions, catalog: &Catalog) -> anyhow::Result<Option<Vec<Given>>> {
    let given = [
        (&options.rule, options.r#as),
        (&options.response_rule, StageName::Response),
        (&options.completion_rule, StageName::Completion),
    ];
    let mut rules = Vec::new();
    for (path, stage) in given {
        let Some(path) = path else { continue };
        let text = read_rule(path)?;
        let stage = rule_stage(stage, options.protocol)?;
        let checked = check_rule(&text, stage, Some(catalog), &Disk, builtins());
        let Some(rule) = checked.rule else {
            tell_errors(checked.diagnostics)?;
            return Ok(None);
        };
        rules.push((rule, stage, text.name().to_owned()));
    }
    Ok(Some(rules))
}

fn tell_errors(mut diagnostics: Vec<Diagnostic>) -> anyhow::Result<()> {
    diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
    let mut out = std::io::stderr().lock();
    write!(out, "{}", render_human(&diagnostics, colours(&out)))?;
    Ok(())
}

fn place_of(name: &str, catalog: &Catalog) -> anyhow::Result<usize> {
    if let Some(at) = catalog.virtual_servers.iter().position(|server| &*server.name == name) {
        return Ok(at);
    }
    let names = catalog.virtual_servers.iter().map(|server| &*server.name);
    let near = source::nearest(name, names).map_or(String::new(), |near| format!("; did you mean {near}?"));
    Err(Mistake(format!("there is no virtual server {name}{near}")).into())
}

fn visit(options: &TryOptions, virtual_server: VirtualServerId) -> anyhow::Result<Visit> {
    let (tls, host, target) = split_url(&options.url)?;
    let mut request = RequestHead::new(options.method.as_bytes(), target.as_bytes(), Version::Http11)
        .with_context(|| format!("{} {} cannot be a request line", options.method, options.url))?;
    if let Some(host) = host {
        request.fields_mut().set(b"Host", host.as_bytes()).context("--url")?;
    }
    for line in &options.headers {
        let (name, value) = field(line)?;
        let is_host = name.eq_ignore_ascii_case("host");
        let fields = request.fields_mut();
        let put =
            if is_host { fields.set(name.as_bytes(), value) } else { fields.add(name.as_bytes(), value) };
        put.with_context(|| format!("--header '{line}'"))?;
    }
    if options.data.len() > 1 || !options.node_data.is_empty() {
        bail!("several --data, and --node-data, go with --protocol client_first");
    }
    let data = options.data.first();
    let sent = data.map_or(Ok(Vec::new()), |data| body(data))?;
    if data.is_some() {
        request.fields_mut().set(b"Content-Length", sent.len().to_string().as_bytes())?;
    }
    let status = options.response_status;
    let mut reply = ResponseHead::new(status, reason_of(status).as_bytes(), Version::Http11)
        .with_context(|| format!("--response-status {status}"))?;
    for line in &options.response_header {
        let (name, value) = field(line)?;
        reply
            .fields_mut()
            .add(name.as_bytes(), value)
            .with_context(|| format!("--response-header '{line}'"))?;
    }
    let answered = options.response_body.as_deref().map_or(Ok(Vec::new()), body)?;
    if options.response_body.is_some() {
        reply.fields_mut().set(b"Content-Length", answered.len().to_string().as_bytes())?;
    }
    Ok(Visit {
        client: SocketAddr::new(options.client, CLIENT_PORT),
        virtual_server,
        body: sent,
        reply_body: answered,
        tls,
        ..Visit::of(request, reply)
    })
}

/// Whether it is https, the host if there is one, and the target.
fn split_url(url: &str) -> anyhow::Result<(bool, Option<&str>, &str)> {
    let (tls, rest) = if let Some(rest) = url.strip_prefix("https://") {
        (true, rest)
    } else if let Some(rest) = url.strip_prefix("http://") {
        (false, rest)
    } else if url.starts_with('/') {
        return Ok((false, Some("www.example.com"), url));
    } else {
        bail!("--url {url}: expected http://host/path, https://host/path or /path");
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(end);
    if host.is_empty() || host.contains('@') {
        bail!("--url {url}: expected a host after the scheme");
    }
    let target = target.split('#').next().unwrap_or_default();
    Ok((tls, Some(host), if target.is_empty() { "/" } else { target }))
}

fn field(line: &str) -> anyhow::Result<(&str, &[u8])> {
    let Some((name, value)) = line.split_once(':') else { bail!("'{line}': expected 'Name: value'") };
    Ok((name.trim(), value.trim().as_bytes()))
}

fn body(data: &str) -> anyhow::Result<Vec<u8>> {
    match data.strip_prefix('@') {
        Some(path) => std::fs::read(path).with_context(|| format!("cannot read {path}")),
        None => Ok(data.as_bytes().to_vec()),
    }
}

fn print(visited: &[Visited], names: &Names, options: &TryOptions) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let tried: Vec<Tried> = visited.iter().map(|visited| Tried::new(visited, names)).collect();
    match (options.format, options.count) {
        (OutputFormat::Json, None) => writeln!(out, "{}", serde_json::to_string_pretty(&tried.first())?)?,
        (OutputFormat::Json, Some(_)) => writeln!(out, "{}", serde_json::to_string_pretty(&tried)?)?,
        (OutputFormat::Human, None) => {
            for tried in &tried {
                write!(out, "{}", tried.in_full())?;
            }
        }
        (OutputFormat::Human, Some(_)) => {
            for (visited, tried) in visited.iter().zip(&tried) {
                writeln!(out, "{}", tried.in_a_line(visited.number + 1, options.every))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::split_url;

    #[test]
    fn a_url_is_taken_apart_as_a_browser_would() {
        assert_eq!(split_url("http://a.example").unwrap(), (false, Some("a.example"), "/"));
        assert_eq!(
            split_url("https://a.example:8443/x?y#z").unwrap(),
            (true, Some("a.example:8443"), "/x?y")
        );
        assert!(split_url("ftp://a.example/").is_err());
        assert!(split_url("http:///x").is_err());
    }
}
