//! The figures against what was done, against a recount, and against the kernel's account (M-2).

mod common;

use common::{fill, free, mark, take};
use gort_heap::class::{CLASSES, class_size};
use gort_heap::{ClassStats, GortAlloc, Heap, HeapConfig, HeapStats, Kind, Linux, class_of};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

fn by_class(heap: &Heap, kind: Kind) -> [ClassStats; CLASSES] {
    let mut rows = [ClassStats::default(); CLASSES];
    heap.by_class(kind, &mut rows);
    rows
}

#[test]
fn what_was_done_is_what_is_said() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    let (mut a, mut b) = (heap.cache(Kind::Explicit).unwrap(), heap.cache(Kind::Explicit).unwrap());
    // (size, allocated, freed by the same cache, freed by another)
    let cases = [(16, 1000, 300, 200), (100, 500, 500, 0), (5000, 40, 0, 40), (70_000, 9, 3, 3)];
    let (mut mallocs, mut frees) = (0, 0);
    for (size, n, here, there) in cases {
        let before = heap.stats();
        let objects = fill(&mut a, size, n);
        for p in &objects[..here] {
            free(&mut a, *p, size);
        }
        for p in &objects[here..here + there] {
            free(&mut b, *p, size);
        }
        mallocs += n as u64;
        frees += (here + there) as u64;
        let after = heap.stats();
        assert_eq!((after.mallocs, after.frees), (mallocs, frees), "{size}");
        let slot = match class_of(size) {
            0 => size.next_multiple_of(8192),
            class => class_size(class),
        };
        let live = ((n - here - there) * slot) as u64;
        assert_eq!(after.live_bytes - before.live_bytes, live, "{size}");
        assert_eq!(after.alloc_bytes - before.alloc_bytes, (n * slot) as u64, "{size}");
        let row = by_class(&heap, Kind::Explicit)[usize::from(class_of(size))];
        assert_eq!((row.mallocs, row.live()), (n as u64, (n - here - there) as u64));
        heap.verify_stats().unwrap();
    }
    // The collector's side: one of three is marked.
    let mut gc = heap.cache(Kind::Gc).unwrap();
    let objects: Vec<_> = (0..90).map(|_| take(&mut gc, 48)).collect();
    for p in objects.iter().step_by(3) {
        mark(&heap, *p);
    }
    heap.advance_sweepgen();
    gc.flush();
    while heap.sweep_one().is_some() {}
    let row = by_class(&heap, Kind::Gc)[usize::from(class_of(48))];
    assert_eq!((row.mallocs, row.frees, row.live_bytes), (90, 60, 30 * 48));
    for cache in [a, b, gc] {
        drop(cache);
        heap.check().unwrap();
        heap.verify_stats().unwrap();
    }
}

/// Each of Go's fields, and the sums that Go promises between them.
#[test]
fn go_names() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    let mut cache = heap.cache(Kind::Explicit).unwrap();
    let kept = fill(&mut cache, 200, 5000);
    fill(&mut cache, 100_000, 3);
    for p in &kept[..2000] {
        free(&mut cache, *p, 200);
    }
    heap.scavenge(u64::MAX, true);
    let (m, s) = (heap.mem_stats(), heap.stats());
    assert_eq!((m.mallocs, m.frees, m.heap_objects), (5003, 2000, 3003));
    assert_eq!(m.alloc, 3000 * 208 + 3 * 106_496);
    assert_eq!(m.total_alloc, 5000 * 208 + 3 * 106_496);
    assert_eq!(m.heap_alloc, m.alloc);
    assert_eq!(m.heap_sys, m.heap_inuse + m.heap_idle);
    assert!(m.heap_released > 0 && m.heap_released <= m.heap_idle);
    assert!(m.heap_alloc <= m.heap_inuse);
    assert!(m.mspan_inuse > 0 && m.mspan_inuse <= m.mspan_sys);
    assert!(m.mcache_inuse > 0 && m.mcache_inuse <= m.mcache_sys);
    let sum = m.heap_sys + m.stack_sys + m.mspan_sys + m.mcache_sys + m.buck_hash_sys + m.gc_sys;
    assert_eq!(m.sys, sum + m.other_sys);
    assert_eq!(m.sys, s.committed + s.heap_released);
    assert_eq!((m.stack_inuse, m.lookups, m.by_size[0].mallocs), (0, 0, 0));
    let of = m.by_size[usize::from(class_of(200))];
    assert_eq!((of.size, of.mallocs, of.frees), (208, 5000, 2000));
}

#[test]
fn a_table_for_people() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    let mut cache = heap.cache(Kind::Explicit).unwrap();
    fill(&mut cache, 64, 10);
    let s = heap.stats();
    let text = s.to_string();
    let row = |name: &str| {
        let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name}"));
        line.split_whitespace().filter_map(|w| w.parse().ok()).collect::<Vec<u64>>()
    };
    assert_eq!(row("live objects"), [640, 10]);
    assert_eq!(row("explicit spans"), [s.explicit_in_use]);
    assert_eq!(row("mapped "), [s.rows().iter().map(|r| r.1).sum::<u64>()]);
    assert_eq!(HeapStats::default().rows().iter().map(|r| r.1).sum::<u64>(), 0);
}

