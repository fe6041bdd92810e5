//! The heap profile against what was done: exactly at rate 1, within five standard deviations at others; and that hiding
//! slots from the fast paths (PROFILE-1) disturbs neither figures nor contents. Buckets (PROFILE-2) are told apart by stack.

mod common;

use common::{free, holds, is_marked, layout, mark, resize, take, write};
use gort_heap::profile::{DEFAULT_RATE, Scaled, stack};
use gort_heap::{Cache, Heap, HeapConfig, Kind, Linux, class_of, class_size};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ptr::NonNull;

fn slot(size: usize) -> usize {
    match class_of(size) {
        0 => size.next_multiple_of(8192),
        class => class_size(class),
    }
}

/// The cache of a place, made if there is none.
fn open<'c>(heap: &Heap, place: &'c mut Option<Cache>) -> &'c mut Cache {
    place.get_or_insert_with(|| heap.cache(Kind::Explicit).unwrap())
}

/// Sampled objects by size: allocated, freed.
fn sampled(heap: &Heap) -> BTreeMap<usize, (u64, u64)> {
    let mut sums = BTreeMap::new();
    heap.for_each_sample(|s| {
        let row: &mut (u64, u64) = sums.entry(s.size as usize).or_default();
        row.0 += s.alloc_objects;
        row.1 += s.free_objects;
    });
    sums
}

fn estimated(heap: &Heap) -> BTreeMap<usize, Scaled> {
    let mut sums: BTreeMap<usize, Scaled> = BTreeMap::new();
    heap.for_each_sample(|s| {
        let (row, more) = (sums.entry(s.size as usize).or_default(), s.scaled());
        row.alloc_objects += more.alloc_objects;
        row.inuse_objects += more.inuse_objects;
        row.alloc_bytes += more.alloc_bytes;
        row.inuse_bytes += more.inuse_bytes;
    });
    sums
}

#[derive(Clone, Debug)]
enum Op {
    Alloc { cache: usize, size: usize, zeroed: bool },
    Free { cache: usize, which: usize },
    Realloc { cache: usize, which: usize, size: usize },
    Flush { cache: usize },
    Drop { cache: usize },
    Trim,
}

fn op() -> impl Strategy<Value = Op> {
    let size = || prop_oneof![8 => 1..300usize, 2 => 300..33_000usize, 1 => 33_000..100_000usize];
    prop_oneof![
        8 => (0..3usize, size(), any::<bool>()).prop_map(|(cache, size, zeroed)| Op::Alloc { cache, size, zeroed }),
        6 => (0..3usize, any::<usize>()).prop_map(|(cache, which)| Op::Free { cache, which }),
        1 => (0..3usize, any::<usize>(), size()).prop_map(|(cache, which, size)| Op::Realloc { cache, which, size }),
        1 => (0..3usize).prop_map(|cache| Op::Flush { cache }),
        1 => (0..3usize).prop_map(|cache| Op::Drop { cache }),
        1 => Just(Op::Trim),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    /// At rate 1 the profile is an exact account, whoever frees what where.
    #[test]
    fn every_object(ops in prop::collection::vec(op(), 1..200)) {
        let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
        heap.set_profile_rate(1);
        let mut caches: Vec<Option<Cache>> = vec![None, None, None];
        let mut live: Vec<(NonNull<u8>, usize, u8)> = Vec::new();
        let mut want: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
        for (step, op) in ops.into_iter().enumerate() {
            let fill = step as u8 | 1;
            match op {
                Op::Alloc { cache: i, size, zeroed } => {
                    let c = open(&heap, &mut caches[i]);
                    let p = if zeroed { c.alloc_zeroed(layout(size)) } else { c.alloc(layout(size)) };
                    let p = p.unwrap();
                    if zeroed {
                        prop_assert!(holds(p, 0, size));
                    }
                    write(p, fill, size);
                    live.push((p, size, fill));
                    want.entry(slot(size)).or_default().0 += 1;
                }
                Op::Free { cache: i, which } => {
                    if live.is_empty() { continue }
                    let (p, size, fill) = live.swap_remove(which % live.len());
                    prop_assert!(holds(p, fill, size));
                    free(open(&heap, &mut caches[i]), p, size);
                    want.entry(slot(size)).or_default().1 += 1;
                }
                Op::Realloc { cache: i, which, size } => {
                    if live.is_empty() { continue }
                    let at = which % live.len();
                    let (p, old, fill) = live[at];
                    let q = resize(open(&heap, &mut caches[i]), p, old, size);
                    prop_assert!(holds(q, fill, old.min(size)));
                    write(q, fill, size);
                    live[at] = (q, size, fill);
                    if q != p {
                        want.entry(slot(old)).or_default().1 += 1;
                        want.entry(slot(size)).or_default().0 += 1;
                    } else if slot(old) != slot(size) {
                        // A large one that was cut or extended: counted under the size that it began with.
                        want.entry(slot(old)).or_default().1 += 1;
                        free(open(&heap, &mut caches[i]), q, size);
                        live.swap_remove(at);
                    }
                }
                Op::Flush { cache: i } => if let Some(c) = &mut caches[i] { c.flush() },
                Op::Drop { cache: i } => caches[i] = None,
                Op::Trim => { heap.free_os_memory(); }
            }
            heap.verify_stats().unwrap();
            // What is hidden is not in use.
            prop_assert_eq!(heap.stats().live_objects, live.len() as u64);
        }
        want.retain(|_, row| *row != (0, 0));
        prop_assert_eq!(sampled(&heap), want.clone());
        // When all is freed nothing is in use, and no page is flagged: frees of a second round miss no more than before.
        heap.set_profile_rate(0);
        let c = caches[0].get_or_insert_with(|| heap.cache(Kind::Explicit).unwrap());
        for (p, size, _) in live {
            free(c, p, size);
        }
        prop_assert!(sampled(&heap).values().all(|(allocs, frees)| allocs == frees));
        heap.check().unwrap();
    }
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % n
    }
}

