//! From what was said to what is meant: references are resolved, rules compiled, clashes found. Every step reports
//! and goes on.

use super::authenticator::{Authenticator, AuthenticatorKind, Secret};
use super::class::{bandwidth_class, rate_class};
use super::error_pages::PageFolder;
use super::lint::{self, Attached};
use super::outline::Noted;
use super::read::{At, BAD_VALUE, Named, OneOrMany, Reader, Slot, Text, shown};
use super::rules::{RuleFacts, RuleFolder, RuleStage, UNREADABLE};
use super::said::{self, RuleUse};
use super::select::{Clash, Selection};
use super::tls::CertificateFolder;
use super::virtual_server::{
    AccessLog, Attachment, Destination, Http2, Mode, Protocol, RequestIds, Timeouts, VirtualServer,
};
use super::{
    Admin, Catalog, ControlSocket, Files, Node, Pool, PoolId, RuleSettings, Settings, VirtualServerId,
};
use crate::limits;
use crate::nodes::ClassPlaces;
use accesslog::Format;
use message::Known;
use source::{Diagnostic, DiagnosticId, Severity, Source, Span, nearest};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use trafficscript::{Builtins, RunLimits};

pub(super) const MISSING_KEY: DiagnosticId = DiagnosticId("missing-key");
pub(super) const UNKNOWN_POOL: DiagnosticId = DiagnosticId("unknown-pool");
const UNKNOWN_BANDWIDTH_CLASS: DiagnosticId = DiagnosticId("unknown-bandwidth-class");
const CLASH: DiagnosticId = DiagnosticId("virtual-server-clash");
const ADMIN_NOT_LOCAL: DiagnosticId = DiagnosticId("admin-not-local");
pub(super) const TOO_MANY: DiagnosticId = DiagnosticId("too-many");
pub(super) const EMPTY_LIST: DiagnosticId = DiagnosticId("empty-list");
pub(super) const REPEATED: DiagnosticId = DiagnosticId("repeated-entry");

/// The word that stands for no pool.
pub(super) const DISCARD: &str = "discard";
/// The word that stands for no socket.
const OFF: &str = "off";
/// The folder of rules beside the catalog.
const RULES: &str = "rules";

/// The whole way from a path to a catalog. `None` means that nothing could be built; a catalog that is returned may
/// lack what an error among the diagnostics speaks of.
pub(crate) fn load<H: 'static>(
    path: &Path,
    files: &dyn Files,
    builtins: &Builtins<H>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Catalog> {
    let files = &Noted::new(files);
    let mut catalog = read_all(path, files, builtins, diagnostics)?;
    catalog.outline.add_files(files.take_read(), path);
    Some(catalog)
}

/// See [`Catalog::control_socket_of`].
pub(crate) fn control_socket_of(path: &Path, files: &dyn Files) -> ControlSocket {
    let told_elsewhere = &mut Vec::new();
    let text = read_text(path, files, told_elsewhere);
    let text = text.as_ref().and_then(|source| std::str::from_utf8(source.bytes()).ok());
    let table = text.map(|text| toml::de::DeTable::parse_recoverable(text).0);
    let settings = table.as_ref().and_then(|table| table.get_ref().get("settings")?.get_ref().as_table());
    let said = settings.and_then(|settings| settings.get("control_socket")?.get_ref().as_str());
    control_socket(said, path.parent().unwrap_or(Path::new("")))
}

fn control_socket(said: Option<&str>, folder: &Path) -> ControlSocket {
    match said {
        None => ControlSocket::Usual,
        Some(OFF) => ControlSocket::Off,
        Some(path) => ControlSocket::At(folder.join(path)),
    }
}

