//! The scheduling loop, and how a goroutine that parks goes straight to the next.
//!
//! A goroutine that parks looks for its successor itself, in the run-next slot and the local
//! queue ([`pick`](mod@crate::pick)), and switches to it without passing through g0 ([`park`]). Steps that look further run
//! on g0, the thread's own stack, in the order of [`find`]. What must not happen before the
//! parked context is saved is left as a [`Post`] for the side that arrives ([`arrive`]).

use crate::g::G;
use crate::handoff;
use crate::m::{M, Post};
use crate::p::{P, bump};
use crate::pick::{pick, pick_queued, take_runnext, timers_wanted};
use crate::priority::{self, PRIORITIES};
use crate::ready::{make_all_ready, make_ready, push_local};
use crate::scheduler::{EXITING, STOPPING, Scheduler};
use crate::start;
use crate::state::GState;
use core::ptr::{null, null_mut};
use core::sync::atomic::Ordering::{Relaxed, Release, SeqCst};
use core::sync::atomic::fence;
use gort_stack::overflow::SignalStack;
use gort_stack::switch::switch;
use gort_sys::thread::ThreadWord;

/// Every so many slices the injector comes first, so that it never starves.
pub(crate) const INJECTOR_TURN: u32 = 61;
/// A queue of this length needs no goroutines from the timers yet.
pub(crate) const ENOUGH: u32 = 64;

/// Life of a thread that the scheduler made.
pub(crate) fn thread_main(m: &M) {
    let signal_stack = SignalStack::install();
    serve(m);
    drop(signal_stack);
}

/// Runs goroutines on the calling thread, as `m`, until the scheduler exits or the thread has
/// been idle for too long.
pub(crate) fn serve(m: &M) {
    Scheduler::adopt(m);
    // ORDER: Release ⇒ the deadlock check.
    m.tid.store(gort_sys::thread::id(), Release);
    // ORDER: Relaxed — nobody looks before the thread holds a P. g0 is always inside.
    m.in_runtime.store(1, Relaxed);
    while let Some(g) = find(m) {
        execute(m, g);
    }
    ThreadWord::<0>::set(null_mut());
}

/// g0: runs a goroutine until it comes back.
fn execute(m: &M, g: *mut G) {
    // SAFETY: G-OWN — `find` took it out of a queue. SWITCH-1 — its pointer was saved by a switch
    // or is a first frame.
    unsafe {
        let sp = start::make_current(m, g);
        switch(m.g0_sp.as_ptr(), sp);
    }
    m.cur.set(null_mut());
    settle(m);
}

/// The arriving side does what the leaving side left to be done. On g0 and on goroutines.
#[inline]
pub(crate) fn settle(m: &M) {
    match m.post.replace(Post::None) {
        Post::None => {}
        Post::Commit(g) => {
            // SAFETY: G-MEM — the record lives; after a commit that returns `false` it is the
            // waker's.
            if unsafe { (*g).word.commit() } {
                make_ready(m, g);
            }
        }
        post => settle_rare(m, post),
    }
}

fn settle_rare(m: &M, post: Post) {
    match post {
        Post::Yield(g) => requeue(m, g),
        Post::Dead(g) => start::retire(m, g),
        Post::Preempted(g) => {
            // SAFETY: G-OWN — it ran here and is off its stack.
            unsafe {
                (*g).state.step(GState::Preempted, GState::Runnable);
                if (*g).home().is_null() {
                    m.scheduler().inject(g);
                } else if (*g).has(PRIORITIES) {
                    m.push_bound(g);
                } else {
                    m.bound().push_front(g);
                }
            }
        }
        Post::Frames => crate::deadlock::print_own_frames(m),
        Post::None | Post::Commit(_) => {}
    }
}

/// A goroutine that yielded goes to the end of the local queue.
fn requeue(m: &M, g: *mut G) {
    // SAFETY: G-OWN, P-OWN — it is off its stack, and this thread holds a P.
    unsafe {
        if (*g).has(PRIORITIES) {
            priority::make_ready(m, g);
        } else if (*g).home().is_null() {
            push_local(m.scheduler(), m.held(), g);
        } else {
            m.ceded.set(m.exclusive.get() == g);
            m.bound().push(g);
        }
    }
}

/// Parks the running goroutine: the next one runs, and `post` is done once the context is saved.
/// Returns when it is resumed, possibly on another thread, which is inside and holds a P.
///
/// # Safety
/// P-OWN: the thread is inside and holds a P; `g` is its current goroutine, whose state says
/// what it becomes.
#[inline]
pub(crate) unsafe fn park(m: &M, g: *mut G, post: Post) {
    // SAFETY: P-OWN — the caller's promise.
    let next = pick(m, unsafe { m.held() });
    m.post.set(post);
    // SAFETY: SWITCH-1 — the successor was taken out of a queue; g0 waits in `execute`.
    unsafe {
        let to = if next.is_null() { m.g0_sp.get() } else { start::make_current(m, next) };
        switch((*g).sp.as_ptr(), to);
    }
    arrive();
}