/// What a mix does: for each of its sizes, objects allocated and those left.
fn mix(heap: &Heap, rate: u64) -> BTreeMap<usize, (u64, u64)> {
    heap.set_profile_rate(rate);
    let mut a = heap.cache(Kind::Explicit).unwrap();
    let mut b = heap.cache(Kind::Explicit).unwrap();
    let mut done = BTreeMap::new();
    let mut count = |size: usize, allocs: u64, left: u64| {
        let row: &mut (u64, u64) = done.entry(slot(size)).or_default();
        *row = (row.0 + allocs, row.1 + left);
    };
    // One at a time, freed at once: never more than one slot of the array moves.
    for _ in 0..60_000 {
        let p = a.alloc(layout(32)).unwrap();
        free(&mut a, p, 32);
    }
    count(32, 60_000, 0);
    // Batches that are kept.
    for _ in 0..20_000 {
        a.alloc(layout(96)).unwrap();
    }
    count(96, 20_000, 20_000);
    // Batches that are freed, some by another cache.
    for _ in 0..20 {
        let batch: Vec<_> = (0..1000).map(|_| a.alloc(layout(200)).unwrap()).collect();
        for (i, p) in batch.into_iter().enumerate() {
            free(if i % 3 == 0 { &mut b } else { &mut a }, p, 200);
        }
    }
    count(200, 20_000, 0);
    // Old ones replaced at random.
    let mut rng = Rng(5);
    let mut slots: Vec<_> = (0..2000).map(|_| a.alloc(layout(64)).unwrap()).collect();
    for _ in 0..30_000 {
        let at = rng.below(slots.len());
        free(&mut a, slots[at], 64);
        slots[at] = a.alloc(layout(64)).unwrap();
    }
    count(64, 32_000, 2000);
    // Through the other entrances.
    for i in 0..6000 {
        let p = a.alloc_zeroed(layout(400)).unwrap();
        if i % 2 == 0 {
            free(&mut a, p, 400);
        }
    }
    count(400, 6000, 3000);
    // Large ones, of which nearly each is a sample at small rates.
    for i in 0..200 {
        let p = b.alloc(layout(40_000)).unwrap();
        if i % 4 != 0 {
            free(&mut b, p, 40_000);
        }
    }
    count(40_000, 200, 50);
    heap.verify_stats().unwrap();
    let sums = done.values().fold((0, 0), |(a, b), row| (a + row.0, b + row.1));
    let s = heap.stats();
    assert_eq!((s.mallocs, s.live_objects), sums);
    done
}

