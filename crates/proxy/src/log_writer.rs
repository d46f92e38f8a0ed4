//! Access-log lines on their way to files: workers hand over batches, one thread writes them.
//!
//! The queue is bounded. When the disk cannot keep up (or is full, or gone), lines are dropped and counted; traffic
//! never waits for a log.

use engine::Shared;
use engine::catalog::Destination;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Batches that may wait; each is at most a few times [`BATCH_BYTES`].
const QUEUED_BATCHES_MAX: usize = 256;
/// A worker hands its lines over when it has so many bytes of them.
pub(crate) const BATCH_BYTES: usize = 32 * 1024;

/// Where lines of one destination go; an index into the writer's outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) struct LogTarget(usize);

/// A log that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the access log {}: {error}", path.display())]
pub struct LogOpenError {
    /// Which file.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// The writing thread's mailbox, shared by all workers.
#[derive(Clone)]
pub(crate) struct LogWriter {
    queue: SyncSender<Message>,
    /// Few: looked through when a log is opened and when a worker takes a new catalog.
    targets: Arc<Mutex<Vec<Destination>>>,
}

enum Message {
    Open(LogTarget, Output),
    Lines(Lines),
    Reopen,
    Stop,
}

/// A batch of lines for one target.
struct Lines {
    target: LogTarget,
    text: Vec<u8>,
    count: u64,
}

enum Output {
    File { path: PathBuf, file: File },
    Stdout,
    Stderr,
}

impl LogWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(shared: Arc<Shared>) -> io::Result<(Self, JoinHandle<()>)> {
        let (queue, messages) = sync_channel(QUEUED_BATCHES_MAX);
        let thread = std::thread::Builder::new().name("access-log".into()).spawn(move || {
            Writer { outputs: Vec::new(), failing: false, shared }.run(&messages);
        })?;
        Ok((Self { queue, targets: Arc::default() }, thread))
    }

    /// Makes sure that a destination can be written to.
    ///
    /// # Errors
    /// The file cannot be opened for appending.
    pub(crate) fn open(&self, destination: &Destination) -> Result<LogTarget, LogOpenError> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = targets.iter().position(|known| known == destination) {
            return Ok(LogTarget(at));
        }
        let output = match destination {
            Destination::File(path) => Output::File {
                file: append_to(path).map_err(|error| LogOpenError { path: path.clone(), error })?,
                path: path.clone(),
            },
            Destination::Stdout => Output::Stdout,
            Destination::Stderr => Output::Stderr,
        };
        let target = LogTarget(targets.len());
        // The writer lives as long as anybody who can call this; a send that fails means it ended with the process.
        let _ended = self.queue.send(Message::Open(target, output));
        targets.push(destination.clone());
        Ok(target)
    }

    /// The target of a destination opened before.
    pub(crate) fn target(&self, destination: &Destination) -> Option<LogTarget> {
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.iter().position(|known| known == destination).map(LogTarget)
    }

    /// Hands lines over without waiting; gives them back when there is no room.
    pub(crate) fn write(&self, target: LogTarget, text: Vec<u8>, count: u64) -> Result<(), Vec<u8>> {
        self.queue.try_send(Message::Lines(Lines { target, text, count })).map_err(|error| match error {
            TrySendError::Full(Message::Lines(lines)) | TrySendError::Disconnected(Message::Lines(lines)) => {
                lines.text
            }
            _ => Vec::new(),
        })
    }

    /// Opens all files again: after they were moved away.
    pub(crate) fn reopen(&self) {
        let _ended = self.queue.send(Message::Reopen);
    }

    /// Ends the thread after all that was handed over before.
    pub(crate) fn stop(&self) {
        let _ended = self.queue.send(Message::Stop);
    }
}

fn append_to(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

struct Writer {
    outputs: Vec<Output>,
    /// Whether the last write failed: a failing disk is reported once, not once a line.
    failing: bool,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(&mut self, messages: &Receiver<Message>) {
        for message in messages {
            match message {
                Message::Open(target, output) => {
                    debug_assert_eq!(target.0, self.outputs.len(), "targets are opened in order");
                    self.outputs.push(output);
                }
                Message::Lines(lines) => self.write(&lines),
                Message::Reopen => self.reopen(),
                Message::Stop => break,
            }
        }
    }

    fn write(&mut self, lines: &Lines) {
        let Some(output) = self.outputs.get_mut(lines.target.0) else { return };
        let written = match output {
            Output::File { file, .. } => file.write_all(&lines.text),
            Output::Stdout => write_and_flush(&mut io::stdout().lock(), &lines.text),
            Output::Stderr => write_and_flush(&mut io::stderr().lock(), &lines.text),
        };
        match written {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.shared.counters().log_lines_dropped.add(lines.count);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "access log lines are lost");
                }
            }
        }
    }

    fn reopen(&mut self) {
        for output in &mut self.outputs {
            if let Output::File { path, file } = output {
                match append_to(path) {
                    Ok(opened) => *file = opened,
                    Err(error) => {
                        tracing::error!(path = %path.display(), %error, "the access log is not reopened; the old file is written on");
                    }
                }
            }
        }
    }
}

fn write_and_flush(output: &mut impl Write, text: &[u8]) -> io::Result<()> {
    output.write_all(text)?;
    output.flush()
}
