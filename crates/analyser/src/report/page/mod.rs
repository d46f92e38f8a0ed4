//! The report as one page for a browser: no script, nothing from elsewhere, readable in the dark and on a phone.

mod charts;
mod html;

use super::shown::{Detail, moment};
use super::walk::{counted_said, said};
use super::{Confidence, Finding, Log, Report, Verdict};
use crate::human;
use crate::proposal::{Action, Form, Proposal};
use charts::Row;
use html::Html;

const STYLE: &str = include_str!("style.css");

/// Findings and proposals that are shown.
const FINDINGS_MAX: usize = 12;
const PROPOSALS_MAX: usize = 8;

/// The page. Everything that comes from logs is escaped; the page may load nothing and run nothing.
pub fn page(report: &Report) -> String {
    let mut html = Html::default();
    html.raw(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>tidegate diagnose</title>\n<style>\n",
    );
    html.raw(STYLE).raw("</style></head>\n<body><div class=\"wrap\"><header class=\"stack\">");
    head(&mut html, report);
    html.raw("</header>\n<main class=\"stack\">");
    if let Some(log) = &report.log {
        if log.summary.series.points.len() > 1 {
            charts::in_time(&mut html, log);
        }
        html.raw("\n<div class=\"grid\">");
        pictures(&mut html, report, log);
        html.raw("</div>");
    }
    steps(&mut html, report);
    findings(&mut html, &report.findings);
    proposals(&mut html, &report.proposals);
    if let Some(log) = &report.log {
        lines(&mut html, log);
    }
    html.raw("</main></div></body></html>\n");
    html.finish()
}

