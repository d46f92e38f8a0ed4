//! The catalog: everything that is declared. What operators wrote (*said*) becomes, in one step, an immutable value
//! that nobody has to check again (*meant*); all mistakes of that step are reported at once.
//!
//! ```text
//! tidegate.toml ── read ──▶ said ── check ──▶ Catalog ── lint ──▶ (Catalog, diagnostics)
//! rules/*.rts   ── rules: trafficscript::compile ──▶ ┘
//! ```

mod address;
mod authenticator;
mod check;
mod class;
mod embedded;
mod error_pages;
mod files;
mod guard;
mod htaccess;
mod kept;
mod lint;
mod marks;
mod monitor;
mod outgoing;
mod outline;
mod pool;
mod protection;
mod read;
mod rules;
mod said;
mod schema;
mod select;
mod spare;
mod spool;
mod tls;
mod units;
mod virtual_server;

pub(crate) use address::is_host_name;
pub use authenticator::{Authenticator, AuthenticatorKind, LdapTls, Secret};
pub use embedded::{EmbeddedOptions, Guard};
pub use files::{FileFacts, Files, MemoryFiles};
pub use guard::Step;
pub use htaccess::Htaccess;
pub use marks::{CookieCaching, Mark, MarkMemoryBy, Marks};
pub use monitor::{Expected, HttpLook, Look, Monitor, MonitorId, MonitorKind};
pub use outgoing::{Allowed, Outgoing, Refusal};
pub use outline::{Changes, Outline, Part};
pub use pool::{
    Algorithm, Balance, EjectOn, Ejection, HashBy, Member, Node, NodeWish, Pool, ProxyHeader, Retries, Room,
    SlowAnswers,
};
pub use rules::{CheckedRule, Rule, RuleStage, check_rule};
pub use schema::schema;
pub use spare::SpareUse;
pub use spool::SpoolSettings;
pub use tls::{ClientCheck, NodeTls, ServerTls, TlsVersion, Verification};
pub use units::MemoryShare;
pub(crate) use units::length_text;
pub use virtual_server::{
    AccessLog, Attachment, ClientAddressFrom, Destination, HostPattern, Http2, Mode, OnRuleError, Protocol,
    QueueTimeoutAction, RequestIds, RunFrequency, Timeouts, VirtualServer,
};

use crate::geo::GeoDatabase;
use crate::guards::SiteGuard;
use crate::limits;
use crate::nodes::ClassPlaces;
use crate::protection::ProtectionClass;
use crate::resources::Resources;
use crate::time::WallTime;
use crate::tls::Certificate;
use select::Selection;
use shaping::{BandwidthClass, Bounds, RateClass};
use source::{Diagnostic, Severity};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tls::Declared;
use trafficscript::{Builtins, RunLimits};

#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod tests;

/// Everything that is declared, checked. Immutable; the live state of classes and nodes is elsewhere.
#[derive(Debug, Default)]
pub struct Catalog {
    /// In the order written.
    pub virtual_servers: Vec<VirtualServer>,
    /// The certificates of virtual servers and pools, each once.
    pub(crate) certificates: Vec<Declared>,
    /// The files with those who vouch for clients and for nodes, each once.
    pub(crate) authority_files: Vec<PathBuf>,
    /// In the order written.
    pub pools: Vec<Pool>,
    /// In the order written.
    pub monitors: Vec<Arc<Monitor>>,
    /// By name, in the order written.
    pub rate_classes: Vec<(String, RateClass)>,
    /// What is said besides of the rate classes that admit by spare capacity, by name.
    pub spare_classes: BTreeMap<String, SpareUse>,
    /// By name, in the order written.
    pub bandwidth_classes: Vec<(String, BandwidthClass)>,
    /// How many requests of a bandwidth class may be at nodes, by its name, where that is limited.
    pub(crate) class_places: BTreeMap<String, Arc<ClassPlaces>>,
    /// In the order written.
    pub protections: Vec<ProtectionClass>,
    /// In the order written.
    pub guards: Vec<SiteGuard>,
    /// Where rules may go.
    pub outgoing: Outgoing,
    /// Who knows users, in the order written.
    pub authenticators: Vec<Arc<Authenticator>>,
    /// What holds for the whole process.
    pub settings: Settings,
    /// What rules may use up.
    pub rules: RuleSettings,
    /// Where the numbers of the process can be read; `None`: nowhere.
    pub admin: Option<Admin>,
    /// How much rules may keep.
    pub data: DataLimits,
    /// The variables of the environment that rules may read.
    pub environment: Vec<String>,
    /// Where addresses are, if the catalog names a database.
    pub geo: Option<GeoDatabase>,
    /// The files that rules may read.
    pub resources: Resources,
    /// Where to keep what outlives the process, joined to the catalog's folder.
    pub state_folder: Option<PathBuf>,
    /// Where slowed answers wait, and how much of them.
    pub spool: SpoolSettings,
    /// Where the running process is spoken to.
    pub control_socket: ControlSocket,
    /// Everything that is declared, to compare with another catalog.
    pub outline: Outline,
    selection: Selection,
}

