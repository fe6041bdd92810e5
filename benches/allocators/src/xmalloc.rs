//! M8, `xmalloc`: one thread makes blocks of 8 to 512 bytes and hands them over in
//! batches; another frees them.
//!
//! After Lever and Boreham, "malloc() performance in a multithreaded Linux
//! environment", USENIX 2000. The batches travel to and fro, so that they cost
//! neither side an allocation.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use gort_bench_kit::parameters::xmalloc::{BATCH, BATCHES, MAX, MILLIS, MIN};
use gort_bench_kit::{Random, Wrong, fail, metric, verify};

use crate::block::Block;

pub(crate) fn run() -> Result<(), Wrong> {
    let (full, filled) = sync_channel::<Vec<Block>>(BATCHES);
    let (empty, emptied) = sync_channel::<Vec<Block>>(BATCHES);
    for _ in 0..BATCHES {
        empty.send(Vec::with_capacity(BATCH)).or_else(fail)?;
    }

    let start = Instant::now();
    let consumer = thread::spawn(move || {
        let (mut freed, mut wrong) = (0, 0);
        for mut batch in filled {
            wrong += batch.iter().filter(|block| block.stamp() != STAMP).count() as u64;
            freed += batch.len() as u64;
            batch.clear();
            // The producer may have ended already.
            drop(empty.send(batch));
        }
        (freed, wrong)
    });
    let mut random = Random::new(1);
    let mut made = 0;
    while start.elapsed() < Duration::from_millis(MILLIS.get()) {
        let mut batch = emptied.recv().or_else(fail)?;
        for _ in 0..BATCH {
            batch.push(Block::new((MIN + random.below(MAX - MIN + 1)) as usize, STAMP));
        }
        made += BATCH as u64;
        full.send(batch).or_else(|_| fail("the consumer is gone"))?;
    }
    drop(full);
    let (freed, wrong) = consumer.join().or_else(|_| fail("the consumer panicked"))?;
    let elapsed = start.elapsed();

    verify("number of blocks without their stamp", wrong, 0)?;
    verify("number of blocks that came over", freed, made)?;
    metric("xmalloc", freed as f64 / elapsed.as_secs_f64() / 1e6, "Mops/s");
    Ok(())
}

/// What each block carries.
const STAMP: u8 = 0xA5;
