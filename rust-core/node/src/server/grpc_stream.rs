//! A gRPC connection: where the node has a token, one that does not bring it with a call in time is cut. Its place
//! among the connections is for those who may use it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tonic::transport::server::Connected;

use super::shared::Shared;
use super::stream::Stream;

/// What a connection's calls know of it.
#[derive(Clone)]
pub(super) struct GrpcPeer {
    pub(super) address: SocketAddr,
    trusted: Arc<AtomicBool>,
}

impl GrpcPeer {
    /// A call has brought the node's token: the connection may stay.
    pub(super) fn trust(&self) {
        self.trusted.store(true, Ordering::Relaxed);
    }
}

/// Whether a connection may stay.
enum Trial {
    /// It is cut then, unless it is trusted.
    Until(Pin<Box<Sleep>>),
    /// It may.
    Passed,
    /// It is cut.
    Failed,
}

/// The bytes of a gRPC connection.
pub(super) struct GrpcStream {
    stream: Stream,
    peer: GrpcPeer,
    shared: Arc<Shared>,
    trial: Trial,
}

impl GrpcStream {
    pub(super) fn new(shared: &Arc<Shared>, stream: Stream) -> GrpcStream {
        let options = shared.options();
        let peer = GrpcPeer {
            address: stream.peer(),
            trusted: Arc::default(),
        };
        GrpcStream {
            stream,
            peer,
            shared: Arc::clone(shared),
            trial: match options.token {
                Some(_) => Trial::Until(Box::pin(sleep(options.limits.hello_timeout))),
                None => Trial::Passed,
            },
        }
    }

    /// Fails when the time is over, and wakes the connection's task then. Asked before reading and before writing:
    /// a peer that takes nothing does not hold it up.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match &mut self.trial {
            Trial::Passed => return Ok(()),
            Trial::Until(_) if self.peer.trusted.load(Ordering::Relaxed) => self.trial = Trial::Passed,
            Trial::Until(end) => {
                if end.as_mut().poll(cx).is_ready() {
                    self.trial = Trial::Failed;
                    let patience = self.shared.options().limits.hello_timeout;
                    let reason = format!("no gRPC call brought the node's token within {patience:?}");
                    self.shared.refusals.credential(self.peer.address, &reason);
                }
            }
            Trial::Failed => {}
        }
        match self.trial {
            Trial::Failed => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }

    fn checked(self: Pin<&mut Self>, cx: &mut Context<'_>) -> io::Result<Pin<&mut Stream>> {
        let this = self.get_mut();
        this.check(cx)?;
        Ok(Pin::new(&mut this.stream))
    }
}

impl Connected for GrpcStream {
    type ConnectInfo = GrpcPeer;

    fn connect_info(&self) -> GrpcPeer {
        self.peer.clone()
    }
}

impl AsyncRead for GrpcStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.checked(cx)?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for GrpcStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.checked(cx)?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.checked(cx)?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.checked(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
