//! A goroutine's first and last steps: the stack, the entry, the end, the record's next life.

use crate::g::{G, MIGRATES};
use crate::gtable::BATCH;
use crate::handoff;
use crate::join;
use crate::local;
use crate::m::M;
use crate::p::bump;
use crate::park::ShutdownToken;
use crate::schedule;
use crate::state::GState;
use crate::thread::Inner;
use core::any::Any;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Relaxed};
use gort_stack::frame;
use gort_stack::overflow::Owner;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Makes a runnable goroutine the current one of `m`, attaches a stack at its first run, and
/// returns the stack pointer to switch to.
///
/// # Safety
/// P-OWN: the thread is inside and holds a P. G-OWN: the caller took `g` out of a queue.
#[inline]
pub(crate) unsafe fn make_current(m: &M, g: *mut G) -> usize {
    m.cur.set(g);
    // SAFETY: G-OWN — the caller's promise.
    unsafe {
        (*g).state.step(GState::Runnable, GState::Running);
        match (*g).sp.get() {
            0 => attach_stack(m, &*g),
            sp => sp,
        }
    }
}

/// # Safety
/// As [`make_current`].
unsafe fn attach_stack(m: &M, g: &G) -> usize {
    // SAFETY: P-OWN — the caller's promise.
    let own = unsafe { m.held().own() };
    let stack = match own.stacks.take(&m.scheduler().stacks, g.stack_class()) {
        Ok(stack) => stack,
        Err(e) => gort_sys::fatal!("STACKS", "no stack for goroutine {}: {e}", g.id.get()),
    };
    let top = stack.top();
    g.stack_low.set(stack.into_raw().0);
    bind(m, g);
    // SAFETY: STACK-OWN — the slot was just taken.
    unsafe { frame::first(top, entry, core::ptr::from_ref(g).cast_mut().cast()) }
}

/// A goroutine that does not migrate stays on the thread of its first run.
#[inline]
fn bind(m: &M, g: &G) {
    if !g.has(MIGRATES) {
        g.set_home(m);
        m.bound_live.set(m.bound_live.get() + 1);
    }
}

/// The oldest Rust frame of every goroutine: runs one, and then, on the same stack, any that
/// has not run yet.
extern "C" fn entry(g: *mut u8) -> ! {
    let mut g = g.cast::<G>().cast_const();
    schedule::arrive();
    loop {
        handoff::leave();
        // SAFETY: G-OWN — this thread runs it. The closure was put there by the spawner.
        unsafe {
            match (*g).start.get() {
                Some(start) => start(&*g, !schedule::stopping((*g).scheduler())),
                None => gort_sys::fatal!("G-OWN", "goroutine {} has nothing to run", (*g).id.get()),
            }
        }
        let (m, inside) = handoff::enter();
        core::mem::forget(inside);
        // SAFETY: P-OWN, G-OWN — inside with a P, on the stack of `g`, which has ended.
        unsafe {
            (*g).state.step(GState::Running, GState::Dead);
            let next = schedule::successor(m);
            if next.is_null() {
                schedule::leave_dead(m, g.cast_mut());
            }
            if (*next).sp.get() != 0 || (*next).class.get() != (*g).class.get() {
                m.post.set(crate::m::Post::Dead(g.cast_mut()));
                gort_stack::switch::away(make_current(m, next));
            }
            // The successor has never run and wants a stack like this one: it gets this one.
            (*next).stack_low.set((*g).stack_low.replace(0));
            retire(m, g.cast_mut());
            m.cur.set(next);
            (*next).state.step(GState::Runnable, GState::Running);
            bind(m, &*next);
            g = next;
        }
    }
}

