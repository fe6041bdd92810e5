//! M8, `xmalloc`: one thread makes blocks of 8 to 512 bytes and hands them over in
//! batches; another frees them.
//!
//! After Lever and Boreham, "malloc() performance in a multithreaded Linux
//! environment", USENIX 2000. The batches stay where they are, in a ring; a flag says
//! whose turn it is. Who has to wait spins first: to be put to sleep and woken takes
//! longer than the other's whole batch, and it is the allocator that is measured.

use std::hint::spin_loop;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gort_bench_kit::parameters::xmalloc::{BATCH, BATCHES, MAX, MILLIS, MIN};
use gort_bench_kit::{Random, Wrong, fail, metric, verify};

use crate::block::Block;

/// What each block carries.
const STAMP: u8 = 0xA5;

/// How often the flag is looked at before the thread sleeps: for longer than a batch
/// takes, so that it only does where the other has no processor.
const SPINS: u32 = 1_000;

/// One batch of the ring, on cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Slot {
    /// It is the consumer's turn. Written under the lock.
    full: AtomicBool,
    batch: Mutex<Batch>,
    turned: Condvar,
}

#[derive(Default)]
struct Batch {
    blocks: Vec<Block>,
    /// The other side sleeps until its turn.
    awaited: bool,
}

pub(crate) fn run() -> Result<(), Wrong> {
    let ring: Arc<Vec<Slot>> = Arc::new((0..BATCHES).map(|_| Slot::default()).collect());
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
        let mut batch = slot.turn(false);
        let last = Instant::now() >= end;
        if !last {
            let size = |_| (MIN + random.below(MAX - MIN + 1)) as usize;
            batch.blocks.extend((0..BATCH).map(size).map(|bytes| Block::new(bytes, STAMP)));
            made += BATCH as u64;
        }
        slot.pass(batch, true);
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
        let mut batch = slot.turn(true);
        if batch.blocks.is_empty() {
            break;
        }
        freed += batch.blocks.len() as u64;
        for block in batch.blocks.drain(..) {
            wrong += u64::from(block.stamp() != STAMP);
        }
        slot.pass(batch, false);
    }
    (freed, wrong)
}

impl Slot {
    /// Waits until the batch is in this state, and takes it.
    fn turn(&self, full: bool) -> MutexGuard<'_, Batch> {
        for _ in 0..SPINS {
            // ORDER: Relaxed: only a hint; the lock below carries the batch.
            if self.full.load(Ordering::Relaxed) == full {
                break;
            }
            spin_loop();
        }
        let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        // ORDER: Relaxed: it is written under the lock that is held here.
        while self.full.load(Ordering::Relaxed) != full {
            batch.awaited = true;
            batch = self.turned.wait(batch).unwrap_or_else(PoisonError::into_inner);
        }
        batch
    }

    /// Gives the batch to the other side.
    fn pass(&self, mut batch: MutexGuard<'_, Batch>, full: bool) {
        // ORDER: Relaxed: the lock that is held here carries the batch to `turn`.
        self.full.store(full, Ordering::Relaxed);
        let awaited = mem::take(&mut batch.awaited);
        drop(batch);
        if awaited {
            self.turned.notify_one();
        }
    }
}
