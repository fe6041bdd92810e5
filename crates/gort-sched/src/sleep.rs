//! How a thread without work gives up its P, sleeps, keeps the time for all, and comes back.

use crate::deadlock;
use crate::g::GFifo;
use crate::m::M;
use crate::netpoll::Netpoll;
use crate::nodes::Nodes;
use crate::p::P;
use crate::scheduler::{EXITING, Scheduler};
use crate::wake::Idle;
use core::ptr::{null, null_mut};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};
use core::sync::atomic::fence;
use gort_sys::clock;
use std::time::Duration;

/// This thread holds `p` from now on.
pub(crate) fn hold(m: &M, p: *const P) {
    m.p.set(p);
    // SAFETY: SCHED-MEM — Ps live as long as the scheduler; P-OWN — it was idle or handed over.
    let p = unsafe { &*p };
    p.set_holder(core::ptr::from_ref(m).cast_mut());
    if let Some(node) = m.scheduler().nodes().and_then(Nodes::of_thread) {
        p.note_node(node);
    }
}

/// Makes `p` idle and stops spinning, then looks once more (S1 and S2 of WAKE-1): if work came
/// meanwhile, the thread has a P again when this returns.
pub(crate) fn release_processor(m: &M, p: &P) {
    let s = m.scheduler();
    p.set_holder(null_mut());
    m.p.set(null());
    {
        let mut idle = s.idle.lock();
        if s.retires(p) {
            drop(idle);
            s.retire(p);
        } else if !s.give_to_waiter(&mut idle, p) {
            idle.ps.push(p);
            s.supply.add_idle();
        }
    }
    if m.spinning.replace(false) {
        let _last = s.supply.stop_spin();
    }
    // ORDER: SeqCst — S1 before S2.
    fence(SeqCst);
    if s.any_work() || s.next_timer() <= clock::nanos() {
        let mut idle = s.idle.lock();
        if let Some(p) = idle.ps.pop() {
            s.supply.sub_idle();
            drop(idle);
            hold(m, p);
            // It looks for that work as a spinner, so that a waker may rely on it.
            m.spinning.set(true);
            s.supply.start_spin();
        }
    }
}

/// Gets a P for this thread, which has none: one that was handed over, an idle one if bound
/// goroutines are ready, else by sleeping until there is work. `false`: the thread ends.
pub(crate) fn until_processor(m: &M) -> bool {
    let s = m.scheduler();
    let given = m.take_next_p();
    if !given.is_null() {
        hold(m, given);
        return true;
    }
    let suspicious;
    {
        let mut idle = s.idle.lock();
        if s.life() == EXITING {
            return true; // `find` leaves.
        }
        // ORDER: Relaxed — ordered by the fence.
        m.parked.store(true, Relaxed);
        // ORDER: SeqCst — it sleeps, before it looks at its mail; pairs with `notify_home`.
        fence(SeqCst);
        // SAFETY: M-OWN — called on this thread. Who mails from now on waits for the lock.
        let ready = unsafe { m.has_runnable_bound() };
        if ready {
            if let Some(p) = s.spare_processor(&mut idle) {
                // ORDER: Relaxed — it does not sleep after all; under the lock.
                m.parked.store(false, Relaxed);
                drop(idle);
                s.stir_sysmon();
                hold(m, p);
                return true;
            }
            idle.waiters.push_back(m);
        } else if m.exclusive.get().is_null() {
            idle.ms.push(m);
        } else {
            idle.locked.push(m);
        }
        idle.sleeping += 1;
        if ready {
            s.waiters_grew(&mut idle);
        }
        suspicious = idle.sleeping == idle.threads;
    }
    if suspicious {
        deadlock::check(s);
    }
    sleep(m, s, suspicious)
}

