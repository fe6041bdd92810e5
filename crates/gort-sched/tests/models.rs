//! Models of the protocols that rest on store-load order: handing a processor off (HANDOFF-1), lending
//! it (LEND-1), and waking (WAKE-1). Each is explored completely, and each finds the planted mutant.

mod explore;

use explore::{Machine, explore, then};

/// HANDOFF-1. Words: `in_runtime`, `request`, whether the thread touches the P, whether sysmon does.
mod handoff {
    use super::*;

    const IN: usize = 0;
    const REQUEST: usize = 1;
    const TOUCHED_BY_M: usize = 2;
    const TOUCHED_BY_SYSMON: usize = 3;
    const NONE: u8 = 0;
    const ASKED: u8 = 1;
    const TAKEN: u8 = 2;

    /// How the thread enters.
    #[derive(Clone, Copy, PartialEq)]
    pub(crate) enum Enter {
        /// A store; sysmon runs a barrier on everybody.
        Plain,
        /// An exchange.
        Exchange,
    }

    /// The thread enters and leaves three times; then it stays outside.
    pub(crate) fn thread<const EXCHANGE: bool>(m: &Machine, t: usize) -> Vec<Machine> {
        match m.pc[t] {
            0 if m.local[t] < 3 => then(m, t, 1, |m| {
                m.local[t] += 1;
                if EXCHANGE {
                    let _ = m.exchange(t, IN, None, 1);
                } else {
                    m.store(t, IN, 1);
                }
            }),
            1 if m.load(t, REQUEST) == NONE => then(m, t, 3, |_| ()),
            1 => then(m, t, 2, |_| ()),
            // There is a request: answer "no", unless sysmon has decided.
            2 => {
                let mut next = m.clone();
                let stays = next.exchange(t, REQUEST, Some(ASKED), NONE).is_ok()
                    || next.load(t, REQUEST) == NONE;
                next.pc[t] = if stays { 3 } else { 9 };
                vec![next]
            }
            // Touch the P, in two steps, so that an overlap can be seen.
            3 => then(m, t, 4, |m| m.memory[TOUCHED_BY_M] = 1),
            4 => then(m, t, 5, |m| m.memory[TOUCHED_BY_M] = 0),
            5 => then(m, t, 0, |m| m.store(t, IN, 0)),
            _ => Vec::new(),
        }
    }

    /// sysmon asks twice.
    pub(crate) fn sysmon<const BARRIER: bool>(m: &Machine, t: usize) -> Vec<Machine> {
        match m.pc[t] {
            0 if m.local[t] < 2 => then(m, t, 1, |m| {
                m.local[t] += 1;
                let _ = m.exchange(t, REQUEST, Some(NONE), ASKED);
            }),
            1 => then(m, t, 2, |m| {
                if BARRIER {
                    m.membarrier();
                }
            }),
            2 if m.load(t, IN) == 0 => then(m, t, 3, |_| ()),
            2 => then(m, t, 0, |m| _ = m.exchange(t, REQUEST, Some(ASKED), NONE)),
            3 => {
                let mut next = m.clone();
                let taken = next.exchange(t, REQUEST, Some(ASKED), TAKEN).is_ok();
                next.pc[t] = if taken { 4 } else { 0 };
                vec![next]
            }
            4 => then(m, t, 5, |m| m.memory[TOUCHED_BY_SYSMON] = 1),
            _ => Vec::new(),
        }
    }

    pub(crate) fn exclusive(m: &Machine) -> bool {
        m.memory[TOUCHED_BY_M] + m.memory[TOUCHED_BY_SYSMON] < 2
    }

    pub(crate) fn check(enter: Enter, barrier: bool) -> Result<usize, Machine> {
        let threads: [explore::Step; 2] = match (enter, barrier) {
            (Enter::Plain, true) => [thread::<false>, sysmon::<true>],
            (Enter::Plain, false) => [thread::<false>, sysmon::<false>],
            (Enter::Exchange, true) => [thread::<true>, sysmon::<true>],
            (Enter::Exchange, false) => [thread::<true>, sysmon::<false>],
        };
        explore(Machine::default(), &threads, exclusive, |_| true)
    }
}

