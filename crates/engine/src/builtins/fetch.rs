//! `http.request.*`: pages from elsewhere.

use super::{LIVE, row};
use crate::errand::{Errand, ErrandError, ErrandKind, Url};
use crate::host::{Host, go, refused};
use crate::limits;
use core::time::Duration;
use trafficscript::{Answer, Builtin, Call, Param, Value};

const URL: Param = Param::string("url", "`http://host[:port]/path`, or `https://`.");
const HEADERS: Param =
    Param::string("headers", "Header lines, `Name: value`, with `\\r\\n` between them.").optional();
const TIMEOUT: Param = Param::double("timeout", "Seconds until it is given up; 30 without it.").optional();
const DATA: Param = Param::string("data", "The body that is sent.");
const AUTHORITIES: Param =
    Param::array("authorities", "Certificates in PEM; one of them must have signed the server's.");

const GIVEN: &str = "world GET http://api.example/v -> 200 text/plain \"7\"";

pub(super) const ROWS: [Builtin<Host>; 6] = [
    row!(
        "http.request.get", "Fetches a page.",
        (URL, HEADERS, TIMEOUT),
        String, LIVE, Waits, GIVEN,
        [
            "http.request.get( \"http://api.example/v\" )" => "7",
            "http.request.get( \"http://api.example/v\" ); $1 = $1 . \" \" . $2 . \" \" . $4;" => "200 text/plain HTTP/1.1 200 OK",
            "http.request.get( \"http://api.example/gone\" );" => "0",
        ],
        "The value is the body. `$1` is the status, `$2` the content type, `$3` the header lines, each with its \
         `\\r\\n`, and `$4` the first line. Where there is no answer (the host cannot be reached, the time is over, \
         the answer is longer than 4 MiB or its head than 64 KiB) the value is empty, `$1` is 0, `$2` says why and \
         `$3` and `$4` are empty. Redirects are not followed, and what is compressed stays so. `https` trusts whom \
         the machine trusts. Where it may go stands in the catalog: `[outgoing] allow = [\"api.example:443\"]`; \
         what is not allowed is a warning and fails as above.",
        |call| fetch(call, "GET", Shape::PLAIN),
    ),
    row!(
        "http.request.head", "Fetches the head of a page.",
        (URL, HEADERS, TIMEOUT),
        String, LIVE, Waits, "world HEAD http://api.example/v -> 204 text/plain \"\"",
        ["http.request.head( \"http://api.example/v\" );" => "204"],
        "As `http.request.get`; the value is empty, and `$1` to `$4` tell the head.",
        |call| fetch(call, "HEAD", Shape::PLAIN),
    ),
    row!(
        "http.request.delete", "Asks a server to delete something.",
        (URL, HEADERS, TIMEOUT),
        String, LIVE, Waits, "world DELETE http://api.example/v/1 -> 200 text/plain \"gone\"",
        ["http.request.delete( \"http://api.example/v/1\" )" => "gone"],
        "As `http.request.get`, with the method DELETE.",
        |call| fetch(call, "DELETE", Shape::PLAIN),
    ),
    row!(
        "http.request.post", "Sends data to a server.",
        (URL, DATA, HEADERS, TIMEOUT),
        String, LIVE, Waits, "world POST http://api.example/v -> 201 text/plain \"made\"",
        ["http.request.post( \"http://api.example/v\", \"a=1\" );" => "201"],
        "As `http.request.get`, with the method POST and a body of at most 4 MiB. Without a Content-Type among the \
         headers it is `application/x-www-form-urlencoded`.",
        |call| fetch(call, "POST", Shape::BODY),
    ),
    row!(
        "http.request.put", "Puts data on a server.",
        (URL, DATA, HEADERS, TIMEOUT),
        String, LIVE, Waits, "world PUT http://api.example/v -> 204 text/plain \"\"",
        ["http.request.put( \"http://api.example/v\", \"text\" );" => "204"],
        "As `http.request.post`, with the method PUT.",
        |call| fetch(call, "PUT", Shape::BODY),
    ),
    row!(
        "http.request.ssl.get", "Fetches a page over TLS, from a server that one of the given certificates vouches for.",
        (URL, AUTHORITIES, HEADERS, TIMEOUT),
        String, LIVE, Waits, "world GET https://api.example/v -> 200 text/plain \"7\"",
        ["http.request.ssl.get( \"https://api.example/v\", [ \"-----BEGIN CERTIFICATE-----\" ] )" => "7"],
        "As `http.request.get`; the URL must begin with `https://`. Each element of the array holds one or more \
         certificates in PEM; nobody else is trusted, and with an empty \
         array nobody is: it fails.",
        |call| fetch(call, "GET", Shape::AUTHORITIES),
    ),
];

/// What stands between the URL and the headers.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    body: bool,
    authorities: bool,
}

impl Shape {
    const PLAIN: Self = Self { body: false, authorities: false };
    const BODY: Self = Self { body: true, authorities: false };
    const AUTHORITIES: Self = Self { body: false, authorities: true };
}

fn fetch(call: &mut Call<'_, Host>, method: &'static str, shape: Shape) -> Answer {
    let headers = usize::from(shape.body || shape.authorities) + 1;
    let url = match Url::parse(&call.bytes(0)) {
        Ok(url) => url,
        Err(why) => return refused(call, ErrandKind::Fetch, ErrandError::Refused(why)),
    };
    let lines = call.bytes(headers);
    let mut odd = Vec::new();
    let mut fetch = url.fetch(method, &lines, |why| odd.push(why));
    for why in odd {
        call.warn(why);
    }
    let has = |name: &str| fetch.fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let (has_type, has_agent) = (has("content-type"), has("user-agent"));
    if !has_agent {
        fetch.fields.push(("User-Agent".to_owned(), b"tidegate".to_vec()));
    }
    if shape.body {
        fetch.body = Some(call.bytes(1).into_owned());
        if !has_type {
            let kind = b"application/x-www-form-urlencoded".to_vec();
            fetch.fields.push(("Content-Type".to_owned(), kind));
        }
    }
    if shape.authorities {
        if !fetch.tls {
            let why = "http.request.ssl.get takes a URL that begins with https://".to_owned();
            return refused(call, ErrandKind::Fetch, ErrandError::Refused(why));
        }
        fetch.authorities = match authorities(call) {
            Ok(authorities) => authorities,
            Err(error) => return refused(call, ErrandKind::Fetch, error),
        };
    }
    let time = match call.optional_double(headers + 1) {
        Some(seconds) if seconds > 0.0 => Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
        _ => limits::ERRAND_TIME,
    };
    go(call, Errand::Fetch(Box::new(fetch)), time)
}

/// The texts of the second argument.
fn authorities(call: &Call<'_, Host>) -> Result<Option<Vec<Vec<u8>>>, ErrandError> {
    let texts: Vec<Vec<u8>> = match call.argument(1) {
        Some(Value::Array(items)) => items.borrow().iter().map(|text| text.to_text().to_vec()).collect(),
        // A single certificate instead of an array of one is what people write.
        Some(Value::String(text)) if !text.is_empty() => vec![text.to_vec()],
        // Trusting more than was meant would be worse than failing.
        _ => {
            return Err(ErrandError::Refused(
                "the authorities of http.request.ssl.get are an array".to_owned(),
            ));
        }
    };
    if texts.is_empty() {
        return Err(ErrandError::Refused("http.request.ssl.get is given no certificate to trust".to_owned()));
    }
    Ok(Some(texts))
}