/// Where the running process is spoken to. Read at start only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ControlSocket {
    /// Where such sockets usually are.
    #[default]
    Usual,
    /// Nowhere.
    Off,
    /// Here.
    At(PathBuf),
}

/// A virtual server, by its place in [`Catalog::virtual_servers`]; means nothing in another catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualServerId(pub u32);

/// A pool, by its place in [`Catalog::pools`]; means nothing in another catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub u32);

/// A guard, by its place in [`Catalog::guards`]; means nothing in another catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuardId(pub u32);

/// A protection class, by its place in [`Catalog::protections`]; means nothing in another catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtectionId(pub u32);

impl VirtualServerId {
    /// The place.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl PoolId {
    /// The place.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How much rules may keep in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataLimits {
    /// With `data.set`.
    pub max: MemoryShare,
    /// With `data.local.set`.
    pub local_max: MemoryShare,
}

/// What holds for the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Threads that serve connections; `None` means one for each processor. Read at start only.
    pub workers: Option<std::num::NonZeroU32>,
    /// How long a graceful stop waits for what is under way; zero does not wait.
    pub grace_period: Duration,
    /// How long a process that was followed by another one waits for what is under way.
    pub upgrade_grace_period: Duration,
    /// Contexts that one rate class keeps apart. Read at start only.
    pub contexts_max: usize,
    /// Bytes that the contexts of one rate class take. Read at start only.
    pub contexts_bytes_max: usize,
    /// Requests that may wait in all rate classes together. Read at start only.
    pub waiting_max: usize,
    /// How long a key signs marks.
    pub mark_key_age: Duration,
    /// How much memory the process may take.
    pub max_memory: Option<MemoryShare>,
    /// How often the addresses of named nodes are looked up.
    pub dns_refresh: Duration,
}

impl Settings {
    /// The bounds of the live state of classes.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            contexts_max: self.contexts_max,
            contexts_bytes_max: self.contexts_bytes_max,
            tickets_max: self.waiting_max,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let bounds = Bounds::default();
        Self {
            workers: None,
            grace_period: Duration::from_secs(30),
            upgrade_grace_period: Duration::from_mins(10),
            contexts_max: bounds.contexts_max,
            contexts_bytes_max: bounds.contexts_bytes_max,
            waiting_max: bounds.tickets_max,
            mark_key_age: Duration::from_hours(24),
            max_memory: None,
            dns_refresh: Duration::from_secs(30),
        }
    }
}

/// What rules may use up, and when they are told of.
#[derive(Clone, Copy, Debug)]
pub struct RuleSettings {
    /// Of one run, unless its attachment says otherwise.
    pub limits: RunLimits,
    /// A run that takes longer than this between two waits is told of; `None` tells of none.
    pub slow_run: Option<Duration>,
}

impl Default for RuleSettings {
    fn default() -> Self {
        Self { limits: limits::RUN, slow_run: Some(limits::SLOW_RUN) }
    }
}

