//! Which settings belong to which place: some are of a node in the process, some need servers, some TLS.

use holdfast_proto::{Code, Error};

use super::Topology;
use crate::settings::Settings;

/// Refuses settings that mean nothing where the store is, so that nobody believes that they hold.
pub(super) fn check(topology: &Topology, settings: &Settings) -> Result<(), Error> {
    let client = &settings.client;
    let first =
        |given: &[(&'static str, bool)]| given.iter().find(|(_, given)| *given).map(|(name, _)| *name);
    let tls = first(&[
        ("tls-ca", client.tls_ca.is_some()),
        ("tls-certificate", client.tls_certificate.is_some()),
        ("tls-key", client.tls_key.is_some()),
        ("tls-server-name", client.tls_server_name.is_some()),
    ]);
    match topology {
        Topology::Embedded => match tls.or(client.token.as_ref().map(|_| "token")) {
            Some(name) => Err(refused(
                name,
                "is for servers, and the store is in this process: leave it out",
            )),
            None => Ok(()),
        },
        Topology::Hosts { tls: encrypted, .. } => {
            let node = &settings.node;
            let of_node = first(&[
                ("node", node.node.is_some()),
                ("clock", node.clock.is_some()),
                ("memory-limit", node.memory_limit.is_some()),
            ]);
            if node.data.is_some() {
                return Err(refused(
                    "data",
                    "is for a store in this process, and the store is on servers: leave it out",
                ));
            }
            if let Some(name) = of_node {
                return Err(refused(
                    name,
                    "is one of the node, and the node is a server: give it to `holdfast serve`",
                ));
            }
            if let Some(name) = tls.filter(|_| !encrypted) {
                return Err(refused(
                    name,
                    "needs TLS: write holdfasts:// instead of holdfast://",
                ));
            }
            match (&client.tls_certificate, &client.tls_key) {
                (Some(_), None) => Err(refused(
                    "tls-certificate",
                    "needs its private key: give tls-key too",
                )),
                (None, Some(_)) => Err(refused(
                    "tls-key",
                    "needs its certificate: give tls-certificate too",
                )),
                _ => Ok(()),
            }
        }
    }
}

#[cold]
fn refused(name: &str, why: &str) -> Error {
    Error::new(Code::InvalidSetting, format!("setting '{name}' {why}"))
}
