//! NET-7. Words: whether somebody polls, the sleeper's note, whether it says that it sleeps in the
//! poller, the kernel's pending interruption.

use crate::explore::{Machine, Step, explore, then};

const POLLING: usize = 0;
const NOTE: usize = 1;
const IN_POLLER: usize = 2;
const INTERRUPT: usize = 3;

/// Sleeps until roused. `INSIDE`: asks for its note when it is in the poller, else before.
fn sleeper<const INSIDE: bool>(m: &Machine, t: usize) -> Vec<Machine> {
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

fn rouser(m: &Machine, t: usize) -> Vec<Machine> {
    match m.pc[t] {
        0 => then(m, t, 1, |m| _ = m.exchange(t, NOTE, None, 1)),
        1 if m.load(t, IN_POLLER) == 0 => then(m, t, 9, |_| ()),
        1 => then(m, t, 9, |m| m.memory[INTERRUPT] = 1),
        _ => Vec::new(),
    }
}

/// Polls once without waiting, and takes whatever is there.
fn other(m: &Machine, t: usize) -> Vec<Machine> {
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

fn check(sleeper: Step) -> Result<usize, Machine> {
    explore(Machine::default(), &[sleeper, rouser, other], |_| true, |m| m.pc[0] == 9)
}

#[test]
fn who_is_roused_does_not_sleep_in_the_poller() {
    assert!(check(sleeper::<true>).expect("it wakes") > 20);
}

#[test]
fn asked_outside_it_might() {
    check(sleeper::<false>).expect_err("the mutant is found");
}
