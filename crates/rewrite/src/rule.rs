//! `RewriteRule`: one rule, and a list of them.

use crate::Excess;
use crate::condition::{self, Condition};
use crate::directive::{RewriteRule, RuleFlag, Substitution, TemplatePart};
use crate::escape::{BackReferenceEscape, escape_path, scheme, with_capital_escapes};
use crate::expand::{self, Matched, Places, QuestionMark};
use crate::known::{Known, Need};
use crate::limits::{AGAIN_MAX, BYTES_A_RULE, PATH_MAX, RULES_TRIED_MAX};
use crate::load::{Search, Tests, Wanted};
use crate::request::{FileName, Original, Request};
use crate::rewritten;
use crate::site::Folder;
use pattern::Groups;
use source::Span;

/// A rule, compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) by: (usize, Span),
    search: Search,
    negated: bool,
    conditions: Vec<Condition>,
    /// `None` where the path stays.
    substitution: Option<Vec<TemplatePart>>,
    flags: Flags,
    environment: Vec<Vec<TemplatePart>>,
    cookies: Vec<Vec<TemplatePart>>,
    content_type: Option<Vec<TemplatePart>>,
    escape: BackReferenceEscape,
    uses_rule_groups: bool,
    uses_cond_groups: bool,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flags of a rule, each of its own")]
