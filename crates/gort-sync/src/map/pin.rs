//! Being pinned, and what is freed when nobody is any more.
//!
//! Whoever is pinned may follow the map's links: what is unlinked meanwhile is freed after it
//! unpins. The pin belongs to the thread, so the goroutine must not leave it: inside, parking
//! panics. Pinning may free what others have retired, and so run destructors of the user's; they
//! cannot park either, and a panic of theirs ends there.

use super::node::{Branch, Entry, Node, free_all, free_branch, free_entry};
use core::mem;
use core::ptr::NonNull;
use crossbeam_epoch::Guard;
use gort_sched::thread::no_park;
use std::any::Any;

/// Runs `f` pinned.
pub(super) fn pinned<R>(f: impl FnOnce(&Guard) -> R) -> R {
    no_park(|| f(&enter()))
}

/// Makes the thread known to the epoch's collector, which costs an allocation the first time.
pub(super) fn prepare() {
    no_park(|| drop(enter()));
}

/// A function of its own, so that the address of the thread's pin is not remembered over a park
/// by the function that asks twice.
#[inline(never)]
fn enter() -> Guard {
    crossbeam_epoch::pin()
}

/// Frees an entry when nobody can see it any more.
///
/// # Safety
/// MAP-3: the caller has unlinked it, and `guard` was there when it did. Key and value may be
/// dropped later and by another thread.
pub(super) unsafe fn retire_entry<K, V>(guard: &Guard, entry: NonNull<Entry<K, V>>) {
    // SAFETY: MAP-1, MAP-3 — unlinked, so only who is pinned now can see it.
    unsafe { guard.defer_unchecked(move || forget(no_park(|| free_entry(entry)))) };
}

/// Frees a branch, not what is below it, when nobody can see it any more.
///
/// # Safety
/// As [`retire_entry`].
pub(super) unsafe fn retire_branch<K, V>(guard: &Guard, branch: NonNull<Branch<K, V>>) {
    // SAFETY: MAP-1, MAP-3 — unlinked, so only who is pinned now can see it.
    unsafe { guard.defer_unchecked(move || free_branch(branch)) };
}

/// Frees a node and all below it when nobody can see it any more.
///
/// # Safety
/// As [`retire_entry`], for all of it.
pub(super) unsafe fn retire_all<K, V>(guard: &Guard, node: Node<K, V>) {
    // SAFETY: MAP-1, MAP-3 — unlinked, so only who is pinned now can see it.
    unsafe { guard.defer_unchecked(move || forget(no_park(|| free_all(node)))) };
}

/// A panic of a destructor that ran on behalf of nobody has been reported by the hook; what it
/// carries could panic again.
fn forget(result: Result<(), Box<dyn Any + Send>>) {
    mem::forget(result);
}
