//! Requests that hit what a rule file is about: derived from its own words.

use super::corpus::Case;
use super::request::{HOST, Request, find};
use super::sample::{Dice, matching};
use super::world::FILES;
use std::collections::BTreeSet;

/// Printed where a comparison fails; another one gives other requests (and needs new records).
pub(crate) const SEED: u64 = 20_040_117;

/// How many are made for a case, beside those that are written in it.
const GENERATED: usize = 15;

/// What the rules of a case speak of.
#[derive(Default)]
struct Words {
    /// Patterns of paths, with `/` at the front where they need it.
    paths: Vec<Vec<u8>>,
    queries: Vec<Vec<u8>>,
    methods: Vec<Vec<u8>>,
    clients: Vec<Vec<u8>>,
    /// By name of field.
    fields: Vec<(String, Vec<u8>)>,
}

pub(crate) fn requests(case: &Case) -> Vec<Request> {
    let mut words = Words::default();
    for (folder, text) in &case.files {
        for line in logical_lines(text) {
            words.learn(folder, &arguments(&line));
        }
    }
    let mut dice = Dice::new(SEED, &format!("{}/{}", case.topic, case.title));
    let mut known: BTreeSet<String> = case.requests.iter().map(Request::text).collect();
    let mut all = case.requests.clone();
    for _ in 0..GENERATED * 8 {
        if all.len() >= case.requests.len() + GENERATED {
            break;
        }
        let request = words.request(case, &mut dice);
        if known.insert(request.text()) {
            all.push(request);
        }
    }
    all
}

impl Words {
    fn learn(&mut self, folder: &str, words: &[Vec<u8>]) {
        let word = |at: usize| words.get(at).cloned().unwrap_or_default();
        match String::from_utf8_lossy(&word(0)).to_ascii_lowercase().as_str() {
            "rewriterule" => {
                self.paths.push(below(folder, &word(1)));
                let target = word(2);
                let plain = target.split(|byte| *byte == b'?').next().unwrap_or_default();
                if plain.starts_with(b"/") && !plain.contains(&b'$') {
                    self.paths.push(plain.to_vec());
                } else if !plain.iter().any(|byte| b":$%-".contains(byte)) {
                    self.paths.push(below(folder, plain));
                }
                if target.contains(&b'?') {
                    self.queries.push(b"q=[a-z]{1,3}|a=1&b=%20c".to_vec());
                }
            }
            "rewritecond" => self.learn_test(&word(1), &word(2)),
            "setenvif" | "setenvifnocase" => self.learn_attribute(&word(1), &word(2)),
            "browsermatch" | "browsermatchnocase" => self.fields.push(("User-Agent".into(), word(1))),
            "redirect" | "redirectmatch" | "redirectpermanent" | "redirecttemp" => {
                let at = usize::from(!word(1).iter().any(|byte| b"/^(.".contains(byte))) + 1;
                self.paths.push(word(at));
                self.paths.push([&word(at)[..], b"[a-z]{1,4}"].concat());
            }
            "<files" | "<filesmatch" => {
                let name = words.iter().skip(1).find(|word| *word != b"~").cloned().unwrap_or_default();
                let name: Vec<u8> = name.strip_suffix(b">").map_or(name.clone(), <[u8]>::to_vec);
                let files = |byte: &u8| match byte {
                    b'*' => b".*".to_vec(),
                    other => vec![*other],
                };
                let name: Vec<u8> = name.iter().flat_map(files).collect();
                self.paths.push([folder.as_bytes(), &name].concat());
                self.paths.push([folder.as_bytes(), b"(docs|files|img)/", &name].concat());
            }
            "allow" | "deny" | "require" => {
                let addresses =
                    words.iter().skip(2).filter(|word| word.contains(&b'.') || word.contains(&b':'));
                self.clients.extend(addresses.cloned());
            }
            "<limit" | "<limitexcept" => {
                self.methods.extend(words.iter().skip(1).map(|word| trimmed(word)));
            }
            _ => {}
        }
        self.learn_expressions(words);
    }

    fn learn_test(&mut self, test: &[u8], pattern: &[u8]) {
        let pattern = pattern.strip_prefix(b"!").unwrap_or(pattern);
        let bare: Vec<u8> = match pattern.first() {
            Some(b'<' | b'>' | b'=') => {
                let text = pattern.iter().skip_while(|byte| b"<>=\"".contains(byte)).copied();
                quoted(&text.collect::<Vec<_>>())
            }
            _ => pattern.to_vec(),
        };
        let test = String::from_utf8_lossy(test).into_owned();
        if test.contains('$') {
            self.paths.push(bare.clone());
        }
        let mut rest = test.as_str();
        while let Some((_, after)) = rest.split_once("%{") {
            let (name, behind) = after.split_once('}').unwrap_or((after, ""));
            self.learn_variable(name, &bare);
            rest = behind;
        }
    }

