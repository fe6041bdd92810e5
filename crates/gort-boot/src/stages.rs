//! Start, as a chain of types: each stage consumes the token of the one before and returns its
//! own, so a stage out of order does not compile.
//!
//! ```
//! use gort_boot::{Boot, Options};
//!
//! let code = Boot::new(Options::default())
//!     .rt0()?
//!     .check()?
//!     .args()
//!     .os_init()
//!     .early_env()?
//!     .stack_init()?
//!     .malloc_init()?
//!     .modules_init()?
//!     .types_init()
//!     .gc_init()
//!     .sched_init()?
//!     .new_main(|| 42)
//!     .m_start()?
//!     .exit();
//! assert_eq!(code.unwrap(), 42);
//! # Ok::<(), gort_boot::BootError>(())
//! ```
//! A stage that is left out does not compile:
//! ```compile_fail,E0599
//! let _ = gort_boot::Boot::new(Default::default()).rt0().unwrap().args();
//! ```
//! and neither does one that is gone through twice:
//! ```compile_fail,E0382
//! let boot = gort_boot::Boot::new(Default::default());
//! let _ = (boot.rt0(), boot.rt0());
//! ```
//! `runtime_main`, `init_tasks` and `main_main` run on the main goroutine, between `m_start` and
//! `exit`.

use crate::args::Args;
use crate::clock::{self, Clock};
use crate::env::Env;
use crate::error::BootError;
use crate::init_tasks::{self, InitTask};
use crate::options::Options;
use crate::report;
use crate::wire;
use gort_sched::{HelperThread, JoinHandle, Scheduler};
use gort_stack::StackPool;
use gort_sys::thread;
use std::sync::Arc;
use std::time::Duration;

