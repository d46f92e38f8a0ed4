//! `tidegate marks`: the keys of marks, shown, changed, made void.

use crate::check::DEFAULT_CATALOG;
use crate::command_line::{MarksOptions, MarksVerb};
use crate::disk::Disk;
use crate::mark_keys::{self, KeyFile};
use crate::run::tell;
use crate::verdict::{Mistake, Verdict};
use anyhow::bail;
use engine::builtins::builtins;
use engine::{Catalog, MarkKeys, WallTime};
use proxy::Clock;
use std::io::Write;
use std::path::Path;

/// Does what was asked.
pub(crate) fn run(options: &MarksOptions) -> anyhow::Result<Verdict> {
    let path = options.config.as_deref().unwrap_or(Path::new(DEFAULT_CATALOG));
    let loaded = Catalog::load(path, &Disk, builtins());
    let Some(catalog) = loaded.catalog else {
        tell(&loaded.diagnostics)?;
        return Ok(Verdict::Mistaken);
    };
    let mut out = std::io::stdout().lock();
    for line in catalog.describe_marks() {
        writeln!(out, "{line}")?;
    }
    let Some(folder) = &catalog.state_folder else {
        if options.verb == MarksVerb::Show {
            writeln!(out, "the keys live in the memory of the process: [settings] has no state_folder")?;
            return Ok(Verdict::Good);
        }
        bail!(Mistake(format!(
            "{} has no state_folder in [settings], so the keys live in the process: marks_valid_from makes marks void",
            path.display()
        )));
    };
    let file = KeyFile::in_folder(folder);
    let now = Clock::system().now().wall;
    let keys = match options.verb {
        MarksVerb::Show => file.read()?,
        MarksVerb::Rotate => Some(file.change(|keys| match keys {
            Some(keys) => mark_keys::rotated(keys, now).map(Some),
            None => mark_keys::revoked(now).map(Some),
        })?),
        MarksVerb::Revoke => Some(file.change(|_| mark_keys::revoked(now).map(Some))?),
    };
    show(&mut out, &file, keys.as_ref())?;
    if options.verb != MarksVerb::Show {
        writeln!(out, "a running tidegate takes them when it is told to: tidegate reload")?;
    }
    Ok(Verdict::Good)
}

fn show(out: &mut impl Write, file: &KeyFile, keys: Option<&MarkKeys>) -> std::io::Result<()> {
    let shown = file.path.display();
    let Some(keys) = keys else { return writeln!(out, "{shown}: not there yet; the first start makes it") };
    for (at, (name, made)) in keys.names().into_iter().enumerate() {
        let what = if at == 0 { "signs and verifies" } else { "verifies" };
        writeln!(out, "{shown}: key {name} of {} {what}", date(made))?;
    }
    if keys.valid_from() > WallTime(i64::MIN) {
        writeln!(out, "{shown}: marks set before {} are void", date(keys.valid_from()))?;
    }
    Ok(())
}

fn date(moment: WallTime) -> String {
    let moment = jiff::Timestamp::from_microsecond(moment.0).unwrap_or_default();
    moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
