//! A machine's configuration says where its logs lie. The machines are made by hand.

use accesslog::BytesMeaning;
use analyser::input::Options;
use analyser::places::{LogPlace, look};
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

const COMBINED: &str = "10.0.0.1 - - [17/May/2015:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"agent\"\n";

fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let place = root.path().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    }
    root
}

fn log<'a>(logs: &'a [LogPlace], root: &Path, path: &str) -> &'a LogPlace {
    logs.iter()
        .find(|log| log.path == root.join(path))
        .unwrap_or_else(|| panic!("{path} is not in {logs:#?}"))
}

#[test]
fn apache_on_debian_says_formats_domains_and_what_its_bytes_are() {
    let root = machine(&[
        (
            "etc/apache2/apache2.conf",
            "LogFormat \"%v:%p %h %l %u %t \\\"%r\\\" %>s %O \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\"\" vhost_combined\n\
             LogFormat \"%h %l %u %t \\\"%r\\\" %>s %O \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\"\" combined\n\
             IncludeOptional conf-enabled/*.conf\nIncludeOptional sites-enabled/*.conf\n",
        ),
        ("etc/apache2/envvars", "unset HOME\nexport APACHE_LOG_DIR=/var/log/apache2$SUFFIX\n"),
        (
            "etc/apache2/conf-enabled/other.conf",
            "CustomLog ${APACHE_LOG_DIR}/other_vhosts_access.log vhost_combined\n",
        ),
        (
            "etc/apache2/sites-enabled/music.conf",
            "<VirtualHost *:80>\n ServerName Music.Example:80\n CustomLog \\\n  ${APACHE_LOG_DIR}/music.log combined\n\
             </VirtualHost>\n<VirtualHost *:443>\n ServerName music.example\n\
             CustomLog ${APACHE_LOG_DIR}/music.log combined env=!image\n CustomLog ${APACHE_LOG_DIR}/odd.log \"%h %{\" \n\
             CustomLog \"|/usr/bin/rotatelogs ${APACHE_LOG_DIR}/piped.%Y%m%d 86400\" combined\n</VirtualHost>\n",
        ),
        ("var/log/apache2/other_vhosts_access.log", ""),
        ("var/log/apache2/music.log", COMBINED),
        ("var/log/apache2/music.log.1", COMBINED),
        ("var/log/apache2/odd.log", COMBINED),
        ("var/log/apache2/piped.20260101", COMBINED),
        ("var/log/apache2/music.log.txt", ""),
    ]);
    let mut places = look(root.path());
    let music = log(&places.logs, root.path(), "var/log/apache2/music.log");
    assert_eq!(music.domain.as_deref(), Some("music.example"));
    assert_eq!(
        music.layout.as_ref().unwrap().facts().bytes,
        BytesMeaning::AllSent,
        "the line alone cannot say"
    );
    assert_eq!(music.said_by, "/etc/apache2/sites-enabled/music.conf:3");
    assert_eq!(music.rotated, [root.path().join("var/log/apache2/music.log.1")]);
    assert_eq!(log(&places.logs, root.path(), "var/log/apache2/other_vhosts_access.log").domain, None);
    assert!(log(&places.logs, root.path(), "var/log/apache2/piped.20260101").layout.is_some());
    assert!(log(&places.logs, root.path(), "var/log/apache2/odd.log").layout.is_none());
    let notes = places.notes.join("\n");
    assert!(notes.contains("not all requests are in") && notes.contains("music.conf:9"), "{notes}");
    let options = Options { layout: None, threads: NonZeroUsize::MIN };
    let input = places.open(&options).unwrap();
    assert_eq!(input.files().len(), 5);
    assert_eq!(input.files()[0].facts().bytes, BytesMeaning::AllSent);
}

#[test]
fn nginx_says_formats_and_the_server_whose_log_it_is() {
    let root = machine(&[
        (
            "etc/nginx/nginx.conf",
            "http {\n  log_format timed escape=json '{\"t\":\"$time_iso8601\",\"a\":\"$remote_addr\",'\n\
             '\"r\":\"$request\",\"s\":$status,\"b\":$bytes_sent}';\n\
             access_log /var/log/nginx/access.log;\n  include /etc/nginx/conf.d/*.conf;\n}\n",
        ),
        (
            "etc/nginx/conf.d/a.conf",
            "server {\n  server_name _ *.x.example Shop.Example;\n  access_log /var/log/nginx/shop.json timed buffer=32k;\n\
             location / { access_log /var/log/nginx/${host}-root.log; }\n access_log syslog:server=unix:/dev/log;\n}\n",
        ),
        ("var/log/nginx/access.log", COMBINED),
        ("var/log/nginx/shop.json", ""),
        ("var/log/nginx/one.example-root.log", COMBINED),
    ]);
    let places = look(root.path());
    let shop = log(&places.logs, root.path(), "var/log/nginx/shop.json");
    assert_eq!(shop.domain.as_deref(), Some("shop.example"));
    assert_eq!(shop.layout.as_ref().unwrap().facts().bytes, BytesMeaning::AllSent);
    let access = log(&places.logs, root.path(), "var/log/nginx/access.log");
    assert_eq!(
        (access.domain.as_deref(), access.layout.as_ref().unwrap().facts().bytes),
        (None, BytesMeaning::BodySent)
    );
    log(&places.logs, root.path(), "var/log/nginx/one.example-root.log");
    assert!(places.notes.iter().any(|note| note.contains("syslog")), "{:?}", places.notes);
}

#[test]
fn panels_put_the_domain_into_the_path() {
    let root = machine(&[
        ("usr/local/apache/domlogs/a.example", COMBINED),
        ("usr/local/apache/domlogs/a.example-ssl_log", COMBINED),
        ("usr/local/apache/domlogs/a.example-bytes_log", "1"),
        ("var/www/vhosts/system/b.example/logs/access_ssl_log", COMBINED),
        ("var/www/vhosts/system/b.example/logs/access_ssl_log.processed", COMBINED),
        ("var/log/httpd/domains/c.example.log", COMBINED),
        ("var/log/httpd/domains/c.example.log.1.gz", ""),
    ]);
    let places = look(root.path());
    let found: Vec<_> = places
        .logs
        .iter()
        .map(|log| {
            let path = log.path.strip_prefix(root.path()).unwrap().to_str().unwrap();
            (path, log.domain.as_deref().unwrap_or("-"), log.rotated.len())
        })
        .collect();
    assert_eq!(
        found,
        [
            ("usr/local/apache/domlogs/a.example", "a.example", 0),
            ("usr/local/apache/domlogs/a.example-ssl_log", "a.example", 0),
            ("var/log/httpd/domains/c.example.log", "c.example", 1),
            ("var/www/vhosts/system/b.example/logs/access_ssl_log", "b.example", 0),
        ]
    );
}

#[test]
fn a_machine_without_logs_says_so_by_saying_nothing() {
    let root = machine(&[(
        "etc/apache2/apache2.conf",
        "Include apache2.conf\n<VirtualHost\nDefine\nLogFormat\nCustomLog\n",
    )]);
    assert!(look(root.path()).logs.is_empty());
}
