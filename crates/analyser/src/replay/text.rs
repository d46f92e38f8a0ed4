//! An effect in words and tables, for a terminal.

use super::account::shown;
use super::compare::Comparison;
use super::effect::{
    Amount, BandwidthEffect, Effect, Hit, LimitReached, RateEffect, RuleEffect, Sample, SampleOf, Verdict,
};
use super::spread::Spread;
use crate::human::{bytes, count, percent, seconds, things};
use std::fmt::{self, Display, Formatter, Write as _};

/// Examples of each kind that are shown to people; the data has more.
const SHOWN_SAMPLES: usize = 3;
/// Examples of requests that were refused once and not twice.
const SHOWN_DIFFERENCES: usize = 10;
/// The width of a bar.
const BAR: u64 = 24;

impl Display for Effect {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.head(out)?;
        self.ends(out)?;
        for class in &self.rate_classes {
            rate(class, out)?;
        }
        for class in &self.bandwidth_classes {
            bandwidth(class, out)?;
        }
        for effect in &self.rules {
            rule(effect, out)?;
        }
        self.then_and_now(out)?;
        self.people(out)?;
        self.examples(out)?;
        limits(&self.limits, out)?;
        writeln!(out, "\nWhat this cannot know")?;
        for sentence in &self.cannot_know {
            paragraph(sentence, out)?;
        }
        Ok(())
    }
}

impl Effect {
    fn head(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.is_partial {
            writeln!(out, "PARTIAL: the run was broken off; these are the numbers of what was read.\n")?;
        }
        let log = &self.log;
        write!(out, "{}, {}", things(log.requests, "request"), bytes(log.bytes))?;
        if let (Some(from), Some(to)) = (log.from_unix, log.to_unix) {
            write!(out, ", {} to {} ({})", date(from), date(to), seconds(to - from))?;
        }
        writeln!(out)?;
        for (number, what) in [
            (log.no_requests, "lines hold no request that a server takes: answered 400 whatever the policy"),
            (log.backwards, "lines are dated before the one before them: taken to come with it"),
            (log.without_bytes, "lines do not say how many bytes were sent"),
            (log.clients_by_name, "lines have a name in place of the client's address"),
        ] {
            if number > 0 {
                writeln!(out, "{} {what}", count(number))?;
            }
        }
        Ok(())
    }

    fn ends(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "\n{:<28}{:>12}{:>8}{:>12}", "How requests would have ended", "requests", "", "bytes")?;
        for row in &self.verdicts {
            let Amount { requests, bytes: weight } = row.amount;
            let part = percent(requests, self.log.requests);
            writeln!(
                out,
                "  {:<26}{:>13}{part:>9}{:>12}",
                row.verdict.label(),
                count(requests),
                bytes(weight)
            )?;
        }
        let saved = &self.saved;
        if saved.requests + saved.refused_before > 0 {
            let part = percent(saved.bytes, self.log.bytes);
            write!(
                out,
                "Saved: {}, {} ({part} of all)",
                things(saved.requests, "request"),
                bytes(saved.bytes)
            )?;
            if saved.refused_before > 0 {
                write!(out, "; {} more were errors before, and save nothing", count(saved.refused_before))?;
            }
            writeln!(out)?;
        } else {
            writeln!(out, "Nothing is saved: every request reaches a node, now or later.")?;
        }
        Ok(())
    }

    /// Only where files decide now: they may be those that decided then.
    fn then_and_now(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let both = &self.then_and_now;
        if !self.has_files || both.then + both.now + both.undecidable_then_served == 0 {
            return Ok(());
        }
        writeln!(out, "\nRefused with 403 then and now")?;
        let total = both.now;
        if both.then > 0 && both.only_then + both.only_now + both.undecidable_then_refused == 0 {
            writeln!(
                out,
                "  The log has {} refusals; this refuses the same {}.",
                count(both.then),
                count(total)
            )?;
        } else {
            writeln!(
                out,
                "  The log has {} refusals; this refuses {} of them, and {} others.",
                count(both.then),
                count(both.both),
                count(both.only_now)
            )?;
            writeln!(out, "  {} were refused then and are not now.", count(both.only_then))?;
        }
        if both.undecidable_then_refused + both.undecidable_then_served > 0 {
            writeln!(
                out,
                "  Of {} nobody can say ({} refused then, {} not).",
                count(both.undecidable_then_refused + both.undecidable_then_served),
                count(both.undecidable_then_refused),
                count(both.undecidable_then_served)
            )?;
        }
        for (of, title) in
            [(SampleOf::OnlyThen, "refused then, not now"), (SampleOf::OnlyNow, "refused now, not then")]
        {
            let samples = self.samples.iter().filter(|sample| sample.of == of);
            // Where nobody was refused then, all that is refused now is new: that is told elsewhere.
            if both.then > 0 {
                list(title, samples.take(SHOWN_DIFFERENCES), out)?;
            }
        }
        Ok(())
    }

    fn people(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "\n{:<28}{:>10}{:>9}{:>9}{:>9}{:>9}{:>12}",
            "Who was hit", "asked", "waited", "slowed", "marked", "kept off", "bytes hit"
        )?;
        for row in &self.offenders {
            let name = format!("→ {}", shown(row.name.as_bytes()));
            people_row(&name, &row.hit, out)?;
        }
        for row in &self.who {
            people_row(row.who.label(), &row.hit, out)?;
        }
        if !self.offenders.is_empty() {
            writeln!(out, "  (→ is whom the policy is meant for; they are among the rows below as well)")?;
        }
        Ok(())
    }

    fn examples(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for (of, title) in [
            (SampleOf::Kept, "Examples: kept off the nodes"),
            (SampleOf::Waited, "Examples: waited"),
            (SampleOf::Slowed, "Examples: slowed down"),
            (SampleOf::Marked, "Examples: marked"),
            (SampleOf::Undecidable, "Examples: nobody can say"),
        ] {
            let mut samples = self.samples.iter().filter(|sample| sample.of == of).peekable();
            if samples.peek().is_some() {
                writeln!(out)?;
                // One of each kind of people, those first who are hit besides: the data has more.
                let mut told = std::collections::BTreeSet::new();
                list(title, samples.filter(|sample| told.insert(sample.who)).take(SHOWN_SAMPLES), out)?;
            }
        }
        Ok(())
    }
}

