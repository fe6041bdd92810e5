//! Arming a cache: the object to be sampled is the one that misses.
//!
//! For each span class a cache counts its allocations, from figures that are kept anyway: slots borrowed, less those left in
//! the word, plus pops. The count at which the next sample is due is drawn with the chance `1 - exp(-size / rate)` for each
//! object. Between two visits of the slow path nothing but pops and takes happens, so what lies beyond the due count can be
//! hidden: `lo` is raised and bits are taken out of the word (PROFILE-1). Whoever works on a magazine calls
//! [`Inner::disarm`] first and [`Inner::arm`] last.

use super::logarithm::minus_ln;
use crate::class::{SPAN_CLASSES, SpanClass};
use crate::config::Kind;
use crate::explicit::{key, span_class};
use crate::inner::Inner;
use crate::record::{CacheRec, Mag};
use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicU64};
use gort_sys::Backend;
use gort_sys::chance::Chance;

/// What is hidden of one magazine, and when its next sample is due.
#[derive(Debug)]
pub(crate) struct Arm {
    /// Where the array begins; null: nothing of it is hidden.
    base: AtomicPtr<*mut u8>,
    /// Bits of the borrowed word.
    bits: AtomicU64,
    /// Number of the allocation that is the sample.
    pub(super) due: Cell<u64>,
    /// Collector: the slot that was sampled and that the next `take` gives; 0 = none.
    pub(super) pending: Cell<usize>,
}

/// A cache's part of the profile, made when it is first on. Zeros are valid.
#[derive(Debug)]
pub(crate) struct Arms {
    /// For which the due counts were drawn.
    pub(super) rate: Cell<u64>,
    /// Bytes of large objects before the next sample of those.
    pub(super) large: Cell<i64>,
    /// In the walk of a stack: what that allocates is not sampled.
    pub(super) inside: Cell<bool>,
    chance: UnsafeCell<Chance>,
    pub(super) of: [Arm; SPAN_CLASSES],
}

/// Free slots of a magazine that are hidden: bits of its word, and the array's beginning if it is not `lo`. For readers of
/// figures.
pub(crate) fn hidden(rec: &CacheRec, class: usize) -> (u64, *mut *mut u8) {
    // SAFETY: PROFILE-1 — once set, the table stays as long as the record. ORDER: Acquire ⇐ `start`.
    let Some(arms) = (unsafe { rec.arms.load(Acquire).as_ref() }) else {
        return (0, core::ptr::null_mut());
    };
    let arm = &arms.of[class];
    (arm.bits.load(Relaxed), arm.base.load(Relaxed)) // ORDER: Relaxed, both — figures.
}

impl Arms {
    /// Bytes to the next sample, by the exponential distribution.
    fn gap(&self) -> f64 {
        // SAFETY: PROFILE-1 — the cache's owner's own, and nothing below calls back.
        let chance = unsafe { &mut *self.chance.get() };
        let draw = chance.draw() >> 11;
        let u = (draw + 1) as f64 / (1u64 << 53) as f64;
        minus_ln(u) * self.rate.get() as f64
    }

    /// Objects that pass before the next sample of a size.
    pub(super) fn objects(&self, size: usize) -> u64 {
        if self.rate.get() <= 1 { 0 } else { (self.gap() / size as f64) as u64 }
    }

    /// Counts a large object; whether it is a sample.
    pub(super) fn large_is_due(&self, size: usize) -> bool {
        if self.rate.get() <= 1 {
            return true;
        }
        let left = self.large.get().saturating_sub(size.min(isize::MAX as usize) as i64);
        if left <= 0 {
            self.large.set(self.gap() as i64 + 1);
        } else {
            self.large.set(left);
        }
        left <= 0
    }
}

/// Allocations of a span class from a cache so far; nothing may be hidden.
pub(super) fn allocations(rec: &CacheRec, class: usize) -> u64 {
    let mag = &rec.mags[class];
    // ORDER: Relaxed, all — the owner's own.
    let taken = rec.taken[class].load(Relaxed).wrapping_sub(rec.returned[class].load(Relaxed));
    taken
        .wrapping_sub(mag.bits.load(Relaxed).count_ones().into())
        .wrapping_add(mag.pops.load(Relaxed))
}

/// The same while something may be hidden.
pub(super) fn handed_out(rec: &CacheRec, class: usize) -> u64 {
    allocations(rec, class).wrapping_sub(hidden(rec, class).0.count_ones().into())
}

/// The span classes of small objects that a cache uses.
fn classes(rec: &CacheRec) -> impl Iterator<Item = SpanClass> {
    let gc = rec.kind.get() == Kind::Gc;
    let all = (0..SPAN_CLASSES).filter_map(SpanClass::from_index);
    all.filter(move |c| c.class() != 0 && (gc || *c == span_class(c.class())))
}

fn length(mag: &Mag) -> usize {
    // ORDER: Relaxed, both — the owner's own.
    (mag.top.load(Relaxed) as usize - mag.lo.load(Relaxed) as usize) / size_of::<usize>()
}

