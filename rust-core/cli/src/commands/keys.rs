//! Commands on keys without their values: `exists`, `ttl`, `delete`.

use holdfast_proto::Code;
use holdfast_proto::session::{Operation, flags};
use serde_json::{Map, Value, json};

use super::entry::{absent, entry};
use super::store::clear_prefix;
use crate::args::{DeleteArguments, KeyArguments};
use crate::client::{Target, request};
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::text::insert_bytes;
use crate::{duration, value};

/// `exists`
pub(crate) async fn exists(arguments: &KeyArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let key = value::bytes_of(&arguments.key);
    let client = Target::of(&arguments.connection)?.open()?;
    let answer = client.ask(Operation::Exists, key).await;
    client.close().await;
    let found = answer?.header.flags & flags::FOUND != 0;
    let mut object = Map::new();
    object.insert("found".to_owned(), found.into());
    insert_bytes(&mut object, "key", key);
    printer.answer(&object, if found { "yes" } else { "no" })?;
    Ok(if found { Exit::Done } else { Exit::No })
}

/// `ttl`
pub(crate) async fn ttl(arguments: &KeyArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let key = value::bytes_of(&arguments.key);
    let mut header = request(Operation::Get);
    header.flags = flags::METADATA_ONLY | flags::NO_SLIDE;
    let client = Target::of(&arguments.connection)?.open()?;
    let answer = client.call(header, key, b"").await;
    client.close().await;
    let header = answer?.header;
    if header.flags & flags::FOUND == 0 {
        if printer.is_json() {
            printer.answer(&absent(key), "")?;
        }
        return Ok(Exit::No);
    }
    let text = header.ttl_ms.map_or_else(|| "none".to_owned(), duration::shown);
    printer.answer(&entry(key, None, &header), text)?;
    Ok(Exit::Done)
}

/// `delete`
pub(crate) async fn delete(arguments: &DeleteArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let client = Target::of(&arguments.connection)?.open()?;
    if let Some(prefix) = &arguments.prefix {
        return clear_prefix(client, value::bytes_of(prefix), printer).await;
    }
    let mut header = request(Operation::Delete);
    if let Some(version) = arguments.if_version {
        header.flags = flags::IF_VERSION;
        header.version = version;
    }
    let mut removed = 0_u64;
    let mut keys: Vec<Value> = Vec::with_capacity(arguments.keys.len());
    for key in &arguments.keys {
        let key = value::bytes_of(key);
        let applied = match client.call(header.clone(), key, b"").await {
            // A delete without a condition is applied to a key that does not exist, too.
            Ok(answer) => {
                let both = flags::APPLIED | flags::FOUND;
                answer.header.flags & both == both
            }
            Err(error) if matches!(error.code, Code::VersionMismatch | Code::NotFound) => false,
            Err(error) => return Err(error.into()),
        };
        removed += u64::from(applied);
        let mut object = Map::new();
        insert_bytes(&mut object, "key", key);
        object.insert("removed".to_owned(), applied.into());
        keys.push(object.into());
    }
    client.close().await;
    printer.answer(&json!({"removed": removed, "keys": keys}), removed.to_string())?;
    Ok(if removed > 0 { Exit::Done } else { Exit::No })
}
