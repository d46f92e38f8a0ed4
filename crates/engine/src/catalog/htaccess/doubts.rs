//! What is doubtful about an `.htaccess` in the catalog that names it.

use super::super::check::many;
use super::super::{HostPattern, Pool, said};
use crate::errand::Url;
use crate::limits;
use rewrite::directive::{Directive, DirectiveKind, File, RewriteRule, RuleFlag};
use source::{Diagnostic, DiagnosticId, Severity};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A file asks for files, and nobody has said where they are.
const NO_DOCUMENT_ROOT: DiagnosticId = DiagnosticId("no-document-root");
/// A file asks for a file that lies somewhere else.
const FILE_OUTSIDE: DiagnosticId = DiagnosticId("file-outside");
/// `[P]` to somebody who is no node of a pool.
const PROXY_ELSEWHERE: DiagnosticId = DiagnosticId("proxy-elsewhere");
/// What `rewrite` says of pages of the site itself.
const OWN_NAME_REFUSED: DiagnosticId = DiagnosticId("own-name-refused");

/// What cannot come true in this catalog.
pub(super) struct Judge<'a> {
    pub(super) file: &'a File,
    /// Where the files of the site are.
    pub(super) root: Option<&'a Path>,
    pub(super) table: &'a said::VirtualServer,
    pub(super) pools: &'a [Pool],
}

impl Judge<'_> {
    /// What is doubtful about the file, by itself and in this catalog. Apache takes it, so nothing of it keeps a
    /// catalog from being taken.
    pub(super) fn doubts(&self, diagnostics: &mut Vec<Diagnostic>) {
        self.files(diagnostics);
        self.proxies(&self.file.directives, diagnostics);
        if count(&self.file.directives) > limits::HTACCESS_DOUBTED_DIRECTIVES_MAX {
            return;
        }
        let warning = |told| Diagnostic { severity: Severity::Warning, ..told };
        let doubts = rewrite::lint(self.file);
        if !doubts.iter().any(|told| told.id == OWN_NAME_REFUSED) {
            diagnostics.extend(rewrite::lint_own_names(self.file, &self.own_names()));
        }
        diagnostics.extend(doubts.into_iter().map(warning));
    }

    /// What clients may call the site: its hosts, and the addresses that it listens on and others can reach.
    fn own_names(&self) -> Vec<String> {
        let hosts = many(&self.table.hosts).iter().filter_map(|host| match &host.value.0 {
            HostPattern::Exact(name) => Some(name.to_string()),
            HostPattern::Below(_) => None,
        });
        let addresses = many(&self.table.listen).iter().filter_map(|listen| {
            let ip = listen.value.0.ip();
            let shown = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
            (!ip.is_unspecified() && !ip.is_loopback()).then_some(shown)
        });
        hosts.chain(addresses).collect()
    }

    /// Questions for files that have no answer but no: each kind is told once.
    fn files(&self, diagnostics: &mut Vec<Diagnostic>) {
        let asked = self.file.asks_for_files();
        let Some(root) = self.root else {
            let Some(first) = asked.first() else { return };
            let message = "nobody has said where the files are, so none is there";
            let help = "say it in the virtual server: document_root = \"/var/www/site\"";
            let told = Diagnostic::warning(NO_DOCUMENT_ROOT, message);
            diagnostics.push(told.at(&self.file.source, first.span, "asks for a file").help(help));
            return;
        };
        let is_outside = |path: &[u8]| !Path::new(OsStr::from_bytes(path)).starts_with(root);
        let outside = asked.iter().find(|asked| asked.path.as_deref().is_some_and(is_outside));
        if let Some(outside) = outside {
            let root = root.display();
            let message = "files outside document_root are not looked for, so this one is never there";
            let help = format!(
                "put it below {root} and ask for %{{DOCUMENT_ROOT}}/FILE, or let document_root name a folder above both"
            );
            let told = Diagnostic::warning(FILE_OUTSIDE, message);
            diagnostics.push(told.at(&self.file.source, outside.span, "lies elsewhere").help(help));
        }
    }

    fn proxies(&self, directives: &[Directive], diagnostics: &mut Vec<Diagnostic>) {
        for directive in directives {
            match &directive.kind {
                DirectiveKind::RewriteRule(rule) => self.proxy(rule, diagnostics),
                DirectiveKind::Container(container) => self.proxies(&container.directives, diagnostics),
                _ => {}
            }
        }
    }

    fn proxy(&self, rule: &RewriteRule, diagnostics: &mut Vec<Diagnostic>) {
        let source = &self.file.source;
        let span = rule.substitution.span();
        let is_proxied = rule.flags.iter().any(|written| matches!(written.flag, RuleFlag::Proxy));
        if is_proxied && !self.may_go(source.slice(span)) {
            let message = "[P] goes to nodes of pools and to the site itself only; here it gives 403";
            let help = "declare a pool with that node, or send the request there with a rule: pool.use( .. )";
            let diagnostic = Diagnostic::warning(PROXY_ELSEWHERE, message);
            diagnostics.push(diagnostic.at(source, span, "is neither").help(help));
        }
    }

    /// False only where it is certain: a substitution with variables in its host may lead anywhere.
    fn may_go(&self, substitution: &[u8]) -> bool {
        let text = String::from_utf8_lossy(substitution);
        let Some((_, rest)) = text.split_once("://") else { return true };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains(['$', '%']) {
            return true;
        }
        let scheme = text.split("://").next().unwrap_or_default();
        let Ok(url) = Url::parse(format!("{scheme}://{authority}/").as_bytes()) else { return false };
        let is_node = self.pools.iter().any(|pool| pool.node_at(&url.host, url.port).is_some());
        // Which host is ours the request tells better than this text: a name of ours is enough here.
        let hosts = many(&self.table.hosts);
        let is_ours = hosts.iter().any(|host| host.value.0.holds(url.host.as_bytes()));
        !url.tls && (is_node || is_ours)
    }
}

/// How many directives there are, those in sections too.
fn count(directives: &[Directive]) -> usize {
    let inner = |directive: &Directive| match &directive.kind {
        DirectiveKind::Container(container) => 1 + count(&container.directives),
        _ => 1,
    };
    directives.iter().map(inner).sum()
}
