//! Weak names, cleanups and root cells. The cases are those that Go's tests of `weak` and `AddCleanup` ask for.
#![cfg(not(loom))]

mod modes;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use gort_gc::{Collector, Config, Ephemeron, Field, GcMap, Root, RootCell, Trace, Weak};

#[derive(Trace)]
struct Node {
    key: usize,
    next: Field<Node>,
}

fn collector() -> Collector {
    Collector::new(Config { range_shift: 32, gc_percent: None, ..modes::config() }).unwrap()
}

/// Waits until `f` is true: cleanups run on threads of their own.
fn until(mut f: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if f() {
            return;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    panic!("it did not come to that");
}

#[test]
fn weak_follows_life_and_death() {
    let collector = collector();
    let mut mu = collector.pin();
    let object = mu.alloc(NodeInit { key: 1, next: None });
    let (weak, root) = (Weak::new(&mu, object), Root::new(&mu, object));
    assert!(weak.get(&mu).unwrap().ptr_eq(object));
    mu.collect();
    assert_eq!(weak.get(&mu).unwrap().key, 1);
    drop(root);
    mu.collect();
    assert!(weak.get(&mu).is_none());
    mu.collect();
    assert!(weak.get(&mu).is_none(), "death is final");
}

/// WEAK-1, the names: equal exactly if made of one object, also when it is dead and its slot is used again.
#[test]
fn weak_equality_is_the_objects() {
    let collector = collector();
    let mut mu = collector.pin();
    let (a, b) = (mu.alloc(1u64), mu.alloc(1u64));
    let (wa, wa2, wb) = (Weak::new(&mu, a), Weak::new(&mu, a), Weak::new(&mu, b));
    assert!(wa == wa2 && wa == wa.clone() && wa != wb);
    #[allow(clippy::mutable_key_type, reason = "equality and hash are those of the slot's address")]
    let set: std::collections::HashSet<_> = [wa.clone(), wa2.clone(), wb.clone()].into();
    assert_eq!(set.len(), 2);
    mu.collect();
    assert!(wa.get(&mu).is_none() && wa == wa2 && wa != wb);
    // The slots are free now: new objects at old addresses are other objects.
    for _ in 0..5000 {
        let new = Weak::new(&mu, mu.alloc(2u64));
        assert!(new != wa && new != wb && new.get(&mu).is_some());
    }
    assert!(wa.get(&mu).is_none());
}

#[test]
fn a_weak_name_can_be_in_the_object_and_of_another_collector() {
    #[derive(Trace)]
    struct Me {
        me: Mutex<Option<Weak<Me>>>,
    }
    let (c1, c2) = (collector(), collector());
    let mut mu = c1.pin();
    let me = mu.alloc(MeInit { me: Mutex::new(None) });
    *me.me.lock().unwrap() = Some(Weak::new(&mu, me));
    let outer = Weak::new(&mu, me);
    let root = Root::new(&mu, me);
    mu.collect();
    let me = root.get(&mu);
    assert!(me.me.lock().unwrap().as_ref() == Some(&outer));
    let foreign = c2.pin();
    assert!(catch_unwind(AssertUnwindSafe(|| outer.get(&foreign).is_some())).is_err());
    drop(root);
    mu.collect();
    assert!(outer.get(&mu).is_none());
    drop((mu, foreign, c1, c2));
    drop(outer);
}

/// WEAK-1, WEAK-2. Weak to strong while cycles run: what a name gives is alive with all that it names, and a name of a live object never
/// gives nothing.
#[test]
fn weak_to_strong_against_the_end_of_marking() {
    let collector = collector();
    let stop = AtomicBool::new(false);
    let seen = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut mu = collector.pin();
                let tail = mu.alloc(NodeInit { key: 7, next: None });
                let mut root = Root::new(&mu, mu.alloc(NodeInit { key: 6, next: Some(tail) }));
                let mut weak = root.downgrade(&mu);
                let mut turn = 0u32;
                while !stop.load(Ordering::Relaxed) {
                    mu.safepoint();
                    turn += 1;
                    if turn.is_multiple_of(64) {
                        // From here on only the weak name knows the old object, until it is revived or dead.
                        let dying = weak;
                        let tail = mu.alloc(NodeInit { key: 7, next: None });
                        root.set(&mu, mu.alloc(NodeInit { key: 6, next: Some(tail) }));
                        weak = root.downgrade(&mu);
                        for _ in 0..16 {
                            mu.safepoint();
                            let Some(revived) = dying.get(&mu) else { break };
                            assert_eq!((revived.key, revived.next.load().unwrap().key), (6, 7));
                            seen.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    let object = weak.get(&mu).expect("a root keeps it");
                    assert_eq!(object.next.load().unwrap().key, 7);
                }
            });
        }
        for _ in 0..60 {
            collector.collect().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(seen.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_cleanup_runs_once_after_death() {
    let collector = collector();
    let mut mu = collector.pin();
    let root = Root::new(&mu, mu.alloc(NodeInit { key: 3, next: None }));
    let (tx, rx) = mpsc::channel();
    mu.add_cleanup(root.get(&mu), 97, move |n| tx.send(n).unwrap());
    mu.collect();
    mu.collect();
    assert!(rx.try_recv().is_err(), "the object lives");
    drop(root);
    mu.collect();
    assert_eq!(rx.recv_timeout(Duration::from_secs(20)), Ok(97));
    mu.collect();
    assert!(rx.recv_timeout(Duration::from_millis(1)).is_err(), "once");
    until(|| collector.stats().cleanups_run == 1);
}

#[test]
fn several_cleanups_of_one_object() {
    let collector = collector();
    let mut mu = collector.pin();
    let object = mu.alloc(String::from("x"));
    let sum = Arc::new(AtomicUsize::new(0));
    for n in [1, 10, 100] {
        let sum = sum.clone();
        mu.add_cleanup(object, n, move |n| _ = sum.fetch_add(n, Ordering::Relaxed));
    }
    mu.collect();
    until(|| sum.load(Ordering::Relaxed) == 111);
}

#[test]
fn a_stopped_cleanup_does_not_run() {
    let collector = collector();
    let mut mu = collector.pin();
    let ran = Arc::new(AtomicUsize::new(0));
    let count = |n: usize| {
        let ran = ran.clone();
        move |()| _ = ran.fetch_add(n, Ordering::Relaxed)
    };
    let object = mu.alloc(5u64);
    // One of several; one twice; all of one object.
    let stopped = mu.add_cleanup(object, (), count(1));
    mu.add_cleanup(object, (), count(10));
    let copy = stopped.clone();
    assert!(stopped.stop() && !copy.stop());
    let other = mu.alloc(6u64);
    for n in [100, 1000] {
        assert!(mu.add_cleanup(other, (), count(n)).stop());
    }
    mu.collect();
    until(|| ran.load(Ordering::Relaxed) > 0);
    mu.collect();
    assert_eq!(ran.load(Ordering::Relaxed), 10);
    // After it ran, stopping says so.
    let late = mu.add_cleanup(mu.alloc(7u64), (), count(5));
    mu.collect();
    until(|| ran.load(Ordering::Relaxed) == 15);
    assert!(!late.stop());
}

#[test]
fn the_argument_is_no_root_of_the_object() {
    let collector = collector();
    let mut mu = collector.pin();
    let (a, b) = (mu.alloc(1u64), mu.alloc(2u64));
    let (ra, rb) = (Root::new(&mu, a), Root::new(&mu, b));
    assert!(catch_unwind(AssertUnwindSafe(|| mu.add_cleanup(a, ra, drop))).is_err());
    // Another object's is fine, and lives as long as the cleanup waits.
    let weak = Weak::new(&mu, b);
    mu.add_cleanup(a, rb, drop);
    mu.collect();
    until(|| collector.stats().cleanups_run == 1);
    mu.collect();
    assert!(weak.get(&mu).is_none());
}

/// What a cleanup captures dies with it; its panic is counted; its own allocations are fine.
#[test]
fn a_cleanup_may_do_anything() {
    let collector = Arc::new(collector());
    let mut mu = collector.pin();
    mu.add_cleanup(mu.alloc(1u64), (), |()| panic!("in a cleanup"));
    let (inner, shared) = (collector.clone(), Arc::new(()));
    let weak = Arc::downgrade(&shared);
    mu.add_cleanup(mu.alloc(2u64), shared, move |_shared| {
        let mut mu = inner.pin();
        mu.alloc(3u64);
        mu.collect();
    });
    mu.collect();
    drop(mu);
    until(|| collector.stats().cleanups_run == 2);
    until(|| weak.upgrade().is_none());
    assert_eq!(collector.stats().cleanup_panics, 1);
}

/// None is lost among many, from many threads, while cycles run.
#[test]
fn no_cleanup_is_lost() {
    const EACH: usize = 2000;
    let collector = collector();
    let ran = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (collector, ran) = (&collector, ran.clone());
            scope.spawn(move || {
                let mut mu = collector.pin();
                for i in 0..EACH {
                    let ran = ran.clone();
                    mu.add_cleanup(mu.alloc(i), 1, move |n| {
                        _ = ran.fetch_add(n, Ordering::Relaxed)
                    });
                    mu.safepoint();
                }
            });
        }
        for _ in 0..10 {
            collector.collect().unwrap();
        }
    });
    until(|| {
        collector.collect().unwrap();
        ran.load(Ordering::Relaxed) == 3 * EACH
    });
}

