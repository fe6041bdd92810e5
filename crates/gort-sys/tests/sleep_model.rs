//! SYS-8: the note and the lock, step by step, in every interleaving, with faults planted that must be found.
//!
//! The steps are those of `note.rs` and `lock.rs`: one atomic access or one futex call each. The futex is the kernel's contract:
//! a wait compares and falls asleep in one step; a wake wakes one sleeper of the word. No wake is spurious here, because those
//! would only help.

use std::collections::HashSet;

/// Values of the words, as in the sources.
mod note {
    pub(super) const CLEAR: u8 = 0;
    pub(super) const SET: u8 = 1;
    pub(super) const ASLEEP: u8 = 2;
}
mod lock {
    pub(super) const FREE: u8 = 0;
    pub(super) const HELD: u8 = 1;
    pub(super) const CONTENDED: u8 = 2;
}

/// What a rule left out does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    None,
    /// The futex falls asleep whatever the word says.
    BlindWait,
    /// The waker looks at the word, and then sets it.
    LookThenSet,
    /// The sleeper does not announce itself.
    Unannounced,
    /// A taker that was asleep says "held" and forgets the other sleepers.
    ForgetsOthers,
    /// The release does not wake.
    SilentRelease,
    /// The release wakes, and then frees.
    WakesFirst,
    /// A taker that finds the lock free does not mark it.
    Unmarked,
}

