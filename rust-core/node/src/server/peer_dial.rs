//! Connections to other nodes over TLS: with this node's own certificate, to nodes whose certificates come from the
//! authorities that it was told of.

use std::io;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use holdfast_proto::Error;
use holdfast_replication::raft::{Dial, PeerStream};
use holdfast_system::net::TcpStream;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::tls::{GRPC_ALPN, TlsFiles, peer_config};

/// Dials over TLS.
pub(super) struct DialTls(TlsConnector);

impl DialTls {
    /// # Errors
    /// `InvalidSetting` that names the setting and what is wrong with it.
    pub(super) fn new(files: &TlsFiles) -> Result<DialTls, Error> {
        Ok(DialTls(TlsConnector::from(peer_config(files)?)))
    }
}

impl Dial for DialTls {
    fn dial(&self, address: &str) -> BoxFuture<'static, io::Result<Box<dyn PeerStream>>> {
        let connector = self.0.clone();
        let address = address.to_owned();
        async move {
            let host = address.rsplit_once(':').map_or(&*address, |(host, _)| host);
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(host.clone())
                .map_err(|_| io::Error::other(format!("'{host}' is no name that a certificate can have")))?;
            let stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            let stream = connector.connect(name, stream).await;
            let stream = stream.map_err(|error| explained(&host, &error))?;
            if stream.get_ref().1.alpn_protocol() != Some(GRPC_ALPN) {
                return Err(io::Error::other("over TLS it does not offer what nodes speak"));
            }
            Ok(Box::new(stream) as Box<dyn PeerStream>)
        }
        .boxed()
    }
}

/// What an operator can do about a handshake that failed.
fn explained(host: &str, error: &io::Error) -> io::Error {
    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let remedy = match cause {
        Some(rustls::Error::InvalidCertificate(_)) => format!(
            "its certificate is not accepted: it must be for '{host}' and come from an authority that --tls-ca (or else \
             --tls-client-ca) names"
        ),
        Some(rustls::Error::AlertReceived(_)) => {
            "it does not accept this node's certificate: that must come from an authority of its --tls-client-ca, for \
             servers and clients alike"
                .to_owned()
        }
        // What does not speak TLS ends the connection, or answers something else.
        _ => "it does not speak TLS with this node: give all nodes of the cluster --tls-certificate and --tls-key".to_owned(),
    };
    io::Error::new(error.kind(), format!("{remedy} ({error})"))
}

/// What dials the other nodes of a server with these files; `None`: as without TLS.
///
/// # Errors
/// As [`DialTls::new`].
pub(super) fn dial(files: Option<&TlsFiles>) -> Result<Option<Arc<dyn Dial>>, Error> {
    let dial = files.map(DialTls::new).transpose()?;
    Ok(dial.map(|dial| Arc::new(dial) as Arc<dyn Dial>))
}