/// Not at exit: what waits when the collector ends is dropped, not run. (COLL-1: names outlive it and name nothing.)
#[test]
fn cleanups_do_not_run_at_the_end() {
    let collector = collector();
    let mu = collector.pin();
    let (ran, arg) = (Arc::new(AtomicUsize::new(0)), Arc::new(()));
    let (in_job, weak_arg) = (ran.clone(), Arc::downgrade(&arg));
    let object = mu.alloc(1u64);
    let handle =
        mu.add_cleanup(object, arg, move |_arg| _ = in_job.fetch_add(1, Ordering::Relaxed));
    let weak = Weak::new(&mu, object);
    drop(mu);
    drop(collector);
    let other = self::collector();
    assert!(ran.load(Ordering::Relaxed) == 0);
    assert!(weak_arg.upgrade().is_some() && handle.stop() && weak_arg.upgrade().is_none());
    drop((weak, other));
}

static HEAD: RootCell<Node> = RootCell::new();

#[test]
fn a_root_cell_as_a_static() {
    let mut mu = gort_gc::pin();
    assert!(HEAD.get(&mu).is_none());
    for key in 0..50 {
        let next = HEAD.get(&mu);
        HEAD.set(&mu, Some(mu.alloc(NodeInit { key, next })));
        if key % 10 == 0 {
            mu.collect();
        }
    }
    let (mut n, mut at) = (0, HEAD.get(&mu));
    while let Some(node) = at {
        (n, at) = (n + 1, node.get().next.load());
    }
    assert_eq!(n, 50);
    let weak = Weak::new(&mu, HEAD.get(&mu).unwrap());
    HEAD.set(&mu, None);
    mu.collect();
    assert!(weak.get(&mu).is_none() && HEAD.get(&mu).is_none());
}

