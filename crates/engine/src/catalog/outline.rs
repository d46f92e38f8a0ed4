//! What a catalog declares, thing by thing, so that two catalogs can be compared: what came, what went, what is said
//! otherwise.
//!
//! It is made of what was said and not of what is meant: a table is the same if all its keys have the same values,
//! whatever their order, blanks and comments. Files that a catalog is read with (rules, `.htaccess`, certificates,
//! databases) are the same if their bytes are.

use super::files::{FileFacts, Files};
use super::read::entries;
use foldhash::fast::FixedState;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::hash::{BuildHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// How rule files end.
const RULE_SUFFIX: &str = "rts";
/// What files are listed under.
const FILE: &str = "file";
/// What rules are listed under.
const RULE: &str = "rule";

/// What a catalog declares, each with a fingerprint. Compared within one process only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline(BTreeMap<Part, u64>);

/// Something that a catalog declares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// The table: `virtual_servers`, `pools`, `settings` and so on; `rule` or `file` for what is read beside.
    pub kind: String,
    /// Its name, or the key of a table that holds no named things.
    pub name: String,
}

/// How two catalogs differ, each list in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What only the new one has.
    pub added: Vec<Part>,
    /// What both have, and not the same.
    pub changed: Vec<Part>,
    /// What only the old one has.
    pub removed: Vec<Part>,
}

impl Changes {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

impl Outline {
    /// The entries of a catalog's text.
    pub(crate) fn of(table: &DeTable<'_>) -> Self {
        let mut parts = BTreeMap::new();
        for (kind, _, value) in entries(table) {
            let DeValue::Table(named) = value.get_ref() else { continue };
            for (name, _, value) in entries(named) {
                let part = Part { kind: kind.to_owned(), name: name.to_owned() };
                parts.insert(part, fingerprint(value.get_ref()));
            }
        }
        Self(parts)
    }

    /// With the files that were read for it, but for the catalog itself.
    pub(crate) fn add_files(&mut self, read: BTreeMap<PathBuf, u64>, catalog: &Path) {
        let rules = catalog.parent().unwrap_or(Path::new("")).join("rules");
        for (path, print) in read.into_iter().filter(|(path, _)| path != catalog) {
            let is_rule = path.parent() == Some(&rules) && path.extension() == Some(OsStr::new(RULE_SUFFIX));
            let part = if is_rule {
                let stem = path.file_stem().unwrap_or_default();
                Part { kind: RULE.to_owned(), name: stem.to_string_lossy().into_owned() }
            } else {
                Part { kind: FILE.to_owned(), name: path.to_string_lossy().into_owned() }
            };
            self.0.insert(part, print);
        }
    }

    /// What is other in `new`.
    pub fn changes_to(&self, new: &Self) -> Changes {
        let mut changes = Changes::default();
        for (part, print) in &new.0 {
            match self.0.get(part) {
                None => changes.added.push(part.clone()),
                Some(known) if known != print => changes.changed.push(part.clone()),
                Some(_) => {}
            }
        }
        changes.removed = self.0.keys().filter(|part| !new.0.contains_key(part)).cloned().collect();
        changes
    }
}

fn fingerprint(value: &DeValue<'_>) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    add(value, &mut hasher);
    hasher.finish()
}

/// The parser limits the depth.
fn add(value: &DeValue<'_>, hasher: &mut impl Hasher) {
    std::mem::discriminant(value).hash(hasher);
    match value {
        DeValue::String(text) => text.hash(hasher),
        DeValue::Integer(number) => (number.radix(), number.as_str()).hash(hasher),
        DeValue::Float(number) => number.as_str().hash(hasher),
        DeValue::Boolean(flag) => flag.hash(hasher),
        DeValue::Datetime(date) => date.to_string().hash(hasher),
        DeValue::Array(items) => {
            items.len().hash(hasher);
            items.iter().for_each(|item| add(item.get_ref(), hasher));
        }
        DeValue::Table(table) => {
            table.len().hash(hasher);
            // In the order of the names, as the parser keeps them.
            for (key, value) in table {
                key.get_ref().hash(hasher);
                add(value.get_ref(), hasher);
            }
        }
    }
}

/// Files that note what was read of them.
pub(crate) struct Noted<'a> {
    files: &'a dyn Files,
    read: RefCell<BTreeMap<PathBuf, u64>>,
}

impl<'a> Noted<'a> {
    pub(crate) fn new(files: &'a dyn Files) -> Self {
        Self { files, read: RefCell::default() }
    }

    pub(crate) fn take_read(&self) -> BTreeMap<PathBuf, u64> {
        self.read.take()
    }

    fn note(&self, path: &Path, bytes: &[u8]) {
        let print = FixedState::default().hash_one(bytes);
        self.read.borrow_mut().insert(path.to_owned(), print);
    }
}

impl Files for Noted<'_> {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.files.read(path).inspect(|bytes| self.note(path, bytes))
    }

    fn read_up_to(&self, path: &Path, most: usize) -> Result<Vec<u8>, String> {
        self.files.read_up_to(path, most).inspect(|bytes| self.note(path, bytes))
    }

    fn real_path(&self, path: &Path) -> Result<PathBuf, String> {
        self.files.real_path(path)
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        self.files.list(folder)
    }

    fn facts(&self, path: &Path) -> FileFacts {
        self.files.facts(path)
    }
}

#[cfg(test)]
mod tests {
    use crate::builtins::builtins;
    use crate::catalog::{Catalog, Changes, MemoryFiles};
    use std::path::Path;

    const CATALOG: &str = "[settings]\nworkers = 1\n[virtual_servers.a]\nlisten = \"127.0.0.1:1\"\n\
         pool = \"discard\"\nrequest_rules = \"r\"\n[rate_classes.slow]\nmax_rate_per_minute = 6\n";

    fn changes(catalog: &str, rule: &str) -> Changes {
        let load = |catalog: &str, rule: &str| {
            let files = MemoryFiles::default().with("t.toml", catalog).with("rules/r.rts", rule);
            let loaded = Catalog::load(Path::new("t.toml"), &files, builtins());
            loaded.catalog.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
        };
        load(CATALOG, "$a = 1;").outline.changes_to(&load(catalog, rule).outline)
    }

    fn told(changes: &Changes) -> String {
        let list = |mark: char, parts: &[super::Part]| {
            let each = parts.iter().map(|part| format!("{mark}{}.{} ", part.kind, part.name));
            each.collect::<String>()
        };
        list('+', &changes.added) + &list('*', &changes.changed) + &list('-', &changes.removed)
    }

    #[test]
    fn what_means_the_same_text_is_no_change() {
        let other = "# said in another order\n[rate_classes]\nslow = { max_rate_per_minute = 6 }\n\
             [virtual_servers.a]\nrequest_rules = 'r'\npool = \"discard\"\nlisten = \"127.0.0.1:1\"\n[settings]\nworkers = 1";
        assert!(changes(other, "$a = 1;").is_empty());
    }

    #[test]
    fn what_came_went_and_is_said_otherwise_is_told() {
        let other = CATALOG.replace("workers = 1", "workers = 2").replace("slow", "fast");
        assert_eq!(
            told(&changes(&other, "$a = 2;")),
            "+rate_classes.fast *rule.r *settings.workers -rate_classes.slow "
        );
        let one_key = CATALOG.replace("= 6", "= 7").replace(":1\"", ":2\"");
        assert_eq!(told(&changes(&one_key, "$a = 1;")), "*rate_classes.slow *virtual_servers.a ");
    }
}
