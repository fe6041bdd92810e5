//! [`Sim`], one simulation: what its thread does instead of looking for work, and what a goroutine
//! does at a point.
//!
//! Runnable goroutines come to the scheduler's own places (run-next, the local queue, the list of the
//! bound, the injector) and are moved from there to one list, in which the policy chooses. So the
//! engine never learns who readied whom, and the scheduler never learns that it is simulated.

use super::policy::Policy;
use super::report::{Event, Outcome, Report, What};
use super::{Config, stop};
use crate::JoinHandle;
use crate::g::G;
use crate::handoff;
use crate::m::{M, Post};
use crate::osthread;
use crate::p::P;
use crate::park;
use crate::pick;
use crate::priority;
use crate::schedule::{self, not_null};
use crate::scheduler::{EXITING, Scheduler};
use crate::state::GState;
use crate::timer;
use core::cell::{Cell, RefCell};
use core::ptr::{null, null_mut};
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::clock::VirtualClock;
use std::time::Duration;

/// Steps in which nobody waits, ends or becomes ready, before time jumps: somebody polls.
const POLLING: u64 = 10_000;
/// Points that one goroutine passes while others could run, before PCT takes it for one that polls.
const STREAK: u64 = 1_000;

/// A simulation. Its thread alone touches it; no borrow is held over a switch (SIM-2).
pub(crate) struct Sim {
    pub(super) config: Config,
    pub(super) clock: VirtualClock,
    /// What the clock read at the start.
    pub(super) base: u64,
    pub(super) state: RefCell<State>,
    main: Cell<*const JoinHandle<()>>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The main goroutine lives, or has ended by `goexit`.
    Running,
    /// The others may end.
    Grace {
        /// Until this reading of the clock.
        until: u64,
        /// And this step.
        steps: u64,
    },
    /// All waits end, and goroutines unwind.
    Stopping,
}

pub(super) struct State {
    policy: Policy,
    /// Who can run.
    ready: Vec<*mut G>,
    /// Their numbers, for the policy.
    ids: Vec<u64>,
    /// Who was switched to last, and its number.
    ran: *mut G,
    pub(super) ran_id: u64,
    /// Who was chosen at a point.
    next: *mut G,
    /// Who has left by his own will or a point: he was not waiting.
    left: *mut G,
    /// Steps since something happened, how many of them were yields, and points passed in a row.
    quiet: u64,
    yields: u64,
    streak: u64,
    pub(super) steps: u64,
    pub(super) switches: u64,
    pub(super) phase: Phase,
    /// What ends the run early.
    pub(super) found: Option<Outcome>,
    /// The step at which all waits were ended.
    pub(super) stopped_at: u64,
    /// When the main goroutine ended, or the run was stopped.
    pub(super) ended_at: u64,
    /// Rounds in which all waits were ended.
    pub(super) rounds: u32,
    pub(super) all_ended: bool,
    fingerprint: u64,
    events: Vec<Event>,
}

impl Sim {
    pub(super) fn new(config: &Config, base: u64) -> Self {
        let policy = Policy::new(config.seed, config.strategy);
        let state = State {
            policy,
            ready: Vec::new(),
            ids: Vec::new(),
            ran: null_mut(),
            ran_id: 0,
            next: null_mut(),
            left: null_mut(),
            quiet: 0,
            yields: 0,
            streak: 0,
            steps: 0,
            switches: 0,
            phase: Phase::Running,
            found: None,
            stopped_at: 0,
            ended_at: base,
            rounds: 0,
            all_ended: false,
            fingerprint: 0xcbf2_9ce4_8422_2325,
            events: Vec::new(),
        };
        let clock = VirtualClock::new(base);
        Self {
            config: config.clone(),
            clock,
            base,
            state: RefCell::new(state),
            main: Cell::new(null()),
        }
    }

    /// Runs the scheduler on the calling thread until the simulation is over.
    pub(super) fn serve(&self, s: &Scheduler, main: &JoinHandle<()>) {
        self.main.set(main);
        self.clock.during(|| {
            s.serve_as(|m| {
                m.sim.set(self);
                // From the first slice on, every switch asks `find`.
                s.ps[0].wishes.end_slice();
            });
        });
    }

