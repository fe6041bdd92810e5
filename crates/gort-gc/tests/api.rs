//! The public interface: several collectors, limits, errors, reports, hosts.
#![cfg(not(loom))]

mod modes;

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gort_gc::{
    AllocError, CollectError, Collector, Config, Field, GcSlice, Leaf, OnPressure, Parker, Root,
    ThreadHost, Trace, WorkerHost, WorkerKind,
};

#[derive(Trace)]
struct Node {
    key: usize,
    next: Field<Node>,
}

fn small() -> Config {
    Config { range_shift: 32, ..modes::config() }
}

fn message(f: impl FnOnce()) -> String {
    let e = catch_unwind(AssertUnwindSafe(f)).expect_err("should panic");
    e.downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| (*e.downcast_ref::<&str>().unwrap()).into())
}

/// Counts its drops.
#[derive(Leaf)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn two_collectors_do_not_mix() {
    let (a, b) = (Collector::new(small()).unwrap(), Collector::new(small()).unwrap());
    let (mu_a, mu_b) = (a.pin(), b.pin());
    let in_a = mu_a.alloc(NodeInit { key: 1, next: None });
    let in_b = mu_b.alloc(NodeInit { key: 2, next: None });
    let root = Root::new(&mu_a, in_a);
    for (text, part) in [
        (message(|| in_a.next.store(&mu_a, Some(in_b))), "must lie in the heap"),
        (message(|| in_a.next.store(&mu_b, Some(in_b))), "must lie in the heap"),
        (message(|| _ = mu_a.alloc(NodeInit { key: 3, next: Some(in_b) })), "another collector"),
        (message(|| drop(Root::new(&mu_b, in_a))), "another collector"),
        (message(|| _ = root.get(&mu_b)), "another collector"),
        (message(|| Field::null().store(&mu_a, Some(in_a))), "must lie in the heap"),
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(in_a.next.is_null());
}

#[test]
fn a_collector_waits_for_its_roots_and_guards() {
    let drops = Arc::new(AtomicUsize::new(0));
    let a = Collector::new(small()).unwrap();
    let mu = a.pin();
    let root = Root::new(&mu, mu.alloc(Counted(drops.clone())));
    mu.alloc(Counted(drops.clone()));
    drop(a);
    assert_eq!(root.get(&mu).0.load(Ordering::Relaxed), 0);
    drop(mu);
    drop(Collector::new(small()).unwrap());
    assert_eq!(drops.load(Ordering::Relaxed), 0);
    drop(root.clone());
    drop(root);
    drop(Collector::new(small()).unwrap());
    assert_eq!(drops.load(Ordering::Relaxed), 2);
}

#[test]
fn large_and_odd_objects() {
    #[derive(Trace)]
    struct Wide {
        before: [u8; 3],
        next: Field<Wide>,
        middle: [u64; 200],
        many: [Field<Wide>; 100],
        after: u8,
    }
    #[derive(Leaf, Clone, Copy)]
    #[repr(align(64))]
    struct Aligned(u8);
    let a = Collector::new(small()).unwrap();
    let mut mu = a.pin();
    let wide = |mu: &gort_gc::Mutator, n| {
        Root::new(
            mu,
            mu.alloc(WideInit {
                before: [1; 3],
                next: None,
                middle: [n; 200],
                many: [None; 100],
                after: 7,
            }),
        )
    };
    let (x, y) = (wide(&mu, 1), wide(&mu, 2));
    x.get(&mu).many[99].store(&mu, Some(y.get(&mu)));
    y.get(&mu).next.store(&mu, Some(x.get(&mu)));
    drop(y);
    let big: Root<[u8; 100_000]> = Root::new(&mu, mu.alloc([5u8; 100_000]));
    let slices: Vec<Root<GcSlice<Wide>>> = [0, 1, 5, 63, 64, 65, 4000, 4095, 5000, 100_000]
        .map(|n| Root::new(&mu, mu.alloc_slice(n).unwrap()))
        .into();
    for slice in &slices {
        if let Some(last) = slice.get(&mu).slice().last() {
            last.store(&mu, Some(x.get(&mu)));
        }
    }
    let aligned: Vec<Root<Aligned>> =
        (0..100).map(|i| Root::new(&mu, mu.alloc(Aligned(i)))).collect();
    drop(x);
    for _ in 0..3 {
        mu.collect();
        for _ in 0..1000 {
            mu.alloc(WideInit {
                before: [9; 3],
                next: None,
                middle: [9; 200],
                many: [None; 100],
                after: 9,
            });
        }
    }
    for (n, slice) in [0, 1, 5, 63, 64, 65, 4000, 4095, 5000, 100_000].iter().zip(&slices) {
        let slice = slice.get(&mu);
        assert_eq!(slice.slice().len(), *n);
        assert!(slice.slice().iter().rev().skip(1).all(|f| f.load().is_none()));
        if let Some(x) = slice.slice().last() {
            let x = x.load().unwrap().get();
            let y = x.many[99].load().unwrap().get();
            assert_eq!((x.middle[199], y.middle[0], x.before, y.after), (1, 2, [1; 3], 7));
            assert!(std::ptr::eq(y.next.load().unwrap().get(), x));
        }
    }
    assert!(big.get(&mu).iter().all(|&b| b == 5));
    for (i, a) in aligned.iter().enumerate() {
        let a = a.get(&mu);
        assert_eq!((a.0 as usize, a.addr() % 64), (i, 0));
    }
    assert!(matches!(mu.alloc_slice::<Node>(usize::MAX / 4), Err(AllocError::TooLong { .. })));
}

