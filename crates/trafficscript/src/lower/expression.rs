//! Expressions.

use super::{Given, Lowering};
use crate::ast::{BinaryOperator, Expr, ExprKind, FunctionName, Place, PlaceRoot};
use crate::builtin::Kind;
use crate::byte_string::ByteString;
use crate::check::Target;
use crate::operator::{self, Binary, Unary};
use crate::program::{Constant, Op, Register};
use crate::value::Value;
use pattern::Case;

/// Whether anybody looks at the value of an assignment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Nobody,
    /// The value after the operation, or before it, here.
    New(Register),
    Old(Register),
}

impl<'a> Lowering<'a> {
    /// For what it does; nobody looks at the value.
    pub(super) fn effect(&mut self, expr: &'a Expr) {
        let mark = self.next;
        self.span = expr.span;
        match &expr.kind {
            ExprKind::Assign { operator, place, value } => {
                self.assign(*operator, place, value, Wanted::Nobody);
            }
            ExprKind::PreIncrement(place) | ExprKind::PostIncrement(place) => {
                self.step(Binary::Add, place, Wanted::Nobody);
            }
            ExprKind::PreDecrement(place) | ExprKind::PostDecrement(place) => {
                self.step(Binary::Subtract, place, Wanted::Nobody);
            }
            _ => {
                self.operand(expr);
            }
        }
        self.next = mark;
    }

    /// A register that holds the value: a variable's own, or a temporary. It must be used before anything else is
    /// evaluated that may write the variable.
    pub(super) fn operand(&mut self, expr: &'a Expr) -> Register {
        if let ExprKind::Variable(variable) = &expr.kind {
            return self.unit.slot(variable.id);
        }
        if let ExprKind::Assign { operator, place, value } = &expr.kind
            && let (PlaceRoot::Variable(variable), []) = (&place.root, place.indexes.as_slice())
        {
            self.span = expr.span;
            self.assign(*operator, place, value, Wanted::Nobody);
            return self.unit.slot(variable.id);
        }
        let to = self.temporary();
        self.put(expr, to);
        to
    }

    /// The same, where `after` is evaluated before the value is used.
    fn operand_before(&mut self, expr: &'a Expr, after: &'a Expr) -> Register {
        let is_direct = matches!(expr.kind, ExprKind::Variable(_) | ExprKind::Assign { .. });
        if is_direct && writes(after) {
            let to = self.temporary();
            self.put(expr, to);
            return to;
        }
        self.operand(expr)
    }

    /// Writes the value into a register, last of all. Containers come by reference.
    pub(super) fn put(&mut self, expr: &'a Expr, to: Register) {
        let outer = std::mem::replace(&mut self.span, expr.span);
        let mark = self.next;
        if let Some(constant) = folded(expr) {
            self.load(to, constant);
        } else {
            self.compute(expr, to);
        }
        self.next = mark;
        self.span = outer;
    }

