//! Who may come in: `Order`, `Allow`, `Deny`, `Satisfy`, `Require`.

use crate::directive::{
    self, AccessList, AccessOrder, AccessSource, Limit, LoginNeed, Merging, RequirementKind, Satisfy,
};
use crate::expand::Matched;
use crate::expression::{Expression, StringExpression};
use crate::known::{Known, either, known};
use crate::request::Request;
use crate::section::Section;
use crate::{Question, Variable};
use source::Span;
use std::sync::Arc;

/// What `mod_access_compat` keeps of a section; a section with any of it takes the place of its parent's.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    orders: Vec<Limited<AccessOrder>>,
    entries: Vec<Limited<(AccessList, AccessSource)>>,
    satisfies: Vec<Limited<Satisfy>>,
}

#[derive(Debug)]
struct Limited<T> {
    what: T,
    limit: Option<Arc<Limit>>,
    span: Span,
}

impl<T> Limited<T> {
    fn is_for(&self, method: &[u8]) -> bool {
        self.limit.as_ref().is_none_or(|limit| limit.holds(method))
    }
}

impl Lists {
    pub(crate) fn order(&mut self, what: AccessOrder, limit: Option<Arc<Limit>>, span: Span) {
        self.orders.push(Limited { what, limit, span });
    }

    pub(crate) fn entry(
        &mut self,
        list: AccessList,
        source: AccessSource,
        limit: Option<Arc<Limit>>,
        span: Span,
    ) {
        self.entries.push(Limited { what: (list, source), limit, span });
    }

    pub(crate) fn satisfy(&mut self, what: Satisfy, limit: Option<Arc<Limit>>, span: Span) {
        self.satisfies.push(Limited { what, limit, span });
    }

    /// Whether one of both, lists and requirements, is enough.
    pub(crate) fn one_is_enough(&self, method: &[u8]) -> bool {
        let last = self.satisfies.iter().rev().find(|satisfy| satisfy.is_for(method));
        last.is_some_and(|satisfy| satisfy.what == Satisfy::Any)
    }

    /// Whether the lists let a request in.
    pub(crate) fn allow(&self, method: &[u8], request: &Request<'_>) -> Known<bool> {
        let order = self.orders.iter().rev().find(|order| order.is_for(method));
        let order = order.map_or(AccessOrder::DenyAllow, |order| order.what);
        let allowed = || self.names(AccessList::Allow, method, request);
        let not_denied = || self.names(AccessList::Deny, method, request).map(|denied| !denied);
        match order {
            AccessOrder::DenyAllow => either(not_denied(), allowed),
            AccessOrder::AllowDeny | AccessOrder::MutualFailure => crate::known::both(allowed(), not_denied),
        }
    }

    /// The line that a refusal is put down to.
    pub(crate) fn span(&self, method: &[u8]) -> Option<Span> {
        let denies = |entry: &&Limited<(AccessList, AccessSource)>| {
            entry.is_for(method) && entry.what.0 == AccessList::Deny
        };
        let deny = self.entries.iter().rev().find(denies).map(|entry| entry.span);
        deny.or_else(|| self.orders.last().map(|order| order.span))
    }

    fn names(&self, list: AccessList, method: &[u8], request: &Request<'_>) -> Known<bool> {
        let mut found = Ok(false);
        for entry in &self.entries {
            if entry.what.0 == list && entry.is_for(method) {
                found = either(found, || is_meant(&entry.what.1, request));
                if matches!(found, Ok(true)) {
                    break;
                }
            }
        }
        found
    }
}

fn is_meant(source: &AccessSource, request: &Request<'_>) -> Known<bool> {
    match source {
        AccessSource::All => Ok(true),
        AccessSource::Environment(name) => Ok(request.variables.get(name)?.is_some()),
        AccessSource::NoEnvironment(name) => Ok(request.variables.get(name)?.is_none()),
        AccessSource::Address(range) => {
            Ok(range.holds(known(request.facts.client(), || "%{REMOTE_ADDR}".to_owned())?))
        }
        AccessSource::Host(name) => has_name(name, request),
    }
}

