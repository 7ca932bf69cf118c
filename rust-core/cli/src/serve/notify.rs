//! Tells systemd (`Type=notify`) how far the server is: one datagram to the socket that `$NOTIFY_SOCKET` names.

/// Says `state` (`READY=1`, `STOPPING=1`), if somebody asked. That nobody hears it is no failure of the server.
#[cfg(target_os = "linux")]
pub(super) fn say(state: &str) {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let address = match name.as_encoded_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&name),
    };
    let sent = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::warn!("the service manager cannot be told {state}: {error}");
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn say(_state: &str) {}
