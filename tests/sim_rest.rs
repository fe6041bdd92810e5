//! What else a program may use in a simulation: scopes, futures, locked threads, the collector, sockets.

use gort::channel::bounded;
use gort::sim::{self, Config, Outcome, Strategy};
use gort::sync::Mutex;
use gort::{go, thread};
use std::cell::Cell;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

fn all(program: fn(), expected: fn(&Outcome) -> bool) {
    for seed in 0..20 {
        for strategy in [Strategy::InOrder, Strategy::Random, Strategy::Pct { depth: 3 }] {
            let report = sim::run(&Config { seed, strategy, ..Config::default() }, program);
            assert!(expected(&report.outcome) && !report.stuck, "{report}\n{}", report.log());
        }
    }
}

#[test]
fn scopes_borrow() {
    all(
        || {
            let total = Mutex::new(0);
            thread::scope(|s| {
                for n in 0..4 {
                    let total = &total;
                    s.spawn(move || *total.lock().unwrap() += n);
                }
            });
            assert_eq!(total.into_inner().unwrap(), 6);
        },
        Outcome::is_ok,
    );
}

/// A scope is not left before its goroutines are gone, a deadlock included.
#[test]
fn a_deadlock_in_a_scope_unwinds() {
    all(
        || {
            let (tx, rx) = bounded::<i32>(0);
            let word = String::from("borrowed");
            thread::scope(|s| {
                s.spawn(|| assert_eq!(rx.recv().map(|_| word.len()), Ok(8)));
                s.spawn(thread::park);
                thread::park();
            });
            drop(tx);
        },
        |outcome| matches!(outcome, Outcome::Deadlock(b) if b.len() == 3),
    );
}

#[test]
fn locked_threads_blocking_calls_and_futures() {
    gort::goroutine_local! { static DEPTH: Cell<u32> = Cell::new(0); }
    all(
        || {
            let guard = thread::lock_os_thread();
            let (tx, rx) = bounded(0);
            let other = go(move || {
                DEPTH.set(7);
                tx.send(thread::blocking(|| 3)).unwrap();
                DEPTH.get()
            });
            assert_eq!(rx.recv(), Ok(3));
            drop(guard);
            assert_eq!(gort::block_on(async move { other.await.unwrap() }), 7);
            assert_eq!(DEPTH.get(), 0);
            assert_eq!(gort::runtime::procs(), 1);
        },
        Outcome::is_ok,
    );
}

/// A destructor that waits while its goroutine unwinds.
#[test]
fn destructors_may_wait() {
    struct Last(gort::channel::Receiver<()>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.recv().unwrap();
        }
    }
    all(
        || {
            let (tx, rx) = bounded(0);
            let fails = go(move || {
                let _last = Last(rx);
                std::panic::resume_unwind(Box::new("on purpose"));
            });
            go(move || tx.send(()).unwrap()).join().unwrap();
            assert!(fails.join().is_err());
        },
        Outcome::is_ok,
    );
}

/// The collector's threads are real ones: a goroutine that waits for them is waited for.
#[test]
fn the_collector_works_inside() {
    for seed in 0..5 {
        let report = sim::run(&Config { seed, ..Config::default() }, || {
            let parts: Vec<_> = (0..3)
                .map(|n| {
                    go(move || {
                        let mu = gort::gc::pin();
                        let root = gort::gc::Root::new(&mu, mu.alloc(n));
                        drop(mu);
                        gort::gc::collect().unwrap();
                        let mu = gort::gc::pin();
                        *root.get(&mu)
                    })
                })
                .collect();
            let sum: i32 = parts.into_iter().map(|p| p.join().unwrap()).sum();
            assert_eq!(sum, 3);
        });
        assert_eq!(report.outcome, Outcome::Ok);
    }
}

/// Sockets pass through.
#[test]
fn sockets_pass_through() {
    let report = sim::run(&Config::default(), || {
        let listener = gort::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = go(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut word = [0; 5];
            stream.read_exact(&mut word).unwrap();
            stream.write_all(&word).unwrap();
        });
        let mut stream = gort::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(3600))).unwrap();
        stream.write_all(b"hello").unwrap();
        let mut word = [0; 5];
        stream.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"hello");
        server.join().unwrap();
    });
    assert_eq!(report.outcome, Outcome::Ok, "{}", report.log());
}

/// Readers see no half of a write, a barrier lets all go together; a read lock that becomes a write lock
/// by hand is found.
#[test]
fn locks_for_readers_and_barriers() {
    use gort::sync::{Barrier, RwLock};
    all(
        || {
            let (pair, barrier) = (Arc::new(RwLock::new((0, 0))), Arc::new(Barrier::new(3)));
            let parts: Vec<_> = (0..3)
                .map(|n| {
                    let (pair, barrier) = (Arc::clone(&pair), Arc::clone(&barrier));
                    go(move || {
                        {
                            let mut pair = pair.write().unwrap();
                            pair.0 += n;
                            sim::point();
                            pair.1 += n;
                        }
                        let seen = *pair.read().unwrap();
                        assert_eq!(seen.0, seen.1);
                        let leads = barrier.wait().is_leader();
                        assert_eq!(*pair.read().unwrap(), (3, 3));
                        leads
                    })
                })
                .collect();
            assert_eq!(parts.into_iter().map(|p| p.join().unwrap()).filter(|&l| l).count(), 1);
        },
        Outcome::is_ok,
    );
    let upgrade = || {
        let n = Arc::new(RwLock::new(0));
        let parts: Vec<_> = (0..2)
            .map(|_| {
                let n = Arc::clone(&n);
                go(move || {
                    let old = *n.read().unwrap();
                    *n.write().unwrap() = old + 1;
                })
            })
            .collect();
        parts.into_iter().for_each(|p| p.join().unwrap());
        if *n.read().unwrap() != 2 {
            std::panic::resume_unwind(Box::new("lost"));
        }
    };
    assert!(sim::search(&Config::default(), 1000, upgrade).is_err());
}

/// A whole day of a program: heartbeats, time-outs, retries.
#[test]
fn a_day_in_a_moment() {
    let report = sim::run(&Config { seed: 1, ..Config::default() }, || {
        let (tx, rx) = bounded::<u32>(1);
        let beats = go(move || {
            for n in 0..24 {
                thread::sleep(Duration::from_secs(3600));
                tx.send(n).unwrap();
            }
        });
        let late = Arc::new(Mutex::new(0));
        let mut heard = 0;
        while heard < 24 {
            match rx.recv_timeout(Duration::from_secs(1799)) {
                Ok(_) => heard += 1,
                Err(_) => *late.lock().unwrap() += 1,
            }
        }
        beats.join().unwrap();
        assert_eq!(*late.lock().unwrap(), 48);
    });
    assert_eq!(report.outcome, Outcome::Ok);
    assert!(report.time >= Duration::from_secs(86_400) && report.steps < 1_000, "{report}");
}
