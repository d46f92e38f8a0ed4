//! A slow evaluator that walks the checked tree, to compare the machine with.
//!
//! It shares the coercions, the places and the functions with the machine; what is compared is everything between:
//! order of evaluation, scopes, references and copies, loops, jumps, waiting.

mod tests;
mod writer;

use crate::ast::{Case, Expr, ExprKind, FunctionName, Place, PlaceRoot, Statement, StatementKind};
use crate::builtin::{Answer, Builtins, Host};
use crate::call::{Call, CallSite, Scratch};
use crate::check::{Checked, Target};
use crate::fault::{FaultKind, Warning};
use crate::operator::{self, Binary, Unary};
use crate::place;
use crate::program::Program;
use crate::table::Table;
use crate::value::Value;
use std::sync::Arc;

/// Why the evaluation is over before its text is.
#[derive(Debug)]
pub(crate) enum Stop {
    EndRule,
    Restart,
    Fault(FaultKind),
}

impl<T: Into<FaultKind>> From<T> for Stop {
    fn from(kind: T) -> Self {
        Self::Fault(kind.into())
    }
}

enum Flow {
    Next,
    Break,
    Continue,
    Return(Value),
}

/// The variables of the body, or of one call of a sub.
struct Scope {
    unit: usize,
    slots: Vec<Value>,
    loops: u32,
    is_sub: bool,
}

pub(crate) struct Oracle<'a, H> {
    pub(crate) checked: &'a Checked,
    pub(crate) builtins: &'a Builtins<H>,
    pub(crate) host: &'a mut H,
    pub(crate) scratch: Scratch,
    /// Only for the places of warnings.
    pub(crate) program: &'a Program,
    /// What a call that waits gives.
    pub(crate) answer: fn(&mut H) -> Value,
    pub(crate) steps_left: u32,
    pub(crate) depth: u32,
}

