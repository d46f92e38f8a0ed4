//! What the process has to say while it runs: to standard error, for people or as one JSON object a line.

use crate::command_line::{LogLevel, OutputFormat};
use tracing::level_filters::LevelFilter;

/// From now on messages are logged. Called once.
pub(crate) fn start(format: OutputFormat, level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let colours = crate::check::colours(&std::io::stderr());
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    match format {
        OutputFormat::Human => log.with_ansi(colours).init(),
        OutputFormat::Json => log.json().flatten_event(true).with_current_span(false).init(),
    }
}
