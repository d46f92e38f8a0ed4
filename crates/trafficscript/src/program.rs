//! What runs: bytecode with its constants, and the place in the text of every instruction.

use crate::byte_string::ByteString;
use crate::operator::{Binary, Unary};
use crate::value::Value;
use pattern::Pattern;
use source::{Source, Span};
use std::fmt::Write as _;
use std::sync::Arc;

/// A register of the running frame.
pub(crate) type Register = u16;

/// One instruction. `to` is always written last, so it may be one of the operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Constant {
        to: Register,
        index: u16,
    },
    /// Containers by reference: for arguments and for what is only looked at.
    Copy {
        to: Register,
        from: Register,
    },
    /// An assignment from a variable: a container is copied.
    Assign {
        to: Register,
        from: Register,
    },
    /// An assignment from a temporary, which is empty afterwards; a container that somebody else holds is copied.
    Keep {
        to: Register,
        from: Register,
    },
    LoadCapture {
        to: Register,
        number: u8,
    },
    StoreCapture {
        from: Register,
        number: u8,
    },
    Unary {
        operator: Unary,
        to: Register,
        from: Register,
    },
    Binary {
        operator: Binary,
        to: Register,
        left: Register,
        right: Register,
    },
    /// `.=`
    Append {
        to: Register,
        more: Register,
    },
    /// 1 or 0.
    Truth {
        to: Register,
        from: Register,
    },
    Jump {
        target: u32,
    },
    JumpIf {
        condition: Register,
        target: u32,
    },
    JumpUnless {
        condition: Register,
        target: u32,
    },
    /// Of `count` temporaries from `base`.
    Array {
        to: Register,
        base: Register,
        count: u16,
    },
    /// Of `count` pairs.
    Hash {
        to: Register,
        base: Register,
        count: u16,
    },
    Index {
        to: Register,
        container: Register,
        key: Register,
    },
    /// Writes into a container of a variable: `count` keys from `base`, then the value.
    Write {
        container: Register,
        base: Register,
        count: u16,
    },
    Call {
        count: u8,
        site: u16,
        base: Register,
        to: Register,
    },
    CallSub {
        count: u8,
        sub: u16,
        base: Register,
        to: Register,
    },
    Return {
        from: Register,
    },
    ReturnEmpty,
    /// The rule is over.
    End,
    /// The rule begins again, with empty variables.
    Restart,
    /// `state` becomes what `foreach` goes over, the register after it the position.
    Each {
        state: Register,
        from: Register,
    },
    /// The next element; the instruction after it is left out if there is one.
    Next {
        to: Register,
        state: Register,
    },
}

/// A value that can be shared between threads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    Integer(i64),
    Double(f64),
    String(ByteString),
}

impl Constant {
    #[inline]
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Integer(value) => Value::Integer(*value),
            Self::Double(value) => Value::Double(*value),
            Self::String(text) => Value::String(text.clone()),
        }
    }
}

/// A place that calls a builtin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    /// Place in the table of builtins.
    pub(crate) builtin: u16,
    /// Its literal pattern.
    pub(crate) pattern: Option<u16>,
}

/// A sub's code.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SubCode {
    pub(crate) entry: u32,
    pub(crate) registers: u16,
}

/// A compiled rule: immutable, shared between threads, run by a [`crate::Run`].
#[derive(Debug, Default)]
pub struct Program {
    pub(crate) code: Vec<Op>,
    /// As many as `code`.
    pub(crate) spans: Vec<Span>,
    pub(crate) constants: Vec<Constant>,
    /// One that is so long that work on it counts, if there is one.
    pub(crate) long_constant: Option<Constant>,
    pub(crate) sites: Vec<Site>,
    pub(crate) patterns: Vec<Arc<Pattern>>,
    pub(crate) subs: Vec<SubCode>,
    /// Registers of the rule's body, which begins at instruction 0.
    pub(crate) registers: u16,
    /// From which instruction on code comes from which text; ascending, the first from 0.
    pub(crate) sources: Vec<(u32, Arc<Source>)>,
    /// Of the table of builtins the calls are numbered by.
    pub(crate) fingerprint: u64,
}

impl Program {
    /// The rule's text.
    pub fn source(&self) -> &Arc<Source> {
        self.place(0).0
    }

    /// The text and the place in it of an instruction.
    pub(crate) fn place(&self, at: usize) -> (&Arc<Source>, Span) {
        let span = self.spans.get(at).copied().unwrap_or_default();
        let after = self.sources.partition_point(|(from, _)| *from as usize <= at);
        #[expect(
            clippy::expect_used,
            reason = "a program is made by the lowering, which begins with a source"
        )]
        let source = self.sources.get(after.saturating_sub(1)).expect("a program has a source");
        (&source.1, span)
    }

    /// The instructions as text, one a line, for tests and for those who look for slow code.
    pub fn listing(&self) -> String {
        let mut out = String::new();
        for (at, op) in self.code.iter().enumerate() {
            let (source, span) = self.place(at);
            let line = source.position(span.start).line;
            let _ = writeln!(out, "{at:4} {line:3}  {}", self.describe(*op));
        }
        out
    }

    fn describe(&self, op: Op) -> String {
        match op {
            Op::Constant { to, index } => {
                let shown = match self.constants.get(usize::from(index)) {
                    Some(Constant::Integer(value)) => value.to_string(),
                    Some(Constant::Double(value)) => format!("{value:?}"),
                    Some(Constant::String(text)) => format!("{text:?}"),
                    None => "?".to_owned(),
                };
                format!("r{to} = {shown}")
            }
            Op::Copy { to, from } => format!("r{to} = r{from}"),
            Op::Binary { operator, to, left, right } => format!("r{to} = r{left} {operator:?} r{right}"),
            Op::Unary { operator, to, from } => format!("r{to} = {operator:?} r{from}"),
            Op::Jump { target } => format!("jump {target}"),
            Op::JumpIf { condition, target } => format!("if r{condition} jump {target}"),
            Op::JumpUnless { condition, target } => format!("unless r{condition} jump {target}"),
            Op::Call { count, site, base, to } => {
                let site = self.sites.get(usize::from(site));
                let builtin = site.map_or(0, |site| site.builtin);
                let pattern = if site.is_some_and(|site| site.pattern.is_some()) { " prepared" } else { "" };
                format!("r{to} = builtin {builtin}( {count} from r{base} ){pattern}")
            }
            other => format!("{other:?}"),
        }
    }
}
