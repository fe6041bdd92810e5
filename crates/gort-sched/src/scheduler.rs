//! [`Scheduler`]: everything that the threads of one runtime share.
//!
//! There are no statics but the thread's own word: several schedulers can live in a process.

use crate::g::MIGRATES;
use crate::gtable::GTable;
use crate::hooks::Hooks;
use crate::injector::Injector;
use crate::m::M;
use crate::netpoll::Netpoll;
use crate::nodes::Nodes;
use crate::p::{P, bump};
use crate::procs::Ps;
use crate::supply::Supply;
use crate::wake::Idle;
use core::fmt;
use core::ptr::null_mut;
use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, SeqCst},
};
use gort_stack::{Class, StackPool};
use gort_sys::lock::Lock;
use gort_sys::note::Note;
use gort_sys::rank::{Rank, layer};
use std::sync::Arc;
use std::thread::JoinHandle as ThreadHandle;
use std::time::Duration;

static IDLE: Rank = Rank { layer: layer::SCHED, n: 4, name: "sched.idle" };
static THREADS: Rank = Rank { layer: layer::SCHED, n: 2, name: "sched.threads" };

/// How a scheduler is to be.
#[derive(Debug, Clone)]
pub struct Config {
    /// Processors: how many goroutines run at a time. At least 1, at most 1024.
    pub procs: u32,
    /// Stacks of goroutines that ask for nothing.
    pub stack: Class,
    /// The main goroutine's stack.
    pub main_stack: Class,
    /// Threads at most; one more is a fatal error. See [`Scheduler::set_max_threads`].
    pub max_threads: u32,
    /// Whether goroutines may resume on another thread than they parked on.
    pub migrate: Migrate,
    /// How long an idle thread stays before it ends.
    pub idle_thread: Duration,
    /// Milliseconds between `SCHED` lines on standard error; 0: none.
    pub schedtrace_ms: u32,
    /// Enter the runtime by an exchange even where membarrier exists (for tests).
    pub no_membarrier: bool,
    /// Guard stacks by `mprotect` even where guard regions exist (for tests).
    pub mprotect_guards: bool,
    /// The processors' memory nodes: thieves visit near ones first. `None`: all are alike.
    pub nodes: Option<Nodes>,
    /// The layers above.
    pub hooks: Hooks,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            procs: gort_sys::thread::cpus(),
            stack: Class::DEFAULT,
            main_stack: Class::MAIN,
            max_threads: 10_000,
            migrate: Migrate::NO,
            idle_thread: Duration::from_secs(10),
            schedtrace_ms: 0,
            no_membarrier: false,
            mprotect_guards: false,
            nodes: None,
            hooks: Hooks::IDLE,
        }
    }
}

/// Whether goroutines may resume on another thread than they parked on. Saying yes is a promise,
/// so only `unsafe` code can make the value that says so (MIGRATE-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Migrate(bool);

impl Migrate {
    /// They stay on the thread of their first run.
    pub const NO: Self = Self(false);

    /// They resume on any thread, as Go's do.
    ///
    /// # Safety
    /// No goroutine parks while it holds a borrow of, or anything tied to, thread-local state: a
    /// `LocalKey::with` that is still running, a `std::sync::MutexGuard`, a lock of stdout.
    pub const unsafe fn yes() -> Self {
        Self(true)
    }

    /// Whether they may.
    pub const fn is_on(self) -> bool {
        self.0
    }
}

/// The life of a scheduler.
pub(crate) const RUNNING: u8 = 0;
/// Waits end with SHUTDOWN, goroutines unwind.
pub(crate) const STOPPING: u8 = 1;
/// Threads leave their loops.
pub(crate) const EXITING: u8 = 2;

/// A scheduler could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchedError {
    /// The number of processors is out of range.
    Procs {
        /// What was asked.
        asked: u32,
    },
    /// The overflow handler could not be installed.
    Handler {
        /// The error number of `sigaction`.
        errno: i32,
    },
    /// The system gave no thread.
    Thread {
        /// The error number.
        errno: i32,
    },
}

