//! As much of HAProxy's language as our proposals use: lines of words, with apostrophes around texts.

use super::Snippet;

/// Whether the snippets hold lines that we write, and nothing else.
pub(super) fn holds(snippets: &[Snippet]) -> bool {
    snippets.iter().all(|snippet| {
        let mut names: Vec<String> = Vec::new();
        snippet.text.lines().all(|line| {
            words(line).is_some_and(|words| words.is_empty() || is_line(snippet.place, &words, &mut names))
        })
    })
}

/// The words of a line; `None` for an apostrophe without its pair, or a sign that means something outside of a pair.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' => words.extend(word.take()),
            '#' => break,
            '\'' => {
                let into = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '\'' => break,
                        other => into.push(other),
                    }
                }
            }
            '"' | '\\' | '$' | '\t' => return None,
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

fn is_line(place: &str, words: &[String], names: &mut Vec<String>) -> bool {
    let text: Vec<&str> = words.iter().map(String::as_str).collect();
    if place != "frontend" {
        return match text.as_slice() {
            ["backend", _] => true,
            ["stick-table", rest @ ..] => {
                rest.len() == 8
                    && rest.starts_with(&["type", "integer", "size", "1", "expire", "1h", "store"])
            }
            _ => false,
        };
    }
    match text.as_slice() {
        ["acl", name, test @ ..] => {
            names.push((*name).to_owned());
            is_test(test)
        }
        ["http-request", "track-sc2", "int(1)", "table", _, "if", tests @ ..] => are_named(tests, names),
        ["http-request", "deny", "deny_status", "403" | "429", "if", rest @ ..] => match rest {
            [tests @ .., "{", _, "gt", number, "}"] => {
                number.parse::<u32>().is_ok() && are_named(tests, names)
            }
            tests => are_named(tests, names),
        },
        _ => false,
    }
}

fn is_test(words: &[&str]) -> bool {
    match words {
        ["src", networks @ ..] => networks.iter().all(|network| network.parse::<ipnet::IpNet>().is_ok()),
        ["date", "lt", number] => number.parse::<i64>().is_ok(),
        [_, "-m", rest @ ..] => matches!(rest, ["reg", "-i", _] | ["reg", _] | ["len", "ge", "1"]),
        _ => false,
    }
}

fn are_named(tests: &[&str], names: &[String]) -> bool {
    tests.iter().all(|test| names.iter().any(|name| name == test.trim_start_matches('!')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds_in(text: &str) -> bool {
        holds(&[Snippet { place: "frontend", text: text.to_owned() }])
    }

    #[test]
    fn what_we_write_holds_and_what_breaks_out_does_not() {
        assert!(holds_in(
            "acl a req.fhdr(Referer) -m reg -i '^a b$'\nacl b date lt 5\nhttp-request deny deny_status 403 if a !b\n"
        ));
        for broken in [
            "acl a req.fhdr(Referer) -m reg '^a",
            "acl a req.fhdr(Referer) -m reg '^a' -f /etc/passwd",
            "acl a src 192.0.2.0/24 x",
            "http-request deny deny_status 403 if b",
            "use_backend x",
            "acl a date lt \"5\"",
        ] {
            assert!(!holds_in(broken), "{broken}");
        }
    }
}
