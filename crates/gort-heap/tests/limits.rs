//! Running out, and address space that is not ours.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "the tests keep the contracts that the functions state"
)]

use gort_heap::{Cache, Heap, HeapConfig, Kind, Linux, MemError, SpanClass, class_of};
use gort_sys::{Backend, MemOp, SysStat, TestBackend};
use std::alloc::Layout;
use std::sync::Arc;

/// A test backend that outlives the heap built on it.
type Shared = Arc<TestBackend>;

fn script(heap: &Heap<Shared>) -> Result<(), MemError> {
    let mut gc = heap.cache(Kind::Gc)?;
    let mut explicit = heap.cache(Kind::Explicit)?;
    let none = MemError::os(MemOp::Map, 0, 0);
    for size in [16, 500, 9000, 100_000, 5 << 20] {
        let class = class_of(size);
        if class == 0 {
            gc.take_large(size, false)?;
        } else {
            let c = SpanClass::new(class, false);
            if let Err(need) = gc.take(c) {
                gc.refill(need)?;
                gc.take(c).map_err(|_| none)?;
            }
        }
        let l = Layout::from_size_align(size, 8).unwrap();
        let p = explicit.alloc(l).ok_or(none)?;
        let q = explicit.alloc(l).ok_or(none);
        unsafe { explicit.dealloc(p, l) };
        unsafe { explicit.dealloc(q?, l) };
    }
    Ok(())
}

/// Each call to the backend fails once: a clean error, sound structures, nothing left behind.
#[test]
fn the_kth_call_fails_cleanly() {
    let cfg = HeapConfig {
        gc_range_shift: 26,
        explicit_range_shift: 26,
        max_spans: 4096,
        ..HeapConfig::SMALL
    };
    let mut failures = 0;
    for k in 1..200 {
        let b = Arc::new(TestBackend::new());
        b.fail_at(k);
        let result = Heap::with(b.clone(), cfg).and_then(|heap| {
            let first = script(&heap);
            heap.check().unwrap_or_else(|e| panic!("call {k}: {e}"));
            heap.verify_stats().unwrap_or_else(|e| panic!("call {k}: {e}"));
            if first.is_err() {
                // The same again, with memory.
                script(&heap).unwrap_or_else(|e| panic!("after call {k}: {e}"));
                heap.check().unwrap_or_else(|e| panic!("after call {k}: {e}"));
                heap.verify_stats().unwrap_or_else(|e| panic!("after call {k}: {e}"));
            }
            first
        });
        assert_eq!(b.live(), 0, "call {k} left mappings behind");
        match result {
            Ok(()) if failures > 0 => {
                return assert!(failures > 20, "only {failures} calls could fail");
            }
            Ok(()) => {}
            Err(_) => failures += 1,
        }
    }
    panic!("the script never ends");
}

/// A range that is full says so, with figures, and serves again after a sweep.
#[test]
fn a_full_range_names_its_limit() {
    let heap = Heap::with(Linux, HeapConfig { gc_range_shift: 26, ..HeapConfig::SMALL }).unwrap();
    let mut cache = heap.cache(Kind::Gc).unwrap();
    let e = loop {
        if let Err(e) = cache.take_large(1 << 20, true) {
            break e;
        }
    };
    assert_eq!((e.op, e.limit, e.in_use), (MemOp::Limit, 1 << 26, 1 << 26));
    heap.advance_sweepgen();
    cache.flush();
    while heap.sweep_one().is_some() {}
    cache.take_large(1 << 20, true).unwrap();
    heap.check().unwrap();
    heap.verify_stats().unwrap();
    assert!(cache.take_large(usize::MAX - 5, true).is_err());
}

fn fill(cache: &mut Cache, mib: usize) -> Vec<(usize, Layout)> {
    let l = Layout::from_size_align(1 << 20, 4096).unwrap();
    (0..mib).map(|_| (cache.alloc_zeroed(l).unwrap().as_ptr() as usize, l)).collect()
}

