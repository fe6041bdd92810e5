//! Map by one task: against std's map, under panics, and what it drops.

mod common;
mod map_hash;

use common::{Dice, Mint};
use gort_sync::Map;
use map_hash::{MASKS, Masked};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Lets what was retired be dropped, as far as nobody is pinned for long.
fn drain() {
    for _ in 0..8 {
        crossbeam_epoch::pin().flush();
    }
}

/// Waits until `done`, while what was retired is dropped. Other tests of this process are pinned
/// now and then.
fn drain_until(done: impl Fn() -> bool) -> bool {
    (0..100_000).any(|_| {
        drain();
        std::thread::yield_now();
        done()
    })
}

// --- One task -------------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Op {
    Insert(u64, u32),
    Set(u64, u32),
    Remove(u64),
    Discard(u64),
    Get(u64),
    Contains(u64),
    GetOrInsert(u64, u32),
    /// Adds, where there is something.
    Add(u64, u32),
    /// Takes out what is odd, puts something where there is nothing.
    Flip(u64, u32),
    Clear,
    Look,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let key = 0..24_u64;
    let op = prop_oneof![
        6 => (key.clone(), any::<u32>()).prop_map(|(k, v)| Op::Insert(k, v)),
        3 => (key.clone(), any::<u32>()).prop_map(|(k, v)| Op::Set(k, v)),
        6 => key.clone().prop_map(Op::Remove),
        2 => key.clone().prop_map(Op::Discard),
        3 => key.clone().prop_map(Op::Get),
        1 => key.clone().prop_map(Op::Contains),
        2 => (key.clone(), any::<u32>()).prop_map(|(k, v)| Op::GetOrInsert(k, v)),
        2 => (key.clone(), any::<u32>()).prop_map(|(k, v)| Op::Add(k, v)),
        3 => (key, any::<u32>()).prop_map(|(k, v)| Op::Flip(k, v)),
        1 => prop_oneof![4 => Just(Op::Look), 1 => Just(Op::Clear)],
    ];
    proptest::collection::vec(op, 0..120)
}

fn sorted(items: impl IntoIterator<Item = (u64, u32)>) -> Vec<(u64, u32)> {
    let mut items: Vec<_> = items.into_iter().collect();
    items.sort_unstable();
    items
}

proptest! {
    /// Every operation returns what std's map does, and leaves the same.
    #[test]
    fn map_is_std_map(ops in ops(), mask in 0..MASKS.len(), sized in any::<bool>()) {
        let hasher = Masked(MASKS[mask]);
        let map = match sized {
            true => Map::with_capacity_and_hasher(300, hasher),
            false => Map::with_hasher(hasher),
        };
        let mut model: HashMap<u64, u32> = HashMap::new();
        for op in ops {
            match op {
                Op::Insert(k, v) => prop_assert_eq!(map.insert(k, v), model.insert(k, v)),
                Op::Set(k, v) => {
                    map.set(k, v);
                    model.insert(k, v);
                }
                Op::Remove(k) => prop_assert_eq!(map.remove(&k), model.remove(&k)),
                Op::Discard(k) => prop_assert_eq!(map.discard(&k), model.remove(&k).is_some()),
                Op::Get(k) => prop_assert_eq!(map.get(&k), model.get(&k).copied()),
                Op::Contains(k) => prop_assert_eq!(map.contains_key(&k), model.contains_key(&k)),
                Op::GetOrInsert(k, v) => {
                    prop_assert_eq!(map.get_or_insert_with(k, || v), *model.entry(k).or_insert(v));
                }
                Op::Add(k, v) => {
                    let old = map.update(k, |old| old.map(|old| old.wrapping_add(v)));
                    prop_assert_eq!(old, model.get(&k).copied());
                    model.entry(k).and_modify(|old| *old = old.wrapping_add(v));
                }
                Op::Flip(k, v) => {
                    let flip = |old: Option<&u32>| match old {
                        Some(old) if old % 2 == 1 => None,
                        Some(old) => Some(*old),
                        None => Some(v),
                    };
                    let old = model.get(&k).copied();
                    prop_assert_eq!(map.update(k, flip), old);
                    match flip(old.as_ref()) {
                        Some(v) => model.insert(k, v),
                        None => model.remove(&k),
                    };
                }
                Op::Clear => {
                    map.clear();
                    model.clear();
                }
                Op::Look => {
                    let mut seen = Vec::new();
                    map.for_each(|k, v| seen.push((*k, *v)));
                    prop_assert_eq!(sorted(seen), sorted(map.iter()));
                }
            }
            prop_assert_eq!(map.len(), model.len());
        }
        prop_assert_eq!(sorted(map.iter()), sorted(model));
    }
}

