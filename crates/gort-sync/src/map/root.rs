//! [`Root`]: the top of the trie, and the only place that links and unlinks.
//!
//! A path is a hash, from its low bits up: as many as the root is wide choose its slot, then
//! four for each branch. The root's width is chosen once. A key's root slot never changes, so
//! its stripe does not either: the lock that is held by whoever changes anything below the slot.
//!
//! Nothing of the user's runs under it. A writer looks first, without the lock, compares keys and
//! makes what it wants to put there ([`Root::find`]); then it takes the lock, looks whether what
//! it saw is still so, by pointers only, and links ([`Root::publish`]). If it is not so, it
//! begins again. What it saw stays comparable: it is pinned, so no address is used anew.
//!
//! * *Key absent*: the chain begins with the entry that it began with. Entries are added at the
//!   front only.
//! * *Key present*: its entry is in the chain. Entries do not change.

use super::node::{BITS, Branch, DEEPEST, Entry, Node, Slot, free_branch, parting};
use super::pin::{retire_all, retire_branch, retire_entry};
use core::borrow::Borrow;
use core::ptr::{self, NonNull};
use crossbeam_epoch::Guard;
use gort_sys::atomic::{AtomicUsize, Ordering};
use gort_sys::lock::RawLock;
use gort_sys::rank::{Rank, layer};

/// A stripe. Nothing else is taken under it.
static STRIPE: Rank = Rank { layer: layer::SYNC, n: 6, name: "sync.map" };

/// Slots of the smallest root, and of the widest.
const SLOTS: (usize, usize) = (64, 1 << 28);
/// Slots for each key of the capacity, at least: four keys in five are then right below the root
/// (with one slot it is less than half), and a look costs two cache misses instead of three.
/// What the slots take, the branches that are not needed nearly give back.
const SPARE: usize = 4;
/// Stripes of the smallest root, and of a wide one.
const STRIPES: (usize, usize) = (16, 64);

/// On a line of its own: neighbours are not disturbed.
#[repr(align(64))]
struct Stripe {
    lock: RawLock,
    /// Keys below the stripe's slots; written under the lock.
    len: AtomicUsize,
}

/// The top of a trie.
pub(super) struct Root<K, V> {
    slots: Box<[Slot<K, V>]>,
    stripes: Box<[Stripe]>,
}

/// What a look has seen.
pub(super) struct Seen<'g, K, V> {
    /// The first entry where the path ends.
    head: *mut Entry<K, V>,
    /// Bits used up on the way there.
    shift: u32,
    /// The key's entry.
    pub(super) found: Option<&'g Entry<K, V>>,
}

impl<'g, K, V> Seen<'g, K, V> {
    #[inline]
    pub(super) fn value(&self) -> Option<&'g V> {
        self.found.map(|entry| &entry.value)
    }
}

/// The end of a path.
struct End<'g, K, V> {
    slot: &'g Slot<K, V>,
    head: *mut Entry<K, V>,
    shift: u32,
}

/// A branch, and the slot that leads to it.
type Step<'g, K, V> = (&'g Slot<K, V>, NonNull<Branch<K, V>>);

/// The branches of a path from the top.
struct Path<'g, K, V> {
    steps: [Option<Step<'g, K, V>>; DEEPEST],
    len: usize,
}

impl<K, V> Root<K, V> {
    /// Wide enough for `capacity` keys without a branch for most of them.
    pub(super) fn new(capacity: usize) -> Self {
        let slots = capacity.saturating_mul(SPARE).clamp(SLOTS.0, SLOTS.1).next_power_of_two();
        let stripes = (slots / 4).clamp(STRIPES.0, STRIPES.1);
        let stripe = || Stripe { lock: RawLock::new(&STRIPE), len: AtomicUsize::new(0) };
        Self {
            slots: (0..slots).map(|_| Slot::new()).collect(),
            stripes: (0..stripes).map(|_| stripe()).collect(),
        }
    }

    /// Writes to each page, so that the system has given it before the first key comes.
    pub(super) fn touch(&mut self) {
        let each = 4096 / size_of::<Slot<K, V>>();
        self.slots.iter().step_by(each).for_each(|slot| slot.store(Node::Empty));
    }

    pub(super) fn slots(&self) -> &[Slot<K, V>] {
        &self.slots
    }

    pub(super) fn len(&self) -> usize {
        // ORDER: Relaxed — each is right at its own moment; they are not read at one.
        self.stripes.iter().map(|stripe| stripe.len.load(Ordering::Relaxed)).sum()
    }

