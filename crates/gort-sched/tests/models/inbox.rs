//! Mail for a goroutine that is bound to a thread (WAKE-1), against that thread falling asleep: `notify_home` looks at `parked`
//! without the idle lock, and takes the lock only if the thread sleeps; `until_processor` says that it sleeps, and looks at
//! its mail afterwards, under the lock. Words: the mail of each poster, the lock, `parked`, whether the thread was woken, what
//! has run.

use crate::explore::{Machine, Step, explore, then};

const MAIL: usize = 0;
const LOCK: usize = 2;
const PARKED: usize = 3;
const WOKEN: usize = 4;
const RAN: usize = 5;

fn lock(m: &Machine, t: usize, to: u8) -> Vec<Machine> {
    if m.memory[LOCK] != 0 {
        return Vec::new();
    }
    then(m, t, to, |m| _ = m.exchange(t, LOCK, Some(0), 1))
}

fn unlock(m: &Machine, t: usize, to: u8) -> Vec<Machine> {
    then(m, t, to, |m| _ = m.exchange(t, LOCK, Some(1), 0))
}

/// `post_to_inbox`, whose Release alone orders no later load, then `notify_home`.
fn poster<const FENCE: bool>(m: &Machine, t: usize) -> Vec<Machine> {
    match m.pc[t] {
        0 => then(m, t, 1, |m| m.store(t, MAIL + t - 1, 1)),
        1 => then(m, t, 2, |m| {
            if FENCE {
                m.fence(t)
            }
        }),
        2 if m.load(t, PARKED) == 0 => then(m, t, 9, |_| ()),
        2 => then(m, t, 3, |_| ()),
        3 => lock(m, t, 4),
        4 => then(m, t, 5, |m| {
            if m.load(t, PARKED) == 1 {
                m.store(t, PARKED, 0);
                m.store(t, WOKEN, 1);
            }
        }),
        5 => unlock(m, t, 9),
        _ => Vec::new(),
    }
}

fn has_mail(m: &Machine, t: usize) -> bool {
    m.load(t, MAIL) + m.load(t, MAIL + 1) > 0
}

/// Runs its mail; then `until_processor`. With mail under the lock it gets a P, or a place in the line for one.
fn home<const FENCE: bool, const LOOKS: bool>(m: &Machine, t: usize) -> Vec<Machine> {
    match m.pc[t] {
        0 if has_mail(m, t) => then(m, t, 0, |m| {
            m.fence(t);
            for mail in [MAIL, MAIL + 1] {
                m.memory[RAN] += core::mem::take(&mut m.memory[mail]);
            }
        }),
        0 => then(m, t, 1, |_| ()),
        1 => lock(m, t, 2),
        2 => then(m, t, 3, |m| m.store(t, PARKED, 1)),
        3 => then(m, t, 4, |m| {
            if FENCE {
                m.fence(t)
            }
        }),
        4 if LOOKS && has_mail(m, t) => then(m, t, 5, |m| m.store(t, PARKED, 0)),
        4 => then(m, t, 6, |_| ()),
        5 => unlock(m, t, 0),
        6 => unlock(m, t, 7),
        7 if m.load(t, WOKEN) == 1 => then(m, t, 0, |m| _ = m.exchange(t, WOKEN, Some(1), 0)),
        _ => Vec::new(),
    }
}

fn check(home: Step, poster: Step) -> Result<usize, Machine> {
    explore(Machine::default(), &[home, poster, poster], |_| true, |m| m.memory[RAN] == 2)
}

#[test]
fn no_mail_is_left_lying() {
    assert!(check(home::<true, true>, poster::<true>).expect("both run") > 100);
}

#[test]
fn without_the_posters_fence_it_would_be() {
    check(home::<true, true>, poster::<false>).expect_err("the mutant is found");
}

#[test]
fn without_the_sleepers_fence_it_would_be() {
    check(home::<false, true>, poster::<true>).expect_err("the mutant is found");
}

#[test]
fn without_the_look_under_the_lock_it_would_be() {
    check(home::<true, false>, poster::<true>).expect_err("the mutant is found");
}
