//! What operators ask and what the cluster answers, as text that crosses the boundary: lines, of which the reader finds
//! the meaning in their first field, and fields in these orders.
//!
//! ```text
//! cluster  id  version  feature-level  durable  health  alone  answered-by  summary
//! node     id  name  address  zone  incarnation  state  version  feature-level  leads  replicas  uptime-ms
//!          memory-used  memory-limit  reason
//! group    id  kind  epoch  term  leader's node id (0: none)
//! replica  id  node id  voter  present  last-index  applied-index  lag  log-bytes  failed
//! removed  0 or 1  name
//! move     group  from  to  took-us  error
//! ```

use std::fmt::{Display, Write};

use holdfast_proto::cluster::cluster_reply::Answer;
use holdfast_proto::cluster::cluster_request::Ask;
use holdfast_proto::cluster::{
    ClusterGroup, ClusterNode, ClusterReply, ClusterRequest, ClusterStatus, GetClusterRequest, Health,
    LeadersMoved, MoveLeaderRequest, NodeState, RemoveNodeRequest, TransferLeadersRequest,
};
use holdfast_proto::{Code, Error};
use prost::Message;

use crate::requests::utf8;

/// The request that lines `name=value` ask for.
///
/// # Errors
/// `InvalidArgument`: they ask for nothing that is known.
pub(crate) fn request(payload: &[u8]) -> Result<ClusterRequest, Error> {
    let lines: Vec<(&str, &str)> = utf8("the request", payload)?
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let given = |name: &str| {
        let found = lines.iter().find(|(given, _)| *given == name);
        found.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
    };
    let is_on = |name: &str| given(name) == "on";
    let ask = match &*given("ask") {
        "get" => Ask::Get(GetClusterRequest {}),
        "remove" => Ask::RemoveNode(RemoveNodeRequest {
            node: given("node"),
            force: is_on("force"),
        }),
        "move-leader" => Ask::MoveLeader(MoveLeaderRequest {
            group: given("group")
                .parse()
                .map_err(|_| Error::new(Code::InvalidArgument, "a group is asked for by its number"))?,
            node: given("node"),
        }),
        "transfer" => Ask::TransferLeaders(TransferLeadersRequest {
            from: given("from"),
            to: given("to"),
            spread: is_on("spread"),
        }),
        other => {
            let message = format!("'{other}' is nothing that a cluster can be asked");
            return Err(Error::new(Code::InvalidArgument, message));
        }
    };
    Ok(ClusterRequest { ask: Some(ask) })
}

/// A node's answer.
///
/// # Errors
/// `Internal`: the bytes are none.
pub(crate) fn reply(payload: &[u8]) -> Result<ClusterReply, Error> {
    ClusterReply::decode(payload).map_err(|error| {
        let message = format!("the node's answer about its cluster cannot be read: {error}");
        Error::new(Code::Internal, message)
    })
}

/// The answer of a node in this process: a cluster of one, which nothing changes.
///
/// # Errors
/// `Unsupported`, and as [`request`].
pub(crate) fn answer_alone(name: &str, payload: &[u8]) -> Result<ClusterReply, Error> {
    let Some(Ask::Get(_)) = request(payload)?.ask else {
        let message = "a node inside the process is alone: there is nobody to move to or to remove";
        return Err(Error::new(Code::Unsupported, message));
    };
    let status = ClusterStatus {
        feature_level: holdfast_state::FEATURE_LEVEL,
        health: Health::Healthy as i32,
        summary: "healthy: one node, inside this process".to_owned(),
        nodes: vec![ClusterNode {
            id: 1,
            name: name.to_owned(),
            state: NodeState::Up as i32,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            feature_level: holdfast_state::FEATURE_LEVEL,
            ..ClusterNode::default()
        }],
        answered_by: name.to_owned(),
        alone: true,
        ..ClusterStatus::default()
    };
    Ok(ClusterReply {
        answer: Some(Answer::Status(status)),
    })
}

