//! What nginx's configuration says of its logs.

use super::root::Root;
use super::words::{self, Part};
use super::{Found, Written};
use accesslog::{Layout, NginxEscape};
use std::collections::BTreeMap;

/// Where the configuration begins: packages; from source; OpenResty.
const MAIN_FILES: [&str; 3] = [
    "/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
];

/// Configuration files that are read, and how deep they may include one another.
const FILES_MAX: usize = 10_000;
const DEPTH_MAX: usize = 16;

/// What `access_log` writes when no format is named.
const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;

pub(super) fn look(root: &Root, found: &mut Found) {
    for file in MAIN_FILES {
        let Some(text) = root.text(file) else { continue };
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let mut reading = Reading {
            root,
            folder,
            formats: BTreeMap::from([("combined".to_owned(), (COMBINED.to_owned(), NginxEscape::Default))]),
            blocks: vec![Block::default()],
            logs: Vec::new(),
            files_read: 0,
        };
        reading.read(&text, file, 0);
        reading.finish(found);
    }
}

/// A configuration while it is read.
struct Reading<'a> {
    root: &'a Root,
    folder: String,
    formats: BTreeMap<String, (String, NginxEscape)>,
    /// The blocks around the place, the outermost first.
    blocks: Vec<Block>,
    logs: Vec<Log>,
    files_read: usize,
}

#[derive(Default)]
struct Block {
    is_server: bool,
    name: Option<String>,
    /// Logs that were named in it: their domain is known when the block ends.
    logs: Vec<Log>,
}

struct Log {
    target: String,
    format: String,
    condition: Option<String>,
    domain: Option<String>,
    said_by: String,
}

impl Reading<'_> {
    fn read(&mut self, text: &str, file: &str, depth: usize) {
        self.files_read += 1;
        for part in words::nginx(text) {
            match part {
                Part::Open(words) => {
                    let is_server = words.first().is_some_and(|word| word == "server");
                    self.blocks.push(Block { is_server, ..Block::default() });
                }
                Part::Close => self.close(),
                Part::Directive(line, words) => self.directive(&words, &format!("{file}:{line}"), depth),
            }
        }
    }

    fn close(&mut self) {
        if self.blocks.len() < 2 {
            return;
        }
        let Some(mut block) = self.blocks.pop() else { return };
        if block.is_server {
            for log in &mut block.logs {
                log.domain.clone_from(&block.name);
            }
            self.logs.extend(block.logs);
        } else if let Some(around) = self.blocks.last_mut() {
            around.logs.extend(block.logs);
        }
    }

    fn directive(&mut self, words: &[String], said_by: &str, depth: usize) {
        let Some((name, arguments)) = words.split_first() else { return };
        let Some(block) = self.blocks.last_mut() else { return };
        match name.as_str() {
            "include" => self.include(arguments.first().map_or("", String::as_str), depth),
            "log_format" => self.log_format(arguments),
            "server_name" if block.is_server => {
                let is_plain = |name: &&String| {
                    !name.is_empty()
                        && *name != "_"
                        && !name.starts_with(['~', '*', '.', '$'])
                        && !name.ends_with('*')
                };
                block.name = arguments.iter().find(is_plain).map(|name| name.to_ascii_lowercase());
            }
            "access_log" => {
                let Some(target) = arguments.first().filter(|target| *target != "off").cloned() else {
                    return;
                };
                let format = arguments.get(1).filter(|word| !word.contains('=') && *word != "gzip");
                block.logs.push(Log {
                    target,
                    format: format.cloned().unwrap_or_else(|| "combined".to_owned()),
                    condition: arguments.iter().find(|word| word.starts_with("if=")).cloned(),
                    domain: None,
                    said_by: said_by.to_owned(),
                });
            }
            _ => {}
        }
    }

    fn log_format(&mut self, arguments: &[String]) {
        let Some((name, parts)) = arguments.split_first() else { return };
        let escape = match parts.first().map(String::as_str) {
            Some("escape=json") => Some(NginxEscape::Json),
            Some("escape=none") => Some(NginxEscape::None),
            Some("escape=default") => Some(NginxEscape::Default),
            _ => None,
        };
        let text = parts[usize::from(escape.is_some())..].concat();
        self.formats.insert(name.clone(), (text, escape.unwrap_or(NginxEscape::Default)));
    }

    fn include(&mut self, pattern: &str, depth: usize) {
        let pattern = self.absolute(pattern);
        for file in self.root.matching(&pattern) {
            if depth >= DEPTH_MAX || self.files_read >= FILES_MAX {
                return;
            }
            if let Some(text) = self.root.text(&file) {
                self.read(&text, &file, depth + 1);
            }
        }
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.folder) }
    }

    fn finish(mut self, found: &mut Found) {
        // What a torn file leaves open ends with it.
        while self.blocks.len() > 1 {
            self.close();
        }
        let outside = self.blocks.pop().map(|block| block.logs).unwrap_or_default();
        for log in self.logs.iter().chain(&outside) {
            if log.target.starts_with("syslog:") || log.target.starts_with("memory:") {
                found.note(format!("{}: this log goes to {}, not to a file", log.said_by, log.target));
                continue;
            }
            let written = Written {
                domain: log.domain.as_deref(),
                layout: self.layout(log, found),
                condition: log.condition.as_deref(),
                said_by: &log.said_by,
            };
            found.add_matching(self.root, &self.absolute(&without_variables(&log.target)), written);
        }
    }

    fn layout(&self, log: &Log, found: &mut Found) -> Option<Layout> {
        let Some((text, escape)) = self.formats.get(&log.format) else {
            found.note(format!("{}: no log_format has the name {}", log.said_by, log.format));
            return None;
        };
        match Layout::nginx(text, *escape) {
            Ok(layout) => Some(layout),
            Err(bad) => {
                found.note(format!("{}: {bad}: {text}", log.said_by));
                None
            }
        }
    }
}

/// A path with variables is a pattern of files: one for each of their values.
fn without_variables(path: &str) -> String {
    let mut pattern = String::new();
    let mut letters = path.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '$' {
            pattern.push(letter);
            continue;
        }
        if letters.next_if_eq(&'{').is_some() {
            while letters.next_if(|letter| *letter != '}').is_some() {}
            letters.next();
        } else {
            while letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_').is_some() {}
        }
        pattern.push('*');
    }
    pattern
}
