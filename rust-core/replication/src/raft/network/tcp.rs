//! Questions over gRPC streams: two connections to each other node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::ask::{Answer, Envelope, Lane, Refusal};
use super::link::Link;
use super::peers::{PeerError, PeerOptions, Registry, Transport};

/// This node's connections to others.
pub(super) struct Tcp {
    options: PeerOptions,
    registry: Arc<Registry>,
    links: Mutex<HashMap<String, Pair>>,
}

struct Pair {
    control: Arc<Link>,
    bulk: Arc<Link>,
}

impl Tcp {
    pub(super) fn new(options: PeerOptions, registry: Arc<Registry>) -> Self {
        Self {
            options,
            registry,
            links: Mutex::new(HashMap::new()),
        }
    }

    fn link(&self, address: &str, lane: Lane) -> Arc<Link> {
        let mut links = self.links.lock();
        if !links.contains_key(address) {
            let link = || {
                Arc::new(Link::new(
                    address,
                    self.options.clone(),
                    Arc::clone(&self.registry),
                ))
            };
            let pair = Pair {
                control: link(),
                bulk: link(),
            };
            links.insert(address.to_owned(), pair);
        }
        let pair = &links[address];
        Arc::clone(match lane {
            Lane::Control => &pair.control,
            Lane::Bulk => &pair.bulk,
        })
    }
}

impl Transport for Tcp {
    fn ask(
        &self,
        address: &str,
        envelope: Envelope,
        patience: Duration,
    ) -> BoxFuture<'static, Result<Result<Answer, Refusal>, PeerError>> {
        let link = self.link(address, envelope.ask.lane());
        async move {
            match tokio::time::timeout(patience, link.ask(envelope)).await {
                Ok(answer) => answer,
                Err(_) => Err(PeerError::TimedOut),
            }
        }
        .boxed()
    }

    fn reset(&self) {
        self.links.lock().clear();
    }
}
