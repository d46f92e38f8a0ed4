//! The running program held to what Apache made of a sample of the corpus in `spec/htaccess`. (All of it is tried on
//! the evaluation alone, in the crate `rewrite`, whose reading of the corpus is used here.)

#[path = "../../../rewrite/tests/it/answer.rs"]
#[allow(dead_code, reason = "some of it is for asking Apache")]
mod answer;
#[path = "../../../rewrite/tests/it/corpus.rs"]
mod corpus;
#[path = "../../../rewrite/tests/it/generate.rs"]
#[allow(dead_code, reason = "some of it is for asking Apache")]
mod generate;
#[path = "../../../rewrite/tests/it/recorded.rs"]
#[allow(dead_code, reason = "some of it is for asking Apache")]
mod recorded;
#[path = "../../../rewrite/tests/it/request.rs"]
#[allow(dead_code, reason = "some of it is for asking Apache")]
mod request;
#[path = "../../../rewrite/tests/it/sample.rs"]
mod sample;
#[path = "../../../rewrite/tests/it/world.rs"]
#[allow(dead_code, reason = "some of it is for asking Apache")]
mod world;

use crate::kit::{Answer, Client, Proxy, catalog, node};
use answer::{decoded, escaped, kept_fields, plain_path};
use corpus::Case;
use request::Request;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// About each case of so many is tried; which, hangs on its title alone.
const STEP: usize = 12;
/// Requests, by case and target, in which the running program is meant to differ: docs/manual/htaccess.md says why, under
/// "One table of fields" and "Conditions on the answer".
const DIFFERS: [(&str, &[&str]); 3] = [
    (
        "Always and not: two tables",
        &["/", "/index.php", "/404.html", "/docs/page.html", "/do%63s//%64eep/./e%72/%70age%2ehtml"],
    ),
    (
        "Always set beside the origin's",
        &["/", "/bl.og/index.php", "/app/index.php", "/x.p%68p//info", "/with%20space/page.html"],
    ),
    ("With an expression that asks the answer's own fields", &["/", "/403.html?="]),
];
/// The Apache that was asked has no `mod_dir`: it showed the request for a folder itself.
const WITHOUT_INDEXES: &str = "\nDirectoryIndex disabled\nDirectorySlash Off\n";
/// Requests of a case.
const REQUESTS_MAX: usize = 12;

