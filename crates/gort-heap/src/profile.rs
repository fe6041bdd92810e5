//! The heap profile: who allocated what, by samples.
//!
//! One object of so many bytes is looked at, 512 KiB on average when asked for: each byte is as likely as any other, so an
//! object of `size` bytes is a sample with the chance `1 - exp(-size / rate)`. A sample is counted in the bucket of its
//! stack and size, and gets a special, so that its end is counted too.
//!
//! Nothing of this is on the fast paths. A cache knows how many more objects of a class it hands out before the next sample,
//! and hides what it has beyond those: the end of its array, the rest of its borrowed word (`arm`). So the sample is the
//! object that misses. While the profile is on, frees of small blocks take the slow path, because each gives back what
//! would push the sample further away. A sampled object's page says so in its entry, and frees there miss in any case.
//!
//! ```
//! use gort_heap::{Heap, HeapConfig, Kind, Linux};
//! use std::alloc::Layout;
//!
//! let heap = Heap::with(Linux, HeapConfig::SMALL)?;
//! heap.set_profile_rate(1); // Everything.
//! let mut cache = heap.cache(Kind::Explicit)?;
//! let p = cache.alloc(Layout::new::<[u64; 8]>()).expect("memory");
//! let mut live = 0;
//! heap.for_each_sample(|sample| live += sample.inuse_bytes());
//! assert_eq!(live, 64);
//! # // SAFETY: H-1 — allocated with this layout just now.
//! # unsafe { cache.dealloc(p, Layout::new::<[u64; 8]>()) };
//! # Ok::<(), gort_heap::MemError>(())
//! ```
//!
//! # Read in this order
//! This page → `arm` → `explicit` → `collected` → `record` → `bucket` → [`stack`]

mod arm;
mod bucket;
mod collected;
mod explicit;
mod logarithm;
mod record;
pub mod stack;

pub(crate) use arm::{Arms, hidden};
pub(crate) use bucket::{Bucket, Buckets};
pub(crate) use explicit::push_sampling;

use crate::heap::Heap;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicPtr, AtomicU64};
use gort_sys::Backend;
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

/// Go's default: one sample for so many bytes allocated.
pub const DEFAULT_RATE: u64 = 512 << 10;

static RANK: Rank = Rank { layer: layer::HEAP, n: 3, name: "heap.profile" };

/// A heap's profile.
#[derive(Debug)]
pub(crate) struct Profile {
    /// Bytes per sample, 0 = off. Caches look at it when they miss.
    rate: AtomicU64,
    /// Not 0: it was on, so pages may be flagged.
    ever: AtomicU64,
    pub(crate) buckets: Lock<Buckets>,
    /// The chains, for who reads them without the lock.
    heads: AtomicPtr<AtomicPtr<Bucket>>,
}

impl Profile {
    pub(crate) fn new() -> Self {
        Self {
            rate: AtomicU64::new(0),
            ever: AtomicU64::new(0),
            buckets: Lock::new(&RANK, Buckets::new()),
            heads: AtomicPtr::new(core::ptr::null_mut()),
        }
    }

    #[inline]
    pub(crate) fn rate(&self) -> u64 {
        self.rate.load(Relaxed) // ORDER: Relaxed — a number.
    }

    pub(crate) fn set_rate(&self, rate: u64) {
        if rate != 0 {
            self.ever.store(1, Relaxed); // ORDER: Relaxed — a lost flag costs a figure, see `Inner::adopt`.
        }
        self.rate.store(rate, Relaxed); // ORDER: Relaxed — a number.
    }

    /// Whether there may be samples.
    #[inline]
    pub(crate) fn ever(&self) -> bool {
        self.ever.load(Relaxed) != 0 // ORDER: Relaxed — as above.
    }
}

/// The samples of one stack, size and rate.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Sample<'a> {
    /// Return addresses, innermost first; they begin inside the allocator.
    pub stack: &'a [usize],
    /// Bytes of each object, by slot size.
    pub size: u64,
    /// Bytes per sample that were asked for when these were taken.
    pub rate: u64,
    /// Objects sampled.
    pub alloc_objects: u64,
    /// Of those, freed.
    pub free_objects: u64,
}

/// What a number of samples stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scaled {
    /// Objects allocated.
    pub alloc_objects: u64,
    /// Their bytes.
    pub alloc_bytes: u64,
    /// Objects allocated and not freed.
    pub inuse_objects: u64,
    /// Their bytes.
    pub inuse_bytes: u64,
}

impl Sample<'_> {
    /// Bytes sampled.
    #[must_use]
    pub const fn alloc_bytes(&self) -> u64 {
        self.alloc_objects * self.size
    }

    /// Objects sampled and not freed.
    #[must_use]
    pub const fn inuse_objects(&self) -> u64 {
        self.alloc_objects.saturating_sub(self.free_objects)
    }

    /// Bytes sampled and not freed.
    #[must_use]
    pub const fn inuse_bytes(&self) -> u64 {
        self.inuse_objects() * self.size
    }

    /// How many objects each sample stands for: one over the chance that an object of this size is a sample.
    #[must_use]
    pub fn scale(&self) -> f64 {
        if self.rate <= 1 || self.size == 0 {
            return 1.0;
        }
        let chance = -(-(self.size as f64) / self.rate as f64).exp_m1();
        1.0 / chance
    }

    /// An unbiased estimate of what was allocated.
    #[must_use]
    pub fn scaled(&self) -> Scaled {
        let times = |n: u64| (n as f64 * self.scale()).round() as u64;
        let bytes = |n: u64| (n as f64 * self.size as f64 * self.scale()).round() as u64;
        Scaled {
            alloc_objects: times(self.alloc_objects),
            alloc_bytes: bytes(self.alloc_objects),
            inuse_objects: times(self.inuse_objects()),
            inuse_bytes: bytes(self.inuse_objects()),
        }
    }
}

impl<B: Backend> Heap<B> {
    /// Asks for one sample in so many bytes allocated, on average: 0 is none, 1 every object, [`DEFAULT_RATE`] Go's default.
    /// A cache takes it over at its next miss.
    pub fn set_profile_rate(&self, bytes: u64) {
        self.inner().profile.set_rate(bytes);
    }

    /// What was asked for last.
    pub fn profile_rate(&self) -> u64 {
        self.inner().profile.rate()
    }

    /// Calls `f` for the samples of each stack, size and rate. Samples taken meanwhile may be missing. Takes no lock.
    pub fn for_each_sample(&self, f: impl FnMut(Sample<'_>)) {
        self.inner().each_sample(f);
    }
}
