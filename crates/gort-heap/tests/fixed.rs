//! A heap in a fixed region of 1, 4 and 64 MiB: both kinds of owners, running out, a stack in the same memory.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "the tests keep the contracts that the functions state"
)]

use gort_heap::{Cache, Heap, HeapConfig, Kind, SpanClass, class_of};
use gort_sys::mem::fixed::{Asked, Fixed};
use gort_sys::{Backend, MemOp};
use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;

const SIZES: [usize; 3] = [1 << 20, 4 << 20, 64 << 20];

/// A region that stays for the process, dirty.
fn region(len: usize) -> Arc<Fixed> {
    let memory: &'static mut [MaybeUninit<u8>] =
        Box::leak(vec![MaybeUninit::new(0xee); len].into_boxed_slice());
    Arc::new(Fixed::of(memory).unwrap())
}

fn seal(p: NonNull<u8>, len: usize, value: u8) {
    unsafe { p.write_bytes(value, len) };
}

fn sealed(p: NonNull<u8>, len: usize, value: u8) -> bool {
    unsafe { std::slice::from_raw_parts(p.as_ptr(), len) }.iter().all(|b| *b == value)
}

/// Fills the heap with blocks of many sizes until nothing is left, frees every other one, and fills it again.
fn explicit_script(heap: &Heap<Arc<Fixed>>, fixed: &Fixed) -> usize {
    let mut cache = heap.cache(Kind::Explicit).unwrap();
    let mut live: Vec<(NonNull<u8>, Layout, u8)> = vec![];
    let fill = |cache: &mut Cache<Arc<Fixed>>, live: &mut Vec<_>| {
        let mut failures = 0;
        let (mut bytes, mut size) = (0, 16);
        while failures < 200 {
            size = if size > 20_000 { 16 } else { size * 3 / 2 };
            let layout = Layout::from_size_align(size, 8).unwrap();
            let Some(p) = cache.alloc(layout) else {
                failures += 1;
                continue;
            };
            let inside = fixed.heap_start() <= p.as_ptr() as usize
                && p.as_ptr() as usize + size <= fixed.heap_top();
            assert!(inside);
            let value = (live.len() % 251) as u8;
            seal(p, size, value);
            bytes += size;
            live.push((p, layout, value));
        }
        bytes
    };
    let first = fill(&mut cache, &mut live);
    assert!(live.iter().all(|(p, l, v)| sealed(*p, l.size(), *v)));
    let mut kept = vec![];
    for (i, (p, l, v)) in live.into_iter().enumerate() {
        if i % 2 == 0 {
            unsafe { cache.dealloc(p, l) };
        } else {
            kept.push((p, l, v));
        }
    }
    let again = fill(&mut cache, &mut kept);
    assert!(again * 3 > first, "half was freed, {again} of {first} bytes could be had again");
    assert!(kept.iter().all(|(p, l, v)| sealed(*p, l.size(), *v)));
    for (p, l, _) in kept {
        unsafe { cache.dealloc(p, l) };
    }
    cache.flush();
    heap.check().unwrap();
    fixed.check().unwrap();
    first
}

/// SYS-10: a heap of explicit owners has more than a fifth of the region for its blocks, whatever the region's size, and gives
/// it back whole, so that a second heap can follow.
#[test]
fn blocks_of_explicit_owners() {
    for len in SIZES {
        let fixed = region(len);
        for round in 0..if len > 4 << 20 { 1 } else { 2 } {
            let heap =
                Heap::with(fixed.clone(), HeapConfig::within(len, false, true)).expect("a heap");
            let bytes = explicit_script(&heap, &fixed);
            assert!(bytes > len / 5, "{bytes} bytes of blocks in {len}, round {round}");
            drop(heap);
            assert_eq!(fixed.heap_top(), fixed.heap_start());
        }
    }
}

