//! What nodes and clients have to say to people. Both are guests in somebody's process: they have no logger and no
//! subscriber of their own, whoever opens them gives them a sink.

/// How urgent a line is; the numbers are those of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// For following single requests.
    Trace = 0,
    /// For following what a node or a connection does.
    Debug = 1,
    /// Something worth knowing happened.
    Information = 2,
    /// Something an operator should look at.
    Warning = 3,
    /// Something is broken.
    Error = 4,
}

/// Takes lines. It must return at once and must not call back into who says them.
pub trait LogSink: Send + Sync {
    /// Takes one line.
    fn line(&self, level: Level, message: &str);
}

/// Drops every line.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLog;

impl LogSink for NoLog {
    fn line(&self, _: Level, _: &str) {}
}