#[test]
fn growth_starts_cycles_and_memory_stays_bounded() {
    let a = Collector::new(small()).unwrap();
    let mut mu = a.pin();
    let keep: Vec<Root<Node>> =
        (0..1000).map(|key| Root::new(&mu, mu.alloc(NodeInit { key, next: None }))).collect();
    for i in 0..3_000_000 {
        mu.alloc(NodeInit { key: i, next: None });
        if i % 64 == 0 {
            mu.safepoint();
        }
    }
    assert!(keep.iter().enumerate().all(|(i, r)| r.get(&mu).key == i));
    let stats = a.stats();
    assert!(stats.cycles >= 3 && stats.committed < 48 << 20, "{stats:?}");
    assert_eq!(a.set_gc_percent(Some(50)), Some(100));
    assert_eq!(a.set_gc_percent(None), Some(50));
    assert_eq!(a.set_memory_limit(Some(1 << 30)), None);
    assert_eq!(a.set_memory_limit(None), Some(1 << 30));
}

#[test]
fn the_hard_limit_is_an_error() {
    let a =
        Collector::new(Config { hard_limit: Some(4 << 20), gc_percent: None, ..small() }).unwrap();
    let mut mu = a.pin();
    let list = Root::new(&mu, mu.alloc(NodeInit { key: 0, next: None }));
    let error = loop {
        match mu.try_alloc(NodeInit { key: 1, next: Some(list.get(&mu)) }) {
            Ok(new) => list.get(&mu).next.store(&mu, Some(new)),
            Err(e) => break e,
        }
    };
    assert!(error.to_string().contains("memory limit reached"), "{error}");
    // The list is one object after all: a cycle frees the rest.
    mu.reserve(100_000).unwrap();
    mu.alloc(NodeInit { key: 2, next: None });
}

#[test]
fn collect_under_a_guard_says_where() {
    let a = Collector::new(Config { pin_checks: true, ..small() }).unwrap();
    let mut mu = a.pin();
    match a.collect() {
        Err(CollectError::PinnedHere { at }) => assert!(at.file().ends_with("api.rs")),
        other => panic!("{other:?}"),
    }
    mu.collect();
    let other = a.pin();
    assert!(message(|| mu.collect()).contains("another guard"));
    drop(other);
    assert_eq!(mu.unpinned(|| a.collect().map(|()| a.stats().cycles)).unwrap(), 2);
    assert_eq!(a.stats().forced_cycles, 2);
}

#[test]
fn unpinned_pins_again_after_a_panic() {
    let a = Collector::new(small()).unwrap();
    let mut mu = a.pin();
    assert_eq!(message(|| mu.unpinned(|| panic!("inside"))), "inside");
    assert_eq!(*mu.alloc(7u64), 7);
    drop(a);
    mu.unpinned(|| ());
    assert_eq!(*mu.alloc(8u64), 8);
}

