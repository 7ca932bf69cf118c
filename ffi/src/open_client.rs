//! One open client as the boundary sees it: requests in, replies out.

use std::sync::Arc;

use holdfast_client::{Client, EmbeddedClient, settings};
use holdfast_proto::{Code, Error};

use crate::abi::*;
use crate::completions::Completions;
use crate::delivery::{Callback, Delivery};
use crate::embedded::Host;
use crate::remote::{Returns, Servers};
use crate::requests::{Request, utf8};
use crate::{echo, log, replies, verbs};

/// A client and the way back to its caller.
#[expect(
    clippy::large_enum_variant,
    reason = "there are few, and a box would be one more load in every embedded call"
)]
pub(crate) enum OpenClient {
    /// Of a node in this process; only its echoes ever pend.
    Embedded(EmbeddedClient, Arc<Completions>),
    /// Of servers; what pends comes back from the thread of their connection.
    Remote(Servers),
    /// Without a node, for `hf_echo` only.
    Echo(Arc<Completions>),
}

impl OpenClient {
    /// Opens a client; the reply says what `hf_open` promises.
    pub(crate) fn open(
        text: &[u8],
        settings: &[u8],
        context: u64,
        completed: Option<Callback>,
    ) -> Result<(Self, HfReply), Error> {
        let delivery = Delivery::new(context, completed);
        if text.is_empty() {
            return Ok((Self::Echo(Completions::new(delivery)), replies::empty(0)));
        }
        let text = utf8("the connection string", text)?;
        let pairs = settings::pairs_of_lines(utf8("the settings", settings)?)?;
        let described = Client::check(text, &pairs)?;
        let returns = Arc::new(Returns::new(delivery.clone()));
        let opening = Servers::opening(&described, Arc::clone(&returns));
        let log = log::Source::new(log::client_name(&described));
        match Client::open(described, &Host, || (returns, log))? {
            Client::Embedded(client) => {
                let answer = verbs::opened_client(&client)?;
                Ok((Self::Embedded(client, Completions::new(delivery)), answer))
            }
            Client::Remote(client) => {
                let servers = opening(client);
                let answer = servers.opened_client();
                Ok((Self::Remote(servers), answer))
            }
        }
    }

    /// Checks what would be opened without opening it.
    pub(crate) fn check(text: &[u8], settings: &[u8]) -> Result<(), Error> {
        let pairs = settings::pairs_of_lines(utf8("the settings", settings)?)?;
        Client::check(utf8("the connection string", text)?, &pairs).map(drop)
    }

    /// Runs one request and fills its reply, which comes empty, in place.
    ///
    /// # Safety
    /// The request's pointers are readable (`room`: writable) for their lengths or null.
    #[inline]
    pub(crate) unsafe fn submit(&self, raw: &HfRequest, reply: &mut HfReply) {
        // SAFETY: as promised by the caller.
        let request = unsafe { Request::new(raw) };
        let done = match self {
            Self::Embedded(client, _) => verbs::run(client, &request, reply),
            Self::Remote(servers) => servers.submit(&request, reply),
            Self::Echo(_) => Err(only_echoes()),
        };
        if let Err(error) = done {
            *reply = match error.code {
                Code::Closed => replies::closed(raw.ticket),
                _ => replies::failure(raw.ticket, &error),
            };
        }
    }

    /// Answers a request with its own key, in the way that `mode` says.
    ///
    /// # Safety
    /// As `submit`.
    pub(crate) unsafe fn echo(&self, raw: &HfRequest, mode: u32) -> HfReply {
        let completions = match self {
            Self::Embedded(_, completions) | Self::Echo(completions) => Some(completions),
            Self::Remote(_) => None,
        };
        // SAFETY: as promised by the caller.
        unsafe { echo::echo(completions, raw, mode) }
    }

    pub(crate) fn cancel(&self, ticket: u64) {
        match self {
            Self::Embedded(_, completions) | Self::Echo(completions) => completions.cancel(ticket),
            Self::Remote(servers) => servers.cancel(ticket),
        }
    }

    pub(crate) fn close(&self) {
        match self {
            Self::Embedded(_, completions) | Self::Echo(completions) => completions.close(),
            Self::Remote(servers) => servers.close(),
        }
    }
}

#[cold]
fn only_echoes() -> Error {
    Error::new(
        Code::InvalidArgument,
        "this client was opened without a node: it only echoes",
    )
}
