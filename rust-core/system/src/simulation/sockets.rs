//! Sockets as programs use them: the part of tokio's that nodes and clients need.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Buf;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::clock::Clock;
use super::connection::ROOM;
use super::world::{self, Listener, with};

/// One side of a connection; clones of the handle are the same side.
struct Side {
    id: u64,
    side: usize,
}

impl Drop for Side {
    fn drop(&mut self) {
        world::with_if_there(|world, _| world.let_go(self.id, self.side));
    }
}

/// A connection.
pub struct TcpStream(Arc<Side>);

/// The reading half of a connection.
pub struct OwnedReadHalf(TcpStream);

/// The writing half of a connection; dropping it ends the writing.
pub struct OwnedWriteHalf(TcpStream);

/// Takes connections.
pub struct TcpListener {
    address: SocketAddr,
}

/// What leads to a machine: an address, or its text.
pub trait Address {
    /// The address.
    ///
    /// # Errors
    /// A simulated network has no names.
    fn address(&self) -> io::Result<SocketAddr>;
}

impl Address for SocketAddr {
    fn address(&self) -> io::Result<SocketAddr> {
        Ok(*self)
    }
}

impl Address for &str {
    fn address(&self) -> io::Result<SocketAddr> {
        self.parse()
            .map_err(|_| io::Error::new(io::ErrorKind::NotFound, format!("'{self}' is no address")))
    }
}

impl Address for String {
    fn address(&self) -> io::Result<SocketAddr> {
        self.as_str().address()
    }
}

impl Address for &String {
    fn address(&self) -> io::Result<SocketAddr> {
        self.as_str().address()
    }
}

impl Address for (&str, u16) {
    fn address(&self) -> io::Result<SocketAddr> {
        format!("{}:{}", self.0, self.1).address()
    }
}

/// The addresses of a name.
///
/// # Errors
/// A simulated network has no names.
pub async fn lookup_host(name: impl Address) -> io::Result<impl Iterator<Item = SocketAddr>> {
    name.address().map(std::iter::once)
}

/// Listens.
///
/// # Errors
/// Something listens there already.
pub fn listen(mut address: SocketAddr, _unread: u32, _backlog: u32) -> io::Result<TcpListener> {
    with(|world, _| {
        if address.port() == 0 {
            let host = world
                .host_of(address.ip())
                .ok_or(io::ErrorKind::AddrNotAvailable)?;
            address.set_port(world.free_port(host));
        }
        if world.listeners.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        world.listeners.insert(address, Listener::default());
        Ok(TcpListener { address })
    })
}

/// A simulated system sends at once.
pub fn limit_unsent(_: &TcpStream, _bytes: u32) {}

/// Says that nothing more will be written.
pub fn end_writing(stream: &TcpStream) {
    with(|world, _| world.finish(stream.0.id, stream.0.side));
}

impl TcpListener {
    /// Takes the next connection.
    ///
    /// # Errors
    /// The listener is gone: its process was killed.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|context| {
            with(|world, _| {
                let Some(listener) = world.listeners.get_mut(&self.address) else {
                    return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
                };
                let Some(id) = listener.waiting.pop_front() else {
                    listener.waker = Some(context.waker().clone());
                    return Poll::Pending;
                };
                let peer = world.connections[&id].ends[0].address;
                Poll::Ready(Ok((TcpStream(Arc::new(Side { id, side: 1 })), peer)))
            })
        })
        .await
    }

    /// Where it listens.
    ///
    /// # Errors
    /// None; the system's has some.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        world::with_if_there(|world, _| drop(world.listeners.remove(&self.address)));
    }
}

impl TcpStream {
    /// Connects.
    ///
    /// # Errors
    /// The machine refuses, or there is none.
    pub async fn connect(to: impl Address) -> io::Result<TcpStream> {
        let to = to.address()?;
        let host = Clock::current().ok_or(io::ErrorKind::NetworkDown)?.host;
        let id = with(|world, _| world.dial(host, to))?;
        let stream = TcpStream(Arc::new(Side { id, side: 0 }));
        poll_fn(|context| {
            with(|world, _| {
                let end = world.end(id, 0);
                if end.reset {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::ConnectionRefused)));
                }
                if end.opened {
                    return Poll::Ready(Ok(()));
                }
                end.reader = Some(context.waker().clone());
                Poll::Pending
            })
        })
        .await?;
        Ok(stream)
    }

    /// Nothing is delayed here.
    ///
    /// # Errors
    /// None; the system's has some.
    pub fn set_nodelay(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    /// Writes what there is room for.
    ///
    /// # Errors
    /// `WouldBlock` without room; the connection is gone.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        with(|world, _| world.write(self.0.id, self.0.side, bytes))
    }

    /// Ready when there is room, or when writing would fail.
    ///
    /// # Errors
    /// None; the system's has some.
    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        with(|world, _| {
            let end = world.end(self.0.id, self.0.side);
            if end.reset || end.finished || !end.held || end.outstanding < ROOM {
                return Poll::Ready(Ok(()));
            }
            end.writer = Some(context.waker().clone());
            Poll::Pending
        })
    }

    /// Looks at what comes next without taking it.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|context| {
            with(|world, _| {
                let end = world.end(self.0.id, self.0.side);
                if let Some(bytes) = end.unread.front() {
                    let length = bytes.len().min(buffer.len());
                    buffer[..length].copy_from_slice(&bytes[..length]);
                    return Poll::Ready(Ok(length));
                }
                if end.reset {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                if end.ended {
                    return Poll::Ready(Ok(0));
                }
                end.reader = Some(context.waker().clone());
                Poll::Pending
            })
        })
        .await
    }

    /// The two halves.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let other = TcpStream(Arc::clone(&self.0));
        (OwnedReadHalf(self), OwnedWriteHalf(other))
    }

    fn poll_take(&self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        with(|world, wake| {
            let (id, side) = (self.0.id, self.0.side);
            let end = world.end(id, side);
            let mut taken = 0;
            while buffer.remaining() > 0
                && let Some(bytes) = end.unread.front_mut()
            {
                let length = bytes.len().min(buffer.remaining());
                buffer.put_slice(&bytes[..length]);
                bytes.advance(length);
                taken += length;
                if bytes.is_empty() {
                    end.unread.pop_front();
                }
            }
            if taken > 0 {
                let other = world.end(id, 1 - side);
                other.outstanding -= taken;
                wake.extend(other.writer.take());
                return Poll::Ready(Ok(()));
            }
            if end.reset {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            if end.ended || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            end.reader = Some(context.waker().clone());
            Poll::Pending
        })
    }

    fn poll_give(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::task::ready!(self.poll_write_ready(context))?;
                }
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_take(context, buffer)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_give(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        end_writing(&self);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for OwnedReadHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_take(context, buffer)
    }
}

impl OwnedWriteHalf {
    /// Writes what there is room for.
    ///
    /// # Errors
    /// `WouldBlock` without room; the connection is gone.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }
}

impl AsRef<TcpStream> for OwnedWriteHalf {
    fn as_ref(&self) -> &TcpStream {
        &self.0
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        let Side { id, side } = *self.0.0;
        world::with_if_there(|world, _| {
            if world.connections.contains_key(&id) {
                world.finish(id, side);
            }
        });
    }
}
