//! All machines' sockets, and what is on the way between them.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::task::Waker;

use super::connection::{CUT, Connection, End, ROOM, Segment};
use super::disk::Pace;
use super::link::Link;

/// A system repeats the first packet of a connection that nobody answers so often.
const DIAL_AGAIN_MS: u64 = 1_000;
const FIRST_PORT: u16 = 32_768;

/// Whether anything answers at a machine's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// The system answers, whether or not a process of ours runs.
    On,
    /// Nothing does.
    Off,
}

pub(super) struct Host {
    pub(super) power: Power,
    /// How long its disk takes.
    pub(super) disk: Pace,
    next_port: u16,
}

#[derive(Default)]
pub(super) struct Listener {
    pub(super) waiting: VecDeque<u64>,
    pub(super) waker: Option<Waker>,
}

pub(super) struct World {
    pub(super) now_ms: u64,
    pub(super) hosts: Vec<Host>,
    links: Vec<Vec<Link>>,
    random: fastrand::Rng,
    pub(super) connections: BTreeMap<u64, Connection>,
    next_connection: u64,
    pub(super) listeners: BTreeMap<SocketAddr, Listener>,
    pub(super) delivered: u64,
    /// What the disks do.
    pub(super) disks: fastrand::Rng,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Does something with the thread's network; wakes whom it says to once the network is free again.
///
/// # Panics
/// When the thread has no network: sockets are used outside of a simulation.
pub(super) fn with<R>(act: impl FnOnce(&mut World, &mut Vec<Waker>) -> R) -> R {
    let mut wake = Vec::new();
    let result = WORLD.with_borrow_mut(|world| {
        let world = world.as_mut().expect("this thread simulates a network");
        act(world, &mut wake)
    });
    wake.into_iter().for_each(Waker::wake);
    result
}

/// As `with`; nothing happens when the network is gone already.
pub(super) fn with_if_there(act: impl FnOnce(&mut World, &mut Vec<Waker>)) {
    let mut wake = Vec::new();
    let _ = WORLD.try_with(|world| {
        if let Ok(mut world) = world.try_borrow_mut()
            && let Some(world) = world.as_mut()
        {
            act(world, &mut wake);
        }
    });
    wake.into_iter().for_each(Waker::wake);
}

pub(super) fn install(world: Option<World>) {
    WORLD.with_borrow_mut(|there| *there = world);
}

/// A machine's address.
pub(super) fn ip(host: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, host as u8 + 1))
}

impl World {
    pub(super) fn new(hosts: usize, seed: u64) -> World {
        let host = |_| Host {
            power: Power::On,
            disk: Pace::default(),
            next_port: FIRST_PORT,
        };
        World {
            now_ms: 0,
            hosts: (0..hosts).map(host).collect(),
            links: vec![vec![Link::default(); hosts]; hosts],
            random: fastrand::Rng::with_seed(seed),
            connections: BTreeMap::new(),
            next_connection: 0,
            listeners: BTreeMap::new(),
            delivered: 0,
            disks: fastrand::Rng::with_seed(seed ^ 0xD1),
        }
    }

    pub(super) fn host_of(&self, ip: IpAddr) -> Option<usize> {
        (0..self.hosts.len()).find(|&host| self::ip(host) == ip)
    }

    pub(super) fn link(&self, from: usize, to: usize) -> Link {
        self.links[from][to]
    }

    /// Changes a way. What is on it stays in its order.
    pub(super) fn set_link(&mut self, from: usize, to: usize, link: Link) {
        let was = std::mem::replace(&mut self.links[from][to], link);
        if was.cut == link.cut {
            return;
        }
        let World {
            connections,
            random,
            now_ms,
            ..
        } = self;
        for connection in connections.values_mut() {
            for side in 0..2 {
                if (connection.ends[1 - side].host, connection.ends[side].host) != (from, to) {
                    continue;
                }
                let mut last = 0;
                for (at_ms, _) in &mut connection.ends[side].arriving {
                    *at_ms = match link.cut {
                        true => CUT,
                        false => *now_ms + random.u64(link.least_ms..=link.most_ms),
                    };
                    *at_ms = (*at_ms).max(last);
                    last = *at_ms;
                }
            }
        }
    }

    pub(super) fn free_port(&mut self, host: usize) -> u16 {
        let port = self.hosts[host].next_port;
        self.hosts[host].next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
        port
    }

    /// A connection that is asked for.
    pub(super) fn dial(&mut self, host: usize, to: SocketAddr) -> io::Result<u64> {
        let there = self.host_of(to.ip()).ok_or(io::ErrorKind::HostUnreachable)?;
        let own = SocketAddr::new(ip(host), self.free_port(host));
        let id = self.next_connection;
        self.next_connection += 1;
        let ends = [End::new(host, own, true), End::new(there, to, false)];
        self.connections.insert(id, Connection { ends });
        self.send(id, 0, Segment::Open);
        Ok(id)
    }