impl fmt::Display for SchedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Procs { asked } => {
                write!(
                    f,
                    "{asked} processors asked for; the range is 1 to {}",
                    Scheduler::MAX_PROCS
                )
            }
            Self::Handler { errno } => {
                write!(f, "the stack-overflow handler was refused (errno {errno})")
            }
            Self::Thread { errno } => write!(f, "no thread for the scheduler (errno {errno})"),
        }
    }
}

impl std::error::Error for SchedError {}

/// Goroutines on threads by processors.
pub struct Scheduler {
    pub(crate) config: Config,
    pub(crate) ps: Ps,
    pub(crate) supply: Supply,
    pub(crate) idle: Lock<Idle>,
    /// Ms in `idle.waiters`, for a look without the lock.
    pub(crate) waiters: AtomicU32,
    pub(crate) injector: Injector,
    pub(crate) gs: GTable,
    pub(crate) next_id: AtomicU64,
    pub(crate) stacks: StackPool,
    /// Records of all Ms; never moved, freed with the scheduler.
    #[expect(
        clippy::vec_box,
        reason = "threads hold pointers to the records, which must not move"
    )]
    pub(crate) ms: Lock<Vec<Box<M>>>,
    pub(crate) threads: Lock<Vec<ThreadHandle<()>>>,
    pub(crate) max_threads: AtomicU32,
    pub(crate) asymmetric: bool,
    pub(crate) life: AtomicU8,
    /// What a goroutine's flags begin with.
    pub(crate) first_flags: AtomicU8,
    /// The M that sleeps until the next timer, and until when.
    pub(crate) timekeeper: AtomicPtr<M>,
    pub(crate) sleep_until: AtomicU64,
    /// The network's poller, once a descriptor is watched; a counted pointer.
    pub(crate) net: AtomicPtr<Netpoll>,
    /// sysmon's bed, and whether it sleeps until somebody works.
    pub(crate) sysmon_note: Note,
    pub(crate) sysmon_deep: AtomicBool,
    /// Spawned and ended by threads that are no Ms.
    pub(crate) outside_spawned: AtomicU64,
    pub(crate) outside_ended: AtomicU64,
    /// Goroutines of the runtime itself that are alive.
    pub(crate) system: AtomicU64,
    /// The main goroutine has ended by `goexit`.
    pub(crate) main_gone: AtomicBool,
    /// Join handles that outlive the scheduler keep its memory; see [`crate::shutdown`].
    pub(crate) orphans: AtomicUsize,
    /// Threads that give up a handle from outside at this moment.
    pub(crate) visitors: AtomicUsize,
    pub(crate) started_ns: u64,
    /// Where the trimmer goes on.
    pub(crate) trim_cursor: AtomicUsize,
    /// Threads may run goroutines; before, the main goroutine waits in the first P's queue.
    pub(crate) begun: AtomicBool,
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

// SAFETY: SCHED-MEM — the raw pointers inside name records that live as long as the scheduler.
unsafe impl Sync for Scheduler {}
// SAFETY: SCHED-MEM — nothing in it belongs to a thread.
unsafe impl Send for Scheduler {}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.release_net();
    }
}

/// Figures of a scheduler at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Processors.
    pub procs: u32,
    /// Processors without a thread.
    pub idle_procs: u32,
    /// Threads alive (sysmon not counted).
    pub threads: u32,
    /// Threads that sleep.
    pub idle_threads: u32,
    /// Threads that look for work.
    pub spinning_threads: u32,
    /// Goroutines alive, the runtime's own not counted.
    pub goroutines: u64,
    /// Goroutines ever spawned.
    pub spawned: u64,
    /// Successful steals.
    pub steals: u64,
    /// Goroutines that moved by them.
    pub stolen: u64,
    /// Successful steals from another memory node (where [`Config::nodes`] tells of some).
    pub far_steals: u64,
    /// Goroutines that moved by them.
    pub far_stolen: u64,
    /// Fruitless looks into another queue.
    pub failed_steals: u64,
    /// Processors taken away from threads that computed or blocked.
    pub handoffs: u64,
    /// Goroutines in the injector queue.
    pub injected: usize,
}

