//! S5, `chan_mpmc`: eight coroutines send a million numbers each over one channel;
//! eight others share them and add them up.
//!
//! may's channel is unbounded: a producer that never gives way would fill the memory
//! with its million (twice the time). It yields after as many items as would have room.
//! Each consumer ends at a mark: a channel that closes while two of them are about to
//! wait wakes only one.

use std::time::Instant;

use gort_bench_kit::parameters::chan_mpmc::{CAPACITY, CONSUMERS, ITEMS, PRODUCERS};
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};
use may::sync::mpmc::channel;
use may::{coroutine, go};

/// No item: tells one consumer that there are no more.
const END: u64 = u64::MAX;

pub(crate) fn run() -> Result<(), Wrong> {
    let items = ITEMS.get();
    let share = items / PRODUCERS;
    let (sender, receiver) = channel::<u64>();
    let start = Instant::now();
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let sender = sender.clone();
            go!(move || {
                for item in producer * share..(producer + 1) * share {
                    if sender.send(item).is_err() {
                        break;
                    }
                    if (item + 1) % CAPACITY as u64 == 0 {
                        coroutine::yield_now();
                    }
                }
            })
        })
        .collect();
    let consumers: Vec<_> = (0..CONSUMERS)
        .map(|_| {
            let receiver = receiver.clone();
            go!(move || {
                let mut sum = 0;
                while let Ok(item) = receiver.recv() {
                    if item == END {
                        break;
                    }
                    sum += item;
                }
                sum
            })
        })
        .collect();
    for producer in producers {
        producer.join().or_else(|_| fail("a producer panicked"))?;
    }
    for _ in 0..CONSUMERS {
        sender.send(END).or_else(fail)?;
    }
    let sum: u64 = consumers.into_iter().map(|consumer| consumer.join().unwrap_or(0)).sum();
    let elapsed = start.elapsed();
    verify("sum of the items", sum, items * (items - 1) / 2)?;
    metric("chan_mpmc", per_op(elapsed, items), "ns/item");
    Ok(())
}
