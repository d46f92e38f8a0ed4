//! What a function sees of the call it answers.

use crate::builtin::Host;
use crate::byte_string::ByteString;
use crate::fault::{Fault, FaultKind, Warning};
use crate::limits::{
    COPIED_BYTES_AN_INSTRUCTION, PATTERN_CACHE_MAX, PATTERN_COMPILE_COST, PATTERN_SIZE_RUNNING_MAX,
    PATTERN_STEPS_COST, RunLimits, WARNED_BYTES_AN_INSTRUCTION, WARNING_COST,
};
use crate::program::Program;
use crate::value::Value;
use pattern::{Case, Pattern};
use source::{Source, Span};
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// `$1` … `$9` of one run; they may hold any value.
#[derive(Debug, Default)]
pub struct Captures(
    /// None until one of them is set: most rules use none.
    Vec<Value>,
);

const CAPTURES: usize = 9;

/// Strings below this many bytes are too short for work on them to count as more than one instruction.
pub(crate) const LONG_BYTES: u64 = 4096;

impl Captures {
    /// `$number`; empty for numbers other than 1 to 9.
    pub fn value(&self, number: usize) -> Value {
        number.checked_sub(1).and_then(|at| self.0.get(at)).cloned().unwrap_or_default()
    }

    /// Bytes of memory they keep alive.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.0.iter().map(Value::held_bytes).fold(0, u64::saturating_add)
    }

    /// Sets `$number`; other numbers than 1 to 9 are not there.
    pub fn set(&mut self, number: usize, value: impl Into<Value>) {
        if self.0.is_empty() {
            self.0.resize_with(CAPTURES, || Value::EMPTY);
        }
        if let Some(place) = number.checked_sub(1).and_then(|at| self.0.get_mut(at)) {
            *place = value.into();
        }
    }
}

/// What a run keeps besides its registers.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) captures: Captures,
    pub(crate) limits: RunLimits,
    /// Instructions until the run is ended.
    pub(crate) fuel: u64,
    /// Bytes that may still be made.
    pub(crate) memory_left: u64,
    /// While this much memory is left, no string or container can be long enough for work on it to count.
    light_above: u64,
    /// Patterns put together while running; the oldest makes room.
    patterns: Vec<(ByteString, Case, Arc<Pattern>)>,
    next_out: usize,
    /// The warning that ends the run under strict checking, and the fuel there was.
    struck: Option<Box<(Warning, u64)>>,
}

impl Scratch {
    pub(crate) fn new(limits: &RunLimits) -> Self {
        Self {
            captures: Captures::default(),
            limits: *limits,
            fuel: limits.instructions_max,
            memory_left: limits.memory_bytes_max,
            light_above: limits.memory_bytes_max.saturating_sub(LONG_BYTES),
            patterns: Vec::new(),
            next_out: 0,
            struck: None,
        }
    }

    /// A warning costs instructions, so that a rule that warns all the time ends as any other that does too much; under
    /// strict checking the first one ends the run.
    pub(crate) fn strike(&mut self, warning: &Warning) {
        let cost = WARNING_COST + warning.text.len() as u64 / WARNED_BYTES_AN_INSTRUCTION;
        // Without fuel the next instruction is the end.
        self.fuel = self.fuel.saturating_sub(cost);
        if self.limits.strict && self.struck.is_none() {
            self.struck = Some(Box::new((warning.clone(), self.fuel)));
            self.fuel = 0;
        }
    }

    /// The fault of a run that was struck.
    pub(crate) fn take_struck(&mut self) -> Option<Fault> {
        let (Warning { text, source, span }, fuel) = *self.struck.take()?;
        self.fuel = fuel;
        Some(Fault { kind: FaultKind::Strict(text), source, span })
    }

    /// Whether work on values may be so much that it counts.
    #[inline]
    pub(crate) fn is_heavy(&self) -> bool {
        self.memory_left < self.light_above
    }

