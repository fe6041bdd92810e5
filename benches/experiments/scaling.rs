//! BENCH-2: how allocation scales. A hundred thousand tasks each make a hundred objects of
//! 16 to 256 bytes, keep the last ten in a list, and end.
//!
//! Figures: nanoseconds per allocation (wall time times processors that the machine has,
//! over allocations), waits for a lock per million allocations, and the share of memory
//! that lies on another node than the thread, which on a machine with one node is none.

use std::fs;
use std::time::Instant;

use gort::gc::{self, Field, Trace};
use gort::sync::WaitGroup;
use gort_bench_kit::{Random, Size, Wrong, metric, verify};

use crate::report::{figure, point};

const TASKS: Size = Size::new(100_000, 5_000);
const OBJECTS: u64 = 100;

#[derive(Trace)]
struct Link<const WORDS: usize> {
    next: Field<Link<WORDS>>,
    words: [u64; WORDS],
}

pub(crate) fn run(_: &str) -> Result<(), Wrong> {
    let tasks = TASKS.get();
    let group: &'static WaitGroup = Box::leak(Box::new(WaitGroup::new()));
    let before = gc::stats().alloc_objects;
    let waits = gort_sys::lock::waits();
    let start = Instant::now();
    group.add(tasks as isize);
    for task in 0..tasks {
        gort::go(move || {
            let mut random = Random::new(task);
            for _ in 0..OBJECTS / 10 {
                match random.below(3) {
                    0 => links::<1>(),
                    1 => links::<7>(),
                    _ => links::<31>(),
                }
            }
            group.done();
        });
    }
    group.wait();
    let elapsed = start.elapsed();
    let waits = gort_sys::lock::waits() - waits;
    let made = gc::stats().alloc_objects - before;
    verify("number of objects", made, tasks * OBJECTS)?;

    let procs = gort::runtime::procs();
    let busy = f64::from(procs.min(gort::runtime::num_cpu()));
    let each = elapsed.as_secs_f64() * 1e9 * busy / made as f64;
    point("ns_per_allocation", f64::from(procs), each);
    figure("alloc", each, "ns");
    figure("lock_waits", waits as f64 / made as f64 * 1e6, "per_million");
    figure("numa_nodes", nodes() as f64, "nodes");
    metric("scaling_wall", elapsed.as_secs_f64() * 1e3, "ms");
    Ok(())
}

/// Ten objects in a list.
fn links<const WORDS: usize>() {
    let mutator = gc::pin();
    let mut list = None;
    for _ in 0..10 {
        list = Some(mutator.alloc(LinkInit { next: list, words: [1; WORDS] }));
    }
    std::hint::black_box(list);
}

fn nodes() -> usize {
    let folder = fs::read_dir("/sys/devices/system/node");
    let is_node = |name: &str| name.strip_prefix("node").is_some_and(|n| n.parse::<u32>().is_ok());
    let count = folder.map_or(0, |entries| {
        entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_node)).count()
    });
    count.max(1)
}
