//! What nodes ask each other on an operator's behalf, as bytes.

use bytes::Bytes;
use holdfast_proto::cluster::{ClusterReply, ClusterRequest};
use holdfast_proto::{Code, Error};
use holdfast_state::{GroupId, NodeId, ReplicaId};
use prost::Message;

use super::report::NodeReport;

/// A question on an operator's behalf.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PeerAsk {
    /// How are you?
    Report,
    /// You lead this group: let that replica lead.
    MoveLeader { group: GroupId, replica: ReplicaId },
    /// A leadership that you are about to get stays with you, or goes by the plan after all.
    KeepLeader { group: GroupId, keeps: bool },
    /// All leaderships go by the plan.
    Spread,
    /// You lead this group: take the next step towards it having no replica at that node.
    DropNode { group: GroupId, node: NodeId },
    /// Answer this operator: this node cannot.
    Operate(ClusterRequest),
    /// This process belongs to the cluster no more.
    Removed { incarnation: u128 },
}

/// Its answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PeerAnswer {
    Report(NodeReport),
    /// After so many microseconds.
    Moved(u64),
    Done,
    Operated(ClusterReply),
}

#[derive(Clone, PartialEq, Message)]
struct AskMessage {
    #[prost(oneof = "AskKind", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    kind: Option<AskKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum AskKind {
    #[prost(bool, tag = "1")]
    Report(bool),
    #[prost(message, tag = "2")]
    MoveLeader(PlaceMessage),
    #[prost(uint32, tag = "3")]
    Keep(u32),
    #[prost(uint32, tag = "4")]
    KeepNoMore(u32),
    #[prost(bool, tag = "5")]
    Spread(bool),
    #[prost(message, tag = "6")]
    DropNode(PlaceMessage),
    #[prost(message, tag = "7")]
    Operate(ClusterRequest),
    #[prost(bytes = "bytes", tag = "8")]
    Removed(Bytes),
}

/// A group, and a replica or node.
#[derive(Clone, PartialEq, Message)]
struct PlaceMessage {
    #[prost(uint32, tag = "1")]
    group: u32,
    #[prost(uint64, tag = "2")]
    number: u64,
}

#[derive(Clone, PartialEq, Message)]
struct AnswerMessage {
    #[prost(oneof = "AnswerKind", tags = "1, 2, 3, 4, 5")]
    kind: Option<AnswerKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum AnswerKind {
    #[prost(message, tag = "1")]
    Failed(ErrorMessage),
    #[prost(message, tag = "2")]
    Report(NodeReport),
    #[prost(uint64, tag = "3")]
    Moved(u64),
    #[prost(bool, tag = "4")]
    Done(bool),
    #[prost(message, tag = "5")]
    Operated(ClusterReply),
}

#[derive(Clone, PartialEq, Message)]
struct ErrorMessage {
    #[prost(uint32, tag = "1")]
    code: u32,
    #[prost(string, tag = "2")]
    message: String,
}

impl PeerAsk {
    pub(crate) fn encode(&self) -> Bytes {
        let kind = match self {
            PeerAsk::Report => AskKind::Report(true),
            PeerAsk::MoveLeader { group, replica } => AskKind::MoveLeader(PlaceMessage {
                group: group.0.into(),
                number: replica.0,
            }),
            PeerAsk::KeepLeader { group, keeps: true } => AskKind::Keep(group.0.into()),
            PeerAsk::KeepLeader { group, keeps: false } => AskKind::KeepNoMore(group.0.into()),
            PeerAsk::Spread => AskKind::Spread(true),
            PeerAsk::DropNode { group, node } => AskKind::DropNode(PlaceMessage {
                group: group.0.into(),
                number: node.0.into(),
            }),
            PeerAsk::Operate(request) => AskKind::Operate(request.clone()),
            PeerAsk::Removed { incarnation } => {
                AskKind::Removed(Bytes::copy_from_slice(&incarnation.to_be_bytes()))
            }
        };
        AskMessage { kind: Some(kind) }.encode_to_vec().into()
    }