/// An answer as lines.
pub(crate) fn lines(reply: &ClusterReply) -> String {
    let mut text = Lines::default();
    match &reply.answer {
        // The command line alone orders a reform.
        None | Some(Answer::Reformed(_)) => {}
        Some(Answer::Status(status)) => text.status(status),
        Some(Answer::Removed(removed)) => {
            text.line("removed", &[&u8::from(removed.removed), &plain(&removed.name)]);
        }
        Some(Answer::Moved(LeadersMoved { moves })) => {
            for it in moves {
                let (from, to, error) = (plain(&it.from), plain(&it.to), plain(&it.error));
                text.line("move", &[&it.group, &from, &to, &it.took_us, &error]);
            }
        }
    }
    text.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, name: &str, fields: &[&dyn Display]) {
        self.0.push_str(name);
        for field in fields {
            // Writing into a string does not fail.
            let _ = write!(self.0, "\t{field}");
        }
        self.0.push('\n');
    }

    fn status(&mut self, status: &ClusterStatus) {
        self.line(
            "cluster",
            &[
                &hex(&status.cluster_id),
                &status.version,
                &status.feature_level,
                &u8::from(status.durable),
                &status.health,
                &u8::from(status.alone),
                &plain(&status.answered_by),
                &plain(&status.summary),
            ],
        );
        status.nodes.iter().for_each(|node| self.node(node));
        status.groups.iter().for_each(|group| self.group(group));
    }

    fn node(&mut self, node: &ClusterNode) {
        self.line(
            "node",
            &[
                &node.id,
                &plain(&node.name),
                &plain(&node.address),
                &plain(&node.zone),
                &hex(&node.incarnation),
                &node.state,
                &plain(&node.version),
                &node.feature_level,
                &node.leads,
                &node.replicas,
                &node.uptime_ms,
                &node.memory_used,
                &node.memory_limit,
                &plain(&node.reason),
            ],
        );
    }

    fn group(&mut self, group: &ClusterGroup) {
        let kind = plain(&group.kind);
        self.line(
            "group",
            &[&group.id, &kind, &group.epoch, &group.term, &group.leader],
        );
        for it in &group.replicas {
            self.line(
                "replica",
                &[
                    &it.id,
                    &it.node,
                    &u8::from(it.voter),
                    &u8::from(it.present),
                    &it.last_index,
                    &it.applied_index,
                    &it.lag,
                    &it.log_bytes,
                    &plain(&it.failed),
                ],
            );
        }
    }
}

/// Text that keeps to its field.
fn plain(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use holdfast_proto::cluster::{LeaderMove, RemoveNodeResponse, Replica};

    use super::*;

    #[test]
    fn lines_ask_for_what_they_say_and_others_are_refused() {
        let asked = |text: &str| request(text.as_bytes()).map(|request| request.ask);
        let removed = RemoveNodeRequest {
            node: "n=1".to_owned(),
            force: true,
        };
        assert_eq!(
            asked("ask=remove\nnode=n=1\nforce=on"),
            Ok(Some(Ask::RemoveNode(removed)))
        );
        let moved = MoveLeaderRequest {
            group: 3,
            node: String::new(),
        };
        assert_eq!(
            asked("ask=move-leader\ngroup=3"),
            Ok(Some(Ask::MoveLeader(moved)))
        );
        for text in ["", "ask=", "ask=explode", "ask=move-leader\ngroup=x"] {
            assert_eq!(asked(text).unwrap_err().code, Code::InvalidArgument, "{text}");
        }
    }

    #[test]
    fn an_answer_is_a_line_for_each_thing_and_no_text_breaks_out_of_its_field() {
        let status = ClusterStatus {
            cluster_id: vec![0xab, 1].into(),
            health: Health::Degraded as i32,
            answered_by: "n1".to_owned(),
            summary: "a\tb\nc".to_owned(),
            groups: vec![ClusterGroup {
                id: 2,
                kind: "cache".to_owned(),
                epoch: 1,
                term: 5,
                leader: 1,
                replicas: vec![Replica {
                    id: 9,
                    node: 1,
                    voter: true,
                    ..Replica::default()
                }],
            }],
            ..ClusterStatus::default()
        };
        let answer = |answer| lines(&ClusterReply { answer: Some(answer) });
        assert_eq!(
            answer(Answer::Status(status)),
            "cluster\tab01\t0\t0\t0\t2\t0\tn1\ta b c\ngroup\t2\tcache\t1\t5\t1\nreplica\t9\t1\t1\t0\t0\t0\t0\t0\t\n"
        );
        let removed = RemoveNodeResponse {
            removed: true,
            name: "n2".to_owned(),
            id: 2,
        };
        assert_eq!(answer(Answer::Removed(removed)), "removed\t1\tn2\n");
        let moves = vec![LeaderMove {
            group: 1,
            from: "a".to_owned(),
            to: "b".to_owned(),
            took_us: 7,
            error: String::new(),
        }];
        assert_eq!(
            answer(Answer::Moved(LeadersMoved { moves })),
            "move\t1\ta\tb\t7\t\n"
        );
    }

    #[test]
    fn a_node_inside_the_process_is_a_cluster_of_one_that_nothing_changes() {
        let alone = answer_alone("solo", b"ask=get").expect("it answers");
        let text = lines(&alone);
        assert!(
            text.starts_with("cluster\t") && text.contains("\nnode\t1\tsolo\t"),
            "{text}"
        );
        let refused = answer_alone("solo", b"ask=transfer\nspread=on").unwrap_err();
        assert_eq!(refused.code, Code::Unsupported);
    }
}
