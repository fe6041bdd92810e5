//! Marking comes to an end beside a task that never stops making objects.

use crate::cycle;
use crate::pause::{Pause, Point, Stopped};
use crate::{Collector, Config, Field, Gc, Mutator, Root, Trace};

/// More pointers than fit a few registers, and more bytes than a row of the map.
#[derive(Trace)]
struct Wide {
    first: [u64; 70],
    links: crate::Array<Field<Wide>, 12>,
}

/// A new object that names others, stored where everybody sees it.
fn make<'mu>(mu: &'mu Mutator, link: Option<Gc<'_, Wide>>) -> Gc<'mu, Wide> {
    mu.alloc(WideInit { first: [7; 70], links: crate::ArrayInit([link; 12]) })
}

struct Maker<'a> {
    mu: &'a mut Mutator,
    keeper: &'a Root<Wide>,
    rounds: u32,
}

impl Pause for Maker<'_> {
    fn pause(&mut self, at: Point) -> Result<(), Stopped> {
        if let Point::Handshake(name, _) = at {
            self.rounds += u32::from(name == "R");
            for _ in 0..3 {
                let keeper = self.keeper.get(self.mu);
                let object = make(self.mu, keeper.links[0].load());
                keeper.links[0].store(self.mu, Some(object));
            }
            self.mu.safepoint();
            // Enough to see that it would go on for ever.
            if self.rounds > 100 {
                return Err(Stopped);
            }
        }
        Ok(())
    }
}

#[test]
fn objects_that_are_made_meanwhile_ask_for_no_round() {
    let config = Config { gc_percent: None, range_shift: 32, ..Config::default() };
    let collector = Collector::new(config).unwrap();
    let mut mu = collector.pin();
    let keeper = Root::new(&mu, make(&mu, None));
    mu.safepoint();
    let mut maker = Maker { mu: &mut mu, keeper: &keeper, rounds: 0 };
    for cycle in 0..5 {
        maker.rounds = 0;
        let ended = cycle::run(collector.shared(), false, &mut maker);
        assert!(ended.is_ok(), "cycle {cycle}: no end in sight after {} rounds", maker.rounds);
        // One that sees the last white objects shaded, one that sees nothing; a few for luck.
        assert!(maker.rounds <= 4, "cycle {cycle}: {} rounds", maker.rounds);
        cycle::finish_sweep(collector.shared(), &mut maker).unwrap();
    }
    // What hangs on the keeper is whole.
    let keeper = keeper.get(maker.mu);
    let mut at = keeper.links[0].load();
    let mut length = 0;
    while let Some(object) = at.map(Gc::get) {
        assert!(object.first.iter().all(|&word| word == 7));
        at = object.links[11].load();
        length += 1;
    }
    assert!(length > 10, "{length}");
}

/// Makes objects and keeps the newest two by handles; passes in rounds only.
struct Holder<'a> {
    mu: &'a mut Mutator,
    held: [Option<Gc<'static, Wide>>; 2],
    waited: Vec<&'static str>,
}

impl Pause for Holder<'_> {
    fn pause(&mut self, at: Point) -> Result<(), Stopped> {
        let Point::Handshake(name, turn) = at else { return Ok(()) };
        if turn == 0 {
            self.waited.push(name);
        }
        if name == "R" {
            self.held = [None; 2];
            self.mu.safepoint();
            return Ok(());
        }
        // More than a span holds, so one of them takes the slow path.
        for _ in 0..8 {
            let object = make(self.mu, self.held[0]);
            // SAFETY: the test drops it before the guard passes.
            self.held[1] = self.held[0].replace(unsafe { Gc::from_non_null(object.as_non_null()) });
        }
        for object in self.held.iter().flatten() {
            assert!(
                object.first.iter().all(|&word| word == 7),
                "a held object was freed in {name}"
            );
        }
        Ok(())
    }
}

/// HS-2: a task that never comes to a safepoint, but allocates, holds up a round and no other handshake.
#[test]
fn who_allocates_follows() {
    let config = Config { gc_percent: None, range_shift: 32, ..Config::default() };
    let collector = Collector::new(config).unwrap();
    let mut mu = collector.pin();
    let mut holder = Holder { mu: &mut mu, held: [None; 2], waited: Vec::new() };
    for cycle in 0..20 {
        holder.waited.clear();
        cycle::run(collector.shared(), false, &mut holder).unwrap();
        cycle::finish_sweep(collector.shared(), &mut holder).unwrap();
        for name in ["H1", "H2", "R", "H3", "H4"] {
            assert!(holder.waited.contains(&name), "cycle {cycle}: {:?}", holder.waited);
        }
    }
    let stats = collector.stats();
    assert!(stats.freed_objects > stats.alloc_objects / 2, "{stats:?}");
}
