//! The injector counts a goroutine before it pushes it, and takers take batches. Words: the count, what is in
//! the lanes, an idle P, whether its thread was woken, what has run.

use crate::explore::{Machine, Step, explore, then};

const LEN: usize = 0;
const ITEMS: usize = 1;
const IDLE: usize = 2;
const WOKEN: usize = 3;
const RAN: usize = 4;
const MANY: u8 = 3;

/// Pushes `MANY` goroutines, each with a look for a sleeper afterwards.
fn pusher<const COUNTS_FIRST: bool>(m: &Machine, t: usize) -> Vec<Machine> {
    let count = |m: &mut Machine| {
        m.fence(t);
        m.memory[LEN] = m.memory[LEN].wrapping_add(1);
    };
    let push = |m: &mut Machine| {
        m.fence(t);
        m.memory[ITEMS] += 1;
    };
    match m.pc[t] {
        0 if m.local[t] < MANY => then(m, t, 1, |m| {
            m.local[t] += 1;
            if COUNTS_FIRST { count(m) } else { push(m) }
        }),
        1 => then(m, t, 2, |m| {
            if COUNTS_FIRST {
                push(m)
            }
        }),
        2 if m.load(t, IDLE) == 1 => then(m, t, 3, |m| {
            if m.exchange(t, IDLE, Some(1), 0).is_ok() {
                m.memory[WOKEN] = 1;
            }
        }),
        2 => then(m, t, 3, |_| ()),
        3 => then(m, t, 0, |m| {
            if !COUNTS_FIRST {
                count(m)
            }
        }),
        _ => Vec::new(),
    }
}

/// Takes half of what is counted and one more, as a batch; without work makes its P idle, looks once more,
/// and sleeps.
fn taker(m: &Machine, t: usize) -> Vec<Machine> {
    match m.pc[t] {
        0 if m.load(t, LEN) == 0 => then(m, t, 2, |_| ()),
        0 => then(m, t, 1, |m| m.local[t] = m.load(t, LEN) / 2 + 1),
        1 if m.memory[ITEMS] > 0 && m.local[t] > 0 => then(m, t, 1, |m| {
            m.fence(t);
            m.memory[ITEMS] -= 1;
            m.memory[LEN] = m.memory[LEN].wrapping_sub(1);
            m.memory[RAN] += 1;
            m.local[t] -= 1;
        }),
        1 => then(m, t, 2, |m| m.local[t] = 0),
        2 => then(m, t, 3, |m| _ = m.exchange(t, IDLE, None, 1)),
        3 if m.load(t, LEN) != 0 => then(m, t, 4, |_| ()),
        3 => then(m, t, 5, |_| ()),
        4 => {
            let mut next = m.clone();
            let back = next.exchange(t, IDLE, Some(1), 0).is_ok();
            next.pc[t] = if back { 0 } else { 5 };
            vec![next]
        }
        5 if m.memory[WOKEN] == 1 => then(m, t, 0, |m| m.memory[WOKEN] = 0),
        _ => Vec::new(),
    }
}

fn check(counts_first: bool) -> Result<usize, Machine> {
    let pusher: Step = if counts_first { pusher::<true> } else { pusher::<false> };
    let threads = [pusher, taker];
    let fits = |m: &Machine| m.memory[LEN] <= MANY;
    explore(Machine::default(), &threads, fits, |m| m.memory[RAN] == MANY)
}

#[test]
fn the_injector_keeps_nothing_back() {
    assert!(check(true).expect("all run") > 50);
    check(false).expect_err("the mutant is found: counted after the look");
}
