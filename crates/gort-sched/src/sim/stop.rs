//! The end of a simulation: what is found, and how goroutines that would not end are made to.

use super::engine::{Phase, Sim, next_timer};
use super::report::{Blocked, Outcome, What};
use crate::deadlock;
use crate::g::{G, MAIN, SYSTEM};
use crate::m::M;
use crate::p::P;
use crate::ready;
use crate::scheduler::{STOPPING, Scheduler};
use crate::state::GState;
use crate::thread::is_goexit;
use core::any::Any;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::clock;

/// Steps of those who outlive the main goroutine.
const GRACE_STEPS: u64 = 10_000;
/// Steps that unwinding may take.
const STOP_STEPS: u64 = 100_000;
/// How often all waits are ended before a goroutine is left where it is.
const ROUNDS: u32 = 1_000;
/// Real nanoseconds that a descriptor gets before virtual time goes on, and between two looks.
const PATIENCE: u64 = 2_000_000;
const NAP: u64 = 20_000;

impl Sim {
    /// Whether the run goes on as it is.
    pub(super) fn judge(&self, s: &Scheduler) {
        let now = self.clock.nanos();
        let outcome = {
            let mut state = self.state.borrow_mut();
            // ORDER: Relaxed — written on this thread.
            let gone = s.main_gone.load(Relaxed);
            if state.phase == Phase::Running && self.main_is_done() && !gone {
                let until = now.saturating_add(
                    u64::try_from(self.config.grace.as_nanos()).unwrap_or(u64::MAX),
                );
                state.phase = Phase::Grace { until, steps: state.steps + GRACE_STEPS };
                state.ended_at = now;
            }
            match state.phase {
                Phase::Stopping => return,
                _ if state.found.is_some() => state.found.take(),
                Phase::Running if state.steps > self.config.max_steps => {
                    Some(Outcome::StepLimit { steps: state.steps })
                }
                Phase::Grace { until, steps } if now > until || state.steps > steps => None,
                _ => return,
            }
        };
        self.stop(s, outcome.unwrap_or_else(|| leak(self, s)));
    }

    /// Something was found: all waits end, and goroutines unwind.
    pub(super) fn stop(&self, s: &Scheduler, outcome: Outcome) {
        {
            let mut state = self.state.borrow_mut();
            if state.phase == Phase::Running {
                state.ended_at = self.clock.nanos();
            }
            state.phase = Phase::Stopping;
            state.stopped_at = state.steps;
            state.found = Some(outcome);
            state.log(self, What::Stop);
        }
        s.set_life(STOPPING);
        s.end_waits();
    }

    /// Whether goroutines that should end may still take their time.
    pub(super) fn is_patient(&self) -> bool {
        let state = self.state.borrow();
        state.phase != Phase::Stopping || state.steps - state.stopped_at < STOP_STEPS
    }

    /// A goroutine that should end passes a point where it cannot: whether it does so for too long.
    pub(super) fn has_had_enough(&self) -> bool {
        self.state.borrow_mut().steps += 1;
        !self.is_patient()
    }

    /// Nobody can run while all should end: ends their waits again, and lets time pass. `false`: it
    /// does not help.
    pub(super) fn push_out(&self, s: &Scheduler, p: &P) -> bool {
        s.end_waits();
        let next = next_timer(p);
        if next != u64::MAX {
            self.jump(next);
        }
        let mut state = self.state.borrow_mut();
        state.rounds += 1;
        state.rounds < ROUNDS
    }
}

/// The others have not ended: a fault, or not.
pub(super) fn leak(sim: &Sim, s: &Scheduler) -> Outcome {
    if sim.config.allow_leaks { Outcome::Ok } else { Outcome::Leak(blocked(s)) }
}

/// The goroutines that have not ended, by number.
pub(super) fn blocked(s: &Scheduler) -> Vec<Blocked> {
    let lives = |g: &&G| !matches!(g.state.get(), GState::Dead | GState::Idle) && !g.has(SYSTEM);
    let mut all: Vec<Blocked> = s.gs.all().filter(lives).map(describe).collect();
    all.sort_by_key(|b| b.goroutine);
    all
}

fn describe(g: &G) -> Blocked {
    let reason = match g.state.get() {
        GState::Waiting => g.reason_words(),
        other => other.word(),
    };
    let name = g.name().or(g.has(MAIN).then_some("main"));
    let site = g.site.get().filter(|_| !g.has(MAIN));
    Blocked {
        goroutine: g.id.get(),
        name: name.map(Into::into),
        reason,
        created: site.map(|site| format!("{}:{}", site.file(), site.line())),
    }
}

/// Waits for what real threads and the kernel do, if a goroutine waits for that; `true` if somebody
/// can run now. If there is a timer, not for long.
pub(super) fn from_outside(m: &M, s: &Scheduler, timer: bool) -> bool {
    if !deadlock::waits_for_outside(s) {
        return false;
    }
    let end = clock::monotonic() + PATIENCE;
    loop {
        if let Some(net) = s.net_to_poll() {
            let ready = net.poll_now();
            if !ready.is_empty() {
                ready::make_all_ready(m, ready);
                return true;
            }
        }
        if !s.injector.is_empty() || m.has_mail() {
            return true;
        }
        if timer && clock::monotonic() >= end {
            return false;
        }
        clock::pause(NAP);
    }
}

/// A goroutine has ended by a panic: a find, if it is the main one or nobody holds its handle.
pub(crate) fn panicked(g: &G, payload: &(dyn Any + Send)) {
    if g.has(MAIN) || g.join.is_unwanted() {
        find(g.id.get(), payload);
    }
}

/// A handle was dropped with a panic in it that nobody looked at.
pub(crate) fn overlooked(payload: &(dyn Any + Send)) {
    if !is_goexit(payload) {
        find(0, payload);
    }
}

fn find(goroutine: u64, payload: &(dyn Any + Send)) {
    let Some(sim) = Sim::of_thread() else { return };
    let mut state = sim.state.borrow_mut();
    if state.phase != Phase::Stopping && state.found.is_none() {
        let message = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a value that is no text".into());
        state.found = Some(Outcome::Panic { goroutine, message });
    }
}
