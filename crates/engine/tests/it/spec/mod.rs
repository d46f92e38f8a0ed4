//! The executable specification: every Markdown file under `spec/` at the root of the workspace is a test.
//!
//! ```text
//! file ─ document ─▶ scenes ─ scene ─▶ catalog + traffic ─ drive ─▶ what happened ─ expect ─▶ failures
//! ```
//! The format is explained in `spec/README.md`.

mod bytes;
mod document;
mod drive;
mod expect;
#[path = "../../../src/geo/writer.rs"]
mod places;
mod remarks;
mod scene;
mod traffic;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The examples of the operator's manual are specifications too.
#[test]
fn manual_diagnostics() {
    holds("../docs/manual/diagnostics.md");
}

/// One test for each file, named after it, and a list of them all.
macro_rules! files {
    ($($name:ident = $path:literal),+ $(,)?) => {
        $( #[test] fn $name() { holds($path); } )+
        const FILES: &[&str] = &[$($path),+];
    };
}

files! {
    language_lexis = "language/lexis.md",
    language_values = "language/values.md",
    language_statements = "language/statements.md",
    language_subs = "language/subs.md",
    language_patterns = "language/patterns.md",
    language_ending = "language/ending.md",
    functions_body = "functions/body.md",
    functions_form = "functions/form.md",
    functions_stream = "functions/stream.md",
    language_pitfalls = "language/pitfalls.md",
    functions_string = "functions/string.md",
    functions_string_encoding = "functions/string-encoding.md",
    functions_array = "functions/array.md",
    functions_hash = "functions/hash.md",
    functions_lang = "functions/lang.md",
    functions_math = "functions/math.md",
    functions_json = "functions/json.md",
    functions_http = "functions/http.md",
    functions_pool = "functions/pool.md",
    functions_request = "functions/request.md",
    functions_response = "functions/response.md",
    functions_slm = "functions/slm.md",
    functions_rate = "functions/rate.md",
    functions_rule = "functions/rule.md",
    functions_raw = "functions/raw.md",
    language_rules = "language/rules.md",
    functions_log = "functions/log.md",
    functions_connection = "functions/connection.md",
    functions_counter = "functions/counter.md",
    functions_data = "functions/data.md",
    functions_event = "functions/event.md",
    functions_geo = "functions/geo.md",
    functions_resource = "functions/resource.md",
    functions_sys = "functions/sys.md",
    functions_http_request = "functions/http_request.md",
    functions_net = "functions/net.md",
    functions_tcp = "functions/tcp.md",
    functions_udp = "functions/udp.md",
    functions_auth = "functions/auth.md",
    catalog_outgoing = "catalog/outgoing.md",
    functions_ssl = "functions/ssl.md",
    shaping_rate = "shaping/rate.md",
    shaping_bandwidth = "shaping/bandwidth.md",
    catalog_marks = "catalog/marks.md",
    catalog_mistakes = "catalog/mistakes.md",
    catalog_attachments = "catalog/attachments.md",
    catalog_tls = "catalog/tls.md",
    seeds = "seeds.md",
    htaccess = "htaccess.md",
}

#[test]
fn every_file_of_the_specification_is_a_test() {
    let mut found = BTreeSet::new();
    for folder in ["", "language", "functions", "shaping", "catalog"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if Path::new(&name).extension().is_some_and(|extension| extension == "md") && name != "README.md"
            {
                found.insert(if folder.is_empty() { name } else { format!("{folder}/{name}") });
            }
        }
    }
    assert_eq!(found, FILES.iter().map(|path| (*path).to_owned()).collect());
}

#[test]
fn the_rules_of_the_articles_stand_here_word_for_word() {
    let text = std::fs::read_to_string(root().join("seeds.md")).unwrap();
    let document = document::parse("seeds.md", &text).unwrap();
    for name in ["slashdot", "abusive-referer"] {
        let block = document.rule_text(name).unwrap();
        let file = std::fs::read_to_string(root().join(format!("rules/{name}.rts"))).unwrap();
        assert_eq!(block.trim_end(), file.trim_end(), "spec/seeds.md and spec/rules/{name}.rts differ");
        let original = root().join(format!("../../shared/seeds/{name}.rts"));
        match std::fs::read_to_string(&original) {
            Ok(original) => assert_eq!(file.trim_end(), original.trim_end(), "{name} is not as published"),
            Err(_) => println!("skipped: {} is not there to compare with", original.display()),
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec"))
}

/// Runs all scenes of a file and reports every failure of every one.
fn holds(path: &str) {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    let document = document::parse(path, &text).unwrap_or_else(|why| panic!("{why}"));
    assert!(!document.scenes.is_empty(), "spec/{path} says nothing that can be run");
    let failures: Vec<String> =
        document.scenes.iter().flat_map(|scene| scene::run(&document, scene)).collect();
    assert!(failures.is_empty(), "{} do not hold:\n\n{}\n", failures.len(), failures.join("\n\n"));
}
