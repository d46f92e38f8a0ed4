//! The instructions of one frame, until it calls a sub, gives a value back, waits or ends.

use crate::builtin::{Answer, Builtins, Host};
use crate::call::{Call, CallSite, Scratch};
use crate::fault::{FaultKind, Warning};
use crate::operator::{self, Binary, Unary};
use crate::place;
use crate::program::{Constant, Op, Program, Register};
use crate::table::Table;
use crate::value::{ENTRY_BYTES, Value};
use std::sync::Arc;

/// What a frame comes to.
pub(super) enum Left {
    /// The rule is over.
    End,
    /// For the value of a register.
    Waiting(Register),
    Fault(FaultKind),
    /// A sub is called with `count` values from `base`.
    Calling {
        sub: u16,
        count: u8,
        base: Register,
        to: Register,
    },
    /// The sub gives this back.
    Giving(Value),
    Restarting,
}

impl From<FaultKind> for Left {
    fn from(kind: FaultKind) -> Self {
        Self::Fault(kind)
    }
}

pub(super) struct Frame<'a, H> {
    pub(super) program: &'a Program,
    pub(super) registers: &'a mut [Value],
    pub(super) scratch: &'a mut Scratch,
    pub(super) builtins: &'a Builtins<H>,
    pub(super) host: &'a mut H,
}

/// What a register reads as that is not there.
const NOTHING: &Value = &Value::EMPTY;

