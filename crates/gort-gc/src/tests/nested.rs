//! Two guards in one task: the schedule for which a round must compare counters at its end.
//!
//! Random schedules do not find it in any number of tries, so it is written out. Guard A passes a round. Guard B,
//! not yet past it, holds the last handle to a white object `w`, and stores it through A: the shade lands in A's
//! buffer, after A's pass. Had the round asked each context only what it published at its pass, `w` would stay
//! grey in that buffer, and its child would be freed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::counted::{Counted, Node, NodeInit};
use crate::config::Rules;
use crate::cycle;
use crate::pause::{Pause, Point, Stopped};
use crate::{Collector, Config, Gc, Mutant, Mutator, Root};

struct Script<'a> {
    a: &'a mut Mutator,
    b: &'a mut Mutator,
    keeper: &'a Root<Node>,
    /// B's handle to the white object.
    held: Option<Gc<'static, Node>>,
    step: u32,
}

impl Pause for Script<'_> {
    fn pause(&mut self, at: Point) -> Result<(), Stopped> {
        match (at, self.step) {
            // Both have passed H1; the keeper is not scanned yet. B takes its object away.
            (Point::Mark, 0) => {
                self.a.safepoint();
                self.b.safepoint();
                let keeper = self.keeper.get(self.b);
                let white = keeper.next.swap(self.b, None).expect("set by the test");
                // SAFETY: the script drops it before B passes.
                self.held = Some(unsafe { Gc::from_non_null(white.as_non_null()) });
            }
            (Point::Handshake("R", 0), 1) => {
                self.a.safepoint();
                self.keeper.get(self.a).next.store(self.a, self.held.take());
                self.b.safepoint();
            }
            _ => {
                if self.held.is_none() {
                    self.a.safepoint();
                    self.b.safepoint();
                } else {
                    // As if they allocated: B's handle stays.
                    self.a.follow();
                    self.b.follow();
                }
                return Ok(());
            }
        }
        self.step += 1;
        Ok(())
    }
}

/// How many objects die; all of them are reachable.
fn deaths(mutant: Mutant) -> usize {
    let config = Config { gc_percent: None, range_shift: 32, ..Config::default() };
    let collector = Collector::with_rules(config, Rules { run_glue: false, mutant }).unwrap();
    let deaths = Arc::new(AtomicUsize::new(0));
    let (mut a, mut b) = (collector.pin(), collector.pin());
    let node = |next: Option<Gc<'_, Node>>| {
        let counted = Counted(deaths.clone());
        Root::new(&a, a.alloc(NodeInit { next, counted }))
    };
    // Scanned before the keeper, so that the marker pauses with the keeper still grey.
    let others: Vec<_> = (0..10).map(|_| node(None)).collect();
    let child = node(None);
    let white = node(Some(child.get(&a)));
    let keeper = node(Some(white.get(&a)));
    drop((child, white));
    let mut script = Script { a: &mut a, b: &mut b, keeper: &keeper, held: None, step: 0 };
    cycle::run(collector.shared(), false, &mut script).unwrap();
    assert_eq!(script.step, 2, "the schedule took place");
    cycle::finish_sweep(collector.shared(), &mut script).unwrap();
    collector.shared().dead.drain(collector.shared());
    let died = deaths.load(Ordering::Relaxed);
    if died > 0 {
        // The heap holds pointers to freed objects now.
        std::mem::forget((collector, keeper));
    }
    drop(others);
    died
}

#[test]
fn a_shade_into_a_guard_that_has_passed_is_seen() {
    assert_eq!(deaths(Mutant::None), 0);
}

#[test]
fn catches_pass_only() {
    assert_eq!(deaths(Mutant::PassOnly), 1);
}
