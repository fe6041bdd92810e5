//! [`Injector`]: the queue of all processors, for what no processor has.
//!
//! It has two lanes, taken from in turn: goroutines that have begun, and such that have never run. A
//! burst of a hundred thousand spawns then keeps nobody waiting who was woken meanwhile and fell out of
//! a local queue that overflowed. Goroutines that have a class are in lanes of their own
//! ([`priority`](crate::priority)).

use crate::g::{G, GRef};
use crate::priority::{LANES, PRIORITIES, lane_of};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crossbeam_deque::Steal;

/// First in, first out, in each lane.
pub(crate) struct Injector {
    begun: crossbeam_deque::Injector<GRef>,
    fresh: crossbeam_deque::Injector<GRef>,
    lanes: [crossbeam_deque::Injector<GRef>; LANES],
    /// About how many there are, those in the lanes included.
    len: AtomicUsize,
    in_lanes: [AtomicUsize; LANES],
    /// Whose turn it is.
    turn: AtomicUsize,
}

impl Injector {
    pub(crate) fn new() -> Self {
        Self {
            begun: crossbeam_deque::Injector::new(),
            fresh: crossbeam_deque::Injector::new(),
            lanes: core::array::from_fn(|_| crossbeam_deque::Injector::new()),
            in_lanes: core::array::from_fn(|_| AtomicUsize::new(0)),
            len: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
        }
    }

    /// About how many there are, all together.
    pub(crate) fn len(&self) -> usize {
        // ORDER: Relaxed — a figure.
        self.len.load(Relaxed)
    }

    /// About how many have no class.
    pub(crate) fn normal(&self) -> usize {
        // ORDER: Relaxed — figures.
        let lanes: usize = self.in_lanes.iter().map(|n| n.load(Relaxed)).sum();
        self.len().saturating_sub(lanes)
    }

    /// Whether there is any that has a class; counted as for [`is_empty`](Self::is_empty).
    #[inline]
    pub(crate) fn has_lanes(&self) -> bool {
        // ORDER: Relaxed — as there.
        self.in_lanes.iter().any(|n| n.load(Relaxed) != 0)
    }

    /// Whether there is any of another class than the background one.
    pub(crate) fn has_foreground(&self) -> bool {
        // ORDER: Relaxed — figures.
        self.len() > self.in_lanes[1].load(Relaxed)
    }

    /// Whether there is nothing. WAKE-1: a goroutine is counted before it is pushed, so who has missed it
    /// after a fence will be seen by the pusher, who looks after one.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a goroutine.
    ///
    /// # Safety
    /// G-OWN: the caller owns it, and hands it over.
    pub(crate) unsafe fn push(&self, g: *mut G) {
        // ORDER: Relaxed — a figure; before the push, so that it is never below 0.
        self.len.fetch_add(1, Relaxed);
        // SAFETY: G-OWN — the caller's promise.
        let (begun, lane) =
            unsafe { ((*g).sp.get() != 0, (*g).has(PRIORITIES).then(|| lane_of(&*g))) };
        if let Some(lane) = lane {
            // ORDER: Relaxed — as above.
            self.in_lanes[lane].fetch_add(1, Relaxed);
            self.lanes[lane].push(GRef(g));
            return;
        }
        if begun { self.begun.push(GRef(g)) } else { self.fresh.push(GRef(g)) }
    }

    /// Takes a goroutine that has a class, which is the caller's now (G-OWN).
    pub(crate) fn take_lane(&self, lane: usize) -> Option<*mut G> {
        // ORDER: Relaxed — as in `is_empty`.
        if self.in_lanes[lane].load(Relaxed) == 0 {
            return None;
        }
        take_from(&self.lanes[lane]).inspect(|_| {
            // ORDER: Relaxed — figures.
            self.in_lanes[lane].fetch_sub(1, Relaxed);
            // ORDER: Relaxed — as above.
            self.len.fetch_sub(1, Relaxed);
        })
    }

    /// Takes a goroutine that has none, which is the caller's now (G-OWN).
    pub(crate) fn take(&self) -> Option<*mut G> {
        // ORDER: Relaxed — any order of turns will do.
        let lanes = match self.turn.fetch_add(1, Relaxed) & 1 {
            0 => [&self.begun, &self.fresh],
            _ => [&self.fresh, &self.begun],
        };
        lanes.into_iter().find_map(take_from).inspect(|_| {
            // ORDER: Relaxed — a figure.
            self.len.fetch_sub(1, Relaxed);
        })
    }
}

fn take_from(lane: &crossbeam_deque::Injector<GRef>) -> Option<*mut G> {
    loop {
        match lane.steal() {
            Steal::Success(g) => return Some(g.0),
            Steal::Empty => return None,
            Steal::Retry => core::hint::spin_loop(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        /// G-OWN: nothing is lost or doubled, each lane is first in, first out, and neither waits for
        /// more than two takes.
        #[test]
        fn lanes_take_turns(ops in proptest::collection::vec(0..4u8, 0..300)) {
            let queue = Injector::new();
            let (mut begun, mut fresh) = (VecDeque::new(), VecDeque::new());
            let mut all = Vec::new();
            let (mut last, mut same) = (None, 0);
            for op in ops {
                if op < 2 {
                    let g = Box::into_raw(Box::new(G::new(core::ptr::null())));
                    all.push(g);
                    // SAFETY: G-OWN — just made.
                    unsafe {
                        (*g).sp.set(usize::from(op));
                        queue.push(g);
                    }
                    if op == 1 { begun.push_back(g) } else { fresh.push_back(g) }
                    (last, same) = (None, 0);
                    continue;
                }
                let both = !begun.is_empty() && !fresh.is_empty();
                match queue.take() {
                    None => prop_assert!(begun.is_empty() && fresh.is_empty()),
                    Some(g) => {
                        // SAFETY: G-OWN — taken.
                        let was_begun = unsafe { (*g).sp.get() } != 0;
                        let lane = if was_begun { &mut begun } else { &mut fresh };
                        prop_assert_eq!(lane.pop_front(), Some(g));
                        same = if both && last == Some(was_begun) { same + 1 } else { 0 };
                        prop_assert!(same < 2);
                        last = Some(was_begun);
                    }
                }
                prop_assert_eq!(queue.len(), begun.len() + fresh.len());
                prop_assert_eq!(queue.is_empty(), begun.is_empty() && fresh.is_empty());
            }
            for g in all {
                // SAFETY: G-MEM — the queue goes with it.
                drop(unsafe { Box::from_raw(g) });
            }
        }
    }
}
