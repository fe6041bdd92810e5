//! The collections in the heap against those of the standard library: random operations, with collections between them,
//! and several threads at once.
#![cfg(not(loom))]

mod modes;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use gort_gc::{
    Array, ArrayInit, Collector, Config, Field, Gc, GcBox, GcMap, GcPacked, GcStr, GcVec, Maybe,
    MaybeInit, Root, Trace,
};
use proptest::prelude::*;

fn collector() -> Collector {
    Collector::new(Config { range_shift: 32, gc_percent: None, ..modes::config() }).unwrap()
}

fn cases() -> ProptestConfig {
    let cases = std::env::var("GORT_GC_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(48);
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

#[derive(Debug, Clone)]
enum VecOp {
    Push(u32),
    Pop,
    Set(usize, u32),
    Insert(usize, u32),
    Remove(usize),
    SwapRemove(usize),
    Swap(usize, usize),
    Truncate(usize),
    Reserve(usize),
    Clear,
    Collect,
}

fn vec_op() -> impl Strategy<Value = VecOp> {
    use VecOp::*;
    prop_oneof![
        12 => any::<u32>().prop_map(Push),
        3 => Just(Pop),
        3 => (any::<usize>(), any::<u32>()).prop_map(|(i, x)| Set(i, x)),
        3 => (any::<usize>(), any::<u32>()).prop_map(|(i, x)| Insert(i, x)),
        2 => any::<usize>().prop_map(Remove),
        2 => any::<usize>().prop_map(SwapRemove),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(i, j)| Swap(i, j)),
        1 => (0usize..40).prop_map(Truncate),
        1 => (0usize..100).prop_map(Reserve),
        1 => Just(Clear),
        1 => Just(Collect),
    ]
}

proptest! {
    #![proptest_config(cases())]

    /// A `GcVec` does what a `Vec` does, and keeps its elements alive (VEC-1).
    #[test]
    fn a_vec(ops in prop::collection::vec(vec_op(), 0..200)) {
        let collector = collector();
        let mut mu = collector.pin();
        let root = Root::new(&mu, mu.alloc(GcVec::<u32>::init()));
        let mut model: Vec<u32> = Vec::new();
        for op in ops {
            let n = model.len();
            if let VecOp::Collect = op {
                mu.collect();
            }
            let v = root.get(&mu).get();
            let new = |x: u32| mu.alloc(x);
            match op {
                VecOp::Push(x) => { v.push(&mu, new(x)); model.push(x); }
                VecOp::Pop => prop_assert_eq!(v.pop(&mu).map(|x| *x), model.pop()),
                VecOp::Set(i, x) if n > 0 => {
                    let old = std::mem::replace(&mut model[i % n], x);
                    prop_assert_eq!(*v.set(&mu, i % n, new(x)), old);
                }
                VecOp::Insert(i, x) => { v.insert(&mu, i % (n + 1), new(x)); model.insert(i % (n + 1), x); }
                VecOp::Remove(i) if n > 0 => prop_assert_eq!(*v.remove(&mu, i % n), model.remove(i % n)),
                VecOp::SwapRemove(i) if n > 0 => {
                    prop_assert_eq!(*v.swap_remove(&mu, i % n), model.swap_remove(i % n));
                }
                VecOp::Swap(i, j) if n > 0 => { v.swap(&mu, i % n, j % n); model.swap(i % n, j % n); }
                VecOp::Truncate(len) => { v.truncate(&mu, len); model.truncate(len); }
                VecOp::Reserve(more) => { v.reserve(&mu, more).unwrap(); prop_assert!(v.capacity() >= n + more); }
                VecOp::Clear => { v.clear(&mu); model.clear(); }
                _ => {}
            }
            prop_assert_eq!(v.len(), model.len());
            prop_assert_eq!(v.iter().map(|x| *x).collect::<Vec<_>>(), model.clone());
            prop_assert_eq!(v.first().map(|x| *x), model.first().copied());
            prop_assert_eq!(v.last().map(|x| *x), model.last().copied());
            prop_assert!(v.get(model.len()).is_none());
        }
        // What was taken out is garbage: elements, one buffer, the vector.
        mu.collect();
        mu.collect();
        let s = collector.stats();
        prop_assert!((s.alloc_objects - s.freed_objects) as usize <= model.len() + 2);
    }

    /// A `GcMap` does what a `HashMap` does (GCMAP-1), also when all hashes fall together.
    #[test]
    fn a_map(
        ops in prop::collection::vec((0u8..10, 0u16..60, any::<u32>()), 0..400),
        bad in any::<bool>(),
    ) {
        let collector = collector();
        let mut mu = collector.pin();
        let init = GcMap::<u16, u32, Hasher>::with_hasher(Hasher { bad });
        let root = Root::new(&mu, mu.alloc(init));
        let mut model: HashMap<u16, u32> = HashMap::new();
        for (what, key, x) in ops {
            if what == 0 && key < 6 {
                mu.collect();
            }
            let map = root.get(&mu).get();
            match what {
                0 if key == 7 => { map.clear(&mu); model.clear(); }
                1..=4 => prop_assert_eq!(map.insert(&mu, key, mu.alloc(x)).map(|x| *x), model.insert(key, x)),
                5..=7 => prop_assert_eq!(map.remove(&mu, &key).map(|x| *x), model.remove(&key)),
                8 => {
                    let got = *map.get_or_insert_with(&mu, key, || mu.alloc(x));
                    prop_assert_eq!(got, *model.entry(key).or_insert(x));
                }
                _ => prop_assert_eq!(map.get(&key).map(|x| *x), model.get(&key).copied()),
            }
            prop_assert_eq!(map.len(), model.len());
            prop_assert_eq!(map.contains_key(&key), model.contains_key(&key));
        }
        mu.collect();
        let map = root.get(&mu).get();
        let got: HashMap<u16, u32> = map.iter().map(|(k, v)| (*k, *v)).collect();
        prop_assert_eq!(got, model);
    }

    /// Texts and plain values of any length come back as they were, small and large.
    #[test]
    fn packed(text in ".{0,40}", n in 0usize..9000, seed in any::<u64>()) {
        #[derive(Trace)]
        struct Holder { text: Field<GcStr>, numbers: Field<GcPacked<u64>> }
        let collector = collector();
        let mut mu = collector.pin();
        let numbers: Vec<u64> = (0..n as u64).map(|i| i.wrapping_mul(seed)).collect();
        let holder = mu.alloc(HolderInit {
            text: Some(mu.alloc_str(&text).unwrap()),
            numbers: Some(mu.alloc_packed(&numbers).unwrap()),
        });
        let root = Root::new(&mu, holder);
        mu.collect();
        for i in 0..50u64 {
            mu.alloc_packed(&[i; 9]).unwrap();
        }
        let holder = root.get(&mu).get();
        prop_assert_eq!(holder.text.load().unwrap().text(), &text);
        prop_assert_eq!(holder.numbers.load().unwrap().values(), &numbers[..]);
        prop_assert_eq!(holder.numbers.load().unwrap().len(), n);
    }
}

#[derive(Clone, Copy, gort_gc::Leaf)]
struct Hasher {
    bad: bool,
}

impl std::hash::BuildHasher for Hasher {
    type Hasher = Sum;
    fn build_hasher(&self) -> Sum {
        Sum(0, self.bad)
    }
}

/// Sums bytes; or gives the same hash to all.
struct Sum(u64, bool);

impl std::hash::Hasher for Sum {
    fn finish(&self) -> u64 {
        if self.1 { 3 } else { self.0 }
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.0 = self.0.wrapping_mul(31) + u64::from(b));
    }
}

