//! The side of the control socket that answers. Whoever connects is of our user or root, or hears nothing; what he
//! sends is short, and comes soon, or his connection ends. Traffic knows nothing of it: it is served by the thread that
//! waits for signals.

use super::protocol::{ANSWER_BYTES_MAX, Answer, Ask, Outcome, REQUEST_BYTES_MAX, Request, VERSION};
use proxy::Clock;
use rustix::process::geteuid;
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Who may be connected at once; others wait in the socket's queue.
const CONNECTIONS_MAX: usize = 8;
/// How long the question may take to come, and the answer to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// A question, for the main loop.
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) colours: bool,
    pub(crate) reply: oneshot::Sender<Answer>,
}

/// Serves a control socket until the task is aborted; connections that have begun are served to their end. To be called
/// on a runtime.
pub(crate) fn serve(socket: StdListener) -> io::Result<(Receiver<Asked>, JoinHandle<()>)> {
    socket.set_nonblocking(true)?;
    let listener = UnixListener::from_std(socket)?;
    let (tell, asked) = channel(CONNECTIONS_MAX);
    Ok((asked, tokio::task::spawn_local(accept(listener, tell))))
}

async fn accept(listener: UnixListener, tell: Sender<Asked>) {
    let (clock, free) = (Clock::system(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let tell = tell.clone();
                tokio::task::spawn_local(async move {
                    // Whoever leaves before the answer has his reasons.
                    let _gone = connection(stream, tell).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!("control socket: cannot accept: {error}");
                let until = clock.tick().saturating_add(ACCEPT_PAUSE);
                clock.sleep_until(until).await;
            }
        }
    }
}

async fn connection(mut stream: UnixStream, tell: Sender<Asked>) -> io::Result<()> {
    let user = stream.peer_cred()?.uid();
    if user != 0 && user != geteuid().as_raw() {
        tracing::warn!(user, "control socket: a stranger is turned away");
        return Ok(());
    }
    let question = timeout(PATIENCE, line(&mut stream)).await??;
    let answer = match understood(&question) {
        Ok(request) => put(request, &tell).await,
        Err(why) => Answer::why(Outcome::Mistaken, &why),
    };
    let mut text = serde_json::to_vec(&answer)?;
    if text.len() > ANSWER_BYTES_MAX {
        let why = "the answer is too long to be told; the log of the process has it";
        text = serde_json::to_vec(&Answer::why(answer.outcome, why))?;
    }
    text.push(b'\n');
    timeout(PATIENCE, stream.write_all(&text)).await??;
    stream.shutdown().await
}

fn understood(question: &[u8]) -> Result<Request, String> {
    // The version first: the shape of another one's questions is unknown.
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } =
        serde_json::from_slice(question).map_err(|error| format!("this is no question: {error}"))?;
    if version != VERSION {
        return Err(format!(
            "the question is of version {version}, and this process understands version {VERSION}: use its own program"
        ));
    }
    serde_json::from_slice(question).map_err(|error| format!("this is no question: {error}"))
}

async fn put(request: Request, tell: &Sender<Asked>) -> Answer {
    let (reply, replied) = oneshot::channel();
    let asked = Asked { ask: request.ask, colours: request.colours, reply };
    let answer = match tell.send(asked).await {
        Ok(()) => replied.await.ok(),
        Err(_) => None,
    };
    answer.unwrap_or_else(|| Answer::why(Outcome::Failed, "the process is stopping"))
}

/// A line, without its end.
async fn line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut some = [0; 1024];
    loop {
        let count = stream.read(&mut some).await?;
        let part = some.get(..count).unwrap_or_default();
        if let Some(end) = part.iter().position(|byte| *byte == b'\n') {
            line.extend_from_slice(part.get(..end).unwrap_or_default());
            return Ok(line);
        }
        line.extend_from_slice(part);
        if count == 0 || line.len() > REQUEST_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}
