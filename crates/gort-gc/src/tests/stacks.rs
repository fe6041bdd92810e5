//! Foreign stacks: the schedules for which a cycle must read the roots first, and stores must shade what they replace.
//!
//! Random schedules find neither in thousands of tries, so they are written out. In both, a foreign mutator passes H2 with an
//! empty stack, which is black then, and takes the last name of a white object onto it: in the one from a field of an object
//! that somebody else, who has not passed H2, has just shown it; in the other from a root that the collector has not read yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::counted::{Counted, Node, NodeInit};
use super::foreign::{Kind, Shown};
use crate::config::Rules;
use crate::cycle;
use crate::foreign::Mutator;
use crate::pause::{Pause, Point, Stopped};
use crate::{Collector, Config, Gc, Mutant, Root};

/// Where the white object is named.
#[derive(Clone, Copy, PartialEq)]
enum From {
    Field,
    Root,
}

struct Script<'a> {
    from: From,
    foreign: &'a mut Mutator<Shown>,
    /// Passes H2 after the foreign one, so that there is a moment between.
    late: &'a mut crate::Mutator,
    keeper: &'a mut Option<Root<Node>>,
    deaths: &'a Arc<AtomicUsize>,
    held: usize,
}

impl Script<'_> {
    fn safepoints(&mut self) {
        self.late.safepoint();
        Kind::Exact.show(self.foreign, &[self.held]);
        self.foreign.safepoint();
    }
}

impl Pause for Script<'_> {
    fn pause(&mut self, at: Point) -> Result<(), Stopped> {
        match (at, self.from) {
            (Point::Handshake("H2", 0), from) => {
                Kind::Exact.show(self.foreign, &[]);
                self.foreign.safepoint();
                let Some(keeper) = self.keeper.take() else { return Ok(()) };
                if from == From::Root {
                    self.held = keeper.get(self.foreign.guard()).addr();
                    return Ok(());
                }
                // Born white, and named by the one who has not passed; it shows the outer one, which turns grey.
                let counted = || Counted(self.deaths.clone());
                let inner = self.late.alloc(NodeInit { next: None, counted: counted() });
                let outer = self.late.alloc(NodeInit { next: Some(inner), counted: counted() });
                keeper.get(self.late).next.store(self.late, Some(outer));
                let mu = self.foreign.guard();
                let shown = keeper.get(mu).get().next.load().expect("stored just now");
                self.held = shown.get().next.swap(mu, None).expect("the inner one").addr();
                *self.keeper = Some(keeper);
            }
            _ => self.safepoints(),
        }
        Ok(())
    }
}

/// How many objects die; all of them are named by a root, by the foreign stack, or by what was marked already.
fn deaths(from: From, mutant: Mutant) -> usize {
    let config = Config { gc_percent: None, range_shift: 32, ..Config::default() };
    let collector = Collector::with_rules(config, Rules { run_glue: false, mutant }).unwrap();
    let deaths = Arc::new(AtomicUsize::new(0));
    let mut foreign = Shown::register(&collector);
    let mut late = collector.pin();
    let node = |next: Option<Gc<'_, Node>>| {
        let counted = Counted(deaths.clone());
        Root::new(&late, late.alloc(NodeInit { next, counted }))
    };
    let child = node(None);
    let mut keeper = Some(node(Some(child.get(&late))));
    drop(child);
    let (f, l, d) = (&mut foreign, &mut late, &deaths);
    let mut script = Script { from, foreign: f, late: l, keeper: &mut keeper, deaths: d, held: 0 };
    cycle::run(collector.shared(), false, &mut script).unwrap();
    assert_ne!(script.held, 0, "the schedule took place");
    cycle::finish_sweep(collector.shared(), &mut script).unwrap();
    collector.shared().dead.drain(collector.shared());
    let died = deaths.load(Ordering::Relaxed);
    if died > 0 {
        // The heap holds pointers to freed objects now.
        std::mem::forget((collector, foreign, late, keeper));
    }
    died
}

#[test]
fn what_moves_onto_a_black_stack_is_kept() {
    assert_eq!(deaths(From::Field, Mutant::None), 0);
    assert_eq!(deaths(From::Root, Mutant::None), 0);
}

#[test]
fn catches_no_old_shade() {
    assert_eq!(deaths(From::Field, Mutant::NoOldShade), 1);
}

#[test]
fn catches_roots_late() {
    assert_eq!(deaths(From::Root, Mutant::RootsLate), 2);
}
