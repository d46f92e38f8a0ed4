//! The manual's examples, tried.

use super::lint;
use crate::parse;
use source::{Diagnostic, Source};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Everything that is said about a text.
pub(super) fn said(text: &str) -> Vec<Diagnostic> {
    let parsed = parse(&Arc::new(Source::new(".htaccess", text)));
    let mut said = parsed.diagnostics;
    said.extend(lint(&parsed.file));
    said
}

/// What remarks promise: the line below each, severity and id.
fn promised(text: &str) -> BTreeSet<(u32, String)> {
    let mut found = BTreeSet::new();
    let mut open = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let remark =
            text.trim().strip_prefix("# ").filter(|rest| rest.ends_with(']') && rest.contains(": ["));
        match remark {
            Some(remark) => open.push(remark.to_owned()),
            None => found.extend(open.drain(..).map(|remark| (line, remark))),
        }
    }
    found
}

/// The sections of the manual: id, and the texts of its blocks.
fn sections() -> Vec<(String, Vec<String>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual/diagnostics.md");
    let manual = std::fs::read_to_string(path).unwrap();
    let mut sections: Vec<(String, Vec<String>)> = Vec::new();
    let mut block: Option<String> = None;
    for line in manual.lines() {
        if let Some(text) = &mut block {
            if line == "```" {
                let text = block.take().unwrap();
                sections.last_mut().unwrap().1.push(text);
            } else {
                text.push_str(line);
                text.push('\n');
            }
        } else if let Some(id) = line.strip_prefix("## `") {
            sections.push((id.trim_end_matches('`').to_owned(), Vec::new()));
        } else if matches!(line, "```htaccess" | "```text htaccess") {
            block = Some(String::new());
        }
    }
    sections.retain(|(_, blocks)| !blocks.is_empty());
    sections
}

#[test]
fn each_section_of_the_manual_shows_its_mistake_and_a_text_without_it() {
    let sections = sections();
    assert!(sections.len() > 15, "the manual was not found as it is: {}", sections.len());
    for (id, blocks) in sections {
        for (index, text) in blocks.iter().enumerate() {
            let told: BTreeSet<(u32, String)> = said(text)
                .iter()
                .map(|told| {
                    (told.place().unwrap().line, format!("{}: [{}]", told.severity.name(), told.id.0))
                })
                .collect();
            assert_eq!(told, promised(text), "{id}:\n{text}");
            let shows = told.iter().any(|(_, told)| told.ends_with(&format!("[{id}]")));
            assert_eq!(shows, index == 0, "{id}: the first text shows it, the others do not\n{text}");
        }
    }
}

#[test]
fn every_message_says_what_to_do() {
    for (_, blocks) in sections() {
        for told in blocks.iter().flat_map(|text| said(text)) {
            assert!(told.help.is_some(), "{}", told.one_line());
        }
    }
}

/// Files that many sites have, and forms that are as they should be.
const GOOD: [(&str, &str); 7] = [
    ("WordPress", include_str!("good/wordpress.htaccess")),
    ("a referer of one's own", include_str!("good/referer.htaccess")),
    ("variables and Require env", include_str!("good/environment.htaccess")),
    ("Drupal", include_str!("good/drupal.htaccess")),
    ("Joomla", include_str!("good/joomla.htaccess")),
    ("Nextcloud", include_str!("good/nextcloud.htaccess")),
    ("HTML5 Boilerplate", include_str!("good/h5bp.htaccess")),
];

#[test]
fn good_forms_are_let_be() {
    for (name, text) in GOOD {
        let told: Vec<String> = said(text).iter().map(Diagnostic::one_line).collect();
        assert_eq!(told, Vec::<String>::new(), "{name}");
    }
}

fn ids(text: &str) -> Vec<&'static str> {
    said(text).iter().map(|told| told.id.0).collect()
}

/// The file of the article, as it stands in the specification.
fn seed() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/seeds.md");
    let spec = std::fs::read_to_string(path).unwrap();
    let block = spec.split("```text htaccess\n").nth(1).unwrap();
    block.split("```").next().unwrap().to_owned()
}

const SEED: [&str; 7] = [
    "unanchored-domain",
    "capitals-in-host",
    "empty-referer-refused",
    "referer-is-no-address",
    "capitals-in-host",
    "rule-for-everything",
    "dash-for-hyphen",
];

