//! Go's tests of timers, by what they assert (`time/sleep_test.go`, `time/tick_test.go`).

mod common;

use common::{both, ms};
use gort_sched::testing;
use gort_sync::{
    FuncTimer, Receiver, Semaphore, Ticker, Timer, WaitGroup, after, after_func, bounded, select,
    sleep, timeout, unbounded,
};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);

/// AfterFunc: a function that plans itself anew.
#[test]
fn a_function_may_set_its_timer_again() {
    testing::run(2, || {
        let (left, (done, all)) = (Arc::new(AtomicUsize::new(10)), bounded(1));
        let timer: Arc<OnceLock<FuncTimer>> = Arc::default();
        let again = Arc::clone(&timer);
        let planned = after_func(ms(1), move || match left.fetch_sub(1, Ordering::Relaxed) {
            1 => done.send(()).unwrap(),
            _ => assert!(!again.wait().reset(Duration::from_micros(100)), "it has run"),
        });
        timer.set(planned).unwrap();
        all.recv_timeout(Duration::from_secs(10)).expect("ten runs");
        assert!(!timer.wait().stop());
    });
}

/// StopResult, ResetResult: exactly one of the two happens, the run or a stop that says `true`.
#[test]
fn a_stop_says_whether_it_came_first() {
    testing::run(2, || {
        for n in 0..300u64 {
            let runs = Arc::new(AtomicU64::new(0));
            let count = Arc::clone(&runs);
            let wait = Duration::from_micros(n % 30);
            let timer = after_func(wait, move || _ = count.fetch_add(1, Ordering::SeqCst));
            sleep(Duration::from_micros(n % 25));
            let stopped = timer.stop();
            assert!(!timer.stop(), "it was stopped already");
            if stopped {
                sleep(wait);
            }
            let expected = u64::from(!stopped);
            let limit = Instant::now() + ms(2000);
            while runs.load(Ordering::SeqCst) != expected && Instant::now() < limit {
                gort_sched::thread::yield_now();
            }
            assert_eq!(runs.load(Ordering::SeqCst), expected, "round {n}");
        }
    });
}

#[test]
fn a_reset_says_whether_it_was_to_run() {
    testing::run(2, || {
        for n in 0..200u64 {
            let runs = Arc::new(AtomicU64::new(0));
            let (count, (told, tell)) = (Arc::clone(&runs), unbounded());
            let timer = after_func(Duration::from_micros(n % 20), move || {
                count.fetch_add(1, Ordering::SeqCst);
                told.send(()).unwrap();
            });
            sleep(Duration::from_micros(n % 15));
            let was_to_run = timer.reset(Duration::from_micros(n % 10));
            let expected = 2 - u64::from(was_to_run);
            for _ in 0..expected {
                tell.recv_timeout(ms(5000)).expect("it runs");
            }
            assert!(!timer.stop());
            assert_eq!(runs.load(Ordering::SeqCst), expected, "round {n}");
        }
    });
}

/// TimerStopStress: timers that are stopped run nothing and keep no goroutine.
#[test]
fn a_stopped_timer_holds_nothing() {
    testing::run(2, || {
        let held = Arc::new(());
        for _ in 0..50 {
            let it = Arc::clone(&held);
            let timer = after_func(HOUR, move || unreachable!("{it:?}: an hour has not passed"));
            assert!(timer.stop());
        }
        let limit = Instant::now() + ms(5000);
        while Arc::strong_count(&held) > 1 && Instant::now() < limit {
            sleep(ms(1));
        }
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(gort_sched::Scheduler::with_current(|s| s.goroutines()), Some(1));
    });
}

