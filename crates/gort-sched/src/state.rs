//! The states of a goroutine and the one table of legal steps.

use core::fmt;
use core::sync::atomic::{
    AtomicU8,
    Ordering::{Acquire, Relaxed, Release},
};

/// What a goroutine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum GState {
    /// Its record was just made and never used.
    Idle,
    /// In a run queue.
    Runnable,
    /// On a thread that holds a processor.
    Running,
    /// On a thread that has said it may block; the processor may be taken away.
    Syscall,
    /// Parked until somebody readies it.
    Waiting,
    /// Finished; its record is free.
    Dead,
    /// On a thread whose processor was taken away while it computed.
    Preempted,
    /// Parked, while its stack is worked on by somebody else.
    CopyStack,
}

use GState::{CopyStack, Dead, Idle, Preempted, Runnable, Running, Syscall, Waiting};

/// All states, in the order of their numbers.
pub const STATES: [GState; 8] =
    [Idle, Runnable, Running, Syscall, Waiting, Dead, Preempted, CopyStack];

const fn set(states: &[GState]) -> u8 {
    let (mut bits, mut i) = (0, 0);
    while i < states.len() {
        bits |= 1 << states[i] as u8;
        i += 1;
    }
    bits
}

/// Row = from. This table is the specification; `docs/goroutine-states.md` is drawn from it.
const NEXT: [u8; 8] = [
    /* Idle      */ set(&[Dead]),
    /* Runnable  */ set(&[Running]),
    /* Running   */ set(&[Runnable, Waiting, Syscall, Dead, Preempted, CopyStack]),
    /* Syscall   */ set(&[Running, Runnable]),
    /* Waiting   */ set(&[Runnable]),
    /* Dead      */ set(&[Runnable]),
    /* Preempted */ set(&[Running, Runnable]),
    /* CopyStack */ set(&[Running]),
];

impl GState {
    /// Whether the table has the step from this state to `to`.
    pub const fn may_become(self, to: Self) -> bool {
        NEXT[self as usize] & (1 << to as u8) != 0
    }

    fn from_code(code: u8) -> Self {
        STATES[usize::from(code & 7)]
    }

    /// The word for it in a dump, Go's where Go has one.
    pub const fn word(self) -> &'static str {
        match self {
            Idle => "idle",
            Runnable => "runnable",
            Running => "running",
            Syscall => "syscall",
            Waiting => "waiting",
            Dead => "dead",
            Preempted => "preempted",
            CopyStack => "copystack",
        }
    }
}

/// The state of one goroutine. Every change is a step of the table (G-STATE-1).
pub(crate) struct StateCell(AtomicU8);

impl fmt::Debug for StateCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl StateCell {
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(Idle as u8))
    }

    /// The state now; for those who do not own the goroutine it may be old at once.
    pub(crate) fn get(&self) -> GState {
        // ORDER: Acquire ⇐ `step`: what the owner wrote before the step.
        GState::from_code(self.0.load(Acquire))
    }

    /// Moves `from → to`, by the owner of the goroutine, who is alone in changing it.
    ///
    /// Debug builds check the table and that the state was `from`; a release build only stores.
    #[inline]
    pub(crate) fn step(&self, from: GState, to: GState) {
        if cfg!(debug_assertions) {
            // ORDER: Relaxed — only owners write, and this is the owner.
            let now = GState::from_code(self.0.load(Relaxed));
            if now != from || !from.may_become(to) {
                gort_sys::fatal!("G-STATE-1", "{now:?} (expected {from:?}) → {to:?}");
            }
        }
        // ORDER: Release ⇒ `get`: a reader of a dump sees what led to the state. The right to the
        // stack travels by the queue or ticket that hands the goroutine on, not by this word.
        self.0.store(to as u8, Release);
    }
}

/// The table as a mermaid state diagram, for the documentation.
pub fn diagram() -> String {
    use core::fmt::Write;
    let mut text = String::from("stateDiagram-v2\n    [*] --> Idle\n");
    for from in STATES {
        for to in STATES.into_iter().filter(|&to| from.may_become(to)) {
            let _ = writeln!(text, "    {from:?} --> {to:?}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_the_table() {
        let page = include_str!("../../../docs/goroutine-states.md");
        assert!(
            page.contains(&diagram()),
            "docs/goroutine-states.md is old; it must hold:\n{}",
            diagram()
        );
    }

    #[test]
    fn nobody_stays_for_ever_and_nobody_skips() {
        for s in STATES {
            assert!(STATES.iter().any(|&to| s.may_become(to)), "{s:?} is a trap");
            assert!(!s.may_become(s), "{s:?} to itself");
        }
        assert!(!Idle.may_become(Runnable));
        assert!(!Syscall.may_become(Waiting));
    }
}