struct Flags {
    chain: bool,
    last: bool,
    end: bool,
    proxy: bool,
    redirect: bool,
    pass_through: bool,
    no_escape: bool,
    discards_path_info: bool,
    /// `NS`, and `R` with any status: passed over where a folder's index file is looked up.
    only_for_requests: bool,
    query: QueryFlags,
    allows_question_mark: bool,
    /// An answer without a place to go to: `F`, `G`, `R=404`.
    answers: bool,
    status: u16,
    skip: usize,
    /// `N`: how often at most.
    again: Option<i32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct QueryFlags {
    append: bool,
    discard: bool,
    last: bool,
}

/// What a list of rules came to.
#[derive(Debug)]
pub(crate) enum ListEnd<'r> {
    /// No rule changed the path.
    Unchanged,
    /// This rule, the last that did, changed it; or it passes it through as it is.
    Changed(&'r Rule),
    /// A rule answers.
    Status(u16, &'r Rule),
}

/// What one rule came to.
enum RuleEnd {
    NoMatch,
    /// It matched, and the path stays.
    Kept,
    Changed,
    Status(u16),
}

impl Rule {
    pub(crate) fn new(written: &RewriteRule, by: (usize, Span), tests: &mut Tests) -> Self {
        let mut rule = Self {
            by,
            search: Search::Always,
            negated: written.negated,
            conditions: Vec::new(),
            substitution: match &written.substitution {
                Substitution::Keep(_) => None,
                Substitution::Template(template) => Some(template.parts.clone()),
            },
            flags: Flags::default(),
            environment: Vec::new(),
            cookies: Vec::new(),
            content_type: None,
            escape: BackReferenceEscape::default(),
            uses_rule_groups: false,
            uses_cond_groups: false,
        };
        for flag in &written.flags {
            rule.add(&flag.flag);
        }
        if rule.flags.answers {
            rule.substitution = None;
        }
        let uses = |is_meant: fn(&TemplatePart) -> bool| {
            rule.uses(is_meant)
                || written.conditions.iter().any(|condition| occurs(&condition.subject.parts, is_meant))
        };
        let uses_rule_groups = uses(|part| matches!(part, TemplatePart::RuleGroup(..)));
        let uses_cond_groups = uses(|part| matches!(part, TemplatePart::CondGroup(..)));
        let wanted = |groups| if groups { Wanted::Groups } else { Wanted::Answer };
        rule.search = Search::new(&written.pattern, wanted(uses_rule_groups && !written.negated));
        let conditions = written.conditions.iter();
        let conditions =
            conditions.map(|condition| Condition::new(condition, wanted(uses_cond_groups), tests));
        rule.conditions = conditions.collect();
        rule.uses_rule_groups = uses_rule_groups;
        rule.uses_cond_groups = uses_cond_groups;
        rule
    }

    fn add(&mut self, flag: &RuleFlag) {
        let flags = &mut self.flags;
        match flag {
            RuleFlag::EscapeBackReferences(which) => self.escape.add(which),
            RuleFlag::EscapeNoPlus => self.escape.without_plus(),
            RuleFlag::Chain => flags.chain = true,
            RuleFlag::Cookie(template) => self.cookies.push(template.parts.clone()),
            RuleFlag::DiscardPathInfo => flags.discards_path_info = true,
            RuleFlag::Environment(template) => self.environment.push(template.parts.clone()),
            RuleFlag::End => flags.end = true,
            RuleFlag::Forbidden => flags.answer(403),
            RuleFlag::Gone => flags.answer(410),
            RuleFlag::Last => flags.last = true,
            RuleFlag::Next(rounds) => flags.again = Some(rounds.unwrap_or(AGAIN_MAX)),
            RuleFlag::NoEscape => flags.no_escape = true,
            RuleFlag::Proxy => flags.proxy = true,
            RuleFlag::PassThrough => flags.pass_through = true,
            RuleFlag::QueryAppend => flags.query.append = true,
            RuleFlag::QueryDiscard => flags.query.discard = true,
            RuleFlag::QueryLast => flags.query.last = true,
            RuleFlag::NoSubrequest => flags.only_for_requests = true,
            RuleFlag::Redirect(status) if (300..400).contains(status) => {
                flags.redirect = true;
                flags.only_for_requests = true;
                flags.status = *status;
            }
            RuleFlag::Redirect(status) => {
                flags.only_for_requests = true;
                flags.answer(*status);
            }
            RuleFlag::Skip(count) => flags.skip = usize::try_from(*count).unwrap_or_default(),
            RuleFlag::Type(template) => self.content_type = Some(template.parts.clone()),
            RuleFlag::AllowEncodedQuestionMark => flags.allows_question_mark = true,
            // NC is in the pattern; there are no handlers and no shares of Windows here
            RuleFlag::NoCase | RuleFlag::Handler(_) | RuleFlag::AllowPrefixStat | RuleFlag::Unc => {}
        }
    }

    /// Whether a part of this kind occurs in any of its texts; those of its conditions are not looked at.
    fn uses(&self, is_meant: fn(&TemplatePart) -> bool) -> bool {
        let texts =
            self.substitution.iter().chain(&self.content_type).chain(&self.environment).chain(&self.cookies);
        texts.into_iter().any(|parts| occurs(parts, is_meant))
    }

    fn apply(&self, request: &mut Request<'_>, folder: &Folder) -> Known<RuleEnd> {
        let mut places = Places::default();
        let path = request.path_in(folder);
        let mut groups = Groups::default();
        if request.searched(self.search.finds(&path, &mut groups))? == self.negated {
            return Ok(RuleEnd::NoMatch);
        }
        if self.uses_rule_groups && !self.negated {
            places.rule = Matched::Text(path.into_owned(), groups);
        }
        if !condition::hold(&self.conditions, request, &mut places, self.uses_cond_groups)? {
            return Ok(RuleEnd::NoMatch);
        }
        let changed = match &self.substitution {
            Some(parts) => Some(expand::escaped(request, parts, &places, &self.escape)?),
            None => None,
        };
        if let Some((_, QuestionMark::Inserted)) = changed
            && !self.flags.allows_question_mark
        {
            return Ok(RuleEnd::Status(403));
        }
        self.set_variables(request, &places)?;
        self.set_cookies(request, &places)?;
        let Some((path, _)) = changed else {
            self.set_type(request, &places)?;
            return Ok(if self.flags.answers { RuleEnd::Status(self.flags.status) } else { RuleEnd::Kept });
        };
        self.change(request, folder, path)?;
        self.set_type(request, &places)?;
        Ok(RuleEnd::Changed)
    }

    /// Puts a new path in the place of the old one.
    fn change(&self, request: &mut Request<'_>, folder: &Folder, path: Vec<u8>) -> Known<()> {
        let before = request.file()?.clone();
        if request.original.is_none() {
            request.original = Some(Original { name: before.name, query: request.query.clone() });
        }
        let mut file = FileName { name: path, path_info: before.path_info };
        if self.flags.discards_path_info {
            file.path_info.clear();
        }
        self.split_query(request, &mut file.name);
        if file.name.first() != Some(&b'/') && scheme(&file.name).is_none() {
            file.name = [folder.name.as_slice(), &file.name].concat();
        }
        if self.flags.proxy {
            let hidden = request.site.hidden_root();
            if let Some(visible) = file.name.strip_prefix(hidden) {
                file.name = visible.to_vec();
            }
            if !self.flags.no_escape {
                // the module that sends it on writes escapes in capitals
                file.name = with_capital_escapes(escape_path(&file.name));
            }
            file.name = rewritten::qualify(request, file.name)?;
        } else if self.flags.redirect {
            file.name = rewritten::qualify(request, file.name)?;
            request.status = self.flags.status;
        } else {
            file.name = rewritten::reduce(request, file.name)?;
            if scheme(&file.name).is_some() {
                request.status = self.flags.status;
            }
        }
        request.file = Some(file);
        Ok(())
    }

    /// Takes the query off a new path.
    fn split_query(&self, request: &mut Request<'_>, path: &mut Vec<u8>) {
        let flags = self.flags.query;
        if scheme(path).is_some_and(|scheme| !scheme.has_query) {
            request.query = Ok(None);
            return;
        }
        if flags.discard {
            request.query = Ok(None);
        }
        let is_mark = |byte: &u8| *byte == b'?';
        let mark = if flags.last { path.iter().rposition(is_mark) } else { path.iter().position(is_mark) };
        let Some(mark) = mark else { return };
        let written = path.split_off(mark).split_off(1);
        if !flags.append {
            request.query = Ok(Some(written));
        } else if !written.is_empty() {
            request.query = request
                .query
                .clone()
                .map(|old| Some([written.as_slice(), b"&", old.as_deref().unwrap_or_default()].concat()));
        }
        if let Ok(Some(query)) = &mut request.query {
            if query.is_empty() {
                request.query = Ok(None);
            } else if query.last() == Some(&b'&') {
                query.pop();
            }
        }
    }

    fn set_variables(&self, request: &mut Request<'_>, places: &Places) -> Known<()> {
        for parts in &self.environment {
            let (name, value) = match expand::text(request, parts, places) {
                Ok(text) => {
                    if let Some(name) = text.strip_prefix(b"!") {
                        request.variables.unset(name);
                        continue;
                    }
                    let colon = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
                    let value = text.get(colon + 1..).unwrap_or_default().to_vec();
                    (text.get(..colon).unwrap_or_default().to_vec(), Ok(value))
                }
                // the name is known if it is written; the value is looked at only if someone asks
                Err(Need::Unknown(names)) => match parts.first() {
                    Some(TemplatePart::Literal(text)) if text.contains(&b':') => {
                        let name = text.split(|byte| *byte == b':').next().unwrap_or_default();
                        (name.to_vec(), Err(names))
                    }
                    _ => return Err(Need::Unknown(names)),
                },
                Err(need) => return Err(need),
            };
            request.variables.set(&name, value);
        }
        Ok(())
    }

    fn set_cookies(&self, request: &mut Request<'_>, places: &Places) -> Known<()> {
        for parts in &self.cookies {
            match expand::text(request, parts, places) {
                Ok(text) => rewritten::add_cookie(request, &text)?,
                // it is left out: no verdict hangs on it
                Err(Need::Unknown(names)) => request.ways.note(&names),
                Err(need) => return Err(need),
            }
        }
        Ok(())
    }

    fn set_type(&self, request: &mut Request<'_>, places: &Places) -> Known<()> {
        let Some(parts) = &self.content_type else { return Ok(()) };
        match expand::text(request, parts, places) {
            Ok(text) if text.is_empty() => {}
            Ok(text) => request.content_type = Some(text.to_ascii_lowercase()),
            Err(Need::Unknown(names)) => request.ways.note(&names),
            Err(need) => return Err(need),
        }
        Ok(())
    }
}

/// Whether a part of this kind occurs in a text.
fn occurs(parts: &[TemplatePart], is_meant: fn(&TemplatePart) -> bool) -> bool {
    parts.iter().any(|part| {
        is_meant(part)
            || matches!(part, TemplatePart::Map { key, default, .. }
                if occurs(key, is_meant) || occurs(default, is_meant))
    })
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            chain: false,
            last: false,
            end: false,
            proxy: false,
            redirect: false,
            pass_through: false,
            no_escape: false,
            discards_path_info: false,
            only_for_requests: false,
            query: QueryFlags::default(),
            allows_question_mark: false,
            answers: false,
            status: 302,
            skip: 0,
            again: None,
        }
    }
}