fn near(what: &str, got: u64, n: u64, chance: f64) {
    let deviation = (n as f64 * (1.0 - chance) / chance).sqrt();
    let off = got as f64 - n as f64;
    assert!(
        off.abs() <= 5.0 * deviation + 1.0,
        "{what}: {got} for {n}, standard deviation {deviation:.1}"
    );
}

/// No way of allocating is seen more or less often than it is.
#[test]
fn estimates_are_unbiased() {
    for rate in [512, 4096, 20_000] {
        let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
        let done = mix(&heap, rate);
        let got = estimated(&heap);
        for (size, (allocs, left)) in done {
            let chance = 1.0 - (-(size as f64) / rate as f64).exp();
            let row = got.get(&size).copied().unwrap_or_default();
            near(
                &format!("rate {rate}, size {size}, allocated"),
                row.alloc_objects,
                allocs,
                chance,
            );
            near(&format!("rate {rate}, size {size}, in use"), row.inuse_objects, left, chance);
        }
        heap.check().unwrap();
    }
}

/// The collector's objects: sampled at refills, ended by sweeps; hidden slots are no objects, and are coloured like others.
#[test]
fn the_collectors_side() {
    for (rate, black) in [(1, false), (1000, false), (1000, true), (7, true)] {
        let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
        let mut cache = heap.cache(Kind::Gc).unwrap();
        for _ in 0..10 {
            take(&mut cache, 48); // From before the profile: not sampled, whatever the rate.
        }
        cache.flush();
        heap.set_profile_rate(rate);
        cache.set_black(black);
        let n = 20_000;
        let objects: Vec<_> = (0..n)
            .map(|i| {
                if i == n / 2 {
                    cache.set_black(false);
                    cache.set_black(black);
                }
                take(&mut cache, 48)
            })
            .collect();
        let large: Vec<_> = (0..20).map(|_| cache.take_large(50_000, true).unwrap().ptr).collect();
        for p in &objects {
            assert_eq!(is_marked(&heap, *p), black);
        }
        // What was not handed out is none: only ours are.
        let next = objects[n as usize - 1].as_ptr() as usize + 48;
        assert!(heap.find_object(next).is_none_or(|o| objects.contains(&o.base)));
        heap.verify_stats().unwrap();
        let chance = 1.0 - (-48.0 / rate as f64).exp();
        let count = |heap: &Heap| {
            let all = estimated(heap);
            let (small, large) = (all.get(&48), all.get(&57_344));
            (small.copied().unwrap_or_default(), large.copied().unwrap_or_default())
        };
        let (small, big) = count(&heap);
        near("allocated", small.alloc_objects, n, chance);
        near("in use", small.inuse_objects, n, chance);
        assert_eq!(big.inuse_objects, 20);
        // A third lives on.
        cache.set_black(false);
        if !black {
            for p in objects.iter().step_by(3).chain(&large[..5]) {
                mark(&heap, *p);
            }
        }
        heap.advance_sweepgen();
        cache.flush();
        while heap.sweep_one().is_some() {}
        let (small, big) = count(&heap);
        let (left, left_big) = if black { (n, 20) } else { (n.div_ceil(3), 5) };
        near("left", small.inuse_objects, left, chance);
        assert_eq!(big.inuse_objects, left_big);
        heap.check().unwrap();
        heap.verify_stats().unwrap();
        heap.advance_sweepgen();
        cache.flush();
        while heap.sweep_one().is_some() {}
        assert!(sampled(&heap).values().all(|(allocs, frees)| allocs == frees));
        heap.verify_stats().unwrap();
    }
}

#[inline(never)]
fn one_way(c: &mut Cache) -> NonNull<u8> {
    std::hint::black_box(c.alloc(layout(80)).unwrap())
}

