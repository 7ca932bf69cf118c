//! Log lines of the server: structured, on standard error.

use holdfast_node::log::{Level, LogSink};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

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
        "json" => builder
            .json()
            .flatten_event(true)
            .finish()
            .with(filter(level))
            .try_init(),
        _ => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .finish()
            .with(filter(level))
            .try_init(),
    };
    set.expect("nothing else in this program sets a subscriber");
}

/// Holdfast's own lines from `level` on, those of libraries from a coarser one, which would bury what the node says.
fn filter(level: LevelFilter) -> Targets {
    let libraries = match level {
        LevelFilter::TRACE => LevelFilter::DEBUG,
        LevelFilter::DEBUG => LevelFilter::INFO,
        // The consensus library tells of every vote.
        LevelFilter::INFO => LevelFilter::WARN,
        coarse => coarse,
    };
    Targets::new()
        .with_target("holdfast", level)
        .with_default(libraries)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn at_debug_the_node_speaks_and_its_libraries_do_not() {
        let filter = filter(LevelFilter::DEBUG);
        assert!(filter.would_enable("holdfast::serve::logging", &Level::DEBUG));
        assert!(filter.would_enable("holdfast_node::server", &Level::DEBUG));
        assert!(!filter.would_enable("h2::codec", &Level::DEBUG));
        assert!(filter.would_enable("h2::codec", &Level::INFO));
    }
}