/// HEAP-14: arenas lie at the hints; a foreign mapping in the way means the next hint.
#[test]
fn foreign_mappings_in_the_way() {
    let stat = SysStat::new();
    let heap = Heap::with(
        Linux,
        HeapConfig { gc_range_shift: 0, explicit_range_shift: 48, ..HeapConfig::default() },
    )
    .unwrap();
    let mut cache = heap.cache(Kind::Explicit).unwrap();
    let mut all = fill(&mut cache, 1);
    let first = all[0].0 & !((64 << 20) - 1);
    // Right behind the first arena, and at every other hint from here on.
    let mut others = vec![Linux.reserve(4096, 4096, first + (64 << 20), &stat).unwrap()];
    for i in (0..64).step_by(2) {
        others.push(Linux.reserve(4096, 4096, 0xc0_0000_0000 + (i << 40), &stat).unwrap());
    }
    all.extend(fill(&mut cache, 200));
    heap.check().unwrap();
    heap.verify_stats().unwrap();
    let mut addrs: Vec<usize> = all.iter().map(|(a, _)| *a).collect();
    addrs.sort_unstable();
    assert!(addrs.windows(2).all(|w| w[0] + (1 << 20) <= w[1]));
    assert!(
        addrs.iter().all(|a| heap.contains(*a)
            && others.iter().all(|o| o.end() <= *a || a + (1 << 20) <= o.addr()))
    );
    assert!(!heap.contains(others[0].addr()) && !heap.contains(&stat as *const _ as usize));
    for (a, l) in all {
        unsafe { cache.dealloc(std::ptr::NonNull::new(a as *mut u8).unwrap(), l) };
    }
    heap.check().unwrap();
    heap.verify_stats().unwrap();
    assert_eq!(heap.stats().heap_in_use, 0);
    for o in others {
        unsafe { Linux.free(o, 0, 0, &stat) };
    }
}

/// HEAP-11: a fresh cache owns no page; HEAP-14: memory never used is known zero.
#[test]
fn fresh_things_cost_nothing() {
    let heap = Heap::with(Linux, HeapConfig::default()).unwrap();
    let caches: Vec<_> = (0..50).map(|_| heap.cache(Kind::Gc).unwrap()).collect();
    assert_eq!((heap.stats().heap_in_use, heap.stats().heap_free), (0, 0));
    drop(caches);
    let mut cache = heap.cache(Kind::Gc).unwrap();
    let c = SpanClass::new(class_of(64), false);
    let Err(need) = cache.take(c) else { panic!("a fresh cache had a slot") };
    cache.refill(need).unwrap();
    assert!(cache.take(c).unwrap().zeroed && cache.take_large(1 << 20, false).unwrap().zeroed);
    assert_eq!(cache.generation_of_current(c), heap.sweepgen());
    assert_eq!(cache.generation_of_current(SpanClass::new(5, true)), u32::MAX);
}

/// A heap that ends leaves no mapping.
#[test]
fn heaps_come_and_go() {
    let maps = || {
        std::fs::read_to_string("/proc/self/maps")
            .unwrap()
            .lines()
            .filter(|l| l.contains("gort: marks"))
            .count()
    };
    for _ in 0..20 {
        let heap = Heap::with(Linux, HeapConfig::default()).unwrap();
        let mut cache = heap.cache(Kind::Gc).unwrap();
        cache.take_large(1 << 20, true).unwrap();
        drop(heap);
        cache.take_large(1 << 20, true).unwrap();
    }
    assert!(maps() <= 64, "{}", maps());
}

/// SYS-9: the sum over all rows is what the kernel says has been mapped since. In a process of its own, where nobody else maps.
#[test]
fn the_account_is_what_the_kernel_says() {
    if std::env::var_os("GORT_ACCOUNT").is_none() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "the_account_is_what_the_kernel_says"]).env("GORT_ACCOUNT", "1");
        let out = child.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
        return;
    }
    let mapped = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let len = |l: &str| {
            let (range, rest) = l.split_once(' ')?;
            let (from, to) = range.split_once('-')?;
            let anonymous = rest.starts_with("rw-p 00000000 00:00 0")
                && !rest.ends_with("[heap]")
                && !rest.ends_with("[stack]");
            anonymous.then(|| {
                u64::from_str_radix(to, 16).unwrap() - u64::from_str_radix(from, 16).unwrap()
            })
        };
        maps.lines().filter_map(len).sum::<u64>()
    };
    let before = mapped();
    let heap = Heap::with(Linux, HeapConfig::default()).unwrap();
    let mut gc = heap.cache(Kind::Gc).unwrap();
    let mut explicit = heap.cache(Kind::Explicit).unwrap();
    for size in [16usize, 1000, 100_000, 30 << 20, 100 << 20] {
        gc.take_large(size, true).unwrap();
        explicit.alloc(Layout::from_size_align(size, 8).unwrap()).unwrap();
        let s = heap.stats();
        assert_eq!(s.committed + s.heap_released, mapped() - before, "{s:?}");
    }
    drop((gc, explicit, heap));
    assert_eq!(mapped(), before);
}
