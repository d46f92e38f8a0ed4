//! `tidegate check FILE.htaccess`: what Apache refuses, what is doubtful, and typography mended for people to compare.

use crate::check::{read, read_start};
use crate::verdict::{Mistake, Verdict};
use anyhow::bail;
use source::{Diagnostic, DiagnosticId};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Lines of context before and after a change.
const CONTEXT_LINES: usize = 3;

/// Whether a file is an `.htaccess` by its name: `.htaccess`, `audio.htaccess`.
pub(crate) fn is_htaccess(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(b".htaccess"))
}

/// Everything that is wrong and doubtful.
pub(crate) fn check(path: &Path) -> Vec<Diagnostic> {
    match read_start(path) {
        Ok(text) => {
            let parsed = rewrite::parse(&Arc::new(text));
            let mut told = parsed.diagnostics;
            told.extend(rewrite::lint(&parsed.file));
            told.sort_by_key(|told| told.labels.first().map_or(u32::MAX, |label| label.span.start));
            told
        }
        Err(why) => {
            let what = format!("cannot read {}: {why}", path.display());
            vec![Diagnostic::error(DiagnosticId("unreadable-file"), what)]
        }
    }
}

/// Prints what ordinary signs would change, as a unified diff. Nothing is changed.
pub(crate) fn show_typography(paths: &[PathBuf]) -> anyhow::Result<Verdict> {
    if paths.is_empty() {
        bail!(Mistake("name the files to look at, for example: check --fix typography .htaccess".to_owned()));
    }
    let mut out = std::io::stdout().lock();
    for path in paths {
        let text = match read(path) {
            Ok(text) => text,
            Err(why) => bail!(Mistake(format!("cannot read {}: {why}", path.display()))),
        };
        match rewrite::mended_typography(text.bytes()) {
            Some(mended) => out.write_all(&diff(text.name(), text.bytes(), &mended))?,
            None => writeln!(std::io::stderr(), "{}: nothing to mend", path.display())?,
        }
    }
    Ok(Verdict::Good)
}

/// A unified diff of two texts with the same number of lines.
fn diff(name: &str, old: &[u8], new: &[u8]) -> Vec<u8> {
    let old: Vec<&[u8]> = old.split_inclusive(|byte| *byte == b'\n').collect();
    let new: Vec<&[u8]> = new.split_inclusive(|byte| *byte == b'\n').collect();
    let pairs: Vec<(&[u8], &[u8])> = old.into_iter().zip(new).collect();
    let changed: Vec<usize> = (0..pairs.len()).filter(|at| pairs[*at].0 != pairs[*at].1).collect();
    let mut out = format!("--- {name}\n+++ {name}\n").into_bytes();
    let mut rest = changed.as_slice();
    while let Some(first) = rest.first() {
        let near = |pair: &[usize]| pair[1] - pair[0] <= 2 * CONTEXT_LINES;
        let length = 1 + rest.windows(2).take_while(|pair| near(pair)).count();
        let (hunk, after) = rest.split_at(length);
        rest = after;
        let start = first.saturating_sub(CONTEXT_LINES);
        let end = pairs.len().min(hunk[length - 1] + CONTEXT_LINES + 1);
        let mut head = String::new();
        let _ = writeln!(head, "@@ -{0},{1} +{0},{1} @@", start + 1, end - start);
        out.extend_from_slice(head.as_bytes());
        hunk_lines(&pairs[start..end], &mut out);
    }
    out
}

/// Lines of a hunk: of neighbours that change, all old ones stand before all new ones.
fn hunk_lines(pairs: &[(&[u8], &[u8])], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < pairs.len() {
        let same = pairs[at].0 == pairs[at].1;
        let run = pairs[at..].iter().take_while(|(old, new)| (old == new) == same).count();
        let lines = &pairs[at..at + run];
        if same {
            for (old, _) in lines {
                line(b' ', old, out);
            }
        } else {
            for (old, _) in lines {
                line(b'-', old, out);
            }
            for (_, new) in lines {
                line(b'+', new, out);
            }
        }
        at += run;
    }
}

fn line(sign: u8, text: &[u8], out: &mut Vec<u8>) {
    out.push(sign);
    out.extend_from_slice(text);
    if !text.ends_with(b"\n") {
        out.extend_from_slice(b"\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_lines_that_change_with_those_around_them() {
        let old = "1\n2\n3\n4\nRewriteRule .* – [F]\n6\n7\n8\n9\n10\n11\n12\n13\n14\nx – y";
        let new = old.replace('–', "-");
        let shown = String::from_utf8(diff(".htaccess", old.as_bytes(), new.as_bytes())).unwrap();
        let wanted = "--- .htaccess\n+++ .htaccess\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-RewriteRule .* – [F]\n\
                      +RewriteRule .* - [F]\n 6\n 7\n 8\n@@ -12,4 +12,4 @@\n 12\n 13\n 14\n-x – y\n\
                      \\ No newline at end of file\n+x - y\n\\ No newline at end of file\n";
        assert_eq!(shown, wanted);
    }

    #[test]
    fn a_file_is_an_htaccess_by_its_name() {
        assert!(is_htaccess(Path::new("/var/www/.htaccess")) && is_htaccess(Path::new("audio.htaccess")));
        assert!(!is_htaccess(Path::new("htaccess.txt")) && !is_htaccess(Path::new("a.toml")));
    }
}
