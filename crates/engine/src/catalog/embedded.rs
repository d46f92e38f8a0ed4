//! The catalog of a start without a file. Its text is that of an ordinary catalog, filled in from the command line
//! and loaded like any other, so that it can be printed, saved and gone on with.

use super::address::host_pattern;
use super::files::MemoryFiles;
use super::lint::wait_text;
use super::read::shown;
use super::units::rate_text;
use super::{Attachment, Catalog, HostPattern, Loaded, Mode, VirtualServer};
use shaping::{RateClass, Sharing};
use source::{Diagnostic, DiagnosticId};
use std::path::Path;
use trafficscript::Builtins;

/// A host of the command line that cannot be one.
const BAD_HOST: DiagnosticId = DiagnosticId("bad-host");

/// Names under which the texts appear in messages.
const CATALOG_PATH: &str = "built-in/tidegate.toml";
const RULE_PATH: &str = "built-in/rules/abusive-referer.rts";

const CATALOG: &str = include_str!("../default_catalog/tidegate.toml");
const RULE: &str = include_str!("../default_catalog/rules/abusive-referer.rts");

/// The lines of the texts that are filled in; the nodes' stands with each pool.
const LISTEN_LINE: &str = "listen = \"127.0.0.1:8080\"";
const NODES_LINE: &str = "nodes = [\"127.0.0.1:8000\"]";
const MODE: &str = "mode = \"observe\" }";
const OWN_LINE: &str = "$own = \"\";";
/// Where the part begins that only the guard needs.
const CLASSES_LINE: &str = "# How many visitors any one site may send us. Each site has its own queue.";

/// What the guard of the embedded catalog does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// There is none: the bare proxy.
    Off,
    /// It decides, logs and counts, and nobody waits.
    #[default]
    Observe,
    /// It does what it decides.
    Enforce,
}

/// What the command line says of a start without a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Where to listen, as a catalog would have it: `127.0.0.1:8080`, `:8080`, `[::1]:80`.
    pub listen: String,
    /// The one node, as `host:port`.
    pub node: String,
    /// Names of the site besides the Host of each request; each covers the names below it.
    pub hosts: Vec<String>,
    /// What the guard does.
    pub guard: Guard,
}

impl EmbeddedOptions {
    /// The texts: the catalog at [`EmbeddedOptions::catalog_path`], and its rule beside it. Hosts that cannot be
    /// host names are left out; loading reports them.
    pub fn files(&self) -> MemoryFiles {
        let mode = match self.guard {
            Guard::Off | Guard::Observe => Mode::Observe,
            Guard::Enforce => Mode::Enforce,
        };
        let mut catalog = CATALOG
            .replace(LISTEN_LINE, &format!("listen = {}", toml_string(&self.listen)))
            .replace(NODES_LINE, &format!("nodes = [{}]", toml_string(&self.node)))
            .replace(MODE, &format!("mode = \"{}\" }}", mode.name()));
        if self.guard == Guard::Off {
            let before_rules = catalog.find("# \"observe\"").unwrap_or(catalog.len());
            let after_rules = catalog.find("[pools.origin]").unwrap_or(catalog.len());
            catalog.replace_range(before_rules..after_rules, "\n");
            catalog.truncate(catalog.find(CLASSES_LINE).unwrap_or(catalog.len()));
            catalog.truncate(catalog.trim_end().len());
            catalog.push('\n');
            return MemoryFiles::default().with(CATALOG_PATH, catalog);
        }
        let own: Vec<String> = self.own_names().collect();
        let rule = RULE.replace(OWN_LINE, &format!("$own = \"{}\";", own.join(" ")));
        MemoryFiles::default().with(CATALOG_PATH, catalog).with(RULE_PATH, rule)
    }

    /// The path of the catalog among [`EmbeddedOptions::files`].
    pub fn catalog_path() -> &'static Path {
        Path::new(CATALOG_PATH)
    }

    /// Host names hold letters, digits, hyphens, underscores and dots only: nothing that could end a string.
    fn own_names(&self) -> impl Iterator<Item = String> {
        let patterns = self.hosts.iter().filter_map(|host| host_pattern(host));
        patterns.map(|pattern| match pattern {
            HostPattern::Exact(name) | HostPattern::Below(name) => name.to_string(),
        })
    }
}

