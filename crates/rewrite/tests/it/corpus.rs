//! The rule files: Markdown whose cases hold one or more files and, where the generated requests would miss
//! something, requests written by hand.

use super::request::Request;
use std::path::{Path, PathBuf};

/// Rule files that stand in one tree, and why.
pub(crate) struct Case {
    /// The file of the corpus, without its ending.
    pub(crate) topic: String,
    pub(crate) title: String,
    /// Folder (`/`, `/docs/`) and text.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) requests: Vec<Request>,
}

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/htaccess"))
}

/// All cases, by topic and in the order of the files.
pub(crate) fn read() -> Vec<Case> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md") && !path.ends_with("README.md"))
        .collect();
    paths.sort();
    paths.iter().flat_map(|path| cases(path)).collect()
}

fn cases(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap();
    let topic = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            let (topic, title) = (topic.clone(), title.to_owned());
            cases.push(Case { topic, title, files: Vec::new(), requests: Vec::new() });
        } else if let Some(kind) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let case = cases.last_mut().unwrap_or_else(|| panic!("{topic}: a block before any heading"));
            add_block(case, kind, &block);
        }
    }
    for case in &cases {
        assert!(!case.files.is_empty(), "{topic}: \"{}\" has no rule file", case.title);
    }
    cases
}

fn add_block(case: &mut Case, kind: &str, lines: &[&str]) {
    let mut words = kind.split(' ');
    match words.next().unwrap_or_default() {
        "htaccess" => {
            let folder = words.next().unwrap_or("/").to_owned();
            let mut text = lines.join("\n");
            text.push('\n');
            case.files.push((folder, with_bytes(&text)));
        }
        "requests" => case.requests.extend(lines.iter().map(|line| Request::parse(&with_bytes(line)))),
        _ => panic!("{}: a block of the kind {kind:?}", case.title),
    }
}

/// `{{E9}}` is the byte with this number: what Markdown cannot hold, or would not show.
pub(crate) fn with_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (number, behind) = after.split_once("}}").unwrap();
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(number, 16).unwrap());
        rest = behind;
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
