//! Which requests are sent.

use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_client::settings::table::Setting;
use holdfast_proto::session::{Operation, flags};
use holdfast_proto::{Code, Error};
use tokio::time::Instant;

use super::report::Measured;
use crate::args::BenchArguments;
use crate::client::{Client, request};
use crate::exit::Failure;

/// Keys, values and the share of reads.
pub(super) struct Workload {
    pub(super) keys: u64,
    pub(super) value: Vec<u8>,
    pub(super) read_share: f64,
    seed: u64,
}

/// How many requests may still be begun.
pub(super) struct Tickets(Option<AtomicU64>);

impl Tickets {
    pub(super) fn new(requests: Option<u64>) -> Tickets {
        Tickets(requests.map(AtomicU64::new))
    }

    /// Takes one; false when there are none left.
    pub(super) fn take(&self) -> bool {
        let Some(left) = &self.0 else { return true };
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
    }
}

impl Workload {
    pub(super) fn of(arguments: &BenchArguments) -> Result<Workload, Failure> {
        let max_value = Setting::find("max-value").expect("the table has it");
        let size = max_value.number(&arguments.value_size).map_err(|error| {
            let accepted = error
                .message
                .split_once(": ")
                .map_or("", |(_, accepted)| accepted);
            Error::new(
                Code::InvalidArgument,
                format!("--value-size is '{}': {accepted}", arguments.value_size),
            )
        })?;
        if !(0.0..=1.0).contains(&arguments.read_share) {
            return Err(Failure::usage(format!(
                "--read-share is {}: it takes 0 to 1",
                arguments.read_share
            )));
        }
        // Not all the same byte: nothing on the way may get away with compressing it.
        let mut random = fastrand::Rng::with_seed(arguments.seed);
        let value = (0..size).map(|_| random.alphanumeric() as u8).collect();
        Ok(Workload {
            keys: arguments.keys,
            value,
            read_share: arguments.read_share,
            seed: arguments.seed,
        })
    }

    /// The choices of one worker.
    pub(super) fn random(&self, worker: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ worker)
    }

    /// One request, timed.
    pub(super) async fn turn(&self, client: &Client, random: &mut fastrand::Rng, measured: &mut Measured) {
        let key = random.u64(..self.keys);
        let read = random.f64() < self.read_share;
        let started = Instant::now();
        let done = if read {
            self.read(client, key).await
        } else {
            self.write(client, key).await.map(|()| true)
        };
        measured.record(read, started.elapsed(), done);
    }

    /// Says whether there was an entry.
    async fn read(&self, client: &Client, key: u64) -> Result<bool, Error> {
        let answer = client.ask(Operation::Get, &key_bytes(key)).await?;
        Ok(answer.header.flags & flags::FOUND != 0)
    }

    pub(super) async fn write(&self, client: &Client, key: u64) -> Result<(), Error> {
        client
            .call(request(Operation::Put), &key_bytes(key), &self.value)
            .await
            .map(drop)
    }
}

fn key_bytes(key: u64) -> Vec<u8> {
    format!("bench:{key:012}").into_bytes()
}
