//! Connection strings: `holdfast://embedded/STORE?max-memory=64MiB`, `holdfast://h1:7861,h2:7861/TENANT/STORE`,
//! `holdfasts://…` for TLS. Only this parser reads them. Its messages name the part that is wrong and show the valid
//! form, and never hold what could be a secret (see [`shown`]).

mod authority;
mod places;

use std::borrow::Cow;
use std::fmt;

use holdfast_proto::{Code, Error};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

pub use authority::{DEFAULT_PORT, Endpoint};

use crate::limits::escape_key;
use crate::settings::table::{Setting, unknown_name};
use crate::settings::{MOST_CHARACTERS, Settings, is_name};

/// Store and tenant when the text names none.
pub const DEFAULT_NAME: &str = "default";

const BOTH_FORMS: &str = "holdfast://embedded/STORE for a store in this process, \
                          holdfast://host:7861/STORE for servers";

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// In a node of this process.
    Embedded,
    /// On servers.
    Hosts {
        /// Those to try first, at least one.
        endpoints: Vec<Endpoint>,
        /// Whether the connection is encrypted (`holdfasts`).
        tls: bool,
    },
}

/// What a connection string says. `Display` writes one that parses to the same, but for secrets, which it leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionString {
    /// Where the store is.
    pub topology: Topology,
    /// First part of the store's full name, `default` when absent.
    pub tenant: String,
    /// The store's name within its tenant, `default` when absent.
    pub store: String,
    /// What was given, the explicit settings over those of the text.
    pub settings: Settings,
}

impl ConnectionString {
    /// Reads `text`; `explicit_settings` are `(name, value)` pairs of an options object and win over the text's.
    ///
    /// A malformed part is `InvalidConnectionString`, a value that a setting does not accept `InvalidSetting`.
    pub fn parse(text: &str, explicit_settings: &[(&str, &str)]) -> Result<ConnectionString, Error> {
        // Before anything else, because a password may hold any delimiter and would make each of the parts below
        // look malformed in a way that shows it.
        if text.contains('@') {
            return Err(malformed(
                "credentials before '@' are reserved for a later version (the text is not shown \
                 because of them); inside the value of a setting write %40 for @",
            ));
        }
        let (tls, rest) = split_scheme(text)?;
        if rest.contains('#') {
            return Err(malformed(
                "'#' begins a fragment, which connection strings do not have; inside a value write %23",
            ));
        }
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, path) = match address.split_once('/') {
            Some((hosts, path)) => (hosts, Some(path)),
            None => (address, None),
        };
        let topology = authority::parse(hosts, tls)?;
        let (tenant, store) = match path {
            Some(path) => parse_path(path)?,
            None => (DEFAULT_NAME.to_owned(), DEFAULT_NAME.to_owned()),
        };
        let mut settings = parse_query(query)?;
        settings.set_all(explicit_settings)?;
        places::check(&topology, &settings)?;
        Ok(ConnectionString {
            topology,
            tenant,
            store,
            settings,
        })
    }
}

/// Splits a store's full name, `name` or `tenant/name` (not percent-encoded), into tenant and name.
/// `InvalidArgument` says what is wrong with it.
pub fn parse_store_name(full_name: &str) -> Result<(String, String), Error> {
    split_full_name(full_name, |segment, _| Ok(Cow::Borrowed(segment)))
        .map_err(|message| Error::new(Code::InvalidArgument, message))
}

impl fmt::Display for ConnectionString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What may stay as it is in a value; names and hosts have no other characters.
        const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'.')
            .remove(b'_')
            .remove(b'~')
            .remove(b':');
        match &self.topology {
            Topology::Embedded => formatter.write_str("holdfast://embedded")?,
            Topology::Hosts { endpoints, tls } => {
                formatter.write_str(if *tls { "holdfasts://" } else { "holdfast://" })?;
                for (index, endpoint) in endpoints.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(formatter, "{comma}{endpoint}")?;
                }
            }
        }
        if self.tenant != DEFAULT_NAME {
            write!(formatter, "/{}", self.tenant)?;
        }
        write!(formatter, "/{}", self.store)?;
        for (index, (name, value)) in self.settings.given().iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            write!(
                formatter,
                "{separator}{name}={}",
                utf8_percent_encode(value, ENCODED)
            )?;
        }
        Ok(())
    }
}

