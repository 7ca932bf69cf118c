//! Counters of requests. Hot ones are striped; a connection adds to them once for all that it did in one go.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use holdfast_proto::session::Operation;

/// One more than the highest operation number.
pub const OPERATIONS: usize = 21;
/// Number of [`CodeClass`]es.
pub const CODE_CLASSES: usize = 4;
const STRIPES: usize = 16;

/// What came of requests, coarsely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum CodeClass {
    /// Answered.
    Ok = 0,
    /// The caller's arguments were refused (codes below 20).
    Caller = 1,
    /// The state refused (20 to 49).
    Refused = 2,
    /// The node could not (50 and above).
    Service = 3,
}

impl CodeClass {
    /// All of them.
    pub const ALL: [CodeClass; CODE_CLASSES] = [
        CodeClass::Ok,
        CodeClass::Caller,
        CodeClass::Refused,
        CodeClass::Service,
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CodeClass::Ok => "ok",
            CodeClass::Caller => "caller",
            CodeClass::Refused => "refused",
            CodeClass::Service => "service",
        }
    }

    /// The class of a reply's code.
    #[must_use]
    #[inline]
    pub const fn of(code: u32) -> CodeClass {
        match code {
            0 => CodeClass::Ok,
            1..20 => CodeClass::Caller,
            20..50 => CodeClass::Refused,
            _ => CodeClass::Service,
        }
    }
}

/// An operation's name in metrics.
#[must_use]
pub fn operation_name(number: usize) -> Option<&'static str> {
    Some(match Operation::try_from(i32::try_from(number).ok()?).ok()? {
        Operation::Unspecified => "unknown",
        Operation::OpenStore => "open_store",
        Operation::Get => "get",
        Operation::Exists => "exists",
        Operation::Put => "put",
        Operation::Delete => "delete",
        Operation::Refresh => "refresh",
        Operation::SetExpiry => "set_expiry",
        Operation::Increment => "increment",
        Operation::GetMany => "get_many",
        Operation::Batch => "batch",
        Operation::Count => "count",
        Operation::Clear => "clear",
        Operation::Scan => "scan",
        Operation::Stats => "stats",
        Operation::AdvanceClock => "advance_clock",
        Operation::Ping => "ping",
        Operation::ClusterMap => "cluster_map",
        Operation::ClusterAdmin => "cluster_admin",
    })
}

/// Sums of all counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By operation number and [`CodeClass`]; number 0: operations that are not known.
    pub requests: [[u64; CODE_CLASSES]; OPERATIONS],
    /// Bytes read from sessions.
    pub bytes_in: u64,
    /// Bytes written to sessions.
    pub bytes_out: u64,
    /// Connections accepted.
    pub connections_accepted: u64,
    /// Connections refused because there were too many.
    pub connections_refused: u64,
    /// Requests refused with `ResourceExhausted`.
    pub rejected: u64,
    /// Connections cut because their peer did not read.
    pub slow_readers_cut: u64,
    /// Connections cut for what they sent.
    pub protocol_errors: u64,
    /// Changes that were repeated and got their first outcome.
    pub dedupe_hits: u64,
    /// Failures to accept a connection.
    pub accept_failures: u64,
}

impl Totals {
    /// All requests.
    #[must_use]
    pub fn requests_total(&self) -> u64 {
        self.requests.iter().flatten().sum()
    }
}

#[derive(Default)]
struct Stripe {
    requests: [[AtomicU64; CODE_CLASSES]; OPERATIONS],
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    rejected: AtomicU64,
    dedupe_hits: AtomicU64,
}

/// The counters.
#[derive(Default)]
pub(crate) struct Counters {
    stripes: [CachePadded<Stripe>; STRIPES],
    pub(crate) connections_accepted: AtomicU64,
    pub(crate) connections_refused: AtomicU64,
    pub(crate) slow_readers_cut: AtomicU64,
    pub(crate) protocol_errors: AtomicU64,
    pub(crate) accept_failures: AtomicU64,
}