    fn compute(&mut self, expr: &'a Expr, to: Register) {
        match &expr.kind {
            ExprKind::Integer(_)
            | ExprKind::Double(_)
            | ExprKind::String(_)
            | ExprKind::True
            | ExprKind::False => {}
            ExprKind::Variable(variable) => {
                let from = self.unit.slot(variable.id);
                self.emit(Op::Copy { to, from });
            }
            ExprKind::Capture(number) => {
                self.emit(Op::LoadCapture { to, number: *number });
            }
            ExprKind::Index { base, index } => {
                let container = self.operand_before(base, index);
                let key = self.operand(index);
                self.emit(Op::Index { to, container, key });
            }
            ExprKind::Call { function, arguments } => self.call(function, arguments, to),
            ExprKind::Unary { operator, operand } => {
                let from = self.operand(operand);
                self.emit(Op::Unary { operator: (*operator).into(), to, from });
            }
            ExprKind::Binary { operator, left, right } => {
                let left = self.operand_before(left, right);
                let right = self.operand(right);
                self.emit(Op::Binary { operator: *operator, to, left, right });
            }
            ExprKind::And { left, right } => self.both(left, right, to),
            ExprKind::Or { left, right } => self.either(left, right, to),
            ExprKind::Ternary { condition, yes, no } => {
                let skip = self.jump_unless(condition);
                self.put(yes, to);
                let end = self.jump();
                self.patch(skip);
                self.put(no, to);
                self.patch(end);
            }
            ExprKind::Assign { operator, place, value } => {
                self.assign(*operator, place, value, Wanted::New(to));
            }
            ExprKind::PreIncrement(place) => self.step(Binary::Add, place, Wanted::New(to)),
            ExprKind::PreDecrement(place) => self.step(Binary::Subtract, place, Wanted::New(to)),
            ExprKind::PostIncrement(place) => self.step(Binary::Add, place, Wanted::Old(to)),
            ExprKind::PostDecrement(place) => self.step(Binary::Subtract, place, Wanted::Old(to)),
            ExprKind::Array(items) => {
                let base = self.row(items.iter());
                let count = self.fit(items.len());
                self.emit(Op::Array { to, base, count });
            }
            ExprKind::Hash(pairs) => {
                let base = self.row(pairs.iter().flat_map(|(key, value)| [key, value]));
                let count = self.fit(pairs.len());
                self.emit(Op::Hash { to, base, count });
            }
        }
    }

    /// Values in temporaries that follow each other; gives the first.
    fn row(&mut self, values: impl Iterator<Item = &'a Expr>) -> Register {
        let base = self.fit(self.next);
        for value in values {
            let to = self.temporary();
            self.put(value, to);
        }
        base
    }

    fn both(&mut self, left: &'a Expr, right: &'a Expr, to: Register) {
        let skip = self.jump_unless(left);
        let from = self.operand(right);
        self.emit(Op::Truth { to, from });
        let end = self.jump();
        self.patch(skip);
        self.load(to, Constant::Integer(0));
        self.patch(end);
    }

    fn either(&mut self, left: &'a Expr, right: &'a Expr, to: Register) {
        let mark = self.next;
        let condition = self.operand(left);
        self.next = mark;
        let skip = self.emit(Op::JumpIf { condition, target: 0 });
        let from = self.operand(right);
        self.emit(Op::Truth { to, from });
        let end = self.jump();
        self.patch(skip);
        self.load(to, Constant::Integer(1));
        self.patch(end);
    }

    fn call(&mut self, function: &'a FunctionName, arguments: &'a [Expr], to: Register) {
        let base = self.row(arguments.iter());
        let target = self.unit.target(function.id);
        let pattern = match target {
            Target::Builtin(index) => self.literal_pattern(index, arguments),
            _ => None,
        };
        self.call_target(target, Given { base, count: arguments.len(), pattern }, to);
    }

    pub(super) fn call_target(&mut self, target: Target, given: Given, to: Register) {
        let Given { base, pattern, .. } = given;
        let count = self.fit(given.count);
        match target {
            Target::Builtin(index) => {
                let site = self.site(index, pattern);
                self.emit(Op::Call { count, site, base, to });
            }
            Target::Sub(index) => {
                let sub = self.fit(index);
                self.emit(Op::CallSub { count, sub, base, to });
            }
            Target::Idle(Kind::Array) => {
                self.emit(Op::Array { to, base, count: 0 });
            }
            Target::Idle(Kind::Hash) => {
                self.emit(Op::Hash { to, base, count: 0 });
            }
            Target::Idle(kind) => {
                self.load(to, constant(kind.empty()).unwrap_or(Constant::String(ByteString::EMPTY)));
            }
            // The check has refused the rule.
            Target::Unknown => self.load(to, Constant::String(ByteString::EMPTY)),
        }
    }

