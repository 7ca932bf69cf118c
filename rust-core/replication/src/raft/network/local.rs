//! Nodes of one process, for tests: messages are handed over, links can be cut.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::ask::{Answer, Envelope, Refusal};
use super::peers::{PeerError, Registry, Transport};

/// A network inside one process. Clones share it.
#[derive(Clone, Default)]
pub struct LocalNetwork(Arc<Mutex<Nodes>>);

#[derive(Default)]
struct Nodes {
    registries: HashMap<String, Weak<Registry>>,
    /// Directed: messages from the first do not arrive at the second.
    cuts: HashSet<(String, String)>,
}

impl LocalNetwork {
    /// Messages from one address no longer arrive at another.
    pub fn cut(&self, from: &str, to: &str) {
        self.0.lock().cuts.insert((from.to_owned(), to.to_owned()));
    }

    /// Cuts one address off from all others, both ways.
    pub fn isolate(&self, address: &str) {
        let mut nodes = self.0.lock();
        let others: Vec<String> = nodes
            .registries
            .keys()
            .filter(|other| *other != address)
            .cloned()
            .collect();
        for other in others {
            nodes.cuts.insert((address.to_owned(), other.clone()));
            nodes.cuts.insert((other, address.to_owned()));
        }
    }

    /// Everything arrives again.
    pub fn heal(&self) {
        self.0.lock().cuts.clear();
    }

    pub(crate) fn attach(&self, address: &str, registry: &Arc<Registry>) -> Arc<dyn Transport> {
        self.0
            .lock()
            .registries
            .insert(address.to_owned(), Arc::downgrade(registry));
        Arc::new(LocalTransport {
            network: self.clone(),
            address: address.to_owned(),
            own: Arc::downgrade(registry),
        })
    }

    fn passes(&self, from: &str, to: &str) -> bool {
        !self.0.lock().cuts.contains(&(from.to_owned(), to.to_owned()))
    }

    fn registry(&self, address: &str) -> Option<Arc<Registry>> {
        self.0.lock().registries.get(address)?.upgrade()
    }
}

struct LocalTransport {
    network: LocalNetwork,
    address: String,
    own: Weak<Registry>,
}

impl Transport for LocalTransport {
    fn ask(
        &self,
        address: &str,
        envelope: Envelope,
        patience: Duration,
    ) -> BoxFuture<'static, Result<Result<Answer, Refusal>, PeerError>> {
        let network = self.network.clone();
        let (from, to) = (self.address.clone(), address.to_owned());
        let cluster = self.own.upgrade().and_then(|own| own.cluster());
        let asked = async move {
            // Lost, not late.
            if !network.passes(&from, &to) {
                tokio::time::sleep(patience).await;
                return Err(PeerError::TimedOut);
            }
            let Some(registry) = network.registry(&to) else {
                return Err(PeerError::Unreachable(format!("no node at {to}")));
            };
            let answer = registry.handle(cluster, envelope).await;
            if !network.passes(&to, &from) {
                tokio::time::sleep(patience).await;
                return Err(PeerError::TimedOut);
            }
            Ok(answer)
        };
        async move {
            // A task of its own: a question that has arrived is answered, whether or not the asker still waits.
            match tokio::time::timeout(patience, tokio::spawn(asked)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(PeerError::Unreachable("the node has stopped".into())),
                Err(_) => Err(PeerError::TimedOut),
            }
        }
        .boxed()
    }

    fn reset(&self) {}
}
