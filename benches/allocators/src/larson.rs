//! M7, `larson`: two threads replace random blocks of their 1000; after a round each
//! hands its blocks to a new thread and ends, as a server's threads do.
//!
//! After Larson and Krishnan, "Memory allocation for long-running server
//! applications", ISMM 1998.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gort_bench_kit::parameters::larson::{MAX, MILLIS, MIN, ROUND, SLOTS, THREADS};
use gort_bench_kit::{Random, Wrong, fail, metric, verify};

use crate::block::Block;

static STOP: AtomicBool = AtomicBool::new(false);

/// What a thread leaves to its successor.
struct Shift {
    slots: Vec<Block>,
    random: Random,
    operations: u64,
    wrong: u64,
}

pub(crate) fn run() -> Result<(), Wrong> {
    let start = Instant::now();
    let lines: Vec<_> = (0..THREADS).map(|line| thread::spawn(move || succession(line))).collect();
    thread::sleep(Duration::from_millis(MILLIS.get()));
    // ORDER: Relaxed: only that it is seen at some time matters.
    STOP.store(true, Relaxed);
    let (mut operations, mut wrong) = (0, 0);
    for line in lines {
        let last = line.join().or_else(|_| fail("a thread panicked"))?;
        operations += last.operations;
        wrong += last.wrong;
    }
    let elapsed = start.elapsed();
    verify("number of blocks without their stamp", wrong, 0)?;
    metric("larson", operations as f64 / elapsed.as_secs_f64() / 1e6, "Mops/s");
    Ok(())
}

/// One thread after the other, each with the blocks of the last.
fn succession(line: usize) -> Shift {
    let mut random = Random::new(line as u64);
    let slots = (0..SLOTS).map(|at| Block::new(size(&mut random), at as u8)).collect();
    let mut shift = Shift { slots, random, operations: 0, wrong: 0 };
    // ORDER: Relaxed: as above.
    while !STOP.load(Relaxed) {
        let Ok(next) = thread::spawn(move || work(shift)).join() else {
            panic!("a thread panicked");
        };
        shift = next;
    }
    shift
}

fn work(mut shift: Shift) -> Shift {
    for _ in 0..ROUND {
        let at = shift.random.below(SLOTS as u64) as usize;
        shift.wrong += u64::from(shift.slots[at].stamp() != at as u8);
        shift.slots[at] = Block::new(size(&mut shift.random), at as u8);
    }
    shift.operations += ROUND;
    shift
}

fn size(random: &mut Random) -> usize {
    (MIN + random.below(MAX - MIN + 1)) as usize
}
