//! What a run has measured.

use std::time::Duration;

use hdrhistogram::Histogram;
use holdfast_proto::{Error, bytes_text};
use serde_json::{Value, json};

use super::workload::Workload;
use crate::args::BenchArguments;

const PERCENTILES: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 99.99];
/// Longest latency that is told from longer ones: an hour, in nanoseconds.
const LONGEST: u64 = 3_600_000_000_000;
/// Columns of the histogram's longest bar.
const BAR: f64 = 50.0;

/// Latencies in nanoseconds, to three digits.
pub(super) struct Measured {
    pub(super) latency: Histogram<u64>,
    reads: u64,
    writes: u64,
    hits: u64,
    errors: u64,
    pub(super) first_error: Option<Error>,
}

impl Default for Measured {
    fn default() -> Self {
        Self {
            latency: Histogram::new_with_bounds(1, LONGEST, 3).expect("these bounds are accepted"),
            reads: 0,
            writes: 0,
            hits: 0,
            errors: 0,
            first_error: None,
        }
    }
}

impl Measured {
    /// One request; `done` says of a read whether it hit.
    pub(super) fn record(&mut self, read: bool, latency: Duration, done: Result<bool, Error>) {
        match done {
            Ok(hit) => {
                self.latency.saturating_record(latency.as_nanos() as u64);
                self.reads += u64::from(read);
                self.writes += u64::from(!read);
                self.hits += u64::from(read && hit);
            }
            Err(error) => {
                self.errors += 1;
                self.first_error.get_or_insert(error);
            }
        }
    }

    /// Adds another worker's.
    pub(super) fn add(&mut self, other: &Measured) {
        self.latency
            .add(&other.latency)
            .expect("all have the same bounds");
        self.reads += other.reads;
        self.writes += other.writes;
        self.hits += other.hits;
        self.errors += other.errors;
        if self.first_error.is_none() {
            self.first_error.clone_from(&other.first_error);
        }
    }
}

/// The result of a run.
pub(super) struct Report<'a> {
    arguments: &'a BenchArguments,
    workload: &'a Workload,
    elapsed: Duration,
    measured: &'a Measured,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        arguments: &'a BenchArguments,
        workload: &'a Workload,
        elapsed: Duration,
        measured: &'a Measured,
    ) -> Self {
        Self {
            arguments,
            workload,
            elapsed,
            measured,
        }
    }

    fn per_second(&self) -> f64 {
        self.measured.latency.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The shape of docs/cli.md.
    pub(super) fn json(&self) -> Value {
        let Measured {
            latency,
            reads,
            writes,
            hits,
            errors,
            first_error,
        } = self.measured;
        let micros = |nanos: u64| nanos as f64 / 1_000.0;
        let percentiles: serde_json::Map<String, Value> = PERCENTILES
            .iter()
            .map(|&p| (format!("p{p}"), micros(latency.value_at_percentile(p)).into()))
            .collect();
        json!({
            "seconds": self.elapsed.as_secs_f64(),
            "requests": latency.len(),
            "requests_per_second": self.per_second(),
            "reads": reads,
            "writes": writes,
            "hits": hits,
            "errors": errors,
            "first_error": first_error.as_ref().map(ToString::to_string),
            "latency_us": {
                "mean": latency.mean() / 1_000.0,
                "min": micros(latency.min()),
                "max": micros(latency.max()),
                "percentiles": percentiles,
            },
            "in_flight": self.arguments.in_flight,
            "connections": self.arguments.connections,
            "value_bytes": self.workload.value.len(),
            "keys": self.workload.keys,
            "read_share": self.workload.read_share,
        })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let measured = self.measured;
        let mut text = format!(
            "{} requests in {:.2} s: {:.0} a second\n{} reads ({} hits), {} writes, {} failed\n\
             {} in flight on {} connection(s), values of {}, {} keys\n",
            measured.latency.len(),
            self.elapsed.as_secs_f64(),
            self.per_second(),
            measured.reads,
            measured.hits,
            measured.writes,
            measured.errors,
            self.arguments.in_flight,
            self.arguments.connections,
            bytes_text(self.workload.value.len() as u64),
            self.workload.keys,
        );
        if let Some(error) = &measured.first_error {
            text += &format!("first failure: {error}\n");
        }
        text += "\nlatency\n";
        let row = |name: &str, nanos: f64| format!("  {name:<8}{}\n", shown(nanos));
        text += &row("min", measured.latency.min() as f64);
        text += &row("mean", measured.latency.mean());
        for p in PERCENTILES {
            text += &row(&format!("p{p}"), measured.latency.value_at_percentile(p) as f64);
        }
        text += &row("max", measured.latency.max() as f64);
        text += "\nrequests by latency\n";
        text += &histogram(&measured.latency);
        text.truncate(text.trim_end().len());
        text
    }
}

/// One row for each doubling of the latency.
fn histogram(latency: &Histogram<u64>) -> String {
    let rows: Vec<(u64, u64)> = latency
        .iter_log(8_000, 2.0)
        .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
        .collect();
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    rows.iter()
        .filter(|(_, count)| *count > 0)
        .map(|(up_to, count)| {
            let bar = "#".repeat((*count as f64 / most as f64 * BAR).ceil() as usize);
            let share = *count as f64 / latency.len() as f64 * 100.0;
            format!("  ≤ {:<11}{share:>6.2} %  {bar}\n", shown(*up_to as f64))
        })
        .collect()
}

/// `84.2 µs`, `3.15 ms`
fn shown(nanos: f64) -> String {
    match nanos {
        ..1_000_000.0 => format!("{:.1} µs", nanos / 1_000.0),
        ..1_000_000_000.0 => format!("{:.2} ms", nanos / 1_000_000.0),
        _ => format!("{:.2} s", nanos / 1_000_000_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_adds_its_workers_up_and_its_histogram_shows_every_request() {
        let mut sum = Measured::default();
        for worker in 0..2 {
            let mut measured = Measured::default();
            measured.record(true, Duration::from_micros(100 + worker), Ok(true));
            measured.record(false, Duration::from_millis(3), Ok(true));
            measured.record(
                true,
                Duration::ZERO,
                Err(Error::new(holdfast_proto::Code::Timeout, "late")),
            );
            sum.add(&measured);
        }
        assert_eq!(
            (sum.latency.len(), sum.reads, sum.writes, sum.hits, sum.errors),
            (4, 2, 2, 2, 2)
        );
        assert!(
            sum.latency.value_at_percentile(99.0) >= 2_990_000,
            "{}",
            sum.latency.max()
        );
        let rows = histogram(&sum.latency);
        assert_eq!(rows.matches("50.00 %").count(), 2, "{rows}");
    }

    #[test]
    fn latencies_are_shown_in_the_unit_that_fits() {
        assert_eq!(
            [84_200.0, 3_150_000.0, 2e9].map(shown),
            ["84.2 µs", "3.15 ms", "2.00 s"]
        );
    }
}
