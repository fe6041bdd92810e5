//! The short forms: a whole program, a closure, a runtime to keep.

use crate::error::BootError;
use crate::exit;
use crate::options::Options;
use crate::stages::{Boot, SchedReady};
use gort_sched::{JoinHandle, Scheduler};
use once_cell::sync::OnceCell;
use std::process::{ExitCode, Termination};
use std::sync::Arc;
use std::time::Duration;

/// Stages 1 to 11.
fn boot(options: Options) -> Result<SchedReady, BootError> {
    crate::panic::report_goroutines();
    Boot::new(options)
        .rt0()?
        .check()?
        .args()
        .os_init()
        .early_env()?
        .stack_init()?
        .malloc_init()?
        .modules_init()?
        .types_init()
        .gc_init()
        .sched_init()
}

/// Runs `f` as the program's main goroutine, on the calling thread first of all; the process ends
/// with it. Returns only if the boot fails, which it has reported.
pub fn main<R, F>(options: Options, f: F) -> ExitCode
where
    R: Termination,
    F: FnOnce() -> R + Send + 'static,
{
    let forever = boot(options).and_then(|s| s.new_main(|| exit::run_to_exit(f)).m_start_forever());
    match forever {
        Ok(never) => match never {},
        Err(e) => {
            refuse(&e);
            ExitCode::from(2)
        }
    }
}

fn refuse(e: &BootError) {
    use core::fmt::Write;
    let mut line = gort_sys::fatal::Line::new();
    let _ = writeln!(line, "gort: cannot start: {e}");
    line.print();
}

/// Runs `f` as the main goroutine of a fresh runtime, and returns its result when the runtime has
/// shut down. From any thread, also from a goroutine of another runtime.
///
/// # Panics
/// If the boot fails, or `f` panics.
pub fn run<T, F>(f: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match try_run(Options::default(), f) {
        Ok(Ok(value)) => value,
        Ok(Err(payload)) => std::panic::resume_unwind(payload),
        Err(e) => panic!("gort: cannot start: {e}"),
    }
}

/// As [`run`], with settings, and with the failures as values.
///
/// # Errors
/// The boot failed; inside: `f` panicked.
pub fn try_run<T, F>(options: Options, f: F) -> Result<gort_sched::join::Result<T>, BootError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Ok(boot(options)?.new_main(f).m_start()?.exit())
}

/// A runtime that is kept: several main functions may run on it, from any thread.
///
/// ```
/// let runtime = gort_boot::Runtime::builder().procs(2).build()?;
/// let sum = runtime.run(|| (1..=3).sum::<u32>());
/// assert_eq!(sum, 6);
/// assert!(runtime.shutdown_timeout(std::time::Duration::from_secs(1)));
/// # Ok::<(), gort_boot::BootError>(())
/// ```
#[derive(Debug)]
pub struct Runtime {
    sched: Option<Arc<Scheduler>>,
    patience: Duration,
}

impl Runtime {
    /// Settings for a runtime.
    pub fn builder() -> Builder {
        Builder { options: Options::default() }
    }

    fn sched(&self) -> &Arc<Scheduler> {
        match &self.sched {
            Some(sched) => sched,
            None => gort_sys::fatal!("SCHED-MEM", "a runtime is used after its end"),
        }
    }

    /// Runs `f` as a goroutine and waits for its result.
    ///
    /// # Panics
    /// If `f` panics.
    pub fn run<T, F>(&self, f: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.sched().spawn_main(f).join() {
            Ok(value) => value,
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }

    /// Spawns a goroutine.
    ///
    /// # Panics
    /// If there is no memory for it.
    #[track_caller]
    pub fn spawn<T, F>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.sched().spawn(f)
    }

    /// A handle that spawns on this runtime and can be sent around.
    pub fn handle(&self) -> Handle {
        Handle(Arc::downgrade(self.sched()))
    }

    /// Figures of its scheduler.
    pub fn stats(&self) -> gort_sched::Stats {
        self.sched().stats()
    }

    /// Ends it: goroutines that wait unwind, threads are joined. `false` if after `patience` a
    /// goroutine still ran; it goes on, and its memory stays.
    pub fn shutdown_timeout(mut self, patience: Duration) -> bool {
        self.sched.take().is_none_or(|s| s.shut_down(patience))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(sched) = self.sched.take() {
            sched.shut_down(self.patience);
        }
    }
}

/// Spawns on a runtime from anywhere, as long as it lives.
#[derive(Debug, Clone)]
pub struct Handle(std::sync::Weak<Scheduler>);

impl Handle {
    /// Spawns a goroutine; `None` if the runtime has ended.
    #[track_caller]
    pub fn spawn<T, F>(&self, f: F) -> Option<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.upgrade()?.try_spawn(f).ok()
    }
}

/// Settings for a [`Runtime`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing before build"]
pub struct Builder {
    options: Options,
}

impl Builder {
    /// How many goroutines run at a time, 1 to 1024.
    pub fn procs(mut self, n: u32) -> Self {
        self.options.procs = Some(n);
        self
    }

    /// Bytes of stack of goroutines that ask for nothing.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.options.stack_bytes = Some(bytes);
        self
    }

    /// Growth of the collected heap in percent; `None`: no collection because of growth.
    pub fn gc_percent(mut self, percent: Option<u32>) -> Self {
        self.options.gc_percent = Some(percent);
        self
    }

    /// Memory limit in bytes.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.options.memory_limit = Some(Some(bytes));
        self
    }

    /// Goroutines may resume on another thread than they parked on.
    ///
    /// # Safety
    /// No goroutine parks while it holds a borrow of, or anything tied to, thread-local state: a
    /// `LocalKey::with` that is still running, a `std::sync::MutexGuard`, a lock of stdout.
    pub unsafe fn migrate(mut self) -> Self {
        // SAFETY: MIGRATE-1 — the caller's promise.
        self.options.migrate = unsafe { gort_sched::Migrate::yes() };
        self
    }

    /// The environment is not looked at.
    pub fn ignore_env(mut self) -> Self {
        self.options.ignore_env = true;
        self
    }

    /// Boots.
    ///
    /// # Errors
    /// [`BootError`].
    pub fn build(self) -> Result<Runtime, BootError> {
        let patience = self.options.patience;
        let ready = boot(self.options)?;
        let sched = Arc::clone(ready.scheduler());
        // The first main goroutine passes the stages that run on one.
        let _ended = ready.new_main(|| ()).m_start()?;
        Ok(Runtime { sched: Some(sched), patience })
    }
}

static DEFAULT: OnceCell<Runtime> = OnceCell::new();

/// The process-wide runtime of threads that are no goroutines, made at first use. It is never shut
/// down.
///
/// # Panics
/// If the boot fails.
fn default_scheduler() -> &'static Scheduler {
    let runtime = DEFAULT.get_or_init(|| match Runtime::builder().build() {
        Ok(runtime) => runtime,
        Err(e) => panic!("gort: cannot start: {e}"),
    });
    runtime.sched()
}

#[used]
#[unsafe(link_section = ".init_array")]
static REGISTER: extern "C" fn() = register;

/// Before main: tells the scheduler's `go` where goroutines of plain threads go.
extern "C" fn register() {
    gort_sched::set_default(default_scheduler);
}
