//! Where the access logs of a machine lie, how their lines are laid out, and whose they are: from the configuration of
//! Apache and nginx, else from the places where distributions and hosting panels put them.
//!
//! All is read under a root that the caller names, so that a mounted disk or a container can be looked at from outside.

mod apache;
mod known;
mod nginx;
mod root;
mod words;

use crate::input::{Input, InputError, LogSource, Options};
use accesslog::Layout;
use root::Root;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Logs that are listed; a machine with more of them is looked at by `--logs`.
const LOGS_MAX: usize = 10_000;

/// What a machine says of its access logs.
#[derive(Debug, Default)]
pub struct Places {
    /// The logs that are there, each once.
    pub logs: Vec<LogPlace>,
    /// What a person should know: formats that cannot be read, logs that are not files, conditions on what is logged.
    pub notes: Vec<String>,
}

/// One log.
#[derive(Clone, Debug)]
pub struct LogPlace {
    /// The file that is written now.
    pub path: PathBuf,
    /// Files that it was rotated to, the newest first.
    pub rotated: Vec<PathBuf>,
    /// The domain whose log it is; `None`: of several, or nothing says.
    pub domain: Option<String>,
    /// How its lines are laid out; `None`: nothing says, and the file must be recognised.
    pub layout: Option<Layout>,
    /// Who says so: `/etc/apache2/sites-enabled/a.conf:12`, or the name of a well-known place.
    pub said_by: String,
}

/// Looks for access logs under a root, `/` for this machine.
pub fn look(root: &Path) -> Places {
    let root = Root::new(root);
    let mut found = Found::default();
    apache::look(&root, &mut found);
    nginx::look(&root, &mut found);
    known::look(&root, &mut found);
    let mut places = Places { logs: Vec::new(), notes: found.notes };
    for (path, log) in found.logs {
        let rotated = root::rotated(&path);
        if !path.is_file() && rotated.is_empty() {
            continue;
        }
        let domain = (log.domains.len() == 1).then(|| log.domains.into_iter().next()).flatten();
        places.logs.push(LogPlace { path, rotated, domain, layout: log.layout, said_by: log.said_by });
    }
    places
}

impl Places {
    /// Opens all logs, with what they were rotated to.
    ///
    /// # Errors
    ///
    /// None of them can be opened and recognised: the first reason. If some can, the others become notes.
    pub fn open(&mut self, options: &Options) -> Result<Input, InputError> {
        let mut sources = Vec::new();
        for log in &self.logs {
            let newest = log.path.is_file().then_some(&log.path);
            sources.extend(newest.into_iter().chain(&log.rotated).map(|path| LogSource {
                path: path.clone(),
                domain: log.domain.clone(),
                layout: log.layout.clone().map(|layout| (layout, format!("said by {}", log.said_by))),
            }));
        }
        let (input, problems) = Input::open_sources(&sources, options)?;
        self.notes.extend(problems.iter().map(InputError::to_string));
        Ok(input)
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    logs: BTreeMap<PathBuf, FoundLog>,
    notes: Vec<String>,
}

struct FoundLog {
    domains: Vec<String>,
    layout: Option<Layout>,
    said_by: String,
}

/// How a configuration has a log written.
struct Written<'a> {
    domain: Option<&'a str>,
    layout: Option<Layout>,
    /// Not for all requests.
    condition: Option<&'a str>,
    said_by: &'a str,
}

impl Found {
    /// Takes a log; of one that is named twice the first layout counts, and it is of all domains that name it.
    fn add(&mut self, path: PathBuf, domain: Option<&str>, layout: Option<Layout>, said_by: &str) {
        if self.logs.len() >= LOGS_MAX && !self.logs.contains_key(&path) {
            return;
        }
        let log = self.logs.entry(path).or_insert_with(|| FoundLog {
            domains: Vec::new(),
            layout: None,
            said_by: said_by.to_owned(),
        });
        log.layout = log.layout.take().or(layout);
        if let Some(domain) = domain
            && !log.domains.iter().any(|known| known == domain)
        {
            log.domains.push(domain.to_owned());
        }
    }

    /// Takes the logs that a configuration writes to files of this pattern.
    fn add_matching(&mut self, root: &Root, pattern: &str, written: Written<'_>) {
        let Written { domain, layout, condition, said_by } = written;
        if let Some(condition) = condition {
            self.note(format!(
                "{said_by}: not all requests are in {pattern}: it is written under a condition ({condition})"
            ));
        }
        for path in root.matching(pattern) {
            self.add(root.at(path), domain, layout.clone(), said_by);
        }
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < NOTES_MAX && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// Notes that are kept.
const NOTES_MAX: usize = 100;
