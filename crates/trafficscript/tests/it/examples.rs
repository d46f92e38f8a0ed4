//! Every record of the language's own functions is whole, and its examples are true.

use crate::kit::{builtins, notes};
use trafficscript::{Builtins, TableError};

#[test]
fn every_example_gives_what_it_says() {
    for row in builtins().iter().take_while(|row| row.name != "note") {
        assert!(!row.summary.is_empty() && !row.doc.is_empty() && !row.examples.is_empty(), "{}", row.name);
        for example in row.examples {
            let rule = if example.rule.ends_with(';') {
                format!("{} note( $1 );", example.rule)
            } else {
                format!("note( {} );", example.rule)
            };
            let given = notes(&rule);
            assert_eq!(given, [example.gives], "{}: {}", row.name, example.rule);
        }
    }
}

#[test]
fn names_are_found_in_any_case_and_by_their_aliases() {
    let table = builtins().unsupported([("java.run", "there is no Java here")]);
    for (written, meant) in [
        ("STRING.Contains", "string.contains"),
        ("string.len", "string.length"),
        ("string.iReplace", "string.replaceI"),
        ("max", "lang.max"),
        ("contains", "string.contains"),
        ("len", "string.length"),
        ("log", "math.log"),
        ("tochar", "lang.chr"),
    ] {
        assert_eq!(table.find(written).unwrap().1.name, meant);
    }
    assert!(table.find("string.lenght").is_none());
    for none in ["split", "dump", "hexToInt", "format"] {
        assert!(table.find(none).is_none(), "{none} is no name of its own");
    }
    assert_eq!(table.near("string.lenght"), Some("string.length"));
    assert_eq!(table.unsupported_reason("Java.Run"), Some("there is no Java here"));
    assert_eq!(table.find("string.find").unwrap().1.signature(), "string.find( haystack, needle, [start] )");
}

#[test]
fn two_functions_of_one_name_are_refused() {
    let row = *builtins().find("string.trim").unwrap().1;
    assert_eq!(Builtins::new([row]).unwrap_err(), TableError::Duplicate("string.trim".to_owned()));
    assert!(builtins().alias("note", "string.trim").is_err());
}
