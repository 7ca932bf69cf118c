//! Two of three nodes frozen: the rest refuses in time, and works again by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_client::remote::AsyncClient;
use holdfast_client::settings::StoreSettings;
use holdfast_proto::session::{Operation, RequestHeader};
use holdfast_proto::{Code, Error, Outcome};
use tokio::time::{Instant, sleep};

use crate::cluster::Cluster;
use crate::report::{Report, Spread};

const TIMEOUT: Duration = Duration::from_secs(1);
/// A call's end may come so much later than its deadline on a machine that is busy.
const GRACE: Duration = Duration::from_millis(250);
/// The rest has noticed by then.
const NOTICED: Duration = Duration::from_secs(2);
const FROZEN: Duration = Duration::from_secs(6);
const CALLERS: usize = 24;
const LONGEST_HEALING: Duration = Duration::from_secs(30);

/// How a call ended.
struct Ended {
    began: Instant,
    took: Duration,
    is_change: bool,
    result: Result<(), Error>,
}

/// Freezes two nodes, then lets them go on, `count` times; each node is the one that is left in turn.
///
/// # Errors
/// What could not be done.
pub async fn minority(count: usize) -> Result<Report, String> {
    let mut report = Report::default();
    let mut cluster = Cluster::start(3, &[]).await;
    let client = AsyncClient::connect(&cluster.store("minority"), &[])
        .await
        .map_err(|error| error.to_string())?;
    let cache = StoreSettings::from_pairs(&[("class", "cache")]).map_err(|error| error.to_string())?;
    let stores = [
        client.clone(),
        client
            .store("minority-cache", &cache)
            .map_err(|error| error.to_string())?,
    ];
    for store in &stores {
        store
            .put(b"before", b"1", None)
            .await
            .map_err(|error| error.to_string())?;
    }
    let (mut overrun, mut healed) = (Vec::new(), Vec::new());
    let mut codes: BTreeMap<String, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for turn in 0..count {
        let gone = [(turn + 1) % 3, (turn + 2) % 3];
        gone.iter().for_each(|&node| cluster.node(node).pause());
        let frozen = Instant::now();
        let calls: Vec<_> = (0..CALLERS)
            .map(|caller| {
                tokio::spawn(call_until(
                    stores[caller % 2].clone(),
                    caller,
                    frozen + FROZEN - TIMEOUT,
                ))
            })
            .collect();
        let mut ended = Vec::new();
        for calls in calls {
            ended.extend(calls.await.map_err(|error| error.to_string())?);
        }
        sleep((frozen + FROZEN).saturating_duration_since(Instant::now())).await;
        gone.iter().for_each(|&node| cluster.node(node).resume());
        healed.push(heals(&stores).await?);
        for call in ended {
            overrun.push(call.took.saturating_sub(TIMEOUT));
            let begun_after_notice = call.began >= frozen + NOTICED;
            *codes.entry(name(&call.result)).or_default() += 1;
            if begun_after_notice && !is_refused(&call) {
                wrong.push(format!(
                    "{} of a {}, begun {:?} after: {:?}",
                    name(&call.result),
                    if call.is_change { "change" } else { "read" },
                    call.began - frozen,
                    call.result.as_ref().err().map(ToString::to_string),
                ));
            }
        }
        cluster.all_ready().await;
    }
    let late = Spread::of(overrun);
    report.say(format!("how calls ended while two nodes were away: {codes:?}"));
    report.judge(
        late.most <= GRACE,
        format!("ended behind the deadline of {TIMEOUT:?} by: {late} (bar {GRACE:?})"),
    );
    report.judge(
        wrong.is_empty(),
        format!(
            "calls of that time that did not end as Unavailable: {} (bar 0) {:?}",
            wrong.len(),
            wrong
        ),
    );
    report.judge(
        true,
        format!(
            "healed by itself after the others were back: {}",
            Spread::of(healed)
        ),
    );
    Ok(report)
}

/// One call after the other, reads and changes in turn.
async fn call_until(client: AsyncClient, caller: usize, end: Instant) -> Vec<Ended> {
    let mut ended = Vec::new();
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        let is_change = (number + caller).is_multiple_of(2);
        let operation = if is_change { Operation::Put } else { Operation::Get };
        let request = RequestHeader {
            operation: operation as i32,
            ..RequestHeader::default()
        };
        let key = format!("key-{caller}-{number}");
        let began = Instant::now();
        let value: &[u8] = if is_change { b"value" } else { b"" };
        let result = client
            .call_within(Some(TIMEOUT), request, key.as_bytes(), value)
            .await;
        ended.push(Ended {
            began,
            took: began.elapsed(),
            is_change,
            result: result.map(drop),
        });
    }
    ended
}

/// A node of the minority must not claim to know what became of a change that it could not make.
fn is_refused(call: &Ended) -> bool {
    matches!(&call.result, Err(error) if error.code == Code::Unavailable
        && (call.is_change || error.outcome == Outcome::NotApplied))
}

fn name(result: &Result<(), Error>) -> String {
    match result {
        Ok(()) => "answered".to_owned(),
        Err(error) => format!("{} {:?}", error.code, error.outcome),
    }
}

/// How long until every store takes changes again.
async fn heals(stores: &[AsyncClient]) -> Result<Duration, String> {
    let began = Instant::now();
    for store in stores {
        for number in 0..32_u8 {
            loop {
                match store.put(&[b'h', number], b"1", None).await {
                    Ok(_) => break,
                    Err(error) if began.elapsed() > LONGEST_HEALING => {
                        return Err(format!("it does not heal: {error}"));
                    }
                    Err(_) => {}
                }
            }
        }
    }
    Ok(began.elapsed())
}
