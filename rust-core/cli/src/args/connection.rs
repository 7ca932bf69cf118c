//! How a client command finds its server and store.

use std::path::PathBuf;

use clap::Args;

/// Flags of every command that asks a server.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArguments {
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