fn read_all<H: 'static>(
    path: &Path,
    files: &dyn Files,
    builtins: &Builtins<H>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Catalog> {
    let source = read_text(path, files, diagnostics)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let said = said::read(&source, diagnostics);
    let mut rules = RuleFolder::new(&folder.join(RULES), files, builtins);
    let Some((said, outline)) = said else {
        // The rules can be checked all the same: whoever mends the catalog wants to know of them too.
        rules.compile_the_rest(diagnostics);
        return None;
    };
    let mut checker = Checker {
        said: &said.value,
        files,
        source: &source,
        folder,
        diagnostics,
        attached: Vec::new(),
        rules_of_server: Vec::new(),
        rules: rule_settings(said.value.rules.value()).limits,
        certificates: CertificateFolder::default(),
        pages: PageFolder::default(),
    };
    let mut catalog = checker.catalog(&mut rules);
    catalog.outline = outline;
    checker.kept_for_rules(&mut catalog);
    let attached = std::mem::take(&mut checker.attached);
    catalog.selection = checker.selection(&catalog.virtual_servers);
    catalog.admin = checker.admin(&catalog);
    checker.mixed_listeners(&catalog.virtual_servers);
    catalog.certificates = checker.certificates.take();
    catalog.authority_files = checker.certificates.take_authorities();
    let unused = rules.compile_the_rest(diagnostics);
    let known = lint::Known::of(&said.value);
    let all: Vec<_> = attached.iter().map(|attached| &attached.facts).chain(&unused).collect();
    let compiled = !diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    diagnostics.extend(lint::classes(&said.value, &source, compiled.then_some(all.as_slice())));
    lint::rules(&attached, &unused, &known, diagnostics);
    Some(catalog)
}

fn read_text(path: &Path, files: &dyn Files, diagnostics: &mut Vec<Diagnostic>) -> Option<Arc<Source>> {
    let shown = path.display();
    match files.read(path) {
        Ok(bytes) if bytes.len() > limits::CATALOG_BYTES_MAX => {
            let most = super::units::size_text(limits::CATALOG_BYTES_MAX as u64);
            diagnostics.push(Diagnostic::error(UNREADABLE, format!("{shown} is larger than {most}")));
            None
        }
        Ok(bytes) => Some(Arc::new(Source::new(path.display().to_string(), bytes))),
        Err(why) => {
            diagnostics.push(Diagnostic::error(UNREADABLE, format!("cannot read {shown}: {why}")));
            None
        }
    }
}

/// What one check knows and collects.
pub(super) struct Checker<'a> {
    pub(super) said: &'a said::Catalog,
    pub(super) files: &'a dyn Files,
    pub(super) source: &'a Arc<Source>,
    /// The folder of the catalog.
    pub(super) folder: &'a Path,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    /// Every rule in use, with what the lints want to know of its virtual server.
    attached: Vec<Attached>,
    /// The enabled rules of the virtual server that is being checked.
    rules_of_server: Vec<(RuleFacts, Mode)>,
    /// What one run of a rule may use up.
    rules: RunLimits,
    /// What has been read of certificates.
    pub(super) certificates: CertificateFolder,
    /// What has been read of error pages.
    pub(super) pages: PageFolder,
}

