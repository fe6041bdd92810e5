//! M6: pairs of allocation and free on one thread.
//!
//! `malloc_free_N`: one block of N bytes at a time. `malloc_fifo_N`: a ring of 1000
//! live blocks, the oldest goes, a new one comes. `malloc_churn`: of 100,000 live
//! blocks of 64 bytes a random one is replaced.

use std::hint::black_box;
use std::time::Instant;

use gort_bench_kit::parameters::malloc_free::{
    CHURN, CHURN_PAIRS, CHURN_SIZE, FIFO, FIFO_PAIRS, PAIRS,
};
use gort_bench_kit::{Random, Wrong, metric, per_op, verify};

use crate::block::{Always, Block};

pub(crate) fn lifo(bytes: usize) -> Result<(), Wrong> {
    let pairs = PAIRS.get();
    // A size that is only known while it runs, as a general program's would be.
    let bytes = black_box(bytes);
    let start = Instant::now();
    let mut wrong = 0;
    for pair in 0..pairs {
        let block = Block::new(bytes, pair as u8);
        wrong += u64::from(block.stamp() != pair as u8);
    }
    let elapsed = start.elapsed();
    verify("number of blocks without their stamp", wrong, 0)?;
    metric(&format!("malloc_free_{bytes}"), per_op(elapsed, pairs), "ns/pair");
    Ok(())
}

pub(crate) fn fifo(bytes: usize) -> Result<(), Wrong> {
    let pairs = FIFO_PAIRS.get();
    let bytes = black_box(bytes);
    let mut ring: Vec<Block> = (0..FIFO).map(|at| Block::new(bytes, at as u8)).collect();
    let start = Instant::now();
    let mut wrong = 0;
    for _ in 0..pairs / FIFO as u64 {
        for (at, block) in ring.iter_mut().enumerate() {
            wrong += u64::from(block.stamp() != at as u8);
            block.replace(bytes, at as u8);
        }
    }
    let elapsed = start.elapsed();
    verify("number of blocks without their stamp", wrong, 0)?;
    metric(&format!("malloc_fifo_{bytes}"), per_op(elapsed, pairs), "ns/pair");
    Ok(())
}

pub(crate) fn churn() -> Result<(), Wrong> {
    let pairs = CHURN_PAIRS.get();
    let size = Always::<CHURN_SIZE>;
    let mut live: Vec<_> = (0..CHURN).map(|at| Block::new(size, at as u8)).collect();
    let mut random = Random::new(1);
    let start = Instant::now();
    let mut wrong = 0;
    for _ in 0..pairs {
        let at = random.below(CHURN as u64) as usize;
        wrong += u64::from(live[at].stamp() != at as u8);
        live[at].replace(size, at as u8);
    }
    let elapsed = start.elapsed();
    verify("number of blocks without their stamp", wrong, 0)?;
    metric("malloc_churn", per_op(elapsed, pairs), "ns/pair");
    Ok(())
}
