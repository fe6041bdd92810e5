//! A program under each of the collector's debugging modes: it does the same, and the modes see what they are for.
#![cfg(not(loom))]

mod modes;

use std::sync::atomic::{AtomicUsize, Ordering};

use gort_gc::{Collector, Config, Field, GcMap, GcVec, Root, Stats, Trace, Weak};

#[derive(Trace)]
struct Node {
    number: usize,
    next: Field<Node>,
    row: GcVec<String>,
    map: GcMap<u32, String>,
}

/// Threads that build, keep and drop things, while cycles run; the figures at the end.
fn program(config: Config) -> Stats {
    const THREADS: usize = 3;
    let collector = Collector::new(Config { range_shift: 32, ..config }).unwrap();
    let left = AtomicUsize::new(THREADS);
    std::thread::scope(|scope| {
        for t in 0..THREADS {
            let (collector, left) = (&collector, &left);
            scope.spawn(move || {
                let mut mu = collector.pin();
                let node = |mu: &gort_gc::Mutator, number, next: Option<&Root<Node>>| {
                    let next = next.map(|root| root.get(mu));
                    let init = NodeInit { number, next, row: GcVec::init(), map: GcMap::init() };
                    Root::new(mu, mu.alloc(init))
                };
                let mut head = node(&mu, 0, None);
                for i in 1..600 {
                    mu.safepoint();
                    head = node(&mu, i, (i % 50 != 0).then_some(&head));
                    let text = mu.alloc(format!("{t} {i}"));
                    let weak = Weak::new(&mu, text);
                    head.get(&mu).row.push(&mu, text);
                    head.get(&mu).map.insert(&mu, i as u32, text);
                    mu.unpinned(std::thread::yield_now);
                    assert_eq!(*weak.get(&mu).expect("in the row"), format!("{t} {i}"));
                    let (mut at, mut n) = (Some(head.get(&mu)), 0);
                    while let Some(node) = at {
                        assert_eq!(node.number, i - n);
                        assert!(
                            node.row.first().is_some()
                                && node.map.get(&(node.number as u32)).is_some()
                        );
                        (at, n) = (node.get().next.load(), n + 1);
                        if node.number % 50 == 0 || node.number == 1 {
                            break;
                        }
                    }
                }
                left.fetch_sub(1, Ordering::Release);
            });
        }
        while left.load(Ordering::Acquire) > 0 {
            collector.collect().unwrap();
        }
    });
    // With nobody else about, the last cycle can hold whom it wants, and has something to look at: an earlier one may have
    // ended when the threads were gone already.
    let kept = {
        let mu = collector.pin();
        let text = mu.alloc(String::from("kept"));
        Root::new(&mu, text)
    };
    collector.collect().unwrap();
    assert_eq!(*kept.get(&collector.pin()), "kept");
    let stats = collector.stats();
    assert!(stats.cycles > 1);
    stats
}

#[test]
fn the_marks_are_checked() {
    let stats = program(Config { check_mark: true, mark_workers: Some(2), ..modes::config() });
    assert!(stats.checked_objects > 0);
}

#[test]
fn the_world_stops() {
    for stop_the_world in [1, 2] {
        program(Config { stop_the_world, check_mark: true, ..modes::config() });
    }
}

#[test]
fn all_together() {
    program(Config {
        stop_the_world: 2,
        check_mark: true,
        clobber_free: true,
        verify_trace: true,
        pin_checks: true,
        ..modes::config()
    });
}

#[test]
fn an_unlisted_pointer_is_seen() {
    #[derive(Trace)]
    struct Hides {
        address: usize,
        listed: Field<u64>,
    }
    let config = Config { range_shift: 32, verify_trace: true, ..modes::config() };
    let collector = Collector::new(config).unwrap();
    let mut mu = collector.pin();
    let hidden = mu.alloc(7u64);
    let keep = Root::new(&mu, hidden);
    let hides = mu.alloc(HidesInit { address: hidden.addr(), listed: Some(hidden) });
    let hides = Root::new(&mu, hides);
    mu.collect();
    assert_eq!(collector.stats().untraced_words, 1);
    let hides = hides.get(&mu);
    assert_eq!((hides.address, *hides.listed.load().unwrap().get()), (keep.get(&mu).addr(), 7));
}

/// A task with two guards cannot be held: the check is left out, and the program goes on.
#[test]
fn nested_guards_are_not_held_for_ever() {
    for stop_the_world in [0, 2] {
        nested_guards(Config {
            stop_the_world,
            check_mark: true,
            pin_checks: false,
            ..modes::config()
        });
    }
}

fn nested_guards(config: Config) {
    let config = Config { range_shift: 32, ..config };
    let collector = Collector::new(config).unwrap();
    std::thread::scope(|scope| {
        let mu = collector.pin();
        let waits = scope.spawn(|| collector.collect().unwrap());
        std::thread::sleep(std::time::Duration::from_millis(20));
        let inner = collector.pin();
        inner.alloc(1u64);
        drop((inner, mu));
        waits.join().unwrap();
    });
}

#[test]
fn roots_are_counted_by_place() {
    let config = Config { range_shift: 32, root_places: true, ..modes::config() };
    let collector = Collector::new(config).unwrap();
    let mu = collector.pin();
    let (kept, line): (Vec<_>, u32) =
        ((0..5u64).map(|n| Root::new(&mu, mu.alloc(n))).collect(), line!());
    let other = Root::new(&mu, mu.alloc(9u64));
    let copy = other.clone();
    let places = collector.roots_by_place();
    assert_eq!(places.iter().map(|p| p.1).collect::<Vec<_>>(), [5, 1]);
    assert_eq!((places[0].0.file(), places[0].0.line()), (file!(), line));
    drop((kept, other));
    assert_eq!(collector.roots_by_place().len(), 1);
    drop(copy);
    assert!(collector.roots_by_place().is_empty());
}

#[test]
fn freed_slots_are_filled() {
    let config = Config { range_shift: 32, clobber_free: true, ..modes::config() };
    let collector = Collector::new(config).unwrap();
    let mut mu = collector.pin();
    let (dead, kept) = (mu.alloc([7u64; 4]).addr(), mu.alloc([8u64; 4]));
    let kept = Root::new(&mu, kept);
    mu.collect();
    // SAFETY: the span stays mapped, because `kept` lies in it; a look at what the sweep has left in the other slot.
    let found = unsafe { core::ptr::with_exposed_provenance::<u64>(dead).read_volatile() };
    assert_eq!((found, kept.get(&mu)[0]), (0xdede_dede_dede_dede, 8));
}
