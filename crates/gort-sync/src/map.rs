//! [`Map`], a concurrent map for mostly-read use.
//!
//! A hash trie as in Go 1.24's `internal/sync.HashTrieMap`, with a root as wide as the caller
//! asks for. A reader takes no lock and writes no memory that others read, but for its thread's
//! own pin of the epoch: it hashes the key, pins, follows a few pointers and compares. A writer
//! does the same, makes a new entry, and then links it in under one of 16 to 64 locks that it
//! holds for a few instructions (`map/root`). The user's code (`Hash`, `Eq`, `Clone`, `Drop`,
//! closures) never runs under a lock; `Hash` and what `get_or_insert_with` calls run unpinned too
//! and may park, the others may not.

mod convert;
mod iter;
mod node;
mod pin;
mod root;

pub use iter::Iter;

use core::borrow::Borrow;
use core::marker::PhantomData;
use core::ptr;
use gort_sys::atomic::{AtomicPtr, Ordering};
use iter::BATCH;
use node::{Entry, free_all};
use pin::{pinned, prepare};
use root::{Root, visit};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::panic;

/// A map that many tasks use at once, and that is read much more often than written. Go's
/// `sync.Map`.
///
/// All of it goes by `&self`: share it by `Arc`, or as a `static` in a
/// [`OnceLock`](crate::OnceLock). A value is handed out as a clone ([`get`](Self::get)) or to a
/// closure ([`with`](Self::with)), for it may be replaced at any moment.
///
/// | Go | here |
/// |---|---|
/// | `Load` | [`get`](Self::get), [`with`](Self::with), [`contains_key`](Self::contains_key) |
/// | `Store` | [`set`](Self::set) |
/// | `Swap` | [`insert`](Self::insert) |
/// | `LoadOrStore` | [`get_or_insert_with`](Self::get_or_insert_with) |
/// | `Delete` | [`discard`](Self::discard) |
/// | `LoadAndDelete` | [`remove`](Self::remove) |
/// | `CompareAndSwap`, `CompareAndDelete` | [`update`](Self::update) |
/// | `Range` | [`iter`](Self::iter), [`for_each`](Self::for_each) |
/// | `Clear` | [`clear`](Self::clear) |
///
/// Each operation on one key happens at one moment between its call and its return.
///
/// # User code
/// `Eq`, `Clone` and the closures of `with`, `update` and `for_each` run while the thread is
/// pinned: nothing is freed in the whole process meanwhile, so they should be short, and a
/// goroutine that parks in them panics. They may use the map. A panic of theirs leaves the map as
/// if the operation had not begun; for `clear` and `for_each`, as if it ended there.
///
/// Keys and values that were replaced or removed are dropped some time later, by any thread that
/// uses any such map, or never, if none does. Hence `Send + 'static`. Their `Drop` must not park
/// either; its panic goes no further than the panic hook. What is in the map when the map itself
/// is dropped is dropped there.
///
/// ```
/// use gort_sync::Map;
///
/// let hits: Map<String, u64> = Map::with_capacity(1000);
/// hits.set("/".to_string(), 1);
/// hits.update("/".to_string(), |seen| Some(seen.copied().unwrap_or(0) + 1));
/// assert_eq!(hits.get("/"), Some(2));
/// assert_eq!(hits.with("/about", |seen| *seen), None);
/// assert_eq!(hits.remove("/"), Some(2));
/// ```
pub struct Map<K, V, S = RandomState> {
    /// Null until the first write, or the presizing constructor (MAP-4).
    root: AtomicPtr<Root<K, V>>,
    hasher: S,
    /// Owns keys and values, and shares and sends them as they allow.
    _owns: PhantomData<(K, V)>,
}

impl<K, V> Map<K, V> {
    /// An empty map without memory of its own; the first write allocates about 2 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_hasher(RandomState::new())
    }

    /// An empty map for about `capacity` keys. It has room for them, in memory that the system
    /// has given, and the calling thread is known to the epoch's collector: the first write pays
    /// for its own entry only. More keys make it deeper, by a step for each 16-fold, never copy
    /// it.
    ///
    /// It takes 32 to 64 bytes for each key of the capacity; an entry takes 16 bytes beside its
    /// key and value.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::with_capacity_and_hasher(capacity, RandomState::new())
    }
}

impl<K, V, S> Map<K, V, S> {
    /// Like [`new`](Map::new), with the hasher to use.
    pub const fn with_hasher(hasher: S) -> Self {
        Self { root: AtomicPtr::new(ptr::null_mut()), hasher, _owns: PhantomData }
    }

