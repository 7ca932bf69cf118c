//! What `/metrics` says, gathered when it is asked.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::http::not_ready;
use super::shared::{CodeClass, Shared, Totals, operation_name};
use crate::store::NodeStore;
use holdfast_state::StoreStats;

type Written = Result<(), fmt::Error>;

/// The text that Prometheus reads (OpenMetrics 1.0).
pub(crate) fn exposition(shared: &Shared) -> String {
    let mut registry = Registry::with_prefix("holdfast");
    registry.register_collector(Box::new(Scrape::of(shared)));
    let mut text = String::with_capacity(16 * 1024);
    text::encode(&mut text, &registry).expect("a string grows as needed");
    text
}

/// One moment's numbers.
struct Scrape {
    totals: Totals,
    ready: bool,
    connections: u32,
    sessions: u32,
    bytes_in_flight: u64,
    memory_used: u64,
    memory_limit: u64,
    started_unix_ms: i64,
    node: String,
    /// Of a node that belongs to a cluster.
    groups_led: Option<u32>,
    stores: Vec<StoreRow>,
}

struct StoreRow {
    tenant: String,
    store: String,
    stats: StoreStats,
    max_memory: u64,
}

impl StoreRow {
    fn of(store: &Arc<NodeStore>) -> StoreRow {
        let (tenant, name) = store.name().split_once('/').unwrap_or(("", store.name()));
        StoreRow {
            tenant: tenant.to_owned(),
            store: name.to_owned(),
            stats: store.stats(),
            max_memory: store.settings().max_memory,
        }
    }

    fn labels(&self) -> [(&'static str, &str); 2] {
        [("tenant", &self.tenant), ("store", &self.store)]
    }
}

impl Scrape {
    fn of(shared: &Shared) -> Scrape {
        let node = shared.node();
        Scrape {
            totals: shared.totals(),
            ready: not_ready(shared).is_none(),
            connections: shared.connection_count(),
            sessions: shared.session_count(),
            bytes_in_flight: shared.bytes_in_flight(),
            memory_used: node.memory_used(),
            memory_limit: node.memory_limit(),
            started_unix_ms: shared.started_unix_ms(),
            node: node.name().to_owned(),
            groups_led: groups_led(shared),
            stores: node.stores().iter().map(StoreRow::of).collect(),
        }
    }

    fn node(&self, encoder: &mut DescriptorEncoder<'_>) -> Written {
        let build = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("node", self.node.as_str()),
        ];
        encoder
            .encode_descriptor("build", "The node and its version.", None, MetricType::Info)?
            .encode_info(&build)?;
        let started = self.started_unix_ms as f64 / 1000.0;
        gauge(
            encoder,
            "start_time",
            "When the node was started, in Unix time.",
            Some(&Unit::Seconds),
            started,
        )?;
        gauge(
            encoder,
            "ready",
            "1 while traffic may be sent here, else 0.",
            None,
            f64::from(u8::from(self.ready)),
        )?;
        let bytes = Some(&Unit::Bytes);
        gauge(
            encoder,
            "memory_used",
            "Bytes charged for the entries of all stores.",
            bytes,
            self.memory_used as f64,
        )?;
        gauge(
            encoder,
            "memory_limit",
            "What all stores together may use.",
            bytes,
            self.memory_limit as f64,
        )?;
        gauge(
            encoder,
            "in_flight",
            "Bytes of requests and replies under way.",
            bytes,
            self.bytes_in_flight as f64,
        )?;
        gauge(
            encoder,
            "connections",
            "Connections that are open.",
            None,
            f64::from(self.connections),
        )?;
        gauge(
            encoder,
            "sessions",
            "Sessions that are known, connected or not.",
            None,
            f64::from(self.sessions),
        )?;
        let Some(led) = self.groups_led else {
            return Ok(());
        };
        gauge(
            encoder,
            "groups_led",
            "Groups of the cluster that this node leads.",
            None,
            f64::from(led),
        )
    }

