//! What nodes ask each other outside of the groups, as bytes.

use std::collections::BTreeSet;

use bytes::Bytes;
use holdfast_replication::raft::ClusterId;
use holdfast_state::{ReplicaId, Timestamp};
use prost::Message;

use super::forming::{Ballot, Description, Founder, Preparation, Refusal, Standing};
use super::names::Incarnation;

/// A question to a node.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// What are you?
    Describe,
    /// Prepare for this cluster.
    Prepare(Preparation),
    /// Take this node in, or tell it what is there for it.
    Join(Founder),
    /// Have the meta group decide this; an encoded command.
    Decide(Bytes),
    /// Has this replica of yours, of this group, ever had members?
    HasBegun(u16, u64),
    /// How far has your replica of this group come?
    Position(u16),
    /// Move your manual clock on by so many milliseconds.
    AdvanceClock(u64),
    /// An operator asks; see [`super::operating`].
    Operate(Bytes),
}

/// How far a replica has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The replica.
    pub(crate) replica: ReplicaId,
    /// The last entry of its log.
    pub(crate) term: u64,
    pub(crate) index: u64,
    /// Sets of replicas that must each have a majority, as far as it knows: two while a change of members is under way.
    pub(crate) agreeing: Vec<BTreeSet<ReplicaId>>,
}

/// Its answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// To `Describe`.
    Described(Description),
    /// To `Prepare`.
    Prepared(Result<(), (Ballot, String)>),
    /// To `Join`: the replica of the meta group that the node has, once there is one; 0 before.
    Joined { cluster: ClusterId, replica: u64 },
    /// To `Decide`.
    Decided(Result<(), String>),
    /// To `HasBegun`.
    Begun(bool),
    /// To `Position`; `None`: the node has no replica of the group.
    Position(Option<Position>),
    /// To `AdvanceClock`: its new reading, or why it does not move.
    Advanced(Result<Timestamp, String>),
    /// To `Operate`.
    Operated(Bytes),
    /// Somebody else can answer: the meta group's leader, if it is known.
    Elsewhere(Option<String>),
}