    /// Sends from one side to the other.
    pub(super) fn send(&mut self, id: u64, side: usize, segment: Segment) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let (from, to) = (connection.ends[side].host, connection.ends[1 - side].host);
        let link = self.links[from][to];
        let at_ms = match link.cut {
            true => CUT,
            false => self.now_ms + self.random.u64(link.least_ms..=link.most_ms),
        };
        let arriving = &mut connection.ends[1 - side].arriving;
        let last = arriving.back().map_or(0, |(at_ms, _)| *at_ms);
        arriving.push_back((at_ms.max(last), segment));
    }

    /// Gives every machine what has arrived by now.
    pub(super) fn deliver(&mut self, wake: &mut Vec<Waker>) {
        let ids: Vec<u64> = self.connections.keys().copied().collect();
        for id in ids {
            for side in 0..2 {
                while let Some(segment) = self.next_arrived(id, side) {
                    self.arrive(id, side, segment, wake);
                }
            }
            if self.connections[&id].is_over() {
                self.connections.remove(&id);
            }
        }
    }

    fn next_arrived(&mut self, id: u64, side: usize) -> Option<Segment> {
        let arriving = &mut self.connections.get_mut(&id)?.ends[side].arriving;
        let due = arriving.front().is_some_and(|(at_ms, _)| *at_ms <= self.now_ms);
        arriving.pop_front_if(|_| due).map(|(_, segment)| segment)
    }

    fn arrive(&mut self, id: u64, side: usize, segment: Segment, wake: &mut Vec<Waker>) {
        let host = self.connections[&id].ends[side].host;
        if self.hosts[host].power == Power::Off {
            if matches!(segment, Segment::Open) {
                let later = (self.now_ms + DIAL_AGAIN_MS, Segment::Open);
                let connection = self.connections.get_mut(&id).expect("it was there");
                if connection.ends[1 - side].held {
                    connection.ends[side].arriving.push_back(later);
                }
            }
            return;
        }
        self.delivered += 1;
        match segment {
            Segment::Open => self.opened(id, wake),
            Segment::Opened => {
                let end = self.end(id, side);
                end.opened = true;
                wake.extend(end.reader.take());
            }
            Segment::Data(bytes) => {
                let end = self.end(id, side);
                if end.held && !end.reset {
                    end.unread.push_back(bytes);
                    wake.extend(end.reader.take());
                } else if !end.reset {
                    end.reset = true;
                    self.send(id, side, Segment::Reset);
                }
            }
            Segment::End => {
                let end = self.end(id, side);
                end.ended = true;
                wake.extend(end.reader.take());
            }
            Segment::Reset => self.end(id, side).break_off(wake),
        }
    }

    fn opened(&mut self, id: u64, wake: &mut Vec<Waker>) {
        let address = self.connections[&id].ends[1].address;
        let Some(listener) = self.listeners.get_mut(&address) else {
            return self.send(id, 1, Segment::Reset);
        };
        listener.waiting.push_back(id);
        wake.extend(listener.waker.take());
        self.end(id, 1).held = true;
        self.send(id, 1, Segment::Opened);
    }

    pub(super) fn end(&mut self, id: u64, side: usize) -> &mut End {
        &mut self.connections.get_mut(&id).expect("a side holds it").ends[side]
    }

    /// Writes what there is room for.
    pub(super) fn write(&mut self, id: u64, side: usize, bytes: &[u8]) -> io::Result<usize> {
        let end = self.end(id, side);
        if end.reset || !end.held {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if end.finished {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let length = bytes.len().min(ROOM - end.outstanding);
        if length == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        end.outstanding += length;
        let data = bytes::Bytes::copy_from_slice(&bytes[..length]);
        self.send(id, side, Segment::Data(data));
        Ok(length)
    }

    /// The program writes no more.
    pub(super) fn finish(&mut self, id: u64, side: usize) {
        let end = self.end(id, side);
        if end.held && !end.reset && !std::mem::replace(&mut end.finished, true) {
            self.send(id, side, Segment::End);
        }
    }

    /// The program lets go of its side.
    pub(super) fn let_go(&mut self, id: u64, side: usize) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let end = &mut connection.ends[side];
        if !end.held {
            return;
        }
        let lost = !end.unread.is_empty();
        end.unread.clear();
        if lost && !end.reset {
            end.reset = true;
            self.send(id, side, Segment::Reset);
        } else {
            self.finish(id, side);
        }
        self.end(id, side).held = false;
    }
}