/// This thread joins the line for a P and gives its own to the one in front, in one step. `None`: nobody stands there;
/// `Some(false)`: the thread ends.
///
/// In two steps the other one, once roused, could yield to an empty line, for as long as the kernel keeps this thread from
/// joining it.
pub(crate) fn change_places(m: &M, p: &P) -> Option<bool> {
    let s = m.scheduler();
    m.stop_spinning();
    {
        let mut idle = s.idle.lock();
        if idle.waiters.is_empty() || s.life() == EXITING || s.retires(p) {
            return None;
        }
        p.set_holder(null_mut());
        m.p.set(null());
        // ORDER: Relaxed — the lock orders it: it stands in line, so no mail need wake it.
        m.parked.store(true, Relaxed);
        idle.waiters.push_back(m);
        idle.sleeping += 1;
        s.give_to_waiter(&mut idle, p);
    }
    Some(sleep(m, s, false))
}

/// The last thread that fell asleep looks for a deadlock again this often, twice as late each time:
/// at the first look a thread may just have been starting or ending.
const LOOKS: u32 = 6;
const FIRST_LOOK: Duration = Duration::from_millis(5);

/// Sleeps until woken, until the next timer or an event of the network (one thread for all), or until it
/// was idle for too long. `false`: the thread ends.
fn sleep(m: &M, s: &Scheduler, suspicious: bool) -> bool {
    let mut looks = if suspicious { 0 } else { LOOKS };
    let me = core::ptr::from_ref(m).cast_mut();
    let mut keeper = false;
    let mut ready = GFifo::new();
    let woken = loop {
        let next = s.next_live_timer();
        let net = s.net().filter(|net| net.used() != 0);
        // ORDER: SeqCst — one keeper, and NET-5: before a look at the network; Relaxed on failure.
        keeper = keeper
            || ((next != u64::MAX || net.is_some())
                && s.timekeeper.compare_exchange(null_mut(), me, SeqCst, Relaxed).is_ok());
        fence(SeqCst); // ORDER: SeqCst — as above; pairs with `rouse_timekeeper`.
        let net = s.net().filter(|net| keeper && net.used() != 0);
        let now = clock::nanos();
        let look = (looks < LOOKS).then(|| s.config.idle_thread.min(FIRST_LOOK * (1 << looks)));
        let limit = if keeper {
            // ORDER: SeqCst — published before the second look below; whoever adds an earlier
            // timer afterwards sees it and wakes the keeper.
            s.sleep_until.store(next, SeqCst);
            if s.next_timer() < next {
                continue;
            }
            match next {
                u64::MAX => look,
                _ => Some(Duration::from_nanos(next.saturating_sub(now))),
            }
        } else {
            look.or(Some(s.config.idle_thread))
        };
        let noted = match net {
            Some(net) => {
                ready = in_poller(m, net, limit);
                m.note.is_set()
            }
            None => m.note.sleep_for(limit.unwrap_or(s.config.idle_thread)),
        };
        if noted {
            m.note.clear();
            break true;
        }
        if !ready.is_empty() {
            break true;
        }
        if (!keeper || next == u64::MAX) && looks < LOOKS {
            looks += 1;
            deadlock::check(s);
            continue;
        }
        if !keeper || s.next_timer() <= clock::nanos() {
            break false;
        }
    };
    if keeper {
        // ORDER: Relaxed — no keeper: adders look at the pointer.
        s.sleep_until.store(u64::MAX, Relaxed);
        // ORDER: AcqRel — the office is free.
        let _ = s.timekeeper.compare_exchange(me, null_mut(), AcqRel, Acquire);
    }
    let given = m.take_next_p();
    if !given.is_null() {
        hold(m, given);
        run_here_or_inject(m, s, ready);
        if keeper && (s.next_timer() != u64::MAX || s.net_to_poll().is_some()) {
            // Somebody else must keep the time while this thread works.
            s.wake_one();
        }
        return true;
    }
    let mut idle = s.idle.lock();
    // ORDER: Relaxed — the lock orders it.
    if !m.parked.load(Relaxed) {
        // A P was handed over between the look and the lock; or the scheduler exits.
        drop(idle);
        let given = m.take_next_p();
        if !given.is_null() {
            hold(m, given);
        }
        if m.note.is_set() {
            m.note.clear();
        }
        run_here_or_inject(m, s, ready);
        return true;
    }
    remove(&mut idle, s, m);
    if !ready.is_empty() {
        let p = if m.exclusive.get().is_null() { s.spare_processor(&mut idle) } else { None };
        drop(idle);
        if let Some(p) = p {
            s.stir_sysmon();
            hold(m, p);
        }
        run_here_or_inject(m, s, ready);
        return true;
    }
    if s.next_timer() <= clock::nanos()
        && let Some(p) = s.spare_processor(&mut idle)
    {
        drop(idle);
        s.stir_sysmon();
        hold(m, p);
        m.spinning.set(true);
        s.supply.start_spin();
        return true;
    }
    // Idle for too long: one thread stays, and so does the first one and any with a goroutine
    // of its own.
    let ends = !woken
        && !keeper
        && m.id != 0
        && m.bound_live.get() == 0
        && m.exclusive.get().is_null()
        && idle.threads > 1;
    if ends {
        idle.threads -= 1;
    }
    !ends
}

