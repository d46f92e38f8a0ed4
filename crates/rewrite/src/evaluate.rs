//! A request from its target to a verdict: rounds, and in each the steps in Apache's order.
//!
//! ```text
//! round: path decoded ─▶ folders, then Files, then If ─▶ SetEnvIf ─▶ Order, Require ─▶ RewriteRule ─▶ Redirect ─▶ end
//!          (a folder goes on with its index file, as a look-up of its own)
//!          ▲                                                                              │ the path changed
//!          └──────────────── variables renamed to REDIRECT_... ◀───────────────────────────┘
//! ```

mod index;

use crate::Excess;
use crate::access::{self, Answer};
use crate::directive::Merging;
use crate::environment::Fixed;
use crate::escape::escape_path;
use crate::expand::Matched;
use crate::known::{Known, Need};
use crate::limits::{INTERNAL_REDIRECTS_MAX, WAYS_MAX};
use crate::path::{Refused, normalize};
use crate::request::Request;
use crate::rewritten::{self, Rewritten};
use crate::rule;
use crate::section::{IfCondition, Section, merge};
use crate::site::Site;
use crate::variables::Variables;
use crate::vary::Vary;
use crate::ways::Ways;
use crate::{Facts, Outcome, Question, Target, Variable, Verdict};
use source::Span;
use std::cell::Cell;

impl Site {
    /// Judges a request.
    ///
    /// What is not known is tried both ways; where the ends differ, the verdict is [`Verdict::Undecidable`]. Where they
    /// agree, that is the verdict, and of the rest only what they agree on is given.
    pub fn evaluate(&self, facts: &dyn Facts) -> Outcome {
        let mut ways = Ways::default();
        let mut questions: Vec<Question> = Vec::new();
        let mut agreed: Option<Outcome> = None;
        for _ in 0..WAYS_MAX {
            let outcome = match Run::new(self, facts, &mut ways).go() {
                Ok(outcome) => outcome,
                Err(Need::TooMuch(excess)) => Outcome::given_up(excess),
                Err(Need::Ask(more)) => {
                    for question in more {
                        if !questions.contains(&question) {
                            questions.push(question);
                        }
                    }
                    if ways.turn() {
                        continue;
                    }
                    return Outcome::of(Verdict::Asks(questions));
                }
                Err(Need::Unknown(names)) => {
                    ways.note(&names);
                    return Outcome::of(Verdict::Undecidable { unknown: ways.names });
                }
            };
            if let Some(so_far) = &mut agreed {
                if !so_far.agree(&outcome) {
                    return Outcome::of(Verdict::Undecidable { unknown: ways.names });
                }
            } else {
                agreed = Some(outcome);
            }
            if !ways.turn() {
                return match agreed {
                    Some(outcome) if questions.is_empty() => outcome,
                    _ => Outcome::of(Verdict::Asks(questions)),
                };
            }
        }
        Outcome::of(Verdict::Undecidable { unknown: ways.names })
    }
}

impl Outcome {
    fn given_up(excess: Excess) -> Self {
        Self { excess: Some(excess), ..Self::of(Verdict::Status { status: 500, by: None }) }
    }

    fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            environment: Vec::new(),
            cookies: Vec::new(),
            content_type: None,
            header_edits: Vec::new(),
            request_edits: Vec::new(),
            error_documents: Vec::new(),
            excess: None,
        }
    }

    /// Whether another way ends alike; keeps what both have.
    fn agree(&mut self, other: &Self) -> bool {
        if !self.verdict.agree(&other.verdict) {
            return false;
        }
        self.environment.retain(|one| other.environment.contains(one));
        self.cookies.retain(|one| other.cookies.contains(one));
        self.header_edits.retain(|one| other.header_edits.contains(one));
        self.request_edits.retain(|one| other.request_edits.contains(one));
        self.error_documents.retain(|one| other.error_documents.contains(one));
        if self.content_type != other.content_type {
            self.content_type = None;
        }
        if self.excess != other.excess {
            self.excess = None;
        }
        true
    }
}

type By = Option<(usize, Span)>;

impl Verdict {
    /// Whether both do the same; who says so is forgotten where it differs.
    fn agree(&mut self, other: &Self) -> bool {
        let settle = |by: &mut By, other: &By| {
            if by != other {
                *by = None;
            }
        };
        match (self, other) {
            (Self::Pass { changed, by }, Self::Pass { changed: other, by: other_by }) if changed == other => {
                settle(by, other_by);
            }
            (Self::Status { status, by }, Self::Status { status: other, by: other_by })
                if status == other =>
            {
                settle(by, other_by);
            }
            (
                Self::Redirect { status, location, by },
                Self::Redirect { status: other_status, location: other, by: other_by },
            ) if status == other_status && location == other => settle(by, other_by),
            (Self::Proxy { url, by }, Self::Proxy { url: other, by: other_by }) if url == other => {
                settle(by, other_by);
            }
            _ => return false,
        }
        true
    }
}

