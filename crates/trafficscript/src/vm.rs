//! The machine: registers, a program counter and its own frames, so it can stop in the middle and go on later.

#![warn(clippy::indexing_slicing)]

use crate::builtin::{Answer, Builtins, Host};
use crate::call::{Call, CallSite, Captures, Scratch};
use crate::fault::{Fault, FaultKind, Warning};
use crate::limits::{CONTAINER_DEPTH_MAX, RunLimits};
use crate::operator::{self, Binary};
use crate::place;
use crate::program::{Constant, Op, Program, Register};
use crate::table::Table;
use crate::value::{NestedTooDeep, Value};
use std::sync::Arc;

/// What a rule has come to.
#[derive(Debug)]
pub enum Step {
    /// The rule is over.
    Finished,
    /// A function waits for something; `resume` with what the call is to give.
    Suspended,
    /// The rule was ended.
    Faulted(Fault),
}

/// One run of a rule.
#[derive(Debug)]
pub struct Run {
    program: Arc<Program>,
    registers: Vec<Value>,
    /// Where the running frame's registers begin.
    base: usize,
    at: usize,
    frames: Vec<Frame>,
    scratch: Scratch,
    /// Instructions before the last wait.
    spent: u64,
    /// The host may have set captures since the run last went on.
    captures_given: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Ready,
    /// For the value of this register, counted from the first frame.
    Waiting(usize),
    Over,
}

/// A caller that is waited on by a sub.
#[derive(Debug)]
struct Frame {
    at: usize,
    base: usize,
    registers: u16,
    to: Register,
}

impl From<NestedTooDeep> for FaultKind {
    fn from(_: NestedTooDeep) -> Self {
        Self::NestedTooDeep(CONTAINER_DEPTH_MAX)
    }
}

/// Why the machine stops.
enum Stop {
    End,
    Wait(Register),
    Fault(FaultKind),
}

impl<T: Into<FaultKind>> From<T> for Stop {
    fn from(kind: T) -> Self {
        Self::Fault(kind.into())
    }
}

impl Run {
    /// A run that has not begun.
    pub fn new(program: Arc<Program>, limits: &RunLimits) -> Self {
        let mut registers = Vec::new();
        registers.resize_with(usize::from(program.registers), || Value::EMPTY);
        let mut scratch = Scratch::new(limits);
        if let Some(long) = &program.long_constant {
            scratch.notice(&long.value());
        }
        Self {
            program,
            registers,
            base: 0,
            at: 0,
            frames: Vec::new(),
            scratch,
            spent: 0,
            captures_given: false,
            state: State::Ready,
        }
    }

    /// Instructions since the start.
    pub fn instructions(&self) -> u64 {
        self.spent + (self.scratch.limits.instructions_max - self.scratch.fuel)
    }

    /// Goes on until the rule is over, has to wait, or fails. After a wait `answer` is the value of the call that
    /// waited (`None`: the empty string) and the rule goes on behind that call; otherwise it is not looked at. A
    /// rule that is over stays so.
    pub fn resume<H: Host>(&mut self, builtins: &Builtins<H>, host: &mut H, answer: Option<Value>) -> Step {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Ready => {}
            State::Over => return Step::Finished,
            State::Waiting(place) => {
                self.spent = self.instructions();
                self.scratch.fuel = self.scratch.limits.instructions_max;
                let value = answer.unwrap_or_default();
                self.scratch.notice(&value);
                let given = if std::mem::take(&mut self.captures_given) {
                    self.scratch.take_captures_in()
                } else {
                    0
                };
                let charged = self.scratch.charge(value.weight().saturating_add(given));
                if let Some(register) = self.registers.get_mut(place) {
                    *register = value;
                }
                if let Err(kind) = charged {
                    return self.faulted(kind);
                }
            }
        }
        let program = Arc::clone(&self.program);
        if program.fingerprint != builtins.fingerprint() {
            return self.faulted(FaultKind::WrongTable);
        }
        let mut machine = Machine { run: self, program: &program, builtins, host, empty: Value::EMPTY };
        match machine.go() {
            Stop::End => Step::Finished,
            Stop::Wait(to) => {
                self.state = State::Waiting(self.base + usize::from(to));
                Step::Suspended
            }
            Stop::Fault(kind) => self.faulted(kind),
        }
    }

    fn faulted(&self, kind: FaultKind) -> Step {
        let (source, span) = self.program.place(self.at.saturating_sub(1));
        Step::Faulted(Fault { kind, source: Arc::clone(source), span })
    }

    /// `$1` … `$9`, for a host whose waited answer is more than one value: set them before [`Self::resume`]. What
    /// they hold then counts as memory the run has made.
    pub fn captures(&mut self) -> &mut Captures {
        self.captures_given = true;
        &mut self.scratch.captures
    }

    /// `$1` … `$9` as they are now.
    #[cfg(test)]
    pub(crate) fn capture(&self, number: usize) -> Value {
        self.scratch.captures.value(number)
    }
}

