//! `tidegate apply` and `tidegate revert`: a proposal goes into the catalog, and comes out of it again.

mod edit;
mod kept;

pub(crate) use kept::keep;

use crate::check::{DEFAULT_CATALOG, colours};
use crate::command_line::{ApplyOptions, RevertOptions};
use crate::disk::{Disk, replace, words};
use crate::state::State;
use crate::verdict::{Mistake, Verdict};
use anyhow::{Context, bail};
use edit::{Attached, Before, Change};
use engine::Catalog;
use engine::builtins::builtins;
use engine::catalog::{FileFacts, Files};
use kept::{Applied, Kept};
use similar::TextDiff;
use source::render_human;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Puts a proposal into the catalog.
pub(crate) fn apply(options: &ApplyOptions) -> anyhow::Result<Verdict> {
    let state = State::at(options.state.as_deref())?;
    let proposal = kept::find(&state, &options.proposal)?;
    if now_unix_seconds() >= proposal.ends_unix_seconds {
        bail!(Mistake(format!("{} ended at {}: run `tidegate diagnose` again", proposal.id, proposal.ends)));
    }
    let path = real(options.config.as_deref())?;
    let text = read(&path)?;
    let Some(catalog) = load(&path, &Disk)? else { return Ok(Verdict::Mistaken) };
    let server = server(&catalog, &proposal, options.virtual_server.as_deref())?;
    let change = Change {
        rule: proposal.id.clone(),
        server,
        class: proposal.class.clone(),
        observes: options.observe,
        is_first: proposal.is_first,
    };
    let said = |why| anyhow::Error::from(Mistake(why));
    let there = edit::attached(&text, &change.server, &change.rule).map_err(said)?;
    let wanted = if options.observe { Attached::Observing } else { Attached::Enforcing };
    let mut out = std::io::stdout().lock();
    if there == wanted {
        writeln!(
            out,
            "{} is {} on {} already: nothing to do",
            proposal.id,
            mode(options.observe),
            change.server
        )?;
        return Ok(Verdict::Good);
    }
    let applied = drafted(&state, &proposal, change, path, &text)?;
    if load(&applied.catalog, &overlay(&applied, &applied.text_after, Some(&applied.rule)))?.is_none() {
        bail!(Mistake(format!("with {} the catalog would not load: nothing was changed", proposal.id)));
    }
    if options.dry_run {
        show(&mut out, &applied.catalog, &text, &applied.text_after)?;
        let there = std::fs::read_to_string(&applied.rule_file).unwrap_or_default();
        show(&mut out, &applied.rule_file, &there, &applied.rule)?;
        return Ok(Verdict::Good);
    }
    write(&state, &applied, &text)?;
    tell_applied(&mut out, &applied, &proposal.summary, &proposal.ends)?;
    Ok(Verdict::Good)
}

/// The catalog with the change, not written yet.
fn drafted(
    state: &State,
    proposal: &Kept,
    change: Change,
    catalog: PathBuf,
    text: &str,
) -> anyhow::Result<Applied> {
    let said = |why| anyhow::Error::from(Mistake(why));
    let there = edit::attached(text, &change.server, &change.rule).map_err(said)?;
    let before = kept::applied(state, &proposal.id)?;
    let (text_after, list_before) = match there {
        Attached::No => edit::attach(text, &change).map_err(said)?,
        Attached::Otherwise => bail!(Mistake(format!(
            "{} is attached to {} with keys that are not ours: change it by hand",
            change.rule, change.server
        ))),
        _ => {
            let list = before.as_ref().map_or(Before::List, |before| before.list_before);
            (edit::switch(text, &change).map_err(said)?, list)
        }
    };
    let rule_file = rule_file(&catalog, &proposal.id);
    if let Ok(other) = std::fs::read(&rule_file)
        && there == Attached::No
        && other != proposal.rule.as_bytes()
    {
        bail!(Mistake(format!(
            "{} is there already and says something else: move it away",
            rule_file.display()
        )));
    }
    let text_before = match before {
        // the text before the first apply, unless somebody has been at work since
        Some(before) if before.text_after == text => before.text_before,
        _ => text.to_owned(),
    };
    Ok(Applied {
        change,
        catalog,
        rule_file,
        rule: proposal.rule.clone(),
        list_before,
        text_before,
        text_after,
    })
}

