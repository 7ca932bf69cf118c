//! `scan`: page after page, each printed as it comes.

use bytes::Bytes;
use holdfast_proto::session::{ItemReader, Operation, ReplyHeader, flags};
use holdfast_proto::{Code, Error};
use serde_json::{Map, Value};

use crate::args::ScanArguments;
use crate::client::{Target, request};
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::text::escape;
use crate::value;

/// `scan`
pub(crate) async fn scan(arguments: &ScanArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let client = Target::of(&arguments.connection)?.open()?;
    let prefix = arguments
        .prefix
        .as_deref()
        .map(value::bytes_of)
        .unwrap_or_default();
    let mut flags = 0;
    for (given, flag) in [
        (arguments.prefix.is_some(), flags::PREFIX),
        (arguments.keys_only, flags::KEYS_ONLY),
        (arguments.descending, flags::DESCENDING),
    ] {
        flags |= if given { flag } else { 0 };
    }
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    let mut cursor = Bytes::new();
    while left > 0 {
        let mut header = request(Operation::Scan);
        header.flags = flags;
        header.cursor = cursor;
        header.maximum = Some(i64::from(arguments.page_size).min(i64::try_from(left).unwrap_or(i64::MAX)));
        let page = client.call(header, prefix, b"").await?;
        left -= print_page(&page.payload, left, arguments.keys_only, printer)?;
        cursor = page.header.cursor;
        if cursor.is_empty() {
            break;
        }
    }
    client.close().await;
    Ok(Exit::Done)
}

/// Prints at most `most` entries, and says how many.
fn print_page(payload: &[u8], most: u64, keys_only: bool, printer: &mut Printer) -> Result<u64, Failure> {
    let unreadable = |error| {
        Error::new(
            Code::Internal,
            format!("the server's page cannot be read: {error}"),
        )
    };
    let mut items = ItemReader::new(payload);
    let mut printed = 0;
    while printed < most
        && let Some((header, key, value)) = items.next::<ReplyHeader>().map_err(unreadable)?
    {
        let value = (!keys_only).then_some(value);
        let line = match value {
            Some(value) => format!("{}\t{}", escape(key), escape(value)),
            None => escape(key),
        };
        printer.answer(&object(key, value, &header), line)?;
        printed += 1;
    }
    Ok(printed)
}

fn object(key: &[u8], value: Option<&[u8]>, header: &ReplyHeader) -> Map<String, Value> {
    let mut object = super::entry::entry(key, value, header);
    object.remove("found");
    object
}
