//! Cleanups: what a program wants to run after an object has died.
//!
//! ```text
//! table: (object, job) ..  --- the object is white when marking has ended --->  queue --->  tasks of the host
//! ```
//! A cleanup does not see the object, and its argument cannot hold a handle, so nothing comes back to life. An object may have
//! several; they run in no order, each once, on tasks of their own, without a guard and without a lock. What has
//! not run when the program or the collector ends does not run.
//!
//! The table is looked through once per cycle, while the gate of the weak names is closed: marks are final then. Its tasks
//! keep the queue and not the collector, so a cleanup that blocks holds up neither a collector's end nor (as long as
//! there are fewer such than tasks) the others.

use core::any::{self, Any};
use core::fmt;
use core::panic::AssertUnwindSafe;
use core::ptr::NonNull;
use std::collections::VecDeque;
use std::panic::catch_unwind;
use std::sync::Arc;

use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

use crate::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::host::{WorkerHost, WorkerKind};
use crate::{Gc, Mutator, Root, Trace};

static TABLE: Rank = Rank { layer: layer::GC, n: 6, name: "gc.cleanups" };
static JOB: Rank = Rank { layer: layer::GC, n: 7, name: "gc.cleanup" };

pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// One cleanup; its job is taken by whoever runs or stops it.
struct Entry {
    job: Lock<Option<Job>>,
}

/// The cleanups of one collector.
pub(crate) struct Cleanups {
    /// Objects by address.
    table: Lock<Vec<(usize, Arc<Entry>)>>,
    queue: Lock<VecDeque<Arc<Entry>>>,
    host: Arc<dyn WorkerHost>,
    /// Tasks that run jobs.
    running: AtomicUsize,
    pub(crate) queued: AtomicU64,
    pub(crate) run: AtomicU64,
    pub(crate) panics: AtomicU64,
}

impl fmt::Debug for Cleanups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cleanups")
    }
}

impl Cleanups {
    pub(crate) fn new(host: Arc<dyn WorkerHost>) -> Arc<Self> {
        Arc::new(Self {
            table: Lock::new(&TABLE, Vec::new()),
            queue: Lock::new(&TABLE, VecDeque::new()),
            host,
            running: AtomicUsize::new(0),
            queued: AtomicU64::new(0),
            run: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        })
    }

    /// While marks are final: what belongs to dead objects is due. The caller calls [`kick`](Self::kick) later.
    pub(crate) fn collect_due(&self, alive: &impl Fn(NonNull<u8>) -> bool) {
        let mut due = Vec::new();
        self.table.lock().retain(|(object, entry)| {
            if entry.job.lock().is_none() {
                return false; // Stopped.
            }
            let object = NonNull::new(core::ptr::with_exposed_provenance_mut::<u8>(*object));
            let lives = object.is_some_and(alive);
            if !lives {
                due.push(entry.clone());
            }
            lives
        });
        // ORDER: Relaxed — a number.
        self.queued.fetch_add(due.len() as u64, Ordering::Relaxed);
        self.queue.lock().extend(due);
    }

    /// A job of the collector's own, run like a cleanup.
    pub(crate) fn enqueue(self: &Arc<Self>, job: Job) {
        self.queue.lock().push_back(Arc::new(Entry { job: Lock::new(&JOB, Some(job)) }));
        self.kick();
    }

    /// Starts a task if something is due and there are few.
    pub(crate) fn kick(self: &Arc<Self>) {
        if self.queue.lock().is_empty() {
            return;
        }
        // As Go: a quarter of the processors, at least one.
        let most = (self.host.cpus() / 4).max(1);
        // ORDER: AcqRel — counts tasks; the queue has its lock.
        if self.running.fetch_add(1, Ordering::AcqRel) >= most {
            // ORDER: AcqRel — as above.
            self.running.fetch_sub(1, Ordering::AcqRel);
            return;
        }
        let me = self.clone();
        let body = Box::new(move || {
            while me.run_one() {}
            // ORDER: AcqRel — as above. What is queued from here on finds the count lower.
            me.running.fetch_sub(1, Ordering::AcqRel);
            if !me.queue.lock().is_empty() {
                me.kick();
            }
        });
        if self.host.spawn(WorkerKind::Cleanup, body).is_err() {
            // ORDER: AcqRel — the next cycle tries again.
            self.running.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Runs one due cleanup, if there is one.
    pub(crate) fn run_one(&self) -> bool {
        let Some(entry) = self.queue.lock().pop_front() else { return false };
        let job = entry.job.lock().take();
        if let Some(job) = job {
            let ok = catch_unwind(AssertUnwindSafe(job)).is_ok();
            // ORDER: Relaxed, both — numbers.
            self.run.fetch_add(1, Ordering::Relaxed);
            self.panics.fetch_add(u64::from(!ok), Ordering::Relaxed);
        }
        true
    }

    /// The end of the collector: nothing runs any more; arguments are dropped.
    pub(crate) fn end(&self) {
        let table = core::mem::take(&mut *self.table.lock());
        let queue = core::mem::take(&mut *self.queue.lock());
        drop((table, queue));
    }
}

/// Names a cleanup, to stop it. Dropping it changes nothing.
#[derive(Clone)]
pub struct Cleanup(Arc<Entry>);

impl Cleanup {
    /// Makes the cleanup not run, if it has not begun, and drops its argument. Whether it did; `false` the second time.
    pub fn stop(&self) -> bool {
        let job = self.0.job.lock().take();
        job.is_some()
    }
}

impl fmt::Debug for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cleanup")
    }
}

impl Mutator {
    /// Runs `f(arg)` once after `object` has died: in the cycle that finds it dead or soon after, on a task of the
    /// collector's host, without a guard. An object may have several cleanups. None runs at the end of the program.
    ///
    /// An object without pointers and under 16 bytes, but not of 8, shares its slot with others, as in Go: it counts as alive as
    /// long as one of them is.
    ///
    /// What `arg` keeps alive stays so until the cleanup ran: a `Root` that leads to the object, however far round,
    /// keeps both for ever.
    ///
    /// ```
    /// # use std::sync::mpsc;
    /// let mut mu = gort_gc::pin();
    /// let (tx, rx) = mpsc::channel();
    /// mu.add_cleanup(mu.alloc(String::from("a file")), 7, move |n| tx.send(n).unwrap());
    /// mu.collect();
    /// assert_eq!(rx.recv(), Ok(7));
    /// ```
    ///
    /// # Panics
    /// If `arg` is a `Root` of `object`; if the object belongs to another collector.
    pub fn add_cleanup<T: Trace, A: Send + 'static>(
        &self,
        object: Gc<'_, T>,
        arg: A,
        f: impl FnOnce(A) + Send + 'static,
    ) -> Cleanup {
        self.check_object(object.addr(), any::type_name::<T>);
        if let Some(root) = (&arg as &dyn Any).downcast_ref::<Root<T>>() {
            assert!(
                root.get(self).addr() != object.addr(),
                "the argument of a cleanup is a Root of its object, which would never die"
            );
        }
        let address = object.as_non_null().as_ptr().expose_provenance();
        let job: Job = Box::new(move || f(arg));
        let entry = Arc::new(Entry { job: Lock::new(&JOB, Some(job)) });
        self.shared().cleanups.table.lock().push((address, entry.clone()));
        Cleanup(entry)
    }
}
