//! The coordinator: the task that runs the cycles, and how others ask for one.
//!
//! It starts with the first request, sleeps between cycles, and ends with its collector.

use core::fmt::Write as _;
use core::ptr::NonNull;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

use crate::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::cycle;
use crate::error::CollectError;
use crate::gctrace;
use crate::handshake::Seen;
use crate::host::{Parker, WorkerKind};
use crate::pause::{Pause, Point, Stopped};
use crate::shared::Shared;

static WAITERS: Rank = Rank { layer: layer::GC, n: 2, name: "gc.waiters" };

/// A cycle comes after this time without one, if somebody calls [`Coordinator::poll`].
const FORCE_AFTER: Duration = Duration::from_secs(120);

/// Requests and state.
#[derive(Debug)]
pub(crate) struct Coordinator {
    parker: Arc<dyn Parker>,
    started: AtomicBool,
    closing: AtomicBool,
    /// The task shall end when it has nothing to do.
    retiring: AtomicBool,
    triggered: AtomicBool,
    busy: AtomicBool,
    may_mark: AtomicBool,
    /// Cycles begun, cycles swept to the end, and the cycle that somebody waits for.
    begun: AtomicU64,
    done: AtomicU64,
    wanted: AtomicU64,
    /// Milliseconds after the collector's start at which the last cycle ended.
    ended_ms: AtomicU64,
    /// Who waits for which cycle.
    waiters: Lock<Vec<(u64, Arc<dyn Parker>)>>,
}

impl Coordinator {
    pub(crate) fn new(parker: Arc<dyn Parker>) -> Self {
        Self {
            parker,
            started: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            retiring: AtomicBool::new(false),
            triggered: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            may_mark: AtomicBool::new(false),
            begun: AtomicU64::new(0),
            done: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            ended_ms: AtomicU64::new(0),
            waiters: Lock::new(&WAITERS, Vec::new()),
        }
    }

    /// Asks for a cycle, if none runs; whether this call did. Cheap when asked again.
    pub(crate) fn trigger(&self, s: &Shared) -> bool {
        // ORDER: Relaxed — asking twice or once too often does no harm.
        if self.busy.load(Ordering::Relaxed) || self.triggered.load(Ordering::Relaxed) {
            return false;
        }
        // ORDER: SeqCst — before the coordinator's look after it was woken (`serve`).
        self.triggered.store(true, Ordering::SeqCst);
        let started = self.start(s).is_ok();
        if started {
            self.parker.unpark();
        } else {
            // ORDER: Relaxed — the next allocation asks again.
            self.triggered.store(false, Ordering::Relaxed);
        }
        started
    }

    /// Runs a whole cycle that begins after this call, and waits until it is swept.
    pub(crate) fn collect(&self, s: &Shared) -> Result<(), CollectError> {
        // ORDER: SeqCst — a cycle that begins after this has a greater number.
        let number = self.begun.load(Ordering::SeqCst) + 1;
        // ORDER: SeqCst — as for `triggered`; before the look of `start`.
        self.wanted.fetch_max(number, Ordering::SeqCst);
        self.start(s)?;
        let me = s.host.parker();
        self.waiters.lock().push((number, me.clone()));
        self.parker.unpark();
        // ORDER: Acquire ⇐ `serve`: the cycle's effects.
        while self.done.load(Ordering::Acquire) < number {
            // ORDER: Relaxed — the end of the collector; nothing is read behind it.
            if self.closing.load(Ordering::Relaxed) {
                return Err(CollectError::Closed);
            }
            me.park(None);
        }
        Ok(())
    }

    /// Starts a cycle if none ran for two minutes. For a monitor thread.
    pub(crate) fn poll(&self, s: &Shared) {
        // ORDER: Relaxed — a number.
        let ended = Duration::from_millis(self.ended_ms.load(Ordering::Relaxed));
        // ORDER: Relaxed — a collector that never ran has nothing to collect.
        let used = self.started.load(Ordering::Relaxed) || s.contexts.len() > 0;
        if used && s.started.elapsed().saturating_sub(ended) >= FORCE_AFTER {
            self.trigger(s);
        }
    }

    /// Whether a cycle is asked for, or between its begin and its flip.
    pub(crate) fn is_asked(&self) -> bool {
        // ORDER: Relaxed — a hint.
        self.busy.load(Ordering::Relaxed) || self.triggered.load(Ordering::Relaxed)
    }

