//! A client: of a node in this process, or of servers.

use std::path::PathBuf;
use std::sync::Arc;

use holdfast_proto::Error;
use holdfast_proto::log::LogSink;

use crate::connection_string::{ConnectionString, Topology};
use crate::embedded::EmbeddedHost;
use crate::embedded_client::EmbeddedClient;
use crate::remote::{ClientOptions, RemoteClient, RemoteOptions, Sink, TlsOptions};
use crate::settings::ClientSettings;

/// What a connection string opens.
#[expect(
    clippy::large_enum_variant,
    reason = "there are few, and a box would be one more load in every embedded call"
)]
pub enum Client {
    /// Everything completes inside the call.
    Embedded(EmbeddedClient),
    /// Everything completes through the sink. Its store 0 is the connection string's.
    Remote(RemoteClient),
}

impl Client {
    /// Checks a connection string and the settings beside it without opening anything; those settings win
    /// over the string's.
    ///
    /// # Errors
    /// As [`Client::open`], but for what only a node can know.
    pub fn check(text: &str, explicit: &[(&str, &str)]) -> Result<ConnectionString, Error> {
        ConnectionString::parse(text, explicit)
    }

    /// Opens what [`Client::check`] has described. `host` finds nodes of this process; `way_back` is asked
    /// for servers only, with which nothing is connected yet.
    ///
    /// # Errors
    /// Those of opening the node and the store in this process.
    pub fn open(
        described: ConnectionString,
        host: &dyn EmbeddedHost,
        way_back: impl FnOnce() -> (Arc<dyn Sink>, Arc<dyn LogSink>),
    ) -> Result<Self, Error> {
        let Some(options) = RemoteOptions::of(&described) else {
            return EmbeddedClient::open(described, host).map(Self::Embedded);
        };
        let (sink, log) = way_back();
        let ConnectionString { store, settings, .. } = described;
        let client = RemoteClient::open(options, ClientOptions::from(&settings.client), sink, log)?;
        client.open_store(&store, &settings.store)?;
        Ok(Self::Remote(client))
    }
}

impl RemoteOptions {
    /// How to reach the servers that a connection string names; `None` when its store is in this process.
    #[must_use]
    pub fn of(described: &ConnectionString) -> Option<Self> {
        let Topology::Hosts { endpoints, tls } = &described.topology else {
            return None;
        };
        let settings = &described.settings.client;
        let mut options = Self::new(endpoints.clone());
        options.tls = tls.then(|| tls_options(settings));
        options.tenant.clone_from(&described.tenant);
        options.token = settings.token.as_ref().map(|token| token.expose().to_owned());
        options.client_name.clone_from(&settings.client_name);
        options.connect_timeout = settings.connect_timeout_or_default();
        Some(options)
    }
}

fn tls_options(settings: &ClientSettings) -> TlsOptions {
    let path = |given: &Option<String>| given.as_ref().map(PathBuf::from);
    TlsOptions {
        ca: path(&settings.tls_ca),
        certificate: path(&settings.tls_certificate),
        key: path(&settings.tls_key),
        server_name: settings.tls_server_name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_connection_string_says_of_servers_reaches_the_connection() {
        let text = "holdfasts://h1,h2:1/acme/s?tls-ca=/a&tls-certificate=/b&tls-key=/c&tls-server-name=n\
                    &token=t&client-name=me&connect-timeout=3s";
        let described = Client::check(text, &[]).unwrap();
        let options = RemoteOptions::of(&described).unwrap();
        let endpoints: Vec<String> = options.endpoints.iter().map(ToString::to_string).collect();
        assert_eq!(endpoints, ["h1:7861", "h2:1"]);
        assert_eq!(
            options.tls,
            Some(TlsOptions {
                ca: Some("/a".into()),
                certificate: Some("/b".into()),
                key: Some("/c".into()),
                server_name: Some("n".to_owned()),
            })
        );
        assert_eq!(options.tenant, "acme");
        assert_eq!(options.token.as_deref(), Some("t"));
        assert_eq!(options.client_name.as_deref(), Some("me"));
        assert_eq!(options.connect_timeout.as_secs(), 3);
        let plain = RemoteOptions::of(&Client::check("holdfast://h1/s", &[]).unwrap()).unwrap();
        assert_eq!((plain.tls, plain.token), (None, None));
        assert!(RemoteOptions::of(&Client::check("holdfast://embedded/s", &[]).unwrap()).is_none());
    }
}
