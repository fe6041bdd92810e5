//! Models of the network poller: waiting for a descriptor against its events, its close and a deadline
//! (NET-1, NET-2), and sleeping in the poller against being roused (NET-7). Each is explored completely,
//! and each finds its planted mutants.

#[allow(dead_code, reason = "shared with the other models")]
mod explore;

use explore::{Machine, explore, then};

/// NET-1, NET-2. Words: the slot's word (count * 4, WAIT, BUSY), the ticket in it, the kernel's data,
/// who was woken, whether the source is closed.
mod slot {
    use super::*;

    const WORD: usize = 0;
    const WHO: usize = 1;
    const DATA: usize = 2;
    const WOKEN: usize = 3; // and 4
    const CLOSED: usize = 5;
    const BUSY: u8 = 1;
    const WAIT: u8 = 2;
    const ONE: u8 = 4;

    /// How a waiter ended.
    pub(crate) const CLOSED_AT: u8 = 7;
    pub(crate) const TIMED_OUT: u8 = 8;
    pub(crate) const GOT: u8 = 9;

    /// What is left out.
    pub(crate) const NOTHING: u8 = 0;
    /// A waiter does not compare the count.
    pub(crate) const COMPARE: u8 = 1;
    /// A waiter does not compare the count again when its ticket is written.
    pub(crate) const AGAIN: u8 = 4;
    /// A waiter that leaves does not count up.
    pub(crate) const COUNT: u8 = 2;
    /// A waiter looks whether the source is closed before it takes its mark, not after.
    pub(crate) const ORDER: u8 = 3;

    /// Marks, tries, waits; the first waiter has a deadline, which may pass at any moment of its wait.
    pub(crate) fn waiter<const OUT: u8>(m: &Machine, t: usize) -> Vec<Machine> {
        let mark = |m: &Machine, pc| then(m, t, pc, |n| n.local[t] = n.load(t, WORD) / ONE);
        let look = |m: &Machine, pc| {
            let closed = m.load(t, CLOSED) == 1;
            then(m, t, if closed { CLOSED_AT } else { pc }, |_| ())
        };
        let now = m.memory[WORD];
        let stale = OUT != COMPARE && now / ONE != m.local[t];
        match m.pc[t] {
            0 if OUT == ORDER => look(m, 1),
            0 => mark(m, 1),
            1 if OUT == ORDER => mark(m, 2),
            1 => look(m, 2),
            // The attempt.
            2 if m.memory[DATA] == 1 => then(m, t, GOT, |_| ()),
            2 => then(m, t, 3, |_| ()),
            // sit: the seat, the ticket, the wait.
            3 if stale => then(m, t, 0, |_| ()),
            3 if now & (BUSY | WAIT) != 0 => Vec::new(),
            3 => then(m, t, 4, |m| _ = m.exchange(t, WORD, Some(now), now | BUSY)),
            4 => then(m, t, 5, |m| m.store(t, WHO, t as u8)),
            5 => {
                let stale = stale && OUT != AGAIN;
                let to = if stale { now & !BUSY } else { (now & !BUSY) | WAIT };
                then(m, t, if stale { 0 } else { 6 }, |m| {
                    let _ = m.exchange(t, WORD, Some(now), to);
                    m.local[t] = now / ONE;
                })
            }
            // Parked: woken, or the deadline passes.
            6 => {
                let mut next = Vec::new();
                if m.memory[WOKEN + t] == 1 {
                    next.extend(then(m, t, 0, |m| m.memory[WOKEN + t] = 0));
                }
                if t == 0 {
                    next.extend(then(m, t, 10, |_| ()));
                }
                next
            }
            // leave.
            10 if now / ONE != m.local[t] => then(m, t, TIMED_OUT, |_| ()),
            10 => then(m, t, TIMED_OUT, |m| {
                let to = if OUT == COUNT { now & !WAIT } else { (now + ONE) & !WAIT };
                let _ = m.exchange(t, WORD, Some(now), to);
            }),
            _ => Vec::new(),
        }
    }

    /// One event: data comes (or the source is closed), then the slot is told.
    pub(crate) fn event<const CLOSES: bool>(m: &Machine, t: usize) -> Vec<Machine> {
        let (word, who) = (m.local[t] % 64, m.local[t] / 64);
        match m.pc[t] {
            0 if CLOSES => then(m, t, 1, |m| m.store(t, CLOSED, 1)),
            0 => then(m, t, 1, |m| m.memory[DATA] = 1),
            1 => then(m, t, 2, |m| m.local[t] = m.load(t, WORD)),
            2 => then(m, t, 3, |m| m.local[t] += 64 * m.load(t, WHO)),
            3 => {
                let mut next = m.clone();
                let taken = next.exchange(t, WORD, Some(word), (word + ONE) & !WAIT).is_ok();
                next.pc[t] = if taken { 4 } else { 1 };
                vec![next]
            }
            // Claims and wakes the ticket that it has read. One that has left is not to be woken.
            4 => then(m, t, 9, |m| {
                if word & WAIT != 0 && m.pc[usize::from(who)] == 6 {
                    m.memory[WOKEN + usize::from(who)] = 1;
                }
            }),
            _ => Vec::new(),
        }
    }

