//! `DirectoryIndex`, `DirectorySlash`: what a folder is answered with.

use super::arguments::exactly;
use super::known::Known;
use super::reader::Reader;
use super::words::Words;
use crate::directive::DirectiveKind;

pub(super) fn index(_: &mut Reader<'_>, _: &Known, words: &mut Words<'_>) -> Option<DirectiveKind> {
    let names: Vec<_> = words.all().into_iter().map(|word| word.text).collect();
    // Apache takes it without a name, and does nothing
    (!names.is_empty()).then_some(DirectiveKind::DirectoryIndex(names))
}

pub(super) fn slash(reader: &mut Reader<'_>, known: &Known, words: &mut Words<'_>) -> Option<DirectiveKind> {
    let [word] = exactly(reader, known, words)?;
    let said = [(&b"on"[..], true), (b"off", false)];
    let Some((_, is_on)) = said.iter().find(|(name, _)| word.text.eq_ignore_ascii_case(name)) else {
        let what = "`DirectorySlash` is On or Off";
        reader.error("wrong-arguments", what, (word.span, "neither"), known.help());
        return None;
    };
    Some(DirectiveKind::DirectorySlash(*is_on))
}