impl<B: Backend> Inner<B> {
    /// The cache's part of the profile, if it is on there.
    pub(super) fn arms<'a>(&self, rec: &'a CacheRec) -> Option<&'a Arms> {
        arms_of(rec)
    }

    /// Takes over what was asked for since the last look. Nothing may be in the middle of the cache's magazines.
    #[inline]
    pub(crate) fn profile_look(&self, rec: &CacheRec) {
        let rate = self.profile.rate();
        if rate != 0 || rec.sampling.get() {
            self.profile_switch(rec, rate);
        }
    }

    #[cold]
    fn profile_switch(&self, rec: &CacheRec, rate: u64) {
        if self.arms(rec).is_some_and(|arms| arms.rate.get() == rate) {
            return;
        }
        self.profile_stop(rec);
        if rate != 0 {
            self.profile_start(rec, rate);
        }
    }

    fn profile_start(&self, rec: &CacheRec, rate: u64) {
        if rec.arms.load(Relaxed).is_null() {
            // ORDER: Relaxed (above) — the owner's own.
            // SAFETY: H-14 — the chunk is the owner's, who is here.
            let chunk = unsafe { &mut *rec.chunk.get() };
            let size = size_of::<Arms>();
            let Ok(p) = self.persist.alloc(Some(chunk), size, 8, &self.stat.profile) else {
                return;
            };
            rec.arms.store(p.as_ptr().cast(), Release); // ORDER: Release ⇒ `hidden`: the zeros.
        }
        rec.sampling.set(true);
        let Some(arms) = self.arms(rec) else { return };
        // SAFETY: PROFILE-1 — the owner's own.
        unsafe { arms.chance.get().write(Chance::from_os()) };
        arms.rate.set(rate);
        arms.large.set(arms.gap() as i64 + 1);
        for class in classes(rec) {
            let i = class.index();
            arms.of[i].due.set(allocations(rec, i) + arms.objects(class.size()));
            if rec.kind.get() == Kind::Explicit {
                rec.mags[i].key.set(u32::MAX);
                self.arm(rec, i);
            } else {
                self.arm_word(rec, i);
            }
        }
    }

    /// Ends the profile of a cache, whose owner is here or gone.
    pub(crate) fn profile_stop(&self, rec: &CacheRec) {
        if !rec.sampling.get() {
            return;
        }
        for class in classes(rec) {
            self.disarm(rec, class.index());
            if rec.kind.get() == Kind::Explicit {
                rec.mags[class.index()].key.set(key(class.class(), rec.tag.get()));
            }
        }
        rec.sampling.set(false);
    }

    /// Shows everything again, before somebody works on the magazine.
    pub(crate) fn disarm(&self, rec: &CacheRec, class: usize) {
        if let Some(arms) = self.arms(rec) {
            arms.show(rec, class);
        }
    }

    /// Shows everything of all magazines.
    pub(crate) fn disarm_all(&self, rec: &CacheRec) {
        if rec.sampling.get() {
            (0..SPAN_CLASSES).for_each(|class| self.disarm(rec, class));
        }
    }

    /// Hides what lies beyond the next sample.
    pub(crate) fn arm(&self, rec: &CacheRec, class: usize) {
        if let Some(arms) = self.arms(rec) {
            arms.hide(rec, class);
        }
    }

    /// The same where there is no array and the next object is always at hand.
    pub(super) fn arm_word(&self, rec: &CacheRec, class: usize) {
        if let Some(arms) = self.arms(rec) {
            let left = arms.left(rec, class);
            arms.of[class].hide_bits(&rec.mags[class], left);
        }
    }
}

/// The cache's part of the profile, if it is on there.
#[inline]
pub(super) fn arms_of(rec: &CacheRec) -> Option<&Arms> {
    if !rec.sampling.get() {
        return None;
    }
    // SAFETY: PROFILE-1 — once set, the table stays as long as the record. ORDER: Relaxed — the owner's own.
    unsafe { rec.arms.load(Relaxed).as_ref() }
}

impl Arms {
    /// Allocations of a class before the next sample; nothing may be hidden.
    #[inline]
    fn left(&self, rec: &CacheRec, class: usize) -> usize {
        let left = self.of[class].due.get().saturating_sub(allocations(rec, class));
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    #[inline]
    pub(super) fn show(&self, rec: &CacheRec, class: usize) {
        let (mag, arm) = (&rec.mags[class], &self.of[class]);
        // ORDER: Relaxed, all — one writer, this cache; statistics read them. Each store alone leaves what `show` mends.
        let base = arm.base.load(Relaxed);
        if !base.is_null() {
            mag.lo.store(base, Relaxed);
            arm.base.store(core::ptr::null_mut(), Relaxed);
        }
        let bits = arm.bits.load(Relaxed);
        if bits != 0 {
            mag.bits.store(mag.bits.load(Relaxed) | bits, Relaxed);
            arm.bits.store(0, Relaxed);
        }
    }

    #[inline]
    pub(super) fn hide(&self, rec: &CacheRec, class: usize) {
        let (mag, arm) = (&rec.mags[class], &self.of[class]);
        let left = self.left(rec, class);
        let n = length(mag);
        if n > left {
            // ORDER: Relaxed, all — one writer, this cache; statistics read them.
            arm.base.store(mag.lo.load(Relaxed), Relaxed);
            mag.lo.store(mag.top.load(Relaxed).wrapping_sub(left), Relaxed);
        }
        arm.hide_bits(mag, left - n.min(left));
    }
}

impl Arm {
    /// Leaves the lowest `keep` bits of a magazine's word.
    #[inline]
    fn hide_bits(&self, mag: &Mag, keep: usize) {
        let bits = mag.bits.load(Relaxed); // ORDER: Relaxed — one writer, this cache.
        if keep >= bits.count_ones() as usize {
            return;
        }
        let mut rest = bits;
        for _ in 0..keep {
            rest &= rest - 1;
        }
        self.bits.store(rest, Relaxed); // ORDER: Relaxed — one writer, this cache; statistics read them.
        mag.bits.store(bits & !rest, Relaxed); // ORDER: Relaxed — as above.
    }
}
