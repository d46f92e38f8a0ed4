//! Checked tree to bytecode.
//!
//! Variables live in the first registers of a frame, temporaries in a stack above them; the arguments of a call are
//! the topmost temporaries, so that a sub's frame can begin right there. Operators on literals are worked out here,
//! and literal patterns are compiled here: a wrong one is a mistake of the rule, not of a request.

mod expression;
mod statement;

use crate::ast::{Statement, StatementKind};
use crate::builtin::{Kind, Param};
use crate::byte_string::ByteString;
use crate::call::LONG_BYTES;
use crate::check::{Checked, Unit};
use crate::program::{Constant, Op, Program, Register, Site, SubCode};
use pattern::{Case, Pattern};
use source::{Diagnostic, DiagnosticId, Span};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The arguments of a call, in temporaries that follow each other.
#[derive(Clone, Copy)]
struct Given {
    base: Register,
    count: usize,
    /// The call's literal pattern.
    pattern: Option<u16>,
}

/// What the lowering must know of a builtin.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) returns: Kind,
    pub(crate) params: &'static [Param],
}

/// The program, or what is wrong after all: patterns, and a rule that is too large for the machine's numbers.
pub(crate) fn lower(checked: &Checked, rows: &[Row], fingerprint: u64) -> Result<Program, Vec<Diagnostic>> {
    let Some(unit) = checked.units.first() else { return Err(Vec::new()) };
    let mut lowering = Lowering {
        rows,
        unit,
        program: Program { fingerprint, ..Program::default() },
        constants: BTreeMap::new(),
        next: 0,
        highest: 0,
        loops: Vec::new(),
        is_in_sub: false,
        span: Span::default(),
        too_large: None,
        diagnostics: Vec::new(),
    };
    lowering.frame(unit, checked.body_slots, &unit.ast.body);
    lowering.program.registers = lowering.highest();
    lowering.is_in_sub = true;
    for sub in &checked.subs {
        let (Some(unit), entry) = (checked.units.get(sub.unit), lowering.program.code.len()) else {
            continue;
        };
        let Some(declaration) = unit.ast.subs.get(sub.declaration) else { continue };
        lowering.frame(unit, sub.slots, &declaration.body);
        let entry = u32::try_from(entry).unwrap_or(u32::MAX);
        lowering.program.subs.push(SubCode { entry, registers: lowering.highest() });
    }
    if let Some(span) = lowering.too_large {
        let diagnostic = Diagnostic::error(DiagnosticId("rule-too-large"), "the rule is too large")
            .at(&lowering.unit.ast.source, span, "no room is left here")
            .help("split it into several rules, or keep long lists elsewhere");
        lowering.diagnostics.push(diagnostic);
    }
    if lowering.diagnostics.is_empty() { Ok(lowering.program) } else { Err(lowering.diagnostics) }
}

struct Lowering<'a> {
    rows: &'a [Row],
    /// The text that is being lowered.
    unit: &'a Unit,
    program: Program,
    /// Numbers of the constants, so that each is kept once.
    constants: BTreeMap<ConstantKey, u16>,
    /// The lowest free register.
    next: u32,
    /// One more than the highest used.
    highest: u32,
    loops: Vec<Loop>,
    is_in_sub: bool,
    span: Span,
    too_large: Option<Span>,
    diagnostics: Vec<Diagnostic>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum ConstantKey {
    Integer(i64),
    /// Its bits.
    Double(u64),
    String(ByteString),
}

/// A loop or a switch, with the jumps out of it that do not know their target yet.
struct Loop {
    breaks: Vec<usize>,
    /// `None` for a switch, which has no next round.
    continues: Option<Vec<usize>>,
}

impl<'a> Lowering<'a> {
    fn frame(&mut self, unit: &'a Unit, slots: u16, body: &'a [Statement]) {
        self.unit = unit;
        let from = u32::try_from(self.program.code.len()).unwrap_or(u32::MAX);
        self.program.sources.push((from, Arc::clone(&unit.ast.source)));
        self.next = u32::from(slots);
        self.highest = self.next;
        for statement in body {
            self.statement(statement);
        }
        self.emit(if self.is_in_sub { Op::ReturnEmpty } else { Op::End });
    }

    fn highest(&self) -> u16 {
        u16::try_from(self.highest).unwrap_or(u16::MAX)
    }

    fn emit(&mut self, op: Op) -> usize {
        self.program.code.push(op);
        self.program.spans.push(self.span);
        self.program.code.len() - 1
    }

    fn here(&self) -> u32 {
        u32::try_from(self.program.code.len()).unwrap_or(u32::MAX)
    }

    /// Gives a jump that was emitted before its target: here.
    fn patch(&mut self, at: usize) {
        self.patch_to(at, self.here());
    }

    fn patch_to(&mut self, at: usize, to: u32) {
        if let Some(Op::Jump { target } | Op::JumpIf { target, .. } | Op::JumpUnless { target, .. }) =
            self.program.code.get_mut(at)
        {
            *target = to;
        }
    }

    fn jump(&mut self) -> usize {
        self.emit(Op::Jump { target: 0 })
    }

    /// A free register; it is given back by setting `next` to what it was.
    fn temporary(&mut self) -> Register {
        let register = self.next;
        self.next = register.saturating_add(1);
        self.highest = self.highest.max(self.next);
        self.fit(register)
    }

    fn fit<T: Default>(&mut self, number: impl TryInto<T>) -> T {
        number.try_into().unwrap_or_else(|_| {
            self.too_large.get_or_insert(self.span);
            T::default()
        })
    }

    fn constant(&mut self, constant: Constant) -> u16 {
        let key = match &constant {
            Constant::Integer(value) => ConstantKey::Integer(*value),
            Constant::Double(value) => ConstantKey::Double(value.to_bits()),
            Constant::String(text) => ConstantKey::String(text.clone()),
        };
        if let Some(index) = self.constants.get(&key) {
            return *index;
        }
        if let Constant::String(text) = &constant
            && text.len() as u64 >= LONG_BYTES
        {
            self.program.long_constant = Some(constant.clone());
        }
        let index = self.fit(self.program.constants.len());
        self.program.constants.push(constant);
        self.constants.insert(key, index);
        index
    }

    fn site(&mut self, builtin: usize, pattern: Option<u16>) -> u16 {
        let builtin = self.fit(builtin);
        let index = self.fit(self.program.sites.len());
        self.program.sites.push(Site { builtin, pattern });
        index
    }

    fn pattern(&mut self, text: &[u8], case: Case, span: Span) -> Option<u16> {
        match Pattern::new(text, case) {
            Ok(pattern) => {
                let index = self.fit(self.program.patterns.len());
                self.program.patterns.push(Arc::new(pattern));
                Some(index)
            }
            Err(error) => {
                let message = format!("bad regular expression: {error}");
                let diagnostic = Diagnostic::error(DiagnosticId("bad-pattern"), message).at(
                    &self.unit.ast.source,
                    span,
                    "not a regular expression",
                );
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }
}

/// Blocks need no code of their own.
fn is_nothing(statement: &Statement) -> bool {
    matches!(statement.kind, StatementKind::Empty)
}
