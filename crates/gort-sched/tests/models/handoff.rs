//! HANDOFF-1. Words: `in_runtime`, `request`, whether the thread touches the P, whether sysmon does.

use crate::explore::{Machine, Step, explore, then};

const IN: usize = 0;
const REQUEST: usize = 1;
const TOUCHED_BY_M: usize = 2;
const TOUCHED_BY_SYSMON: usize = 3;
const NONE: u8 = 0;
const ASKED: u8 = 1;
const TAKEN: u8 = 2;

/// How the thread enters.
#[derive(Clone, Copy, PartialEq)]
enum Enter {
    /// A store; sysmon runs a barrier on everybody.
    Plain,
    /// An exchange.
    Exchange,
}

/// The thread enters and leaves three times; then it stays outside.
fn thread<const EXCHANGE: bool>(m: &Machine, t: usize) -> Vec<Machine> {
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
fn sysmon<const BARRIER: bool>(m: &Machine, t: usize) -> Vec<Machine> {
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

fn exclusive(m: &Machine) -> bool {
    m.memory[TOUCHED_BY_M] + m.memory[TOUCHED_BY_SYSMON] < 2
}

fn check(enter: Enter, barrier: bool) -> Result<usize, Machine> {
    let threads: [Step; 2] = match (enter, barrier) {
        (Enter::Plain, true) => [thread::<false>, sysmon::<true>],
        (Enter::Plain, false) => [thread::<false>, sysmon::<false>],
        (Enter::Exchange, true) => [thread::<true>, sysmon::<true>],
        (Enter::Exchange, false) => [thread::<true>, sysmon::<false>],
    };
    explore(Machine::default(), &threads, exclusive, |_| true)
}

#[test]
fn a_processor_is_never_touched_by_two() {
    assert!(check(Enter::Plain, true).expect("exclusive") > 100);
    // Where membarrier is missing, the exchange alone does it.
    assert!(check(Enter::Exchange, false).expect("exclusive") > 100);
}

#[test]
fn without_a_barrier_it_would_be() {
    let overlap = check(Enter::Plain, false).expect_err("the mutant is found");
    assert!(!exclusive(&overlap));
}
