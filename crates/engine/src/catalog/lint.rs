//! Doubts: what can be used and probably does not do what was meant. They come from the catalog alone and from what
//! the language says of each call in a rule.

use super::HostPattern;
use super::read::{At, Named, Slot, shown};
use super::rules::RuleFacts;
use super::said;
use super::units::length_text;
use crate::builtins::pending_reason;
use source::{Diagnostic, DiagnosticId, Source, Span, nearest};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;
use trafficscript::{ArgumentFact, CallFact};

const WITHOUT_EFFECT: DiagnosticId = DiagnosticId("limit-without-effect");
const WITHOUT_LIMIT: DiagnosticId = DiagnosticId("class-without-limit");
const LONG_WAIT: DiagnosticId = DiagnosticId("long-wait");
const UNUSED_CLASS: DiagnosticId = DiagnosticId("unused-class");
const UNKNOWN_RATE_CLASS: DiagnosticId = DiagnosticId("unknown-rate-class");
const UNKNOWN_BANDWIDTH_CLASS: DiagnosticId = DiagnosticId("unknown-bandwidth-class");
const UNKNOWN_POOL: DiagnosticId = DiagnosticId("unknown-pool");
const SWAPPED: DiagnosticId = DiagnosticId("list-is-haystack");
const OWN_HOST: DiagnosticId = DiagnosticId("own-host-not-listed");
const PENDING: DiagnosticId = DiagnosticId("pending-function");
const COOKIE_PATH: DiagnosticId = DiagnosticId("cookie-without-path");

/// How long a person waits for a page before leaving; a queue that is longer serves nobody.
const PATIENCE: Duration = Duration::from_secs(10);

/// A rule in use, with the host names of the virtual server that uses it.
pub(crate) struct Attached {
    pub(crate) facts: RuleFacts,
    pub(crate) hosts: Vec<HostPattern>,
}

/// The names that rules may refer to.
#[derive(Debug, Default)]
pub(crate) struct Known {
    rate_classes: BTreeSet<String>,
    bandwidth_classes: BTreeSet<String>,
    pools: BTreeSet<String>,
}

impl Known {
    /// The names of a catalog as said, those of unreadable tables too.
    pub(crate) fn of(said: &said::Catalog) -> Self {
        Self {
            rate_classes: names(&said.rate_classes),
            bandwidth_classes: names(&said.bandwidth_classes),
            pools: names(&said.pools),
        }
    }

    /// The names of a checked catalog.
    pub(crate) fn of_checked(catalog: &super::Catalog) -> Self {
        Self {
            rate_classes: catalog.rate_classes.iter().map(|(name, _)| name.clone()).collect(),
            bandwidth_classes: catalog.bandwidth_classes.iter().map(|(name, _)| name.clone()).collect(),
            pools: catalog.pools.iter().map(|pool| pool.name.to_string()).collect(),
        }
    }
}

fn names<T>(slot: &Slot<Named<T>>) -> BTreeSet<String> {
    slot.value().into_iter().flat_map(Named::names).map(str::to_owned).collect()
}

/// What a call's first argument names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    RateClass,
    BandwidthClass,
    Pool,
}

impl Names {
    fn of(function: &str) -> Option<Self> {
        match function {
            "rate.use" | "rate.use.noQueue" | "rate.getBacklog" | "rate.peek" => Some(Self::RateClass),
            "response.setBandwidthClass" | "request.setBandwidthClass" | "connection.setBandwidthClass" => {
                Some(Self::BandwidthClass)
            }
            // `pool.use` and `pool.select`; the others ask a pool for its nodes, or change them.
            _ if function.starts_with("pool.") => Some(Self::Pool),
            _ => None,
        }
    }

    fn known(self, known: &Known) -> &BTreeSet<String> {
        match self {
            Self::RateClass => &known.rate_classes,
            Self::BandwidthClass => &known.bandwidth_classes,
            Self::Pool => &known.pools,
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::RateClass => "rate class",
            Self::BandwidthClass => "bandwidth class",
            Self::Pool => "pool",
        }
    }

