//! [`Sharded`]: a value for each processor, for what all add to and few read.
//!
//! Each shard is claimed for the length of one access, by an exchange on a word of its own. The claim
//! is mostly that of the processor's own shard, which no other core has touched; so it costs what an
//! uncontended exchange costs, however many cores add at a time. It is a claim and not only a processor's
//! right, because a processor can be taken from a goroutine in the middle, which goes on beside its
//! successor: that one then finds the shard claimed and takes another (SHARD-1).

use core::cell::UnsafeCell;
use core::fmt;
use core::ptr::null_mut;
use core::sync::atomic::{
    AtomicBool, AtomicPtr,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

/// A value for each processor (golang/go#18802).
///
/// [`with`](Self::with) gives a shard for a moment and never waits; [`for_each`](Self::for_each) goes
/// through all of them, to sum up. How many shards there are follows from how many are used at a time,
/// not from [`Scheduler::set_procs`](crate::Scheduler::set_procs): with more processors than shards some
/// are shared, and if all are claimed a new one is made. What was added stays in its shard.
///
/// Works on plain threads too, where the thread chooses the shard.
///
/// ```
/// use gort_sched::Sharded;
/// use std::sync::Arc;
///
/// let hits = Arc::new(Sharded::<u64>::default());
/// let seen = Arc::clone(&hits);
/// gort_sched::testing::run(2, move || {
///     let all: Vec<_> = (0..100)
///         .map(|_| Arc::clone(&hits))
///         .map(|hits| gort_sched::go(move || hits.with(|n| *n += 1)))
///         .collect();
///     all.into_iter().for_each(|g| g.join().unwrap());
/// });
/// assert_eq!(seen.fold(0, |sum, n| sum + *n), 100);
/// ```
pub struct Sharded<T> {
    /// As many as a power of two.
    first: Box<[Shard<T>]>,
    /// Those that were made when all were claimed.
    more: AtomicPtr<More<T>>,
    make: Box<dyn Fn() -> T + Send + Sync>,
}

#[repr(align(128))]
struct Shard<T> {
    claimed: AtomicBool,
    value: UnsafeCell<T>,
}

struct More<T> {
    shard: Shard<T>,
    next: *mut Self,
}

// SAFETY: SHARD-1 — a value is reached by one claimant at a time, on whatever thread.
unsafe impl<T: Send> Sync for Sharded<T> {}
// SAFETY: SHARD-1 — the shards are owned, and `T` is Send.
unsafe impl<T: Send> Send for Sharded<T> {}

impl<T> fmt::Debug for Sharded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sharded").field("shards", &self.shards()).finish_non_exhaustive()
    }
}

/// A claimed shard; lets go of it when it goes, whatever happens.
struct Claim<'a, T>(&'a Shard<T>);

impl<T> Shard<T> {
    fn new(value: T, claimed: bool) -> Self {
        Self { claimed: AtomicBool::new(claimed), value: UnsafeCell::new(value) }
    }

    #[inline]
    fn claim(&self) -> Option<Claim<'_, T>> {
        // ORDER: Acquire ⇐ the end of the last claim: what it left. (A look first: who finds it claimed
        // does not take the line.) ORDER: Relaxed — the look; the exchange decides.
        (!self.claimed.load(Relaxed) && !self.claimed.swap(true, Acquire)).then(|| Claim(self))
    }
}

impl<T> Claim<'_, T> {
    #[inline]
    fn use_it<R>(self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: SHARD-1 — the claim is the only right to the value until it goes.
        f(unsafe { &mut *self.0.value.get() })
    }
}

impl<T> Drop for Claim<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // ORDER: Release ⇒ the next claim: the value.
        self.0.claimed.store(false, Release);
    }
}

impl<T: Default + 'static> Default for Sharded<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

