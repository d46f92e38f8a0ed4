//! The sample site: a small origin with pages, pictures and large audio files, all made at run time.
//!
//! It runs on a thread of its own, on a loopback port, and is an ordinary node to the proxy. The demo gives it the
//! [`Capacity`] of a small machine, so that it goes down under a crowd as such machines do.

mod answer;
mod content;
mod line;

use answer::{Origin, answer};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use line::Line;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, oneshot};

pub(crate) use content::{AUDIO, PAGES, page_parts};

/// What the system may hold of an answer that its reader has not taken, in bytes. The system's own choice (megabytes
/// on loopback) would let a worker go long before its answer is through.
const SEND_BUFFER_BYTES: u32 = 64 * 1024;

/// What the site can bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// Answers under way at once; each holds its worker until the last byte is taken.
    pub(crate) workers: usize,
    /// What making a page takes of the one processor. Pictures and audio take nothing.
    pub(crate) page_work: Duration,
    /// What all answers together may send, in bytes a second; `None`: as fast as they are taken.
    pub(crate) line_bytes_per_second: Option<NonZeroU64>,
    /// Connections that may wait to be accepted.
    pub(crate) accept_queue: u32,
}

impl Capacity {
    /// More than one visitor needs.
    pub(crate) const AMPLE: Self =
        Self { workers: 10_000, page_work: Duration::ZERO, line_bytes_per_second: None, accept_queue: 1024 };
}

/// The running site. Dropping it stops it.
pub(crate) struct Site {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// Starts it on a free port of the loopback.
    ///
    /// # Errors
    /// The system gives no port, thread or event queue.
    pub(crate) fn start(capacity: Capacity) -> io::Result<Self> {
        let runtime_of = || Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("sample-site".into()).spawn(move || {
            let started = runtime_of().and_then(|runtime| {
                let listener = runtime.block_on(async { listen(capacity) })?;
                Ok((listener.local_addr()?, listener, runtime))
            });
            match started {
                Ok((address, listener, runtime)) => {
                    let _nobody = tell.send(Ok(address));
                    runtime.block_on(async move {
                        tokio::select! {
                            () = serve(listener, capacity) => {}
                            _told = stopped => {}
                        }
                    });
                }
                Err(error) => {
                    let _nobody = tell.send(Err(error));
                }
            }
        })?;
        let address =
            told.recv().unwrap_or_else(|_| Err(io::Error::other("the sample site ended at once")))?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn listen(capacity: Capacity) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.listen(capacity.accept_queue)
}

async fn serve(listener: TcpListener, capacity: Capacity) {
    let workers = Arc::new(Semaphore::new(capacity.workers));
    let origin = Rc::new(Origin::new(capacity.page_work, capacity.line_bytes_per_second.map(Line::new)));
    loop {
        // Nobody is accepted while every worker is taken: newcomers wait in the system's queue, and beyond it outside.
        let Ok(free) = workers.acquire().await else { return };
        drop(free);
        // A client that is gone before it is accepted is no reason to stop.
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Pieces go out as they come; a refusal only makes it slower.
        let _slower = stream.set_nodelay(true);
        let (workers, origin) = (Arc::clone(&workers), Rc::clone(&origin));
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| {
                let (workers, origin) = (Arc::clone(&workers), Rc::clone(&origin));
                async move { answer(&origin, workers, &request).await }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).max_buf_size(SEND_BUFFER_BYTES as usize);
            // A connection that breaks is its client's business.
            let _broken = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
