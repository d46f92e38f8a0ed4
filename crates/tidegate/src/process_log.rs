//! What the process has to say while it runs: to standard error, for people or as one JSON object a line.
//!
//! Nobody who has something to say waits for whoever reads it: a thread writes, from a bounded queue. Where standard
//! error is a pipe that nobody reads, messages are dropped and counted; traffic goes on.

use crate::command_line::{LogLevel, OutputFormat};
use engine::Shared;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What may wait to be written, in bytes. A message counts for [`MESSAGE_BYTES`] more than its text.
const HELD_BYTES_MAX: usize = 1024 * 1024;
/// What a message costs besides its text.
const MESSAGE_BYTES: usize = 64;
/// How long the end of the process waits for what is not written yet.
const FAREWELL_TIME: Duration = Duration::from_secs(1);

/// The process log. Dropping it ends it.
pub(crate) struct ProcessLog {
    queue: Queue,
    /// Its other end goes when the thread has written all.
    written: Receiver<()>,
}

impl ProcessLog {
    /// From now on messages are logged, those of panics as well. Called once.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(format: OutputFormat, level: LogLevel) -> io::Result<Self> {
        let (queue, written) = Queue::start(io::stderr())?;
        let colours = crate::check::colours(&io::stderr());
        let log = tracing_subscriber::fmt::layer().with_writer(queue.clone()).with_target(false);
        let all = tracing_subscriber::registry().with(filter(level));
        match format {
            OutputFormat::Human => all.with(log.with_ansi(colours)).init(),
            OutputFormat::Json => all.with(log.json().flatten_event(true).with_current_span(false)).init(),
        }
        // The usual hook writes by itself, and would wait.
        panic::set_hook(Box::new(|defect| {
            let trace = Backtrace::capture();
            if trace.status() == BacktraceStatus::Captured {
                tracing::error!("{defect}\n{trace}");
            } else {
                tracing::error!("{defect}");
            }
        }));
        Ok(Self { queue, written })
    }

    /// From now on messages that are lost count there; those that were lost before as well.
    pub(crate) fn count_in(&self, shared: &Arc<Shared>) {
        if self.queue.held.shared.set(Arc::clone(shared)).is_ok() {
            let before = self.queue.held.lost.load(Ordering::Relaxed);
            shared.counters().messages_dropped.add(before);
        }
    }

    /// Says something that is no message of the log, behind all that was said before.
    pub(crate) fn say(&self, text: String) {
        self.queue.put(text.into_bytes());
    }

    /// Writes what was said, if it can be written soon. The process ends: what is said from now on is lost.
    pub(crate) fn end(&self) {
        // An error tells that the thread has ended already. If it does not end in time nobody reads, and there is
        // nobody to be told.
        let _ended = self.queue.entries.send(Entry::End);
        let _written = self.written.recv_timeout(FAREWELL_TIME);
    }
}

impl Drop for ProcessLog {
    fn drop(&mut self) {
        self.end();
    }
}

/// What is written at a level. The TLS library warns of what clients send, which is nothing that somebody here could
/// mend, and once for each connection: its warnings come with what is for looking closely.
fn filter(level: LogLevel) -> Targets {
    let (ours, of_tls) = match level {
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        LogLevel::Warn => (LevelFilter::WARN, LevelFilter::ERROR),
        LogLevel::Info => (LevelFilter::INFO, LevelFilter::ERROR),
        LogLevel::Debug => (LevelFilter::DEBUG, LevelFilter::DEBUG),
        LogLevel::Trace => (LevelFilter::TRACE, LevelFilter::TRACE),
    };
    Targets::new().with_default(ours).with_target("rustls", of_tls)
}

enum Entry {
    Text(Vec<u8>),
    /// Nothing follows.
    End,
}

/// The way to the thread that writes.
#[derive(Clone)]
struct Queue {
    entries: Sender<Entry>,
    held: Arc<Held>,
}

/// What waits, and what was lost.
#[derive(Default)]
struct Held {
    bytes: AtomicUsize,
    lost: AtomicU64,
    shared: OnceLock<Arc<Shared>>,
}

impl Queue {
    fn start(output: impl Write + Send + 'static) -> io::Result<(Self, Receiver<()>)> {
        let (entries, queued) = channel();
        let held = Arc::new(Held::default());
        let (all, written) = channel();
        let counted = Arc::clone(&held);
        std::thread::Builder::new().name("process-log".into()).spawn(move || {
            let _all = all;
            write(output, &queued, &counted);
        })?;
        Ok((Self { entries, held }, written))
    }

    fn put(&self, text: Vec<u8>) {
        let bytes = text.len() + MESSAGE_BYTES;
        let before = self.held.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > HELD_BYTES_MAX || self.entries.send(Entry::Text(text)).is_err() {
            self.held.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.held.lose();
        }
    }
}

impl Held {
    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        if let Some(shared) = self.shared.get() {
            shared.counters().messages_dropped.add_one();
        }
    }
}

fn write(mut output: impl Write, queued: &Receiver<Entry>, held: &Held) {
    let mut told = 0;
    let until_end = queued.iter().take_while(|entry| matches!(entry, Entry::Text(_)));
    // What was said while the end was on its way is written as well.
    for entry in until_end.chain(queued.try_iter()) {
        let Entry::Text(text) = entry else { continue };
        let is_written = output.write_all(&text).and_then(|()| output.flush()).is_ok();
        if !is_written {
            held.lose();
        }
        held.bytes.fetch_sub(text.len() + MESSAGE_BYTES, Ordering::Relaxed);
        let lost = held.lost.load(Ordering::Relaxed);
        // A log that cannot be written has nobody to be told; and what is told of losses may be lost itself.
        if is_written && lost > told {
            tracing::warn!(lost = lost - told, "messages of this log are lost: nobody read them in time");
            told = lost;
        }
    }
}

/// One message: it is written as a whole.
impl Write for Queue {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.put(text.to_vec());
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Queue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{SyncSender, sync_channel};

    /// An output that takes a message when it is told to.
    struct Stuck(Receiver<()>, SyncSender<Vec<u8>>);

    impl Write for Stuck {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(text.to_vec()).map_err(io::Error::other)?;
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_clients_send_to_the_tls_library_fills_no_log() {
        use tracing::Level;
        let usual = filter(LogLevel::Info);
        assert!(!usual.would_enable("rustls::msgs::handshake", &Level::WARN));
        assert!(usual.would_enable("rustls::conn", &Level::ERROR));
        assert!(usual.would_enable("tidegate::serve", &Level::INFO));
        assert!(filter(LogLevel::Debug).would_enable("rustls::msgs::handshake", &Level::WARN));
    }

    #[test]
    fn who_speaks_never_waits_and_what_nobody_takes_is_counted() {
        let ((take, taken), (tell, told)) = (channel(), sync_channel(1_000));
        let (queue, written) = Queue::start(Stuck(taken, tell)).unwrap();
        let message = vec![b'a'; HELD_BYTES_MAX / 8];
        for _ in 0..20 {
            queue.put(message.clone());
        }
        let lost = queue.held.lost.load(Ordering::Relaxed);
        assert_eq!(lost, 13, "seven messages of an eighth and some fit in");
        for _ in 0..20 {
            take.send(()).unwrap();
        }
        queue.entries.send(Entry::End).unwrap();
        assert_eq!(written.recv(), Err(std::sync::mpsc::RecvError));
        assert_eq!(told.try_iter().filter(|text| *text == message).count(), 7);
        assert_eq!(queue.held.bytes.load(Ordering::Relaxed), 0);
    }
}
