//! A file, or a section of one, as it runs: what each module of Apache would keep of it.

use crate::access::{Lists, Requirement};
use crate::answer::{Document, Redirect};
use crate::directive::{Container, ContainerCondition, Directive, DirectiveKind, Merging, RewriteOption};
use crate::environment::{Fixed, SetEnvIf};
use crate::expression::Expression;
use crate::glob::{self, Slashes};
use crate::headers::Change;
use crate::load::Tests;
use crate::rule::Rule;
use crate::site::Folder;
use crate::variables::Variables;
use pattern::{Groups, Pattern};
use std::borrow::Cow;
use std::sync::Arc;

/// Directives that count together.
#[derive(Debug)]
pub(crate) struct Section {
    /// Which file it is of.
    pub(crate) file: usize,
    pub(crate) folder: Folder,
    /// `None` without a directive of `mod_rewrite`: then the parent's stays whole.
    pub(crate) rewriting: Option<Rewriting>,
    pub(crate) set_env_ifs: Vec<SetEnvIf>,
    pub(crate) fixed_variables: Vec<Fixed>,
    /// `Order` and its kin; `None` where there is none: then the parent's count.
    pub(crate) lists: Option<Lists>,
    /// `Require`; empty where there is none: then the parent's count.
    pub(crate) requirements: Vec<Requirement>,
    /// `AuthMerging`: what they are to the parent's.
    pub(crate) merging: Option<Merging>,
    pub(crate) redirects: Vec<Redirect>,
    /// `DirectoryIndex`: names in a folder, or whole paths; `None` where there is none: then the parent's count.
    pub(crate) index: Option<Vec<Vec<u8>>>,
    /// `DirectorySlash`
    pub(crate) adds_slash: Option<bool>,
    pub(crate) documents: Vec<Document>,
    pub(crate) header_changes: Vec<Change>,
    /// `<Files>` sections, in order.
    pub(crate) files: Vec<(FileCondition, Section)>,
    /// `<If>` sections, in order.
    pub(crate) ifs: Vec<(IfCondition, Section)>,
}

/// What `mod_rewrite` keeps of a section.
#[derive(Debug, Default)]
pub(crate) struct Rewriting {
    pub(crate) engine: Option<bool>,
    pub(crate) options: Option<Options>,
    pub(crate) rules: Vec<Rule>,
}

/// `RewriteOptions`
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are the words of a directive, each of its own")]
pub(crate) struct Options {
    pub(crate) inherit: bool,
    pub(crate) inherit_before: bool,
    pub(crate) inherit_down: bool,
    pub(crate) inherit_down_before: bool,
    pub(crate) ignore_inherit: bool,
    pub(crate) allow_no_slash: bool,
    pub(crate) merge_base: bool,
}

/// When a `<Files>` section counts; the name is that of the file, without folders.
#[derive(Debug)]
pub(crate) enum FileCondition {
    Glob(Vec<u8>),
    /// A pattern, and its groups that have a name: what they match is the variable `MATCH_` and that name.
    Pattern(Arc<Pattern>, Vec<(usize, Vec<u8>)>),
}

/// When an `<If>` section counts.
#[derive(Debug)]
pub(crate) enum IfCondition {
    If(Arc<Expression>),
    ElseIf(Arc<Expression>),
    Else,
}

impl FileCondition {
    pub(crate) fn holds(&self, name: &[u8], variables: &mut Variables) -> bool {
        let (pattern, named) = match self {
            Self::Glob(pattern) => return glob::matches(pattern, name, Slashes::StandAlone),
            Self::Pattern(pattern, named) => (pattern, named),
        };
        let mut groups = Groups::default();
        if !pattern.find_at(name, 0, &mut groups).unwrap_or(false) {
            return false;
        }
        for (group, group_name) in named {
            let value = groups.get(*group).and_then(|range| name.get(range)).unwrap_or_default();
            variables.set(&[b"MATCH_".as_slice(), group_name].concat(), Ok(value.to_vec()));
        }
        true
    }
}

