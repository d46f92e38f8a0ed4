//! How TrafficScript is written: strings, patterns, comments, names.

use crate::directive::Regex;
use std::fmt::Write as _;

/// What every rule begins with. As in Apache, detours are taken out of the path before it is decoded (full stops are
/// decoded before that), and a path that is none is refused before any line is looked at. `http.normalizePath` lets
/// no `%` through that is not an escape, so that `string.unescape` finds plain escapes only.
const PATH: &str = r#"$sent = string.regexsub( http.getRawURL(), "(?s)^(?:[A-Za-z]+://[^/?]*)?/?([^?]*).*", "/$1" );
$sent = http.normalizePath( string.replaceAllI( $sent, "%2e", "." ) );
$uri = string.unescape( $sent );
if( $uri == "" ) {
   http.sendResponse( 400, "text/html", "<h1>Bad Request</h1>", "" );
}
if( string.regexmatch( $sent, "%(2f|00)", "i" ) ) {
   http.sendResponse( 404, "text/html", "<h1>Not Found</h1>", "" );
}
"#;

/// What a rule may begin with besides: a variable, and what it is. Each may use those before it.
const PRELUDE: [(&str, &str); 6] = [
    ("$path", "string.skip( $uri, 1 )"),
    ("$query", "http.getRawQueryString()"),
    ("$kept", "( $query == \"\" ? \"\" : \"?\" . $query )"),
    ("$refused", "\"<h1>Forbidden</h1><p>You don't have permission to access this resource.</p>\""),
    ("$gone", "\"<h1>Gone</h1><p>The requested resource is no longer available on this server.</p>\""),
    ("$moved", "\"<h1>Moved</h1><p>The document is elsewhere.</p>\""),
];

/// The path and the variables that a rule needs, in front of it.
pub(super) fn with_prelude(body: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (name, value) in PRELUDE.iter().rev() {
        if body.contains(name) || lines.iter().any(|line| line.contains(name)) {
            lines.push(format!("{name} = {value};\n"));
        }
    }
    lines.reverse();
    format!("\n{PATH}{}{body}", lines.concat())
}

/// Lines as comments.
pub(super) fn comment(text: &[u8]) -> String {
    let mut out = String::new();
    for line in String::from_utf8_lossy(text).lines() {
        let clean: String =
            line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
        let _written = writeln!(out, "# {}", clean.trim_end());
    }
    out
}

/// A string of the language.
pub(super) fn string(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                c if c.is_control() => push_hex(&mut out, c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => out.push(c),
            }
        }
        push_hex(&mut out, chunk.invalid());
    }
    out.push('"');
    out
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _written = write!(out, "\\x{byte:02x}");
    }
}

/// Whether a pattern of Apache's is found in something, as an expression; `None` where the dialects part for good.
///
/// In Apache `.` matches a line break, and `$` stands at the very end only.
pub(super) fn matches(subject: &str, pattern: &Regex, ignores_case: bool) -> Option<String> {
    let text = string(&in_the_language(&pattern.text)?);
    let flags = if ignores_case || pattern.ignores_case { ", \"i\"" } else { "" };
    Some(format!("string.regexmatch( {subject}, {text}{flags} )"))
}

/// A pattern of Apache's as one of the language.
fn in_the_language(pattern: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::from(b"(?s)");
    let (mut is_class, mut bytes) = (false, pattern.iter().copied().peekable());
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                let escaped = bytes.next()?;
                // A quotation hides what stands in it.
                if escaped == b'Q' || escaped == b'E' {
                    return None;
                }
                text.extend([byte, escaped]);
                continue;
            }
            b'[' if !is_class => {
                is_class = true;
                text.push(byte);
                // A bracket at its beginning is one of its members.
                for expected in [b'^', b']'] {
                    if bytes.peek() == Some(&expected) {
                        text.extend(bytes.next());
                    }
                }
                continue;
            }
            b']' => is_class = false,
            b'$' if !is_class => {
                text.extend_from_slice(b"\\z");
                continue;
            }
            _ => {}
        }
        text.push(byte);
    }
    // Lines with ends of their own, or remarks in the pattern.
    if pattern.windows(2).any(|two| two == b"(?") && !is_plain_group(pattern) {
        return None;
    }
    Some(text)
}

/// Groups that begin with `(?` and set no flags.
fn is_plain_group(pattern: &[u8]) -> bool {
    let mut groups = pattern.windows(3).filter(|three| three.starts_with(b"(?"));
    groups.all(|group| matches!(group[2], b':' | b'=' | b'!' | b'<'))
}

/// Names of Apache's environment, and the variables that stand for them.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Vec<u8>>);

impl Names {
    /// The variable of a name; one more if it is new.
    pub(super) fn variable(&mut self, name: &[u8]) -> String {
        let at = self.0.iter().position(|known| known == name).unwrap_or_else(|| {
            self.0.push(name.to_vec());
            self.0.len() - 1
        });
        let letters: String =
            name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(|byte| char::from(*byte)).collect();
        format!("$env{}_{letters}", at + 1)
    }

    /// All variables, in the order in which they came.
    pub(super) fn variables(&mut self) -> Vec<String> {
        let names = self.0.clone();
        names.iter().map(|name| self.variable(name)).collect()
    }

    pub(super) fn knows(&self, name: &[u8]) -> bool {
        self.0.iter().any(|known| known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pattern: &str) -> Option<String> {
        in_the_language(pattern.as_bytes()).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn the_end_of_a_pattern_is_the_very_end() {
        assert_eq!(shown("^a.$").as_deref(), Some(r"(?s)^a.\z"));
        assert_eq!(shown(r"\$[$]x").as_deref(), Some(r"(?s)\$[$]x"));
        assert_eq!(shown("[]$]$").as_deref(), Some(r"(?s)[]$]\z"));
        assert!(shown("(?:a|b)(?!c)").is_some());
        assert_eq!(shown("(?m)a$"), None);
        assert_eq!(shown(r"\Qa$\E"), None);
    }

    #[test]
    fn a_string_is_the_bytes_that_it_was() {
        assert_eq!(string(b"a\"\\\n\xff\xc3\xa9"), "\"a\\\"\\\\\\x0a\\xff\u{e9}\"");
    }
}