    /// Takes notice of a value that was not made by the run: it may be long without having been charged.
    #[inline]
    pub(crate) fn notice(&mut self, value: &Value) {
        let is_long = match value {
            Value::String(text) => u64::from(text.shared_length()) >= LONG_BYTES,
            Value::Integer(_) | Value::Double(_) => false,
            Value::Array(_) | Value::Hash(_) => true,
        };
        if is_long {
            self.light_above = u64::MAX;
        }
    }

    /// Takes notice of captures that the host set, and tells what they weigh.
    pub(crate) fn take_captures_in(&mut self) -> u64 {
        let values = std::mem::take(&mut self.captures.0);
        let mut weight = 0;
        for value in &values {
            self.notice(value);
            weight += value.weight();
        }
        self.captures.0 = values;
        weight
    }

    /// Counts instructions.
    #[inline]
    pub(crate) fn burn(&mut self, instructions: u64) -> Result<(), FaultKind> {
        if let Some(left) = self.fuel.checked_sub(instructions) {
            self.fuel = left;
            return Ok(());
        }
        self.fuel = 0;
        Err(FaultKind::OutOfFuel(self.limits.instructions_max))
    }

    /// Counts bytes that were made.
    #[inline]
    pub(crate) fn charge(&mut self, bytes: u64) -> Result<(), FaultKind> {
        match self.memory_left.checked_sub(bytes) {
            Some(left) => {
                self.memory_left = left;
                Ok(())
            }
            None => Err(FaultKind::OutOfMemory(self.limits.memory_bytes_max)),
        }
    }

    /// A value as it is stored: a container that somebody else holds is copied. What is copied counts before it is: a
    /// rule without room or fuel for it should not have the work done.
    pub(crate) fn own(&mut self, value: Value) -> Result<Value, FaultKind> {
        let (value, bytes) = self.copy(value)?;
        self.charge(bytes)?;
        Ok(value)
    }

    /// The same, for whoever counts the bytes that had to be copied.
    pub(crate) fn copy(&mut self, value: Value) -> Result<(Value, u64), FaultKind> {
        if !value.is_shared() {
            return Ok((value, 0));
        }
        let bytes = value.copied_bytes();
        if bytes > self.memory_left {
            return Err(FaultKind::OutOfMemory(self.limits.memory_bytes_max));
        }
        self.burn(bytes / COPIED_BYTES_AN_INSTRUCTION)?;
        Ok((value.into_own()?, bytes))
    }

    /// A pattern that this run has put together before.
    fn known_pattern(&self, text: &ByteString, case: Case) -> Option<Arc<Pattern>> {
        let known = self.patterns.iter().find(|(known, known_case, _)| known_case == &case && known == text);
        known.map(|(_, _, pattern)| Arc::clone(pattern))
    }

    /// Keeps a pattern for the rest of the run; the oldest makes room.
    fn keep_pattern(&mut self, text: &ByteString, pattern: &Arc<Pattern>) {
        let entry = (text.clone(), pattern.case(), Arc::clone(pattern));
        if self.patterns.len() < PATTERN_CACHE_MAX {
            self.patterns.push(entry);
        } else if let Some(oldest) = self.patterns.get_mut(self.next_out) {
            *oldest = entry;
            self.next_out = (self.next_out + 1) % PATTERN_CACHE_MAX;
        }
    }
}

/// One call of a function: its arguments, and what it may touch.
pub struct Call<'a, H> {
    /// Whoever runs the rule.
    pub host: &'a mut H,
    arguments: &'a [Value],
    scratch: &'a mut Scratch,
    site: CallSite<'a>,
}

impl<H> std::fmt::Debug for Call<'_, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("arguments", &self.arguments).finish_non_exhaustive()
    }
}

/// Where a call stands.
#[derive(Clone, Copy)]
pub(crate) struct CallSite<'a> {
    pub(crate) program: &'a Program,
    /// Of the instruction that calls.
    pub(crate) at: usize,
    /// A literal pattern of this place, compiled with the rule.
    pub(crate) pattern: Option<&'a Arc<Pattern>>,
}

