//! Looking for work in the other processors' queues.
//!
//! Every P is visited once a round, from a random one on, in steps coprime to their number. Half of a
//! victim's queue moves; its timers, its run-next goroutine and the only one in its queue are touched in the last round
//! only, as the victim is about to run them itself: the latter two not before they have stayed there for 3 µs.
//! Where the program has told of memory nodes, near ones come first ([`nodes`](crate::nodes)).

use crate::g::G;
use crate::m::M;
use crate::nodes::{Nodes, near_first};
use crate::p::{P, bump};
use crate::pick::take_runnext;
use crate::priority;
use crate::ready::send_home;
use crate::schedule::{from_injector, not_null};
use crate::scheduler::Scheduler;
use crate::steal_log::{self, Begun};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use gort_sys::clock;

/// Rounds of stealing; run-next slots and timers of others only in the last.
const STEAL_ROUNDS: u32 = 4;
/// How long a thread without work looks on before it sleeps, in nanoseconds.
const SPIN_NS: u64 = 10_000;
/// How long a victim has for a goroutine that it will mostly run at once, in nanoseconds.
const LEAVE_NS: u64 = 3_000;

/// Looks into the other processors' queues, for a while.
pub(crate) fn steal(m: &M, s: &Scheduler, p: &P) -> Option<*mut G> {
    let seen = s.supply.look();
    if !m.spinning.get() {
        // At most half of the busy Ps look around.
        if 2 * seen.spinning() >= s.procs() - seen.idle().min(s.procs()) {
            return None;
        }
        m.spinning.set(true);
        s.supply.start_spin();
    }
    let mut end = 0;
    loop {
        for round in 0..STEAL_ROUNDS {
            if let Some(g) = steal_round(m, s, p, round + 1 == STEAL_ROUNDS) {
                return Some(g);
            }
        }
        if s.nodes().is_some() {
            m.reach.failed();
        }
        if let Some(g) = from_injector(s, p, usize::MAX) {
            return Some(g);
        }
        if priority::any(m, s)
            && let Some(g) = not_null(priority::instead_of_normal(m, s))
        {
            return Some(g);
        }
        let now = clock::nanos();
        if end == 0 {
            end = now + SPIN_NS;
        }
        // A processor that nobody competes for may be looked for a little longer.
        if now >= end || s.supply.look().idle() + 1 >= s.procs() || s.life() != 0 {
            steal_log::fruitless(p, end - SPIN_NS, now);
            return None;
        }
        for _ in 0..8 {
            for _ in 0..4 {
                core::hint::spin_loop();
            }
            // SAFETY: M-OWN — called on this thread.
            if s.has_waiters() || unsafe { m.has_bound_work() } {
                return None;
            }
        }
    }
}

/// Visits every other P once, from a random one on, in steps coprime to their number.
pub(crate) fn steal_round(m: &M, s: &Scheduler, p: &P, last: bool) -> Option<*mut G> {
    // SAFETY: P-OWN — g0 is inside and holds `p`.
    let draw = unsafe { p.own() }.chance.draw() as u32;
    match s.nodes() {
        None => visit_order(s.procs(), draw)
            .filter(|&id| id != p.id)
            .find_map(|id| visit(m, s, p, &s.ps[id as usize], last)),
        Some(nodes) => steal_near_first(m, s, p, last, nodes, draw),
    }
}

/// A queue of this length is worth going far.
const MUCH: u32 = 64;

/// The same where nodes count.
#[cold]
fn steal_near_first(
    m: &M,
    s: &Scheduler,
    p: &P,
    last: bool,
    nodes: &Nodes,
    draw: u32,
) -> Option<*mut G> {
    // Noted before the round: a P that changes its node meanwhile is still visited once.
    let mut rings = [0; Scheduler::MAX_PROCS as usize];
    let rings = &mut rings[..s.procs() as usize];
    for (victim, ring) in s.ps.iter().zip(rings.iter_mut()) {
        *ring = nodes.ring(p.node(nodes), victim.node(nodes));
    }
    let far = m.reach.is_far();
    for (id, ring) in near_first(rings, draw) {
        let victim = &s.ps[id as usize];
        if id == p.id || (ring != 0 && !far && victim.runq.len() < MUCH) {
            continue;
        }
        // ORDER: Relaxed — this thread alone writes the count.
        let before = p.counts.stolen.load(Relaxed);
        if let Some(g) = visit(m, s, p, victim, last) {
            m.reach.found(ring != 0);
            if ring != 0 {
                bump(&p.counts.far_steals, 1);
                // ORDER: Relaxed — as above.
                bump(&p.counts.far_stolen, p.counts.stolen.load(Relaxed) - before);
            }
            return Some(g);
        }
    }
    None
}

