//! The life of a scheduler from its first thread to its last.
//!
//! # The end
//! A scheduler that runs inside a program ends like this: waits return SHUTDOWN, and goroutines
//! unwind from where they park, so that their destructors run; goroutines that never ran have
//! their closures dropped. When none is left, the threads leave their loops and are joined. A
//! goroutine that neither parks nor ends keeps its thread: then all memory of the scheduler is
//! left in place, as somebody still runs on it.
//!
//! Join handles point into the scheduler's memory and may outlive it. Each that is still out is
//! marked, and the last of them to go frees the memory (SCHED-MEM).

use crate::g::SYSTEM;
use crate::m::M;
use crate::park::{SHUTDOWN, Ticket};
use crate::schedule;
use crate::scheduler::{EXITING, STOPPING, SchedError, Scheduler};
use crate::spawn::How;
use crate::state::GState;
use crate::sysmon;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use gort_sys::clock;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Scheduler {
    /// Makes the main goroutine: number 1, in the first P's queue, where it waits for
    /// [`begin`](Self::begin) or [`serve`](Self::serve). Later ones go to the injector.
    ///
    /// # Panics
    /// If there is no memory for it, or it exists already.
    #[track_caller]
    pub fn spawn_main<F, T>(&self, f: F) -> crate::JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let how = How { class: Some(self.config.main_stack), main: true, ..How::default() };
        // SAFETY: `F` and `T` are Send and 'static.
        match unsafe { self.spawn_unchecked(f, how, None) } {
            Ok(handle) => handle,
            Err(e) => panic!("cannot spawn the main goroutine: {e}"),
        }
    }

    /// Makes a goroutine of the runtime itself: it is not counted as alive, and no reason
    /// against a deadlock.
    ///
    /// # Errors
    /// There is no memory for it.
    #[track_caller]
    pub fn spawn_system<F>(&self, name: &str, f: F) -> std::io::Result<crate::JoinHandle<()>>
    where
        F: FnOnce() + Send + 'static,
    {
        // ORDER: Relaxed — a figure.
        self.system.fetch_add(1, Relaxed);
        let how = How { migrates: Some(true), system: true, ..How::default() };
        let at = core::ptr::from_ref(self) as usize;
        let body = move || {
            f();
            // SAFETY: SCHED-MEM — a goroutine of the scheduler keeps it.
            // ORDER: Relaxed — a figure.
            unsafe { &*(at as *const Self) }.system.fetch_sub(1, Relaxed);
        };
        // SAFETY: `F` is Send and 'static.
        unsafe { self.spawn_unchecked(body, how, Some(name.into())) }
    }

    /// Starts sysmon.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start_sysmon(&self) -> Result<(), SchedError> {
        let at = core::ptr::from_ref(self) as usize;
        // SAFETY: SCHED-MEM — the thread is joined before the scheduler goes.
        let body = move || sysmon::run(unsafe { &*(at as *const Self) });
        let thread = std::thread::Builder::new()
            .name("gort-sysmon".into())
            .spawn(body)
            .map_err(|e| SchedError::Thread { errno: e.raw_os_error().unwrap_or(0) })?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Lets threads run goroutines: the first one is started.
    pub fn begin(&self) {
        // ORDER: Release — for the figures; the wake below publishes the queue.
        self.begun.store(true, Release);
        self.wake_after_fence();
    }

    /// The calling thread becomes an M, takes the first P that is idle, and runs goroutines until the
    /// scheduler exits.
    ///
    /// # Panics
    /// If it is an M already.
    pub fn serve(&self) {
        self.serve_as(|_| ());
    }

    /// As [`serve`](Self::serve); `prepare` gets the M before it runs anything.
    pub(crate) fn serve_as(&self, prepare: impl FnOnce(&M)) {
        assert!(M::current().is_null(), "this thread runs goroutines already");
        // ORDER: Release — as in `begin`.
        self.begun.store(true, Release);
        let m = self.new_m();
        prepare(m);
        {
            let mut idle = self.idle.lock();
            idle.threads += 1;
            if let Some(p) = idle.ps.pop() {
                self.supply.sub_idle();
                m.give_p(p);
            }
        }
        let signal_stack = gort_stack::overflow::SignalStack::install();
        schedule::serve(m);
        drop(signal_stack);
    }

    /// Ends the scheduler as the module's page says, from a thread that is none of its own.
    /// `true`: all goroutines have ended and all threads were joined; `false`: after `patience`
    /// some still ran, and the scheduler's memory stays.
    pub fn shut_down(self: Arc<Self>, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        self.set_life(STOPPING);
        let mut pause = 1_000;
        while self.goroutines() > 0 {
            self.end_waits();
            if Instant::now() >= end {
                core::mem::forget(self);
                return false;
            }
            clock::pause(pause);
            pause = (pause * 2).min(1_000_000);
        }
        self.end_system(end);
        self.set_life(EXITING);
        let threads = core::mem::take(&mut *self.threads.lock());
        for thread in threads {
            while !thread.is_finished() {
                self.wake_all();
                self.sysmon_note.wake();
                std::thread::yield_now();
            }
            let _ = thread.join();
        }
        self.close_net();
        self.release();
        true
    }

    /// Says that threads should leave their loops as soon as they have nothing to do; for an M
    /// that serves on a thread of the caller's.
    pub fn exit_loops(&self) {
        self.set_life(EXITING);
        self.wake_all();
        self.sysmon_note.wake();
    }

    /// Ends the waits of all goroutines but the runtime's own.
    pub(crate) fn end_waits(&self) {
        self.end_waits_of(|g| !g.has(SYSTEM));
    }

    fn end_waits_of(&self, which: impl Fn(&crate::g::G) -> bool) {
        for g in self.gs.all() {
            if g.state.get() == GState::Waiting && which(g) {
                let ticket = Ticket::present(g);
                if ticket.claim(SHUTDOWN) {
                    ticket.wake();
                }
            }
        }
    }

    /// Ends the runtime's own goroutines.
    fn end_system(&self, end: Instant) {
        // ORDER: Relaxed — a figure that is asked again and again.
        while self.system.load(Relaxed) > 0 && Instant::now() < end {
            self.end_waits_of(|_| true);
            clock::pause(10_000);
        }
    }

    /// All threads are gone: the memory stays for the handles that are still out. They share the count
    /// that `new` has left.
    fn release(self: Arc<Self>) {
        // Who spawns from outside has seen that the scheduler ends, or its handle is counted below.
        self.wait_for_visitors();
        // Handles that go from now on see the mark, and count down.
        // ORDER: Release ⇒ `orphan_gone`.
        self.orphans.store(usize::MAX / 2, Release);
        let out = self.gs.all().filter(|g| g.join.orphan()).count();
        // Whoever gave up a handle before the mark is out of the memory after this.
        self.wait_for_visitors();
        // ORDER: AcqRel — sets the true count, less those that went meanwhile.
        let before = self.orphans.fetch_sub(usize::MAX / 2 - out, AcqRel);
        if before == usize::MAX / 2 - out {
            // None is out, or all went meanwhile.
            // SAFETY: SCHED-MEM — `new` left this count, and nobody else gives it up.
            unsafe { Arc::decrement_strong_count(Arc::as_ptr(&self)) };
        }
    }

    fn wait_for_visitors(&self) {
        // ORDER: SeqCst — pairs with the visitors' own count: before their look at the scheduler's life
        // or at the handle's word, and after their last touch of the memory.
        while self.visitors.load(SeqCst) != 0 {
            gort_sys::thread::yield_os();
        }
    }
}

/// A handle of a scheduler that has ended is gone; with the last one the memory goes.
pub(crate) fn orphan_gone(s: &Scheduler) {
    let at: *const Scheduler = s;
    // ORDER: AcqRel — the last one sees all that the others did.
    if s.orphans.fetch_sub(1, AcqRel) == 1 {
        // SAFETY: SCHED-MEM — `release` left one count for exactly this.
        drop(unsafe { Arc::from_raw(at) });
    }
}

/// Whether a scheduler is ending.
pub fn is_stopping() -> bool {
    Scheduler::current().is_some_and(|s| {
        // ORDER: Acquire ⇐ `set_life`.
        s.life.load(Acquire) >= STOPPING
    })
}
