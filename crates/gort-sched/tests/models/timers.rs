//! The timers of a processor that goes move to the first one, while the timekeeper goes to sleep. Words: whether
//! the timer is in the first heap, and in the second; for how long the keeper sleeps; whether it was woken, whether
//! the timer has fired.

use crate::explore::{Machine, Step, explore, then};

const FIRST: usize = 0;
const SECOND: usize = 1;
const UNTIL: usize = 2;
const WOKEN: usize = 3;
const FIRED: usize = 4;
const TIMER: u8 = 1;
const FOR_EVER: u8 = 2;

/// Says until when it will sleep, and looks once more before it does.
fn keeper<const LOOKS: bool>(m: &Machine, t: usize) -> Vec<Machine> {
    match m.pc[t] {
        0 => then(m, t, 1, |m| m.local[t] = m.load(t, FIRST)),
        1 => then(m, t, 2, |m| m.local[t] |= m.load(t, SECOND)),
        2 => then(m, t, 3, |m| {
            let until = if m.local[t] == 0 { FOR_EVER } else { TIMER };
            let _ = m.exchange(t, UNTIL, None, until);
            m.local[t] = until;
        }),
        3 if LOOKS && m.local[t] == FOR_EVER && m.load(t, FIRST) == 1 => then(m, t, 0, |_| ()),
        3 => then(m, t, 4, |_| ()),
        4 if LOOKS && m.local[t] == FOR_EVER && m.load(t, SECOND) == 1 => then(m, t, 0, |_| ()),
        4 => then(m, t, 5, |_| ()),
        5 if m.local[t] == TIMER => then(m, t, 9, |m| m.memory[FIRED] = 1),
        5 if m.memory[WOKEN] == 1 => then(m, t, 0, |m| m.memory[WOKEN] = 0),
        _ => Vec::new(),
    }
}

/// Takes the timer out of one heap, puts it into the other, and sees whether the keeper must hear of it.
fn mover<const TELLS: bool>(m: &Machine, t: usize) -> Vec<Machine> {
    match m.pc[t] {
        0 => then(m, t, 1, |m| _ = m.exchange(t, SECOND, None, 0)),
        1 => then(m, t, 2, |m| _ = m.exchange(t, FIRST, None, 1)),
        2 if TELLS && m.load(t, UNTIL) == FOR_EVER => then(m, t, 9, |m| m.memory[WOKEN] = 1),
        2 => then(m, t, 9, |_| ()),
        _ => Vec::new(),
    }
}

fn check(looks: bool, tells: bool) -> Result<usize, Machine> {
    let keeper: Step = if looks { keeper::<true> } else { keeper::<false> };
    let mover: Step = if tells { mover::<true> } else { mover::<false> };
    let mut start = Machine::default();
    start.memory[SECOND] = 1;
    explore(start, &[keeper, mover], |_| true, |m| m.memory[FIRED] == 1)
}

#[test]
fn a_timer_that_moves_fires() {
    assert!(check(true, true).expect("it fires") > 15);
    check(true, false).expect_err("the mutant is found: nobody tells the keeper");
    check(false, true).expect_err("the mutant is found: the keeper does not look again");
}
