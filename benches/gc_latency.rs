//! M4, `gc_latency`: random nodes of a large table are replaced for ten seconds;
//! how long each replacement takes is noted.

use std::time::{Duration, Instant};

use gort::gc::{self, Field, Root, Trace};
use gort_bench_kit::parameters::gc_latency::{MILLIS, SLOTS};
use gort_bench_kit::{Histogram, Random, Wrong, fail, metric};

/// 64 bytes.
#[derive(Trace)]
struct Node {
    number: u64,
    next: Field<Node>,
    padding: [u64; 6],
}

pub(crate) fn run() -> Result<(), Wrong> {
    let slots = SLOTS.get();
    let mut mutator = gc::pin();
    let table = mutator.alloc_slice::<Node>(slots as usize).or_else(fail)?;
    let table = Root::new(&mutator, table);
    let node = |number| NodeInit { number, next: None, padding: [0; 6] };
    for number in 0..slots {
        table.get(&mutator)[number as usize].store(&mutator, Some(mutator.alloc(node(number))));
        mutator.safepoint();
    }

    let mut random = Random::new(1);
    let mut taken = Histogram::new();
    let start = Instant::now();
    let end = start + Duration::from_millis(MILLIS.get());
    let mut last = start;
    while last < end {
        let slot = random.below(slots);
        table.get(&mutator)[slot as usize].store(&mutator, Some(mutator.alloc(node(slot))));
        mutator.safepoint();
        let now = Instant::now();
        taken.record((now - last).as_nanos() as u64);
        last = now;
    }
    let elapsed = start.elapsed();

    for (number, slot) in table.get(&mutator).slice().iter().enumerate() {
        if slot.load().is_none_or(|node| node.number != number as u64) {
            return fail(format_args!("slot {number} does not hold its node"));
        }
    }
    taken.report("gc_latency", &[50.0, 99.0, 99.9, 99.99]);
    metric("gc_latency_ops", taken.total() as f64 / elapsed.as_secs_f64(), "ops/s");
    Ok(())
}
