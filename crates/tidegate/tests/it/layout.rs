//! `fmt` and `doc`: rules laid out, functions told.

use crate::kit::{folder, json, text, tidegate, tidegate_reading};
use std::fs;

const LOOSE: &str = "if ($a==1) {break;} # done\n";
const LAID_OUT: &str = "if( $a == 1 ) {\n   break;\n} # done\n";

#[test]
fn rules_are_laid_out_in_place_and_only_what_changes_is_told() {
    let here = folder(&[("one.rts", LOOSE), ("rules/two.rts", LAID_OUT), ("three.txt", LOOSE)]);
    let output = tidegate(here.path(), &["fmt"]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "one.rts: laid out\n"));
    assert_eq!(fs::read_to_string(here.path().join("one.rts")).unwrap(), LAID_OUT);
    assert_eq!(fs::read_to_string(here.path().join("three.txt")).unwrap(), LOOSE);
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 3, "nothing is left beside the files");
    let again = tidegate(here.path(), &["fmt", "one.rts", "--format", "json"]);
    assert_eq!(json(&again)["files"][0]["outcome"], "unchanged");
}

#[test]
fn a_check_prints_what_would_change_and_changes_nothing() {
    let here = folder(&[("one.rts", LOOSE)]);
    let output = tidegate(here.path(), &["fmt", "--check", "one.rts"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains("-if ($a==1) {break;} # done\n+if( $a == 1 ) {\n+   break;\n+} # done\n"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(here.path().join("one.rts")).unwrap(), LOOSE);
    let data = tidegate(here.path(), &["fmt", "--check", "one.rts", "--format", "json"]);
    assert_eq!(json(&data)["files"][0]["outcome"], "would-change");
    tidegate(here.path(), &["fmt", "one.rts"]);
    assert_eq!(tidegate(here.path(), &["fmt", "--check", "one.rts"]).status.code(), Some(0));
}

#[test]
fn a_rule_with_a_mistake_is_left_alone_and_the_others_are_laid_out() {
    let here = folder(&[("a.rts", "if( $a { f(); }\n"), ("b.rts", LOOSE)]);
    let output = tidegate(here.path(), &["fmt"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stdout);
    assert!(said.contains("error[syntax]") && said.contains("a.rts: left as it is"), "{said}");
    assert_eq!(fs::read_to_string(here.path().join("a.rts")).unwrap(), "if( $a { f(); }\n");
    assert_eq!(fs::read_to_string(here.path().join("b.rts")).unwrap(), LAID_OUT);
}

#[test]
fn standard_input_comes_out_laid_out() {
    let here = folder(&[]);
    let output = tidegate_reading(here.path(), &["fmt", "-"], LOOSE.as_bytes());
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), LAID_OUT));
    assert_eq!(tidegate(here.path(), &["fmt"]).status.code(), Some(2), "no rules here");
}

#[test]
fn a_function_is_told_by_any_spelling_and_a_wrong_one_with_the_nearest() {
    let here = folder(&[]);
    let said = text(&tidegate(here.path(), &["doc", "RATE.getbacklog"]).stdout);
    assert!(said.starts_with("rate.getBacklog( class, [context] ) → integer\n"), "{said}");
    assert!(said.contains("Works in rules of all kinds.") && said.contains("gives \"0\""), "{said}");
    assert!(!said.contains('\x1b') && said.lines().all(|line| line.chars().count() <= 100), "{said}");
    let wrong = tidegate(here.path(), &["doc", "string.lenght"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("did you mean `string.length`?"), "{}", text(&wrong.stderr));
    let unsupported = text(&tidegate(here.path(), &["doc", "Java.run"]).stdout);
    assert!(unsupported.starts_with("java.run is not supported by tidegate: "), "{unsupported}");
}

#[test]
fn families_and_all_functions_are_listed_and_known_as_data() {
    let here = folder(&[]);
    let family = text(&tidegate(here.path(), &["doc", "string."]).stdout);
    assert!(family.contains("string.length") && !family.contains("rate.use"), "{family}");
    assert!(text(&tidegate(here.path(), &["doc", "--all"]).stdout).contains("rate.use.noQueue"));
    let all = json(&tidegate(here.path(), &["doc", "--all", "--format", "json"]));
    let functions = all["functions"].as_array().unwrap();
    assert!(functions.len() > 80 && !all["unsupported"].as_array().unwrap().is_empty());
    for function in functions {
        for key in ["name", "family", "signature", "summary", "text", "effect", "returns", "stages_text"] {
            assert!(function[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {function:#}");
        }
        assert!(!function["examples"].as_array().unwrap().is_empty(), "{function:#}");
    }
}