    /// Follows the path of `hash` to its end.
    #[inline]
    fn walk<'g>(
        &'g self,
        hash: u64,
        _: &'g Guard,
        mut step: impl FnMut(&'g Slot<K, V>, NonNull<Branch<K, V>>),
    ) -> End<'g, K, V> {
        let mut slot = &self.slots[hash as usize & (self.slots.len() - 1)];
        let mut shift = self.slots.len().trailing_zeros();
        loop {
            match slot.load() {
                Node::Empty => return End { slot, head: ptr::null_mut(), shift },
                Node::Chain(head) => return End { slot, head: head.as_ptr(), shift },
                Node::Branch(branch) => {
                    step(slot, branch);
                    // SAFETY: MAP-1 — reached while pinned.
                    slot = unsafe { branch.as_ref() }.slot(hash, shift);
                    shift += BITS;
                }
            }
        }
    }

    /// Looks for `key`. Runs the keys' `eq`.
    #[inline]
    pub(super) fn find<'g, Q>(&'g self, hash: u64, key: &Q, guard: &'g Guard) -> Seen<'g, K, V>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let End { head, shift, .. } = self.walk(hash, guard, |_, _| {});
        let mut at = head;
        // SAFETY: MAP-1 — reached while pinned.
        while let Some(entry) = unsafe { at.as_ref() } {
            if entry.hash != hash {
                // So has the whole chain.
                break;
            }
            if entry.key.borrow() == key {
                return Seen { head, shift, found: Some(entry) };
            }
            // ORDER: Acquire ⇐ `publish`: the entry is written.
            at = entry.next.load(Ordering::Acquire);
        }
        Seen { head, shift, found: None }
    }

    /// Puts `new`, or nothing, in the place of what `seen` has found with the same `guard`.
    ///
    /// # Errors
    /// If what was seen is no longer so; `new` is in the error, and nothing has changed.
    ///
    /// # Safety
    /// MAP-3: the keys and values may be dropped later and by another thread. A `new` entry has
    /// the key that `seen` was looked for with, and `hash` is its hash.
    pub(super) unsafe fn publish(
        &self,
        hash: u64,
        seen: &Seen<'_, K, V>,
        new: Option<Box<Entry<K, V>>>,
        guard: &Guard,
    ) -> Result<(), Option<Box<Entry<K, V>>>> {
        match (seen.found, new) {
            (None, None) => Ok(()),
            (None, Some(new)) => self.add(hash, seen, new, guard).map_err(Some),
            (Some(old), new) => {
                let new = new.map(|new| NonNull::from(Box::leak(new)));
                // SAFETY: MAP-3 — as the caller promises.
                let done = unsafe { self.replace(hash, old, new, guard) };
                if done {
                    return Ok(());
                }
                // SAFETY: MAP-3 — it was leaked above and is not linked.
                Err(new.map(|new| unsafe { Box::from_raw(new.as_ptr()) }))
            }
        }
    }

    fn stripe(&self, hash: u64) -> &Stripe {
        &self.stripes[hash as usize & (self.stripes.len() - 1)]
    }

    /// Adds `new` where `seen` found nothing.
    fn add(
        &self,
        hash: u64,
        seen: &Seen<'_, K, V>,
        new: Box<Entry<K, V>>,
        guard: &Guard,
    ) -> Result<(), Box<Entry<K, V>>> {
        let new = NonNull::from(Box::leak(new));
        // SAFETY: MAP-1 — reached while pinned, with `guard`.
        let head_hash = unsafe { seen.head.as_ref() }.map(|head| head.hash);
        // All that has to be allocated is allocated before the lock is taken.
        let tower = match (NonNull::new(seen.head), head_hash) {
            (Some(head), Some(other)) if other != hash => {
                Some(NonNull::from(Box::leak(parting(head, other, new, hash, seen.shift))))
            }
            _ => {
                // SAFETY: MAP-3 — nobody else has it yet.
                // ORDER: Relaxed — the slot's `store` publishes it.
                unsafe { new.as_ref() }.next.store(seen.head, Ordering::Relaxed);
                None
            }
        };
        {
            let stripe = self.stripe(hash);
            let _lock = stripe.lock.lock();
            let end = self.walk(hash, guard, |_, _| {});
            if end.head == seen.head && end.shift == seen.shift {
                end.slot.store(tower.map_or(Node::Chain(new), Node::Branch));
                // ORDER: both Relaxed — written under the lock; a figure for others.
                let len = stripe.len.load(Ordering::Relaxed);
                stripe.len.store(len + 1, Ordering::Relaxed);
                return Ok(());
            }
        }
        // Not linked: the branches go, one below the other, and the entry goes back.
        let mut next = tower;
        let mut shift = seen.shift;
        while let Some(branch) = next {
            // SAFETY: MAP-3 — nobody else has it.
            next = match unsafe { branch.as_ref() }.slot(hash, shift).load() {
                Node::Branch(below) => Some(below),
                _ => None,
            };
            shift += BITS;
            // SAFETY: MAP-1, MAP-3 — nobody else has it.
            unsafe { free_branch(branch) };
        }
        // SAFETY: MAP-3 — it was leaked above and is not linked.
        Err(unsafe { Box::from_raw(new.as_ptr()) })
    }

    /// Puts `new`, or nothing, in the place of `old`, if that is still linked.
    ///
    /// # Safety
    /// As [`publish`](Self::publish).
    unsafe fn replace(
        &self,
        hash: u64,
        old: &Entry<K, V>,
        new: Option<NonNull<Entry<K, V>>>,
        guard: &Guard,
    ) -> bool {
        let mut path = Path { steps: [const { None }; DEEPEST], len: 0 };
        let dropped;
        {
            let stripe = self.stripe(hash);
            let _lock = stripe.lock.lock();
            let end = self.walk(hash, guard, |slot, branch| path.push(slot, branch));
            let Some(before) = before(end.head, old) else { return false };
            // ORDER: Relaxed — written under this lock only (MAP-2).
            let mut next = old.next.load(Ordering::Relaxed);
            if let Some(new) = new {
                // SAFETY: MAP-3 — nobody else has it yet.
                // ORDER: Relaxed — the link to it publishes it, below.
                unsafe { new.as_ref() }.next.store(next, Ordering::Relaxed);
                next = new.as_ptr();
            }
            match before {
                // ORDER: Release ⇒ `find`, `visit`: the next entry is written.
                Some(entry) => entry.next.store(next, Ordering::Release),
                None => end.slot.store(Node::chain(next)),
            }
            if new.is_none() {
                // ORDER: both Relaxed — written under the lock; a figure for others.
                let len = stripe.len.load(Ordering::Relaxed);
                stripe.len.store(len - 1, Ordering::Relaxed);
            }
            dropped = if next.is_null() { path.collapse() } else { path.len };
        }
        for (_, branch) in path.steps[dropped..path.len].iter().flatten() {
            // SAFETY: MAP-3 — `collapse` has unlinked it, with this `guard`.
            unsafe { retire_branch(guard, *branch) };
        }
        // SAFETY: MAP-3 — unlinked above, with this `guard`.
        unsafe { retire_entry(guard, NonNull::from(old)) };
        true
    }

    /// Takes all keys away, stripe by stripe.
    ///
    /// # Safety
    /// MAP-3: the keys and values may be dropped later and by another thread.
    pub(super) unsafe fn clear(&self, guard: &Guard) {
        let each = self.slots.len() / self.stripes.len();
        let mut taken = Vec::with_capacity(each);
        for (first, stripe) in self.stripes.iter().enumerate() {
            {
                let _lock = stripe.lock.lock();
                for slot in self.slots.iter().skip(first).step_by(self.stripes.len()) {
                    // The room for all was made above.
                    taken.push(slot.load());
                    slot.store(Node::Empty);
                }
                // ORDER: Relaxed — written under the lock; a figure for others.
                stripe.len.store(0, Ordering::Relaxed);
            }
            for node in taken.drain(..).filter(|node| !matches!(node, Node::Empty)) {
                // SAFETY: MAP-3 — unlinked above, with this `guard`.
                unsafe { retire_all(guard, node) };
            }
        }
    }
}