/// On a goroutine that was just resumed or started.
#[inline]
pub(crate) fn arrive() {
    // SAFETY: M-OWN — a goroutine runs, so its thread has an M.
    settle(unsafe { &*M::current() });
}

/// Leaves the running goroutine for g0.
pub(crate) fn to_g0(m: &M, post: Post) {
    let g = m.cur.get();
    m.post.set(post);
    // SAFETY: SWITCH-1 — g0 waits in `execute`.
    unsafe { switch((*g).sp.as_ptr(), m.g0_sp.get()) };
    arrive();
}

/// The goroutine that ends leaves for its successor or g0.
///
/// # Safety
/// As [`park`]; nothing of `g`'s stack is used again.
pub(crate) unsafe fn leave_dead(m: &M, g: *mut G) -> ! {
    m.post.set(Post::Dead(g));
    // SAFETY: SWITCH-1 — g0 waits in `execute`.
    unsafe { gort_stack::switch::away(m.g0_sp.get()) }
}

/// A successor for a goroutine that has ended, or null.
///
/// # Safety
/// P-OWN: as [`park`].
pub(crate) unsafe fn successor(m: &M) -> *mut G {
    // SAFETY: P-OWN — the caller's promise.
    pick(m, unsafe { m.held() })
}

/// Lets others run. Returns at once if nobody else is runnable here.
pub(crate) fn yield_now() {
    let (m, inside) = handoff::enter();
    // SAFETY: P-OWN — the thread is inside.
    let p = unsafe { m.held() };
    let g = m.cur.get();
    // ORDER: Relaxed — looks; a missed goroutine runs a moment later.
    let alone = p.runq.len() == 0
        && p.runnext.load(Relaxed).is_null()
        && !p.wishes.slice_is_over()
        && m.scheduler().injector.is_empty()
        && !m.scheduler().has_waiters()
        && !p.timers.are_due()
        // SAFETY: M-OWN — called on this thread.
        && !unsafe { m.has_bound_work() }
        && !m.has_own_lanes();
    if !alone {
        // SAFETY: G-OWN, P-OWN — the running goroutine, inside.
        unsafe {
            (*g).state.step(GState::Running, GState::Runnable);
            let kept = crate::osthread::keep_while_unwinding(m, g);
            park(m, g, Post::Yield(g));
            crate::osthread::release_kept(g, kept);
        }
    }
    drop(inside);
}

/// The next goroutine for this thread, in the documented order, or `None` when the thread ends.
/// Sleeps if there is nothing to do. On g0.
fn find(m: &M) -> Option<*mut G> {
    let s = m.scheduler();
    loop {
        if s.life() == EXITING {
            return leave(m, s);
        }
        // 0. A processor.
        if m.p.get().is_null() {
            if !crate::sleep::until_processor(m) {
                return None;
            }
            continue;
        }
        // SAFETY: P-OWN — it was just seen, and g0 is always inside.
        let p = unsafe { m.held() };
        if s.retires(p) {
            m.stop_spinning();
            m.p.set(null());
            s.retire(p);
            continue;
        }
        if !m.exclusive.get().is_null() {
            // It yielded: others have the P first, and the thread stands in line for the next.
            let yields = m.ceded.replace(false) && s.is_wanted(p);
            match if yields { crate::sleep::change_places(m, p) } else { None } {
                Some(true) => continue,
                Some(false) => return None,
                None => {}
            }
            if !yields && let Some(g) = own_goroutine(m) {
                return Some(g);
            }
            give_up(m, s, p);
            continue;
        }
        let tick = p.begin_slice();
        let over = p.wishes.slice_is_over();
        if over {
            p.wishes.slice_was_ended();
            if let Some(sim) = m.sim() {
                match sim.find(m) {
                    Some(g) => return found(m, s, p, g),
                    None => continue,
                }
            }
        }
        let turn = over || tick.is_multiple_of(INJECTOR_TURN);
        // Threads that wait for a P have their turn when this one has nothing to run: one that has just
        // been given the P runs something first, or the P would go round and round.
        // SAFETY: M-OWN — called on this thread.
        if s.has_waiters() && (turn || !(p.has_work() || unsafe { m.has_bound_work() })) {
            give_up(m, s, p);
            continue;
        }
        // 1. Timers, and every 61st time the injector, and the network.
        if timers_wanted(p) {
            crate::timer::run(m, &p.timers, ENOUGH as usize);
            // Some from the injector, or a crowd of sleepers would keep it waiting. Some only: goroutines
            // that have begun end first, or ever more of them would share the time.
            if let Some(g) = from_injector(s, p, ENOUGH as usize / 8) {
                push_local(s, p, g);
            }
        } else if turn && p.timers.are_due() {
            // A few all the same, or a crowd that yields would keep them waiting. What falls out of the
            // queue goes behind all others.
            let room = crate::runq::CAPACITY as u32 - p.runq.len();
            crate::timer::run(m, &p.timers, (room / 4).max(4) as usize);
        }
        if turn && let Some(g) = from_injector(s, p, 1) {
            return found(m, s, p, g);
        }
        if turn {
            poll_net(m, s, true);
        }
        // Other classes, if it is their turn.
        let by_priority = priority::any(m, s);
        if by_priority && let Some(g) = not_null(priority::before_normal(m, s)) {
            return found(m, s, p, g);
        }
        // 2. Run next, and 3. the local queue. After a slice that was too long the queue is first.
        if over && let Some(g) = not_null(pick_queued(m, p)) {
            return found(m, s, p, g);
        }
        if let Some(g) = not_null(take_runnext(m, p)).or_else(|| not_null(pick_queued(m, p))) {
            return found(m, s, p, g);
        }
        // 4. A batch from the injector.
        if let Some(g) = from_injector(s, p, usize::MAX) {
            return found(m, s, p, g);
        }
        if by_priority && let Some(g) = not_null(priority::instead_of_normal(m, s)) {
            return found(m, s, p, g);
        }
        // 5. The network.
        if poll_net(m, s, false) {
            continue;
        }
        // 6. Others' queues, and a look around for a while.
        if s.procs() > 1
            && let Some(g) = crate::steal::steal(m, s, p)
        {
            return found(m, s, p, g);
        }
        // 7. Idle work.
        if (s.config.hooks.idle_work)() {
            continue;
        }
        // 8. Sleep.
        crate::sleep::release_processor(m, p);
    }
}

