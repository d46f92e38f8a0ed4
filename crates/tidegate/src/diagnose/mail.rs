//! Mail logs: those that are named, or those of this machine.

use super::Run;
use analyser::mail::{Mail, MailSettings, read_files};
use jiff::tz::TimeZone;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Where mail servers and PHP write, by the usual distributions.
const PLACES: [&str; 8] = [
    "/var/log/exim4/mainlog",
    "/var/log/exim/mainlog",
    "/var/log/exim/main.log",
    "/var/log/exim_mainlog",
    "/var/log/mail.log",
    "/var/log/maillog",
    "/var/log/mail/mail.log",
    "/usr/local/psa/var/log/maillog",
];

/// What mail logs say; `None` if there are none.
pub(super) fn look(run: &Run<'_>) -> Option<Mail> {
    let named = &run.options.mail;
    let files: Vec<PathBuf> = if named.is_empty() && run.is_here {
        PLACES
            .iter()
            .map(PathBuf::from)
            .filter(|path| path.is_file())
            .flat_map(|path| with_older(&path))
            .collect()
    } else {
        named.clone()
    };
    if files.is_empty() {
        return None;
    }
    let seconds = |micros: Option<i64>| micros.map(|micros| micros.div_euclid(1_000_000));
    let settings = MailSettings {
        zone: TimeZone::try_system().unwrap_or(TimeZone::UTC),
        now_unix_seconds: run.now_unix_seconds(),
        from_unix_seconds: seconds(run.window.from_unix_micros),
        to_unix_seconds: seconds(run.window.to_unix_micros),
    };
    let bytes = files.iter().filter_map(|path| Some(path.metadata().ok()?.len())).sum();
    run.watch.begin("mail logs", bytes);
    let mut progress = |read| {
        run.watch.advance(read);
        if run.watch.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    Some(read_files(&files, &[], settings, &mut progress))
}

/// The file and those that were moved away: `mail.log.1`, `mail.log.2.gz`.
fn with_older(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entries =
        path.parent().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let is_older = |other: &str| {
        other
            .strip_prefix(&name)
            .and_then(|rest| rest.strip_prefix(['.', '-']))
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let mut files = vec![path.to_owned()];
    files.extend(
        entries
            .map(|entry| entry.path())
            .filter(|path| path.file_name().is_some_and(|name| is_older(&name.to_string_lossy()))),
    );
    files
}
