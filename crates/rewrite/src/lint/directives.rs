//! Doubts about the file as a whole.

use super::host::HostPattern;
use super::{Doubts, each_scope, rules_of};
use crate::directive::{
    AccessSource, Attribute, DirectiveKind, IgnoredWhy, Requirement, RequirementKind, SetEnvIfTest,
};

pub(super) fn check(doubts: &mut Doubts<'_>) {
    ignored(doubts);
    engine_off(doubts);
    let file = doubts.file;
    each_scope(&file.directives, &mut |scope| {
        for directive in scope {
            match &directive.kind {
                DirectiveKind::Access(_, sources) => {
                    for source in sources {
                        several_in_one(doubts, source, directive.span);
                    }
                }
                DirectiveKind::SetEnvIf(set) => {
                    if let SetEnvIfTest::Attribute(Attribute::Named(name), regex) = &set.test
                        && name.eq_ignore_ascii_case(b"Referer")
                        && let Some(host) = HostPattern::of(regex)
                    {
                        set_by_referer(doubts, &host, regex.span);
                    }
                }
                _ => {}
            }
        }
    });
}

/// What has no effect, in one message.
fn ignored(doubts: &mut Doubts<'_>) {
    let file = doubts.file;
    let mut asks_for_login = false;
    each_scope(&file.directives, &mut |scope| {
        asks_for_login |= scope.iter().any(|directive| match &directive.kind {
            DirectiveKind::Require(requirement) => needs_login(requirement),
            _ => false,
        });
    });
    for why in [IgnoredWhy::NodesDo, IgnoredWhy::Login] {
        // The requirement is told of already.
        if why == IgnoredWhy::Login && asks_for_login {
            continue;
        }
        let mut names: Vec<String> = Vec::new();
        let mut first = None;
        for ignored in file.ignored.iter().filter(|ignored| ignored.why == why) {
            let name = String::from_utf8_lossy(file.source.slice(ignored.name)).into_owned();
            first.get_or_insert(ignored.name);
            if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                names.push(name);
            }
        }
        let Some(span) = first else { continue };
        let names = names.join(", ");
        let (what, help) = match why {
            IgnoredWhy::NodesDo => (
                format!("without effect here, for the nodes do it: {names}"),
                "keep these lines in the node's own file",
            ),
            IgnoredWhy::Login => (
                format!("nobody is asked for a name and a password here: {names}"),
                "let the node ask; its own file keeps these lines",
            ),
        };
        doubts.warning("directives-without-effect", what, (span, "the first of them"), help);
    }
}

fn needs_login(requirement: &Requirement) -> bool {
    match &requirement.kind {
        RequirementKind::Login(_) => true,
        RequirementKind::All(inner) | RequirementKind::Any(inner) | RequirementKind::None(inner) => {
            inner.iter().any(needs_login)
        }
        _ => false,
    }
}

/// Rules, and nothing that turns them on.
fn engine_off(doubts: &mut Doubts<'_>) {
    let file = doubts.file;
    let (mut is_on, mut rule) = (false, None);
    each_scope(&file.directives, &mut |scope| {
        is_on |= scope.iter().any(|directive| matches!(directive.kind, DirectiveKind::RewriteEngine(_)));
        rule = rule.or_else(|| rules_of(scope).next().map(|rule| rule.pattern.span));
    });
    if let Some(span) = rule.filter(|_| !is_on) {
        let what =
            "the file has rules and no `RewriteEngine On`, so they do nothing unless a folder above says it";
        doubts.warning("engine-not-on", what, (span, "the first rule"), "write RewriteEngine On before it");
    }
}

/// `192.0.2.1,192.0.2.2`
fn several_in_one(doubts: &mut Doubts<'_>, source: &AccessSource, span: source::Span) {
    let AccessSource::Host(text) = source else { return };
    if text.contains(&b',') {
        let what = "a comma makes one name of several addresses, and nobody has that name";
        doubts.warning("comma-in-addresses", what, (span, "one name"), "write blanks between them");
    }
}

/// A variable set by a referer that anybody can send.
fn set_by_referer(doubts: &mut Doubts<'_>, host: &HostPattern<'_>, span: source::Span) {
    if host.has_capitals() {
        let what = "browsers send the names of hosts in small letters: with capitals this never matches";
        let help = format!("write {} in small letters, or use SetEnvIfNoCase", host.name);
        doubts.warning("capitals-in-host", what, (span, "capitals"), help);
    }
    if host.has_bare_dot {
        let what = "a dot in a pattern is any character: names that look alike match too";
        let help = format!("write {}", host.name.replace('.', "\\."));
        doubts.warning("bare-dot-in-host", what, (span, "not only a dot"), help);
    }
}
