//! LEND-1. Words: who has lent the P, whether a thread touches it, whether a goroutine is injected, and
//! whether somebody has run it.

use crate::explore::{Machine, Step, explore, then};

const LENDER: usize = 0;
const TOUCHED: usize = 1;
const INJECTED: usize = 2;
const RAN: usize = 3;

/// Thread `t` lends the P, then takes it back or goes without, touches it, and lends it again.
/// `TAKES`: it takes its P back by an exchange, not by a look and a store.
fn lender<const TAKES: bool>(m: &Machine, t: usize) -> Vec<Machine> {
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

fn passed_on(threads: [Step; 2]) -> Result<usize, Machine> {
    let mut start = Machine::default();
    // The first thread has the P; the second is in a call, and comes back without one.
    start.pc[1] = 5;
    explore(start, &threads, |m| m.memory[TOUCHED] < 2, |_| true)
}

/// Lends, then looks at the injector; takes the P back and hands it to who runs what is there.
fn blocker<const LOOKS: bool>(m: &Machine, t: usize) -> Vec<Machine> {
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
fn injector<const FENCE: bool>(m: &Machine, t: usize) -> Vec<Machine> {
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

fn wanted(threads: [Step; 2]) -> Result<usize, Machine> {
    explore(Machine::default(), &threads, |_| true, |m| m.memory[RAN] == 1)
}

#[test]
fn a_lent_processor_has_one_taker() {
    passed_on([lender::<true>, lender::<true>]).expect("exclusive");
    passed_on([lender::<false>, lender::<true>]).expect_err("the mutant is found");
}

#[test]
fn a_goroutine_that_is_injected_meets_a_lent_processor() {
    wanted([blocker::<true>, injector::<true>]).expect("it runs");
    wanted([blocker::<false>, injector::<true>]).expect_err("the mutant is found");
    wanted([blocker::<true>, injector::<false>]).expect_err("the mutant is found");
}