/// A goroutine has ended and is off its stack (or has passed it on): its stack goes to the P,
/// its record too, unless its handle still wants the result.
pub(crate) fn retire(m: &M, g: *mut G) {
    // SAFETY: G-OWN — the arriving side was given it. P-OWN — inside with a P.
    unsafe {
        let p = m.held();
        if let Some(stack) = (*g).detach_stack() {
            p.own().stacks.give(&m.scheduler().stacks, stack);
        }
        if !(*g).home().is_null() {
            m.bound_live.set(m.bound_live.get().saturating_sub(1));
            if m.exclusive.get() == g {
                // It ended with its thread locked: the thread is free again.
                m.exclusive.set(null_mut());
            }
        }
        (*g).thread_locks.set(0);
        (*g).no_park.set(0);
        bump(&p.counts.ended, 1);
        if (*g).join.exit() {
            recycle(m, g);
        }
    }
}

/// Puts a record that nobody uses into the free list of the P.
///
/// # Safety
/// P-OWN: inside with a P. JOIN-1: the caller is the second of the two.
pub(crate) unsafe fn recycle(m: &M, g: *mut G) {
    // SAFETY: the caller's promise.
    unsafe {
        forget_life(&*g);
        let own = m.held().own();
        own.free.push(g);
        if own.free.len() >= 2 * BATCH {
            m.scheduler().gs.give(&mut own.free, BATCH);
        }
    }
}

/// Drops what a life left in the record.
pub(crate) fn forget_life(g: &G) {
    // ORDER: AcqRel — Acquire ⇐ `thread::of`, which may have made it on any thread.
    if !g.inner.load(Relaxed).is_null() {
        // ORDER: AcqRel — as above.
        Inner::release(g.inner.swap(null_mut(), AcqRel));
    }
}

/// Runs a closure as a goroutine's body, and leaves its result for the handle. Monomorphic: one
/// for each closure type.
///
/// # Safety
/// G-OWN: the record's area holds an `F` by `join::put`; the goroutine runs on this thread.
pub(crate) unsafe fn body<F, T>(g: &G, run: bool)
where
    F: FnOnce() -> T,
{
    // SAFETY: G-OWN — the caller's promise.
    let f = unsafe { join::take::<F>(g) };
    let result = if run {
        catch_unwind(AssertUnwindSafe(f))
    } else {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(f)));
        Err(Box::new(SHUT_DOWN) as Box<dyn Any + Send>)
    };
    end(g, result);
}

/// The payload of a goroutine that a shutdown ended before its time.
const SHUT_DOWN: &str = "the runtime was shut down before the goroutine ended";

fn end<T>(g: &G, result: join::Result<T>) {
    local::drop_all(g);
    let result = result.map_err(|payload| {
        if payload.is::<ShutdownToken>() {
            Box::new(SHUT_DOWN) as Box<dyn Any + Send>
        } else {
            if !payload.is::<crate::thread::GoexitToken>() {
                (g.scheduler().config.hooks.panicked)(g.id.get());
                crate::sim::panicked(g, &*payload);
            }
            payload
        }
    });
    // SAFETY: G-OWN — the closure was taken out, so the area is empty.
    unsafe { join::put(g, result) };
    let unwanted = g.join.finish();
    crate::future::wake_future(g);
    if unwanted {
        // Nobody wants the result: it is dropped here, where its destructor may park.
        // SAFETY: G-OWN — nobody else takes what a detached goroutine leaves.
        let result = unsafe { join::take::<join::Result<T>>(g) };
        let _ = catch_unwind(AssertUnwindSafe(move || drop(result)));
    }
}

/// Whose guard an address lies in: for the overflow report. In a signal handler.
pub(crate) fn whose_guard(address: usize) -> Option<Owner> {
    // SAFETY: M-OWN — a non-null word is this thread's M; the handler runs on that thread.
    let m = unsafe { M::current().as_ref() }?;
    // SAFETY: G-OWN — the goroutine that runs on this thread.
    let g = unsafe { m.cur.get().as_ref() }?;
    let low = g.stack_low.get();
    let class = g.stack_class();
    if low == 0 || address < low || address >= low + class.guard_bytes() {
        return None;
    }
    let name = match g.name() {
        Some(name) => (name.as_ptr(), name.len()),
        None if g.has(crate::g::MAIN) => ("main".as_ptr(), 4),
        None => (core::ptr::null(), 0),
    };
    Some(Owner { id: g.id.get(), name, usable: class.usable() })
}
