//! NET-1, NET-2. Words: the slot's word (count * 4, WAIT, BUSY), the ticket in it, the kernel's data,
//! who was woken, whether the source is closed.

use crate::explore::{Machine, Step, explore, then};

const WORD: usize = 0;
const WHO: usize = 1;
const DATA: usize = 2;
const WOKEN: usize = 3; // and 4
const CLOSED: usize = 5;
const BUSY: u8 = 1;
const WAIT: u8 = 2;
const ONE: u8 = 4;

/// How a waiter ended.
const CLOSED_AT: u8 = 7;
const TIMED_OUT: u8 = 8;
const GOT: u8 = 9;

/// What is left out.
const NOTHING: u8 = 0;
/// A waiter does not compare the count.
const COMPARE: u8 = 1;
/// A waiter does not compare the count again when its ticket is written.
const AGAIN: u8 = 4;
/// A waiter that leaves does not count up.
const COUNT: u8 = 2;
/// A waiter looks whether the source is closed before it takes its mark, not after.
const ORDER: u8 = 3;

/// Marks, tries, waits; the first waiter has a deadline, which may pass at any moment of its wait.
fn waiter<const OUT: u8>(m: &Machine, t: usize) -> Vec<Machine> {
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
fn event<const CLOSES: bool>(m: &Machine, t: usize) -> Vec<Machine> {
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

fn check<const OUT: u8, const CLOSES: bool>() -> Result<usize, Machine> {
    let threads: [Step; 3] = [waiter::<OUT>, waiter::<OUT>, event::<CLOSES>];
    let ends = if CLOSES { CLOSED_AT } else { GOT };
    explore(
        Machine::default(),
        &threads,
        |_| true,
        |m| m.pc[1] == ends && (m.pc[0] == ends || m.pc[0] == TIMED_OUT),
    )
}

#[test]
fn no_event_of_a_descriptor_is_missed() {
    assert!(check::<{ NOTHING }, false>().expect("both go on") > 100);
    assert!(check::<{ NOTHING }, true>().expect("both go on") > 100);
}

/// NET-1.
#[test]
fn without_comparing_the_count_one_would_be() {
    check::<{ COMPARE }, false>().expect_err("the mutant is found");
}

/// NET-1: an event between the seat and the ticket.
#[test]
fn without_comparing_it_again_one_would_be() {
    check::<{ AGAIN }, false>().expect_err("the mutant is found");
}

/// NET-2: the poller reads the ticket of a waiter that leaves, and the word looks the same again.
#[test]
fn without_counting_who_leaves_the_wrong_one_would_be_woken() {
    check::<{ COUNT }, false>().expect_err("the mutant is found");
}

#[test]
fn a_look_at_closed_before_the_mark_would_be_too_early() {
    check::<{ ORDER }, true>().expect_err("the mutant is found");
}