    /// The simulation that the calling thread runs.
    pub(super) fn of_thread<'a>() -> Option<&'a Self> {
        // SAFETY: M-OWN — a non-null word is this thread's M. SIM-2 — it serves inside `serve`.
        unsafe { M::current().as_ref() }.and_then(M::sim)
    }

    pub(super) fn all_ended(&self) -> bool {
        self.state.borrow().all_ended
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.state.borrow().phase == Phase::Stopping
    }

    pub(super) fn main_is_done(&self) -> bool {
        // SAFETY: SIM-2 — `run_here` keeps the handle until `serve` has returned.
        unsafe { self.main.get().as_ref() }.is_some_and(JoinHandle::has_ended)
    }

    pub(super) fn into_report(self) -> Report {
        let (seed, strategy) = (self.config.seed, self.state.borrow().policy.strategy());
        let state = self.state.into_inner();
        Report {
            seed,
            strategy,
            steps: state.steps,
            switches: state.switches,
            time: Duration::from_nanos(state.ended_at - self.base),
            outcome: state.found.unwrap_or(Outcome::Ok),
            fingerprint: state.fingerprint,
            events: state.events,
            stuck: !state.all_ended,
        }
    }

    /// g0: who runs next. `None`: the scheduler exits.
    pub(crate) fn find(&self, m: &M) -> Option<*mut G> {
        let s = m.scheduler();
        // SAFETY: P-OWN — g0 is inside, and a simulated thread keeps its P.
        let p = unsafe { m.held() };
        p.wishes.end_slice();
        self.note_leaving();
        let chosen = core::mem::replace(&mut self.state.borrow_mut().next, null_mut());
        if !chosen.is_null() {
            return Some(self.switch_to(chosen));
        }
        loop {
            if p.timers.are_due() {
                timer::run(m, &p.timers, usize::MAX);
            }
            self.judge(s);
            if !self.is_stopping() && self.is_time_to_jump(s, p) {
                self.jump(next_timer(p));
                continue;
            }
            let patient = self.is_patient();
            if patient && let Some(g) = self.choose(m, s, p) {
                return Some(self.switch_to(g));
            }
            if !patient || !self.wait(m, s, p) {
                s.set_life(EXITING);
                return None;
            }
        }
    }

    /// How the goroutine that ran last has left.
    fn note_leaving(&self) {
        let mut state = self.state.borrow_mut();
        let g = core::mem::replace(&mut state.ran, null_mut());
        if g.is_null() || state.left == g {
            return;
        }
        // SAFETY: G-MEM — records are type-stable.
        let g_ref = unsafe { &*g };
        match g_ref.state.get() {
            GState::Dead => state.happened(self, What::End),
            GState::Runnable if g_ref.word.outcome().is_none() => {
                let id = state.ran_id;
                state.log(self, What::Yield);
                state.policy.yielded(id);
                state.yields += 1;
                state.left = g;
            }
            // It waits, or was woken before it was off its stack.
            _ => state.happened(self, What::Park(g_ref.reason_words())),
        }
    }

    /// Moves what has become runnable to the list.
    fn collect(&self, m: &M, s: &Scheduler, p: &P) {
        while let Some(g) = next_in_order(m, s, p) {
            let mut state = self.state.borrow_mut();
            state.arrived(self, g);
            state.ready.push(g);
        }
    }

    /// A goroutine that can run, or `None`.
    fn choose(&self, m: &M, s: &Scheduler, p: &P) -> Option<*mut G> {
        if !self.state.borrow().policy.preempts() {
            let g = next_in_order(m, s, p)?;
            self.state.borrow_mut().arrived(self, g);
            return Some(g);
        }
        self.collect(m, s, p);
        let state = &mut *self.state.borrow_mut();
        if state.ready.is_empty() {
            return None;
        }
        if state.phase == Phase::Stopping {
            return Some(state.ready.remove(0));
        }
        let at = state.draw_among(None);
        Some(state.ready.remove(at))
    }

