//! How connections to other nodes are made.

use std::io;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use holdfast_system::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection to another node.
pub trait PeerStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> PeerStream for T {}

/// Makes connections to other nodes: plain TCP, TLS, or a simulated network's.
pub trait Dial: Send + Sync + 'static {
    /// Connects to `host:port`. With TLS the stream has agreed on `h2`.
    fn dial(&self, address: &str) -> BoxFuture<'static, io::Result<Box<dyn PeerStream>>>;
}

/// Plain TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct DialTcp;

impl Dial for DialTcp {
    fn dial(&self, address: &str) -> BoxFuture<'static, io::Result<Box<dyn PeerStream>>> {
        let address = address.to_owned();
        async move {
            let stream = TcpStream::connect(address).await?;
            // Questions are small and answers waited for.
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn PeerStream>)
        }
        .boxed()
    }
}
