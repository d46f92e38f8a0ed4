//! The words of the two kinds of configuration.

/// A line of Apache's configuration.
pub(super) struct Directive {
    /// Where it begins, counted from 1.
    pub(super) line: usize,
    pub(super) words: Vec<String>,
}

/// Takes Apache's configuration apart: a directive a line, `\` at the end goes on, `#` begins a remark.
pub(super) fn apache(text: &str) -> Vec<Directive> {
    let mut directives = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let mut whole = line.to_owned();
        while whole.ends_with('\\') {
            whole.pop();
            match lines.next() {
                Some((_, more)) => whole.push_str(more),
                None => break,
            }
        }
        let whole = whole.trim();
        if whole.is_empty() || whole.starts_with('#') {
            continue;
        }
        let words = match whole.strip_prefix('<') {
            // The end of a section's head is no part of its last word.
            Some(_) => apache_words(whole.strip_suffix('>').unwrap_or(whole)),
            None => apache_words(whole),
        };
        directives.push(Directive { line: number + 1, words });
    }
    directives
}

/// Words between blanks, or in quotes, in which `\"` and `\\` are escapes.
fn apache_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut letters = text.trim_start().chars().peekable();
    while let Some(&first) = letters.peek() {
        let quote = matches!(first, '"' | '\'').then_some(first);
        if quote.is_some() {
            letters.next();
        }
        let mut word = String::new();
        while let Some(letter) = letters.next() {
            match (letter, quote) {
                ('\\', _)
                    if letters.peek() == Some(&'\\')
                        || (quote.is_some() && letters.peek() == quote.as_ref()) =>
                {
                    word.extend(letters.next());
                }
                (letter, Some(quote)) if letter == quote => break,
                (letter, None) if letter.is_whitespace() => break,
                (letter, _) => word.push(letter),
            }
        }
        words.push(word);
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
    }
    words
}

/// A part of nginx's configuration.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A directive, its words up to `;`.
    Directive(usize, Vec<String>),
    /// The head of a block, its words up to `{`.
    Open(Vec<String>),
    /// `}`.
    Close,
}

/// Takes nginx's configuration apart.
pub(super) fn nginx(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut letters = text.chars().peekable();
    let mut line = 1;
    let mut began = 1;
    while let Some(letter) = letters.next() {
        if words.is_empty() {
            began = line;
        }
        match letter {
            '\n' => line += 1,
            letter if letter.is_whitespace() => {}
            '#' => while letters.next_if(|letter| *letter != '\n').is_some() {},
            ';' => parts.push(Part::Directive(began, std::mem::take(&mut words))),
            '{' => parts.push(Part::Open(std::mem::take(&mut words))),
            '}' => {
                words.clear();
                parts.push(Part::Close);
            }
            quote @ ('"' | '\'') => {
                let mut word = String::new();
                while let Some(letter) = letters.next() {
                    line += usize::from(letter == '\n');
                    match letter {
                        '\\' if letters.peek() == Some(&quote) || letters.peek() == Some(&'\\') => {
                            word.extend(letters.next());
                        }
                        letter if letter == quote => break,
                        letter => word.push(letter),
                    }
                }
                words.push(word);
            }
            first => {
                let mut word = String::from(first);
                // A variable may be written `${name}`.
                while let Some(letter) = letters.next_if(|letter| {
                    !letter.is_whitespace() && *letter != ';' && (*letter != '{' || word.ends_with('$'))
                }) {
                    word.push(letter);
                    if letter == '{' {
                        while let Some(inner) = letters.next_if(|letter| *letter != '}' && *letter != '\n') {
                            word.push(inner);
                        }
                    }
                }
                words.push(word);
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_of_apache_go_on_over_lines_and_keep_their_quotes() {
        let text = "# remark\nLogFormat \"%h \\\"%r\\\" \\\\x\" \\\n  short\n<VirtualHost *:80>\n CustomLog a\\b short\n";
        let directives = apache(text);
        let words: Vec<_> =
            directives.iter().map(|directive| (directive.line, directive.words.join("|"))).collect();
        assert_eq!(
            words,
            [
                (2, "LogFormat|%h \"%r\" \\x|short".to_owned()),
                (4, "<VirtualHost|*:80".to_owned()),
                (5, "CustomLog|a\\b|short".to_owned()),
            ]
        );
    }

    #[test]
    fn parts_of_nginx_are_words_blocks_and_ends() {
        let text = "http { # x\n log_format a '$x '\n  \"y\"; server{server_name ${a}b;}\n}";
        let word = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            nginx(text),
            [
                Part::Open(word(&["http"])),
                Part::Directive(2, word(&["log_format", "a", "$x ", "y"])),
                Part::Open(word(&["server"])),
                Part::Directive(3, word(&["server_name", "${a}b"])),
                Part::Close,
                Part::Close,
            ]
        );
    }
}
