//! BENCH-6: pauses. While collections run one after the other, one task asks for the time in
//! a loop with safepoints, another sleeps and notes how late it wakes. The setting adds: an
//! endless loop (`hog`), ten thousand tasks parked 64 KiB deep (`stacks`), 512 MiB of live
//! objects (`heap`), or nothing (`plain`).

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gort::channel::{Receiver, bounded};
use gort::gc::{self, Field, Root, Trace};
use gort_bench_kit::{Histogram, Size, Wrong, fail};

use crate::report::{figure, micros, point};

const COLLECTIONS: Size = Size::new(50, 3);
const HEAP: Size = Size::new(512 << 20, 8 << 20);
const STACKS: Size = Size::new(10_000, 500);
const NAP: Duration = Duration::from_millis(1);

static DONE: AtomicBool = AtomicBool::new(false);

#[derive(Trace)]
struct Node {
    next: Field<Node>,
    words: [u64; 7],
}

pub(crate) fn run(setting: &str) -> Result<(), Wrong> {
    let (opener, gate) = bounded::<()>(0);
    let kept = match setting {
        "plain" => None,
        "hog" => {
            gort::go(|| {
                let mut sum = 0_u64;
                loop {
                    sum = black_box(sum.wrapping_mul(3).wrapping_add(1));
                }
            });
            None
        }
        "stacks" => {
            for _ in 0..STACKS.get() {
                let gate = gate.clone();
                let deep = gort::thread::Builder::new().stack_size(256 << 10);
                deep.spawn(move || park_deep(&gate)).or_else(fail)?;
            }
            None
        }
        "heap" => Some(fill(HEAP.get())),
        other => return fail(format_args!("unknown setting '{other}'")),
    };

    let mutator = gort::go(steps);
    let sleeper = gort::go(naps);
    for _ in 0..COLLECTIONS.get() {
        gc::collect().or_else(fail)?;
    }
    // ORDER: Relaxed: the joins publish what was noted.
    DONE.store(true, Relaxed);
    let steps = mutator.join().or_else(|_| fail("the mutator panicked"))?;
    let late = sleeper.join().or_else(|_| fail("the sleeper panicked"))?;
    drop((kept, opener));

    let stats = gc::stats();
    let at = |q: f64| micros(stats.handshakes.quantile(q));
    figure("handshake_p50", at(0.5), "us");
    figure("handshake_p99", at(0.99), "us");
    figure("handshake_worst", micros(stats.longest_handshake), "us");
    for (name, histogram) in [("mutator_step", &steps), ("scheduling_delay", &late)] {
        for percent in [50.0, 90.0, 99.0, 99.9, 99.99, 100.0] {
            let value = histogram.quantile(percent / 100.0) as f64 / 1e3;
            point(&format!("{name}_{setting}"), percent, value);
        }
        figure(&format!("{name}_p99"), histogram.quantile(0.99) as f64 / 1e3, "us");
        figure(&format!("{name}_max"), histogram.max() as f64 / 1e3, "us");
    }
    Ok(())
}

/// How long each step of a mutator takes that allocates and passes.
fn steps() -> Histogram {
    let mut steps = Histogram::new();
    let mut mutator = gc::pin();
    let mut last = Instant::now();
    // ORDER: Relaxed: no data comes with it.
    while !DONE.load(Relaxed) {
        black_box(mutator.alloc(NodeInit { next: None, words: [0; 7] }));
        mutator.safepoint();
        let now = Instant::now();
        steps.record((now - last).as_nanos() as u64);
        last = now;
    }
    steps
}

fn naps() -> Histogram {
    let mut late = Histogram::new();
    // ORDER: Relaxed: no data comes with it.
    while !DONE.load(Relaxed) {
        let start = Instant::now();
        gort::thread::sleep(NAP);
        late.record(start.elapsed().saturating_sub(NAP).as_nanos() as u64);
    }
    late
}

/// Waits with so much below it on the stack.
fn park_deep(gate: &Receiver<()>) {
    let block = [1_u8; 64 << 10];
    black_box(&block);
    let _closed = gate.recv();
    black_box(&block);
}

fn fill(bytes: u64) -> Root<Node> {
    let mut mutator = gc::pin();
    let mut kept = Root::new(&mutator, mutator.alloc(NodeInit { next: None, words: [0; 7] }));
    for at in 0..bytes / 64 {
        let next = Some(kept.get(&mutator));
        let head = mutator.alloc(NodeInit { next, words: [0; 7] });
        kept.set(&mutator, head);
        if at % 64 == 0 {
            mutator.safepoint();
        }
    }
    kept
}
