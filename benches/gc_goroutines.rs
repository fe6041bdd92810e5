//! M5, `gc_goroutines`: a million tasks are parked; one collection is asked for,
//! while a task watches how long it is held up.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gort::channel::{Receiver, bounded};
use gort::gc;
use gort::sync::WaitGroup;
use gort_bench_kit::parameters::gc_goroutines::TASKS;
use gort_bench_kit::{Wrong, fail, metric, millis, verify};

static PARKED: AtomicU64 = AtomicU64::new(0);
static WATCHING: AtomicBool = AtomicBool::new(false);
static DONE: AtomicBool = AtomicBool::new(false);

pub(crate) fn run() -> Result<(), Wrong> {
    let tasks = TASKS.get();
    let group: &'static WaitGroup = Box::leak(Box::new(WaitGroup::new()));
    let (opener, gate) = bounded::<()>(0);
    let gate: &'static Receiver<()> = Box::leak(Box::new(gate));
    group.add(tasks as isize);
    for _ in 0..tasks {
        gort::go(|| {
            // ORDER: Relaxed: only the count matters, nothing is published by it.
            PARKED.fetch_add(1, Relaxed);
            let _closed = gate.recv();
            group.done();
        });
    }
    // ORDER: Relaxed: as above.
    while PARKED.load(Relaxed) < tasks {
        gort::thread::yield_now();
    }
    gc::collect().or_else(fail)?;

    let watcher = gort::go(watch);
    // ORDER: Relaxed: only that it runs matters.
    while !WATCHING.load(Relaxed) {
        gort::thread::yield_now();
    }
    let before = gc::stats().forced_cycles;
    let start = Instant::now();
    gc::collect().or_else(fail)?;
    let elapsed = start.elapsed();
    // ORDER: Relaxed: the join publishes what the watcher saw.
    DONE.store(true, Relaxed);
    let longest = watcher.join().or_else(|_| fail("the watcher panicked"))?;

    verify("number of collections", gc::stats().forced_cycles - before, 1)?;
    drop(opener);
    group.wait();
    metric("gc_goroutines", millis(elapsed), "ms");
    metric("gc_goroutines_pause", longest.as_secs_f64() * 1e6, "us");
    Ok(())
}

/// The longest time between two of its passes.
fn watch() -> Duration {
    let mut mutator = gc::pin();
    let mut longest = Duration::ZERO;
    let mut last = Instant::now();
    // ORDER: Relaxed: only that it runs matters.
    WATCHING.store(true, Relaxed);
    // ORDER: Relaxed: no data comes with it.
    while !DONE.load(Relaxed) {
        mutator.safepoint();
        let now = Instant::now();
        longest = longest.max(now - last);
        last = now;
    }
    longest
}