    /// Whether mutators may scan: from the end of H1 to the last round.
    pub(crate) fn may_mark(&self) -> bool {
        // ORDER: Acquire ⇐ `open_marking`: all contexts have the barrier on.
        self.may_mark.load(Ordering::Acquire)
    }

    pub(crate) fn open_marking(&self, on: bool) {
        // ORDER: Release ⇒ `may_mark`.
        self.may_mark.store(on, Ordering::Release);
    }

    /// Cycles swept to the end.
    pub(crate) fn cycles(&self) -> u64 {
        // ORDER: Acquire ⇐ `serve`.
        self.done.load(Ordering::Acquire)
    }

    /// Stops the task: a cycle under way is given up. Returns when no task of the collector runs.
    pub(crate) fn close(&self, s: &Shared) {
        // ORDER: SeqCst — as for `triggered`.
        self.closing.store(true, Ordering::SeqCst);
        self.parker.unpark();
        self.wake_waiters();
        let mut wait = Duration::from_micros(20);
        while s.tasks() > 0 {
            s.host.sleep(wait);
            wait = (wait * 2).min(Duration::from_millis(1));
        }
    }

    /// Lets the task end when no cycle runs; the next request starts it again.
    pub(crate) fn retire(&self) {
        // ORDER: SeqCst — as for `triggered`.
        self.retiring.store(true, Ordering::SeqCst);
        self.parker.unpark();
    }

    pub(crate) fn is_closing(&self) -> bool {
        // ORDER: Relaxed — looked at again and again.
        self.closing.load(Ordering::Relaxed)
    }

    fn start(&self, s: &Shared) -> Result<(), CollectError> {
        if self.is_closing() {
            return Err(CollectError::Closed);
        }
        // ORDER: SeqCst — one caller starts the task; after the request, before the look of a task that
        // retires (`serve`). The first look spares the exchange in the usual case.
        if self.started.load(Ordering::SeqCst) || self.started.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        s.spawn(WorkerKind::Coordinator, |s| s.coordinator.serve(s)).map_err(|e| {
            // ORDER: SeqCst — the next caller tries again.
            self.started.store(false, Ordering::SeqCst);
            CollectError::Spawn(e)
        })
    }

    /// The task's body.
    fn serve(&self, s: &Shared) {
        let mut pause = InProgram::new(s);
        while !self.is_closing() {
            if self.is_requested() {
                if self.one_cycle(s, &mut pause).is_err() {
                    break;
                }
            } else if self.retires() {
                return;
            } else {
                self.parker.park(None);
            }
        }
        self.wake_waiters();
    }

    fn is_requested(&self) -> bool {
        // ORDER: SeqCst — a request that comes later finds the parker set, or starts the task.
        self.triggered.load(Ordering::SeqCst)
            // ORDER: SeqCst — as above.
            || self.wanted.load(Ordering::SeqCst) > self.begun.load(Ordering::SeqCst)
    }

    /// Whether the task ends now. It does not if a request came that still found it started.
    fn retires(&self) -> bool {
        // ORDER: SeqCst — as for `triggered`.
        if !self.retiring.swap(false, Ordering::SeqCst) {
            return false;
        }
        // ORDER: SeqCst — before the look at the requests, which are made before a look at this.
        self.started.store(false, Ordering::SeqCst);
        // ORDER: SeqCst — whoever wins goes on as the task.
        !self.is_requested() || self.started.swap(true, Ordering::SeqCst)
    }

    fn one_cycle(&self, s: &Shared, pause: &mut InProgram<'_>) -> Result<(), Stopped> {
        // ORDER: SeqCst — as in `collect`.
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        pause.number = number;
        // ORDER: SeqCst ⇐ `collect`.
        let forced = self.wanted.load(Ordering::SeqCst) >= number;
        // ORDER: Relaxed — hints.
        self.busy.store(true, Ordering::Relaxed);
        let result = cycle::run(s, forced, pause);
        // Requests that came while it ran were made under the old plan.
        // ORDER: Relaxed — an allocation asks again if need be.
        self.triggered.store(false, Ordering::Relaxed);
        // ORDER: Relaxed — hints.
        self.busy.store(false, Ordering::Relaxed);
        let mut report = result?;
        report.forced = forced;
        s.stats.cycle(number, &report);
        // ORDER: Relaxed — a number.
        self.ended_ms.store(s.started.elapsed().as_millis() as u64, Ordering::Relaxed);
        if s.gctrace() {
            gctrace::print(s, number, &report);
        }
        cycle::finish_sweep(s, pause)?;
        s.heap.look_for_free_memory();
        // ORDER: Release ⇒ `collect`.
        self.done.store(number, Ordering::Release);
        self.wake_waiters();
        Ok(())
    }

