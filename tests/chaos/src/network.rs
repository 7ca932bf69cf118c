//! The network: a proxy before each node, through which clients and other nodes come. Who opened a connection is asked of
//! the system, so that one address for each node is enough for a link of its own in each direction between any two.
//!
//! A link that is cut loses no bytes, as a real one does not: what was sent waits, and arrives when the link is whole
//! again, unless the connections are ended then.

mod owner;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const PIECE: usize = 16 << 10;

/// Who opens connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Any client.
    Clients,
    /// A node.
    Node(usize),
}

/// What passes a link: `true` is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// What the source sends.
    pub to_node: bool,
    /// What the node answers.
    pub from_node: bool,
    /// Connections of another generation end.
    generation: u64,
}

impl Way {
    const OPEN: Way = Way {
        to_node: true,
        from_node: true,
        generation: 0,
    };
}

/// The proxies; they end when this is dropped.
pub struct Network {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    accepting: Vec<JoinHandle<()>>,
}

struct Shared {
    nodes: Vec<SocketAddr>,
    /// By the index of the node; the process that is it at present.
    processes: Mutex<Vec<Option<u32>>>,
    /// By source (nodes, then clients), by node.
    links: Vec<Vec<watch::Sender<Way>>>,
}

impl Network {
    /// A proxy before each of the nodes.
    ///
    /// # Errors
    /// When the system has no port left.
    pub async fn start(nodes: &[SocketAddr]) -> std::io::Result<Network> {
        let links = || nodes.iter().map(|_| watch::Sender::new(Way::OPEN)).collect();
        let shared = Arc::new(Shared {
            nodes: nodes.to_vec(),
            processes: Mutex::new(vec![None; nodes.len()]),
            links: (0..=nodes.len()).map(|_| links()).collect(),
        });
        let (mut addresses, mut accepting) = (Vec::new(), Vec::new());
        for node in 0..nodes.len() {
            let listener = TcpListener::bind(("127.0.0.1", holdfast_faults::free_port())).await?;
            addresses.push(listener.local_addr()?);
            accepting.push(tokio::spawn(accept(listener, node, Arc::clone(&shared))));
        }
        Ok(Network {
            addresses,
            shared,
            accepting,
        })
    }

    /// Where the nodes are reached.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Says which process is a node now.
    pub fn set_process(&self, node: usize, process: Option<u32>) {
        self.shared.processes.lock().expect("no panic under it")[node] = process;
    }

    /// Opens or closes the ways of a link.
    pub fn set(&self, source: Source, node: usize, to_node: bool, from_node: bool) {
        self.shared.link(source, node).send_modify(|way| {
            (way.to_node, way.from_node) = (to_node, from_node);
        });
    }

    /// Opens every link; with `ends` the connections that a closed way held up end.
    pub fn heal(&self, ends: bool) {
        for link in self.shared.links.iter().flatten() {
            link.send_if_modified(|way| {
                let was_closed = !(way.to_node && way.from_node);
                (way.to_node, way.from_node) = (true, true);
                way.generation += u64::from(was_closed && ends);
                was_closed
            });
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for accepting in &self.accepting {
            accepting.abort();
        }
    }
}

impl Shared {
    fn link(&self, source: Source, node: usize) -> &watch::Sender<Way> {
        let source = match source {
            Source::Node(source) => source,
            Source::Clients => self.nodes.len(),
        };
        &self.links[source][node]
    }

    fn source_of(&self, peer: SocketAddr, proxy: SocketAddr) -> Source {
        if self.nodes.len() == 1 {
            return Source::Clients;
        }
        let processes = self.processes.lock().expect("no panic under it").clone();
        owner::index_of(peer, proxy, &processes).map_or(Source::Clients, Source::Node)
    }
}

async fn accept(listener: TcpListener, node: usize, shared: Arc<Shared>) {
    let Ok(proxy) = listener.local_addr() else {
        return;
    };
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of descriptors: those that end give some back.
            tokio::task::yield_now().await;
            continue;
        };
        let source = shared.source_of(peer, proxy);
        let link = shared.link(source, node).subscribe();
        tokio::spawn(pass(stream, shared.nodes[node], link));
    }
}

async fn pass(source: TcpStream, node: SocketAddr, mut link: watch::Receiver<Way>) {
    let generation = link.borrow().generation;
    // Nobody hears of a connection that cannot be made.
    if link.wait_for(|way| way.to_node && way.from_node).await.is_err() {
        return;
    }
    let Ok(node) = TcpStream::connect(node).await else {
        return;
    };
    let _ = (source.set_nodelay(true), node.set_nodelay(true));
    let (from_source, to_source) = source.into_split();
    let (from_node, to_node) = node.into_split();
    let mut ended = link.clone();
    // When one way ends the whole connection does: dropped halves close both sockets.
    tokio::select! {
        () = one_way(from_source, to_node, link.clone(), |way| way.to_node) => {}
        () = one_way(from_node, to_source, link, |way| way.from_node) => {}
        _ = ended.wait_for(|way| way.generation != generation) => {}
    }
}

async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut link: watch::Receiver<Way>,
    is_open: impl Fn(&Way) -> bool,
) {
    let mut buffer = vec![0; PIECE];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else {
            // That the other side is gone is news that a closed way does not carry either.
            let _ = link.wait_for(&is_open).await;
            return;
        };
        if link.wait_for(&is_open).await.is_err() || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_faults::echo;
    use std::time::Duration;

    async fn comes_back(stream: &mut TcpStream, limit: Duration) -> Option<u8> {
        tokio::time::timeout(limit, stream.read_u8()).await.ok()?.ok()
    }

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn a_closed_way_holds_bytes_back_and_loses_none() {
        let network = Network::start(&[echo().await]).await.expect("ports");
        let mut stream = TcpStream::connect(network.addresses()[0])
            .await
            .expect("it accepts");
        for (number, to_node) in [(1, true), (2, false)] {
            network.set(Source::Clients, 0, to_node, !to_node);
            stream.write_u8(number).await.expect("it is open");
            assert_eq!(comes_back(&mut stream, SHORT).await, None);
            network.heal(false);
            assert_eq!(comes_back(&mut stream, LONG).await, Some(number));
        }
    }

    #[tokio::test]
    async fn healing_may_end_the_connections_that_were_held_up_and_new_ones_pass() {
        let network = Network::start(&[echo().await]).await.expect("ports");
        let connect = || TcpStream::connect(network.addresses()[0]);
        let mut stream = connect().await.expect("it accepts");
        stream.write_u8(1).await.expect("it is open");
        assert_eq!(comes_back(&mut stream, LONG).await, Some(1));
        network.set(Source::Clients, 0, false, false);
        let mut waiting = connect().await.expect("it accepts");
        waiting.write_u8(2).await.expect("it is open");
        network.heal(true);
        let end = tokio::time::timeout(LONG, stream.read_u8())
            .await
            .expect("it ends");
        assert!(end.is_err());
        let mut later = connect().await.expect("it accepts");
        later.write_u8(3).await.expect("it is open");
        assert_eq!(comes_back(&mut later, LONG).await, Some(3));
    }
}