impl<'a, H> Call<'a, H> {
    pub(crate) fn new(
        host: &'a mut H,
        arguments: &'a [Value],
        scratch: &'a mut Scratch,
        site: CallSite<'a>,
    ) -> Self {
        Self { host, arguments, scratch, site }
    }

    /// All arguments, as they were given.
    #[inline]
    pub fn arguments(&self) -> &'a [Value] {
        self.arguments
    }

    /// How many arguments were given.
    #[inline]
    pub fn argument_count(&self) -> usize {
        self.arguments.len()
    }

    /// An argument; `None` where fewer were given.
    #[inline]
    pub fn argument(&self, at: usize) -> Option<&'a Value> {
        self.arguments.get(at)
    }

    /// An argument as an integer; 0 where it was not given.
    pub fn integer(&self, at: usize) -> i64 {
        self.argument(at).map_or(0, Value::to_integer)
    }

    /// An argument as an integer; `None` where it was not given.
    pub fn optional_integer(&self, at: usize) -> Option<i64> {
        self.argument(at).map(Value::to_integer)
    }

    /// An argument as a double; 0 where it was not given.
    pub fn double(&self, at: usize) -> f64 {
        self.argument(at).map_or(0.0, Value::to_double)
    }

    /// An argument as a double; `None` where it was not given.
    pub fn optional_double(&self, at: usize) -> Option<f64> {
        self.argument(at).map(Value::to_double)
    }

    /// Whether an argument is true; one that was not given is not.
    pub fn truth(&self, at: usize) -> bool {
        self.argument(at).is_some_and(Value::truth)
    }

    /// Whether an argument is true; `None` where it was not given.
    pub fn optional_truth(&self, at: usize) -> Option<bool> {
        self.argument(at).map(Value::truth)
    }

    /// `$1` … `$9`.
    pub fn captures(&mut self) -> &mut Captures {
        &mut self.scratch.captures
    }

    /// The text that is running (the rule, or a library it imports), and the call in it.
    pub fn place(&self) -> (&'a Arc<Source>, Span) {
        self.site.program.place(self.site.at)
    }

    /// Bytes of strings and arrays the run may still make. A function that can make much more than it was given
    /// asks before it makes it, and answers [`Call::out_of_memory`].
    pub fn memory_left(&self) -> usize {
        usize::try_from(self.scratch.memory_left).unwrap_or(usize::MAX)
    }

    /// The fault of a run that made too much.
    pub fn out_of_memory(&self) -> FaultKind {
        FaultKind::OutOfMemory(self.scratch.limits.memory_bytes_max)
    }

    /// Counts bytes that a function adds to an argument it changes in place. What it *answers* is counted by the
    /// machine.
    ///
    /// # Errors
    /// Where the run has made too much; the function hands it on.
    pub fn charge(&mut self, bytes: usize) -> Result<(), FaultKind> {
        self.scratch.charge(bytes as u64)
    }

    /// Counts work as instructions, for a function that may do much more of it than its arguments are long.
    ///
    /// # Errors
    /// Where the run has done too much; the function hands it on.
    pub fn burn(&mut self, instructions: u64) -> Result<(), FaultKind> {
        self.scratch.burn(instructions)
    }

    /// Counts one more search of what is left of a subject. Linear searches of parts that overlap are quadratic in
    /// sum (a pattern may look for the end of the line each time), so long rests count: one for 32 KiB.
    pub(crate) fn burn_search(&mut self, pattern: &Pattern, left: usize) -> Result<(), FaultKind> {
        self.burn(if pattern.backtracks() { PATTERN_STEPS_COST } else { left as u64 >> 15 })
    }

    /// A value as an element of a container: one that somebody else holds is copied, and counted.
    pub(crate) fn own(&mut self, value: &Value) -> Result<Value, FaultKind> {
        self.scratch.own(value.clone())
    }

    /// The same, and the bytes that had to be copied: those are not counted.
    pub(crate) fn copy(&mut self, value: Value) -> Result<(Value, u64), FaultKind> {
        self.scratch.copy(value)
    }

    /// The pattern that was compiled with the rule, if this call has one.
    #[inline]
    pub(crate) fn prepared(&self, case: Case) -> Option<&'a Arc<Pattern>> {
        self.site.pattern.filter(|pattern| pattern.case() == case)
    }
}

