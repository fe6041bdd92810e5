//! A thread from outside that spawns, and the end of the scheduler. Words: visitors, the scheduler's life,
//! whether its memory is in use from outside, whether it was freed.

use crate::explore::{Machine, Step, explore, then};

const VISITORS: usize = 0;
const EXITING: usize = 1;
const USED: usize = 2;
const FREED: usize = 3;

/// Counts itself, then looks whether the scheduler lives. The mutant looks first.
fn visitor<const COUNTS_FIRST: bool>(m: &Machine, t: usize) -> Vec<Machine> {
    let count = |m: &mut Machine| {
        m.fence(t);
        m.memory[VISITORS] += 1;
    };
    let lives = |m: &Machine| m.load(t, EXITING) == 0;
    match m.pc[t] {
        0 if COUNTS_FIRST => then(m, t, 1, count),
        0 => then(m, t, if lives(m) { 1 } else { 9 }, |_| ()),
        1 if !COUNTS_FIRST => then(m, t, 2, count),
        1 => then(m, t, if lives(m) { 2 } else { 4 }, |_| ()),
        2 => then(m, t, 3, |m| m.memory[USED] += 1),
        3 => then(m, t, 4, |m| m.memory[USED] -= 1),
        4 => then(m, t, 9, |m| {
            m.fence(t);
            m.memory[VISITORS] -= 1;
        }),
        _ => Vec::new(),
    }
}

/// Says that it ends, waits for the visitors, and frees. `ORDERED`: the word is out before the look.
fn ender<const ORDERED: bool>(m: &Machine, t: usize) -> Vec<Machine> {
    match m.pc[t] {
        0 => then(m, t, 1, |m| {
            m.store(t, EXITING, 1);
            if ORDERED {
                m.fence(t);
            }
        }),
        1 if m.load(t, VISITORS) == 0 => then(m, t, 2, |_| ()),
        2 => then(m, t, 9, |m| m.memory[FREED] = 1),
        _ => Vec::new(),
    }
}

fn check(counts_first: bool, ordered: bool) -> Result<usize, Machine> {
    let visitor: Step = if counts_first { visitor::<true> } else { visitor::<false> };
    let ender: Step = if ordered { ender::<true> } else { ender::<false> };
    let safe = |m: &Machine| m.memory[FREED] == 0 || m.memory[USED] == 0;
    explore(Machine::default(), &[visitor, visitor, ender], safe, |m| m.memory[FREED] == 1)
}

#[test]
fn nobody_is_in_a_scheduler_that_is_freed() {
    assert!(check(true, true).expect("nobody is") > 50);
    check(false, true).expect_err("the mutant is found: looks before it is counted");
    check(true, false).expect_err("the mutant is found: the word is out too late");
}