impl Checker<'_> {
    fn catalog<H: 'static>(&mut self, rules: &mut RuleFolder<'_, H>) -> Catalog {
        let said = self.said;
        let mut catalog = Catalog {
            settings: settings(said.settings.value()),
            rules: rule_settings(said.rules.value()),
            ..Catalog::default()
        };
        catalog.monitors = self.all_monitors();
        for (name, pool) in self.tables(&said.pools, "pools", limits::POOLS_MAX) {
            catalog.pools.extend(self.pool(name, pool, &catalog.monitors));
        }
        self.failure_pools(&mut catalog.pools);
        for (name, class) in self.tables(&said.rate_classes, "rate classes", limits::CLASSES_MAX) {
            let mut meant = rate_class(&class.value);
            if let Some((spare, limits)) = self.spare(name, class, &catalog) {
                meant.spare = Some(limits);
                catalog.spare_classes.insert(name.value.clone(), spare);
            }
            catalog.rate_classes.push((name.value.clone(), meant));
        }
        for (name, class) in self.tables(&said.bandwidth_classes, "bandwidth classes", limits::CLASSES_MAX) {
            let most = class.value.max_node_connections.value().map_or(0, |count| count.0);
            if most > 0 {
                catalog.class_places.insert(name.value.clone(), Arc::new(ClassPlaces::new(most)));
            }
            let class = bandwidth_class(&class.value);
            catalog.bandwidth_classes.extend(class.map(|class| (name.value.clone(), class)));
        }
        for (name, class) in self.tables(&said.protection, "protection classes", limits::PROTECTIONS_MAX) {
            catalog.protections.extend(self.protection(name, &class.value));
        }
        for (name, guard) in self.tables(&said.guards, "guards", limits::GUARDS_MAX) {
            catalog.guards.extend(self.guard(name, &guard.value));
        }
        catalog.spool = self.spool(said.settings.value());
        let state_folder = said.settings.value().and_then(|settings| settings.state_folder.value());
        catalog.state_folder = state_folder.map(|folder| self.folder.join(&folder.0));
        let control = said.settings.value().and_then(|settings| settings.control_socket.value());
        catalog.control_socket = control_socket(control.map(|path| path.0.as_str()), self.folder);
        let allowed = said.outgoing.value().map_or(&[][..], |outgoing| many(&outgoing.allow));
        catalog.outgoing.allow = allowed.iter().map(|entry| entry.value.clone()).collect();
        for (name, table) in self.tables(&said.authenticators, "authenticators", limits::AUTHENTICATORS_MAX) {
            catalog.authenticators.extend(self.authenticator(name, table).map(Arc::new));
        }
        let servers = self.tables(&said.virtual_servers, "virtual servers", limits::VIRTUAL_SERVERS_MAX);
        if servers.is_empty() && named(&said.virtual_servers).is_empty() {
            self.nothing_to_do();
        }
        for (name, server) in servers {
            let server = self.virtual_server(name, server, &catalog, rules);
            catalog.virtual_servers.extend(server);
        }
        self.visit_marks(&catalog);
        catalog
    }

    /// The readable tables of a kind, at most so many.
    pub(super) fn tables<'s, T>(
        &mut self,
        slot: &'s Slot<Named<T>>,
        kind: &str,
        most: usize,
    ) -> Vec<(&'s At<String>, &'s At<T>)> {
        let all = named(slot);
        if let Some((name, _)) = all.get(most) {
            let diagnostic = Diagnostic::error(TOO_MANY, format!("there are more than {most} {kind}"));
            self.diagnostics.push(diagnostic.at(self.source, name.span, "one too many"));
        }
        all.iter().take(most).filter_map(|(name, slot)| slot.said().map(|table| (name, table))).collect()
    }

    fn nothing_to_do(&mut self) {
        if matches!(self.said.virtual_servers, Slot::Bad) {
            return;
        }
        let diagnostic = Diagnostic::error(MISSING_KEY, "the catalog has no virtual server");
        let example = "add [virtual_servers.NAME] with listen = \"127.0.0.1:8080\" and pool = \"…\"";
        self.diagnostics.push(diagnostic.at(self.source, Span::default(), "").help(example));
    }

    fn authenticator(&mut self, name: &At<String>, said: &At<said::Authenticator>) -> Option<Authenticator> {
        let table = &said.value;
        let server = self.required(&table.server, "server", name, said.span);
        let base_dn = self.required(&table.base_dn, "base_dn", name, said.span);
        let filter = table.filter.said()?;
        if !filter.value.0.contains("%u") {
            let message = "the filter does not look at the user's name".to_owned();
            self.error(BAD_VALUE, message, filter.span, "%u stands for it: filter = \"(uid=%u)\"");
        }
        let text = |slot: &Slot<Text>| slot.value().map(|text| text.0.clone());
        let bind_password = text(&table.bind_password).unwrap_or_default();
        if let (true, Some(bind_dn)) = (bind_password.is_empty(), table.bind_dn.said()) {
            // Directories take a name without a password for nobody, and say that all is well.
            let message = "`bind_dn` without a `bind_password` is nobody in particular".to_owned();
            self.error(MISSING_KEY, message, bind_dn.span, "add bind_password = …, or leave both out");
        }
        let AuthenticatorKind::Ldap = table.kind.value()?;
        let server = &server?.value;
        Some(Authenticator {
            name: Arc::from(name.value.as_str()),
            server: Node { host: server.host.clone(), port: server.port, name: Arc::from(server.name()) },
            tls: *table.tls.value()?,
            bind: text(&table.bind_dn).map(|dn| (dn, Secret(bind_password))),
            base_dn: base_dn?.value.0.clone(),
            filter: filter.value.0.clone(),
            attributes: many(&table.attributes).iter().map(|name| name.value.0.clone()).collect(),
            timeout: table.timeout.value()?.0,
        })
    }

    fn virtual_server<H: 'static>(
        &mut self,
        name: &At<String>,
        said: &At<said::VirtualServer>,
        catalog: &Catalog,
        rules: &mut RuleFolder<'_, H>,
    ) -> Option<VirtualServer> {
        let pools = &catalog.pools;
        let table = &said.value;
        let listen = self.required(&table.listen, "listen", name, said.span);
        let listen = listen.map_or(Vec::new(), |listen| self.listen(listen));
        let pool = self.required(&table.pool, "pool", name, said.span);
        let pool = pool.and_then(|pool| self.default_pool(pool, pools));
        let hosts: Vec<_> = many(&table.hosts).iter().map(|host| host.value.0.clone()).collect();
        self.rules_of_server.clear();
        let request_rules = self.attachments(&table.request_rules, RuleStage::Request, &hosts, rules);
        let response_rules = self.attachments(&table.response_rules, RuleStage::Response, &hosts, rules);
        let completion_rules =
            self.attachments(&table.completion_rules, RuleStage::Completion, &hosts, rules);
        let htaccess = self.htaccess(table, pools);
        let tls = self.server_tls(name, table, &hosts).map(Arc::new);
        let bandwidth_class = self.bandwidth_class(&table.bandwidth_class);
        let access_log = self.access_log(&table.access_log);
        let protection = self.protection_class(&table.protection_class, &catalog.protections);
        let guard = self.guard_of(&table.guard, &catalog.guards);
        let rules_of_server = std::mem::take(&mut self.rules_of_server);
        let marks = self.marks(table, &rules_of_server)?;
        let error_pages = self.error_pages(&table.error_pages);
        let request_id = self.request_id(&table.request_id);
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Some(VirtualServer {
            name: Arc::from(name.value.as_str()),
            listen,
            hosts,
            protocol: if tls.is_some() { Protocol::Https } else { Protocol::Http },
            tls,
            redirect_to_https: table.redirect_to_https.value()?.0,
            pool,
            request_rules,
            response_rules,
            completion_rules,
            htaccess,
            bandwidth_class,
            on_rule_error: *table.on_rule_error.value()?,
            queue_timeout_action: *table.queue_timeout_action.value()?,
            access_log,
            via: table.via.value()?.0,
            trusted_proxies: many(&table.trusted_proxies).iter().map(|network| network.value.0).collect(),
            client_address_from: *table.client_address_from.value()?,
            forwarded: table.forwarded.value()?.0,
            request_id: request_id?,
            error_pages,
            proxy_protocol: many(&table.proxy_protocol).iter().map(|network| network.value.0).collect(),
            protection,
            guard,
            timeouts: timeouts(table)?,
            http2: http2(table),
            max_request_head: bytes(table.max_request_head.value()?.0),
            max_fields: usize::try_from(table.max_fields.value()?.0).unwrap_or(usize::MAX),
            max_body_buffer: bytes(table.max_body_buffer.value()?.0),
            marks,
            cookie_caching: *table.cookie_caching.value()?,
        })
    }

    fn listen(&mut self, said: &At<OneOrMany<super::address::Listen>>) -> Vec<std::net::SocketAddr> {
        if said.value.0.is_empty() {
            let help = "listen = \"127.0.0.1:8080\"";
            self.error(EMPTY_LIST, "a virtual server needs an address".to_owned(), said.span, help);
        }
        let mut addresses = Vec::new();
        for at in &said.value.0 {
            if addresses.contains(&at.value.0) {
                self.doubt(REPEATED, format!("the address `{}` stands here twice", at.value.0), at.span, "");
            } else {
                addresses.push(at.value.0);
            }
        }
        addresses
    }

    /// The address of the admin page: one, ours alone, and not for everybody unless that is said.
    fn admin(&mut self, catalog: &Catalog) -> Option<Admin> {
        let said = self.said.admin.said()?;
        let holder = At { value: "admin".to_owned(), span: said.span };
        let listen = self.required(&said.value.listen, "listen", &holder, said.span)?;
        let [at] = listen.value.0.as_slice() else {
            self.error(
                BAD_VALUE,
                "expected one address".to_owned(),
                listen.span,
                "listen = \"127.0.0.1:9080\"",
            );
            return None;
        };
        let address = at.value.0;
        let may_be_remote = said.value.allow_remote.value().is_some_and(|flag| flag.0);
        if !address.ip().to_canonical().is_loopback() && !may_be_remote {
            let message = format!("{address} can be reached by other machines");
            let help = "listen on 127.0.0.1 or [::1], or say allow_remote = true";
            self.error(ADMIN_NOT_LOCAL, message, at.span, help);
        }
        if address.port() != 0 && catalog.listeners().contains(&address) {
            let message = format!("a virtual server listens on {address}");
            self.error(CLASH, message, at.span, "give the admin page an address of its own");
        }
        Some(Admin { listen: address })
    }

    /// `None` for `discard`, and for a pool that is not there.
    pub(super) fn default_pool(&mut self, name: &At<Text>, pools: &[Pool]) -> Option<PoolId> {
        if name.value.0 == DISCARD {
            return None;
        }
        if let Some(at) = pools.iter().position(|pool| *pool.name == *name.value.0) {
            return u32::try_from(at).ok().map(PoolId);
        }
        // A pool that is declared and not among the checked ones has mistakes of its own, which are told there.
        let declared = named(&self.said.pools);
        if !declared.iter().any(|(declared, _)| declared.value == name.value.0) {
            let names = declared.iter().map(|(name, _)| name.value.as_str()).chain([DISCARD]);
            let help = match nearest(&name.value.0, names) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("declare it as [pools.{}]", toml_key(&name.value.0)),
            };
            let message = format!("there is no pool `{}`", shown(&name.value.0));
            self.error(UNKNOWN_POOL, message, name.span, &help);
        }
        None
    }

    pub(super) fn bandwidth_class(&mut self, slot: &Slot<Text>) -> Option<Arc<str>> {
        let name = slot.said()?;
        let declared = named(&self.said.bandwidth_classes);
        if !declared.iter().any(|(declared, _)| declared.value == name.value.0) {
            let help = match nearest(&name.value.0, declared.iter().map(|(name, _)| name.value.as_str())) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("declare it as [bandwidth_classes.{}]", toml_key(&name.value.0)),
            };
            let message = format!("there is no bandwidth class `{}`", shown(&name.value.0));
            self.error(UNKNOWN_BANDWIDTH_CLASS, message, name.span, &help);
        }
        Some(Arc::from(name.value.0.as_str()))
    }

    fn attachments<H: 'static>(
        &mut self,
        slot: &Slot<OneOrMany<RuleUse>>,
        stage: RuleStage,
        hosts: &[super::HostPattern],
        rules: &mut RuleFolder<'_, H>,
    ) -> Vec<Attachment> {
        let mut attachments = Vec::new();
        for at in many(slot) {
            let table = &at.value.0;
            let holder = At { value: "a rule".to_owned(), span: at.span };
            let Some(name) = self.required(&table.rule, "rule", &holder, at.span) else { continue };
            let name = At { value: name.value.0.clone(), span: name.span };
            let Some((rule, facts)) = rules.rule(&name, stage, self.source, self.diagnostics) else {
                continue;
            };
            let (Some(enabled), Some(run), Some(mode)) =
                (table.enabled.value(), table.run.value(), table.mode.value())
            else {
                continue;
            };
            if enabled.0 {
                self.rules_of_server.push((facts.clone(), *mode));
            }
            self.attached.push(Attached { facts, hosts: hosts.to_vec() });
            let strict = table.strict.said().map(|strict| strict.value.0);
            let limits = RunLimits { strict: strict.unwrap_or(self.rules.strict), ..self.rules };
            let counters = Arc::default();
            attachments.push(Attachment {
                rule,
                enabled: enabled.0,
                run: *run,
                mode: *mode,
                limits,
                counters,
            });
        }
        attachments
    }

    fn access_log(&mut self, slot: &Slot<said::AccessLog>) -> Option<AccessLog> {
        let at = slot.said()?;
        let table = &at.value.0;
        let holder = At { value: "the access log".to_owned(), span: at.span };
        let path = self.required(&table.path, "path", &holder, at.span);
        let format = table.format.said().and_then(|format| self.format(format));
        let path = path?;
        if path.value.0.is_empty() || path.value.0.contains('\0') {
            self.error(BAD_VALUE, "expected the path of a log file".to_owned(), path.span, "");
            return None;
        }
        let destination = match path.value.0.as_str() {
            "off" => return None,
            "-" => Destination::Stdout,
            "stderr" => Destination::Stderr,
            file => Destination::File(self.folder.join(PathBuf::from(file))),
        };
        Some(AccessLog { destination, format: Arc::new(format?) })
    }

    /// How requests are named to nodes and clients.
    fn request_id(&mut self, slot: &Slot<said::RequestIdUse>) -> Option<RequestIds> {
        let Some(at) = slot.said() else {
            return (!matches!(slot, Slot::Bad)).then(RequestIds::default);
        };
        let table = &at.value.0;
        let header = table.header.said()?;
        let name = header.value.0.as_str();
        if name == OFF {
            return Some(RequestIds { header: None, accept: false });
        }
        let is_ours = !matches!(Known::of(name.as_bytes()), Known::Other);
        if !message::is_token(name.as_bytes()) || is_ours {
            let message = format!("`{}` cannot be the field of request ids", shown(name));
            self.error(BAD_VALUE, message, header.span, "request_id = \"X-Request-ID\"");
            return None;
        }
        Some(RequestIds { header: Some(name.into()), accept: table.accept.value()?.0 })
    }

    fn format(&mut self, said: &At<Text>) -> Option<Format> {
        let text = said.value.0.as_str();
        if let Some(format) = Format::named(text) {
            return Some(format);
        }
        if !text.contains('%') {
            let help = match nearest(text, Format::NAMES) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("one of {}, or a LogFormat", Format::NAMES.join(", ")),
            };
            let message = format!("there is no log format `{}`", shown(text));
            self.error(BAD_VALUE, message, said.span, &help);
            return None;
        }
        match Format::parse(text) {
            Ok(format) => Some(format),
            Err(bad) => {
                let span = self.within(said, bad.at);
                let message = format!("this is no LogFormat: {}", bad.why);
                self.error(BAD_VALUE, message, span, bad.help.as_deref().unwrap_or_default());
                None
            }
        }
    }

    /// The place of a byte of a string, if the string stands in the text as it is (no escapes); else the string.
    fn within(&self, said: &At<Text>, at: usize) -> Span {
        let inner = Span::new(said.span.start.saturating_add(1), said.span.end.saturating_sub(1));
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        if self.source.slice(inner) == said.value.0.as_bytes() && at < inner.end.saturating_sub(inner.start) {
            Span::new(inner.start + at, inner.end)
        } else {
            said.span
        }
    }

    fn selection(&mut self, servers: &[VirtualServer]) -> Selection {
        let ids = servers
            .iter()
            .enumerate()
            .filter_map(|(at, server)| u32::try_from(at).ok().map(|at| (VirtualServerId(at), server)));
        let (selection, clashes) = Selection::new(ids);
        for clash in clashes {
            self.clash(&clash, servers);
        }
        selection
    }

    fn clash(&mut self, clash: &Clash, servers: &[VirtualServer]) {
        let name = |id: VirtualServerId| servers.get(id.index()).map_or("", |server| &*server.name);
        let (first, second) = (name(clash.first), name(clash.second));
        let (message, help) = match &clash.host {
            Some(host) => (
                format!("`{first}` and `{second}` both answer to {host} at {}", clash.address),
                "one host of an address belongs to one virtual server".to_owned(),
            ),
            None => (
                format!("`{first}` and `{second}` both listen on {} without hosts", clash.address),
                "give one of them `hosts`, or another address".to_owned(),
            ),
        };
        let place = |wanted: &str| {
            let declared = named(&self.said.virtual_servers).iter();
            declared
                .map(|(name, _)| name)
                .find(|name| name.value == wanted)
                .map_or(Span::default(), |name| name.span)
        };
        let (second, first) = (place(second), place(first));
        let diagnostic = Diagnostic::error(CLASH, message);
        let diagnostic = diagnostic.at(self.source, second, "").at(self.source, first, "the other one");
        self.diagnostics.push(diagnostic.help(help));
    }

    /// A value that must be there. One that is there and unusable has been reported already.
    pub(super) fn required<'s, T>(
        &mut self,
        slot: &'s Slot<T>,
        key: &str,
        holder: &At<String>,
        table: Span,
    ) -> Option<&'s At<T>> {
        if matches!(slot, Slot::Absent) {
            let span = if holder.span == Span::default() { table } else { holder.span };
            let message = format!("`{}` has no `{key}`", shown(&holder.value));
            self.error(MISSING_KEY, message, span, &format!("add {key} = …"));
        }
        slot.said()
    }

    pub(super) fn error(&mut self, id: DiagnosticId, message: String, span: Span, help: &str) {
        Reader::new(self.source, self.diagnostics).report(id, message, (span, ""), help);
    }

    pub(super) fn doubt(&mut self, id: DiagnosticId, message: String, span: Span, help: &str) {
        let diagnostic = Diagnostic::warning(id, message).at(self.source, span, "");
        self.diagnostics.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
    }
}

