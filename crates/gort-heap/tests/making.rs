//! How a heap comes into being: its steps, its pools, and a cache that owns nothing yet.

use gort_heap::{Heap, HeapConfig, Kind, Linux};
use std::alloc::Layout;
use std::cell::RefCell;

thread_local! {
    static STEPS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

fn step(name: &'static str) {
    STEPS.with_borrow_mut(|steps| steps.push(name));
}

/// BOOT-6's order; each side of the heap has a page allocator of its own.
#[test]
fn steps() {
    let heap = Heap::with(Linux, HeapConfig { step, ..HeapConfig::SMALL }).unwrap();
    let made = ["self-checks", "heap lock", "pools", "central lists"];
    let side = ["page allocator", "arena hints"];
    let first: Vec<&str> = made.into_iter().chain(side).collect();
    assert_eq!(STEPS.take(), first);
    let _cache = heap.cache(Kind::Explicit).unwrap();
    assert_eq!(STEPS.take(), side);
}

#[test]
fn pools() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    let mut cache = heap.cache(Kind::Explicit).unwrap();
    assert!(cache.alloc(Layout::new::<u64>()).is_some());
    let pools = heap.pools();
    let table = pools.map(|pool| (pool.name, pool.row, pool.go));
    assert_eq!(
        table,
        [
            ("span", "spans", "MSpanSys"),
            ("cache", "caches", "MCacheSys"),
            ("special", "other", "OtherSys"),
            ("profile bucket", "profile", "BuckHashSys"),
        ]
    );
    assert_eq!(pools[0].record, 128, "two cache lines, as heap.md has it");
    assert!(pools.iter().all(|pool| pool.record % 8 == 0 && pool.record <= 16 << 10));
    // Spans are fetched by a stash of them; one cache was asked for.
    assert!(pools[0].made >= 1 && pools[1].made == 1 && pools[2].made == 0);
    let _second = heap.cache(Kind::Gc).unwrap();
    assert_eq!(heap.pools()[1].made, 2);
}

/// HEAP-11: nothing is filled before it is used.
#[test]
fn a_fresh_cache_owns_no_page() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    let caches = [heap.cache(Kind::Explicit).unwrap(), heap.cache(Kind::Gc).unwrap()];
    let stats = heap.stats();
    assert_eq!((stats.heap_in_use, stats.heap_free, stats.live_objects), (0, 0, 0));
    assert_eq!(heap.spans().count(), 0);
    drop(caches);
    heap.check().unwrap();
    heap.verify_stats().unwrap();
}
