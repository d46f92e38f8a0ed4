//! What Apache's configuration says of its logs.

use super::root::Root;
use super::words;
use super::{Found, Written};
use accesslog::{BytesMeaning, Layout};
use std::collections::BTreeMap;

/// Where the configuration begins, by distribution: Debian; RHEL; SUSE and Alpine; cPanel; from source.
const MAIN_FILES: [&str; 5] = [
    "/etc/apache2/apache2.conf",
    "/etc/httpd/conf/httpd.conf",
    "/etc/apache2/httpd.conf",
    "/usr/local/apache/conf/httpd.conf",
    "/usr/local/apache2/conf/httpd.conf",
];

/// Configuration files that are read, and how deep they may include one another.
const FILES_MAX: usize = 10_000;
const DEPTH_MAX: usize = 16;

pub(super) fn look(root: &Root, found: &mut Found) {
    for file in MAIN_FILES {
        let Some(text) = root.text(file) else { continue };
        let mut reading = Reading::new(root, file);
        reading.environment(&root.text("/etc/apache2/envvars").unwrap_or_default());
        reading.read(&text, file, 0);
        reading.finish(found);
    }
}

/// A configuration while it is read.
struct Reading<'a> {
    root: &'a Root,
    server_root: String,
    defined: BTreeMap<String, String>,
    formats: BTreeMap<String, String>,
    hosts: Vec<Host>,
    /// Which of the hosts the lines are in; the first is the server outside of all.
    host: usize,
    /// Sections around the place; whether each is skipped.
    sections: Vec<bool>,
    files_read: usize,
}

#[derive(Default)]
struct Host {
    name: Option<String>,
    logs: Vec<Log>,
}

struct Log {
    target: String,
    /// A nickname or a text; `None`: as `TransferLog` has it.
    format: Option<String>,
    condition: Option<String>,
    said_by: String,
}

impl<'a> Reading<'a> {
    fn new(root: &'a Root, main_file: &str) -> Self {
        let folder = main_file.rsplit_once('/').map_or("", |(folder, _)| folder);
        Self {
            root,
            server_root: folder.strip_suffix("/conf").unwrap_or(folder).to_owned(),
            defined: BTreeMap::new(),
            formats: BTreeMap::new(),
            hosts: vec![Host::default()],
            host: 0,
            sections: Vec::new(),
            files_read: 0,
        }
    }