fn rule_settings(said: Option<&said::RuleSettings>) -> RuleSettings {
    let mut settings = RuleSettings::default();
    if let Some(said) = said {
        let limits = &mut settings.limits;
        if let Some(count) = said.max_instructions.value() {
            limits.instructions_max =
                if count.0 == 0 { limits::INSTRUCTIONS_MAX } else { u64::from(count.0) };
        }
        limits.memory_bytes_max = said.max_memory.value().map_or(limits.memory_bytes_max, |size| size.0);
        limits.strict = said.strict.value().is_some_and(|strict| strict.0);
        if let Some(length) = said.slow_run_warning.value() {
            settings.slow_run = Some(length.0).filter(|length| *length > Duration::ZERO);
        }
    }
    settings
}

fn settings(said: Option<&said::Settings>) -> Settings {
    let mut settings = Settings::default();
    if let Some(said) = said {
        settings.workers = said.workers.value().and_then(|count| NonZeroU32::new(count.0));
        let whole = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        settings.contexts_max =
            said.max_contexts.value().map_or(settings.contexts_max, |count| whole(count.0));
        let bytes = |size: &super::units::Size<65_536, 68_719_476_736>| usize::try_from(size.0).ok();
        settings.contexts_bytes_max =
            said.max_context_memory.value().and_then(bytes).unwrap_or(settings.contexts_bytes_max);
        settings.waiting_max = said.max_waiting.value().map_or(settings.waiting_max, |count| whole(count.0));
        settings.mark_key_age = said.mark_key_age.value().map_or(settings.mark_key_age, |length| length.0);
        settings.dns_refresh = said.dns_refresh.value().map_or(settings.dns_refresh, |length| length.0);
        settings.upgrade_grace_period =
            said.upgrade_grace_period.value().map_or(settings.upgrade_grace_period, |length| length.0);
        settings.max_memory = said.max_memory.value().copied();
        settings.grace_period = said.grace_period.value().map_or(settings.grace_period, |length| length.0);
    }
    settings
}