/// The groups of a pattern that have names, in capitals: `(?<name>...)`, `(?P<name>...)`, `(?'name'...)`.
fn named_groups(pattern: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut named = Vec::new();
    let mut count = 0;
    let mut rest = pattern;
    let mut in_set = false;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'\\' => rest = tail.get(1..).unwrap_or_default(),
            b'[' => in_set = true,
            b']' => in_set = false,
            b'(' if !in_set => {
                let name = [b"?<".as_slice(), b"?P<", b"?'"].iter().find_map(|mark| tail.strip_prefix(*mark));
                let is_name = |name: &&[u8]| {
                    name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
                };
                if let Some(name) = name.filter(is_name) {
                    count += 1;
                    let name = name.split(|byte| matches!(byte, b'>' | b'\'')).next().unwrap_or_default();
                    named.push((count, name.to_ascii_uppercase()));
                } else if tail.first() != Some(&b'?') && tail.first() != Some(&b'*') {
                    count += 1;
                }
            }
            _ => {}
        }
    }
    named
}

impl Section {
    /// Compiles directives.
    pub(crate) fn new(directives: &[Directive], file: usize, folder: Folder, tests: &mut Tests) -> Self {
        let mut section = Self {
            file,
            folder,
            rewriting: None,
            set_env_ifs: Vec::new(),
            fixed_variables: Vec::new(),
            lists: None,
            requirements: Vec::new(),
            merging: None,
            redirects: Vec::new(),
            index: None,
            adds_slash: None,
            documents: Vec::new(),
            header_changes: Vec::new(),
            files: Vec::new(),
            ifs: Vec::new(),
        };
        for directive in directives {
            section.add(directive, tests);
        }
        section
    }

    fn add(&mut self, directive: &Directive, tests: &mut Tests) {
        match &directive.kind {
            DirectiveKind::RewriteEngine(is_on) => self.rewriting().engine = Some(*is_on),
            DirectiveKind::RewriteBase(base) => {
                self.rewriting();
                self.folder.base = Some(base.clone());
            }
            DirectiveKind::RewriteOptions(words) => {
                let options = self.rewriting().options.get_or_insert_default();
                for word in words {
                    options.add(*word);
                }
            }
            DirectiveKind::RewriteRule(rule) => {
                let by = (self.file, directive.span);
                self.rewriting().rules.push(Rule::new(rule, by, tests));
            }
            DirectiveKind::SetEnvIf(written) => self.set_env_ifs.push(SetEnvIf::new(written)),
            DirectiveKind::SetEnv(name, value) => {
                self.fixed_variables.push(Fixed::Set(name.clone(), value.clone()));
            }
            DirectiveKind::UnsetEnv(names) => {
                self.fixed_variables.extend(names.iter().cloned().map(Fixed::Unset));
            }
            DirectiveKind::Redirect(written) => {
                self.redirects.push(Redirect::new(written, (self.file, directive.span)));
            }
            DirectiveKind::RedirectMatch(written) => {
                self.redirects.push(Redirect::matching(written, (self.file, directive.span)));
            }
            DirectiveKind::ErrorDocument(written) => self.documents.push(Document::new(written)),
            DirectiveKind::Header(written) => self.header_changes.extend(Change::new(written)),
            DirectiveKind::Container(container) => self.add_container(container, tests),
            // maps are of the site; variables of the server's own environment are not told to anyone
            DirectiveKind::RewriteMap(_) | DirectiveKind::PassEnv(_) => {}
            DirectiveKind::DirectoryIndex(names) if names.iter().eq([b"disabled"]) => {
                self.index = Some(Vec::new());
            }
            DirectiveKind::DirectoryIndex(names) => {
                self.index.get_or_insert_default().extend(names.iter().cloned());
            }
            DirectiveKind::DirectorySlash(is_on) => self.adds_slash = Some(*is_on),
            DirectiveKind::AuthMerging(merging) => self.merging = Some(*merging),
            _ => self.add_access(directive),
        }
    }

    fn add_access(&mut self, directive: &Directive) {
        let limit = || directive.limit.clone();
        match &directive.kind {
            DirectiveKind::Order(order) => {
                self.lists.get_or_insert_default().order(*order, limit(), directive.span);
            }
            DirectiveKind::Access(list, sources) => {
                let lists = self.lists.get_or_insert_default();
                for source in sources {
                    lists.entry(*list, source.clone(), limit(), directive.span);
                }
            }
            DirectiveKind::Satisfy(satisfy) => {
                self.lists.get_or_insert_default().satisfy(*satisfy, limit(), directive.span);
            }
            DirectiveKind::Require(written) => {
                self.requirements.push(Requirement::new(written, limit()));
            }
            _ => {}
        }
    }

