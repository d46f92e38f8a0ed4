//! What rules make of heads and settings, over sockets: as the node, the client and the access log see it.

use crate::kit::{Proxy, catalog, folder, node};
use std::fs;

const REQUEST: &str = r#"
if( http.getPath() == "/quiet" ) requestlog.exclude();
if( http.getPath() == "/again" ) { request.setLogEnabled( 0 ); requestlog.include(); }
if( http.getPath() == "/old path" ) {
    http.setMethod( "PUT" );
    http.setPath( "/new path" );
    http.setQueryString( "a=b c" );
    http.setCookie( "a", "2" );
    http.removeCookie( "b" );
    http.scrubRequestHeaders( "Cookie", "Accept" );
    request.setRemoteIP( "198.51.100.7" );
}
http.changeSite( http.getPath() == "/move" ? "new.example" : "www.example.com" );
"#;

const RESPONSE: &str = r#"
http.setResponseHeader( "X-Node", connection.getNode() . " " . response.getRemoteIP() );
http.scrubResponseHeaders( "X-Node Content-Type Location" );
if( http.getPath() == "/teapot" ) http.setResponseCode( 418, "Teapot" );
"#;

/// Answers with the head it got, on one line.
fn echo(head: &str) -> Vec<u8> {
    let body = head.trim_end().replace("\r\n", "|");
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: echo\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn rules_rewrite_heads_and_the_log_tells_what_was_asked() {
    let origin = node(echo);
    let server = "request_rules = [\"request\"]\nresponse_rules = [\"response\"]\n\
                  access_log = { path = \"access.log\", format = \"combined\" }";
    let here = folder(&[
        ("tidegate.toml", &catalog(origin, server, "")),
        ("rules/request.rts", REQUEST),
        ("rules/response.rts", RESPONSE),
    ]);
    let proxy = Proxy::start(here.path(), &[]);

    let fields = ["Cookie: a=1; b=1; c=1", "Accept: */*", "X-Secret: 1"];
    let answer = proxy.get("/old%20path?q=1", &fields);
    assert_eq!(answer.status, 200);
    let sent = answer.text();
    assert!(sent.starts_with("PUT /new%20path?a=b%20c HTTP/1.1|Host: www.example.com|"), "{sent}");
    assert!(sent.contains("|Cookie: a=2; c=1|") && sent.contains("|Accept: */*|"), "{sent}");
    assert!(sent.contains("|X-Forwarded-For: 198.51.100.7|") && !sent.contains("X-Secret"), "{sent}");
    assert_eq!(answer.field("X-Node"), Some(&*format!("{origin} 127.0.0.1")));
    assert_eq!((answer.field("Server"), answer.field("Content-Type")), (None, Some("text/plain")));

    let teapot = proxy.get("/teapot", &[]);
    assert!(teapot.head.starts_with("HTTP/1.1 418 Teapot\r\n"), "{}", teapot.head);
    let moved = proxy.get("/move?x=1", &[]);
    assert_eq!((moved.status, moved.field("Location")), (301, Some("http://new.example/move?x=1")));
    assert_eq!(proxy.get("/quiet", &[]).status, 200);
    assert_eq!(proxy.get("/again", &[]).status, 200);
    proxy.stop();

    let log = fs::read_to_string(here.path().join("access.log")).unwrap();
    // Each worker writes its own lines, so that their order is not that of the requests.
    assert_eq!(log.lines().count(), 4, "{log}");
    for (client, line) in [
        ("198.51.100.7", "\"GET /old%20path?q=1 HTTP/1.1\" 200 "),
        ("127.0.0.1", "\"GET /teapot HTTP/1.1\" 418 "),
        ("127.0.0.1", "\"GET /move?x=1 HTTP/1.1\" 301 "),
        ("127.0.0.1", "\"GET /again HTTP/1.1\" 200 "),
    ] {
        let found = log.lines().find(|found| found.contains(line));
        assert!(found.is_some_and(|found| found.starts_with(&format!("{client} - - "))), "{line}: {log}");
    }
}
