//! The whole protocol in one thread, step by step, against a shadow graph.
//!
//! Guards are not tied to threads, so one thread can hold several and play all mutators; and the coordinator
//! calls [`Pause`] at every wait and between all quanta of its work. So a list of operations, performed a few
//! at each pause, is a schedule: random lists explore how mutators interleave with a cycle, a failing one
//! repeats and shrinks.
//!
//! The shadow knows every object's fields. Objects hold a member whose drop glue notes their death, and glue runs
//! at once here, so after each step: *nothing that a handle or a root can reach is dead*. At the end, two cycles
//! without operations must leave exactly what the roots reach.

use std::collections::HashSet;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::foreign::{Kind, Shown};
use crate::config::Rules;
use crate::cycle;
use crate::pause::{Pause, Point, Stopped};
use crate::shared::Shared;
use crate::{
    Collector, Config, Ephemeron, Field, Gc, Leaf, Mutant, Mutator, Root, Trace, Weak, assist,
    foreign,
};

const GUARDS: usize = 3;

/// Notes the death of its object.
#[derive(Leaf)]
struct Tracked {
    id: usize,
    dead: Arc<Mutex<Vec<bool>>>,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let was = std::mem::replace(&mut self.dead.lock().unwrap()[self.id], true);
        assert!(!was, "object {} died twice", self.id);
    }
}

#[derive(Trace)]
struct Obj<const N: usize> {
    tracked: Tracked,
    fields: [Field<Obj<N>>; N],
}

