//! Helpers: tasks that mark beside the coordinator.
//!
//! A helper takes grey blocks as an assisting mutator does, but holds no guard: nothing keeps the cycle from going on around it.
//! So it must not be inside when the cycle leaves its marking phase: what it took in the next cycle's H1 would turn black
//! before all contexts have their barrier on.
//!
//! HELP-1: a helper counts itself in before it looks whether the phase is open; the coordinator closes the phase
//! and then waits until nobody is counted. All four are SeqCst: either the helper sees the phase closed, or
//! the coordinator sees the helper.
//!
//! How many: for a collection that somebody waits for, one for each processor but the coordinator's; for one that runs beside the
//! program, a quarter of the processors in all. Small heaps have none: starting a task takes as long as marking a MiB.

use core::time::Duration;

use crate::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::host::WorkerKind;
use crate::mark::Marker;
use crate::shared::Shared;

/// Bytes of expected scan work below which the coordinator is alone.
const WORTH: u64 = if cfg!(test) { 1 } else { 8 << 20 };
/// Turns in which a helper without work looks again at once; then it sleeps for a moment between two looks.
const SPINS: u32 = 200;
const NAP: Duration = Duration::from_micros(20);

/// The helpers of one collector.
#[derive(Debug, Default)]
pub(crate) struct Helpers {
    open: AtomicBool,
    inside: AtomicUsize,
}

/// How many scanners a cycle has in all.
pub(crate) fn scanners(asked: Option<usize>, cpus: usize, forced: bool, expected: u64) -> usize {
    match asked {
        Some(n) => n.max(1),
        None if expected < WORTH => 1,
        None if forced => cpus,
        None => (cpus + 2) / 4,
    }
    .max(1)
}

impl Helpers {
    /// Opens the phase and starts `n` helpers; fewer, if tasks cannot be started.
    pub(crate) fn open<'s>(&'s self, s: &'s Shared, n: usize) -> Phase<'s> {
        // ORDER: SeqCst — HELP-1.
        self.open.store(true, Ordering::SeqCst);
        for _ in 0..n {
            if s.spawn(WorkerKind::Marker, |s| s.helpers.help(s)).is_err() {
                break;
            }
        }
        Phase(self)
    }

    /// A helper's life: one marking phase.
    fn help(&self, s: &Shared) {
        // ORDER: SeqCst — HELP-1: before the look at `open`.
        self.inside.fetch_add(1, Ordering::SeqCst);
        let mut marker = Marker::new(s);
        let mut turn = 0;
        // ORDER: SeqCst — HELP-1.
        while self.open.load(Ordering::SeqCst) {
            if s.grey.is_empty() {
                s.grey.want();
                match turn {
                    ..SPINS => core::hint::spin_loop(),
                    _ => s.host.sleep(NAP),
                }
                turn += 1;
                continue;
            }
            turn = 0;
            // What is left when the phase closes goes back to the queue.
            // ORDER: SeqCst — HELP-1.
            let go_on = || if self.open.load(Ordering::SeqCst) { Ok(()) } else { Err(()) };
            let _ = marker.drain(go_on);
        }
        // ORDER: SeqCst — HELP-1: the last act.
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The marking phase; at its end (also when a cycle is given up) it is closed.
#[derive(Debug)]
pub(crate) struct Phase<'s>(&'s Helpers);

impl Phase<'_> {
    /// Closes the phase; whether every helper is out. Asked again until it is.
    pub(crate) fn close(&self) -> bool {
        // ORDER: SeqCst, both — HELP-1.
        self.0.open.store(false, Ordering::SeqCst);
        self.0.inside.load(Ordering::SeqCst) == 0
    }
}

impl Drop for Phase<'_> {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many() {
        for (asked, cpus, forced, want) in [
            (None, 1, false, 1),
            (None, 1, true, 1),
            (None, 2, false, 1),
            (None, 2, true, 2),
            (None, 4, false, 1),
            (None, 8, false, 2),
            (None, 64, false, 16),
            (None, 8, true, 8),
            (Some(3), 1, false, 3),
            (Some(0), 4, true, 1),
        ] {
            assert_eq!(scanners(asked, cpus, forced, WORTH), want, "{asked:?} {cpus} {forced}");
        }
    }
}
