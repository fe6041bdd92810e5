//! What std asks of its threads and thread-locals, asked of goroutines: names, numbers, tokens, results, panics, scopes,
//! local values; in both modes.

mod common;
#[path = "common/quiet.rs"]
mod quiet;

use common::config;
use gort_sched::testing::run_with;
use gort_sched::thread::{self, Builder};
use gort_sched::{go, goroutine_local};
use quiet::{PLANNED, expect_panics, text};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

fn both(f: fn()) {
    for (procs, migrate) in [(1, false), (1, true), (2, false), (2, true)] {
        run_with(config(procs, migrate), f);
    }
}

#[test]
fn names() {
    both(|| {
        go(|| assert_eq!(thread::current().name(), None)).join().unwrap();
        let named = Builder::new().name("ada lovelace".into());
        let g = named.spawn(|| assert_eq!(thread::current().name(), Some("ada lovelace"))).unwrap();
        assert_eq!(g.thread().name(), Some("ada lovelace"));
        let kept = g.thread();
        g.join().unwrap();
        // The handle outlives the goroutine, and the next that uses its record has a name of its own.
        assert_eq!(go(|| thread::current().name().map(String::from)).join().unwrap(), None);
        assert_eq!(kept.name(), Some("ada lovelace"));
        assert!(format!("{kept:?}").contains("ada lovelace"));
        let long = "ünïcode, and longer than the kernel takes";
        let g = Builder::new().name(long.into()).spawn(|| ()).unwrap();
        assert_eq!(g.thread().name(), Some(long));
        let seen = thread::with_current_name(|id, name| (id, name.map(String::from)));
        assert_eq!(seen, Some((1, Some("main".into()))));
    });
    let plain = std::thread::Builder::new().name("plain".into());
    let named = plain.spawn(|| thread::current().name().map(String::from)).unwrap();
    assert_eq!(named.join().unwrap().as_deref(), Some("plain"));
    assert_eq!(thread::with_current_name(|_, _| ()), None);
}

#[test]
fn numbers_differ_and_stay() {
    both(|| {
        let here = thread::current().id();
        assert_eq!(here, thread::current().id());
        let all: Vec<_> = (0..100).map(|_| go(|| thread::current().id())).collect();
        let mut ids: Vec<_> =
            all.into_iter().map(|g| (g.thread().id(), g.join().unwrap())).collect();
        assert!(ids.iter().all(|(outside, inside)| outside == inside && *inside != here));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 100);
    });
    let plain = std::thread::spawn(|| thread::current().id().as_u64()).join().unwrap();
    assert!(plain > u64::MAX / 2, "plain threads count apart");
    assert_eq!(thread::goroutine_id(), None);
}

#[test]
fn is_finished() {
    both(|| {
        let (tx, rx) = mpsc::channel::<()>();
        let g = go(move || {
            while rx.try_recv() == Err(mpsc::TryRecvError::Empty) {
                thread::yield_now();
            }
        });
        thread::yield_now();
        assert!(!g.is_finished());
        drop(tx);
        while !g.is_finished() {
            thread::yield_now();
        }
        g.join().unwrap();
        let bad = go(|| resume_unwind(Box::new(())));
        while !bad.is_finished() {
            thread::yield_now();
        }
        assert!(bad.join().is_err());
    });
}