fn people_row(name: &str, hit: &Hit, out: &mut Formatter<'_>) -> fmt::Result {
    let number = |amount: Amount| if amount.requests == 0 { "-".to_owned() } else { count(amount.requests) };
    let weight = if hit.hit.requests == 0 { "-".to_owned() } else { bytes(hit.hit.bytes) };
    writeln!(
        out,
        "  {name:<26}{:>10}{:>9}{:>9}{:>9}{:>9}{weight:>12}",
        count(hit.asked.requests),
        number(hit.waited),
        number(hit.slowed),
        number(hit.marked),
        number(hit.turned_away)
    )
}

fn rate(class: &RateEffect, out: &mut Formatter<'_>) -> fmt::Result {
    let observed = if class.observed { " (observed only: nobody waited)" } else { "" };
    writeln!(out, "\nRate class {}{observed}", shown(class.class.as_bytes()))?;
    let at_once = class.asked.saturating_sub(class.waited.requests + class.refused + class.over_limit);
    write!(out, "  {} asked for a place: {} had it at once", count(class.asked), count(at_once))?;
    for (number, what) in [
        (class.waited.requests, "waited"),
        (class.refused, "found the queue full"),
        (class.timed_out, "waited in vain"),
        (class.over_limit, "were over the limit"),
        (class.left, "left"),
    ] {
        if number > 0 {
            write!(out, ", {} {what}", count(number))?;
        }
    }
    writeln!(out)?;
    if class.waits_micros.count() > 0 {
        writeln!(out, "  waits: {}", spread(&class.waits_micros, wait))?;
        steps(&class.waits_micros, wait, out)?;
    }
    if class.backlog_max > 0 {
        writeln!(out, "  the longest queue held {}", count(u64::from(class.backlog_max)))?;
    }
    for row in &class.contexts {
        let name = if row.context.is_empty() { "(no context)" } else { &row.context };
        writeln!(
            out,
            "  {:<40}{:>8} held up, longest {:>8}, together {}",
            name,
            count(row.requests),
            wait(row.longest_micros),
            wait(row.waited_micros)
        )?;
    }
    let unlisted = class.contexts_waited.saturating_sub(class.contexts.len() as u64);
    if unlisted > 0 {
        writeln!(out, "  and {} more contexts", count(unlisted))?;
    }
    Ok(())
}