/// Sleeps in the network poller, until there are events, the thread is roused, or `limit` has passed.
fn in_poller(m: &M, net: &Netpoll, limit: Option<Duration>) -> GFifo {
    // ORDER: SeqCst — announced before the look at the note; pairs with `M::rouse`.
    m.in_poller.store(true, SeqCst);
    fence(SeqCst); // ORDER: SeqCst — as above.
    let ready = net.poll_sleeping(limit, || m.note.is_set());
    // ORDER: Relaxed — who still sees it interrupts the next sleep in vain.
    m.in_poller.store(false, Relaxed);
    ready
}

/// Goroutines that a poll has found: on this thread if it has a P, else for all.
fn run_here_or_inject(m: &M, s: &Scheduler, ready: GFifo) {
    if m.p.get().is_null() || !m.exclusive.get().is_null() {
        s.inject_ready(ready);
    } else {
        crate::ready::make_all_ready(m, ready);
    }
}

/// Takes a sleeping M out of its list.
fn remove(idle: &mut Idle, s: &Scheduler, m: &M) {
    idle.ms.retain(|&x| !core::ptr::eq(x, m));
    idle.locked.retain(|&x| !core::ptr::eq(x, m));
    idle.waiters.retain(|&x| !core::ptr::eq(x, m));
    // ORDER: Relaxed — a hint.
    s.waiters.store(idle.waiters.len() as u32, Relaxed);
    // ORDER: Relaxed — the lock orders it.
    m.parked.store(false, Relaxed);
    idle.sleeping -= 1;
}

/// A timer was added that is due at `when`: whoever keeps the time must hear of it if it is
/// earlier than what it sleeps for.
pub(crate) fn timer_added(s: &Scheduler, when: u64, by_worker: bool) {
    // ORDER: SeqCst — after the timer is in its heap; pairs with the keeper's second look.
    fence(SeqCst);
    // ORDER: SeqCst — as above.
    if when >= s.sleep_until.load(SeqCst) {
        return;
    }
    // ORDER: Acquire ⇐ the keeper's exchange.
    let keeper = s.timekeeper.load(Acquire);
    // SAFETY: SCHED-MEM — Ms live as long as the scheduler.
    match unsafe { keeper.as_ref() } {
        Some(m) => m.rouse(),
        // Nobody keeps the time: a worker will, when it runs out of work; for an outsider
        // somebody must be sent.
        None if !by_worker => s.wake_one(),
        None => {}
    }
}

impl Scheduler {
    /// The first descriptor is watched: whoever keeps the time sleeps in the poller from now on.
    pub(crate) fn rouse_timekeeper(&self) {
        fence(SeqCst); // ORDER: SeqCst — NET-5: the descriptor was counted before; pairs with `sleep`.
        // ORDER: SeqCst — as above.
        let keeper = self.timekeeper.load(SeqCst);
        // SAFETY: SCHED-MEM — Ms live as long as the scheduler.
        if let Some(m) = unsafe { keeper.as_ref() } {
            m.rouse();
        }
    }
}
