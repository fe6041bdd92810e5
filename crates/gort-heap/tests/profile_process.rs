//! The heap profile of a whole process: its own allocator, its threads, the child of a fork, and a child that is told by
//! its environment.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "the tests keep the contracts that the functions state"
)]

use gort_heap::GortAlloc;
use gort_heap::profile::stack;
use std::alloc::Layout;
use std::process::Command;

#[global_allocator]
static ALLOCATOR: GortAlloc = GortAlloc;

/// Of all stacks: sampled objects and bytes, and what is in use.
fn totals() -> (u64, u64, u64) {
    let mut sums = (0, 0, 0);
    GortAlloc::heap().unwrap().for_each_sample(|s| {
        let all = s.scaled();
        sums = (sums.0 + all.alloc_objects, sums.1 + all.alloc_bytes, sums.2 + all.inuse_bytes);
    });
    sums
}

/// A walker that allocates, and takes a fork's side effects with it: what it allocates is not sampled.
fn greedy(frames: &mut [usize]) -> usize {
    let more: Vec<Vec<u8>> = (0..50).map(|i| vec![1; i * 10]).collect();
    std::hint::black_box(&more);
    stack::unwind(frames)
}

fn work(n: usize, seed: usize) -> Vec<Vec<u8>> {
    let mut kept = Vec::new();
    for i in 0..n {
        let block = vec![i as u8; 16 + (i * 7 + seed) % 500];
        if i % 10 == 0 {
            kept.push(block);
        }
    }
    kept
}

/// One test, so that nobody else allocates meanwhile.
#[test]
fn a_process_is_profiled() {
    if std::env::var_os("GORT_HEAP_PART").is_some() {
        return;
    }
    stack::set_stack_walker(greedy);
    let before = GortAlloc::stats();
    GortAlloc::set_profile_rate(4096);
    let threads: Vec<_> = (0..4).map(|t| std::thread::spawn(move || work(20_000, t))).collect();
    let kept: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    let (objects, bytes, live) = totals();
    let after = GortAlloc::stats();
    // The walker's own blocks are in the figures and not in the profile, so these are bounds, not equalities.
    assert!(objects > 70_000 && bytes <= (after.alloc_bytes - before.alloc_bytes) * 11 / 10);
    let held: u64 = kept.iter().flatten().map(|b| b.capacity() as u64).sum();
    assert!((held * 8 / 10..held * 13 / 10 + 400_000).contains(&live), "{live} for {held}");
    // Freed by who did not allocate them.
    std::thread::spawn(move || drop(kept)).join().unwrap();
    let (_, _, left) = totals();
    assert!(left < live / 4, "{left} of {live}");
    fork();
    // Rates that change under threads at work: nothing is lost, and what was sampled is ended.
    let heap = GortAlloc::heap().unwrap();
    std::thread::scope(|scope| {
        for t in 0..3 {
            scope.spawn(move || (0..10).for_each(|_| drop(work(1000, t))));
        }
        for rate in [0, 1, 512, 0, 4096, 1, 100].into_iter().cycle().take(200) {
            GortAlloc::set_profile_rate(rate);
            std::thread::yield_now();
        }
    });
    GortAlloc::set_profile_rate(0);
    GortAlloc::flush_current();
    heap.check().unwrap();
    heap.verify_stats().unwrap();
    let l = Layout::new::<[u8; 100]>();
    let p = unsafe { std::alloc::alloc(l) };
    unsafe { std::alloc::dealloc(p, l) };
}

/// In the child of a fork the caches of other threads are settled, samples and all.
fn fork() {
    let busy = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        for t in 0..2 {
            let busy = &busy;
            scope.spawn(move || {
                while busy.load(std::sync::atomic::Ordering::Relaxed) {
                    drop(work(500, t)); // ORDER: Relaxed (above) — a flag.
                }
            });
        }
        for _ in 0..5 {
            match unsafe { libc::fork() } {
                0 => {
                    drop(work(500, 9));
                    let sound = GortAlloc::heap().unwrap().check().is_ok();
                    unsafe { libc::_exit(i32::from(!sound)) };
                }
                child => {
                    let mut status = 0;
                    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                    assert_eq!(status, 0);
                }
            }
        }
        busy.store(false, std::sync::atomic::Ordering::Relaxed); // ORDER: Relaxed — a flag.
    });
}

/// `GORT_MEMPROFILE_RATE` asks from the first allocation on.
#[test]
fn told_by_the_environment() {
    if std::env::var_os("GORT_HEAP_PART").is_some() {
        let live = Box::new([0u8; 1000]);
        let (objects, _, inuse) = totals();
        println!(
            "{objects} objects, {inuse} bytes, rate {}",
            GortAlloc::heap().unwrap().profile_rate()
        );
        assert!(objects > 20 && inuse >= live.len() as u64);
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.env("GORT_HEAP_PART", "told").env("GORT_MEMPROFILE_RATE", "1");
    let out = child.args(["--exact", "told_by_the_environment", "--nocapture"]).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && text.contains("rate 1\n"), "{text}");
}