struct Machine<'a, H> {
    run: &'a mut Run,
    program: &'a Program,
    builtins: &'a Builtins<H>,
    host: &'a mut H,
    empty: Value,
}

impl<H: Host> Machine<'_, H> {
    fn go(&mut self) -> Stop {
        loop {
            if let Err(stop) = self.instruction() {
                return stop;
            }
        }
    }

    #[inline]
    fn instruction(&mut self) -> Result<(), Stop> {
        let Some(&op) = self.program.code.get(self.run.at) else { return Err(Stop::End) };
        self.run.at += 1;
        self.run.scratch.burn(1)?;
        match op {
            Op::Constant { to, index } => {
                let value =
                    self.program.constants.get(usize::from(index)).map_or(Value::EMPTY, Constant::value);
                self.set(to, value);
            }
            Op::Copy { to, from } => self.set(to, self.get(from).clone()),
            Op::Assign { to, from } => self.keep(to, self.get(from).clone())?,
            Op::Keep { to, from } => {
                let value = self.take(from);
                self.keep(to, value)?;
            }
            Op::LoadCapture { to, number } => {
                self.set(to, self.run.scratch.captures.value(usize::from(number)));
            }
            Op::StoreCapture { from, number } => {
                let value = self.own(self.get(from).clone())?;
                self.run.scratch.captures.set(usize::from(number), value);
            }
            Op::Unary { operator, to, from } => self.set(to, operator::unary(operator, self.get(from))),
            Op::Binary { operator, to, left, right } => self.binary(operator, to, left, right)?,
            Op::Append { to, more } => self.append(to, more)?,
            Op::Truth { to, from } => self.set(to, Value::from(self.get(from).truth())),
            Op::Jump { target } => self.run.at = target as usize,
            Op::JumpIf { condition, target } => {
                if self.get(condition).truth() {
                    self.run.at = target as usize;
                }
            }
            Op::JumpUnless { condition, target } => {
                if !self.get(condition).truth() {
                    self.run.at = target as usize;
                }
            }
            Op::Array { to, base, count } => self.array(to, base, count)?,
            Op::Hash { to, base, count } => self.hash(to, base, count)?,
            Op::Index { to, container, key } => self.index(to, container, key),
            Op::Write { container, base, count } => self.write(container, base, count)?,
            Op::Call { count, site, base, to } => self.call(count, site, base, to)?,
            Op::CallSub { count, sub, base, to } => self.call_sub(count, sub, base, to)?,
            Op::Return { from } => {
                let value = self.take(from);
                self.leave(value)?;
            }
            Op::ReturnEmpty => self.leave(Value::EMPTY)?,
            Op::End => return Err(Stop::End),
            Op::Restart => self.restart(),
            Op::Each { state, from } => self.each(state, from)?,
            Op::Next { to, state } => self.next(to, state)?,
        }
        Ok(())
    }

    #[inline]
    fn get(&self, register: Register) -> &Value {
        self.run.registers.get(self.run.base + usize::from(register)).unwrap_or(&self.empty)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "it ends most instructions; a call costs more than the work")]
    fn set(&mut self, register: Register, value: Value) {
        if let Some(place) = self.run.registers.get_mut(self.run.base + usize::from(register)) {
            *place = value;
        }
    }

    #[inline]
    fn take(&mut self, register: Register) -> Value {
        let place = self.run.registers.get_mut(self.run.base + usize::from(register));
        place.map(std::mem::take).unwrap_or_default()
    }

    fn keep(&mut self, to: Register, value: Value) -> Result<(), FaultKind> {
        let value = self.own(value)?;
        self.set(to, value);
        Ok(())
    }

    /// As it is stored; what had to be copied is charged.
    #[inline]
    fn own(&mut self, value: Value) -> Result<Value, FaultKind> {
        if !value.is_container() {
            return Ok(value);
        }
        let (value, copied) = place::own(value)?;
        self.run.scratch.charge(copied)?;
        Ok(value)
    }

    fn warn(&mut self, text: impl Into<String>) {
        let (source, span) = self.program.place(self.run.at.saturating_sub(1));
        self.host.warn(Warning { text: text.into(), source: Arc::clone(source), span });
    }

    #[inline]
    fn binary(
        &mut self,
        operator: Binary,
        to: Register,
        left: Register,
        right: Register,
    ) -> Result<(), FaultKind> {
        let (left, right) = (self.get(left), self.get(right));
        let work = if self.run.scratch.is_heavy() { work(left) + work(right) } else { 0 };
        if operator == Binary::Concat && work > 0 {
            // Before it is made: two long strings make one that is as long as both.
            let length = left.to_text().len() + right.to_text().len();
            if length as u64 > self.run.scratch.memory_left {
                return Err(FaultKind::OutOfMemory(self.run.scratch.limits.memory_bytes_max));
            }
        }
        let (value, odd) = operator::binary(operator, left, right);
        if work > 0 {
            self.run.scratch.burn(work)?;
        }
        if operator == Binary::Concat {
            self.run.scratch.charge(value.weight())?;
        }
        if let Some(odd) = odd {
            self.warn(odd);
        }
        self.set(to, value);
        Ok(())
    }

    fn append(&mut self, to: Register, more: Register) -> Result<(), FaultKind> {
        let more = self.get(more).clone();
        let old = self.take(to);
        if old.is_container() || more.is_container() {
            self.warn(operator::CONTAINER_AS_SCALAR);
        }
        let more = more.to_text();
        let mut text = match old {
            Value::String(text) => text,
            other => other.to_text(),
        };
        // A string that has to move is charged whole, one that grows in its place only by what is added.
        let is_alone = text.owned_bytes() > 0;
        let moved = if is_alone { 0 } else { text.shared_length() };
        let charged = if more.len() + text.len() > 22 { more.len() as u64 + u64::from(moved) } else { 0 };
        self.run.scratch.charge(charged)?;
        text.append(&more);
        self.set(to, Value::String(text));
        Ok(())
    }

    fn array(&mut self, to: Register, base: Register, count: u16) -> Result<(), FaultKind> {
        let mut items = Vec::with_capacity(usize::from(count));
        for number in 0..count {
            let value = self.take(base.saturating_add(number));
            items.push(self.own(value)?);
        }
        self.run.scratch.charge(u64::from(count) * size_of::<Value>() as u64)?;
        self.set(to, Value::array(items));
        Ok(())
    }

    fn hash(&mut self, to: Register, base: Register, count: u16) -> Result<(), FaultKind> {
        let mut table = Table::default();
        for number in 0..count {
            let key = self.take(base.saturating_add(number * 2)).to_text();
            let value = self.take(base.saturating_add(number * 2 + 1));
            let value = self.own(value)?;
            self.run.scratch.charge(place::ENTRY_BYTES + key.len() as u64)?;
            table.insert(key, value);
        }
        self.set(to, Value::hash(table));
        Ok(())
    }

    fn index(&mut self, to: Register, container: Register, key: Register) {
        let (value, odd) = place::read(self.get(container), self.get(key));
        if let Some(odd) = odd {
            self.warn(odd);
        }
        self.set(to, value);
    }

    fn write(&mut self, container: Register, base: Register, count: u16) -> Result<(), FaultKind> {
        let mut target = self.take(container);
        let keys: Vec<Value> = (0..count).map(|number| self.take(base.saturating_add(number))).collect();
        let value = self.take(base.saturating_add(count));
        let outcome = self.own(value).map(|value| place::write(&mut target, &keys, value));
        self.set(container, target);
        match outcome? {
            Ok(bytes) => self.run.scratch.charge(bytes)?,
            Err(odd) => self.warn(odd),
        }
        Ok(())
    }

    #[inline]
    fn call(&mut self, count: u8, site: u16, base: Register, to: Register) -> Result<(), Stop> {
        let first = self.run.base + usize::from(base);
        let site = self.program.sites.get(usize::from(site));
        let (Some(site), Some(arguments)) = (site, self.run.registers.get(first..first + usize::from(count)))
        else {
            return Err(Stop::Fault(FaultKind::WrongTable));
        };
        let Some(row) = self.builtins.row(usize::from(site.builtin)) else {
            return Err(Stop::Fault(FaultKind::WrongTable));
        };
        if self.run.scratch.is_heavy() {
            self.run.scratch.burn(arguments.iter().map(work).sum())?;
        }
        let pattern = site.pattern.and_then(|pattern| self.program.patterns.get(usize::from(pattern)));
        let site = CallSite { program: self.program, at: self.run.at - 1, pattern };
        match (row.call)(&mut Call::new(self.host, arguments, &mut self.run.scratch, site)) {
            Answer::Value(value) => {
                self.run.scratch.notice(&value);
                self.run.scratch.charge(value.weight())?;
                self.set(to, value);
                Ok(())
            }
            Answer::Wait => Err(Stop::Wait(to)),
            Answer::EndRule => Err(Stop::End),
            Answer::Fault(kind) => Err(Stop::Fault(kind)),
        }
    }

    fn call_sub(&mut self, count: u8, sub: u16, base: Register, to: Register) -> Result<(), FaultKind> {
        let limit = self.run.scratch.limits.sub_depth_max;
        if self.run.frames.len() >= limit as usize {
            return Err(FaultKind::TooDeep(limit));
        }
        let code = self.program.subs.get(usize::from(sub)).copied().unwrap_or_default();
        let begin = self.run.base + usize::from(base);
        let registers = u16::try_from(self.run.registers.len() - self.run.base).unwrap_or(u16::MAX);
        self.run.frames.push(Frame { at: self.run.at, base: self.run.base, registers, to });
        // What stands behind the arguments are temporaries nobody needs any more.
        self.run.registers.truncate(begin + usize::from(count));
        self.run.registers.resize_with(begin + usize::from(code.registers), || Value::EMPTY);
        self.run.base = begin;
        self.run.at = code.entry as usize;
        Ok(())
    }

    fn leave(&mut self, value: Value) -> Result<(), Stop> {
        let Some(frame) = self.run.frames.pop() else { return Err(Stop::End) };
        self.run.registers.truncate(self.run.base);
        self.run.registers.resize_with(frame.base + usize::from(frame.registers), || Value::EMPTY);
        self.run.base = frame.base;
        self.run.at = frame.at;
        self.set(frame.to, value);
        Ok(())
    }

    fn restart(&mut self) {
        self.run.frames.clear();
        self.run.registers.clear();
        self.run.registers.resize_with(usize::from(self.program.registers), || Value::EMPTY);
        self.run.base = 0;
        self.run.at = 0;
    }

    fn each(&mut self, state: Register, from: Register) -> Result<(), FaultKind> {
        if self.run.scratch.is_heavy() {
            // Before they are copied: a rule without fuel for it should not have the work done.
            self.run.scratch.burn(work_on_other(self.get(from)))?;
        }
        let items = match self.get(from) {
            Value::Array(items) => Some(items.borrow().clone()),
            Value::Hash(table) => {
                Some(table.borrow().iter().map(|(key, _)| Value::String(key.clone())).collect())
            }
            _ => None,
        };
        let items = items.unwrap_or_else(|| {
            self.warn("foreach goes over something that is no array");
            Vec::new()
        });
        self.run.scratch.charge((items.len() * size_of::<Value>()) as u64)?;
        self.set(state, Value::array(items));
        self.set(state.saturating_add(1), Value::Integer(0));
        Ok(())
    }

    fn next(&mut self, to: Register, state: Register) -> Result<(), FaultKind> {
        let number = self.get(state.saturating_add(1)).to_integer();
        let item = match self.get(state) {
            Value::Array(items) => items.borrow().get(usize::try_from(number).unwrap_or(usize::MAX)).cloned(),
            _ => None,
        };
        let Some(item) = item else { return Ok(()) };
        self.set(state.saturating_add(1), Value::Integer(number.saturating_add(1)));
        self.run.at += 1;
        self.keep(to, item)
    }
}

/// What a value makes an operation on it cost, besides 1: one for 4 KiB of text, for 16 elements. Not looked at
/// while no value of the run can be that long.
#[inline]
fn work(value: &Value) -> u64 {
    match value {
        Value::String(text) => u64::from(text.shared_length() >> 12),
        other => work_on_other(other),
    }
}

fn work_on_other(value: &Value) -> u64 {
    match value {
        Value::Integer(_) | Value::Double(_) | Value::String(_) => 0,
        Value::Array(items) => items.borrow().len() as u64 / 16,
        Value::Hash(table) => table.borrow().len() as u64 / 16,
    }
}
