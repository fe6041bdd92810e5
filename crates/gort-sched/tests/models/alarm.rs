//! A plain thread that waits for descriptors and for its ticket at once (PARK-2): it arms its note and polls; who wakes it
//! rings if the note was armed; and the thread, which may close its descriptor afterwards, does not go on before a ring that it
//! was promised. Words: the note, the ticket, rings that were not taken.

use crate::explore::{Machine, Step, explore, then};

const NOTE: usize = 0;
const TICKET: usize = 1;
const RINGS: usize = 2;

const CLEAR: u8 = 0;
const SET: u8 = 1;
const ARMED: u8 = 3;

const OPEN: u8 = 0;
const CLAIMED: u8 = 1;
const WITHDRAWN: u8 = 2;

const SLEEPER: usize = 0;
const GONE: u8 = 9;

/// `wait_polling`. The poll ends at any moment: a ring, a descriptor, the time.
fn sleeper<const TAKES_THE_RING: bool>(m: &Machine, t: usize) -> Vec<Machine> {
    let mut next = m.clone();
    match m.pc[t] {
        0 => {
            next.pc[t] = if next.exchange(t, NOTE, Some(CLEAR), ARMED).is_ok() { 1 } else { GONE };
            vec![next]
        }
        1 => {
            let mine = next.exchange(t, TICKET, Some(OPEN), WITHDRAWN).is_ok();
            next.pc[t] = if mine { 2 } else { 3 };
            vec![next]
        }
        2 => then(m, t, GONE, |m| m.memory[NOTE] = CLEAR),
        3 if !TAKES_THE_RING => then(m, t, GONE, |_| ()),
        3 if m.load(t, RINGS) > 0 => then(m, t, GONE, |m| m.memory[RINGS] -= 1),
        _ => Vec::new(),
    }
}

/// `Ticket::claim` and `wake`.
fn waker(m: &Machine, t: usize) -> Vec<Machine> {
    let mut next = m.clone();
    match m.pc[t] {
        0 => {
            next.pc[t] =
                if next.exchange(t, TICKET, Some(OPEN), CLAIMED).is_ok() { 1 } else { GONE };
            vec![next]
        }
        1 => {
            let before = next.exchange(t, NOTE, None, SET);
            next.pc[t] = if before == Ok(ARMED) { 2 } else { GONE };
            vec![next]
        }
        2 => then(m, t, GONE, |m| m.memory[RINGS] += 1),
        _ => Vec::new(),
    }
}

/// Nobody is about to ring at a thread that has gone on.
fn waits_for_the_ring(m: &Machine) -> bool {
    !(m.pc[SLEEPER] == GONE && (1..3).any(|t| m.pc[t] == 2))
}

fn check(sleeper: Step) -> Result<usize, Machine> {
    explore(Machine::default(), &[sleeper, waker, waker], waits_for_the_ring, |m| {
        m.pc[SLEEPER] == GONE && m.memory[RINGS] == 0
    })
}

#[test]
fn no_ring_comes_to_a_thread_that_has_gone_on() {
    assert!(check(sleeper::<true>).expect("it waits") > 20);
}

#[test]
fn without_taking_the_ring_it_would() {
    check(sleeper::<false>).expect_err("the mutant is found");
}
