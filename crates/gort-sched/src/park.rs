//! [`Ticket`], the one way to wait: opened by the waiter, claimed and woken by one waker.
//!
//! A waiter opens a ticket, leaves it where wakers find it, and waits. It is a goroutine, which
//! parks, or a plain thread, which sleeps: the same primitive serves both. A waker first claims
//! the ticket (one wins), then puts the result where the waiter will look, then wakes it; the
//! waiter's memory is good until then. Nothing is lost and nobody is woken twice (WAKE-ONCE,
//! see `word`).

mod alarm;

use crate::g::G;
use crate::handoff;
use crate::m::{M, Post};
use crate::osthread;
use crate::ready;
use crate::reason;
use crate::schedule;
use crate::state::GState;
use crate::timer::Deadline;
use crate::word::{self, TicketWord};
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use gort_sys::clock;
use gort_sys::note::Note;
use std::time::Duration;

pub use reason::WaitReason;

/// The largest code that a primitive may claim with.
pub const CODE_MAX: u32 = word::CODE_MAX;
/// The deadline passed first.
pub const TIMEOUT: u32 = 0xff_fff1;
/// The runtime shuts down: leave every queue and [`unwind`].
pub const SHUTDOWN: u32 = 0xff_fff2;
/// The waiter took it back itself.
const CANCELLED: u32 = 0xff_fff3;
/// A descriptor is ready, has ended, or was closed.
pub const READY: u32 = 0xff_fff4;

/// What a plain thread waits with. Lives as long as its thread.
#[repr(align(32))]
struct Outsider {
    word: TicketWord,
    note: Note,
    alarm: alarm::Alarm,
}

impl Outsider {
    fn new() -> Self {
        Self { word: TicketWord::new(), note: Note::new(), alarm: alarm::Alarm::new() }
    }
}

/// Plain threads that have waited or woken and are alive: as long as there is one, goroutines
/// that all wait are no deadlock.
pub(crate) static OUTSIDERS: AtomicUsize = AtomicUsize::new(0);

struct Joined(Box<Outsider>, bool);

impl Drop for Joined {
    fn drop(&mut self) {
        if self.1 {
            // ORDER: Relaxed — a figure.
            OUTSIDERS.fetch_sub(1, Relaxed);
        }
    }
}

std::thread_local! {
    /// The thread belongs to the runtime: it does not count as an outsider.
    pub(crate) static IS_HELPER: core::cell::Cell<bool> = const { core::cell::Cell::new(false) };
    // Plain threads only: a goroutine never reads it (TLS-1 of gort-sys).
    static OUTSIDER: Joined = {
        let counts = !IS_HELPER.try_with(core::cell::Cell::get).unwrap_or(false);
        if counts {
            // ORDER: Relaxed — a figure.
            OUTSIDERS.fetch_add(1, Relaxed);
        }
        Joined(Box::new(Outsider::new()), counts)
    };
}

/// Counts the calling thread as one that takes part.
pub(crate) fn join_in() {
    let _ = OUTSIDER.try_with(|_| ());
}

fn outsider() -> NonNull<Outsider> {
    match OUTSIDER.try_with(|j| NonNull::from(&*j.0)) {
        Ok(o) => o,
        // In the thread's last moments, when its thread-locals are gone: one small leak.
        Err(_) => NonNull::from(Box::leak(Box::new(Outsider::new()))),
    }
}

/// The right to end one wait of one waiter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// A goroutine, or an outsider with the lowest bit set.
    who: usize,
    number: u32,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({:#x}, {})", self.who, self.number)
    }
}

