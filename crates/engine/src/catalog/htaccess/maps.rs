//! Maps of `.htaccess` files: what is declared, and what the files name themselves.

use super::super::Files;
use super::super::read::shown;
use super::super::rules::UNREADABLE;
use super::super::units::size_text;
use crate::limits;
use rewrite::NamedMap;
use rewrite::directive::{Directive, DirectiveKind, File, MapSource, RewriteMap};
use source::{Diagnostic, DiagnosticId};
use std::path::{Component, Path};

/// A file names a map that lies somewhere else.
const MAP_OUTSIDE: DiagnosticId = DiagnosticId("map-outside");

/// The bytes of a file that may have so many.
pub(super) fn read_at_most(files: &dyn Files, path: &Path, most: usize) -> Result<Vec<u8>, String> {
    match files.read_up_to(path, most.saturating_add(1)) {
        Ok(bytes) if bytes.len() > most => Err(format!("it is larger than {}", size_text(most as u64))),
        read => read,
    }
}

/// `txt:file`, `rnd:file` or a function, as the catalog says it.
pub(super) fn declared_map(text: &str) -> Option<MapSource> {
    let source = MapSource::read(text.as_bytes()).ok().filter(|_| text.contains(':'))?;
    match &source {
        MapSource::File(_, path) if path.is_empty() => None,
        _ => Some(source),
    }
}

/// The maps that a file names, without those that the catalog declares: these come first. Who may write the file
/// may not be who runs the machine, so that it opens nothing but what lies in its own folder.
pub(super) fn maps_of_file(
    files: &dyn Files,
    file: &File,
    declared: &[NamedMap],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<NamedMap> {
    let folder = Path::new(file.source.name()).parent().unwrap_or(Path::new(""));
    let mut left = limits::HTACCESS_MAPS_BYTES_MAX;
    let mut named = Vec::new();
    for map in maps_in(&file.directives) {
        if declared.iter().any(|known| known.name == map.name) {
            continue;
        }
        let text = match &map.source {
            MapSource::File(_, path) => text_in(files, folder, path, left),
            _ => Ok(Vec::new()),
        };
        match text {
            Ok(text) => {
                left = left.saturating_sub(text.len());
                named.push(NamedMap { name: map.name.clone(), source: map.source.clone(), text });
            }
            Err((id, message)) => {
                let name = String::from_utf8_lossy(&map.name);
                let help = format!(
                    "put it into the folder of this file, or declare it in the virtual server: \
                     rewrite_maps = {{ \"{name}\" = \"txt:FILE\" }}"
                );
                let wrong = Diagnostic::error(id, message).at(&file.source, map.span, "this file");
                diagnostics.push(wrong.help(help));
            }
        }
    }
    named
}

/// The text of a file that lies in a folder, whatever links say.
fn text_in(
    files: &dyn Files,
    folder: &Path,
    name: &[u8],
    left: usize,
) -> Result<Vec<u8>, (DiagnosticId, String)> {
    let name = String::from_utf8_lossy(name);
    let unreadable = |why| (UNREADABLE, format!("cannot read {}: {why}", folder.join(&*name).display()));
    let goes_down = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    let outside = || {
        let message =
            format!("an .htaccess reads maps in its own folder only, and `{}` is not", shown(&name));
        (MAP_OUTSIDE, message)
    };
    if !Path::new(&*name).components().all(goes_down) {
        return Err(outside());
    }
    let inside = files.real_path(folder).map_err(unreadable)?;
    let real = files.real_path(&folder.join(&*name)).map_err(unreadable)?;
    if !real.starts_with(inside) {
        return Err(outside());
    }
    let text = files.read_up_to(&real, left.saturating_add(1)).map_err(unreadable)?;
    if text.len() > left {
        let most = size_text(limits::HTACCESS_MAPS_BYTES_MAX as u64);
        return Err(unreadable(format!("the maps that an .htaccess names have more than {most} in all")));
    }
    Ok(text)
}

fn maps_in(directives: &[Directive]) -> Vec<&RewriteMap> {
    let mut maps = Vec::new();
    for directive in directives {
        match &directive.kind {
            DirectiveKind::RewriteMap(map) => maps.push(map),
            DirectiveKind::Container(container) => maps.extend(maps_in(&container.directives)),
            _ => {}
        }
    }
    maps
}