/// Whether TLS is asked for, and what follows `://`.
fn split_scheme(text: &str) -> Result<(bool, &str), Error> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    };
    match text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("holdfast") => Ok((false, rest)),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("holdfasts") => Ok((true, rest)),
        Some((scheme, _)) => {
            let scheme = shown(scheme);
            Err(malformed(&format!(
                "unknown scheme '{scheme}': write holdfast, or holdfasts for TLS, as in {BOTH_FORMS}"
            )))
        }
        None if text.is_empty() => Err(malformed(&format!("the text is empty: write {BOTH_FORMS}"))),
        None => Err(malformed(&format!("the scheme is missing: write {BOTH_FORMS}"))),
    }
}

fn parse_path(path: &str) -> Result<(String, String), Error> {
    split_full_name(path, decode).map_err(|message| malformed(&message))
}

/// `decode` turns a segment, named for messages, into a name.
fn split_full_name<'a>(
    full_name: &'a str,
    decode: impl Fn(&'a str, &str) -> Result<Cow<'a, str>, String>,
) -> Result<(String, String), String> {
    let name = |segment: &'a str, part: &str| -> Result<String, String> {
        if segment.is_empty() {
            return Err(format!(
                "the {part} is empty: write STORE or TENANT/STORE, or leave it out with its '/' for \
                 '{DEFAULT_NAME}'"
            ));
        }
        let name = decode(segment, part)?;
        if is_name(&name) {
            return Ok(name.into_owned());
        }
        Err(format!(
            "the {part} '{}' is not 1 to {MOST_CHARACTERS} of the characters A-Z a-z 0-9 . _ - (and not . or ..)",
            shown(&name)
        ))
    };
    let segments: Vec<&str> = full_name.split('/').collect();
    match segments[..] {
        [store] => Ok((DEFAULT_NAME.to_owned(), name(store, "store name")?)),
        [tenant, store] => Ok((name(tenant, "tenant")?, name(store, "store name")?)),
        _ => Err(format!(
            "the store's name has {} parts: write STORE or TENANT/STORE",
            segments.len()
        )),
    }
}

fn parse_query(query: &str) -> Result<Settings, Error> {
    let mut settings = Settings::default();
    let mut seen: Vec<&str> = Vec::new();
    if query.is_empty() {
        return Ok(settings);
    }
    for pair in query.split('&') {
        if pair.is_empty() {
            return Err(malformed(
                "a setting is empty: write NAME=VALUE&NAME=VALUE after '?'",
            ));
        }
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            malformed(&format!(
                "setting '{}' has no value: write NAME=VALUE",
                shown(pair)
            ))
        })?;
        let name = decode(name, "name of a setting").map_err(|message| malformed(&message))?;
        let setting = Setting::find(&name).ok_or_else(|| malformed(&unknown_name(&name)))?;
        if seen.contains(&setting.name) {
            return Err(malformed(&format!("setting '{}' is given twice", setting.name)));
        }
        seen.push(setting.name);
        let value = decode(value, &format!("value of setting '{}'", setting.name))
            .map_err(|message| malformed(&message))?;
        settings.set(setting.name, &value)?;
    }
    Ok(settings)
}

/// Percent-decodes strictly: a `%` without two hexadecimal digits, or bytes that are not UTF-8, are errors.
fn decode<'a>(text: &'a str, part: &str) -> Result<Cow<'a, str>, String> {
    for (index, _) in text.match_indices('%') {
        let digits = text.as_bytes().get(index + 1..index + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            let position = index + 1;
            return Err(format!(
                "the {part} has a bad percent escape at character {position}: write % and two \
                 hexadecimal digits, and %25 for % itself"
            ));
        }
    }
    percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| format!("the {part} is not UTF-8 once its percent escapes are decoded"))
}

/// A malformed part as it may appear in a message: escaped, cut, and ended before the first delimiter, since what
/// stands behind one (`password=…`, `user:…`) may be a secret.
fn shown(part: &str) -> String {
    match part.find(['=', ':', ';', '%', ',', ' ']) {
        Some(end) => escape_key(&part.as_bytes()[..end]) + "…",
        None => escape_key(part.as_bytes()),
    }
}

#[cold]
fn malformed(message: &str) -> Error {
    Error::new(
        Code::InvalidConnectionString,
        format!("connection string: {message}"),
    )
}

#[cfg(test)]
mod tests;
