//! A cluster as people and as programs read it.

use std::collections::BTreeMap;

use holdfast_proto::cluster::{
    ClusterGroup, ClusterNode, ClusterStatus, Health, LeadersMoved, NodeState, Replica,
};
use serde_json::{Value, json};

use crate::admin::{hex, table};
use crate::duration;
use crate::text::size;

pub(super) fn status_object(status: &ClusterStatus) -> Value {
    let nodes: Vec<Value> = status.nodes.iter().map(node_object).collect();
    let groups: Vec<Value> = status
        .groups
        .iter()
        .map(|group| group_object(status, group))
        .collect();
    json!({
        "cluster_id": hex(&status.cluster_id),
        "health": health_word(status.health()),
        "summary": status.summary,
        "version": status.version,
        "feature_level": status.feature_level,
        "durable": status.durable,
        "alone": status.alone,
        "answered_by": status.answered_by,
        "nodes": nodes,
        "groups": groups,
    })
}

pub(super) fn status_text(status: &ClusterStatus) -> String {
    let mut text = format!(
        "{}\ncluster {}\n\n{}",
        status.summary,
        hex(&status.cluster_id),
        table(&node_rows(status))
    );
    if !status.groups.is_empty() {
        text.push_str("\n\n");
        text.push_str(&table(&group_rows(status)));
    }
    text
}

pub(super) fn node_object(node: &ClusterNode) -> Value {
    json!({
        "id": node.id, "name": node.name, "address": node.address, "zone": node.zone,
        "incarnation": hex(&node.incarnation), "state": state_word(node.state()), "reason": node.reason,
        "version": node.version, "feature_level": node.feature_level, "leads": node.leads,
        "replicas": node.replicas, "uptime_ms": node.uptime_ms, "memory_used": node.memory_used,
        "memory_limit": node.memory_limit,
    })
}

fn group_object(status: &ClusterStatus, group: &ClusterGroup) -> Value {
    let names = names(status);
    let replica = |replica: &Replica| {
        json!({
            "id": replica.id, "node": names.get(&replica.node), "voter": replica.voter,
            "present": replica.present, "last_index": replica.last_index,
            "applied_index": replica.applied_index, "lag": replica.lag, "log_bytes": replica.log_bytes,
            "failed": (!replica.failed.is_empty()).then_some(&replica.failed),
        })
    };
    let replicas: Vec<Value> = group.replicas.iter().map(replica).collect();
    json!({
        "id": group.id, "kind": group.kind, "epoch": group.epoch, "term": group.term,
        "leader": names.get(&group.leader), "replicas": replicas,
    })
}

fn names(status: &ClusterStatus) -> BTreeMap<u32, &str> {
    let names = status.nodes.iter().map(|node| (node.id, node.name.as_str()));
    names.collect()
}

fn node_rows(status: &ClusterStatus) -> Vec<[String; 8]> {
    let head = [
        "NODE", "ADDRESS", "ZONE", "STATE", "LEADS", "HOLDS", "UPTIME", "VERSION",
    ];
    let row = |node: &ClusterNode| {
        [
            node.name.clone(),
            node.address.clone(),
            or_dash(&node.zone),
            state_word(node.state()).to_owned(),
            node.leads.to_string(),
            node.replicas.to_string(),
            uptime(node),
            or_dash(&node.version),
        ]
    };
    let rows = status.nodes.iter().map(row);
    std::iter::once(head.map(str::to_owned)).chain(rows).collect()
}

pub(super) fn member_rows(status: &ClusterStatus) -> Vec<[String; 10]> {
    let head = [
        "ID",
        "NODE",
        "ADDRESS",
        "ZONE",
        "STATE",
        "VERSION",
        "LEVEL",
        "UPTIME",
        "MEMORY",
        "INCARNATION",
    ];
    let row = |node: &ClusterNode| {
        let told = !node.version.is_empty();
        [
            node.id.to_string(),
            node.name.clone(),
            node.address.clone(),
            or_dash(&node.zone),
            state_word(node.state()).to_owned(),
            or_dash(&node.version),
            node.feature_level.to_string(),
            uptime(node),
            if told {
                size(node.memory_used)
            } else {
                "-".to_owned()
            },
            hex(&node.incarnation),
        ]
    };
    let rows = status.nodes.iter().map(row);
    std::iter::once(head.map(str::to_owned)).chain(rows).collect()
}

