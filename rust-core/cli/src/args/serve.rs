//! The flags of `serve`: one for each of its rows in the table of settings.

use std::path::PathBuf;

use clap::builder::{ValueParser, ValueRange};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use holdfast_client::settings::table::{DefaultValue, Kind, Scope, Setting, TABLE};

use crate::serve::{Given, Origin};

const EXAMPLES: &str = "\
Examples:
  holdfast serve
  holdfast serve --listen 127.0.0.1:0 --http off --output json   # any free port
  holdfast serve --listen 0.0.0.0:7861 --tls-certificate node.pem \\
                 --tls-key node.key --tls-client-ca clients.pem
  HOLDFAST_TOKEN=… holdfast serve --config holdfast.toml --memory-limit 4GiB
  holdfast serve --config holdfast.toml --print-config       # who said what

A flag wins over the environment, the environment over the file, the file over
the default. The file is TOML with the flags' names: memory-limit = \"4GiB\".
Only the file that --config or HOLDFAST_CONFIG names is read.

When it serves it prints one line on standard output:
  listening on 127.0.0.1:7861, http on 127.0.0.1:7862
and with --output json:
  {\"http\":\"127.0.0.1:7862\",\"listen\":\"127.0.0.1:7861\"}
Logs go to standard error.

SIGTERM and SIGINT stop it: what was accepted is finished, clients are told to
go elsewhere, the exit code is 0. A second signal ends it at once.";

/// What `serve` was told on the command line and in the environment.
#[derive(Debug)]
pub(crate) struct ServeArguments {
    /// The configuration file.
    pub(crate) config: Option<PathBuf>,
    /// Say what would be served with, and end.
    pub(crate) print_config: bool,
    /// The settings that were given, in the table's order.
    pub(crate) given: Vec<Given>,
}

/// The table's rows that `serve` takes: servers' own, the node's, and four that clients have by the same names.
pub(crate) fn serve_settings() -> impl Iterator<Item = &'static Setting> {
    TABLE.iter().filter(|setting| is_serve_setting(setting))
}

pub(crate) fn is_serve_setting(setting: &Setting) -> bool {
    // `data` is for a node inside a process.
    (matches!(setting.scope, Scope::Server | Scope::Node) && setting.name != "data")
        || matches!(setting.name, "token" | "tls-ca" | "tls-certificate" | "tls-key")
}

/// One sentence about a setting: the table's, unless it speaks of clients or of a node inside a process.
fn doc(setting: &Setting) -> &'static str {
    match setting.name {
        "node" => "The node's name, for people [default: the host's name]",
        "token" => {
            "Secret that every client must bring; better in the environment, where other users cannot see it"
        }
        "tls-certificate" => {
            "PEM file of the node's certificate, the intermediate ones after it; turns TLS on"
        }
        "tls-ca" => {
            "PEM file of the authorities that other nodes' certificates must come from [default: tls-client-ca]"
        }
        "tls-key" => "PEM file of that certificate's private key",
        _ => setting.doc.trim_end_matches('.'),
    }
}

fn value_name(kind: Kind) -> String {
    match kind {
        Kind::Bytes { .. } => "SIZE".to_owned(),
        Kind::Duration { .. } => "DURATION".to_owned(),
        Kind::Enum(words) => words.join("|"),
        Kind::Bool => "on|off".to_owned(),
        Kind::Name | Kind::Text => "NAME".to_owned(),
        Kind::Path => "FILE".to_owned(),
        Kind::Secret => "SECRET".to_owned(),
        Kind::Address { or_off: false } => "HOST:PORT".to_owned(),
        Kind::Freshness => "FRESHNESS".to_owned(),
        Kind::Addresses => "HOST:PORT,...".to_owned(),
        Kind::Address { or_off: true } => "HOST:PORT|off".to_owned(),
        Kind::Number { .. } => "N".to_owned(),
    }
}

/// Its text is judged later, by the table, with the place it comes from named.
fn argument(setting: &'static Setting) -> Arg {
    let default = match setting.default {
        DefaultValue::Value(value) => format!("{} [default: {value}]", doc(setting)),
        DefaultValue::Computed("none") => doc(setting).to_owned(),
        DefaultValue::Computed(_) if matches!(setting.name, "node" | "tls-ca") => doc(setting).to_owned(),
        DefaultValue::Computed(words) => format!("{} [default: {words}]", doc(setting)),
    };
    let argument = Arg::new(setting.name)
        .long(setting.name)
        .env(setting.environment_name())
        .hide_env_values(true)
        .value_name(value_name(setting.kind))
        .value_parser(ValueParser::string())
        .help(default);
    if setting.name == "node" {
        return argument.visible_alias("name");
    }
    if setting.kind == Kind::Bool {
        return argument
            .num_args(ValueRange::new(0..=1))
            .require_equals(true)
            .default_missing_value("on");
    }
    argument
}

impl Args for ServeArguments {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .env("HOLDFAST_CONFIG")
            .hide_env_values(true)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("TOML file of settings");
        let print = Arg::new("print-config")
            .long("print-config")
            .action(ArgAction::SetTrue)
            .help("Print the settings that would hold, each with where it comes from, and end");
        command
            .args(serve_settings().map(argument))
            .arg(config)
            .arg(print)
            .after_help(EXAMPLES)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ServeArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = serve_settings().filter_map(|setting| {
            let text = matches.get_one::<String>(setting.name)?.clone();
            let origin = match matches.value_source(setting.name) {
                Some(ValueSource::EnvVariable) => Origin::Environment,
                _ => Origin::Flag,
            };
            Some(Given {
                setting,
                text,
                origin,
            })
        });
        Ok(Self {
            config: matches.get_one::<PathBuf>("config").cloned(),
            print_config: matches.get_flag("print-config"),
            given: given.collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn parse(arguments: &[&str]) -> ServeArguments {
        let arguments = ["holdfast", "serve"].iter().chain(arguments);
        match Cli::try_parse_from(arguments).unwrap().command {
            Command::Serve(arguments) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_setting_of_a_server_is_a_flag_by_its_name() {
        for setting in serve_settings() {
            let flag = format!("--{}=x", setting.name);
            let given = parse(&[&flag]).given;
            let names: Vec<_> = given
                .iter()
                .map(|given| (given.setting.name, given.text.as_str()))
                .collect();
            assert!(names.contains(&(setting.name, "x")), "{flag}: {names:?}");
        }
    }

    #[test]
    fn a_switch_needs_no_value() {
        let given = parse(&["--insecure", "--http", "off"]).given;
        let insecure = given
            .iter()
            .find(|given| given.setting.name == "insecure")
            .unwrap();
        assert_eq!((insecure.text.as_str(), &insecure.origin), ("on", &Origin::Flag));
    }
}
