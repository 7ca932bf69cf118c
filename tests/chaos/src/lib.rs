//! Real nodes under faults: what clients saw is recorded as a history, and two checkers that know nothing of each other
//! say whether a linearizable store could have answered so.
//!
//! ```text
//! workload ──▶ history (JSON lines) ──▶ oracle: revisions, near-linear        ──▶ violations
//! nemesis  ──▶ faults, epochs       ──▶ search: each key, Wing–Gong–Lowe     ──▶ violations, "gave up"
//! ```
//!
//! What this room promises:
//! - a run's verdict comes from the file that it wrote, so that the file alone gives it again;
//! - a checker that cannot decide says so, and that fails a run as a violation does;
//! - an operation whose outcome is unknown may have happened at any time after it began, once, or never; nothing else is
//!   forgiven;
//! - the tests of the checkers break valid histories on purpose and count what is found.

pub mod figures;
pub mod history;
pub mod nemesis;
pub mod network;
pub mod nodes;
pub mod oracle;
pub mod search;
pub mod verdict;
pub mod violation;
pub mod workload;
