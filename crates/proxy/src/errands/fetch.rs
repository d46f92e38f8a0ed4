//! One HTTP/1.1 request over a connection of its own. The client is hyper: the other side is a stranger, and one
//! request in a while does not need our own codec's speed.

use super::failed;
use bytes::Bytes;
use engine::errand::{ErrandError, Fetch, Fetched, Report};
use engine::limits;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::ext::ReasonPhrase;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::pin::pin;
use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Fields of an answer's head.
const FIELDS_MAX: usize = 100;

/// Sends the request and reads the whole answer.
pub(super) async fn exchange(
    fetch: Fetch,
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
) -> Result<Report, ErrandError> {
    let mut builder = Builder::new();
    builder.max_headers(FIELDS_MAX).max_buf_size(HEAD_BYTES_MAX).title_case_headers(true);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let mut connection = pin!(connection);
    let mut exchange = pin!(answer(sender, request(fetch)?));
    let mut is_over = false;
    // No task of its own: what is given up is dropped with everything that belongs to it.
    poll_fn(|context| {
        if !is_over {
            is_over = connection.as_mut().poll(context).is_ready();
        }
        exchange.as_mut().poll(context)
    })
    .await
}

fn request(fetch: Fetch) -> Result<Request<Full<Bytes>>, ErrandError> {
    let is_without_body = fetch.body.is_none();
    let mut request = Request::new(Full::new(Bytes::from(fetch.body.unwrap_or_default())));
    *request.method_mut() = fetch.method.parse().map_err(failed)?;
    *request.uri_mut() = fetch.target.parse().map_err(failed)?;
    for (name, value) in fetch.fields {
        let name = HeaderName::try_from(name).map_err(failed)?;
        request.headers_mut().append(name, HeaderValue::try_from(value).map_err(failed)?);
    }
    request.headers_mut().insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
    if is_without_body {
        request.headers_mut().remove(hyper::header::CONTENT_LENGTH);
    }
    Ok(request)
}

async fn answer(
    mut sender: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Report, ErrandError> {
    let response = sender.send_request(request).await.map_err(told)?;
    let mut fetched = head(&response);
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(told)?.into_data() else { continue };
        if fetched.body.len() + data.len() > limits::ERRAND_ANSWER_BYTES_MAX {
            let most = limits::ERRAND_ANSWER_BYTES_MAX;
            return Err(ErrandError::TooMuch(format!("the answer is longer than {most} bytes")));
        }
        fetched.body.extend_from_slice(&data);
    }
    Ok(Report::Fetched(Box::new(fetched)))
}

/// The error and what is behind it: hyper's own text is only what it was doing.
fn told(error: hyper::Error) -> ErrandError {
    use std::error::Error as _;
    match error.source() {
        Some(behind) => failed(format!("{error}: {behind}")),
        None => failed(error),
    }
}

fn head(response: &Response<Incoming>) -> Fetched {
    let status = response.status();
    let version = if response.version() == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" };
    let mut first_line = format!("{version} {}", status.as_u16()).into_bytes();
    let given = response.extensions().get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
    let reason = given.unwrap_or_else(|| status.canonical_reason().unwrap_or_default().as_bytes());
    if !reason.is_empty() {
        first_line.push(b' ');
        first_line.extend_from_slice(reason);
    }
    let fields = response.headers().iter();
    let fields = fields.map(|(name, value)| (title_case(name.as_str()), value.as_bytes().to_vec())).collect();
    Fetched { status: status.as_u16(), first_line, fields, body: Vec::new() }
}

/// `Content-Type`, as rules look for it; hyper keeps names in lower case.
fn title_case(name: &str) -> String {
    let mut is_first = true;
    let letter = |c: char| {
        let c = if is_first { c.to_ascii_uppercase() } else { c };
        is_first = c == '-';
        c
    };
    name.chars().map(letter).collect()
}