/// Declares the token of a stage.
macro_rules! token {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $t:ty),* $(,)? }) => {
        $(#[$doc])*
        #[must_use = "the boot has not ended"]
        pub struct $name { $($field: $t),* }
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

token! {
    /// The beginning.
    Boot { options: Options }
}
token! {
    /// After stage 1: this thread's words and stack are known.
    Rt0 { options: Options }
}
token! {
    /// After stage 2: what the layers assume holds.
    Checked { options: Options }
}
token! {
    /// After stage 3: the arguments are captured.
    WithArgs { options: Options, args: Args<'static> }
}
token! {
    /// After stage 4: the machine is known.
    OsReady { options: Options, args: Args<'static>, cpus: u32 }
}
token! {
    /// After stage 5: the environment was obeyed or refused.
    EnvReady { options: Options, args: Args<'static>, cpus: u32, env: Env }
}
token! {
    /// After stage 6: stacks can be had.
    StacksReady { options: Options, cpus: u32, env: Env, stacks: StackPool }
}
token! {
    /// After stage 7: the heap is there.
    HeapReady { options: Options, cpus: u32, env: Env, stacks: StackPool }
}
token! {
    /// After stage 8: the link-time tables are verified.
    ModulesReady {
        options: Options, cpus: u32, env: Env, stacks: StackPool, tasks: Vec<&'static InitTask>,
    }
}
token! {
    /// After stage 9: the type tables are filled.
    TypesReady {
        options: Options, cpus: u32, env: Env, stacks: StackPool, tasks: Vec<&'static InitTask>,
    }
}
token! {
    /// After stage 10: the collector is set up; it does not collect yet.
    GcReady {
        options: Options, cpus: u32, env: Env, stacks: StackPool, tasks: Vec<&'static InitTask>,
    }
}
token! {
    /// After stage 11: the processors exist.
    SchedReady { sched: Arc<Scheduler>, env: Env, tasks: Vec<&'static InitTask>, patience: Duration }
}

impl Boot {
    /// Starts a boot.
    pub fn new(options: Options) -> Self {
        report::begin();
        Self { options }
    }

    /// Stage 1: the thread words of this thread are proved by writing and reading a pattern.
    ///
    /// # Errors
    /// [`BootError::ThreadWords`].
    pub fn rt0(self) -> Result<Rt0, BootError> {
        gort_boot_rt0(self)
    }
}

impl Rt0 {
    /// Stage 2: sizes, alignments and endianness.
    ///
    /// # Errors
    /// [`BootError::Platform`] names what does not hold.
    pub fn check(self) -> Result<Checked, BootError> {
        gort_boot_check(self)
    }
}

impl Checked {
    /// Stage 3: argc, argv.
    pub fn args(self) -> WithArgs {
        gort_boot_args(self)
    }
}

impl WithArgs {
    /// Stage 4: page size, processors, kernel features.
    pub fn os_init(self) -> OsReady {
        gort_boot_os_init(self)
    }
}

impl OsReady {
    /// Stage 5: the environment.
    ///
    /// # Errors
    /// [`BootError::Env`].
    pub fn early_env(self) -> Result<EnvReady, BootError> {
        gort_boot_early_env(self)
    }
}

impl EnvReady {
    /// The arguments that stage 3 captured.
    pub fn arguments(&self) -> Args<'static> {
        self.args
    }

    /// The environment as stage 5 understood it.
    pub fn environment(&self) -> &Env {
        &self.env
    }

    /// Stage 6: stack pools. (The overflow handler comes with the scheduler, which knows whose stack it is.)
    ///
    /// # Errors
    /// None at present; the type leaves room.
    pub fn stack_init(self) -> Result<StacksReady, BootError> {
        gort_boot_stack_init(self)
    }
}

impl StacksReady {
    /// Stage 7: the heap.
    ///
    /// # Errors
    /// [`BootError::Memory`].
    pub fn malloc_init(self) -> Result<HeapReady, BootError> {
        gort_boot_malloc_init(self)
    }
}

impl HeapReady {
    /// Stage 8: the table of init tasks: magic, names, order.
    ///
    /// # Errors
    /// [`BootError::Init`].
    pub fn modules_init(self) -> Result<ModulesReady, BootError> {
        gort_boot_modules_init(self)
    }
}

impl ModulesReady {
    /// Stage 9: type tables. Pointer maps are written into the heap's bitmaps as objects are made,
    /// so there is no table to fill; the stage stands for its place in the order.
    pub fn types_init(self) -> TypesReady {
        gort_boot_types_init(self)
    }
}

impl TypesReady {
    /// Stage 10: percent and limit. Nothing collects before stage 14.
    pub fn gc_init(self) -> GcReady {
        gort_boot_gc_init(self)
    }
}

impl GcReady {
    /// Stage 11: the processors.
    ///
    /// # Errors
    /// [`BootError::Sched`].
    pub fn sched_init(self) -> Result<SchedReady, BootError> {
        gort_boot_sched_init(self)
    }
}

impl SchedReady {
    /// The scheduler.
    pub fn scheduler(&self) -> &Arc<Scheduler> {
        &self.sched
    }

    /// Stage 12: the main goroutine, number 1. It will go through stages 14 to 16.
    pub fn new_main<F, T>(self, f: F) -> MainReady<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let clock = Clock::start(12, "NewMain");
        let SchedReady { sched, env, tasks, patience } = self;
        let inside = Arc::as_ptr(&sched) as usize;
        let main = sched.spawn_main(move || {
            // SAFETY: SCHED-MEM of gort-sched — the main goroutine keeps its scheduler.
            let sched = unsafe { &*(inside as *const Scheduler) };
            gort_boot_runtime_main(sched);
            gort_boot_init_tasks(&env, tasks);
            Clock::start(16, "MainMain").stop();
            f()
        });
        clock.stop();
        MainReady { sched, main, patience }
    }
}

/// After stage 12: the main goroutine waits to run.
#[must_use = "the boot has not ended"]
pub struct MainReady<T> {
    sched: Arc<Scheduler>,
    main: JoinHandle<T>,
    patience: Duration,
}

impl<T> core::fmt::Debug for MainReady<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MainReady")
    }
}

impl<T: Send + 'static> MainReady<T> {
    /// Stage 13: threads enter the scheduling loop. The caller's thread waits until the main
    /// goroutine has ended.
    ///
    /// # Errors
    /// [`BootError::Sched`] if there is no thread.
    pub fn m_start(self) -> Result<Ended<T>, BootError> {
        let clock = Clock::start(13, "MStart");
        self.sched.start_sysmon()?;
        clock.stop();
        self.sched.begin();
        let result = {
            // This thread only waits: it will wake nobody, whatever the deadlock check thinks of
            // other threads. A goroutine that boots a runtime parks, and is no thread.
            let _waiting =
                gort_sched::thread::goroutine_id().is_none().then(HelperThread::register);
            self.main.join()
        };
        Ok(Ended { sched: self.sched, result, patience: self.patience })
    }

    /// Stage 13 for a whole program: the caller's thread runs goroutines itself until the process
    /// ends, which the main goroutine sees to.
    ///
    /// # Errors
    /// [`BootError::Sched`] if there is no thread for sysmon.
    pub fn m_start_forever(self) -> Result<core::convert::Infallible, BootError> {
        let clock = Clock::start(13, "MStart");
        self.sched.start_sysmon()?;
        clock.stop();
        drop(self.main);
        // The scheduler serves until the process ends; nobody frees it.
        let sched = core::mem::ManuallyDrop::new(self.sched);
        loop {
            sched.serve();
        }
    }
}

/// After the main goroutine has ended.
#[must_use = "the runtime has not been shut down"]
#[derive(Debug)]
pub struct Ended<T> {
    sched: Arc<Scheduler>,
    result: gort_sched::join::Result<T>,
    patience: Duration,
}

impl<T> Ended<T> {
    /// Stage 17: goroutines that wait unwind, threads are joined, stacks unmapped. Returns what
    /// the main goroutine returned, or its panic.
    ///
    /// # Errors
    /// The payload of the main goroutine's panic.
    pub fn exit(self) -> gort_sched::join::Result<T> {
        gort_boot_exit(self.sched, self.patience);
        self.result
    }
}

// The stages themselves: symbols that a debugger can break on.

#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_rt0(boot: Boot) -> Result<Rt0, BootError> {
    let clock = Clock::start(1, "Rt0");
    if !thread::words_work() {
        return Err(BootError::ThreadWords);
    }
    clock.stop();
    Ok(Rt0 { options: boot.options })
}

