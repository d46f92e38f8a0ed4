use super::*;
use crate::catalog::MemoryFiles;

fn loaded(files: &MemoryFiles) -> (Resources, Vec<String>) {
    let mut diagnostics = Vec::new();
    let resources = Resources::load(Path::new("extra"), files, &mut diagnostics);
    (resources, diagnostics.iter().map(Diagnostic::one_line).collect())
}

#[test]
fn the_files_of_the_folder_are_there_and_no_others() {
    let files = MemoryFiles::default()
        .with("extra/error.html", "sorry")
        .with("extra/.hidden", "x")
        .with("extra/deep/file.txt", "x")
        .with("rules/a.rts", "x");
    let (resources, doubts) = loaded(&files);
    assert!(doubts.is_empty(), "{doubts:?}");
    assert_eq!(resources.get(b"error.html").unwrap().bytes.as_bytes(), b"sorry");
    for name in [
        "extra/error.html",
        "../rules/a.rts",
        "./error.html",
        "file.txt",
        "deep/file.txt",
        ".hidden",
        "\u{e4}",
    ] {
        assert!(resources.get(name.as_bytes()).is_none(), "{name}");
    }
    assert!(resources.get(b"\xff").is_none());
}

#[test]
fn what_is_too_large_is_left_out_and_told() {
    let size = usize::try_from(limits::RESOURCE_BYTES_MAX).unwrap() + 1;
    let files = MemoryFiles::default().with("extra/big", vec![b'x'; size]).with("extra/small", "x");
    let (resources, doubts) = loaded(&files);
    assert!(resources.get(b"big").is_none() && resources.get(b"small").is_some());
    assert!(doubts.len() == 1 && doubts[0].contains("extra/big is left out"), "{doubts:?}");
}
