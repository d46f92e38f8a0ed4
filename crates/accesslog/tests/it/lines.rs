//! What each directive writes.

use accesslog::{ConnectionState, Entry, Format, NoFields};

use crate::{Fields, entry, line, shown};

fn fields(list: &[(&str, &str)]) -> Fields {
    Fields(list.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect())
}

fn request() -> Fields {
    fields(&[
        ("Referer", "http://bad.example/\"thread\""),
        ("User-Agent", "Player/1.0"),
        ("Cookie", "a=1; sid = x y ; b=2"),
        ("X-Empty", ""),
    ])
}

fn response() -> Fields {
    fields(&[("Content-Type", "audio/mpeg ; codecs=mp3"), ("Age", "7")])
}

#[test]
fn the_environment_is_shown_by_name_whose_case_counts() {
    let (request, response) = (request(), response());
    let environment = [(b"LAZY".to_vec(), b"1".to_vec()), (b"mark".to_vec(), b"a \"b\"".to_vec())];
    let entry = Entry { environment: &environment, ..entry(&request, &response) };
    assert_eq!(shown("%{mark}e %{LAZY}e %{lazy}e", &entry), r#"a \"b\" 1 -"#);
}

#[test]
#[rustfmt::skip]
fn each_directive_shows_its_part_of_the_entry() {
    let (request, response) = (request(), response());
    let entry = entry(&request, &response);
    for (directive, expected) in [
        ("%a", "203.0.113.9"),
        ("%h", "203.0.113.9"),
        ("%{c}a", "10.0.0.1"),
        ("%{c}h", "10.0.0.1"),
        ("%A", "192.0.2.1"),
        ("%B", "4096"),
        ("%b", "4096"),
        ("%{SID}C", "x y"),
        ("%{none}C", "-"),
        ("%D", "2345678"),
        ("%T", "2"),
        ("%{s}T", "2"),
        ("%{ms}T", "2345"),
        ("%{us}T", "2345678"),
        ("%f", "-"),
        ("%H", "HTTP/1.1"),
        ("%{referer}i", r#"http://bad.example/\"thread\""#),
        ("%{X-Empty}i", ""),
        ("%{X-None}i", "-"),
        ("%{Age}o", "7"),
        ("%{Content-Type}o", "audio/mpeg"),
        ("%{PATH}e", "-"),
        ("%{note}n", "-"),
        ("%k", "2"),
        ("%l", "-"),
        ("%L", "r-1"),
        ("%m", "GET"),
        ("%p", "8080"),
        ("%{canonical}p", "8080"),
        ("%{local}p", "8080"),
        ("%{remote}p", "50123"),
        ("%P", "-"),
        ("%{tid}P", "-"),
        ("%q", "?q=1"),
        ("%r", "GET /music/a%20b.mp3?q=1 HTTP/1.1"),
        ("%R", "-"),
        ("%s", "200"),
        ("%>s", "200"),
        ("%<s", "200"),
        ("%t", "[10/Oct/2000:13:55:36 -0700]"),
        ("%{}t", "[10/Oct/2000:13:55:36 -0700]"),
        ("%{end}t", "[10/Oct/2000:13:55:38 -0700]"),
        ("%{sec}t", "971211336"),
        ("%{msec}t", "971211336123"),
        ("%{usec}t", "971211336123456"),
        ("%{msec_frac}t", "123"),
        ("%{usec_frac}t", "123456"),
        ("%{end:usec_frac}t", "469134"),
        ("%{begin:%H:%M}t", "13:55"),
        ("%{end:%S}t", "38"),
        ("%u", "-"),
        ("%U", "/music/a b.mp3"),
        ("%v", "music.example"),
        ("%V", "music.example"),
        ("%X", "X"),
        ("%I", "210"),
        ("%O", "4300"),
        ("%S", "4510"),
        ("%^FB", "1500"),
        ("%{x}^ti", "-"),
        ("%{x}^to", "-"),
        ("%%", "%"),
    ] {
        assert_eq!(shown(directive, &entry), expected, "{directive}");
    }
}

#[test]
fn each_directive_of_our_own_shows_its_part_of_the_entry() {
    let (request, response) = (request(), response());
    let entry = entry(&request, &response);
    for (directive, expected) in [
        ("%{class}x", "hotlinks"),
        ("%{bandwidth_class}x", "hotlinks"),
        ("%{verdict}x", "slowed"),
        ("%{rule}x", "abusive-referer:12"),
        ("%{queue_ms}x", "1250"),
        ("%{queue_us}x", "1250999"),
        ("%{queue_place}x", "4"),
        ("%{context}x", "bad.example"),
        ("%{reqid}x", "r-1"),
        ("%{kind}x", "media"),
        ("%{pool}x", "players"),
        ("%{node}x", "10.1.1.1:80"),
        ("%{marks}x", "busy"),
        ("%{rate_class}x", "StandardReferer"),
        ("%{connection}x", "77"),
        ("%{arrival_us}x", "971211336123456"),
        ("%{host}x", "Music.example:8080"),
        ("%{SSL_CIPHER}x", "-"),
        ("%{version}c", "-"),
        (r#"a\tb\\c\"d\q"e%%"#, "a\tb\\c\"d\\q\"e%"),
    ] {
        assert_eq!(shown(directive, &entry), expected, "{directive}");
    }
}

#[test]
fn a_condition_on_the_status_leaves_a_dash_elsewhere() {
    let (request, response) = (request(), response());
    let good = entry(&request, &response);
    let missing = Entry { status: 404, ..good };
    let format = "%404,501{User-Agent}i %!200,304{User-Agent}i %{User-Agent}!404i %404>s";
    assert_eq!(shown(format, &good), "- - Player/1.0 -");
    assert_eq!(shown(format, &missing), "Player/1.0 Player/1.0 - 404");
}

#[test]
fn what_is_missing_is_a_dash() {
    let none = Fields::default();
    let nobody = Entry {
        first_byte_micros: None,
        request_line: b"",
        method: b"",
        target: b"",
        protocol: b"",
        status: 0,
        body_bytes_sent: 0,
        virtual_server: "",
        host: None,
        requests_on_connection: 0,
        connection_state: ConnectionState::Closed,
        pool: "",
        node: "",
        request_id: "",
        verdict: "",
        rule: "",
        bandwidth_class: "",
        rate_class: "",
        context: b"",
        queue_place: None,
        marks: "",
        kind: "",
        environment: &[],
        request_fields: &NoFields,
        response_fields: &NoFields,
        ..entry(&none, &none)
    };
    assert_eq!(shown("%r %m %H %U %q|%>s %b %B %V %v %k %X %^FB", &nobody), "- - - - |- - 0 - - 0 - -");
    let own = "%{host}x %{pool}x %{node}x %{reqid}x %{verdict}x %{rule}x %{class}x %{rate_class}x %{context}x \
               %{queue_place}x %{marks}x %{kind}x";
    assert_eq!(shown(own, &nobody), ["-"; 12].join(" "));
    assert_eq!(shown("%u", &Entry { user: Some(b""), ..nobody }), "\"\"");
    assert_eq!(shown("%u", &Entry { user: Some(b"a b\"c"), ..nobody }), "a b\\\"c");
}

#[test]
fn path_and_query_are_cut_out_of_every_kind_of_target() {
    let (request, response) = (request(), response());
    for (target, expected) in [
        ("/", "/ "),
        ("/a?b?c", "/a ?b?c"),
        ("/a#b?c", "/a "),
        ("*", "* "),
        ("/%zz%4", "/%zz%4 "),
        ("/%0a%22%ff", r#"/\n\"\xff "#),
        ("http://h/x?y", "/x ?y"),
        ("http://h", "/ "),
        ("http://h?y", "/ ?y"),
        ("/a?http://h/x", "/a ?http://h/x"),
        ("h:443", "h:443 "),
        ("/a?", "/a ?"),
    ] {
        let entry = Entry { target: target.as_bytes(), ..entry(&request, &response) };
        assert_eq!(shown("%U %q", &entry), expected, "{target}");
    }
}

#[test]
fn the_named_formats_read_as_their_tools_expect() {
    let (request, response) = (request(), response());
    let entry = entry(&request, &response);
    let common = r#"203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] "GET /music/a%20b.mp3?q=1 HTTP/1.1" 200"#;
    let agents = r#""http://bad.example/\"thread\"" "Player/1.0""#;
    let tidegate = "at=971211336123456 us=2345678 first=1500 vs=\"music.example\" host=\"Music.example:8080\" \
        conn=77 nth=2 state=X peer=10.0.0.1 port=50123 in=210 out=4300 kind=\"media\" marks=\"busy\" \
        verdict=\"slowed\" rule=\"abusive-referer:12\" class=\"hotlinks\" rate=\"StandardReferer\" \
        context=\"bad.example\" queue=1250999 place=4 pool=\"players\" node=\"10.1.1.1:80\" id=\"r-1\"";
    for (name, expected) in [
        ("common", format!("{common} 4096")),
        ("combined", format!("{common} 4096 {agents}")),
        ("vhost_combined", format!("music.example:8080 {common} 4300 {agents}")),
        ("tidegate", format!("{common} 4096 {agents} {tidegate}")),
    ] {
        let written = line(&Format::named(name).unwrap(), &entry);
        assert_eq!(String::from_utf8(written).unwrap(), expected, "{name}");
    }
}

#[test]
fn a_json_line_holds_every_key_and_exact_bytes_beside_what_is_not_utf8() {
    let (mut request, response) = (request(), response());
    request.0[1].1 = b"caf\xe9 \x00\x7f\"\\\xc2\x9b\xc2\xa0".to_vec();
    let written = line(&Format::named("json").unwrap(), &Entry { user: None, ..entry(&request, &response) });
    let object: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(object["time"], "2000-10-10T13:55:36.123456-07:00");
    assert_eq!(object["user"], serde_json::Value::Null);
    assert_eq!(object["referer"], "http://bad.example/\"thread\"");
    assert_eq!(object["user_agent"], "caf\u{fffd} \0\u{7f}\"\\\u{9b}\u{a0}");
    assert_eq!(object["user_agent_hex"], "636166e920007f225cc29bc2a0");
    assert_eq!(object["connection_state"], "aborted");
    assert_eq!(object["queue_us"], 1_250_999);
    assert_eq!(object.as_object().unwrap().len(), 37 + 1);
    assert!(written.iter().all(|byte| !byte.is_ascii_control()));
}