    fn learn_variable(&mut self, name: &str, pattern: &[u8]) {
        let header = name.strip_prefix("HTTP:").map(str::to_owned);
        let variable = name.strip_prefix("HTTP_").map(|name| name.replace('_', "-"));
        let pattern = pattern.to_vec();
        match name {
            "REQUEST_URI" => self.paths.push(pattern),
            "REQUEST_FILENAME" | "SCRIPT_FILENAME" => {
                self.paths.push(
                    b"/(docs/page.html|docs|nothing|img/a.png|empty.txt|link.html|files/run.sh)".to_vec(),
                );
            }
            "QUERY_STRING" => self.queries.push(pattern),
            "REQUEST_METHOD" => self.methods.push(pattern),
            "REMOTE_ADDR" | "REMOTE_HOST" => self.clients.push(pattern),
            "THE_REQUEST" => self.paths.push([b"/", &pattern[..]].concat()),
            _ => {
                if let Some(name) = header.or(variable) {
                    self.fields.push((name, pattern));
                }
            }
        }
    }

    fn learn_attribute(&mut self, attribute: &[u8], pattern: &[u8]) {
        let name = String::from_utf8_lossy(attribute).into_owned();
        match name.to_ascii_lowercase().as_str() {
            "request_uri" => self.paths.push(pattern.to_vec()),
            "request_method" => self.methods.push(pattern.to_vec()),
            "remote_addr" | "remote_host" => self.clients.push(pattern.to_vec()),
            "request_protocol" | "server_addr" => {}
            _ => {
                let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
                if !plain.is_empty() {
                    self.fields.push((plain, pattern.to_vec()));
                }
            }
        }
    }

    /// `%{HTTP_X} =~ /pattern/`, `req('X') == 'text'` and `%{X}i`, wherever they stand.
    fn learn_expressions(&mut self, words: &[Vec<u8>]) {
        let line = String::from_utf8_lossy(&words.join(&b' ')).into_owned();
        let looks_so =
            ["<if", "<elseif", "expr", "setenvifexpr"].iter().any(|word| line.to_lowercase().contains(word));
        let patterns = ['/', '#', '|'].map(|quote| inside(&line, quote)).concat();
        let plain = inside(&line, '\'')
            .into_iter()
            .map(|text| String::from_utf8_lossy(&quoted(text.as_bytes())).into());
        let literals: Vec<String> = patterns.into_iter().chain(plain).collect();
        for (start, end) in
            [("%{HTTP_", "}"), ("%{HTTP:", "}"), ("req('", "'"), ("http('", "'"), ("HTTP('", "'")]
        {
            for name in between(&line, start, end) {
                let name = name.replace('_', "-");
                if looks_so {
                    self.fields.extend(literals.iter().map(|text| (name.clone(), text.clone().into_bytes())));
                }
            }
        }
        if looks_so {
            for literal in literals {
                match literal.as_str() {
                    text if text.replace('\\', "").parse::<std::net::IpAddr>().is_ok() => {
                        self.clients.push(text.into());
                    }
                    text if line.contains("QUERY_STRING") => self.queries.push(text.into()),
                    text if line.contains("METHOD") => self.methods.push(text.into()),
                    text => self.paths.push(text.into()),
                }
            }
        }
        for name in between(&line, "%{", "}i") {
            self.fields.push((name, b"[a-z]{1,4}".to_vec()));
        }
        if line.to_lowercase().starts_with("header echo ")
            || line.to_lowercase().starts_with("header always echo")
        {
            let pattern = words.last().cloned().unwrap_or_default();
            self.fields
                .push((String::from_utf8_lossy(&pattern).replace(['^', '$', '.', '*'], ""), b"foo".to_vec()));
        }
    }

