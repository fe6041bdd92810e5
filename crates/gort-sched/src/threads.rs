//! The threads of a scheduler: how one is made, and how many there may be.
//!
//! Without a thread for a processor the program cannot go on, so both ends are Go's: a line that says what to
//! change, and status 2.

use crate::m::M;
use crate::p::P;
use crate::schedule;
use crate::scheduler::Scheduler;
use core::fmt::Write;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::fatal::Line;
use std::io;

/// Exit status, as Go's.
const STATUS: i32 = 2;

impl Scheduler {
    /// Changes how many threads may run goroutines or block in them, Go's `debug.SetMaxThreads`; the number
    /// before. One more than that ends the process with a message and status 2; so does this call if there are more
    /// already. At the start it is [`Config::max_threads`](crate::Config::max_threads).
    pub fn set_max_threads(&self, most: u32) -> u32 {
        // ORDER: Relaxed — a number that bounds, and publishes nothing.
        let before = self.max_threads.swap(most, Relaxed);
        let threads = self.idle.lock().threads;
        self.check_threads(threads);
        before
    }

    fn check_threads(&self, threads: u32) {
        // ORDER: Relaxed — as above.
        let most = self.max_threads.load(Relaxed);
        if threads > most {
            exhausted(format_args!(
                "program exceeds {most}-thread limit (set_max_threads)\n\
                 fatal error: thread exhaustion"
            ));
        }
    }

    /// Makes an M and its thread, the `threads`th that is alive, to run goroutines with `p`.
    #[cold]
    pub(crate) fn new_thread(&self, p: *const P, spinning: bool, threads: u32) {
        self.check_threads(threads);
        let m = self.new_m();
        m.spinning.set(spinning);
        if spinning {
            m.give_p(p)
        } else {
            m.lend_p(p)
        }
        let addr = core::ptr::from_ref(m) as usize;
        let thread = std::thread::Builder::new().name(format!("gort-m{}", m.id)).spawn(move || {
            // SAFETY: SCHED-MEM — the record lives as long as the scheduler, which joins this
            // thread before it goes.
            schedule::thread_main(unsafe { &*(addr as *const M) });
        });
        match thread {
            Ok(handle) => {
                let mut all = self.threads.lock();
                all.retain(|t| !t.is_finished());
                all.push(handle);
            }
            Err(e) => no_thread(&e, threads - 1),
        }
    }

    /// A new record for a thread.
    pub(crate) fn new_m(&self) -> &M {
        let mut ms = self.ms.lock();
        let m = Box::new(M::new(ms.len() as u32, self, self.asymmetric));
        ms.push(m);
        let m: *const M = &raw const **ms.last().unwrap_or_else(|| unreachable!());
        // SAFETY: SCHED-MEM — the box is never moved or freed before the scheduler goes.
        unsafe { &*m }
    }
}

/// The system gives no thread.
fn no_thread(e: &io::Error, threads: u32) -> ! {
    exhausted(format_args!(
        "no thread for a processor, {threads} exist: {e}\n\
         the limit of processes (ulimit -u, pids.max) or of memory is reached\n\
         fatal error: thread exhaustion"
    ))
}

#[cold]
fn exhausted(why: core::fmt::Arguments<'_>) -> ! {
    let mut line = Line::new();
    let _ = writeln!(line, "gort: {why}");
    line.print();
    // SAFETY: DEADLOCK-1 — as for a deadlock: ends the process; nothing of ours runs afterwards.
    unsafe { libc::_exit(STATUS) }
}
