//! [`Ephemeron`], a value that lives as long as its key does, and does not keep the key: what weak maps are made of.
//!
//! ```text
//! table: | key | value | who has the ephemeron |        not scanned as roots
//! ```
//! A weak name and a root together would leak where the value names the key. So the value is marked because the key *is*, and not
//! before:
//!
//! * When marking has found nothing more, the coordinator looks through the table and shades the values of marked keys. If
//!   that was something new, marking goes on, since it may reach further keys; else a round follows (EPH-1).
//! * Between that look and the end of marking a key turns black only by somebody's shade, or by the weak names' gate: in both
//!   cases the round fails, and the look is repeated.
//! * `new` and `get` shade the value while marking, as a store would.
//! * When the gate is closed, entries of white keys go, before the sweep.

use core::any;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::sync::Arc;

use gort_sys::lock::Lock;

use crate::weak::WEAK;
use crate::{Gc, Mutator, Trace, Weak};

/// Two objects of an ephemeron.
#[derive(Debug)]
struct Entry {
    key: NonNull<u8>,
    value: NonNull<u8>,
    /// Shared with whoever has the ephemeron: if nobody has, the entry goes.
    owners: Arc<()>,
}

// SAFETY: EPH-1 — addresses of objects, used while they are alive; the table has a lock.
unsafe impl Send for Entry {}

/// All ephemerons of a collector.
#[derive(Debug)]
pub(crate) struct Ephemerons(Lock<Vec<Entry>>);

impl Ephemerons {
    pub(crate) fn new() -> Self {
        Self(Lock::new(&WEAK, Vec::new()))
    }

    /// Shows the values whose key is marked.
    pub(crate) fn values(
        &self,
        marked: impl Fn(NonNull<u8>) -> bool,
        mut visit: impl FnMut(NonNull<u8>),
    ) {
        let entries = self.0.lock();
        let alive = entries.iter().filter(|e| Arc::strong_count(&e.owners) > 1 && marked(e.key));
        alive.for_each(|entry| visit(entry.value));
    }

    /// Marks are final: entries of dead keys go, and those that nobody has.
    pub(crate) fn clear(&self, alive: impl Fn(NonNull<u8>) -> bool) {
        let mut entries = self.0.lock();
        entries.retain(|e| Arc::strong_count(&e.owners) > 1 && alive(e.key));
        if entries.capacity() > 64 && entries.len() < entries.capacity() / 8 {
            entries.shrink_to_fit();
        }
    }
}

/// Keeps a value as long as its key is alive, and keeps neither by itself. Clones share it.
///
/// ```
/// use gort_gc::{Ephemeron, Root};
///
/// let mut mu = gort_gc::pin();
/// let key = Root::new(&mu, mu.alloc(String::from("key")));
/// let note = Ephemeron::new(&mu, key.get(&mu), mu.alloc(17u64));
/// mu.collect();
/// assert_eq!(*note.get(&mu).unwrap(), 17);
/// drop(key);
/// mu.collect();
/// assert!(note.get(&mu).is_none());
/// ```
pub struct Ephemeron<K: Trace, V: Trace> {
    key: Weak<K>,
    value: NonNull<u8>,
    owners: Arc<()>,
    names: PhantomData<*const V>,
}

// SAFETY: EPH-1 — it gives `&K` and `&V` to whoever pins, and does not change.
unsafe impl<K: Trace + Send + Sync, V: Trace + Send + Sync> Send for Ephemeron<K, V> {}
// SAFETY: EPH-1 — as above.
unsafe impl<K: Trace + Send + Sync, V: Trace + Send + Sync> Sync for Ephemeron<K, V> {}

impl<K: Trace, V: Trace> Ephemeron<K, V> {
    /// Lets `value` live as long as `key` does and somebody has the ephemeron. Each costs a look in every round of a cycle.
    ///
    /// # Panics
    /// If one of the objects belongs to another collector than the guard.
    pub fn new(mu: &Mutator, key: Gc<'_, K>, value: Gc<'_, V>) -> Self {
        mu.check_object(value.addr(), any::type_name::<V>);
        let weak = Weak::new(mu, key);
        let (key, value) = (key.as_non_null().cast(), value.as_non_null().cast());
        // As a store would: the look at the table may be over.
        mu.shade_if_marking(value);
        let owners = Arc::new(());
        let entry = Entry { key, value, owners: owners.clone() };
        mu.shared().ephemerons.0.lock().push(entry);
        Self { key: weak, value, owners, names: PhantomData }
    }

    /// The key, if it is alive.
    ///
    /// # Panics
    /// If the guard is of another collector.
    pub fn key<'mu>(&self, mu: &'mu Mutator) -> Option<Gc<'mu, K>> {
        self.key.get(mu)
    }

    /// The value, if the key is alive. `None` is final.
    ///
    /// # Panics
    /// If the guard is of another collector.
    pub fn get<'mu>(&self, mu: &'mu Mutator) -> Option<Gc<'mu, V>> {
        self.key.get(mu)?;
        mu.shade_if_marking(self.value);
        // SAFETY: EPH-1, GC-HANDLE — the key is alive, and so is its value; this guard protects both for `'mu`.
        Some(unsafe { Gc::from_non_null(self.value.cast()) })
    }
}

impl<K: Trace, V: Trace> Clone for Ephemeron<K, V> {
    fn clone(&self) -> Self {
        let (key, owners) = (self.key.clone(), self.owners.clone());
        Self { key, value: self.value, owners, names: PhantomData }
    }
}

impl<K: Trace, V: Trace> fmt::Debug for Ephemeron<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ephemeron({:?}, {:p})", self.key, self.value)
    }
}
