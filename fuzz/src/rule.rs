//! Rules made from bytes: each byte is a choice, so that a change of a byte is a change of the program.

use engine::builtins::builtins;
use std::sync::LazyLock;
use trafficscript::{Kind, Param, Presence};

/// The functions of the table by number: looking for one in the table itself takes longer than all other choices.
static FUNCTIONS: LazyLock<Vec<(&str, &[Param])>> =
    LazyLock::new(|| builtins().iter().map(|row| (row.name, row.params)).collect());

/// Expressions and statements inside each other.
const DEPTH_MAX: u32 = 6;

const VARIABLES: [&str; 5] = ["$a", "$b", "$c", "$i", "$1"];
const NUMBERS: [&str; 10] =
    ["0", "1", "-1", "2", "3.75", "100", "9223372036854775807", "0x10", "1e3", "65536"];
const STRINGS: [&str; 16] = [
    "\"\"",
    "\"a\"",
    "\"http://a.example/x\"",
    "'\\d+'",
    "\"0\"",
    "\"k\"",
    "\"3.75\"",
    "\"\\000\\377\"",
    "\"Referer\"",
    "\"standard\"",
    "\"web\"",
    "\"10.0.0.0/8\"",
    "\"a=1&b=2\"",
    "\"%s %5d %x %f\"",
    "\"i\"",
    "\"g\"",
];
const PATTERNS: [&str; 12] = [
    "\"(a)(b)?\"",
    "'.*?://(.*?)/.*'",
    "\"^$\"",
    "'(\\w+)\\s*=\\s*(.*)$'",
    "\"(a|b)\\\\1\"",
    "'(?i)x(?=y)'",
    "\"[^a]*a\"",
    "\"(a*)*b\"",
    "'(?<n>.)\\k<n>'",
    "\"\"",
    "'(?>a+)b'",
    "\".*\"",
];
const OPERATORS: [&str; 20] = [
    "+", "-", ".", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "&", "|", "^", "<<", ">>",
    ".",
];
const ASSIGNMENTS: [&str; 8] = ["=", "=", "=", "+=", ".=", "-=", "*=", "|="];

/// A rule; any bytes make one, and it always ends.
pub fn text(bytes: &[u8]) -> String {
    let mut writer = Writer { bytes, out: String::with_capacity(bytes.len() * 8), loops: 0 };
    while !writer.bytes.is_empty() && writer.out.len() < 16_384 {
        writer.statement(0);
    }
    writer.out.push_str("\nsub one( $x ) { $x[ 0 ] = $a; return $x; }\nsub two( $x, $y ) { array.push( $x, $y ); return $x . $y; }\n");
    writer.out
}

struct Writer<'a> {
    bytes: &'a [u8],
    out: String,
    /// Loops around: outside of them `continue` begins the rule again, until its fuel is used up.
    loops: u32,
}

