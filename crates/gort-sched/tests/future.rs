//! Futures on goroutines: whoever wakes, and whenever, the future is polled again.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use gort_sched::sim::{self, search};
use gort_sched::testing::run;
use gort_sched::{block_on, go, go_async, thread};
use std::sync::{Arc, Mutex};

/// A value that comes later: what is needed of a oneshot channel.
struct Later<T>(Arc<Mutex<(Option<T>, Option<Waker>)>>);

/// Who brings it.
struct Giver<T>(Arc<Mutex<(Option<T>, Option<Waker>)>>);

fn later<T>() -> (Giver<T>, Later<T>) {
    let both = Arc::new(Mutex::new((None, None)));
    (Giver(Arc::clone(&both)), Later(both))
}

impl<T> Giver<T> {
    fn give(self, value: T) {
        sim::point();
        self.0.lock().unwrap().0 = Some(value);
        sim::point();
        let waker = self.0.lock().unwrap().1.take();
        sim::point();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Later<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        sim::point();
        self.0.lock().unwrap().1 = Some(context.waker().clone());
        sim::point();
        match self.0.lock().unwrap().0.take() {
            Some(value) => Poll::Ready(value),
            None => Poll::Pending,
        }
    }
}

/// Pending once, woken by itself.
#[derive(Default)]
struct Again(bool);

impl Future for Again {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if core::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A relay of async goroutines, each of which hands a count on to the next.
fn relay(length: u64) {
    let (first, mut last) = later();
    let all: Vec<_> = (0..length)
        .map(|_| {
            let (giver, next) = later();
            let before = core::mem::replace(&mut last, next);
            go_async(async move {
                Again::default().await;
                let n: u64 = before.await;
                go(move || giver.give(n + 1)).await.unwrap();
            })
        })
        .collect();
    first.give(0);
    assert_eq!(block_on(last), length);
    all.into_iter().for_each(|g| g.join().unwrap());
}

#[test]
fn goroutines_wake_futures() {
    for procs in [1, 2] {
        run(procs, || relay(200));
    }
}

#[test]
fn plain_threads_wake_and_wait() {
    run(1, || {
        let (giver, value) = later();
        let waits = go_async(value);
        let brings = std::thread::spawn(move || giver.give(5));
        assert_eq!(waits.join().unwrap(), 5);
        brings.join().unwrap();
        // The other way round: a plain thread polls, and a goroutine brings it.
        let (giver, value) = later();
        let waits = std::thread::spawn(move || block_on(value));
        go(move || giver.give(6)).join().unwrap();
        assert_eq!(thread::blocking(|| waits.join().unwrap()), 6);
    });
}

#[test]
fn a_panic_in_a_future_is_the_handles() {
    run(1, || {
        let thrown = go_async(async {
            Again::default().await;
            std::panic::resume_unwind(Box::new(3));
        });
        assert_eq!(thrown.join().unwrap_err().downcast_ref(), Some(&3));
    });
}

/// No wake is lost under any schedule.
#[test]
fn no_wake_is_lost() {
    search(&sim::Config::default(), 300, || relay(3)).unwrap_or_else(|f| panic!("{f}"));
}

/// A future that looks for its value before it leaves its waker is found out.
#[test]
fn a_late_waker_is_found() {
    struct Hasty(Arc<Mutex<(Option<u8>, Option<Waker>)>>);
    impl Future for Hasty {
        type Output = u8;
        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u8> {
            if let Some(value) = self.0.lock().unwrap().0.take() {
                return Poll::Ready(value);
            }
            sim::point();
            self.0.lock().unwrap().1 = Some(context.waker().clone());
            Poll::Pending
        }
    }
    let found = search(&sim::Config::default(), 10_000, || {
        let (giver, Later(value)) = later();
        let waits = go_async(Hasty(value));
        giver.give(1);
        assert_eq!(waits.join().unwrap(), 1);
    });
    let failure = found.expect_err("the mutant lives");
    assert!(failure.repeats && failure.to_string().contains("deadlock"), "{failure}");
}
