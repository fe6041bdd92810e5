//! The steps under loom: every order of two givers and a holder over one span of two slots in two words, with the memory
//! that the slots are made of, so that a missing order is a race which loom reports.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release -p gort-heap --lib protocol`
//!
//! The mutants are the same scenario with one rule dropped; loom must find each of them out.

use super::steps::{self, Atomic64, Given, Settled, Words};
use crate::span::{State, Word};
use core::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed};
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU64;
use loom::sync::{Arc, Mutex};
use loom::thread;

/// The rule that is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mutant {
    None,
    /// The giver adds first and ORs later.
    CountBeforeOr,
    /// The count has no bias, so that it borrows from the state.
    NoBias,
    /// Late givers act on whatever generation the span has by then.
    NoGeneration,
    /// The state is a word of its own.
    StateApart,
    /// The giver's OR publishes nothing.
    RelaxedOr,
}

/// One 64-bit word, changed by a mutant's rules.
struct Cell {
    cell: AtomicU64,
    mutant: Mutant,
    /// The state of [`Mutant::StateApart`].
    apart: AtomicU64,
}

impl Cell {
    fn new(v: u64, mutant: Mutant, is_state: bool) -> Self {
        let mutant = match mutant {
            Mutant::NoBias | Mutant::StateApart if !is_state => Mutant::None,
            Mutant::RelaxedOr if is_state => Mutant::None,
            other => other,
        };
        let v = if mutant == Mutant::NoBias { v - 0x4000 } else { v };
        Self { cell: AtomicU64::new(v), mutant, apart: AtomicU64::new(v & 0xff_0000) }
    }

    /// What a word says whose count has no bias: a count below zero has borrowed from the state.
    fn read(&self, v: u64) -> u64 {
        match self.mutant {
            Mutant::NoBias => v & !0xffff | (v & 0xffff).wrapping_add(0x4000) & 0xffff,
            Mutant::StateApart => v & !0xff_0000 | Atomic64::load(&self.apart, Acquire),
            _ => v,
        }
    }

    fn write(&self, v: u64) -> u64 {
        match self.mutant {
            Mutant::NoBias => v & !0xffff | (v & 0xffff).wrapping_sub(0x4000) & 0xffff,
            _ => v,
        }
    }
}

impl Atomic64 for Cell {
    fn load(&self, o: Ordering) -> u64 {
        self.read(self.cell.load(o))
    }
    fn swap(&self, v: u64, o: Ordering) -> u64 {
        if self.mutant == Mutant::StateApart {
            self.apart.store(v & 0xff_0000, Ordering::Release);
        }
        self.read(self.cell.swap(self.write(v), o))
    }
    fn fetch_or(&self, v: u64, o: Ordering) -> u64 {
        self.cell.fetch_or(v, if self.mutant == Mutant::RelaxedOr { Relaxed } else { o })
    }
    fn fetch_add(&self, v: u64, o: Ordering) -> u64 {
        self.read(self.cell.fetch_add(v, o))
    }
    fn fetch_sub(&self, v: u64, o: Ordering) -> u64 {
        self.read(self.cell.fetch_sub(v, o))
    }
    fn exchange(&self, old: u64, new: u64, ok: Ordering, no: Ordering) -> Result<u64, u64> {
        if self.mutant == Mutant::StateApart {
            self.apart.store(new & 0xff_0000, Ordering::Release);
            return Ok(old);
        }
        let done = self.cell.compare_exchange(self.write(old), self.write(new), ok, no);
        done.map(|v| self.read(v)).map_err(|v| self.read(v))
    }
}

/// Two slots, each in a word of its own, and what lies in them.
struct Model {
    st: Cell,
    words: [Cell; 2],
    slots: [UnsafeCell<u32>; 2],
    /// The central's lock: whether the span is in its list, and how often it was released.
    central: Mutex<(bool, u32)>,
    mutant: Mutant,
}

impl Words for Model {
    type Cell = Cell;
    fn st(&self) -> &Cell {
        &self.st
    }
    fn word(&self, w: usize) -> &Cell {
        &self.words[w]
    }
    fn n(&self) -> i32 {
        2
    }
}

impl Model {
    /// Held, both slots in use.
    fn new(mutant: Mutant) -> Self {
        let st = Word::new(State::Held, 0, 7).0;
        Self {
            st: Cell::new(st, mutant, true),
            words: [0, 1].map(|_| Cell::new(0, mutant, false)),
            slots: [0, 1].map(UnsafeCell::new),
            central: Mutex::new((false, 0)),
            mutant,
        }
    }

    /// Uses a slot that is the caller's.
    fn touch(&self, slot: usize) {
        // SAFETY: H-1 — the caller has the slot; loom sees to it.
        self.slots[slot].with_mut(|p| unsafe { *p += 1 });
    }

    fn give(&self, slot: usize) {
        self.touch(slot);
        let given = if self.mutant == Mutant::CountBeforeOr {
            let was = Word(Atomic64::fetch_add(&self.st, 1, AcqRel));
            self.act(match was.state() {
                State::Full => Given::FirstFree(was.generation()),
                State::Partial if was.count() + 1 == 2 => Given::Emptied(was.generation()),
                _ => Given::Done,
            });
            assert_eq!(Atomic64::fetch_or(&self.words[slot], 1, AcqRel), 0, "freed twice");
            Given::Done
        } else {
            steps::give(self, slot, 1)
        };
        self.act(given);
    }