/// Bytes of `ranges` that the kernel says are private memory that may be written.
fn writable(ranges: &[(usize, usize)]) -> u64 {
    let text = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut sum = 0;
    for line in text.lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let hex = |s| usize::from_str_radix(s, 16).unwrap();
        let (from, to) = (hex(from), hex(to));
        if rest.starts_with("rw-p") {
            let inside = ranges
                .iter()
                .map(|(addr, len)| (to.min(addr + len)).saturating_sub(from.max(*addr)) as u64);
            sum += inside.sum::<u64>();
        }
    }
    sum
}

fn kernel_agrees(heap: &Heap) {
    let mut ranges = Vec::with_capacity(256);
    heap.for_each_mapping(|m| ranges.push((m.addr, m.len)));
    let mut sorted = ranges.clone();
    sorted.sort_unstable();
    assert!(sorted.windows(2).all(|w| w[0].0 + w[0].1 <= w[1].0), "no byte is in two ranges");
    let rows: u64 = heap.stats().rows().iter().map(|r| r.1).sum();
    assert_eq!(writable(&ranges), rows);
}

/// SYS-9, M-2: every byte that the kernel has mapped for the heap is in exactly one row, at each stage of its life.
#[test]
fn the_kernel_agrees() {
    for config in [HeapConfig::SMALL, HeapConfig { max_spans: 1 << 20, ..HeapConfig::default() }] {
        let heap = Heap::with(Linux, config).unwrap();
        kernel_agrees(&heap);
        let mut cache = heap.cache(Kind::Explicit).unwrap();
        kernel_agrees(&heap);
        let objects = fill(&mut cache, 24, 300_000);
        fill(&mut cache, 40_000_000, 3);
        kernel_agrees(&heap);
        let mut gc = heap.cache(Kind::Gc).unwrap();
        for _ in 0..20_000 {
            take(&mut gc, 1024);
        }
        kernel_agrees(&heap);
        for p in objects {
            free(&mut cache, p, 24);
        }
        drop(cache);
        heap.scavenge(u64::MAX, true);
        kernel_agrees(&heap);
        heap.verify_stats().unwrap();
    }
}

/// The process's heap is asked through the allocator's type; here it is not the allocator, so there is none.
#[test]
fn a_heap_that_is_not_there() {
    assert!(GortAlloc::heap().is_none());
    assert_eq!(GortAlloc::stats(), HeapStats::default());
    assert_eq!(GortAlloc::by_class()[1], ClassStats::default());
    assert_eq!(GortAlloc::mem_stats().sys, 0);
}

/// Figures as data for other programs.
#[cfg(feature = "serde")]
#[test]
fn figures_are_serialised() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    let mut cache = heap.cache(Kind::Explicit).unwrap();
    fill(&mut cache, 64, 10);
    let value = serde_json::to_value(heap.stats()).unwrap();
    assert_eq!((&value["live_bytes"], &value["live_objects"]), (&640.into(), &10.into()));
    let value = serde_json::to_value(heap.mem_stats()).unwrap();
    let class = usize::from(class_of(64));
    assert_eq!(value["by_size"][class]["mallocs"], 10);
    let value = serde_json::to_value(by_class(&heap, Kind::Explicit)[class]).unwrap();
    assert_eq!(value["size"], 64);
}

/// Ends the others, also when an assertion fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Figures that are read while others allocate, sweep and give back are of no single moment; but they are no nonsense either:
/// nothing overflows, no part is greater than its whole, and never is more said to be there than was mapped.
#[test]
fn figures_amid_work() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (heap, over) = (&heap, &over);
        scope.spawn(move || {
            let mut cache = heap.cache(Kind::Explicit).unwrap();
            while !over.load(Relaxed) {
                for size in [16, 100, 5000, 70_000] {
                    let objects = fill(&mut cache, size, 50);
                    objects.into_iter().for_each(|p| free(&mut cache, p, size));
                }
                heap.scavenge(1 << 20, true);
            }
        });
        // The only mutator of the collector's side: it flips and sweeps by itself, and marks nothing.
        scope.spawn(move || {
            let mut cache = heap.cache(Kind::Gc).unwrap();
            while !over.load(Relaxed) {
                for size in [16, 100, 5000] {
                    (0..50).for_each(|_| _ = take(&mut cache, size));
                }
                heap.advance_sweepgen();
                cache.flush();
                while heap.sweep_one().is_some() {}
            }
        });
        let _end = End(over);
        for _ in 0..2000 {
            let s = heap.stats();
            assert!(s.frees <= s.mallocs && s.heap_in_use + s.heap_free <= s.committed, "{s:?}");
            // What was mapped does not become less, in a heap without a limit on its tables.
            let later = heap.stats();
            assert!(s.committed <= later.committed + later.heap_released, "{s:?} {later:?}");
        }
    });
    heap.verify_stats().unwrap();
}
