//! A value from the command line or from standard input.

use std::ffi::OsStr;
use std::io::{self, Read};

use holdfast_proto::{Code, Error};

use crate::exit::Failure;

/// Bytes of an argument, as the shell gave them.
pub(crate) fn bytes_of(argument: &OsStr) -> &[u8] {
    argument.as_encoded_bytes()
}

/// The argument's bytes; `-` stands for all of standard input, to its last byte.
pub(crate) fn read(argument: &OsStr) -> Result<Vec<u8>, Failure> {
    if argument != "-" {
        return Ok(bytes_of(argument).to_vec());
    }
    let mut value = Vec::new();
    let most = u64::from(holdfast_state::MAX_VALUE);
    // One byte more than any value may have: enough to be refused without reading for ever.
    io::stdin().lock().take(most + 1).read_to_end(&mut value)?;
    if value.len() as u64 > most {
        let most = holdfast_proto::bytes_text(most);
        let message =
            format!("the value on standard input has more than {most}, the most that any store accepts");
        return Err(Error::new(Code::ValueTooLarge, message).into());
    }
    Ok(value)
}