#[test]
fn panics_are_results_of_any_type() {
    expect_panics();
    fn payload(f: impl FnOnce() + Send + 'static) -> Box<dyn Any + Send> {
        go(f).join().unwrap_err()
    }
    both(|| {
        assert_eq!(text(&*payload(|| panic!("{PLANNED}"))), PLANNED);
        assert!(payload(|| panic!("on purpose")).is::<&'static str>());
        assert!(payload(|| resume_unwind(Box::new(String::from("owned")))).is::<String>());
        assert!(payload(|| resume_unwind(Box::new(()))).is::<()>());
        let any = payload(|| resume_unwind(Box::new(Box::new(413u16) as Box<dyn Any + Send>)));
        let inner = any.downcast::<Box<dyn Any + Send>>().unwrap();
        assert_eq!(*inner.downcast::<u16>().unwrap(), 413);
        assert!(thread::is_goexit(&*payload(|| thread::goexit())));
        // Raised again in the one that joins.
        let again = go(|| resume_unwind(payload(|| resume_unwind(Box::new(5u8)))));
        assert_eq!(*again.join().unwrap_err().downcast::<u8>().unwrap(), 5);
    });
}

#[test]
fn a_panic_inside_a_destructor_that_is_caught_there() {
    expect_panics();
    struct Twice;
    impl Drop for Twice {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            assert!(catch_unwind(|| panic!("{PLANNED}")).is_err());
            assert!(std::thread::panicking());
        }
    }
    both(|| {
        let bad = go(|| {
            let _twice = Twice;
            panic!("{PLANNED}");
        });
        assert_eq!(text(&*bad.join().unwrap_err()), PLANNED);
        assert!(!std::thread::panicking());
    });
}

#[test]
fn results_and_payloads_whose_destructors_panic() {
    expect_panics();
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("{PLANNED}");
            }
        }
    }
    both(|| {
        // Nobody wants them: the panic is that of who drops them, and goes no further on a goroutine that has ended. The
        // processor lives on.
        let _ = catch_unwind(|| drop(go(|| Bomb)));
        let _ = catch_unwind(|| drop(go(|| resume_unwind(Box::new(Bomb)))));
        for _ in 0..20 {
            thread::yield_now();
        }
        assert_eq!(go(|| 1).join().unwrap(), 1);
        let joined = catch_unwind(AssertUnwindSafe(|| drop(go(|| Bomb).join())));
        assert_eq!(text(&*joined.unwrap_err()), PLANNED);
        let done = go(|| Bomb);
        while !done.is_finished() {
            thread::yield_now();
        }
        assert!(catch_unwind(AssertUnwindSafe(|| drop(done))).is_err());
        assert_eq!(go(|| 2).join().unwrap(), 2);
    });
}

#[test]
fn tokens() {
    both(|| {
        // Before: the park returns at once. Several count once.
        for _ in 0..3 {
            thread::current().unpark();
        }
        thread::park();
        let before = Instant::now();
        thread::park_timeout(Duration::from_millis(2));
        assert!(before.elapsed() >= Duration::from_millis(2));
        // By another, during and before.
        for late in [false, true] {
            let me = thread::current();
            let g = go(move || {
                if late {
                    thread::sleep(Duration::from_millis(1));
                }
                me.unpark();
            });
            thread::park();
            g.join().unwrap();
        }
        let me = thread::current();
        let g = go(move || me.unpark());
        thread::park_timeout(Duration::MAX);
        g.join().unwrap();
        // A token for one that has ended is for nobody, and not for the next of its record.
        let g = go(|| ());
        let gone = g.thread();
        g.join().unwrap();
        gone.unpark();
        let g = go(thread::park);
        gone.unpark();
        for _ in 0..20 {
            thread::yield_now();
        }
        assert!(!g.is_finished());
        g.thread().unpark();
        g.join().unwrap();
    });
}

#[test]
fn the_child_does_not_need_its_parent() {
    fn child(generation: usize, tx: mpsc::Sender<usize>) {
        go(move || match generation {
            0 => tx.send(0).unwrap(),
            n => child(n - 1, tx),
        });
    }
    both(|| {
        let (tx, rx) = mpsc::channel();
        child(16, tx);
        while rx.try_recv().is_err() {
            thread::yield_now();
        }
    });
}

