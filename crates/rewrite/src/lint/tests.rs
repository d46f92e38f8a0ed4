//! The manual's examples, tried.

use crate::parse;
use source::{Diagnostic, Source};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Everything that is said about a text.
pub(super) fn said(text: &str) -> Vec<Diagnostic> {
    let parsed = parse(&Arc::new(Source::new(".htaccess", text)));
    parsed.diagnostics
}

/// What remarks promise: the line below each, severity and id.
fn promised(text: &str) -> BTreeSet<(u32, String)> {
    let mut found = BTreeSet::new();
    let mut open = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let remark =
            text.trim().strip_prefix("# ").filter(|rest| rest.ends_with(']') && rest.contains(": ["));
        match remark {
            Some(remark) => open.push(remark.to_owned()),
            None => found.extend(open.drain(..).map(|remark| (line, remark))),
        }
    }
    found
}

/// The sections of the manual: id, and the texts of its blocks.
fn sections() -> Vec<(String, Vec<String>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual/diagnostics.md");
    let manual = std::fs::read_to_string(path).unwrap();
    let mut sections: Vec<(String, Vec<String>)> = Vec::new();
    let mut block: Option<String> = None;
    for line in manual.lines() {
        if let Some(text) = &mut block {
            if line == "```" {
                let text = block.take().unwrap();
                sections.last_mut().unwrap().1.push(text);
            } else {
                text.push_str(line);
                text.push('\n');
            }
        } else if let Some(id) = line.strip_prefix("## `") {
            sections.push((id.trim_end_matches('`').to_owned(), Vec::new()));
        } else if line == "```htaccess" {
            block = Some(String::new());
        }
    }
    sections.retain(|(_, blocks)| !blocks.is_empty());
    sections
}

#[test]
fn each_section_of_the_manual_shows_its_mistake_and_a_text_without_it() {
    let sections = sections();
    assert!(sections.len() > 15, "the manual was not found as it is: {}", sections.len());
    for (id, blocks) in sections {
        for (index, text) in blocks.iter().enumerate() {
            let told: BTreeSet<(u32, String)> = said(text)
                .iter()
                .map(|told| {
                    (told.place().unwrap().line, format!("{}: [{}]", told.severity.name(), told.id.0))
                })
                .collect();
            assert_eq!(told, promised(text), "{id}:\n{text}");
            let shows = told.iter().any(|(_, told)| told.ends_with(&format!("[{id}]")));
            assert_eq!(shows, index == 0, "{id}: the first text shows it, the others do not\n{text}");
        }
    }
}

#[test]
fn every_message_says_what_to_do() {
    for (_, blocks) in sections() {
        for told in blocks.iter().flat_map(|text| said(text)) {
            assert!(told.help.is_some(), "{}", told.one_line());
        }
    }
}
