//! WAKE-1. Words: goroutines in a queue, idle Ps, spinners, whether a thread was woken, taken work.

use crate::explore::{Machine, Step, explore, then};

const QUEUED: usize = 0;
const IDLE: usize = 1;
const SPINNERS: usize = 2;
const WOKEN: usize = 3;
const RAN: usize = 4;

/// W1, W2: publishes one goroutine, then wakes somebody if a P is idle and nobody spins. It
/// keeps its own processor busy and never looks again.
fn waker<const FENCE: bool>(m: &Machine, t: usize) -> Vec<Machine> {
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
fn sleeper<const LOOK: bool>(m: &Machine, t: usize) -> Vec<Machine> {
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
fn check(threads: [Step; 2]) -> Result<usize, Machine> {
    let mut start = Machine::default();
    start.memory[SPINNERS] = 1;
    explore(start, &threads, |_| true, |m| m.memory[RAN] == 1)
}

#[test]
fn no_goroutine_stays_behind() {
    assert!(check([waker::<true>, sleeper::<true>]).expect("it runs") > 20);
}

#[test]
fn without_the_second_look_one_would() {
    check([waker::<true>, sleeper::<false>]).expect_err("the mutant is found");
}

#[test]
fn without_the_wakers_fence_one_would() {
    check([waker::<false>, sleeper::<true>]).expect_err("the mutant is found");
}
