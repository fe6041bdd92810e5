//! All asleep: nobody can run, no timer is set, and no outsider can wake anybody.
//!
//! The check runs when the last thread that was awake goes to sleep. It is sure before it
//! speaks: a plain thread that has used a gort primitive and lives, or any other thread of the
//! process that is not the runtime's own, could still wake somebody, and then nothing is said. (So
//! it is silent under a test harness, which has threads of its own.)

use crate::g::{G, SYSTEM};
use crate::m::{M, Post};
use crate::park::{OUTSIDERS, WaitReason};
use crate::priority::Priority;
use crate::scheduler::{RUNNING, Scheduler};
use crate::state::GState;
use core::fmt::Write;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use gort_stack::switch::switch;
use gort_stack::walk::Frames;
use gort_sys::fatal::{Line, stderr};
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

static FRAMES: Rank = Rank { layer: layer::SCHED, n: 14, name: "sched.frames" };
/// Where a goroutine that was asked for its frames leaves them.
static CAPTURED: Lock<Frames> = Lock::new(&FRAMES, Frames::none());

/// Exit status, as Go's.
const STATUS: i32 = 2;

/// The last thread goes to sleep: reports a deadlock and ends the process, if it is one.
#[cold]
pub(crate) fn check(s: &Scheduler) {
    if !is_deadlock(s) {
        return;
    }
    static REPORTED: AtomicBool = AtomicBool::new(false);
    // ORDER: AcqRel — one thread reports; it also ends the process.
    if REPORTED.swap(true, AcqRel) {
        return;
    }
    // ORDER: Relaxed — a word for the report.
    stderr(if s.main_gone.load(Relaxed) {
        b"fatal error: no goroutines (main called goexit) - deadlock!\n"
    } else {
        b"fatal error: all goroutines are asleep - deadlock!\n"
    });
    print_all(s);
    // SAFETY: DEADLOCK-1 — ends the process; nothing of ours runs afterwards.
    unsafe { libc::_exit(STATUS) }
}

fn is_deadlock(s: &Scheduler) -> bool {
    {
        let idle = s.idle.lock();
        if idle.sleeping != idle.threads || !idle.waiters.is_empty() {
            return false;
        }
    }
    s.life() == RUNNING
        && !s.any_work()
        && s.next_timer() == u64::MAX
        // ORDER: Acquire — a thread that has woken somebody was counted before.
        && OUTSIDERS.load(Acquire) == 0
        // ORDER: Relaxed — as in `check`.
        && (s.goroutines() > 0 || s.main_gone.load(Relaxed))
        && !waits_for_outside(s)
        && !strangers_live(s)
}

/// Whether a goroutine waits for a collection, which a helper thread will end, or for a descriptor.
pub(crate) fn waits_for_outside(s: &Scheduler) -> bool {
    s.gs.all().any(|g| {
        g.state.get() == GState::Waiting
            && (g.waits_for(WaitReason::Collect) || g.waits_for(WaitReason::IoWait))
    })
}

static HELPERS: Rank = Rank { layer: layer::SCHED, n: 13, name: "sched.helpers" };
/// The kernel's numbers of threads that belong to the runtime without running goroutines.
static HELPER_TIDS: Lock<Vec<i32>> = Lock::new(&HELPERS, Vec::new());

/// The calling thread belongs to the runtime (a monitor, a collector's worker) until this goes:
/// the deadlock check does not take it for one that might wake somebody.
#[derive(Debug)]
pub struct HelperThread(i32);

impl HelperThread {
    /// Registers the calling thread.
    #[must_use = "the thread is a helper as long as this lives"]
    pub fn register() -> Self {
        let tid = gort_sys::thread::id();
        HELPER_TIDS.lock().push(tid);
        crate::park::IS_HELPER.with(|h| h.set(true));
        Self(tid)
    }
}

impl Drop for HelperThread {
    fn drop(&mut self) {
        HELPER_TIDS.lock().retain(|&t| t != self.0);
        let _ = crate::park::IS_HELPER.try_with(|h| h.set(false));
    }
}

/// Whether the process has threads that might wake a goroutine: neither Ms of this scheduler nor
/// helpers of the runtime.
fn strangers_live(s: &Scheduler) -> bool {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return true };
    let mut own: Vec<i32> = HELPER_TIDS.lock().clone();
    // ORDER: Acquire ⇐ `serve`: a thread that sleeps has told its number.
    own.extend(s.ms.lock().iter().map(|m| m.tid.load(Acquire)));
    tasks
        .filter_map(|t| t.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .any(|tid| !own.contains(&tid))
}

/// Prints every goroutine with its state, reason, frames and birthplace.
fn print_all(s: &Scheduler) {
    let mut all: Vec<&G> =
        s.gs.all()
            .filter(|g| !matches!(g.state.get(), GState::Dead | GState::Idle) && !g.has(SYSTEM))
            .collect();
    all.sort_by_key(|g| g.id.get());
    for g in all {
        let mut line = Line::new();
        let _ = write!(line, "\ngoroutine {}", g.id.get());
        if let Some(name) = g.name().filter(|_| !g.has(crate::g::MAIN)) {
            let _ = write!(line, " (\"{name}\")");
        }
        let words = match g.state.get() {
            GState::Waiting => g.reason_words(),
            other => other.word(),
        };
        let locked = if g.thread_locks.get() > 0 { ", locked to thread" } else { "" };
        let (comma, class) = match g.priority() {
            Priority::Normal => ("", ""),
            class => (", ", class.word()),
        };
        let _ = writeln!(line, " [{words}{locked}{comma}{class}]:");
        line.print();
        if g.state.get() == GState::Waiting {
            frames_of(g).print();
        }
        if let Some(site) = g.site.get().filter(|_| !g.has(crate::g::MAIN)) {
            let mut line = Line::new();
            let _ = writeln!(line, "created by {}:{}", site.file(), site.line());
            line.print();
        }
    }
}

/// Resumes a parked goroutine for as long as it takes to note its frames.
fn frames_of(g: &G) -> Frames {
    // SAFETY: M-OWN — the check runs on a thread of the scheduler.
    let Some(m) = (unsafe { M::current().as_ref() }) else { return Frames::none() };
    // The trimmer may be at work on its stack.
    while g.word.is_open(g.word.number()) && !g.word.hold(g.word.number()) {
        gort_sys::thread::yield_os();
    }
    m.cur.set(core::ptr::from_ref(g).cast_mut());
    m.post.set(Post::Frames);
    // SAFETY: DEADLOCK-1, SWITCH-1 — everybody sleeps for good, so nobody else resumes it; it
    // comes straight back and saves its pointer again.
    unsafe { switch(m.g0_sp.as_ptr(), g.sp.get()) };
    m.cur.set(core::ptr::null_mut());
    *CAPTURED.lock()
}

/// On the goroutine: notes its frames and goes back.
#[cold]
pub(crate) fn print_own_frames(m: &M) {
    *CAPTURED.lock() = Frames::capture();
    let g = m.cur.get();
    // SAFETY: DEADLOCK-1, SWITCH-1 — g0 waits in `frames_of`.
    unsafe { switch((*g).sp.as_ptr(), m.g0_sp.get()) };
    // Asked again: the next report of the same process.
    crate::schedule::arrive();
}