    fn switch_to(&self, g: *mut G) -> *mut G {
        let mut state = self.state.borrow_mut();
        // SAFETY: G-OWN — it was taken out of a queue.
        let id = unsafe { (*g).id.get() };
        state.step(self);
        state.switches += 1;
        state.streak = 0;
        state.ran = g;
        state.ran_id = 0;
        state.log(self, What::Run(id));
        state.ran_id = id;
        g
    }

    /// Nobody can run: lets time pass, or ends the run. `false`: it is over.
    fn wait(&self, m: &M, s: &Scheduler, p: &P) -> bool {
        if s.goroutines() == 0 {
            self.state.borrow_mut().all_ended = true;
            return false;
        }
        if self.is_stopping() {
            return self.push_out(s, p);
        }
        let next = next_timer(p);
        if stop::from_outside(m, s, next != u64::MAX) {
            return true;
        }
        let phase = self.state.borrow().phase;
        match phase {
            Phase::Grace { until, .. } if next > until => self.stop(s, stop::leak(self, s)),
            _ if next == u64::MAX => self.stop(s, Outcome::Deadlock(stop::blocked(s))),
            _ => self.jump(next),
        }
        true
    }

    /// Time goes on to the next timer.
    pub(super) fn jump(&self, to: u64) {
        self.clock.set(to);
        let mut state = self.state.borrow_mut();
        state.ran_id = 0;
        state.happened(self, What::Jump);
    }

    /// On a goroutine, inside: whether it is to be switched out here.
    fn preempt(&self, m: &M, g: *mut G, what: &'static str) -> bool {
        let s = m.scheduler();
        // SAFETY: P-OWN — the caller is inside.
        let p = unsafe { m.held() };
        {
            let mut state = self.state.borrow_mut();
            state.step(self);
            state.streak += 1;
            state.log(self, What::At(what));
        }
        self.judge(s);
        if self.is_stopping() || !self.state.borrow().policy.preempts() {
            return false;
        }
        self.collect(m, s, p);
        if self.is_time_to_jump(s, p) {
            // What is due from now on is for others to find.
            let id = self.state.borrow().ran_id;
            self.jump(next_timer(p));
            self.state.borrow_mut().ran_id = id;
        }
        if p.timers.are_due() {
            timer::run(m, &p.timers, usize::MAX);
            self.collect(m, s, p);
        }
        let state = &mut *self.state.borrow_mut();
        if state.ready.is_empty() {
            return false;
        }
        if state.streak >= STREAK {
            state.streak = 0;
            let id = state.ran_id;
            state.policy.yielded(id);
        }
        let Some(at) = state.draw_among(Some(state.ran_id)).checked_sub(1) else { return false };
        state.next = state.ready.remove(at);
        state.left = g;
        state.log(self, What::Preempt);
        true
    }

    /// Whether the next timer comes first although somebody can run.
    fn is_time_to_jump(&self, s: &Scheduler, p: &P) -> bool {
        if next_timer(p) == u64::MAX {
            return false;
        }
        let mut state = self.state.borrow_mut();
        state.quiet >= POLLING
            || (state.yields > 4 && state.yields > 2 * s.goroutines())
            || state.policy.happens(self.config.stalls)
    }
}

/// When the next timer is due; `u64::MAX`: never. (A deadline that is for ever away is none.)
pub(super) fn next_timer(p: &P) -> u64 {
    match p.timers.prune() {
        when if when >= u64::MAX - 1 => u64::MAX,
        when => when,
    }
}

/// What the scheduler would run next.
fn next_in_order(m: &M, s: &Scheduler, p: &P) -> Option<*mut G> {
    let by_priority = priority::any(m, s);
    let first = if by_priority { priority::before_normal(m, s) } else { null_mut() };
    not_null(first)
        .or_else(|| not_null(pick::take_runnext(m, p)))
        .or_else(|| not_null(pick::pick_queued(m, p)))
        .or_else(|| schedule::from_injector(s, p, 1))
        .or_else(|| if by_priority { not_null(priority::instead_of_normal(m, s)) } else { None })
}