    fn id(self) -> DiagnosticId {
        match self {
            Self::RateClass => UNKNOWN_RATE_CLASS,
            Self::BandwidthClass => UNKNOWN_BANDWIDTH_CLASS,
            Self::Pool => UNKNOWN_POOL,
        }
    }

    /// What the call does when the name is unknown.
    fn consequence(self, function: &str) -> &'static str {
        match self {
            Self::RateClass => "the call lets everything pass",
            Self::BandwidthClass => "the call changes nothing",
            Self::Pool if matches!(function, "pool.use" | "pool.select") => {
                "the request goes to the default pool"
            }
            Self::Pool => "the call finds nothing",
        }
    }
}

/// Doubts about the classes. What the rules use is known only where all of them compiled.
pub(crate) fn classes(
    said: &said::Catalog,
    source: &Arc<Source>,
    all: Option<&[&RuleFacts]>,
) -> Vec<Diagnostic> {
    let readable = tables(&said.rate_classes).iter().filter_map(|(name, slot)| Some((name, slot.value()?)));
    let mut found: Vec<_> = readable.filter_map(|(name, class)| rate_class(name, class, source)).collect();
    found.extend(all.map_or(Vec::new(), |all| unused_classes(said, source, all)));
    found
}

fn rate_class(name: &At<String>, class: &said::RateClass, source: &Arc<Source>) -> Option<Diagnostic> {
    if *class.rate.value()? == said::RateBy::Spare {
        return None;
    }
    let second = class.max_rate_per_second.said()?;
    let minute = class.max_rate_per_minute.said()?;
    let (per_second, per_minute) = (second.value.0, minute.value.0);
    let total = [class.total_per_second.value()?.0, class.total_per_minute.value()?.0];
    if per_second == 0 && per_minute == 0 && total == [0, 0] {
        let message = format!("the rate class `{}` limits nothing", shown(&name.value));
        let warning = Diagnostic::warning(WITHOUT_LIMIT, message).at(source, name.span, "");
        return Some(warning.help("give it max_rate_per_second or max_rate_per_minute, or a total"));
    }
    let reachable = per_second.saturating_mul(60);
    if per_second != 0 && per_minute > reachable {
        let message =
            format!("{per_minute} a minute has no effect: {per_second} a second are {reachable} a minute");
        let warning = Diagnostic::warning(WITHOUT_EFFECT, message).at(source, minute.span, "");
        return Some(warning.help(format!("write at most {reachable}, or leave it out")));
    }
    long_wait(class).map(|(span, label, help)| {
        let message = format!("requests may wait longer in `{}` than people do", shown(&name.value));
        Diagnostic::warning(LONG_WAIT, message).at(source, span, label).help(help)
    })
}

/// What in a class that limits something lets requests wait beyond people's patience: the place, why, what to do.
fn long_wait(class: &said::RateClass) -> Option<(Span, String, &'static str)> {
    let wait = class.max_wait.said()?;
    if wait.value.0 > Duration::ZERO {
        let label = format!("a browser's visitor is gone after {} s or so", PATIENCE.as_secs());
        return (wait.value.0 > PATIENCE).then_some((wait.span, label, "write max_wait = \"6s\", say"));
    }
    let second = u64::from(class.max_rate_per_second.value()?.0);
    let minute = class.max_rate_per_minute.said()?;
    let per_minute = u64::from(minute.value.0);
    // the seconds in which a minute's requests have all started, so that the others wait for the rest of it
    let started_in = if second == 0 { 0 } else { per_minute.div_ceil(second).saturating_sub(1) };
    if per_minute > 0 && started_in + PATIENCE.as_secs() < 60 {
        let label = format!(
            "all of a minute's requests may start in {}, and the next ones wait for the minute to pass",
            if started_in == 0 { "one moment".to_owned() } else { format!("{started_in} s") }
        );
        return Some((
            minute.span,
            label,
            "set max_wait (say \"6s\"), or a max_rate_per_second that spreads them",
        ));
    }
    let queue = class.max_queue.said()?;
    let places = u64::from(queue.value.0);
    let seconds = [(second, 1), (per_minute, 60)].into_iter().filter(|(limit, _)| *limit > 0);
    let last = seconds.map(|(limit, window)| places.div_ceil(limit) * window).max()?;
    let label = format!("the last of so many waits {last} s");
    (last > PATIENCE.as_secs()).then_some((queue.span, label, "set max_wait (say \"6s\"), or let fewer wait"))
}

