//! `try`: what rules decide about a made-up request.

use crate::kit::{folder, json, text, tidegate};

#[test]
fn the_object_has_the_documented_keys() {
    let rule = "log.warn( \"seen\" );\nhttp.addResponseHeader( \"X-A\", \"1\" );\n\
        request.setBandwidthClass( \"AbusiveReferer\" );\n";
    let here = folder(&[("r.rts", rule)]);
    let tried = json(&tidegate(
        here.path(),
        &[
            "try",
            "--rule",
            "r.rts",
            "--url",
            "http://a.example/x?y=1",
            "-X",
            "POST",
            "--data",
            "hello",
            "--format",
            "json",
        ],
    ));
    assert_eq!(tried["outcome"], "forward");
    assert_eq!(tried["pool"], "origin");
    assert_eq!(tried["bandwidth_class"], serde_json::Value::Null);
    assert_eq!(tried["rates"], serde_json::json!([]));
    assert_eq!(tried["request"]["method"], "POST");
    assert_eq!(tried["request"]["url"], "/x?y=1");
    assert_eq!(tried["response"]["status"], 200);
    assert_eq!(tried["response"]["headers"][0], serde_json::json!(["X-A", "1"]));
    assert_eq!(tried["log"], serde_json::json!([{ "level": "warn", "text": "seen" }]));
    assert_eq!(tried["faults"], serde_json::json!([]));
    assert!(tried["instructions"].as_u64().unwrap() > 0);
    assert!(tried.get("request_bandwidth_class").is_some());
}

#[test]
fn waits_are_those_of_a_strict_window_and_of_spaced_starts_in_virtual_time() {
    let here = folder(&[("r.rts", "rate.use( \"StandardReferer\", \"a\" );\n")]);
    let tried = json(&tidegate(
        here.path(),
        &["try", "--rule", "r.rts", "--count", "12", "--every", "10ms", "--format", "json"],
    ));
    let waited = |one: &serde_json::Value| one["rates"][0]["waited_ms"].as_f64().unwrap().round();
    let waits: Vec<f64> = tried.as_array().unwrap().iter().map(waited).collect();
    // Five a second: the sixth starts a second after the first, the eleventh a second after the sixth; between them one each
    // 175 ms.
    assert_eq!(waits[..5], [0.0; 5]);
    assert_eq!(waits[5..10], [950.0, 1115.0, 1280.0, 1445.0, 1610.0]);
    assert_eq!(waits[10..], [1900.0, 2065.0]);
    assert_eq!(tried[0]["rates"][0]["context"], "a");
}

#[test]
fn one_of_one_is_an_object_and_a_count_of_one_an_array() {
    let here = folder(&[("r.rts", "break;\n")]);
    assert!(json(&tidegate(here.path(), &["try", "--rule", "r.rts", "--format", "json"])).is_object());
    assert!(
        json(&tidegate(here.path(), &["try", "--rule", "r.rts", "--count", "1", "--format", "json"]))
            .is_array()
    );
}

#[test]
fn a_fault_is_told_with_its_place_and_the_request_goes_on() {
    let here = folder(&[("r.rts", "$a = 1;\nwhile( 1 ) {\n   $a = $a + 1;\n}\n")]);
    let tried = json(&tidegate(here.path(), &["try", "--rule", "r.rts", "--format", "json"]));
    assert_eq!(tried["outcome"], "forward");
    let fault = &tried["faults"][0];
    assert_eq!(fault["file"], "r.rts");
    assert!(fault["line"].as_u64().is_some_and(|line| (2..=4).contains(&line)), "{fault:#}");
}

#[test]
fn a_rule_without_an_end_is_given_up_and_told() {
    let here = folder(&[("r.rts", "while( 1 ) {\n   http.stream.writeResponse( \"more\" );\n}\n")]);
    let tried = tidegate(here.path(), &["try", "--rule", "r.rts"]);
    assert!(text(&tried.stdout).contains("outcome          endless"), "{}", text(&tried.stdout));
    assert!(text(&tried.stdout).contains("4000 times without an end"), "{}", text(&tried.stdout));
}