#[test]
fn a_processor_is_never_touched_by_two() {
    assert!(handoff::check(handoff::Enter::Plain, true).expect("exclusive") > 100);
    // Where membarrier is missing, the exchange alone does it.
    assert!(handoff::check(handoff::Enter::Exchange, false).expect("exclusive") > 100);
}

#[test]
fn without_a_barrier_it_would_be() {
    let overlap = handoff::check(handoff::Enter::Plain, false).expect_err("the mutant is found");
    assert!(!handoff::exclusive(&overlap));
}

/// WAKE-1. Words: goroutines in a queue, idle Ps, spinners, whether a thread was woken, taken work.
mod wake {
    use super::*;

    const QUEUED: usize = 0;
    const IDLE: usize = 1;
    const SPINNERS: usize = 2;
    const WOKEN: usize = 3;
    const RAN: usize = 4;

    /// W1, W2: publishes one goroutine, then wakes somebody if a P is idle and nobody spins. It
    /// keeps its own processor busy and never looks again.
    pub(crate) fn waker<const FENCE: bool>(m: &Machine, t: usize) -> Vec<Machine> {
        match m.pc[t] {
            0 => then(m, t, 1, |m| m.store(t, QUEUED, 1)),
            1 => then(m, t, 2, |m| {
                if FENCE {
                    m.fence(t);
                }
            }),
            2 if m.load(t, IDLE) > 0 && m.load(t, SPINNERS) == 0 => then(m, t, 3, |_| ()),
            2 => then(m, t, 9, |_| ()),
            // Claims the office of the only spinner for a sleeping thread.
            3 => {
                let mut next = m.clone();
                let claimed = next.exchange(t, SPINNERS, Some(0), 1).is_ok();
                next.pc[t] = if claimed { 4 } else { 9 };
                vec![next]
            }
            4 => {
                let mut next = m.clone();
                if next.exchange(t, IDLE, Some(1), 0).is_ok() {
                    next.memory[WOKEN] = 1;
                } else {
                    let _ = next.exchange(t, SPINNERS, Some(1), 0);
                }
                next.pc[t] = 9;
                vec![next]
            }
            _ => Vec::new(),
        }
    }

    /// S1, S2: a spinner that has found nothing makes its P idle, stops spinning, and looks once
    /// more; then it sleeps until it is woken with a P, and looks again.
    pub(crate) fn sleeper<const LOOK: bool>(m: &Machine, t: usize) -> Vec<Machine> {
        match m.pc[t] {
            // Spinning, holding a P: a look at the queue.
            0 if m.load(t, QUEUED) == 1 => then(m, t, 6, |_| ()),
            0 => then(m, t, 1, |_| ()),
            1 => then(m, t, 2, |m| _ = m.exchange(t, IDLE, None, 1)),
            2 => then(m, t, 3, |m| _ = m.exchange(t, SPINNERS, None, 0)),
            3 if LOOK && m.load(t, QUEUED) == 1 => then(m, t, 4, |_| ()),
            3 => then(m, t, 5, |_| ()),
            // Work came: the P back, if nobody else has taken it meanwhile.
            4 => {
                let mut next = m.clone();
                let back = next.exchange(t, IDLE, Some(1), 0).is_ok();
                next.pc[t] = if back { 6 } else { 5 };
                vec![next]
            }
            5 if m.memory[WOKEN] == 1 => then(m, t, 7, |m| m.memory[WOKEN] = 0),
            // Runs what is there.
            6 => then(m, t, 9, |m| {
                m.memory[QUEUED] = 0;
                m.memory[RAN] = 1;
            }),
            7 if m.load(t, QUEUED) == 1 => then(m, t, 6, |_| ()),
            7 => then(m, t, 1, |_| ()),
            _ => Vec::new(),
        }
    }