impl<H: Host> Frame<'_, H> {
    /// Runs from an instruction on; gives the one after the last that was run.
    pub(super) fn go(&mut self, from: usize) -> (usize, Left) {
        let program = self.program;
        let mut at = from;
        /// Leaves the frame where something went wrong.
        macro_rules! sound {
            ($result:expr) => {
                match $result {
                    Ok(value) => value,
                    Err(why) => return (at, Left::from(why)),
                }
            };
        }
        loop {
            let Some(op) = program.code.get(at) else { return (at, Left::End) };
            at += 1;
            sound!(self.scratch.burn(1));
            match *op {
                Op::Constant { to, index } => {
                    let value =
                        program.constants.get(usize::from(index)).map_or(Value::EMPTY, Constant::value);
                    self.set(to, value);
                }
                Op::Copy { to, from } => self.set(to, self.get(from).clone()),
                Op::Assign { to, from } => sound!(self.keep(to, self.get(from).clone())),
                Op::Keep { to, from } => {
                    let value = self.take(from);
                    sound!(self.keep(to, value));
                }
                Op::LoadCapture { to, number } => {
                    self.set(to, self.scratch.captures.value(usize::from(number)));
                }
                Op::StoreCapture { from, number } => {
                    let value = sound!(self.own(self.get(from).clone()));
                    self.scratch.captures.set(usize::from(number), value);
                }
                Op::Unary { operator, to, from } => sound!(self.unary(operator, to, from)),
                Op::Binary { operator, to, left, right } => {
                    sound!(self.binary(at, operator, to, (left, right)));
                }
                Op::Append { to, more } => sound!(self.append(at, to, more)),
                Op::Truth { to, from } => self.set(to, Value::from(self.get(from).truth())),
                Op::Jump { target } => at = target as usize,
                Op::JumpIf { condition, target } => {
                    if self.get(condition).truth() {
                        at = target as usize;
                    }
                }
                Op::JumpUnless { condition, target } => {
                    if !self.get(condition).truth() {
                        at = target as usize;
                    }
                }
                Op::Array { to, base, count } => sound!(self.array(to, base, count)),
                Op::Hash { to, base, count } => sound!(self.hash(to, base, count)),
                Op::Index { to, container, key } => sound!(self.index(at, to, container, key)),
                Op::Write { container, base, count } => sound!(self.write(at, container, base, count)),
                Op::Call { count, site, base, to } => sound!(self.call(at, site, (base, count), to)),
                Op::CallSub { count, sub, base, to } => {
                    return (at, Left::Calling { sub, count, base, to });
                }
                Op::Return { from } => return (at, Left::Giving(self.take(from))),
                Op::ReturnEmpty => return (at, Left::Giving(Value::EMPTY)),
                Op::End => return (at, Left::End),
                Op::Restart => return (at, Left::Restarting),
                Op::Each { state, from } => sound!(self.each(at, state, from)),
                Op::Next { to, state } => at += usize::from(sound!(self.next(to, state))),
            }
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "it begins most instructions; a call costs more than the work")]
    fn get(&self, register: Register) -> &Value {
        self.registers.get(usize::from(register)).unwrap_or(NOTHING)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "it ends most instructions; a call costs more than the work")]
    fn set(&mut self, register: Register, value: Value) {
        if let Some(place) = self.registers.get_mut(usize::from(register)) {
            *place = value;
        }
    }

    #[inline]
    fn take(&mut self, register: Register) -> Value {
        self.registers.get_mut(usize::from(register)).map(std::mem::take).unwrap_or_default()
    }

    #[inline]
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
        self.scratch.own(value)
    }

    #[cold]
    fn warn(&mut self, at: usize, text: &str) {
        let (source, span) = self.program.place(at.saturating_sub(1));
        let warning = Warning { text: text.to_owned(), source: Arc::clone(source), span };
        self.scratch.strike(&warning);
        self.host.warn(warning);
    }

    #[inline]
    fn unary(&mut self, operator: Unary, to: Register, from: Register) -> Result<(), FaultKind> {
        if operator != Unary::Not && self.scratch.is_heavy() {
            self.scratch.burn(work(self.get(from)) * NUMBER_WORK)?;
        }
        self.set(to, operator::unary(operator, self.get(from)));
        Ok(())
    }

    #[inline]
    fn binary(
        &mut self,
        at: usize,
        operator: Binary,
        to: Register,
        (left, right): (Register, Register),
    ) -> Result<(), FaultKind> {
        let (left, right) = (self.get(left), self.get(right));
        let work = if self.scratch.is_heavy() { work(left) + work(right) } else { 0 };
        if operator == Binary::Concat && work > 0 {
            // Before it is made: two long strings make one that is as long as both.
            let length = left.to_text().len() + right.to_text().len();
            if length as u64 > self.scratch.memory_left {
                return Err(FaultKind::OutOfMemory(self.scratch.limits.memory_bytes_max));
            }
        }
        let (value, odd) = operator::binary(operator, left, right);
        if work > 0 {
            self.scratch.burn(work * NUMBER_WORK)?;
        }
        if operator == Binary::Concat {
            self.scratch.charge(value.weight())?;
        }
        if let Some(odd) = odd {
            self.warn(at, odd);
        }
        self.set(to, value);
        Ok(())
    }

    fn append(&mut self, at: usize, to: Register, more: Register) -> Result<(), FaultKind> {
        let more = self.get(more).clone();
        let old = self.take(to);
        if old.is_container() || more.is_container() {
            self.warn(at, operator::CONTAINER_AS_SCALAR);
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
        self.scratch.charge(charged)?;
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
        self.scratch.charge(u64::from(count) * size_of::<Value>() as u64)?;
        self.set(to, Value::array(items));
        Ok(())
    }

    fn hash(&mut self, to: Register, base: Register, count: u16) -> Result<(), FaultKind> {
        let mut table = Table::default();
        for number in 0..count {
            let key = self.take(base.saturating_add(number * 2)).to_text();
            let value = self.take(base.saturating_add(number * 2 + 1));
            let value = self.own(value)?;
            self.scratch.charge(ENTRY_BYTES + key.len() as u64)?;
            table.insert(key, value);
        }
        self.set(to, Value::hash(table));
        Ok(())
    }

    fn index(
        &mut self,
        at: usize,
        to: Register,
        container: Register,
        key: Register,
    ) -> Result<(), FaultKind> {
        if self.scratch.is_heavy() {
            self.scratch.burn(work(self.get(key)) * KEY_WORK)?;
        }
        let (value, odd) = place::read(self.get(container), self.get(key));
        if let Some(odd) = odd {
            self.warn(at, odd);
        }
        self.set(to, value);
        Ok(())
    }

    fn write(&mut self, at: usize, container: Register, base: Register, count: u16) -> Result<(), FaultKind> {
        let keys: Vec<Value> = (0..count).map(|number| self.take(base.saturating_add(number))).collect();
        if self.scratch.is_heavy() {
            self.scratch.burn(keys.iter().map(work).sum::<u64>() * KEY_WORK)?;
        }
        let mut target = self.take(container);
        let value = self.take(base.saturating_add(count));
        let outcome = self.own(value).map(|value| place::write(&mut target, &keys, value));
        self.set(container, target);
        match outcome? {
            Ok(bytes) => self.scratch.charge(bytes)?,
            Err(odd) => self.warn(at, odd),
        }
        Ok(())
    }

    #[inline]
    fn call(
        &mut self,
        at: usize,
        site: u16,
        (base, count): (Register, u8),
        to: Register,
    ) -> Result<(), Left> {
        let first = usize::from(base);
        let site = self.program.sites.get(usize::from(site));
        let (Some(site), Some(arguments)) = (site, self.registers.get(first..first + usize::from(count)))
        else {
            return Err(Left::Fault(FaultKind::WrongTable));
        };
        let Some(row) = self.builtins.row(usize::from(site.builtin)) else {
            return Err(Left::Fault(FaultKind::WrongTable));
        };
        if self.scratch.is_heavy() {
            self.scratch.burn(arguments.iter().map(work).sum())?;
        }
        let pattern = site.pattern.and_then(|pattern| self.program.patterns.get(usize::from(pattern)));
        let site = CallSite { program: self.program, at: at - 1, pattern };
        match (row.call)(&mut Call::new(self.host, arguments, self.scratch, site)) {
            Answer::Value(value) => {
                self.scratch.notice(&value);
                self.scratch.charge(value.weight())?;
                self.set(to, value);
                Ok(())
            }
            Answer::Wait => Err(Left::Waiting(to)),
            Answer::EndRule => Err(Left::End),
            Answer::Fault(kind) => Err(Left::Fault(kind)),
        }
    }

    fn each(&mut self, at: usize, state: Register, from: Register) -> Result<(), FaultKind> {
        if self.scratch.is_heavy() {
            // Before they are copied: a rule without fuel for it should not have the work done.
            self.scratch.burn(work_on_other(self.get(from)) * COPY_WORK)?;
        }
        let items = match self.get(from) {
            Value::Array(items) => Some(items.borrow().clone()),
            Value::Hash(table) => {
                Some(table.borrow().iter().map(|(key, _)| Value::String(key.clone())).collect())
            }
            _ => None,
        };
        let items = items.unwrap_or_else(|| {
            self.warn(at, "foreach goes over something that is no array");
            Vec::new()
        });
        self.scratch.charge((items.len() * size_of::<Value>()) as u64)?;
        self.set(state, Value::array(items));
        self.set(state.saturating_add(1), Value::Integer(0));
        Ok(())
    }

    /// Whether there was a next element: then the instruction that follows is left out.
    fn next(&mut self, to: Register, state: Register) -> Result<bool, FaultKind> {
        let number = self.get(state.saturating_add(1)).to_integer();
        let item = match self.get(state) {
            Value::Array(items) => items.borrow().get(usize::try_from(number).unwrap_or(usize::MAX)).cloned(),
            _ => None,
        };
        let Some(item) = item else { return Ok(false) };
        self.set(state.saturating_add(1), Value::Integer(number.saturating_add(1)));
        self.keep(to, item)?;
        Ok(true)
    }
}

/// A long text that is read as a number, or compared, costs this many times what it costs to be searched.
const NUMBER_WORK: u64 = 4;

/// An element that is copied costs this many times what one costs that is looked at.
const COPY_WORK: u64 = 4;

/// A long name that is looked for in a hash is compared with up to this many others.
const KEY_WORK: u64 = 16;

/// What a value makes an operation on it cost, besides 1: one for 4 KiB of text, for 64 elements; the texts of
/// elements count as well. Not looked at while no value of the run can be that long.
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
        Value::Array(items) => {
            let items = items.borrow();
            items.len() as u64 / 64 + items.iter().map(text_bytes).sum::<u64>() / 4096
        }
        Value::Hash(table) => {
            let table = table.borrow();
            let texts = table.iter().map(|(key, value)| u64::from(key.shared_length()) + text_bytes(value));
            table.len() as u64 / 64 + texts.sum::<u64>() / 4096
        }
    }
}

fn text_bytes(value: &Value) -> u64 {
    match value {
        Value::String(text) => u64::from(text.shared_length()),
        _ => 0,
    }
}
