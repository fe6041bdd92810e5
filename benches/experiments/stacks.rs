//! STACK-3: memory of stacks. A burst of goroutines goes 32 KiB deep; the resident memory is noted before, at its height
//! and for a while after. The setting is what becomes of them: they have `ended`, or stay `parked` near the top of their
//! stacks.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use gort::thread;
use gort_bench_kit::{Size, Wrong, resident_bytes};

use crate::report::{figure, point};

const BURST: Size = Size::new(10_000, 500);
/// Milliseconds after the burst.
const WATCHED: Size = Size::new(14_000, 500);

/// Touches 32 KiB of the stack.
#[inline(never)]
fn deep() -> u8 {
    let frame = black_box([1u8; 32 << 10]);
    frame[black_box(9)]
}

pub(crate) fn run(setting: &str) -> Result<(), Wrong> {
    let base = resident_bytes()?;
    let start = Instant::now();
    let note = || -> Result<f64, Wrong> {
        let mib = resident_bytes()?.saturating_sub(base) as f64 / (1 << 20) as f64;
        point(setting, start.elapsed().as_secs_f64(), mib);
        Ok(mib)
    };
    note()?;
    let count = BURST.get();
    let deep_now = Arc::new(AtomicU64::new(0));
    // All are alive at once: each parks when it has been deep.
    let all: Vec<_> = (0..count)
        .map(|_| {
            let deep_now = Arc::clone(&deep_now);
            gort::go(move || {
                black_box(deep());
                // ORDER: SeqCst — a count of the program; nothing hangs on it.
                deep_now.fetch_add(1, SeqCst);
                thread::park();
            })
        })
        .collect();
    // ORDER: SeqCst — as above.
    while deep_now.load(SeqCst) < count {
        note()?;
        thread::sleep(Duration::from_millis(10));
    }
    let peak = note()?;
    let ends = setting == "ended";
    let mut all = Some(all);
    if ends {
        for g in all.take().into_iter().flatten() {
            g.thread().unpark();
            let _ = g.join();
        }
    }
    let (after, mut last, mut gone) = (Instant::now(), peak, None);
    while after.elapsed() < Duration::from_millis(WATCHED.get()) {
        last = note()?;
        if last < peak / 4.0 && gone.is_none() {
            gone = Some(after.elapsed());
        }
        thread::sleep(Duration::from_millis(100));
    }
    for g in all.into_iter().flatten() {
        g.thread().unpark();
        let _ = g.join();
    }
    figure("peak", peak, "MiB");
    figure("at_the_end", last, "MiB");
    let gone = gone.map_or(f64::INFINITY, |t| t.as_secs_f64() * 1e3);
    figure("until_three_quarters_are_gone", gone, "ms");
    Ok(())
}
