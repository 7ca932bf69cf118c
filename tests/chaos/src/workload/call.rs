//! One call, and its line in the history.

use std::sync::Arc;
use std::time::Duration;

use holdfast_client::remote::{Answer, AsyncClient};
use holdfast_proto::session::{Operation as Verb, RequestHeader, flags};
use holdfast_proto::{Error, Outcome as Known};

use super::{Session, Team};
use crate::history::{Action, Condition, Line, Operation, Outcome, Recorder};

/// How long a call may take on top of its own time-out before it counts as one that hangs.
const HANGS_AFTER: Duration = Duration::from_secs(15);

/// A process's way to call.
pub(super) struct Caller {
    process: u32,
    session: Arc<Session>,
    client: AsyncClient,
    recorder: Recorder,
}

impl Caller {
    pub(super) fn new(
        process: u32,
        session: Arc<Session>,
        client: AsyncClient,
        recorder: Recorder,
    ) -> Caller {
        Caller {
            process,
            session,
            client,
            recorder,
        }
    }

    pub(super) fn process(&self) -> u32 {
        self.process
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Calls and notes what came of it.
    pub(super) async fn call(&self, team: &Team, key: &str, action: Action, timeout: Duration) -> Outcome {
        let value = match &action {
            Action::Put { value, .. } => value.as_bytes(),
            _ => &[],
        };
        let call_ns = self.recorder.now_ns();
        let call = self
            .client
            .call_within(Some(timeout), header(&action), key.as_bytes(), value);
        let result = tokio::time::timeout(timeout + HANGS_AFTER, call).await;
        let return_ns = self.recorder.now_ns();
        let result = result.unwrap_or_else(|_| {
            let text = format!("a call of {}{key} hangs: {action:?}", team.name);
            self.recorder.note(Line::Complaint(text));
            Err(Error::new(holdfast_proto::Code::Timeout, "it hangs"))
        });
        // What the client is told comes before the answers that it explains.
        let told = self.session.told();
        let outcome = outcome(&action, result);
        self.recorder.note(Line::Operation(Operation {
            process: self.process,
            session: self.session.number(),
            key: format!("{}{key}", team.name),
            group: team.revisions(key),
            call_ns,
            return_ns,
            told,
            action,
            outcome: outcome.clone(),
        }));
        outcome
    }
}

fn header(action: &Action) -> RequestHeader {
    let plain = |verb: Verb| RequestHeader {
        operation: verb as i32,
        ..RequestHeader::default()
    };
    match *action {
        Action::Get => plain(Verb::Get),
        Action::Put {
            condition, ttl_ms, ..
        } => RequestHeader {
            ttl_ms: ttl_ms.unwrap_or(0),
            ..with_condition(plain(Verb::Put), condition)
        },
        Action::Delete { condition } => with_condition(plain(Verb::Delete), condition),
        Action::Increment { delta, ttl_ms } => RequestHeader {
            delta,
            ttl_ms: ttl_ms.unwrap_or(0),
            ..plain(Verb::Increment)
        },
    }
}

fn with_condition(header: RequestHeader, condition: Condition) -> RequestHeader {
    let (flags, version) = match condition {
        Condition::Always => (0, 0),
        Condition::Absent => (flags::IF_ABSENT, 0),
        Condition::Present => (flags::IF_PRESENT, 0),
        Condition::Version(version) => (flags::IF_VERSION, version),
    };
    RequestHeader {
        flags,
        version,
        ..header
    }
}

fn outcome(action: &Action, result: Result<Answer, Error>) -> Outcome {
    let answer = match result {
        Ok(answer) => answer,
        Err(error) => {
            let code = error.code.name().to_owned();
            return if *action != Action::Get && error.outcome == Known::Unknown {
                Outcome::Unknown { code }
            } else {
                Outcome::NotApplied { code }
            };
        }
    };
    let (found, version) = (answer.found(), answer.header.version);
    match action {
        Action::Get if !found => Outcome::Missing,
        Action::Get => Outcome::Read {
            version,
            left_ms: answer.header.ttl_ms,
            value: String::from_utf8_lossy(&answer.payload).into_owned(),
        },
        Action::Increment { .. } => Outcome::Counted {
            version,
            before: answer.header.previous,
            after: answer.header.number,
        },
        Action::Put { .. } | Action::Delete { .. } if answer.applied() => Outcome::Applied { version, found },
        Action::Put { .. } | Action::Delete { .. } => Outcome::Refused {
            version: found.then_some(version),
        },
    }
}
