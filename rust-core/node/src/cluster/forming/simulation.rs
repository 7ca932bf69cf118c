//! Processes that form, with a network between them that loses, delays, repeats and reorders.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Action, Ballot, Description, Forming, Founder, Preparation, Refusal, Standing, VOTERS};
use holdfast_replication::raft::ClusterId;

use crate::cluster::names::Incarnation;

/// One process. Its replica of a meta group is modelled by what it has in its log.
pub(super) struct Process {
    pub(super) forming: Forming,
    /// It has lost its address to a later process, and does not know that.
    zombie: bool,
    heard: BTreeMap<String, Description>,
    /// What it knows of clusters whose log it has something of: who has acknowledged to it.
    logs: HashMap<ClusterId, (Preparation, BTreeSet<String>)>,
}

#[derive(Clone, Debug)]
pub(super) enum Message {
    Described(Description),
    Prepare(Preparation),
    Accepted(String, Ballot),
    Refused(Ballot, Refusal),
    /// The first entries of a cluster's meta group; by somebody who knows that a quorum has them, or not.
    Append(Preparation, usize, bool),
    Acknowledged(ClusterId, String),
}

#[derive(Clone, Debug)]
enum To {
    Address(String),
    Process(usize),
}

pub(super) struct World {
    names: Vec<String>,
    durable: bool,
    pub(super) processes: Vec<Process>,
    /// Who answers at an address.
    pub(super) holders: BTreeMap<String, usize>,
    /// Whose log is on the disk at an address.
    disks: BTreeMap<String, usize>,
    pub(super) network: Vec<(String, Message)>,
    to: Vec<To>,
    numbers: u128,
    pub(super) committed: HashSet<ClusterId>,
    pub(super) initialized: Vec<ClusterId>,
}

impl World {
    pub(super) fn new(count: usize, durable: bool) -> World {
        World {
            names: (0..count).map(|number| format!("h{number}:7861")).collect(),
            durable,
            processes: Vec::new(),
            holders: BTreeMap::new(),
            disks: BTreeMap::new(),
            network: Vec::new(),
            to: Vec::new(),
            numbers: 0,
            committed: HashSet::new(),
            initialized: Vec::new(),
        }
    }

    pub(super) fn name(&self, node: usize) -> String {
        self.names[node].clone()
    }

    fn number(&mut self) -> u128 {
        self.numbers += 1;
        // Incarnations must not happen to come in the order of their births.
        self.numbers
            .wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
    }

    /// Starts a process at an address, or starts it again; a durable one finds its log.
    pub(super) fn start(&mut self, node: usize) {
        self.start_with(node, &self.names.clone());
    }

    pub(super) fn start_with(&mut self, node: usize, join: &[String]) {
        let address = self.name(node);
        let before = self.disks.get(&address).copied();
        let incarnation = Incarnation(self.number());
        let mut me = Founder {
            name: format!("n{node}"),
            zone: String::new(),
            incarnation,
            disk: self.durable.then_some(incarnation.0),
            feature_level: 1,
            address: address.clone(),
        };
        let mut logs = HashMap::new();
        let mut forming = Forming::new(me.clone(), join);
        if let Some(before) = before.map(|before| &self.processes[before])
            && self.durable
            && before.forming.standing() != Standing::Unformed
        {
            me.disk = before.forming.describe().founder.disk;
            logs.clone_from(&before.logs);
            let preparation = before.forming.preparation().cloned();
            forming = Forming::restarted(me, join, before.forming.standing(), preparation);
        }
        self.holders.insert(address.clone(), self.processes.len());
        self.disks.insert(address, self.processes.len());
        self.processes.push(Process {
            forming,
            zombie: false,
            heard: BTreeMap::new(),
            logs,
        });
    }

    /// The process has ended, and does not answer any more.
    pub(super) fn stop(&mut self, node: usize) {
        self.holders.remove(&self.name(node));
    }

    /// Another process takes the address over while the old one goes on.
    pub(super) fn replace(&mut self, node: usize) {
        if let Some(before) = self.holders.get(&self.name(node)) {
            self.processes[*before].zombie = true;
        }
        self.start(node);
    }

    pub(super) fn process(&self, node: usize) -> Option<&Process> {
        Some(&self.processes[*self.holders.get(&self.names[node])?])
    }