/// Whether the client's name, looked up both ways, is this or ends with it.
fn has_name(name: &[u8], request: &Request<'_>) -> Known<bool> {
    let address = known(request.facts.client(), || "%{REMOTE_ADDR}".to_owned())?;
    request.ask(&Question::HostName { address, name: name.to_ascii_lowercase() })
}

/// A requirement, compiled.
#[derive(Debug)]
pub(crate) struct Requirement {
    pub(crate) span: Span,
    negated: bool,
    limit: Option<Arc<Limit>>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Needs nothing that is compiled.
    Plain(RequirementKind),
    Host(Arc<StringExpression>),
    Expression(Arc<Expression>),
    All(Vec<Requirement>),
    Any(Vec<Requirement>),
}

/// What a requirement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Granted,
    Denied,
    /// Denied, and a login might change that.
    LoginNeeded,
    /// It has nothing to say.
    Neutral,
}

impl Requirement {
    pub(crate) fn new(written: &directive::Requirement, limit: Option<Arc<Limit>>) -> Self {
        let all = |list: &[directive::Requirement]| list.iter().map(|one| Self::new(one, None)).collect();
        let mut negated = written.negated;
        let kind = match &written.kind {
            RequirementKind::All(list) => Kind::All(all(list)),
            RequirementKind::Any(list) => Kind::Any(all(list)),
            RequirementKind::None(list) => {
                negated = !negated;
                Kind::Any(all(list))
            }
            RequirementKind::Host(expression) | RequirementKind::ForwardDns(expression) => {
                Kind::Host(Arc::clone(&expression.read))
            }
            RequirementKind::Expression(expression) => Kind::Expression(Arc::clone(&expression.read)),
            plain => Kind::Plain(plain.clone()),
        };
        Self { span: written.span, negated, limit, kind }
    }

    fn is_for(&self, method: &[u8]) -> bool {
        self.limit.as_ref().is_none_or(|limit| limit.holds(method))
    }

    fn answer(&self, method: &[u8], request: &mut Request<'_>) -> Known<Answer> {
        let holds = match &self.kind {
            Kind::All(list) => all(list, method, request)?,
            Kind::Any(list) => any(list, method, request)?,
            Kind::Plain(RequirementKind::Login(need)) => {
                if has_login(need, request)? {
                    Answer::Granted
                } else {
                    Answer::LoginNeeded
                }
            }
            kind => {
                let holds = kind.holds(method, request);
                // one of few leaves: to try it both ways is as good as to count with three values
                let holds = match holds {
                    Err(crate::known::Need::Unknown(names)) => request.ways.decide(&names, None)?,
                    holds => holds?,
                };
                if holds { Answer::Granted } else { Answer::Denied }
            }
        };
        Ok(match (self.negated, holds) {
            (false, answer) => answer,
            (true, Answer::Granted) => Answer::Denied,
            (true, _) => Answer::Neutral,
        })
    }
}

