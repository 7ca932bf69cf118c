//! Settings of one client.

use std::time::Duration;

use holdfast_proto::Error;
use holdfast_state::StoreClass;

use super::given;
use super::secret::Secret;
use super::table::{DefaultValue, Setting};
use super::value::{self, Words};
use crate::remote::Reads;

/// The client's settings that were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// Whether a store that does not exist is made when it is opened.
    pub auto_create_stores: Option<bool>,
    /// How long connecting may take.
    pub connect_timeout: Option<Duration>,
    /// How long a call may take that does not say so itself.
    pub timeout: Option<Duration>,
    /// How fresh reads are that do not say so themselves.
    pub read_consistency: Option<Reads>,
    /// Names the client in logs and on servers.
    pub client_name: Option<String>,
    /// Class of a store that is made without anyone saying one.
    pub default_class: Option<StoreClass>,
    /// Path of the authorities that a server's certificate must come from.
    pub tls_ca: Option<String>,
    /// Path of the client's own certificate.
    pub tls_certificate: Option<String>,
    /// Path of that certificate's private key.
    pub tls_key: Option<String>,
    /// Name that a server's certificate must be for.
    pub tls_server_name: Option<String>,
    /// What the servers ask for.
    pub token: Option<Secret>,
}

impl ClientSettings {
    /// `auto-create-stores`, by default on.
    pub fn auto_create_stores_or_default(&self) -> bool {
        self.auto_create_stores
            .unwrap_or_else(|| default_of("auto-create-stores", value::switch))
    }

    /// `connect-timeout` or the table's default.
    pub fn connect_timeout_or_default(&self) -> Duration {
        self.connect_timeout
            .unwrap_or_else(|| default_of("connect-timeout", value::duration))
    }

    /// `timeout` or the table's default.
    pub fn timeout_or_default(&self) -> Duration {
        self.timeout
            .unwrap_or_else(|| default_of("timeout", value::duration))
    }

    /// `read-consistency` or the table's default.
    pub fn reads_or_default(&self) -> Reads {
        self.read_consistency
            .unwrap_or_else(|| default_of("read-consistency", value::reads))
    }

    /// `default-class` or the table's default.
    pub fn default_class_or_default(&self) -> StoreClass {
        self.default_class
            .unwrap_or_else(|| default_of("default-class", value::word))
    }

    pub(super) fn set(&mut self, setting: &Setting, text: &str) -> Result<(), Error> {
        match setting.name {
            "auto-create-stores" => self.auto_create_stores = Some(value::switch(setting, text)?),
            "connect-timeout" => self.connect_timeout = Some(value::duration(setting, text)?),
            "timeout" => self.timeout = Some(value::duration(setting, text)?),
            "read-consistency" => self.read_consistency = Some(value::reads(setting, text)?),
            "client-name" => self.client_name = Some(value::text(setting, text)?),
            "default-class" => self.default_class = Some(value::word(setting, text)?),
            "tls-ca" => self.tls_ca = Some(value::text(setting, text)?),
            "tls-certificate" => self.tls_certificate = Some(value::text(setting, text)?),
            "tls-key" => self.tls_key = Some(value::text(setting, text)?),
            "tls-server-name" => self.tls_server_name = Some(value::text(setting, text)?),
            "token" => self.token = Some(Secret::new(value::text(setting, text)?)),
            other => unreachable!("'{other}' is no client's setting"),
        }
        Ok(())
    }

    pub(super) fn given(&self) -> Vec<(&'static str, String)> {
        let ClientSettings {
            auto_create_stores,
            connect_timeout,
            timeout,
            read_consistency,
            client_name,
            default_class,
            tls_ca,
            tls_certificate,
            tls_key,
            tls_server_name,
            // Secrets are never shown.
            token: _,
        } = self;
        [
            given("default-class", default_class, |class| class.word().to_owned()),
            given("auto-create-stores", auto_create_stores, |on| {
                value::switch_text(*on)
            }),
            given("connect-timeout", connect_timeout, |limit| {
                value::duration_text(*limit)
            }),
            given("timeout", timeout, |limit| value::duration_text(*limit)),
            given("read-consistency", read_consistency, |reads| {
                value::reads_text(*reads)
            }),
            given("client-name", client_name, String::clone),
            given("tls-ca", tls_ca, String::clone),
            given("tls-certificate", tls_certificate, String::clone),
            given("tls-key", tls_key, String::clone),
            given("tls-server-name", tls_server_name, String::clone),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn default_of<T>(name: &str, parse: fn(&Setting, &str) -> Result<T, Error>) -> T {
    let setting = Setting::find(name).expect("a test finds every setting of the structs");
    let DefaultValue::Value(text) = setting.default else {
        unreachable!("the default of '{name}' is computed")
    };
    parse(setting, text).expect("a test parses every default")
}
