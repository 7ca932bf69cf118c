//! Made-up request sequences. The same on every run.

/// Keys that popularity is spread over.
const KEYS: usize = 1_000_000;
/// Keys of scans, after those.
const SCANNED_KEYS: u32 = 4_000_000;

/// Makes a sequence of so many requests, some of them fit to a capacity.
type Make = fn(usize, usize) -> Vec<u32>;

pub(crate) const ALL: [(&str, Make); 6] = [
    ("zipf-0.9", zipf),
    ("scan", scan),
    ("shift", shift),
    ("drift", drift),
    ("recency", recency),
    ("loop", circle),
];

/// Independent requests, the n-th most popular key n^0.9 times rarer than the first.
fn zipf(requests: usize, _: usize) -> Vec<u32> {
    let mut popularity = Zipf::new(1);
    (0..requests).map(|_| popularity.next()).collect()
}

/// The same, and now and then a scan of twice the capacity through rarely used keys: two of seven requests.
fn scan(requests: usize, capacity: usize) -> Vec<u32> {
    let (mut popularity, mut scanned) = (Zipf::new(2), 0);
    let round = capacity * 7;
    let next = |request: usize| {
        if request % round < capacity * 5 {
            return popularity.next();
        }
        scanned = (scanned + 1) % SCANNED_KEYS;
        KEYS as u32 + scanned
    };
    (0..requests).map(next).collect()
}

/// All keys change their popularity, twelve times.
fn shift(requests: usize, _: usize) -> Vec<u32> {
    let mut popularity = Zipf::new(3);
    let mut next = |request| (popularity.next() as usize + request * 12 / requests * 350_003) % KEYS;
    (0..requests).map(|request| next(request) as u32).collect()
}

/// Every 2,000 requests there is a new most popular key, and each other one is a rank less popular.
fn drift(requests: usize, _: usize) -> Vec<u32> {
    let mut popularity = Zipf::new(4);
    let mut next = |request| (popularity.next() as usize + KEYS - request / 2_000 % KEYS) % KEYS;
    (0..requests).map(|request| next(request) as u32).collect()
}

/// One request in four is for a new key, the others for one whose age has a long tail, as of news.
fn recency(requests: usize, capacity: usize) -> Vec<u32> {
    let mut random = Random(5);
    let next = |request: usize| {
        let newest = 1_000 + request / 4;
        let age = ((1.0 - random.fraction()).powf(-1.0 / 0.7) - 1.0) * capacity as f64 / 40.0;
        (newest - (age as usize).min(newest - 1)) as u32
    };
    (0..requests).map(next).collect()
}

/// Half as many keys again as there is room for, one after the other.
fn circle(requests: usize, capacity: usize) -> Vec<u32> {
    (0..requests)
        .map(|request| (request % (capacity * 3 / 2)) as u32)
        .collect()
}

/// Zipf's distribution with exponent 0.9.
struct Zipf {
    cumulative: Vec<f64>,
    random: Random,
}

impl Zipf {
    fn new(seed: u64) -> Zipf {
        let mut sum = 0.0;
        let weights = (1..=KEYS).map(|rank| (rank as f64).powf(-0.9));
        let mut cumulative: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|share| *share /= sum);
        Zipf {
            cumulative,
            random: Random(seed << 40),
        }
    }

    fn next(&mut self) -> u32 {
        let fraction = self.random.fraction();
        let rank = self.cumulative.partition_point(|share| *share < fraction);
        rank.min(KEYS - 1) as u32
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (mixed(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// SplitMix64's output function.
pub(crate) fn mixed(mut word: u64) -> u64 {
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}