#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_check(rt0: Rt0) -> Result<Checked, BootError> {
    let clock = Clock::start(2, "Check");
    let facts: [(&'static str, bool); 5] = [
        ("pointers have 64 bits", size_of::<usize>() == 8),
        ("numbers are little-endian", 1u16.to_ne_bytes() == [1, 0]),
        ("a word is as wide as a pointer", align_of::<u64>() == align_of::<*const u8>()),
        ("a stack slot holds a whole number of pages", 65_536 % page_size() == 0),
        ("an atomic word takes no more room than a word", {
            size_of::<core::sync::atomic::AtomicU64>() == 8
        }),
    ];
    for (what, holds) in facts {
        if !holds {
            return Err(BootError::Platform { what });
        }
    }
    clock.stop();
    Ok(Checked { options: rt0.options })
}

fn page_size() -> usize {
    use gort_sys::Backend;
    gort_sys::Linux.page_size()
}

#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_args(checked: Checked) -> WithArgs {
    let clock = Clock::start(3, "Args");
    let args = Args::of_process();
    clock.stop();
    WithArgs { options: checked.options, args }
}

#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_os_init(with: WithArgs) -> OsReady {
    let clock = Clock::start(4, "OsInit");
    let said = with.options.procs.is_some() || std::env::var_os("GOMAXPROCS").is_some();
    let cpus = if said {
        thread::cpus()
    } else {
        // The affinity mask and the quotas of all control groups above: some files, which nobody
        // needs who has said how many processors there are to be.
        gort_sys::cpu::procs().min(1024)
    };
    gort_stack::Guard::best();
    clock.stop();
    OsReady { options: with.options, args: with.args, cpus }
}

#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_early_env(os: OsReady) -> Result<EnvReady, BootError> {
    let clock = Clock::start(5, "EarlyEnv");
    let env = if os.options.ignore_env { Env::EMPTY } else { Env::read()? };
    clock.stop();
    Ok(EnvReady { options: os.options, args: os.args, cpus: os.cpus, env })
}

