//! Samples of the collector's objects: the slot that a refill shows first. Their ends are found by the sweep.

use super::arm::allocations;
use crate::class::SpanClass;
use crate::config::Kind;
use crate::inner::Inner;
use crate::record::CacheRec;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::{Backend, MemError};

impl<B: Backend> Inner<B> {
    /// A refill while the profile is on. The next slot is a sample, if one is due.
    #[cold]
    #[inline(never)]
    pub(crate) fn profile_refill(&self, rec: &CacheRec, class: SpanClass) -> Result<(), MemError> {
        let i = class.index();
        self.disarm(rec, i);
        let Some(arms) = self.arms(rec) else { return self.gc_refill_shown(rec, class) };
        let arm = &arms.of[i];
        self.gc_refill_shown(rec, class)?;
        let now = allocations(rec, i);
        if now >= arm.due.get() {
            let mag = &rec.mags[i];
            let slot = mag.bits.load(Relaxed).trailing_zeros() as usize; // ORDER: Relaxed — one writer, this cache.
            let addr = mag.wbase.get() as usize + slot * class.size();
            arm.due.set(now + 1 + arms.objects(class.size()));
            if let Some(side) = self.side(Kind::Gc) {
                let walked = arms.walk(rec);
                self.sample(side, addr, class.size(), arms.rate.get(), &walked);
                arm.pending.set(addr);
            }
        }
        self.arm_word(rec, i);
        Ok(())
    }

    /// The magazine is about to be emptied: everything is shown, and a sample that nobody took is none.
    pub(crate) fn profile_uncache(&self, rec: &CacheRec, class: SpanClass) {
        let i = class.index();
        self.disarm(rec, i);
        let (Some(arms), Some(side)) = (self.arms(rec), self.side(Kind::Gc)) else { return };
        let addr = arms.of[i].pending.replace(0);
        let mag = &rec.mags[i];
        let slot = addr.wrapping_sub(mag.wbase.get() as usize) / class.size().max(1);
        // ORDER: Relaxed — one writer, this cache.
        if addr != 0 && slot < 64 && mag.bits.load(Relaxed) >> slot & 1 != 0 {
            self.forget(side, addr, true);
        }
    }
}