#[test]
fn large_closures_and_results_are_moved_whole() {
    both(|| {
        let bytes: [u8; 4096] = std::array::from_fn(|i| i as u8);
        let at = Box::new(0xdead_beef_u32);
        let address = std::ptr::from_ref(&*at) as usize;
        let g = go(move || {
            assert_eq!(std::ptr::from_ref(&*at) as usize, address);
            assert!(bytes.iter().enumerate().all(|(i, b)| *b == i as u8));
            (bytes, at)
        });
        let (back, at) = g.join().unwrap();
        assert_eq!((back, *at), (bytes, 0xdead_beef));
        #[derive(Debug, PartialEq)]
        #[repr(align(128))]
        struct Aligned(u8);
        let aligned = Aligned(1);
        let g = go(move || {
            assert_eq!(std::ptr::from_ref(&aligned) as usize % 128, 0);
            aligned
        });
        assert_eq!(g.join().unwrap(), Aligned(1));
        assert_eq!(go(|| ()).join().unwrap(), ());
    });
}

#[test]
fn types() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    fn unwind_safe<T: std::panic::UnwindSafe>() {}
    send::<thread::Thread>();
    sync::<thread::Thread>();
    send::<gort_sched::JoinHandle<Cell<u8>>>();
    sync::<gort_sched::JoinHandle<Cell<u8>>>();
    sync::<thread::Scope<'_, '_>>();
    send::<thread::ScopedJoinHandle<'_, ()>>();
    unwind_safe::<thread::ThreadId>();
    assert_eq!(size_of::<thread::Thread>(), 8);
    assert_eq!(size_of::<Option<thread::Thread>>(), 8);
    assert_eq!(size_of::<Option<thread::ThreadId>>(), 8);
}

#[test]
fn sleeps_are_long_enough() {
    both(|| {
        for wait in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(2)] {
            let before = Instant::now();
            thread::sleep(wait);
            assert!(before.elapsed() >= wait);
        }
        let until = Instant::now() + Duration::from_millis(2);
        thread::sleep_until(until);
        assert!(Instant::now() >= until);
        thread::sleep_until(until);
    });
}

#[test]
fn builders() {
    both(|| {
        let g = Builder::new().stack_size(0).spawn(|| 1).unwrap();
        assert_eq!(g.join().unwrap(), 1);
        let largest = gort_stack::Class::LARGEST.usable();
        let g = Builder::new().stack_size(largest).spawn(|| 2).unwrap();
        assert_eq!(g.join().unwrap(), 2);
        for bytes in [largest + 1, usize::MAX] {
            let e = Builder::new().stack_size(bytes).spawn(|| 3).unwrap_err();
            assert_eq!(e.kind(), std::io::ErrorKind::InvalidInput);
            assert!(e.to_string().contains(&bytes.to_string()), "{e}");
            assert!(e.to_string().contains(&largest.to_string()), "{e}");
            let refused =
                thread::scope(|s| Builder::new().stack_size(bytes).spawn_scoped(s, || ()).is_err());
            assert!(refused);
        }
        // The last word counts.
        let fixed = Builder::new().stack_size(usize::MAX).stack_size(1);
        assert_eq!(fixed.spawn(|| 4).unwrap().join().unwrap(), 4);
    });
    let e = Builder::new().spawn(|| ()).unwrap_err();
    assert_eq!(e.kind(), std::io::ErrorKind::Unsupported);
}

/// A gigabyte of stack is there to the end, and what was used goes back when the goroutine has ended and the pool is trimmed.
#[test]
fn a_gigabyte_of_stack() {
    fn dig(left: usize) -> usize {
        let page = std::hint::black_box([1u8; 4000]);
        if left == 0 { page[7] as usize } else { dig(left - 1) + page[3] as usize }
    }
    run_with(config(1, false), || {
        let bytes = gort_stack::Class::LARGEST.usable();
        // In debug builds a call takes a multiple of its frame.
        let depth = 8_000;
        let g = Builder::new().stack_size(bytes).spawn(move || dig(depth)).unwrap();
        assert_eq!(g.join().unwrap(), depth + 1);
    });
}

// Scopes.

