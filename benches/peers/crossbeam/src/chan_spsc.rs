//! S4, `chan_spsc`: one thread sends ten million numbers over a channel with room
//! for 128 to another, which adds them up.

use std::thread;
use std::time::Instant;

use crossbeam_channel::bounded;
use gort_bench_kit::parameters::chan_spsc::{CAPACITY, ITEMS};
use gort_bench_kit::{Wrong, metric, per_op, pin_to_processors, verify};

pub(crate) fn run() -> Result<(), Wrong> {
    pin_to_processors()?;
    let items = ITEMS.get();
    let (sender, receiver) = bounded::<u64>(CAPACITY);

    let start = Instant::now();
    thread::spawn(move || {
        for item in 0..items {
            if sender.send(item).is_err() {
                break;
            }
        }
    });
    let sum: u64 = receiver.iter().sum();
    let elapsed = start.elapsed();

    verify("sum of the items", sum, items * (items - 1) / 2)?;
    metric("chan_spsc", per_op(elapsed, items), "ns/item");
    Ok(())
}