#[inline(never)]
fn other_way(c: &mut Cache) -> NonNull<u8> {
    std::hint::black_box(c.alloc(layout(80)).unwrap())
}

/// Buckets are told apart by their stacks, and what is freed leaves its own.
#[test]
fn stacks_are_told_apart() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    heap.set_profile_rate(1);
    let mut c = heap.cache(Kind::Explicit).unwrap();
    let one: Vec<_> = (0..300).map(|_| one_way(&mut c)).collect();
    for _ in 0..500 {
        other_way(&mut c);
    }
    for p in one {
        free(&mut c, p, 80);
    }
    let mut rows = Vec::with_capacity(16);
    let around = |f: fn(&mut Cache) -> NonNull<u8>, stack: &[usize]| {
        let at = f as usize;
        stack.iter().any(|pc| (at..at + 512).contains(pc))
    };
    heap.for_each_sample(|s| {
        assert!(s.stack.len() > 3 && s.stack.len() <= stack::DEPTH);
        let (one, other) = (around(one_way, s.stack), around(other_way, s.stack));
        rows.push((one, other, s.alloc_objects, s.inuse_objects()));
    });
    let sum = |pick: fn(&(bool, bool, u64, u64)) -> bool| {
        let rows = rows.iter().filter(|r| pick(r));
        rows.fold((0, 0), |(a, b), r| (a + r.2, b + r.3))
    };
    // The two functions may lie next to each other, so that a window around one reaches into the other.
    if rows.iter().all(|r| r.0 != r.1) {
        assert_eq!((sum(|r| r.0), sum(|r| r.1)), ((300, 0), (500, 500)));
    }
    assert_eq!(sum(|_| true), (800, 500));
    assert!(rows.len() >= 2);
}

/// On and off and on: what was sampled stays counted under its rate, what was not stays unseen.
#[test]
fn the_rate_changes() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    let mut c = heap.cache(Kind::Explicit).unwrap();
    assert_eq!(heap.profile_rate(), 0);
    let unseen: Vec<_> = (0..100).map(|_| c.alloc(layout(80)).unwrap()).collect();
    assert!(sampled(&heap).is_empty());
    for p in unseen {
        free(&mut c, p, 80);
    }
    heap.set_profile_rate(1);
    // The array is full of slots: the cache takes the rate over when it misses.
    let first: Vec<_> = (0..1000).map(|_| c.alloc(layout(80)).unwrap()).collect();
    let (seen, _) = sampled(&heap)[&80];
    assert!((800..=1000).contains(&seen), "{seen}");
    heap.set_profile_rate(DEFAULT_RATE);
    c.flush();
    heap.set_profile_rate(0);
    let second: Vec<_> = (0..1000).map(|_| c.alloc(layout(80)).unwrap()).collect();
    assert_eq!(sampled(&heap)[&80], (seen, 0));
    for p in first {
        free(&mut c, p, 80);
    }
    assert_eq!(sampled(&heap)[&80], (seen, seen));
    heap.set_profile_rate(1);
    for p in second {
        free(&mut c, p, 80);
    }
    drop(c);
    // A cache from the pool, in which the profile was on.
    let mut c = heap.cache(Kind::Explicit).unwrap();
    c.alloc(layout(80)).unwrap();
    assert_eq!(sampled(&heap)[&80], (seen + 1, seen));
    assert!(heap.stats().profile > 0);
    heap.check().unwrap();
    heap.verify_stats().unwrap();
}

/// One over the chance that an object is a sample.
#[test]
fn scales() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    heap.set_profile_rate(1000);
    let mut c = heap.cache(Kind::Explicit).unwrap();
    for _ in 0..20_000 {
        c.alloc(layout(64)).unwrap();
    }
    let mut n = 0;
    heap.for_each_sample(|s| {
        // 1 / (1 - e^-0.064)
        assert!((s.scale() - 16.13).abs() < 0.01, "{}", s.scale());
        assert_eq!(s.scaled().alloc_bytes, (s.alloc_bytes() as f64 * s.scale()).round() as u64);
        n += s.alloc_objects;
    });
    near("samples", (n as f64 * 16.13) as u64, 20_000, 0.062);
}
