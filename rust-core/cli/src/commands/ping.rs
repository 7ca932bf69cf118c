//! `ping`: round trips to a server.

use holdfast_proto::session::Operation;
use serde_json::json;
use tokio::time::Instant;

use crate::args::PingArguments;
use crate::client::Target;
use crate::exit::{Exit, Failure};
use crate::output::Printer;

/// `ping`; fails with the last round trip's failure only when none came back.
pub(crate) async fn ping(arguments: &PingArguments, printer: &mut Printer) -> Result<Exit, Failure> {
    let client = Target::of(&arguments.connection)?.open()?;
    let mut answered = 0;
    let mut failed = None;
    for turn in 0..arguments.count {
        if turn > 0 {
            tokio::time::sleep(arguments.interval).await;
        }
        let started = Instant::now();
        match client.ask(Operation::Ping, b"").await {
            Ok(answer) => {
                let micros = started.elapsed().as_micros() as u64;
                let text = String::from_utf8_lossy(&answer.payload);
                let (address, node) = text.split_once('\n').unwrap_or((&text, ""));
                let epoch = answer.header.number;
                let line = format!(
                    "pong from {node} at {address}, epoch {epoch}: {:.3} ms",
                    micros as f64 / 1_000.0
                );
                let object =
                    json!({"node": node, "address": address, "epoch": epoch, "round_trip_us": micros});
                printer.answer(&object, line)?;
                answered += 1;
            }
            Err(error) => {
                let failure = Failure::from(error);
                if turn + 1 < arguments.count {
                    failure.print(printer.format());
                }
                failed = Some(failure);
            }
        }
    }
    client.close().await;
    match failed {
        Some(failure) if answered == 0 => Err(failure),
        Some(failure) => {
            let exit = failure.exit;
            Ok(exit)
        }
        None => Ok(Exit::Done),
    }
}
