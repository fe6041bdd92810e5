//! [`Pool`] against what Go's pool promises: no value in two hands, none lost but by age, emptied over
//! two turns; and beside that nothing stays behind.

mod common;

use common::{Dice, Mint, both};
use gort_sync::pool::turn_if;
use gort_sync::{Mutex, Pool, WaitGroup};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

/// Turns concern all pools of the process: one test at a time.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As if the collector had run once more; whoever uses a pool then takes the turn.
fn collect() {
    static COLLECTIONS: AtomicU64 = AtomicU64::new(0);
    // By the real clock: a pool that looks at it afterwards makes no turn of its own.
    let now = gort_sys::clock::nanos();
    turn_if(now, 0);
    turn_if(now, COLLECTIONS.fetch_add(1, Ordering::Relaxed) + 1);
    let _ = Pool::<u8>::new(|| 0).take();
}

#[test]
fn what_is_put_comes_back_and_goes_with_age() {
    let _alone = alone();
    let mint = Mint::default();
    let pool = Pool::new(|| unreachable!("only `take` is used"));
    assert!(pool.take().is_none() && pool.is_empty());
    (0..100).for_each(|n| pool.put(mint.coin(n)));
    assert_eq!((pool.len(), mint.alive()), (100, 100));
    assert!(pool.take().is_some());
    collect();
    assert_eq!(mint.alive(), 99, "old, and not gone");
    let kept = pool.take().expect("an old value is as good");
    pool.put(kept);
    collect();
    assert_eq!((pool.len(), mint.alive()), (1, 1), "the one that was used is young again");
    collect();
    assert_eq!((pool.len(), mint.alive()), (0, 0));
    pool.put(mint.coin(1));
    drop(pool);
    assert_eq!(mint.alive(), 0, "a pool that goes takes its values along");
}

#[test]
fn a_loan_comes_back_or_is_kept() {
    let _alone = alone();
    let made = AtomicUsize::new(0);
    let pool = Pool::with(|| made.fetch_add(1, Ordering::Relaxed));
    {
        let mut lent = pool.lend();
        assert_eq!((*lent, pool.len()), (0, 0));
        *lent = 7;
    }
    assert_eq!((pool.len(), pool.get()), (1, 7));
    let kept = gort_sync::Lent::keep(pool.lend());
    assert_eq!((kept, pool.len()), (1, 0));
    let lent = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _lent = pool.lend();
        panic!("with a value in hand");
    }));
    assert!(lent.is_err() && pool.len() == 1);
}

#[test]
fn time_makes_turns_too() {
    let _alone = alone();
    let mint = Mint::default();
    let pool: Pool<_> = Pool::new(|| unreachable!("only `take` is used"));
    pool.put(mint.coin(1));
    let (now, far) = (gort_sys::clock::nanos(), gort_sync::pool::PERIOD.as_nanos() as u64 * 2);
    // The first one may only set the date.
    for turn in 1..=3 {
        turn_if(now + far * turn, 0);
        let _ = Pool::<u8>::new(|| 0).take();
    }
    assert_eq!(mint.alive(), 0);
}

/// Go's TestPoolStress and TestPoolDequeue in one: what is out is with one task only, and all that
/// was made is in the pool or dropped at the end; turns in between.
#[test]
fn no_value_is_in_two_hands() {
    let _alone = alone();
    both(|world| {
        let pool: Arc<Pool<u64, _>> = Arc::new(Pool::with({
            let made = AtomicU64::new(0);
            move || made.fetch_add(1, Ordering::Relaxed)
        }));
        let out: Arc<Mutex<HashSet<u64>>> = Arc::default();
        let tasks: Vec<_> = (0..4)
            .map(|seed| {
                let (pool, out) = (Arc::clone(&pool), Arc::clone(&out));
                world.go(move || {
                    let (mut dice, mut mine) = (Dice::new(seed + 1), Vec::new());
                    for n in 0..400 {
                        if dice.roll(2) == 0 {
                            let value = pool.get();
                            assert!(out.lock().unwrap().insert(value), "{value} is out already");
                            mine.push(value);
                        } else if let Some(value) = mine.pop() {
                            assert!(out.lock().unwrap().remove(&value));
                            pool.put(value);
                        }
                        if n % 50 == 49 {
                            collect();
                            gort_sched::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(common::Task::join);
    });
}

#[test]
fn a_destructor_that_panics_or_uses_the_pool() {
    let _alone = alone();
    struct Bad(Arc<AtomicUsize>);
    static POOL: Pool<Option<Bad>> = Pool::new(|| None);
    impl Drop for Bad {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            POOL.put(None);
            panic!("in a destructor");
        }
    }
    let gone = Arc::new(AtomicUsize::new(0));
    (0..3).for_each(|_| POOL.put(Some(Bad(Arc::clone(&gone)))));
    (0..3).for_each(|_| collect());
    assert_eq!(gone.load(Ordering::Relaxed), 3);
}

#[test]
fn a_goroutine_meets_its_own_value() {
    let _alone = alone();
    gort_sched::testing::run(1, || {
        static POOL: Pool<Vec<u8>> = Pool::new(Vec::new);
        let group = WaitGroup::new();
        POOL.put(vec![1, 2, 3]);
        group.go(|| assert_eq!(*POOL.lend(), [1, 2, 3]));
        group.wait();
        assert_eq!(POOL.len(), 1);
    });
}
