use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use proptest::prelude::*;

use super::balance::EvictionBalance;
use super::queue::{Kind, Links};
use super::queues::EvictionQueues;
use super::{HOTTEST, Nodes, Removal, heat_after_overwrite, warm};

struct Node {
    key: u64,
    size: u64,
    links: Links,
    heat: AtomicU8,
}

#[derive(Default)]
struct Slab {
    nodes: Vec<Option<Node>>,
}

impl Slab {
    fn node(&self, id: u32) -> &Node {
        self.nodes[id as usize].as_ref().expect("the node is in use")
    }

    fn bytes(&self) -> u64 {
        self.nodes.iter().flatten().map(|node| node.size).sum()
    }
}

impl Nodes for Slab {
    fn links(&self, id: u32) -> Links {
        self.node(id).links
    }

    fn set_links(&mut self, id: u32, links: Links) {
        self.nodes[id as usize]
            .as_mut()
            .expect("the node is in use")
            .links = links;
    }

    fn hash(&self, id: u32) -> u64 {
        hash(self.node(id).key)
    }

    fn size(&self, id: u32) -> u64 {
        self.node(id).size
    }

    fn heat(&self, id: u32) -> &AtomicU8 {
        &self.node(id).heat
    }
}

fn hash(key: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64(&key.to_le_bytes())
}

/// A store reduced to its eviction: keys of 100 bytes unless a test says otherwise.
struct Cache {
    balance: Arc<EvictionBalance>,
    sub_maps: Vec<(Slab, EvictionQueues)>,
}

const SIZE: u64 = 100;

impl Cache {
    fn new(sub_maps: usize) -> Cache {
        let balance = Arc::new(EvictionBalance::new(sub_maps));
        let sub_map = |index| (Slab::default(), EvictionQueues::new(Arc::clone(&balance), index));
        Cache {
            sub_maps: (0..sub_maps).map(sub_map).collect(),
            balance,
        }
    }

    fn index(&self, key: u64) -> usize {
        hash(key) as usize % self.sub_maps.len()
    }

    fn find(&self, key: u64) -> Option<u32> {
        let nodes = &self.sub_maps[self.index(key)].0.nodes;
        let found = nodes
            .iter()
            .position(|node| node.as_ref().is_some_and(|node| node.key == key));
        found.map(|id| id as u32)
    }

    fn put(&mut self, key: u64, size: u64, pinned: bool) {
        let (found, index) = (self.find(key), self.index(key));
        let (slab, queues) = &mut self.sub_maps[index];
        if let Some(id) = found {
            let node = slab.nodes[id as usize].as_mut().expect("it was found");
            let old_size = std::mem::replace(&mut node.size, size);
            *node.heat.get_mut() = heat_after_overwrite(*node.heat.get_mut());
            queues.overwrite(slab, id, old_size, pinned);
            return;
        }
        let node = Node {
            key,
            size,
            links: Links::default(),
            heat: AtomicU8::new(0),
        };
        let free = slab.nodes.iter().position(Option::is_none);
        let id = free.unwrap_or(slab.nodes.len());
        if id == slab.nodes.len() {
            slab.nodes.push(None);
        }
        slab.nodes[id] = Some(node);
        queues.insert(slab, id as u32, pinned);
    }

    fn read(&self, key: u64) -> bool {
        let found = self.find(key);
        if let Some(id) = found {
            warm(self.sub_maps[self.index(key)].0.heat(id));
        }
        found.is_some()
    }

    fn remove(&mut self, key: u64, why: Removal) {
        if let Some(id) = self.find(key) {
            let index = self.index(key);
            let (slab, queues) = &mut self.sub_maps[index];
            queues.remove(slab, id, why);
            slab.nodes[id as usize] = None;
        }
    }

    /// The keys chosen, and the bytes they are said to make up.
    fn choose(&mut self, bytes: u64) -> (Vec<u64>, u64) {
        let (sub_maps, mut keys) = (&mut self.sub_maps, Vec::new());
        let chosen = self.balance.gather(bytes, |index, turn| {
            let (slab, queues) = &mut sub_maps[index];
            let mut ids = Vec::new();
            let chosen = queues.choose(slab, turn, &mut ids);
            keys.extend(ids.into_iter().map(|id| slab.node(id).key));
            chosen
        });
        (keys, chosen)
    }

    fn evict(&mut self, bytes: u64) -> Vec<u64> {
        let (keys, _) = self.choose(bytes);
        for key in &keys {
            self.remove(*key, Removal::Evicted);
        }
        keys
    }