/// Doubts about the rules: those in use, and those that only lie in the folder.
pub(crate) fn rules(
    attached: &[Attached],
    unused: &[RuleFacts],
    known: &Known,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    // A thousand virtual servers may use one rule, whose calls are looked at once.
    let mut seen = HashSet::new();
    let all = attached.iter().map(|attached| &attached.facts).chain(unused);
    let all: Vec<_> = all.filter(|facts| seen.insert(Arc::as_ptr(&facts.calls))).collect();
    for facts in &all {
        found.extend(rule(facts, Some(known)));
    }
    found.extend(pending(all));
    for attached in attached {
        found.extend(own_hosts(&attached.facts, &attached.hosts));
    }
    for diagnostic in found {
        // A rule in use by two virtual servers, or in two stages, is doubted once.
        if told.insert(diagnostic.one_line()) {
            diagnostics.push(diagnostic);
        }
    }
}

/// Doubts about a rule by itself; without known names, no name is doubted.
pub(crate) fn rule(facts: &RuleFacts, known: Option<&Known>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for call in facts.calls.iter() {
        found.extend(known.and_then(|known| unknown_name(facts, call, known)));
        found.extend(swapped(call).map(|list| list_is_haystack(facts, call, &list)));
        found.extend(cookie_without_path(facts, call));
    }
    found
}

/// Doubts about a rule that is checked without the virtual server it will run on.
pub(crate) fn rule_alone(facts: &RuleFacts, known: Option<&Known>) -> Vec<Diagnostic> {
    let mut found = rule(facts, known);
    found.extend(pending([facts]));
    found.extend(own_hosts(facts, &[]));
    found
}

/// Calls of functions whose feature is not there yet: the first call of each in all the rules.
fn pending<'f>(all: impl IntoIterator<Item = &'f RuleFacts>) -> Vec<Diagnostic> {
    let mut told = BTreeSet::new();
    let calls = all.into_iter().flat_map(|facts| facts.calls.iter().map(move |call| (facts, call)));
    let doubt = |(facts, call): (&RuleFacts, &CallFact)| {
        let why = pending_reason(call.function).filter(|_| told.insert(call.function))?;
        let warning = Diagnostic::warning(PENDING, format!("{} {why}", call.function));
        Some(warning.at(&facts.source, call.span, ""))
    };
    calls.filter_map(doubt).collect()
}

/// Classes that no rule, virtual server or pool uses. Silent as soon as a rule computes a name.
fn unused_classes(said: &said::Catalog, source: &Arc<Source>, all: &[&RuleFacts]) -> Vec<Diagnostic> {
    let unused = |table: Vec<&At<String>>, kind: &str, used: Option<BTreeSet<String>>| {
        let Some(used) = used else { return Vec::new() };
        let idle = table.into_iter().filter(|name| !used.contains(&name.value));
        let doubt = |name: &At<String>| {
            let message = format!("nothing uses the {kind} `{}`", shown(&name.value));
            Diagnostic::warning(UNUSED_CLASS, message).at(source, name.span, "")
        };
        idle.map(doubt).collect()
    };
    let mut bandwidth = names_in(all, Names::BandwidthClass);
    if let Some(used) = &mut bandwidth {
        let servers = tables(&said.virtual_servers)
            .iter()
            .filter_map(|(_, slot)| slot.value()?.bandwidth_class.value());
        let pools = tables(&said.pools).iter().filter_map(|(_, slot)| slot.value()?.bandwidth_class.value());
        let guards = tables(&said.guards).iter().filter_map(|(_, slot)| slot.value()?.slow.value());
        used.extend(servers.chain(pools).chain(guards).map(|name| name.0.clone()));
    }
    let mut rate = names_in(all, Names::RateClass);
    if let Some(used) = &mut rate {
        let guards = tables(&said.guards).iter().filter_map(|(_, slot)| slot.value()?.queue.value());
        used.extend(guards.map(|name| name.0.clone()));
    }
    let mut found = unused(table_names(&said.rate_classes), "rate class", rate);
    found.extend(unused(table_names(&said.bandwidth_classes), "bandwidth class", bandwidth));
    found
}

