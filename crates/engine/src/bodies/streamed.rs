//! An answer that a rule sends piece by piece.

/// What the shell has to write next of a streamed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// The head of [`crate::Transaction::response`] goes first.
    pub begins: bool,
    /// The length that the head is to say; `None`: it is not known, so chunks, or the end of the connection.
    pub length: Option<u64>,
    /// The next bytes of the body; never more than the length allows.
    pub data: &'a [u8],
    /// The body cannot be completed: it is shorter than was said, or the node broke off.
    pub is_cut: bool,
}

/// The state of such an answer.
#[derive(Debug, Default)]
pub(crate) struct Streamed {
    /// The head is on its way, or written.
    pub(crate) has_begun: bool,
    pub(crate) length: Option<u64>,
    /// Bytes of the body handed out before `pending`.
    pub(crate) sent: u64,
    pub(crate) pending: Vec<u8>,
    /// What the node sends goes on, as far as it was not read.
    pub(crate) goes_on: bool,
    /// A rule's bytes came from a node that broke off.
    pub(crate) is_cut: bool,
    /// The place in its list of the rule that wrote last.
    pub(crate) writer: Option<u16>,
}

impl Streamed {
    /// Takes bytes as far as the length allows; how many are left out.
    pub(crate) fn push(&mut self, data: &[u8]) -> usize {
        let room = self.length.map_or(u64::MAX, |length| {
            length.saturating_sub(self.sent).saturating_sub(self.pending.len() as u64)
        });
        let taken = usize::try_from(room).unwrap_or(usize::MAX).min(data.len());
        self.pending.extend_from_slice(data.get(..taken).unwrap_or_default());
        data.len() - taken
    }

    /// What was pending is written.
    pub(crate) fn written(&mut self) {
        self.has_begun = true;
        self.sent = self.sent.saturating_add(self.pending.len() as u64);
        self.pending.clear();
    }

    pub(crate) fn outgoing(&self) -> Outgoing<'_> {
        let due = self.sent.saturating_add(self.pending.len() as u64);
        Outgoing {
            begins: !self.has_begun,
            length: self.length,
            data: &self.pending,
            is_cut: self.is_cut || self.length.is_some_and(|length| due < length),
        }
    }
}