#[test]
fn alignment_of_packed_values() {
    #[derive(Clone, Copy, gort_gc::Leaf)]
    #[repr(align(64))]
    struct Line([u8; 64]);
    let collector = collector();
    let mu = collector.pin();
    for n in [0, 1, 2, 3, 7, 100, 1000] {
        let lines = mu.alloc_packed(&vec![Line([n as u8; 64]); n]).unwrap();
        assert!(lines.values().as_ptr().cast::<u8>().addr().is_multiple_of(64));
        assert!(lines.values().iter().all(|line| line.0 == [n as u8; 64]));
    }
}

trait Shape: Send + Sync {
    fn area(&self) -> usize;
    fn part(&self) -> Option<Gc<'_, usize>>;
}

#[derive(Trace)]
struct Square {
    side: Field<usize>,
}

impl Shape for Square {
    fn area(&self) -> usize {
        self.part().map_or(0, |side| *side * *side)
    }
    fn part(&self) -> Option<Gc<'_, usize>> {
        self.side.load()
    }
}

#[derive(Trace)]
struct Pair {
    first: GcBox<dyn Shape>,
    second: GcBox<dyn Shape>,
    tail: [Field<usize>; 3],
}

impl Shape for Pair {
    fn area(&self) -> usize {
        self.first.area() + self.second.area()
    }
    fn part(&self) -> Option<Gc<'_, usize>> {
        self.tail[2].load()
    }
}

/// GC-BOX: objects behind trait objects are kept with what they name, cycle after cycle.
#[test]
fn trait_objects_are_traced() {
    let collector = collector();
    let mut mu = collector.pin();
    let square = |n| mu.alloc(SquareInit { side: Some(mu.alloc(n)) }).coerce(|s| s as &dyn Shape);
    let tail = [None, None, Some(mu.alloc(99))];
    let inner = mu.alloc(PairInit { first: square(2), second: square(3), tail });
    let inner = inner.coerce(|p| p as &dyn Shape);
    let outer = mu.alloc(PairInit { first: inner, second: square(4), tail: [None; 3] });
    let root = Root::new(&mu, outer);
    for _ in 0..3 {
        mu.collect();
        for n in 0..200usize {
            mu.alloc(n);
        }
        assert_eq!(root.get(&mu).area(), 4 + 9 + 16);
        assert_eq!(*root.get(&mu).first.part().unwrap(), 99);
    }
    drop(root);
    mu.collect();
    mu.collect();
    assert_eq!(collector.stats().alloc_objects, collector.stats().freed_objects);
}

