//! A sample's life: its bucket is counted, its object gets a special, its page a flag; and all of it goes with the object.

use super::arm::handed_out;
use super::stack::{DEPTH, is_foreign, walk};
use super::{Arms, Bucket};
use crate::class::SPAN_CLASSES;
use crate::config::Kind;
use crate::entry::SAMPLED;
use crate::inner::Inner;
use crate::record::CacheRec;
use crate::side::Side;
use crate::span::{Span, Special, SpecialState};
use crate::specials::SpecialsGuard;
use core::sync::atomic::Ordering::{AcqRel, Relaxed};
use gort_sys::Backend;

/// A stack that was walked.
pub(super) struct Walked {
    frames: [usize; DEPTH],
    depth: usize,
}

impl Arms {
    /// Walks the caller's stack. What the walker allocates is not sampled.
    #[inline(never)]
    pub(super) fn walk(&self, rec: &CacheRec) -> Walked {
        let mut walked = Walked { frames: [0; DEPTH], depth: 0 };
        self.inside.set(true);
        if is_foreign() {
            self.walk_aside(rec, &mut walked);
        } else {
            walked.depth = walk(&mut walked.frames);
        }
        self.inside.set(false);
        if rec.process.get() {
            rec.busy.set(true); // What the walker allocated ended with `false`.
        }
        walked
    }

    /// By a walker that may allocate: what it takes moves the samples that are due away, so that others do not pay for it.
    #[inline(never)]
    fn walk_aside(&self, rec: &CacheRec, walked: &mut Walked) {
        let mut before = [0u64; SPAN_CLASSES];
        for (i, n) in before.iter_mut().enumerate() {
            *n = handed_out(rec, i);
        }
        walked.depth = walk(&mut walked.frames);
        for (i, n) in before.into_iter().enumerate() {
            let more = handed_out(rec, i).wrapping_sub(n);
            self.of[i].due.set(self.of[i].due.get().wrapping_add(more));
        }
    }
}

/// Whether frees of this span's objects look at its pages' entries: large spans end as a whole, and the collector's by sweeps.
fn flagged(span: &Span) -> bool {
    span.class().class() != 0 && span.kind() == Kind::Explicit as u8
}

impl<B: Backend> Inner<B> {
    /// Makes a sample of the object at `addr`, in `span`. Without memory for it there is none.
    pub(super) fn sample(&self, side: &Side, addr: usize, size: usize, rate: u64, walked: &Walked) {
        let page = side.page_of(addr);
        let span = self.spans.get(side.entry(page).span());
        let mut buckets = self.profile.buckets.lock();
        let Ok(special) = self.specials.lock().alloc(&self.persist, &self.stat.specials) else {
            return;
        };
        let stack = &walked.frames[..walked.depth];
        let Ok(bucket) = buckets.get(self, stack, size as u64, rate) else {
            // SAFETY: FIX-C — from this pool just now.
            return unsafe { self.specials.lock().free(special) };
        };
        let value = Special {
            next: core::ptr::null_mut(),
            due: core::ptr::null_mut(),
            obj: addr,
            f: None,
            state: SpecialState::Sampled,
            bucket,
        };
        // SAFETY: FIX-C — a record of that type, ours alone.
        unsafe { special.write(value) };
        let mut list = SpecialsGuard::lock(span);
        list.push(special.as_ptr());
        if flagged(span) {
            side.flag(page, SAMPLED, true);
        }
        bucket.count_alloc();
    }

    /// Ends the sample at `addr`, if there is one; its page is flagged no more when it was the last. `taken_back`: the
    /// object was never handed out.
    pub(super) fn forget(&self, side: &Side, addr: usize, taken_back: bool) {
        let page = side.page_of(addr);
        let span = self.spans.get(side.entry(page).span());
        let _profile = self.profile.buckets.lock();
        let (mut gone, mut others) = (core::ptr::null_mut(), false);
        {
            let mut list = SpecialsGuard::lock(span);
            list.retain(|s| {
                if s.state != SpecialState::Sampled {
                    return true;
                }
                if s.obj == addr {
                    s.due = gone;
                    gone = s;
                    return false;
                }
                others |= side.page_of(s.obj) == page;
                true
            });
            if !others && flagged(span) {
                side.flag(page, SAMPLED, false);
            }
        }
        self.end(gone, taken_back);
    }

    /// The span goes: so do its samples.
    #[cold]
    pub(crate) fn forget_all(&self, span: &Span) {
        let mut gone = core::ptr::null_mut();
        SpecialsGuard::lock(span).retain(|s| {
            let sampled = s.state == SpecialState::Sampled;
            if sampled {
                s.due = gone;
                gone = s;
            }
            !sampled
        });
        self.end(gone, false);
    }

    /// Counts a chain (by `due`) of samples as freed, and gives their records back.
    fn end(&self, chain: *mut Special, taken_back: bool) {
        let mut at = chain;
        // SAFETY: SPECIAL-1 — taken out of its list, so the chain is ours.
        while let Some(s) = unsafe { at.as_ref() } {
            // SAFETY: PROFILE-2 — buckets stay.
            let bucket: Option<&Bucket> = unsafe { s.bucket.as_ref() };
            match bucket {
                Some(b) if taken_back => b.uncount_alloc(),
                Some(b) => b.count_free(),
                None => {}
            }
            at = s.due;
        }
        self.free_specials(chain);
    }
}

impl Side {
    /// Sets or clears a flag of a page's entry; its owner may change meanwhile.
    pub(crate) fn flag(&self, page: usize, flag: u64, on: bool) {
        // SAFETY: SPARSE-1 — the caller has an object in the page.
        let cell = unsafe { &*self.entries.at(page) };
        if on {
            cell.fetch_or(flag, AcqRel); // ORDER: AcqRel ⇔ `entry`: the fields that the entry had stand behind it as before.
        } else {
            cell.fetch_and(!flag, AcqRel); // ORDER: AcqRel — as above.
        }
    }

    /// Replaces an entry, but for its sample flag, which others may set meanwhile.
    pub(crate) fn set_entry_flagged(&self, page: usize, e: crate::entry::Entry) {
        // SAFETY: SPARSE-1 — the caller has the page.
        let cell = unsafe { &*self.entries.at(page) };
        // ORDER: AcqRel ⇒ `entry`: the span's fields. Relaxed — a first look.
        let _ = cell.fetch_update(AcqRel, Relaxed, |old| Some(e.0 | old & SAMPLED));
    }
}