    /// What a client of a cache with a budget does: read, and put what is not there.
    fn use_key(&mut self, key: u64, budget: u64) -> bool {
        let hit = self.read(key);
        if !hit {
            self.put(key, SIZE, false);
            let bytes: u64 = self.sub_maps.iter().map(|(slab, _)| slab.bytes()).sum();
            if bytes > budget {
                self.evict(bytes - budget);
            }
        }
        hit
    }

    fn validate(&self) {
        for (slab, queues) in &self.sub_maps {
            assert_eq!(queues.validate(slab, slab.bytes()), Ok(()));
        }
    }
}

#[test]
fn a_scan_does_not_flush_the_hot_set() {
    let mut cache = Cache::new(16);
    let budget = 400 * SIZE;
    for _ in 0..4 {
        for key in 0..300 {
            cache.use_key(key, budget);
        }
    }
    for key in 1_000..3_000 {
        cache.use_key(key, budget);
    }
    let kept = (0..300).filter(|key| cache.find(*key).is_some()).count();
    assert!(kept >= 290, "{kept} of 300 survived");
    cache.validate();
}

#[test]
fn a_pinned_entry_is_never_chosen() {
    let mut cache = Cache::new(4);
    for key in 0..100 {
        cache.put(key, SIZE, key % 2 == 0);
    }
    let (chosen, bytes) = cache.choose(u64::MAX);
    assert_eq!(
        chosen.iter().copied().collect::<BTreeSet<_>>(),
        (0..100).filter(|key| key % 2 == 1).collect()
    );
    assert_eq!(bytes, 50 * SIZE);
    cache.validate();
}

#[test]
fn an_overwrite_pins_and_unpins() {
    let mut cache = Cache::new(1);
    cache.put(1, SIZE, false);
    cache.put(1, SIZE, true);
    assert_eq!(cache.choose(1), (vec![], 0));
    cache.put(1, 3 * SIZE, false);
    cache.validate();
    assert_eq!(cache.evict(1), [1]);
}

#[test]
fn victims_cover_the_bytes_asked_for() {
    let mut cache = Cache::new(16);
    for key in 0..1_000 {
        cache.put(key, 50 + key % 100, false);
    }
    for bytes in [1, 100, 5_000, 20_000] {
        let (keys, chosen) = cache.choose(bytes);
        let sum: u64 = keys.iter().map(|key| 50 + key % 100).sum();
        assert_eq!(sum, chosen);
        assert!(chosen >= bytes && chosen < bytes + 150, "{chosen} for {bytes}");
    }
}

#[test]
fn victims_that_cannot_cover_the_bytes_say_what_they_cover() {
    let mut cache = Cache::new(16);
    for key in 0..20 {
        cache.put(key, SIZE, false);
    }
    assert_eq!(cache.choose(21 * SIZE).1, 20 * SIZE);
    assert_eq!(cache.balance.evictable_bytes(), 0);
    assert_eq!(cache.choose(1), (vec![], 0));
}

#[test]
fn a_chosen_entry_is_chosen_again_only_after_a_recall() {
    let mut cache = Cache::new(2);
    for key in 0..10 {
        cache.put(key, SIZE, false);
    }
    let (first, _) = cache.choose(4 * SIZE);
    let (second, _) = cache.choose(u64::MAX);
    assert_eq!(first.iter().chain(&second).collect::<BTreeSet<_>>().len(), 10);
    for (slab, queues) in &mut cache.sub_maps {
        queues.recall(slab);
    }
    cache.validate();
    assert_eq!(cache.choose(u64::MAX).1, 10 * SIZE);
}

#[test]
fn an_entry_overwritten_on_its_way_out_is_kept_as_a_used_one() {
    let mut cache = Cache::new(1);
    for key in 0..4 {
        cache.put(key, SIZE, false);
    }
    let (chosen, _) = cache.choose(1);
    cache.put(chosen[0], SIZE, false);
    let id = cache.find(chosen[0]).expect("nothing removed it");
    assert_eq!(cache.sub_maps[0].0.links(id).kind(), Kind::Main);
    cache.validate();
}

#[test]
fn a_read_in_the_window_saves_an_entry() {
    let mut cache = Cache::new(1);
    for key in 0..20 {
        cache.put(key, SIZE, false);
    }
    cache.read(0);
    assert_eq!(cache.evict(3 * SIZE), [1, 2, 3]);
}

#[test]
fn a_key_that_comes_back_soon_after_its_eviction_enters_main() {
    let mut cache = Cache::new(1);
    for key in 0..20 {
        cache.put(key, SIZE, false);
    }
    assert_eq!(cache.evict(1), [0]);
    cache.put(0, SIZE, false);
    let id = cache.find(0).expect("it was put");
    assert_eq!(cache.sub_maps[0].0.links(id).kind(), Kind::Main);
    cache.remove(0, Removal::Gone);
    cache.put(0, SIZE, false);
    let id = cache.find(0).expect("it was put");
    assert_eq!(cache.sub_maps[0].0.links(id).kind(), Kind::Window);
}

