//! Requests on a client of servers: each pends until its completion comes back.

mod encode;
mod returns;

use std::sync::Arc;
use std::time::Duration;

use holdfast_client::remote::{Reads, RemoteClient};
use holdfast_client::settings::{self, StoreSettings};
use holdfast_client::{ConnectionString, Topology};
use holdfast_proto::Error;
use holdfast_proto::session::{Operation, RequestHeader};
use prost::Message;

use crate::abi::*;
use crate::cluster;
use crate::replies;
use crate::requests::{self, Request, utf8};

pub(crate) use returns::Returns;

/// Class of a store that no node has described yet.
const CLASS_NOT_KNOWN: i64 = -1;
/// `hf_open`'s number for a client of servers.
const OF_SERVERS: i64 = 2;

/// A client of servers.
pub(crate) struct Servers {
    client: RemoteClient,
    returns: Arc<Returns>,
    /// `host:port`, a line each, in the order of their numbers in replies.
    endpoints: String,
    connect_timeout: Duration,
    /// How fresh reads are that do not say so themselves.
    reads: Reads,
}

impl Servers {
    /// What is known before the client is: how to go on when it turns out to be one of servers.
    pub(crate) fn opening(
        described: &ConnectionString,
        returns: Arc<Returns>,
    ) -> impl FnOnce(RemoteClient) -> Self + use<> {
        let endpoints = match &described.topology {
            Topology::Hosts { endpoints, .. } => {
                let lines: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
                lines.join("\n")
            }
            Topology::Embedded => String::new(),
        };
        let connect_timeout = described.settings.client.connect_timeout_or_default();
        let reads = described.settings.client.reads_or_default();
        move |client| Self {
            client,
            returns,
            endpoints,
            connect_timeout,
            reads,
        }
    }

    /// The reply of opening the client.
    pub(crate) fn opened_client(&self) -> HfReply {
        let text = format!("{}\n\n{}", self.store_name(0), self.endpoints);
        HfReply {
            number: OF_SERVERS,
            previous: CLASS_NOT_KNOWN,
            ..replies::with_bytes(0, text.into_bytes().into_boxed_slice())
        }
    }

    /// Sends a request; its reply says that it pends.
    pub(crate) fn submit(&self, request: &Request<'_>, reply: &mut HfReply) -> Result<(), Error> {
        let raw = request.raw;
        let timeout = (raw.timeout_ms != 0).then(|| Duration::from_millis(u64::from(raw.timeout_ms)));
        match requests::op(raw.op)? {
            HfOp::OpenStore => {
                *reply = self.open_store(request)?;
                return Ok(());
            }
            HfOp::Echo => return Err(requests::echo_elsewhere()),
            HfOp::Connect => self.connect(raw, timeout.unwrap_or(self.connect_timeout))?,
            HfOp::ClusterAdmin => self.administer(request, timeout)?,
            op => {
                let mut items = Vec::new();
                let (mut header, key, value) = encode::request(op, request, &mut items)?;
                let is_read = Operation::try_from(header.operation).is_ok_and(|of| !of.is_change());
                let reads = requests::reads(raw)?.unwrap_or(self.reads);
                if is_read {
                    reads.apply(&mut header);
                }
                self.client
                    .submit(raw.ticket, raw.store, header, key, value, timeout)?;
            }
        }
        *reply = replies::pending(raw.ticket);
        Ok(())
    }

    pub(crate) fn cancel(&self, ticket: u64) {
        self.client.cancel(ticket);
    }

    pub(crate) fn close(&self) {
        self.client.close();
    }

    fn open_store(&self, request: &Request<'_>) -> Result<HfReply, Error> {
        let name = utf8("the store's name", request.key())?;
        let pairs = settings::pairs_of_lines(utf8("the settings", request.payload())?)?;
        let id = self
            .client
            .open_store(name, &StoreSettings::from_pairs(&pairs)?)?;
        Ok(HfReply {
            number: i64::from(id),
            previous: CLASS_NOT_KNOWN,
            ..replies::with_bytes(request.raw.ticket, self.store_name(id).as_bytes().into())
        })
    }

    /// The wire's `OpenStore`, whose answer names the store as the node does: ours is remembered here.
    fn connect(&self, raw: &HfRequest, timeout: Duration) -> Result<(), Error> {
        let header = RequestHeader {
            operation: Operation::OpenStore as i32,
            ..RequestHeader::default()
        };
        self.returns.expect_store(raw.ticket, raw.store);
        self.client
            .submit(raw.ticket, raw.store, header, &[], &[], Some(timeout))
            .inspect_err(|_| self.returns.expect_nothing(raw.ticket))
    }

    /// Asks any node about the cluster: the answer comes as the ABI has it.
    fn administer(&self, request: &Request<'_>, timeout: Option<Duration>) -> Result<(), Error> {
        let raw = request.raw;
        let asked = cluster::request(request.payload())?.encode_to_vec();
        let header = RequestHeader {
            operation: Operation::ClusterAdmin as i32,
            ..RequestHeader::default()
        };
        self.returns.expect_cluster(raw.ticket);
        self.client
            .submit(raw.ticket, raw.store, header, &[], &asked, timeout)
            .inspect_err(|_| self.returns.expect_nothing(raw.ticket))
    }

    fn store_name(&self, store: u32) -> Arc<str> {
        self.client.store_name(store).unwrap_or_default()
    }
}
