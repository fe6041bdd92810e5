//! S12, `hog_latency`: two coroutines compute without end; a third sleeps 1 ms over and
//! over and notes how late it wakes.
//!
//! Coroutines of may are never preempted either; its timer thread is a third thread
//! that runs what it wakes: so the sleeper is started first.

use std::hint::black_box;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use gort_bench_kit::parameters::hog_latency::{HOGS, MILLIS};
use gort_bench_kit::{Histogram, Wrong, cannot, fail};
use may::{coroutine, go};

const NAP: Duration = Duration::from_millis(1);

pub(crate) fn run() -> Result<(), Wrong> {
    let time = Duration::from_millis(MILLIS.get());
    let (told, hear) = mpsc::channel();
    go!(move || {
        let mut late = Histogram::new();
        let end = Instant::now() + time;
        while Instant::now() < end {
            let start = Instant::now();
            coroutine::sleep(NAP);
            late.record(start.elapsed().saturating_sub(NAP).as_nanos() as u64);
        }
        drop(told.send(late));
    });
    for _ in 0..HOGS {
        go!(|| {
            let mut sum = 0_u64;
            loop {
                sum = black_box(sum.wrapping_mul(3).wrapping_add(1));
            }
        });
    }
    match hear.recv_timeout(2 * time) {
        Ok(late) => late.report("hog_late", &[50.0, 99.0]),
        Err(RecvTimeoutError::Timeout) => {
            return cannot(
                "two coroutines that never yield hold both workers: the third never runs",
            );
        }
        Err(error) => return fail(error),
    }
    Ok(())
}
