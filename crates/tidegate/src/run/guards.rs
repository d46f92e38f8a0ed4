//! What guards see and do, for who asks over the control socket; and the hand that takes their steps back.

use crate::control::{Answer, Outcome};
use engine::catalog::Step;
use engine::{GuardEvent, SiteGuard, SiteReading, WallTime};
use proxy::Running;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Sites of a guard that are told of one by one; those that stand on a step come first.
const SITES_SHOWN: usize = 50;
/// Events of a guard that people are told of.
const EVENTS_SHOWN: usize = 10;

/// Says which sites stand where, and what happened lately.
pub(super) fn list_guards(running: &Running) -> Answer {
    let (now, catalog) = (running.clock().now(), running.shared().catalog());
    let mut text = String::new();
    if catalog.guards.is_empty() {
        text.push_str("the catalog has no guard: [guards.NAME], and guard = \"NAME\" of a virtual server\n");
    }
    let mut report = Vec::new();
    for guard in &catalog.guards {
        guard.live.look(&guard.settings, now);
        let (sites, events) = (guard.live.sites(now.tick), guard.live.events());
        let shown = sites.get(..SITES_SHOWN).unwrap_or(&sites);
        tell(guard, (shown, sites.len()), &events, &mut text);
        report.push(json!({
            "name": &*guard.name,
            "climb_to": guard.settings.climb_to.name(),
            "window_seconds": guard.settings.window.as_secs_f64(),
            "sites": shown.iter().map(site_value).collect::<Vec<_>>(),
            "sites_left_out": sites.len() - shown.len(),
            "events": events.iter().map(event_value).collect::<Vec<_>>(),
        }));
    }
    Answer::new(Outcome::Good, text).with("guards", report)
}

fn tell(guard: &SiteGuard, (shown, all): (&[SiteReading], usize), events: &[GuardEvent], text: &mut String) {
    let (name, climb_to) = (&guard.name, guard.settings.climb_to.name());
    // Writing to a text does not fail.
    let _written = writeln!(text, "guard {name} may climb to {climb_to}; sites: {all}");
    if !shown.is_empty() {
        let head = ["site", "step", "for", "new visitors", "usual", "entries", "media KiB", "usual"];
        let [site, step, since, new, usual, entries, media, usual_media] = head;
        let _written = writeln!(
            text,
            "  {site:<32} {step:<8} {since:>7} {new:>13} {usual:>6} {entries:>8} {media:>10} {usual_media:>7}"
        );
    }
    for site in shown {
        let since =
            if site.step == Step::Observe { String::new() } else { format!("{} s", site.since_seconds) };
        let spared = match site.spared_seconds {
            0 => String::new(),
            seconds => format!("  left alone for {seconds} s"),
        };
        let _written = writeln!(
            text,
            "  {:<32} {:<8} {since:>7} {:>13} {:>6} {:>8} {:>10} {:>7}{spared}",
            site.site,
            site.step.name(),
            site.new_visitors,
            site.usual_new_visitors,
            site.entries,
            site.media_bytes.div_ceil(1024),
            site.usual_media_bytes.div_ceil(1024),
        );
    }
    if all > shown.len() {
        let _written = writeln!(text, "  and {} more", all - shown.len());
    }
    for event in events.iter().skip(events.len().saturating_sub(EVENTS_SHOWN)) {
        let (from, to) = (event.from.name(), event.to.name());
        let step = if from == to { from.to_owned() } else { format!("{from} -> {to}") };
        let _written = writeln!(text, "  {} {}: {step}: {}", date(event.at), event.site, event.reason);
    }
}

/// Takes a site's steps back.
pub(super) fn undo_steps(running: &Running, (guard, site): (&str, &str)) -> Answer {
    let catalog = running.shared().catalog();
    let Some(guard) = catalog.guard_by_name(guard) else {
        let names: Vec<_> = catalog.guards.iter().map(|guard| &*guard.name).collect();
        let why = match names.as_slice() {
            [] => "the catalog has no guard".to_owned(),
            names => format!("there is no such guard; there are: {}", names.join(", ")),
        };
        return Answer::why(Outcome::Mistaken, &why);
    };
    match guard.live.undo(&guard.settings, site, running.clock().now()) {
        Some(event) => {
            let text = format!("{}: was at {}; {}\n", event.site, event.from.name(), event.reason);
            Answer::new(Outcome::Good, text).with("event", event_value(&event))
        }
        None => Answer::why(Outcome::Failed, "the guard does not know this site: tidegate guard list"),
    }
}

fn site_value(site: &SiteReading) -> Value {
    json!({
        "site": site.site,
        "step": site.step.name(),
        "since_seconds": site.since_seconds,
        "requests": site.requests,
        "entries": site.entries,
        "new_visitors": site.new_visitors,
        "usual_new_visitors": site.usual_new_visitors,
        "bytes": site.bytes,
        "media_bytes": site.media_bytes,
        "usual_media_bytes": site.usual_media_bytes,
        "spared_seconds": site.spared_seconds,
    })
}

fn event_value(event: &GuardEvent) -> Value {
    json!({
        "at": date(event.at),
        "site": event.site,
        "from": event.from.name(),
        "to": event.to.name(),
        "reason": event.reason,
    })
}

fn date(moment: WallTime) -> String {
    let moment = jiff::Timestamp::from_microsecond(moment.0).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
