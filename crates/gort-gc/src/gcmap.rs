//! [`GcMap`], a hash table in the collected heap.
//!
//! ```text
//! | latch | hasher | live | used | table -+---->  GcSlice: | len | entry or null | .. |
//!                                             entry: | hash | key | value or null |
//! ```
//! Open addressing with linear probing over a power of two; at most seven eighths of a table are used. An entry stays in its
//! place until the table is replaced: removal takes its value away, and what is inserted for the same key again gives it
//! a new one. So a reader needs no latch: it walks one table, whose fields change from null to an entry and never
//! back, and finds a null at the end. Writers take the latch; a table with too many entries, or too few living ones, is
//! replaced by a fresh one without the dead.

use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};
use std::hash::RandomState;

use crate::atomic::{AtomicUsize, Ordering};
use crate::gcvec::no_room;
use crate::latch::Latch;
use crate::{AllocError, Field, Gc, GcSlice, Leaf, Mutator, Trace};

/// A hash table from keys to objects. It is a member of another object, or an object itself. Every operation is safe
/// beside any other; writers take turns. `Eq` of the keys must not use the same map (it would wait for itself).
///
/// ```
/// use gort_gc::{GcMap, Root, Trace};
///
/// let mut mu = gort_gc::pin();
/// let map = mu.alloc(GcMap::<String, u64>::init());
/// map.insert(&mu, "one".into(), mu.alloc(1));
/// map.insert(&mu, "two".into(), mu.alloc(2));
/// let map = Root::new(&mu, map);
/// mu.collect();
/// let map = map.get(&mu).get();
/// assert_eq!(*map.get("two").unwrap(), 2);
/// assert_eq!(*map.remove(&mu, "one").unwrap(), 1);
/// assert_eq!(map.len(), 1);
/// ```
#[derive(Trace)]
pub struct GcMap<K, V, S = RandomState> {
    latch: Latch,
    hasher: S,
    /// Entries with a value.
    live: AtomicUsize,
    /// Entries in the table.
    used: AtomicUsize,
    table: Field<GcSlice<Entry<K, V>>>,
}

/// A key and its value, if it has one.
#[derive(Trace)]
struct Entry<K, V> {
    hash: u64,
    key: K,
    value: Field<V>,
}

const LEAST: usize = 8;

/// Whether a table of `room` fields takes `used` entries.
fn fits(used: usize, room: usize) -> bool {
    used <= room / 8 * 7
}

impl<K, V> GcMap<K, V>
where
    K: Leaf + Hash + Eq + Send,
    V: Trace + Send + Sync,
{
    /// The contents of a new, empty map: for a member, or for `Mutator::alloc`.
    pub fn init<'mu>() -> GcMapInit<'mu, K, V, RandomState> {
        Self::with_hasher(RandomState::new())
    }
}