    /// Processes that run, by their index.
    pub(super) fn running(&self) -> Vec<usize> {
        let zombies = (0..self.processes.len()).filter(|index| self.processes[*index].zombie);
        self.holders.values().copied().chain(zombies).collect()
    }

    fn send(&mut self, to: To, message: Message) {
        let label = format!("{to:?}");
        self.network.push((label, message));
        self.to.push(to);
    }

    /// Everybody is asked by this process what it is.
    pub(super) fn ask(&mut self, index: usize) {
        for name in self.names.clone() {
            if let Some(holder) = self.holders.get(&name) {
                let description = self.processes[*holder].forming.describe();
                self.send(To::Process(index), Message::Described(description));
            }
        }
    }

    /// The process looks at what it has heard since the last time.
    pub(super) fn look(&mut self, index: usize) {
        let fresh = ClusterId(self.number());
        let process = &mut self.processes[index];
        let heard: Vec<Description> = std::mem::take(&mut process.heard).into_values().collect();
        if let Some(action) = process.forming.look(&heard, fresh) {
            self.act(index, action);
        }
    }

    fn act(&mut self, index: usize, action: Action) {
        match action {
            Action::Prepare {
                preparation,
                addresses,
            } => {
                for address in addresses {
                    self.send(To::Address(address), Message::Prepare(preparation.clone()));
                }
            }
            Action::Initialize(preparation) => {
                assert!(!self.initialized.contains(&preparation.cluster));
                self.initialized.push(preparation.cluster);
                self.append(index, &preparation);
                self.lead(index);
            }
            Action::Join { cluster, .. } => self.join(index, cluster),
            Action::BecomeNew(_) => {
                let address = self.processes[index].forming.describe().founder.address;
                self.processes[index].zombie = false;
                if self.holders.get(&address) == Some(&index) {
                    self.holders.remove(&address);
                    self.disks.remove(&address);
                    let node = self.names.iter().position(|name| *name == address);
                    self.start(node.expect("it is one of the names"));
                }
            }
            Action::Exit(_) => self.processes[index].zombie = false,
        }
    }

    /// What the meta leader and the controller do, when there is a quorum that can.
    fn join(&mut self, index: usize, cluster: ClusterId) {
        if self.has_quorum(cluster) {
            let process = &mut self.processes[index];
            process.forming.joined(cluster);
            process.forming.formed(cluster);
        }
    }

    fn has_quorum(&self, cluster: ClusterId) -> bool {
        let members = self.holders.values().filter(|holder| {
            let process = &self.processes[**holder];
            process.forming.cluster() == Some(cluster) && process.logs.contains_key(&cluster)
        });
        members.count() > self.names.len().min(VOTERS) / 2
    }

    /// The first entry is in the log of this process's replica.
    fn append(&mut self, index: usize, preparation: &Preparation) {
        let process = &mut self.processes[index];
        process.forming.started(preparation.cluster);
        let own = process.forming.describe().founder.address;
        let log = process.logs.entry(preparation.cluster);
        log.or_insert_with(|| (preparation.clone(), BTreeSet::from([own])));
    }

    /// A process that has something in its log shows it to all others, as a leader does.
    pub(super) fn lead(&mut self, index: usize) {
        let process = &self.processes[index];
        let Some(cluster) = process.forming.cluster() else {
            return;
        };
        let Some((preparation, _)) = process.logs.get(&cluster) else {
            return;
        };
        let (preparation, formed) = (preparation.clone(), process.forming.describe().formed().is_some());
        for founder in preparation.voters().to_vec() {
            let append = Message::Append(preparation.clone(), index, formed);
            self.send(To::Address(founder.address), append);
        }
    }

    pub(super) fn lose(&mut self, message: usize) {
        self.network.remove(message);
        self.to.remove(message);
    }

    pub(super) fn repeat(&mut self, message: usize) {
        let (copy, to) = (self.network[message].1.clone(), self.to[message].clone());
        self.send(to, copy);
    }

