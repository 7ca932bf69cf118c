//! The cluster's health, in a word and in a line.

use holdfast_proto::cluster::{ClusterGroup, ClusterNode, Health, NodeState};
use holdfast_state::{Cluster, GroupId};

use crate::cluster::readiness::wanted;

/// What the nodes and groups come to.
pub(super) fn judge(cluster: &Cluster, nodes: &[ClusterNode], groups: &[ClusterGroup]) -> (Health, String) {
    let is_up = |node: &&ClusterNode| node.state() == NodeState::Up;
    let up = nodes.iter().filter(is_up).count();
    let without: Vec<String> = numbers(groups.iter().filter(|group| group.leader == 0));
    if !without.is_empty() {
        let line = format!(
            "unavailable: nobody leads {}; {}",
            listed("group", &without),
            of_nodes(nodes, up)
        );
        return (Health::Unavailable, line);
    }
    let full = |group: &&ClusterGroup| {
        let there = group
            .replicas
            .iter()
            .filter(|replica| replica.voter && replica.present && replica.failed.is_empty());
        let id = GroupId(u16::try_from(group.id).unwrap_or(u16::MAX));
        there.count() >= wanted(cluster, id)
    };
    let short = numbers(groups.iter().filter(|group| !full(group)));
    if up == nodes.len() && short.is_empty() {
        let line = format!(
            "healthy: {up} of {up} nodes are up, all {} groups have a leader and all their replicas",
            groups.len()
        );
        return (Health::Healthy, line);
    }
    let mut line = format!("degraded: all groups have a leader; {}", of_nodes(nodes, up));
    if !short.is_empty() {
        line.push_str(&format!(
            "; {} of {} groups lack a replica",
            short.len(),
            groups.len()
        ));
    }
    (Health::Degraded, line)
}

fn numbers<'a>(groups: impl Iterator<Item = &'a ClusterGroup>) -> Vec<String> {
    groups.map(|group| group.id.to_string()).collect()
}

fn listed(what: &str, names: &[String]) -> String {
    let many = if names.len() == 1 { "" } else { "s" };
    format!("{what}{many} {}", names.join(", "))
}

fn of_nodes(nodes: &[ClusterNode], up: usize) -> String {
    let mut line = format!("{up} of {} nodes are up", nodes.len());
    for (state, word) in [
        (NodeState::Silent, "silent"),
        (NodeState::CatchingUp, "catching up"),
        (NodeState::Leaving, "leaving"),
    ] {
        let names = nodes
            .iter()
            .filter(|node| node.state() == state)
            .map(|node| node.name.as_str());
        let names: Vec<&str> = names.collect();
        if !names.is_empty() {
            line.push_str(&format!(", {word}: {}", names.join(", ")));
        }
    }
    line
}
