//! Both allocators against the obvious model: no overlap, alignment, zeros, counts.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "the tests keep the contracts that the functions state"
)]

use gort_fixalloc::{Chunk, FixAlloc, PersistentAlloc};
use gort_sys::mem::{Fixed, Step};
use gort_sys::{Linux, SysStat, TestBackend};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::ptr::NonNull;
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    /// FIX-B, FIX-D.
    #[test]
    fn persistent_memory_never_overlaps(requests in prop::collection::vec((1usize..100_000, 0u32..13, any::<bool>()), 1..60)) {
        let backend = TestBackend::new();
        let st = SysStat::new();
        let pa = PersistentAlloc::new(backend);
        let mut chunk = Chunk::EMPTY;
        let mut taken = BTreeMap::new();
        let mut sum = 0;
        for (size, align, own) in requests {
            let align = 1usize << align;
            let p = pa.alloc(own.then_some(&mut chunk), size, align, &st).unwrap();
            let at = p.as_ptr() as usize;
            prop_assert_eq!(at % align, 0);
            let bytes = unsafe { std::slice::from_raw_parts(p.as_ptr(), size) };
            prop_assert!(bytes.iter().all(|b| *b == 0));
            unsafe { p.write_bytes(0xff, size) };
            if let Some((before, len)) = taken.range(..=at).next_back() {
                prop_assert!(before + len <= at);
            }
            if let Some((after, _)) = taken.range(at..).next() {
                prop_assert!(at + size <= *after);
            }
            let last = p.as_ptr().wrapping_add(size - 1);
            prop_assert!(pa.contains(p.as_ptr()) && pa.contains(last));
            taken.insert(at, size);
            sum += size as u64;
            prop_assert_eq!((pa.bytes(), st.bytes().mapped), (sum, sum));
        }
        let own = 0u8;
        prop_assert!(!pa.contains(&own));
    }

    /// FIX-1, FIX-C: the callback runs once per record, what is handed out is zero, counts are exact.
    #[test]
    fn records_come_and_go(ops in prop::collection::vec(any::<u16>(), 1..400), zero: bool) {
        thread_local!(static FIRST: std::cell::RefCell<HashMap<usize, u32>> = std::cell::RefCell::default());
        unsafe fn first(p: *mut [u64; 5]) {
            FIRST.with_borrow_mut(|m| *m.entry(p as usize).or_default() += 1);
        }
        FIRST.with_borrow_mut(HashMap::clear);
        let pa = PersistentAlloc::new(Linux);
        let st = SysStat::new();
        let mut pool: FixAlloc<[u64; 5]> = FixAlloc::new(Some(first), zero).unwrap();
        let mut live: Vec<NonNull<[u64; 5]>> = vec![];
        for op in ops {
            if op % 3 != 0 || live.is_empty() {
                let p = pool.alloc(&pa, &st).unwrap();
                prop_assert!(!live.contains(&p));
                if zero {
                    prop_assert_eq!(unsafe { p.read() }, [0; 5]);
                }
                unsafe { p.write([u64::MAX; 5]) };
                live.push(p);
            } else {
                let p = live.swap_remove(op as usize % live.len());
                unsafe { pool.free(p) };
            }
            let s = pool.stats();
            prop_assert_eq!(s.in_use as usize, live.len());
            prop_assert_eq!(FIRST.with_borrow(HashMap::len), s.made as usize);
            prop_assert!(FIRST.with_borrow(|m| m.values().all(|n| *n == 1)));
            prop_assert_eq!(s.bytes, st.bytes().mapped);
            for p in &live {
                prop_assert_eq!(unsafe { p.read() }, [u64::MAX; 5]);
            }
        }
    }
}

/// FIX-2: the border between chunk and own mapping.
#[test]
fn sizes_around_64_kib() {
    for (size, direct) in [(65535, false), (65536, true), (65537, true)] {
        let pa = PersistentAlloc::new(TestBackend::new());
        let st = SysStat::new();
        let mut chunk = Chunk::EMPTY;
        pa.alloc(Some(&mut chunk), 8, 8, &st).unwrap();
        pa.alloc(Some(&mut chunk), size, 8, &st).unwrap();
        assert_eq!(pa.stats().mappings, 1 + u64::from(direct), "{size}");
        assert_eq!(pa.stats().used as usize, size + 8);
    }
}

