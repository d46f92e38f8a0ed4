//! A request as the corpus writes it: `GET /path?query Name: value | Name: value (client 192.0.2.7)`.

use super::answer::escaped;
use std::net::IpAddr;

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As on the request line.
    pub(crate) target: Vec<u8>,
    /// In order; a Host is always among them.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) client: IpAddr,
}

pub(crate) const HOST: &str = "www.site.example";

impl Request {
    pub(crate) fn new(method: &str, target: &[u8]) -> Self {
        let client = IpAddr::from([127, 0, 0, 1]);
        Self { method: method.to_owned(), target: target.to_vec(), fields: Vec::new(), client }
    }

    pub(crate) fn parse(line: &[u8]) -> Self {
        let mut parts = line.splitn(3, |byte| *byte == b' ');
        let method = std::str::from_utf8(parts.next().unwrap()).unwrap();
        let mut request = Self::new(method, parts.next().unwrap());
        let mut rest = parts.next().unwrap_or_default();
        if let Some(at) = find(rest, b"(client ") {
            let client = std::str::from_utf8(&rest[at + 8..]).unwrap().trim_end_matches(')');
            request.client = client.parse().unwrap();
            rest = rest[..at].trim_ascii_end();
        }
        while !rest.is_empty() {
            let end = find(rest, b" | ").unwrap_or(rest.len());
            let colon = find(rest, b":").unwrap();
            let name = std::str::from_utf8(&rest[..colon]).unwrap().to_owned();
            request.fields.push((name, rest[colon + 1..end].trim_ascii().to_vec()));
            rest = rest.get(end + 3..).unwrap_or_default();
        }
        request.with_host()
    }

    pub(crate) fn with_host(mut self) -> Self {
        if self.field("Host").is_none() {
            self.fields.insert(0, ("Host".to_owned(), HOST.into()));
        }
        self
    }

    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        let found = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    /// As servers give them to rules: those of one name are one.
    pub(crate) fn joined_fields(&self) -> Vec<(String, Vec<u8>)> {
        let mut joined: Vec<(String, Vec<u8>)> = Vec::new();
        for (name, value) in &self.fields {
            match joined.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                Some((_, known)) => known.extend([b", ", value.as_slice()].concat()),
                None => joined.push((name.clone(), value.clone())),
            }
        }
        joined
    }

    /// As the request line has it, and split at the first `?`.
    pub(crate) fn path_and_query(&self) -> (&[u8], Option<&[u8]>) {
        match self.target.iter().position(|byte| *byte == b'?') {
            Some(at) => (&self.target[..at], Some(&self.target[at + 1..])),
            None => (&self.target, None),
        }
    }

    pub(crate) fn line(&self) -> Vec<u8> {
        [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1"].concat()
    }

    /// As the corpus writes it.
    pub(crate) fn text(&self) -> String {
        let fields: Vec<String> =
            self.fields.iter().map(|(name, value)| format!("{name}: {}", escaped(value))).collect();
        let fields = fields.join(" | ");
        format!("{} {} {fields} (client {})", self.method, escaped(&self.target), self.client)
    }
}

pub(crate) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
