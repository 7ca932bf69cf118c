//! A peer's bytes, with or without TLS.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use holdfast_system::net::TcpStream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::shared::Place;

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection of a session or of gRPC. What was read of it to tell them apart is read again.
pub(crate) struct Stream {
    io: Io,
    head: Bytes,
    peer: SocketAddr,
    identity: Option<String>,
    _place: Place,
}

impl Stream {
    pub(crate) fn plain(io: TcpStream, peer: SocketAddr, place: Place) -> Stream {
        Stream {
            io: Io::Plain(io),
            head: Bytes::new(),
            peer,
            identity: None,
            _place: place,
        }
    }

    pub(crate) fn tls(io: TlsStream<TcpStream>, peer: SocketAddr, place: Place) -> Stream {
        let identity = super::tls::peer_name(io.get_ref().1.peer_certificates());
        Stream {
            io: Io::Tls(Box::new(io)),
            head: Bytes::new(),
            peer,
            identity,
            _place: place,
        }
    }

    /// Where it comes from.
    #[must_use]
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The name in the peer's certificate, where it had to show one.
    #[must_use]
    pub(crate) fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// The first `N` bytes, which are read again.
    ///
    /// # Errors
    /// The stream's, and its end before there were so many.
    pub(crate) async fn look<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut seen = BytesMut::from(&*std::mem::take(&mut self.head));
        while seen.len() < N {
            if self.read_buf(&mut seen).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let first = *seen.first_chunk::<N>().expect("that many have been read");
        self.head = seen.freeze();
        Ok(first)
    }
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if !stream.head.is_empty() {
            let length = stream.head.len().min(buffer.remaining());
            buffer.put_slice(&stream.head[..length]);
            stream.head.advance(length);
            return Poll::Ready(Ok(()));
        }
        match &mut stream.io {
            Io::Plain(io) => Pin::new(io).poll_read(cx, buffer),
            Io::Tls(io) => Pin::new(io).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().io {
            Io::Plain(io) => Pin::new(io).poll_write(cx, bytes),
            Io::Tls(io) => Pin::new(io).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().io {
            Io::Plain(io) => Pin::new(io).poll_write_vectored(cx, slices),
            Io::Tls(io) => Pin::new(io).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(io) => io.is_write_vectored(),
            Io::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Plain(io) => Pin::new(io).poll_flush(cx),
            Io::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Io::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
