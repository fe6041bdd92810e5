//! The collector's side, driven by hand: allocate, mark, flip, sweep.

mod common;

use common::{holds, is_marked, mark, object, write};
use gort_heap::class::{MAX_SMALL, SPAN_CLASSES, class_for};
use gort_heap::{Cache, Heap, HeapConfig, Hooks, Kind, Linux, SpanClass};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Mutex;

fn alloc(cache: &mut Cache, size: usize, noscan: bool) -> NonNull<u8> {
    let class = class_for(size);
    if class == 0 {
        return cache.take_large(size, noscan).unwrap().ptr;
    }
    let c = SpanClass::new(class, noscan);
    loop {
        match cache.take(c) {
            Ok(slot) => return slot.ptr,
            Err(need) => cache.refill(need).unwrap(),
        }
    }
}

fn sweep_all(heap: &Heap) {
    while heap.sweep_one().is_some() {}
    assert!(heap.sweep_done());
}

#[test]
fn allocate_mark_sweep() {
    let heap = Heap::with(Linux, HeapConfig::default()).unwrap();
    assert_eq!(heap.gc_range().0 % (1 << heap.gc_range().1), 0);
    let mut cache = heap.cache(Kind::Gc).unwrap();
    let sizes = [8, 16, 24, 48, 64, 100, 1000, 5000, 20000, MAX_SMALL, MAX_SMALL + 1, 1 << 20];
    for round in 0..4 {
        let mut objects = BTreeMap::new();
        for i in 0..2000usize {
            let size = sizes[i % sizes.len()];
            let p = alloc(&mut cache, size, i % 2 == 0);
            let o = object(&heap, p);
            assert_eq!((o.base, o.noscan), (p, i % 2 == 0));
            assert!(o.size >= size);
            // SAFETY: H-1 — inside of the object.
            let last = unsafe { p.add(size - 1) };
            assert_eq!(object(&heap, last), o);
            assert_eq!(heap.find_object(p.as_ptr() as usize + size / 2), Some(o));
            write(p, i as u8, size);
            assert!(objects.insert(p.as_ptr() as usize, (i, size)).is_none());
        }
        let mut end = 0;
        for (at, (_, size)) in &objects {
            assert!(*at >= end, "overlap");
            end = at + size;
        }
        let before = heap.stats();
        for (at, (i, _)) in &objects {
            if i % 3 == 0 {
                let p = NonNull::new(*at as *mut u8).unwrap();
                assert_eq!(mark(&heap, p).unwrap().base, p);
                assert_eq!(mark(&heap, p), None);
                assert!(is_marked(&heap, p));
            }
        }
        heap.advance_sweepgen();
        cache.flush();
        sweep_all(&heap);
        let after = heap.stats();
        assert_eq!(after.live_objects, 667, "round {round}: {before:?} {after:?}");
        for (at, (i, size)) in &objects {
            let found = heap.find_object(*at);
            assert_eq!(found.is_some(), i % 3 == 0);
            if i % 3 == 0 {
                assert!(holds(NonNull::new(*at as *mut u8).unwrap(), *i as u8, *size));
            }
        }
        heap.advance_sweepgen();
        cache.flush();
        sweep_all(&heap);
        assert_eq!(heap.stats().live_objects, 0);
        assert_eq!(heap.gc_in_use(), 0);
    }
}

#[test]
fn black_slots_survive_and_unused_ones_do_not() {
    let heap = Heap::with(Linux, HeapConfig::default()).unwrap();
    let mut cache = heap.cache(Kind::Gc).unwrap();
    let white = alloc(&mut cache, 16, false);
    cache.set_black(true);
    let black = alloc(&mut cache, 16, false);
    let big = alloc(&mut cache, 100_000, false);
    heap.advance_sweepgen();
    // Still in the stale span, still black.
    let late = alloc(&mut cache, 16, false);
    cache.flush();
    cache.set_black(false);
    sweep_all(&heap);
    let lives = |p: NonNull<u8>| heap.find_object(p.as_ptr() as usize).is_some();
    assert_eq!([white, black, late, big].map(lives), [false, true, true, true]);
    assert_eq!(heap.stats().live_objects, 3);
    let next = alloc(&mut cache, 16, false);
    assert!(!is_marked(&heap, next));
}