impl Scheduler {
    /// The most processors that a scheduler can have.
    pub const MAX_PROCS: u32 = 1024;

    /// Makes the processors; nothing runs yet. What is made here stays until
    /// [`shut_down`](Self::shut_down): dropping the last `Arc` alone frees nothing.
    ///
    /// # Errors
    /// [`SchedError`].
    pub fn new(config: Config) -> Result<Arc<Self>, SchedError> {
        let stacks = if config.mprotect_guards {
            gort_stack::Config::protected()
        } else {
            gort_stack::Config::default()
        };
        Self::with_stacks(config, StackPool::new(stacks))
    }

    /// As [`new`](Self::new), with a pool of stacks that exists already.
    ///
    /// # Errors
    /// [`SchedError`].
    pub fn with_stacks(config: Config, stacks: StackPool) -> Result<Arc<Self>, SchedError> {
        if config.procs == 0 || config.procs > Self::MAX_PROCS {
            return Err(SchedError::Procs { asked: config.procs });
        }
        gort_stack::overflow::install(crate::start::whose_guard)
            .map_err(|errno| SchedError::Handler { errno })?;
        let asymmetric = !config.no_membarrier && gort_sys::membarrier::register();
        let ps = Ps::new(config.procs);
        let idle = Idle::new(&ps);
        let supply = Supply::new();
        for _ in &ps {
            supply.add_idle();
        }
        let this = Arc::new(Self {
            ps,
            supply,
            idle: Lock::new(&IDLE, idle),
            waiters: AtomicU32::new(0),
            injector: Injector::new(),
            gs: GTable::new(),
            next_id: AtomicU64::new(1),
            stacks,
            ms: Lock::new(&THREADS, Vec::new()),
            threads: Lock::new(&THREADS, Vec::new()),
            max_threads: AtomicU32::new(config.max_threads),
            asymmetric,
            life: AtomicU8::new(RUNNING),
            first_flags: AtomicU8::new(if config.migrate.is_on() { MIGRATES } else { 0 }),
            timekeeper: AtomicPtr::new(null_mut()),
            sleep_until: AtomicU64::new(u64::MAX),
            net: AtomicPtr::new(null_mut()),
            sysmon_note: Note::new(),
            sysmon_deep: AtomicBool::new(false),
            outside_spawned: AtomicU64::new(0),
            outside_ended: AtomicU64::new(0),
            system: AtomicU64::new(0),
            main_gone: AtomicBool::new(false),
            orphans: AtomicUsize::new(0),
            visitors: AtomicUsize::new(0),
            started_ns: gort_sys::clock::nanos(),
            trim_cursor: AtomicUsize::new(0),
            begun: AtomicBool::new(false),
            config,
        });
        // Threads, records and handles point into it: until `shut_down` gives it up, one count stays,
        // whoever else drops theirs (SCHED-MEM).
        core::mem::forget(Arc::clone(&this));
        Ok(this)
    }

    /// The memory nodes, if the program has told of several.
    #[inline]
    pub(crate) fn nodes(&self) -> Option<&Nodes> {
        self.config.nodes.as_ref().filter(|nodes| !nodes.are_one())
    }

    /// The pool of stacks, for its figures.
    pub fn stacks(&self) -> &StackPool {
        &self.stacks
    }

    /// Runs `f` on the scheduler of the goroutine that calls, if a goroutine calls.
    pub fn with_current<R>(f: impl FnOnce(&Self) -> R) -> Option<R> {
        Self::current().map(f)
    }

