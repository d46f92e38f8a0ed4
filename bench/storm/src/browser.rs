//! Somebody who asks for things over HTTP, from an address of his own, and keeps cookies.

use crate::line::{Line, Lined};
use crate::origin::{PARTY_FIELD, party_field};
use crate::plan::{Party, Phase};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, COOKIE, HOST, RANGE, REFERER, SET_COOKIE, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use tokio::net::TcpSocket;
use tokio::time::Instant;

/// The name of the site.
pub(crate) const SITE_NAME: &str = "music.example";
/// A cookie that tells a marked visitor.
const MARK: &str = "AbusiveReferer";
/// What a receiver's system holds; with its own choice, megabytes on loopback, there were no line.
const RECEIVE_BUFFER_BYTES: u32 = 64 * 1024;

/// A program that asks; its connections are those of one person.
pub(crate) struct Browser {
    from: Ipv4Addr,
    to: SocketAddr,
    party: Party,
    line: Rc<Line>,
    agent: &'static str,
    cookies: RefCell<Vec<(String, String)>>,
    /// Bytes of bodies received.
    pub(crate) received: Cell<u64>,
}

/// One of its connections, kept open between requests.
pub(crate) type Open = Option<SendRequest<Empty<Bytes>>>;

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) path: &'a str,
    pub(crate) referer: Option<&'a str>,
    pub(crate) accept: &'static str,
    /// As players ask: from the first byte on.
    pub(crate) is_ranged: bool,
    pub(crate) phase: Phase,
}

/// Nothing came of it: refused, or the connection failed.
#[derive(Debug)]
pub(crate) struct Failed;

impl Browser {
    pub(crate) fn new(
        from: Ipv4Addr,
        to: SocketAddr,
        party: Party,
        line: Rc<Line>,
        agent: &'static str,
    ) -> Self {
        Self { from, to, party, line, agent, cookies: RefCell::default(), received: Cell::default() }
    }

    /// Whether it was marked.
    pub(crate) fn is_marked(&self) -> bool {
        self.cookies.borrow().iter().any(|(name, _)| name == MARK)
    }

    /// Asks, and reads the answer to its end. Gives when its head came, if it is what was asked for.
    pub(crate) async fn fetch(
        &self,
        open: &mut Open,
        wish: Wish<'_>,
        head_came: &Cell<Option<Instant>>,
    ) -> Result<(), Failed> {
        let mut connection = self.connection(open).await?;
        let response = connection.send_request(self.request(wish)?).await.map_err(|_| Failed)?;
        let is_wanted = matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT);
        if is_wanted && head_came.get().is_none() {
            head_came.set(Some(Instant::now()));
        }
        for value in response.headers().get_all(SET_COOKIE) {
            self.keep(value.to_str().unwrap_or_default());
        }
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Failed)?;
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            if is_wanted {
                self.received.set(self.received.get() + length);
            }
        }
        *open = Some(connection);
        if is_wanted { Ok(()) } else { Err(Failed) }
    }

    async fn connection(&self, open: &mut Open) -> Result<SendRequest<Empty<Bytes>>, Failed> {
        if let Some(mut kept) = open.take()
            && kept.ready().await.is_ok()
        {
            return Ok(kept);
        }
        let stream = self.connect().await.map_err(|_| Failed)?;
        let lined = Lined::of_person(stream, Rc::clone(&self.line), self.party);
        let (sender, driver) = http1::handshake(TokioIo::new(lined)).await.map_err(|_| Failed)?;
        tokio::task::spawn_local(async move {
            // What breaks is seen by whoever waits for an answer.
            let _broken = driver.await;
        });
        Ok(sender)
    }

    async fn connect(&self) -> io::Result<tokio::net::TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        socket.bind(SocketAddr::from((self.from, 0)))?;
        socket.set_nodelay(true)?;
        socket.connect(self.to).await
    }

    fn request(&self, wish: Wish<'_>) -> Result<Request<Empty<Bytes>>, Failed> {
        let mut request = Request::get(wish.path)
            .header(HOST, SITE_NAME)
            .header(USER_AGENT, self.agent)
            .header(ACCEPT, wish.accept)
            .header(PARTY_FIELD, party_field(self.party, wish.phase));
        if wish.is_ranged {
            request = request.header(RANGE, "bytes=0-");
        }
        if let Some(referer) = wish.referer {
            request = request.header(REFERER, referer);
        }
        let cookies = self.cookies.borrow();
        if !cookies.is_empty() {
            let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        request.body(Empty::new()).map_err(|_| Failed)
    }

    fn keep(&self, set_cookie: &str) {
        let pair = set_cookie.split(';').next().unwrap_or_default();
        let Some((name, value)) = pair.split_once('=') else { return };
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        let mut cookies = self.cookies.borrow_mut();
        match cookies.iter_mut().find(|(known, _)| *known == name) {
            Some((_, kept)) => *kept = value,
            None => cookies.push((name, value)),
        }
    }
}
