//! The settings that hold: a flag wins over the environment, the environment over the file, the file over the default.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use holdfast_client::NodeSettings;
use holdfast_client::settings::table::{DefaultValue, Setting};
use holdfast_node::memory::MemoryFacts;
use holdfast_node::server::TlsFiles;
use holdfast_proto::{Code, Error, bytes_text};

use super::file;
use crate::args::{ServeArguments, serve_settings};
use crate::exit::{Exit, Failure};

/// Who said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The command line.
    Flag,
    /// The environment.
    Environment,
    /// The configuration file.
    File(PathBuf),
    /// Nobody.
    Default,
}

/// A setting that somebody gave.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) setting: &'static Setting,
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

/// One setting as it holds.
pub(crate) struct Held {
    pub(crate) setting: &'static Setting,
    /// `None`: there is none, and no default.
    pub(crate) text: Option<String>,
    pub(crate) origin: Origin,
}

/// Every setting of a server as it holds, in the table's order.
pub(crate) struct Effective {
    held: Vec<Held>,
}

impl Given {
    /// `flag --listen`, `environment HOLDFAST_LISTEN`, `file /etc/holdfast.toml`
    fn place(&self) -> String {
        self.origin.place(self.setting)
    }
}

impl Origin {
    /// In words, for messages and comments.
    pub(crate) fn place(&self, setting: &Setting) -> String {
        match self {
            Origin::Flag => format!("flag {}", setting.flag()),
            Origin::Environment => format!("environment {}", setting.environment_name()),
            Origin::File(path) => format!("file {}", path.display()),
            Origin::Default => "default".to_owned(),
        }
    }

    /// In a word, for JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Origin::Flag => "flag",
            Origin::Environment => "environment",
            Origin::File(_) => "file",
            Origin::Default => "default",
        }
    }
}

impl Effective {
    /// Puts together what was given; each text is one that its setting accepts.
    pub(crate) fn resolve(arguments: &ServeArguments) -> Result<Effective, Failure> {
        let from_file = match &arguments.config {
            Some(path) => file::read(path)?,
            None => Vec::new(),
        };
        for given in arguments.given.iter().chain(&from_file) {
            given
                .setting
                .check(&given.text)
                .map_err(|error| named(error, &given.place()))?;
        }
        let held = serve_settings().map(|setting| {
            let given = arguments
                .given
                .iter()
                .chain(&from_file)
                .find(|given| given.setting == setting);
            match given {
                Some(given) => Held {
                    setting,
                    text: Some(given.text.clone()),
                    origin: given.origin.clone(),
                },
                None => Held {
                    setting,
                    text: default_of(setting),
                    origin: Origin::Default,
                },
            }
        });
        let mut effective = Effective { held: held.collect() };
        effective.compute_defaults();
        effective.check_together()?;
        Ok(effective)
    }

    /// The defaults that depend on the machine or on other settings.
    fn compute_defaults(&mut self) {
        if self.get("memory-limit").is_none() {
            let limit = NodeSettings::default().memory_limit_or_default(MemoryFacts::read().limit());
            self.set("memory-limit", bytes_text(limit));
        }
        if self.get("request-memory").is_none() {
            let bytes = (self.number("memory-limit") / 4).clamp(64 << 20, 1 << 30);
            self.set("request-memory", bytes_text(bytes));
        }
        if self.get("node").is_none() {
            self.set("node", host_name());
        }
        if self.get("threads").is_none() {
            let processors = available_parallelism().map_or(1, NonZero::get);
            self.set("threads", processors.to_string());
        }
    }

    fn check_together(&self) -> Result<(), Failure> {
        for (needs, needed) in [("tls-certificate", "tls-key"), ("tls-key", "tls-certificate")] {
            if self.get(needs).is_some() && self.get(needed).is_none() {
                let message = format!("setting '{needs}' is given without '{needed}': give both or none");
                return Err(Error::new(Code::InvalidSetting, message).into());
            }
        }
        if self.get("tls-client-ca").is_some() && self.get("tls-certificate").is_none() {
            let message = "setting 'tls-client-ca' is given without 'tls-certificate' and 'tls-key': clients are \
                           asked for certificates over TLS, for which the node needs a certificate of its own";
            return Err(Error::new(Code::InvalidSetting, message).into());
        }
        Ok(())
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.held.iter()
    }

    /// The text of a setting, if there is one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.held(name).text.as_deref()
    }

    /// The text of a setting that always has one.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name)
            .unwrap_or_else(|| unreachable!("'{name}' has a default"))
    }

    /// A size or number.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.read(name, Setting::number)
    }

    /// `on` or `off`.
    pub(crate) fn switch(&self, name: &str) -> bool {
        self.read(name, Setting::switch)
    }

    /// A duration that is not `none`.
    pub(crate) fn duration(&self, name: &str) -> Duration {
        self.read(name, Setting::duration).unwrap_or_default()
    }

    /// Addresses with commas between them; none, when there are none.
    pub(crate) fn addresses(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(_) => self.read(name, Setting::addresses),
            None => Vec::new(),
        }
    }

    /// An address, `None` for `off`; a host's name is looked up.
    pub(crate) fn address(&self, name: &str) -> Result<Option<SocketAddr>, Failure> {
        let Some((host, port)) = self.read(name, Setting::address) else {
            return Ok(None);
        };
        let unknown = |reason: &dyn fmt::Display| {
            let message = format!("setting '{name}' is '{}': {reason}", self.text(name));
            Failure::with(Exit::Unavailable, Error::new(Code::Unavailable, message))
        };
        let mut found = (host.as_str(), port)
            .to_socket_addrs()
            .map_err(|error| unknown(&error))?;
        let address = found.next().ok_or_else(|| unknown(&"the host has no address"))?;
        Ok(Some(address))
    }

    /// The listener's certificate, if TLS is on.
    pub(crate) fn tls(&self) -> Option<TlsFiles> {
        let path = |name| self.get(name).map(PathBuf::from);
        Some(TlsFiles {
            certificate: path("tls-certificate")?,
            key: path("tls-key")?,
            client_ca: path("tls-client-ca"),
            peer_ca: path("tls-ca"),
        })
    }

    fn held(&self, name: &str) -> &Held {
        self.held
            .iter()
            .find(|held| held.setting.name == name)
            .unwrap_or_else(|| unreachable!("'{name}' is a setting of servers"))
    }

    fn read<T>(&self, name: &str, parse: fn(&Setting, &str) -> Result<T, Error>) -> T {
        parse(self.held(name).setting, self.text(name)).expect("each text was checked")
    }

    fn set(&mut self, name: &str, text: String) {
        if let Some(held) = self.held.iter_mut().find(|held| held.setting.name == name) {
            held.text = Some(text);
        }
    }
}

fn default_of(setting: &Setting) -> Option<String> {
    match setting.default {
        DefaultValue::Value(text) => Some(text.to_owned()),
        DefaultValue::Computed(_) => None,
    }
}

/// The host's name, as far as a node may have it.
fn host_name() -> String {
    let name = ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|file| std::fs::read_to_string(Path::new(file)).ok())
        .unwrap_or_default();
    let accepted = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = name.trim().chars().filter(accepted).take(128).collect();
    match name.trim_matches('.') {
        "" => "holdfast".to_owned(),
        _ => name,
    }
}

/// The error, and who gave the text.
fn named(mut error: Error, place: &str) -> Error {
    error.message = format!("{} (from {place})", error.message);
    error
}