/// AfterFuncStarvation: two goroutines that hand work to and fro do not keep a timer from running.
#[test]
fn a_timer_runs_beside_those_who_are_never_idle() {
    for procs in [1, 2] {
        testing::run(procs, || {
            let stop = Arc::new(AtomicU64::new(0));
            let ((s1, r1), (s2, r2)) = (bounded(1), bounded(1));
            let group = WaitGroup::new();
            let end = Arc::clone(&stop);
            after_func(ms(5), move || end.store(1, Ordering::Release));
            for (s, r) in [(s1, r2), (s2, r1)] {
                let stop = Arc::clone(&stop);
                group.go(move || {
                    s.send(true).unwrap();
                    loop {
                        let going = r.recv().unwrap();
                        let goes_on = going && stop.load(Ordering::Acquire) == 0;
                        let _ = s.send(goes_on);
                        if !goes_on {
                            return;
                        }
                    }
                });
            }
            group.wait();
        });
    }
}

/// AfterQueuing: timers in any order fire in the order of their times.
#[test]
fn timers_fire_in_order() {
    both(|world| {
        let (s, r) = unbounded();
        for slot in [5u64, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8] {
            let s = s.clone();
            world.go(move || {
                let at = after(ms(20) + ms(3) * slot as u32).recv().unwrap();
                s.send((at, slot)).unwrap();
            });
        }
        drop(s);
        let mut got: Vec<(Instant, u64)> = r.iter().collect();
        got.sort();
        assert!(got.is_sorted_by_key(|&(_, slot)| slot), "{got:?}");
    });
}

/// OverflowSleep, OverflowPeriod: what is too long for the clock is for ever, and not at once.
#[test]
fn the_longest_times_do_not_wrap() {
    testing::run(1, || {
        for long in [Duration::MAX, Duration::from_nanos(u64::MAX), Duration::from_secs(1 << 40)] {
            let (timer, ticker) = (Timer::new(long), Ticker::new(long));
            let planned = after_func(long, || unreachable!("never"));
            gort_sched::go(move || sleep(long));
            select! {
                recv(timer.receiver()) -> _ => unreachable!("never"),
                recv(ticker.receiver()) -> _ => unreachable!("never"),
                recv(after(long)) -> _ => unreachable!("never"),
                default(ms(2)) => {}
            }
            planned.stop();
        }
    });
}

/// TimerModifiedEarlier: a timer that was far away and is set nearer fires when it is due.
#[test]
fn a_timer_that_is_set_earlier_fires_earlier() {
    both(|_| {
        for _ in 0..10 {
            let timer = Timer::new(HOUR);
            assert!(timer.reset(Duration::from_micros(200)));
            timer.receiver().recv_timeout(Duration::from_secs(10)).expect("soon");
        }
    });
}

/// AdjustTimers, LongAdjustTimers: many timers, some stopped, some put off, some brought forward.
#[test]
fn many_timers_are_set_and_set_again() {
    testing::run(2, || {
        let runs = Arc::new(AtomicU64::new(0));
        let timers: Vec<FuncTimer> = (0..600)
            .map(|n| {
                let runs = Arc::clone(&runs);
                let run = move || _ = runs.fetch_add(1, Ordering::SeqCst);
                after_func(if n % 2 == 0 { HOUR } else { HOUR * 2 }, run)
            })
            .collect();
        let mut expected = 0;
        for (n, timer) in timers.iter().enumerate() {
            match n % 3 {
                0 => assert!(timer.stop()),
                1 => assert!(timer.reset(HOUR * 3)),
                _ => {
                    assert!(timer.reset(Duration::from_micros(n as u64)));
                    expected += 1;
                }
            }
        }
        let limit = Instant::now() + Duration::from_secs(10);
        while runs.load(Ordering::SeqCst) < expected && Instant::now() < limit {
            sleep(ms(1));
        }
        assert_eq!(runs.load(Ordering::SeqCst), expected);
        assert_eq!(timers.iter().filter(|timer| timer.stop()).count(), 200);
    });
}

fn nothing(r: &Receiver<Instant>) {
    assert!(r.try_recv().is_err() && r.is_empty());
}