impl State {
    fn step(&mut self, sim: &Sim) {
        self.steps += 1;
        self.quiet += 1;
        sim.clock.advance(u64::try_from(sim.config.step.as_nanos()).unwrap_or(u64::MAX));
    }

    /// As [`log`](Self::log): something that those who poll wait for.
    fn happened(&mut self, sim: &Sim, what: What) {
        (self.quiet, self.yields) = (0, 0);
        self.log(sim, what);
    }

    pub(super) fn log(&mut self, sim: &Sim, what: What) {
        use std::hash::{Hash, Hasher};
        let time_ns = sim.clock.nanos() - sim.base;
        let event = Event { step: self.steps, time_ns, goroutine: self.ran_id, what };
        let mut hasher = Fnv(self.fingerprint);
        event.hash(&mut hasher);
        self.fingerprint = hasher.finish();
        if self.events.len() < sim.config.max_events {
            self.events.push(event);
        }
    }

    /// A goroutine came out of the scheduler's queues.
    fn arrived(&mut self, sim: &Sim, g: *mut G) {
        // SAFETY: G-OWN — it was taken out of a queue.
        let (id, fresh) = unsafe { ((*g).id.get(), (*g).sp.get() == 0) };
        if self.left == g {
            self.left = null_mut();
        } else {
            self.happened(sim, if fresh { What::Spawn(id) } else { What::Ready(id) });
        }
    }

    /// The policy's choice among `current` and the list.
    fn draw_among(&mut self, current: Option<u64>) -> usize {
        self.ids.clear();
        self.ids.extend(current);
        // SAFETY: G-OWN — what is in the list belongs to the list.
        self.ids.extend(self.ready.iter().map(|&g| unsafe { (*g).id.get() }));
        if self.ids.len() == 1 { 0 } else { self.policy.choose(self.steps, current, &self.ids) }
    }
}

/// The hash of Fowler, Noll and Vo: the same in every process.
struct Fnv(u64);

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// A point: the calling goroutine may be switched out, if it is simulated.
#[cold]
#[inline(never)]
pub(super) fn pass(what: &'static str, may_unwind: bool) {
    let Some(sim) = Sim::of_thread() else { return };
    // SAFETY: M-OWN — a simulated thread has an M.
    let g = unsafe { (*M::current()).cur.get() };
    // SAFETY: G-OWN — the goroutine that runs is the caller. M-OWN — as above.
    // ORDER: Relaxed — this thread alone writes the word.
    let free = !g.is_null()
        && unsafe { (*M::current()).in_runtime.load(Relaxed) == 0 && (*g).no_park.get() == 0 };
    if !free || osthread::panicking() {
        return;
    }
    if !sim.is_stopping() || (!may_unwind && sim.has_had_enough()) {
        let (m, inside) = handoff::enter();
        // Who has had his time to end, and cannot unwind here, is left where he is.
        if sim.is_stopping() || sim.preempt(m, g, what) {
            // SAFETY: G-OWN, P-OWN — the running goroutine, inside.
            unsafe {
                (*g).state.step(GState::Running, GState::Runnable);
                schedule::park(m, g, Post::Yield(g));
            }
        }
        drop(inside);
    }
    if may_unwind && sim.is_stopping() {
        park::unwind();
    }
}

/// A point that never unwinds, and says so to the compiler by its calling convention.
#[cold]
#[inline(never)]
pub(super) extern "C" fn pass_quietly(word: *const u8, len: usize) {
    // SAFETY: SIM-2 — the one caller takes a static text apart.
    let what = unsafe { core::str::from_utf8_unchecked(core::slice::from_raw_parts(word, len)) };
    pass(what, false);
}

/// A number from the policy.
#[cold]
#[inline(never)]
pub(super) fn draw() -> Option<u64> {
    let sim = Sim::of_thread()?;
    let mut state = sim.state.borrow_mut();
    let n = state.policy.draw();
    state.log(sim, What::Draw(n));
    Some(n)
}
