//! A node on a thread of its own: its answers never end, but for a song.

use anyhow::Result;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: 1000000000000\r\n\r\n";
const SONG: &[u8] = b"GET /song";
const SONG_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: 1048576\r\n\r\n";
/// The answer to `/song`.
pub(crate) const SONG_BYTES: usize = 1_048_576;
static PIECE: [u8; 64 * 1024] = [b'.'; 64 * 1024];

/// Starts it on a free port of the loopback; it ends with the program.
///
/// # Errors
/// When the system gives no port or thread.
pub(crate) fn start() -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let serving = async move {
        if let Ok(listener) = TcpListener::from_std(listener) {
            serve(listener).await;
        }
    };
    std::thread::Builder::new().name("source".into()).spawn(move || runtime.block_on(serving))?;
    Ok(address)
}

async fn serve(listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(async move {
            // Whoever has enough goes away.
            let _gone = answer(stream).await;
        });
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    while let Some(is_song) = hear(&mut stream).await? {
        if !is_song {
            stream.write_all(HEAD).await?;
            loop {
                stream.write_all(&PIECE).await?;
            }
        }
        stream.write_all(SONG_HEAD).await?;
        for _ in 0..SONG_BYTES / PIECE.len() {
            stream.write_all(&PIECE).await?;
        }
    }
    Ok(())
}

/// The next request: whether it asks for the song. `None` at the end.
async fn hear(stream: &mut TcpStream) -> std::io::Result<Option<bool>> {
    let mut head = [0; 4096];
    let mut length = 0;
    while !head[..length].ends_with(b"\r\n\r\n") {
        match stream.read(&mut head[length..]).await? {
            0 => return Ok(None),
            count => length += count,
        }
    }
    Ok(Some(head.starts_with(SONG)))
}