#[test]
fn a_panic_in_drop_glue_is_counted() {
    #[derive(Leaf)]
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    let a = Collector::new(small()).unwrap();
    let mut mu = a.pin();
    let drops = Arc::new(AtomicUsize::new(0));
    mu.alloc(Bomb);
    mu.alloc(Counted(drops.clone()));
    mu.collect();
    for _ in 0..2000 {
        if a.stats().glue_run == 2 {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!((a.stats().glue_run, a.stats().glue_panics), (2, 1));
    assert_eq!(drops.load(Ordering::Relaxed), 1);
}

#[test]
fn a_hog_delays_the_cycle_and_is_named() {
    let a = Collector::new(small()).unwrap();
    let hog = a.pin();
    let line = line!() - 1;
    std::thread::scope(|s| {
        let waiting = s.spawn(|| a.collect());
        std::thread::sleep(Duration::from_millis(30));
        assert!(!waiting.is_finished());
        // Others go on meanwhile.
        let mut mu = a.pin();
        mu.alloc(1u8);
        mu.safepoint();
        drop((hog, mu));
        waiting.join().unwrap().unwrap();
    });
    let pin = a.stats().longest_pin.unwrap();
    assert_eq!((pin.at.line(), pin.waited > Duration::from_millis(20)), (line, true));
}

/// A host that counts, and delegates.
#[derive(Default)]
struct Counting(Mutex<Vec<WorkerKind>>, bool);

impl WorkerHost for Counting {
    fn spawn(&self, kind: WorkerKind, body: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        if self.1 {
            return Err(io::Error::other("no threads today"));
        }
        self.0.lock().unwrap().push(kind);
        ThreadHost.spawn(kind, body)
    }
    fn parker(&self) -> Arc<dyn Parker> {
        ThreadHost.parker()
    }
    fn yield_now(&self) {
        ThreadHost.yield_now();
    }
    fn sleep(&self, time: Duration) {
        ThreadHost.sleep(time);
    }
    fn should_yield(&self) -> bool {
        true
    }
    fn cpus(&self) -> usize {
        1
    }
    fn task(&self) -> u64 {
        0
    }
    fn describe_task(&self, task: u64) -> String {
        format!("task {task}")
    }
}

#[test]
fn tasks_run_where_the_host_puts_them() {
    let host = Arc::new(Counting::default());
    let a = Collector::new(Config { host: host.clone(), ..small() }).unwrap();
    let mut mu = a.pin();
    assert!(host.0.lock().unwrap().is_empty(), "nothing starts before it is needed");
    mu.collect();
    mu.collect();
    a.retire();
    std::thread::sleep(Duration::from_millis(5));
    mu.alloc(String::from("glue"));
    mu.collect();
    drop((mu, a));
    let mut tasks = host.0.lock().unwrap().clone();
    tasks.sort_by_key(|kind| *kind == WorkerKind::Cleanup);
    assert_eq!(tasks, [WorkerKind::Coordinator, WorkerKind::Coordinator, WorkerKind::Cleanup]);

    let host = Arc::new(Counting(Mutex::default(), true));
    let a = Collector::new(Config { host, ..small() }).unwrap();
    assert!(matches!(a.collect(), Err(CollectError::Spawn(_))));
}

#[test]
fn many_collectors_leave_nothing_behind() {
    let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let maps = || std::fs::read_to_string("/proc/self/maps").map_or(0, |m| m.lines().count());
    let round = || {
        let a = Collector::new(small()).unwrap();
        let mut mu = a.pin();
        let root = Root::new(&mu, mu.alloc(String::from("x")));
        mu.collect();
        drop((root, mu));
    };
    (0..10).for_each(|_| round());
    let before = (threads(), maps());
    (0..200).for_each(|_| round());
    // Other tests run beside this one: allow for theirs.
    let after = (threads(), maps());
    assert!(after.0 < before.0 + 50 && after.1 < before.1 + 150, "{before:?} {after:?}");
}

#[test]
fn objects_may_have_cells() {
    #[derive(Trace)]
    struct Counter {
        n: Cell<u32>,
    }
    let a = Collector::new(small()).unwrap();
    let mut mu = a.pin();
    let c = mu.alloc(CounterInit { n: Cell::new(1) });
    c.n.set(c.n.get() + 1);
    let root = Root::new(&mu, c);
    mu.collect();
    assert_eq!(root.get(&mu).n.get(), 2);
}

/// A limit that is nearly reached is told, and is an error where that is asked for; when the program lets go, all goes on.
#[test]
fn a_memory_limit_tells_and_fails_before_cycles_follow_each_other() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = told.clone();
    let collector = Collector::new(Config {
        memory_limit: Some(24 << 20),
        limit_is_error: true,
        on_pressure: Some(OnPressure::new(move |p| notes.lock().unwrap().push(p))),
        ..small()
    })
    .unwrap();
    let mut mu = collector.pin();
    let mut head = Root::new(&mu, mu.alloc(NodeInit { key: 0, next: None }));
    let (mut n, error) = (
        1,
        loop {
            mu.safepoint();
            let next = Some(head.get(&mu));
            match mu.try_alloc(NodeInit { key: 1, next }) {
                Ok(node) => head.set(&mu, node),
                Err(e) => break e,
            }
        },
    );
    assert!(matches!(error, AllocError::Limit { limit, .. } if limit == 24 << 20), "{error}");
    let live = collector.stats().live_bytes;
    assert!(live < 32 << 20 && live > 8 << 20, "{live}");
    let cycles = collector.stats().cycles;
    assert!(cycles < 200, "{cycles} cycles");
    // It stays so, until something dies.
    assert!(mu.try_alloc(NodeInit { key: 2, next: None }).is_ok() || mu.reserve(0).is_err());
    drop(head);
    mu.collect();
    while n < 1000 {
        mu.try_alloc(NodeInit { key: 2, next: None }).unwrap();
        n += 1;
    }
    for _ in 0..10_000 {
        if !told.lock().unwrap().is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let first = told.lock().unwrap()[0];
    assert!(first.limit == 24 << 20 && first.live * 8 >= first.room * 7, "{first:?}");
}

/// No cycle begins below the smallest heap.
#[test]
fn a_smallest_heap() {
    let collector = Collector::new(Config { min_heap: 64 << 20, ..small() }).unwrap();
    let mut mu = collector.pin();
    for key in 0..1_000_000 {
        mu.alloc(NodeInit { key, next: None });
        mu.safepoint();
    }
    assert_eq!(collector.stats().cycles, 0);
    assert_eq!(collector.set_min_heap(1 << 20), 64 << 20);
    for key in 0..100_000 {
        mu.alloc(NodeInit { key, next: None });
        mu.safepoint();
    }
    assert!(collector.stats().goal_bytes <= 2 << 20 || collector.stats().cycles == 0);
}
