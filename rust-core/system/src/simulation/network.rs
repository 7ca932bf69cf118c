//! What the driver of a simulation does to the network.

use std::net::{IpAddr, SocketAddr};

use super::connection::Segment;
use super::disk::Pace;
use super::link::Link;
use super::world::{self, Power, World};

/// How a machine's process ends against its will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// The process is killed: its system resets its connections, and refuses new ones.
    Process,
    /// The machine loses power: nobody says anything, until it is on again.
    Power,
}

/// The network of this thread's simulation, and the machines' disks; it is gone when this is dropped.
#[derive(Debug)]
pub struct Network(());

impl Network {
    /// A network of so many machines, all on; times on the way are drawn from the seed.
    #[must_use]
    pub fn install(hosts: usize, seed: u64) -> Network {
        world::install(Some(World::new(hosts, seed)));
        Network(())
    }

    /// A machine's address.
    #[must_use]
    pub fn ip(&self, host: usize) -> IpAddr {
        world::ip(host)
    }

    /// Lets a millisecond pass: what has arrived is there for the machines.
    pub fn tick(&self) {
        world::with(|world, wake| {
            world.now_ms += 1;
            world.deliver(wake);
        });
    }

    /// Segments that have arrived so far.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        world::with(|world, _| world.delivered)
    }

    /// The way from one machine to another.
    #[must_use]
    pub fn link(&self, from: usize, to: usize) -> Link {
        world::with(|world, _| world.link(from, to))
    }

    /// Changes it.
    pub fn set_link(&self, from: usize, to: usize, link: Link) {
        world::with(|world, _| world.set_link(from, to, link));
    }

    /// Changes how long a machine's disk takes for a sync.
    pub fn set_disk(&self, host: usize, pace: Pace) {
        world::with(|world, _| world.hosts[host].disk = pace);
    }

    /// Resets every connection between two machines, as a router between them may.
    pub fn reset(&self, one: usize, other: usize) {
        world::with(|world, wake| {
            for connection in world.connections.values_mut() {
                let hosts = [connection.ends[0].host, connection.ends[1].host];
                if hosts == [one, other] || hosts == [other, one] {
                    for end in &mut connection.ends {
                        end.arriving.clear();
                        end.break_off(wake);
                    }
                }
            }
        });
    }

    /// A machine's process is gone. To be called before its runtime is dropped.
    pub fn kill(&self, host: usize, death: Death) {
        world::with(|world, _| {
            if death == Death::Power {
                world.hosts[host].power = Power::Off;
            }
            world
                .listeners
                .retain(|address, _| address.ip() != world::ip(host));
            let mut dead = Vec::new();
            for (id, connection) in &mut world.connections {
                for side in 0..2 {
                    let end = &mut connection.ends[side];
                    if end.host == host && end.held {
                        end.held = false;
                        end.unread.clear();
                        end.reader = None;
                        end.writer = None;
                        if !std::mem::replace(&mut end.reset, death == Death::Process) {
                            dead.push((*id, side));
                        }
                    }
                }
            }
            if death == Death::Process {
                dead.into_iter()
                    .for_each(|(id, side)| world.send(id, side, Segment::Reset));
            }
        });
    }

    /// The machine is on, and may run a process.
    pub fn switch_on(&self, host: usize) {
        world::with(|world, _| {
            world.hosts[host].power = Power::On;
        });
    }

    /// Whether something listens there.
    #[must_use]
    pub fn is_listening(&self, address: SocketAddr) -> bool {
        world::with(|world, _| world.listeners.contains_key(&address))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        world::install(None);
    }
}
