//! Errors of requests that got no answer. They name the endpoints and what was met last.

use std::time::Duration;

use holdfast_proto::{Code, Error, Outcome, bytes_text};

use super::options::RemoteOptions;
use super::pending::{Pending, Stage};

#[cold]
pub(super) fn closed() -> Error {
    Error::new(Code::Closed, "the client is closed")
}

#[cold]
pub(super) fn cancelled() -> Error {
    Error::new(Code::Cancelled, "the caller cancelled the request")
}

#[cold]
pub(super) fn broken() -> Error {
    Error::new(
        Code::Internal,
        "the client's I/O thread met a defect and is out of service: close the client and open another",
    )
    .with_outcome(Outcome::NotApplied)
}

#[cold]
pub(super) fn queue_full(most: usize, connected: bool) -> Error {
    let why = if connected {
        "are unanswered"
    } else {
        "wait for a connection"
    };
    Error::new(
        Code::ResourceExhausted,
        format!(
            "requests of {} {why}, and no more may: wait for some to complete",
            bytes_text(most as u64)
        ),
    )
}

/// The deadline passed.
#[cold]
pub(super) fn too_late(
    pending: &Pending,
    connected: bool,
    last_error: &str,
    options: &RemoteOptions,
) -> Error {
    let outcome = pending.outcome();
    if !connected {
        return unreachable(last_error, options).with_outcome(outcome);
    }
    let message = match pending.stage {
        Stage::Sent { .. } => "the node did not answer in time",
        Stage::Opening => "the node did not open the store in time",
        Stage::Held => {
            "the request was held back because too many changes are unanswered, and its time ran out"
        }
        Stage::Split => "not all groups answered in time",
        Stage::Waiting => "the request's time ran out before a node could be asked",
    };
    Error::new(Code::Timeout, message).with_outcome(outcome)
}

/// The deadline passed, and some node of the cluster is there. `silent`: the one that was asked says nothing at all.
#[cold]
pub(super) fn without_leader(pending: &Pending, silent: bool, last_error: &str) -> Error {
    let last = if last_error.is_empty() {
        String::new()
    } else {
        format!("; last error: {last_error}")
    };
    let message = match (pending.stage, pending.group) {
        (Stage::Sent { .. }, _) if silent => {
            format!(
                "the node that was asked says nothing any more, and nobody else is known to answer instead{last}"
            )
        }
        // Somebody has turned it away before.
        (Stage::Sent { .. }, Some(group)) if pending.hops > 0 => {
            format!("nobody who was asked for group {group} could answer in time{last}")
        }
        (Stage::Sent { .. }, _) => {
            return Error::new(Code::Timeout, "the node did not answer in time")
                .with_outcome(pending.outcome());
        }
        (Stage::Waiting | Stage::Held, Some(group)) => {
            format!("no node that leads group {group} could be reached in time{last}")
        }
        (Stage::Split, _) => format!("not every group of the store answered in time{last}"),
        (Stage::Opening, _) => format!("no node opened the store in time{last}"),
        _ => format!("no node of the cluster could answer in time{last}"),
    };
    Error::new(Code::Unavailable, message).with_outcome(pending.outcome())
}

#[cold]
pub(super) fn group_restarted(group: u16) -> Error {
    Error::new(
        Code::Unavailable,
        format!(
            "group {group} lost what it held in memory before the change was answered: it may have been applied, and is \
             not there any more"
        ),
    )
    .with_outcome(Outcome::Unknown)
}

#[cold]
pub(super) fn unreachable(last_error: &str, options: &RemoteOptions) -> Error {
    let endpoints: Vec<String> = options.endpoints.iter().map(ToString::to_string).collect();
    let last = if last_error.is_empty() {
        "no attempt has ended yet".to_owned()
    } else {
        format!("last error: {last_error}")
    };
    Error::new(
        Code::Unavailable,
        format!(
            "no node of {} could be reached in time; {last}",
            endpoints.join(", ")
        ),
    )
}

#[cold]
pub(super) fn connection_lost(address: &str) -> Error {
    Error::new(
        Code::Unavailable,
        format!(
            "the connection to {address} ended before the change was answered: it may have been applied; read the \
             entry again"
        ),
    )
    .with_outcome(Outcome::Unknown)
}

#[cold]
pub(super) fn session_lost(address: &str) -> Error {
    Error::new(
        Code::Unavailable,
        format!(
            "the connection ended before the change was answered, and {address} does not know what became of it: it may \
             have been applied; read the entry again"
        ),
    )
    .with_outcome(Outcome::Unknown)
}

/// `1.5s` or `250ms`, for messages.
pub(super) fn duration_text(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms.is_multiple_of(1000) {
        format!("{}s", ms / 1000)
    } else {
        format!("{ms}ms")
    }
}