/// Both kinds in one region: marked objects survive a sweep, the others' memory is used again, and running out is an error
/// with the figures.
#[test]
fn a_collector_and_an_owner_share_a_region() {
    for len in SIZES {
        let fixed = region(len);
        let heap = Heap::with(fixed.clone(), HeapConfig::within(len, true, true)).expect("a heap");
        let mut mine = heap.cache(Kind::Explicit).unwrap();
        let layout = Layout::from_size_align(1000, 16).unwrap();
        let block = mine.alloc(layout).unwrap();
        seal(block, 1000, 7);
        let mut cache = heap.cache(Kind::Gc).unwrap();
        let class = SpanClass::new(class_of(128), false);
        let fill = |cache: &mut Cache<Arc<Fixed>>| {
            let mut all = vec![];
            loop {
                match cache.take(class) {
                    Ok(slot) => {
                        assert!(!slot.zeroed || sealed(slot.ptr, 128, 0));
                        seal(slot.ptr, 128, 9);
                        all.push(slot.ptr);
                    }
                    Err(need) => match cache.refill(need) {
                        Ok(()) => {}
                        Err(e) => return (all, e),
                    },
                }
            }
        };
        let (all, error) = fill(&mut cache);
        assert!(matches!(error.op, MemOp::Limit | MemOp::Reserve | MemOp::Boundary { .. }));
        assert!(error.in_use > 0, "{error}");
        assert!(all.len() * 128 > len / 8, "{} objects in {len}", all.len());
        for p in all.iter().step_by(2) {
            unsafe { heap.mark_ptr(*p) };
        }
        heap.advance_sweepgen();
        cache.flush();
        mine.flush();
        while heap.sweep_one().is_some() {}
        heap.check().unwrap();
        for (i, p) in all.iter().enumerate() {
            assert_eq!(heap.find_object(p.as_ptr() as usize).is_some(), i % 2 == 0);
            assert!(i % 2 != 0 || sealed(*p, 128, 9));
        }
        let (again, _) = fill(&mut cache);
        assert!(again.len() * 3 > all.len(), "{} of {} slots came back", again.len(), all.len());
        assert!(sealed(block, 1000, 7));
        unsafe { mine.dealloc(block, layout) };
        cache.flush();
        mine.flush();
        heap.check().unwrap();
        fixed.check().unwrap();
    }
}

/// The stack comes down while the heap is in use: growth ends there with an error, and what is there stays whole.
#[test]
fn a_stack_in_the_same_memory() {
    let len = 4 << 20;
    let memory: &'static mut [MaybeUninit<u8>] =
        Box::leak(vec![MaybeUninit::new(0xee); len].into_boxed_slice());
    let asked = Asked::new(memory.as_mut_ptr().cast(), len).stack(256 << 10);
    let fixed = Arc::new(unsafe { asked.check().unwrap().align().unwrap().ready() }.unwrap());
    let heap = Heap::with(fixed.clone(), HeapConfig::within(len, false, true)).unwrap();
    let mut cache = heap.cache(Kind::Explicit).unwrap();
    let layout = Layout::from_size_align(4096, 16).unwrap();
    let first = cache.alloc(layout).unwrap();
    seal(first, 4096, 3);
    // From here to the end of the region it is all stack.
    let sp = fixed.heap_top() + (64 << 10);
    fixed.note_stack(sp);
    let mut blocks = vec![];
    while let Some(p) = cache.alloc(layout) {
        seal(p, 4096, 4);
        blocks.push(p);
        assert!(p.as_ptr() as usize + 4096 + fixed.guard_bytes() <= sp);
    }
    fixed.check().unwrap();
    assert!(sealed(first, 4096, 3));
    for p in blocks {
        unsafe { cache.dealloc(p, layout) };
    }
    heap.check().unwrap();
}

/// Regions that are too small for a heap are refused with an error, at every size.
#[test]
fn too_small_is_an_error() {
    let mut works = 0;
    for pages in (1..256).step_by(5) {
        let len = pages * 4096;
        let fixed = region(len + 8192);
        match Heap::with(fixed.clone(), HeapConfig::within(len, false, true)) {
            Ok(heap) => {
                let cache = heap.cache(Kind::Explicit);
                let got = cache.ok().and_then(|mut c| {
                    let layout = Layout::new::<u64>();
                    c.alloc(layout).map(|p| unsafe { c.dealloc(p, layout) })
                });
                works += usize::from(got.is_some());
                drop(heap);
            }
            Err(e) => assert!(e.to_string().starts_with("out of memory"), "{e}"),
        }
        assert_eq!(fixed.heap_top(), fixed.heap_start(), "{pages} pages");
        fixed.check().unwrap();
        assert!(fixed.bound().is_some());
    }
    assert!(works > 10, "{works}");
}
