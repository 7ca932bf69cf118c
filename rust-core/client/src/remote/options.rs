//! What a connection and a client are made with.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use holdfast_proto::{Code, Error};
use holdfast_state::StoreClass;

use super::reads::Reads;
use crate::connection_string::Endpoint;
use crate::settings::ClientSettings;

/// What decides to whom and as whom a [`super::Remote`] connects. Clients of one process whose options are equal share
/// one.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteOptions {
    /// Nodes to try in turn, at least one.
    pub endpoints: Vec<Endpoint>,
    /// Encrypts the connection.
    pub tls: Option<TlsOptions>,
    /// Tenant of stores that are named without one.
    pub tenant: String,
    /// Proves who the client is. Never shown.
    pub token: Option<String>,
    /// Names the client in logs and on servers.
    pub client_name: Option<String>,
    /// How long connecting may take; one attempt takes at most 2 s of it.
    pub connect_timeout: Duration,
    pub(crate) timing: Timing,
}

impl RemoteOptions {
    /// The table's defaults, without TLS and token, in the tenant `default`.
    #[must_use]
    pub fn new(endpoints: Vec<Endpoint>) -> Self {
        Self {
            endpoints,
            tls: None,
            tenant: crate::connection_string::DEFAULT_NAME.to_owned(),
            token: None,
            client_name: None,
            connect_timeout: ClientSettings::default().connect_timeout_or_default(),
            timing: Timing::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.endpoints.is_empty() {
            return Err(Error::new(
                Code::InvalidArgument,
                "no endpoint is given: name at least one host and port",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for RemoteOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RemoteOptions")
            .field("endpoints", &self.endpoints)
            .field("tls", &self.tls)
            .field("tenant", &self.tenant)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("client_name", &self.client_name)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// PEM files and names for TLS. The files are read at each attempt to connect, so that renewed ones are taken up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificates of those who may sign a node's; `None`: those that the system trusts.
    pub ca: Option<PathBuf>,
    /// The client's own certificate chain; goes with `key`.
    pub certificate: Option<PathBuf>,
    /// The client's private key; goes with `certificate`.
    pub key: Option<PathBuf>,
    /// The name that the node's certificate must have, when it is not the endpoint's host.
    pub server_name: Option<String>,
}

/// What is one client's own on a connection that it may share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long a call may take that does not say so itself.
    pub timeout: Duration,
    /// Whether a store that does not exist is made when it is opened.
    pub auto_create_stores: bool,
    /// Class of a store that is made without anyone saying one.
    pub default_class: StoreClass,
    /// How fresh reads are that do not say so themselves.
    pub reads: Reads,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self::from(&ClientSettings::default())
    }
}

impl From<&ClientSettings> for ClientOptions {
    fn from(settings: &ClientSettings) -> Self {
        Self {
            timeout: settings.timeout_or_default(),
            auto_create_stores: settings.auto_create_stores_or_default(),
            default_class: settings.default_class_or_default(),
            reads: settings.reads_or_default(),
        }
    }
}

/// The times that the protocol lives by; tests shorten them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// Longest one attempt to connect takes, hello included.
    pub(crate) attempt: Duration,
    /// With requests outstanding, silence after which the node is asked whether it is there.
    pub(crate) ping_after: Duration,
    /// With requests outstanding, silence after which the connection is dead.
    pub(crate) dead_after: Duration,
    /// Silence after which a node that said Goodbye gets no more time for what is outstanding: most of what a node gives
    /// its connections when it stops, and little enough for a read to be sent again within its own time.
    pub(crate) drain: Duration,
    /// First and longest upper bound of the pause between rounds of attempts.
    pub(crate) backoff: (Duration, Duration),
    /// The pause after a refusal that will not pass by itself.
    pub(crate) lasting_backoff: Duration,
    /// Bytes of requests that may wait while there is no connection.
    pub(crate) most_waiting: usize,
    /// Bytes of requests that may be unanswered on a connection.
    pub(crate) most_pending: usize,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(2),
            ping_after: Duration::from_secs(1),
            dead_after: Duration::from_secs(2),
            drain: Duration::from_secs(4),
            backoff: (Duration::from_millis(20), Duration::from_secs(2)),
            lasting_backoff: Duration::from_secs(5),
            most_waiting: 64 << 20,
            most_pending: 256 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::table::{DefaultValue, Setting};

    #[test]
    fn a_node_that_stops_gets_most_of_its_time_and_leaves_some_of_the_requests() {
        let setting = Setting::find("stop-timeout").unwrap();
        let DefaultValue::Value(grace) = setting.default else {
            panic!("it has a default");
        };
        let grace = setting.duration(grace).unwrap().unwrap();
        let drain = Timing::default().drain;
        assert!(drain >= grace * 3 / 4 && drain < grace, "{drain:?}");
        assert!(drain < ClientOptions::default().timeout, "{drain:?}");
    }
}
