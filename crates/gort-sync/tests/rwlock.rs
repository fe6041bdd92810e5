//! `RwLock`, `Barrier`, `LazyLock`, `Once::wait` and `mpsc`, in both worlds.

mod common;

use common::{Dice, both, ms, one_processor, pause};
use gort_sync::{Barrier, LazyLock, Once, OnceLock, RwLock, RwLockWriteGuard, mpsc};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};

/// RWLOCK-DATA, RWLOCK-2: a writer is alone; RWLOCK-1, RWLOCK-3: nobody is left behind.
#[test]
fn a_writer_is_alone_and_nobody_is_left_behind() {
    both(|world| {
        // Below 0: a writer; above: readers.
        let shared = Arc::new((RwLock::new(0u64), AtomicI32::new(0)));
        let tasks: Vec<_> = (0..6)
            .map(|seed| {
                let shared = Arc::clone(&shared);
                world.go(move || {
                    let (lock, holders) = &*shared;
                    let mut dice = Dice::new(seed);
                    let mut written = 0;
                    for _ in 0..2000 {
                        let writes = dice.roll(3) == 0;
                        if writes {
                            let guard = match dice.roll(4) {
                                0 => lock.try_write().ok(),
                                _ => Some(lock.write().unwrap()),
                            };
                            let Some(mut guard) = guard else { continue };
                            assert_eq!(holders.swap(-1, SeqCst), 0);
                            *guard += 1;
                            written += 1;
                            if dice.roll(8) == 0 {
                                gort_sched::thread::yield_now();
                            }
                            if dice.roll(4) == 0 {
                                holders.store(1, SeqCst);
                                let guard = RwLockWriteGuard::downgrade(guard);
                                assert!(holders.load(SeqCst) > 0 && *guard > 0);
                                holders.fetch_sub(1, SeqCst);
                            } else {
                                holders.store(0, SeqCst);
                            }
                        } else {
                            let guard = match dice.roll(4) {
                                0 => lock.try_read().ok(),
                                _ => Some(lock.read().unwrap()),
                            };
                            let Some(_guard) = guard else { continue };
                            assert!(holders.fetch_add(1, SeqCst) >= 0);
                            if dice.roll(8) == 0 {
                                gort_sched::thread::yield_now();
                            }
                            assert!(holders.fetch_sub(1, SeqCst) > 0);
                        }
                    }
                    written
                })
            })
            .collect();
        let written: u64 = tasks.into_iter().map(common::Task::join).sum();
        assert_eq!(*shared.0.try_read().unwrap(), written);
        assert!(shared.0.try_write().is_ok());
    });
}

#[test]
fn who_waits_is_served_in_order_and_readers_together() {
    one_processor(|world| {
        let lock = Arc::new(RwLock::new(Vec::new()));
        let first = lock.write().unwrap();
        let readers_in = Arc::new(Barrier::new(2));
        let mut tasks = Vec::new();
        for kind in ["read", "read", "write", "read"] {
            let (lock, readers_in) = (Arc::clone(&lock), Arc::clone(&readers_in));
            let before = tasks.len() < 2;
            tasks.push(world.go(move || match kind {
                "write" => lock.write().unwrap().push("writer"),
                _ if before => {
                    let seen = lock.read().unwrap();
                    // Both are inside at the same time.
                    readers_in.wait();
                    assert_eq!(*seen, ["first"]);
                }
                _ => assert_eq!(*lock.read().unwrap(), ["first", "writer"]),
            }));
            pause();
        }
        assert!(lock.try_read().is_err() && lock.try_write().is_err());
        let mut first = first;
        first.push("first");
        drop(first);
        tasks.into_iter().for_each(common::Task::join);
    });
}