impl<T> Sharded<T> {
    /// A shard for each processor of the caller's scheduler (on a plain thread, of the machine), each with
    /// what `make` makes; `make` is kept for those that are made later.
    pub fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        let procs = crate::Scheduler::with_current(crate::Scheduler::procs)
            .unwrap_or_else(gort_sys::thread::cpus);
        let first =
            (0..procs.max(1).next_power_of_two()).map(|_| Shard::new(make(), false)).collect();
        Self { first, more: AtomicPtr::new(null_mut()), make: Box::new(make) }
    }

    /// Gives `f` a shard that nobody else has meanwhile: mostly that of the processor at hand. Never
    /// waits. `f` may park, and may call `with` again, which gives it another shard.
    ///
    /// If `f` panics, the shard keeps what it made of it.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        crate::sim::at("sharded");
        let mask = self.first.len() - 1;
        let at = hint();
        if let Some(claim) = self.first[at & mask].claim() {
            return claim.use_it(f);
        }
        self.any(at).use_it(f)
    }

    #[cold]
    #[inline(never)]
    fn any(&self, at: usize) -> Claim<'_, T> {
        let mask = self.first.len() - 1;
        let mut near = (1..self.first.len()).map(|i| &self.first[(at + i) & mask]);
        if let Some(claim) = near.find_map(Shard::claim) {
            return claim;
        }
        if let Some(claim) = self.later().find_map(Shard::claim) {
            return claim;
        }
        let shard = Shard::new((self.make)(), true);
        let more = Box::into_raw(Box::new(More { shard, next: null_mut() }));
        // ORDER: Relaxed — the exchange decides.
        let mut top = self.more.load(Relaxed);
        loop {
            // SAFETY: SHARD-1 — not published yet.
            unsafe { (*more).next = top };
            // ORDER: AcqRel — Release ⇒ `later`: the shard; Acquire: what is behind `top`. Relaxed on failure.
            match self.more.compare_exchange_weak(top, more, AcqRel, Relaxed) {
                // SAFETY: SHARD-1 — shards live as long as the whole; it was made claimed, by the caller.
                Ok(_) => return Claim(unsafe { &(*more).shard }),
                Err(now) => top = now,
            }
        }
    }

    /// The shards that were made later.
    fn later(&self) -> impl Iterator<Item = &Shard<T>> {
        // ORDER: Acquire ⇐ `any`: the shards.
        let mut at: *const More<T> = self.more.load(Acquire);
        core::iter::from_fn(move || {
            // SAFETY: SHARD-1 — shards are freed only with the whole.
            let more = unsafe { at.as_ref() }?;
            at = more.next;
            Some(&more.shard)
        })
    }

    /// How many shards there are now.
    pub fn shards(&self) -> usize {
        self.first.len() + self.later().count()
    }

    /// Gives `f` each shard in turn, and waits for those that others have. Shards that are used meanwhile
    /// may change before or after their turn; a shard that is made meanwhile may be left out.
    ///
    /// Not to be called inside of [`with`](Self::with) of the same value: it would wait for itself.
    pub fn for_each(&self, mut f: impl FnMut(&mut T)) {
        for shard in self.first.iter().chain(self.later()) {
            let claim = loop {
                match shard.claim() {
                    Some(claim) => break claim,
                    None => crate::thread::yield_now(),
                }
            };
            claim.use_it(&mut f);
        }
    }

    /// Sums up: as [`for_each`](Self::for_each), with a value that goes through.
    pub fn fold<B>(&self, start: B, mut f: impl FnMut(B, &mut T) -> B) -> B {
        let mut sum = Some(start);
        self.for_each(|t| sum = sum.take().map(|sum| f(sum, t)));
        match sum {
            Some(sum) => sum,
            None => unreachable!("the value is put back each time"),
        }
    }

    /// All shards of a value that nobody else has.
    pub fn for_each_mut(&mut self, mut f: impl FnMut(&mut T)) {
        // Exclusive, so nothing is claimed.
        self.for_each(&mut f);
    }
}

impl<T> Drop for Sharded<T> {
    fn drop(&mut self) {
        let mut at = *self.more.get_mut();
        while !at.is_null() {
            // SAFETY: SHARD-1 — each was made by `Box::into_raw`, is in the list once, and nobody has the whole
            // any more.
            let more = unsafe { Box::from_raw(at) };
            at = more.next;
        }
    }
}

/// The processor at hand; on a plain thread something of the thread's own. Only a hint.
#[inline]
fn hint() -> usize {
    crate::procs::processor().map_or_else(by_stack, |id| id as usize)
}

#[cold]
fn by_stack() -> usize {
    let here = 0u8;
    // Stacks of threads lie at least this far apart; the rest spreads them.
    ((&raw const here).addr() >> 16).wrapping_mul(0x9e37_79b9) >> 8
}
