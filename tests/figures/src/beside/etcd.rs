//! etcd's `Put` over one gRPC channel to its leader: no hop more than there must be.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};

use super::Setter;

/// Of etcd's `rpc.proto`, as far as it is needed.
#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PutResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct ResponseHeader {
    #[prost(uint64, tag = "2")]
    member_id: u64,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct StatusRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

#[derive(Clone)]
pub(super) struct Etcd(Channel);

impl Etcd {
    /// Connects to the member that leads.
    pub(super) async fn connect(members: &[String]) -> Result<Etcd, String> {
        for member in members {
            let endpoint =
                Endpoint::from_shared(format!("http://{member}")).map_err(|error| error.to_string())?;
            let channel = endpoint.tcp_nodelay(true).connect().await;
            let mut etcd = Etcd(channel.map_err(|error| format!("{member}: {error}"))?);
            let path = PathAndQuery::from_static("/etcdserverpb.Maintenance/Status");
            let status: StatusResponse = etcd.call(StatusRequest {}, path).await?;
            if status
                .header
                .is_some_and(|header| header.member_id == status.leader)
            {
                return Ok(etcd);
            }
        }
        Err("no member of etcd leads".to_owned())
    }

    async fn call<Q, A>(&mut self, question: Q, path: PathAndQuery) -> Result<A, String>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await.map_err(|error| error.to_string())?;
        let codec = tonic_prost::ProstCodec::<Q, A>::default();
        let answer = grpc.unary(Request::new(question), path, codec).await;
        answer
            .map(tonic::Response::into_inner)
            .map_err(|status| status.to_string())
    }
}

impl Setter for Etcd {
    fn set<'a>(&'a mut self, key: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let put = PutRequest {
                key: key.as_bytes().to_vec(),
                value: value.to_vec(),
            };
            let path = PathAndQuery::from_static("/etcdserverpb.KV/Put");
            self.call::<_, PutResponse>(put, path).await.map(drop)
        }
        .boxed()
    }
}
