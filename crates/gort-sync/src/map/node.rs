//! The trie's nodes: an [`Entry`] for each key, a [`Branch`] where paths part, and the [`Slot`]
//! that leads to one or the other.
//!
//! A slot is one word. Bit 0 of it tells a branch from a chain of entries, so that a reader
//! knows what it has before it touches it:
//!
//! ```text
//! null        nothing
//! pointer     the first of a chain of entries, all of the same hash
//! pointer|1   a branch
//! ```
//!
//! Key, value and hash of an entry never change once it is linked. A new value is a new entry in
//! the old one's place.

use core::array;
use core::ptr::{self, NonNull};
use gort_sys::atomic::{AtomicPtr, Ordering};
use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// Bits of the hash that a branch uses up.
pub(super) const BITS: u32 = 4;
/// Slots of a branch.
const WIDTH: usize = 1 << BITS;
/// Branches that a path can have: a root uses at least four bits of the 64.
pub(super) const DEEPEST: usize = 15;
/// What marks a branch.
const BRANCH: usize = 1;

/// A key and its value.
pub(super) struct Entry<K, V> {
    pub(super) hash: u64,
    /// The next one whose key has the same hash: a chain, not a slot, so never marked.
    pub(super) next: AtomicPtr<Entry<K, V>>,
    pub(super) key: K,
    pub(super) value: V,
}

impl<K, V> Entry<K, V> {
    pub(super) fn new(hash: u64, key: K, value: V) -> Box<Self> {
        Box::new(Self { hash, next: AtomicPtr::new(ptr::null_mut()), key, value })
    }
}

/// Where paths part by their next four bits.
pub(super) struct Branch<K, V> {
    pub(super) slots: [Slot<K, V>; WIDTH],
}

impl<K, V> Branch<K, V> {
    fn new() -> Box<Self> {
        Box::new(Self { slots: array::from_fn(|_| Slot::new()) })
    }

    /// Where `hash` goes on, of which `shift` bits are used up.
    #[inline]
    pub(super) fn slot(&self, hash: u64, shift: u32) -> &Slot<K, V> {
        &self.slots[(hash >> shift) as usize & (WIDTH - 1)]
    }

    /// What may stand in the place of this branch: nothing if it is empty, its chain if that is
    /// all it has. `None` if it is needed.
    pub(super) fn collapsed(&self) -> Option<Node<K, V>> {
        let mut only = Node::Empty;
        for slot in &self.slots {
            match (slot.load(), only) {
                (Node::Empty, _) => {}
                (chain @ Node::Chain(_), Node::Empty) => only = chain,
                _ => return None,
            }
        }
        Some(only)
    }
}

/// What a slot leads to.
pub(super) enum Node<K, V> {
    Empty,
    Chain(NonNull<Entry<K, V>>),
    Branch(NonNull<Branch<K, V>>),
}

impl<K, V> Clone for Node<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Node<K, V> {}

impl<K, V> Node<K, V> {
    /// The chain that begins with `first`, which may be null.
    #[inline]
    pub(super) fn chain(first: *mut Entry<K, V>) -> Self {
        NonNull::new(first).map_or(Node::Empty, Node::Chain)
    }
}

/// A word that leads to a node.
pub(super) struct Slot<K, V>(AtomicPtr<Entry<K, V>>);

