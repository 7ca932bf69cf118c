//! The last step of a completion: the caller's callback, through its context's gate.

use std::sync::Arc;

use crate::abi::HfReply;
use crate::gate::{self, Gate};
use crate::replies;

/// `void (*)(uint64_t context, const HfReply *replies, uint32_t count)`.
pub(crate) type Callback = extern "C" fn(u64, *const HfReply, u32);

/// One client's callback.
#[derive(Clone)]
pub(crate) struct Delivery {
    context: u64,
    callback: Option<Callback>,
    gate: Arc<Gate>,
}

impl Delivery {
    pub(crate) fn new(context: u64, callback: Option<Callback>) -> Self {
        Self {
            context,
            callback,
            gate: gate::of(context),
        }
    }

    /// Hands replies over in one callback. What those without a `release` point to has to live until this
    /// returns; the others are the callback's, or released here when nobody is there to take them.
    pub(crate) fn deliver(&self, batch: &[HfReply]) {
        let mut delivered = false;
        if let Some(callback) = self.callback {
            self.gate.pass(|| {
                delivered = true;
                let count = u32::try_from(batch.len()).expect("fewer than 4 billion pending requests");
                callback(self.context, batch.as_ptr(), count);
            });
        }
        if !delivered {
            batch.iter().for_each(|reply| replies::release(reply.release));
        }
    }
}
