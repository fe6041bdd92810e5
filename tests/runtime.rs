//! The runtime as a library: boots one after the other, several at once, errors, ends.

use gort::channel::{bounded, unbounded};
use gort::gc::{self, Field, Root, Trace};
use gort::{Runtime, select};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Everything of this binary is allocated from gort's heap, under whatever locks of the runtime: their order is checked.
#[global_allocator]
static ALLOCATOR: gort::GortAlloc = gort::GortAlloc;

fn entries(dir: &str) -> usize {
    std::fs::read_dir(dir).expect("proc is there").count()
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").expect("proc is there").lines().count()
}

#[test]
fn ten_thousand_boots_leave_nothing_behind() {
    let boot = || {
        gort::run(|| {
            let (tx, rx) = bounded(0);
            gort::go(move || tx.send(1));
            assert_eq!(rx.recv(), Ok(1));
        });
    };
    for _ in 0..50 {
        boot();
    }
    let before = (entries("/proc/self/fd"), entries("/proc/self/task"), mappings());
    for _ in 0..10_000 {
        boot();
    }
    let after = (entries("/proc/self/fd"), entries("/proc/self/task"), mappings());
    // Other tests of this binary run beside this one; a leak of one a boot would be 10,000.
    assert!(after.0 < before.0 + 20, "descriptors: {before:?} {after:?}");
    assert!(after.1 < before.1 + 30, "threads: {before:?} {after:?}");
    assert!(after.2 < before.2 + 200, "mappings: {before:?} {after:?}");
}

#[test]
fn runtimes_live_side_by_side_and_talk() {
    let one = Runtime::builder().procs(1).build().expect("a runtime");
    // SAFETY: nothing in this test keeps thread-local state over a park.
    let two = unsafe { Runtime::builder().procs(2).migrate() }.build().expect("a runtime");
    let (tx, rx) = bounded(3);
    let sender = one.spawn(move || (0..1000u32).for_each(|n| tx.send(n).expect("a receiver")));
    let sum = two.run(move || rx.iter().sum::<u32>());
    assert_eq!(sum, 499_500);
    sender.join().expect("no panic");
    let handle = one.handle();
    assert!(one.shutdown_timeout(Duration::from_secs(5)));
    assert!(handle.spawn(|| ()).is_none());
    assert!(two.shutdown_timeout(Duration::from_secs(5)));
}

/// SYNC-6: what lies in a pool goes with the second collection after it was put there. (By the clock alone it would stay for
/// twenty seconds.)
#[test]
fn pools_hear_of_collections() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }
    gort::run(|| {
        let pool: gort::sync::Pool<Counted> = gort::sync::Pool::new(|| Counted);
        ALIVE.store(3, Ordering::Relaxed);
        (0..3).for_each(|_| pool.put(Counted));
        for _ in 0..1000 {
            gc::collect().expect("no guard is held");
            // sysmon tells of it, and whoever uses a pool next takes the turn.
            gort::thread::sleep(Duration::from_millis(5));
            let _ = gort::sync::Pool::<u8>::new(|| 0).take();
            if ALIVE.load(Ordering::Relaxed) == 0 {
                return;
            }
        }
        panic!("{} are still there", ALIVE.load(Ordering::Relaxed));
    });
}

#[test]
fn waits_unwind_at_the_end() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (kept_tx, kept_rx) = bounded::<u8>(0);
    let (never_tx, never_rx) = unbounded::<u8>();
    gort::run(move || {
        let (ready, all) = bounded(0);
        for n in 0..6 {
            let (rx, tx, never, ready) =
                (kept_rx.clone(), kept_tx.clone(), never_rx.clone(), ready.clone());
            gort::go(move || {
                let _counted = Counted;
                ready.send(()).expect("main receives");
                match n % 3 {
                    0 => drop(never.recv()),
                    1 => gort::thread::sleep(Duration::from_secs(3600)),
                    _ => select! {
                        recv(never) -> _ => {},
                        recv(rx) -> _ => {},
                        send(tx, 1) -> _ => {},
                    },
                }
            });
        }
        for _ in 0..6 {
            all.recv().expect("six goroutines");
        }
    });
    assert_eq!(DROPS.load(Ordering::Relaxed), 6);
    // The channel outlived the goroutines that waited on it, and nothing is left in its queues.
    assert!(never_tx.send(1).is_err());
}

#[test]
fn plain_threads_take_part() {
    let (tx, rx) = bounded(1);
    let adder = gort::go(move || rx.iter().sum::<u64>());
    for n in 0..100 {
        tx.send(n).expect("the goroutine receives");
    }
    drop(tx);
    assert_eq!(adder.join().expect("no panic"), 4950);
}

#[test]
fn goroutines_share_collected_objects() {
    #[derive(Trace)]
    struct Cell {
        value: u64,
        next: Field<Cell>,
    }
    let total = gort::run(|| {
        let head = {
            let mu = gc::pin();
            Arc::new(Root::new(&mu, mu.alloc(CellInit { value: 0, next: None })))
        };
        let writers: Vec<_> = (1..=4u64)
            .map(|n| {
                let head = Arc::clone(&head);
                gort::go(move || {
                    for i in 0..2_000 {
                        let mut mu = gc::pin();
                        let top = head.get(&mu);
                        let mut old = top.next.load();
                        loop {
                            let new = mu.alloc(CellInit { value: n, next: old });
                            match top.next.compare_exchange(&mu, old, Some(new)) {
                                Ok(_) => break,
                                Err(now) => old = now,
                            }
                        }
                        if i % 500 == 0 {
                            mu.collect();
                        }
                    }
                })
            })
            .collect();
        for w in writers {
            w.join().expect("no panic");
        }
        let mu = gc::pin();
        let (mut at, mut sum) = (head.get(&mu).get().next.load(), 0);
        while let Some(cell) = at {
            sum += cell.value;
            at = cell.get().next.load();
        }
        sum
    });
    assert_eq!(total, (1 + 2 + 3 + 4) * 2_000);
}

#[gort::test]
fn the_attribute_boots() {
    assert_eq!(gort::thread::current().id().as_u64(), 1);
}

#[gort::test(unsafe(migrate))]
fn the_attribute_migrates() {
    let sum: u64 =
        (0..100u64).map(|n| gort::go(move || n)).map(|g| g.join().expect("no panic")).sum();
    assert_eq!(sum, 4950);
}

#[test]
fn bad_settings_are_errors() {
    let e = Runtime::builder().procs(0).build().expect_err("no processor");
    assert!(e.to_string().contains("0 processors"), "{e}");
    let e = Runtime::builder().stack_size(4 << 30).build().expect_err("too large");
    assert!(e.to_string().contains("4294967296"), "{e}");
}