    pub(super) fn deliver(&mut self, message: usize) {
        let (_, what) = self.network.remove(message);
        let index = match self.to.remove(message) {
            To::Process(index) => index,
            To::Address(address) => match self.holders.get(&address) {
                Some(index) => *index,
                None => return,
            },
        };
        if !self.running().contains(&index) {
            return;
        }
        match what {
            Message::Described(description) => {
                let heard = &mut self.processes[index].heard;
                heard.insert(description.founder.address.clone(), description);
            }
            Message::Prepare(preparation) => self.prepare(index, &preparation),
            Message::Accepted(address, ballot) => {
                if let Some(action) = self.processes[index].forming.accepted(&address, ballot) {
                    self.act(index, action);
                }
            }
            Message::Refused(ballot, refusal) => {
                self.processes[index].forming.refused(ballot, refusal.promised)
            }
            Message::Append(preparation, from, formed) => self.appended(index, &preparation, from, formed),
            Message::Acknowledged(cluster, address) => self.acknowledged(index, cluster, address),
        }
    }

    fn prepare(&mut self, index: usize, preparation: &Preparation) {
        let forming = &mut self.processes[index].forming;
        let own = forming.describe().founder.address;
        let ballot = preparation.ballot;
        let answer = match forming.prepare(preparation) {
            Ok(()) => Message::Accepted(own, ballot),
            Err(refusal) => Message::Refused(ballot, refusal),
        };
        let asked_by =
            |process: &Process| process.forming.describe().founder.incarnation == ballot.coordinator;
        if let Some(coordinator) = self.processes.iter().position(asked_by) {
            self.send(To::Process(coordinator), answer);
        }
    }

    fn appended(&mut self, index: usize, preparation: &Preparation, from: usize, formed: bool) {
        let process = &self.processes[index];
        let own = process.forming.describe().founder;
        let takes_part = process.forming.cluster() == Some(preparation.cluster);
        if !takes_part
            || !preparation
                .voters()
                .iter()
                .any(|founder| founder.is_same_replica(&own))
        {
            return;
        }
        self.append(index, preparation);
        if formed {
            self.processes[index].forming.formed(preparation.cluster);
        }
        let acknowledged = Message::Acknowledged(preparation.cluster, own.address);
        self.send(To::Process(from), acknowledged);
    }

    fn acknowledged(&mut self, index: usize, cluster: ClusterId, address: String) {
        let process = &mut self.processes[index];
        if process.forming.cluster() != Some(cluster) {
            return;
        }
        let Some((preparation, acknowledged)) = process.logs.get_mut(&cluster) else {
            return;
        };
        acknowledged.insert(address);
        if acknowledged.len() > preparation.voters().len() / 2 {
            process.forming.formed(cluster);
            if self.committed.insert(cluster) {
                self.check_alone(cluster);
            }
        }
    }

    /// The promise: no cluster is formed while somebody answers who belongs to another.
    fn check_alone(&self, cluster: ClusterId) {
        for index in self.holders.values() {
            let standing = self.processes[*index].forming.standing();
            let elsewhere = matches!(standing, Standing::Formed(other) if other != cluster);
            assert!(
                !elsewhere,
                "{cluster} is formed while {standing:?} answers at {index}; committed: {:?}",
                self.committed
            );
        }
    }

    /// Nothing is lost any more: everybody asks, looks and answers, in turn.
    pub(super) fn settle(&mut self, rounds: usize) {
        for _ in 0..rounds {
            for index in self.running() {
                self.ask(index);
                self.lead(index);
            }
            while !self.network.is_empty() {
                self.deliver(0);
            }
            for index in self.running() {
                self.look(index);
            }
            while !self.network.is_empty() {
                self.deliver(0);
            }
        }
    }

    /// The cluster that all belong to.
    pub(super) fn common(&self) -> Option<ClusterId> {
        let mut clusters: Vec<_> = self
            .holders
            .values()
            .map(|index| self.processes[*index].forming.describe().formed())
            .collect();
        clusters.dedup();
        match clusters[..] {
            [cluster] => cluster,
            _ => None,
        }
    }

    /// Where everybody is, for the message of a failed test.
    pub(super) fn explain(&self) -> String {
        let of_one = |index: &usize| {
            let process = &self.processes[*index];
            format!("{:?}\n  logs {:?}\n", process.forming, process.logs)
        };
        self.holders.values().map(of_one).collect()
    }

    /// Whether a cluster that was formed has too few left to go on.
    pub(super) fn has_lost_majority(&self) -> bool {
        let formed = |index: &usize| self.processes[*index].forming.describe().formed();
        let mut clusters = self.holders.values().filter_map(formed);
        clusters.any(|cluster| !self.has_quorum(cluster))
    }
}