    /// Compiles the pattern of a call whose pattern and flags are literals.
    fn literal_pattern(&mut self, builtin: usize, arguments: &'a [Expr]) -> Option<u16> {
        let params = self.rows.get(builtin)?.params;
        let at = params.iter().position(|param| param.kind == Kind::Pattern)?;
        let argument = arguments.get(at)?;
        let Some(Constant::String(text)) = folded(argument) else { return None };
        let flags =
            params.iter().position(|param| param.kind == Kind::Flags).and_then(|at| arguments.get(at));
        let case = match flags.map(folded) {
            None => Case::Sensitive,
            Some(Some(Constant::String(flags))) => Case::of_flags(&flags),
            Some(_) => return None,
        };
        self.pattern(&text, case, argument.span)
    }

    fn assign(
        &mut self,
        operator: Option<BinaryOperator>,
        place: &'a Place,
        value: &'a Expr,
        wanted: Wanted,
    ) {
        let simple = match (&place.root, place.indexes.is_empty()) {
            (PlaceRoot::Variable(variable), true) => Some(self.unit.slot(variable.id)),
            _ => None,
        };
        if let Some(slot) = simple {
            self.assign_variable(operator, slot, value);
            if let Wanted::New(to) = wanted {
                self.emit(Op::Copy { to, from: slot });
            }
            return;
        }
        self.modify(place, Change::Assign(operator, value), wanted);
    }

    fn assign_variable(&mut self, operator: Option<BinaryOperator>, slot: Register, value: &'a Expr) {
        match operator {
            None => self.assign_plainly(value, slot),
            Some(BinaryOperator::Concat) => {
                let more = self.operand(value);
                self.emit(Op::Append { to: slot, more });
            }
            Some(operator) => {
                let right = self.operand(value);
                self.emit(Op::Binary { operator, to: slot, left: slot, right });
            }
        }
    }

    fn assign_plainly(&mut self, value: &'a Expr, slot: Register) {
        if let ExprKind::Variable(variable) = &value.kind {
            let from = self.unit.slot(variable.id);
            self.emit(Op::Assign { to: slot, from });
        } else if self.needs_temporary(value) {
            let from = self.temporary();
            self.put(value, from);
            self.emit(Op::Keep { to: slot, from });
        } else {
            self.put(value, slot);
        }
    }

    /// Whether the value may be a container that somebody else holds, or is written before the variable may be.
    fn needs_temporary(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Variable(_)
            | ExprKind::Capture(_)
            | ExprKind::Index { .. }
            | ExprKind::Ternary { .. }
            | ExprKind::Assign { .. }
            | ExprKind::PreIncrement(_)
            | ExprKind::PreDecrement(_)
            | ExprKind::PostIncrement(_)
            | ExprKind::PostDecrement(_) => true,
            ExprKind::Call { function, .. } => match self.unit.target(function.id) {
                Target::Builtin(index) => {
                    let returns = self.rows.get(index).map_or(Kind::Any, |row| row.returns);
                    matches!(returns, Kind::Any | Kind::Array | Kind::Hash)
                }
                _ => true,
            },
            _ => false,
        }
    }

    fn step(&mut self, operator: Binary, place: &'a Place, wanted: Wanted) {
        if let (PlaceRoot::Variable(variable), true) = (&place.root, place.indexes.is_empty()) {
            let slot = self.unit.slot(variable.id);
            if let Wanted::Old(to) = wanted {
                self.emit(Op::Unary { operator: Unary::Number, to, from: slot });
            }
            let mark = self.next;
            let one = self.temporary();
            self.load(one, Constant::Integer(1));
            self.emit(Op::Binary { operator, to: slot, left: slot, right: one });
            self.next = mark;
            if let Wanted::New(to) = wanted {
                self.emit(Op::Copy { to, from: slot });
            }
            return;
        }
        self.modify(place, Change::Step(operator), wanted);
    }

    /// A change of an element, or of `$1` … `$9`: keys, then the value, then the old value where it is needed.
    fn modify(&mut self, place: &'a Place, change: Change<'a>, wanted: Wanted) {
        let mark = self.next;
        let container = match &place.root {
            PlaceRoot::Variable(variable) => self.unit.slot(variable.id),
            PlaceRoot::Capture(_) => self.temporary(),
        };
        let base = self.row(place.indexes.iter());
        let value = self.temporary();
        let operand = match change {
            Change::Assign(None, expr) => {
                self.put(expr, value);
                None
            }
            Change::Assign(Some(operator), expr) => Some((operator, self.operand(expr))),
            Change::Step(operator) => {
                let one = self.temporary();
                self.load(one, Constant::Integer(1));
                Some((operator, one))
            }
        };
        if let PlaceRoot::Capture(number) = place.root {
            self.emit(Op::LoadCapture { to: container, number });
        }
        if let Some((operator, right)) = operand {
            let old = self.element(container, base, place.indexes.len());
            if let Wanted::Old(to) = wanted {
                self.emit(Op::Unary { operator: Unary::Number, to, from: old });
            }
            self.emit(Op::Binary { operator, to: value, left: old, right });
        }
        if let Wanted::New(to) = wanted {
            self.emit(Op::Copy { to, from: value });
        }
        let count = self.fit(place.indexes.len());
        if count > 0 {
            self.emit(Op::Write { container, base, count });
        }
        if let PlaceRoot::Capture(number) = place.root {
            let from = if count > 0 { container } else { value };
            self.emit(Op::StoreCapture { from, number });
        }
        self.next = mark;
    }

    /// Reads what the keys lead to, into a temporary that stays.
    fn element(&mut self, container: Register, base: Register, count: usize) -> Register {
        let to = self.temporary();
        let mut from = container;
        for key in (base..).take(count) {
            self.emit(Op::Index { to, container: from, key });
            from = to;
        }
        from
    }
}

