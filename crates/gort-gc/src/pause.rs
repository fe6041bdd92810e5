//! [`Pause`], every point at which the coordinator gives way, and its waits for contexts.
//!
//! In a program a pause yields, sleeps and reports who does not pass; in the simulation it lets mutators act.

use core::panic::Location;
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::handshake::{Mode, Order};
use crate::shared::Shared;

/// The collector shuts down: the cycle is given up. Nothing is freed any more, so its state does not matter.
#[derive(Debug)]
pub(crate) struct Stopped;

/// Where the coordinator waits or gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// For contexts to pass or follow the named handshake; the turn of the waiting loop.
    Handshake(&'static str, u32),
    /// For assisting tasks to end.
    Assists(u32),
    /// Between two parts of the table of weak names.
    Clear,
    /// Between two quanta of marking.
    Mark,
    /// Between two spans.
    Sweep,
}

/// What the coordinator does at a [`Point`].
pub(crate) trait Pause {
    fn pause(&mut self, at: Point) -> Result<(), Stopped>;
}

/// Holds all guards: whoever passes or pins waits. `false`, and nobody is held, if some guard has not passed for a second.
pub(crate) fn hold(s: &Shared, mode: Mode, pause: &mut dyn Pause) -> Result<bool, Stopped> {
    let order = s.g.publish(s.heap.sweepgen(), mode.held());
    let passed = pass_in_time(s, order, pause)?;
    if !passed {
        s.g.publish(s.heap.sweepgen(), mode);
    }
    Ok(passed)
}

/// Whether all guards pass an order within a second: a task that pins while it holds another one never does.
pub(crate) fn pass_in_time(
    s: &Shared,
    order: Order,
    pause: &mut dyn Pause,
) -> Result<bool, Stopped> {
    let start = Instant::now();
    for ctx in s.contexts.iter() {
        // SAFETY: CTX-2 — registry entries live as long as the collector.
        let ctx = unsafe { ctx.as_ref() };
        let mut turn = 0;
        while !ctx.word.has_passed(order) {
            if start.elapsed() > HOLD_AT_MOST {
                return Ok(false);
            }
            pause.pause(Point::Handshake("hold", turn))?;
            turn += 1;
        }
    }
    Ok(true)
}

const HOLD_AT_MOST: Duration = Duration::from_secs(1);

/// Lets every free context take over `order`.
pub(crate) fn serve_free(s: &Shared, order: Order) {
    for ctx in s.contexts.iter() {
        // SAFETY: CTX-2 — registry entries live as long as the collector.
        let ctx = unsafe { ctx.as_ref() };
        if ctx.word.serve() {
            if ctx.order.get() != order {
                // SAFETY: CTX-1 — CLAIMED: the coordinator owns it; no guard, so no handle.
                unsafe { ctx.take_over(order) };
            }
            ctx.word.release(order.seq());
        }
    }
}

/// Waits until no context can act in an older mode than `order`'s, and every handle of the time before is gone.
pub(crate) fn wait_passed(
    s: &Shared,
    order: Order,
    name: &'static str,
    pause: &mut dyn Pause,
) -> Result<(), Stopped> {
    wait(s, name, pause, |ctx| ctx.word.has_passed(order))
}

/// Waits until no context can act in an older mode than `order`'s (HS-2).
pub(crate) fn wait_followed(
    s: &Shared,
    order: Order,
    name: &'static str,
    pause: &mut dyn Pause,
) -> Result<(), Stopped> {
    wait(s, name, pause, |ctx| ctx.has_followed(order))
}

fn wait(
    s: &Shared,
    name: &'static str,
    pause: &mut dyn Pause,
    is_done: impl Fn(&Context) -> bool,
) -> Result<(), Stopped> {
    let start = Instant::now();
    let (mut turn, mut last) = (0, None::<&'static Location<'static>>);
    for ctx in s.contexts.iter() {
        // SAFETY: CTX-2 — registry entries live as long as the collector.
        let ctx = unsafe { ctx.as_ref() };
        while !is_done(ctx) {
            last = ctx.pinned_at();
            pause.pause(Point::Handshake(name, turn))?;
            turn += 1;
        }
    }
    s.stats.handshake(start.elapsed(), last);
    Ok(())
}