impl<H: Host> Oracle<'_, H> {
    pub(crate) fn run(&mut self) -> Result<(), FaultKind> {
        loop {
            let slots = vec![Value::EMPTY; usize::from(self.checked.body_slots)];
            let mut scope = Scope { unit: 0, slots, loops: 0, is_sub: false };
            let checked = self.checked;
            match self.block(&mut scope, &checked.units[0].ast.body) {
                Ok(Flow::Continue) | Err(Stop::Restart) => self.depth = 0,
                Ok(_) | Err(Stop::EndRule) => return Ok(()),
                Err(Stop::Fault(kind)) => return Err(kind),
            }
        }
    }

    fn step(&mut self) -> Result<(), Stop> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(Stop::Fault(FaultKind::OutOfFuel(0)))?;
        Ok(())
    }

    fn warn(&mut self, text: &str) {
        let (source, span) = self.program.place(0);
        self.host.warn(Warning { text: text.to_owned(), source: Arc::clone(source), span });
    }

    fn block(&mut self, scope: &mut Scope, statements: &[Statement]) -> Result<Flow, Stop> {
        for statement in statements {
            match self.statement(scope, statement)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, scope: &mut Scope, statement: &Statement) -> Result<Flow, Stop> {
        self.step()?;
        match &statement.kind {
            StatementKind::Expr(expr) => {
                self.expr(scope, expr)?;
            }
            StatementKind::Block(body) => return self.block(scope, body),
            StatementKind::If { arms, otherwise } => {
                for arm in arms {
                    if self.expr(scope, &arm.condition)?.truth() {
                        return self.block(scope, &arm.body);
                    }
                }
                return self.block(scope, otherwise.as_deref().unwrap_or_default());
            }
            StatementKind::While { condition, body } => {
                return self.cycle(scope, Some(condition), None, body);
            }
            StatementKind::For { start, condition, step, body } => {
                if let Some(start) = start {
                    self.expr(scope, start)?;
                }
                return self.cycle(scope, condition.as_ref(), step.as_ref(), body);
            }
            StatementKind::DoWhile { body, condition } => loop {
                if let Some(flow) = self.round(scope, body)? {
                    return Ok(flow);
                }
                if !self.expr(scope, condition)?.truth() {
                    break;
                }
            },
            StatementKind::Foreach { variable, array, body } => {
                let slot = self.checked.units[scope.unit].slot(variable.id);
                return self.foreach(scope, usize::from(slot), array, body);
            }
            StatementKind::Switch { subject, comparison, cases, default } => {
                let subject = self.expr(scope, subject)?;
                scope.loops += 1;
                let flow = self.switch(scope, &subject, comparison.as_ref(), (cases, default.as_deref()));
                scope.loops -= 1;
                return Ok(match flow? {
                    Flow::Break => Flow::Next,
                    other => other,
                });
            }
            StatementKind::Break if scope.loops == 0 => return Err(Stop::EndRule),
            StatementKind::Break => return Ok(Flow::Break),
            StatementKind::Continue => return Ok(Flow::Continue),
            StatementKind::Return(value) => {
                let value = value.as_ref().map_or(Ok(Value::EMPTY), |value| self.expr(scope, value))?;
                return if scope.is_sub { Ok(Flow::Return(value)) } else { Err(Stop::EndRule) };
            }
            StatementKind::Empty => {}
        }
        Ok(Flow::Next)
    }

    /// One round of a loop's body; `Some` where the loop is over, with what follows for the loop's own statement.
    fn round(&mut self, scope: &mut Scope, body: &[Statement]) -> Result<Option<Flow>, Stop> {
        self.step()?;
        scope.loops += 1;
        let flow = self.block(scope, body);
        scope.loops -= 1;
        Ok(match flow? {
            Flow::Next | Flow::Continue => None,
            Flow::Break => Some(Flow::Next),
            other @ Flow::Return(_) => Some(other),
        })
    }

    fn cycle(
        &mut self,
        scope: &mut Scope,
        condition: Option<&Expr>,
        step: Option<&Expr>,
        body: &[Statement],
    ) -> Result<Flow, Stop> {
        loop {
            if let Some(condition) = condition
                && !self.expr(scope, condition)?.truth()
            {
                return Ok(Flow::Next);
            }
            if let Some(flow) = self.round(scope, body)? {
                return Ok(flow);
            }
            if let Some(step) = step {
                self.expr(scope, step)?;
            }
        }
    }

    fn foreach(
        &mut self,
        scope: &mut Scope,
        slot: usize,
        array: &Expr,
        body: &[Statement],
    ) -> Result<Flow, Stop> {
        let items: Vec<Value> = match self.expr(scope, array)? {
            Value::Array(items) => items.borrow().clone(),
            Value::Hash(table) => table.borrow().iter().map(|(key, _)| key.clone().into()).collect(),
            _ => {
                self.warn("foreach goes over something that is no array");
                Vec::new()
            }
        };
        for item in items {
            scope.slots[slot] = item.clone().into_own()?;
            if let Some(flow) = self.round(scope, body)? {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn switch(
        &mut self,
        scope: &mut Scope,
        subject: &Value,
        comparison: Option<&FunctionName>,
        (cases, default): (&[Case], Option<&[Statement]>),
    ) -> Result<Flow, Stop> {
        for case in cases {
            for value in &case.values {
                let value = self.expr(scope, value)?;
                let holds = match comparison {
                    None => self.binary(Binary::Equal, subject, &value),
                    Some(function) => {
                        let target = self.checked.units[scope.unit].target(function.id);
                        self.call(target, vec![subject.clone(), value])?
                    }
                };
                if holds.truth() {
                    return self.block(scope, &case.body);
                }
            }
        }
        self.block(scope, default.unwrap_or_default())
    }

    fn binary(&mut self, operator: Binary, left: &Value, right: &Value) -> Value {
        let (value, odd) = operator::binary(operator, left, right);
        if let Some(odd) = odd {
            self.warn(odd);
        }
        value
    }

    fn expr(&mut self, scope: &mut Scope, expr: &Expr) -> Result<Value, Stop> {
        self.step()?;
        Ok(match &expr.kind {
            ExprKind::Integer(value) => Value::Integer(*value),
            ExprKind::Double(value) => Value::Double(*value),
            ExprKind::String(text) => Value::from(&**text),
            ExprKind::True => Value::Integer(1),
            ExprKind::False => Value::Integer(0),
            ExprKind::Variable(variable) => {
                scope.slots[usize::from(self.checked.units[scope.unit].slot(variable.id))].clone()
            }
            ExprKind::Capture(number) => self.scratch.captures.value(usize::from(*number)),
            ExprKind::Index { base, index } => {
                let base = self.expr(scope, base)?;
                let index = self.expr(scope, index)?;
                self.read(&base, &index)
            }
            ExprKind::Call { function, arguments } => {
                let arguments = self.all(scope, arguments)?;
                self.call(self.checked.units[scope.unit].target(function.id), arguments)?
            }
            ExprKind::Unary { operator, operand } => {
                operator::unary((*operator).into(), &self.expr(scope, operand)?)
            }
            ExprKind::Binary { operator, left, right } => {
                let left = self.expr(scope, left)?;
                let right = self.expr(scope, right)?;
                self.binary(*operator, &left, &right)
            }
            ExprKind::And { left, right } => {
                Value::from(self.expr(scope, left)?.truth() && self.expr(scope, right)?.truth())
            }
            ExprKind::Or { left, right } => {
                Value::from(self.expr(scope, left)?.truth() || self.expr(scope, right)?.truth())
            }
            ExprKind::Ternary { condition, yes, no } => {
                let chosen = if self.expr(scope, condition)?.truth() { yes } else { no };
                self.expr(scope, chosen)?
            }
            ExprKind::Assign { operator, place, value } => {
                let keys = self.all(scope, &place.indexes)?;
                let mut value = self.expr(scope, value)?;
                if let Some(operator) = operator {
                    let old = self.old(scope, place, &keys);
                    value = self.binary(*operator, &old, &value);
                }
                self.store(scope, place, &keys, value)?
            }
            ExprKind::PreIncrement(place) => self.count(scope, place, Binary::Add)?.1,
            ExprKind::PreDecrement(place) => self.count(scope, place, Binary::Subtract)?.1,
            ExprKind::PostIncrement(place) => self.count(scope, place, Binary::Add)?.0,
            ExprKind::PostDecrement(place) => self.count(scope, place, Binary::Subtract)?.0,
            ExprKind::Array(items) => {
                let items = self.all(scope, items)?;
                Value::array(items.into_iter().map(Value::into_own).collect::<Result<_, _>>()?)
            }
            ExprKind::Hash(pairs) => {
                let mut values = Vec::new();
                for (key, value) in pairs {
                    values.push((self.expr(scope, key)?, self.expr(scope, value)?));
                }
                let mut table = Table::default();
                for (key, value) in values {
                    table.insert(key.to_text(), value.into_own()?);
                }
                Value::hash(table)
            }
        })
    }

    fn all(&mut self, scope: &mut Scope, exprs: &[Expr]) -> Result<Vec<Value>, Stop> {
        exprs.iter().map(|expr| self.expr(scope, expr)).collect()
    }

    fn read(&mut self, container: &Value, key: &Value) -> Value {
        let (value, odd) = place::read(container, key);
        if let Some(odd) = odd {
            self.warn(odd);
        }
        value
    }

    fn count(&mut self, scope: &mut Scope, place: &Place, operator: Binary) -> Result<(Value, Value), Stop> {
        let keys = self.all(scope, &place.indexes)?;
        let old = self.old(scope, place, &keys);
        let value = self.binary(operator, &old, &Value::Integer(1));
        let new = self.store(scope, place, &keys, value)?;
        Ok((operator::unary(Unary::Number, &old), new))
    }

    fn old(&mut self, scope: &Scope, place: &Place, keys: &[Value]) -> Value {
        let mut value = match &place.root {
            PlaceRoot::Variable(variable) => {
                scope.slots[usize::from(self.checked.units[scope.unit].slot(variable.id))].clone()
            }
            PlaceRoot::Capture(number) => self.scratch.captures.value(usize::from(*number)),
        };
        for key in keys {
            value = self.read(&value, key);
        }
        value
    }

    /// Gives the value that the assignment has as an expression.
    fn store(
        &mut self,
        scope: &mut Scope,
        place: &Place,
        keys: &[Value],
        value: Value,
    ) -> Result<Value, Stop> {
        let result = value.clone();
        let value = value.into_own()?;
        let slot = match &place.root {
            PlaceRoot::Variable(variable) => {
                Ok(usize::from(self.checked.units[scope.unit].slot(variable.id)))
            }
            PlaceRoot::Capture(number) => Err(usize::from(*number)),
        };
        let mut root = match slot {
            Ok(slot) => std::mem::take(&mut scope.slots[slot]),
            Err(number) => self.scratch.captures.value(number),
        };
        let outcome = place::write(&mut root, keys, value);
        match slot {
            Ok(slot) => scope.slots[slot] = root.clone(),
            Err(number) => self.scratch.captures.set(number, root.clone().into_own()?),
        }
        if let Err(odd) = outcome {
            self.warn(odd);
        }
        Ok(if keys.is_empty() && slot.is_ok() { root } else { result })
    }

    fn call(&mut self, target: Target, arguments: Vec<Value>) -> Result<Value, Stop> {
        match target {
            Target::Builtin(index) => {
                let site = CallSite { program: self.program, at: 0, pattern: None };
                let call = self.builtins.row(index).unwrap().call;
                match call(&mut Call::new(self.host, &arguments, &mut self.scratch, site)) {
                    Answer::Value(value) => Ok(value),
                    Answer::Wait => Ok((self.answer)(self.host)),
                    Answer::EndRule => Err(Stop::EndRule),
                    Answer::Fault(kind) => Err(Stop::Fault(kind)),
                }
            }
            Target::Idle(kind) => Ok(kind.empty()),
            Target::Sub(index) => self.call_sub(index, arguments),
            Target::Unknown => panic!("a call of nothing"),
        }
    }

    fn call_sub(&mut self, index: usize, arguments: Vec<Value>) -> Result<Value, Stop> {
        if self.depth >= self.scratch.limits.sub_depth_max {
            return Err(Stop::Fault(FaultKind::TooDeep(self.scratch.limits.sub_depth_max)));
        }
        let checked = self.checked;
        let sub = &checked.subs[index];
        let mut scope = Scope { unit: sub.unit, slots: arguments, loops: 0, is_sub: true };
        scope.slots.resize(usize::from(sub.slots), Value::EMPTY);
        self.depth += 1;
        let flow = self.block(&mut scope, &checked.units[sub.unit].ast.subs[sub.declaration].body);
        self.depth -= 1;
        match flow? {
            Flow::Return(value) => Ok(value),
            Flow::Next => Ok(Value::EMPTY),
            Flow::Break => Err(Stop::EndRule),
            Flow::Continue => Err(Stop::Restart),
        }
    }
}