/// ROOT-1 to ROOT-3. One slot, however many threads are the first; a cell of another collector is refused.
#[test]
fn a_root_cell_from_many_threads() {
    let collector = collector();
    for _ in 0..20 {
        let cell = RootCell::<u64>::new();
        std::thread::scope(|scope| {
            for t in 0..3 {
                let (cell, collector) = (&cell, &collector);
                scope.spawn(move || {
                    let mu = collector.pin();
                    cell.set(&mu, Some(mu.alloc(t)));
                    assert!(*cell.get(&mu).unwrap() < 3);
                });
            }
            collector.collect().unwrap();
        });
        let mu = collector.pin();
        assert!(*cell.get(&mu).unwrap() < 3);
        let other = self::collector();
        let foreign = other.pin();
        assert!(catch_unwind(AssertUnwindSafe(|| cell.get(&foreign).is_some())).is_err());
    }
}

/// Equal values share one object while somebody uses it: a table of canonical values (Go's `unique`), from what is here.
#[test]
fn canonical_values() {
    #[derive(Trace)]
    struct Table {
        known: GcMap<String, Weak<String>>,
    }
    let collector = collector();
    let mut mu = collector.pin();
    let table = Root::new(&mu, mu.alloc(TableInit { known: GcMap::init() }));
    let intern = |mu: &gort_gc::Mutator, text: &str| -> Root<String> {
        let known = &table.get(mu).get().known;
        if let Some(value) = known.get(text).and_then(|weak| weak.get().get(mu)) {
            return Root::new(mu, value);
        }
        let value = mu.alloc(String::from(text));
        known.insert(mu, text.into(), mu.alloc(Weak::new(mu, value)));
        Root::new(mu, value)
    };
    let (a, b, c) = (intern(&mu, "x"), intern(&mu, "x"), intern(&mu, "y"));
    assert!(a.ptr_eq(&b) && !a.ptr_eq(&c));
    mu.collect();
    assert!(intern(&mu, "x").ptr_eq(&a));
    let weak = a.downgrade(&mu);
    drop((a, b));
    mu.collect();
    assert!(weak.get(&mu).is_none());
    assert!(intern(&mu, "x").downgrade(&mu) != weak);
}

/// A value that names its own key, and a chain of ephemerons, each the key of the next: both go with their first key, and not
/// before.
#[test]
fn ephemerons_hold_values_by_their_keys() {
    let collector = collector();
    let mut mu = collector.pin();
    let key = Root::new(&mu, mu.alloc(NodeInit { key: 0, next: None }));
    let mut links = Vec::new();
    let mut last = key.get(&mu);
    for i in 1..50 {
        let value = mu.alloc(NodeInit { key: i, next: Some(last) });
        links.push(Ephemeron::new(&mu, last, value));
        last = value;
    }
    for _ in 0..3 {
        mu.collect();
        let values = links.iter().map(|link| link.get(&mu).expect("the key is alive"));
        assert!(values.enumerate().all(|(i, value)| value.key == i + 1));
    }
    let cut = links.remove(20);
    drop(cut);
    mu.collect();
    assert_eq!(links.iter().filter(|link| link.get(&mu).is_some()).count(), 20);
    drop(key);
    mu.collect();
    assert!(links.iter().all(|link| link.get(&mu).is_none() && link.key(&mu).is_none()));
}
