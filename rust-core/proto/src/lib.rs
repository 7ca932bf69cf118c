//! What client, node and C# agree on: the session protocol ([`session`]), the gRPC services of a node (`admin`, with
//! the feature `grpc`), the one table of error codes ([`Code`]), whether a failed change may have been applied
//! ([`Outcome`]), the error that carries both to a caller ([`Error`]), what callers are held to ([`limits`]), and where
//! lines for people go ([`log`]).

mod code;
mod error;
pub mod limits;
pub mod log;
pub mod session;
mod state_error;
mod store_defaults;
mod store_name;
mod text;

/// What operators ask a cluster and what it answers, over gRPC and over sessions.
#[allow(missing_docs, clippy::all)]
pub mod cluster {
    include!(concat!(env!("OUT_DIR"), "/holdfast.cluster.v1.rs"));
}

/// The admin service of a node.
#[cfg(feature = "grpc")]
#[allow(missing_docs, clippy::all)]
pub mod admin {
    tonic::include_proto!("holdfast.admin.v1");

    /// Metadata of a call that failed: the number of the [`crate::Code`].
    pub const ERROR_CODE: &str = "holdfast-code";

    /// The service's description, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/admin.descriptors"));
}

pub use code::{Code, Outcome};
pub use error::Error;
pub use state_error::change_refused;
pub use store_defaults::{LEAST_MEMORY, resolve_store};
pub use store_name::full_store_name;
pub use text::bytes_text;