/// One way of one request.
struct Run<'a> {
    request: Request<'a>,
    /// The directive that changed the path or the query last.
    changed_by: By,
}

/// How a round ends.
enum RoundEnd {
    /// With this verdict.
    Verdict(Verdict),
    /// With another path and query.
    Again(Vec<u8>, By),
}

impl<'a> Run<'a> {
    fn new(site: &'a Site, facts: &'a dyn Facts, ways: &'a mut Ways) -> Self {
        let request = Request {
            site,
            facts,
            ways,
            uri: Vec::new(),
            file: None,
            original: None,
            query: Ok(None),
            variables: Variables::default(),
            cookies: Vec::new(),
            cookie_names: Vec::new(),
            content_type: None,
            tried: 0,
            exhausted: Cell::new(0),
            excess: None,
            draws: 0,
            ended: false,
            is_subrequest: false,
            vary: Vary::default(),
            status: facts.status(),
        };
        Self { request, changed_by: None }
    }

    fn go(mut self) -> Known<Outcome> {
        let raw = self.request.fixed(Variable::RawPath)?;
        self.request.query = match self.request.fixed(Variable::RawQuery) {
            Ok(query) => Ok(self.request.facts.has_question_mark().then(|| query.into_owned())),
            Err(Need::Unknown(names)) => Err(names),
            Err(need) => return Err(need),
        };
        if raw.first() != Some(&b'/') {
            return self.end(Verdict::Pass { changed: None, by: None }, &[]);
        }
        if self.request.status != 200 {
            self.request.tell_status();
        }
        match normalize(&raw) {
            Ok(path) => self.request.uri = path,
            Err(refused) => {
                return self.end(Verdict::Status { status: refused.status(), by: None }, &[]);
            }
        }
        self.rounds()
    }

