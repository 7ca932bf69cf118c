//! A gRPC service whose callers show a secret: connections on which one did may stay.

use std::sync::Arc;
use std::task::{Context, Poll};

use subtle::ConstantTimeEq;
use tonic::codegen::Service;
use tonic::codegen::http::Request;
use tonic::server::NamedService;

use super::grpc_stream::GrpcPeer;

/// A service that refuses callers without the secret by itself.
#[derive(Clone)]
pub(super) struct Trusting<S> {
    service: S,
    secret: Arc<str>,
}

impl<S> Trusting<S> {
    pub(super) fn new(service: S, secret: &str) -> Self {
        Self {
            service,
            secret: secret.into(),
        }
    }
}

impl<S: NamedService> NamedService for Trusting<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Trusting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let given = request.headers().get("authorization");
        let given = given.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let matches = bool::from(given.unwrap_or_default().ct_eq(self.secret.as_bytes()));
        if matches && let Some(peer) = request.extensions().get::<GrpcPeer>() {
            peer.trust();
        }
        self.service.call(request)
    }
}
