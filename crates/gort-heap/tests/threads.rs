//! Several threads at once: foreign frees, caches that come and go, a flip under running mutators.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "the tests keep the contracts that the functions state"
)]

use gort_heap::class::class_for;
use gort_heap::{Heap, HeapConfig, Kind, Linux, SpanClass};
use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;

struct Block(NonNull<u8>, Layout, u8);
unsafe impl Send for Block {}

fn next(rng: &mut u64) -> usize {
    *rng ^= *rng << 13;
    *rng ^= *rng >> 7;
    *rng ^= *rng << 17;
    *rng as usize
}

/// Each thread allocates, keeps some, frees some, and sends the rest to its neighbour; threads end and begin again.
#[test]
fn foreign_frees_and_thread_ends() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    const THREADS: usize = 4;
    for round in 0..4u64 {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..THREADS).map(|_| mpsc::channel::<Block>()).unzip();
        std::thread::scope(|scope| {
            for (i, inbox) in receivers.into_iter().enumerate() {
                let (to, heap) = (senders[(i + 1) % THREADS].clone(), &heap);
                scope.spawn(move || {
                    let mut cache = heap.cache(Kind::Explicit).unwrap();
                    let mut rng = round * 97 + i as u64 + 1;
                    let mut mine: Vec<Block> = vec![];
                    let give = |cache: &mut gort_heap::Cache, Block(p, l, fill): Block| unsafe {
                        let bytes = std::slice::from_raw_parts(p.as_ptr(), l.size());
                        assert!(bytes.iter().all(|b| *b == fill));
                        cache.dealloc(p, l);
                    };
                    for k in 0..6000 {
                        let size = if next(&mut rng).is_multiple_of(16) {
                            next(&mut rng) % 40_000
                        } else {
                            next(&mut rng) % 300
                        } + 1;
                        let l = Layout::from_size_align(size, 8).unwrap();
                        let p = cache.alloc(l).unwrap();
                        let fill = k as u8;
                        unsafe { p.write_bytes(fill, size) };
                        match next(&mut rng) % 4 {
                            0 => mine.push(Block(p, l, fill)),
                            1 => give(&mut cache, Block(p, l, fill)),
                            _ => to.send(Block(p, l, fill)).unwrap(),
                        }
                        if mine.len() > 200 {
                            let at = next(&mut rng) % mine.len();
                            let b = mine.swap_remove(at);
                            give(&mut cache, b);
                        }
                        for b in inbox.try_iter().take(4) {
                            give(&mut cache, b);
                        }
                    }
                    drop(to);
                    mine.into_iter().chain(inbox).for_each(|b| give(&mut cache, b));
                });
            }
            drop(senders);
        });
        heap.check().unwrap();
        heap.verify_stats().unwrap();
        let s = heap.stats();
        assert_eq!((s.live_objects, s.heap_in_use), (0, 0), "{s:?}");
    }
}

/// Mutators allocate and flush at their own pace while a sweeper works and the generation moves on.
#[test]
fn flips_under_running_mutators() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    const THREADS: usize = 3;
    let published = AtomicU32::new(heap.sweepgen());
    let passed: Vec<AtomicU32> = (0..THREADS).map(|_| AtomicU32::new(heap.sweepgen())).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for cell in &passed {
            let (heap, published, stop) = (&heap, &published, &stop);
            scope.spawn(move || {
                let mut cache = heap.cache(Kind::Gc).unwrap();
                cache.set_black(true);
                let mut rng = cell as *const _ as u64 | 1;
                let mut count = 0u32;
                let mut paid = 0;
                let mut live: Vec<(NonNull<u8>, usize, u8)> = vec![];
                while !stop.load(Ordering::Relaxed) {
                    let now = published.load(Ordering::Acquire);
                    if cell.load(Ordering::Relaxed) != now {
                        // Everything taken since the last pass was born black and must be whole.
                        for (p, size, fill) in live.drain(..) {
                            let bytes = unsafe { std::slice::from_raw_parts(p.as_ptr(), size) };
                            assert!(bytes.iter().all(|b| *b == fill), "a black object was swept");
                        }
                        cache.flush();
                        cell.store(now, Ordering::Release);
                        paid = cache.bytes_taken();
                    }
                    if cache.bytes_taken() - paid > 8 << 20 {
                        std::thread::yield_now(); // No pacing here: wait for the next flip.
                        continue;
                    }
                    let size =
                        1 + next(&mut rng) % if count.is_multiple_of(64) { 50_000 } else { 200 };
                    count += 1;
                    let class = class_for(size);
                    let p = if class == 0 {
                        cache.take_large(size, true).unwrap().ptr
                    } else {
                        let c = SpanClass::new(class, true);
                        loop {
                            match cache.take(c) {
                                Ok(slot) => break slot.ptr,
                                Err(need) => cache.refill(need).unwrap(),
                            }
                        }
                    };
                    unsafe { p.write_bytes(count as u8, size) };
                    if live.len() < 3000 {
                        live.push((p, size, count as u8));
                    }
                }
            });
        }
        for _ in 0..60 {
            let now = heap.advance_sweepgen();
            published.store(now, Ordering::Release);
            while passed.iter().any(|p| p.load(Ordering::Acquire) != now) {
                heap.sweep_one();
            }
            while !heap.sweep_done() {
                heap.sweep_one();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    heap.check().unwrap();
    heap.verify_stats().unwrap();
    for _ in 0..2 {
        heap.advance_sweepgen();
        while heap.sweep_one().is_some() {}
    }
    heap.check().unwrap();
    heap.verify_stats().unwrap();
    assert_eq!(heap.stats().live_objects, 0);
}
