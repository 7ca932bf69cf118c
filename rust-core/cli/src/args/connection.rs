//! How a client command finds its server and store.

use std::ops::Deref;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

/// Flags of every command that asks a server, after a flag has won over the environment wherever both say something.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionArguments {
    flags: ConnectionFlags,
}

/// The flags as they were given.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionFlags {
    /// Servers, tried in turn: HOST[:PORT][,…]
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "HOLDFAST_SERVER",
        hide_env_values = true
    )]
    #[arg(default_value = "127.0.0.1:7861")]
    pub(crate) server: String,

    /// Connection string, instead of --server and --tls: holdfast[s]://HOST:PORT/STORE?SETTING=VALUE
    #[arg(long, value_name = "URL", env = "HOLDFAST_URL", hide_env_values = true)]
    pub(crate) url: Option<String>,

    /// Store: NAME or TENANT/NAME [default: that of --url, or 'default']
    #[arg(long, value_name = "NAME", env = "HOLDFAST_STORE", hide_env_values = true)]
    pub(crate) store: Option<String>,

    /// Secret that the server asks for; better given in the environment, where other users cannot see it
    #[arg(long, value_name = "SECRET", env = "HOLDFAST_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// How long the command may wait for an answer [default: 5s]
    #[arg(
        long,
        value_name = "DURATION",
        env = "HOLDFAST_TIMEOUT",
        hide_env_values = true
    )]
    pub(crate) timeout: Option<String>,

    /// Encrypt the connection; trusts the system's authorities unless --tls-ca says others
    #[arg(long, env = "HOLDFAST_TLS", hide_env_values = true, value_parser = clap::builder::BoolishValueParser::new())]
    #[arg(num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    #[arg(hide_default_value = true, hide_possible_values = true, value_name = "on|off")]
    pub(crate) tls: bool,

    /// PEM file of the authorities to trust; turns TLS on
    #[arg(long, value_name = "FILE", env = "HOLDFAST_TLS_CA", hide_env_values = true)]
    pub(crate) tls_ca: Option<PathBuf>,

    /// PEM file of the certificate to show to the server
    #[arg(
        long,
        value_name = "FILE",
        env = "HOLDFAST_TLS_CERTIFICATE",
        hide_env_values = true
    )]
    #[arg(requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,

    /// PEM file of that certificate's private key
    #[arg(long, value_name = "FILE", env = "HOLDFAST_TLS_KEY", hide_env_values = true)]
    #[arg(requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Name that the server's certificate must have, if not the host's
    #[arg(
        long,
        value_name = "NAME",
        env = "HOLDFAST_TLS_SERVER_NAME",
        hide_env_values = true
    )]
    pub(crate) tls_server_name: Option<String>,
}

impl Deref for ConnectionArguments {
    type Target = ConnectionFlags;

    fn deref(&self) -> &ConnectionFlags {
        &self.flags
    }
}

impl Args for ConnectionArguments {
    fn augment_args(command: Command) -> Command {
        ConnectionFlags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        ConnectionFlags::augment_args_for_update(command)
    }
}

impl FromArgMatches for ConnectionArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let given = Given::of(matches);
        let mut flags = ConnectionFlags::from_arg_matches_mut(matches)?;
        given.settle(&mut flags)?;
        Ok(Self { flags })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Which of them stand on the command line, not in the environment.
struct Given {
    server: bool,
    url: bool,
    store: bool,
    tls: bool,
    /// A file that turns TLS on.
    tls_file: bool,
}

impl Given {
    fn of(matches: &ArgMatches) -> Given {
        let flag = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        Given {
            server: flag("server"),
            url: flag("url"),
            store: flag("store"),
            tls: flag("tls"),
            tls_file: flag("tls_ca") || flag("tls_certificate"),
        }
    }

    /// A flag wins over the environment; two flags that contradict each other are an error.
    fn settle(&self, flags: &mut ConnectionFlags) -> Result<(), clap::Error> {
        if self.server && self.url {
            return Err(conflict(
                "--server and --url both say which server to ask: give one of them",
            ));
        }
        if self.server {
            flags.url = None;
        }
        if self.url && !self.store && flags.url.as_deref().is_some_and(names_a_store) {
            flags.store = None;
        }
        if self.tls && !flags.tls {
            if flags
                .url
                .as_deref()
                .is_some_and(|url| url.starts_with("holdfasts:"))
            {
                return Err(conflict(
                    "--tls=off and the connection string's holdfasts:// contradict each other: write holdfast:// for \
                     a connection without TLS",
                ));
            }
            if self.tls_file {
                return Err(conflict(
                    "--tls=off contradicts --tls-ca and --tls-certificate, which turn TLS on",
                ));
            }
            (flags.tls_ca, flags.tls_certificate, flags.tls_key) = (None, None, None);
            flags.tls_server_name = None;
        }
        Ok(())
    }
}

/// `holdfast://host/store`
fn names_a_store(url: &str) -> bool {
    let behind = url.split_once("://").map_or("", |(_, behind)| behind);
    let path = behind.split('?').next().unwrap_or_default();
    path.split_once('/').is_some_and(|(_, store)| !store.is_empty())
}

#[cold]
fn conflict(message: &str) -> clap::Error {
    clap::Error::raw(ErrorKind::ArgumentConflict, format!("{message}\n"))
}