#[test]
fn many_sub_maps_evict_in_the_order_of_one_queue() {
    let mut cache = Cache::new(16);
    for key in 0..3_200 {
        cache.put(key, SIZE, false);
    }
    let evicted = cache.evict(1_600 * SIZE);
    // What came first goes first, to within the store's new entries and one epoch.
    let late = evicted.iter().filter(|key| **key > 1_600 + 3_200 / 16).count();
    assert!(late <= 3_200 / 20, "{late} of 1600 victims came late");
}

#[test]
fn a_victim_is_found_without_walking_a_hot_sub_map() {
    let mut cache = Cache::new(1);
    for key in 0..2_000 {
        cache.put(key, SIZE, false);
        for _ in 0..3 {
            cache.read(key);
        }
    }
    assert_eq!(cache.evict(1).len(), 1);
    let slab = &cache.sub_maps[0].0;
    let cooled = slab
        .nodes
        .iter()
        .flatten()
        .filter(|node| node.heat.load(Relaxed) < HOTTEST)
        .count();
    assert!(cooled <= 128, "{cooled} entries were looked at");
}

#[test]
fn recency_widens_the_window_and_skew_narrows_it() {
    let budget = 200 * SIZE;
    let mut recent = Cache::new(4);
    // Each key comes back once, a little after a window of the first size has let go of it.
    for step in 0..20_000_u64 {
        recent.use_key(step, budget);
        if let Some(again) = step.checked_sub(30) {
            recent.use_key(again, budget);
        }
    }
    let mut skewed = Cache::new(4);
    for step in 0..40_000_u64 {
        let (key, bound) = (hash(2 * step), hash(2 * step + 1));
        skewed.use_key(key % (1 + bound % 2_000), budget);
    }
    let (wide, narrow) = (
        recent.balance.window_target(1_000),
        skewed.balance.window_target(1_000),
    );
    assert!(wide > 100, "{wide} of 1000");
    assert!(narrow < 40, "{narrow} of 1000");
    recent.validate();
    skewed.validate();
}

#[test]
fn hits_are_more_than_those_of_exact_lru_on_skewed_popularity_with_and_without_scans() {
    const ENTRIES: usize = 256;
    for scans in [false, true] {
        let mut cache = Cache::new(16);
        let mut recent: VecDeque<u64> = VecDeque::new();
        let (mut hits, mut lru_hits) = (0, 0);
        for step in 0..40_000_u64 {
            let mut key = hash(2 * step) % (1 + hash(2 * step + 1) % 4_000);
            if scans && step % 1_000 >= 700 {
                key = 10_000 + step;
            }
            hits += usize::from(cache.use_key(key, ENTRIES as u64 * SIZE));
            let place = recent.iter().position(|used| *used == key);
            lru_hits += usize::from(place.is_some());
            recent.remove(place.unwrap_or(ENTRIES));
            recent.push_front(key);
        }
        assert!(
            hits > lru_hits * 21 / 20,
            "{hits}, LRU {lru_hits}, scans: {scans}"
        );
        cache.validate();
    }
}

#[test]
fn an_entry_larger_than_the_window_is_not_its_own_victim() {
    let mut cache = Cache::new(4);
    for key in 0..100 {
        cache.put(key, SIZE, false);
    }
    cache.evict(20 * SIZE);
    cache.put(1_000, 30 * SIZE, false);
    cache.evict(30 * SIZE);
    assert!(cache.find(1_000).is_some());
}

#[test]
fn the_same_calls_choose_the_same_victims() {
    let run = || {
        let mut cache = Cache::new(16);
        let mut victims = Vec::new();
        for step in 0..5_000_u64 {
            let key = hash(step) % (1 + hash(step + 7) % 900);
            if !cache.read(key) {
                cache.put(key, SIZE + key % 7, false);
            }
            if step > 300 {
                victims.extend(cache.evict(SIZE / 2));
            }
        }
        victims
    };
    assert_eq!(run(), run());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sizes_and_queues_agree_after_any_calls(steps in prop::collection::vec((0..7_u8, 0..60_u64, 1..500_u64), 1..400)) {
        let mut cache = Cache::new(3);
        for (step, key, size) in steps {
            match step {
                0 | 1 => cache.put(key, size, key % 11 == 0),
                2 => drop(cache.read(key)),
                3 => cache.remove(key, Removal::Gone),
                4 => drop(cache.evict(size)),
                5 => drop(cache.choose(size)),
                _ => for (slab, queues) in &mut cache.sub_maps {
                    queues.recall(slab);
                },
            }
            cache.validate();
        }
    }
}
