//! S2, `yield`: two tasks give way to each other, five million times each.

use std::time::Instant;

use crate::report::{self, Wrong};

const EACH: u64 = 5_000_000;

pub(crate) fn run() -> Result<(), Wrong> {
    let start = Instant::now();
    let tasks = [(); 2].map(|()| gort::go(give_way));
    let mut yields = 0;
    for task in tasks {
        yields += task.join().unwrap_or(0);
    }
    let elapsed = start.elapsed();

    report::verify("number of yields", yields, 2 * EACH)?;
    report::metric("yield", report::per_op(elapsed, 2 * EACH), "ns/yield");
    Ok(())
}

fn give_way() -> u64 {
    let mut yields = 0;
    for _ in 0..EACH {
        gort::thread::yield_now();
        yields += 1;
    }
    yields
}
