//! Seconds of work, stepped through with a clock that the tests turn.

use super::*;
use crate::{Cache, HeapConfig};
use core::ptr::NonNull;
use gort_sys::Linux;
use std::alloc::Layout;
use std::vec::Vec;

const S: u64 = 1_000_000_000;
const MIB: usize = 1 << 20;

/// Lets the clock run until `until`, or until there is nothing to do.
struct Play {
    /// Nanoseconds of work for each 4 KiB.
    cost: u64,
    now: u64,
    worked: u64,
    parked: bool,
    scavenger: Scavenger,
}

impl Play {
    fn new(cost: u64) -> Self {
        Self { cost, now: 0, worked: 0, parked: false, scavenger: Scavenger::new(0) }
    }

    fn run(&mut self, heap: &Heap<Linux>, until: u64) {
        while self.now < until && !self.parked {
            let before = self.scavenger.released();
            // The first question is before the work, and the second one after it: what it cost is known from its bytes.
            let (mut asked, worked, cost) = (0, self.worked, self.cost);
            let warm = heap.inner().warm();
            let next = self.scavenger.step(heap, self.now, || {
                asked += 1;
                let gone = if asked == 1 { 0 } else { warm - heap.inner().warm() };
                worked + gone / 4096 * cost
            });
            let took = (self.scavenger.released() - before) / 4096 * self.cost;
            (self.worked, self.now) = (self.worked + took, self.now + took);
            match next {
                Next::Again => self.now += 1_000,
                Next::Sleep(ns) => self.now += ns,
                Next::Idle => self.parked = true,
            }
        }
    }
}

fn heap() -> (Heap<Linux>, Cache<Linux>) {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    let cache = heap.cache(Kind::Explicit).unwrap();
    (heap, cache)
}

fn fill(cache: &mut Cache<Linux>, mib: usize) -> Vec<(NonNull<u8>, Layout)> {
    let l = Layout::from_size_align(MIB, 8).unwrap();
    (0..mib).map(|_| (cache.alloc(l).unwrap(), l)).collect()
}

fn free(cache: &mut Cache<Linux>, blocks: Vec<(NonNull<u8>, Layout)>) {
    blocks.into_iter().for_each(|(p, l)| unsafe { cache.dealloc(p, l) });
}

/// 64 MiB of free memory: it all goes, by a hundredth of a processor; then there is nothing to do, and it goes on when
/// there is.
#[test]
fn one_hundredth_of_a_processor() {
    let (heap, mut cache) = heap();
    let blocks = fill(&mut cache, 64);
    free(&mut cache, blocks);
    // Slow memory: the work takes 164 ms.
    let mut play = Play::new(10_000);
    for round in 1..3u64 {
        play.run(&heap, play.now + 100 * S);
        assert!(play.parked, "round {round}: it never ends");
        let share = play.worked as f64 / play.now as f64;
        assert!((0.005..0.015).contains(&share), "round {round}: {share} of a processor");
        let (all, gone) = (64 * MIB as u64 * round, play.scavenger.released());
        assert!(gone >= all - all / 10, "round {round}: {gone} of {all} bytes went");
        // Again, with nothing to do: at once back to sleep.
        play.parked = false;
        play.run(&heap, play.now + 100 * S);
        assert!(play.parked && play.scavenger.released() <= gone + MIB as u64);
        play.parked = false;
        let blocks = fill(&mut cache, 64);
        free(&mut cache, blocks);
    }
}

/// The promise: a process that goes idle has given nine tenths of its free memory back five seconds later.
#[test]
fn five_seconds_after_the_work() {
    for (kept, freed) in [(1, 60), (10, 100), (100, 40)] {
        let (heap, mut cache) = heap();
        let mut play = Play::new(350);
        let mut blocks = fill(&mut cache, kept + freed);
        play.run(&heap, 3 * S);
        let rest = blocks.split_off(kept);
        free(&mut cache, rest);
        play.parked = false;
        play.now = play.now.max(3 * S);
        play.scavenger = Scavenger::new(play.now);
        play.run(&heap, play.now + 5 * S);
        let s = heap.stats();
        assert!(
            s.heap_free * 10 <= s.heap_free + s.heap_released,
            "{kept} kept, {freed} freed: {s:?}"
        );
        free(&mut cache, blocks);
    }
}

/// A chunk that is full but for a little is not touched, whatever the clock says.
#[test]
fn full_chunks_keep_their_holes() {
    let (heap, mut cache) = heap();
    let l = Layout::from_size_align(128 << 10, 8).unwrap();
    let mut blocks: Vec<_> = (0..512).map(|_| (cache.alloc(l).unwrap(), l)).collect();
    // One of 32 from each chunk of 4 MiB.
    let holes: Vec<_> = (0..16).rev().map(|i| blocks.swap_remove(i * 32)).collect();
    free(&mut cache, holes);
    let mut play = Play::new(350);
    play.run(&heap, 60 * S);
    assert_eq!(play.scavenger.released(), 0);
    assert_eq!(heap.scavenge(u64::MAX, true), 2 << 20);
    free(&mut cache, blocks);
}

/// Under a limit memory goes back before more is taken, whatever the clock says.
#[test]
fn a_limit_is_kept_eagerly() {
    let (heap, mut cache) = heap();
    heap.set_limit(Some(32 << 20));
    for round in 0..8 {
        let blocks = fill(&mut cache, 20 + round);
        free(&mut cache, blocks);
        // Of another size, so that it cannot lie where the first ones were.
        let l = Layout::from_size_align((25 + round) * MIB, 8).unwrap();
        let p = cache.alloc(l).unwrap();
        let s = heap.stats();
        let has = s.heap_in_use + s.heap_free;
        assert!(has <= 32 << 20, "round {round}: {has} bytes under a limit of 32 MiB");
        unsafe { cache.dealloc(p, l) };
    }
}
