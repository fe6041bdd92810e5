//! Map by several tasks: against counters, and what readers and iterators must see.

mod common;
mod map_hash;

use common::{Dice, Mint, both};
use gort_sync::Map;
use map_hash::{MASKS, Masked};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// MAP-2: counters, one for each key, that all tasks add to, take out (a key that is not there
/// stands for 0) and put back. What was added and what was taken is what is left.
#[test]
fn map_counters_lose_nothing() {
    both(|world| {
        for mask in MASKS {
            let map: Arc<Map<u64, u64, Masked>> = Arc::new(Map::with_hasher(Masked(mask)));
            let tasks: Vec<_> = (0..4)
                .map(|task| {
                    let map = Arc::clone(&map);
                    world.go(move || {
                        let mut dice = Dice::new(task + 1);
                        let mut sums = [0_i64; 12];
                        for _ in 0..1500 {
                            let key = dice.roll(12);
                            let sum = &mut sums[key as usize];
                            match dice.roll(8) {
                                0..3 => {
                                    map.update(key, |n| Some(n.map_or(1, |n| n + 1)));
                                    *sum += 1;
                                }
                                3 => *sum -= map.remove(&key).map_or(0, |n| n as i64),
                                4 => {
                                    let old = map.insert(key, 5);
                                    *sum += 5 - old.map_or(0, |n| n as i64);
                                }
                                5 => {
                                    map.get_or_insert_with(key, || 0);
                                }
                                6 => {
                                    // Taken out if even.
                                    let old =
                                        map.update(key, |n| n.copied().filter(|n| n % 2 == 1));
                                    *sum -= old.filter(|n| n % 2 == 0).map_or(0, |n| n as i64);
                                }
                                _ => drop(map.get(&key)),
                            }
                        }
                        sums
                    })
                })
                .collect();
            let mut sums = [0_i64; 12];
            for task in tasks {
                task.join().iter().zip(&mut sums).for_each(|(n, sum)| *sum += n);
            }
            for (key, sum) in sums.iter().enumerate() {
                assert_eq!(map.get(&(key as u64)).unwrap_or(0) as i64, *sum, "key {key}");
            }
            assert_eq!(map.len(), map.iter().count());
        }
    });
}

/// A counter that only grows never goes back for any reader; a key that stays is never missed,
/// by a look or an iterator; and values are never torn or of another key.
#[test]
fn map_readers_see_no_past_and_miss_nobody() {
    both(|world| {
        for mask in MASKS {
            // Keys 0..8 stay and grow, 8..24 come and go around them.
            let map: Arc<Map<u64, (u64, u64), Masked>> = Arc::new(Map::with_hasher(Masked(mask)));
            (0..8).for_each(|key| map.set(key, (key, 0)));
            let stop = Arc::new(AtomicBool::new(false));
            let looks = Arc::new(AtomicU64::new(0));
            let readers: Vec<_> = (0..2)
                .map(|task| {
                    let (map, stop, looks) =
                        (Arc::clone(&map), Arc::clone(&stop), Arc::clone(&looks));
                    world.go(move || {
                        let mut dice = Dice::new(task + 77);
                        let mut last = [0_u64; 8];
                        while !stop.load(Ordering::Acquire) {
                            for _ in 0..20 {
                                let key = dice.roll(8);
                                let (owner, n) = map.get(&key).expect("it stays");
                                assert_eq!(owner, key);
                                assert!(
                                    n >= last[key as usize],
                                    "{n} after {}",
                                    last[key as usize]
                                );
                                last[key as usize] = n;
                            }
                            let mut met = [0; 24];
                            for (key, (owner, n)) in map.iter() {
                                assert_eq!(owner, key);
                                met[key as usize] += 1;
                                if let Some(last) = last.get_mut(key as usize) {
                                    assert!(n >= *last);
                                    *last = n;
                                }
                            }
                            assert!(met[..8].iter().all(|n| *n == 1), "{met:?}");
                            assert!(met[8..].iter().all(|n| *n <= 1), "{met:?}");
                            looks.fetch_add(1, Ordering::Release);
                            gort_sched::thread::yield_now();
                        }
                    })
                })
                .collect();
            let writers: Vec<_> = (0..2)
                .map(|task| {
                    let map = Arc::clone(&map);
                    let looks = Arc::clone(&looks);
                    world.go(move || {
                        let mut dice = Dice::new(task + 5);
                        let mut turns = 0;
                        while turns < 1500 || looks.load(Ordering::Acquire) < 20 {
                            turns += 1;
                            let (grows, comes) = (dice.roll(8), 8 + dice.roll(16));
                            map.update(grows, |old| old.map(|(key, n)| (*key, n + 1)));
                            match dice.roll(2) {
                                0 => map.set(comes, (comes, 0)),
                                _ => drop(map.remove(&comes)),
                            }
                            if turns % 16 == 0 {
                                gort_sched::thread::yield_now();
                            }
                        }
                    })
                })
                .collect();
            writers.into_iter().for_each(|task| task.join());
            stop.store(true, Ordering::Release);
            readers.into_iter().for_each(|task| task.join());
        }
    });
}

/// MAP-4: many first writes, one root.
#[test]
fn map_the_first_write_is_not_lost() {
    both(|world| {
        for _ in 0..50 {
            let map: Arc<Map<u64, u64>> = Arc::new(Map::new());
            let tasks: Vec<_> = (0..4)
                .map(|n| {
                    let map = Arc::clone(&map);
                    world.go(move || map.get_or_insert_with(n % 2, || n))
                })
                .collect();
            let got: Vec<u64> = tasks.into_iter().map(|task| task.join()).collect();
            assert_eq!(map.len(), 2);
            for (n, got) in got.iter().enumerate() {
                assert_eq!(map.get(&(n as u64 % 2)), Some(*got), "all got the one that won");
            }
        }
    });
}

/// Goroutines and clears: whatever is left is dropped with the map.
#[test]
fn map_clear_beside_writers() {
    both(|world| {
        let mint = Mint::default();
        let map = Arc::new(Map::with_hasher(Masked(!0)));
        let tasks: Vec<_> = (0..3)
            .map(|task| {
                let (map, mint) = (Arc::clone(&map), mint.clone());
                world.go(move || {
                    for n in 0..600_u64 {
                        map.set((n * (task + 3)) % 100, mint.coin(n));
                        if n % 100 == task * 10 {
                            map.clear();
                        }
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join());
        assert_eq!(map.len(), map.iter_len());
        map.clear();
        assert!(map.is_empty());
        drop(map);
    });
}

/// Counts by a walk, for values that are not `Clone`.
trait IterLen {
    fn iter_len(&self) -> usize;
}

impl<K, V, S> IterLen for Map<K, V, S> {
    fn iter_len(&self) -> usize {
        let mut len = 0;
        self.for_each(|_, _| len += 1);
        len
    }
}