/// TestChan: what Go 1.23 promises of a timer's channel, with its own lengths: a message that nobody
/// took is gone with the stop or the reset that came after it.
#[test]
fn a_channel_of_a_timer_has_nothing_old() {
    both(|_| {
        let timer = Timer::new(ms(1));
        let r = timer.receiver().clone();
        sleep(ms(3));
        assert_eq!((r.len(), r.capacity()), (1, Some(1)));
        assert!(timer.stop(), "its message was there, and is gone with this");
        nothing(&r);
        assert!(!timer.stop(), "stopped");
        assert!(!timer.reset(HOUR), "stopped");
        nothing(&r);
        assert!(timer.reset(ms(1)), "running");
        sleep(ms(3));
        assert!(timer.reset(HOUR), "the message that was there is gone");
        nothing(&r);
        assert!(timer.reset(Duration::ZERO));
        assert!(r.recv_timeout(ms(5000)).is_ok());
        nothing(&r);
        assert!(!timer.stop(), "fired, and taken");
        assert!(!timer.reset(ms(1)));
        assert!(r.recv().is_ok());

        let ticker = Ticker::new(ms(2));
        let r = ticker.receiver().clone();
        sleep(ms(7));
        assert_eq!(r.len(), 1, "those that nobody took are one");
        ticker.stop();
        nothing(&r);
        ticker.reset(HOUR);
        nothing(&r);
        ticker.reset(ms(1));
        let (first, second) = (r.recv().unwrap(), r.recv().unwrap());
        assert!(first < second);
        ticker.stop();
        sleep(ms(3));
        nothing(&r);
    });
}

/// TimerStopStress and select: who waits beside a timer that is being stopped and reset hears nothing
/// from its past.
#[test]
fn nobody_hears_a_time_that_was_taken_back() {
    testing::run(2, || {
        for n in 0..100u64 {
            let timer = Arc::new(Timer::new(Duration::from_micros(40)));
            let (r, setter) = (timer.receiver().clone(), Arc::clone(&timer));
            let set = gort_sched::go(move || {
                sleep(Duration::from_micros(n % 60));
                let now = Instant::now();
                setter.reset(ms(2));
                now + ms(2)
            });
            let first = r.recv().unwrap();
            let due = set.join().unwrap();
            if first < due {
                // It came before the reset; then the new time comes too.
                assert!(r.recv().unwrap() >= due);
            }
            nothing(&r);
        }
    });
}

/// A sleep of less than a millisecond is one, and never shorter than asked.
#[test]
fn short_sleeps_are_short() {
    both(|_| {
        let shortest = (0..40).map(|_| {
            let start = Instant::now();
            sleep(Duration::from_micros(100));
            start.elapsed()
        });
        let shortest = shortest.min().unwrap();
        assert!(shortest >= Duration::from_micros(100));
        assert!(shortest < ms(1), "100 us took {shortest:?} at least");
    });
}

/// MultiWakeup: many sleepers of one moment all wake.
#[test]
fn all_who_sleep_until_one_moment_wake() {
    testing::run(2, || {
        let due = Instant::now() + ms(5);
        let group = WaitGroup::new();
        (0..500).for_each(|_| group.go(move || gort_sync::sleep_until(due)));
        group.wait();
        assert!(Instant::now() >= due);
    });
}

#[test]
fn an_answer_in_time_or_none() {
    testing::run(2, || {
        assert_eq!(timeout(HOUR, |context| context.err().is_none()), Ok(true));
        let (gone, ended) = bounded(1);
        let late = timeout(ms(1), move |context| {
            assert!(context.done().recv().is_err());
            gone.send(context.err()).unwrap();
        });
        assert!(late.is_err());
        assert!(ended.recv().unwrap().is_some(), "who was too late heard it");
        let panicked = std::panic::catch_unwind(|| timeout(HOUR, |_| panic!("in the answer")));
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"in the answer"));
        let permits = Arc::new(Semaphore::new(0));
        let late = Arc::clone(&permits);
        assert!(timeout(ms(1), move |_| late.acquire(1)).is_err());
        permits.release(1);
    });
}
