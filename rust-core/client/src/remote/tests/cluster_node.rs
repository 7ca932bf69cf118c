//! What one node of a fake cluster does with a request.

use bytes::Bytes;
use holdfast_proto::session::{Operation, ReplyHeader, StoreClass, StoreDescription, flags};
use holdfast_proto::{Code, Error};
use prost::Message;

use super::cluster_machine::Answered;
use super::fake::Asked;
use super::fake_cluster::{ORDERS, PAGES, State, group_of};

/// An error, and where to ask instead when the request is not served here.
pub(super) type Refused = (Error, Option<String>);

pub(super) fn execute(
    state: &mut State,
    node: usize,
    session: &Bytes,
    asked: &Asked,
) -> Result<Answered, Refused> {
    let header = &asked.header;
    let operation = asked.operation();
    match operation {
        Operation::ClusterMap => return Ok((ReplyHeader::default(), state.map(node).encode_to_vec())),
        Operation::OpenStore => return Ok((opened(asked), Vec::new())),
        Operation::Ping => return Ok(Answered::default()),
        _ => {}
    }
    let group = if header.group != 0 {
        header.group as u16
    } else {
        group_of(header.store, asked.key())
    };
    let leader = match state.beliefs.get(&(node, group)) {
        Some(&belief) => belief,
        None => state.leaders[usize::from(group)],
    };
    let replica = header.consistency != 0 && !operation.is_change() && state.replicas_serve.contains(&node);
    if leader != Some(node) && !replica {
        let redirect = leader.map_or_else(String::new, |leader| state.addresses[leader].clone());
        let error = Error::new(Code::Unavailable, format!("group {group} is not led here"));
        return Err((error, Some(redirect)));
    }
    if state.not_ready > 0 {
        state.not_ready -= 1;
        return Err((Error::new(Code::StoreNotReady, "not yet"), None));
    }
    let epoch = state.epochs[usize::from(group)];
    if operation.is_change() && header.epoch != epoch {
        let error = Error::new(Code::SessionExpired, "another epoch");
        return Err((error.with_outcome(holdfast_proto::Outcome::Unknown), None));
    }
    let machine = &mut state.machines[usize::from(group)];
    if operation.is_change() {
        let retry = header.flags & flags::RETRY != 0;
        return machine
            .once(session, header, retry, asked)
            .map_err(|error| (error, None));
    }
    Ok(machine.read(asked))
}

fn opened(asked: &Asked) -> ReplyHeader {
    let name = String::from_utf8_lossy(asked.key()).into_owned();
    let is_cache = name.ends_with("pages");
    let (id, class) = if is_cache {
        (PAGES, StoreClass::Cache)
    } else {
        (ORDERS, StoreClass::Coordination)
    };
    ReplyHeader {
        store: Some(StoreDescription {
            id,
            name,
            class: class as i32,
            max_memory: 1 << 30,
            max_value: 1 << 20,
            hash_tags: false,
        }),
        ..ReplyHeader::default()
    }
}
