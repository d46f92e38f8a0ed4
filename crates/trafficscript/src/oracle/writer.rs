//! Programs for the comparison, made from choices: much cheaper than proptest's, for long runs.
#![cfg(test)]

/// What a program is made of, one choice after the other.
pub(super) struct Writer {
    state: u64,
    out: String,
}

const PLACES: [&str; 12] = [
    "$a",
    "$b",
    "$c",
    "$a",
    "$1",
    "$2",
    "$a[ 0 ]",
    "$b[ \"k\" ]",
    "$b[ $c ]",
    "$a[ -1 ][ \"x\" ]",
    "$1[ \"y\" ]",
    "$b[ $a ][ 1 ]",
];
const VARIABLES: [&str; 4] = ["$a", "$b", "$c", "$e"];
const LITERALS: [&str; 13] = [
    "0",
    "1",
    "2",
    "-3",
    "1.5",
    "\"\"",
    "\"k\"",
    "\"2x\"",
    "\"3.75\"",
    "true",
    "[]",
    "\"a longer text than 22 bytes\"",
    "'k'",
];
const OPERATORS: [&str; 20] = [
    "+", "-", "*", "/", "%", ".", "==", "!=", "<", ">=", "&&", "||", "&", "<<", ">>", "|", "^", "<=", ">",
    ".",
];
const ASSIGNMENTS: [&str; 8] = ["=", "=", "=", "+=", ".=", "-=", "|=", "*="];
const UNARY: [&str; 8] =
    ["note", "wait", "one", "lang.toString", "hash.keys", "array.pop", "array.length", "string.length"];
const BINARY: [&str; 6] = ["two", "array.push", "lang.max", "string.contains", "three", "note"];
const PATTERNS: [&str; 4] = ["\"(k)|(2)x\"", "\"([^a-k])\"", "\"(.)(.)?(.)?\"", "\"(k)(?=.)\""];

impl Writer {
    /// The program of a number; the same number gives the same program.
    pub(super) fn program(number: u64) -> String {
        let mut writer = Self { state: number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, out: String::new() };
        writer.out.push_str("$a = [ 1, [ 2 ] ]; $b = [ \"k\" => 1, 1 => [] ]; $c = 1;\n");
        for _ in 0..=writer.choose(4) {
            writer.statement(0);
        }
        writer.out.push_str("note( $a, $b, $c, $1, $2 );\n");
        for head in ["sub one( $a ) { ", "sub two( $a, $b ) { ", "sub three( $a, $b ) { "] {
            writer.out.push_str(head);
            for _ in 0..writer.choose(3) {
                writer.statement(2);
            }
            writer.out.push_str("return $a; }\n");
        }
        writer.out
    }

    fn choose(&mut self, most: usize) -> usize {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let high = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap_or(0) % most
    }

    fn pick(&mut self, words: &[&str]) {
        let at = self.choose(words.len());
        self.out.push_str(words[at]);
    }

    /// Text with `E` for an expression, `P` for a place, `V` for a variable, `B` for a block.
    fn say(&mut self, text: &str, depth: u32) {
        for letter in text.chars() {
            match letter {
                'E' => self.expression(depth + 1),
                'P' => self.pick(&PLACES),
                'V' => self.pick(&VARIABLES),
                'B' => self.block(depth + 1),
                other => self.out.push(other),
            }
        }
    }

    fn block(&mut self, depth: u32) {
        self.out.push_str("{ ");
        for _ in 0..=self.choose(2) {
            self.statement(depth);
        }
        self.out.push_str("} ");
    }

    fn statement(&mut self, depth: u32) {
        match self.choose(if depth < 3 { 30 } else { 15 }) {
            0..=3 => self.say("note( E, $a, $b, $c, $1 );\n", depth),
            4..=7 => {
                self.say("P ", depth);
                self.pick(&ASSIGNMENTS);
                self.say(" E;\n", depth);
            }
            8 | 9 => self.say("E;\n", depth),
            10 => self.say("V = V; note( $a, $b, $c );\n", depth),
            11 => {
                self.pick(&[
                    "$a[ 0 ]++;\n",
                    "$b[ \"k\" ] .= 1;\n",
                    "--$c;\n",
                    "$c++;\n",
                    "$a[ $c ] = $a;\n",
                    "$b[ \"z\" ] = $b;\n",
                ]);
            }
            12 => self.pick(&["break;\n", "continue;\n", "return;\n", "stop();\n", ";\n"]),
            13 => self.say("return E;\n", depth),
            14 => self.say("note( V . ( V = E ) . V );\n", depth),
            15..=17 => self.say("if( E ) B else B\n", depth),
            18 => self.say("if( E ) B else if( E ) B\n", depth),
            19 => self.say("for( $i = 0; $i < 3; $i++ ) B\n", depth),
            20 => self.say("for( $k = E; $j++ < 4; $k = E ) B\n", depth),
            21 => self.say("foreach( $e in E ) B\n", depth),
            22 => self.say(
                "foreach( $e in V ) { V[ 0 ] = $e; array.push( V, E ); if( $n++ > 6 ) break; }\n",
                depth,
            ),
            23 => self.say("do B while( $j++ < 2 );\n", depth),
            24 => self.say("while( E && $j++ < 4 ) B\n", depth),
            25 => self.say("switch( E ) { case E, 1: B case E: B default: B }\n", depth),
            26 => self.say("switch( E, two ) { case E: B case \"k\": note( \"k\" ); }\n", depth),
            27 => self.say("switch( E, string.startsWith ) { case E: B default: note( E ); }\n", depth),
            _ => self.say("B\n", depth),
        }
    }

    fn expression(&mut self, depth: u32) {
        match self.choose(if depth < 6 { 24 } else { 8 }) {
            0..=2 => self.pick(&LITERALS),
            3..=7 => self.pick(&PLACES),
            8..=11 => {
                self.say("( E ", depth);
                self.pick(&OPERATORS);
                self.say(" E )", depth);
            }
            12 => {
                self.pick(&["!", "-", "~"]);
                self.say("( E )", depth);
            }
            13 | 14 => {
                self.say("( P ", depth);
                self.pick(&ASSIGNMENTS);
                self.say(" E )", depth);
            }
            15 => {
                self.pick(&["( ++", "( --"]);
                self.say("P )", depth);
            }
            16 => {
                self.say("( P", depth);
                self.pick(&["++ )", "-- )"]);
            }
            17 => self.say("( E ? E : E )", depth),
            18 => self.pick(&["[ $a, $b ]", "[ \"k\" => $a, 1 => $c ]", "[ 1, [ $c ], $b ]"]),
            19 => self.say("[ E, E ]", depth),
            20 => {
                self.pick(&UNARY);
                self.say("( E )", depth);
            }
            21 => {
                self.pick(&BINARY);
                self.say("( E, E )", depth);
            }
            22 => {
                self.say("string.regexmatch( E, ", depth);
                self.pick(&PATTERNS);
                self.say(" )", depth);
            }
            _ => self.say("note( E )[ E ]", depth),
        }
    }
}