enum Who<'a> {
    Goroutine(&'a G),
    Thread(&'a Outsider),
}

impl Ticket {
    /// Opens a new wait of the caller, which then publishes the ticket and calls
    /// [`wait`](Self::wait), [`wait_until`](Self::wait_until) or [`cancel`](Self::cancel).
    #[inline]
    pub fn open() -> Self {
        let m = M::current();
        // SAFETY: M-OWN — a non-null word is this thread's M.
        let g = unsafe { m.as_ref() }.map_or(core::ptr::null_mut(), |m| m.cur.get());
        if g.is_null() {
            return Self::open_outside();
        }
        // SAFETY: G-OWN — the goroutine that runs is the caller.
        let number = unsafe { (*g).word.open() };
        Self { who: g as usize, number }
    }

    #[cold]
    fn open_outside() -> Self {
        let o = outsider();
        // SAFETY: the record is the calling thread's.
        let number = unsafe { o.as_ref() }.word.open();
        Self { who: o.as_ptr() as usize | 1, number }
    }

    /// The ticket of the wait that a goroutine is in, for a shutdown.
    pub(crate) fn present(g: &G) -> Self {
        Self { who: core::ptr::from_ref(g) as usize, number: g.word.number() }
    }

    /// The waiter (four low bits zero) and the number, for places that have room for two words in
    /// different spots.
    pub(crate) fn parts(&self) -> (usize, u32) {
        // The mark moves to bit 4: records are aligned to 32 bytes at least.
        ((self.who & !1) | ((self.who & 1) << 4), self.number)
    }

    pub(crate) fn from_parts(who: usize, number: u32) -> Self {
        Self { who: (who & !16) | ((who >> 4) & 1), number }
    }

    #[inline]
    fn who(&self) -> Who<'_> {
        if self.who & 1 == 0 {
            // SAFETY: G-MEM — records are type-stable.
            Who::Goroutine(unsafe { &*(self.who as *const G) })
        } else {
            // SAFETY: PARK-1 — a thread does not end while a ticket of it is to be found.
            Who::Thread(unsafe { &*((self.who & !1) as *const Outsider) })
        }
    }

    #[inline]
    fn word(&self) -> &TicketWord {
        match self.who() {
            Who::Goroutine(g) => &g.word,
            Who::Thread(o) => &o.word,
        }
    }

    /// Tries to decide this wait with `code` (at most [`CODE_MAX`]). `true` for exactly one
    /// caller, who must then call [`wake`](Self::wake).
    #[inline]
    pub fn claim(&self, code: u32) -> bool {
        self.word().claim(self.number, code)
    }

    /// Whether nobody has claimed it yet; a hint.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.word().is_open(self.number)
    }

    /// Lets the waiter run on. Called once, by the winner of [`claim`](Self::claim); the
    /// waiter's memory may be gone when it returns.
    #[inline]
    pub fn wake(self) {
        match self.who() {
            Who::Goroutine(g) => {
                if g.word.wake() {
                    ready(core::ptr::from_ref(g).cast_mut());
                }
            }
            Who::Thread(o) => {
                o.word.wake();
                if o.note.wake() {
                    o.alarm.ring();
                }
            }
        }
    }

    /// As [`wake`](Self::wake), but a goroutine of `sched` that is parked is left to the caller, which
    /// makes it run.
    pub(crate) fn wake_on(self, sched: *const crate::scheduler::Scheduler) -> Option<*mut G> {
        match self.who() {
            Who::Goroutine(g) if core::ptr::eq(g.sched, sched) => {
                g.word.wake().then_some(core::ptr::from_ref(g).cast_mut())
            }
            _ => {
                self.wake();
                None
            }
        }
    }

    /// Waits until the ticket was claimed and woken; returns the code.
    ///
    /// Called by the opener, which holds no lock of the runtime. May return [`SHUTDOWN`].
    #[inline]
    pub fn wait(self, reason: WaitReason) -> u32 {
        match self.who() {
            Who::Goroutine(g) => self.park(g, reason, None),
            Who::Thread(o) => {
                o.note.sleep();
                self.finish_outside(o)
            }
        }
    }

    /// As [`wait`](Self::wait), until the clock ([`clock::nanos`]) reads `deadline_ns`, when it
    /// returns [`TIMEOUT`] and nobody can claim the ticket any more.
    pub fn wait_until(self, reason: WaitReason, deadline_ns: u64) -> u32 {
        match self.who() {
            Who::Goroutine(g) => self.park(g, reason, Some(deadline_ns)),
            Who::Thread(o) => {
                let left = deadline_ns.saturating_sub(clock::nanos());
                if !o.note.sleep_for(Duration::from_nanos(left)) {
                    if o.word.claim(self.number, TIMEOUT) {
                        o.word.close();
                        return TIMEOUT;
                    }
                    // Somebody has claimed it: the wake is on its way.
                    o.note.sleep();
                }
                self.finish_outside(o)
            }
        }
    }

    fn finish_outside(&self, o: &Outsider) -> u32 {
        o.note.clear();
        let code = o.word.outcome().unwrap_or(CANCELLED);
        o.word.close();
        code
    }

    /// Closes an open ticket that is not needed. `false`: somebody has claimed it already; then
    /// [`wait`](Self::wait) returns at once, or soon.
    pub fn cancel(self) -> bool {
        let word = self.word();
        if !word.claim(self.number, CANCELLED) {
            return false;
        }
        word.close();
        true
    }

    fn park(&self, g: &G, reason: WaitReason, deadline: Option<u64>) -> u32 {
        // Woken before it went to sleep?
        if let Some(code) = g.word.outcome() {
            g.word.close();
            return code;
        }
        if let Some(code) = self.refuse(g) {
            return code;
        }
        let timer = deadline.map(|when| Deadline::set(g, when));
        let (m, inside) = handoff::enter();
        g.set_reason(reason);
        g.state.step(GState::Running, GState::Waiting);
        let me = core::ptr::from_ref(g).cast_mut();
        let kept = osthread::keep_while_unwinding(m, me);
        // SAFETY: P-OWN — inside, with a P; `g` is the goroutine that runs here.
        unsafe { schedule::park(m, me, Post::Commit(me)) };
        drop(inside);
        osthread::release_kept(me, kept);
        let code = g.word.outcome();
        if let Some(timer) = timer {
            timer.end(code != Some(TIMEOUT));
        }
        g.word.close();
        match code {
            Some(code) => code,
            None => gort_sys::fatal!("WAKE-ONCE", "goroutine {} was resumed unwoken", g.id.get()),
        }
    }

    /// Whether this goroutine must not park now: it said so, or the runtime shuts down. Then its wait
    /// ends as by a shutdown, so that it leaves its queues before it unwinds.
    #[inline]
    fn refuse(&self, g: &G) -> Option<u32> {
        if g.no_park.get() == 0 && !schedule::stopping(g.scheduler()) {
            return None;
        }
        self.refuse_rarely(g)
    }

    #[cold]
    fn refuse_rarely(&self, g: &G) -> Option<u32> {
        // A goroutine that unwinds already finishes what its destructors wait for, on a thread that it
        // has for itself: a second panic would end the process.
        if osthread::panicking() {
            return None;
        }
        if self.claim(SHUTDOWN) {
            g.word.close();
            return Some(SHUTDOWN);
        }
        if g.no_park.get() == 0 {
            return None;
        }
        // Somebody has claimed the wait, and hands over what it was for; that is not lost. Between a
        // claim and its wake nobody parks.
        loop {
            if let Some(code) = g.word.outcome() {
                g.word.close();
                return Some(code);
            }
            gort_sys::thread::yield_os();
        }
    }
}

