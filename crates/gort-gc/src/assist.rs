//! What an allocating task does for the collector: keeps the account, starts cycles, helps with marking.
//!
//! Nothing here waits while handles are held. A task that allocates faster than the collector marks is put in
//! debt; it scans some objects itself, at once if there are any (that needs no pass), and at its next safepoint
//! it may wait for the cycle's end, in small steps and for a bounded time.

use core::time::Duration;
use std::time::Instant;

use crate::Mutator;
use crate::error::AllocError;
use crate::mark::Marker;
use crate::shared::Shared;

/// Bytes that a context lends itself before it tells the common account.
const QUANTUM: u64 = 32 << 10;
/// Bytes that an assisting task scans at least.
pub(crate) const ASSIST: u64 = 64 << 10;
/// Bytes that it scans at most before it goes on: the bound of an allocation's debt, about a millisecond.
const MOST: u64 = 1 << 20;
/// How long a safepoint may wait for a cycle that was outrun: this, when the heap is a quarter larger than its
/// goal, and ten times as long when it is twice as large.
const PAY: Duration = Duration::from_millis(2);

/// Called before a refill: the published order is taken over; the rare half of the account.
pub(crate) fn before_refill(mu: &Mutator) -> Result<(), AllocError> {
    mu.follow();
    // SAFETY: CTX-1 — through the guard; the reference ends here.
    let taken = unsafe { mu.ctx().cache() }.bytes_taken();
    if taken - mu.ctx().accounted.get() >= QUANTUM {
        account(mu);
        check_limit(mu, 0)?;
    }
    Ok(())
}

/// Adds what the cache took to the common account, and acts on the answer.
pub(crate) fn account(mu: &Mutator) {
    use crate::pacer::Verdict;
    let (ctx, s) = (mu.ctx(), mu.shared());
    // SAFETY: CTX-1 — through the guard; the reference ends here.
    let taken = unsafe { ctx.cache() }.bytes_taken();
    let fresh = taken - ctx.accounted.replace(taken);
    let verdict = s.pacer.add(fresh);
    // What the background has scanned pays first. One allocation's debt is bounded; what nobody pays is forgiven.
    let owed = s.pacer.owed(fresh);
    let scanned = if owed > 0 { scan(mu, owed.clamp(ASSIST, MOST)) } else { 0 };
    match verdict {
        Verdict::Quiet => {}
        Verdict::Trigger => begin(s),
        Verdict::OverGoal(over) => {
            begin(s);
            if over > slack(s, 8) && scanned < ASSIST {
                // Nothing to scan just now: the debt is due at the next safepoint. A value of
                // `expected` that no order has makes it take the slow path.
                ctx.debt.set(ctx.debt.get().saturating_add(fresh as usize));
                ctx.expected.set(!ctx.order.get().bits());
            }
        }
    }
}

/// Asks for a cycle. Who did gives its processor away once: where all are busy, the system lets a thread that it has woken wait
/// for milliseconds, in which the heap grows beyond its goal.
#[cold]
fn begin(s: &Shared) {
    if s.coordinator.trigger(s) {
        std::thread::yield_now();
    }
}

/// Scans published grey objects, as a worker would. Bytes that were scanned.
pub(crate) fn scan(mu: &Mutator, bytes: u64) -> u64 {
    let s = mu.shared();
    // Before every context has the barrier on, nothing may turn black.
    if !s.coordinator.may_mark() {
        return 0;
    }
    if s.grey.is_empty() {
        s.grey.want();
        return 0;
    }
    let start = Instant::now();
    let scanned = Marker::new(s).assist(bytes);
    let time = start.elapsed();
    s.pacer.assisted(time.as_nanos() as u64);
    s.stats.assisted(scanned, time);
    scanned
}

/// Pays at a safepoint: if the heap is far beyond its goal, waits a little for the cycle.
pub(crate) fn pay(mu: &mut Mutator) {
    mu.ctx().debt.set(0);
    if due(mu.shared()).is_zero() {
        return;
    }
    let (shared, at) = (mu.shared_ptr(), mu.pinned_at());
    mu.unpinned_at(at, || {
        // SAFETY: COLL-1 — `unpinned` holds the collector.
        let s = unsafe { shared.as_ref() };
        let mut waited = Duration::ZERO;
        let step = Duration::from_micros(100);
        while waited < due(s) {
            s.host.sleep(step);
            waited += step;
        }
    });
}

/// What the heap may have beyond its goal before somebody waits: a part of the goal, or nothing under a memory limit.
fn slack(s: &Shared, part: u64) -> u64 {
    if s.pacer.limit().is_some() { 0 } else { s.pacer.goal() / part }
}

/// How long a task that has allocated beyond the goal should wait.
fn due(s: &Shared) -> Duration {
    let (live, goal) = (s.pacer.live(), s.pacer.goal());
    let over = live.saturating_sub(goal);
    match s.coordinator.is_asked() {
        // A collector that has had its share asks for nothing more.
        _ if s.pacer.is_limiting() => Duration::ZERO,
        true if over > goal => PAY * 10,
        true if over > slack(s, 4) => PAY,
        _ => Duration::ZERO,
    }
}

/// Over the hard limit: waits for cycles, at most `Config::max_wait`.
pub(crate) fn reserve(mu: &mut Mutator, bytes: usize) -> Result<(), AllocError> {
    if check_limit(mu, bytes as u64).is_ok() {
        return Ok(());
    }
    let (shared, at) = (mu.shared_ptr(), mu.pinned_at());
    mu.unpinned_at(at, || {
        // SAFETY: COLL-1 — `unpinned` holds the collector.
        let s = unsafe { shared.as_ref() };
        let mut waited = Duration::ZERO;
        let step = Duration::from_millis(1);
        while s.over_limit(bytes as u64).is_some() && waited < s.config.max_wait {
            s.coordinator.trigger(s);
            s.host.sleep(step);
            waited += step;
        }
    });
    check_limit(mu, bytes as u64)
}

fn check_limit(mu: &Mutator, asked: u64) -> Result<(), AllocError> {
    let s = mu.shared();
    match s.over_limit(asked) {
        None => Ok(()),
        Some((in_use, limit)) => {
            s.coordinator.trigger(s);
            Err(AllocError::Limit { in_use, limit, asked })
        }
    }
}
