//! The system's sockets.

use std::io;
use std::net::{Shutdown, SocketAddr};

use socket2::SockRef;
use tokio::net::TcpSocket;
pub use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
pub use tokio::net::{TcpListener, TcpStream, lookup_host};

/// Listens. Of each connection the system keeps at most about `unread` bytes that nobody has read, and `backlog`
/// connections may wait to be accepted.
///
/// # Errors
/// The address is taken, is no address of this machine, or may not be used.
pub fn listen(address: SocketAddr, unread: u32, backlog: u32) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_recv_buffer_size(unread)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

/// Lets the system hold so many bytes that it has not sent, before it says that it takes no more. What it refuses costs
/// speed, nothing else.
pub fn limit_unsent(stream: &TcpStream, bytes: u32) {
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(bytes);
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, bytes);
}

/// Says that nothing more will be written.
pub fn end_writing(stream: &TcpStream) {
    let _ = SockRef::from(stream).shutdown(Shutdown::Write);
}
