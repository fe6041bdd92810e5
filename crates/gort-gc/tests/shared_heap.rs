//! One heap, two clients: the process-wide collector and the process's allocator share spans, figures and the limit.
#![cfg(not(loom))]

use gort_gc::{Field, Root, Trace};
use gort_heap::{ClassStats, GortAlloc, Kind, class::CLASSES};

#[global_allocator]
static ALLOCATOR: GortAlloc = GortAlloc;

#[derive(Trace)]
struct Node {
    key: usize,
    next: Field<Node>,
}

fn live(kind: Kind) -> u64 {
    let mut rows = [ClassStats::default(); CLASSES];
    GortAlloc::heap().expect("in use").by_class(kind, &mut rows);
    rows.iter().map(|row| row.live_bytes).sum()
}

/// One test, since the process has one heap: other tests' allocations would disturb the figures.
#[test]
fn two_clients() {
    let heap = GortAlloc::heap().expect("the test harness has allocated");
    assert_eq!(heap.gc_range(), (0, 0), "no collector yet");
    assert!(heap.stats().explicit_in_use > 0);

    // The collector moves in, and leaves the allocator's limit alone: its objects are the heap's, beside those of the allocator.
    GortAlloc::set_memory_limit(Some(1 << 40));
    let mu = gort_gc::pin();
    assert_eq!(heap.limit(), Some(1 << 40));
    let (base, shift) = heap.gc_range();
    let node = mu.alloc(NodeInit { key: 1, next: None });
    assert_eq!(core::ptr::from_ref(&*node).addr() >> shift, base >> shift);
    assert!(heap.contains(core::ptr::from_ref(&*node).addr()));
    let boxed = Box::new(7u64);
    assert!(heap.contains(core::ptr::from_ref(&*boxed).addr()));
    let root = Root::new(&mu, node);
    drop(mu);

    // Neither counts the other's objects as its own.
    let before = (live(Kind::Explicit), gort_gc::stats().alloc_bytes);
    let block = vec![1u8; 40 << 20];
    assert!(live(Kind::Explicit) >= before.0 + (40 << 20));
    assert_eq!(gort_gc::stats().alloc_bytes, before.1);
    assert!(gort_gc::stats().committed >= 40 << 20, "the whole heap");
    heap.check().expect("invariants");

    // The limit counts both: with 40 MiB of blocks it leaves the collector what is left of 64 MiB.
    assert_eq!(gort_gc::set_gc_percent(None), Some(100));
    assert_eq!(gort_gc::set_memory_limit(Some(64 << 20)), None);
    assert_eq!(heap.limit(), Some(64 << 20));
    let cycles = gort_gc::stats().cycles;
    for round in 0.. {
        let mu = gort_gc::pin();
        let slice = mu.alloc_slice::<Node>(32 << 10).expect("soft limits fail nothing");
        assert_eq!(slice.len(), 32 << 10, "{round}");
        drop(mu);
        // The limit alone starts cycles. How far a run goes beyond the goal is the machine's affair; where the goal lies
        // is not.
        if gort_gc::stats().cycles > cycles + 2 {
            break;
        }
    }
    let goal = gort_gc::stats().goal_bytes;
    assert!((1 << 20..=24 << 20).contains(&goal), "{goal} bytes beside 40 MiB of blocks");
    assert_eq!(gort_gc::set_memory_limit(None), Some(64 << 20));

    // What the collector frees goes back to the system together with what the allocator frees.
    drop(block);
    let mu = gort_gc::pin();
    assert_eq!(root.get(&mu).key, 1);
    drop(mu);
    let cycles = gort_gc::stats().cycles;
    assert!(gort_gc::free_os_memory().expect("no guard is held") > 40 << 20);
    assert_eq!(gort_gc::stats().cycles, cycles + 1);
    heap.check().expect("invariants");
}