fn head(html: &mut Html, report: &Report) {
    let made = moment(report.made_unix_seconds, None, Detail::Minute);
    html.element("<p class=\"brand\">tidegate diagnose, ", &made, " UTC");
    if let Some(span) = report.log.as_ref().and_then(|log| log.summary.span.as_ref()) {
        let (from, to) = (span.from_unix, span.to_unix);
        html.raw("; logs from ").text(&moment(from, Some(span), Detail::Minute)).raw(" to ");
        html.text(&moment(to, Some(span), Detail::Minute));
    }
    html.raw("</p>");
    let top = report.findings.first().filter(|finding| finding.verdict != Verdict::NothingUnusual);
    let headline = top.map_or_else(
        || "Nothing unusual".to_owned(),
        |finding| format!("{}: {}", capital(finding.verdict.label()), finding.subject),
    );
    html.element("<h1>", &headline, "</h1>");
    if report.is_partial {
        html.raw("<section class=\"partial\">Partial: the run was broken off; all numbers are of what was read until then.</section>");
    }
    let is_bad = top.is_some_and(|finding| finding.confidence > Confidence::Low);
    html.raw(if is_bad { "<section class=\"answer bad-edge\">" } else { "<section class=\"answer\">" });
    for sentence in &report.answer {
        html.element("<p>", sentence, "</p>");
    }
    html.raw("</section>");
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn pictures(html: &mut Html, report: &Report, log: &Log) {
    let summary = &log.summary;
    let total = summary.total.bytes;
    let accused: Vec<&str> =
        report.findings.iter().flat_map(|finding| &finding.traits.referers).map(String::as_str).collect();
    let rows: Vec<Row> = summary
        .referers
        .iter()
        .map(|row| Row {
            name: row.domain.clone(),
            about: about(row.class.label(), accused.contains(&row.domain.as_str())),
            is_accused: accused.contains(&row.domain.as_str()),
            bytes: row.counted.bytes,
            requests: row.counted.requests,
            clients: Some(row.counted.clients),
            no_page: row.asset_only_share,
        })
        .collect();
    charts::bars(html, "Referers", "from pages of", &rows, total);
    let accused: Vec<&str> = report
        .findings
        .iter()
        .flat_map(|finding| &finding.traits.paths)
        .map(super::PathTrait::said)
        .collect();
    let rows: Vec<Row> = summary
        .paths
        .iter()
        .map(|row| Row {
            name: row.path.clone(),
            about: about("", accused.contains(&row.path.as_str())),
            is_accused: accused.contains(&row.path.as_str()),
            bytes: row.counted.bytes,
            requests: row.counted.requests,
            clients: Some(row.counted.clients),
            no_page: None,
        })
        .collect();
    charts::bars(html, "Paths", "path", &rows, total);
    let rows: Vec<Row> = summary
        .clients
        .iter()
        .map(|row| Row {
            name: row.client.clone(),
            about: row.program.plural().to_owned(),
            is_accused: false,
            bytes: row.counted.bytes,
            requests: row.counted.requests,
            clients: None,
            no_page: None,
        })
        .collect();
    charts::bars(html, "Clients", "client", &rows, total);
    charts::at_once(html, log, report.pressure.as_ref().and_then(|pressure| pressure.room()));
}

/// A colour alone says nothing to many.
fn about(what: &str, is_accused: bool) -> String {
    match (what, is_accused) {
        (what, false) => what.to_owned(),
        ("", true) => "accused".to_owned(),
        (what, true) => format!("{what}, accused"),
    }
}

fn steps(html: &mut Html, report: &Report) {
    html.raw("<section><h2>Step by step</h2><ol class=\"steps\">");
    for (number, step) in report.steps.iter().enumerate() {
        html.raw("<li><h3>").text(&format!("{}. {}", number + 1, step.question)).raw("</h3>");
        html.element("<p>", &capital(&step.answer), "</p>");
        if !step.evidence.is_empty() {
            html.raw("<ul class=\"soft\">");
            for evidence in &step.evidence {
                html.element("<li>", evidence, "</li>");
            }
            html.raw("</ul>");
        }
        if let Some(why) = &step.cannot_tell {
            html.element("<p class=\"doubt\">? ", why, "</p>");
        }
        html.raw("</li>");
    }
    html.raw("</ol></section>\n");
}

fn findings(html: &mut Html, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    html.raw("<section><h2>Findings</h2>");
    for finding in findings.iter().take(FINDINGS_MAX) {
        html.element("<article><h3>", &said_without_doubt(finding), " ");
        let open = match finding.confidence {
            Confidence::High => "<span class=\"tag bad\">",
            Confidence::Medium => "<span class=\"tag doubt\">",
            Confidence::Low => "<span class=\"tag soft\">",
        };
        html.element(open, finding.confidence.label(), "</span></h3>");
        if let Some(counted) = counted_said(finding) {
            html.element("<p class=\"soft\">", &counted, "</p>");
        }
        html.raw("<ul>");
        for evidence in &finding.evidence {
            html.element("<li>", &evidence.text, "</li>");
        }
        html.raw("</ul>");
        if !finding.counter_check.is_empty() {
            html.element("<p class=\"doubt\">Before you act: ", &finding.counter_check, "</p>");
        }
        html.raw("</article>");
    }
    html.raw("</section>\n");
}

fn said_without_doubt(finding: &Finding) -> String {
    match finding.verdict {
        Verdict::NothingUnusual => said(finding),
        verdict => format!("{}: {}", verdict.label(), finding.subject),
    }
}

fn proposals(html: &mut Html, proposals: &[Proposal]) {
    if proposals.is_empty() {
        return;
    }
    html.raw("<section><h2>Proposals</h2>");
    for proposal in proposals.iter().take(PROPOSALS_MAX) {
        html.element("<article><h3><code>", &proposal.id, "</code> ");
        html.raw(match proposal.action {
            Action::Slow | Action::Queue => "<span class=\"tag good\">gentle</span></h3>",
            Action::Refuse => "<span class=\"tag bad\">refuses</span></h3>",
        });
        html.element("<p>", &proposal.summary, "</p>");
        html.element("<p class=\"soft\">Ends by itself at ", &proposal.ends, ".</p><ul>");
        for text in proposal.effect_said.iter().chain(&proposal.costs) {
            html.element("<li>", text, "</li>");
        }
        html.raw("</ul><p>Try it: <code>tidegate apply ").text(&proposal.id).raw(" --observe</code></p>");
        html.raw("<details><summary>The rule for tidegate</summary><pre tabindex=\"0\">")
            .lines(&proposal.rule);
        html.lines(&proposal.class_text()).raw("</pre></details>");
        form(html, "<details><summary>For Apache (.htaccess)</summary>", &proposal.htaccess);
        form(html, "<details><summary>For nginx</summary>", &proposal.nginx);
        form(html, "<details><summary>For HAProxy</summary>", &proposal.haproxy);
        html.raw("</article>");
    }
    html.raw("</section>\n");
}

fn form(html: &mut Html, open: &'static str, form: &Form) {
    html.raw(open);
    match form {
        Form::Impossible(why) => {
            html.element("<p>", why, "</p>");
        }
        Form::Texts(snippets) => {
            for snippet in snippets {
                html.element("<p class=\"soft\">in: ", snippet.place, "</p><pre tabindex=\"0\">");
                html.lines(&snippet.text).raw("</pre>");
            }
        }
    }
    html.raw("</details>");
}

fn lines(html: &mut Html, log: &Log) {
    html.raw("<section><h2>What was read</h2><p>");
    let lines = &log.lines;
    let text = format!(
        "{}: {} read, {} bad, {} blank or remarks. Bytes: {}.",
        human::things(lines.all, "line"),
        human::count(lines.read),
        human::count(lines.bad),
        human::count(lines.comments),
        log.summary.bytes_meaning.label()
    );
    html.text(&text).raw(
        "</p><div class=\"scroll\"><table><thead><tr><th>file</th><th>format</th><th class=\"n\">lines</th>",
    );
    html.raw("<th class=\"n\">bad</th></tr></thead><tbody>");
    for file in log.files.iter().take(100) {
        html.element("<tr><td class=\"name\">", &file.path, "</td>").element("<td>", &file.format, "</td>");
        html.element("<td class=\"n\">", &human::count(file.counts.lines), "</td>");
        html.element("<td class=\"n\">", &human::count(file.counts.bad), "</td></tr>");
        for sample in file.counts.samples.iter().take(3) {
            let text = format!("byte {}: {}: {}", sample.offset, sample.why, sample.text);
            html.element("<tr><td class=\"name soft\" colspan=\"4\">", &text, "</td></tr>");
        }
        if let Some(problem) = &file.counts.problem {
            html.element("<tr><td class=\"name bad\" colspan=\"4\">", problem, "</td></tr>");
        }
    }
    html.raw("</tbody></table></div></section>");
}