#[test]
fn scopes_join_all_and_forward_panics() {
    expect_panics();
    both(|| {
        let ended = AtomicUsize::new(0);
        thread::scope(|s| {
            s.spawn(|| {
                // One that is spawned by another of the scope, after the scope's own closure has ended.
                thread::sleep(Duration::from_millis(1));
                s.spawn(|| {
                    thread::yield_now();
                    ended.fetch_add(1, SeqCst);
                });
                ended.fetch_add(1, SeqCst);
            });
        });
        assert_eq!(ended.into_inner(), 2);
        let value = thread::scope(|s| s.spawn(|| vec![1, 2]).join().unwrap());
        assert_eq!(value, [1, 2]);

        // Not joined: the scope panics, after all have ended.
        let ended = AtomicBool::new(false);
        let result = catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|s| {
                s.spawn(|| panic!("{PLANNED}"));
                s.spawn(|| {
                    thread::sleep(Duration::from_millis(1));
                    ended.store(true, SeqCst);
                });
            })
        }));
        assert_eq!(text(&*result.unwrap_err()), "a scoped thread panicked");
        assert!(ended.into_inner());

        // Joined: the panic has been seen.
        let n = thread::scope(|s| {
            let bad = s.spawn(|| -> u8 { panic!("{PLANNED}") });
            let text_of = text(&*bad.join().unwrap_err()).to_owned();
            assert_eq!(text_of, PLANNED);
            s.spawn(|| 4).join().unwrap()
        });
        assert_eq!(n, 4);

        // The closure's own panic comes first.
        let result = catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|s| {
                s.spawn(|| resume_unwind(Box::new(1u8)));
                resume_unwind(Box::new(2u16));
            })
        }));
        assert!(result.unwrap_err().is::<u16>());
    });
}

/// A result may borrow what the scope lets it borrow: it is gone before the scope ends, whoever drops it.
#[test]
fn scoped_results_are_dropped_inside_the_scope() {
    struct Late<'scope, 'env>(&'scope thread::Scope<'scope, 'env>, &'env AtomicUsize);
    impl Drop for Late<'_, '_> {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(1));
            let ended = self.1;
            self.0.spawn(move || {
                thread::sleep(Duration::from_millis(1));
                ended.fetch_add(1, SeqCst);
            });
        }
    }
    both(|| {
        for kept in [false, true] {
            let ended = AtomicUsize::new(0);
            let at = &ended;
            thread::scope(|s| {
                let handle = s.spawn(move || {
                    thread::yield_now();
                    Late(s, at)
                });
                if kept {
                    while !handle.is_finished() {
                        thread::yield_now();
                    }
                }
            });
            assert_eq!(ended.into_inner(), 1);
        }
    });
}

/// The runtime shuts down while a scope has a goroutine that has not run: it never will, and the scope ends all the same.
#[test]
fn scopes_end_with_goroutines_that_never_ran() {
    struct Tell(mpsc::Sender<&'static str>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.send("gone").unwrap();
        }
    }
    for _ in 0..5 {
        let (tx, rx) = mpsc::channel();
        run_with(config(1, true), move || {
            let main = thread::current();
            go(move || {
                let tell = Tell(tx);
                thread::scope(|s| {
                    s.spawn(|| tell.0.send("ran").unwrap());
                    main.unpark();
                    // The main goroutine gets the processor, and ends.
                    while !gort_sched::shutdown::is_stopping() {
                        std::hint::spin_loop();
                    }
                });
            });
            thread::park();
        });
        assert_eq!(rx.iter().last(), Some("gone"));
    }
}