    /// Like [`with_capacity`](Map::with_capacity), with the hasher to use.
    pub fn with_capacity_and_hasher(capacity: usize, hasher: S) -> Self {
        let mut root = Box::new(Root::new(capacity));
        root.touch();
        prepare();
        Self { root: AtomicPtr::new(Box::into_raw(root)), hasher, _owns: PhantomData }
    }

    /// The hasher.
    pub const fn hasher(&self) -> &S {
        &self.hasher
    }

    /// The number of keys: the sum of parts that are each right at some moment of the call. Takes
    /// 16 to 64 loads.
    pub fn len(&self) -> usize {
        self.root().map_or(0, Root::len)
    }

    /// Whether there is no key, as by [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies of the keys and values, in no order.
    ///
    /// Who is in the map all the time is met exactly once, with a value that it had at some
    /// moment since the iterator was made. Who comes or goes meanwhile is met or not. The caller
    /// may park between two items. What is below 64 root slots is copied at a time: at the
    /// capacity that the map was made for that is 8 to 16 items.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::new(self.root())
    }

    /// Calls `f` with each key and value, in no order; whom it meets is as for
    /// [`iter`](Self::iter). Nothing is cloned. `f` must not park.
    pub fn for_each(&self, mut f: impl FnMut(&K, &V)) {
        let Some(root) = self.root() else { return };
        for slots in root.slots().chunks(BATCH) {
            pinned(|guard| slots.iter().for_each(|slot| visit(slot, guard, &mut f)));
        }
    }

    #[inline]
    fn root(&self) -> Option<&Root<K, V>> {
        // ORDER: Acquire ⇐ `root_or_new`: the root is written.
        let root = self.root.load(Ordering::Acquire);
        // SAFETY: MAP-4 — it stays as long as `self` is borrowed.
        unsafe { root.as_ref() }
    }

    fn root_or_new(&self) -> &Root<K, V> {
        self.root().unwrap_or_else(|| self.new_root())
    }

    #[cold]
    fn new_root(&self) -> &Root<K, V> {
        let new = Box::into_raw(Box::new(Root::new(0)));
        let null = ptr::null_mut();
        // ORDER: Release ⇒ `root`: it is written. Acquire ⇐ the same here of who came first.
        let root = self.root.compare_exchange(null, new, Ordering::AcqRel, Ordering::Acquire);
        let root = match root {
            Ok(_) => new,
            Err(first) => {
                // SAFETY: MAP-3 — another one came first; this one was shown to nobody.
                drop(unsafe { Box::from_raw(new) });
                first
            }
        };
        // SAFETY: MAP-4 — it stays as long as `self` is borrowed.
        unsafe { &*root }
    }
}

impl<K, V, S> Map<K, V, S>
where
    K: Eq + Hash,
    S: BuildHasher,
{
    /// A clone of the key's value.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
        V: Clone,
    {
        self.with(key, V::clone)
    }

    /// What `f` makes of the key's value; `None` if there is no such key. `f` must not park.
    #[inline]
    pub fn with<Q, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let root = self.root()?;
        let hash = self.hasher.hash_one(key);
        pinned(|guard| root.find(hash, key, guard).value().map(f))
    }

    /// Whether there is such a key.
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.with(key, |_| ()).is_some()
    }
}