#[test]
fn map_many_keys_in_a_small_map_and_back() {
    let map = Map::new();
    assert!(map.is_empty() && map.iter().next().is_none());
    for n in 0..20_000_u64 {
        assert_eq!(map.insert(n, n + 1), None);
    }
    assert_eq!(map.len(), 20_000);
    assert!((0..20_000).all(|n| map.get(&n) == Some(n + 1)));
    assert_eq!(map.iter().map(|(k, _)| k).sum::<u64>(), 19_999 * 10_000);
    assert!((0..20_000).all(|n| map.remove(&n) == Some(n + 1)));
    assert!(map.is_empty() && map.iter().next().is_none());
    assert_eq!(map.get(&7), None);
}

#[test]
fn map_borrowed_keys_and_std_conversions() {
    let mut map: Map<String, u32> = [("a".to_string(), 1)].into_iter().collect();
    map.extend([("b".to_string(), 2)]);
    assert_eq!((map.get("a"), map.with("b", |n| n * 2), map.get("c")), (Some(1), Some(4), None));
    assert!(map.discard("b"));
    assert_eq!(format!("{map:?}"), r#"{"a": 1}"#);
    assert_eq!(Map::<u8, u8>::default().len(), 0);
}

#[test]
fn map_user_code_may_use_the_map() {
    let map: Map<u64, u64> = Map::new();
    let made = map.get_or_insert_with(1, || {
        map.set(2, 20);
        map.get_or_insert_with(1, || 11) + 1
    });
    assert_eq!(made, 11, "the inner call came first");
    map.with(&1, |_| map.set(1, 12));
    assert_eq!(map.get(&1), Some(12));
    let mut calls = 0;
    map.update(1, |seen| {
        calls += 1;
        if calls == 1 {
            map.set(1, 30);
        }
        seen.map(|n| n + 1)
    });
    assert_eq!((calls, map.get(&1)), (2, Some(31)), "the change between was seen");
    map.for_each(|k, _| assert!(map.discard(k)));
    assert!(map.is_empty());
}

// --- Panics ---------------------------------------------------------------------------------

thread_local! {
    static BROKEN: Cell<bool> = const { Cell::new(false) };
}

/// Panics in `eq` and `clone` while this thread is `BROKEN`.
#[derive(Debug)]
struct Brittle(u64);

fn crack() {
    BROKEN.with(|broken| assert!(!broken.get(), "broken"));
}

impl PartialEq for Brittle {
    fn eq(&self, other: &Self) -> bool {
        crack();
        self.0 == other.0
    }
}

impl Eq for Brittle {}

impl Hash for Brittle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

impl Clone for Brittle {
    fn clone(&self) -> Self {
        crack();
        Brittle(self.0)
    }
}

#[test]
fn map_a_panic_of_user_code_changes_nothing() {
    let map: Map<Brittle, Brittle, Masked> = Map::with_hasher(Masked(1));
    (0..6).for_each(|n| map.set(Brittle(n), Brittle(n)));
    let broken = |f: &dyn Fn()| {
        BROKEN.set(true);
        let result = catch_unwind(AssertUnwindSafe(f));
        BROKEN.set(false);
        assert!(result.is_err());
    };
    broken(&|| assert!(map.get(&Brittle(1)).is_some()));
    broken(&|| assert!(map.insert(Brittle(1), Brittle(9)).is_some()));
    broken(&|| map.set(Brittle(1), Brittle(9)));
    broken(&|| assert!(map.remove(&Brittle(1)).is_some()));
    broken(&|| assert_eq!(map.iter().count(), 6));
    let panics = catch_unwind(AssertUnwindSafe(|| map.update(Brittle(1), |_| panic!("broken"))));
    assert!(panics.is_err());
    let panics = catch_unwind(AssertUnwindSafe(|| map.for_each(|_, _| panic!("broken"))));
    assert!(panics.is_err());
    assert_eq!(map.len(), 6);
    assert!((0..6).all(|n| map.get(&Brittle(n)) == Some(Brittle(n))));
}

/// A panic of a value's destructor reaches whoever drops the map, after all else is dropped.
#[test]
fn map_a_panic_of_drop() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a destructor panics");
        }
    }
    let mint = Mint::default();
    let map = Map::new();
    map.set(1, (None, Some(Bomb)));
    (2..100).for_each(|n| map.set(n, (Some(mint.coin(n)), None)));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(map))).is_err());
    assert_eq!(mint.alive(), 0);

    let map = Map::new();
    map.set(1, Bomb);
    assert!(map.discard(&1), "dropped later, where its panic goes no further");
    drain();
}