    /// One thread spins with a P at the start. In the end the goroutine has run.
    pub(crate) fn check(threads: [explore::Step; 2]) -> Result<usize, Machine> {
        let mut start = Machine::default();
        start.memory[SPINNERS] = 1;
        explore(start, &threads, |_| true, |m| m.memory[RAN] == 1)
    }
}

#[test]
fn no_goroutine_stays_behind() {
    assert!(wake::check([wake::waker::<true>, wake::sleeper::<true>]).expect("it runs") > 20);
}

#[test]
fn without_the_second_look_one_would() {
    wake::check([wake::waker::<true>, wake::sleeper::<false>]).expect_err("the mutant is found");
}

#[test]
fn without_the_wakers_fence_one_would() {
    wake::check([wake::waker::<false>, wake::sleeper::<true>]).expect_err("the mutant is found");
}

/// LEND-1. Words: who has lent the P, whether a thread touches it, whether a goroutine is injected, and
/// whether somebody has run it.
mod lend {
    use super::*;

    const LENDER: usize = 0;
    const TOUCHED: usize = 1;
    const INJECTED: usize = 2;
    const RAN: usize = 3;

    /// Thread `t` lends the P, then takes it back or goes without, touches it, and lends it again.
    /// `TAKES`: it takes its P back by an exchange, not by a look and a store.
    pub(crate) fn lender<const TAKES: bool>(m: &Machine, t: usize) -> Vec<Machine> {
        let me = t as u8 + 1;
        match m.pc[t] {
            0 if m.local[t] < 2 => then(m, t, 1, |m| {
                m.local[t] += 1;
                let _ = m.exchange(t, LENDER, None, me);
            }),
            1 if TAKES => {
                let mut next = m.clone();
                let kept = next.exchange(t, LENDER, Some(me), 0).is_ok();
                next.pc[t] = if kept { 3 } else { 5 };
                vec![next]
            }
            1 if m.load(t, LENDER) == me => then(m, t, 2, |_| ()),
            1 => then(m, t, 5, |_| ()),
            2 => then(m, t, 3, |m| m.store(t, LENDER, 0)),
            3 => then(m, t, 4, |m| m.memory[TOUCHED] += 1),
            4 => then(m, t, 0, |m| m.memory[TOUCHED] -= 1),
            // Its P is gone: another that was lent will do.
            5 => borrow(m, t, 3),
            _ => Vec::new(),
        }
    }

    /// Takes what anybody has lent, and goes on at `to`; waits while there is nothing.
    fn borrow(m: &Machine, t: usize, to: u8) -> Vec<Machine> {
        if m.load(t, LENDER) == 0 {
            return Vec::new();
        }
        let mut next = m.clone();
        next.pc[t] = to;
        match next.exchange(t, LENDER, None, 0) {
            Ok(0) | Err(_) => Vec::new(),
            Ok(_) => vec![next],
        }
    }

    pub(crate) fn passed_on(threads: [explore::Step; 2]) -> Result<usize, Machine> {
        let mut start = Machine::default();
        // The first thread has the P; the second is in a call, and comes back without one.
        start.pc[1] = 5;
        explore(start, &threads, |m| m.memory[TOUCHED] < 2, |_| true)
    }

    /// Lends, then looks at the injector; takes the P back and hands it to who runs what is there.
    pub(crate) fn blocker<const LOOKS: bool>(m: &Machine, t: usize) -> Vec<Machine> {
        match m.pc[t] {
            0 => then(m, t, 1, |m| _ = m.exchange(t, LENDER, None, 1)),
            1 if LOOKS && m.load(t, INJECTED) == 1 => then(m, t, 2, |_| ()),
            1 => then(m, t, 9, |_| ()),
            2 => {
                let mut next = m.clone();
                if next.exchange(t, LENDER, Some(1), 0).is_ok() {
                    next.memory[RAN] = 1;
                }
                next.pc[t] = 9;
                vec![next]
            }
            _ => Vec::new(),
        }
    }