#[test]
fn scoped_goroutines_are_like_others() {
    both(|| {
        let text = String::from("borrowed");
        thread::scope(|s| {
            let named = Builder::new().name("scoped".into()).stack_size(1 << 20);
            let g = named
                .spawn_scoped(s, || (thread::current().name().map(String::from), text.as_str()))
                .unwrap();
            assert_eq!(g.thread().name(), Some("scoped"));
            assert_eq!(g.join().unwrap(), (Some("scoped".into()), "borrowed"));
        });
        let mut list: Vec<u32> = (0..1000).collect();
        thread::scope(|s| {
            for part in list.chunks_mut(100) {
                s.spawn(move || part.iter_mut().for_each(|n| *n *= 2));
            }
        });
        assert!(list.iter().enumerate().all(|(i, n)| *n == 2 * i as u32));
        // The token of the spawner is not the scope's business.
        thread::current().unpark();
        thread::scope(|s| {
            s.spawn(|| thread::sleep(Duration::from_millis(1)));
        });
    });
    // Plain threads have scopes of goroutines where there is a scheduler; here is none.
    assert!(catch_unwind(|| thread::scope(|s| drop(s.spawn(|| ())))).is_err());
}

// Local values.

#[test]
fn local_values_are_made_once_and_dropped_at_the_end() {
    struct Loud(Arc<Mutex<Vec<&'static str>>>, &'static str);
    impl Drop for Loud {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(self.1);
        }
    }
    goroutine_local! {
        static FIRST: RefCell<Option<Loud>> = RefCell::new(None);
        static SECOND: RefCell<Option<Loud>> = RefCell::new(None);
    }
    both(|| {
        for panics in [false, true] {
            let log = Arc::new(Mutex::new(Vec::new()));
            let (inner, order) = (Arc::clone(&log), Arc::clone(&log));
            let g = go(move || {
                FIRST.with(|f| *f.borrow_mut() = Some(Loud(Arc::clone(&inner), "first")));
                SECOND.with(|s| *s.borrow_mut() = Some(Loud(Arc::clone(&inner), "second")));
                let _frame = Loud(inner, "frame");
                if panics {
                    resume_unwind(Box::new(()));
                }
            });
            assert_eq!(g.join().is_err(), panics);
            // `join` returns when they are gone.
            assert_eq!(*order.lock().unwrap(), ["frame", "second", "first"]);
        }
    });
}

#[test]
fn destructors_of_local_values_may_use_others() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Next(u8);
    impl Drop for Next {
        fn drop(&mut self) {
            DROPS.fetch_add(1, SeqCst);
            assert!(thread::goroutine_id().is_some());
            assert_eq!(thread::current().name(), Some("locals"));
            match self.0 {
                0 => B.with(|b| drop(b.borrow_mut().replace(Next(1)))),
                1 => C.with(|c| drop(c.borrow_mut().replace(Next(2)))),
                // Its own key again: a new value, dropped as well.
                2 => C.with(|c| drop(c.borrow_mut().replace(Next(3)))),
                // A destructor may park, spawn, and panic.
                _ => {
                    thread::yield_now();
                    assert_eq!(go(|| 7).join().unwrap(), 7);
                    resume_unwind(Box::new(()));
                }
            }
        }
    }
    goroutine_local! {
        static A: RefCell<Option<Next>> = RefCell::new(None);
        static B: RefCell<Option<Next>> = RefCell::new(None);
        static C: RefCell<Option<Next>> = RefCell::new(None);
    }
    both(|| {
        DROPS.store(0, SeqCst);
        let named = Builder::new().name("locals".into());
        let g = named.spawn(|| A.with(|a| *a.borrow_mut() = Some(Next(0)))).unwrap();
        g.join().unwrap();
        assert_eq!(DROPS.load(SeqCst), 4);
    });
}

#[test]
fn initialisers_of_local_values_may_park_and_recurse() {
    goroutine_local! {
        static OUTER: u32 = {
            thread::yield_now();
            INNER.with(|n| n + 1)
        };
        static INNER: u32 = {
            thread::sleep(Duration::from_micros(50));
            41
        };
    }
    both(|| {
        let all: Vec<_> = (0..8).map(|_| go(|| OUTER.with(|n| *n))).collect();
        assert!(all.into_iter().all(|g| g.join().unwrap() == 42));
    });
    assert_eq!(OUTER.with(|n| *n), 42);
}
