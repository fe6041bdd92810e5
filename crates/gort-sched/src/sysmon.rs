//! sysmon: a thread without a P that sees to it that no P is lost.
//!
//! It sleeps 20 µs, after 50 rounds without a find twice as long each time, up to 10 ms, and for
//! as long as all Ps are idle. A find is a thread that blocks; a slice that is over is none: the
//! next one is 10 ms away. Each round it looks at every P that a thread holds:
//! - a thread that said that it may block has lent it ([`crate::blocking`]) since the last look: the
//!   P is taken away, if somebody can use it;
//! - the same time slice for 10 ms: the slice is declared over; and if the goroutine computes
//!   outside the runtime and others wait, the P is taken away. A goroutine of the background class has 1 ms only,
//!   while others wait.
//!
//! Taking a P does not stop the thread: it runs its goroutine on, time-sliced by the kernel, and
//! queues for a P at its next call into the runtime (see [`crate::handoff`]).

use crate::chores::{self, Chores};
use crate::handoff;
use crate::p::{P, bump};
use crate::scheduler::{EXITING, Scheduler};
use core::fmt::Write;
use core::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use core::sync::atomic::fence;
use core::time::Duration;
use gort_sys::clock;
use gort_sys::fatal::Line;

/// Nanoseconds of a time slice.
const SLICE: u64 = 10_000_000;
/// The same of a goroutine of the background class, while others wait.
const SHORT_SLICE: u64 = 1_000_000;
const SHORTEST: u64 = 20_000;
const LONGEST: u64 = 10_000_000;
/// Rounds without a find before the sleep grows.
const PATIENCE: u32 = 50;
/// The network is polled at least this often, in nanoseconds.
const POLL_EVERY: u64 = 10_000_000;

/// The thread's life.
pub(crate) fn run(s: &Scheduler) {
    let _helper = crate::deadlock::HelperThread::register();
    let (mut quiet, mut nap) = (0u32, SHORTEST);
    let mut traced = clock::nanos();
    let mut chores = Chores::new(traced);
    let mut before = u32::MAX;
    while s.life() != EXITING {
        // Idle at two looks, and nothing has run between them: a server that waits for its next event
        // every few microseconds would otherwise pay for a wake-up of sysmon each time.
        let slices = s.slices();
        let unchanged = core::mem::replace(&mut before, slices) == slices;
        if !unchanged {
            chores.begin_again();
        }
        let idle = unchanged && s.supply.look().idle() == s.procs();
        if idle && deep_sleep(s, chores.left().then_some(chores::EVERY)) {
            // One quick look, and then less and less often: a program that works in short bursts
            // would otherwise be interrupted fifty times after each.
            (quiet, nap) = (PATIENCE, SHORTEST);
        }
        if nap > SHORT_SLICE && s.ps.iter().any(P::runs_background) {
            nap = SHORT_SLICE;
        }
        clock::pause(nap.min(until_lent_timer(s, clock::nanos()).max(SHORTEST)));
        let now = clock::nanos();
        let found = look(s, now);
        (s.config.hooks.tick)(now);
        let every = u64::from(s.config.schedtrace_ms) * 1_000_000;
        if every != 0 && now - traced >= every {
            traced = now;
            print_trace(s, now);
        }
        chores.run_if_due(s, now, idle);
        if found {
            (quiet, nap) = (0, SHORTEST);
        } else {
            quiet += 1;
            if quiet > PATIENCE {
                nap = (nap * 2).min(LONGEST);
            }
        }
    }
}

/// Sleeps while every P is idle, for as long as `most` at the most. `true` if it slept.
fn deep_sleep(s: &Scheduler, most: Option<Duration>) -> bool {
    s.sysmon_note.clear();
    // ORDER: SeqCst — announced before the look; pairs with `stir_sysmon` after a P was taken.
    s.sysmon_deep.store(true, SeqCst);
    fence(SeqCst); // ORDER: SeqCst — as above.
    if s.supply.look().idle() != s.procs() || s.life() == EXITING || s.config.schedtrace_ms != 0 {
        // ORDER: Relaxed — our own flag, withdrawn.
        s.sysmon_deep.store(false, Relaxed);
        return false;
    }
    match most {
        None => s.sysmon_note.sleep(),
        Some(most) => {
            if !s.sysmon_note.sleep_for(most) {
                // ORDER: Relaxed — our own flag, withdrawn. Who still saw it sets a note that nobody waits for.
                s.sysmon_deep.store(false, Relaxed);
            }
        }
    }
    true
}

/// One round: asks all suspects, one barrier for all of them, then takes what can be taken.
fn look(s: &Scheduler, now: u64) -> bool {
    let mut asked = false;
    let mut blocks = false;
    for p in &s.ps {
        // SAFETY: SCHED-MEM — Ms live as long as the scheduler.
        let Some(m) = (unsafe { p.holder().as_ref() }) else { continue };
        let (tick, since) = p.seen.get();
        if tick != p.tick() {
            p.seen.set((p.tick(), now));
            continue;
        }
        let long = now - since >= SLICE
            || (now - since >= SHORT_SLICE && p.runs_background() && waits_before(s, p, now));
        if p.is_lent() {
            // Lent at two looks. After a slice it is made idle, so that all can sleep.
            if (long || is_wanted(s, p, now) || s.any_work() || s.retires(p)) && p.borrow() {
                blocks = true;
                take(s, p, now);
            }
        } else if long {
            p.wishes.end_slice();
            asked |= (is_wanted(s, p, now) || s.retires(p)) && handoff::ask(m);
        }
    }
    if asked {
        handoff::barrier(s.asymmetric);
        for p in &s.ps {
            // SAFETY: SCHED-MEM — as above.
            let Some(m) = (unsafe { p.holder().as_ref() }) else { continue };
            // ORDER: Acquire — our own request, or none.
            if m.request.load(Acquire) == handoff::ASKED && handoff::retake(m, p) {
                take(s, p, now);
            }
        }
    }
    rescue(s, now);
    blocks
}

