//! Where the variables and temporaries of a run are kept: a few in the run itself, more on the heap.

use crate::value::Value;

/// Registers that need no memory of their own; the rules of every day have fewer.
const INLINE: usize = 16;

/// The registers of all frames, one after the other. Those that no frame uses are empty.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "that they need no memory of their own is what they are for")]
pub(super) enum Registers {
    Inline([Value; INLINE]),
    Heap(Vec<Value>),
}

/// The registers of one frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) base: usize,
    pub(super) size: usize,
}

impl Registers {
    #[inline]
    pub(super) fn new(size: usize) -> Self {
        if size <= INLINE {
            return Self::Inline([const { Value::EMPTY }; INLINE]);
        }
        let mut registers = Vec::new();
        registers.resize_with(size, || Value::EMPTY);
        Self::Heap(registers)
    }

    /// Bytes of memory that they keep alive.
    pub(super) fn held_bytes(&mut self) -> u64 {
        self.all().iter().map(Value::held_bytes).fold(0, u64::saturating_add)
    }

    #[inline]
    fn all(&mut self) -> &mut [Value] {
        match self {
            Self::Inline(registers) => registers,
            Self::Heap(registers) => registers,
        }
    }

    /// Those of a frame; none where it was not made room for.
    #[inline]
    pub(super) fn of(&mut self, window: Window) -> &mut [Value] {
        self.all().get_mut(window.base..window.base + window.size).unwrap_or_default()
    }

    /// Makes room for a frame.
    pub(super) fn grow(&mut self, window: Window) {
        let size = window.base + window.size;
        if size <= self.all().len() {
            return;
        }
        let mut registers = match self {
            Self::Inline(registers) => registers.iter_mut().map(std::mem::take).collect(),
            Self::Heap(registers) => std::mem::take(registers),
        };
        registers.resize_with(size.max(registers.len() * 2), || Value::EMPTY);
        *self = Self::Heap(registers);
    }

    /// Empties the registers of a frame, all but the first `keep`.
    pub(super) fn clear(&mut self, window: Window, keep: usize) {
        for register in self.of(window).iter_mut().skip(keep) {
            *register = Value::EMPTY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_frame_holds_stays_where_it_is_when_room_is_made_for_another() {
        let mut registers = Registers::new(3);
        let (first, second) = (Window { base: 0, size: 3 }, Window { base: 2, size: 40 });
        *registers.of(first).last_mut().unwrap() = Value::from(7);
        assert!(registers.of(second).is_empty());
        registers.grow(second);
        assert_eq!(registers.of(second).len(), 40);
        assert_eq!(registers.of(second).first().map(Value::to_integer), Some(7));
        *registers.of(second).last_mut().unwrap() = Value::from(8);
        registers.clear(second, 1);
        assert_eq!(registers.of(first).last().map(Value::to_integer), Some(7));
        assert!(registers.of(second).last().is_some_and(|last| !last.truth()));
    }
}
