//! Memory for bytes on their way: each worker has a few buffers and lends them to connections that have something
//! to hold. A connection that waits for its next bytes holds none.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Room for a usual head, or for a piece of a paced body.
pub(crate) const SMALL_BYTES: usize = 16 * 1024;
/// Room for a large piece of a body that is not paced (a read of 256 KiB costs half of four reads of 64), with the
/// head before it.
pub(crate) const LARGE_BYTES: usize = 272 * 1024;
/// Room for a piece of a body while large room is short.
const MEDIUM_BYTES: usize = 64 * 1024;
/// Large buffers that are lent at once: enough for all fast transfers of a worker. Clients that do not read keep what they
/// hold for as long as they like, and thousands of them must not hold large ones.
const LENT_LARGE_MAX: usize = 64;
/// From so many on, whoever waits with little in a large buffer gives it back. Below, moving would only cost.
const LENT_LARGE_MANY: usize = LENT_LARGE_MAX / 2;
/// Free buffers kept of each size; more are given back to the system.
const KEPT_SMALL: usize = 64;
const KEPT_MEDIUM: usize = 16;
const KEPT_LARGE: usize = 8;
/// An output buffer that grew beyond this is not kept.
const KEPT_OUTPUT_BYTES: usize = 64 * 1024;

/// The free buffers of one worker.
#[derive(Default)]
pub(crate) struct Buffers {
    small: RefCell<Vec<Vec<u8>>>,
    medium: RefCell<Vec<Vec<u8>>>,
    large: RefCell<Vec<Vec<u8>>>,
    /// One more owner for each large buffer that is lent.
    lent_large: Rc<()>,
    outputs: RefCell<Vec<Vec<u8>>>,
    /// Memory is short: only small ones are lent, and none is kept.
    lean: Cell<bool>,
}

/// Which size is borrowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Size {
    Small,
    Large,
}

impl Buffers {
    /// Whether memory is short. What is kept is given back to the system then.
    pub(crate) fn set_lean(&self, lean: bool) {
        if lean {
            self.small.take();
            self.medium.take();
            self.large.take();
            self.outputs.take();
        }
        self.lean.set(lean);
    }

    /// Fills an empty `input` with memory of at least this size.
    #[inline]
    fn lend(&self, input: &mut Input, size: Size) {
        let (shelf, bytes) = match size {
            Size::Small => (&self.small, SMALL_BYTES),
            Size::Large if self.lean.get() => (&self.small, SMALL_BYTES),
            Size::Large if self.lent() >= LENT_LARGE_MAX => (&self.medium, MEDIUM_BYTES),
            Size::Large => {
                input.lent = Some(Rc::clone(&self.lent_large));
                (&self.large, LARGE_BYTES)
            }
        };
        input.memory = shelf.borrow_mut().pop().unwrap_or_else(|| vec![0; bytes]);
        (input.start, input.end) = (0, 0);
    }

    /// How many large buffers are lent.
    fn lent(&self) -> usize {
        Rc::strong_count(&self.lent_large) - 1
    }

    /// What `input` holds will lie there for a while: it goes into less memory if it fits, and if large memory is in demand.
    #[inline]
    pub(crate) fn shrink(&self, input: &mut Input) {
        if input.lent.is_some() && self.lent() > LENT_LARGE_MANY && input.len() <= MEDIUM_BYTES {
            self.move_out(input);
        }
    }

    #[cold]
    fn move_out(&self, input: &mut Input) {
        let mut memory = self.medium.borrow_mut().pop().unwrap_or_else(|| vec![0; MEDIUM_BYTES]);
        let held = input.len();
        memory[..held].copy_from_slice(input.bytes());
        input.lent = None;
        self.take_back(std::mem::replace(&mut input.memory, memory));
        (input.start, input.end) = (0, held);
    }

    /// Takes the memory back if `input` holds nothing.
    #[inline]
    pub(crate) fn settle(&self, input: &mut Input) {
        if input.is_empty() && !input.memory.is_empty() {
            input.lent = None;
            self.take_back(std::mem::take(&mut input.memory));
            (input.start, input.end) = (0, 0);
        }
    }

    /// Takes the memory back, whatever it holds.
    pub(crate) fn discard(&self, input: &mut Input) {
        (input.start, input.end) = (0, 0);
        self.settle(input);
    }

    #[inline]
    fn take_back(&self, memory: Vec<u8>) {
        let (shelf, kept) = match memory.len() {
            SMALL_BYTES => (&self.small, KEPT_SMALL),
            MEDIUM_BYTES => (&self.medium, KEPT_MEDIUM),
            LARGE_BYTES => (&self.large, KEPT_LARGE),
            _ => return,
        };
        let mut shelf = shelf.borrow_mut();
        if shelf.len() < kept && !self.lean.get() {
            shelf.push(memory);
        }
    }