#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_stack_init(ready: EnvReady) -> Result<StacksReady, BootError> {
    let clock = Clock::start(6, "StackInit");
    let stacks = StackPool::new(gort_stack::Config::default());
    clock.stop();
    Ok(StacksReady { options: ready.options, cpus: ready.cpus, env: ready.env, stacks })
}

#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_malloc_init(ready: StacksReady) -> Result<HeapReady, BootError> {
    let clock = Clock::start(7, "MallocInit");
    clock::steps_begin();
    gort_heap::process_heap_in_steps(clock::step)?;
    wire::make_collector(&ready.options, &ready.env)?;
    clock::step("collector");
    // The first context, with its cache: it is there before there is a processor.
    drop(gort_gc::default_collector()?.pin());
    clock::step("cache 0");
    clock::steps_end(7);
    clock.stop();
    let StacksReady { options, cpus, env, stacks } = ready;
    Ok(HeapReady { options, cpus, env, stacks })
}

#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_modules_init(ready: HeapReady) -> Result<ModulesReady, BootError> {
    let clock = Clock::start(8, "ModulesInit");
    let tasks = init_tasks::order(&init_tasks::INIT_TASKS)?;
    clock.stop();
    let HeapReady { options, cpus, env, stacks } = ready;
    Ok(ModulesReady { options, cpus, env, stacks, tasks })
}

#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_types_init(ready: ModulesReady) -> TypesReady {
    let clock = Clock::start(9, "TypesInit");
    clock.stop();
    let ModulesReady { options, cpus, env, stacks, tasks } = ready;
    TypesReady { options, cpus, env, stacks, tasks }
}

#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_gc_init(ready: TypesReady) -> GcReady {
    let clock = Clock::start(10, "GcInit");
    wire::set_up_collector(&ready.options, &ready.env);
    clock.stop();
    let TypesReady { options, cpus, env, stacks, tasks } = ready;
    GcReady { options, cpus, env, stacks, tasks }
}

#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_sched_init(ready: GcReady) -> Result<SchedReady, BootError> {
    let clock = Clock::start(11, "SchedInit");
    let GcReady { options, cpus, env, stacks, tasks } = ready;
    let config = wire::sched_config(&options, &env, cpus)?;
    let sched = Scheduler::with_stacks(config, stacks)?;
    clock.stop();
    Ok(SchedReady { sched, env, tasks, patience: options.patience })
}

/// Stage 14, on the main goroutine: collection on, and what works beside the program.
#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_runtime_main(_sched: &Scheduler) {
    let clock = Clock::start(14, "RuntimeMain");
    wire::collection_on();
    clock.stop();
}

/// Stage 15, on the main goroutine.
#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_init_tasks(env: &Env, tasks: Vec<&'static InitTask>) {
    let clock = Clock::start(15, "InitTasks");
    let zero = clock.start;
    for task in tasks {
        let start = gort_sys::clock::nanos();
        let before = gort_gc::stats();
        (task.run)();
        if env.inittrace {
            let after = gort_gc::stats();
            let ms = |ns: u64| ns as f64 / 1e6;
            let mut line = gort_sys::fatal::Line::new();
            let _ = core::fmt::Write::write_fmt(
                &mut line,
                format_args!(
                    "init {} @{:.2} ms, {:.3} ms clock, {} bytes, {} allocs\n",
                    task.name,
                    ms(start - zero),
                    ms(gort_sys::clock::nanos() - start),
                    after.alloc_bytes - before.alloc_bytes,
                    after.alloc_objects - before.alloc_objects,
                ),
            );
            line.print();
        }
    }
    clock.stop();
}

/// Stage 17.
#[unsafe(no_mangle)]
#[inline(never)]
fn gort_boot_exit(sched: Arc<Scheduler>, patience: Duration) -> bool {
    let clock = Clock::start(17, "Exit");
    crate::exit::run_hooks();
    let whole = sched.shut_down(patience);
    clock.stop();
    whole
}
