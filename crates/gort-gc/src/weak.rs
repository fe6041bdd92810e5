//! [`Weak`], a name of an object that does not keep it; the table of such names; and the gate that closes the race with
//! the end of marking.
//!
//! ```text
//! table: address -> slot        slot: | word: the object, or null | collector |   <- Weak, Weak, ..
//! ```
//! An object has at most one slot, so two `Weak`s are equal exactly if they were made of one object, also after its death.
//! The table holds the slots without keeping objects: the scan of roots does not read it.
//!
//! # The gate (WEAK-1)
//! `Weak::get` makes a handle out of nothing that the collector knows. If it came after the last round, it could give a white
//! object to a program while the sweep takes it. So:
//!
//! | gate | a slot's object | `get` |
//! |---|---|---|
//! | open | alive: dead slots were cleared before the gate opened | gives it |
//! | marking | marked | gives it |
//! | marking | white | sets the gate to *revived* in one exchange with the coordinator's close, shades the object, gives it |
//! | closed | marked | gives it |
//! | closed | white: it is garbage | gives nothing |
//!
//! The coordinator opens the gate for marking after H1, takes *revived* back before each round, and closes it by an exchange
//! that fails if a `get` was there meanwhile: then it marks on. While the gate is closed it clears the slots of white
//! objects; then it opens the gate, and only then lets H3 begin. A `get` never waits.

use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::{any, fmt, hash};
use std::collections::HashMap;
use std::sync::Arc;

use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

use crate::atomic::{AtomicPtr, AtomicU8, Ordering};
use crate::shared::Shared;
use crate::{Gc, Mutator, Root, Trace};

pub(crate) static WEAK: Rank = Rank { layer: layer::GC, n: 5, name: "gc.weak" };

/// Parts of the table, each with a lock of its own.
const SHARDS: usize = 16;

/// One object's name.
#[derive(Debug)]
struct Slot {
    word: AtomicPtr<u8>,
    shared: NonNull<Shared>,
}

// SAFETY: WEAK-2 — the word is atomic, the collector's address is compared only.
unsafe impl Send for Slot {}
// SAFETY: WEAK-2 — as above.
unsafe impl Sync for Slot {}

/// All weak names of one collector.
#[derive(Debug)]
pub(crate) struct WeakTable {
    gate: AtomicU8,
    shards: [Lock<HashMap<usize, Arc<Slot>>>; SHARDS],
}

const OPEN: u8 = 0;
const MARKING: u8 = 1;
const REVIVED: u8 = 2;
const CLOSED: u8 = 3;

impl WeakTable {
    pub(crate) fn new() -> Self {
        let shards = core::array::from_fn(|_| Lock::new(&WEAK, HashMap::new()));
        Self { gate: AtomicU8::new(OPEN), shards }
    }

    /// The slot of an object that is alive.
    fn slot(&self, object: NonNull<u8>, shared: NonNull<Shared>) -> Arc<Slot> {
        let address = object.as_ptr().addr();
        let mut shard = self.shards[shard(address)].lock();
        let new = || Arc::new(Slot { word: AtomicPtr::new(object.as_ptr()), shared });
        shard.entry(address).or_insert_with(new).clone()
    }

    /// After H1: what `get` gives must be marked from now on.
    pub(crate) fn begin_marking(&self) {
        // ORDER: SeqCst — WEAK-1; every context passes a handshake after this before anything is swept.
        self.gate.store(MARKING, Ordering::SeqCst);
    }

    /// Before a round: whoever revives from here on is seen by [`close`](Self::close).
    pub(crate) fn begin_round(&self) {
        // ORDER: SeqCst — WEAK-1: before the handshake of the round.
        self.gate.store(MARKING, Ordering::SeqCst);
    }

