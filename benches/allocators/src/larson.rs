//! M7, `larson`: two threads replace random blocks of their 1000; after a round each
//! starts a new thread that takes the blocks over, and ends, as a server's threads do.
//!
//! After Larson and Krishnan, "Memory allocation for long-running server
//! applications", ISMM 1998. As there, the old thread ends while the new one already
//! works, on blocks that it did not allocate.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
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
    let (end, ended) = channel();
    let start = Instant::now();
    for line in 0..THREADS {
        let end = end.clone();
        thread::spawn(move || work(Shift::first(line), end));
    }
    drop(end);
    thread::sleep(Duration::from_millis(MILLIS.get()));
    // ORDER: Relaxed: only that it is seen at some time matters.
    STOP.store(true, Relaxed);
    let (mut operations, mut wrong) = (0, 0);
    for _ in 0..THREADS {
        let last = ended.recv().or_else(|_| fail("a thread panicked"))?;
        operations += last.operations;
        wrong += last.wrong;
    }
    let elapsed = start.elapsed();
    verify("number of blocks without their stamp", wrong, 0)?;
    metric("larson", operations as f64 / elapsed.as_secs_f64() / 1e6, "Mops/s");
    Ok(())
}

impl Shift {
    fn first(line: usize) -> Self {
        let mut random = Random::new(line as u64);
        let slots = (0..SLOTS).map(|at| Block::new(size(&mut random), at as u8)).collect();
        Self { slots, random, operations: 0, wrong: 0 }
    }
}

/// One round; then the successor's, or the end of this line of threads.
fn work(mut shift: Shift, end: Sender<Shift>) {
    for _ in 0..ROUND {
        let at = shift.random.below(SLOTS as u64) as usize;
        let block = &mut shift.slots[at];
        shift.wrong += u64::from(block.stamp() != at as u8);
        block.replace(size(&mut shift.random), at as u8);
    }
    shift.operations += ROUND;
    // ORDER: Relaxed: as above.
    if STOP.load(Relaxed) {
        // Nobody listens only where the other line has failed already.
        drop(end.send(shift));
    } else {
        thread::spawn(move || work(shift, end));
    }
}

fn size(random: &mut Random) -> usize {
    (MIN + random.below(MAX - MIN + 1)) as usize
}