impl Rule {
    pub(crate) fn escapes(&self) -> bool {
        !self.flags.no_escape
    }

    pub(crate) fn passes_through(&self) -> bool {
        self.flags.pass_through
    }

    pub(crate) fn goes_to_proxy(&self) -> bool {
        self.flags.proxy && !self.flags.pass_through
    }
}

impl Flags {
    fn answer(&mut self, status: u16) {
        self.answers = true;
        self.status = status;
    }
}

/// Counts a rule that is tried.
fn count(request: &mut Request<'_>, round: i32) -> Result<(), Excess> {
    request.tried += 1;
    if round > 1 {
        let length = request.file.as_ref().map_or(0, |file| file.name.len());
        request.tried += u32::try_from(length / BYTES_A_RULE).unwrap_or(u32::MAX);
    }
    if request.tried > RULES_TRIED_MAX { Err(Excess::Rules) } else { Ok(()) }
}

/// A bound was reached at a rule.
fn give_up<'r>(request: &mut Request<'_>, excess: Excess, by: &'r Rule) -> ListEnd<'r> {
    request.excess = Some(excess);
    ListEnd::Status(500, by)
}

/// Applies rules, one after the other.
pub(crate) fn apply<'r>(
    lists: &[&'r [Rule]],
    request: &mut Request<'_>,
    folder: &Folder,
) -> Known<ListEnd<'r>> {
    let rule_at = |at: usize| {
        let mut at = at;
        lists.iter().find_map(|list| {
            let rule = list.get(at);
            at = at.wrapping_sub(if rule.is_none() { list.len() } else { 0 });
            rule
        })
    };
    let mut end = ListEnd::Unchanged;
    let mut round = 1;
    let mut at = 0;
    while let Some(rule) = rule_at(at) {
        if let Err(excess) = count(request, round) {
            return Ok(give_up(request, excess, rule));
        }
        at += 1;
        let flags = &rule.flags;
        if flags.only_for_requests && request.is_subrequest {
            continue;
        }
        let outcome = match rule.apply(request, folder) {
            Err(Need::TooMuch(excess)) => return Ok(give_up(request, excess, rule)),
            outcome => outcome?,
        };
        match outcome {
            RuleEnd::Status(status) => return Ok(ListEnd::Status(status, rule)),
            RuleEnd::NoMatch => {
                let mut chained = flags.chain;
                while chained {
                    chained = rule_at(at).is_some_and(|rule| rule.flags.chain);
                    at += 1;
                }
                continue;
            }
            RuleEnd::Changed => {
                end = ListEnd::Changed(rule);
            }
            RuleEnd::Kept => {}
        }
        if request.file.as_ref().is_some_and(|file| file.name.len() > PATH_MAX) {
            return Ok(give_up(request, Excess::Path, rule));
        }
        if flags.pass_through {
            if let ListEnd::Unchanged = end {
                end = ListEnd::Changed(rule);
            }
            break;
        }
        if flags.end {
            request.ended = true;
            break;
        }
        if flags.last || flags.proxy {
            break;
        }
        if let Some(rounds_max) = flags.again {
            round += 1;
            if round >= rounds_max {
                return Ok(give_up(request, Excess::Repeats, rule));
            }
            at = 0;
            continue;
        }
        at += flags.skip;
    }
    Ok(end)
}
