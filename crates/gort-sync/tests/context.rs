//! Contexts, timers and tickers, in both worlds.

mod common;

use common::{both, ms, pause};
use gort_sync::context::{Context, ContextError};
use gort_sync::{
    RecvError, RecvTimeoutError, Select, Ticker, Timer, TryRecvError, select, unbounded,
};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn a_cancellation_reaches_all_below_and_nobody_beside() {
    both(|world| {
        let (root, cancel) = Context::background().with_cancel();
        let (beside, _) = Context::background().with_cancel();
        let mut tasks = Vec::new();
        let mut at = root.clone();
        for depth in 0..4 {
            let (below, _) = if depth == 2 { at.with_timeout(LONG) } else { at.with_cancel() };
            let mine = below.clone();
            tasks.push(world.go(move || {
                let end = mine.done().recv();
                (end, mine.err(), mine.cause().unwrap().to_string())
            }));
            at = below;
        }
        pause();
        assert_eq!((root.err(), root.done().try_recv()), (None, Err(TryRecvError::Empty)));
        cancel.cancel_with(
            std::sync::Arc::new(std::io::Error::other("tired")) as gort_sync::context::Cause
        );
        let want = (Err(RecvError), Some(ContextError::Canceled), "tired".to_owned());
        tasks.into_iter().for_each(|t| assert_eq!(t.join(), want));
        assert_eq!(beside.err(), None);
        // Who is born below one that has ended, has ended.
        let (late, _) = at.with_deadline(Instant::now() + LONG);
        assert_eq!(late.done().try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(late.cause().unwrap().to_string(), "tired");
    });
}

#[test]
fn a_deadline_ends_it_and_a_child_has_the_nearer_one() {
    both(|_| {
        let (ctx, cancel) = Context::background().with_timeout(ms(3));
        let (child, _) = ctx.with_timeout(LONG);
        assert_eq!(child.deadline(), ctx.deadline());
        let start = Instant::now();
        let (_s, r) = unbounded::<u8>();
        select! {
            recv(r) -> _ => unreachable!(),
            recv(child.done()) -> end => assert_eq!(end, Err(RecvError)),
        }
        assert!(start.elapsed() >= ms(2));
        cancel.cancel();
        assert_eq!(child.err(), Some(ContextError::DeadlineExceeded));
        assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded), "the deadline was first");
        assert_eq!(ctx.cause().unwrap().to_string(), "context deadline exceeded");
        // The same by a plain receive, by `ready`, and without waiting.
        let (ctx, _) = Context::background().with_timeout(ms(1));
        assert_eq!(
            ctx.done().recv_timeout(Duration::from_micros(1)),
            Err(RecvTimeoutError::Timeout)
        );
        assert_eq!(ctx.done().recv(), Err(RecvError));
        let (ctx, _) = Context::background().with_timeout(ms(1));
        let mut ready = Select::new();
        let done = ready.recv(ctx.done());
        assert_eq!(ready.ready_timeout(LONG), Ok(done));
        let (ctx, _) = Context::background().with_deadline(Instant::now());
        select! { recv(ctx.done()) -> _ => {}, default => unreachable!() }
    });
}

#[test]
fn values_are_found_by_type_from_below() {
    let top = Context::background().with_value(1u32).with_value("a");
    let (below, _) = top.with_cancel();
    let below = below.with_value(2u32);
    assert_eq!((below.value::<u32>(), below.value::<&str>()), (Some(&2), Some(&"a")));
    assert_eq!((top.value::<u32>(), top.value::<u64>()), (Some(&1), None));
    assert_eq!((Context::default().err(), Context::default().deadline()), (None, None));
}

#[test]
fn children_that_are_gone_are_forgotten() {
    let (parent, cancel) = Context::background().with_cancel();
    let kept: Vec<_> = (0..5).map(|_| parent.with_cancel().0).collect();
    (0..1000).for_each(|_| drop(parent.with_cancel()));
    cancel.cancel();
    assert!(kept.iter().all(|c| c.err() == Some(ContextError::Canceled)));
}

#[test]
fn a_timer_that_is_set_earlier_wakes_who_waits() {
    both(|world| {
        let timer = Timer::new(LONG);
        let r = timer.receiver().clone();
        let plain = world.go(move || r.recv().is_ok());
        pause();
        assert!(timer.reset(Duration::from_micros(100)));
        assert!(plain.join());
        assert!(!timer.stop(), "its message was received");
        assert!(!timer.reset(LONG));
        let r = timer.receiver().clone();
        let (_s, other) = unbounded::<u8>();
        let selects = world.go(move || {
            select! { recv(other) -> _ => false, recv(r) -> at => at.is_ok() }
        });
        pause();
        assert!(timer.reset(Duration::from_micros(100)));
        assert!(selects.join());
    });
}

#[test]
fn after_a_stop_or_a_reset_nothing_old_arrives() {
    both(|_| {
        let timer = Timer::new(Duration::ZERO);
        assert_eq!(timer.receiver().len(), 1);
        assert!(timer.stop(), "it was due, and nobody has received it");
        assert_eq!(timer.receiver().recv_timeout(ms(1)), Err(RecvTimeoutError::Timeout));
        timer.reset(Duration::ZERO);
        assert!(timer.reset(LONG));
        assert_eq!(timer.receiver().try_recv(), Err(TryRecvError::Empty));

        let ticker = Ticker::new(ms(1));
        let first = ticker.receiver().recv().unwrap();
        assert!(ticker.receiver().recv().unwrap() - first >= ms(1));
        ticker.stop();
        assert_eq!(ticker.receiver().recv_timeout(ms(2)), Err(RecvTimeoutError::Timeout));
        ticker.reset(ms(2));
        let first = ticker.receiver().recv().unwrap();
        assert!(ticker.receiver().recv().unwrap() - first >= ms(2));
    });
}
