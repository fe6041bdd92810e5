//! An endless loop on the only processor, and a goroutine that lives on beside it.
//!
//! `GOMAXPROCS=1 cargo run --release --example hog`

use std::hint::black_box;
use std::time::{Duration, Instant};

#[gort::main(unsafe(migrate))]
fn main() {
    gort::go(|| {
        let mut n = 0u64;
        loop {
            n = black_box(n + 1);
        }
    });
    let mut worst = Duration::ZERO;
    for _ in 0..100 {
        let start = Instant::now();
        gort::thread::sleep(Duration::from_millis(1));
        worst = worst.max(start.elapsed());
    }
    println!(
        "slept 100 times for 1 ms beside an endless loop on {} processor(s); the longest took {} ms",
        gort::runtime::procs(),
        worst.as_millis()
    );
}
