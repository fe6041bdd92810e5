//! M8, `xmalloc`: one thread makes blocks of 8 to 512 bytes and hands them over in
//! batches; another frees them.
//!
//! After Lever and Boreham, "malloc() performance in a multithreaded Linux
//! environment", USENIX 2000. The batches stay where they are, in a ring; a flag says
//! whose turn it is. Who has to wait spins: to be put to sleep and woken would take
//! longer than the other's whole batch, and it is the allocator that is measured.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gort_bench_kit::parameters::xmalloc::{BATCH, BATCHES, MAX, MILLIS, MIN};
use gort_bench_kit::{Random, Wrong, fail, metric, verify};

use crate::block::Block;

/// What each block carries.
const STAMP: u8 = 0xA5;

/// How often the flag is looked at before the processor is offered to others.
const SPINS: u32 = 10_000;

/// One batch of the ring, on cache lines of its own.
#[repr(align(128))]
struct Slot {
    /// It is the consumer's turn.
    full: AtomicBool,
    /// The blocks. The flag already says who may lock, so nobody ever waits here.
    blocks: Mutex<Vec<Block>>,
}

pub(crate) fn run() -> Result<(), Wrong> {
    let slot = |_| Slot { full: AtomicBool::new(false), blocks: Mutex::new(Vec::new()) };
    let ring: Arc<Vec<Slot>> = Arc::new((0..BATCHES).map(slot).collect());
    let taken = Arc::clone(&ring);

    let start = Instant::now();
    let consumer = thread::spawn(move || consume(&taken));
    let made = produce(&ring, start + Duration::from_millis(MILLIS.get()));
    let (freed, wrong) = consumer.join().or_else(|_| fail("the consumer panicked"))?;
    let elapsed = start.elapsed();

    verify("number of blocks without their stamp", wrong, 0)?;
    verify("number of blocks that came over", freed, made)?;
    metric("xmalloc", freed as f64 / elapsed.as_secs_f64() / 1e6, "Mops/s");
    Ok(())
}

/// Fills batch after batch; the last is empty. How many blocks it made.
fn produce(ring: &[Slot], end: Instant) -> u64 {
    let mut random = Random::new(1);
    let mut made = 0;
    for slot in ring.iter().cycle() {
        let mut blocks = slot.turn(false);
        let last = Instant::now() >= end;
        if !last {
            let size = |_| (MIN + random.below(MAX - MIN + 1)) as usize;
            blocks.extend((0..BATCH).map(size).map(|bytes| Block::new(bytes, STAMP)));
            made += BATCH as u64;
        }
        slot.pass(blocks, true);
        if last {
            break;
        }
    }
    made
}

/// Frees batch after batch until an empty one comes: how many blocks, and how many of
/// them without their stamp.
fn consume(ring: &[Slot]) -> (u64, u64) {
    let (mut freed, mut wrong) = (0, 0);
    for slot in ring.iter().cycle() {
        let mut blocks = slot.turn(true);
        if blocks.is_empty() {
            break;
        }
        freed += blocks.len() as u64;
        for block in blocks.drain(..) {
            wrong += u64::from(block.stamp() != STAMP);
        }
        slot.pass(blocks, false);
    }
    (freed, wrong)
}

impl Slot {
    /// Waits until the batch is in this state, and takes it.
    fn turn(&self, full: bool) -> MutexGuard<'_, Vec<Block>> {
        let mut spins = 0;
        // ORDER: Acquire ⇐ `pass`: what the other did with the batch.
        while self.full.load(Ordering::Acquire) != full {
            spins += 1;
            if spins < SPINS { spin_loop() } else { thread::yield_now() }
        }
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the batch to the other side.
    fn pass(&self, blocks: MutexGuard<'_, Vec<Block>>, full: bool) {
        drop(blocks);
        // ORDER: Release ⇒ `turn`: what was done with the batch.
        self.full.store(full, Ordering::Release);
    }
}
