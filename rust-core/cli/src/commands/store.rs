//! Commands on a whole store: `count`, `clear`, `stats`.

use holdfast_proto::session::{Operation, flags};
use serde_json::json;

use crate::args::{ClearArguments, CountArguments, StatsArguments};
use crate::client::{Client, Target, incomplete, request};
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::text::size;
use crate::value;

/// `count`
pub(crate) async fn count(arguments: &CountArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let client = Target::of(&arguments.connection)?.open()?;
    let mut header = request(Operation::Count);
    let prefix = arguments.prefix.as_deref().map(value::bytes_of);
    header.flags = if prefix.is_some() { flags::PREFIX } else { 0 };
    let answer = client.call(header, prefix.unwrap_or_default(), b"").await;
    client.close().await;
    let count = answer?.header.number;
    printer.answer(&json!({"count": count}), count.to_string())?;
    Ok(Exit::Done)
}

/// `clear`
pub(crate) async fn clear(arguments: &ClearArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let client = Target::of(&arguments.connection)?.open()?;
    if let Some(prefix) = &arguments.prefix {
        return clear_prefix(client, value::bytes_of(prefix), printer).await;
    }
    let answer = client.ask(Operation::Clear, b"").await;
    client.close().await;
    let removed = answer?.header.number;
    printer.answer(&json!({"removed": removed}), removed.to_string())?;
    Ok(Exit::Done)
}

/// Removes every key with a prefix.
pub(crate) async fn clear_prefix(
    client: Client,
    prefix: &[u8],
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let mut header = request(Operation::Clear);
    header.flags = flags::PREFIX;
    let answer = client.call(header, prefix, b"").await;
    client.close().await;
    let removed = answer?.header.number;
    printer.answer(&json!({"removed": removed}), removed.to_string())?;
    Ok(Exit::Done)
}

/// `stats`
pub(crate) async fn stats(arguments: &StatsArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let client = Target::of(&arguments.connection)?.open()?;
    let answer = client.ask(Operation::Stats, b"").await;
    client.close().await;
    let stats = answer?.header.stats.ok_or_else(|| incomplete("counters"))?;
    let reads = stats.hits + stats.misses;
    // Of no reads at all there is no ratio.
    let ratio = (reads > 0).then(|| stats.hits as f64 / reads as f64);
    let object = json!({
        "entries": stats.entries,
        "bytes": stats.bytes,
        "max_memory": stats.max_memory,
        "hits": stats.hits,
        "misses": stats.misses,
        "hit_ratio": ratio,
        "evictions": stats.evictions,
        "expirations": stats.expirations,
        "changes": stats.changes,
    });
    let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0));
    let rows = [
        ("entries", stats.entries.to_string()),
        (
            "memory",
            format!("{} of {}", size(stats.bytes), size(stats.max_memory)),
        ),
        ("hits", stats.hits.to_string()),
        ("misses", stats.misses.to_string()),
        ("hit ratio", ratio),
        ("evictions", stats.evictions.to_string()),
        ("expirations", stats.expirations.to_string()),
        ("changes", stats.changes.to_string()),
    ];
    let lines: Vec<String> = rows
        .iter()
        .map(|(name, value)| format!("{name:<12}{value}"))
        .collect();
    printer.answer(&object, lines.join("\n"))?;
    Ok(Exit::Done)
}