impl Kind {
    fn holds(&self, method: &[u8], request: &mut Request<'_>) -> Known<bool> {
        match self {
            Self::Expression(expression) => expression.holds(request, &mut Matched::default()),
            Self::Host(names) => {
                let names = names.text(request)?;
                let mut found = Ok(false);
                for name in names.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()) {
                    found = either(found, || has_name(name, request));
                }
                found
            }
            Self::Plain(kind) => match kind {
                RequirementKind::Granted => Ok(true),
                RequirementKind::Environment(names) => {
                    let mut found = Ok(false);
                    for name in names {
                        found = either(found, || Ok(request.variables.get(name)?.is_some()));
                    }
                    found
                }
                RequirementKind::Address(ranges) => {
                    let client = known(request.facts.client(), || "%{REMOTE_ADDR}".to_owned())?;
                    Ok(ranges.iter().any(|range| range.holds(client)))
                }
                RequirementKind::Local => {
                    let client = known(request.facts.client(), || "%{REMOTE_ADDR}".to_owned())?;
                    let is_own = || {
                        let own = request.fixed(Variable::ServerAddr)?;
                        Ok(std::str::from_utf8(&own).is_ok_and(|own| own.parse() == Ok(client)))
                    };
                    if client.to_canonical().is_loopback() { Ok(true) } else { is_own() }
                }
                RequirementKind::Method(methods) => {
                    Ok(methods.iter().any(|one| one == method || (method == b"HEAD" && one == b"GET")))
                }
                _ => Ok(false),
            },
            Self::All(_) | Self::Any(_) => Ok(false),
        }
    }
}

fn has_login(need: &LoginNeed, request: &Request<'_>) -> Known<bool> {
    let user = request.fixed(Variable::RemoteUser)?;
    Ok(!user.is_empty()
        && match need {
            LoginNeed::Anybody => true,
            LoginNeed::Named(words) => words
                .strip_prefix(b"user ")
                .is_some_and(|names| names.split(u8::is_ascii_whitespace).any(|name| name == user.as_ref())),
        })
}

/// `<RequireAll>`: the first that is denied decides; one must be granted.
fn all(list: &[Requirement], method: &[u8], request: &mut Request<'_>) -> Known<Answer> {
    let mut so_far = Answer::Neutral;
    for requirement in list {
        let answer =
            if requirement.is_for(method) { requirement.answer(method, request)? } else { Answer::Granted };
        match answer {
            Answer::Denied => return Ok(Answer::Denied),
            Answer::LoginNeeded => so_far = Answer::LoginNeeded,
            Answer::Granted if so_far == Answer::Neutral => so_far = Answer::Granted,
            Answer::Granted | Answer::Neutral => {}
        }
    }
    Ok(so_far)
}

/// `<RequireAny>`: the first that is granted decides.
fn any(list: &[Requirement], method: &[u8], request: &mut Request<'_>) -> Known<Answer> {
    let mut so_far = Answer::Neutral;
    for requirement in list {
        let answer =
            if requirement.is_for(method) { requirement.answer(method, request)? } else { Answer::Neutral };
        match answer {
            Answer::Granted => return Ok(Answer::Granted),
            Answer::LoginNeeded => so_far = Answer::LoginNeeded,
            Answer::Denied if so_far == Answer::Neutral => so_far = Answer::Denied,
            Answer::Denied | Answer::Neutral => {}
        }
    }
    Ok(so_far)
}

/// What the requirements of sections say that `AuthMerging` puts together, the outermost first.
pub(crate) fn together(sections: &[&Section], method: &[u8], request: &mut Request<'_>) -> Known<Answer> {
    let mut so_far = Answer::Neutral;
    for (number, section) in sections.iter().enumerate() {
        let is_or = section.merging == Some(Merging::Or);
        let decides = if is_or { Answer::Granted } else { Answer::Denied };
        if number > 0 && so_far == decides {
            continue;
        }
        let answer = required(&section.requirements, method, request)?;
        so_far = match (so_far, answer) {
            (Answer::LoginNeeded, Answer::Denied) if is_or => Answer::LoginNeeded,
            (Answer::LoginNeeded, Answer::Granted) if !is_or => Answer::LoginNeeded,
            (_, answer) => answer,
        };
    }
    Ok(so_far)
}

/// What the requirements of a section say together; none of them is for this method: they say nothing against it.
pub(crate) fn required(list: &[Requirement], method: &[u8], request: &mut Request<'_>) -> Known<Answer> {
    if list.iter().all(|requirement| !requirement.is_for(method)) {
        return Ok(Answer::Granted);
    }
    any(list, method, request)
}
