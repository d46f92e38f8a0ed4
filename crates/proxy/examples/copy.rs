//! A proxy that only copies: one connection to the node for each of a client's, bytes to and fro, nothing read in them.
//! What a proxy on this runtime costs at least. `copy LISTEN NODE`

use std::error::Error;
use tokio::net::{TcpListener, TcpStream};

/// As large as what tidegate reads with.
const BUFFER_BYTES: usize = 64 << 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, node] = arguments.as_slice() else { return Err("copy LISTEN NODE".into()) };
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let node = node.clone();
        tokio::spawn(async move {
            let Ok(node) = TcpStream::connect(node).await else { return };
            let _best_effort = node.set_nodelay(true);
            // who ends first ends both: nobody here closes one half only
            tokio::select! {
                _ended = copy(&client, &node) => {}
                _ended = copy(&node, &client) => {}
            }
        });
    }
}

/// Copies until one side ends.
async fn copy(from: &TcpStream, to: &TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        from.readable().await?;
        let count = match from.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let mut rest = buffer.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            match to.try_write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => to.writable().await?,
                Err(error) => return Err(error),
            }
        }
    }
}