#[test]
fn the_file_of_the_article_gets_each_doubt_it_deserves_once() {
    let mut told = ids(&seed());
    let mut wanted = SEED.to_vec();
    told.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(told, wanted);
}

#[test]
fn the_file_of_the_article_is_the_one_that_was_handed_on() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/seeds/audio.htaccess");
    match std::fs::read_to_string(path) {
        Ok(text) => assert_eq!(text, seed()),
        Err(_) => println!("skipped: ../shared/seeds/audio.htaccess is not there to compare with"),
    }
}

#[test]
fn the_relaxed_third_line_refuses_readers_and_lets_strangers_through() {
    let relaxed = seed().replace("!.*theDomainInQuestion.*", "^$");
    let told = ids(&relaxed);
    assert!(told.contains(&"foreign-sites-pass"), "{told:?}");
    assert!(!told.contains(&"empty-referer-refused") && !told.contains(&"unanchored-domain"), "{told:?}");
}

#[test]
fn files_that_others_wrote_get_what_they_deserve_and_no_more() {
    let comments = "RewriteEngine On\nRewriteCond %{REQUEST_METHOD} POST\nRewriteCond %{REQUEST_URI} .*/comments/.*\n\
                    RewriteCond %{HTTP_REFERER} !^http(s)?://(.*)?yourdomain.com [NC]\nRewriteRule .* - [F]\n";
    assert_eq!(ids(comments), ["bare-dot-in-host", "unanchored-domain", "empty-referer-refused"]);
    let password = "AuthType Basic\nAuthName \"x\"\nAuthUserFile /x\nRequire valid-user\n";
    assert_eq!(ids(password), ["needs-login"], "one mistake, one message");
    let pictures = "RewriteEngine On\nRewriteCond %{HTTP_REFERER} !^$\nRewriteCond %{HTTP_REFERER} \
                    !^http://(www\\.)?a.example/.*$ [NC]\nRewriteRule \\.(gif|jpg)$ - [F]\n";
    assert_eq!(ids(pictures), ["bare-dot-in-host", "own-name-refused", "image-search-refused"]);
    let searched = pictures.replace("!^$", "!^https?://www\\.google\\.com");
    assert!(
        !ids(&searched).contains(&"image-search-refused"),
        "one that is let in is enough: its owner knows"
    );
}

#[test]
fn names_and_addresses_of_the_site_are_tried_as_referers() {
    let text = "RewriteEngine On\nRewriteCond %{HTTP_REFERER} !^$\nRewriteCond %{HTTP_REFERER} \
                !^https?://([^/]+\\.)?a\\.example(:[0-9]+)?(/|$) [NC]\nRewriteRule \\.mp3$ - [F]\n";
    let parsed = parse(&Arc::new(Source::new(".htaccess", text)));
    let told = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        super::lint_own_names(&parsed.file, &names).iter().map(Diagnostic::one_line).collect::<Vec<_>>()
    };
    assert!(told(&["a.example", "www.a.example", "a.example:8080"]).is_empty());
    let address = told(&["a.example", "192.0.2.1"]);
    assert!(address.len() == 1 && address[0].contains("opened as 192.0.2.1"), "{address:?}");
    assert!(address[0].contains("https?://192\\.0\\.2\\.1("), "{address:?}");
    assert!(told(&["b.example"])[0].starts_with(".htaccess:3:"));
}

#[test]
fn an_escape_that_is_a_group_is_told_where_the_group_is_there_too() {
    let with = |target: &str| {
        let text = format!(
            "RewriteEngine On\nRewriteCond %{{QUERY_STRING}} ^a=(.*)&b=(.*)$\nRewriteRule ^x$ {target} [R,L]\n"
        );
        said(&text).iter().map(Diagnostic::one_line).collect::<Vec<_>>()
    };
    let blank = with("/y/%1%20z");
    assert!(blank.len() == 1 && blank[0].contains("group 2 of the last condition"), "{blank:?}");
    assert!(with("/y/%1/%2").is_empty() && with("/y/%2abc").is_empty(), "groups that are meant");
    assert!(with("/y/%30")[0].contains("becomes `0`"));
}
