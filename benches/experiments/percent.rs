//! BENCH-8: a fixed percent against the closed loop (GC-14). The load varies: phases of much
//! and of little live memory, of fast and of slow allocation. The setting is `fixed` (100) or
//! `closed`.

use std::time::{Duration, Instant};

use gort::gc::{self, ClosedLoop, Field, Reading, Root, Trace};
use gort_bench_kit::machine::cpu_millis;
use gort_bench_kit::{Size, Wrong, fail};

use crate::report::{figure, point};

const PHASE: Size = Size::new(2_000, 200);
const LIVE: [u64; 6] = [8 << 20, 64 << 20, 16 << 20, 96 << 20, 8 << 20, 48 << 20];
/// What the policy believes to be the machine: small, so that it has to choose.
const MEMORY: u64 = 512 << 20;

#[derive(Trace)]
struct Node {
    next: Field<Node>,
    words: [u64; 7],
}

pub(crate) fn run(setting: &str) -> Result<(), Wrong> {
    let mut policy = match setting {
        "fixed" => None,
        "closed" => Some(ClosedLoop::new()),
        other => return fail(format_args!("unknown setting '{other}'")),
    };
    gc::set_gc_percent(Some(100));
    let start = Instant::now();
    let cpu = cpu_millis();
    let (mut peak, mut made) = (0, 0_u64);
    for (phase, live) in LIVE.into_iter().enumerate() {
        let kept = list(live);
        let end = Instant::now() + Duration::from_millis(PHASE.get());
        let mut last = (Instant::now(), gc::stats().alloc_bytes);
        while Instant::now() < end {
            made += churn();
            if phase % 2 == 1 {
                gort::thread::sleep(Duration::from_micros(200));
            }
            if last.0.elapsed() < Duration::from_millis(20) {
                continue;
            }
            let stats = gc::stats();
            peak = peak.max(stats.heap_in_use);
            let allocated = stats.alloc_bytes - last.1;
            let reading = Reading {
                allocated,
                over: last.0.elapsed(),
                free: MEMORY.saturating_sub(stats.heap_in_use),
            };
            last = (Instant::now(), stats.alloc_bytes);
            let at = start.elapsed().as_secs_f64();
            point(&format!("heap_MiB_{setting}"), at, stats.heap_in_use as f64 / (1 << 20) as f64);
            if let Some(percent) = policy.as_mut().and_then(|policy| policy.next(&reading)) {
                gc::set_gc_percent(Some(percent));
                point("percent_closed", at, f64::from(percent));
            }
        }
        drop(kept);
    }
    let stats = gc::stats();
    figure("mark_time", stats.mark_time.as_secs_f64() * 1e3, "ms");
    figure("cycles", stats.cycles as f64, "cycles");
    figure("peak_heap", peak as f64 / (1 << 20) as f64, "MiB");
    figure("objects", made as f64 / 1e6, "millions");
    figure("cpu", cpu_millis() - cpu, "ms");
    Ok(())
}

fn churn() -> u64 {
    let mut mutator = gc::pin();
    for _ in 0..1_000 {
        mutator.alloc(NodeInit { next: None, words: [0; 7] });
    }
    mutator.safepoint();
    1_000
}

fn list(bytes: u64) -> Root<Node> {
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
