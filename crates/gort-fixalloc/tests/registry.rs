//! FIX-5: records are registered once, by the pool's first-use callback, in a list that can be walked while it grows; a record
//! that is used again is not cleared, so that a late reader still finds a sane one.
use gort_fixalloc::{FixAlloc, PersistentAlloc};
use gort_sys::{Backend, Linux, SysStat, TestBackend};
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

/// A record as the heap's are: the free list takes the first word, the rest stays.
struct Record {
    link: AtomicU64,
    next: AtomicPtr<Record>,
    generation: AtomicU64,
}

/// The list of all records; a static for each test, because the callback is told nothing but the record.
struct Registry(AtomicPtr<Record>);

impl Registry {
    const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Registers a record that nobody knows yet. One caller at a time: the pool's owner.
    unsafe fn add(&self, record: *mut Record) {
        // SAFETY: a record that nobody else knows yet, of memory that stays.
        let r = unsafe { &*record };
        r.generation.store(4, Ordering::Relaxed);
        r.next.store(self.0.load(Ordering::Relaxed), Ordering::Relaxed);
        self.0.store(record, Ordering::Release);
    }

    fn walk(&self) -> impl Iterator<Item = &Record> {
        let mut at = self.0.load(Ordering::Acquire);
        std::iter::from_fn(move || {
            // SAFETY: FIX-A — records are never given back to the system.
            let r = unsafe { at.as_ref() }?;
            at = r.next.load(Ordering::Acquire);
            Some(r)
        })
    }
}

fn take<B: Backend>(
    pool: &mut FixAlloc<Record>,
    pa: &PersistentAlloc<B>,
    st: &SysStat,
) -> NonNull<Record> {
    pool.alloc(pa, st).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]
    /// FIX-A, FIX-C: at any time the list has each record ever handed out, once, and no other; generations only rise.
    #[test]
    fn the_list_has_every_record_once(ops in prop::collection::vec(any::<u16>(), 1..300)) {
        static ALL: Registry = Registry::new();
        ALL.0.store(null_mut(), Ordering::Relaxed);
        unsafe fn first(p: *mut Record) {
            // SAFETY: the pool's callback: a fresh record, by the pool's owner.
            unsafe { ALL.add(p) };
        }
        let pa = PersistentAlloc::new(TestBackend::new());
        let st = SysStat::new();
        let mut pool: FixAlloc<Record> = FixAlloc::new(Some(first), false).unwrap();
        let (mut live, mut ever) = (vec![], BTreeSet::new());
        for op in ops {
            if op % 2 == 0 || live.is_empty() {
                let p = take(&mut pool, &pa, &st);
                let known = !ever.insert(p.as_ptr() as usize);
                // SAFETY: FIX-A — a record of the pool, alive.
                let generation = unsafe { p.as_ref() }.generation.load(Ordering::Relaxed);
                // A new record is as the callback left it, an old one as it was freed.
                prop_assert_eq!(generation > 4, known);
                live.push(p);
            } else {
                let p = live.swap_remove(op as usize % live.len());
                // SAFETY: FIX-A — as above.
                unsafe { p.as_ref() }.generation.fetch_add(2, Ordering::Relaxed);
                // SAFETY: FIX-A — from this pool, out of the list, once.
                unsafe { pool.free(p) };
            }
            let walked: Vec<usize> = ALL.walk().map(|r| std::ptr::from_ref(r) as usize).collect();
            prop_assert_eq!(walked.len(), ever.len());
            prop_assert_eq!(walked.into_iter().collect::<BTreeSet<_>>(), ever.clone());
            prop_assert_eq!(pool.stats().made as usize, ever.len());
        }
    }
}

