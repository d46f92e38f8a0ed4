//! The page with the numbers.

use crate::kit::{Client, Proxy, catalog, folder, node, ok, request};

#[test]
fn what_rules_and_classes_did_can_be_collected() {
    let more = "admin.listen = \"127.0.0.1:0\"\n[rate_classes.slow]\nmax_rate_per_second = 1000\n";
    let server = "request_rules = [\"guard\"]\ncompletion_rules = [\"last\"]\n";
    let guard = "rate.use( \"slow\" );\nif( http.getPath() == \"/no\" ) connection.discard();\n\
        if( http.getPath() == \"/odd\" ) lang.assert( 0, \"odd\" );\n";
    let origin = node(|_| ok("page"));
    let here = folder(&[
        ("tidegate.toml", &format!("{more}{}", catalog(origin, server, ""))),
        ("rules/guard.rts", guard),
        ("rules/last.rts", "log.info( connection.getCompletionReasonCode() );\n"),
    ]);
    let mut proxy = Proxy::start(here.path(), &[]);
    let said = proxy.running.seen();
    let address = said
        .split("numbers for collectors at http://")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    for path in ["/", "/odd"] {
        assert_eq!(proxy.get(path, &[]).text(), "page");
    }
    proxy.raw(request("GET", "/no", &[]).as_bytes());
    proxy.running.hears("DISCARDED_BY_RULE");
    let ask = |method: &str, path: &str| {
        let mut client = Client::connect(address);
        client.send(&request(method, path, &["Connection: close"]));
        client.answer()
    };
    let page = ask("GET", "/metrics");
    assert_eq!(page.status, 200);
    assert!(page.field("Content-Type").unwrap().contains("openmetrics-text"));
    for wanted in [
        "tidegate_requests_total 3\n",
        "tidegate_rule_executions_total{rule=\"guard\"} 3\n",
        "tidegate_rule_aborts_total{rule=\"guard\"} 1\n",
        "tidegate_rule_discards_total{rule=\"guard\"} 1\n",
        "tidegate_rule_executions_total{rule=\"last\"} 3\n",
        "tidegate_rate_class_backlog{class=\"slow\"} 0\n",
        "tidegate_rate_class_started_total{class=\"slow\"} 3\n",
        "tidegate_left_out 0\n",
        "# EOF\n",
    ] {
        assert!(page.text().contains(wanted), "{wanted}: {}", page.text());
    }
    let families: Vec<_> =
        page.text().lines().filter(|line| line.starts_with("# TYPE ")).map(str::to_owned).collect();
    let distinct: std::collections::BTreeSet<_> = families.iter().collect();
    assert_eq!(families.len(), distinct.len(), "a family stands twice: {families:?}");
    assert_eq!(ask("GET", "/").status, 404);
    assert_eq!(ask("POST", "/metrics").status, 405);
    proxy.stop();
}
