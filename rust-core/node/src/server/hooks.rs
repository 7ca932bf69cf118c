//! Where permissions and quotas are asked, per request. Today everything is allowed.

use holdfast_proto::Error;
use holdfast_proto::session::Operation;

/// Who is behind a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Tenant of stores that it names without one.
    pub tenant: String,
    /// The name in its certificate.
    pub name: Option<String>,
    /// It brought the node's token.
    pub token: bool,
}

/// Says who may do what.
pub trait Permissions: Send + Sync {
    /// Whether `identity` may do this in `store` (without its tenant).
    ///
    /// # Errors
    /// The refusal, as the client gets it.
    fn check(
        &self,
        identity: &Identity,
        tenant: &str,
        store: &str,
        operation: Operation,
    ) -> Result<(), Error>;
}

/// Says how much of it.
pub trait Quotas: Send + Sync {
    /// Whether `tenant` may have this request, with `bytes` of key and value, now.
    ///
    /// # Errors
    /// The refusal, as the client gets it.
    fn admit(&self, tenant: &str, store: &str, operation: Operation, bytes: usize) -> Result<(), Error>;
}

/// Allows everything.
pub struct AllowAll;

/// The permissions and quotas of a node that has none.
pub static ALLOW_ALL: AllowAll = AllowAll;

impl Permissions for AllowAll {
    fn check(&self, _: &Identity, _: &str, _: &str, _: Operation) -> Result<(), Error> {
        Ok(())
    }
}

impl Quotas for AllowAll {
    fn admit(&self, _: &str, _: &str, _: Operation, _: usize) -> Result<(), Error> {
        Ok(())
    }
}