/// The names that rules give to calls of a kind; `None` if one is computed.
fn names_in(all: &[&RuleFacts], what: Names) -> Option<BTreeSet<String>> {
    let calls = all.iter().flat_map(|facts| facts.calls.iter());
    let naming = calls.filter(|call| Names::of(call.function) == Some(what));
    naming.map(|call| call.arguments.first().and_then(constant)).collect()
}

fn tables<T>(slot: &Slot<Named<T>>) -> &[(At<String>, Slot<T>)] {
    slot.value().map_or(&[], |named| &named.0)
}

fn table_names<T>(slot: &Slot<Named<T>>) -> Vec<&At<String>> {
    tables(slot).iter().map(|(name, _)| name).collect()
}

fn unknown_name(facts: &RuleFacts, call: &CallFact, known: &Known) -> Option<Diagnostic> {
    let what = Names::of(call.function)?;
    let argument = call.arguments.first()?;
    let name = constant(argument)?;
    let known = what.known(known);
    // An empty name takes a class away; `discard` is a pool that is always there.
    let is_built_in = name.is_empty() || (what == Names::Pool && name == "discard");
    if is_built_in || known.contains(&name) {
        return None;
    }
    let message =
        format!("there is no {} `{}`: {}", what.kind(), shown(&name), what.consequence(call.function));
    let warning = Diagnostic::warning(what.id(), message).at(&facts.source, argument.span, "");
    Some(match nearest(&name, known.iter().map(String::as_str)) {
        Some(near) => warning.help(format!("did you mean \"{near}\"?")),
        None if known.is_empty() => warning.help(format!("the catalog has no {}", what.kind())),
        None => warning.help(format!("known: {}", known.iter().cloned().collect::<Vec<_>>().join(", "))),
    })
}

/// The list of `string.contains( list, what the client sent )`.
fn swapped(call: &CallFact) -> Option<String> {
    if !matches!(call.function, "string.contains" | "string.containsI") {
        return None;
    }
    let [list, needle, ..] = call.arguments.as_slice() else { return None };
    let list = constant(list)?;
    let is_list = list.contains([' ', ',', ';', '|', '.']);
    // Whoever puts a separator at both ends compares whole entries: ` a b ` holds ` a `.
    let is_fenced = match (list.chars().next(), list.chars().next_back()) {
        (Some(first), Some(last)) => first == last && !first.is_ascii_alphanumeric(),
        _ => true,
    };
    let from_client = |origin: &&str| {
        ["http.get", "request.get", "http.request.get"].iter().any(|family| origin.starts_with(family))
    };
    let is_sent = needle.constant.is_none() && needle.origins.iter().any(from_client);
    (is_list && !is_fenced && is_sent).then_some(list)
}