pub(crate) fn not_null(g: *mut G) -> Option<*mut G> {
    (!g.is_null()).then_some(g)
}

/// Work was found: a spinner stops spinning, and if it was the last, looks whether others are
/// needed (WAKE-1).
#[inline]
fn found(m: &M, s: &Scheduler, p: &P, g: *mut G) -> Option<*mut G> {
    if m.spinning.replace(false) {
        let last = s.supply.stop_spin();
        // ORDER: SeqCst — S1 before S2.
        fence(SeqCst);
        if last && (p.has_work() || s.any_work()) {
            s.wake_one();
        }
    }
    if p.wishes.any() {
        // SAFETY: G-OWN — the caller has taken it out of a queue.
        p.note_background(unsafe { (*g).has(priority::BACKGROUND) });
    }
    bump(&p.counts.switches, 1);
    Some(g)
}

/// The goroutine that owns this thread, if it is ready.
fn own_goroutine(m: &M) -> Option<*mut G> {
    // SAFETY: M-OWN — called on this thread; the list's goroutines are the thread's.
    unsafe {
        m.take_inbox();
        let (mut rest, mut own) = (crate::g::GFifo::new(), None);
        while let Some(g) = m.bound().pop() {
            if g == m.exclusive.get() { own = Some(g) } else { rest.push(g) }
        }
        *m.bound() = rest;
        own
    }
}

/// Takes what the network has, without waiting; unless it must, only where that has paid. `true`:
/// goroutines became runnable here. The thread holds a P.
fn poll_net(m: &M, s: &Scheduler, must: bool) -> bool {
    let Some(net) = s.net_to_poll().filter(|net| must || net.pays()) else { return false };
    let ready = net.poll_now();
    if ready.is_empty() {
        return false;
    }
    make_all_ready(m, ready);
    true
}

/// Up to `most` goroutines (and no more than a fair share) from the injector: one to run, the
/// others into the local queue.
pub(crate) fn from_injector(s: &Scheduler, p: &P, most: usize) -> Option<*mut G> {
    if s.injector.is_empty() {
        return None;
    }
    let len = s.injector.normal();
    let room = (crate::runq::CAPACITY as u32 - p.runq.len()) as usize;
    let share = (len / s.procs() as usize + 1).min(crate::runq::CAPACITY / 2).min(room.max(1));
    let first = s.injector.take()?;
    for _ in 1..share.min(most) {
        let Some(g) = s.injector.take() else { break };
        push_local(s, p, g);
    }
    Some(first)
}

/// Gives the P away because this thread may not or need not use it.
fn give_up(m: &M, s: &Scheduler, p: &P) {
    if m.spinning.replace(false) && s.supply.stop_spin() {
        // WAKE-1: `hand_off` looks at the queues below.
    }
    m.p.set(null());
    s.hand_off(p);
}

/// The scheduler exits.
fn leave(m: &M, s: &Scheduler) -> Option<*mut G> {
    if m.spinning.replace(false) {
        let _last = s.supply.stop_spin();
    }
    // SAFETY: SCHED-MEM — Ps live as long as the scheduler.
    if let Some(p) = unsafe { m.p.get().as_ref() } {
        p.set_holder(null_mut());
        m.p.set(null());
    }
    s.idle.lock().threads -= 1;
    None
}

/// Whether waits should end now because the runtime shuts down.
pub(crate) fn stopping(s: &Scheduler) -> bool {
    s.life() >= STOPPING
}
