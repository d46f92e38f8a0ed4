//! What the functions of the candidates work on: a request's fields and the counts of two rate classes. The same code
//! answers TrafficScript and rhai.

use std::collections::HashMap;

/// What differs between the requests.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    /// Empty: the field is not there.
    pub(crate) referer: &'static [u8],
}

/// Fields as a browser sends them.
const FIELDS: [(&str, &str); 6] = [
    ("Host", "www.example.com"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
];

/// All fields of a request, the Referer last.
pub(crate) fn fields(request: Request) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut list: Vec<_> =
        FIELDS.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
    if !request.referer.is_empty() {
        list.push((b"Referer".to_vec(), request.referer.to_vec()));
    }
    list
}

/// One request, and what is counted over all.
pub(crate) struct Desk {
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// By class, a byte of 0, and context.
    counts: HashMap<Vec<u8>, u64>,
    key: Vec<u8>,
    pub(crate) started: u64,
    pub(crate) marked: u64,
}

impl Desk {
    pub(crate) fn new(request: Request) -> Self {
        Self { fields: fields(request), counts: HashMap::new(), key: Vec::new(), started: 0, marked: 0 }
    }

    pub(crate) fn header(&self, name: &[u8]) -> &[u8] {
        let found = self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or(b"", |(_, value)| value)
    }

    /// No request has cookies; it is looked for all the same.
    pub(crate) fn cookie(&self, _name: &[u8]) -> &[u8] {
        self.header(b"Cookie")
    }

    fn key(&mut self, class: &[u8], context: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(class);
        self.key.push(0);
        self.key.extend_from_slice(context);
    }

    /// Nobody ever waits: what is measured is the decision. The count is looked up.
    pub(crate) fn backlog(&mut self, class: &[u8], context: &[u8]) -> i64 {
        self.key(class, context);
        self.counts.get(&self.key).map_or(0, |_| 0)
    }

    pub(crate) fn enter(&mut self, class: &[u8], context: &[u8]) {
        self.key(class, context);
        self.started += 1;
        match self.counts.get_mut(&self.key) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert(self.key.clone(), 1)),
        }
    }
}