/// The rule before the catalog that names it; the record before both, so that what was begun can be taken back.
fn write(state: &State, applied: &Applied, expected: &str) -> anyhow::Result<()> {
    kept::remember(state, applied)?;
    if let Some(folder) = applied.rule_file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    put(&applied.rule_file, &applied.rule)?;
    if read(&applied.catalog)? != expected {
        bail!(
            "{} was changed by somebody else just now: nothing was done; try again",
            applied.catalog.display()
        );
    }
    put(&applied.catalog, &applied.text_after)
}

fn tell_applied(out: &mut impl Write, applied: &Applied, summary: &str, ends: &str) -> anyhow::Result<()> {
    let (change, id) = (&applied.change, &applied.change.rule);
    writeln!(out, "{summary}")?;
    writeln!(out, "written:  {}", applied.rule_file.display())?;
    writeln!(
        out,
        "changed:  {} ({id} is {} on {})",
        applied.catalog.display(),
        mode(change.observes),
        change.server
    )?;
    writeln!(out, "ends:     {ends}, by itself")?;
    writeln!(out, "to do:    let the running tidegate read it: kill -HUP PID (queues and transfers stay)")?;
    if change.observes {
        writeln!(out, "then:     look at the log (~{id}), and enforce it: tidegate apply {id}")?;
    }
    writeln!(out, "undo:     tidegate revert {id}")?;
    Ok(())
}

/// Takes a proposal out of the catalog.
pub(crate) fn revert(options: &RevertOptions) -> anyhow::Result<Verdict> {
    let state = State::at(options.state.as_deref())?;
    let Some(applied) = kept::applied(&state, &options.proposal)? else {
        let known = state.names("applied").join(", ");
        let known = if known.is_empty() { "nothing is".to_owned() } else { format!("applied are: {known}") };
        bail!(Mistake(format!(
            "{} is not applied, as far as {} knows; {known}",
            options.proposal.escape_default(),
            state.folder().display()
        )));
    };
    let id = &applied.change.rule;
    let text = read(&applied.catalog)?;
    let (new, mut left) = if text == applied.text_after {
        (applied.text_before.clone(), Vec::new())
    } else {
        edit::detach(&text, &applied.change, applied.list_before).map_err(Mistake)?
    };
    let mut rule_goes = match std::fs::read_to_string(&applied.rule_file) {
        Ok(rule) if rule == applied.rule => true,
        Ok(_) => {
            left.push(format!(
                "{} was changed since: it stays, and nothing uses it",
                applied.rule_file.display()
            ));
            false
        }
        Err(_) => false,
    };
    let texts = |rule: Option<&str>| overlay(&applied, &new, rule);
    if rule_goes
        && !loads(&applied.catalog, &texts(None))
        && loads(&applied.catalog, &texts(Some(&applied.rule)))
    {
        left.push(format!("{} is used elsewhere in the catalog: it stays", applied.rule_file.display()));
        rule_goes = false;
    }
    let mut out = std::io::stdout().lock();
    if options.dry_run {
        show(&mut out, &applied.catalog, &text, &new)?;
        if rule_goes {
            show(&mut out, &applied.rule_file, &applied.rule, "")?;
        }
    } else {
        if loads(&applied.catalog, &Disk)
            && !loads(&applied.catalog, &texts((!rule_goes).then_some(applied.rule.as_str())))
        {
            load(&applied.catalog, &texts(None))?;
            bail!("without {id} the catalog would not load: nothing was changed");
        }
        put(&applied.catalog, &new)?;
        if rule_goes {
            std::fs::remove_file(&applied.rule_file)
                .with_context(|| format!("cannot remove {}", applied.rule_file.display()))?;
        }
        kept::forget(&state, id)?;
        writeln!(out, "taken back: {id} on {} ({})", applied.change.server, applied.catalog.display())?;
        writeln!(out, "to do:      let the running tidegate read it: kill -HUP PID")?;
    }
    for why in left {
        writeln!(std::io::stderr(), "tidegate: {why}")?;
    }
    Ok(Verdict::Good)
}

fn mode(observes: bool) -> &'static str {
    if observes { "observing" } else { "enforced" }
}

fn now_unix_seconds() -> i64 {
    crate::times::now_unix_micros().div_euclid(1_000_000)
}

/// Through a link, the file it names is the one that changes.
fn real(asked: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = asked.unwrap_or(Path::new(DEFAULT_CATALOG));
    let why = |error: std::io::Error| Mistake(format!("cannot read {}: {}", path.display(), words(&error)));
    Ok(std::fs::canonicalize(path).map_err(why)?)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let why = |error: std::io::Error| Mistake(format!("cannot read {}: {}", path.display(), words(&error)));
    Ok(std::fs::read_to_string(path).map_err(why)?)
}

fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    replace(path, text.as_bytes())
        .map_err(|error| anyhow::anyhow!("cannot write {}: {}", path.display(), words(&error)))
}

fn rule_file(catalog: &Path, id: &str) -> PathBuf {
    catalog.parent().unwrap_or(Path::new(".")).join("rules").join(format!("{id}.rts"))
}

/// The catalog, or `None` after its mistakes were told.
fn load(path: &Path, files: &dyn Files) -> anyhow::Result<Option<Catalog>> {
    let loaded = Catalog::load(path, files, builtins());
    if loaded.catalog.is_none() {
        let mut errors = std::io::stderr().lock();
        write!(errors, "{}", render_human(&loaded.diagnostics, colours(&errors)))?;
    }
    Ok(loaded.catalog)
}

fn loads(path: &Path, files: &dyn Files) -> bool {
    Catalog::load(path, files, builtins()).catalog.is_some()
}

/// The virtual server a proposal is for: the one asked for, the only one, or the one that answers to its domain.
fn server(catalog: &Catalog, proposal: &Kept, asked: Option<&str>) -> anyhow::Result<String> {
    let names = || catalog.virtual_servers.iter().map(|server| &*server.name).collect::<Vec<_>>().join(", ");
    if let Some(asked) = asked {
        let known = catalog.virtual_servers.iter().any(|server| &*server.name == asked);
        if !known {
            bail!(Mistake(format!("there is no virtual server {asked}; there are: {}", names())));
        }
        return Ok(asked.to_owned());
    }
    if let [only] = catalog.virtual_servers.as_slice() {
        return Ok(only.name.to_string());
    }
    let host = proposal.domain.as_deref().unwrap_or_default();
    let answers = |listen| catalog.select(listen, Some(host.as_bytes()));
    let mut fitting: Vec<_> = catalog.listeners().into_iter().filter_map(answers).collect();
    fitting.dedup();
    match fitting.as_slice() {
        [one] if !host.is_empty() => Ok(catalog.virtual_server(*one).name.to_string()),
        _ => bail!(Mistake(format!("say for which virtual server, with --virtual-server: {}", names()))),
    }
}

fn show(out: &mut impl Write, path: &Path, old: &str, new: &str) -> std::io::Result<()> {
    let name = path.display().to_string();
    write!(out, "{}", TextDiff::from_lines(old, new).unified_diff().header(&name, &name))
}

/// The files as they would be, with this text of the catalog, and with the rule or without it.
fn overlay(applied: &Applied, text: &str, rule: Option<&str>) -> Overlay {
    let texts = vec![
        (applied.catalog.clone(), Some(text.to_owned())),
        (applied.rule_file.clone(), rule.map(ToOwned::to_owned)),
    ];
    Overlay { texts }
}

/// Files of the machine, some of which have other texts (or are gone): to check what is not written yet.
struct Overlay {
    texts: Vec<(PathBuf, Option<String>)>,
}

impl Overlay {
    fn text(&self, path: &Path) -> Option<Result<Vec<u8>, String>> {
        let (_, text) = self.texts.iter().find(|(known, _)| known == path)?;
        Some(
            text.as_ref()
                .map(|text| text.clone().into_bytes())
                .ok_or_else(|| "there is no such file".to_owned()),
        )
    }
}

impl Files for Overlay {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.text(path).unwrap_or_else(|| Disk.read(path))
    }

    fn read_up_to(&self, path: &Path, most: usize) -> Result<Vec<u8>, String> {
        let Some(text) = self.text(path) else { return Disk.read_up_to(path, most) };
        text.map(|mut bytes| {
            bytes.truncate(most);
            bytes
        })
    }

    fn real_path(&self, path: &Path) -> Result<PathBuf, String> {
        if self.texts.iter().any(|(known, text)| known == path && text.is_some()) {
            return Ok(path.to_owned());
        }
        Disk.real_path(path)
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let mut paths = Disk.list(folder);
        paths.retain(|path| !self.texts.iter().any(|(known, _)| known == path));
        let ours = self.texts.iter().filter(|(path, text)| text.is_some() && path.parent() == Some(folder));
        paths.extend(ours.map(|(path, _)| path.clone()));
        paths.sort();
        paths
    }

    fn facts(&self, path: &Path) -> FileFacts {
        match self.text(path) {
            Some(Ok(text)) => FileFacts { bytes: text.len() as u64, ..FileFacts::default() },
            Some(Err(_)) => FileFacts::default(),
            None => Disk.facts(path),
        }
    }
}
