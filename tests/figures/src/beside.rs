//! Replicated sets of three nodes, beside a three-node etcd and a Redis with two replicas: in short turns, one contestant
//! after the other, so that what else the machine does meets all.

mod etcd;
mod redis;
mod turn;

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use holdfast_client::remote::AsyncClient;
use holdfast_client::settings::StoreSettings;

use crate::report::{Report, Spread};
use etcd::Etcd;
use redis::Redis;
use turn::Turn;

/// What each contestant is reached by, and the processes that it consists of.
#[derive(Clone, Debug, clap::Args)]
pub struct Contestants {
    /// The nodes, `host:port,…`.
    #[arg(long)]
    holdfast: String,
    /// Of the nodes.
    #[arg(long, value_delimiter = ',')]
    holdfast_pids: Vec<u32>,
    /// The members, `host:port,…`.
    #[arg(long, value_delimiter = ',')]
    etcd: Vec<String>,
    /// Of the members.
    #[arg(long, value_delimiter = ',')]
    etcd_pids: Vec<u32>,
    /// The primary, `host:port`.
    #[arg(long)]
    redis: Option<String>,
    /// Of the primary and its replicas.
    #[arg(long, value_delimiter = ',')]
    redis_pids: Vec<u32>,
    /// Calls in flight, a row for each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    in_flight: Vec<usize>,
    /// Turns of each contestant in each row.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Of a turn.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Bytes of a value.
    #[arg(long, default_value_t = 100)]
    value: usize,
}

/// One caller of a contestant: one set after the other.
trait Setter: Send {
    fn set<'a>(&'a mut self, key: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<(), String>>;
}

/// A contestant.
struct Side {
    name: &'static str,
    pids: Vec<u32>,
    kind: Kind,
}

enum Kind {
    Holdfast(AsyncClient),
    Etcd(Etcd),
    Redis(String),
}

impl Setter for AsyncClient {
    fn set<'a>(&'a mut self, key: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let put = self.put(key.as_bytes(), value, None).await;
            put.map(drop).map_err(|error| error.to_string())
        }
        .boxed()
    }
}

impl Side {
    /// Callers that are in flight together: on one client where its protocol takes many calls at once, else on
    /// connections of their own.
    async fn setters(&self, count: usize) -> Result<Vec<Box<dyn Setter>>, String> {
        let mut setters: Vec<Box<dyn Setter>> = Vec::with_capacity(count);
        for _ in 0..count {
            setters.push(match &self.kind {
                Kind::Holdfast(client) => Box::new(client.clone()),
                Kind::Etcd(etcd) => Box::new(etcd.clone()),
                Kind::Redis(address) => Box::new(Redis::connect(address).await?),
            });
        }
        Ok(setters)
    }
}

/// Prints a row for each number of calls in flight.
///
/// # Errors
/// When a contestant cannot be reached, or refuses.
pub async fn beside(contestants: Contestants) -> Result<Report, String> {
    let mut report = Report::default();
    let mut sides = Vec::new();
    for class in ["cache", "coordination"] {
        sides.push(Side {
            name: if class == "cache" {
                "Holdfast, cache"
            } else {
                "Holdfast, coordination"
            },
            pids: contestants.holdfast_pids.clone(),
            kind: Kind::Holdfast(holdfast(&contestants.holdfast, class).await?),
        });
    }
    if !contestants.etcd.is_empty() {
        sides.push(Side {
            name: "etcd",
            pids: contestants.etcd_pids.clone(),
            kind: Kind::Etcd(Etcd::connect(&contestants.etcd).await?),
        });
    }
    if let Some(address) = &contestants.redis {
        sides.push(Side {
            name: "Redis, WAIT 1",
            pids: contestants.redis_pids.clone(),
            kind: Kind::Redis(address.clone()),
        });
    }
    report.say(format!(
        "sets of {} B, {} rounds of {} s",
        contestants.value, contestants.rounds, contestants.seconds
    ));
    for &in_flight in &contestants.in_flight {
        row(&contestants, &sides, in_flight, &mut report).await?;
    }
    Ok(report)
}

async fn holdfast(nodes: &str, class: &str) -> Result<AsyncClient, String> {
    let text = |error: holdfast_proto::Error| error.to_string();
    let settings = StoreSettings::from_pairs(&[("class", class)]).map_err(text)?;
    let client = AsyncClient::connect(&format!("holdfast://{nodes}/beside"), &[])
        .await
        .map_err(text)?;
    client.store(&format!("beside-{class}"), &settings).map_err(text)
}

async fn row(
    contestants: &Contestants,
    sides: &[Side],
    in_flight: usize,
    report: &mut Report,
) -> Result<(), String> {
    let time = Duration::from_secs(contestants.seconds);
    let mut turns: Vec<Vec<Turn>> = sides.iter().map(|_| Vec::new()).collect();
    let mut all = Vec::new();
    for side in sides {
        let setters = side.setters(in_flight).await?;
        let (warmed, _) = turn::take(setters, &side.pids, time / 2, contestants.value).await?;
        all.push(Some(warmed));
    }
    for _ in 0..contestants.rounds {
        for (place, side) in sides.iter().enumerate() {
            let setters = all[place].take().unwrap_or_default();
            let (setters, turn) = turn::take(setters, &side.pids, time, contestants.value).await?;
            all[place] = Some(setters);
            turns[place].push(turn);
        }
    }
    report.say(format!("{in_flight} in flight"));
    for (side, turns) in sides.iter().zip(&turns) {
        let name = side.name;
        report.say(format!(
            "  {name:<23} {:>8.0}/s   p50 {:>7.0} us   p99 {:>7.0} us   CPU {:>6.1} us (client {:.1})",
            median(turns, |turn| turn.per_second),
            median(turns, |turn| turn.p50.as_secs_f64() * 1e6),
            median(turns, |turn| turn.p99.as_secs_f64() * 1e6),
            median(turns, |turn| turn.cpu_us),
            median(turns, |turn| turn.client_cpu_us),
        ));
    }
    judge(sides, &turns, in_flight, report);
    Ok(())
}

/// The bars are of 64 in flight, and of the latency of one.
fn judge(sides: &[Side], turns: &[Vec<Turn>], in_flight: usize, report: &mut Report) {
    let of = |wanted: &str| {
        sides
            .iter()
            .position(|side| side.name.starts_with(wanted))
            .map(|at| &turns[at])
    };
    let Some(own) = of("Holdfast, cache") else {
        return;
    };
    let ratio = |other: &Vec<Turn>, figure: fn(&Turn) -> f64| median(own, figure) / median(other, figure);
    for (name, least) in [("etcd", 8.0), ("Redis", 1.0)] {
        let Some(other) = of(name) else { continue };
        let throughput = ratio(other, |turn| turn.per_second);
        let p50 = ratio(other, |turn| turn.p50.as_secs_f64());
        let line = format!("{throughput:.2} times the throughput of {name}, {p50:.2} times its p50");
        match (in_flight, name) {
            (64, _) => report.judge(
                throughput >= least,
                format!("{line} (bar {least} times the throughput)"),
            ),
            (1, "etcd") => report.judge(p50 <= 0.3, format!("{line} (bar 0.3 times the p50)")),
            _ => report.say(format!("       {line}")),
        }
    }
}

fn median(turns: &[Turn], figure: impl Fn(&Turn) -> f64) -> f64 {
    let mut figures: Vec<f64> = turns.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

fn spread(latencies: Vec<Duration>) -> Spread {
    Spread::of(latencies)
}
