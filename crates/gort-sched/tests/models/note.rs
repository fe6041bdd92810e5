//! NOTE-1 of gort-sys: the note on which threads sleep. Words: the note, and whether its thread sleeps.

use crate::explore::{Machine, Step, explore, then};

const NOTE: usize = 0;
const ASLEEP: usize = 1;
const CLEAR: u8 = 0;
const SET: u8 = 1;
const ANNOUNCED: u8 = 2;

/// Sleeps until the note is set. The kernel looks at the word and puts to sleep in one step;
/// `CHECKS == false` is a kernel (or a caller) that does not look.
fn sleeper<const CHECKS: bool>(m: &Machine, t: usize) -> Vec<Machine> {
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
fn waker(m: &Machine, t: usize) -> Vec<Machine> {
    match m.pc[t] {
        0 => then(m, t, 1, |m| {
            m.local[t] = m.exchange(t, NOTE, None, SET).unwrap_or(SET);
        }),
        1 if m.local[t] == ANNOUNCED => then(m, t, 2, |m| m.memory[ASLEEP] = 0),
        _ => Vec::new(),
    }
}

fn check(threads: [Step; 2]) -> Result<usize, Machine> {
    explore(Machine::default(), &threads, |_| true, |m| m.pc[0] == 9)
}

#[test]
fn no_wake_of_a_note_is_lost() {
    check([sleeper::<true>, waker]).expect("the sleeper wakes");
    check([sleeper::<false>, waker]).expect_err("the mutant is found");
}