#[test]
fn map_nobody_is_switched_out_while_pinned() {
    gort_sched::testing::run(1, || {
        let map: Map<u64, u64> = Map::new();
        map.set(1, 1);
        let ran = Arc::new(AtomicBool::new(false));
        let other = Arc::clone(&ran);
        let task = gort_sched::go(move || other.store(true, Ordering::SeqCst));
        map.with(&1, |_| {
            gort_sched::thread::yield_now();
            gort_sync::sleep_until(std::time::Instant::now());
            assert!(!ran.load(Ordering::SeqCst));
        });
        gort_sched::thread::yield_now();
        assert!(ran.load(Ordering::SeqCst));
        task.join().unwrap();
    });
}

#[test]
fn map_nobody_parks_while_pinned() {
    gort_sched::testing::run(1, || {
        let map: Map<u64, u64> = Map::new();
        map.set(1, 1);
        let parks = || gort_sync::sleep(std::time::Duration::from_millis(1));
        assert!(catch_unwind(AssertUnwindSafe(|| map.with(&1, |_| parks()))).is_err());
        let made = map.get_or_insert_with(2, || {
            parks();
            2
        });
        assert_eq!(made, 2);
        assert_eq!(map.len(), 2);
    });
}

// --- What is dropped ------------------------------------------------------------------------

/// MAP-3: each key and value is dropped once, whatever took it out. (A coin asserts that it is
/// not dropped twice.)
#[test]
fn map_everything_is_dropped_once() {
    for mask in MASKS {
        let mint = Mint::default();
        let map = Map::with_hasher(Masked(mask));
        let mut dice = Dice::new(mask | 1);
        for _ in 0..4000 {
            let n = dice.roll(60);
            match dice.roll(8) {
                0 | 1 => assert!(!map.discard(&n) || !map.contains_key(&n)),
                2 if dice.roll(100) == 0 => map.clear(),
                _ => map.set(n, mint.coin(n)),
            }
        }
        assert!(drain_until(|| mint.alive() == map.len()), "{} alive", mint.alive());
        drop(map);
        assert_eq!(mint.alive(), 0);
    }
}

/// MAP-1: what a reader is looking at is not dropped before it has done.
#[test]
fn map_a_reader_keeps_what_it_reads() {
    let mint = Mint::default();
    let map = Map::new();
    map.set(1, mint.coin(1));
    map.with(&1, |coin| {
        map.set(1, mint.coin(2));
        assert!(map.discard(&1));
        (0..300).for_each(|n| map.set(n + 10, mint.coin(n)));
        map.clear();
        drain();
        assert_eq!(coin.value, 1);
        assert_eq!(mint.alive(), 302);
    });
    assert!(drain_until(|| mint.alive() == 0));
}
