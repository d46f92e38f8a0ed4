//! `lsp`: a scripted editor talks to the real server.

use crate::kit::{folder, server, text};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout};

/// An editor with one server.
struct Editor {
    server: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last_id: i32,
    folder: String,
}

impl Editor {
    fn start(folder: &Path) -> Self {
        let mut server = server(folder, &["lsp"]);
        let (to, from) = (server.stdin.take().unwrap(), server.stdout.take().unwrap());
        let folder = format!("file://{}", folder.display());
        Self { server, to, from: BufReader::new(from), last_id: 0, folder }
    }

    /// One that has said hello.
    fn ready(folder: &Path) -> Self {
        let mut editor = Self::start(folder);
        let answer = editor.ask("initialize", &json!({ "capabilities": {} }));
        assert_eq!(answer["result"]["serverInfo"]["name"], "tidegate", "{answer}");
        editor.tell("initialized", &json!({}));
        editor
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.to.write_all(bytes).unwrap();
        self.to.flush().unwrap();
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    fn tell(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.hears(|message| message["id"] == id)
    }

    /// The next message of this sort.
    fn hears(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.message().unwrap();
            if wanted(&message) {
                return message;
            }
        }
    }

    fn message(&mut self) -> Option<Value> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.from.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        self.from.read_exact(&mut body).unwrap();
        Some(serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {}", text(&body))))
    }

    fn uri(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// Opens a rule; what is wrong with it.
    fn open(&mut self, name: &str, rule: &str) -> Vec<Value> {
        let document =
            json!({ "uri": self.uri(name), "languageId": "trafficscript", "version": 1, "text": rule });
        self.tell("textDocument/didOpen", &json!({ "textDocument": document }));
        self.diagnostics(name)
    }

    fn diagnostics(&mut self, name: &str) -> Vec<Value> {
        let uri = self.uri(name);
        let told = self.hears(|message| {
            message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri
        });
        told["params"]["diagnostics"].as_array().unwrap().clone()
    }

    /// Asks about a place, counted from 0; the result.
    fn at(&mut self, method: &str, name: &str, line: u32, character: u32) -> Value {
        let uri = self.uri(name);
        let position = json!({ "line": line, "character": character });
        self.ask(method, &json!({ "textDocument": { "uri": uri }, "position": position }))["result"].take()
    }

    fn end(mut self) -> Option<i32> {
        assert_eq!(self.ask("shutdown", &Value::Null)["result"], Value::Null);
        self.tell("exit", &Value::Null);
        self.server.wait().unwrap().code()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ended = self.server.kill();
        let _ended = self.server.wait();
    }
}

fn labels(items: &Value) -> Vec<String> {
    items.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap().to_owned()).collect()
}

const CATALOG: &str = "[virtual_servers.site]\nlisten = \"127.0.0.1:8080\"\npool = \"web\"\nresponse_rules = [\"out\"]\n\
    [pools.web]\nnodes = [\"127.0.0.1:9\"]\n[rate_classes.standard]\nmax_rate_per_second = 3\n";

