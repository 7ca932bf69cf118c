//! What clients see when nodes die, freeze, stop, are overloaded or attacked, and when the network breaks.
//!
//! The tests whose names begin with `long_` take longer than a commit should wait for: `tests/faults/run --all`.

mod broken_network;
mod cluster_on_disk;
mod common;
mod connections;
mod descriptors;
mod hostile_bytes;
mod ledger;
mod overload;
mod pause;
mod proxy;
mod repeated_changes;
mod restart;
mod slow_reader;
mod stop;