    /// The scheduler of the goroutine that calls. The lifetime is a convenience: callers drop it before
    /// the goroutine ends.
    pub(crate) fn current<'a>() -> Option<&'a Self> {
        let m = M::current();
        // SAFETY: SCHED-MEM — a non-null word names this thread's M, whose scheduler outlives
        // the goroutine that asks.
        unsafe { m.as_ref().filter(|m| !m.cur.get().is_null()).map(|m| &*m.sched) }
    }

    pub(crate) fn life(&self) -> u8 {
        // ORDER: Acquire ⇐ `set_life`.
        self.life.load(Acquire)
    }

    pub(crate) fn set_life(&self, life: u8) {
        // ORDER: SeqCst — Release ⇒ `life`; and before the look at the visitors.
        self.life.store(life, SeqCst);
    }

    /// Goroutines alive.
    pub fn goroutines(&self) -> u64 {
        self.stats().goroutines
    }

    /// Figures of this moment; each is right, together they may be of slightly different times.
    pub fn stats(&self) -> Stats {
        // ORDER: Relaxed throughout — figures.
        let mut s = Stats { procs: self.procs(), ..Stats::default() };
        let mut ended = self.outside_ended.load(Relaxed); // ORDER: Relaxed — a figure.
        s.spawned = self.outside_spawned.load(Relaxed); // ORDER: Relaxed — a figure.
        for p in &self.ps {
            ended += p.counts.ended.load(Relaxed); // ORDER: Relaxed — a figure.
        }
        for p in &self.ps {
            let c = &p.counts;
            s.spawned += c.spawned.load(Relaxed); // ORDER: Relaxed — a figure.
            s.steals += c.steals.load(Relaxed); // ORDER: Relaxed — a figure.
            s.stolen += c.stolen.load(Relaxed); // ORDER: Relaxed — a figure.
            s.far_steals += c.far_steals.load(Relaxed); // ORDER: Relaxed — a figure.
            s.far_stolen += c.far_stolen.load(Relaxed); // ORDER: Relaxed — a figure.
            s.failed_steals += c.failed_steals.load(Relaxed); // ORDER: Relaxed — a figure.
            s.handoffs += c.handoffs.load(Relaxed); // ORDER: Relaxed — a figure.
        }
        // ORDER: Relaxed — a figure.
        let system = self.system.load(Relaxed);
        s.goroutines = s.spawned.saturating_sub(ended).saturating_sub(system);
        let seen = self.supply.look();
        s.idle_procs = seen.idle();
        s.spinning_threads = seen.spinning();
        s.injected = self.injector.len();
        let idle = self.idle.lock();
        s.threads = idle.threads;
        s.idle_threads = idle.sleeping;
        s
    }

    /// Counts a spawn by whoever holds `p`, or by an outsider.
    pub(crate) fn count_spawn(&self, p: Option<&P>) {
        match p {
            Some(p) => bump(&p.counts.spawned, 1),
            // ORDER: Relaxed — a figure.
            None => _ = self.outside_spawned.fetch_add(1, Relaxed),
        }
    }

    /// Whether anything at all is runnable: the queues of every P, and the injector.
    pub(crate) fn any_work(&self) -> bool {
        !self.injector.is_empty() || self.ps.iter().any(P::has_work)
    }

    /// Slices that all Ps have begun; wraps.
    pub(crate) fn slices(&self) -> u32 {
        self.ps.iter().fold(0, |sum, p| sum.wrapping_add(p.tick()))
    }

    /// As [`next_timer`](Self::next_timer), of those that still count; for whoever goes to sleep.
    pub(crate) fn next_live_timer(&self) -> u64 {
        self.ps.iter().map(|p| p.timers.prune()).min().unwrap_or(u64::MAX)
    }

    /// The earliest timer of all Ps, in nanoseconds; `u64::MAX` if there is none.
    pub(crate) fn next_timer(&self) -> u64 {
        self.ps.iter().map(|p| p.timers.next()).min().unwrap_or(u64::MAX)
    }
}