    pub(crate) fn check<const OUT: u8, const CLOSES: bool>() -> Result<usize, Machine> {
        let threads: [explore::Step; 3] = [waiter::<OUT>, waiter::<OUT>, event::<CLOSES>];
        let ends = if CLOSES { CLOSED_AT } else { GOT };
        explore(
            Machine::default(),
            &threads,
            |_| true,
            |m| m.pc[1] == ends && (m.pc[0] == ends || m.pc[0] == TIMED_OUT),
        )
    }
}

#[test]
fn no_event_of_a_descriptor_is_missed() {
    assert!(slot::check::<{ slot::NOTHING }, false>().expect("both go on") > 100);
    assert!(slot::check::<{ slot::NOTHING }, true>().expect("both go on") > 100);
}

/// NET-1.
#[test]
fn without_comparing_the_count_one_would_be() {
    slot::check::<{ slot::COMPARE }, false>().expect_err("the mutant is found");
}

/// NET-1: an event between the seat and the ticket.
#[test]
fn without_comparing_it_again_one_would_be() {
    slot::check::<{ slot::AGAIN }, false>().expect_err("the mutant is found");
}

/// NET-2: the poller reads the ticket of a waiter that leaves, and the word looks the same again.
#[test]
fn without_counting_who_leaves_the_wrong_one_would_be_woken() {
    slot::check::<{ slot::COUNT }, false>().expect_err("the mutant is found");
}

#[test]
fn a_look_at_closed_before_the_mark_would_be_too_early() {
    slot::check::<{ slot::ORDER }, true>().expect_err("the mutant is found");
}

/// NET-7. Words: whether somebody polls, the sleeper's note, whether it says that it sleeps in the
/// poller, the kernel's pending interruption.
mod poller {
    use super::*;

    const POLLING: usize = 0;
    const NOTE: usize = 1;
    const IN_POLLER: usize = 2;
    const INTERRUPT: usize = 3;

    /// Sleeps until roused. `INSIDE`: asks for its note when it is in the poller, else before.
    pub(crate) fn sleeper<const INSIDE: bool>(m: &Machine, t: usize) -> Vec<Machine> {
        let roused = m.load(t, NOTE) == 1;
        match m.pc[t] {
            0 => then(m, t, 1, |m| _ = m.exchange(t, IN_POLLER, None, 1)),
            1 if !INSIDE && roused => then(m, t, 9, |_| ()),
            1 => then(m, t, 2, |_| ()),
            2 if m.memory[POLLING] == 1 => Vec::new(),
            2 => then(m, t, 3, |m| _ = m.exchange(t, POLLING, Some(0), 1)),
            3 if INSIDE && roused => then(m, t, 9, |m| m.store(t, POLLING, 0)),
            3 => then(m, t, 4, |_| ()),
            // In the kernel.
            4 if m.memory[INTERRUPT] == 0 => Vec::new(),
            4 => then(m, t, 5, |m| m.memory[INTERRUPT] = 0),
            5 => then(m, t, 1, |m| m.store(t, POLLING, 0)),
            _ => Vec::new(),
        }
    }

    pub(crate) fn rouser(m: &Machine, t: usize) -> Vec<Machine> {
        match m.pc[t] {
            0 => then(m, t, 1, |m| _ = m.exchange(t, NOTE, None, 1)),
            1 if m.load(t, IN_POLLER) == 0 => then(m, t, 9, |_| ()),
            1 => then(m, t, 9, |m| m.memory[INTERRUPT] = 1),
            _ => Vec::new(),
        }
    }

    /// Polls once without waiting, and takes whatever is there.
    pub(crate) fn other(m: &Machine, t: usize) -> Vec<Machine> {
        match m.pc[t] {
            0 => {
                let mut next = m.clone();
                let entered = next.exchange(t, POLLING, Some(0), 1).is_ok();
                next.pc[t] = if entered { 1 } else { 9 };
                vec![next]
            }
            1 => then(m, t, 2, |m| m.memory[INTERRUPT] = 0),
            2 => then(m, t, 9, |m| m.store(t, POLLING, 0)),
            _ => Vec::new(),
        }
    }

    pub(crate) fn check(sleeper: explore::Step) -> Result<usize, Machine> {
        explore(Machine::default(), &[sleeper, rouser, other], |_| true, |m| m.pc[0] == 9)
    }
}

#[test]
fn who_is_roused_does_not_sleep_in_the_poller() {
    assert!(poller::check(poller::sleeper::<true>).expect("it wakes") > 20);
}

#[test]
fn asked_outside_it_might() {
    poller::check(poller::sleeper::<false>).expect_err("the mutant is found");
}
