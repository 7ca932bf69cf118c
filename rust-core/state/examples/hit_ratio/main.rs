//! Hit ratios of a cache store under a budget, beside exact LRU and W-TinyLFU.
//!
//! ```text
//! cargo run --release -p holdfast-state --example hit_ratio [REQUESTS [TRACE]]
//! ```
//! The store is the real one: eight groups of sixteen sub-maps with one budget over all, read and filled as a node does.
//! Every reference has room for exactly as many entries as the store's budget and no partitions. Ratios are percent of
//! the last two thirds of the requests.

mod reference;
mod store;
mod trace;

use reference::{Lru, WTinyLfu};
use store::SoloStore;

const CAPACITIES: [usize; 3] = [1_000, 10_000, 100_000];
const REQUESTS: usize = 6_000_000;

/// A cache that is asked for a key and takes it in when it does not have it.
trait Cache {
    /// Whether the key was there.
    fn request(&mut self, key: u32) -> bool;
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let requests = arguments
        .next()
        .map_or(REQUESTS, |text| text.parse().expect("REQUESTS is a number"));
    let only = arguments.next().unwrap_or_default();
    println!(
        "{:<10} {:>9} {:>10} {:>10} {:>10}",
        "trace", "capacity", "LRU", "W-TinyLFU", "Holdfast"
    );
    for (name, make) in trace::ALL.iter().filter(|(name, _)| name.contains(&only)) {
        for capacity in CAPACITIES {
            let keys = make(requests, capacity);
            let key_count = keys.iter().max().map_or(0, |key| *key as usize + 1);
            let lru = hit_ratio(&mut Lru::new(capacity, key_count), &keys);
            let lfu = hit_ratio(&mut WTinyLfu::new(capacity, key_count), &keys);
            let ours = hit_ratio(&mut SoloStore::new(capacity), &keys);
            println!("{name:<10} {capacity:>9} {lru:>10.2} {lfu:>10.2} {ours:>10.2}");
        }
    }
}

fn hit_ratio(cache: &mut dyn Cache, keys: &[u32]) -> f64 {
    let (warm_up, measured) = keys.split_at(keys.len() / 3);
    for key in warm_up {
        cache.request(*key);
    }
    let hits = measured.iter().filter(|key| cache.request(**key)).count();
    100.0 * hits as f64 / measured.len() as f64
}
