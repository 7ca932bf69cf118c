//! What client, node and C# agree on about a request's end: the one table of error codes ([`Code`]), whether a
//! failed change may have been applied ([`Outcome`]), and the error that carries both to a caller ([`Error`]).

mod code;
mod error;
mod state_error;
mod text;

pub use code::{Code, Outcome};
pub use error::Error;
pub use text::bytes_text;