/// The entry in front of `old` in the chain that begins with `head`: `Some(None)` if it is the
/// first, `None` if it is not there. Under the stripe's lock.
fn before<K, V>(head: *mut Entry<K, V>, old: &Entry<K, V>) -> Option<Option<&Entry<K, V>>> {
    let (mut last, mut at) = (None, head);
    // SAFETY: MAP-1 — as long as `old` the caller is pinned.
    while let Some(entry) = unsafe { at.as_ref() } {
        if ptr::eq(entry, old) {
            return Some(last);
        }
        last = Some(entry);
        // ORDER: Relaxed — written under this lock only (MAP-2).
        at = entry.next.load(Ordering::Relaxed);
    }
    None
}

impl<'g, K, V> Path<'g, K, V> {
    fn push(&mut self, slot: &'g Slot<K, V>, branch: NonNull<Branch<K, V>>) {
        self.steps[self.len] = Some((slot, branch));
        self.len += 1;
    }

    /// Unlinks the branches from the lowest up that are not needed any more. Their own slots
    /// stay as they are: who is inside still finds what is below. The number of those that stay.
    /// Under the stripe's lock.
    fn collapse(&self) -> usize {
        for (at, step) in self.steps[..self.len].iter().enumerate().rev() {
            let Some((slot, branch)) = step else { return at + 1 };
            // SAFETY: MAP-1 — reached while pinned.
            let Some(instead) = unsafe { branch.as_ref() }.collapsed() else { return at + 1 };
            slot.store(instead);
        }
        0
    }
}

/// Shows `f` each entry that `slot` leads to.
pub(super) fn visit<K, V>(slot: &Slot<K, V>, _guard: &Guard, f: &mut impl FnMut(&K, &V)) {
    match slot.load() {
        Node::Empty => {}
        Node::Chain(head) => {
            let mut at = head.as_ptr();
            // SAFETY: MAP-1 — reached while pinned.
            while let Some(entry) = unsafe { at.as_ref() } {
                f(&entry.key, &entry.value);
                // ORDER: Acquire ⇐ `replace`: the entry is written.
                at = entry.next.load(Ordering::Acquire);
            }
        }
        Node::Branch(branch) => {
            // SAFETY: MAP-1 — reached while pinned.
            unsafe { branch.as_ref() }.slots.iter().for_each(|slot| visit(slot, _guard, f));
        }
    }
}