    /// Injects a goroutine, then looks for a P that was lent.
    pub(crate) fn injector<const FENCE: bool>(m: &Machine, t: usize) -> Vec<Machine> {
        match m.pc[t] {
            0 => then(m, t, 1, |m| m.store(t, INJECTED, 1)),
            1 => then(m, t, 2, |m| {
                if FENCE {
                    m.fence(t);
                }
            }),
            2 if m.load(t, LENDER) == 0 => then(m, t, 9, |_| ()),
            2 => {
                let mut next = m.clone();
                if next.exchange(t, LENDER, None, 0).is_ok_and(|lender| lender != 0) {
                    next.memory[RAN] = 1;
                }
                next.pc[t] = 9;
                vec![next]
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn wanted(threads: [explore::Step; 2]) -> Result<usize, Machine> {
        explore(Machine::default(), &threads, |_| true, |m| m.memory[RAN] == 1)
    }
}

#[test]
fn a_lent_processor_has_one_taker() {
    lend::passed_on([lend::lender::<true>, lend::lender::<true>]).expect("exclusive");
    lend::passed_on([lend::lender::<false>, lend::lender::<true>])
        .expect_err("the mutant is found");
}

#[test]
fn a_goroutine_that_is_injected_meets_a_lent_processor() {
    lend::wanted([lend::blocker::<true>, lend::injector::<true>]).expect("it runs");
    lend::wanted([lend::blocker::<false>, lend::injector::<true>])
        .expect_err("the mutant is found");
    lend::wanted([lend::blocker::<true>, lend::injector::<false>])
        .expect_err("the mutant is found");
}

/// NOTE-1 of gort-sys: the note on which threads sleep. Words: the note, and whether its thread sleeps.
mod note {
    use super::*;

    const NOTE: usize = 0;
    const ASLEEP: usize = 1;
    const CLEAR: u8 = 0;
    const SET: u8 = 1;
    const ANNOUNCED: u8 = 2;

    /// Sleeps until the note is set. The kernel looks at the word and puts to sleep in one step;
    /// `CHECKS == false` is a kernel (or a caller) that does not look.
    pub(crate) fn sleeper<const CHECKS: bool>(m: &Machine, t: usize) -> Vec<Machine> {
        match m.pc[t] {
            0 if m.load(t, NOTE) == SET => then(m, t, 9, |_| ()),
            0 => then(m, t, 1, |m| _ = m.exchange(t, NOTE, Some(CLEAR), ANNOUNCED)),
            1 if !CHECKS || m.memory[NOTE] == ANNOUNCED => then(m, t, 2, |m| m.memory[ASLEEP] = 1),
            1 => then(m, t, 0, |_| ()),
            2 if m.memory[ASLEEP] == 0 => then(m, t, 0, |_| ()),
            _ => Vec::new(),
        }
    }

    /// Sets the note, and wakes the sleeper that had announced itself.
    pub(crate) fn waker(m: &Machine, t: usize) -> Vec<Machine> {
        match m.pc[t] {
            0 => then(m, t, 1, |m| {
                m.local[t] = m.exchange(t, NOTE, None, SET).unwrap_or(SET);
            }),
            1 if m.local[t] == ANNOUNCED => then(m, t, 2, |m| m.memory[ASLEEP] = 0),
            _ => Vec::new(),
        }
    }

    pub(crate) fn check(threads: [explore::Step; 2]) -> Result<usize, Machine> {
        explore(Machine::default(), &threads, |_| true, |m| m.pc[0] == 9)
    }
}

#[test]
fn no_wake_of_a_note_is_lost() {
    note::check([note::sleeper::<true>, note::waker]).expect("the sleeper wakes");
    note::check([note::sleeper::<false>, note::waker]).expect_err("the mutant is found");
}
