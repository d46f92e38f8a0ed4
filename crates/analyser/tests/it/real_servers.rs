//! Proposals as real programs read them: `nginx -t`, `haproxy -c`, `apache2 -t`. What is not installed is said aloud.

use analyser::proposal::{Form, Terms, propose};
use analyser::{Confidence, Counted, Finding, PathTrait, Proposal, Traits, Verdict};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Names that would break out of any of the languages, where they let them.
const HOSTILE: [&str; 6] = [
    "a\"; } include /etc/passwd; map $uri $x { \"",
    "' if TRUE\nhttp-request deny\n'",
    "\"\nRequire all denied\n\"",
    "a\\",
    "${HOME}%{HTTP_HOST}$1 (x|y)+[z]*?{2}^",
    "\u{1}\u{7f}\u{e9}\t#;",
];

fn proposals() -> Vec<Proposal> {
    let names = HOSTILE.map(str::to_owned);
    let traits = [
        Traits { referers: vec!["s-chassis.co.nz".into(), "192.0.2.7".into()], ..Traits::default() },
        Traits {
            referers: vec!["[2001:db8::1]".into()],
            paths: names.iter().map(|name| PathTrait::Is(format!("/{name}"))).collect(),
            ..Traits::default()
        },
        Traits {
            is_without_referer: true,
            paths: vec![PathTrait::Ending("mp3".into()), PathTrait::Below("/audio files/".into())],
            ..Traits::default()
        },
        Traits {
            agents: names.to_vec(),
            networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/48".parse().unwrap()],
            ..Traits::default()
        },
    ];
    let verdicts = [
        Verdict::HotLink,
        Verdict::HotLinkWithoutReferer,
        Verdict::FlashCrowd,
        Verdict::PopularFile,
        Verdict::Crawler,
    ];
    let mut findings = Vec::new();
    for verdict in verdicts {
        for traits in &traits {
            findings.push(Finding {
                verdict,
                subject: HOSTILE.concat(),
                confidence: Confidence::High,
                evidence: Vec::new(),
                counter_check: String::new(),
                counted: Counted { requests: 1, bytes: 1, clients: 1 },
                traits: traits.clone(),
            });
        }
    }
    let terms = Terms { now_unix_seconds: 1_795_377_600, days: 30, own: &[], log_seconds: 3600.0 };
    // each by itself: a report makes them for the first findings only
    findings.chunks(1).flat_map(|one| propose(one, &terms)).collect()
}

/// The texts of a form for a place.
fn texts(form: &Form, place: &str) -> String {
    match form {
        Form::Texts(snippets) => snippets
            .iter()
            .filter(|snippet| snippet.place == place)
            .map(|snippet| snippet.text.as_str())
            .collect(),
        Form::Impossible(_) => String::new(),
    }
}

/// What a program says of a file; `None`, said aloud, where it is not installed.
fn asked(program: &str, arguments: &[&str], file: &Path) -> Option<Output> {
    match Command::new(program).args(arguments).arg(file).output() {
        Ok(output) => Some(output),
        Err(why) => {
            println!("SKIPPED: {program}: {why}");
            None
        }
    }
}

fn check(program: &str, arguments: &[&str], text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.conf");
    fs::write(&file, text.replace("FOLDER", &folder.path().display().to_string())).unwrap();
    if let Some(output) = asked(program, arguments, &file) {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}\n{text}");
        assert!(!said.to_lowercase().contains("warn"), "{said}\n{text}");
    }
}

#[test]
fn nginx_takes_every_proposal() {
    for proposal in proposals() {
        let (http, server) = (texts(&proposal.nginx, "http"), texts(&proposal.nginx, "server"));
        let text = format!(
            "pid FOLDER/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\nclient_body_temp_path FOLDER;\n\
             proxy_temp_path FOLDER;\nfastcgi_temp_path FOLDER;\nuwsgi_temp_path FOLDER;\nscgi_temp_path FOLDER;\n\
             {http}\nserver {{\nlisten 127.0.0.1:1;\n{server}\n}}\n}}\n"
        );
        check("nginx", &["-q", "-t", "-c"], &text);
    }
}

#[test]
fn haproxy_takes_every_proposal() {
    for proposal in proposals() {
        let (front, end) =
            (texts(&proposal.haproxy, "frontend"), texts(&proposal.haproxy, "end of the file"));
        let text = format!(
            "defaults\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n\
             frontend f\n    bind 127.0.0.1:1\n    default_backend b\n{front}\nbackend b\n    server s 127.0.0.1:1\n{end}\n"
        );
        check("haproxy", &["-c", "-f"], &text);
    }
}

#[test]
fn apache_takes_every_proposal() {
    let modules = "/usr/lib/apache2/modules";
    let load: String = ["authz_core", "authz_host", "setenvif", "ratelimit", "mpm_event"]
        .map(|name| format!("LoadModule {name}_module {modules}/mod_{name}.so\n"))
        .concat();
    for proposal in proposals() {
        let htaccess = texts(&proposal.htaccess, ".htaccess");
        let text = format!(
            "ServerName x\nListen 127.0.0.1:1\nPidFile FOLDER/pid\nErrorLog FOLDER/log\nDefaultRuntimeDir FOLDER\n{load}\
             <Directory FOLDER>\n{htaccess}</Directory>\n"
        );
        check("apache2", &["-t", "-d", "/", "-f"], &text);
    }
}