/// Looks at one victim.
#[inline]
fn visit(m: &M, s: &Scheduler, p: &P, victim: &P, last: bool) -> Option<*mut G> {
    if last && victim.timers.are_due() {
        crate::timer::run(m, &victim.timers, crate::runq::CAPACITY / 2);
        if let Some(g) = not_null(take_runnext(m, p)).or_else(|| p.runq.pop()) {
            return Some(g);
        }
    }
    if victim.runq.len() > 0 && may_take_from_queue(m, victim, last) {
        let begun = Begun::new(s, p, victim);
        let got = victim.runq.steal_into(&p.runq);
        begun.end(got.map_or(0, |(_, n)| n));
        if let Some((g, _)) = got {
            return Some(g);
        }
    }
    // ORDER: Relaxed — a look; `steal_runnext` looks again.
    if !last || victim.runnext.load(Relaxed).is_null() {
        return None;
    }
    let begun = Begun::new(s, p, victim);
    let got = steal_runnext(m, s, victim);
    begun.end(u32::from(got.is_some()));
    got
}

/// Every number below `n` once, from a start and by a step that `draw` chooses.
pub(crate) fn visit_order(n: u32, draw: u32) -> impl Iterator<Item = u32> {
    const fn gcd(a: u32, b: u32) -> u32 {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    let mut step = 1 + (draw >> 16) % n;
    while gcd(step, n) != 1 {
        step = step % n + 1;
    }
    let start = (draw & 0xffff) % n;
    (0..n).map(move |i| ((u64::from(start) + u64::from(i) * u64::from(step)) % u64::from(n)) as u32)
}

/// Whether `victim`'s queue is worth a theft. A single goroutine in it mostly waits for no longer than the current one
/// takes to park: two that talk to a third would otherwise be thrown from processor to processor with every word (a select
/// on two rendezvous channels took 2.2 times as long on two processors as on one).
fn may_take_from_queue(m: &M, victim: &P, last: bool) -> bool {
    victim.runq.len() != 1
        || victim.holder().is_null()
        || last
            && stays(m, {
                let head = victim.runq.head();
                move || victim.runq.head() == head
            })
}

/// Whether something is so, and stays so for [`LEAVE_NS`], while nothing comes that this thread must run.
fn stays(m: &M, so: impl Fn() -> bool) -> bool {
    let end = clock::nanos() + LEAVE_NS;
    while clock::nanos() < end {
        // SAFETY: M-OWN — called on this thread.
        if !so() || unsafe { m.has_bound_work() } {
            return false;
        }
        core::hint::spin_loop();
    }
    true
}

/// Takes what another P would run next, if it may run here.
fn steal_runnext(m: &M, s: &Scheduler, victim: &P) -> Option<*mut G> {
    // ORDER: Acquire ⇐ `run_next`: the record behind the pointer.
    let g = victim.runnext.load(Acquire);
    // SAFETY: G-MEM — records are type-stable, so a stale pointer may be looked at.
    let home = unsafe { g.as_ref() }?.home();
    if !home.is_null() && !core::ptr::eq(home, m) {
        return None;
    }
    // A goroutine that was just readied will mostly be run at once by the victim, whose current
    // one parks: stealing it would throw it from thread to thread.
    // ORDER: Relaxed — a look.
    if !victim.holder().is_null() && !stays(m, || victim.runnext.load(Relaxed) == g) {
        return None;
    }
    // ORDER: AcqRel — Acquire ⇐ `run_next`; Relaxed on failure: nothing was gained.
    victim.runnext.compare_exchange(g, null_mut(), AcqRel, Relaxed).ok()?;
    // The record may have been used again since it was looked at: only now it is ours.
    // SAFETY: G-OWN — the exchange took it.
    let home = unsafe { (*g).home() };
    if home.is_null() || core::ptr::eq(home, m) {
        return Some(g);
    }
    send_home(s, g);
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// SCHED-8: for 1 to 64 processors, whatever is drawn, everybody is visited once.
    #[test]
    fn everybody_is_visited_once() {
        for n in 1..=64 {
            for draw in [0, 1, 0xffff, 0x1_0000, 0x7_0003, 0xdead_beef, u32::MAX] {
                let mut seen: Vec<u32> = visit_order(n, draw).collect();
                seen.sort_unstable();
                assert_eq!(seen, (0..n).collect::<Vec<_>>(), "{n} {draw:#x}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// SCHED-9, WAKE-1: processors of several nodes whose queues fill anyhow. A thief takes from a near
        /// queue if one has anything; goes far for a long queue, or when its patience ends; finds what there
        /// is in so many searches as the longest patience has; and nothing is lost.
        #[test]
        fn near_before_far(
            nodes in 1..4u32,
            ops in proptest::collection::vec((0..8usize, 0..8usize, 0..90usize), 1..60),
        ) {
            let topology = crate::nodes::tests::machine(1 << nodes);
            let nodes = Nodes::in_turns(&topology);
            let config = crate::Config { procs: 8, nodes: Some(nodes.clone()), ..Default::default() };
            let s = Scheduler::new(config).expect("a scheduler");
            let ms: Vec<&M> = (0..8).map(|_| s.new_m()).collect();
            let mut made = Vec::new();
            let mut left = 0;
            for (at, thief, n) in ops {
                for _ in 0..if n > 80 { n } else { n % 4 } {
                    let g = Box::into_raw(Box::new(G::new(&raw const *s)));
                    made.push(g);
                    s.ps[at].runq.push(g, &mut |_| unreachable!("there is room"));
                    left += 1;
                }
                let (m, p) = (ms[thief], &s.ps[thief]);
                m.p.set(p);
                // Its own queue first, as always.
                left -= core::iter::from_fn(|| p.runq.pop()).count();
                if left == 0 {
                    continue;
                }
                let mut searches = 0;
                let got = loop {
                    let lens: Vec<u32> = s.ps.iter().map(|p| p.runq.len()).collect();
                    let was_far = m.reach.is_far();
                    let g = (0..STEAL_ROUNDS).find_map(|round| {
                        steal_round(m, &s, p, round + 1 == STEAL_ROUNDS)
                    });
                    let Some(_) = g else {
                        m.reach.failed();
                        searches += 1;
                        prop_assert!(searches <= u32::from(crate::nodes::MOST_PATIENT));
                        continue;
                    };
                    let from = (0..8).find(|&v| v != thief && s.ps[v].runq.len() < lens[v]);
                    let from = from.expect("somebody lost it");
                    let ring = |v: usize| nodes.ring(p.node(&nodes), s.ps[v].node(&nodes));
                    if ring(from) > 0 {
                        prop_assert!(was_far || lens[from] >= MUCH);
                    }
                    let nearer = (0..8).filter(|&v| v != thief && ring(v) < ring(from));
                    let reachable = |v: usize| ring(v) == 0 || was_far || lens[v] >= MUCH;
                    prop_assert!(nearer.into_iter().all(|v| lens[v] == 0 || !reachable(v)), "{lens:?}");
                    break 1 + core::iter::from_fn(|| p.runq.pop()).count();
                };
                left -= got;
            }
            for p in &s.ps {
                left -= core::iter::from_fn(|| p.runq.pop()).count();
            }
            prop_assert_eq!(left, 0);
            // SAFETY: G-MEM — the queues are empty.
            made.into_iter().for_each(|g| drop(unsafe { Box::from_raw(g) }));
            ms.iter().for_each(|m| m.p.set(core::ptr::null()));
            s.shut_down(core::time::Duration::from_secs(1));
        }
    }

    #[test]
    fn golden_orders() {
        let order = |n, draw| visit_order(n, draw).collect::<Vec<_>>();
        assert_eq!(order(4, 0), [0, 1, 2, 3]);
        assert_eq!(order(4, 0x0002_0001), [1, 0, 3, 2]);
        assert_eq!(order(5, 0x0001_0003), [3, 0, 2, 4, 1]);
    }
}
