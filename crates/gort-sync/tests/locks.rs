//! Mutex, Condvar, WaitGroup, Semaphore: what std's and Go's tests assert, in both worlds.

mod common;

use common::{Dice, both, ms, one_processor, pause};
use gort_sync::{Condvar, Mutex, Once, OnceLock, Semaphore, TryLockError, WaitGroup, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

#[test]
fn mutex_counts_without_loss() {
    both(|world| {
        let counter = Arc::new(Mutex::new(0u64));
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let counter = Arc::clone(&counter);
                world.go(move || {
                    for turn in 0..2000 {
                        let mut guard = counter.lock().unwrap();
                        let seen = *guard;
                        if turn % 500 == n {
                            // Others come and queue meanwhile.
                            gort_sync::sleep(std::time::Duration::from_micros(50));
                        }
                        *guard = seen + 1;
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|t| t.join());
        assert_eq!(*counter.lock().unwrap(), 8000);
    });
}

/// Go's test of fairness: one that holds the mutex nearly always does not keep another away.
#[test]
fn mutex_starves_nobody() {
    both(|world| {
        let mutex = Arc::new(Mutex::new(()));
        let (stop, stopped) = bounded::<()>(0);
        let hog = {
            let mutex = Arc::clone(&mutex);
            world.go(move || {
                while stopped.try_recv().is_err_and(|e| e.is_empty()) {
                    let _guard = mutex.lock().unwrap();
                    gort_sync::sleep(std::time::Duration::from_micros(100));
                }
            })
        };
        for _ in 0..10 {
            gort_sync::sleep(std::time::Duration::from_micros(100));
            drop(mutex.lock().unwrap());
        }
        drop(stop);
        hog.join();
    });
}

/// On one processor this is certain: whoever is woken comes too late, until he is starving.
#[test]
fn mutex_is_handed_over_to_the_starving() {
    let turns = gort_sched::testing::run(1, || {
        let (mutex, done) = (Arc::new(Mutex::new(())), Arc::new(AtomicUsize::new(0)));
        let waiter = {
            let (mutex, done) = (Arc::clone(&mutex), Arc::clone(&done));
            gort_sched::go(move || {
                (0..5).for_each(|_| drop(mutex.lock().unwrap()));
                done.store(1, Ordering::Relaxed);
            })
        };
        let mut turns = 0;
        let mut guard = mutex.lock().unwrap();
        while done.load(Ordering::Relaxed) == 0 && turns < 3000 {
            gort_sync::sleep(std::time::Duration::from_micros(100));
            drop(guard);
            // No other goroutine has run since.
            guard = mutex.lock().unwrap();
            turns += 1;
        }
        drop(guard);
        waiter.join().unwrap();
        turns
    });
    assert!(turns < 3000, "the waiter waited to the end");
}

#[test]
fn mutex_says_what_std_says() {
    let mut mutex = Mutex::new(3);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 3, poisoned: false, .. }");
    let guard = mutex.lock().unwrap();
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked>, poisoned: false, .. }");
    assert_eq!((format!("{guard:?}"), format!("{guard}")), ("3".into(), "3".into()));
    assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    drop(guard);
    *mutex.get_mut().unwrap() += 1;
    assert_eq!(*mutex.try_lock().unwrap(), 4);
    assert_eq!(mutex.into_inner().unwrap(), 4);
    assert_eq!(*Mutex::<u8>::default().lock().unwrap(), 0);
    let unsized_: &Mutex<[i32]> = &Mutex::from([1, 2]);
    unsized_.lock().unwrap()[0] = 5;
    assert_eq!(*unsized_.lock().unwrap(), [5, 2]);
}

#[test]
fn a_panic_poisons() {
    both(|world| {
        let mutex = Arc::new(Mutex::new(1));
        let held = Arc::clone(&mutex);
        let task = world.go(move || {
            let _guard = held.lock().unwrap();
            panic!("while holding it");
        });
        assert!(task.try_join().is_err());
        assert!(mutex.is_poisoned());
        assert_eq!(*mutex.lock().unwrap_err().into_inner(), 1);
        assert!(matches!(mutex.try_lock(), Err(TryLockError::Poisoned(_))));
        mutex.clear_poison();
        assert_eq!(*mutex.lock().unwrap(), 1);
    });
}

#[test]
fn condvar_wakes_in_order() {
    one_processor(|world| {
        let pair = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let shared = Arc::clone(&pair);
                let task = world.go(move || {
                    let guard = shared.0.lock().unwrap();
                    shared.1.wait(guard).unwrap().push(n);
                });
                pause();
                task
            })
            .collect();
        for n in 1..=2 {
            pair.1.notify_one();
            while pair.0.lock().unwrap().len() < n {
                pause();
            }
        }
        assert_eq!(*pair.0.lock().unwrap(), [0, 1]);
        pair.1.notify_all();
        tasks.into_iter().for_each(|t| t.join());
        assert_eq!(pair.0.lock().unwrap().len(), 4);
    });
}

#[test]
fn condvar_limits() {
    both(|world| {
        let (mutex, condvar) = (Mutex::new(0), Condvar::default());
        let start = Instant::now();
        let (guard, result) = condvar.wait_timeout(mutex.lock().unwrap(), ms(3)).unwrap();
        assert!(result.timed_out() && start.elapsed() >= ms(3));
        let (guard, result) = condvar.wait_timeout_while(guard, ms(3), |n| *n == 0).unwrap();
        assert!(result.timed_out());
        let (guard, result) = condvar.wait_timeout_while(guard, ms(3), |n| *n == 1).unwrap();
        assert!(!result.timed_out());
        drop(guard);
        // A ball that two throw to each other.
        let game = Arc::new((mutex, condvar));
        let other = Arc::clone(&game);
        let task = world.go(move || {
            for _ in 0..200 {
                let mut ball =
                    other.1.wait_while(other.0.lock().unwrap(), |n| *n % 2 == 0).unwrap();
                *ball += 1;
                other.1.notify_one();
            }
        });
        for _ in 0..200 {
            let mut ball = game.1.wait_while(game.0.lock().unwrap(), |n| *n % 2 == 1).unwrap();
            *ball += 1;
            game.1.notify_one();
        }
        task.join();
        assert_eq!(*game.0.lock().unwrap(), 400);
    });
}

