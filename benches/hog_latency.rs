//! S12, `hog_latency`: two tasks compute without end and never enter the runtime;
//! a third sleeps 1 ms over and over and notes how late it wakes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use gort_bench_kit::parameters::hog_latency::{HOGS, MILLIS};
use gort_bench_kit::{Histogram, Wrong, fail};

const NAP: Duration = Duration::from_millis(1);

pub(crate) fn run() -> Result<(), Wrong> {
    for _ in 0..HOGS {
        gort::go(|| {
            let mut sum = 0_u64;
            loop {
                sum = black_box(sum.wrapping_mul(3).wrapping_add(1));
            }
        });
    }
    let sleeper = gort::go(|| {
        let mut late = Histogram::new();
        let end = Instant::now() + Duration::from_millis(MILLIS.get());
        while Instant::now() < end {
            let start = Instant::now();
            gort::thread::sleep(NAP);
            late.record(start.elapsed().saturating_sub(NAP).as_nanos() as u64);
        }
        late
    });
    let late = sleeper.join().or_else(|_| fail("the sleeper panicked"))?;
    late.report("hog_late", &[50.0, 99.0]);
    Ok(())
}