    /// After a quiet round: closes the gate, unless somebody revived.
    pub(crate) fn close(&self) -> bool {
        // ORDER: SeqCst — WEAK-1: one order with the exchange of `get`.
        self.gate.compare_exchange(MARKING, CLOSED, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Tells the coordinator that a white object is named again; `false` if the gate is no longer `seen`.
    fn revive(&self, seen: u8) -> bool {
        // ORDER: SeqCst — WEAK-1: one order with `close`.
        let seq = Ordering::SeqCst;
        self.gate.compare_exchange(seen, REVIVED, seq, seq).is_ok()
    }

    /// While the gate is closed: clears the names of dead objects in one part of the table. `alive` says what is marked.
    /// How many were cleared.
    fn clear_shard(&self, shard: usize, alive: &impl Fn(NonNull<u8>) -> bool) -> u64 {
        let mut cleared = 0;
        let mut shard = self.shards[shard].lock();
        shard.retain(|_, slot| {
            // ORDER: Relaxed — written when it was made, under this lock, and here.
            let object = NonNull::new(slot.word.load(Ordering::Relaxed));
            if !object.is_some_and(alive) {
                // ORDER: Release ⇒ `get`; it reads after the gate.
                slot.word.store(ptr::null_mut(), Ordering::Release);
                cleared += 1;
                return false;
            }
            // A slot that only the table knows is made again when it is wanted.
            Arc::strong_count(slot) > 1
        });
        if shard.capacity() > 64 && shard.len() < shard.capacity() / 8 {
            shard.shrink_to_fit();
        }
        cleared
    }

    /// Clears the names of dead objects, then opens the gate. `rest` is called between parts of the table.
    pub(crate) fn clear<E>(
        &self,
        alive: &impl Fn(NonNull<u8>) -> bool,
        mut rest: impl FnMut() -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut cleared = 0;
        for i in 0..SHARDS {
            cleared += self.clear_shard(i, alive);
            rest()?;
        }
        self.open();
        Ok(cleared)
    }

    pub(crate) fn open(&self) {
        // ORDER: SeqCst — WEAK-1: after the clearing; `get` reads the gate before the word.
        self.gate.store(OPEN, Ordering::SeqCst);
    }

    /// The end of the collector: names outlive it, but name nothing (COLL-1).
    pub(crate) fn end(&self) {
        for shard in &self.shards {
            for (_, slot) in shard.lock().drain() {
                // ORDER: Release — a later collector at the same address finds nothing here.
                slot.word.store(ptr::null_mut(), Ordering::Release);
            }
        }
    }
}

fn shard(address: usize) -> usize {
    (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - 4)) % SHARDS
}

/// A name of an object that does not keep it alive. Clones and copies of it are equal; so are two made of one object, and no
/// others, also when the object is gone. (An object without pointers and under 16 bytes, but not of 8, shares its slot with
/// others, as in Go: its name may give it as long as one of them lives.)
///
/// ```
/// use gort_gc::Weak;
///
/// let mut mu = gort_gc::pin();
/// let weak = Weak::new(&mu, mu.alloc(String::from("short-lived")));
/// assert_eq!(weak.get(&mu).unwrap().get(), "short-lived");
/// mu.collect();
/// assert!(weak.get(&mu).is_none());
/// ```
pub struct Weak<T: Trace> {
    slot: Arc<Slot>,
    names: PhantomData<*const T>,
}

// SAFETY: WEAK-2 — a weak name gives `&T` to whoever pins; its slot is atomic.
unsafe impl<T: Trace + Send + Sync> Send for Weak<T> {}
// SAFETY: WEAK-2 — as above.
unsafe impl<T: Trace + Send + Sync> Sync for Weak<T> {}

impl<T: Trace> Weak<T> {
    /// A weak name of `object`.
    ///
    /// # Panics
    /// If the object belongs to another collector than the guard.
    pub fn new(mu: &Mutator, object: Gc<'_, T>) -> Self {
        mu.check_object(object.addr(), any::type_name::<T>);
        let slot = mu.shared().weak.slot(object.as_non_null().cast(), mu.shared_ptr());
        Self { slot, names: PhantomData }
    }

    /// The object, if it is alive. `None` is final.
    ///
    /// # Panics
    /// If the guard is of another collector.
    pub fn get<'mu>(&self, mu: &'mu Mutator) -> Option<Gc<'mu, T>> {
        if self.slot.shared != mu.shared_ptr() {
            foreign_weak(any::type_name::<T>());
        }
        let s = mu.shared();
        loop {
            // ORDER: SeqCst — WEAK-1.
            let gate = s.weak.gate.load(Ordering::SeqCst);
            // ORDER: Acquire ⇐ `clear`, and the maker's object.
            let object = NonNull::new(self.slot.word.load(Ordering::Acquire))?;
            // SAFETY: WEAK-1, GC-HANDLE — alive in each of the cases that give it (the module's table), and protected by
            // this guard for `'mu`, because no sweep comes before it passes.
            let handle = Some(unsafe { Gc::from_non_null(object.cast::<T>()) });
            if gate == OPEN {
                return handle;
            }
            // SAFETY: WEAK-1 — not swept: this guard has not passed since its slot was seen to be not cleared.
            if unsafe { s.heap.is_marked(&s.heap.object_of(object)) } {
                return handle;
            }
            if gate == CLOSED {
                return None;
            }
            if s.weak.revive(gate) {
                // SAFETY: CTX-1 — through the guard; the object is alive, since marking has not ended.
                unsafe { mu.ctx().shade(object) };
                return handle;
            }
        }
    }

    /// Whether both were made of the same object.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.slot, &other.slot)
    }
}

impl<T: Trace> Root<T> {
    /// A weak name of the root's object.
    ///
    /// # Panics
    /// If the guard is of another collector.
    pub fn downgrade(&self, mu: &Mutator) -> Weak<T> {
        Weak::new(mu, self.get(mu))
    }
}

impl<T: Trace> Clone for Weak<T> {
    fn clone(&self) -> Self {
        Self { slot: self.slot.clone(), names: PhantomData }
    }
}

impl<T: Trace> PartialEq for Weak<T> {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other)
    }
}

impl<T: Trace> Eq for Weak<T> {}

impl<T: Trace> hash::Hash for Weak<T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.slot).hash(state);
    }
}

/// Whether the object is known to be dead.
impl<T: Trace> fmt::Debug for Weak<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDER: Relaxed — only the number is shown.
        write!(f, "Weak({:p})", self.slot.word.load(Ordering::Relaxed))
    }
}

#[cold]
#[inline(never)]
fn foreign_weak(name: &str) -> ! {
    panic!("a Weak of a `{name}` was used with a guard of another collector");
}
