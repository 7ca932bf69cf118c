//! Who is not of the cluster is not answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use holdfast_replication::raft::{ClusterId, NodeCalls, PeerError, PeerOptions, PeerServer, Peers};

use crate::cluster::serve;

const PATIENCE: Duration = Duration::from_secs(5);

struct Echo;

impl NodeCalls for Echo {
    fn call(&self, _cluster: Option<ClusterId>, request: Bytes) -> BoxFuture<'static, Result<Bytes, String>> {
        async move { Ok(request) }.boxed()
    }
}

fn peers(secret: &str, cluster: u128) -> Peers {
    let peers = Peers::over_network(PeerOptions {
        secret: secret.to_owned(),
        ..PeerOptions::default()
    });
    peers.set_cluster(ClusterId(cluster));
    peers.set_calls(Arc::new(Echo));
    peers
}

async fn served(peers: &Peers) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(serve(listener, PeerServer::new(peers)));
    address
}

async fn ask(peers: &Peers, address: &str) -> Result<Bytes, PeerError> {
    peers.call(address, Bytes::from_static(b"hello"), PATIENCE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_the_clusters_secret_is_refused() {
    let address = served(&peers("sesame", 7)).await;
    for wrong in ["", "Sesame", "sesame "] {
        let refused = ask(&peers(wrong, 7), &address).await.unwrap_err();
        assert!(
            matches!(&refused, PeerError::Refused(reason) if reason.contains("secret")),
            "{refused}"
        );
    }
    assert_eq!(ask(&peers("sesame", 7), &address).await.unwrap(), "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_cluster_is_refused() {
    let address = served(&peers("sesame", 7)).await;
    let refused = ask(&peers("sesame", 8), &address).await.unwrap_err();
    assert!(
        matches!(&refused, PeerError::Refused(reason) if reason.contains("another cluster")),
        "{refused}"
    );
}
