//! A connection's bytes: plain, or through TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use holdfast_system::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

pub(super) enum Transport {
    /// The writing half is shared with callers that write themselves.
    Plain {
        read: OwnedReadHalf,
        write: Arc<OwnedWriteHalf>,
    },
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    pub(super) fn plain(stream: TcpStream) -> Transport {
        let (read, write) = stream.into_split();
        Transport::Plain {
            read,
            write: Arc::new(write),
        }
    }

    /// For the calling threads' own writes; TLS has none, its state belongs to one task.
    pub(super) fn writer(&self) -> Option<Arc<OwnedWriteHalf>> {
        match self {
            Transport::Plain { write, .. } => Some(Arc::clone(write)),
            Transport::Tls(_) => None,
        }
    }

    /// Reads into `buffer`; 0: the peer ends the connection.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let done = match self {
            Transport::Plain { read, .. } => Pin::new(read).poll_read(context, &mut buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, &mut buffer),
        };
        done.map_ok(|()| buffer.filled().len())
    }

    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Transport::Plain { write, .. } => loop {
                match write.try_write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        std::task::ready!(write.as_ref().as_ref().poll_write_ready(context))?;
                    }
                    done => return Poll::Ready(done),
                }
            },
            Transport::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    /// What TLS has not handed to the socket yet.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain { .. } => Poll::Ready(Ok(())),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }
}
