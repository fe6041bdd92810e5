//! What gives free memory back in the background: a pacer, a heap, and somebody who calls every now and then.
//!
//! Nothing here sleeps or reads a clock: the caller says what time it is and how much of a processor it has used, so that
//! tests can step through seconds at once. `GortAlloc` calls it from a thread of its own; a runtime, from its monitor.

use crate::config::{Huge, Kind};
use crate::heap::Heap;
use crate::pace::{Order, Pacer, TICK};
use gort_sys::Backend;

/// Orders without anything to do before the heap's pool is emptied, and before the scavenger is done.
const PATIENCE: u32 = 12;
/// Nanoseconds of a generation of explicit owners: the collector's side has its cycles.
const GENERATION: u64 = 4 * TICK;

/// What the caller should do after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Call again at once.
    Again,
    /// Call again after so many nanoseconds.
    Sleep(u64),
    /// Nothing is left to do: sleep until more memory is freed, then begin with a new scavenger.
    Idle,
}

/// The state of the work on one heap.
#[derive(Clone, Debug)]
pub struct Scavenger {
    pacer: Pacer,
    idle: u32,
    generation: u64,
    /// Bytes given back so far.
    released: u64,
}

impl Scavenger {
    /// Starts at `now` nanoseconds.
    #[must_use]
    pub const fn new(now: u64) -> Self {
        Self { pacer: Pacer::new(now), idle: 0, generation: now, released: 0 }
    }

    /// Bytes given back so far.
    #[must_use]
    pub const fn released(&self) -> u64 {
        self.released
    }

    /// Does at most one piece of work: up to 4 MiB, or as much as keeps a huge page whole. `now` in nanoseconds; `spent`
    /// says how many nanoseconds of a processor the caller has used up to then, and is asked before and after the work.
    pub fn step<B: Backend>(
        &mut self,
        heap: &Heap<B>,
        now: u64,
        mut spent: impl FnMut() -> u64,
    ) -> Next {
        let inner = heap.inner();
        if now - self.generation >= GENERATION {
            self.generation = now;
            inner.next_density(Kind::Explicit);
        }
        let next = match self.pacer.order(now, inner.in_use(), inner.warm(), inner.limit()) {
            Order::Release(bytes) => {
                let start = spent();
                let gone = heap.scavenge(bytes, false);
                self.pacer.worked(spent().saturating_sub(start), gone);
                self.released += gone;
                // What is left is too small, or lies too near to what is in use.
                self.idle = if gone == 0 { self.idle + 1 } else { 0 };
                Next::Again
            }
            Order::Sleep(ns) => {
                self.idle += 1;
                // One a tick: a millisecond in 250.
                if inner.huge() == Huge::Dense && inner.collapse_one() {
                    self.idle = 0;
                }
                Next::Sleep(ns.min(TICK))
            }
        };
        if self.idle == PATIENCE / 2 {
            // Caches that nobody has wanted for a while.
            inner.flush_idle();
        }
        if self.idle >= PATIENCE {
            self.idle = 0;
            return Next::Idle;
        }
        next
    }
}

#[cfg(test)]
#[expect(
    clippy::undocumented_unsafe_blocks,
    reason = "the tests keep the contracts that the functions state"
)]
mod tests;