    /// What [`Inner::give`](crate::inner::Inner) does about it.
    fn act(&self, given: Given) {
        let now = |generation| match self.mutant {
            Mutant::NoGeneration => Word(Atomic64::load(&self.st, Relaxed)).generation(),
            _ => generation,
        };
        match given {
            Given::Done => {}
            Given::Twice(_) => panic!("a slot was given twice"),
            Given::FirstFree(generation) => {
                let mut central = self.central.lock().unwrap();
                let generation = now(generation);
                self.settle(&mut central, State::Full, generation);
            }
            Given::Emptied(generation) => {
                let mut central = self.central.lock().unwrap();
                let generation = now(generation);
                self.is_ours(&central, generation);
                if steps::is_empty(self, generation) {
                    assert!(central.0, "PARTIAL, and in no list");
                    central.0 = false;
                    self.release(&mut central);
                }
            }
        }
    }

    fn settle(&self, central: &mut (bool, u32), from: State, generation: u32) {
        self.is_ours(central, generation);
        match steps::settle(self, from, generation) {
            Settled::Nothing => {}
            Settled::Link => {
                assert!(!central.0, "linked twice");
                central.0 = true;
            }
            Settled::Release => self.release(central),
        }
    }

    /// Nobody looks at a span that was released as if it were the one he knew.
    fn is_ours(&self, central: &(bool, u32), generation: u32) {
        let now = Word(Atomic64::load(&self.st, Relaxed)).generation();
        assert!(central.1 == 0 || generation != now, "a late hand on a span of another generation");
    }

    /// The pages go, and are somebody else's at once: a full span of the next generation.
    fn release(&self, central: &mut (bool, u32)) {
        steps::retire(self);
        assert_eq!(central.1, 0, "released twice");
        central.1 += 1;
        for slot in 0..2 {
            assert_eq!(
                Atomic64::swap(&self.words[slot], 0, AcqRel),
                1,
                "released with a slot that is not free"
            );
            self.touch(slot);
        }
        let generation = Word(Atomic64::load(&self.st, Relaxed)).generation();
        Atomic64::swap(&self.st, Word::new(State::Full, 0, generation).0, AcqRel);
    }

    /// The holder takes what it finds, lets the span go, and picks it up once more if it is listed.
    fn hold(&self) -> u32 {
        let mut taken = 0;
        for _ in 0..2 {
            loop {
                for slot in 0..2 {
                    if steps::take(self, slot) != 0 {
                        self.touch(slot);
                        taken += 1;
                    }
                }
                if steps::detach(self) {
                    break;
                }
            }
            let mut central = self.central.lock().unwrap();
            if !central.0 {
                break;
            }
            central.0 = false;
            steps::hold(self);
        }
        // What it still holds goes to where its count says.
        let mut central = self.central.lock().unwrap();
        let st = Word(Atomic64::load(&self.st, Relaxed));
        if st.state() == State::Held {
            self.settle(&mut central, State::Held, st.generation());
        }
        taken
    }

    /// At rest: what was given and not taken is findable, or gone.
    fn at_rest(&self, taken: u32) {
        let (linked, released) = *self.central.lock().unwrap();
        let st = Word(Atomic64::load(&self.st, Acquire));
        let free = self.words.iter().filter(|w| Atomic64::load(*w, Acquire) != 0).count();
        if released != 0 {
            assert_eq!(
                (taken, linked, st.count(), st.state(), free),
                (0, false, 0, State::Full, 0),
                "a late hand"
            );
            return;
        }
        assert_eq!(free as u32 + taken, 2);
        assert_eq!(st.count(), free as i32, "H-2");
        match st.state() {
            State::Partial => assert!(linked && free > 0 && free < 2),
            State::Full => assert!(!linked && free == 0),
            other => panic!("{free} free slots in a span that is {other:?}"),
        }
    }
}

/// All orders with at most three switches that nothing forces (`LOOM_MAX_PREEMPTIONS` says otherwise).
fn explore(mutant: Mutant) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(move || {
        let model = Arc::new(Model::new(mutant));
        let givers = [0, 1].map(|slot| {
            let model = model.clone();
            thread::spawn(move || model.give(slot))
        });
        let taken = model.hold();
        for giver in givers {
            giver.join().unwrap();
        }
        model.at_rest(taken);
    });
}

/// H-1 to H-5, H-8.
#[test]
fn every_order_is_right() {
    explore(Mutant::None);
}

#[test]
fn each_rule_is_needed() {
    use Mutant::{CountBeforeOr, NoBias, NoGeneration, RelaxedOr, StateApart};
    for mutant in [CountBeforeOr, NoBias, NoGeneration, StateApart, RelaxedOr] {
        let found = std::panic::catch_unwind(|| explore(mutant));
        let Err(found) = found else { panic!("loom does not see the mutant: {mutant:?}") };
        let text = found.downcast_ref::<String>().map_or("", String::as_str);
        assert!(!text.contains("maximum number of branches"), "{mutant:?} runs in circles");
    }
}