/// Makes a goroutine run whose ticket the caller has claimed and woken, and which is parked.
///
/// Wakers hold no lock, so this is where a goroutine that lost its P while it computed notices,
/// and waits for another: one that only ever wakes others would else run beside the processors
/// for good.
#[inline]
pub(crate) fn ready(g: *mut G) {
    // SAFETY: G-MEM — the record lives; G-OWN — the winner of the ticket owns it.
    let sched = unsafe { (*g).sched };
    match handoff::try_enter().or_else(regain) {
        Some((m, inside)) if core::ptr::eq(m.sched, sched) => {
            ready::make_ready(m, g);
            drop(inside);
        }
        _ => ready_from_outside(g),
    }
}

/// A processor for a goroutine that has lost its own, where it may be switched out.
#[cold]
fn regain() -> Option<(&'static M, handoff::Inside)> {
    // SAFETY: M-OWN — a non-null word is this thread's M. G-OWN — the caller is what runs.
    let g = unsafe { M::current().as_ref().and_then(|m| m.cur.get().as_ref()) }?;
    (g.no_park.get() == 0 && g.thread_locks.get() == 0).then(handoff::enter)
}

/// The same by a plain thread, a thread that lost its P, or another scheduler.
#[cold]
fn ready_from_outside(g: *mut G) {
    if M::current().is_null() {
        join_in();
    }
    // SAFETY: G-OWN — as in `ready`.
    let g_ref = unsafe { &*g };
    g_ref.state.step(GState::Waiting, GState::Runnable);
    let s = g_ref.scheduler();
    if g_ref.home().is_null() {
        s.inject(g);
    } else {
        ready::send_home(s, g);
    }
}

/// Lets a goroutine sleep until the clock reads `deadline_ns`; a plain thread sleeps itself.
pub fn sleep_until(deadline_ns: u64) {
    if deadline_ns <= clock::nanos() {
        crate::thread::yield_now();
        return;
    }
    sleep_till(deadline_ns);
}

/// The same, without a look at the clock first.
pub(crate) fn sleep_till(deadline_ns: u64) {
    let ticket = Ticket::open();
    if ticket.wait_until(WaitReason::Sleep, deadline_ns) == SHUTDOWN {
        unwind();
    }
}

/// What unwinds a goroutine when the runtime shuts down.
pub(crate) struct ShutdownToken;

/// Unwinds the calling goroutine because its wait returned [`SHUTDOWN`]: the runtime shuts down, and then
/// destructors run and no panic is reported.
///
/// # Panics
/// If the wait was refused because the goroutine is inside [`no_park`](crate::thread::no_park).
pub fn unwind() -> ! {
    // SAFETY: M-OWN — a non-null word is this thread's M. G-OWN — the caller is what runs.
    let g = unsafe { M::current().as_ref().and_then(|m| m.cur.get().as_ref()) };
    if g.is_some_and(|g| g.no_park.get() != 0 && !schedule::stopping(g.scheduler())) {
        panic!("a goroutine parked inside no_park");
    }
    std::panic::resume_unwind(Box::new(ShutdownToken))
}
