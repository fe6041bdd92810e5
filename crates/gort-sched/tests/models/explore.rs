//! A small explorer: every interleaving of a few threads on a machine with store buffers (TSO, as
//! x86 has it).
//!
//! A model is a set of threads; each has a program counter and takes atomic steps on a few shared
//! words. A store goes into the thread's buffer and becomes visible later, at any moment; loads look
//! into the own buffer first; a fence or a read-modify-write empties the buffer. The explorer visits
//! every state once and checks an invariant in each, and a condition in each end state.

use std::collections::HashSet;

/// Shared words.
pub(crate) const WORDS: usize = 6;
/// Threads of a model at most.
pub(crate) const THREADS: usize = 3;

/// One state of the machine.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Machine {
    pub(crate) memory: [u8; WORDS],
    pub(crate) pc: [u8; THREADS],
    pub(crate) local: [u8; THREADS],
    buffers: [Vec<(u8, u8)>; THREADS],
}

impl Machine {
    /// What thread `t` sees in word `w`.
    pub(crate) fn load(&self, t: usize, w: usize) -> u8 {
        let own = self.buffers[t].iter().rev().find(|e| e.0 as usize == w);
        own.map_or(self.memory[w], |e| e.1)
    }

    /// A plain store, visible to others some time later.
    pub(crate) fn store(&mut self, t: usize, w: usize, v: u8) {
        self.buffers[t].push((w as u8, v));
    }

    /// Makes the thread's stores visible.
    pub(crate) fn fence(&mut self, t: usize) {
        for (w, v) in std::mem::take(&mut self.buffers[t]) {
            self.memory[w as usize] = v;
        }
    }

    /// A fence on every thread, as `membarrier(2)` makes it.
    pub(crate) fn membarrier(&mut self) {
        (0..THREADS).for_each(|t| self.fence(t));
    }

    /// A read-modify-write: `Ok(old)` if the word was `from`, which is then `to`.
    pub(crate) fn exchange(
        &mut self,
        t: usize,
        w: usize,
        from: Option<u8>,
        to: u8,
    ) -> Result<u8, u8> {
        self.fence(t);
        let old = self.memory[w];
        if from.is_some_and(|f| f != old) {
            return Err(old);
        }
        self.memory[w] = to;
        Ok(old)
    }

    /// States that differ from this by one store of one thread becoming visible.
    fn flushes(&self) -> impl Iterator<Item = Machine> + '_ {
        (0..THREADS).filter(|&t| !self.buffers[t].is_empty()).map(|t| {
            let mut next = self.clone();
            let (w, v) = next.buffers[t].remove(0);
            next.memory[w as usize] = v;
            next
        })
    }
}

/// What a thread does at its program counter: the states that it may come to; none: it waits or has
/// ended.
pub(crate) type Step = fn(&Machine, usize) -> Vec<Machine>;

/// Explores from `start`. `always` must hold in every state, `at_end` in those where nobody can step.
///
/// # Errors
/// The first state that breaks one of them.
pub(crate) fn explore(
    start: Machine,
    threads: &[Step],
    always: impl Fn(&Machine) -> bool,
    at_end: impl Fn(&Machine) -> bool,
) -> Result<usize, Machine> {
    let (mut seen, mut todo) = (HashSet::new(), vec![start]);
    while let Some(state) = todo.pop() {
        if !seen.insert(state.clone()) {
            continue;
        }
        assert!(seen.len() < 2_000_000, "the model is too large");
        if !always(&state) {
            return Err(state);
        }
        let mut next: Vec<Machine> = state.flushes().collect();
        for (t, step) in threads.iter().enumerate() {
            next.extend(step(&state, t));
        }
        if next.is_empty() && !at_end(&state) {
            return Err(state);
        }
        todo.extend(next);
    }
    Ok(seen.len())
}

/// The state after thread `t` has done `f` and goes on at `pc`.
pub(crate) fn then(m: &Machine, t: usize, pc: u8, f: impl FnOnce(&mut Machine)) -> Vec<Machine> {
    let mut next = m.clone();
    f(&mut next);
    next.pc[t] = pc;
    vec![next]
}