#[test]
fn the_running_program_answers_as_apache() {
    let cases = corpus::read();
    let mut topics: Vec<String> = cases.iter().map(|case| case.topic.clone()).collect();
    topics.dedup();
    let recorded = recorded::Recorded::read(&topics);
    let origin = node(echo);
    let mut wrong = Vec::new();
    let (mut pairs, mut meant) = (0, 0);
    for case in cases.iter().filter(|case| is_sampled(case)) {
        let requests = generate::requests(case);
        let known = recorded.answers(case, &requests).unwrap();
        // a file with a mistake is not taken, and an answer of 500 for all is no story for a running program
        if known.iter().all(|answer| answer.outcome == "500") {
            continue;
        }
        let here = tempfile::tempdir().unwrap();
        build(here.path(), case, origin);
        let proxy = Proxy::start(here.path(), &[]);
        let asked = requests.iter().zip(known).filter(|(request, known)| is_for_all(request, known));
        for (request, known) in asked.take(REQUESTS_MAX) {
            pairs += 1;
            let got = outcome(here.path(), request, &ask(proxy.address, request));
            // what the environment is, no client sees
            let seen = |detail: &&String| detail.starts_with("field ") || detail.starts_with("cookie ");
            let expected: Vec<String> = known.details.iter().filter(seen).cloned().collect();
            let is_same = got == (known.outcome.clone(), expected);
            if !is_same && is_meant_to_differ(case, request) {
                meant += 1;
            } else if !is_same {
                let (title, text, known) = (&case.title, request.text(), known.text());
                wrong.push(format!("{title}\n  {text}\n  Apache {known}\n  we     {} {:?}", got.0, got.1));
            }
        }
        proxy.stop();
    }
    println!("{pairs} pairs");
    assert!(wrong.is_empty(), "{pairs} pairs, {} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(pairs > 150, "{pairs} pairs");
    let listed: usize = DIFFERS.iter().map(|(_, targets)| targets.len()).sum();
    assert_eq!(meant, listed, "of those that are listed, so many differ");
}

fn is_sampled(case: &Case) -> bool {
    let sum = case.title.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    sum.is_multiple_of(STEP) || DIFFERS.iter().any(|(title, _)| *title == case.title)
}

fn is_meant_to_differ(case: &Case, request: &Request) -> bool {
    let text = request.text();
    let target = text.split(' ').nth(1).unwrap_or_default();
    DIFFERS.iter().any(|(title, targets)| *title == case.title && targets.contains(&target))
}

/// Whether a client on this machine can ask it, and one connection shows the answer.
fn is_for_all(request: &Request, known: &answer::Answer) -> bool {
    let is_here = request.client.to_string() == "127.0.0.1";
    is_here
        && request.method == "GET"
        && !known.outcome.starts_with("proxy")
        && !known.outcome.starts_with("400")
}

fn build(folder: &Path, case: &Case, origin: SocketAddr) {
    let root = folder.join("www");
    fs::create_dir_all(&root).unwrap();
    for path in world::FOLDERS {
        fs::create_dir_all(root.join(&path[1..])).unwrap();
    }
    for (path, text) in world::FILES {
        fs::write(root.join(&path[1..]), text).unwrap();
    }
    fs::write(root.join(&world::EXECUTABLE[1..]), "#!/bin/sh\n").unwrap();
    std::os::unix::fs::symlink("index.html", root.join(&world::LINK[1..])).unwrap();
    let mut server = format!("document_root = \"{}\"\nhtaccess = {{ ", root.display());
    if case.files.iter().all(|(prefix, _)| prefix != "/") {
        fs::write(folder.join("root.htaccess"), WITHOUT_INDEXES).unwrap();
        server += "\"/\" = \"root.htaccess\", ";
    }
    for (number, (prefix, text)) in case.files.iter().enumerate() {
        let mut text = text.clone();
        if prefix == "/" {
            text.extend_from_slice(WITHOUT_INDEXES.as_bytes());
        }
        fs::write(folder.join(format!("{number}.htaccess")), text).unwrap();
        let prefix = if prefix == "/" { prefix } else { prefix.trim_end_matches('/') };
        let _written = write!(server, "\"{prefix}\" = \"{number}.htaccess\", ");
    }
    server += "}\nrewrite_maps = { ";
    for (name, kind, text) in world::MAPS {
        if kind.starts_with("int:") {
            let _written = write!(server, "{name} = \"{kind}\", ");
        } else {
            fs::write(folder.join(format!("{name}.txt")), text).unwrap();
            let _written = write!(server, "{name} = \"{kind}:{name}.txt\", ");
        }
    }
    server += "}";
    fs::write(folder.join("tidegate.toml"), catalog(origin, &server, "")).unwrap();
}

/// A node that says in its answer what it was asked for.
fn echo(head: &str) -> Vec<u8> {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let mut text =
        format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\nX-Echo: {target}\r\n");
    for (name, value) in world::ORIGIN_FIELDS {
        let _written = write!(text, "{name}: {value}\r\n");
    }
    (text + "\r\n").into_bytes()
}

fn ask(address: SocketAddr, request: &Request) -> Answer {
    let mut bytes = [&request.line()[..], b"\r\n"].concat();
    for (name, value) in &request.fields {
        bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    bytes.extend(b"Connection: close\r\n\r\n");
    let mut client = Client::connect(address);
    client.send_bytes(&bytes);
    client.rest(&request.method)
}

/// As it is recorded.
fn outcome(folder: &Path, request: &Request, answer: &Answer) -> (String, Vec<String>) {
    let root = folder.join("www");
    let neutral = |text: &str| text.replace(root.to_str().unwrap(), world::ROOT);
    let fields = answer.head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let fields: Vec<(String, String)> =
        fields.map(|(name, value)| (name.to_owned(), escaped(value.trim().as_bytes()))).collect();
    let mut details = kept_fields(&fields);
    details.sort();
    let status = answer.status;
    let outcome = match (answer.field("X-Echo"), answer.field("Location")) {
        (_, Some(location)) => format!("{status} {}", neutral(location)),
        (Some(target), _) => {
            let (path, query) =
                target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
            let (asked_path, asked_query) = request.path_and_query();
            let is_same = plain_path(path.as_bytes()) == plain_path(asked_path);
            if is_same && query.map(str::as_bytes) == asked_query && status == 200 {
                "pass".to_owned()
            } else {
                let mut shown = escaped(&decoded(path.as_bytes()));
                if let Some(query) = query {
                    let _written = write!(shown, "?{}", escaped(query.as_bytes()));
                }
                if status == 200 { format!("to {shown}") } else { format!("{status} shows {shown}") }
            }
        }
        _ if answer.body.is_empty() || answer.body.starts_with(b"<") => status.to_string(),
        _ => format!("{status} says {}", escaped(&answer.body)),
    };
    (outcome, details)
}