    /// Debian's variables: `export APACHE_LOG_DIR=/var/log/apache2$SUFFIX`.
    fn environment(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.trim();
            let Some((name, value)) = line.strip_prefix("export ").unwrap_or(line).split_once('=') else {
                continue;
            };
            let value = value.trim_matches(['"', '\'']).replace("$SUFFIX", "").replace("${SUFFIX}", "");
            if name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') && !value.contains('$') {
                self.defined.insert(name.to_owned(), value);
            }
        }
    }

    fn read(&mut self, text: &str, file: &str, depth: usize) {
        self.files_read += 1;
        for directive in words::apache(text) {
            let words: Vec<String> = directive.words.iter().map(|word| self.expanded(word)).collect();
            let Some((name, arguments)) = words.split_first() else { continue };
            let name = name.to_ascii_lowercase();
            if name.starts_with('<') {
                self.section(&name, arguments);
            } else if !self.sections.contains(&true) {
                let said_by = format!("{file}:{}", directive.line);
                self.directive(&name, arguments, &said_by, depth);
            }
        }
    }

    fn section(&mut self, name: &str, arguments: &[String]) {
        if name.starts_with("</") {
            self.sections.pop();
            if name == "</virtualhost" {
                self.host = 0;
            }
            return;
        }
        let condition = arguments.first().map_or("", String::as_str);
        let is_skipped = match name {
            "<ifdefine" => match condition.strip_prefix('!') {
                Some(name) => self.defined.contains_key(name),
                None => !self.defined.contains_key(condition),
            },
            // Which modules are loaded is not asked: what a log needs is loaded where its format is used.
            "<ifmodule" => condition.starts_with('!'),
            _ => false,
        };
        self.sections.push(is_skipped);
        if name == "<virtualhost" {
            self.hosts.push(Host::default());
            self.host = self.hosts.len() - 1;
        }
    }

    fn directive(&mut self, name: &str, arguments: &[String], said_by: &str, depth: usize) {
        let argument = |at: usize| arguments.get(at).cloned();
        match name {
            "serverroot" => self.server_root = argument(0).unwrap_or_default(),
            "define" => {
                self.defined.extend(argument(0).map(|name| (name, argument(1).unwrap_or_default())));
            }
            "undefine" => drop(argument(0).and_then(|name| self.defined.remove(&name))),
            "include" | "includeoptional" => self.include(&argument(0).unwrap_or_default(), depth),
            "servername" => {
                let name = argument(0).map(|name| bare_host(&name));
                self.hosts[self.host].name = name;
            }
            "logformat" => {
                let nickname = argument(1).unwrap_or_default();
                self.formats.extend(argument(0).map(|text| (nickname, text)));
            }
            "customlog" | "globallog" | "transferlog" => {
                let format = if name == "transferlog" { None } else { argument(1) };
                let Some(target) = argument(0) else { return };
                let log = Log { target, format, condition: argument(2), said_by: said_by.to_owned() };
                self.hosts[self.host].logs.push(log);
            }
            _ => {}
        }
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
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.server_root) }
    }

    /// `${NAME}` by what was defined; what was not stays.
    fn expanded(&self, word: &str) -> String {
        let mut text = String::new();
        let mut rest = word;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, tail)) = after.split_once('}') else { break };
            text.push_str(before);
            match self.defined.get(name) {
                Some(value) => text.push_str(value),
                None => text.extend(["${", name, "}"]),
            }
            rest = tail;
        }
        text.push_str(rest);
        text
    }

    /// A virtual host without a log of its own writes to those of the server.
    fn finish(self, found: &mut Found) {
        for host in &self.hosts {
            for log in &host.logs {
                if let Some(path) = self.file(log, found) {
                    let written = Written {
                        domain: host.name.as_deref(),
                        layout: self.layout(log, found),
                        condition: log.condition.as_deref(),
                        said_by: &log.said_by,
                    };
                    found.add_matching(self.root, &path, written);
                }
            }
        }
    }

    /// The file or pattern of files that a log is written to.
    fn file(&self, log: &Log, found: &mut Found) -> Option<String> {
        let Some(command) = log.target.strip_prefix('|') else { return Some(self.absolute(&log.target)) };
        // rotatelogs and cronolog are told the file, with letters of strftime for its time.
        let told = command.split_ascii_whitespace().skip(1).find(|word| word.contains('/'));
        if told.is_none() {
            found.note(format!("{}: this log goes to a program, not to a file: {command}", log.said_by));
        }
        let mut pattern = String::new();
        let mut letters = told?.chars();
        while let Some(letter) = letters.next() {
            if letter == '%' {
                letters.next();
                pattern.push('*');
            } else {
                pattern.push(letter);
            }
        }
        // rotatelogs without letters adds the second at which a file begins.
        if !pattern.contains('*') {
            pattern.push_str(".*");
        }
        Some(self.absolute(&pattern))
    }

    fn layout(&self, log: &Log, found: &mut Found) -> Option<Layout> {
        let said = log.format.as_deref().unwrap_or_default();
        let text = match self.formats.get(said) {
            Some(text) => text,
            None if log.format.is_none() || said == "common" => return plain("common"),
            // Apache takes an unknown nickname as a text that stands in every line.
            None if !said.contains('%') => {
                found.note(format!("{}: no LogFormat has the name {said}", log.said_by));
                return None;
            }
            None => said,
        };
        match Layout::apache(text) {
            Ok(layout) => Some(layout),
            Err(bad) => {
                found.note(format!("{}: {bad}: {text}", log.said_by));
                None
            }
        }
    }
}

/// Apache's own formats need no definition; they count the body as promised.
fn plain(name: &str) -> Option<Layout> {
    Layout::named(name).map(|layout| layout.with_bytes(BytesMeaning::BodyPromised))
}

/// A `ServerName` without scheme and port.
fn bare_host(name: &str) -> String {
    let name = name.split_once("://").map_or(name, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name).to_ascii_lowercase()
}
