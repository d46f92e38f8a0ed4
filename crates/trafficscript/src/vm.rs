//! The machine: registers, a program counter and its own frames, so it can stop in the middle and go on later.

#![warn(clippy::indexing_slicing)]

mod frame;
mod registers;

use crate::builtin::{Builtins, Host};
use crate::call::{Captures, Scratch};
use crate::fault::{Fault, FaultKind};
use crate::limits::{CONTAINER_DEPTH_MAX, REGISTERS_AN_INSTRUCTION, RunLimits};
use crate::program::{Program, Register};
use crate::value::{NestedTooDeep, Value};
use frame::{Frame, Left};
use registers::{Registers, Window};
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
    registers: Registers,
    /// Of the registers, those of the running frame.
    frame: Window,
    at: usize,
    callers: Vec<Caller>,
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
    /// For the value of this register of the running frame.
    Waiting(Register),
    Over,
}

/// A caller that is waited on by a sub.
#[derive(Debug)]
struct Caller {
    at: usize,
    frame: Window,
    to: Register,
}

impl From<NestedTooDeep> for FaultKind {
    fn from(_: NestedTooDeep) -> Self {
        Self::NestedTooDeep(CONTAINER_DEPTH_MAX)
    }
}

impl Run {
    /// A run that has not begun.
    #[inline]
    pub fn new(program: Arc<Program>, limits: &RunLimits) -> Self {
        let frame = Window { base: 0, size: usize::from(program.registers) };
        let mut scratch = Scratch::new(limits);
        if let Some(long) = &program.long_constant {
            scratch.notice(&long.value());
        }
        Self {
            registers: Registers::new(frame.size),
            program,
            frame,
            at: 0,
            callers: Vec::new(),
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
            State::Waiting(to) => {
                if let Err(kind) = self.take_answer(to, answer.unwrap_or_default()) {
                    return self.faulted(kind);
                }
            }
        }
        if self.program.fingerprint != builtins.fingerprint() {
            return self.faulted(FaultKind::WrongTable);
        }
        loop {
            let mut frame = Frame {
                program: &self.program,
                registers: self.registers.of(self.frame),
                scratch: &mut self.scratch,
                builtins,
                host,
            };
            let (at, left) = frame.go(self.at);
            self.at = at;
            if let Some(fault) = self.scratch.take_struck() {
                return Step::Faulted(fault);
            }
            let gone_on = match left {
                Left::End => return Step::Finished,
                Left::Waiting(to) => {
                    self.state = State::Waiting(to);
                    return Step::Suspended;
                }
                Left::Fault(kind) => Err(kind),
                Left::Calling { sub, count, base, to } => self.enter(sub, count, base, to),
                Left::Giving(value) => match self.callers.pop() {
                    Some(caller) => {
                        self.go_back(&caller, value);
                        Ok(())
                    }
                    None => return Step::Finished,
                },
                Left::Restarting => self.restart(),
            };
            if let Err(kind) = gone_on {
                return self.faulted(kind);
            }
        }
    }

    /// After a wait: fuel for the next stretch, and the value of the call.
    fn take_answer(&mut self, to: Register, value: Value) -> Result<(), FaultKind> {
        self.spent = self.instructions();
        self.scratch.fuel = self.scratch.limits.instructions_max;
        self.scratch.notice(&value);
        let given =
            if std::mem::take(&mut self.captures_given) { self.scratch.take_captures_in() } else { 0 };
        let charged = self.scratch.charge(value.weight().saturating_add(given));
        self.put(to, value);
        charged
    }

    fn put(&mut self, to: Register, value: Value) {
        if let Some(register) = self.registers.of(self.frame).get_mut(usize::from(to)) {
            *register = value;
        }
    }

    fn enter(&mut self, sub: u16, count: u8, base: Register, to: Register) -> Result<(), FaultKind> {
        let limit = self.scratch.limits.sub_depth_max;
        if self.callers.len() >= limit as usize {
            return Err(FaultKind::TooDeep(limit));
        }
        let code = self.program.subs.get(usize::from(sub)).copied().unwrap_or_default();
        self.scratch.burn(u64::from(code.registers) / REGISTERS_AN_INSTRUCTION)?;
        self.callers.push(Caller { at: self.at, frame: self.frame, to });
        self.frame = Window { base: self.frame.base + usize::from(base), size: usize::from(code.registers) };
        // What stands behind the arguments are temporaries of the caller that nobody needs any more.
        self.registers.grow(self.frame);
        self.registers.clear(self.frame, usize::from(count));
        self.at = code.entry as usize;
        Ok(())
    }

    fn go_back(&mut self, caller: &Caller, value: Value) {
        self.registers.clear(self.frame, 0);
        self.frame = caller.frame;
        self.at = caller.at;
        self.put(caller.to, value);
    }

    /// Begins again with empty variables; fuel, memory and `$1` … `$9` are what they are.
    fn restart(&mut self) -> Result<(), FaultKind> {
        let size = usize::from(self.program.registers);
        self.scratch.burn(size as u64 / REGISTERS_AN_INSTRUCTION)?;
        self.callers.clear();
        self.registers.clear(Window { base: 0, size: self.frame.base + self.frame.size }, 0);
        self.frame = Window { base: 0, size };
        self.registers.clear(self.frame, 0);
        self.at = 0;
        Ok(())
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

    /// Counts the memory of the run anew: what its variables hold now, and not what it has made and let go. For a host
    /// whose rules go on for as long as something flows.
    pub fn count_what_is_held(&mut self) {
        let held = self.registers.held_bytes().saturating_add(self.scratch.captures.held_bytes());
        self.scratch.memory_left = self.scratch.limits.memory_bytes_max.saturating_sub(held);
    }

    /// `$1` … `$9` as they are now.
    #[cfg(test)]
    pub(crate) fn capture(&self, number: usize) -> Value {
        self.scratch.captures.value(number)
    }
}
