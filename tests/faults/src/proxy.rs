//! A TCP proxy in front of a node that does to connections what networks do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A way through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What clients send.
    ToNode,
    /// What nodes send.
    ToClient,
}

/// Cuts each connection after a random number of bytes, most often within a frame.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Bytes of which direction count.
    pub direction: Direction,
    /// Least and most bytes that pass.
    pub after: (u64, u64),
}

/// What the proxy does, with connections that are there as with new ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct Behaviour {
    /// Holds everything back for so long, in each direction.
    pub delay: Duration,
    /// Lets what goes this way vanish, while the connection stays.
    pub drop: Option<Direction>,
    /// Accepts connections and says nothing, ever. Looked at when a connection is accepted.
    pub silent: bool,
    /// Cuts. Looked at when a connection is accepted.
    pub cut: Option<Cut>,
    /// Lets at most so many bytes through in each direction of each connection.
    pub bytes_per_second: Option<u64>,
}

struct Shared {
    node: SocketAddr,
    behaviour: Mutex<Behaviour>,
    random: Mutex<fastrand::Rng>,
    accepted: AtomicU64,
    cuts: AtomicU64,
    generation: watch::Sender<u64>,
}

/// A running proxy; it ends when this is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens in front of `node`; `seed` decides where connections are cut.
    pub async fn start(node: SocketAddr, seed: u64) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", crate::free_port()))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            node,
            behaviour: Mutex::default(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            accepted: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            generation: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Proxy {
            address,
            shared,
            accepting,
        }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connection string of a store behind it.
    #[must_use]
    pub fn store(&self, store: &str) -> String {
        format!("holdfast://{}/{store}", self.address)
    }

    /// Behaves so from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().expect("no panic under it") = behaviour;
    }

    /// Cuts every connection that is there.
    pub fn cut_all(&self) {
        self.shared.generation.send_modify(|generation| *generation += 1);
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Connections that [`Behaviour::cut`] has cut so far.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut_all();
    }
}

impl Shared {
    fn behaviour(&self) -> Behaviour {
        *self.behaviour.lock().expect("no panic under it")
    }

    fn bytes_until_cut(&self, cut: Option<Cut>, direction: Direction) -> Option<u64> {
        let cut = cut.filter(|cut| cut.direction == direction)?;
        Some(
            self.random
                .lock()
                .expect("no panic under it")
                .u64(cut.after.0..=cut.after.1),
        )
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.accepted.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(pass(client, Arc::clone(&shared)));
    }
}

async fn pass(client: TcpStream, shared: Arc<Shared>) {
    let mut ended = shared.generation.subscribe();
    let behaviour = shared.behaviour();
    if behaviour.silent {
        let _ = ended.changed().await;
        return;
    }
    let Ok(node) = TcpStream::connect(shared.node).await else {
        return;
    };
    let _ = (client.set_nodelay(true), node.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_node, to_node) = node.into_split();
    let (to_node_cut, to_client_cut) = (
        shared.bytes_until_cut(behaviour.cut, Direction::ToNode),
        shared.bytes_until_cut(behaviour.cut, Direction::ToClient),
    );
    // When one way ends the whole connection does: dropped halves close both sockets.
    tokio::select! {
        () = one_way(from_client, to_node, Direction::ToNode, to_node_cut, &shared) => {}
        () = one_way(from_node, to_client, Direction::ToClient, to_client_cut, &shared) => {}
        _ = ended.changed() => {}
    }
}

async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    direction: Direction,
    mut until_cut: Option<u64>,
    shared: &Shared,
) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let behaviour = shared.behaviour();
        if behaviour.drop == Some(direction) {
            continue;
        }
        if !behaviour.delay.is_zero() {
            tokio::time::sleep(behaviour.delay).await;
        }
        if let Some(rate) = behaviour.bytes_per_second {
            tokio::time::sleep(Duration::from_secs_f64(count as f64 / rate as f64)).await;
        }
        let mut passing = &buffer[..count];
        if let Some(left) = &mut until_cut {
            passing = &passing[..count.min(usize::try_from(*left).expect("few bytes"))];
            *left -= passing.len() as u64;
        }
        if to.write_all(passing).await.is_err() {
            return;
        }
        if until_cut == Some(0) {
            shared.cuts.fetch_add(1, Ordering::Relaxed);
            return;
        }
    }
}
