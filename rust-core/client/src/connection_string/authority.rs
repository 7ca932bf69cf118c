//! The part between `://` and the store: `embedded`, or hosts.

use std::fmt;
use std::net::Ipv6Addr;

use holdfast_proto::Error;

use super::{Topology, malformed, shown};
use crate::settings::is_host;

/// The port of clients and peers.
pub const DEFAULT_PORT: u16 = 7861;

const EMBEDDED: &str = "embedded";

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name or an address, in lower case; an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// `host:port`, as a node says its own; `None` when it is not that.
    pub(crate) fn of_node(address: &str) -> Option<Endpoint> {
        parse_endpoint(address, 1).ok()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endpoint { host, port } = self;
        if host.contains(':') {
            write!(formatter, "[{host}]:{port}")
        } else {
            write!(formatter, "{host}:{port}")
        }
    }
}

pub(super) fn parse(text: &str, tls: bool) -> Result<Topology, Error> {
    if text.eq_ignore_ascii_case(EMBEDDED) {
        if tls {
            return Err(malformed(
                "holdfasts is for servers; a store in this process is holdfast://embedded/STORE",
            ));
        }
        return Ok(Topology::Embedded);
    }
    if text.is_empty() {
        return Err(malformed(
            "the host is missing: write embedded, or host:7861, between :// and the store",
        ));
    }
    let endpoints = text
        .split(',')
        .enumerate()
        .map(|(index, endpoint)| parse_endpoint(endpoint, index + 1))
        .collect::<Result<Vec<_>, _>>()?;
    if endpoints.iter().any(|endpoint| endpoint.host == EMBEDDED) {
        return Err(malformed(
            "embedded stands alone, without a port or other hosts: holdfast://embedded/STORE",
        ));
    }
    Ok(Topology::Hosts { endpoints, tls })
}

fn parse_endpoint(text: &str, number: usize) -> Result<Endpoint, Error> {
    if text.is_empty() {
        return Err(malformed(&format!(
            "host {number} is empty: write host:7861,host:7861"
        )));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => split_ipv6(bracketed, number)?,
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (parse_host(host, number)?, Some(port)),
            Some(_) => {
                return Err(malformed(&format!(
                    "host {number} has more than one ':': write host:7861, or [::1]:7861 for an IPv6 \
                     address"
                )));
            }
            None => (parse_host(text, number)?, None),
        },
    };
    let port = match port {
        Some(port) => parse_port(port, &host)?,
        None => DEFAULT_PORT,
    };
    Ok(Endpoint { host, port })
}

/// `::1]:7861`, what follows the opening bracket.
fn split_ipv6(text: &str, number: usize) -> Result<(String, Option<&str>), Error> {
    let wrong = || {
        malformed(&format!(
            "host {number} is not an IPv6 address in brackets such as [::1]:7861"
        ))
    };
    let (address, rest) = text.split_once(']').ok_or_else(wrong)?;
    let address: Ipv6Addr = address.parse().map_err(|_| wrong())?;
    match rest.strip_prefix(':') {
        Some(port) => Ok((address.to_string(), Some(port))),
        None if rest.is_empty() => Ok((address.to_string(), None)),
        None => Err(wrong()),
    }
}

fn parse_host(host: &str, number: usize) -> Result<String, Error> {
    if host.is_empty() {
        return Err(malformed(&format!(
            "host {number} has a port but no name: write host:7861"
        )));
    }
    if is_host(host) {
        return Ok(host.to_ascii_lowercase());
    }
    Err(malformed(&format!(
        "host {number} '{}' is neither a host name nor an address: write host:7861, 10.0.0.1:7861 or \
         [::1]:7861",
        shown(host)
    )))
}

// A port that is no number is not shown: in `user:password/` it is a password.
fn parse_port(port: &str, host: &str) -> Result<u16, Error> {
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(number) if digits && number != 0 => Ok(number),
        _ => Err(malformed(&format!(
            "the port of host '{host}' is not a number from 1 to 65535: write {host}:{DEFAULT_PORT}"
        ))),
    }
}