#[test]
fn a_rule_may_answer_discard_or_run_on_the_answer() {
    let here = folder(&[
        ("answer.rts", "http.sendResponse( 403, \"text/plain\", \"no\", \"\" );\n"),
        ("discard.rts", "connection.discard();\n"),
        ("late.rts", "http.setResponseHeader( \"X-Late\", \"1\" );\n"),
    ]);
    let tried = |arguments: &[&str]| {
        let all: Vec<&str> = ["try", "--format", "json", "--rule"].iter().chain(arguments).copied().collect();
        json(&tidegate(here.path(), &all))
    };
    let answer = tried(&["answer.rts"]);
    assert_eq!((&answer["outcome"], &answer["response"]["status"]), (&"respond".into(), &403.into()));
    assert_eq!(tried(&["discard.rts"])["outcome"], "discard");
    let late = tried(&[
        "late.rts",
        "--as",
        "response",
        "--response-status",
        "404",
        "--response-header",
        "X-Node: n",
    ]);
    assert_eq!(late["response"]["status"], 404);
    let headers = late["response"]["headers"].to_string();
    assert!(headers.contains("X-Late") && headers.contains("X-Node"), "{headers}");
}

#[test]
fn a_referer_with_attributes_never_reaches_a_set_cookie_line_as_such() {
    let here = folder(&[("r.rts", "http.setResponseCookie( \"mark\", http.getHeader( \"Referer\" ) );\n")]);
    let arguments = [
        "try",
        "--rule",
        "r.rts",
        "--format",
        "json",
        "-H",
        "Referer: http://a/; Domain=evil.example; Max-Age=9",
    ];
    let tried = json(&tidegate(here.path(), &arguments));
    let headers = tried["response"]["headers"].to_string();
    assert!(!headers.contains("; Domain") && !headers.contains("; Max-Age"), "{headers}");
}

#[test]
fn what_cannot_be_tried_is_a_mistake_of_the_command_line() {
    let here = folder(&[("bad.rts", "$a = ;\n"), ("good.rts", "break;\n")]);
    for (arguments, word) in [
        (&["--rule", "bad.rts"][..], "bad.rts:1:"),
        (&["--rule", "none.rts"], "there is no such file"),
        (&["--rule", "good.rts", "--url", "ftp://a/"], "expected http://host/path"),
        (&["--rule", "good.rts", "-H", "no colon"], "expected 'Name: value'"),
        (&["--virtual-server", "nope"], "there is no virtual server nope"),
        (&["-c", "none.toml"], "there is no such file"),
    ] {
        let all: Vec<&str> = ["try"].iter().chain(arguments).copied().collect();
        let output = tidegate(here.path(), &all);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(word), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_rule_over_raw_bytes_sees_what_comes_piece_by_piece() {
    let rule = "$line = request.endsWith( \"\\r\\n\" );\nlog.info( string.trim( $line ) );\n\
        if( string.startsWith( $line, \"QUIT\" ) ) connection.close( \"bye\" );\n";
    let answer = "response.set( string.uppercase( response.get() ) );\n";
    let here = folder(&[("raw.rts", rule), ("answer.rts", answer)]);
    let tried = json(&tidegate(
        here.path(),
        &[
            "try",
            "--protocol",
            "client_first",
            "--rule",
            "raw.rts",
            "--response-rule",
            "answer.rts",
            "--data",
            r"GET x\r",
            "--data",
            r"\nQUIT\r\n",
            "--pause",
            "2s",
            "--node-data",
            "ok",
            "--format",
            "json",
        ],
    ));
    assert_eq!((&tried["end"], &tried["ended_ms"]), (&"closed".into(), &2000.0.into()));
    assert_eq!(tried["to_node"][0]["bytes"], r"GET x\r\n");
    assert_eq!(tried["to_client"][0]["bytes"], "OKbye");
    assert_eq!(tried["log"][0]["text"], "GET x");
    let checked = tidegate(here.path(), &["check", "raw.rts"]);
    assert!(text(&checked.stdout).contains("wrong-stage"), "{}", text(&checked.stdout));
    assert!(tidegate(here.path(), &["check", "raw.rts", "--protocol", "client_first"]).status.success());
}
