//! A node among others: forming a cluster with them, taking part in its groups, and leading some of them.

pub(crate) mod controller;
pub(crate) mod forming;
pub(crate) mod names;