/// On real threads: one grows, frees and takes again; two walk. They never see a record that is not registered as a whole, never
/// fewer than before, and never a generation that falls.
#[test]
fn walkers_against_a_grower() {
    static ALL: Registry = Registry::new();
    static DONE: AtomicBool = AtomicBool::new(false);
    unsafe fn first(p: *mut Record) {
        // SAFETY: the pool's callback: a fresh record, by the pool's owner.
        unsafe { ALL.add(p) };
    }
    let rounds = if cfg!(miri) { 40 } else { 4_000 };
    let pa = PersistentAlloc::new(Linux);
    let st = SysStat::new();
    std::thread::scope(|scope| {
        let walkers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut before: Vec<u64> = vec![];
                    let mut walks = 0;
                    loop {
                        let done = DONE.load(Ordering::Acquire);
                        // Oldest first, so that positions stay.
                        let mut now: Vec<u64> =
                            ALL.walk().map(|r| r.generation.load(Ordering::Relaxed)).collect();
                        now.reverse();
                        assert!(now.len() >= before.len());
                        assert!(
                            now.iter().all(|g| *g >= 4 && g % 2 == 0),
                            "a record before its time"
                        );
                        assert!(before.iter().zip(&now).all(|(a, b)| a <= b), "a cleared record");
                        (before, walks) = (now, walks + 1);
                        if done {
                            return (walks, before.len());
                        }
                    }
                })
            })
            .collect();
        let mut pool: FixAlloc<Record> = FixAlloc::new(Some(first), false).unwrap();
        let mut live = vec![];
        for i in 0..rounds {
            let p = take(&mut pool, &pa, &st);
            // SAFETY: FIX-A — a record of the pool, alive.
            unsafe { p.as_ref() }.link.store(i, Ordering::Relaxed);
            live.push(p);
            if i % 3 == 2 {
                let p = live.swap_remove(i as usize % live.len());
                // SAFETY: FIX-A — as above.
                unsafe { p.as_ref() }.generation.fetch_add(2, Ordering::Relaxed);
                // SAFETY: FIX-A — from this pool, out of the list, once.
                unsafe { pool.free(p) };
            }
        }
        DONE.store(true, Ordering::Release);
        for walker in walkers {
            let (walks, seen) = walker.join().unwrap();
            assert!(walks > 0 && seen as u64 == pool.stats().made);
        }
    });
}

/// What the grower and a walker do, step by step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Model {
    /// `(initialised, next)` of each record; `usize::MAX` ends the list.
    records: Vec<(bool, usize)>,
    head: usize,
    /// Record being added, and the step of it.
    growing: (usize, usize),
    /// Where each walker is, and how many it has seen; it starts at the head.
    walker: (Option<usize>, usize),
    /// Records that were published when the walk began.
    least: usize,
}

const END: usize = usize::MAX;
const MOST: usize = 3;

/// The order of the grower's three steps: 0 writes the record, 1 its link, 2 publishes it.
fn search(order: [usize; 3]) -> Result<usize, &'static str> {
    let start = Model {
        records: vec![(false, 0); MOST],
        head: END,
        growing: (0, 0),
        walker: (None, 0),
        least: 0,
    };
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(m) = open.pop() {
        let mut next = vec![];
        if m.growing.0 < MOST {
            let (record, step) = m.growing;
            let mut grown = m.clone();
            match order[step] {
                0 => grown.records[record].0 = true,
                1 => grown.records[record].1 = m.head,
                _ => grown.head = record,
            }
            grown.growing = if step == 2 { (record + 1, 0) } else { (record, step + 1) };
            next.push(grown);
        }
        let mut walked = m.clone();
        match m.walker.0 {
            None => {
                walked.walker = (Some(m.head), 0);
                // With the publication last, a record in the list is a finished one.
                walked.least = m.growing.0;
            }
            Some(END) => {
                if m.walker.1 < m.least {
                    return Err("a record was missed");
                }
                walked.walker = (None, 0);
            }
            Some(at) => {
                if !m.records[at].0 {
                    return Err("a record before its time");
                }
                if m.walker.1 > MOST {
                    return Err("the walk does not end");
                }
                walked.walker = (Some(m.records[at].1), m.walker.1 + 1);
            }
        }
        next.push(walked);
        for m in next {
            if seen.insert(m.clone()) {
                open.push(m);
            }
        }
    }
    Ok(seen.len())
}

/// Every interleaving of a walker with a grower; each wrong order of the grower's steps is found.
#[test]
fn every_interleaving_of_walker_and_grower() {
    assert!(search([0, 1, 2]).is_ok_and(|n| n > 20));
    assert!(search([1, 0, 2]).is_ok());
    for wrong in [[2, 0, 1], [0, 2, 1], [1, 2, 0], [2, 1, 0]] {
        assert!(search(wrong).is_err(), "{wrong:?}");
    }
}