#[test]
fn a_writer_that_panics_poisons_and_a_reader_does_not() {
    both(|world| {
        let lock = Arc::new(RwLock::new(1));
        let of = Arc::clone(&lock);
        let reader = world.go(move || {
            let _guard = of.read().unwrap();
            std::panic::resume_unwind(Box::new("reader"));
        });
        assert!(reader.try_join().is_err());
        assert!(!lock.is_poisoned() && lock.read().is_ok());
        let of = Arc::clone(&lock);
        let writer = world.go(move || {
            let _guard = of.write().unwrap();
            std::panic::resume_unwind(Box::new("writer"));
        });
        assert!(writer.try_join().is_err());
        assert!(lock.is_poisoned() && lock.read().is_err() && lock.try_write().is_err());
        lock.clear_poison();
        assert_eq!(*lock.write().unwrap(), 1);
    });
}

#[test]
fn a_barrier_has_one_leader_each_round() {
    both(|world| {
        let barrier = Arc::new(Barrier::new(4));
        let leads = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (barrier, leads) = (Arc::clone(&barrier), Arc::clone(&leads));
                world.go(move || {
                    for round in 1..=50 {
                        leads.fetch_add(u32::from(barrier.wait().is_leader()), SeqCst);
                        barrier.wait();
                        assert_eq!(leads.load(SeqCst), round);
                        barrier.wait();
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(common::Task::join);
    });
}

#[test]
fn a_lazy_value_is_made_once_or_poisoned() {
    both(|world| {
        let made = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&made);
        let lazy = Arc::new(LazyLock::new(move || {
            pause();
            count.fetch_add(1, SeqCst) + 41
        }));
        assert_eq!(LazyLock::get(&lazy), None);
        let other = Arc::clone(&lazy);
        let task = world.go(move || **other);
        assert_eq!((**lazy, task.join(), made.load(SeqCst)), (41, 41, 1));
        let mut bad = LazyLock::new(|| -> u32 { std::panic::resume_unwind(Box::new("made")) });
        assert!(
            catch_unwind(AssertUnwindSafe(|| {
                LazyLock::force_mut(&mut bad);
            }))
            .is_err()
        );
        let again = catch_unwind(AssertUnwindSafe(|| *bad)).unwrap_err();
        let words = again.downcast_ref::<&str>().unwrap();
        assert_eq!(*words, "LazyLock instance has previously been poisoned");
    });
}

#[test]
fn a_once_can_be_waited_for() {
    both(|world| {
        let cell = Arc::new((Once::new(), OnceLock::new()));
        let other = Arc::clone(&cell);
        let task = world.go(move || {
            other.0.wait();
            *other.1.wait()
        });
        pause();
        cell.0.call_once(pause);
        cell.1.set(7).unwrap();
        assert_eq!(task.join(), 7);
        let broken = Once::new();
        let run = AssertUnwindSafe(|| broken.call_once(|| std::panic::resume_unwind(Box::new(1))));
        assert!(catch_unwind(run).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| broken.wait())).is_err());
        broken.call_once_force(|_| {});
        broken.wait_force();
    });
}

#[test]
fn mpsc_speaks_as_std_does() {
    both(|world| {
        let (tx, rx) = mpsc::sync_channel(1);
        let twin = tx.clone();
        tx.send(1).unwrap();
        assert_eq!(tx.try_send(2), Err(mpsc::TrySendError::Full(2)));
        let task = world.go(move || twin.send(3));
        assert_eq!((rx.recv(), rx.recv()), (Ok(1), Ok(3)));
        task.join().unwrap();
        assert_eq!(rx.try_recv(), Err(mpsc::TryRecvError::Empty));
        assert_eq!(rx.recv_timeout(ms(1)), Err(mpsc::RecvTimeoutError::Timeout));
        drop(tx);
        assert_eq!(rx.recv(), Err(mpsc::RecvError));
        let (tx, rx) = mpsc::channel();
        (0..3).for_each(|i| tx.send(i).unwrap());
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
        drop(rx);
        assert_eq!(tx.send(4), Err(mpsc::SendError(4)));
        assert_eq!(format!("{tx:?}"), "Sender { .. }");
    });
}
