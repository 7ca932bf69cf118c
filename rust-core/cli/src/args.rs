//! The command line.

mod cluster;
mod commands;
mod connection;
mod serve;

use std::ffi::OsStr;

use clap::{CommandFactory, Parser, Subcommand};

pub(crate) use cluster::{
    ClusterArguments, ClusterCommand, MoveLeaderArguments, ReformArguments, RemoveArguments,
    TransferArguments,
};
pub(crate) use commands::{
    BenchArguments, ClearArguments, CountArguments, DeleteArguments, GetArguments, IncrArguments,
    KeyArguments, NodeArguments, PingArguments, PutArguments, ScanArguments, StatsArguments,
};
pub(crate) use connection::ConnectionArguments;
pub(crate) use serve::{ServeArguments, is_serve_setting, serve_settings};

use crate::exit::EXIT_CODES;
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  holdfast serve                                      # a server for this machine, on port 7861
  holdfast put product:1 Laptop --ttl 5m
  holdfast get product:1
  holdfast scan --prefix product: --output json | jq .key
  holdfast health --server cache-1:7861 && echo up
  holdfast bench --seconds 10 --in-flight 64
";

/// Holdfast: a distributed cache and coordination platform. Runs a server, and asks one.
#[derive(Debug, Parser)]
#[command(
    name = "holdfast",
    version,
    max_term_width = 110,
    disable_help_subcommand = true
)]
#[command(after_help = format!("{EXAMPLES}\n{EXIT_CODES}\n\n'holdfast COMMAND --help' says more about a command."))]
pub(crate) struct Cli {
    /// What standard output looks like; errors on standard error follow it
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        env = "HOLDFAST_OUTPUT",
        hide_env_values = true
    )]
    pub(crate) output: Format,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a server
    Serve(ServeArguments),
    /// Print the value of a key
    Get(GetArguments),
    /// Set the value of a key
    Put(PutArguments),
    /// Remove keys
    Delete(DeleteArguments),
    /// Say whether a key exists, by the exit code
    Exists(KeyArguments),
    /// Print how long a key still lives
    Ttl(KeyArguments),
    /// Add to a counter and print it
    Incr(IncrArguments),
    /// List keys and values
    Scan(ScanArguments),
    /// Count keys
    Count(CountArguments),
    /// Remove all keys, or those with a prefix
    Clear(ClearArguments),
    /// Print the counters of a store
    Stats(StatsArguments),
    /// Measure round trips to a server
    Ping(PingArguments),
    /// Ask a server whether it is serving
    Health(NodeArguments),
    /// Describe a server
    Node(NodeArguments),
    /// List a server's stores
    Stores(NodeArguments),
    /// List a server's clients
    Connections(NodeArguments),
    /// Ask about the cluster, move leaderships, remove nodes
    Cluster(ClusterArguments),
    /// Measure throughput and latency
    Bench(BenchArguments),
}

/// The command line as it is parsed: a variable of the environment that is empty counts as unset, but for the token:
/// a server that was meant to have one must not start without.
pub(crate) fn command() -> clap::Command {
    without_empty_variables(Cli::command())
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| {
        name != "HOLDFAST_TOKEN" && std::env::var_os(name).is_some_and(|value| value.is_empty())
    };
    command
        .mut_args(|argument| match argument.get_env() {
            Some(name) if is_empty(name) => argument.env(None::<&'static str>),
            _ => argument,
        })
        .mut_subcommands(without_empty_variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_that_a_person_types_shows_an_example_in_its_help() {
        let mut cli = Cli::command();
        cli.build();
        for command in cli.get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            assert!(
                help.contains("Example"),
                "holdfast {}:\n{help}",
                command.get_name()
            );
        }
    }
}