    /// Wakes who waits for a cycle that is done, or everybody at the end.
    fn wake_waiters(&self) {
        let (done, all) = (self.cycles(), self.is_closing());
        // Waking may take locks of the host: it is done when ours is free again.
        let mut woken = Vec::new();
        self.waiters.lock().retain(|(number, waiter)| {
            let wake = all || *number <= done;
            if wake {
                woken.push(waiter.clone());
            }
            !wake
        });
        woken.iter().for_each(|w| w.unpark());
    }
}

/// Waiting in a program: spin, yield, sleep; and say who does not pass.
struct InProgram<'s> {
    s: &'s Shared,
    number: u64,
    since: Instant,
    report_at: Duration,
}

const FIRST_REPORT: Duration = Duration::from_secs(1);

impl<'s> InProgram<'s> {
    fn new(s: &'s Shared) -> Self {
        Self { s, number: 0, since: Instant::now(), report_at: FIRST_REPORT }
    }

    fn wait(&mut self, name: &'static str, turn: u32) {
        match turn {
            0 => {
                self.since = Instant::now();
                self.report_at = FIRST_REPORT;
                core::hint::spin_loop();
            }
            1..100 => core::hint::spin_loop(),
            100..116 => self.s.host.yield_now(),
            _ => {
                let step = Duration::from_micros(50) * (turn - 115).min(20);
                self.s.host.sleep(step);
                let waited = self.since.elapsed();
                if waited >= self.report_at {
                    self.report_at *= 2;
                    gort_sys::fatal::stderr(hogs(self.s, self.number, name, waited).as_bytes());
                }
            }
        }
    }
}

impl Pause for InProgram<'_> {
    fn pause(&mut self, at: Point) -> Result<(), Stopped> {
        match at {
            Point::Handshake(name, turn) => self.wait(name, turn),
            // Others scan: they will soon share what they have, or be done.
            Point::Assists(turn) => match turn {
                ..200 => core::hint::spin_loop(),
                _ => self.wait("assists", (turn - 200).min(120)),
            },
            Point::Mark | Point::Sweep | Point::Clear => {
                if self.s.host.should_yield() {
                    self.s.host.yield_now();
                }
            }
        }
        if self.s.coordinator.is_closing() { Err(Stopped) } else { Ok(()) }
    }
}

/// The report on contexts that do not pass.
fn hogs(s: &Shared, number: u64, name: &str, waited: Duration) -> String {
    let order = s.g.get();
    let mut missing = Vec::new();
    for ctx in s.contexts.iter() {
        // SAFETY: CTX-2 — registry entries live as long as the collector.
        let ctx = unsafe { NonNull::as_ref(&ctx) };
        let acts = name != "R" && name != "hold" && ctx.has_followed(order);
        if let Seen::Pinned(seq) = ctx.word.look()
            && seq < order.seq()
            && !acts
        {
            // ORDER: Relaxed — for this report only.
            missing.push((ctx.pinned_at(), ctx.task.load(Ordering::Relaxed)));
        }
    }
    let mut line = String::new();
    let plural = if missing.len() == 1 { "" } else { "s" };
    let _ = write!(
        line,
        "gc {number}: {name} waits {:.1}s for {} context{plural}",
        waited.as_secs_f64(),
        missing.len()
    );
    for (i, (at, task)) in missing.iter().take(3).enumerate() {
        line.push_str(if i == 0 { ": pinned" } else { "; pinned" });
        if let Some(at) = at {
            let _ = write!(line, " at {at}");
        }
        if *task != 0 {
            let _ = write!(line, " by {}", s.host.describe_task(*task));
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Collector, Config};

    #[test]
    fn the_report_names_who_does_not_pass() {
        let config = Config { range_shift: 32, pin_checks: true, ..Config::default() };
        let collector = Collector::new(config).expect("address space");
        let (mu, line) = (collector.pin(), line!());
        let s = collector.shared();
        s.g.publish(0, crate::handshake::Mode::SHADE);
        let text = hogs(s, 17, "R", Duration::from_millis(1500));
        let here = format!("gc 17: R waits 1.5s for 1 context: pinned at {}:{line}:", file!());
        assert!(text.starts_with(&here) && text.contains(" by thread "), "{text}");
        drop(mu);
    }
}
