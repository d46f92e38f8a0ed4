//! `Header`, `RequestHeader`.

use crate::directive::{self, HeaderChange, HeaderSide, HeaderValuePart, Regex};
use crate::expand::Matched;
use crate::expression::{Expression, StringExpression};
use crate::known::{Known, Need, known};
use crate::request::Request;
use crate::{EditPattern, HeaderAction, HeaderEdit};
use pattern::{Case, Dialect, Newlines, Pattern};
use std::sync::Arc;

/// A change of a field, compiled.
#[derive(Debug)]
pub(crate) struct Change {
    side: HeaderSide,
    name: Vec<u8>,
    action: Action,
    value: Option<Value>,
    condition: Condition,
}

#[derive(Debug)]
enum Action {
    One(HeaderAction, Option<Arc<Pattern>>),
    Echo { written: Regex, like: Arc<Pattern> },
}

#[derive(Debug)]
enum Value {
    Format(Vec<HeaderValuePart>),
    Expression(Arc<StringExpression>),
}

#[derive(Debug)]
enum Condition {
    None,
    Environment(Vec<u8>),
    NoEnvironment(Vec<u8>),
    Expression(Arc<Expression>),
}

impl Change {
    /// `None` also for what has no effect here: a note for logs, and what would have to be early.
    pub(crate) fn new(written: &directive::HeaderDirective) -> Option<Self> {
        let one = |action| Action::One(action, None);
        let (action, value) = match &written.change {
            HeaderChange::Set(value) => (one(HeaderAction::Set), Some(value)),
            HeaderChange::Append(value) => (one(HeaderAction::Append), Some(value)),
            HeaderChange::Merge(value) => (one(HeaderAction::Merge), Some(value)),
            HeaderChange::Add(value) => (one(HeaderAction::Add), Some(value)),
            HeaderChange::SetIfEmpty(value) => (one(HeaderAction::SetIfEmpty), Some(value)),
            HeaderChange::Unset => (one(HeaderAction::Unset), None),
            HeaderChange::Echo(regex) => {
                // of these names Apache minds the case
                let exact = Dialect { case: Case::Sensitive, newlines: Newlines::AreBytes };
                let like = Pattern::new(&regex.text, exact).map(Arc::new);
                let like = like.unwrap_or_else(|_| Arc::clone(&regex.compiled));
                (Action::Echo { written: regex.clone(), like }, None)
            }
            HeaderChange::Note(_) => return None,
            HeaderChange::Edit(regex, value) => {
                (Action::One(HeaderAction::Edit, Some(Arc::clone(&regex.compiled))), Some(value))
            }
            HeaderChange::EditAll(regex, value) => {
                (Action::One(HeaderAction::EditAll, Some(Arc::clone(&regex.compiled))), Some(value))
            }
        };
        let value = match value {
            None => None,
            Some(directive::HeaderValue::Format(parts)) => Some(Value::Format(parts.clone())),
            Some(directive::HeaderValue::Expression(expression)) => {
                Some(Value::Expression(Arc::clone(&expression.read)))
            }
        };
        let condition = match &written.condition {
            directive::HeaderCondition::None => Condition::None,
            directive::HeaderCondition::Never => return None,
            directive::HeaderCondition::Environment(name) => Condition::Environment(name.clone()),
            directive::HeaderCondition::NoEnvironment(name) => Condition::NoEnvironment(name.clone()),
            directive::HeaderCondition::Expression(expression) => {
                Condition::Expression(Arc::clone(&expression.read))
            }
        };
        Some(Self { side: written.side, name: written.name.clone(), action, value, condition })
    }

    pub(crate) fn is_of_request(&self) -> bool {
        self.side == HeaderSide::Request
    }

    /// What it does now. What hangs on something unknown is left out: no verdict hangs on it.
    pub(crate) fn edits(&self, request: &mut Request<'_>) -> Known<Vec<HeaderEdit>> {
        match self.judged(request) {
            Err(Need::Unknown(names)) => {
                request.ways.note(&names);
                Ok(Vec::new())
            }
            edits => edits,
        }
    }

    fn judged(&self, request: &mut Request<'_>) -> Known<Vec<HeaderEdit>> {
        let applies = match &self.condition {
            Condition::None => true,
            Condition::Environment(name) => request.variables.get(name)?.is_some(),
            Condition::NoEnvironment(name) => request.variables.get(name)?.is_none(),
            Condition::Expression(expression) => expression.holds(request, &mut Matched::default())?,
        };
        if !applies {
            return Ok(Vec::new());
        }
        let always = self.side == HeaderSide::ResponseAlways;
        let (action, pattern) = match &self.action {
            Action::Echo { written, like } => {
                let shown = || format!("%{{HTTP:{}}}", String::from_utf8_lossy(&written.text));
                let names = known(request.facts.field_names(), shown)?;
                let mut edits = Vec::new();
                for name in names.into_iter().filter(|name| like.is_match(name).unwrap_or(false)) {
                    let value = request.field(&name)?.unwrap_or_default().into_owned();
                    let name = name.into_owned();
                    edits.push(HeaderEdit { always, action: HeaderAction::Add, name, value, pattern: None });
                }
                return Ok(edits);
            }
            Action::One(action, pattern) => (*action, pattern.clone().map(EditPattern)),
        };
        let Some(value) = self.text(request)? else { return Ok(Vec::new()) };
        Ok(vec![HeaderEdit { always, action, name: self.name.clone(), value, pattern }])
    }

    /// The value; `None` where it names what is known only when the answer is written (`%D`, `%t`, the load).
    fn text(&self, request: &mut Request<'_>) -> Known<Option<Vec<u8>>> {
        let parts = match &self.value {
            None => return Ok(Some(Vec::new())),
            Some(Value::Expression(expression)) => return expression.text(request).map(Some),
            Some(Value::Format(parts)) => parts,
        };
        let mut out = Vec::new();
        for part in parts {
            match part {
                HeaderValuePart::Literal(text) => out.extend_from_slice(text),
                HeaderValuePart::Environment(name) => {
                    out.extend_from_slice(request.variables.get(name)?.unwrap_or(b"(null)"));
                }
                HeaderValuePart::Ssl(_) => out.extend_from_slice(b"(null)"),
                HeaderValuePart::Time | HeaderValuePart::Duration | HeaderValuePart::Load(_) => {
                    return Ok(None);
                }
            }
        }
        Ok(Some(out))
    }
}
