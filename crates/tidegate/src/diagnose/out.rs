//! The report goes where it is wanted, in the form that is wanted.

use crate::command_line::{DiagnoseOptions, ReportFormat};
use crate::disk::replace;
use analyser::{Look, Report, page, terminal};
use anyhow::Context;
use std::io::{IsTerminal, Write};

/// Columns where nobody says how many there are.
const WIDTH: usize = 100;

pub(super) fn write(report: &Report, options: &DiagnoseOptions) -> anyhow::Result<()> {
    let is_terminal = options.output.is_none() && std::io::stdout().is_terminal();
    let text = match options.format {
        ReportFormat::Human => terminal(report, look(is_terminal)),
        ReportFormat::Json => serde_json::to_string_pretty(report)? + "\n",
        ReportFormat::Html => page(report),
    };
    match &options.output {
        None => std::io::stdout().lock().write_all(text.as_bytes())?,
        Some(path) => {
            replace(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
            writeln!(std::io::stderr(), "written: {}", path.display())?;
        }
    }
    Ok(())
}

/// What this terminal can do, as the environment says it.
fn look(is_terminal: bool) -> Look {
    let variable = |name: &str| -> Option<String> {
        std::env::var_os(name)?.into_string().ok().filter(|value| !value.is_empty())
    };
    let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
    // without any word about it, files and pipes of today are UTF-8
    let is_utf8 = locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    let columns = variable("COLUMNS").and_then(|columns| columns.parse().ok());
    let of_terminal = || {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
        (size.ws_col > 0).then(|| usize::from(size.ws_col))
    };
    Look {
        width: columns.or_else(of_terminal).unwrap_or(WIDTH),
        is_coloured: is_terminal && !is_dumb && variable("NO_COLOR").is_none(),
        is_unicode: is_utf8 && !is_dumb,
    }
}