    fn totals(&self, encoder: &mut DescriptorEncoder<'_>) -> Written {
        let totals = &self.totals;
        let mut requests = encoder.encode_descriptor(
            "requests",
            "Requests answered, by operation and kind of answer.",
            None,
            MetricType::Counter,
        )?;
        for (number, by_class) in totals.requests.iter().enumerate() {
            let Some(operation) = operation_name(number) else {
                continue;
            };
            for class in CodeClass::ALL {
                let labels = [("operation", operation), ("answer", class.name())];
                count_of(&mut requests, &labels, by_class[class as usize])?;
            }
        }
        let bytes = Some(&Unit::Bytes);
        for (name, help, unit, value) in [
            ("received", "Bytes that clients sent.", bytes, totals.bytes_in),
            (
                "sent",
                "Bytes that were sent to clients.",
                bytes,
                totals.bytes_out,
            ),
            (
                "connections_accepted",
                "Connections that were let in.",
                None,
                totals.connections_accepted,
            ),
            (
                "connections_refused",
                "Connections that were turned away.",
                None,
                totals.connections_refused,
            ),
            (
                "accept_failures",
                "Connections that the system could not hand over.",
                None,
                totals.accept_failures,
            ),
            (
                "rejected_requests",
                "Requests refused because a bound was reached.",
                None,
                totals.rejected,
            ),
            (
                "slow_readers_cut",
                "Connections cut because replies could not be written.",
                None,
                totals.slow_readers_cut,
            ),
            (
                "protocol_errors",
                "Connections cut because of what they sent.",
                None,
                totals.protocol_errors,
            ),
            (
                "dedupe_hits",
                "Retries answered with the outcome of their first try.",
                None,
                totals.dedupe_hits,
            ),
        ] {
            encoder
                .encode_descriptor(name, help, unit, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    fn stores(&self, encoder: &mut DescriptorEncoder<'_>) -> Written {
        type Value = fn(&StoreStats) -> u64;
        let counters: [(&str, &str, Value); 5] = [
            ("store_hits", "Reads that found an entry.", |stats| stats.hits),
            ("store_misses", "Reads that found none.", |stats| stats.misses),
            ("store_evictions", "Entries removed to make room.", |stats| {
                stats.evictions
            }),
            (
                "store_expirations",
                "Entries removed at their deadline.",
                |stats| stats.expirations,
            ),
            ("store_changes", "Changes that were applied.", |stats| {
                stats.changes
            }),
        ];
        for (name, help, value) in counters {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for row in &self.stores {
                count_of(&mut metric, &row.labels(), value(&row.stats))?;
            }
        }
        type Level = fn(&StoreRow) -> u64;
        let gauges: [(&str, &str, Option<&Unit>, Level); 3] = [
            ("store_entries", "Entries held.", None, |row| row.stats.entries),
            (
                "store",
                "Bytes charged for the entries.",
                Some(&Unit::Bytes),
                |row| row.stats.bytes,
            ),
            (
                "store_max_memory",
                "The store's budget.",
                Some(&Unit::Bytes),
                |row| row.max_memory,
            ),
        ];
        for (name, help, unit, value) in gauges {
            let mut metric = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
            for row in &self.stores {
                metric.encode_family(&row.labels())?.encode_gauge(&value(row))?;
            }
        }
        Ok(())
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Written {
        self.node(&mut encoder)?;
        self.totals(&mut encoder)?;
        self.stores(&mut encoder)
    }
}

impl fmt::Debug for Scrape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Scrape")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "cluster")]
fn groups_led(shared: &Shared) -> Option<u32> {
    shared.cluster().map(|cluster| cluster.groups_led())
}

#[cfg(not(feature = "cluster"))]
fn groups_led(_: &Shared) -> Option<u32> {
    None
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: f64,
) -> Written {
    encoder
        .encode_descriptor(name, help, unit, MetricType::Gauge)?
        .encode_gauge(&value)
}

fn count_of(metric: &mut MetricEncoder<'_>, labels: &[(&'static str, &str); 2], value: u64) -> Written {
    metric
        .encode_family(labels)?
        .encode_counter::<NoLabelSet, _, u64>(&value, None)
}
