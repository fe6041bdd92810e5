//! `no_park` around every primitive that waits: a panic, and the primitive is as if nobody had come.

use gort::channel::{bounded, unbounded};
use gort::sync::{Barrier, Condvar, Mutex, OnceLock, RwLock, Semaphore, WaitGroup};
use gort::{go, select, thread};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};
use std::time::Duration;

fn refused(what: &str, f: impl FnOnce()) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&"a goroutine parked inside no_park") {
                others(info);
            }
        }));
    });
    let payload = catch_unwind(AssertUnwindSafe(|| thread::no_park(f)));
    let payload = payload.expect_err(what);
    let text = payload.downcast_ref::<&str>();
    assert_eq!(text, Some(&"a goroutine parked inside no_park"), "{what}");
}

fn check() {
    let hour = Duration::from_secs(3600);
    // Channels.
    let (tx, rx) = bounded::<u8>(0);
    refused("recv", || _ = rx.recv());
    refused("recv_timeout", || _ = rx.recv_timeout(hour));
    refused("send", || _ = tx.send(1));
    let (full, rest) = bounded::<u8>(1);
    full.send(1).expect("room");
    refused("send to a full one", || _ = full.send(2));
    refused("select", || {
        select! { recv(rx) -> _ => {}, send(full, 3) -> _ => {} }
    });
    assert_eq!((rest.recv(), rest.is_empty()), (Ok(1), true), "nothing refused was sent");
    let sender = go(move || tx.send(5));
    assert_eq!(rx.recv(), Ok(5), "nobody else stands in the line");
    sender.join().expect("no panic").expect("received");

    // Locks that somebody else holds.
    let lock = Arc::new((Mutex::new(0), RwLock::new(0), Semaphore::new(1)));
    let (held, tell) = (Arc::clone(&lock), unbounded::<()>());
    let (go_on, wait) = bounded::<()>(0);
    let holder = go(move || {
        let (_m, _w) = (held.0.lock(), held.1.write());
        held.2.acquire(1);
        tell.0.send(()).expect("main listens");
        wait.recv().expect("main tells");
        held.2.release(1);
    });
    tell.1.recv().expect("held");
    refused("Mutex", || drop(lock.0.lock()));
    refused("RwLock, reading", || drop(lock.1.read()));
    refused("RwLock, writing", || drop(lock.1.write()));
    refused("Semaphore", || lock.2.acquire(1));
    refused("join", {
        let (lock, go_on) = (Arc::clone(&lock), go_on.clone());
        move || {
            let _keep = (lock, go_on);
            go(|| thread::sleep(Duration::from_millis(1))).join().expect("no panic");
        }
    });
    go_on.send(()).expect("the holder listens");
    holder.join().expect("no panic");
    *lock.0.lock().unwrap_or_else(|e| e.into_inner()) += 1;
    *lock.1.write().unwrap_or_else(|e| e.into_inner()) += 1;
    lock.2.acquire(1);
    lock.2.release(1);

    // The others.
    let pair = (Mutex::new(false), Condvar::new());
    refused("Condvar", || {
        let guard = pair.0.lock().expect("free");
        drop(pair.1.wait(guard));
    });
    assert!(pair.0.try_lock().is_ok() || pair.0.is_poisoned(), "the lock was given back");
    pair.1.notify_all();
    let group = WaitGroup::new();
    group.add(1);
    refused("WaitGroup", || group.wait());
    group.done();
    group.wait();
    let barrier = Arc::new(Barrier::new(2));
    refused("Barrier", || _ = barrier.wait());
    let cell = Arc::new(OnceLock::new());
    let (first, (begun, begins), (end, ends)) = (Arc::clone(&cell), bounded(0), bounded::<()>(0));
    let maker = go(move || {
        *first.get_or_init(|| {
            begun.send(()).expect("main listens");
            ends.recv().expect("main tells");
            7
        })
    });
    begins.recv().expect("begun");
    refused("OnceLock", || _ = cell.get_or_init(|| 8));
    end.send(()).expect("the maker listens");
    assert_eq!((maker.join().expect("no panic"), cell.get()), (7, Some(&7)));
    refused("sleep", || thread::sleep(hour));
}

#[test]
fn every_wait_is_refused_and_leaves_nothing_behind() {
    gort::run(check);
    let runtime = gort::Runtime::builder().procs(2);
    // SAFETY: nothing here keeps thread-local state over a park.
    let runtime = unsafe { runtime.migrate() }.build().expect("a runtime");
    runtime.run(check);
    assert!(runtime.shutdown_timeout(Duration::from_secs(5)));
}
