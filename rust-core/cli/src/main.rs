//! The `holdfast` binary: the server, and a client for people and scripts.
//!
//! What this room promises: standard output holds nothing but what was asked for (in JSON when told so), everything
//! else goes to standard error; whatever fails is one sentence and an exit code of [`exit::Exit`]; what a flag, an
//! environment variable or a file may say comes from the one table of settings.

mod admin;
mod args;
mod bench;
mod client;
mod commands;
mod duration;
mod exit;
mod output;
mod serve;
mod text;
mod value;

use std::process::ExitCode;

use clap::FromArgMatches;
use tikv_jemallocator::Jemalloc;

use crate::args::{Cli, Command};
use crate::exit::{Exit, Failure};
use crate::output::Printer;

/// A node allocates on one thread what it frees on another, thousands of times a second. The process is its own: in an
/// application's, the library uses what the application does.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let cli = match Cli::from_arg_matches_mut(&mut args::command().get_matches()) {
        Ok(cli) => cli,
        Err(error) => error.format(&mut args::command()).exit(),
    };
    let format = cli.output;
    let exit = match run(cli) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.print(format);
            failure.exit
        }
    };
    exit.into()
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    let mut printer = Printer::new(cli.output);
    match cli.command {
        Command::Serve(arguments) => serve::run(&arguments, &mut printer),
        other => commands::run(other, &mut printer),
    }
}