/// Adds one to a counter.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn totals(&self) -> Totals {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut totals = Totals {
            connections_accepted: load(&self.connections_accepted),
            connections_refused: load(&self.connections_refused),
            slow_readers_cut: load(&self.slow_readers_cut),
            protocol_errors: load(&self.protocol_errors),
            accept_failures: load(&self.accept_failures),
            ..Totals::default()
        };
        for stripe in &self.stripes {
            for (sums, counters) in totals.requests.iter_mut().zip(&stripe.requests) {
                for (sum, counter) in sums.iter_mut().zip(counters) {
                    *sum += load(counter);
                }
            }
            totals.bytes_in += load(&stripe.bytes_in);
            totals.bytes_out += load(&stripe.bytes_out);
            totals.rejected += load(&stripe.rejected);
            totals.dedupe_hits += load(&stripe.dedupe_hits);
        }
        totals
    }
}

/// What one connection has counted and not yet added.
#[derive(Default)]
pub(crate) struct Tally {
    requests: [[u32; CODE_CLASSES]; OPERATIONS],
    /// Bit n: operation n has something to add.
    touched: u32,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) rejected: u64,
    pub(crate) dedupe_hits: u64,
}

impl Tally {
    /// Counts a request that was answered with this code.
    #[inline]
    pub(crate) fn answered(&mut self, operation: usize, code: u32) {
        let operation = if operation < OPERATIONS { operation } else { 0 };
        self.requests[operation][CodeClass::of(code) as usize] += 1;
        self.touched |= 1 << operation;
        if code == holdfast_proto::Code::ResourceExhausted.number() {
            self.rejected += 1;
        }
    }

    /// Adds all to the counters; `lane` chooses the stripe. Returns the number of requests.
    pub(crate) fn flush(&mut self, counters: &Counters, lane: u64) -> u64 {
        let stripe = &counters.stripes[lane as usize % STRIPES];
        let mut requests = 0;
        while self.touched != 0 {
            let operation = self.touched.trailing_zeros() as usize;
            self.touched &= self.touched - 1;
            for (counted, counter) in self.requests[operation]
                .iter_mut()
                .zip(&stripe.requests[operation])
            {
                if *counted > 0 {
                    requests += u64::from(*counted);
                    counter.fetch_add(u64::from(std::mem::take(counted)), Ordering::Relaxed);
                }
            }
        }
        for (counted, counter) in [
            (&mut self.bytes_in, &stripe.bytes_in),
            (&mut self.bytes_out, &stripe.bytes_out),
            (&mut self.rejected, &stripe.rejected),
            (&mut self.dedupe_hits, &stripe.dedupe_hits),
        ] {
            if *counted > 0 {
                counter.fetch_add(std::mem::take(counted), Ordering::Relaxed);
            }
        }
        requests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_name_and_a_place_and_the_abis_own_are_none() {
        for number in 0..OPERATIONS {
            assert_eq!(
                operation_name(number).is_some(),
                ![16, 18].contains(&number),
                "{number}"
            );
        }
        assert_eq!(operation_name(OPERATIONS), None);
    }

    #[test]
    fn what_connections_count_adds_up_over_all_lanes() {
        let counters = Counters::default();
        for lane in 0..40 {
            let mut tally = Tally::default();
            tally.answered(Operation::Get as usize, 0);
            tally.answered(Operation::Get as usize, 0);
            tally.answered(999, holdfast_proto::Code::ResourceExhausted.number());
            tally.bytes_in = 5;
            assert_eq!(tally.flush(&counters, lane), 3);
            assert_eq!(tally.flush(&counters, lane), 0);
        }
        let totals = counters.totals();
        assert_eq!(
            totals.requests[Operation::Get as usize][CodeClass::Ok as usize],
            80
        );
        assert_eq!(totals.requests[0][CodeClass::Refused as usize], 40);
        assert_eq!(
            (totals.requests_total(), totals.bytes_in, totals.rejected),
            (120, 200, 40)
        );
    }
}
