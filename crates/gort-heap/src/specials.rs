//! What is attached to single objects: drop glue, so far (HEAP-16).
//!
//! Each span has a list, newest first; the low bit of its head is the list's lock. SPECIAL-1: a special is freed only by a
//! sweep of its span, after its glue was reported done.

use crate::config::DropFn;
use crate::inner::Inner;
use crate::span::{Span, Special, SpecialState};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use gort_sys::{Backend, MemError};

const LOCKED: usize = 1;

/// A span's list of specials, locked.
pub(crate) struct SpecialsGuard<'a> {
    span: &'a Span,
    head: *mut Special,
}

impl<'a> SpecialsGuard<'a> {
    pub(crate) fn lock(span: &'a Span) -> Self {
        let mut spins = 0u32;
        loop {
            let now = span.specials.load(Relaxed); // ORDER: Relaxed — the exchange acquires.
            // ORDER: Acquire ⇐ `drop`: the list as the last holder left it.
            if now & LOCKED == 0
                && span.specials.compare_exchange_weak(now, now | LOCKED, Acquire, Relaxed).is_ok()
            {
                return Self { span, head: core::ptr::with_exposed_provenance_mut(now) };
            }
            spins += 1;
            if spins.is_multiple_of(64) {
                gort_sys::thread::yield_os(); // The holder is a few instructions from the end, but may not be running.
            }
            core::hint::spin_loop();
        }
    }

    pub(crate) fn push(&mut self, special: *mut Special) {
        // SAFETY: SPECIAL-1 — the caller's own special, not in any list.
        unsafe { (*special).next = self.head };
        self.head = special;
    }

    pub(crate) fn find(&mut self, obj: usize) -> Option<&mut Special> {
        let mut at = self.head;
        // SAFETY: SPECIAL-1 — list members live while they are in it, and the list is locked.
        while let Some(s) = unsafe { at.as_mut() } {
            if s.obj == obj && s.state != SpecialState::Sampled {
                return Some(s);
            }
            at = s.next;
        }
        None
    }

    /// Keeps those for which `f` says so.
    pub(crate) fn retain(&mut self, mut f: impl FnMut(&mut Special) -> bool) {
        let mut link: *mut *mut Special = &raw mut self.head;
        loop {
            // SAFETY: SPECIAL-1 — `link` is the head or the `next` of a member of the locked list.
            let at = unsafe { *link };
            if at.is_null() {
                return;
            }
            // SAFETY: SPECIAL-1 — a member of the locked list.
            let (keep, next) = unsafe { (f(&mut *at), (*at).next) };
            if keep {
                // SAFETY: SPECIAL-1 — as above.
                link = unsafe { &raw mut (*at).next };
            } else {
                // SAFETY: SPECIAL-1 — as above; the member leaves the list.
                unsafe { *link = next };
            }
        }
    }
}

impl Drop for SpecialsGuard<'_> {
    fn drop(&mut self) {
        // ORDER: Release ⇒ `lock`.
        self.span.specials.store(self.head.expose_provenance(), Release);
    }
}

impl<B: Backend> Inner<B> {
    /// Attaches glue to an object of `span`.
    pub(crate) fn add_drop(&self, span: &Span, obj: usize, f: DropFn) -> Result<(), MemError> {
        let special = self.specials.lock().alloc(&self.persist, &self.stat.specials)?;
        let value = Special {
            next: core::ptr::null_mut(),
            due: core::ptr::null_mut(),
            obj,
            f: Some(f),
            state: SpecialState::Live,
            bucket: core::ptr::null(),
        };
        // SAFETY: FIX-C — a record of that type, ours alone.
        unsafe { special.write(value) };
        SpecialsGuard::lock(span).push(special.as_ptr());
        Ok(())
    }

    /// Gives a chain (by `due`) of specials back to the pool.
    pub(crate) fn free_specials(&self, mut chain: *mut Special) {
        if chain.is_null() {
            return;
        }
        let mut pool = self.specials.lock();
        while let Some(s) = core::ptr::NonNull::new(chain) {
            // SAFETY: SPECIAL-1 — taken out of its list by the sweep, whose chain this is.
            chain = unsafe { s.as_ref() }.due;
            // SAFETY: FIX-C — from this pool, in no list.
            unsafe { pool.free(s) };
        }
    }
}