/// `p` is sysmon's now, and goes to whoever can use it.
fn take(s: &Scheduler, p: &P, now: u64) {
    bump(&p.counts.handoffs, 1);
    p.seen.set((p.begin_slice(), now));
    s.hand_off(p);
}

/// How long until a timer of a lent P is due: nobody else looks after it.
fn until_lent_timer(s: &Scheduler, now: u64) -> u64 {
    let lent = s.ps.iter().filter(|p| p.is_lent());
    lent.map(|p| p.timers.next()).min().map_or(u64::MAX, |next| next.saturating_sub(now))
}

/// Whether somebody could use the P: work in its queue, in the injector, a due timer, a thread
/// with bound goroutines that waits.
fn is_wanted(s: &Scheduler, p: &P, now: u64) -> bool {
    p.has_work()
        || !s.injector.is_empty()
        || s.has_waiters()
        || p.timers.next() <= now
        || s.net_to_poll().is_some()
}

/// As [`is_wanted`], by others than the background class.
fn waits_before(s: &Scheduler, p: &P, now: u64) -> bool {
    p.has_work() || s.injector.has_foreground() || s.has_waiters() || p.timers.next() <= now
}

/// A goroutine that waits in a run-next slot while a P is idle, a timer that nobody runs, and events
/// that nobody takes.
fn rescue(s: &Scheduler, now: u64) {
    if let Some(net) = s.net_to_poll().filter(|net| net.is_stale(now, POLL_EVERY)) {
        s.inject_ready(net.poll_now());
    }
    let late = s.next_timer().saturating_add(1_000_000) <= now;
    if s.supply.look().wants_a_spinner() && (late || s.any_work()) {
        s.wake_one();
    }
}

/// One line in Go's form.
fn print_trace(s: &Scheduler, now: u64) {
    let stats = s.stats();
    let mut line = Line::new();
    let _ = write!(
        line,
        "SCHED {}ms: gomaxprocs={} idleprocs={} threads={} spinningthreads={} \
         needspinning=0 idlethreads={} runqueue={} [",
        (now - s.started_ns) / 1_000_000,
        stats.procs,
        stats.idle_procs,
        stats.threads + 1,
        stats.spinning_threads,
        stats.idle_threads,
        stats.injected
    );
    for (i, p) in s.ps.iter().enumerate() {
        // ORDER: Relaxed — a figure.
        let next = u32::from(!p.runnext.load(Relaxed).is_null());
        let _ = write!(line, "{}{}", if i == 0 { "" } else { " " }, p.runq.len() + next);
    }
    let _ = writeln!(line, " ]");
    line.print();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g::G;
    use crate::priority::Priority;
    use core::sync::atomic::Ordering::Relaxed;

    /// With a clock of the test's own: a slice is over after 10 ms; that of a background goroutine after
    /// 1 ms, while one of another class waits.
    #[test]
    fn background_has_short_slices() {
        let rows = [
            // (runs background, who waits, after, over)
            (false, Some(Priority::Latency), SHORT_SLICE, false),
            (false, Some(Priority::Latency), SLICE, true),
            (true, Some(Priority::Latency), SHORT_SLICE - 1, false),
            (true, Some(Priority::Latency), SHORT_SLICE, true),
            (true, Some(Priority::Normal), SHORT_SLICE, true),
            (true, Some(Priority::Background), SHORT_SLICE, false),
            (true, None, SHORT_SLICE, false),
            (true, None, SLICE, true),
        ];
        for (background, waits, after, over) in rows {
            let s = Scheduler::new(crate::Config { procs: 1, ..Default::default() }).expect("one");
            let (m, p) = (s.new_m(), &s.ps[0]);
            // The P is held by a thread that is in the runtime: nobody takes it away.
            s.idle.lock().ps.clear();
            s.supply.sub_idle();
            // ORDER: Relaxed — there is one thread.
            m.in_runtime.store(1, Relaxed);
            p.set_holder(core::ptr::from_ref(m).cast_mut());
            p.note_background(background);
            let waiter = Box::into_raw(Box::new(G::new(&raw const *s)));
            if let Some(class) = waits {
                // SAFETY: G-OWN — just made.
                unsafe {
                    (*waiter).set_priority(class);
                    s.injector.push(waiter);
                }
            }
            p.seen.set((p.tick(), 5));
            look(&s, 5 + after);
            assert_eq!(p.wishes.slice_is_over(), over, "{background} {waits:?} {after}");
            p.set_holder(core::ptr::null_mut());
            let _ = s
                .injector
                .take()
                .or_else(|| s.injector.take_lane(0))
                .or_else(|| s.injector.take_lane(1));
            // SAFETY: G-MEM — no queue has it.
            drop(unsafe { Box::from_raw(waiter) });
            s.shut_down(Duration::from_secs(1));
        }
    }
}