#[test]
fn pointer_maps() {
    let heap = Heap::with(Linux, HeapConfig::default()).unwrap();
    let mut cache = heap.cache(Kind::Gc).unwrap();
    let words = |p: NonNull<u8>, size| {
        let mut out = vec![];
        // SAFETY: H-15 — a live object of that size.
        unsafe {
            heap.for_each_pointer_word(p, size, |w| {
                out.push((w as *const _ as usize - p.as_ptr() as usize) / 8)
            })
        };
        out
    };
    for size in (8..2048usize).step_by(8).chain([4096, 8192, 32768, 100_000]) {
        let n = 5;
        let objects: Vec<_> = (0..n).map(|_| alloc(&mut cache, size, false)).collect();
        let slot = object(&heap, objects[0]).size;
        for p in &objects {
            // SAFETY: H-15 — live objects of that size, as below.
            unsafe { heap.write_pointer_map(*p, slot, u64::MAX) };
        }
        // SAFETY: H-15 — as above.
        unsafe { heap.write_pointer_map(objects[2], slot, 0x5) };
        assert_eq!(words(objects[1], slot).len(), (slot / 8).min(64));
        assert_eq!(words(objects[3], slot).len(), (slot / 8).min(64));
        assert_eq!(words(objects[2], slot), if slot <= 16 { vec![0] } else { vec![0, 2] });
        for elem in [1, 2, 3, 7, 64] {
            let skip = 1;
            let count = (slot / 8 - skip) / elem;
            // SAFETY: H-15 — as above, and `count` elements fit.
            unsafe { heap.write_pointer_map_repeated(objects[4], slot, skip, 0x5, elem, count) };
            let want: Vec<_> = (0..count)
                .flat_map(|e| {
                    [0, 2].into_iter().filter(|b| *b < elem).map(move |b| skip + e * elem + b)
                })
                .collect();
            assert_eq!(words(objects[4], slot), want, "slot {slot} elem {elem}");
        }
        assert_eq!(words(objects[3], slot).len(), (slot / 8).min(64));
    }
}

static DEAD: Mutex<Vec<usize>> = Mutex::new(Vec::new());

#[test]
fn glue_keeps_the_slot_until_it_ran() {
    unsafe fn glue(_: *mut u8) {}
    let hooks =
        Hooks { ctx: std::ptr::null(), dead: |_, p, _| DEAD.lock().unwrap().push(p as usize) };
    let heap = Heap::with(Linux, HeapConfig { hooks, ..HeapConfig::default() }).unwrap();
    let mut cache = heap.cache(Kind::Gc).unwrap();
    let objects: Vec<_> =
        (0..1000).map(|i| alloc(&mut cache, if i % 2 == 0 { 32 } else { 50_000 }, true)).collect();
    for p in &objects {
        // SAFETY: H-15 — a live object; the glue does nothing.
        unsafe { heap.add_drop(*p, glue).unwrap() };
    }
    let flip = |cache: &mut Cache| {
        heap.advance_sweepgen();
        cache.flush();
        sweep_all(&heap);
    };
    for p in &objects[..100] {
        mark(&heap, *p);
    }
    flip(&mut cache);
    assert_eq!(heap.stats().live_objects, 1000);
    let dead = std::mem::take(&mut *DEAD.lock().unwrap());
    assert_eq!(dead.len(), 900);
    for p in &dead[..500] {
        // SAFETY: SPECIAL-1 — the hook was told that it is dead, and its glue has run.
        unsafe { heap.special_done(*p as *mut u8) };
    }
    for p in &objects[..100] {
        mark(&heap, *p);
    }
    flip(&mut cache);
    assert_eq!(heap.stats().live_objects, 500);
    assert!(DEAD.lock().unwrap().is_empty());
    for p in &dead[500..] {
        // SAFETY: SPECIAL-1 — the hook was told that it is dead, and its glue has run.
        unsafe { heap.special_done(*p as *mut u8) };
    }
    flip(&mut cache);
    assert_eq!(heap.stats().live_objects, 100);
    assert_eq!(SPAN_CLASSES, 136);
}
