//! A node's Goodbye as an error.

use holdfast_proto::session::Goodbye;
use holdfast_proto::{Code, Error, Outcome};

/// What its code and reason say; nothing that it refuses was applied.
pub(super) fn refusal_of(goodbye: &Goodbye) -> Error {
    let code = Code::from_number(goodbye.code).unwrap_or(Code::Unavailable);
    let reason = if goodbye.reason.is_empty() {
        "the node ended the connection".to_owned()
    } else {
        goodbye.reason.clone()
    };
    Error::new(code, reason).with_outcome(Outcome::NotApplied)
}
