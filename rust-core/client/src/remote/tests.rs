//! The client against nodes that a test plays itself: they can do what a real one cannot.

mod closing;
mod cluster_machine;
mod cluster_node;
mod clustered;
mod deadlines;
mod failover;
mod fake;
mod fake_cluster;
mod hammer;
mod hostile;
mod maps;
mod pieces;
mod reconnecting;
mod recorder;
mod replies;
mod splitting;
mod tls;
