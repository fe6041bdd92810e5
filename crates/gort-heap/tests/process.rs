//! The process's heap as the allocator of this very program.

use gort_heap::GortAlloc;
use std::alloc::{GlobalAlloc, Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::cell::RefCell;
use std::sync::mpsc;

#[global_allocator]
static ALLOCATOR: GortAlloc = GortAlloc;

#[test]
fn foreign_addresses_have_no_size() {
    let local = 0_u64;
    assert_eq!(GortAlloc::usable_size(std::ptr::from_ref(&local).cast()), 0);
    assert_eq!(GortAlloc::usable_size(std::ptr::null()), 0);
}

/// GLOBAL-1: many first calls at once make one heap.
#[test]
fn one_heap_for_all() {
    let heaps: Vec<usize> = std::thread::scope(|scope| {
        let ask = || GortAlloc::heap().map_or(0, |heap| std::ptr::from_ref(heap).addr());
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(heaps.iter().all(|heap| *heap == heaps[0] && *heap != 0));
}

fn fill(p: *mut u8, n: usize, with: u8) {
    // SAFETY: callers give a live block of at least `n` bytes.
    unsafe { p.write_bytes(with, n) };
}

fn all(p: *const u8, n: usize, want: u8) -> bool {
    // SAFETY: callers give a live block of at least `n` bytes, written or zeroed.
    unsafe { std::slice::from_raw_parts(p, n) }.iter().all(|b| *b == want)
}

#[test]
fn every_alignment_and_size() {
    for shift in 0..=20 {
        let align = 1usize << shift;
        for size in [1, 7, 8, 9, 16, 24, 100, 1024, 1025, 8192, 32768, 32769, 100_000] {
            let l = Layout::from_size_align(size, align).unwrap();
            // SAFETY: layouts are not empty; each block is freed once, with its layout.
            unsafe {
                let (p, q) = (alloc(l), alloc_zeroed(l));
                assert!(p.addr().is_multiple_of(align) && q.addr().is_multiple_of(align), "{l:?}");
                assert!(all(q, size, 0), "{l:?}");
                assert!(GortAlloc::usable_size(p) >= size);
                fill(p, size, 1);
                fill(q, size, 2);
                assert!(all(p, size, 1), "{l:?}");
                dealloc(p, l);
                dealloc(q, l);
                // What was used is cleared again.
                let r = alloc_zeroed(l);
                assert!(all(r, size, 0), "{l:?}");
                dealloc(r, l);
            }
        }
    }
}

#[test]
fn realloc_keeps_the_contents() {
    for align in [1, 8, 16, 64, 4096, 16384] {
        let mut l = Layout::from_size_align(10, align).unwrap();
        // SAFETY: the layout follows the block through each `realloc`.
        unsafe {
            let mut p = alloc(l);
            fill(p, 10, 7);
            for size in
                [11, 40, 16, 2000, 40_000, 50_000, 300_000, 4 << 20, 9 << 20, 1 << 20, 33_000, 5]
            {
                let keep = l.size().min(size);
                p = realloc(p, l, size);
                assert!(p.addr().is_multiple_of(align));
                assert!(all(p, keep, 7), "{l:?} to {size}");
                l = Layout::from_size_align(size, align).unwrap();
                fill(p, size, 7);
            }
            dealloc(p, l);
        }
    }
}

#[test]
fn too_much_is_null() {
    // SAFETY: layouts are not empty; nothing is allocated.
    unsafe {
        for size in [isize::MAX as usize - 8, 1 << 50] {
            let l = Layout::from_size_align(size, 8).unwrap();
            assert!(ALLOCATOR.alloc(l).is_null());
            assert!(ALLOCATOR.alloc_zeroed(l).is_null());
        }
    }
}

struct Late(RefCell<Vec<[u8; 100]>>);

impl Drop for Late {
    fn drop(&mut self) {
        let mut more: Vec<String> = (0..100).map(|i| format!("{i:>200}")).collect();
        more.truncate(3);
        self.0.borrow_mut().clear();
    }
}

thread_local! { static LATE: Late = const { Late(RefCell::new(Vec::new())) }; }

#[test]
fn threads_that_come_and_go() {
    let (tx, rx) = mpsc::channel::<Vec<u8>>();
    let threads: Vec<_> = (0..200u8)
        .map(|i| {
            let tx = tx.clone();
            std::thread::spawn(move || {
                LATE.with(|l| l.0.borrow_mut().push([i; 100]));
                for n in [10, 100, 1000, 10_000, 100_000] {
                    tx.send(vec![i; n]).unwrap();
                }
            })
        })
        .collect();
    drop(tx);
    let mut bytes = 0;
    for v in rx {
        assert!(v.iter().all(|b| *b == v[0]));
        bytes += v.len();
    }
    for t in threads {
        t.join().unwrap();
    }
    assert_eq!(bytes, 200 * 111_110);
}

/// GLOBAL-4: the child of a fork under load has a heap that works, whatever the other threads were doing.
#[test]
fn forks_under_load() {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    // In a process of its own: the standard library's locks know nothing of forks, and a thread that another test starts at
    // that moment would leave one taken in the child.
    if std::env::var_os("GORT_FORKS").is_none() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let out =
            child.args(["--exact", "forks_under_load"]).env("GORT_FORKS", "1").output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
        return;
    }
    let (stop, running) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for seed in 1..4u64 {
            let (stop, running) = (&stop, &running);
            scope.spawn(move || {
                running.fetch_add(1, Ordering::Relaxed);
                let mut rng = seed;
                let mut live: Vec<Vec<u8>> = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    rng = rng.wrapping_mul(6364136223846793005).wrapping_add(1);
                    live.push(vec![1; (rng >> 33) as usize % 3000]);
                    if live.len() > 300 {
                        live.swap_remove((rng >> 40) as usize % 300);
                    }
                }
            });
        }
        while running.load(Ordering::Relaxed) != 3 {
            std::thread::yield_now();
        }
        for _ in 0..30 {
            // SAFETY: the child allocates, which the heap promises after a fork, and exits.
            match unsafe { libc::fork() } {
                0 => {
                    // Everything of the allocator, on more than one thread, then without a destructor in sight.
                    let work = || {
                        let v: Vec<Vec<u8>> = (0..3000).map(|n| vec![7; n % 2000]).collect();
                        v.iter().map(Vec::len).sum::<usize>()
                    };
                    let other = std::thread::spawn(work);
                    let same = work() == other.join().unwrap_or(0);
                    // SAFETY: ends the child.
                    unsafe { libc::_exit(if same { 0 } else { 1 }) };
                }
                child => {
                    let mut status = 0;
                    // SAFETY: a live out-parameter; the child is ours.
                    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                    assert_eq!(status, 0, "the child ended with {status:#x}");
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// Free memory goes back to the system, at once when asked; what was given back reads as zero.
#[test]
fn memory_goes_back() {
    let l = Layout::from_size_align(64 << 20, 4096).unwrap();
    // SAFETY: each block is freed once, with its layout.
    unsafe {
        let p = alloc(l);
        fill(p, l.size(), 3);
        let before = resident();
        dealloc(p, l);
        assert!(GortAlloc::free_os_memory() >= 32 << 20);
        let after = resident();
        assert!(after + (32 << 20) < before, "{before} bytes resident before, {after} after");
        let q = alloc_zeroed(l);
        assert!(all(q, l.size(), 0));
        dealloc(q, l);
    }
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