fn bandwidth(class: &BandwidthEffect, out: &mut Formatter<'_>) -> fmt::Result {
    let limit = bytes(class.bytes_per_second);
    writeln!(out, "\nBandwidth class {} ({limit} a second)", shown(class.class.as_bytes()))?;
    let Amount { requests, bytes: weight } = class.slowed;
    let most = class.running_max as u64;
    writeln!(out, "  {} of {}, at most {} at once", things(requests, "answer"), bytes(weight), count(most))?;
    if class.rates.count() > 0 {
        let rate = |value: u64| format!("{}/s", bytes(value));
        // Slow is what matters here: the slowest 5 % are below what 5 % do not exceed.
        let slowest = class.rates.per_mille(50).map_or_else(String::new, rate);
        let median = class.rates.median().map_or_else(String::new, rate);
        writeln!(out, "  slowed to: median {median}, the slowest 5% to {slowest} or less")?;
        writeln!(out, "  took: {}", spread(&class.durations_micros, wait))?;
        steps(&class.durations_micros, wait, out)?;
    }
    Ok(())
}

fn rule(effect: &RuleEffect, out: &mut Formatter<'_>) -> fmt::Result {
    let observed = if effect.observed { " (observes only: nothing was done)" } else { "" };
    writeln!(out, "\nRule {}{observed}", shown(effect.rule.as_bytes()))?;
    let statuses: Vec<String> =
        effect.statuses.iter().map(|row| format!("{} × {}", count(row.requests), row.status)).collect();
    for (amount, what, more) in [
        (effect.waited, "made wait", String::new()),
        (effect.slowed, "given a bandwidth class", String::new()),
        (effect.marked, "marked", format!(" with {}", effect.marks.join(", "))),
        (effect.refused, "refused", format!(" ({})", statuses.join(", "))),
        (effect.redirected, "redirected", format!(" ({})", statuses.join(", "))),
        (effect.undecided, "decided by what nobody knows", String::new()),
    ] {
        if amount.requests > 0 {
            let more = if more == " ()" { String::new() } else { more };
            writeln!(
                out,
                "  {:>10} requests, {:>10} {what}{more}",
                count(amount.requests),
                bytes(amount.bytes)
            )?;
        }
    }
    for row in &effect.undecidable {
        let Amount { requests, bytes: weight } = row.amount;
        writeln!(out, "  {:>10} requests, {:>10}   unknown: {}", count(requests), bytes(weight), row.fact)?;
    }
    if effect.faults > 0 {
        let first = effect.first_fault.as_deref().unwrap_or_default();
        writeln!(out, "  {:>10} requests in which it failed: {first}", count(effect.faults))?;
    }
    for row in &effect.errands {
        writeln!(
            out,
            "  {:>10} errands ({}) were not done: the documented empty answer was given",
            count(row.times),
            row.errand
        )?;
    }
    Ok(())
}

fn limits(limits: &[LimitReached], out: &mut Formatter<'_>) -> fmt::Result {
    if limits.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nBounds that were reached")?;
    for limit in limits {
        let text = format!(
            "{} ({}), {} beyond: {}.",
            limit.limit,
            count(limit.holds),
            count(limit.beyond),
            limit.text
        );
        paragraph(&text, out)?;
    }
    Ok(())
}

fn list<'a>(title: &str, samples: impl Iterator<Item = &'a Sample>, out: &mut Formatter<'_>) -> fmt::Result {
    let mut samples = samples.peekable();
    if samples.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "  {title}")?;
    for sample in samples {
        one(sample, "", out)?;
    }
    Ok(())
}

fn one(sample: &Sample, more: &str, out: &mut Formatter<'_>) -> fmt::Result {
    let mut text = format!(
        "    {} {} {}",
        date(micros_as_seconds(sample.at_unix_micros)),
        sample.client,
        short(&sample.request)
    );
    let now = match sample.verdict {
        Verdict::Passed => String::new(),
        verdict if sample.now > 0 => format!(", now {} ({})", sample.now, verdict.label()),
        verdict => format!(", now {}", verdict.label()),
    };
    let _ = write!(text, " — then {}{now}", sample.then);
    if sample.waited_micros > 0 {
        let _ = write!(text, ", waited {}", wait(sample.waited_micros));
    }
    if let Some(by) = &sample.by {
        let _ = write!(text, ", by {by}");
    }
    writeln!(out, "{text}{more}")?;
    let [from, with] =
        [&sample.referer, &sample.user_agent].map(|text| short(text.as_deref().unwrap_or("-")));
    writeln!(out, "      from {from}; {with}")
}

