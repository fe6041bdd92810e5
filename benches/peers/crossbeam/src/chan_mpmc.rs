//! S5, `chan_mpmc`: eight threads send a million numbers each over one channel with
//! room for 128; eight others share them and add them up.

use std::thread;
use std::time::Instant;

use crossbeam_channel::bounded;
use gort_bench_kit::parameters::chan_mpmc::{CAPACITY, CONSUMERS, ITEMS, PRODUCERS};
use gort_bench_kit::{Wrong, metric, per_op, pin_to_processors, verify};

pub(crate) fn run() -> Result<(), Wrong> {
    pin_to_processors()?;
    let items = ITEMS.get();
    let share = items / PRODUCERS;
    let (sender, receiver) = bounded::<u64>(CAPACITY);

    let start = Instant::now();
    for producer in 0..PRODUCERS {
        let sender = sender.clone();
        thread::spawn(move || {
            for item in producer * share..(producer + 1) * share {
                if sender.send(item).is_err() {
                    break;
                }
            }
        });
    }
    drop(sender);
    let consumers: Vec<_> = (0..CONSUMERS)
        .map(|_| {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.iter().sum::<u64>())
        })
        .collect();
    let sum: u64 = consumers.into_iter().map(|consumer| consumer.join().unwrap_or(0)).sum();
    let elapsed = start.elapsed();

    verify("sum of the items", sum, items * (items - 1) / 2)?;
    metric("chan_mpmc", per_op(elapsed, items), "ns/item");
    Ok(())
}
