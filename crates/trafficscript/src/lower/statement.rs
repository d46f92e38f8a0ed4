//! Statements.

use super::{Given, Loop, Lowering, is_nothing};
use crate::ast::{Case, Expr, FunctionName, IfArm, Statement, StatementKind};
use crate::operator::Binary;
use crate::program::{Constant, Op, Register};

impl<'a> Lowering<'a> {
    pub(super) fn statements(&mut self, statements: &'a [Statement]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    pub(super) fn statement(&mut self, statement: &'a Statement) {
        if is_nothing(statement) {
            return;
        }
        self.span = statement.span;
        let mark = self.next;
        match &statement.kind {
            StatementKind::Expr(expr) => self.effect(expr),
            StatementKind::Block(body) => self.statements(body),
            StatementKind::If { arms, otherwise } => self.branches(arms, otherwise.as_deref()),
            StatementKind::While { condition, body } => self.cycle(Some(condition), None, body),
            StatementKind::DoWhile { body, condition } => self.do_while(body, condition),
            StatementKind::For { start, condition, step, body } => {
                if let Some(start) = start {
                    self.effect(start);
                }
                self.cycle(condition.as_ref(), step.as_ref(), body);
            }
            StatementKind::Foreach { variable, array, body } => {
                let to = self.unit.slot(variable.id);
                self.foreach(to, array, body);
            }
            StatementKind::Switch { subject, comparison, cases, default } => {
                self.switch(subject, comparison.as_ref(), cases, default.as_deref());
            }
            StatementKind::Break => self.leave(),
            StatementKind::Continue => self.again(),
            StatementKind::Return(value) => self.give(value.as_ref()),
            StatementKind::Empty => {}
        }
        self.next = mark;
    }

    fn branches(&mut self, arms: &'a [IfArm], otherwise: Option<&'a [Statement]>) {
        let mut ends = Vec::new();
        for (number, arm) in arms.iter().enumerate() {
            let skip = self.jump_unless(&arm.condition);
            self.statements(&arm.body);
            if number + 1 < arms.len() || otherwise.is_some() {
                ends.push(self.jump());
            }
            self.patch(skip);
        }
        self.statements(otherwise.unwrap_or_default());
        for end in ends {
            self.patch(end);
        }
    }

    fn enter_loop(&mut self) {
        self.loops.push(Loop { breaks: Vec::new(), continues: Some(Vec::new()) });
    }

    /// Jumps to the next round end here.
    fn patch_continues(&mut self) {
        let continues = self.loops.last_mut().and_then(|inner| inner.continues.take()).unwrap_or_default();
        for at in continues {
            self.patch(at);
        }
    }

    fn leave_loop(&mut self) {
        let inner = self.loops.pop();
        for at in inner.map(|inner| inner.breaks).unwrap_or_default() {
            self.patch(at);
        }
    }

    fn cycle(&mut self, condition: Option<&'a Expr>, step: Option<&'a Expr>, body: &'a [Statement]) {
        let begin = self.here();
        let out = condition.map(|condition| self.jump_unless(condition));
        self.enter_loop();
        self.statements(body);
        self.patch_continues();
        if let Some(step) = step {
            self.effect(step);
        }
        self.emit(Op::Jump { target: begin });
        if let Some(out) = out {
            self.patch(out);
        }
        self.leave_loop();
    }

    fn do_while(&mut self, body: &'a [Statement], condition: &'a Expr) {
        let begin = self.here();
        self.enter_loop();
        self.statements(body);
        self.patch_continues();
        let mark = self.next;
        let condition = self.operand(condition);
        self.emit(Op::JumpIf { condition, target: begin });
        self.next = mark;
        self.leave_loop();
    }

    fn foreach(&mut self, to: Register, array: &'a Expr, body: &'a [Statement]) {
        let state = self.temporary();
        self.temporary();
        let mark = self.next;
        let from = self.operand(array);
        self.next = mark;
        self.emit(Op::Each { state, from });
        let begin = self.here();
        self.emit(Op::Next { to, state });
        let out = self.jump();
        self.enter_loop();
        self.statements(body);
        self.patch_continues();
        self.emit(Op::Jump { target: begin });
        self.patch(out);
        self.leave_loop();
    }

    fn switch(
        &mut self,
        subject: &'a Expr,
        comparison: Option<&'a FunctionName>,
        cases: &'a [Case],
        default: Option<&'a [Statement]>,
    ) {
        let held = self.temporary();
        self.put(subject, held);
        self.loops.push(Loop { breaks: Vec::new(), continues: None });
        let mut ends = Vec::new();
        for case in cases {
            self.span = case.span;
            let mut matches = Vec::new();
            for value in &case.values {
                let mark = self.next;
                let condition = self.test(held, comparison, value);
                matches.push(self.emit(Op::JumpIf { condition, target: 0 }));
                self.next = mark;
            }
            let skip = self.jump();
            for at in matches {
                self.patch(at);
            }
            self.statements(&case.body);
            ends.push(self.jump());
            self.patch(skip);
        }
        self.statements(default.unwrap_or_default());
        for end in ends {
            self.patch(end);
        }
        self.leave_loop();
    }

    fn test(&mut self, held: Register, comparison: Option<&'a FunctionName>, value: &'a Expr) -> Register {
        let to = self.temporary();
        let Some(function) = comparison else {
            let right = self.operand(value);
            self.emit(Op::Binary { operator: Binary::Equal, to, left: held, right });
            return to;
        };
        let base = self.temporary();
        self.emit(Op::Copy { to: base, from: held });
        let second = self.temporary();
        self.put(value, second);
        self.call_target(self.unit.target(function.id), Given { base, count: 2, pattern: None }, to);
        to
    }

    fn leave(&mut self) {
        if self.loops.is_empty() {
            self.emit(Op::End);
            return;
        }
        let at = self.jump();
        if let Some(inner) = self.loops.last_mut() {
            inner.breaks.push(at);
        }
    }

    fn again(&mut self) {
        let Some(number) = self.loops.iter().rposition(|inner| inner.continues.is_some()) else {
            self.emit(Op::Restart);
            return;
        };
        let at = self.jump();
        if let Some(continues) = self.loops.get_mut(number).and_then(|inner| inner.continues.as_mut()) {
            continues.push(at);
        }
    }

    fn give(&mut self, value: Option<&'a Expr>) {
        if !self.is_in_sub {
            if let Some(value) = value {
                self.effect(value);
            }
            self.emit(Op::End);
            return;
        }
        let Some(value) = value else {
            self.emit(Op::ReturnEmpty);
            return;
        };
        let from = self.operand(value);
        self.emit(Op::Return { from });
    }

    /// A jump that is taken if the condition does not hold.
    pub(super) fn jump_unless(&mut self, condition: &'a Expr) -> usize {
        let mark = self.next;
        let condition = self.operand(condition);
        self.next = mark;
        self.emit(Op::JumpUnless { condition, target: 0 })
    }

    pub(super) fn load(&mut self, to: Register, constant: Constant) {
        let index = self.constant(constant);
        self.emit(Op::Constant { to, index });
    }
}
