//! BENCH-9: a map of 100,000 keys that eight tasks read and write, from one read for each write
//! to 99. The setting is `map` ([`Map`]) or `locked` (a [`HashMap`] in a [`Mutex`]).
//!
//! Figures: how long the first write takes to a map that was just made, cold and with its size
//! told; the median over many maps.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use gort::sync::{Map, Mutex, WaitGroup};
use gort_bench_kit::{Histogram, Random, Size, Wrong, fail, verify};

use crate::report::{figure, point};

const TASKS: u64 = 8;
const KEYS: u64 = 100_000;
const RATIOS: [u64; 5] = [1, 3, 9, 19, 99];
/// Operations of each task, for each ratio.
const OPERATIONS: Size = Size::new(1_000_000, 20_000);
/// Maps whose first write is measured, of each kind.
const MAPS: Size = Size::new(300, 20);

/// What the two have in common.
trait Shared: Sync + 'static {
    fn cold() -> Self;
    fn presized() -> Self;
    fn read(&self, key: u64) -> Option<u64>;
    fn write(&self, key: u64, value: u64);
    fn keys(&self) -> u64;
}

impl Shared for Map<u64, u64> {
    fn cold() -> Self {
        Map::new()
    }

    fn presized() -> Self {
        Map::with_capacity(KEYS as usize)
    }

    fn read(&self, key: u64) -> Option<u64> {
        self.get(&key)
    }

    fn write(&self, key: u64, value: u64) {
        self.set(key, value);
    }

    fn keys(&self) -> u64 {
        self.len() as u64
    }
}

type Locked = Mutex<HashMap<u64, u64>>;

/// With the map in the lock; no task panics while it holds it.
fn locked<R>(lock: &Locked, f: impl FnOnce(&mut HashMap<u64, u64>) -> R) -> R {
    f(&mut lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

impl Shared for Locked {
    fn cold() -> Self {
        Mutex::new(HashMap::new())
    }

    fn presized() -> Self {
        Mutex::new(HashMap::with_capacity(KEYS as usize))
    }

    fn read(&self, key: u64) -> Option<u64> {
        locked(self, |map| map.get(&key).copied())
    }

    fn write(&self, key: u64, value: u64) {
        locked(self, |map| map.insert(key, value));
    }

    fn keys(&self) -> u64 {
        locked(self, |map| map.len() as u64)
    }
}

pub(crate) fn run(setting: &str) -> Result<(), Wrong> {
    match setting {
        "map" => measure::<Map<u64, u64>>("map"),
        "locked" => measure::<Locked>("locked"),
        other => fail(format_args!("unknown setting '{other}'")),
    }
}

fn measure<M: Shared>(series: &str) -> Result<(), Wrong> {
    figure("first_write_cold", first_write(M::cold), "us");
    figure("first_write_presized", first_write(M::presized), "us");

    let map: &'static M = Box::leak(Box::new(M::presized()));
    let group: &'static WaitGroup = Box::leak(Box::new(WaitGroup::new()));
    (0..KEYS).for_each(|key| map.write(key, key));
    for reads in RATIOS {
        let start = Instant::now();
        group.add(TASKS as isize);
        for task in 0..TASKS {
            gort::go(move || {
                work(map, reads, task);
                group.done();
            });
        }
        group.wait();
        let operations = TASKS * OPERATIONS.get();
        point(series, reads as f64, operations as f64 / start.elapsed().as_secs_f64() / 1e6);
    }
    verify("number of keys", map.keys(), KEYS)?;
    // A value's remainder is its key.
    let wrong = (0..KEYS).filter(|key| map.read(*key).is_none_or(|value| value % KEYS != *key));
    verify("number of wrong values", wrong.count() as u64, 0)
}

/// One task's share: a write after each `reads` reads, all of keys by chance.
fn work(map: &impl Shared, reads: u64, task: u64) {
    let mut random = Random::new(task);
    for n in 0..OPERATIONS.get() {
        let key = random.below(KEYS);
        if n % (reads + 1) == reads {
            map.write(key, key + KEYS * n);
        } else {
            black_box(map.read(key));
        }
        if n % 1024 == 1023 {
            // Who never lets others run gets a thread of its own; then more threads than
            // processors would be measured.
            gort::thread::yield_now();
        }
    }
}

/// The median time of a first write, in microseconds.
fn first_write<M: Shared>(new: fn() -> M) -> f64 {
    let mut times = Histogram::new();
    for n in 0..MAPS.get() {
        let map = new();
        let start = Instant::now();
        map.write(n, n);
        times.record(start.elapsed().as_nanos() as u64);
        black_box(&map);
    }
    times.quantile(0.5) as f64 / 1e3
}