    /// An empty output buffer.
    #[inline]
    pub(crate) fn output(&self) -> Vec<u8> {
        self.outputs.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(4096))
    }

    /// Takes an output buffer back.
    #[inline]
    pub(crate) fn return_output(&self, mut output: Vec<u8>) {
        output.clear();
        let mut shelf = self.outputs.borrow_mut();
        if output.capacity() > 0 && output.capacity() <= KEPT_OUTPUT_BYTES && shelf.len() < KEPT_SMALL {
            shelf.push(output);
        }
    }
}

/// Bytes read and not yet used. Without memory of its own while empty.
#[derive(Default)]
pub(crate) struct Input {
    memory: Vec<u8>,
    /// The memory is one of the large ones that are counted.
    lent: Option<Rc<()>>,
    start: usize,
    end: usize,
}

impl Input {
    /// What has been read and not used.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    /// How much.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether nothing.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Marks the first `count` bytes as used.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Notes that `count` bytes were read into the room given by [`Self::room`].
    #[inline]
    pub(crate) fn filled(&mut self, count: usize) {
        self.end = self.memory.len().min(self.end + count);
    }

    /// Room for up to `limit` more bytes, at least one: borrowed, or made by moving what is there to the front, or
    /// by growing.
    #[inline]
    pub(crate) fn room(&mut self, buffers: &Buffers, size: Size, limit: usize) -> &mut [u8] {
        if self.memory.is_empty() {
            buffers.lend(self, size);
        } else if self.end == self.memory.len() {
            self.make_room(buffers);
        }
        let end = self.memory.len().min(self.end.saturating_add(limit.max(1)));
        &mut self.memory[self.end..end]
    }

    #[cold]
    fn make_room(&mut self, buffers: &Buffers) {
        if self.start > 0 {
            self.memory.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            return;
        }
        let mut larger = vec![0; self.memory.len() * 2];
        larger[..self.end].copy_from_slice(&self.memory);
        self.lent = None;
        buffers.take_back(std::mem::replace(&mut self.memory, larger));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_input_gives_its_memory_back_and_a_full_one_keeps_what_it_holds() {
        let buffers = Buffers::default();
        let mut input = Input::default();
        let room = input.room(&buffers, Size::Small, usize::MAX);
        assert_eq!(room.len(), SMALL_BYTES);
        room[..5].copy_from_slice(b"hello");
        input.filled(5);
        buffers.settle(&mut input);
        assert_eq!(input.bytes(), b"hello");
        input.consume(5);
        buffers.settle(&mut input);
        assert_eq!(buffers.small.borrow().len(), 1);
        assert!(input.memory.is_empty());
    }

    #[test]
    fn room_is_made_by_moving_first_and_by_growing_then() {
        let buffers = Buffers::default();
        let mut input = Input::default();
        input.room(&buffers, Size::Small, usize::MAX).fill(b'a');
        input.filled(SMALL_BYTES);
        input.consume(10);
        assert_eq!(input.room(&buffers, Size::Small, usize::MAX).len(), 10);
        input.filled(10);
        assert_eq!(input.room(&buffers, Size::Small, usize::MAX).len(), SMALL_BYTES);
        assert_eq!(input.len(), SMALL_BYTES);
    }

    #[test]
    fn those_who_hold_large_memory_for_long_leave_it_to_those_who_come() {
        let buffers = Buffers::default();
        let fill = |held: usize| {
            let mut input = Input::default();
            let room = input.room(&buffers, Size::Large, usize::MAX);
            let held = held.min(room.len());
            room[..held].fill(b'a');
            input.filled(held);
            input
        };
        let mut inputs: Vec<Input> = (0..=LENT_LARGE_MAX).map(|_| fill(200_000)).collect();
        assert_eq!(inputs.last().unwrap().memory.len(), MEDIUM_BYTES, "the large ones are lent");
        buffers.shrink(&mut inputs[0]);
        assert_eq!(inputs[0].len(), 200_000, "what does not fit stays");
        inputs[0].consume(150_000);
        buffers.shrink(&mut inputs[0]);
        assert_eq!(inputs[0].memory.len(), MEDIUM_BYTES);
        assert_eq!(inputs[0].bytes(), vec![b'a'; 50_000]);
        assert_eq!(fill(1).memory.len(), LARGE_BYTES);
        // Whoever breaks off gives back as well.
        inputs.truncate(LENT_LARGE_MANY);
        inputs[1].consume(199_999);
        buffers.shrink(&mut inputs[1]);
        assert_eq!(inputs[1].memory.len(), LARGE_BYTES, "few are lent: nothing is moved");
    }
}
