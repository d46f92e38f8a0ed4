//! The sample site's answer to a request.

use super::content::{self, Item, Material};
use super::line::{AnswerBody, Line, Sending};
use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// What all connections of the site share.
pub(super) struct Origin {
    items: BTreeMap<&'static str, Item>,
    page_work: Duration,
    processor: Semaphore,
    line: Option<Rc<Line>>,
    modified: SystemTime,
}

impl Origin {
    #[expect(clippy::disallowed_methods, reason = "the files are made now, and say so")]
    pub(super) fn new(page_work: Duration, line: Option<Line>) -> Self {
        Self {
            items: content::all(),
            page_work,
            processor: Semaphore::new(1),
            line: line.map(Rc::new),
            modified: SystemTime::now(),
        }
    }

    /// Makes a page: one after the other.
    async fn work(&self) {
        if self.page_work.is_zero() {
            return;
        }
        let Ok(_processor) = self.processor.acquire().await else { return };
        tokio::time::sleep_until(Instant::now() + self.page_work).await;
    }
}

/// What is to be sent of a thing.
enum Part {
    Whole,
    Range(Range<u64>),
    NotModified,
    NotThere,
}

/// Answers. A worker is held from here to the end of the body.
pub(super) async fn answer(
    origin: &Origin,
    workers: Arc<Semaphore>,
    request: &Request<Incoming>,
) -> Result<Response<AnswerBody>, hyper::http::Error> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let refused = Response::builder().status(StatusCode::METHOD_NOT_ALLOWED).header(ALLOW, "GET, HEAD");
        return refused.body(nothing());
    }
    // The semaphore lives as long as the site and is never closed.
    let Ok(worker) = workers.acquire_owned().await else {
        return Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).body(nothing());
    };
    let path = request.uri().path();
    let (status, item) = match origin.items.get(path) {
        Some(item) => (StatusCode::OK, item.clone()),
        None => (StatusCode::NOT_FOUND, not_found()),
    };
    if item.is_page {
        origin.work().await;
    }
    let modified = httpdate::fmt_http_date(origin.modified);
    let length = item.material.len();
    let part = match status {
        StatusCode::OK => wanted(request.headers(), &item.etag, &modified, length),
        _ => Part::Whole,
    };
    let mut response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, item.content_type)
        .header(ACCEPT_RANGES, "bytes");
    if status == StatusCode::OK {
        response = response.header(ETAG, &item.etag).header(LAST_MODIFIED, &modified);
    }
    let range = match part {
        Part::Whole => 0..length,
        Part::NotModified => return response.status(StatusCode::NOT_MODIFIED).body(nothing()),
        Part::NotThere => {
            let response = response.status(StatusCode::RANGE_NOT_SATISFIABLE);
            return response.header(CONTENT_RANGE, format!("bytes */{length}")).body(nothing());
        }
        Part::Range(range) => {
            let said = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            response = response.status(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, said);
            range
        }
    };
    if request.method() == Method::HEAD {
        return response.header(CONTENT_LENGTH, range.end - range.start).body(nothing());
    }
    response.body(Either::Left(Sending::new(item.material, range, origin.line.clone(), worker)))
}

fn nothing() -> AnswerBody {
    Either::Right(Empty::new())
}

fn not_found() -> Item {
    let text = Bytes::from_static(
        b"<!doctype html>\n<title>Not found</title>\n<p>There is no such page here.</p>\n",
    );
    let material = Material::Text(text);
    Item { content_type: "text/html; charset=utf-8", is_page: false, material, etag: String::new() }
}

fn wanted(headers: &HeaderMap, etag: &str, modified: &str, length: u64) -> Part {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_known = match text(IF_NONE_MATCH) {
        Some(known) => known.split(',').any(|known| matches!(known.trim(), "*") || known.trim() == etag),
        None => text(IF_MODIFIED_SINCE) == Some(modified),
    };
    if is_known {
        return Part::NotModified;
    }
    let is_current = text(IF_RANGE).is_none_or(|known| known == etag || known == modified);
    match text(RANGE).filter(|_| is_current) {
        Some(range) => part_of(range, length),
        None => Part::Whole,
    }
}

/// One range of bytes; whatever is not that is left aside, as the standard wants it.
fn part_of(range: &str, length: u64) -> Part {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Part::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (first.trim().is_empty(), number(first), last.trim().is_empty(), number(last)) {
        (false, Some(first), true, _) => first..length,
        (false, Some(first), false, Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (true, _, false, Some(count)) => length.saturating_sub(count)..length,
        _ => return Part::Whole,
    };
    if range.is_empty() { Part::NotThere } else { Part::Range(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_from_to_or_the_end_and_nothing_else() {
        let range = |text| match part_of(text, 100) {
            Part::Range(range) => Some(range),
            _ => None,
        };
        assert_eq!(range("bytes=0-9"), Some(0..10));
        assert_eq!(range("bytes=90-"), Some(90..100));
        assert_eq!(range("bytes=90-1000"), Some(90..100));
        assert_eq!(range("bytes=-5"), Some(95..100));
        assert!(matches!(part_of("bytes=100-", 100), Part::NotThere));
        assert!(matches!(part_of("bytes=0-1,3-4", 100), Part::Whole));
        assert!(matches!(part_of("bytes=9-0", 100), Part::Whole));
        assert!(matches!(part_of("lines=0-1", 100), Part::Whole));
    }
}
