//! Commands on the value of one key: `get`, `put`, `incr`.

use holdfast_proto::Code;
use holdfast_proto::session::{Operation, ReplyHeader, flags};
use serde_json::{Map, Value, json};

use crate::args::{GetArguments, IncrArguments, PutArguments};
use crate::client::{Target, request};
use crate::duration;
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::text::insert_bytes;
use crate::value;

/// `get`
pub(crate) async fn get(arguments: &GetArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let key = value::bytes_of(&arguments.key);
    let client = Target::of(&arguments.connection)?.open()?;
    let answer = client.ask(Operation::Get, key).await?;
    client.close().await;
    let found = answer.header.flags & flags::FOUND != 0;
    let value = found.then_some(answer.payload.as_slice());
    match value {
        Some(value) if arguments.raw => printer.bytes(value)?,
        Some(value) => printer.answer(&entry(key, Some(value), &answer.header), value)?,
        None if printer.is_json() => printer.answer(&absent(key), "")?,
        None => {}
    }
    Ok(if found { Exit::Done } else { Exit::No })
}

/// `put`
pub(crate) async fn put(arguments: PutArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let key = value::bytes_of(&arguments.key);
    let value = value::read(&arguments.value)?;
    let mut header = request(Operation::Put);
    if let Some(ttl) = arguments.ttl.map(duration::milliseconds) {
        if arguments.sliding {
            header.sliding_ms = ttl;
        } else {
            header.ttl_ms = ttl;
        }
    }
    for (given, flag) in [
        (arguments.if_absent, flags::IF_ABSENT),
        (arguments.if_present, flags::IF_PRESENT),
        (arguments.if_version.is_some(), flags::IF_VERSION),
        (arguments.never_evict, flags::NEVER_EVICT),
    ] {
        header.flags |= if given { flag } else { 0 };
    }
    header.version = arguments.if_version.unwrap_or_default();
    let client = Target::of(&arguments.connection)?.open_or_make(arguments.creation.class.as_deref())?;
    let answered = client.call(header, key, &value).await;
    client.close().await;
    let (applied, version) = match answered {
        Ok(answer) => (answer.header.flags & flags::APPLIED != 0, answer.header.version),
        Err(error)
            if matches!(
                error.code,
                Code::VersionMismatch | Code::AlreadyExists | Code::NotFound
            ) =>
        {
            (false, 0)
        }
        Err(error) => return Err(error.into()),
    };
    let mut object = Map::new();
    insert_bytes(&mut object, "key", key);
    object.insert("applied".to_owned(), applied.into());
    object.insert(
        "version".to_owned(),
        if version == 0 { Value::Null } else { version.into() },
    );
    let text = if applied {
        "ok"
    } else {
        "not applied: the condition does not hold"
    };
    printer.answer(&object, text)?;
    Ok(if applied { Exit::Done } else { Exit::No })
}

/// `incr`
pub(crate) async fn incr(arguments: &IncrArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let key = value::bytes_of(&arguments.key);
    let mut header = request(Operation::Increment);
    header.delta = arguments.by;
    header.initial = arguments.initial;
    header.minimum = arguments.minimum;
    header.maximum = arguments.maximum;
    header.ttl_ms = arguments.ttl.map_or(0, duration::milliseconds);
    let client = Target::of(&arguments.connection)?.open_or_make(arguments.creation.class.as_deref())?;
    let answer = client.call(header, key, b"").await;
    client.close().await;
    let header = answer?.header;
    let mut object = Map::new();
    insert_bytes(&mut object, "key", key);
    object.insert("value".to_owned(), header.number.into());
    object.insert("before".to_owned(), header.previous.into());
    object.insert("version".to_owned(), header.version.into());
    printer.answer(&object, header.number.to_string())?;
    Ok(Exit::Done)
}

/// An entry as JSON; without `value` its metadata.
pub(crate) fn entry(key: &[u8], value: Option<&[u8]>, header: &ReplyHeader) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("found".to_owned(), true.into());
    insert_bytes(&mut object, "key", key);
    if let Some(value) = value {
        insert_bytes(&mut object, "value", value);
    }
    object.insert("version".to_owned(), header.version.into());
    object.insert("ttl_ms".to_owned(), header.ttl_ms.into());
    if let Some(moment) = header.absolute_unix_ms {
        object.insert("absolute_unix_ms".to_owned(), moment.into());
    }
    object
}

/// A key that has no entry, as JSON.
pub(crate) fn absent(key: &[u8]) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("found".to_owned(), json!(false));
    insert_bytes(&mut object, "key", key);
    object
}