/// What becomes of an element.
#[derive(Clone, Copy)]
enum Change<'a> {
    Assign(Option<BinaryOperator>, &'a Expr),
    Step(Binary),
}

/// The value of an expression of literals, where working it out is not odd.
fn folded(expr: &Expr) -> Option<Constant> {
    match &expr.kind {
        ExprKind::Integer(value) => Some(Constant::Integer(*value)),
        ExprKind::Double(value) => Some(Constant::Double(*value)),
        ExprKind::String(text) => Some(Constant::String(ByteString::from(&**text))),
        ExprKind::True => Some(Constant::Integer(1)),
        ExprKind::False => Some(Constant::Integer(0)),
        ExprKind::Unary { operator, operand } => {
            constant(operator::unary((*operator).into(), &folded(operand)?.value()))
        }
        ExprKind::Binary { operator, left, right } => {
            let (value, odd) = operator::binary(*operator, &folded(left)?.value(), &folded(right)?.value());
            if odd.is_some() { None } else { constant(value) }
        }
        _ => None,
    }
}

fn constant(value: Value) -> Option<Constant> {
    match value {
        Value::Integer(value) => Some(Constant::Integer(value)),
        Value::Double(value) => Some(Constant::Double(value)),
        Value::String(text) => Some(Constant::String(text)),
        Value::Array(_) | Value::Hash(_) => None,
    }
}

/// Whether evaluating it may write a variable.
fn writes(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Integer(_)
        | ExprKind::Double(_)
        | ExprKind::String(_)
        | ExprKind::True
        | ExprKind::False
        | ExprKind::Variable(_)
        | ExprKind::Capture(_) => false,
        ExprKind::Assign { .. }
        | ExprKind::PreIncrement(_)
        | ExprKind::PreDecrement(_)
        | ExprKind::PostIncrement(_)
        | ExprKind::PostDecrement(_) => true,
        ExprKind::Unary { operand, .. } => writes(operand),
        ExprKind::Index { base: left, index: right }
        | ExprKind::Binary { left, right, .. }
        | ExprKind::And { left, right }
        | ExprKind::Or { left, right } => writes(left) || writes(right),
        ExprKind::Ternary { condition, yes, no } => writes(condition) || writes(yes) || writes(no),
        ExprKind::Call { arguments, .. } => arguments.iter().any(writes),
        ExprKind::Array(items) => items.iter().any(writes),
        ExprKind::Hash(pairs) => pairs.iter().any(|(key, value)| writes(key) || writes(value)),
    }
}