    fn request(&self, case: &Case, dice: &mut Dice) -> Request {
        let method = if !self.methods.is_empty() && dice.percent(60) {
            let method = some_of(&self.methods, dice);
            Some(String::from_utf8_lossy(&method).into_owned()).filter(|method| is_method(method))
        } else {
            None
        };
        let other = if dice.percent(12) { *dice.one_of(&["POST", "HEAD", "PUT"]) } else { "GET" };
        let method = method.unwrap_or_else(|| other.to_owned());
        let mut target = self.path(case, dice);
        if dice.percent(if self.queries.is_empty() { 15 } else { 65 }) {
            target.push(b'?');
            target.extend(self.query(dice));
        }
        let mut request = Request::new(&method, &target);
        for (name, pattern) in &self.fields {
            if request.field(name).is_none()
                && dice.percent(if name.eq_ignore_ascii_case("Host") { 50 } else { 65 })
            {
                let value = field_value(name, pattern, dice);
                request.fields.push((name.clone(), value));
            }
        }
        for (name, values) in COMMON {
            if request.field(name).is_none() && dice.percent(8) {
                request.fields.push((name.to_owned(), dice.one_of(values).as_bytes().to_vec()));
            }
        }
        // where names of clients are asked for, the only client is one whose name needs no question to the network
        let names = |(_, text): &(String, Vec<u8>)| {
            [&b"localhost"[..], b"Require host", b"else.example"]
                .iter()
                .any(|name| find(text, name).is_some())
        };
        if !case.files.iter().any(names) {
            self.client(&mut request, dice);
        }
        request.with_host()
    }

    fn path(&self, case: &Case, dice: &mut Dice) -> Vec<u8> {
        let mut path = if !self.paths.is_empty() && dice.percent(82) {
            some_of(&self.paths, dice)
        } else if dice.percent(60) {
            dice.one_of(&FILES).0.as_bytes().to_vec()
        } else {
            let folder = &dice.one_of(&case.files).0;
            format!("{folder}{}", dice.one_of(&["nothing", "a/b/c", "x.php/info", "", "caf\u{e9}"]))
                .into_bytes()
        };
        if dice.percent(22) {
            mutate(&mut path, dice);
        }
        if !path.starts_with(b"/") {
            path.insert(0, b'/');
        }
        spelled(&path, dice)
    }

    fn query(&self, dice: &mut Dice) -> Vec<u8> {
        let mut query = if !self.queries.is_empty() && dice.percent(70) {
            some_of(&self.queries, dice)
        } else {
            dice.one_of(&["a=1", "=", "a=1&b=2", "q=%25", "x=%20y+z", "id=7&id=8", "??", "A=B%26C"])
                .as_bytes()
                .to_vec()
        };
        query.retain(|byte| (0x21..0x7f).contains(byte) && *byte != b'#');
        // a question mark with nothing behind it has a case of its own
        if query.is_empty() { b"a".to_vec() } else { query }
    }

    fn client(&self, request: &mut Request, dice: &mut Dice) {
        const OTHERS: [&str; 6] =
            ["127.0.0.1", "127.0.0.2", "10.1.2.3", "192.0.2.7", "203.0.113.7", "2001:db8::7"];
        let mut text = dice.one_of(&OTHERS).as_bytes().to_vec();
        if !self.clients.is_empty() && dice.percent(65) {
            text = some_of(&self.clients, dice);
            if let Some(at) = text.iter().position(|byte| *byte == b'/') {
                text.truncate(at);
            }
            while text.ends_with(b".")
                || (!text.contains(&b':') && text.split(|byte| *byte == b'.').count() < 4)
            {
                let end: &[u8] = if text.ends_with(b".") { b"9" } else { b".9" };
                text.extend(end);
            }
        }
        if let Some(client) = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()) {
            request.client = client;
        }
    }
}

const COMMON: [(&str, &[&str]); 5] = [
    (
        "Referer",
        &["http://www.site.example/page", "http://evil.example/?u=site.example", "", "-", "android-app://x"],
    ),
    ("User-Agent", &["Mozilla/5.0 (X11; Linux)", "curl/8.1", "Googlebot/2.1", ""]),
    (
        "Host",
        &[
            "site.example",
            "WWW.SITE.EXAMPLE",
            "blog.site.example",
            "www.site.example:80",
            "www.site.example:8080",
        ],
    ),
    ("Cookie", &["a=1", "session=xyz; lang=de", "wordpress_logged_in_1=x"]),
    ("Accept", &["text/html,*/*;q=0.8", "image/webp", "*/*"]),
];

/// What matches one of the patterns.
fn some_of(patterns: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let pattern: &Vec<u8> = dice.one_of(patterns);
    matching(pattern, dice)
}