/// FIX-2, FIX-3 at each side of the border, on the chunk's own path and the global one: system calls (a reservation and a mapping
/// each) and locks, counted.
#[test]
fn calls_and_locks_around_64_kib() {
    // Size, own chunk: mappings and locks of four requests. A chunk of 256 KiB with its head of 64 bytes has room for three of
    // just below 64 KiB.
    for (size, own, mappings, locks) in [
        (65535, true, 2, 0),
        (65535, false, 2, 4),
        (65536, true, 4, 0),
        (65536, false, 4, 0),
        (65537, true, 4, 0),
        (65537, false, 4, 0),
    ] {
        let pa = PersistentAlloc::new(TestBackend::new());
        let st = SysStat::new();
        let mut chunk = Chunk::EMPTY;
        for _ in 0..4 {
            pa.alloc(own.then_some(&mut chunk), size, 1, &st).unwrap();
        }
        let s = pa.stats();
        assert_eq!((s.mappings, s.locks), (mappings, locks), "{size}, own chunk: {own}");
        let steps = pa.backend().steps();
        assert_eq!(steps.len() as u64, 2 * mappings);
        assert!(steps.iter().all(|(step, _)| matches!(step, Step::Reserve | Step::Map)));
        assert_eq!(st.bytes().mapped + pa.rest().bytes().mapped, s.mapped);
    }
}

/// On a backend with little to give chunks are small, and the border is a quarter of a chunk as ever.
#[cfg(not(miri))] // A megabyte byte by byte takes minutes there.
#[test]
fn small_boxes_have_small_chunks() {
    let memory: &'static mut [std::mem::MaybeUninit<u8>] =
        Box::leak(Box::new_uninit_slice(1 << 20));
    let fixed = Arc::new(Fixed::of(memory).unwrap());
    let pa = PersistentAlloc::new(fixed.clone());
    let st = SysStat::new();
    let mut taken = 0;
    while let Ok(p) = pa.alloc(None, 500, 16, &st) {
        let bytes = unsafe { std::slice::from_raw_parts_mut(p.as_ptr(), 500) };
        assert!(bytes.iter().all(|b| *b == 0));
        bytes.fill(1);
        taken += 500;
    }
    assert!(taken > 900 << 10, "{taken} of 1 MiB");
    fixed.check().unwrap();
    drop(pa);
    assert_eq!(fixed.heap_top(), fixed.heap_start());
    let pa = PersistentAlloc::new(fixed);
    for (size, mappings) in [(4095, 1), (4096, 2)] {
        pa.alloc(None, size, 8, &st).unwrap();
        assert_eq!(pa.stats().mappings, mappings);
    }
}

/// FIX-3: about size / 256 KiB mappings, and no lock with a chunk of one's own.
#[test]
fn mappings_and_locks_are_few() {
    let pa = PersistentAlloc::new(Linux);
    let st = SysStat::new();
    let mut chunk = Chunk::EMPTY;
    for _ in 0..40_000 {
        pa.alloc(Some(&mut chunk), 128, 8, &st).unwrap();
    }
    let s = pa.stats();
    assert_eq!(s.locks, 0);
    assert!(s.mappings <= 40_000 * 128 / (256 << 10) + 2, "{s:?}");
    pa.alloc(None, 128, 8, &st).unwrap();
    assert_eq!(pa.stats().locks, 1);
    let mut pool: FixAlloc<[u8; 160]> = FixAlloc::new(None, false).unwrap();
    for _ in 0..10_000 {
        pool.alloc(&pa, &st).unwrap();
    }
    assert!(pa.stats().locks <= 2 + 10_000 * 160 / (16 << 10) + 1);
}

#[test]
fn refusals() {
    let pa = PersistentAlloc::new(TestBackend::new());
    let st = SysStat::new();
    assert!(pa.alloc(None, 0, 8, &st).is_err());
    assert!(pa.alloc(None, 8, 3, &st).is_err());
    assert!(pa.alloc(None, 8, 8192, &st).is_err());
    assert!(FixAlloc::<[u8; 16 << 10]>::new(None, true).is_ok());
    assert!(FixAlloc::<[u8; (16 << 10) + 1]>::new(None, true).is_err());
    for k in 1..=2 {
        pa.backend().fail_at(k);
        assert!(pa.alloc(None, 8, 8, &st).is_err());
        assert_eq!((pa.backend().live(), pa.stats().mapped), (0, 0));
    }
    assert!(pa.alloc(None, 8, 8, &st).is_ok());
}

/// One global chunk, many threads: nothing is handed out twice.
#[test]
fn threads_share_the_global_chunk() {
    let pa = PersistentAlloc::new(Linux);
    let st = SysStat::new();
    let all: Vec<usize> = std::thread::scope(|scope| {
        let run = || {
            (0..3000)
                .map(|_| pa.alloc(None, 48, 16, &st).unwrap().as_ptr() as usize)
                .collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    let mut sorted = all.clone();
    sorted.sort_unstable();
    assert!(sorted.windows(2).all(|w| w[0] + 48 <= w[1]));
    assert_eq!(st.bytes().mapped, 4 * 3000 * 48);
}
