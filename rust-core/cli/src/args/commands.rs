//! The flags of each client command.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::ConnectionArguments;
use crate::duration;

/// `get`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  holdfast get product:1
  holdfast get image:7 --raw > image.png       # exactly the value's bytes
  holdfast get product:1 --output json         # with version and time to live

Exit code 1 and nothing printed (in JSON: \"found\":false) when there is no such key.")]
pub(crate) struct GetArguments {
    /// The key
    pub(crate) key: OsString,
    /// Print the value's bytes only, without a line end, whatever --output says
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// `put`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  holdfast put product:1 Laptop
  holdfast put session:9 - --ttl 20m --sliding < session.bin   # from standard input
  holdfast put lock:nightly host-3 --ttl 1m --if-absent  # code 1 if it exists
  holdfast put product:1 Desktop --if-version 1790000000000042")]
pub(crate) struct PutArguments {
    /// The key
    pub(crate) key: OsString,
    /// The value; '-' reads standard input to its end, byte for byte
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: OsString,
    /// Time to live: 250ms, 90s, 5m, 1h 30m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, allow_hyphen_values = true)]
    pub(crate) ttl: Option<Duration>,
    /// Live again for as long as --ttl after each read
    #[arg(long, requires = "ttl")]
    pub(crate) sliding: bool,
    /// Only if the key does not exist
    #[arg(long, group = "condition")]
    pub(crate) if_absent: bool,
    /// Only if the key exists
    #[arg(long, group = "condition")]
    pub(crate) if_present: bool,
    /// Only if the entry has this version
    #[arg(long, value_name = "VERSION", group = "condition")]
    pub(crate) if_version: Option<i64>,
    /// A full cache store does not evict it
    #[arg(long)]
    pub(crate) never_evict: bool,
    #[command(flatten)]
    pub(crate) creation: CreationArguments,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// Flags of commands that make the store when it does not exist.
#[derive(Args, Clone, Debug)]
pub(crate) struct CreationArguments {
    /// Class of the store, if it is made now; one that exists must be of it
    #[arg(long, value_name = "CLASS", value_parser = ["coordination", "cache"])]
    pub(crate) class: Option<String>,
}

/// `delete`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  holdfast delete product:1 product:2
  holdfast delete product:1 --if-version 1790000000000042
  holdfast delete --prefix product: --yes          # the same as clear --prefix

Exit code 1 when none of the keys existed, or the version is another.")]
pub(crate) struct DeleteArguments {
    /// The keys
    #[arg(required_unless_present = "prefix", conflicts_with = "prefix")]
    pub(crate) keys: Vec<OsString>,
    /// Only if the entry has this version
    #[arg(long, value_name = "VERSION", conflicts_with = "prefix")]
    pub(crate) if_version: Option<i64>,
    /// Every key with this prefix
    #[arg(long, value_name = "PREFIX", requires = "yes")]
    pub(crate) prefix: Option<OsString>,
    /// Yes, really all keys with the prefix
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// `exists`, `ttl`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  holdfast exists product:1 && echo there
  holdfast ttl product:1                       # 4m 12s, or 'none' for an entry without a deadline

Exit code 1 when there is no such key. Neither prolongs a sliding entry.")]
pub(crate) struct KeyArguments {
    /// The key
    pub(crate) key: OsString,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// `incr`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  holdfast incr visits                 # 1, 2, 3 …
  holdfast incr stock:7 --by -3 --minimum 0

Exit code 6 when the value is no number, or would leave its bounds.")]
pub(crate) struct IncrArguments {
    /// The key
    pub(crate) key: OsString,
    /// What to add
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) by: i64,
    /// Value of a counter that does not exist, before the addition
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) initial: i64,
    /// Refuse to go below
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) minimum: Option<i64>,
    /// Refuse to go above
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) maximum: Option<i64>,
    /// Time to live of a counter that is made now
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, allow_hyphen_values = true)]
    pub(crate) ttl: Option<Duration>,
    #[command(flatten)]
    pub(crate) creation: CreationArguments,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// `scan`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  holdfast scan --prefix product: --limit 10
  holdfast scan --keys-only | wc -l
  holdfast scan --output json | jq -r 'select(.ttl_ms == null) | .key'

One entry a line: the key, a tab, the value; what would break the line is
escaped (JSON has the exact bytes). A coordination store is listed in the order
of its keys, a cache store in an order of its own.")]
pub(crate) struct ScanArguments {
    /// Only keys with this prefix
    #[arg(long, value_name = "PREFIX")]
    pub(crate) prefix: Option<OsString>,
    /// Stop after so many entries
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Without values
    #[arg(long)]
    pub(crate) keys_only: bool,
    /// From the last key to the first
    #[arg(long)]
    pub(crate) descending: bool,
    /// Entries that are fetched at once
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) page_size: u32,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// `count`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  holdfast count --prefix product:")]
pub(crate) struct CountArguments {
    /// Only keys with this prefix
    #[arg(long, value_name = "PREFIX")]
    pub(crate) prefix: Option<OsString>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// `clear`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  holdfast clear --prefix product: --yes\n  holdfast clear --store carts --yes"
)]
pub(crate) struct ClearArguments {
    /// Only keys with this prefix
    #[arg(long, value_name = "PREFIX")]
    pub(crate) prefix: Option<OsString>,
    /// Yes, really: nothing brings them back
    #[arg(long, required = true)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// `stats`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  holdfast stats --store cache --output json | jq .hits")]
pub(crate) struct StatsArguments {
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// `ping`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  holdfast ping\n  holdfast ping --count 5 --interval 200ms --server cache-1,cache-2"
)]
pub(crate) struct PingArguments {
    /// How many round trips
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// Pause between two
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration::parse)]
    pub(crate) interval: Duration,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// `health`, `node`, `stores`, `connections`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  holdfast health --server cache-1:7861 || echo 'do not send traffic'
  holdfast stores --output json | jq -r '.stores[].name'
  holdfast connections

health needs no token. Its exit code is 0 while the server serves, 1 when it
says that it does not, 3 when it cannot be reached. The first of several
servers that can be reached answers.")]
pub(crate) struct NodeArguments {
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// `bench`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  holdfast bench                                        # 10 s, 64 in flight, 90 % reads of 100 bytes
  holdfast bench --requests 1000000 --in-flight 256 --connections 4
  holdfast bench --read-share 0.5 --value-size 100KiB --output json

Writes keys 'bench:…' into the store 'bench' (class cache) unless --store says
another, and leaves them there.")]
pub(crate) struct BenchArguments {
    /// How many requests, instead of --seconds
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests: Option<u64>,
    /// How long
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: u64,
    /// Requests under way at once, over all connections
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) in_flight: u32,
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,
    /// Size of the values, such as 100, 4KiB, 1MiB
    #[arg(long, value_name = "SIZE", default_value = "100")]
    pub(crate) value_size: String,
    /// How many keys
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) keys: u64,
    /// Share of reads, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.9)]
    pub(crate) read_share: f64,
    /// Do not write all keys first
    #[arg(long)]
    pub(crate) no_preload: bool,
    /// Seed of the choice of keys
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) creation: CreationArguments,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}