#[test]
fn mistakes_are_told_when_a_rule_is_opened_and_changed_in_the_editors_own_positions() {
    let here = folder(&[]);
    let mut editor = Editor::ready(here.path());
    // "é" is two bytes and one unit, "😀" four bytes and two units of UTF-16.
    let found = editor.open("a.rts", "log.info( \"é😀\" . string.lenght( \"x\" ) );\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["code"], "unknown-function");
    assert_eq!(found[0]["range"]["start"], json!({ "line": 0, "character": 18 }));
    assert_eq!(found[0]["range"]["end"], json!({ "line": 0, "character": 31 }));
    assert!(found[0]["message"].as_str().unwrap().contains("string.length"), "{found:?}");
    let uri = editor.uri("a.rts");
    let change = json!([{ "text": "log.info( \"ok\" );\n" }]);
    editor.tell(
        "textDocument/didChange",
        &json!({ "textDocument": { "uri": uri, "version": 2 }, "contentChanges": change }),
    );
    assert_eq!(editor.diagnostics("a.rts"), Vec::<Value>::new());
    editor.tell("textDocument/didClose", &json!({ "textDocument": { "uri": uri } }));
    assert_eq!(editor.diagnostics("a.rts"), Vec::<Value>::new());
    assert_eq!(editor.end(), Some(0));
}

#[test]
fn the_catalog_above_a_rule_says_which_classes_there_are_and_in_which_stage_it_runs() {
    let here = folder(&[("tidegate.toml", CATALOG), ("rules/out.rts", "log.info( \"x\" );\n")]);
    let mut editor = Editor::ready(here.path());
    let found = editor.open("rules/in.rts", "rate.use( \"standart\" );\n");
    assert_eq!(found[0]["code"], "unknown-rate-class", "{found:?}");
    let names = editor.at("textDocument/completion", "rules/in.rts", 0, 13);
    assert_eq!(labels(&names), ["standard"]);
    assert_eq!(names[0]["textEdit"]["range"]["start"]["character"], 11);
    let found = editor.open("rules/out.rts", "log.info( http.getResponseCode() );\n");
    assert_eq!(found, Vec::<Value>::new(), "the catalog uses it as a response rule");
    assert_eq!(editor.end(), Some(0));
}

#[test]
fn functions_variables_and_subs_are_offered_told_and_found() {
    let here = folder(&[("lib.rts", "# tools\nsub twice( $n ) { return 2 * $n; }\n")]);
    let mut editor = Editor::ready(here.path());
    let rule = "import lib;\n$name = \"é\"; string.st\nlib.twice( $na\n# end\nsub own( $x ) { return $x; }\n";
    editor.open("a.rts", rule);
    let offered = labels(&editor.at("textDocument/completion", "a.rts", 1, 22));
    assert!(offered.contains(&"string.startsWith".to_owned()), "{offered:?}");
    assert_eq!(labels(&editor.at("textDocument/completion", "a.rts", 2, 14)), ["$name"]);
    let hint = editor.at("textDocument/signatureHelp", "a.rts", 2, 14);
    assert_eq!(hint["signatures"][0]["label"], "lib.twice( $n )", "{hint}");
    let found = editor.at("textDocument/definition", "a.rts", 2, 5);
    assert!(found["uri"].as_str().unwrap().ends_with("/lib.rts"), "{found}");
    assert_eq!(found["range"]["start"], json!({ "line": 1, "character": 4 }));
    let told = editor.at("textDocument/hover", "a.rts", 2, 5);
    assert!(told["contents"]["value"].as_str().unwrap().contains("twice( $n )"), "{told}");
    let uri = editor.uri("a.rts");
    let symbols = editor.ask("textDocument/documentSymbol", &json!({ "textDocument": { "uri": uri } }));
    assert_eq!(symbols["result"][0]["name"], "own", "{symbols}");
    assert_eq!(symbols["result"][0]["selectionRange"]["start"], json!({ "line": 4, "character": 4 }));
    assert_eq!(editor.end(), Some(0));
}

#[test]
fn a_rule_is_laid_out_and_one_with_a_mistake_is_left_alone() {
    let here = folder(&[]);
    let mut editor = Editor::ready(here.path());
    editor.open("a.rts", "if ($1) {break;}");
    let options = json!({ "tabSize": 3, "insertSpaces": true });
    let ask = |editor: &mut Editor| {
        let uri = editor.uri("a.rts");
        let params = json!({ "textDocument": { "uri": uri }, "options": options });
        editor.ask("textDocument/formatting", &params)["result"].take()
    };
    let edits = ask(&mut editor);
    assert_eq!(edits[0]["newText"], "if( $1 ) {\n   break;\n}\n", "{edits}");
    assert_eq!(edits[0]["range"]["end"], json!({ "line": 0, "character": 16 }));
    editor.open("a.rts", "if ($1 {");
    assert_eq!(ask(&mut editor), Value::Null);
    assert_eq!(editor.end(), Some(0));
}

#[test]
fn what_is_no_message_disturbs_nothing() {
    let here = folder(&[]);
    let mut editor = Editor::start(here.path());
    let early = editor.ask("textDocument/hover", &json!({}));
    assert_eq!(early["error"]["code"], -32002, "{early}");
    editor.ask("initialize", &json!({ "capabilities": {} }));
    editor.raw(b"hello\r\n\r\nContent-Length: 2\r\n\r\n{]");
    let told = editor.hears(|message| message["method"] == "window/logMessage");
    assert!(told["params"]["message"].as_str().unwrap().contains("could not be read"), "{told}");
    assert_eq!(editor.ask("no/such", &json!({}))["error"]["code"], -32601);
    assert_eq!(editor.ask("textDocument/hover", &json!([1]))["error"]["code"], -32602);
    editor.tell("textDocument/didOpen", &json!({ "textDocument": 7 }));
    editor.tell("$/whatever", &json!({}));
    let nowhere = editor.at("textDocument/hover", "none.rts", 99, 99);
    assert_eq!(nowhere, Value::Null);
    assert_eq!(editor.ask("initialize", &json!({}))["error"]["code"], -32600);
    assert_eq!(editor.ask("shutdown", &Value::Null)["result"], Value::Null);
    assert_eq!(editor.ask("textDocument/hover", &json!({}))["error"]["code"], -32600);
    editor.tell("exit", &Value::Null);
    assert_eq!(editor.server.wait().unwrap().code(), Some(0));
}

#[test]
fn an_editor_that_leaves_without_a_word_is_a_failure_and_a_cancelled_request_says_so() {
    let here = folder(&[]);
    let mut editor = Editor::ready(here.path());
    editor.tell("exit", &Value::Null);
    assert_eq!(editor.server.wait().unwrap().code(), Some(1));

    let mut editor = Editor::ready(here.path());
    let uri = editor.uri("a.rts");
    let frame = |message: Value| {
        let body = message.to_string();
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let document =
        json!({ "uri": uri, "languageId": "t", "version": 1, "text": "$a = f(1);\n".repeat(2_000) });
    let open =
        json!({ "jsonrpc": "2.0", "method": "textDocument/didOpen", "params": { "textDocument": document } });
    let symbols = |id: &str| {
        let params = json!({ "textDocument": { "uri": uri } });
        json!({ "jsonrpc": "2.0", "id": id, "method": "textDocument/documentSymbol", "params": params })
    };
    let cancel = json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": { "id": "late" } });
    // In one piece, so that the cancelling is read before the request is worked on; if it comes too late there is an
    // answer, as the protocol allows.
    let all = [frame(open), frame(symbols("first")), frame(symbols("late")), frame(cancel)].concat();
    editor.raw(all.as_bytes());
    editor.hears(|message| message["id"] == "first");
    let late = editor.hears(|message| message["id"] == "late");
    assert!(late["error"]["code"] == -32800 || late["result"].is_array(), "{late}");
    assert_eq!(editor.end(), Some(0));
}

#[test]
fn a_document_of_a_megabyte_is_served() {
    let here = folder(&[]);
    let mut editor = Editor::ready(here.path());
    let rule = "log.info( \"ü\" . http.getPath() );\n".repeat(29_000);
    let found = editor.open("a.rts", &rule);
    assert!(found.len() <= 100, "{}", found.len());
    let told = editor.at("textDocument/hover", "a.rts", 28_000, 22);
    assert!(told["contents"]["value"].as_str().unwrap().contains("http.getPath()"), "{told}");
    assert_eq!(editor.end(), Some(0));
}