/// Where the numbers of the process can be read. Read at start only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The address.
    pub listen: SocketAddr,
}

/// What came of loading: a catalog, unless there is an error among the diagnostics.
#[derive(Debug)]
pub struct Loaded {
    /// `None` if any of the diagnostics is an error.
    pub catalog: Option<Catalog>,
    /// All mistakes and doubts, in the order of the text, the catalog's before its rules'.
    pub diagnostics: Vec<Diagnostic>,
}

impl Catalog {
    /// Reads and checks the catalog at a path, and every rule in the folder `rules` beside it. Reports everything
    /// that is wrong, each thing once. Rules that no virtual server uses are compiled as request rules, so that
    /// their mistakes are seen too.
    pub fn load<H: 'static>(path: &Path, files: &dyn Files, builtins: &Builtins<H>) -> Loaded {
        let mut diagnostics = Vec::new();
        let catalog = check::load(path, files, builtins, &mut diagnostics);
        diagnostics.sort_by_key(|diagnostic| place_in(path, diagnostic));
        let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        Loaded { catalog: catalog.filter(|_| !failed), diagnostics }
    }

    /// Where a catalog says that the running process is spoken to; the usual place, if it does not or cannot be read:
    /// a catalog with mistakes in it must not hide the process that is to judge it.
    pub fn control_socket_of(path: &Path, files: &dyn Files) -> ControlSocket {
        check::control_socket_of(path, files)
    }

    /// The catalog of a start without a file; see [`EmbeddedOptions::files`] for its text.
    pub fn embedded<H: 'static>(options: &EmbeddedOptions, builtins: &Builtins<H>) -> Loaded {
        embedded::load(options, builtins)
    }

    /// The virtual server of an id of this catalog.
    ///
    /// # Panics
    /// If the id is of another catalog and out of range here.
    pub fn virtual_server(&self, id: VirtualServerId) -> &VirtualServer {
        &self.virtual_servers[id.index()]
    }

    /// The pool of an id of this catalog.
    ///
    /// # Panics
    /// If the id is of another catalog and out of range here.
    pub fn pool(&self, id: PoolId) -> &Pool {
        &self.pools[id.index()]
    }

    /// The protection class of a virtual server.
    pub fn protection(&self, id: VirtualServerId) -> Option<&ProtectionClass> {
        let place = self.virtual_server(id).protection?;
        self.protections.get(place.0 as usize)
    }

    /// The guard of a virtual server.
    pub fn guard(&self, id: VirtualServerId) -> Option<&SiteGuard> {
        let place = self.virtual_server(id).guard?;
        self.guards.get(place.0 as usize)
    }

    /// The guard of a name.
    pub fn guard_by_name(&self, name: &str) -> Option<&SiteGuard> {
        self.guards.iter().find(|guard| *guard.name == *name)
    }

    /// The pool of a name, as written; `None` if there is none. Looks through all pools: for few, or for once.
    pub fn pool_by_name(&self, name: &[u8]) -> Option<PoolId> {
        let at = self.pools.iter().position(|pool| pool.name.as_bytes() == name)?;
        u32::try_from(at).ok().map(PoolId)
    }

    /// The addresses to listen on, each once, ascending.
    pub fn listeners(&self) -> Vec<SocketAddr> {
        self.selection.addresses().collect()
    }

    /// Whether tidegate itself listens at this address, as far as the catalog tells: on this machine every port that
    /// is listened on counts, whatever the address.
    pub(crate) fn listens_at(&self, address: SocketAddr) -> bool {
        let is_here = |listener: SocketAddr| {
            listener.port() == address.port()
                && (outgoing::is_loopback(address.ip()) || listener.ip() == address.ip())
        };
        self.selection.addresses().chain(self.admin.map(|admin| admin.listen)).any(is_here)
    }

    /// The virtual server for a request that came in at one of [`Self::listeners`] (as it stands there, not as the
    /// socket reports it) with this Host. The exact name is looked for first, then the longest `*.name`, then the
    /// virtual server without hosts. Case, port and a trailing dot do not matter. `None` if the address is not
    /// listened on, or the Host is unknown and nobody takes the rest. Does not allocate.
    pub fn select(&self, listen: SocketAddr, host: Option<&[u8]>) -> Option<VirtualServerId> {
        self.selection.find(listen, host)
    }

    /// The catalog with these rules, enforced, in the place of all rules of every virtual server: to try them out.
    /// Each must have been compiled for its stage.
    #[must_use]
    pub fn with_only_rules(mut self, rules: &[(Arc<Rule>, RuleStage)]) -> Self {
        let limits = self.rules.limits;
        for server in &mut self.virtual_servers {
            server.request_rules.clear();
            server.response_rules.clear();
            server.completion_rules.clear();
            server.htaccess = None;
            // What the rules that go have said of cookies does not hold for others.
            server.marks.names.clear();
            for (rule, stage) in rules {
                let list = match stage {
                    RuleStage::Request | RuleStage::RawRequest => &mut server.request_rules,
                    RuleStage::Response | RuleStage::RawResponse => &mut server.response_rules,
                    RuleStage::Completion => &mut server.completion_rules,
                };
                list.push(Attachment {
                    rule: Arc::clone(rule),
                    enabled: true,
                    run: RunFrequency::Every,
                    mode: Mode::Enforce,
                    limits,
                    counters: Arc::default(),
                });
            }
        }
        self
    }

    /// The catalog with this `.htaccess` file, enforced, in the place of those of every virtual server: to try it out.
    #[must_use]
    pub fn with_htaccess(mut self, htaccess: Htaccess) -> Self {
        let htaccess = Arc::new(htaccess);
        for server in &mut self.virtual_servers {
            server.htaccess = Some(Arc::clone(&htaccess));
        }
        self
    }

    /// The names of the cookies that rules of a virtual server set, as far as they stand in their texts; each once.
    pub fn cookies_set(&self, id: VirtualServerId) -> Vec<&[u8]> {
        let server = self.virtual_server(id);
        let lists = [&server.request_rules, &server.response_rules];
        let names = lists.into_iter().flatten().flat_map(|attachment| &attachment.rule.cookies);
        let mut names: Vec<&[u8]> = names.map(|name| &**name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Every rule in a list, with what is counted of it.
    pub(crate) fn attachments_mut(&mut self) -> impl Iterator<Item = &mut Attachment> {
        self.virtual_servers.iter_mut().flat_map(|server| {
            let lists = [&mut server.request_rules, &mut server.response_rules, &mut server.completion_rules];
            lists.into_iter().flatten()
        })
    }

    /// Which cookies are taken for marks, a line for each virtual server that has some.
    pub fn describe_marks(&self) -> Vec<String> {
        marks::describe(&self.virtual_servers)
    }

    /// What there is to say of the dates of certificates: those that have ended, begin later, or end within two weeks.
    pub fn certificate_doubts(&self, now: WallTime) -> Vec<Diagnostic> {
        let now = now.0.div_euclid(1_000_000);
        self.certificates.iter().filter_map(|declared| declared.doubt(now)).collect()
    }

    /// The files of all certificates, keys, staples and authorities, each once.
    pub fn certificate_files(&self) -> Vec<&Path> {
        let mut files = tls::files_of(&self.certificates);
        files.extend(self.authority_files.iter().map(PathBuf::as_path));
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Each certificate, and until when it is valid, in seconds since 1970.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().map(|declared| &*declared.certificate)
    }

    /// What is in force, one line each, for people who have just started it.
    pub fn describe(&self) -> Vec<String> {
        embedded::describe(self)
    }
}

/// The order of diagnostics: the catalog's own before those of rules, each by place.
fn place_in(catalog: &Path, diagnostic: &Diagnostic) -> (Option<String>, u32) {
    let Some(label) = diagnostic.labels.first() else { return (None, 0) };
    let file = label.source.name();
    ((Path::new(file) != catalog).then(|| file.to_owned()), label.span.start)
}
