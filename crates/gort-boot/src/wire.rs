//! Where the layers meet: what the collector needs of the scheduler, and the settings of both.

use crate::env::Env;
use crate::error::BootError;
use crate::options::Options;
use gort_gc::{Parker, ThreadHost, WorkerHost, WorkerKind};
use gort_sched::park::WaitReason;
use gort_sched::{HelperThread, Hooks, thread};
use gort_stack::Class;
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The scheduler's settings.
pub(crate) fn sched_config(
    options: &Options,
    env: &Env,
    cpus: u32,
) -> Result<gort_sched::Config, BootError> {
    let stack = match options.stack_bytes {
        None => Class::DEFAULT,
        Some(bytes) => Class::for_bytes(bytes).ok_or(BootError::StackSize { bytes })?,
    };
    let said = options.procs.is_some() || env.procs.is_some();
    // As stage 4 has counted them.
    let procs = if said { Hooks::IDLE.procs } else { || Some(gort_sys::cpu::procs().min(1024)) };
    Ok(gort_sched::Config {
        procs: options.procs.or(env.procs).unwrap_or(cpus),
        stack,
        migrate: options.migrate,
        schedtrace_ms: env.schedtrace_ms,
        nodes: env.steal_near.then(gort_sched::Nodes::machine),
        hooks: Hooks { tick, procs, ..Hooks::IDLE },
        ..gort_sched::Config::default()
    })
}

/// sysmon's turn: a collection after two minutes without one; and pools hear of collections, as in Go.
fn tick(now_ns: u64) {
    let cycles = gort_gc::existing().map_or(0, |collector| {
        collector.poll();
        collector.cycles()
    });
    gort_sync::pool::turn_if(now_ns, cycles);
}

/// Makes the process-wide collector and its heap, unless they exist.
pub(crate) fn make_collector(options: &Options, env: &Env) -> Result<(), BootError> {
    if gort_gc::existing().is_some() {
        return Ok(());
    }
    // Somebody else may make it at this moment; then it is there all the same.
    let _ = gort_gc::configure(gort_gc::Config {
        memory_limit: options.memory_limit.or(env.memory_limit).flatten(),
        gctrace: env.gctrace,
        pin_checks: env.pin_checks,
        clobber_free: env.clobber_free,
        check_mark: env.check_mark,
        root_places: env.root_places,
        stop_the_world: env.stop_the_world,
        host: Arc::new(Host { cpus: options.procs.or(env.procs) }),
        ..gort_gc::Config::default()
    });
    gort_gc::default_collector()?;
    Ok(())
}

static PERCENT: Rank = Rank { layer: layer::BOOT, n: 2, name: "boot.gc_percent" };

/// Boots that have switched collection off and not yet on, and the percent for then.
#[derive(Debug)]
struct Pending {
    boots: u32,
    percent: Option<u32>,
}

static PENDING: Lock<Pending> = Lock::new(&PERCENT, Pending { boots: 0, percent: None });

/// Stage 10: collection stays off until stage 14.
pub(crate) fn set_up_collector(options: &Options, env: &Env) {
    let mut pending = PENDING.lock();
    let before = gort_gc::set_gc_percent(None);
    if pending.boots == 0 {
        pending.percent = before;
    }
    if let Some(percent) = options.gc_percent.or(env.gc_percent) {
        pending.percent = percent;
    }
    pending.boots += 1;
    if let Some(limit) = options.memory_limit.or(env.memory_limit) {
        gort_gc::set_memory_limit(limit);
    }
}

/// Stage 14.
pub(crate) fn collection_on() {
    let mut pending = PENDING.lock();
    pending.boots = pending.boots.saturating_sub(1);
    gort_gc::set_gc_percent(pending.percent);
}

/// The collector's host: its tasks run on threads of their own, as it outlives any one runtime;
/// who waits for it parks as what it is, goroutine or thread.
#[derive(Debug)]
struct Host {
    /// Processors of the first runtime, if it was told.
    cpus: Option<u32>,
}

impl WorkerHost for Host {
    fn spawn(&self, kind: WorkerKind, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        ThreadHost.spawn(
            kind,
            Box::new(move || {
                let _helper = HelperThread::register();
                body();
            }),
        )
    }

    fn parker(&self) -> Arc<dyn Parker> {
        Arc::new(TicketParker(gort_sched::Parker::new()))
    }

    fn yield_now(&self) {
        thread::yield_now();
    }

    fn sleep(&self, time: Duration) {
        if thread::goroutine_id().is_some() { thread::sleep(time) } else { ThreadHost.sleep(time) }
    }

    fn should_yield(&self) -> bool {
        false
    }

    fn cpus(&self) -> usize {
        self.cpus.map_or_else(|| ThreadHost.cpus(), |n| n as usize)
    }

    fn task(&self) -> u64 {
        thread::goroutine_id().unwrap_or_else(|| ThreadHost.task() | OF_THREAD)
    }

    fn describe_task(&self, task: u64) -> String {
        if task & OF_THREAD != 0 {
            ThreadHost.describe_task(task & !OF_THREAD)
        } else {
            format!("goroutine {task}")
        }
    }
}

/// Marks a task number as a thread's.
const OF_THREAD: u64 = 1 << 63;

/// A binary semaphore on the scheduler's one way to wait.
struct TicketParker(gort_sched::Parker);

impl Parker for TicketParker {
    fn park(&self, timeout: Option<Duration>) {
        self.0.park(WaitReason::Collect, timeout.map(thread::deadline_after));
    }

    fn unpark(&self) {
        self.0.unpark();
    }
}