#[test]
fn coercion_is_to_the_object_itself() {
    let collector = collector();
    let mu = collector.pin();
    #[derive(Trace)]
    struct Two(u64, u64);
    let two = mu.alloc(TwoInit(1, 2));
    assert_eq!(*two.coerce(|t| &t.0), 1, "the first member has the object's address");
    let other = catch_unwind(AssertUnwindSafe(|| two.coerce(|t| &t.1)));
    assert!(other.is_err(), "another member has not");
    let elsewhere = catch_unwind(AssertUnwindSafe(|| two.coerce(|_| "static")));
    assert!(elsewhere.is_err());
}

/// Arrays and options of types with fields, of structs and of enums.
#[test]
fn arrays_and_options() {
    #[derive(Trace)]
    enum Cell {
        Empty,
        Number(u64),
        Link(u32, Field<String>),
    }
    #[derive(Trace)]
    struct Row {
        cells: Array<Cell, 5>,
        note: Maybe<Square>,
        grid: Array<Array<Square, 2>, 3>,
    }
    let collector = collector();
    let mut mu = collector.pin();
    let text = |t: &str| Some(mu.alloc(String::from(t)));
    let square = |n| SquareInit { side: Some(mu.alloc(n)) };
    let row = mu.alloc(RowInit {
        cells: ArrayInit([
            CellInit::Link(1, text("a")),
            CellInit::Empty,
            CellInit::Number(u64::MAX),
            CellInit::Link(2, text("b")),
            CellInit::Link(3, None),
        ]),
        note: MaybeInit::Some(square(6)),
        grid: ArrayInit([0usize, 2, 4].map(|n| ArrayInit([square(n), square(n + 1)]))),
    });
    let none = mu.alloc(MaybeInit::<Square>::from(None));
    let roots = (Root::new(&mu, row), Root::new(&mu, none));
    for _ in 0..2 {
        mu.collect();
        for n in 0..300usize {
            mu.alloc(n);
        }
    }
    let row = roots.0.get(&mu).get();
    let texts: Vec<&str> = row
        .cells
        .iter()
        .filter_map(|cell| match cell {
            Cell::Link(n, text) if *n > 0 => text.load().map(|t| t.get().as_str()),
            Cell::Number(n) => Some(if *n == u64::MAX { "max" } else { "?" }),
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["a", "max", "b"]);
    assert_eq!(row.note.as_ref().unwrap().area(), 36);
    let areas: Vec<usize> = row.grid.iter().flat_map(|row| row.iter().map(Shape::area)).collect();
    assert_eq!(areas, [0, 1, 4, 9, 16, 25]);
    assert!(!roots.1.get(&mu).is_some());
}

#[derive(Trace)]
struct World {
    row: GcVec<usize>,
    map: GcMap<usize, usize>,
}

/// Writers take turns, readers see elements, and nothing that is in a collection dies, while cycles run.
#[test]
fn many_threads() {
    const THREADS: usize = 4;
    const EACH: usize = 2000;
    let collector = collector();
    let mu = collector.pin();
    let world = Root::new(&mu, mu.alloc(WorldInit { row: GcVec::init(), map: GcMap::init() }));
    drop(mu);
    let left = AtomicUsize::new(THREADS);
    std::thread::scope(|scope| {
        for t in 0..THREADS {
            let (collector, world, left) = (&collector, world.clone(), &left);
            scope.spawn(move || {
                let mut mu = collector.pin();
                for i in 0..EACH {
                    mu.safepoint();
                    let world = world.get(&mu).get();
                    let x = t * EACH + i;
                    world.row.push(&mu, mu.alloc(x));
                    world.map.insert(&mu, x, mu.alloc(x));
                    assert_eq!(*world.map.get(&x).unwrap(), x);
                    if i % 3 == 0 {
                        assert!(*world.row.pop(&mu).unwrap() < THREADS * EACH);
                        assert_eq!(*world.map.remove(&mu, &x).unwrap(), x);
                    }
                    if i % 100 == 0 {
                        assert!(world.row.iter().all(|x| *x < THREADS * EACH));
                        assert!(world.map.iter().all(|(k, v)| *k == *v));
                    }
                }
                left.fetch_sub(1, Ordering::Release);
            });
        }
        while left.load(Ordering::Acquire) > 0 {
            collector.collect().unwrap();
        }
    });
    let mu = collector.pin();
    let world = world.get(&mu).get();
    let taken = THREADS * EACH.div_ceil(3);
    assert_eq!(
        (world.row.len(), world.map.len()),
        (THREADS * EACH - taken, THREADS * EACH - taken)
    );
}