fn field_value(name: &str, pattern: &[u8], dice: &mut Dice) -> Vec<u8> {
    let common = COMMON.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
    let mut value = match common {
        Some((_, values)) if dice.percent(25) => dice.one_of(values).as_bytes().to_vec(),
        None if dice.percent(15) => dice.one_of(&["", "0", "other", "A b", "1,2"]).as_bytes().to_vec(),
        _ => matching(pattern, dice),
    };
    if dice.percent(15) {
        mutate(&mut value, dice);
    }
    if name.eq_ignore_ascii_case("Host") {
        value.retain(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(byte));
        let port = value.iter().position(|byte| *byte == b':').map(|at| value.split_off(at));
        let last = value.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        let odd = !value[..value.len().min(1)].iter().all(u8::is_ascii_alphanumeric)
            || find(&value, b"..").is_some()
            || !last.first().is_some_and(u8::is_ascii_alphabetic)
            || value.split(|byte| *byte == b'.').any(|label| label.starts_with(b"-"));
        if value.is_empty() || odd {
            value = HOST.into();
        }
        if port.is_some_and(|port| port.len() > 1 && port[1..].iter().all(u8::is_ascii_digit)) {
            value.extend(b":8080");
        }
    }
    value.retain(|byte| *byte >= 0x20 && *byte != 0x7f);
    value.trim_ascii().to_vec()
}

fn mutate(text: &mut Vec<u8>, dice: &mut Dice) {
    match dice.below(6) {
        0 => text.make_ascii_uppercase(),
        1 => text.extend(b"x"),
        2 => {
            text.pop();
        }
        3 => text.extend(b"/more"),
        4 => {
            let at = dice.below(text.len() + 1);
            text.insert(at, b'.');
        }
        _ => text.extend(b".html"),
    }
}

/// A path as some client may write it: what must be escaped is, some of the rest as well.
fn spelled(path: &[u8], dice: &mut Dice) -> Vec<u8> {
    let odd = dice.percent(15);
    let mut text = Vec::new();
    for byte in path {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,=:@".contains(byte);
        let needless = odd && *byte != b'/' && dice.percent(20);
        if plain && !needless {
            text.push(*byte);
        } else {
            text.extend(format!("%{byte:02x}").into_bytes());
        }
        if *byte == b'/' && odd && dice.percent(30) {
            text.extend(*dice.one_of(&[&b"/"[..], b"./", b"x/../", b"//"]));
        }
    }
    text
}

fn is_method(text: &str) -> bool {
    // TRACE is not answered by a handler
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_uppercase())
        && text != "TRACE"
        && text != "CONNECT"
}

/// A pattern that is matched behind a folder, as one of the whole path.
fn below(folder: &str, pattern: &[u8]) -> Vec<u8> {
    let pattern = pattern.strip_prefix(b"!").unwrap_or(pattern);
    match pattern.strip_prefix(b"^") {
        Some(rest) => [folder.as_bytes(), rest].concat(),
        None => [folder.as_bytes(), b"(|a/)", pattern].concat(),
    }
}

fn trimmed(word: &[u8]) -> Vec<u8> {
    word.strip_suffix(b">").unwrap_or(word).to_vec()
}

/// A plain text as a pattern.
fn quoted(text: &[u8]) -> Vec<u8> {
    let escape = |byte: &u8| if byte.is_ascii_alphanumeric() { vec![*byte] } else { vec![b'\\', *byte] };
    text.iter().flat_map(escape).collect()
}

fn inside(line: &str, quote: char) -> Vec<String> {
    let parts: Vec<&str> = line.split(quote).collect();
    let odd = parts
        .iter()
        .skip(1)
        .step_by(2)
        .filter(|part| !part.is_empty() && part.len() < 60 && !part.contains("%{"));
    odd.map(|part| (*part).to_owned()).collect()
}

fn between(line: &str, start: &str, end: &str) -> Vec<String> {
    let parts = line.split(start).skip(1);
    let names = parts.filter_map(|part| part.split_once(end).map(|(name, _)| name.to_owned()));
    names
        .filter(|name| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
        .collect()
}

fn logical_lines(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut goes_on = false;
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (line, ends) = line.strip_suffix(b"\\").map_or((line, true), |line| (line, false));
        if goes_on {
            lines.last_mut().unwrap().extend(line);
        } else {
            lines.push(line.to_vec());
        }
        goes_on = !ends;
    }
    lines
}

/// Split at blanks; quotes hold together.
fn arguments(line: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii();
    while let Some(first) = rest.first() {
        let quote = (*first == b'"' || *first == b'\'').then_some(*first);
        let start = usize::from(quote.is_some());
        let ends = |byte: &u8| quote.map_or(byte.is_ascii_whitespace(), |quote| *byte == quote);
        let mut end = start;
        while rest.get(end).is_some_and(|byte| !ends(byte)) {
            end += if rest[end] == b'\\' && quote.is_some() { 2 } else { 1 };
        }
        let end = end.min(rest.len());
        words.push(rest[start..end].to_vec());
        rest = rest.get(end + start..).unwrap_or_default().trim_ascii_start();
    }
    debug_assert!(words.iter().all(|word| find(word, b"\n").is_none()), "a line");
    words
}