    fn add_container(&mut self, container: &Container, tests: &mut Tests) {
        let inner = |name: &[u8], tests: &mut Tests| {
            let folder = Folder { name: [name, b"/"].concat(), prefix: None, base: None };
            Self::new(&container.directives, self.file, folder, tests)
        };
        match &container.condition {
            ContainerCondition::Files(name) => {
                let section = inner(name, tests);
                self.files.push((FileCondition::Glob(name.clone()), section));
            }
            ContainerCondition::FilesMatch(regex) => {
                let section = inner(&regex.text, tests);
                let named = named_groups(&regex.text);
                self.files.push((FileCondition::Pattern(Arc::clone(&regex.compiled), named), section));
            }
            ContainerCondition::If(expression) => {
                let section = inner(b"*If", tests);
                self.ifs.push((IfCondition::If(Arc::clone(&expression.read)), section));
            }
            ContainerCondition::ElseIf(expression) => {
                let section = inner(b"*If", tests);
                self.ifs.push((IfCondition::ElseIf(Arc::clone(&expression.read)), section));
            }
            ContainerCondition::Else => {
                let section = inner(b"*If", tests);
                self.ifs.push((IfCondition::Else, section));
            }
        }
    }

    fn rewriting(&mut self) -> &mut Rewriting {
        self.rewriting.get_or_insert_default()
    }
}

impl Options {
    fn add(&mut self, word: RewriteOption) {
        match word {
            RewriteOption::Inherit => self.inherit = true,
            RewriteOption::InheritBefore => self.inherit_before = true,
            RewriteOption::InheritDown => self.inherit_down = true,
            RewriteOption::InheritDownBefore => self.inherit_down_before = true,
            RewriteOption::IgnoreInherit => self.ignore_inherit = true,
            RewriteOption::AllowNoSlash => self.allow_no_slash = true,
            RewriteOption::MergeBase => self.merge_base = true,
            RewriteOption::AllowAnyUri
            | RewriteOption::IgnoreContextInfo
            | RewriteOption::LegacyPrefixDocumentRoot
            | RewriteOption::NoEffect => {}
        }
    }
}

/// What `mod_rewrite` keeps of several sections that count, the outermost first.
#[derive(Debug)]
pub(crate) struct Merged<'s> {
    pub(crate) is_on: bool,
    pub(crate) options: Options,
    pub(crate) folder: Cow<'s, Folder>,
    pub(crate) lists: Vec<&'s [Rule]>,
}

/// Merges as `mod_rewrite` does: a section's rules take the place of those before it, unless options say otherwise.
pub(crate) fn merge<'s>(sections: impl Iterator<Item = &'s Section>) -> Option<Merged<'s>> {
    let mut merged: Option<Merged<'s>> = None;
    for section in sections {
        let Some(own) = &section.rewriting else { continue };
        let Some(before) = merged.take() else {
            merged = Some(Merged {
                is_on: own.engine.unwrap_or(false),
                options: own.options.unwrap_or_default(),
                folder: Cow::Borrowed(&section.folder),
                lists: vec![&own.rules],
            });
            continue;
        };
        let options = own.options.unwrap_or(before.options);
        let from_above = !options.ignore_inherit;
        let lists = if options.inherit || (before.options.inherit_down && from_above) {
            [vec![own.rules.as_slice()], before.lists].concat()
        } else if options.inherit_before || (before.options.inherit_down_before && from_above) {
            [before.lists, vec![own.rules.as_slice()]].concat()
        } else {
            vec![own.rules.as_slice()]
        };
        let mut folder = Cow::Borrowed(&section.folder);
        if options.merge_base && folder.base.is_none() {
            folder.to_mut().base.clone_from(&before.folder.base);
        }
        merged = Some(Merged { is_on: own.engine.unwrap_or(before.is_on), options, folder, lists });
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_groups_are_counted_among_all() {
        let named = named_groups(br"^(a)(?:b)(?<stem>[(]+)\((?P<end>x)(?'q'y)(?<=z)");
        let expected = [(2, b"STEM".to_vec()), (3, b"END".to_vec()), (4, b"Q".to_vec())];
        assert_eq!(named, expected);
    }
}