#[test]
fn wait_group_waits_for_all() {
    both(|world| {
        let (wg, finished) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
        wg.wait();
        for round in 1..=20 {
            wg.add(8);
            for _ in 0..8 {
                let (wg, finished) = (wg.clone(), Arc::clone(&finished));
                world.go(move || {
                    finished.fetch_add(1, Ordering::Relaxed);
                    wg.done();
                });
            }
            let also = wg.clone();
            let waiter = world.go(move || also.wait());
            wg.wait();
            assert_eq!(finished.load(Ordering::Relaxed), round * 8);
            waiter.join();
        }
    });
}

#[test]
fn wait_group_counts_up_to_its_word() {
    let wg = WaitGroup::default();
    wg.add(2);
    wg.add(-2);
    wg.add(0);
    let below = std::panic::catch_unwind(|| wg.done()).unwrap_err();
    assert_eq!(*below.downcast::<&str>().unwrap(), "negative WaitGroup counter");
    // The failed one has changed nothing.
    assert_eq!(format!("{wg:?}"), "WaitGroup { count: 0 }");
}

#[test]
fn wait_group_runs_goroutines() {
    gort_sched::testing::run(2, || {
        let (wg, finished) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
        for n in 0..50 {
            let finished = Arc::clone(&finished);
            wg.go(move || {
                finished.fetch_add(1, Ordering::Relaxed);
                assert!(n != 25, "one panics, and is done all the same");
            });
        }
        wg.wait();
        assert_eq!(finished.load(Ordering::Relaxed), 50);
    });
}

#[test]
fn semaphore_bounds_and_keeps_the_order() {
    both(|world| {
        let (sem, inside) = (Arc::new(Semaphore::new(3)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (1..=6)
            .map(|seed| {
                let (sem, inside) = (Arc::clone(&sem), Arc::clone(&inside));
                world.go(move || {
                    let mut dice = Dice::new(seed);
                    for _ in 0..300 {
                        let n = 1 + dice.roll(3) as usize;
                        let got = match dice.roll(3) {
                            0 => sem.try_acquire(n),
                            1 => sem.acquire_timeout(n, std::time::Duration::from_micros(30)),
                            _ => {
                                sem.acquire(n);
                                true
                            }
                        };
                        if got {
                            assert!(inside.fetch_add(n, Ordering::SeqCst) + n <= 3);
                            inside.fetch_sub(n, Ordering::SeqCst);
                            sem.release(n);
                        }
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|t| t.join());
        assert_eq!(sem.available(), 3);
        // A great request is not overtaken.
        let great = Arc::clone(&sem);
        sem.acquire(1);
        let task = world.go(move || great.acquire(3));
        while sem.try_acquire(1) {
            sem.release(1);
            pause();
        }
        assert_eq!(sem.available(), 2);
        sem.release(1);
        task.join();
        assert_eq!(sem.available(), 0);
    });
}

#[test]
fn once_runs_once() {
    both(|world| {
        let (once, runs) = (Arc::new(Once::new()), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let (once, runs) = (Arc::clone(&once), Arc::clone(&runs));
                world.go(move || {
                    once.call_once(|| {
                        pause();
                        runs.fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(once.is_completed());
                    assert_eq!(runs.load(Ordering::Relaxed), 1);
                })
            })
            .collect();
        tasks.into_iter().for_each(|t| t.join());
    });
}

#[test]
fn once_remembers_a_panic() {
    both(|world| {
        let once = Arc::new(Once::new());
        let (failing, waiting) = (Arc::clone(&once), Arc::clone(&once));
        let (runs, running) = bounded(1);
        let one = world.go(move || {
            failing.call_once(|| {
                runs.send(()).unwrap();
                pause();
                panic!("the first run");
            });
        });
        running.recv().unwrap();
        let two = world.go(move || waiting.call_once(|| {}));
        assert!(one.try_join().is_err());
        // It waited for the first, or came later: in vain in both cases.
        assert!(two.try_join().is_err());
        assert!(!once.is_completed());
        once.call_once_force(|state| assert!(state.is_poisoned()));
        once.call_once(|| unreachable!());
        let cell = Arc::new(OnceLock::new());
        let other = Arc::clone(&cell);
        let task = world.go(move || *other.get_or_init(|| panic!("no value")));
        assert!(task.try_join().is_err());
        assert_eq!(*cell.get_or_init(|| 5), 5);
    });
}

#[test]
fn once_lock_says_what_std_says() {
    let mut cell = OnceLock::new();
    assert_eq!((cell.get(), format!("{cell:?}").as_str()), (None, "OnceLock(<uninit>)"));
    assert_eq!((cell.set(1), cell.set(2)), (Ok(()), Err(2)));
    assert_eq!((cell.get(), format!("{cell:?}").as_str()), (Some(&1), "OnceLock(1)"));
    *cell.get_mut().unwrap() += 1;
    assert_eq!((cell.clone(), cell.take(), cell.get()), (OnceLock::from(2), Some(2), None));
    let counted = common::Mint::default();
    drop(OnceLock::from(counted.coin(1)));
    assert_eq!(OnceLock::from(counted.coin(1)).into_inner().map(|c| c.value), Some(1));
    assert_eq!(counted.alive(), 0);
}