impl<K, V, S> GcMap<K, V, S>
where
    K: Leaf + Hash + Eq + Send,
    V: Trace + Send + Sync,
    S: BuildHasher + Leaf,
{
    /// The same with a hasher of the caller's.
    pub fn with_hasher<'mu>(hasher: S) -> GcMapInit<'mu, K, V, S> {
        let (live, used) = (AtomicUsize::new(0), AtomicUsize::new(0));
        GcMapInit { latch: Latch::new(), hasher, live, used, table: None }
    }

    /// How many keys have a value.
    pub fn len(&self) -> usize {
        // ORDER: Relaxed — a number of its own.
        self.live.load(Ordering::Relaxed)
    }

    /// Whether no key has a value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    #[inline]
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Gc<'_, V>>
    where
        K: Borrow<Q>,
    {
        self.find(self.hasher.hash_one(key), key)?.value.load()
    }

    /// Whether a key has a value.
    pub fn contains_key<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// Gives a key a value and returns the one that it had.
    ///
    /// # Panics
    /// If memory is short; if the value, the map and the guard are not of one collector.
    pub fn insert(&self, mu: &Mutator, key: K, value: Gc<'_, V>) -> Option<Gc<'_, V>> {
        match self.try_insert(mu, key, value) {
            Ok(old) => old,
            Err(e) => no_room(&e),
        }
    }

    /// The same, without a panic where memory is short.
    ///
    /// # Errors
    /// As `Mutator::try_alloc`; nothing is changed then.
    ///
    /// # Panics
    /// If the value, the map and the guard are not of one collector.
    pub fn try_insert(
        &self,
        mu: &Mutator,
        key: K,
        value: Gc<'_, V>,
    ) -> Result<Option<Gc<'_, V>>, AllocError> {
        let hash = self.hasher.hash_one(&key);
        let _held = self.latch.hold();
        if let Some(entry) = self.find(hash, &key) {
            let old = entry.value.swap(mu, Some(value));
            self.count(&self.live, usize::from(old.is_none()), 0);
            return Ok(old);
        }
        self.add(mu, hash, key, value)?;
        Ok(None)
    }

    /// The value of a key; if it has none, what `make` gives, which runs without the latch. If somebody else was faster,
    /// his value stays.
    ///
    /// # Panics
    /// As [`insert`](Self::insert).
    pub fn get_or_insert_with<'a, 'm>(
        &'a self,
        mu: &'m Mutator,
        key: K,
        make: impl FnOnce() -> Gc<'m, V>,
    ) -> Gc<'a, V> {
        let hash = self.hasher.hash_one(&key);
        if let Some(value) = self.find(hash, &key).and_then(|entry| entry.value.load()) {
            return value;
        }
        let value = make();
        let _held = self.latch.hold();
        let entry = match self.find(hash, &key) {
            Some(entry) => entry,
            None => match self.add(mu, hash, key, value) {
                Ok(entry) => entry,
                Err(e) => no_room(&e),
            },
        };
        if entry.value.is_null() {
            entry.value.store(mu, Some(value));
            self.count(&self.live, 1, 0);
        }
        match entry.value.load() {
            Some(value) => value,
            // Writers are excluded, and only they take values away.
            None => gort_sys::fatal!("GCMAP-1", "a value of a GcMap went under its latch"),
        }
    }

    /// Takes a key's value away and returns it.
    pub fn remove<Q: Hash + Eq + ?Sized>(&self, mu: &Mutator, key: &Q) -> Option<Gc<'_, V>>
    where
        K: Borrow<Q>,
    {
        let hash = self.hasher.hash_one(key);
        let _held = self.latch.hold();
        let old = self.find(hash, key)?.value.swap(mu, None)?;
        self.count(&self.live, 0, 1);
        if self.is_empty() {
            self.table.store(mu, None);
            // ORDER: Relaxed — under the latch.
            self.used.store(0, Ordering::Relaxed);
        }
        Some(old)
    }

    /// Takes all away.
    pub fn clear(&self, mu: &Mutator) {
        let _held = self.latch.hold();
        self.table.store(mu, None);
        // ORDER: Relaxed, both — under the latch.
        self.used.store(0, Ordering::Relaxed);
        self.live.store(0, Ordering::Relaxed);
    }

    /// The keys and values that are there now, in no order. What is inserted meanwhile may be left out.
    pub fn iter(&self) -> impl Iterator<Item = (&K, Gc<'_, V>)> {
        let entries = self.fields().iter().filter_map(Field::load).map(Gc::get);
        entries.filter_map(|entry| Some((&entry.key, entry.value.load()?)))
    }

    /// The keys that have a value now.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// The values that are there now.
    pub fn values(&self) -> impl Iterator<Item = Gc<'_, V>> {
        self.iter().map(|(_, value)| value)
    }

    fn fields(&self) -> &[Field<Entry<K, V>>] {
        self.table.load().map_or(&[], Gc::slice)
    }

    /// The entry of a key, with a value or without.
    #[inline]
    fn find<Q: Eq + ?Sized>(&self, hash: u64, key: &Q) -> Option<&Entry<K, V>>
    where
        K: Borrow<Q>,
    {
        let table = self.fields();
        let mask = table.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let entry = table[at].load()?.get();
            if entry.hash == hash && entry.key.borrow() == key {
                return Some(entry);
            }
            at = (at + 1) & mask;
        }
    }

    /// Under the latch: an entry for a key that has none.
    fn add(
        &self,
        mu: &Mutator,
        hash: u64,
        key: K,
        value: Gc<'_, V>,
    ) -> Result<&Entry<K, V>, AllocError> {
        // ORDER: Relaxed — written under the latch.
        let used = self.used.load(Ordering::Relaxed) + 1;
        if !fits(used, self.fields().len()) {
            self.replace_table(mu)?;
        }
        let entry = mu.try_alloc(EntryInit { hash, key, value: Some(value) })?;
        let at = place(self.fields(), hash);
        at.store(mu, Some(entry));
        self.count(&self.used, 1, 0);
        self.count(&self.live, 1, 0);
        // Through the table, so that the reference borrows the map and not the guard.
        match at.load() {
            Some(entry) => Ok(entry.get()),
            None => gort_sys::fatal!("GCMAP-1", "an entry of a GcMap is null"),
        }
    }

    /// Under the latch: a fresh table with the living entries, at most half full.
    #[cold]
    fn replace_table(&self, mu: &Mutator) -> Result<(), AllocError> {
        let len = self.len();
        let room = (len + 1).checked_next_power_of_two().and_then(|n| n.checked_mul(2));
        let room = room.ok_or(AllocError::TooLong { len })?.max(LEAST);
        let fresh = mu.alloc_slice::<Entry<K, V>>(room)?;
        let mut used = 0;
        for entry in self.fields().iter().filter_map(Field::load) {
            if !entry.value.is_null() {
                place(fresh.slice(), entry.hash).store(mu, Some(entry));
                used += 1;
            }
        }
        self.table.store(mu, Some(fresh));
        // ORDER: Relaxed — under the latch.
        self.used.store(used, Ordering::Relaxed);
        Ok(())
    }

    /// Under the latch: changes one of the counts.
    fn count(&self, count: &AtomicUsize, more: usize, less: usize) {
        // ORDER: Relaxed, both — written under the latch.
        count.store(count.load(Ordering::Relaxed) + more - less, Ordering::Relaxed);
    }
}

/// The first null on the way of a hash.
fn place<E: Trace>(table: &[Field<E>], hash: u64) -> &Field<E> {
    let mask = table.len() - 1;
    let mut at = hash as usize & mask;
    while !table[at].is_null() {
        at = (at + 1) & mask;
    }
    &table[at]
}

impl<K, V, S> core::fmt::Debug for GcMap<K, V, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // ORDER: Relaxed — only the number is shown.
        write!(f, "GcMap(len {})", self.live.load(Ordering::Relaxed))
    }
}