pub(crate) fn load<H: 'static>(options: &EmbeddedOptions, builtins: &Builtins<H>) -> Loaded {
    let mut loaded = Catalog::load(EmbeddedOptions::catalog_path(), &options.files(), builtins);
    for host in options.hosts.iter().filter(|host| host_pattern(host).is_none()) {
        let message = format!("`{}` is not a host name", shown(host));
        loaded.diagnostics.push(Diagnostic::error(BAD_HOST, message).help("write it as www.example.com"));
        loaded.catalog = None;
    }
    loaded
}

/// See [`Catalog::describe`].
pub(crate) fn describe(catalog: &Catalog) -> Vec<String> {
    let mut lines: Vec<String> =
        catalog.virtual_servers.iter().map(|server| server_line(catalog, server)).collect();
    for server in &catalog.virtual_servers {
        let rules = [("request", &server.request_rules), ("response", &server.response_rules)];
        for (stage, attachments) in rules {
            lines.extend(attachments.iter().map(|attachment| rule_line(server, stage, attachment)));
        }
    }
    lines.extend(super::marks::describe(&catalog.virtual_servers));
    for (name, class) in &catalog.rate_classes {
        lines.push(format!("rate class {name}: {}", rate_class_text(class)));
    }
    for (name, class) in &catalog.bandwidth_classes {
        let sharing = match class.sharing {
            Sharing::Machine => "shared by all its connections",
            Sharing::Connection => "for each of its connections",
        };
        lines.push(format!("bandwidth class {name}: {} {sharing}", rate_text(class.bytes_per_second.get())));
    }
    lines
}

fn server_line(catalog: &Catalog, server: &VirtualServer) -> String {
    let list = |items: Vec<String>| items.join(", ");
    let listen = list(server.listen.iter().map(ToString::to_string).collect());
    let hosts = list(server.hosts.iter().map(ToString::to_string).collect());
    let hosts = if hosts.is_empty() { String::new() } else { format!(" for {hosts}") };
    let pool = match server.pool {
        Some(id) => {
            let pool = catalog.pool(id);
            let nodes = list(pool.nodes.iter().map(|node| node.name.to_string()).collect());
            format!("pool {} ({nodes})", pool.name)
        }
        None => "discards what no rule sends elsewhere".to_owned(),
    };
    let tls = if server.tls.is_some() { " under TLS" } else { "" };
    format!("virtual server {}: {listen}{tls}{hosts}, {pool}", server.name)
}

fn rule_line(server: &VirtualServer, stage: &str, attachment: &Attachment) -> String {
    let mode = match (attachment.enabled, attachment.mode) {
        (false, _) => "switched off",
        (true, Mode::Enforce) => "enforced",
        (true, Mode::Observe) => "observes only: decides and logs, holds nobody up",
    };
    format!("{stage} rule {} on {}: {mode}", attachment.rule.name, server.name)
}

fn rate_class_text(class: &RateClass) -> String {
    if let Some(spare) = class.spare {
        let (floor, ceiling) = (spare.floor, spare.ceiling);
        return format!(
            "as many as the pool bears, {floor} to {ceiling}, waits {}",
            wait_text(class.wait_max)
        );
    }
    let second = class.per_second.map(|limit| format!("{limit} a second"));
    let minute = class.per_minute.map(|limit| format!("{limit} a minute"));
    let total_second = class.total_per_second.map(|limit| format!("{limit} a second in all"));
    let total_minute = class.total_per_minute.map(|limit| format!("{limit} a minute in all"));
    let limits: Vec<String> = [second, minute, total_second, total_minute].into_iter().flatten().collect();
    let limits = if limits.is_empty() { "no limit".to_owned() } else { limits.join(" and ") };
    format!("{limits}, waits {}", wait_text(class.wait_max))
}

/// A TOML string of any text.
fn toml_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(format!("\\u{:04X}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
