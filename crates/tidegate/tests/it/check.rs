//! `check`: all mistakes at once, and the rule that lost its line breaks.

use crate::kit::{folder, json, text, tidegate, tidegate_reading};
use std::fs;
use std::path::Path;

const GOOD: &str = "[virtual_servers.site]\nlisten = \"127.0.0.1:8080\"\npool = \"p\"\nrequest_rules = [\"r\"]\n\
    [pools.p]\nnodes = [\"127.0.0.1:9\"]\n";
const GOOD_RULE: &str = "log.info( \"here\" );\n";

#[test]
fn a_good_catalog_is_good_also_as_t_and_as_a_folder() {
    let here = folder(&[("tidegate.toml", GOOD), ("rules/r.rts", GOOD_RULE)]);
    for arguments in [
        &["check"][..],
        &["-t"],
        &["-t", "tidegate.toml"],
        &["check", "."],
        &["check", "-c", "tidegate.toml"],
    ] {
        let output = tidegate(here.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stdout));
    }
}

#[test]
fn five_mistakes_of_a_rule_are_five_diagnostics_each_at_its_place() {
    let rule =
        "$a = ;\n$b = string.lenght( \"x\" );\nrate.use();\nif( $a { break; }\nhttp.getHeader( 1, 2, 3 );\n";
    let here = folder(&[("tidegate.toml", GOOD), ("rules/r.rts", rule)]);
    let output = tidegate(here.path(), &["check", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let report = json(&output);
    let diagnostics = report["diagnostics"].as_array().unwrap();
    let errors: Vec<_> = diagnostics.iter().filter(|diagnostic| diagnostic["severity"] == "error").collect();
    assert!(errors.len() >= 5, "{report:#}");
    for line in 1..=5 {
        assert!(errors.iter().any(|error| error["line"] == line), "line {line}: {report:#}");
    }
    for error in errors {
        for key in ["id", "severity", "file", "line", "column", "message", "help"] {
            assert!(error.get(key).is_some(), "{key} is missing: {error:#}");
        }
        assert_eq!(error["file"], "rules/r.rts");
    }
    let human = text(&tidegate(here.path(), &["check"]).stdout);
    assert!(
        human.contains("rules/r.rts:2:6") && human.contains('^') && human.contains("string.length"),
        "{human}"
    );
}

#[test]
fn unknown_names_and_keys_of_a_catalog_are_told_with_the_nearest_one() {
    let text_of = "[virtual_servers.site]\nlisten = \"127.0.0.1:8080\"\npool = \"nodez\"\nrequest_rules = [\"rr\"]\n\
        bandwidth_class = \"slo\"\nviia = true\n[pools.nodes]\nnodes = [\"127.0.0.1:9\"]\n\
        [bandwidth_classes.slow]\nmaximum = \"1 Mbit/s\"\n";
    let here = folder(&[("tidegate.toml", text_of), ("rules/r.rts", GOOD_RULE)]);
    let output = tidegate(here.path(), &["check"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stdout);
    for (place, near) in [(":3:", "nodes"), (":4:", "`r`"), (":5:", "slow"), (":6:", "via")] {
        assert!(
            said.contains(&format!("tidegate.toml{place}")) && said.contains(near),
            "{place} {near}: {said}"
        );
    }
}

#[test]
fn broken_toml_and_missing_files_are_configuration_errors() {
    let here = folder(&[("tidegate.toml", "[virtual_servers.site\nlisten = 1\n"), ("odd.txt", "")]);
    let broken = tidegate(here.path(), &["check"]);
    assert_eq!(broken.status.code(), Some(2));
    assert!(text(&broken.stdout).contains("tidegate.toml:1:"), "{}", text(&broken.stdout));
    for (path, word) in [
        ("none.toml", "there is no such file"),
        ("none.rts", "there is no such file"),
        ("odd.txt", "neither a catalog nor a rule"),
    ] {
        let output = tidegate(here.path(), &["check", path]);
        assert_eq!(output.status.code(), Some(2), "{path}");
        assert!(text(&output.stdout).contains(word), "{path}: {}", text(&output.stdout));
    }
}

#[test]
fn warnings_are_doubts_only_with_strict() {
    let here = folder(&[("pasted.rts", "# Words here. $a = 1; log.info( $a );\n")]);
    assert_eq!(tidegate(here.path(), &["check", "pasted.rts"]).status.code(), Some(0));
    let strict = tidegate(here.path(), &["check", "--strict", "pasted.rts"]);
    assert_eq!(strict.status.code(), Some(3));
    assert!(text(&strict.stdout).contains("comment-swallows-code"));
}

#[test]
fn a_rule_can_come_in_on_standard_input() {
    let here = folder(&[]);
    let output = tidegate_reading(here.path(), &["check", "-"], b"log.info( ;\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("standard input:1:"), "{}", text(&output.stdout));
}

#[test]
fn the_pasted_rule_of_the_article_is_mended_to_the_rule_that_works() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seeds");
    let (Ok(article), Ok(rule)) = (
        fs::read_to_string(shared.join("002_710aa3480dbe3d4d.txt")),
        fs::read_to_string(shared.join("abusive-referer.rts")),
    ) else {
        println!("SKIPPED: the founding articles are not at {}", shared.display());
        return;
    };
    let start = article.find("# Referer whitelist.").unwrap();
    let end = start + article[start..].find("\nIn order for").unwrap();
    let here = folder(&[("pasted.rts", &article[start..end])]);
    let told = tidegate(here.path(), &["check", "pasted.rts"]);
    assert!(text(&told.stdout).contains("--fix newlines"), "{}", text(&told.stdout));

    let printed = tidegate(here.path(), &["check", "--fix", "newlines", "pasted.rts"]);
    assert_eq!(printed.status.code(), Some(0));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        words(&text(&printed.stdout)),
        words(&rule),
        "the words, comments included, are those of the rule"
    );
    let comments = |text: &str| {
        text.lines().filter(|line| line.trim_start().starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(comments(&text(&printed.stdout)), comments(&rule), "each comment ends where it ended");

    assert_eq!(
        tidegate(here.path(), &["check", "--fix", "newlines", "--write", "pasted.rts"]).status.code(),
        Some(0)
    );
    assert_eq!(fs::read(here.path().join("pasted.rts")).unwrap(), printed.stdout);
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 1, "nothing is left beside it");
    let again = tidegate(here.path(), &["check", "--fix", "newlines", "pasted.rts"]);
    assert_eq!(again.stdout, printed.stdout, "a mended rule stays as it is");

    for referer in ["http://news.example/story", "http://google/x"] {
        let field = format!("Referer: {referer}");
        let arguments = ["try", "--format", "json", "--count", "12", "-H", &field, "--rule"];
        let of = |path: &str| json(&tidegate(here.path(), &[&arguments[..], &[path]].concat()));
        let original = shared.join("abusive-referer.rts");
        assert_eq!(of("pasted.rts"), of(original.to_str().unwrap()), "{referer}");
    }
}

const AUDIO: &str = "RewriteEngine On\nRewriteCond %{REQUEST_URI} /audio/.*\nRewriteCond %{HTTP_REFERER} \
                     !.*theDomainInQuestion.* [OR]\nRewriteCond %{HTTP_REFERER} \
                     .*the\\.incomingIP\\.fromTheChinese\\.site.*\nRewriteRule .* – [F]\n";

/// The file of the article is taken, with doubts; one that Apache answers 500 to is mistaken.
#[test]
fn an_htaccess_is_checked_under_any_name() {
    let here = folder(&[("audio.htaccess", AUDIO), ("pasted.txt", "RewriteRule ^private - [F, L]\n")]);
    let doubtful = tidegate(here.path(), &["check", "audio.htaccess", "--format", "json"]);
    assert_eq!(doubtful.status.code(), Some(0));
    let told = text(&doubtful.stdout);
    for id in ["unanchored-domain", "capitals-in-host", "referer-is-no-address", "dash-for-hyphen"] {
        assert!(told.contains(id), "{id} is not in {told}");
    }
    let strict = tidegate(here.path(), &["check", "--strict", "audio.htaccess"]);
    assert_eq!(strict.status.code(), Some(3));
    let mistaken = tidegate(here.path(), &["check", "pasted.txt", "--as", "htaccess"]);
    assert_eq!(mistaken.status.code(), Some(2));
    let told = text(&mistaken.stdout);
    assert!(told.contains("error[blank-in-flags]") && told.contains("write [F,L]"), "{told}");
}

#[test]
fn typography_is_shown_mended_and_the_file_stays() {
    let here = folder(&[(".htaccess", AUDIO)]);
    let path = here.path().join(".htaccess");
    let shown = tidegate(here.path(), &["check", "--fix", "typography", ".htaccess"]);
    let told = text(&shown.stdout);
    assert!(told.contains("-RewriteRule .* – [F]\n+RewriteRule .* - [F]\n"), "{told}");
    assert_eq!(shown.status.code(), Some(0));
    let refused = tidegate(here.path(), &["check", "--fix", "typography", "--write", ".htaccess"]);
    assert_ne!(refused.status.code(), Some(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), AUDIO);
}

#[test]
fn a_folder_that_takes_no_slowed_answers_is_told_of_before_the_first_one_comes() {
    let with = |folder: &str| format!("{GOOD}[settings]\nspool_folder = \"{folder}\"\n");
    for (spool, expected) in [
        ("nowhere", Some("cannot wait in nowhere")),
        ("/dev/shm", Some("what lies there takes memory")),
        ("/var/tmp", None),
    ] {
        let here = folder(&[("tidegate.toml", &with(spool)), ("rules/r.rts", GOOD_RULE)]);
        let said = text(&tidegate(here.path(), &["check"]).stdout);
        assert_eq!(said.contains("[spool-folder]"), expected.is_some(), "{spool}: {said}");
        assert!(expected.is_none_or(|expected| said.contains(expected)), "{spool}: {said}");
    }
}
