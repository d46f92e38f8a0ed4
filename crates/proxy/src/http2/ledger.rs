//! What one connection of HTTP/2 is charged with. Shared by its tap, which sees frames, its task, which ends it, and
//! its streams.

use super::windows::Windows;
use http2::{Breach, Budget, Frame, FrameKind};
use std::cell::{Cell, RefCell};
use std::task::{Context, Waker};
use tokio::sync::Notify;

/// See the module.
pub(super) struct Ledger {
    budget: RefCell<Budget>,
    breach: Cell<Option<Breach>>,
    pub(super) windows: RefCell<Windows>,
    /// Streams whose work is not over, open or reset.
    running: Cell<u32>,
    /// The type-of-service byte that packets are to have.
    pub(super) mark: Cell<u8>,
    /// Streams that a class paces.
    paced: Cell<u32>,
    connection: RefCell<Option<Waker>>,
    /// The highest stream whose head we sent, and the last one that the other side takes: what lies above was not sent,
    /// or not looked at.
    asked_up_to: Cell<u32>,
    takes_up_to: Cell<u32>,
    /// The other side's settings were taken up, and who waits for that.
    has_settings: Cell<bool>,
    settings: Notify,
}

impl Ledger {
    pub(super) fn new(block_bytes_max: u32, narrow_window: u32) -> Self {
        Self::with(Budget::new(block_bytes_max), narrow_window)
    }

    /// Of a connection that we made to a node.
    pub(super) fn of_node(block_bytes_max: u32) -> Self {
        Self::with(Budget::of_node(block_bytes_max), 0)
    }

    fn with(budget: Budget, narrow_window: u32) -> Self {
        Self {
            budget: RefCell::new(budget),
            breach: Cell::new(None),
            windows: RefCell::new(Windows::new(narrow_window)),
            running: Cell::new(0),
            mark: Cell::new(0),
            paced: Cell::new(0),
            connection: RefCell::new(None),
            asked_up_to: Cell::new(0),
            takes_up_to: Cell::new(u32::MAX),
            has_settings: Cell::new(false),
            settings: Notify::new(),
        }
    }

    /// Counts a frame of the other side; whether it may be read.
    pub(super) fn received(&self, frame: &Frame, now_nanos: u64) -> bool {
        if let FrameKind::GoAway(last) = frame.kind {
            self.takes_up_to.set(self.takes_up_to.get().min(last));
        }
        let mut counted = self.budget.borrow_mut().received(frame, now_nanos);
        if !self.windows.borrow_mut().takes(frame) {
            counted = Err(Breach::Window);
        }
        self.note(counted)
    }

    /// Counts a frame of ours.
    pub(super) fn sent(&self, frame: &Frame, now_nanos: u64) {
        if frame.kind == FrameKind::Headers {
            self.asked_up_to.set(self.asked_up_to.get().max(frame.stream));
        }
        if frame.kind == FrameKind::Settings && frame.is_ack() {
            self.has_settings.set(true);
            self.settings.notify_waiters();
        }
        let counted = self.budget.borrow_mut().sent(frame, now_nanos);
        self.note(counted);
    }

    /// Until the other side's settings hold, or none will come.
    pub(super) async fn settings(&self) {
        while !self.has_settings.get() {
            self.settings.notified().await;
        }
    }

    /// The connection is over: nobody waits for its settings any more.
    pub(super) fn is_over(&self) {
        self.has_settings.set(true);
        self.settings.notify_waiters();
    }

    /// Whether nobody has to wait for the other side's settings.
    pub(super) fn has_settings(&self) -> bool {
        self.has_settings.get()
    }

    fn note(&self, counted: Result<(), Breach>) -> bool {
        if let Err(breach) = counted {
            self.accuse(breach);
        }
        counted.is_ok()
    }

    /// Whether a stream of ours never reached the other side, or was not looked at.
    pub(super) fn is_unsent(&self, stream: u32) -> bool {
        stream > self.asked_up_to.get() || stream > self.takes_up_to.get()
    }

    /// Whether the other side will take no more streams.
    pub(super) fn is_told_to_go(&self) -> bool {
        self.takes_up_to.get() != u32::MAX
    }

    /// The connection is to end for this.
    pub(super) fn accuse(&self, breach: Breach) {
        if self.breach.get().is_none() {
            self.breach.set(Some(breach));
            self.wake();
        }
    }

    pub(super) fn breach(&self) -> Option<Breach> {
        self.breach.get()
    }

    pub(super) fn block_open_since_nanos(&self) -> Option<u64> {
        self.budget.borrow().block_open_since_nanos()
    }

    pub(super) fn running(&self) -> u32 {
        self.running.get()
    }

    /// The body of this stream is wanted.
    pub(super) fn widen(&self, stream: u32) {
        if self.windows.borrow_mut().widen(stream) {
            self.wake();
        }
    }

    /// Whether a stream is paced: what the system holds of it holds up the others' new pace, too.
    pub(super) fn is_paced(&self) -> bool {
        self.paced.get() > 0
    }

    /// A stream is paced from now on, or no longer.
    pub(super) fn count_paced(&self, is_paced: bool) {
        let paced = self.paced.get();
        self.paced.set(if is_paced { paced + 1 } else { paced.saturating_sub(1) });
    }

    pub(super) fn stream_begins(&self) {
        self.running.set(self.running.get() + 1);
    }

    pub(super) fn stream_is_over(&self) {
        self.running.set(self.running.get().saturating_sub(1));
        self.wake();
    }

    /// Who is woken when something is to be done for the connection.
    pub(super) fn watch(&self, context: &Context<'_>) {
        let mut waker = self.connection.borrow_mut();
        match &mut *waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
    }

    pub(super) fn wake(&self) {
        let waker = self.connection.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
