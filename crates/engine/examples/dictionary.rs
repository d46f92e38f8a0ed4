//! Prints the dictionary of the fuzz targets of rules: every function's name, the keywords and the marks.
#![expect(clippy::print_stdout, reason = "a command")]

const WORDS: [&str; 40] = [
    "if",
    "else",
    "elseif",
    "while",
    "do",
    "for",
    "foreach",
    "in",
    "switch",
    "case",
    "default",
    "break",
    "continue",
    "return",
    "sub",
    "import",
    "as",
    "true",
    "false",
    "$a",
    "$1",
    "[ ]",
    "=>",
    "==",
    "!=",
    "<=",
    ">=",
    "&&",
    "||",
    ".=",
    "+=",
    "<<=",
    "++",
    "( ",
    " );",
    "{ }",
    "# ",
    "\\\"",
    "'",
    "$h[ \\\"k\\\" ]",
];

fn main() {
    for word in WORDS {
        println!("\"{word}\"");
    }
    for row in engine::builtins::builtins().iter() {
        println!("\"{}(\"", row.name);
    }
}