fn http2(table: &said::VirtualServer) -> Http2 {
    let mut meant = Http2::default();
    if let Some(said) = table.http2.said() {
        let said = &said.value;
        meant.enabled = said.enabled.value().map_or(meant.enabled, |flag| flag.0);
        meant.cleartext = said.cleartext.value().map_or(meant.cleartext, |flag| flag.0);
        meant.max_concurrent_streams =
            said.max_concurrent_streams.value().map_or(meant.max_concurrent_streams, |count| count.0);
        let bytes = said.stream_window_size.value().and_then(|size| u32::try_from(size.0).ok());
        meant.stream_window = bytes.unwrap_or(meant.stream_window);
    }
    meant
}

fn timeouts(table: &said::VirtualServer) -> Option<Timeouts> {
    let transaction = table.max_transaction_duration.value()?.0;
    Some(Timeouts {
        connect: table.connect_timeout.value()?.0,
        idle: table.timeout.value()?.0,
        keepalive: table.keepalive_timeout.value()?.0,
        send: table.send_timeout.value()?.0,
        min_body_rate: table.min_body_rate.value()?.0,
        transaction: (transaction > Duration::ZERO).then_some(transaction),
    })
}

pub(super) fn named<T>(slot: &Slot<Named<T>>) -> &[(At<String>, Slot<T>)] {
    slot.value().map_or(&[], |named| &named.0)
}

pub(super) fn many<T>(slot: &Slot<OneOrMany<T>>) -> &[At<T>] {
    slot.value().map_or(&[], |list| &list.0)
}

/// A name as it stands in a table header: quoted where it must be.
pub(super) fn toml_key(name: &str) -> String {
    let bare =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if bare { name.to_owned() } else { format!("{:?}", shown(name)) }
}