type Handle<const N: usize> = (Gc<'static, Obj<N>>, usize);

/// An operation: what, and three numbers to choose objects by.
pub(super) type Op = [u8; 4];

/// One guard and the handles that it protects. Their lifetime is the test's business: they go when it passes, or, if it
/// is a foreign mutator, when the test wants.
struct Guard<const N: usize> {
    mu: Option<Mutator>,
    foreign: Option<foreign::Mutator<Shown>>,
    kind: Kind,
    handles: Vec<Handle<N>>,
}

pub(super) struct Sim<const N: usize> {
    collector: ManuallyDrop<Collector>,
    dead: Arc<Mutex<Vec<bool>>>,
    shadow: Vec<[Option<usize>; N]>,
    guards: [Guard<N>; GUARDS],
    roots: Vec<(Root<Obj<N>>, usize)>,
    weak: Vec<(Weak<Obj<N>>, usize)>,
    /// Ephemerons with their keys and values.
    values: Vec<(Ephemeron<Obj<N>, Obj<N>>, usize, usize)>,
    /// Objects whose cleanup ran.
    cleaned: Arc<Mutex<Vec<usize>>>,
    ops: std::vec::IntoIter<Op>,
    /// Operations per pause.
    burst: usize,
}

impl<const N: usize> Sim<N> {
    pub(super) fn new(ops: Vec<Op>, burst: usize, mutant: Mutant) -> Self {
        Self::with(Kind::Rust, ops, burst, mutant)
    }

    /// All guards but the last are foreign mutators, unless `kind` is `Rust`.
    pub(super) fn with(kind: Kind, ops: Vec<Op>, burst: usize, mutant: Mutant) -> Self {
        let config = Config { gc_percent: None, range_shift: 32, ..Config::default() };
        let rules = Rules { run_glue: false, mutant };
        let collector = Collector::with_rules(config, rules).expect("address space");
        let guards = std::array::from_fn(|i| {
            let kind = if i + 1 < GUARDS { kind } else { Kind::Rust };
            let foreign = (kind != Kind::Rust).then(|| Shown::register(&collector));
            Guard { mu: None, foreign, kind, handles: Vec::new() }
        });
        Self {
            collector: ManuallyDrop::new(collector),
            dead: Arc::default(),
            shadow: Vec::new(),
            guards,
            roots: Vec::new(),
            weak: Vec::new(),
            values: Vec::new(),
            cleaned: Arc::default(),
            ops: ops.into_iter(),
            burst,
        }
    }

    /// Cycles until all operations are used, then two more; then only what the roots reach is left.
    pub(super) fn run(mut self) {
        let shared = self.collector.shared_ptr();
        // SAFETY: COLL-1 — the collector is part of `self` and dropped last.
        let s: &'static Shared = unsafe { &*shared.as_ptr() };
        let (mut idle, mut blocks) = (0, false);
        while idle < 2 {
            if self.ops.len() == 0 {
                idle += 1;
                self.guards.iter_mut().for_each(Guard::unpin);
            }
            // Every other cycle finds a foreign mutator blocked.
            blocks = !blocks;
            let blocked = if blocks { self.guards[0].foreign.take() } else { None };
            if let Some(mut foreign) = blocked {
                self.guards[0].kind.show(&mut foreign, &self.guards[0].addresses());
                foreign.blocked(|| cycle::run(s, false, &mut self)).expect("not closing");
                self.guards[0].foreign = Some(foreign);
            } else {
                cycle::run(s, false, &mut self).expect("not closing");
            }
            self.perform();
            cycle::finish_sweep(s, &mut self).expect("not closing");
            self.bury_dead(s);
        }
        let alive = self.reachable();
        for (id, &dead) in self.dead.lock().unwrap().iter().enumerate() {
            assert_eq!(!dead, alive.contains(&id), "object {id} of {}", self.shadow.len());
        }
        for (weak, id) in &self.weak {
            let mu = self.collector.pin();
            assert_eq!(weak.get(&mu).is_some(), alive.contains(id), "the weak name of {id}");
        }
        assert!(!self.cleaned.lock().unwrap().iter().any(|id| alive.contains(id)));
        assert_eq!(self.collector.stats().glue_panics, 0);
        self.roots.clear();
        self.values.clear();
        self.guards.iter_mut().for_each(|guard| guard.foreign = None);
        // SAFETY: dropped once, here; after a failure it is leaked, because its heap may be broken.
        unsafe { ManuallyDrop::drop(&mut self.collector) };
        assert!(self.dead.lock().unwrap().iter().all(|&dead| dead), "all dies with the collector");
    }

    /// Runs drop glue, and checks that only garbage has died.
    fn bury_dead(&self, s: &Shared) {
        s.dead.drain(s);
        while s.cleanups.run_one() {}
        let dead = self.dead.lock().unwrap();
        for id in self.reachable() {
            assert!(!dead[id], "object {id} is reachable and was freed");
        }
    }

    fn reachable(&self) -> HashSet<usize> {
        let handles = self.guards.iter().flat_map(|g| g.handles.iter().map(|h| h.1));
        let mut grey: Vec<usize> = self.roots.iter().map(|r| r.1).chain(handles).collect();
        let mut seen: HashSet<usize> = grey.iter().copied().collect();
        loop {
            while let Some(id) = grey.pop() {
                grey.extend(self.shadow[id].iter().flatten().filter(|&&to| seen.insert(to)));
            }
            let named = self.values.iter().find(|v| seen.contains(&v.1) && !seen.contains(&v.2));
            let Some(&(_, _, value)) = named else { return seen };
            seen.insert(value);
            grey.push(value);
        }
    }

    fn perform(&mut self) {
        for _ in 0..self.burst {
            match self.ops.next() {
                Some(op) => self.step(op),
                None => return self.guards.iter_mut().for_each(Guard::safepoint),
            }
        }
    }

    /// Any handle of any guard.
    fn handle(&self, by: u8) -> Option<Handle<N>> {
        let all = || self.guards.iter().flat_map(|g| &g.handles);
        all().nth(by as usize % all().count().max(1)).copied()
    }

    fn step(&mut self, [what, a, b, c]: Op) {
        let g = a as usize % GUARDS;
        if self.guards[g].guard().is_none() {
            // A foreign one is blocked.
            if self.guards[g].kind == Kind::Rust {
                self.guards[g].mu = Some(self.collector.pin());
            }
            return;
        }
        let to = if b < 16 { None } else { self.handle(b) };
        match what % 16 {
            0 => self.guards[g].unpin(),
            1 => self.guards[g].safepoint_forgetting(b, c),
            // As in the slow path of an allocation (HS-2): the handles stay.
            2 => self.guards[g].guard().unwrap().follow(),
            3..=5 => self.alloc(g, b, c),
            6..=8 => self.load(g, b, c),
            9..=11 => self.store(g, to, c, what & 16 != 0),
            12 => {
                if let Some((object, id)) = to {
                    let mu = self.guards[g].guard().unwrap();
                    self.roots.push((Root::new(mu, object), id));
                }
            }
            13 => self.root_to_handle(g, b),
            14 => self.drop_or_change_root(g, to, c, what & 16 != 0),
            _ if what & 16 != 0 && what & 128 != 0 => self.value_step(g, to, b, c),
            _ if what & 16 != 0 => {
                assist::scan(self.guards[g].guard().unwrap(), assist::ASSIST);
            }
            _ => self.weak_step(g, what / 32 % 4, to, b),
        }
    }

    fn alloc(&mut self, g: usize, b: u8, c: u8) {
        let mut init = [None; N];
        let mut ids = [None; N];
        for (i, by) in [b, c].into_iter().enumerate() {
            if let Some((object, id)) = self.handle(by).filter(|_| by >= 64) {
                let i = (i + by as usize) % N;
                (init[i], ids[i]) = (Some(object), Some(id));
            }
        }
        let id = self.shadow.len();
        self.shadow.push(ids);
        self.dead.lock().unwrap().push(false);
        let tracked = Tracked { id, dead: self.dead.clone() };
        let mu = self.guards[g].guard().unwrap();
        let object = mu.alloc(ObjInit { tracked, fields: init });
        let handle = (forget_lifetime(object), id);
        self.guards[g].handles.push(handle);
    }

    /// A loaded handle lives as long as its owner's guard.
    fn load(&mut self, g: usize, b: u8, c: u8) {
        let Some(&(owner, id)) = pick(&self.guards[g].handles, b) else { return };
        let field = c as usize % N;
        let got = owner.get().fields[field].load();
        assert_eq!(got.map(|o| o.tracked.id), self.shadow[id][field]);
        if let Some(got) = got {
            self.guards[g].handles.push((got, got.tracked.id));
        }
    }

    fn store(&mut self, g: usize, to: Option<Handle<N>>, c: u8, swap: bool) {
        let Some((owner, id)) = self.handle(c / 2) else { return };
        let field = c as usize % N;
        let mu = self.guards[g].guard().unwrap();
        let old = std::mem::replace(&mut self.shadow[id][field], to.map(|t| t.1));
        let word = &owner.get().fields[field];
        if swap {
            let was = word.swap(mu, to.map(|t| t.0));
            assert_eq!(was.map(|o| o.tracked.id), old);
        } else {
            word.store(mu, to.map(|t| t.0));
        }
    }

    fn root_to_handle(&mut self, g: usize, b: u8) {
        let Some((root, id)) = pick(&self.roots, b) else { return };
        let object = forget_lifetime(root.get(self.guards[g].guard().unwrap()));
        assert_eq!(object.tracked.id, *id);
        self.guards[g].handles.push((object, *id));
    }

    /// Makes a weak name, adds a cleanup, or makes a handle of a name: an object that can be reached has one.
    fn weak_step(&mut self, g: usize, what: u8, to: Option<Handle<N>>, b: u8) {
        let mu = self.guards[g].guard().unwrap();
        match (what, to) {
            (0, Some((object, id))) => self.weak.push((Weak::new(mu, object), id)),
            (1, Some((object, id))) => {
                let cleaned = self.cleaned.clone();
                mu.add_cleanup(object, id, move |id| cleaned.lock().unwrap().push(id));
            }
            _ => {
                let Some((weak, id)) = pick(&self.weak, b) else { return };
                let (got, id) = (weak.get(mu).map(forget_lifetime), *id);
                match got {
                    Some(object) => {
                        assert!(
                            !self.dead.lock().unwrap()[id],
                            "a weak name gave dead object {id}"
                        );
                        assert!(
                            !self.cleaned.lock().unwrap().contains(&id),
                            "object {id} was cleaned up"
                        );
                        assert_eq!(object.tracked.id, id);
                        self.guards[g].handles.push((object, id));
                    }
                    None => {
                        assert!(!self.reachable().contains(&id), "a weak name of {id} gave nothing")
                    }
                }
            }
        }
    }

    /// Makes an ephemeron, drops one, or asks one for its value.
    fn value_step(&mut self, g: usize, to: Option<Handle<N>>, b: u8, c: u8) {
        let mu = self.guards[g].guard().unwrap();
        match (to, self.handle(c)) {
            (Some((key, k)), Some((value, v))) if c.is_multiple_of(2) => {
                self.values.push((Ephemeron::new(mu, key, value), k, v));
            }
            _ if c < 40 && !self.values.is_empty() => {
                drop_value(self.values.swap_remove(b as usize % self.values.len()));
            }
            _ => {
                let Some((value, k, v)) = pick(&self.values, b) else { return };
                let (got, k, v) = (value.get(mu).map(forget_lifetime), *k, *v);
                let Some(object) = got else { return assert!(!self.reachable().contains(&k)) };
                assert!(!self.dead.lock().unwrap()[v], "an ephemeron gave dead object {v}");
                self.guards[g].handles.push((object, v));
            }
        }
    }

    fn drop_or_change_root(&mut self, g: usize, to: Option<Handle<N>>, c: u8, drop: bool) {
        if self.roots.is_empty() {
            return;
        }
        let i = c as usize % self.roots.len();
        match to {
            Some((object, id)) if !drop => {
                let clone = (c > 128).then(|| (self.roots[i].0.clone(), self.roots[i].1));
                self.roots[i].0.set(self.guards[g].guard().unwrap(), object);
                self.roots[i].1 = id;
                self.roots.extend(clone);
            }
            _ => drop_value(self.roots.swap_remove(i)),
        }
    }
}

impl<const N: usize> Guard<N> {
    fn guard(&self) -> Option<&Mutator> {
        self.mu.as_ref().or(self.foreign.as_ref().map(foreign::Mutator::guard))
    }

    fn addresses(&self) -> Vec<usize> {
        self.handles.iter().map(|h| h.0.addr()).collect()
    }

    fn unpin(&mut self) {
        if self.foreign.is_some() || self.kind == Kind::Rust {
            self.handles.clear();
        }
        self.mu = None;
        self.safepoint();
    }

    /// A foreign mutator forgets some of its handles now and then.
    fn safepoint_forgetting(&mut self, b: u8, c: u8) {
        if b < 64 && self.foreign.is_some() {
            let keep = c as usize % (self.handles.len() + 1);
            self.handles.drain(..keep);
        }
        self.safepoint();
    }

    fn safepoint(&mut self) {
        if self.kind == Kind::Rust {
            self.handles.clear();
        }
        let addresses = self.addresses();
        if let Some(mu) = &mut self.mu {
            mu.safepoint();
        }
        if let Some(foreign) = &mut self.foreign {
            self.kind.show(foreign, &addresses);
            foreign.safepoint();
        }
    }
}

impl<const N: usize> Pause for Sim<N> {
    fn pause(&mut self, at: Point) -> Result<(), Stopped> {
        if at == Point::Sweep {
            let s = self.collector.shared_ptr();
            // SAFETY: COLL-1 — the collector is part of `self`.
            self.bury_dead(unsafe { s.as_ref() });
        }
        self.perform();
        Ok(())
    }
}

fn forget_lifetime<const N: usize>(object: Gc<'_, Obj<N>>) -> Gc<'static, Obj<N>> {
    // SAFETY: the simulation drops its handles when their guard passes.
    unsafe { Gc::from_non_null(object.as_non_null()) }
}

fn pick<T>(from: &[T], by: u8) -> Option<&T> {
    from.get(by as usize % from.len().max(1))
}

fn drop_value<T>(value: T) {
    drop(value);
}

pub(super) fn ops() -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(any::<Op>(), 0..600)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    /// GC-LIVE: what is reachable is not freed, what is not is.
    #[test]
    fn frees_exactly_the_garbage(ops in ops(), burst in 1usize..4) {
        Sim::<2>::new(ops, burst, Mutant::None).run();
    }

    /// The same for objects with so many pointers that a black one is born grey.
    #[test]
    fn frees_exactly_the_garbage_wide(ops in ops(), burst in 1usize..4) {
        Sim::<6>::new(ops, burst, Mutant::None).run();
    }
}

/// Whether some of many random schedules finds the fault.
fn is_caught(mutant: Mutant, tries: u32) -> bool {
    is_caught_with(Kind::Rust, mutant, tries)
}

pub(super) fn is_caught_with(kind: Kind, mutant: Mutant, tries: u32) -> bool {
    let mut rng = gort_sys::chance::Chance::seed(u64::from(mutant as u8) + 1);
    (0..tries).any(|i| {
        let ops = (0..500).map(|_| (rng.draw() as u32).to_le_bytes()).collect();
        let burst = 1 + i as usize % 3;
        let sim = AssertUnwindSafe(|| Sim::<2>::with(kind, ops, burst, mutant).run());
        catch_unwind(sim).is_err()
    })
}

#[test]
fn catches_nothing_without_a_mutant() {
    assert!(!is_caught(Mutant::None, 300));
}

macro_rules! mutants {
    ($($name:ident $mutant:ident;)*) => { $(
        #[test]
        fn $name() {
            assert!(is_caught(Mutant::$mutant, 4000));
        }
    )* };
}
mutants! {
    catches_skip_h1 SkipH1;
    catches_early_black EarlyBlack;
    catches_no_barrier NoBarrier;
    catches_no_init NoInit;
    catches_root_new RootNew;
    catches_born_white BornWhite;
    catches_no_round NoRound;
    catches_follow_round FollowRound;
    catches_no_values NoValues;
    catches_values_once ValuesOnce;
    catches_no_gate NoGate;
    catches_no_clear NoClear;
}
