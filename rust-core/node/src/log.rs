//! What a node has to say to people. The node is a guest in somebody's process: it has no logger and no
//! subscriber of its own, whoever opens it gives it a sink.

/// How urgent a line is; the numbers are those of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// For following single requests.
    Trace = 0,
    /// For following what the node does.
    Debug = 1,
    /// Something worth knowing happened.
    Information = 2,
    /// Something an operator should look at.
    Warning = 3,
    /// Something is broken.
    Error = 4,
}

/// Takes lines. It must return at once and must not call back into the node.
pub trait LogSink: Send + Sync {
    /// Takes one line.
    fn line(&self, level: Level, message: &str);
}