/// Bytes that are no call or answer of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message between nodes cannot be read: {0}")]
pub(crate) struct Unreadable(&'static str);

impl From<prost::DecodeError> for Unreadable {
    fn from(_: prost::DecodeError) -> Self {
        Unreadable("it is none")
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FounderMessage {
    #[prost(string, tag = "1")]
    address: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    zone: String,
    #[prost(bytes = "bytes", tag = "4")]
    incarnation: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    disk: Bytes,
    #[prost(uint32, tag = "6")]
    feature_level: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BallotMessage {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(bytes = "bytes", tag = "2")]
    coordinator: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct DescriptionMessage {
    #[prost(message, optional, tag = "1")]
    founder: Option<FounderMessage>,
    #[prost(string, repeated, tag = "2")]
    join: Vec<String>,
    #[prost(message, optional, tag = "3")]
    promised: Option<BallotMessage>,
    /// 0: unformed, 1: started, 2: formed.
    #[prost(uint32, tag = "4")]
    standing: u32,
    #[prost(bytes = "bytes", tag = "5")]
    cluster: Bytes,
    #[prost(uint64, tag = "6")]
    epoch: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PreparationMessage {
    #[prost(message, optional, tag = "1")]
    ballot: Option<BallotMessage>,
    #[prost(bytes = "bytes", tag = "2")]
    cluster: Bytes,
    #[prost(message, repeated, tag = "3")]
    founders: Vec<FounderMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct ReplicaMessage {
    #[prost(uint32, tag = "1")]
    group: u32,
    #[prost(uint64, tag = "2")]
    replica: u64,
}

#[derive(Clone, PartialEq, Message)]
struct PositionMessage {
    /// 0: there is none.
    #[prost(uint64, tag = "1")]
    replica: u64,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(uint64, tag = "3")]
    index: u64,
    #[prost(message, repeated, tag = "4")]
    agreeing: Vec<VotersMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct VotersMessage {
    #[prost(uint64, repeated, tag = "1")]
    voters: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct CallMessage {
    #[prost(oneof = "CallKind", tags = "1, 2, 3, 4, 5, 6, 16, 20")]
    kind: Option<CallKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum CallKind {
    #[prost(bool, tag = "1")]
    Describe(bool),
    #[prost(message, tag = "2")]
    Prepare(PreparationMessage),
    #[prost(message, tag = "3")]
    Join(FounderMessage),
    #[prost(bytes = "bytes", tag = "4")]
    Decide(Bytes),
    #[prost(message, tag = "5")]
    HasBegun(ReplicaMessage),
    #[prost(uint32, tag = "6")]
    Position(u32),
    #[prost(uint64, tag = "20")]
    AdvanceClock(u64),
    #[prost(bytes = "bytes", tag = "16")]
    Operate(Bytes),
}

#[derive(Clone, PartialEq, Message)]
struct RefusedMessage {
    #[prost(message, optional, tag = "1")]
    promised: Option<BallotMessage>,
    #[prost(string, tag = "2")]
    reason: String,
}

#[derive(Clone, PartialEq, Message)]
struct JoinedMessage {
    #[prost(bytes = "bytes", tag = "1")]
    cluster: Bytes,
    #[prost(uint64, tag = "2")]
    replica: u64,
}

#[derive(Clone, PartialEq, Message)]
struct AnswerMessage {
    #[prost(oneof = "AnswerKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 20, 21")]
    kind: Option<AnswerKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum AnswerKind {
    #[prost(message, tag = "1")]
    Described(DescriptionMessage),
    #[prost(bool, tag = "2")]
    Prepared(bool),
    #[prost(message, tag = "3")]
    Refused(RefusedMessage),
    #[prost(message, tag = "4")]
    Joined(JoinedMessage),
    #[prost(bool, tag = "5")]
    Decided(bool),
    #[prost(string, tag = "6")]
    Undecided(String),
    #[prost(string, tag = "7")]
    Elsewhere(String),
    #[prost(bool, tag = "8")]
    Begun(bool),
    #[prost(message, tag = "9")]
    Position(PositionMessage),
    #[prost(sint64, tag = "20")]
    Advanced(i64),
    #[prost(string, tag = "21")]
    NotAdvanced(String),
    #[prost(bytes = "bytes", tag = "16")]
    Operated(Bytes),
}

pub(super) fn bytes_of(id: u128) -> Bytes {
    Bytes::copy_from_slice(&id.to_be_bytes())
}

pub(super) fn id_of(bytes: &[u8]) -> Result<u128, Unreadable> {
    let bytes = bytes.try_into().map_err(|_| Unreadable("an id has 16 bytes"))?;
    Ok(u128::from_be_bytes(bytes))
}

impl From<&Founder> for FounderMessage {
    fn from(founder: &Founder) -> Self {
        FounderMessage {
            address: founder.address.clone(),
            name: founder.name.clone(),
            zone: founder.zone.clone(),
            incarnation: bytes_of(founder.incarnation.0),
            disk: founder.disk.map(bytes_of).unwrap_or_default(),
            feature_level: founder.feature_level,
        }
    }
}

impl TryFrom<FounderMessage> for Founder {
    type Error = Unreadable;

    fn try_from(message: FounderMessage) -> Result<Self, Unreadable> {
        let disk = match message.disk.is_empty() {
            true => None,
            false => Some(id_of(&message.disk)?),
        };
        Ok(Founder {
            address: message.address,
            name: message.name,
            zone: message.zone,
            incarnation: Incarnation(id_of(&message.incarnation)?),
            disk,
            // The first builds did not say it.
            feature_level: message.feature_level.max(1),
        })
    }
}

impl From<Ballot> for BallotMessage {
    fn from(ballot: Ballot) -> Self {
        BallotMessage {
            number: ballot.number,
            coordinator: bytes_of(ballot.coordinator.0),
        }
    }
}

fn ballot(message: Option<BallotMessage>) -> Result<Ballot, Unreadable> {
    let message = message.ok_or(Unreadable("a ballot is missing"))?;
    Ok(Ballot {
        number: message.number,
        coordinator: Incarnation(id_of(&message.coordinator)?),
    })
}

impl From<&Preparation> for PreparationMessage {
    fn from(preparation: &Preparation) -> Self {
        PreparationMessage {
            ballot: Some(preparation.ballot.into()),
            cluster: bytes_of(preparation.cluster.0),
            founders: preparation.founders.iter().map(FounderMessage::from).collect(),
        }
    }
}

impl TryFrom<PreparationMessage> for Preparation {
    type Error = Unreadable;

    fn try_from(message: PreparationMessage) -> Result<Self, Unreadable> {
        let founders = message.founders.into_iter().map(Founder::try_from);
        Ok(Preparation {
            ballot: ballot(message.ballot)?,
            cluster: ClusterId(id_of(&message.cluster)?),
            founders: founders.collect::<Result<_, _>>()?,
        })
    }
}

impl From<&Description> for DescriptionMessage {
    fn from(description: &Description) -> Self {
        let (standing, cluster) = standing_number(description.standing);
        DescriptionMessage {
            founder: Some(FounderMessage::from(&description.founder)),
            join: description.join.clone(),
            promised: Some(description.promised.into()),
            standing,
            cluster: bytes_of(cluster.0),
            epoch: description.epoch,
        }
    }
}

impl TryFrom<DescriptionMessage> for Description {
    type Error = Unreadable;

    fn try_from(message: DescriptionMessage) -> Result<Self, Unreadable> {
        let cluster = ClusterId(id_of(&message.cluster)?);
        Ok(Description {
            founder: message
                .founder
                .ok_or(Unreadable("a founder is missing"))?
                .try_into()?,
            join: message.join,
            promised: ballot(message.promised)?,
            standing: standing_of(message.standing, cluster)?,
            epoch: message.epoch,
        })
    }
}

pub(super) fn standing_number(standing: Standing) -> (u32, ClusterId) {
    match standing {
        Standing::Unformed => (0, ClusterId(0)),
        Standing::Started(cluster) => (1, cluster),
        Standing::Formed(cluster) => (2, cluster),
    }
}

pub(super) fn standing_of(number: u32, cluster: ClusterId) -> Result<Standing, Unreadable> {
    match number {
        0 => Ok(Standing::Unformed),
        1 => Ok(Standing::Started(cluster)),
        2 => Ok(Standing::Formed(cluster)),
        _ => Err(Unreadable("a standing is unknown")),
    }
}

impl From<&Position> for PositionMessage {
    fn from(position: &Position) -> Self {
        PositionMessage {
            replica: position.replica.0,
            term: position.term,
            index: position.index,
            agreeing: position.agreeing.iter().map(VotersMessage::from).collect(),
        }
    }
}

impl From<PositionMessage> for Option<Position> {
    fn from(message: PositionMessage) -> Self {
        (message.replica != 0).then(|| Position {
            replica: ReplicaId(message.replica),
            term: message.term,
            index: message.index,
            agreeing: message
                .agreeing
                .into_iter()
                .map(|set| set.voters.into_iter().map(ReplicaId).collect())
                .collect(),
        })
    }
}

impl From<&BTreeSet<ReplicaId>> for VotersMessage {
    fn from(set: &BTreeSet<ReplicaId>) -> Self {
        VotersMessage {
            voters: set.iter().map(|voter| voter.0).collect(),
        }
    }
}

impl Call {
    pub(crate) fn encode(&self) -> Bytes {
        let kind = match self {
            Call::Describe => CallKind::Describe(true),
            Call::Prepare(preparation) => CallKind::Prepare(preparation.into()),
            Call::Join(founder) => CallKind::Join(founder.into()),
            Call::Decide(command) => CallKind::Decide(command.clone()),
            Call::HasBegun(group, replica) => CallKind::HasBegun(ReplicaMessage {
                group: (*group).into(),
                replica: *replica,
            }),
            Call::Position(group) => CallKind::Position((*group).into()),
            Call::AdvanceClock(by_ms) => CallKind::AdvanceClock(*by_ms),
            Call::Operate(asked) => CallKind::Operate(asked.clone()),
        };
        CallMessage { kind: Some(kind) }.encode_to_vec().into()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Call, Unreadable> {
        let kind = CallMessage::decode(bytes)?.kind;
        Ok(match kind.ok_or(Unreadable("the question is unknown"))? {
            CallKind::Describe(_) => Call::Describe,
            CallKind::Prepare(preparation) => Call::Prepare(preparation.try_into()?),
            CallKind::Join(founder) => Call::Join(founder.try_into()?),
            CallKind::Decide(command) => Call::Decide(command),
            CallKind::Operate(asked) => Call::Operate(asked),
            CallKind::HasBegun(ReplicaMessage { group, replica }) => {
                let group = u16::try_from(group).map_err(|_| Unreadable("there is no such group"))?;
                Call::HasBegun(group, replica)
            }
            CallKind::Position(group) => {
                Call::Position(u16::try_from(group).map_err(|_| Unreadable("there is no such group"))?)
            }
            CallKind::AdvanceClock(by_ms) => Call::AdvanceClock(by_ms),
        })
    }
}

impl Answer {
    pub(crate) fn refused(refusal: &Refusal) -> Answer {
        Answer::Prepared(Err((refusal.promised, refusal.reason.to_owned())))
    }

    pub(crate) fn encode(&self) -> Bytes {
        let kind = match self {
            Answer::Described(description) => AnswerKind::Described(description.into()),
            Answer::Prepared(Ok(())) => AnswerKind::Prepared(true),
            Answer::Prepared(Err((promised, reason))) => AnswerKind::Refused(RefusedMessage {
                promised: Some((*promised).into()),
                reason: reason.clone(),
            }),
            Answer::Joined { cluster, replica } => AnswerKind::Joined(JoinedMessage {
                cluster: bytes_of(cluster.0),
                replica: *replica,
            }),
            Answer::Decided(Ok(())) => AnswerKind::Decided(true),
            Answer::Decided(Err(reason)) => AnswerKind::Undecided(reason.clone()),
            Answer::Elsewhere(leader) => AnswerKind::Elsewhere(leader.clone().unwrap_or_default()),
            Answer::Begun(begun) => AnswerKind::Begun(*begun),
            Answer::Position(position) => {
                AnswerKind::Position(position.as_ref().map(PositionMessage::from).unwrap_or_default())
            }
            Answer::Advanced(Ok(now)) => AnswerKind::Advanced(now.0),
            Answer::Advanced(Err(reason)) => AnswerKind::NotAdvanced(reason.clone()),
            Answer::Operated(answer) => AnswerKind::Operated(answer.clone()),
        };
        AnswerMessage { kind: Some(kind) }.encode_to_vec().into()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Answer, Unreadable> {
        let kind = AnswerMessage::decode(bytes)?.kind;
        Ok(match kind.ok_or(Unreadable("the answer is unknown"))? {
            AnswerKind::Described(description) => Answer::Described(description.try_into()?),
            AnswerKind::Prepared(_) => Answer::Prepared(Ok(())),
            AnswerKind::Refused(refused) => {
                Answer::Prepared(Err((ballot(refused.promised)?, refused.reason)))
            }
            AnswerKind::Joined(joined) => Answer::Joined {
                cluster: ClusterId(id_of(&joined.cluster)?),
                replica: joined.replica,
            },
            AnswerKind::Decided(_) => Answer::Decided(Ok(())),
            AnswerKind::Undecided(reason) => Answer::Decided(Err(reason)),
            AnswerKind::Begun(begun) => Answer::Begun(begun),
            AnswerKind::Position(position) => Answer::Position(position.into()),
            AnswerKind::Advanced(now) => Answer::Advanced(Ok(Timestamp(now))),
            AnswerKind::NotAdvanced(reason) => Answer::Advanced(Err(reason)),
            AnswerKind::Operated(answer) => Answer::Operated(answer),
            AnswerKind::Elsewhere(leader) => Answer::Elsewhere((!leader.is_empty()).then_some(leader)),
        })
    }
}
