//! One scene: its blocks become a catalog, the catalog is loaded, traffic runs over it, and the outcome is judged.

use super::bytes;
use super::document::{Block, Document, Rule, Scene, Stage};
use super::drive::{self, Node};
use super::expect;
use super::places;
use super::remarks::{self, Text};
use super::traffic::{self, Request};
use engine::Catalog;
use engine::builtins::builtins;
use engine::catalog::MemoryFiles;
use engine::errand::World;
use std::fmt::Write as _;
use std::path::Path;

pub(super) const CATALOG: &str = "tidegate.toml";

/// Every way in which the scene does not hold, as sentences with their places.
pub(super) fn run(document: &Document, scene: &Scene) -> Vec<String> {
    let found = judge(document, scene).unwrap_or_else(|why| vec![why]);
    found
        .into_iter()
        .map(|failure| format!("spec/{} ({}): {failure}", document.path, scene.heading))
        .collect()
}

fn judge(document: &Document, scene: &Scene) -> Result<Vec<String>, String> {
    let mut rules = Vec::new();
    for (index, rule) in scene.rules.iter().enumerate() {
        rules.push(rule_text(document, rule, index)?);
    }
    let is_raw = |stage: &Stage| matches!(stage, Stage::RawRequest | Stage::RawResponse);
    if scene.bytes.is_some() || rules.iter().any(|(stage, _)| is_raw(stage)) {
        return bytes::judge(scene, rules);
    }
    let mut expected = scene.expect.as_ref().map(expect::parse).transpose()?.unwrap_or_default();
    if let Some(block) = &scene.values {
        let (text, values) = values(block);
        rules.push((
            Stage::Request,
            Text { file: "rules/values.rts".to_owned(), content: text, may_warn: true, ..here(block) },
        ));
        expected.extend(values);
    }
    let (catalog, mut texts) = catalog_text(scene, &rules);
    let mut files = MemoryFiles::default().with(CATALOG, catalog).with("geo.mmdb", places::sample());
    for (path, text) in &scene.files {
        files = files.with(path, text.as_bytes());
    }
    for (prefix, block) in &scene.htaccess {
        let mut text = Text { file: htaccess_file(prefix), ..here(block) };
        text.may_warn = !text.has_remarks();
        files = files.with(text.file.clone(), format!("{}\n", text.content));
        texts.push(text);
    }
    for (_, text) in &rules {
        files = files.with(text.file.clone(), text.content.clone());
    }
    texts.extend(rules.into_iter().map(|(_, text)| text));
    for text in &mut texts {
        text.may_warn |= text.file == CATALOG && !text.has_remarks();
    }
    let loaded = Catalog::load(Path::new(CATALOG), &files, builtins());
    let mut failures = remarks::check(&texts, &loaded);
    let runs = !expected.is_empty() || scene.traffic.is_some();
    match loaded.catalog {
        Some(catalog) if runs => {
            let requests = match &scene.traffic {
                Some(block) => traffic::parse(block)?,
                None => vec![Request::plain()],
            };
            let node = scene.node.as_ref().map_or_else(|| Ok(Node::default()), Node::parse)?;
            let world = scene.world.as_ref().map_or("", |block| &block.text);
            let world = World::parse(world).map_err(|wrong| format!("the world: {wrong}"))?;
            let happened = drive::run(catalog, &requests, &node, world)?;
            failures.extend(expect::check(&expected, &requests, &happened));
        }
        Some(_) if remarks::expects_error(&texts) => {}
        None if runs && failures.is_empty() => {
            failures.push("nothing can run: an error is foreseen in the same scene".to_owned());
        }
        _ => {}
    }
    Ok(failures)
}

fn here(block: &Block) -> Text {
    Text { file: String::new(), offset: 0, line: block.line, content: block.text.clone(), may_warn: false }
}

fn rule_text(document: &Document, rule: &Rule, index: usize) -> Result<(Stage, Text), String> {
    let mut text = here(&rule.block);
    text.may_warn = rule.name.is_some() && rule.stage != Stage::Library;
    let name = rule.name.clone().unwrap_or_else(|| format!("rule-{}", index + 1));
    if text.content.trim().is_empty() && rule.name.is_some() {
        let known =
            document.rule_text(&name).ok_or_else(|| format!("no rule of this file is called `{name}`"))?;
        known.clone_into(&mut text.content);
    }
    text.file = format!("rules/{name}.rts");
    Ok((rule.stage, text))
}

/// The catalog of a scene: one virtual server and one pool, both called `spec`, unless the block declares its own.
pub(super) fn catalog_text(scene: &Scene, rules: &[(Stage, Text)]) -> (String, Vec<Text>) {
    let own = scene.catalog.as_ref().map_or("", |block| block.text.as_str());
    let attached = |stage: Stage| {
        let names = rules.iter().filter(|(other, _)| *other == stage).map(|(_, text)| {
            let name = text.file.trim_start_matches("rules/").trim_end_matches(".rts");
            format!("\"{name}\"")
        });
        format!("[{}]", names.collect::<Vec<_>>().join(", "))
    };
    let given = [
        ("virtual_servers", "listen", "\"127.0.0.1:8080\"".to_owned()),
        ("virtual_servers", "pool", "\"spec\"".to_owned()),
        ("virtual_servers", "request_rules", attached(Stage::Request)),
        ("virtual_servers", "response_rules", attached(Stage::Response)),
        ("virtual_servers", "completion_rules", attached(Stage::Completion)),
        ("pools", "nodes", "\"127.0.0.1:8000\"".to_owned()),
    ];
    let used =
        scene.htaccess.iter().map(|(prefix, _)| format!("\"{prefix}\" = \"{}\"", htaccess_file(prefix)));
    let used = ("virtual_servers", "htaccess", format!("{{ {} }}", used.collect::<Vec<_>>().join(", ")));
    let given = given.into_iter().chain((!scene.htaccess.is_empty()).then_some(used));
    let mut text = String::new();
    for (table, key, value) in given {
        let declares_table = own.contains(&format!("[{table}")) || own.contains(&format!("{table} ="));
        if !declares_table && !own.contains(&format!("{table}.spec.{key} ")) {
            writeln!(text, "{table}.spec.{key} = {value}").unwrap_or_default();
        }
    }
    let offset = text.lines().count();
    text.push_str(own);
    let own = scene.catalog.as_ref().map(|block| Text { file: CATALOG.to_owned(), offset, ..here(block) });
    (text, own.into_iter().collect())
}

/// The file of the block for a prefix, beside the catalog.
fn htaccess_file(prefix: &str) -> String {
    format!("{prefix}/.htaccess").trim_start_matches('/').replace("//", "/")
}

/// A `values` block as a rule that logs each value, and the lines it must log.
fn values(block: &Block) -> (String, Vec<expect::Line>) {
    let mut rule = String::new();
    let mut wanted = Vec::new();
    for (index, line) in block.text.lines().enumerate() {
        match line.rsplit_once("  # ") {
            Some((code, value)) if !code.trim_end().ends_with([';', '{', '}']) && !code.trim().is_empty() => {
                writeln!(rule, "log.info( {} );", code.trim_end()).unwrap_or_default();
                wanted.push(expect::Line::logs(block.line + index, code.trim(), value.trim()));
            }
            _ => writeln!(rule, "{line}").unwrap_or_default(),
        }
    }
    (rule, wanted)
}
