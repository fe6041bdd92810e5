//! The span protocol (`protocol.rs`) as a machine of small steps, searched completely: two givers and a holder over one span
//! of two slots in two words, every interleaving. Each step is one atomic operation of the code; a section under the
//! central's lock is taken apart into its operations on the state word.
//!
//! The mutants at the end are the protocol with one rule dropped; the search must find each of them out.

use std::collections::HashSet;

const N: i8 = 2;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum State {
    Free,
    Held,
    Full,
    Partial,
}

/// The rules that a mutant drops.
#[derive(Clone, Copy, Default)]
struct Mutant {
    count_before_or: bool,
    no_generation: bool,
    no_bias: bool,
    detach_without_count: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    words: [bool; 2],
    count: i8,
    state: State,
    generation: u8,
    linked: bool,
    lock: Option<u8>,
    /// Slots in nobody's hands but the program's.
    live: [bool; 2],
    givers: [Giver; 2],
    holder: Holder,
    /// Slots that the holder has taken.
    hand: [bool; 2],
    reused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Giver {
    Start,
    Second,
    Lock { emptied: bool, generation: u8 },
    Settle { emptied: bool, generation: u8 },
    Unlock,
    End,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Holder {
    Look(u8),
    Subtract(u8),
    Detach,
    Lock,
    Pop,
    End,
}

impl World {
    fn start() -> Self {
        World {
            words: [false; 2],
            count: 0,
            state: State::Held,
            generation: 0,
            linked: false,
            lock: None,
            live: [true; 2],
            givers: [Giver::Start; 2],
            holder: Holder::Look(0),
            hand: [false; 2],
            reused: false,
        }
    }

    /// The count of a word without bias borrows from the state when it falls below zero.
    fn add(&mut self, n: i8, m: Mutant) {
        let before = self.count;
        self.count += n;
        if m.no_bias && before == 0 && self.count < 0 {
            self.state = match self.state {
                State::Partial => State::Full,
                State::Full => State::Held,
                _ => State::Free,
            };
        } else if m.no_bias && before < 0 && self.count >= 0 {
            self.state = match self.state {
                State::Free => State::Held,
                State::Held => State::Full,
                _ => State::Partial,
            };
        }
    }

    /// The pages go back: nobody may have or be about to give a slot, and every slot must be free.
    fn release(&mut self) -> Result<(), String> {
        if self.words != [true; 2] {
            return Err("released with a slot that is not free".into());
        }
        if self.reused {
            return Err("released twice".into());
        }
        self.linked = false;
        self.generation += 1;
        // Somebody reuses the record at once, for a span that is full and in use.
        (self.state, self.count, self.words, self.reused) = (State::Full, 0, [false; 2], true);
        Ok(())
    }

    fn settle(&mut self, from: State, generation: u8, m: Mutant) -> Result<(), String> {
        if (self.generation != generation && !m.no_generation) || self.state != from {
            return Ok(());
        }
        if self.reused && self.generation != generation {
            return Err("touched a span of another generation".into());
        }
        match self.count {
            N => self.release(),
            c if c > 0 => {
                if self.linked {
                    return Err("linked twice".into());
                }
                (self.state, self.linked) = (State::Partial, true);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn giver(&mut self, i: usize, m: Mutant) -> Result<bool, String> {
        let me = i as u8 + 1;
        self.givers[i] = match self.givers[i] {
            Giver::Start | Giver::Second => {
                let first = self.givers[i] == Giver::Start;
                if first != m.count_before_or {
                    if self.words[i] || self.reused {
                        return Err(format!(
                            "give {i}: the slot is free already, or its span gone"
                        ));
                    }
                    self.words[i] = true;
                    self.live[i] = false;
                }
                if first == m.count_before_or {
                    let (state, generation) = (self.state, self.generation);
                    self.add(1, m);
                    match state {
                        State::Full => Giver::Lock { emptied: false, generation },
                        State::Partial if self.count == N => {
                            Giver::Lock { emptied: true, generation }
                        }
                        _ => Giver::End,
                    }
                    .or_second(first)
                } else if first {
                    Giver::Second
                } else {
                    Giver::End
                }
            }
            Giver::Lock { .. } if self.lock.is_some() => return Ok(false),
            Giver::Lock { emptied, generation } => {
                self.lock = Some(me);
                Giver::Settle { emptied, generation }
            }
            Giver::Settle { emptied: false, generation } => {
                self.settle(State::Full, generation, m)?;
                Giver::Unlock
            }
            Giver::Settle { emptied: true, generation } => {
                let same = self.generation == generation || m.no_generation;
                if same && self.state == State::Partial && self.count == N {
                    self.release()?;
                }
                Giver::Unlock
            }
            Giver::Unlock => {
                self.lock = None;
                if m.count_before_or && self.live[i] { Giver::Second } else { Giver::End }
            }
            Giver::End => return Ok(false),
        };
        Ok(true)
    }

    fn holder(&mut self, m: Mutant) -> Result<bool, String> {
        self.holder = match self.holder {
            Holder::Look(w) => {
                if self.words[w as usize] {
                    self.words[w as usize] = false;
                    self.hand[w as usize] = true;
                    Holder::Subtract(w)
                } else if w == 0 {
                    Holder::Look(1)
                } else {
                    Holder::Detach
                }
            }
            Holder::Subtract(w) => {
                self.add(-1, m);
                if w == 0 { Holder::Look(1) } else { Holder::Detach }
            }
            Holder::Detach => {
                if self.state != State::Held {
                    return Err(format!("the holder's span is {:?}", self.state));
                }
                if self.count <= 0 || m.detach_without_count {
                    self.state = State::Full;
                    Holder::Lock
                } else {
                    Holder::Look(0)
                }
            }
            Holder::Lock if self.lock.is_some() => return Ok(false),
            Holder::Lock => {
                self.lock = Some(0);
                Holder::Pop
            }
            Holder::Pop => {
                // Once: take the span again if it is in the list.
                self.lock = None;
                if self.linked {
                    (self.linked, self.state) = (false, State::Held);
                    Holder::Look(0)
                } else {
                    Holder::End
                }
            }
            Holder::End => return Ok(false),
        };
        Ok(true)
    }

    /// At rest: what was given is findable or gone, what the holder took is all that is missing.
    fn at_rest(&self) -> Result<(), String> {
        if self.reused {
            return if self.count == 0 && self.state == State::Full {
                Ok(())
            } else {
                Err("a late hand in a reused span".into())
            };
        }
        let free = self.words.iter().filter(|w| **w).count() as i8;
        if self.count != free {
            return Err(format!("count {} for {free} free slots", self.count));
        }
        let findable = self.linked == (self.state == State::Partial);
        match self.state {
            State::Partial if findable && free > 0 && free < N => Ok(()),
            State::Full if findable && free == 0 => Ok(()),
            _ => Err(format!("{free} free slots, {:?}, linked {}", self.state, self.linked)),
        }
    }
}

impl Giver {
    /// With the count first, the OR follows after whatever the count made us do.
    fn or_second(self, first: bool) -> Giver {
        if first && self == Giver::End { Giver::Second } else { self }
    }
}

fn search(m: Mutant) -> Result<usize, String> {
    let mut seen = HashSet::new();
    let mut todo = vec![World::start()];
    while let Some(world) = todo.pop() {
        if !seen.insert(world.clone()) {
            continue;
        }
        let mut moved = false;
        for who in 0..3 {
            let mut next = world.clone();
            let step = if who < 2 { next.giver(who, m) } else { next.holder(m) };
            if step.map_err(|e| format!("{e}: {world:?}"))? {
                moved = true;
                todo.push(next);
            }
        }
        if !moved {
            world.at_rest().map_err(|e| format!("{e}: {world:?}"))?;
        }
    }
    Ok(seen.len())
}

#[test]
fn every_interleaving_is_right() {
    let states = search(Mutant::default()).unwrap();
    assert!(states > 100, "only {states} states: the model does not move");
}

#[test]
fn each_rule_is_needed() {
    let none = Mutant::default();
    for (name, mutant) in [
        ("count before OR", Mutant { count_before_or: true, ..none }),
        ("no generation", Mutant { no_generation: true, ..none }),
        ("no bias", Mutant { no_bias: true, ..none }),
        ("detach without looking at the count", Mutant { detach_without_count: true, ..none }),
    ] {
        assert!(search(mutant).is_err(), "the search does not see the mutant: {name}");
    }
}
