//! The lines of a `traffic` block, and times as they are written.

use super::document::Block;
use std::net::IpAddr;

/// One request as written. Times are nanoseconds since the scene began.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) at: u64,
    /// Keeps cookies and the connection from one request to the next; `None`: a new visitor.
    pub(super) visitor: Option<String>,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) fields: Vec<(String, String)>,
    /// Without framing; its Content-Length is filled in.
    pub(super) body: String,
    /// When the client goes away, if it has no answer by then.
    pub(super) leaves: Option<u64>,
    pub(super) client: IpAddr,
    pub(super) tls: bool,
}

impl Request {
    /// `GET /`, at the beginning, from a new visitor.
    pub(super) fn plain() -> Self {
        Self {
            at: 0,
            visitor: None,
            method: "GET".to_owned(),
            target: "/".to_owned(),
            fields: Vec::new(),
            body: String::new(),
            leaves: None,
            client: IpAddr::from([192, 0, 2, 1]),
            tls: false,
        }
    }
}

/// The requests in the order written; `N x` stands for N of them.
///
/// # Errors
/// The line and what is wrong with it.
pub(super) fn parse(block: &Block) -> Result<Vec<Request>, String> {
    let mut requests = Vec::new();
    for (index, line) in block.text.lines().enumerate() {
        let written = line.split(" # ").next().unwrap_or_default().trim();
        if written.is_empty() {
            continue;
        }
        let (count, request) =
            request(written).map_err(|why| format!("line {}: {why}: `{line}`", block.line + index))?;
        requests.extend(std::iter::repeat_n(request, count));
    }
    Ok(requests)
}

/// `0s  [12 x] [visitor:] GET /path [Field: value [| Field: value]] [(leaves 3s, client 192.0.2.7, tls)] [body "text"]`
fn request(line: &str) -> Result<(usize, Request), String> {
    let mut request = Request::plain();
    let (line, body) = line.split_once(" body ").unwrap_or((line, ""));
    request.body = body.trim().trim_matches('"').replace("\\r", "\r").replace("\\n", "\n");
    let (line, options) = match line.strip_suffix(')').and_then(|line| line.rsplit_once(" (")) {
        Some((line, options)) => (line, options),
        None => (line, ""),
    };
    let (at, rest) = line.split_once(char::is_whitespace).ok_or("a time and a request are wanted")?;
    request.at = time(at)?;
    let mut rest = rest.trim_start();
    let mut count = 1;
    if let Some((number, after)) = rest.split_once(" x ")
        && let Ok(number) = number.trim().parse()
    {
        (count, rest) = (number, after.trim_start());
    }
    let (first, after) = rest.split_once(' ').ok_or("a method and a target are wanted")?;
    if let Some(visitor) = first.strip_suffix(':') {
        request.visitor = Some(visitor.to_owned());
        rest = after.trim_start();
    }
    let (method, after) = rest.split_once(' ').ok_or("a target is wanted")?;
    let (target, fields) = after.trim().split_once(' ').unwrap_or((after.trim(), ""));
    (request.method, request.target) = (method.to_owned(), target.to_owned());
    for field in fields.split(" | ").map(str::trim).filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once(':').ok_or("a field is `Name: value`")?;
        request.fields.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    for option in options.split(',').map(str::trim).filter(|option| !option.is_empty()) {
        match option.split_once(' ') {
            Some(("leaves", at)) => request.leaves = Some(time(at)?),
            Some(("client", address)) => {
                request.client = address.parse().map_err(|_| format!("`{address}` is no address"))?;
            }
            None if option == "tls" => request.tls = true,
            _ => return Err(format!("no option is called `{option}`")),
        }
    }
    Ok((count, request))
}

/// `0s`, `1.5s`, `100ms`, `2m` in nanoseconds.
///
/// # Errors
/// Where it is none of these.
pub(super) fn time(text: &str) -> Result<u64, String> {
    let units = [("ms", 1_000_000), ("s", 1_000_000_000_u64), ("m", 60_000_000_000)];
    let found = units.iter().find_map(|(suffix, worth)| Some((text.strip_suffix(suffix)?, *worth)));
    let wrong = || format!("`{text}` is no time");
    let (number, worth) = found.ok_or_else(wrong)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let mut nanos = whole.checked_mul(worth).ok_or_else(wrong)?;
    let mut place = worth;
    for digit in part.chars() {
        place /= 10;
        nanos += u64::from(digit.to_digit(10).ok_or_else(wrong)?) * place;
    }
    Ok(nanos)
}

/// A time as people write it, to the millisecond.
pub(super) fn shown(nanos: u64) -> String {
    let millis = (nanos + 500_000) / 1_000_000;
    match millis % 1_000 {
        0 => format!("{}s", millis / 1_000),
        part => format!("{}.{part:03}s", millis / 1_000).replace("00s", "s").replace("0s", "s"),
    }
}
