//! More is asked of a node than it can do.

mod offered;

use std::time::Duration;

use holdfast_faults::NodeProcess;

use crate::common::{connect, get, put, works_again};
use offered::{Measured, Offer, offer};

const CONNECTIONS: usize = 8;
/// Of each request: a node that works through a longer queue works for nobody.
const DEADLINE: Duration = Duration::from_millis(500);
/// What a node lets be under way on so many connections, 64 MiB on each.
const MOST_GROWTH: u64 = CONNECTIONS as u64 * (64 << 20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_three_times_its_load_a_node_refuses_by_name_keeps_its_memory_and_recovers() {
    let time = Duration::from_secs(2);
    overload(time, time).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn long_under_three_times_its_load_a_node_still_does_most_of_what_it_can() {
    let (peak, goodput) = overload(Duration::from_secs(5), Duration::from_secs(15)).await;
    assert!(
        goodput >= 0.7 * peak,
        "{goodput:.0} requests/s in time, {peak:.0} at the peak"
    );
}

/// Requests per second that were answered in time, without and with three times that load.
async fn overload(measure: Duration, overload: Duration) -> (f64, f64) {
    let node = NodeProcess::start(&[]).await;
    let client = connect(&node.store("load?class=cache")).await;
    put(&client, "key", &"v".repeat(100)).await;
    let all_at = |per_second, time| {
        offer(
            node.address(),
            Offer {
                connections: CONNECTIONS,
                per_second,
                deadline: DEADLINE,
                time,
            },
        )
    };

    let closed: Measured = all_at(None, measure).await;
    let peak = closed.in_time as f64 / measure.as_secs_f64();
    println!("peak: {peak:.0} requests/s ({closed:?})");
    assert_eq!(closed.unexpected, 0, "{closed:?}");

    let before = node.facts().resident();
    node.facts().forget_peak();
    let open = all_at(Some(3.0 * peak), overload).await;
    let goodput = open.in_time as f64 / overload.as_secs_f64();
    let grown = node.facts().peak().saturating_sub(before);
    println!(
        "three times that: {goodput:.0} requests/s in time, {:.0} %, memory grew by {} KiB ({open:?})",
        100.0 * goodput / peak,
        grown >> 10
    );
    assert_eq!(open.unexpected, 0, "refusals have their names: {open:?}");
    assert!(grown < MOST_GROWTH, "memory grew by {grown} bytes");

    works_again(&client).await;
    assert!(get(&client, "key").await.is_some());
    (peak, goodput)
}