    /// # Errors
    /// `Unsupported`: it is of another version.
    pub(crate) fn decode(bytes: Bytes) -> Result<PeerAsk, Error> {
        let kind = AskMessage::decode(bytes).ok().and_then(|message| message.kind);
        let group = |group: u32| u16::try_from(group).map(GroupId).map_err(|_| unreadable());
        Ok(match kind.ok_or_else(unreadable)? {
            AskKind::Report(_) => PeerAsk::Report,
            AskKind::MoveLeader(place) => PeerAsk::MoveLeader {
                group: group(place.group)?,
                replica: ReplicaId(place.number),
            },
            AskKind::Keep(number) => PeerAsk::KeepLeader {
                group: group(number)?,
                keeps: true,
            },
            AskKind::KeepNoMore(number) => PeerAsk::KeepLeader {
                group: group(number)?,
                keeps: false,
            },
            AskKind::Spread(_) => PeerAsk::Spread,
            AskKind::DropNode(place) => PeerAsk::DropNode {
                group: group(place.group)?,
                node: NodeId(u32::try_from(place.number).map_err(|_| unreadable())?),
            },
            AskKind::Operate(request) => PeerAsk::Operate(request),
            AskKind::Removed(incarnation) => PeerAsk::Removed {
                incarnation: u128::from_be_bytes(incarnation[..].try_into().map_err(|_| unreadable())?),
            },
        })
    }
}

impl PeerAnswer {
    pub(crate) fn encode(answer: Result<PeerAnswer, Error>) -> Bytes {
        let kind = match answer {
            Err(error) => AnswerKind::Failed(ErrorMessage {
                code: error.code.number(),
                message: error.message,
            }),
            Ok(PeerAnswer::Report(report)) => AnswerKind::Report(report),
            Ok(PeerAnswer::Moved(took_us)) => AnswerKind::Moved(took_us),
            Ok(PeerAnswer::Done) => AnswerKind::Done(true),
            Ok(PeerAnswer::Operated(reply)) => AnswerKind::Operated(reply),
        };
        AnswerMessage { kind: Some(kind) }.encode_to_vec().into()
    }

    /// # Errors
    /// What the other node has answered, or `Unsupported`: it is of another version.
    pub(crate) fn decode(bytes: Bytes) -> Result<PeerAnswer, Error> {
        let kind = AnswerMessage::decode(bytes).ok().and_then(|message| message.kind);
        match kind.ok_or_else(unreadable)? {
            AnswerKind::Failed(ErrorMessage { code, message }) => Err(Error::new(
                Code::from_number(code).unwrap_or(Code::Internal),
                message,
            )),
            AnswerKind::Report(report) => Ok(PeerAnswer::Report(report)),
            AnswerKind::Moved(took_us) => Ok(PeerAnswer::Moved(took_us)),
            AnswerKind::Done(_) => Ok(PeerAnswer::Done),
            AnswerKind::Operated(reply) => Ok(PeerAnswer::Operated(reply)),
        }
    }
}

#[cold]
fn unreadable() -> Error {
    let message = "what another node says for an operator cannot be read: it is of another version";
    Error::new(Code::Unsupported, message)
}

#[cfg(test)]
mod tests {
    use holdfast_proto::cluster::cluster_request::Ask;
    use holdfast_proto::cluster::{GetClusterRequest, cluster_reply};

    use super::*;

    #[test]
    fn questions_and_answers_come_out_as_they_went_in() {
        let (group, replica) = (GroupId(3), ReplicaId(9));
        for asked in [
            PeerAsk::Report,
            PeerAsk::MoveLeader { group, replica },
            PeerAsk::KeepLeader { group, keeps: true },
            PeerAsk::KeepLeader { group, keeps: false },
            PeerAsk::Spread,
            PeerAsk::DropNode {
                group,
                node: NodeId(2),
            },
            PeerAsk::Operate(ClusterRequest {
                ask: Some(Ask::Get(GetClusterRequest {})),
            }),
            PeerAsk::Removed { incarnation: 7 << 90 },
        ] {
            assert_eq!(PeerAsk::decode(asked.encode()), Ok(asked));
        }
        let moved = cluster_reply::Answer::Moved(Default::default());
        let refused = Error::new(Code::NodeInUse, "it is up");
        for answer in [
            Ok(PeerAnswer::Report(NodeReport::default())),
            Ok(PeerAnswer::Moved(1_500)),
            Ok(PeerAnswer::Done),
            Ok(PeerAnswer::Operated(ClusterReply { answer: Some(moved) })),
            Err(refused),
        ] {
            assert_eq!(PeerAnswer::decode(PeerAnswer::encode(answer.clone())), answer);
        }
    }

    #[test]
    fn bytes_of_another_version_are_refused() {
        let bytes = Bytes::from_static(&[0x7a, 0x01, 0x00]);
        assert_eq!(
            PeerAsk::decode(bytes.clone()).unwrap_err().code,
            Code::Unsupported
        );
        assert_eq!(PeerAnswer::decode(bytes).unwrap_err().code, Code::Unsupported);
    }
}