/// One line a group; a replica that is not as it should be is marked behind its node's name.
fn group_rows(status: &ClusterStatus) -> Vec<[String; 9]> {
    let names = names(status);
    let head = [
        "GROUP", "KIND", "LEADER", "EPOCH", "TERM", "APPLIED", "LAG", "LOG", "REPLICAS",
    ];
    let named = |replica: &Replica| {
        let name = names.get(&replica.node).copied().unwrap_or("?");
        let mark = match (replica.present, replica.voter, replica.failed.is_empty()) {
            (false, ..) => " (silent)",
            (true, _, false) => " (failed)",
            (true, false, true) => " (learns)",
            (true, true, true) => "",
        };
        format!("{name}{mark}")
    };
    let row = |group: &ClusterGroup| {
        let leads = |replica: &&Replica| replica.node == group.leader && replica.present;
        let leader = group.replicas.iter().find(leads);
        let lag = group.replicas.iter().map(|replica| replica.lag).max();
        let replicas: Vec<String> = group.replicas.iter().map(named).collect();
        [
            group.id.to_string(),
            group.kind.clone(),
            names.get(&group.leader).copied().unwrap_or("-").to_owned(),
            group.epoch.to_string(),
            group.term.to_string(),
            leader.map_or_else(|| "-".to_owned(), |leader| leader.applied_index.to_string()),
            lag.unwrap_or_default().to_string(),
            leader.map_or_else(|| "-".to_owned(), |leader| size(leader.log_bytes)),
            replicas.join(", "),
        ]
    };
    let rows = status.groups.iter().map(row);
    std::iter::once(head.map(str::to_owned)).chain(rows).collect()
}

pub(super) fn moves_object(moved: &LeadersMoved) -> Value {
    let moves = moved.moves.iter().map(|it| {
        let error = (!it.error.is_empty()).then_some(&it.error);
        json!({
            "group": it.group, "from": it.from, "to": it.to, "took_us": it.took_us,
            "moved": error.is_none() && it.from != it.to, "error": error,
        })
    });
    json!({"moves": moves.collect::<Vec<_>>()})
}

pub(super) fn moves_text(moved: &LeadersMoved) -> String {
    let lines = moved
        .moves
        .iter()
        .map(|it| match (it.error.is_empty(), it.from == it.to) {
            (false, _) => format!("group {}: not moved: {}", it.group, it.error),
            (true, true) => format!("group {}: '{}' leads it already", it.group, it.to),
            (true, false) => {
                let milliseconds = it.took_us as f64 / 1_000.0;
                format!(
                    "group {}: from '{}' to '{}' in {milliseconds:.1} ms",
                    it.group, it.from, it.to
                )
            }
        });
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return "nothing to move".to_owned();
    }
    lines.join("\n")
}

fn uptime(node: &ClusterNode) -> String {
    if node.version.is_empty() {
        return "-".to_owned();
    }
    duration::shown(node.uptime_ms)
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-" } else { text }.to_owned()
}

fn health_word(health: Health) -> &'static str {
    match health {
        Health::Healthy => "healthy",
        Health::Degraded => "degraded",
        Health::Unavailable => "unavailable",
        Health::Unknown => "unknown",
    }
}

fn state_word(state: NodeState) -> &'static str {
    match state {
        NodeState::Up => "up",
        NodeState::CatchingUp => "catching up",
        NodeState::Leaving => "leaving",
        NodeState::Silent => "silent",
        NodeState::Unknown => "unknown",
    }
}
