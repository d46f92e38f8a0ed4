//! Prints the dictionary of the rule targets: every function's name, the keywords and the marks.

const WORDS: [&str; 40] = [
    "if", "else", "elseif", "while", "do", "for", "foreach", "in", "switch", "case", "default", "break", "continue",
    "return", "sub", "import", "as", "true", "false", "$a", "$1", "[ ]", "=>", "==", "!=", "<=", ">=", "&&", "||",
    ".=", "+=", "<<=", "++", "( ", " );", "{ }", "# ", "\\\"", "'", "$h[ \\\"k\\\" ]",
];

fn main() {
    for word in WORDS {
        println!("\"{word}\"");
    }
    for row in engine::builtins::builtins().iter() {
        println!("\"{}(\"", row.name);
    }
}
