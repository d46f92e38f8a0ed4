//! Somebody who asks for things over HTTP, from an address of his own, and keeps cookies.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, COOKIE, HOST, RANGE, REFERER, SET_COOKIE, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpSocket;

/// A browser, or a player, with one connection.
pub(super) struct Browser {
    from: Ipv4Addr,
    to: SocketAddr,
    connection: Option<SendRequest<Empty<Bytes>>>,
    cookies: Vec<(String, String)>,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) path: &'a str,
    pub(super) referer: Option<&'a str>,
}

/// Nothing came of it: the connection failed, or broke.
#[derive(Debug)]
pub(super) struct Failed;

/// What browsers call themselves.
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

impl Browser {
    pub(super) fn new(from: Ipv4Addr, to: SocketAddr) -> Self {
        Self { from, to, connection: None, cookies: Vec::new() }
    }

    /// Whether the guard marked it.
    pub(super) fn is_marked(&self) -> bool {
        self.cookies.iter().any(|(name, _)| name == "AbusiveReferer")
    }

    /// Asks, and reads the answer to its end. `told` hears of each piece as it comes: its length, and whether the
    /// reader is marked.
    pub(super) async fn fetch(
        &mut self,
        wish: Wish<'_>,
        mut told: impl FnMut(usize, bool),
    ) -> Result<StatusCode, Failed> {
        let mut connection = self.connection().await?;
        let response = connection.send_request(self.request(wish)?).await.map_err(|_| Failed)?;
        let status = response.status();
        for value in response.headers().get_all(SET_COOKIE) {
            self.keep(value.to_str().unwrap_or_default());
        }
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Failed)?;
            told(frame.data_ref().map_or(0, Bytes::len), self.is_marked());
        }
        self.connection = Some(connection);
        Ok(status)
    }

    /// The open connection, or a new one.
    async fn connection(&mut self) -> Result<SendRequest<Empty<Bytes>>, Failed> {
        if let Some(mut open) = self.connection.take()
            && open.ready().await.is_ok()
        {
            return Ok(open);
        }
        let stream = self.connect().await.map_err(|_| Failed)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Failed)?;
        tokio::task::spawn_local(async move {
            // What breaks is seen by whoever waits for an answer.
            let _broken = driver.await;
        });
        Ok(sender)
    }

    async fn connect(&self) -> io::Result<tokio::net::TcpStream> {
        let socket = TcpSocket::new_v4()?;
        match socket.bind(SocketAddr::from((self.from, 0))) {
            // Not every system has the whole of 127.0.0.0/8.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
            bound => bound?,
        }
        socket.set_nodelay(true)?;
        socket.connect(self.to).await
    }

    fn request(&self, wish: Wish<'_>) -> Result<Request<Empty<Bytes>>, Failed> {
        let mut request = Request::get(wish.path).header(HOST, super::SITE_NAME).header(USER_AGENT, AGENT);
        if wish.path.starts_with("/audio/") {
            // What plays sound in a page asks for no page, and in ranges.
            request = request.header(ACCEPT, "audio/*;q=0.9,*/*;q=0.5").header(RANGE, "bytes=0-");
        }
        if let Some(referer) = wish.referer {
            request = request.header(REFERER, referer);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        request.body(Empty::new()).map_err(|_| Failed)
    }

    fn keep(&mut self, set_cookie: &str) {
        let pair = set_cookie.split(';').next().unwrap_or_default();
        let Some((name, value)) = pair.split_once('=') else { return };
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        match self.cookies.iter_mut().find(|(known, _)| *known == name) {
            Some((_, kept)) => *kept = value,
            None => self.cookies.push((name, value)),
        }
    }
}
