//! Log lines of the server: structured, on standard error.

use holdfast_node::log::{Level, LogSink};
use tracing::level_filters::LevelFilter;

/// Sends a node's lines to the subscriber.
pub(super) struct TracingSink;

impl LogSink for TracingSink {
    fn line(&self, level: Level, message: &str) {
        match level {
            Level::Trace => tracing::trace!("{message}"),
            Level::Debug => tracing::debug!("{message}"),
            Level::Information => tracing::info!("{message}"),
            Level::Warning => tracing::warn!("{message}"),
            Level::Error => tracing::error!("{message}"),
        }
    }
}

/// Sets the process's subscriber.
pub(super) fn start(level: &str, format: &str) {
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false);
    let set = match format {
        "json" => builder.json().flatten_event(true).try_init(),
        _ => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
    };
    set.expect("nothing else in this program sets a subscriber");
}