/// One call in progress; the number is the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Call {
    Sleep(u8),
    Clear,
    Wake(u8),
    /// The value that the waker saw before, for a mutant.
    WakeSeen(u8),
    Acquire(u8),
    Inside,
    Release(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Thread {
    /// Calls still to make, last first, each on a word.
    calls: Vec<(Call, usize)>,
    asleep_on: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    words: Vec<u8>,
    threads: Vec<Thread>,
}

impl World {
    fn new(words: usize, programs: &[&[(Call, usize)]]) -> Self {
        let thread = |p: &&[(Call, usize)]| Thread {
            calls: p.iter().rev().copied().collect(),
            asleep_on: None,
        };
        Self { words: vec![0; words], threads: programs.iter().map(thread).collect() }
    }

    fn wait(&mut self, t: usize, w: usize, expected: u8, mutant: Mutant) {
        if self.words[w] == expected || mutant == Mutant::BlindWait {
            self.threads[t].asleep_on = Some(w);
        }
    }

    /// Wakes one sleeper; which one is the kernel's choice, so there may be several worlds after it.
    fn wake(self, w: usize) -> Vec<World> {
        let sleepers: Vec<usize> =
            (0..self.threads.len()).filter(|i| self.threads[*i].asleep_on == Some(w)).collect();
        if sleepers.is_empty() {
            return vec![self];
        }
        let woken = |i: usize| {
            let mut world = self.clone();
            world.threads[i].asleep_on = None;
            world
        };
        sleepers.into_iter().map(woken).collect()
    }

    /// One step of thread `t`: the worlds that may follow.
    fn step(&self, t: usize, mutant: Mutant) -> Vec<World> {
        let mut new = self.clone();
        let (call, w) = new.threads[t].calls.pop().expect("a call");
        let word = self.words[w];
        let go = |mut world: World, call: Call| {
            world.threads[t].calls.push((call, w));
            vec![world]
        };
        match call {
            Call::Sleep(0) if word == note::SET => vec![new],
            Call::Sleep(0) => go(new, Call::Sleep(1)),
            Call::Sleep(1) if mutant == Mutant::Unannounced => go(new, Call::Sleep(3)),
            Call::Sleep(1) if word == note::CLEAR => {
                new.words[w] = note::ASLEEP;
                go(new, Call::Sleep(3))
            }
            Call::Sleep(1) => go(new, Call::Sleep(2)),
            Call::Sleep(2) => go(new, Call::Sleep(if word == note::ASLEEP { 3 } else { 0 })),
            Call::Sleep(_) => {
                let expected =
                    if mutant == Mutant::Unannounced { note::CLEAR } else { note::ASLEEP };
                new.wait(t, w, expected, mutant);
                go(new, Call::Sleep(0))
            }
            Call::Clear => {
                new.words[w] = note::CLEAR;
                vec![new]
            }
            Call::Wake(0) if mutant == Mutant::LookThenSet => go(new, Call::WakeSeen(word)),
            Call::WakeSeen(seen) => {
                new.words[w] = note::SET;
                if seen == note::ASLEEP { go(new, Call::Wake(1)) } else { vec![new] }
            }
            Call::Wake(0) => {
                new.words[w] = note::SET;
                if word == note::ASLEEP { go(new, Call::Wake(1)) } else { vec![new] }
            }
            Call::Acquire(0) if word == lock::FREE => {
                new.words[w] = lock::HELD;
                go(new, Call::Inside)
            }
            Call::Acquire(0) => go(new, Call::Acquire(1)),
            Call::Acquire(1) => {
                let marks = word != lock::FREE || mutant != Mutant::ForgetsOthers;
                new.words[w] = if marks { lock::CONTENDED } else { lock::HELD };
                if mutant == Mutant::Unmarked && word != lock::FREE {
                    new.words[w] = word;
                }
                go(new, if word == lock::FREE { Call::Inside } else { Call::Acquire(2) })
            }
            Call::Acquire(_) => {
                let expected =
                    if mutant == Mutant::Unmarked { lock::HELD } else { lock::CONTENDED };
                new.wait(t, w, expected, mutant);
                go(new, Call::Acquire(1))
            }
            Call::Inside => go(new, Call::Release(0)),
            Call::Release(0) if mutant == Mutant::WakesFirst => {
                let mut after = new;
                after.threads[t].calls.push((Call::Release(2), w));
                after.wake(w)
            }
            Call::Release(0 | 2) => {
                new.words[w] = lock::FREE;
                let wakes = word == lock::CONTENDED && call == Call::Release(0);
                if wakes && mutant != Mutant::SilentRelease {
                    go(new, Call::Release(1))
                } else {
                    vec![new]
                }
            }
            Call::Wake(_) | Call::Release(_) => new.wake(w),
        }
    }

    /// Searches everything that may happen; what went wrong, or the number of states.
    fn search(self, mutant: Mutant) -> Result<usize, String> {
        let mut seen = HashSet::from([self.clone()]);
        let mut open = vec![self];
        while let Some(world) = open.pop() {
            let inside = |t: &&Thread| matches!(t.calls.last(), Some((Call::Inside, _)));
            if world.threads.iter().filter(inside).count() > 1 {
                return Err(format!("two hold the lock: {world:?}"));
            }
            let ready: Vec<usize> = (0..world.threads.len())
                .filter(|t| {
                    !world.threads[*t].calls.is_empty() && world.threads[*t].asleep_on.is_none()
                })
                .collect();
            if ready.is_empty() && world.threads.iter().any(|t| !t.calls.is_empty()) {
                return Err(format!("a wake was lost: {world:?}"));
            }
            for next in ready.into_iter().flat_map(|t| world.step(t, mutant)) {
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        Ok(seen.len())
    }
}

const S: Call = Call::Sleep(0);
const W: Call = Call::Wake(0);
const A: Call = Call::Acquire(0);

/// Two threads pass a token back and forth over two notes, as the test on real threads does.
fn token() -> World {
    let there = [(W, 0), (S, 1), (Call::Clear, 1)].repeat(3);
    let back = [(S, 0), (Call::Clear, 0), (W, 1)].repeat(3);
    World::new(2, &[&there, &back])
}

/// Three threads take one lock twice each.
fn takers() -> World {
    let twice = [(A, 0), (A, 0)];
    World::new(1, &[&twice, &twice, &twice])
}

/// NOTE-1, LOCK-1: no wake is lost and nobody is alone with another.
#[test]
fn every_interleaving() {
    let states = token().search(Mutant::None).unwrap_or_else(|e| panic!("{e}"));
    assert!(states > 50, "{states}");
    let states = takers().search(Mutant::None).unwrap_or_else(|e| panic!("{e}"));
    assert!(states > 300, "{states}");
}

#[test]
fn each_fault_is_found() {
    for mutant in [Mutant::BlindWait, Mutant::LookThenSet, Mutant::Unannounced] {
        let found = token().search(mutant).expect_err("a fault of the note");
        assert!(found.starts_with("a wake was lost"), "{mutant:?}: {found}");
    }
    for mutant in [
        Mutant::BlindWait,
        Mutant::ForgetsOthers,
        Mutant::SilentRelease,
        Mutant::WakesFirst,
        Mutant::Unmarked,
    ] {
        let found = takers().search(mutant).expect_err("a fault of the lock");
        assert!(found.starts_with("a wake was lost"), "{mutant:?}: {found}");
    }
}