    fn rounds(mut self) -> Known<Outcome> {
        let site = self.request.site;
        let mut before: Option<(Vec<&'a Section>, Vec<u8>)> = None;
        let mut redirects = 0;
        loop {
            let mut sections = self.sections(site)?;
            // Apache asks nobody twice: where the same sections count again in the same folder, who was let in stays in
            let was_let_in = match before.take() {
                Some((same, folder)) if are_same(&same, &sections) => {
                    folder == folder_of(&self.request.file()?.name)
                }
                _ => false,
            };
            let mut end = self.round(&sections, was_let_in)?;
            if let RoundEnd::Verdict(Verdict::Pass { .. }) = end
                && let Some(of_index) = self.index(&sections)?
            {
                (end, sections) = of_index;
            }
            let name = self.request.original.as_ref().map(|original| folder_of(&original.name).to_vec());
            match end {
                RoundEnd::Verdict(verdict) => return self.end(verdict, &sections),
                RoundEnd::Again(target, by) => {
                    if redirects == INTERNAL_REDIRECTS_MAX {
                        self.request.excess = Some(Excess::Rounds);
                        return self.end(Verdict::Status { status: 500, by }, &sections);
                    }
                    redirects += 1;
                    self.changed_by = by;
                    before = Some((sections, name.unwrap_or_default()));
                    if let Err(status) = self.begin_again(&target) {
                        return self.end(Verdict::Status { status, by }, &[]);
                    }
                }
            }
        }
    }

    /// What counts in this round: folders, then `<Files>` of all of them, then `<If>` of all of those.
    fn sections(&mut self, site: &'a Site) -> Known<Vec<&'a Section>> {
        let mut sections: Vec<&'a Section> = site.folders(&self.request.uri).collect();
        if sections.iter().any(|section| !section.files.is_empty()) {
            let name = self.request.file()?.name.clone();
            let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            let files: Vec<_> = sections
                .iter()
                .flat_map(|section| &section.files)
                .filter(|(condition, _)| condition.holds(name, &mut self.request.variables))
                .map(|(_, section)| section)
                .collect();
            sections.extend(files);
        }
        let mut at = 0;
        while let Some(section) = sections.get(at) {
            at += 1;
            let inner = self.ifs(section)?;
            // what stands within a section counts right behind it, but behind all that is no `<If>`
            sections.extend(inner);
        }
        Ok(sections)
    }

    fn ifs(&mut self, section: &'a Section) -> Known<Vec<&'a Section>> {
        let mut counting = Vec::new();
        let mut one_counted = false;
        for (condition, inner) in &section.ifs {
            let (expression, is_open) = match condition {
                IfCondition::If(expression) => (Some(expression), true),
                IfCondition::ElseIf(expression) => (Some(expression), !one_counted),
                IfCondition::Else => (None, !one_counted),
            };
            let counts = is_open
                && match expression {
                    None => true,
                    Some(expression) => {
                        let holds = expression.holds(&mut self.request, &mut Matched::default());
                        self.decided(holds)?
                    }
                };
            one_counted = counts || (one_counted && !matches!(condition, IfCondition::If(_)));
            if counts {
                counting.push(inner);
            }
        }
        Ok(counting)
    }

    /// A test's answer; what nobody knows is tried both ways.
    fn decided(&mut self, holds: Known<bool>) -> Known<bool> {
        match holds {
            Err(Need::Unknown(names)) => self.request.ways.decide(&names, None),
            holds => holds,
        }
    }

    fn round(&mut self, sections: &[&'a Section], was_let_in: bool) -> Known<RoundEnd> {
        for section in sections {
            let mut last = None;
            for directive in &section.set_env_ifs {
                directive.apply(&mut self.request, &mut last)?;
            }
        }
        if !was_let_in && let Some(verdict) = self.refuse(sections)? {
            return Ok(RoundEnd::Verdict(verdict));
        }
        let end = self.rewrite(sections)?;
        if let RoundEnd::Verdict(Verdict::Status { .. } | Verdict::Redirect { .. }) = end {
            return Ok(end);
        }
        // the rules have looked at the path; these look at it as it was before them
        if let Some(verdict) = self.redirect(sections)? {
            return Ok(RoundEnd::Verdict(verdict));
        }
        self.set_fixed(sections);
        if let RoundEnd::Again(..) = end
            && let Some(verdict) = self.add_slash(sections)?
        {
            return Ok(RoundEnd::Verdict(verdict));
        }
        Ok(end)
    }

    /// `SetEnv` and `UnsetEnv`: they know only each other, and what is set already stays.
    fn set_fixed(&mut self, sections: &[&'a Section]) {
        let mut table = Variables::default();
        for variable in sections.iter().flat_map(|section| &section.fixed_variables) {
            match variable {
                Fixed::Set(name, value) => table.set(name, Ok(value.clone())),
                Fixed::Unset(name) => table.unset(name),
            }
        }
        self.request.variables.add_known(table);
    }

    /// `Order` and `Require`: a verdict if the request is not let in.
    fn refuse(&mut self, sections: &[&'a Section]) -> Known<Option<Verdict>> {
        let lists = sections.iter().rev().find_map(|section| Some((section.file, section.lists.as_ref()?)));
        let requirements = required_together(sections);
        if lists.is_none() && requirements.is_empty() {
            return Ok(None);
        }
        let method = self.request.fixed(Variable::RequestMethod)?;
        let mut one_is_enough = false;
        if let Some((file, lists)) = lists {
            one_is_enough = lists.one_is_enough(&method);
            let allowed = lists.allow(&method, &self.request);
            match (self.decided(allowed)?, one_is_enough) {
                (true, true) => return Ok(None),
                (false, false) => {
                    let by = lists.span(&method).map(|span| (file, span));
                    return Ok(Some(Verdict::Status { status: 403, by }));
                }
                _ => {}
            }
        }
        let Some(section) = requirements.last() else { return Ok(None) };
        let answer = access::together(&requirements, &method, &mut self.request)?;
        let status = match answer {
            Answer::Granted => return Ok(None),
            Answer::LoginNeeded if !one_is_enough => 401,
            _ => 403,
        };
        let by = section.requirements.last().map(|requirement| (section.file, requirement.span));
        Ok(Some(Verdict::Status { status, by }))
    }

    /// `Redirect` and `RedirectMatch`: those for all paths, then the innermost section's, in order.
    fn redirect(&mut self, sections: &[&'a Section]) -> Known<Option<Verdict>> {
        let innermost_first = || sections.iter().rev().flat_map(|section| &section.redirects);
        let for_all = sections
            .iter()
            .rev()
            .find_map(|section| section.redirects.iter().rev().find(|redirect| redirect.is_for_all()));
        let others = innermost_first().filter(|redirect| !redirect.is_for_all());
        for redirect in for_all.into_iter().chain(others) {
            let by = Some(redirect.by);
            match redirect.apply(&mut self.request)? {
                None => {}
                Some((status, None)) => return Ok(Some(Verdict::Status { status, by })),
                Some((status, Some(location))) => {
                    return Ok(Some(Verdict::Redirect { status, location, by }));
                }
            }
        }
        Ok(None)
    }

    fn rewrite(&mut self, sections: &[&'a Section]) -> Known<RoundEnd> {
        let pass = |run: &Self| RoundEnd::Verdict(run.pass());
        let Some(merged) = merge(sections.iter().copied()) else { return Ok(pass(self)) };
        let request = &mut self.request;
        let is_the_folder = merged.folder.prefix.as_deref().and_then(|prefix| prefix.strip_suffix(b"/"))
            == Some(request.uri.as_slice());
        if !merged.is_on || request.ended || (is_the_folder && !merged.options.allow_no_slash) {
            return Ok(pass(self));
        }
        let end = rule::apply(&merged.lists, request, &merged.folder)?;
        let verdict = match rewritten::judge(&end, request, &merged.folder)? {
            Rewritten::Unchanged => return Ok(pass(self)),
            Rewritten::SamePath(by) => {
                self.changed_by = Some(by.by);
                return Ok(pass(self));
            }
            Rewritten::Internal(target, by) => return Ok(RoundEnd::Again(target, Some(by.by))),
            Rewritten::Redirect { status, location, by } => {
                Verdict::Redirect { status, location, by: Some(by.by) }
            }
            Rewritten::Proxy { url, by } => Verdict::Proxy { url, by: Some(by.by) },
            Rewritten::Status(status, by) => Verdict::Status { status, by: Some(by.by) },
        };
        Ok(RoundEnd::Verdict(verdict))
    }

    /// Begins a round with another path; a status if it is none.
    fn begin_again(&mut self, target: &[u8]) -> Result<(), u16> {
        let request = &mut self.request;
        let hash = target.iter().position(|byte| *byte == b'#').unwrap_or(target.len());
        let target = target.get(..hash).unwrap_or_default();
        let mark = target.iter().position(|byte| *byte == b'?');
        let (path, query) = target.split_at(mark.unwrap_or(target.len()));
        request.query = Ok(query.get(1..).map(<[u8]>::to_vec));
        request.uri = normalize(path).map_err(Refused::status)?;
        request.file = None;
        request.original = None;
        request.content_type = None;
        request.variables = std::mem::take(&mut request.variables).renamed();
        request.tell_status();
        Ok(())
    }

    /// The request goes on, to where it stands now.
    fn pass(&self) -> Verdict {
        let request = &self.request;
        let Some(by) = self.changed_by else { return Verdict::Pass { changed: None, by: None } };
        match &request.query {
            Ok(query) => {
                let changed = Some(Target { path: escape_path(&request.uri), query: query.clone() });
                Verdict::Pass { changed, by: Some(by) }
            }
            Err(names) => Verdict::Undecidable { unknown: names.iter().map(str::to_owned).collect() },
        }
    }

    fn end(mut self, verdict: Verdict, sections: &[&Section]) -> Known<Outcome> {
        if self.request.variables.is_overflown() {
            // who is let in may hang on one that found no room
            return Err(Need::TooMuch(Excess::Variables));
        }
        let mut outcome = Outcome::of(verdict);
        // Apache's own answers to errors and redirects do not say in Vary what they hang on
        let mut is_passed_on = true;
        if let Verdict::Status { status, .. } | Verdict::Redirect { status, .. } = outcome.verdict {
            self.request.status = status;
            is_passed_on = false;
        }
        // who is sent on as he came sees no error of these files
        let may_fail = !matches!(outcome.verdict, Verdict::Pass { changed: None, .. })
            || !self.request.cookies.is_empty();
        for section in sections {
            for document in section.documents.iter().filter(|_| may_fail) {
                match document.value(&mut self.request) {
                    Ok(document) => outcome.error_documents.push(document),
                    // it is left out: no verdict hangs on it
                    Err(Need::Unknown(names)) => self.request.ways.note(&names),
                    Err(need) => return Err(need),
                }
            }
            for change in &section.header_changes {
                let edits = change.edits(&mut self.request)?;
                let place = if change.is_of_request() {
                    &mut outcome.request_edits
                } else {
                    &mut outcome.header_edits
                };
                place.extend(edits);
            }
        }
        if is_passed_on {
            // the conditions of `Header` have told of fields, too
            outcome.header_edits.splice(0..0, std::mem::take(&mut self.request.vary).edits());
        }
        outcome.environment = self.request.variables.into_known();
        outcome.cookies = self.request.cookies;
        outcome.content_type = self.request.content_type;
        outcome.excess = self.request.excess;
        Ok(outcome)
    }
}

/// The sections whose requirements count, the outermost first: the last that has some, and as many before it as
/// `AuthMerging` adds to it.
fn required_together<'a>(sections: &[&'a Section]) -> Vec<&'a Section> {
    let mut together: Vec<&Section> = Vec::new();
    for section in sections {
        let adds = matches!(section.merging, Some(Merging::And | Merging::Or));
        if !adds && (!section.requirements.is_empty() || section.merging.is_some()) {
            together.clear();
        }
        if !section.requirements.is_empty() {
            together.push(section);
        }
    }
    together
}

fn are_same(some: &[&Section], others: &[&Section]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| std::ptr::eq(*one, *other))
}

/// A file's name up to its last slash.
fn folder_of(name: &[u8]) -> &[u8] {
    let slash = name.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    name.get(..slash).unwrap_or_default()
}

#[cfg(test)]
mod tests;
