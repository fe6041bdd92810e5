//! More models with mutants, explored completely: the injector's counts (WAKE-1), the inbox of goroutines that
//! are bound to a thread (WAKE-1), timers of a processor that goes (PROCS-1), and the end of a scheduler
//! under visitors (SCHED-MEM).

#[allow(dead_code, reason = "the models use a part of it")]
mod explore;

use explore::{Machine, Step, explore, then};

/// The injector counts a goroutine before it pushes it, and takers take batches. Words: the count, what is in
/// the lanes, an idle P, whether its thread was woken, what has run.
mod injector {
    use super::*;

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

    pub(crate) fn check(counts_first: bool) -> Result<usize, Machine> {
        let pusher: Step = if counts_first { pusher::<true> } else { pusher::<false> };
        let threads = [pusher, taker];
        let fits = |m: &Machine| m.memory[LEN] <= MANY;
        explore(Machine::default(), &threads, fits, |m| m.memory[RAN] == MANY)
    }
}

#[test]
fn the_injector_keeps_nothing_back() {
    assert!(injector::check(true).expect("all run") > 50);
    injector::check(false).expect_err("the mutant is found: counted after the look");
}

/// A goroutine that is bound to a sleeping thread: posted to the inbox, then the idle lock says whether the thread
/// sleeps. Words: the inbox, the lock, whether the thread is parked, whether it was woken, what has run.
mod inbox {
    use super::*;

    const INBOX: usize = 0;
    const LOCK: usize = 1;
    const PARKED: usize = 2;
    const WOKEN: usize = 3;
    const RAN: usize = 4;

    fn lock(m: &Machine, t: usize, to: u8) -> Vec<Machine> {
        if m.memory[LOCK] != 0 {
            return Vec::new();
        }
        then(m, t, to, |m| _ = m.exchange(t, LOCK, Some(0), 1))
    }

    fn unlock(m: &Machine, t: usize, to: u8) -> Vec<Machine> {
        then(m, t, to, |m| _ = m.exchange(t, LOCK, Some(1), 0))
    }

    /// Posts, and notifies. The mutant does it the other way round.
    fn poster<const POSTS_FIRST: bool>(m: &Machine, t: usize) -> Vec<Machine> {
        let post = |m: &mut Machine| {
            m.fence(t);
            m.memory[INBOX] += 1;
        };
        match m.pc[t] {
            0 => then(m, t, 1, |m| {
                if POSTS_FIRST {
                    post(m)
                }
            }),
            1 => lock(m, t, 2),
            2 => then(m, t, 3, |m| {
                if core::mem::take(&mut m.memory[PARKED]) == 1 {
                    m.memory[WOKEN] = 1;
                }
            }),
            3 => unlock(m, t, 4),
            4 => then(m, t, 9, |m| {
                if !POSTS_FIRST {
                    post(m)
                }
            }),
            _ => Vec::new(),
        }
    }

    /// Runs what is in the inbox; with the lock held looks once more, and sleeps.
    fn home<const LOOKS_UNDER_LOCK: bool>(m: &Machine, t: usize) -> Vec<Machine> {
        match m.pc[t] {
            0 if m.load(t, INBOX) > 0 => then(m, t, 0, |m| {
                m.fence(t);
                m.memory[RAN] += core::mem::take(&mut m.memory[INBOX]);
            }),
            0 => then(m, t, 1, |_| ()),
            1 => lock(m, t, 2),
            2 if LOOKS_UNDER_LOCK && m.load(t, INBOX) > 0 => then(m, t, 5, |_| ()),
            2 => then(m, t, 3, |m| m.memory[PARKED] = 1),
            3 => unlock(m, t, 4),
            4 if m.memory[WOKEN] == 1 => then(m, t, 0, |m| m.memory[WOKEN] = 0),
            5 => unlock(m, t, 0),
            _ => Vec::new(),
        }
    }

    pub(crate) fn check(posts_first: bool, looks: bool) -> Result<usize, Machine> {
        let poster: Step = if posts_first { poster::<true> } else { poster::<false> };
        let home: Step = if looks { home::<true> } else { home::<false> };
        explore(Machine::default(), &[home, poster, poster], |_| true, |m| m.memory[RAN] == 2)
    }
}

#[test]
fn no_goroutine_stays_in_an_inbox() {
    assert!(inbox::check(true, true).expect("both run") > 50);
    inbox::check(true, false).expect_err("the mutant is found: no look under the lock");
    inbox::check(false, true).expect_err("the mutant is found: notified before it is posted");
}

/// The timers of a processor that goes move to the first one, while the timekeeper goes to sleep. Words: whether
/// the timer is in the first heap, and in the second; for how long the keeper sleeps; whether it was woken, whether
/// the timer has fired.
mod timers {
    use super::*;

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

    pub(crate) fn check(looks: bool, tells: bool) -> Result<usize, Machine> {
        let keeper: Step = if looks { keeper::<true> } else { keeper::<false> };
        let mover: Step = if tells { mover::<true> } else { mover::<false> };
        let mut start = Machine::default();
        start.memory[SECOND] = 1;
        explore(start, &[keeper, mover], |_| true, |m| m.memory[FIRED] == 1)
    }
}

#[test]
fn a_timer_that_moves_fires() {
    assert!(timers::check(true, true).expect("it fires") > 15);
    timers::check(true, false).expect_err("the mutant is found: nobody tells the keeper");
    timers::check(false, true).expect_err("the mutant is found: the keeper does not look again");
}

/// A thread from outside that spawns, and the end of the scheduler. Words: visitors, the scheduler's life,
/// whether its memory is in use from outside, whether it was freed.
mod shutdown {
    use super::*;

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

    pub(crate) fn check(counts_first: bool, ordered: bool) -> Result<usize, Machine> {
        let visitor: Step = if counts_first { visitor::<true> } else { visitor::<false> };
        let ender: Step = if ordered { ender::<true> } else { ender::<false> };
        let safe = |m: &Machine| m.memory[FREED] == 0 || m.memory[USED] == 0;
        explore(Machine::default(), &[visitor, visitor, ender], safe, |m| m.memory[FREED] == 1)
    }
}

#[test]
fn nobody_is_in_a_scheduler_that_is_freed() {
    assert!(shutdown::check(true, true).expect("nobody is") > 50);
    shutdown::check(false, true).expect_err("the mutant is found: looks before it is counted");
    shutdown::check(true, false).expect_err("the mutant is found: the word is out too late");
}