impl Writer<'_> {
    /// The next choice, below `most`; the first one where the bytes are at their end.
    fn choose(&mut self, most: usize) -> usize {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        usize::from(*first) % most
    }

    fn pick(&mut self, words: &[&str]) {
        let at = self.choose(words.len());
        self.out.push_str(words[at]);
    }

    fn say(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn statement(&mut self, depth: u32) {
        match self.choose(if depth < DEPTH_MAX { 18 } else { 4 }) {
            0 | 1 => {
                self.place(depth);
                self.say(" ");
                self.pick(&ASSIGNMENTS);
                self.say(" ");
                self.expression(depth + 1);
                self.say(";\n");
            }
            2 | 3 | 4 | 5 => {
                self.call(depth);
                self.say(";\n");
            }
            6 => {
                self.expression(depth + 1);
                self.say(";\n");
            }
            7 | 8 => {
                self.say("if( ");
                self.expression(depth + 1);
                self.say(" ) ");
                self.block(depth);
                self.say("else ");
                self.block(depth);
            }
            9 => {
                let rounds = self.choose(16);
                self.say(&format!("for( $i = 0; $i < {rounds}; $i++ ) "));
                self.body(depth);
            }
            10 => {
                self.say("foreach( $c in ");
                self.expression(depth + 1);
                self.say(" ) ");
                self.body(depth);
            }
            11 => {
                self.say("while( ");
                self.expression(depth + 1);
                self.say(" && $w++ < 9 ) ");
                self.body(depth);
            }
            12 => {
                self.say("do ");
                self.body(depth);
                self.say("while( $d++ < 3 );\n");
            }
            13 | 14 => self.switch(depth),
            15 if self.loops > 0 => self.pick(&["break;\n", "continue;\n", "return;\n", "{}\n"]),
            // Here `continue` begins the rule again: a few times mostly, and rarely until its fuel is used up.
            15 => self.pick(&[
                "break;\n",
                "return $a;\n",
                ";\n",
                "{}\n",
                "# note\n",
                "if( $9++ < 3 ) continue;\n",
                if self.bytes.len() % 16 == 7 { "continue;\n" } else { ";\n" },
                ";\n",
            ]),
            _ => {
                self.say("$a[ ");
                self.expression(depth + 1);
                self.say(" ]");
                self.pick(&["++", "--", " = $a", " .= $b"]);
                self.say(";\n");
            }
        }
    }

    /// A loop's block.
    fn body(&mut self, depth: u32) {
        self.loops += 1;
        self.block(depth);
        self.loops -= 1;
    }

    fn block(&mut self, depth: u32) {
        self.say("{ ");
        for _ in 0..self.choose(3) {
            self.statement(depth + 1);
        }
        self.say("}\n");
    }

    fn switch(&mut self, depth: u32) {
        self.say("switch( ");
        self.expression(depth + 1);
        self.pick(&["", "", ", string.startsWith", ", string.regexmatch", ", two"]);
        self.say(" ) { ");
        for _ in 0..=self.choose(3) {
            self.say("case ");
            self.expression(depth + 1);
            self.say(": ");
            self.statement(depth + 1);
        }
        self.pick(&["default: break; ", "default: $a = 1; ", ""]);
        self.say("}\n");
    }

    fn place(&mut self, depth: u32) {
        self.pick(&VARIABLES);
        if depth < DEPTH_MAX && self.choose(4) == 3 {
            self.say("[ ");
            self.expression(depth + 1);
            self.say(" ]");
        }
    }

    fn expression(&mut self, depth: u32) {
        match self.choose(if depth < DEPTH_MAX { 18 } else { 6 }) {
            0 | 1 => self.pick(&NUMBERS),
            2 | 3 => self.pick(&STRINGS),
            4 | 5 => self.place(depth),
            6 | 7 | 8 => {
                self.say("( ");
                self.expression(depth + 1);
                self.say(" ");
                self.pick(&OPERATORS);
                self.say(" ");
                self.expression(depth + 1);
                self.say(" )");
            }
            9 => {
                self.pick(&["!", "-", "~"]);
                self.say("( ");
                self.expression(depth + 1);
                self.say(" )");
            }
            10 => {
                self.say("( ");
                self.place(depth);
                self.pick(&[" = ", " .= ", " += "]);
                self.expression(depth + 1);
                self.say(" )");
            }
            11 => self.list(depth),
            12 => {
                self.say("( ");
                self.place(depth);
                self.pick(&["++", "--"]);
                self.say(" )");
            }
            13 => {
                self.say("( ");
                self.expression(depth + 1);
                self.say(" ? ");
                self.expression(depth + 1);
                self.say(" : ");
                self.expression(depth + 1);
                self.say(" )");
            }
            14 => {
                self.pick(&["one( ", "two( $a, "]);
                self.expression(depth + 1);
                self.say(" )");
            }
            _ => self.call(depth),
        }
    }

    fn list(&mut self, depth: u32) {
        let (count, is_hash) = (self.choose(5), self.choose(2) == 1);
        self.say("[ ");
        for at in 0..count {
            if at > 0 {
                self.say(", ");
            }
            if is_hash {
                self.pick(&STRINGS);
                self.say(" => ");
            }
            self.expression(depth + 1);
        }
        self.say(" ]");
    }

    /// Any function of the table, with as many arguments as it takes; most of the kind that it wants.
    fn call(&mut self, depth: u32) {
        let at = self.choose(256) * 256 + self.choose(256);
        let (name, params) = FUNCTIONS[at % FUNCTIONS.len()];
        self.say(name);
        self.say("( ");
        let mut first = true;
        for param in params {
            let times = match param.presence {
                Presence::Required => 1,
                Presence::Optional => self.choose(2),
                Presence::Repeated => self.choose(4),
            };
            for _ in 0..times {
                if !first {
                    self.say(", ");
                }
                first = false;
                self.argument(param.kind, depth);
            }
        }
        self.say(" )");
    }

    fn argument(&mut self, kind: Kind, depth: u32) {
        if self.choose(3) == 2 {
            return self.expression(depth + 1);
        }
        match kind {
            Kind::Pattern => self.pick(&PATTERNS),
            Kind::Flags => self.pick(&["\"i\"", "\"g\"", "\"gi\"", "\"\""]),
            Kind::Integer | Kind::Double => self.pick(&NUMBERS),
            Kind::Array => self.pick(&["$a", "$b", "[ 1, 2 ]", "[ \"b\", \"a\", 3 ]"]),
            Kind::Hash => self.pick(&["$b", "$c", "[ \"k\" => 1 ]", "[ \"a\" => [ 1 ] ]"]),
            _ => self.pick(&STRINGS),
        }
    }
}
