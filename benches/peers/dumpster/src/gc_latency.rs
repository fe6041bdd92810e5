//! M4, `gc_latency`: random nodes of a large table are replaced for ten seconds; how
//! long each replacement takes is noted. A node goes when its count does.

use std::time::{Duration, Instant};

use dumpster::Trace;
use dumpster::unsync::Gc;
use gort_bench_kit::parameters::gc_latency::{MILLIS, SLOTS};
use gort_bench_kit::{Histogram, Random, Wrong, fail, metric};

/// 64 bytes of its own.
#[derive(Trace)]
struct Node {
    number: u64,
    next: Option<Gc<Node>>,
    padding: [u64; 6],
}

pub(crate) fn run() -> Result<(), Wrong> {
    let slots = SLOTS.get();
    let mut table: Vec<Gc<Node>> = (0..slots).map(node).collect();
    let mut random = Random::new(1);
    let mut taken = Histogram::new();
    let start = Instant::now();
    let end = start + Duration::from_millis(MILLIS.get());
    let mut last = start;
    while last < end {
        let slot = random.below(slots);
        table[slot as usize] = node(slot);
        let now = Instant::now();
        taken.record((now - last).as_nanos() as u64);
        last = now;
    }
    let elapsed = start.elapsed();

    if let Some(slot) = table.iter().zip(0..).position(|(node, number)| node.number != number) {
        return fail(format_args!("slot {slot} does not hold its node"));
    }
    taken.report("gc_latency", &[50.0, 99.0, 99.9, 99.99]);
    metric("gc_latency_ops", taken.total() as f64 / elapsed.as_secs_f64(), "ops/s");
    Ok(())
}

fn node(number: u64) -> Gc<Node> {
    Gc::new(Node { number, next: None, padding: [0; 6] })
}