impl<K, V, S> Map<K, V, S>
where
    K: Eq + Hash + Send + 'static,
    V: Send + 'static,
    S: BuildHasher,
{
    /// Gives the key this value, and returns a clone of the one that it had. Unlike in std's map
    /// the key in the map is the new one afterwards.
    pub fn insert(&self, key: K, value: V) -> Option<V>
    where
        V: Clone,
    {
        self.put(key, value, |old| old.cloned())
    }

    /// Gives the key this value.
    pub fn set(&self, key: K, value: V) {
        self.put(key, value, |_| ());
    }

    /// Takes the key out, and returns a clone of the value that it had.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
        V: Clone,
    {
        self.take(key, V::clone)
    }

    /// Takes the key out; whether it was there.
    pub fn discard<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.take(key, |_| ()).is_some()
    }

    /// A clone of the key's value, which is first made by `make` if there is none. `make` runs
    /// without a lock and unpinned: it may park, and it may use the map. If another task gives
    /// the key a value meanwhile, that one is returned and the one just made is dropped.
    pub fn get_or_insert_with(&self, key: K, make: impl FnOnce() -> V) -> V
    where
        V: Clone,
    {
        if let Some(value) = self.get(&key) {
            return value;
        }
        let root = self.root_or_new();
        let hash = self.hasher.hash_one(&key);
        let mut new = Entry::new(hash, key, make());
        let value = new.value.clone();
        loop {
            let (result, unused) = pinned(|guard| {
                let seen = root.find(hash, &new.key, guard);
                if let Some(value) = seen.value() {
                    return (Ok(value.clone()), Some(new));
                }
                // SAFETY: MAP-3 — `Send + 'static`; it was looked for by `new`'s key and hash.
                match unsafe { root.publish(hash, &seen, Some(new), guard) } {
                    Ok(()) => (Err(true), None),
                    Err(new) => (Err(false), new),
                }
            });
            match (result, unused) {
                (Ok(value), _) => return value,
                (Err(false), Some(back)) => new = back,
                (Err(_), _) => return value,
            }
        }
    }

    /// Changes the key's value to what `f` makes of it: `f` gets the value, or `None` if there is
    /// no such key, and returns the new one, or `None` to take the key out or leave it out.
    /// Returns a clone of the value that it had.
    ///
    /// The value has not changed between the call of `f` and the change: if another task comes
    /// between, `f` is called anew. `f` must not park.
    pub fn update(&self, key: K, mut f: impl FnMut(Option<&V>) -> Option<V>) -> Option<V>
    where
        V: Clone,
    {
        let root = self.root_or_new();
        let hash = self.hasher.hash_one(&key);
        let mut key = Some(key);
        loop {
            // What was in vain is dropped unpinned.
            let (done, old, unused) = pinned(|guard| {
                let seen = match &key {
                    Some(key) => root.find(hash, key, guard),
                    None => unreachable!("the key comes back with what could not be linked"),
                };
                let old = seen.value().cloned();
                let new = f(seen.value());
                let new = new.and_then(|value| Some(Entry::new(hash, key.take()?, value)));
                // SAFETY: MAP-3 — `Send + 'static`; it was looked for by `new`'s key and hash.
                match unsafe { root.publish(hash, &seen, new, guard) } {
                    Ok(()) => (true, old, None),
                    Err(unused) => (false, old, unused),
                }
            });
            if done {
                return old;
            }
            if let Some(unused) = unused {
                key = Some(unused.key);
            }
        }
    }

    /// Takes all keys out that are there when it begins. It is not one moment for all: who looks
    /// meanwhile may see some gone and some not yet.
    pub fn clear(&self) {
        let Some(root) = self.root() else { return };
        // SAFETY: MAP-3 — `Send + 'static`.
        pinned(|guard| unsafe { root.clear(guard) });
    }

    fn put<R>(&self, key: K, value: V, see: impl Fn(Option<&V>) -> R) -> R {
        let root = self.root_or_new();
        let hash = self.hasher.hash_one(&key);
        let mut new = Entry::new(hash, key, value);
        loop {
            let (result, unused) = pinned(|guard| {
                let seen = root.find(hash, &new.key, guard);
                let result = see(seen.value());
                // SAFETY: MAP-3 — `Send + 'static`; it was looked for by `new`'s key and hash.
                (result, unsafe { root.publish(hash, &seen, Some(new), guard) })
            });
            match unused {
                Err(Some(back)) => new = back,
                Ok(()) | Err(None) => return result,
            }
        }
    }

    fn take<Q, R>(&self, key: &Q, see: impl Fn(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let root = self.root()?;
        let hash = self.hasher.hash_one(key);
        loop {
            let (result, done) = pinned(|guard| {
                let seen = root.find(hash, key, guard);
                let result = seen.value().map(&see);
                // SAFETY: MAP-3 — `Send + 'static`; there is no new entry.
                (result, unsafe { root.publish(hash, &seen, None, guard) })
            });
            if done.is_ok() {
                return result;
            }
        }
    }
}

impl<K, V, S> Drop for Map<K, V, S> {
    fn drop(&mut self) {
        let root = *self.root.get_mut();
        if root.is_null() {
            return;
        }
        // SAFETY: MAP-4 — the map is nobody else's any more, and so is its root.
        let root = unsafe { Box::from_raw(root) };
        let mut result = Ok(());
        for slot in root.slots() {
            // SAFETY: MAP-1, MAP-3 — nobody is in the map; what is linked nobody has retired.
            result = unsafe { free_all(slot.load()) }.and(result);
        }
        drop(root);
        if let Err(payload) = result {
            panic::resume_unwind(payload);
        }
    }
}
