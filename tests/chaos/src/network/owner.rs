//! Whose socket it is that connected to us: what Linux says in `/proc`.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// The index of the process whose socket is bound to `local` and connected to `remote`.
pub(super) fn index_of(local: SocketAddr, remote: SocketAddr, processes: &[Option<u32>]) -> Option<usize> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let (local, remote) = (hexadecimal(local)?, hexadecimal(remote)?);
    // Columns: number, local address, remote address, state, …; the tenth is the inode.
    let inode = table.lines().find_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        (columns.next()? == local && columns.next()? == remote).then(|| columns.nth(6))?
    })?;
    let name = format!("socket:[{inode}]");
    processes.iter().position(|process| {
        let Some(files) = process.and_then(|process| fs::read_dir(format!("/proc/{process}/fd")).ok()) else {
            return false;
        };
        files
            .flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == name.as_str()))
    })
}

/// As the table writes it: the address as a number in the machine's own order of bytes, then the port.
fn hexadecimal(address: SocketAddr) -> Option<String> {
    let IpAddr::V4(ip) = address.ip() else {
        return None;
    };
    Some(format!(
        "{:08X}:{:04X}",
        u32::from_ne_bytes(ip.octets()),
        address.port()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_that_connected_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let remote = listener.local_addr().expect("it is bound");
        let stream = std::net::TcpStream::connect(remote).expect("it listens");
        let local = stream.local_addr().expect("it is connected");
        let own = std::process::id();
        assert_eq!(index_of(local, remote, &[None, Some(1), Some(own)]), Some(2));
        assert_eq!(index_of(local, remote, &[None]), None);
    }
}
