//! The client commands: each asks a server and prints the answer.

mod entry;
mod keys;
mod ping;
mod scan;
mod store;

use crate::args::Command;
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::{admin, bench};

/// Runs a command to its end.
pub(crate) fn run(command: Command, printer: &mut Printer) -> Result<Exit, Failure> {
    let mut runtime = match command {
        // Many requests in flight: the tasks and the connection's thread share the machine.
        Command::Bench(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    runtime.enable_all().build()?.block_on(async {
        match command {
            Command::Serve(_) => unreachable!("the server does not ask itself"),
            Command::Get(arguments) => entry::get(&arguments, printer).await,
            Command::Put(arguments) => entry::put(arguments, printer).await,
            Command::Incr(arguments) => entry::incr(&arguments, printer).await,
            Command::Exists(arguments) => keys::exists(&arguments, printer).await,
            Command::Ttl(arguments) => keys::ttl(&arguments, printer).await,
            Command::Delete(arguments) => keys::delete(&arguments, printer).await,
            Command::Scan(arguments) => scan::scan(&arguments, printer).await,
            Command::Count(arguments) => store::count(&arguments, printer).await,
            Command::Clear(arguments) => store::clear(&arguments, printer).await,
            Command::Stats(arguments) => store::stats(&arguments, printer).await,
            Command::Ping(arguments) => ping::ping(&arguments, printer).await,
            Command::Health(arguments) => admin::health(&arguments, printer).await,
            Command::Node(arguments) => admin::node(&arguments, printer).await,
            Command::Stores(arguments) => admin::stores(&arguments, printer).await,
            Command::Connections(arguments) => admin::connections(&arguments, printer).await,
            Command::Cluster(arguments) => admin::cluster::run(&arguments.command, printer).await,
            Command::Bench(arguments) => bench::run(&arguments, printer).await,
        }
    })
}
