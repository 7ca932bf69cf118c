//! How the program ends: exit codes that scripts rely on, and the sentence on standard error.

use std::io;
use std::process::ExitCode;

use holdfast_proto::{Code, Error, Outcome};
use serde_json::json;

use crate::output::Format;

/// The exit codes, in `--help` and `docs/cli.md` too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, or yes.
    Done = 0,
    /// No: there is no such entry, store, node or group, a condition did not hold, the server is not serving.
    No = 1,
    /// The command line, the environment or a file says something that is not accepted.
    Usage = 2,
    /// No server could be reached, or it cannot answer now; `serve`: the address cannot be listened on.
    Unavailable = 3,
    /// The time ran out; whether a change was applied may be unknown.
    Timeout = 4,
    /// Credentials are missing or wrong; `serve`: what was asked for is unsafe and needs `--insecure`.
    Refused = 5,
    /// The server understood and rejected it: too large, full, another type, other settings, in use.
    Rejected = 6,
    /// A defect.
    Internal = 70,
}

/// The part of `--help` about them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
   0  done, or yes
   1  no: no such entry, store, node or group, the condition did not hold, the server is not serving
   2  the command line, the environment or the configuration file is not accepted
   3  no server could be reached or it cannot answer now; serve: the address cannot be used
   4  the time ran out (whether a change was applied may be unknown)
   5  credentials are missing or wrong; serve: unsafe without --insecure
   6  the server rejected it: too large, full, another type, other settings, in use
  70  a defect in Holdfast";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl Exit {
    /// What a script learns about an error.
    pub(crate) fn of(code: Code) -> Exit {
        match code {
            Code::InvalidArgument
            | Code::InvalidKey
            | Code::KeyTooLarge
            | Code::InvalidTtl
            | Code::InvalidConnectionString
            | Code::InvalidSetting => Exit::Usage,
            Code::NotFound
            | Code::AlreadyExists
            | Code::VersionMismatch
            | Code::StoreNotFound
            | Code::NodeNotFound
            | Code::GroupNotFound => Exit::No,
            Code::Timeout => Exit::Timeout,
            Code::Unauthenticated => Exit::Refused,
            Code::Unavailable | Code::Closed | Code::StoreNotReady | Code::ResourceExhausted => {
                Exit::Unavailable
            }
            Code::Internal | Code::Cancelled => Exit::Internal,
            _ => Exit::Rejected,
        }
    }
}

/// Why a command did not do what it was told.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The program's exit code.
    pub(crate) exit: Exit,
    /// What to say; `None` when there is nobody to say it to.
    error: Option<Error>,
}

impl Failure {
    /// A wrong command line or environment.
    #[cold]
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::with(Exit::Usage, Error::new(Code::InvalidArgument, message))
    }

    /// An error that ends the program with another code than [`Exit::of`] says.
    #[cold]
    pub(crate) fn with(exit: Exit, error: Error) -> Failure {
        Failure {
            exit,
            error: Some(error),
        }
    }

    /// Says it on standard error.
    pub(crate) fn print(&self, format: Format) {
        let Some(error) = &self.error else { return };
        let outcome = match error.outcome {
            Outcome::NotApplied => "not-applied",
            Outcome::Unknown => "unknown",
        };
        match format {
            Format::Json => eprintln!(
                "{}",
                json!({"error": {
                    "code": error.code.name(),
                    "message": error.message,
                    "outcome": outcome,
                    "transient": error.is_transient(),
                    "exit_code": self.exit as u8,
                }})
            ),
            Format::Text => eprintln!("holdfast: {}", error.message),
        }
    }
}

impl From<Error> for Failure {
    #[cold]
    fn from(error: Error) -> Failure {
        Failure::with(Exit::of(error.code), error)
    }
}

/// Standard input or output. A reader that went away (`holdfast scan | head`) is no failure.
impl From<io::Error> for Failure {
    #[cold]
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure {
                exit: Exit::Done,
                error: None,
            };
        }
        let message = format!("standard input or output: {error}");
        Failure::with(Exit::Internal, Error::new(Code::Internal, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_exit_code() {
        for exit in [
            Exit::Done,
            Exit::No,
            Exit::Usage,
            Exit::Unavailable,
            Exit::Timeout,
            Exit::Refused,
            Exit::Rejected,
            Exit::Internal,
        ] {
            let line = format!("\n{:>4}  ", exit as u8);
            assert!(EXIT_CODES.contains(&line), "{exit:?} is missing");
        }
    }

    #[test]
    fn what_the_caller_gave_what_is_absent_and_what_is_down_have_codes_of_their_own() {
        assert_eq!(Exit::of(Code::InvalidTtl), Exit::Usage);
        assert_eq!(Exit::of(Code::StoreNotFound), Exit::No);
        assert_eq!(Exit::of(Code::Unavailable), Exit::Unavailable);
        assert_eq!(Exit::of(Code::Timeout), Exit::Timeout);
        assert_eq!(Exit::of(Code::ValueTooLarge), Exit::Rejected);
    }
}
