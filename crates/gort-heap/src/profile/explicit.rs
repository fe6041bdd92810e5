//! Samples of explicit owners: what misses because a sample is due, and frees while the profile is on.

use super::arm::{allocations, arms_of};
use crate::class::{SpanClass, class_size};
use crate::config::Kind;
use crate::entry::Entry;
use crate::explicit::{key, span_class};
use crate::inner::Inner;
use crate::record::CacheRec;
use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Release;
use core::sync::atomic::compiler_fence;
use gort_sys::Backend;

/// The usual free of a small block while the profile is on: of this cache's own, in a page without samples, and there is
/// room. `false`: the long way.
///
/// # Safety
/// `p` is a live block of the class, `low` the half of its page's entry that frees compare.
#[inline]
pub(crate) unsafe fn push_sampling(rec: &CacheRec, low: u32, p: *mut u8, class: u8) -> bool {
    let Some(arms) = arms_of(rec) else { return false };
    if class == 0 || low != key(class, rec.tag.get()) {
        return false;
    }
    let i = span_class(class).index();
    let Some(p) = NonNull::new(p) else { return false };
    rec.busy.set(true);
    compiler_fence(Release); // ORDER: Release — as in `Lease::take`: the mark is there before what a fork could tear.
    arms.show(rec, i);
    // SAFETY: H-10, H-7 — the entry has this cache's key for the class, and the block is given up.
    let pushed = unsafe { rec.mags[i].push(p) };
    arms.hide(rec, i);
    compiler_fence(Release); // ORDER: Release — everything is in order before the mark goes.
    rec.busy.set(false);
    pushed
}

impl<B: Backend> Inner<B> {
    /// A slot for a cache whose profile is on: the sample, if it is due, or one of what is not hidden.
    #[cold]
    #[inline(never)]
    pub(crate) fn profile_alloc(
        &self,
        rec: &CacheRec,
        c: SpanClass,
        l: Layout,
    ) -> Option<(NonNull<u8>, bool)> {
        self.profile_look(rec);
        let i = c.index();
        let Some(arms) = self.arms(rec) else { return self.explicit_alloc(rec, c, l) };
        self.disarm(rec, i);
        let mut walked = None;
        if allocations(rec, i) >= arms.of[i].due.get() && !arms.inside.get() {
            // While the stack is walked the cache is in order: the walker may allocate.
            self.arm(rec, i);
            walked = Some(arms.walk(rec));
            self.disarm(rec, i);
        }
        let got = self.explicit_alloc_shown(rec, c, l);
        if let (Some((p, _)), Some(walked), Some(side)) = (got, &walked, self.side(Kind::Explicit))
        {
            arms.of[i].due.set(allocations(rec, i) + arms.objects(c.size()));
            self.sample(side, p.as_ptr() as usize, class_size(c.class()), arms.rate.get(), walked);
        }
        self.arm(rec, i);
        got
    }

    /// The array first, then everything else.
    fn explicit_alloc_shown(
        &self,
        rec: &CacheRec,
        c: SpanClass,
        l: Layout,
    ) -> Option<(NonNull<u8>, bool)> {
        let mag = &rec.mags[c.index()];
        if mag.is_empty() {
            return self.explicit_alloc_word(rec, c, l);
        }
        self.explicit_alloc(rec, c, l)
    }

    /// A large object was made: a sample, if it is its turn.
    #[cold]
    pub(crate) fn profile_large(&self, rec: &CacheRec, kind: Kind, addr: usize, size: usize) {
        self.profile_look(rec);
        let (Some(arms), Some(side)) = (self.arms(rec), self.side(kind)) else { return };
        if !arms.inside.get() && arms.large_is_due(size) {
            let walked = arms.walk(rec);
            self.sample(side, addr, size, arms.rate.get(), &walked);
        }
    }

    /// A free of a block while the profile is on, or of one in a page with samples. `false`: the entry, without its flag,
    /// goes the usual way.
    #[cold]
    #[inline(never)]
    pub(crate) fn profile_free(
        &self,
        rec: &CacheRec,
        entry: &mut Entry,
        p: NonNull<u8>,
        class: u8,
    ) -> bool {
        let Some(side) = self.side(Kind::Explicit) else { return true };
        if entry.sampled() {
            self.forget(side, p.as_ptr() as usize, false);
            *entry = entry.without_sample();
        }
        if class == 0 || entry.guarded() || entry.key() != key(class, rec.tag.get()) {
            return false;
        }
        self.profile_look(rec);
        let i = span_class(class).index();
        self.disarm(rec, i);
        // SAFETY: H-10, H-7 — the entry has this cache's key for the class, and the block is given up.
        if !unsafe { rec.mags[i].push(p) } {
            self.explicit_free_full(rec, *entry, p, class);
        }
        self.arm(rec, i);
        true
    }
}