/// A text of a log in the width that a line leaves it; the data has more of it.
fn short(text: &str) -> String {
    /// Characters.
    const WIDTH: usize = 72;
    let mut shown: String = text.chars().take(WIDTH).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

impl Display for Comparison {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let all = self.policy.log.requests;
        if self.policy.is_partial {
            writeln!(out, "PARTIAL: the run was broken off; these are the numbers of what was read.\n")?;
        }
        writeln!(
            out,
            "{}; both policies decide {} of them alike.",
            things(all, "request"),
            count(self.alike.requests)
        )?;
        writeln!(out, "\n{:<34}{:>14}{:>14}", "How requests would have ended", "policy", "other")?;
        for verdict in Verdict::ALL {
            let of = |effect: &Effect| {
                effect.verdicts.iter().find(|row| row.verdict == verdict).map_or(0, |row| row.amount.requests)
            };
            let (one, other) = (of(&self.policy), of(&self.other));
            if one + other > 0 {
                writeln!(out, "  {:<32}{:>14}{:>14}", verdict.label(), count(one), count(other))?;
            }
        }
        let waited = |effect: &Effect| effect.rate_classes.iter().map(|class| class.waited.requests).sum();
        let slowed =
            |effect: &Effect| effect.bandwidth_classes.iter().map(|class| class.slowed.requests).sum();
        let row =
            |name: &str, one: u64, other: u64| format!("  {name:<32}{:>14}{:>14}", count(one), count(other));
        writeln!(out, "{}", row("waited", waited(&self.policy), waited(&self.other)))?;
        writeln!(out, "{}", row("slowed down", slowed(&self.policy), slowed(&self.other)))?;
        let saved = [&self.policy, &self.other].map(|effect| bytes(effect.saved.bytes));
        writeln!(out, "  {:<32}{:>14}{:>14}", "bytes saved", saved[0], saved[1])?;
        if !self.differences.is_empty() {
            writeln!(out, "\nWhat differs")?;
        }
        for difference in &self.differences {
            let Amount { requests, bytes: weight } = difference.amount;
            writeln!(out, "  {}, {}", things(requests, "request"), bytes(weight))?;
            writeln!(out, "    policy: {}\n    other:  {}", difference.policy, difference.other)?;
            for pair in difference.samples.iter().take(SHOWN_SAMPLES) {
                let more = match pair.other_waited_micros {
                    0 => String::new(),
                    micros => format!("; with the other waited {}", wait(micros)),
                };
                one(&pair.request, &more, out)?;
            }
        }
        limits(&self.limits, out)
    }
}

fn spread(spread: &Spread, shown: fn(u64) -> String) -> String {
    let at = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), shown);
    format!(
        "median {}, 95% within {}, longest {}",
        at(spread.median()),
        at(spread.per_mille(950)),
        shown(spread.largest())
    )
}

/// Bars, where there is more than one step.
fn steps(spread: &Spread, shown: fn(u64) -> String, out: &mut Formatter<'_>) -> fmt::Result {
    let steps = spread.steps();
    let most = steps.iter().map(|step| step.count).max().unwrap_or(0);
    if steps.len() < 2 {
        return Ok(());
    }
    for step in steps {
        let name = step.up_to.map_or_else(|| "longer".to_owned(), |up_to| format!("up to {}", shown(up_to)));
        let length = (step.count * BAR).div_ceil(most.max(1));
        let bar = "▇".repeat(usize::try_from(length).unwrap_or(0));
        writeln!(out, "    {name:>14} {:>10} {bar}", count(step.count))?;
    }
    Ok(())
}

fn wait(micros: u64) -> String {
    match micros {
        0..1_000_000 => format!("{} ms", micros / 1_000),
        _ => seconds(std::time::Duration::from_micros(micros).as_secs_f64()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown to the second")]
fn micros_as_seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn date(unix: f64) -> String {
    let at = jiff::Timestamp::from_duration(jiff::SignedDuration::from_secs_f64(unix.clamp(-6e10, 2e11)));
    at.map_or_else(|_| "?".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// A sentence in lines of a terminal's width.
fn paragraph(text: &str, out: &mut Formatter<'_>) -> fmt::Result {
    /// Columns.
    const WIDTH: usize = 100;
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column == 0 {
            write!(out, "- {word}")?;
            column = 2 + length;
        } else if column + 1 + length > WIDTH {
            write!(out, "\n  {word}")?;
            column = 2 + length;
        } else {
            write!(out, " {word}")?;
            column += 1 + length;
        }
    }
    writeln!(out)
}