impl<K, V> Slot<K, V> {
    pub(super) const fn new() -> Self {
        Slot(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline]
    pub(super) fn load(&self) -> Node<K, V> {
        // ORDER: Acquire ⇐ `store`: the node that it leads to is written.
        let word = self.0.load(Ordering::Acquire);
        if word.addr() & BRANCH == 0 {
            return Node::chain(word);
        }
        let branch = word.map_addr(|addr| addr & !BRANCH).cast();
        // A marked word is never null but for the mark: it was made from a `NonNull`.
        NonNull::new(branch).map_or(Node::Empty, Node::Branch)
    }

    /// Under the stripe's lock, or where nobody else sees the slot.
    #[inline]
    pub(super) fn store(&self, node: Node<K, V>) {
        let word = match node {
            Node::Empty => ptr::null_mut(),
            Node::Chain(entry) => entry.as_ptr(),
            Node::Branch(branch) => branch.as_ptr().map_addr(|addr| addr | BRANCH).cast(),
        };
        // ORDER: Release ⇒ `load`: the node is written.
        self.0.store(word, Ordering::Release);
    }
}

/// Branches, not linked yet, that part `new` from the chain `old`, whose hash is another, after
/// `shift` used bits; and their top.
pub(super) fn parting<K, V>(
    old: NonNull<Entry<K, V>>,
    old_hash: u64,
    new: NonNull<Entry<K, V>>,
    new_hash: u64,
    shift: u32,
) -> Box<Branch<K, V>> {
    debug_assert!(old_hash != new_hash && (old_hash ^ new_hash) >> shift != 0, "they do part");
    let differ = (old_hash ^ new_hash).trailing_zeros();
    // The branch whose four bits contain the first bit that differs is the lowest one.
    let mut at = shift + (differ - shift) / BITS * BITS;
    let mut branch = Branch::new();
    branch.slot(old_hash, at).store(Node::Chain(old));
    branch.slot(new_hash, at).store(Node::Chain(new));
    while at > shift {
        at -= BITS;
        let above = Branch::new();
        above.slot(new_hash, at).store(Node::Branch(NonNull::from(Box::leak(branch))));
        branch = above;
    }
    branch
}

/// What a destructor of the user's panicked with.
pub(super) type Panic = Box<dyn Any + Send>;

/// Frees one entry. A panic of its key's or value's destructor is returned.
///
/// # Safety
/// MAP-1, MAP-3: nobody can reach the entry, and nobody else frees it.
pub(super) unsafe fn free_entry<K, V>(entry: NonNull<Entry<K, V>>) -> Result<(), Panic> {
    // SAFETY: MAP-3 — the caller's; entries come from boxes.
    let entry = unsafe { Box::from_raw(entry.as_ptr()) };
    panic::catch_unwind(AssertUnwindSafe(|| drop(entry)))
}

/// Frees one branch and nothing below it.
///
/// # Safety
/// MAP-1, MAP-3: nobody can reach the branch, and nobody else frees it.
pub(super) unsafe fn free_branch<K, V>(branch: NonNull<Branch<K, V>>) {
    // SAFETY: MAP-3 — the caller's; branches come from boxes.
    drop(unsafe { Box::from_raw(branch.as_ptr()) });
}

/// Frees all that a node leads to, even if destructors panic; the last such panic is returned.
///
/// # Safety
/// MAP-1, MAP-3: nobody can reach any of it, and nobody else frees any of it.
pub(super) unsafe fn free_all<K, V>(node: Node<K, V>) -> Result<(), Panic> {
    let mut result = Ok(());
    match node {
        Node::Empty => {}
        Node::Chain(first) => {
            let mut at = Some(first);
            while let Some(entry) = at {
                // SAFETY: MAP-3 — the whole chain is the caller's.
                // ORDER: Relaxed — whoever gave it to the caller has published it.
                at = NonNull::new(unsafe { entry.as_ref() }.next.load(Ordering::Relaxed));
                // SAFETY: MAP-1, MAP-3 — the whole chain is the caller's.
                result = unsafe { free_entry(entry) }.and(result);
            }
        }
        Node::Branch(branch) => {
            // SAFETY: MAP-3 — the branch is the caller's, and alive until it is freed below.
            for slot in unsafe { &branch.as_ref().slots } {
                // SAFETY: MAP-1, MAP-3 — so is what it leads to. At most fifteen deep.
                result = unsafe { free_all(slot.load()) }.and(result);
            }
            // SAFETY: MAP-1, MAP-3 — as above.
            unsafe { free_branch(branch) };
        }
    }
    result
}
