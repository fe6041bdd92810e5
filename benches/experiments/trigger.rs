//! BENCH-5: where a cycle starts, and how far its goal is missed. Objects are made in steps
//! of 64 KiB beside 32 MiB that stay; after each step the heap's size and the goal are noted.

use gort::gc::{self, Field, Root, Trace};
use gort_bench_kit::{Size, Wrong, fail};

use crate::report::{figure, point};

const KEPT: Size = Size::new(32 << 20, 4 << 20);
const MADE: Size = Size::new(512 << 20, 32 << 20);
const STEP: u64 = 64 << 10;

#[derive(Trace)]
struct Node {
    next: Field<Node>,
    words: [u64; 7],
}

pub(crate) fn run(setting: &str) -> Result<(), Wrong> {
    let percent: u32 = setting.parse().or_else(fail)?;
    gc::set_gc_percent(Some(percent));
    let mut mutator = gc::pin();
    let mut kept = Root::new(&mutator, mutator.alloc(NodeInit { next: None, words: [0; 7] }));
    for at in 0..KEPT.get() / 64 {
        let next = Some(kept.get(&mutator));
        let head = mutator.alloc(NodeInit { next, words: [0; 7] });
        kept.set(&mutator, head);
        if at % 64 == 0 {
            mutator.safepoint();
        }
    }
    mutator.collect();
    let first = gc::stats();
    let (mut cycles, mut peak, mut missed, mut worst) = (first.cycles, 0, Vec::new(), 0.0_f64);
    let mut goal = first.goal_bytes;
    for step in 0..MADE.get() / STEP {
        for _ in 0..STEP / 64 {
            mutator.alloc(NodeInit { next: None, words: [0; 7] });
        }
        mutator.safepoint();
        let now = gc::stats();
        peak = peak.max(now.heap_in_use);
        if step % 16 == 0 {
            let made = (step * STEP) as f64 / (1 << 20) as f64;
            point("heap_MiB", made, now.heap_in_use as f64 / (1 << 20) as f64);
            point("goal_MiB", made, now.goal_bytes as f64 / (1 << 20) as f64);
        }
        if now.cycles != cycles {
            let ratio = peak as f64 / goal.max(1) as f64;
            missed.push(ratio);
            worst = worst.max(ratio);
            (cycles, peak, goal) = (now.cycles, 0, now.goal_bytes);
        }
    }
    missed.sort_by(f64::total_cmp);
    let Some(median) = missed.get(missed.len() / 2) else { return fail("no cycle ended") };
    figure("cycles", missed.len() as f64, "cycles");
    figure("peak_over_goal_median", *median, "ratio");
    figure("peak_over_goal_worst", worst, "ratio");
    figure("bytes_per_cycle", MADE.get() as f64 / missed.len() as f64 / (1 << 20) as f64, "MiB");
    Ok(())
}
