//! Holdfast's client: the way from a caller's request to a node.
//!
//! What this room promises: whatever a caller gives (settings, connection strings, keys, values) is checked
//! here, before anything is sent, and refused with a typed error that names it; nothing is half done. The
//! client never sees how changes are replicated: a node inside the process is plugged in behind
//! [`embedded`].

mod client;
pub mod connection_string;
pub mod embedded;
mod embedded_client;
pub mod remote;
pub mod settings;
pub mod store;

pub use client::Client;
pub use connection_string::{ConnectionString, Endpoint, Topology};
pub use embedded_client::EmbeddedClient;
pub use holdfast_proto::{limits, log};
pub use settings::{ClientSettings, NodeSettings, Settings, StoreSettings};
pub use store::Store;
