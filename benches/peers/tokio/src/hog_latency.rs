//! S12, `hog_latency`: two tasks compute without end; a third sleeps 1 ms over and
//! over and notes how late it wakes.
//!
//! Tasks of tokio are never preempted: two that never await hold both workers for
//! good. The third is started first, and what it noted until it was stopped for good
//! is no answer to the question; the program says so.

use std::hint::black_box;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use gort_bench_kit::parameters::hog_latency::{HOGS, MILLIS};
use gort_bench_kit::{Histogram, Wrong, cannot, fail};

use crate::runtime;

const NAP: Duration = Duration::from_millis(1);

pub(crate) fn run() -> Result<(), Wrong> {
    let time = Duration::from_millis(MILLIS.get());
    let runtime = runtime::multi()?;
    let (told, hear) = mpsc::channel();
    runtime.spawn(async move {
        let mut late = Histogram::new();
        let end = Instant::now() + time;
        while Instant::now() < end {
            let start = Instant::now();
            tokio::time::sleep(NAP).await;
            late.record(start.elapsed().saturating_sub(NAP).as_nanos() as u64);
        }
        drop(told.send(late));
    });
    for _ in 0..HOGS {
        runtime.spawn(async {
            let mut sum = 0_u64;
            loop {
                sum = black_box(sum.wrapping_mul(3).wrapping_add(1));
            }
        });
    }
    let heard = hear.recv_timeout(2 * time);
    // Its workers never come back; waiting for them would never end.
    std::mem::forget(runtime);
    match heard {
        Ok(late) => late.report("hog_late", &[50.0, 99.0]),
        Err(RecvTimeoutError::Timeout) => {
            return cannot(
                "two tasks that never await hold both workers: the third never runs again",
            );
        }
        Err(error) => return fail(error),
    }
    Ok(())
}