fn list_is_haystack(facts: &RuleFacts, call: &CallFact, list: &str) -> Diagnostic {
    let entries: Vec<&str> = list.split([' ', ',', ';', '|']).filter(|entry| !entry.is_empty()).collect();
    let first = entries.first().copied().unwrap_or(list);
    let longest = entries.iter().copied().max_by_key(|entry| entry.len()).unwrap_or(list);
    let letter: String = first.chars().take(1).collect();
    let piece: String = longest.chars().take(longest.chars().count().saturating_sub(1)).collect();
    // Whom the list was written for, and misses.
    let is_name = |entry: &&str| *entry != "localhost" && entry.contains(|c: char| c.is_ascii_alphabetic());
    let missed = entries.iter().copied().find(is_name).map_or(String::new(), |name| {
        let longer = if name.contains('.') { format!("www.{name}") } else { format!("www.{name}.com") };
        format!(", and `{}` is not", shown(&longer))
    });
    let message = format!(
        "the list is searched for what the client sent, so any piece of \"{}\" is found",
        shown(list)
    );
    let help = format!(
        "the empty string, `{letter}` and `{}` are found in this list{missed}; to compare whole entries write the \
         list as \" {} \" and look for \" \" . $name . \" \"",
        shown(&piece),
        shown(&entries.join(" ")),
    );
    let warning = Diagnostic::warning(SWAPPED, message);
    let spans = (call.arguments.first().map_or(call.span, |list| list.span), call.span);
    warning.at(&facts.source, spans.0, "this is the haystack").help(help)
}

/// A rule that spares the referers of a list and holds up the others: are the site's own names in the list?
fn own_hosts(facts: &RuleFacts, hosts: &[HostPattern]) -> Option<Diagnostic> {
    facts.calls.iter().find(|call| call.function == "rate.use")?;
    // The first list is the one that spares; later ones sort the rest.
    let (call, list) = facts.calls.iter().find_map(|call| swapped(call).map(|list| (call, list)))?;
    let looks_own = |entry: &str| entry.contains('.') && entry.contains(|c: char| c.is_ascii_alphabetic());
    let names: Vec<&str> = hosts
        .iter()
        .map(|host| match host {
            HostPattern::Exact(name) | HostPattern::Below(name) => &**name,
        })
        .collect();
    let missing: Vec<&str> = names.iter().copied().filter(|name| !list.contains(name)).collect();
    let (message, add) = if names.is_empty() {
        if list.split([' ', ',', ';', '|']).any(looks_own) {
            return None;
        }
        ("no name of this site is in the list".to_owned(), "www.example.com".to_owned())
    } else if missing.is_empty() {
        return None;
    } else {
        (format!("this site's own {} not in the list", enumeration(&missing)), missing.join(" "))
    };
    let message = format!("{message}: the rule limits everyone who surfs it");
    let span = call.arguments.first().map_or(call.span, |list| list.span);
    let warning = Diagnostic::warning(OWN_HOST, message).at(&facts.source, span, "");
    Some(warning.help(format!(
        "add the names by which visitors reach it, such as \"{} {}\"",
        shown(&list),
        shown(&add)
    )))
}

fn enumeration(names: &[&str]) -> String {
    match names {
        [one] => format!("name {one} is"),
        many => format!("names {} are", many.join(", ")),
    }
}

fn cookie_without_path(facts: &RuleFacts, call: &CallFact) -> Option<Diagnostic> {
    if !matches!(call.function, "http.addResponseHeader" | "http.setResponseHeader") {
        return None;
    }
    let [name, value, ..] = call.arguments.as_slice() else { return None };
    let name = constant(name)?;
    let cookie = constant(value)?;
    let has_path = cookie.split(';').skip(1).any(|part| {
        part.split('=').next().is_some_and(|attribute| attribute.trim().eq_ignore_ascii_case("path"))
    });
    if !name.eq_ignore_ascii_case("set-cookie") || has_path {
        return None;
    }
    let message = "a cookie without Path comes back only from the folder of the page that set it".to_owned();
    let warning = Diagnostic::warning(COOKIE_PATH, message).at(&facts.source, value.span, "");
    Some(warning.help(format!("write \"{}; Path=/\", or use http.setResponseCookie", shown(&cookie))))
}

pub(super) fn constant(argument: &ArgumentFact) -> Option<String> {
    argument.constant.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// How long the class lets a request wait, for people.
pub(crate) fn wait_text(wait: Option<Duration>) -> String {
    wait.map_or("as long as the virtual server's timeout".to_owned(), |wait| {
        format!("{} at most", length_text(wait))
    })
}
