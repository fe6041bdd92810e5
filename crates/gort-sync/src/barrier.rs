//! [`Barrier`], std's, for goroutines.

use crate::{Condvar, Mutex};
use core::fmt;
use std::sync::PoisonError;

/// Lets a number of tasks go on together, when the last of them has come. It can be used again at once.
///
/// ```
/// use gort_sync::Barrier;
///
/// let barrier = Barrier::new(3);
/// let leaders = std::thread::scope(|s| {
///     let tasks: Vec<_> = (0..3).map(|_| s.spawn(|| barrier.wait().is_leader())).collect();
///     tasks.into_iter().map(|t| u32::from(t.join().unwrap())).sum::<u32>()
/// });
/// assert_eq!(leaders, 1);
/// ```
pub struct Barrier {
    state: Mutex<State>,
    turn: Condvar,
    tasks: usize,
}

struct State {
    here: usize,
    /// Counts the times that all have come.
    round: usize,
}

/// What [`Barrier::wait`] says.
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this is the one task of the round that came last.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult").field("is_leader", &self.is_leader()).finish()
    }
}

impl Barrier {
    /// A barrier for `n` tasks. With 0, as with 1, nobody waits.
    #[must_use]
    pub const fn new(n: usize) -> Self {
        let state = Mutex::new(State { here: 0, round: 0 });
        Self { state, turn: Condvar::new(), tasks: n }
    }

    /// Waits until all have come.
    pub fn wait(&self) -> BarrierWaitResult {
        gort_sched::sim::at("wait");
        // No user code runs under the mutex: only a shutdown unwinds there, with the state intact.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let round = state.round;
        state.here += 1;
        if state.here >= self.tasks {
            state.here = 0;
            state.round = state.round.wrapping_add(1);
            self.turn.notify_all();
            return BarrierWaitResult(true);
        }
        while state.round == round {
            state = self.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        BarrierWaitResult(false)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}