impl<'a, H: Host> Call<'a, H> {
    /// The compiled pattern of an argument of [`crate::Kind::Pattern`].
    ///
    /// # Errors
    /// Where it is put together while running, and wrong.
    pub fn pattern(&mut self, at: usize, case: Case) -> Result<Arc<Pattern>, FaultKind> {
        if let Some(pattern) = self.prepared(case) {
            return Ok(Arc::clone(pattern));
        }
        let text = self.argument(at).map(Value::to_text).unwrap_or_default();
        if let Some(known) = self.scratch.known_pattern(&text, case) {
            return Ok(known);
        }
        // It costs the same whether the host knows it or not: a run is the same each time it is played.
        self.scratch.burn(PATTERN_COMPILE_COST + text.len() as u64)?;
        let shared = self.host.patterns().and_then(|cache| cache.find(&text, case));
        let pattern = if let Some(pattern) = shared {
            pattern
        } else {
            let pattern = Pattern::bounded(&text, case, PATTERN_SIZE_RUNNING_MAX);
            let pattern = Arc::new(pattern.map_err(|error| FaultKind::BadPattern(error.to_string()))?);
            if let Some(cache) = self.host.patterns() {
                cache.keep(&text, &pattern);
            }
            pattern
        };
        self.scratch.keep_pattern(&text, &pattern);
        Ok(pattern)
    }

    /// An argument as a string; empty where it was not given. A container in its place is a warning.
    #[inline]
    pub fn string(&mut self, at: usize) -> ByteString {
        match self.argument(at) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => self.other_text(other),
            None => ByteString::EMPTY,
        }
    }

    /// An argument as a string; `None` where it was not given.
    pub fn optional_string(&mut self, at: usize) -> Option<ByteString> {
        (at < self.arguments.len()).then(|| self.string(at))
    }

    /// An argument's bytes without a copy where it is a string.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "each builtin asks for its strings; a call costs more than the work"
    )]
    pub fn bytes(&mut self, at: usize) -> Cow<'a, [u8]> {
        match self.argument(at) {
            Some(Value::String(text)) => Cow::Borrowed(text.as_bytes()),
            Some(other) => Cow::Owned(self.other_text(other).to_vec()),
            None => Cow::Borrowed(&[]),
        }
    }

    fn other_text(&mut self, value: &Value) -> ByteString {
        if value.is_container() {
            self.warn(format!("{} is used as a text", value.kind_name()));
        }
        value.to_text()
    }

    /// An argument that must be an array; where it is not, that is a warning and `None`.
    pub fn array(&mut self, at: usize) -> Option<Rc<RefCell<Vec<Value>>>> {
        match self.argument(at) {
            Some(Value::Array(items)) => Some(Rc::clone(items)),
            other => {
                self.warn_kind(at, "an array", other);
                None
            }
        }
    }

    /// An argument that must be a hash; where it is not, that is a warning and `None`.
    pub fn hash(&mut self, at: usize) -> Option<Rc<RefCell<crate::Table>>> {
        match self.argument(at) {
            Some(Value::Hash(table)) => Some(Rc::clone(table)),
            other => {
                self.warn_kind(at, "a hash", other);
                None
            }
        }
    }

    fn warn_kind(&mut self, at: usize, wanted: &str, given: Option<&Value>) {
        let given = given.map_or("nothing", Value::kind_name);
        self.warn(format!("argument {} should be {wanted}, not {given}", at + 1));
    }

    /// Says that something is odd; the rule goes on.
    pub fn warn(&mut self, text: impl Into<String>) {
        let (source, span) = self.place();
        let warning = Warning { text: text.into(), source: Arc::clone(source), span };
        self.scratch.strike(&warning);
        self.host.warn(warning);
    }
}
