//! What the collector needs of the program around it: tasks, waiting, time slices.
//!
//! The collector does not know a scheduler. Its tasks run on plain threads by default; a runtime gives it
//! a host of its own, so that they are goroutines and waiting parks them.

use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use gort_sys::{futex, thread};

use crate::atomic::{AtomicU32, Ordering};

/// The collector's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerKind {
    /// Runs the cycles: handshakes, marking, background sweep. Lives as long as its collector.
    Coordinator,
    /// Runs drop glue of dead objects, or cleanups. Ends when there is none, and is started again.
    Cleanup,
    /// Marks beside the coordinator, during one cycle.
    Marker,
}

/// Where the collector's tasks run and wait. All functions may be called from any task or thread.
pub trait WorkerHost: Send + Sync {
    /// Starts a task.
    ///
    /// # Errors
    /// It cannot be started; the collector then does without a cycle and tries again.
    fn spawn(&self, kind: WorkerKind, body: Box<dyn FnOnce() + Send>) -> io::Result<()>;
    /// A place to wait, for one waiter at a time.
    fn parker(&self) -> Arc<dyn Parker>;
    /// Lets others run.
    fn yield_now(&self);
    /// Waits.
    fn sleep(&self, time: Duration);
    /// Whether a worker should call [`yield_now`](Self::yield_now) soon. Asked often.
    fn should_yield(&self) -> bool;
    /// Processors of the program.
    fn cpus(&self) -> usize;
    /// A number for the calling task, 0 if there is none. Asked by `pin` with `Config::pin_checks`.
    fn task(&self) -> u64;
    /// Names a task in a report, like `goroutine 7 ("indexer")`.
    fn describe_task(&self, task: u64) -> String;
}

/// A binary semaphore: an `unpark` makes the present or the next `park` return.
pub trait Parker: Send + Sync {
    /// Waits for an `unpark`, at most for `timeout`. May return early.
    fn park(&self, timeout: Option<Duration>);
    /// Lets the waiter go on.
    fn unpark(&self);
}

impl fmt::Debug for dyn Parker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parker")
    }
}

impl fmt::Debug for dyn WorkerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkerHost")
    }
}

/// Plain threads: the default host.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadHost;

impl WorkerHost for ThreadHost {
    fn spawn(&self, kind: WorkerKind, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        let name = match kind {
            WorkerKind::Coordinator => "gort-gc",
            WorkerKind::Cleanup => "gort-gc-cleanup",
            WorkerKind::Marker => "gort-gc-mark",
        };
        std::thread::Builder::new().name(name.into()).spawn(body).map(drop)
    }

    fn parker(&self) -> Arc<dyn Parker> {
        Arc::new(ThreadParker(AtomicU32::new(EMPTY)))
    }

    fn yield_now(&self) {
        thread::yield_os();
    }

    fn sleep(&self, time: Duration) {
        gort_sys::clock::pause(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    fn should_yield(&self) -> bool {
        false
    }

    fn cpus(&self) -> usize {
        thread::cpus() as usize
    }

    fn task(&self) -> u64 {
        u64::from(thread::id().unsigned_abs())
    }

    fn describe_task(&self, task: u64) -> String {
        format!("thread {task}")
    }
}

const EMPTY: u32 = 0;
const SET: u32 = 1;
const ASLEEP: u32 = 2;

struct ThreadParker(AtomicU32);

impl Parker for ThreadParker {
    fn park(&self, timeout: Option<Duration>) {
        // ORDER: Acquire ⇐ `unpark`: what the waker did before.
        if self.0.swap(ASLEEP, Ordering::Acquire) != SET {
            let ns = timeout.map(|t| u64::try_from(t.as_nanos()).unwrap_or(u64::MAX));
            futex::wait(&self.0, ASLEEP, ns);
        }
        // ORDER: Acquire ⇐ `unpark`. A swap, so that a wake is consumed together with its news.
        self.0.swap(EMPTY, Ordering::Acquire);
    }

    fn unpark(&self) {
        // ORDER: Release ⇒ `park`: what the waker did before.
        if self.0.swap(SET, Ordering::Release) == ASLEEP {
            futex::wake(&raw const self.0, 1);
        }
    }
}
