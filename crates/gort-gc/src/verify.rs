//! Checks of a collector's work, for debugging: each costs as much as a cycle or more.
//!
//! * [`reached_is_marked`]: with every context held, what the roots reach is walked again, with a set of its own instead of
//!   mark bits, and compared with the marks (`GODEBUG=gccheckmark=1`). An object that is reachable and not marked would be
//!   swept: the process ends here, while the evidence is there.
//! * [`untraced`]: all words of an object are looked at as if each could be a pointer; one that names an object and is not
//!   listed in the map is counted, and the first is reported. A number that happens to look like an address is counted, too,
//!   and so is what an earlier object left in the unused end of a slot: it is a hint for who implements `Trace` by hand.

use core::fmt::Write as _;
use core::ptr::NonNull;
use std::collections::{HashMap, HashSet};

use crate::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::map::WORD;
use crate::shared::Shared;

/// Walks from the roots; how many objects it reached.
pub(crate) fn reached_is_marked(s: &Shared) -> u64 {
    // Who named each object first: 0 for a root.
    let mut seen: HashMap<usize, usize> = HashMap::new();
    let mut grey: Vec<NonNull<u8>> = Vec::new();
    let mut meet = |object: NonNull<u8>, from: usize, grey: &mut Vec<NonNull<u8>>| {
        // SAFETY: GC-LIVE — a root or a listed word of a live object names a live object.
        let found = unsafe { s.heap.object_of(object) };
        if seen.insert(found.base.as_ptr().addr(), from).is_some() {
            return;
        }
        // SAFETY: GC-LIVE — as above.
        if !unsafe { s.heap.is_marked(&found) } {
            gort_sys::fatal!(
                "GC-LIVE",
                "object {:p} ({} bytes, span {}) is reachable from {from:#x} (0: a root) and not marked",
                found.base,
                found.size,
                found.span
            );
        }
        if !found.noscan {
            grey.push(found.base);
        }
    };
    s.roots.scan(|object| meet(object, 0, &mut grey));
    while let Some(base) = grey.pop() {
        // SAFETY: GC-LIVE — as above.
        let size = unsafe { s.heap.object_of(base) }.size;
        let visit = |word: &AtomicPtr<u8>| {
            // ORDER: Acquire ⇐ `Field::store`.
            if let Some(object) = NonNull::new(word.load(Ordering::Acquire)) {
                meet(object, base.as_ptr().addr(), &mut grey);
            }
        };
        // SAFETY: GREY-2 — an object with pointers, alive.
        unsafe { s.heap.for_each_pointer_word(base, size, visit) };
    }
    seen.len() as u64
}

/// Counts the words of an object that name objects and are not in its map.
pub(crate) fn untraced(s: &Shared, base: NonNull<u8>, size: usize) {
    let mut listed = HashSet::new();
    // SAFETY: GREY-2 — by the caller: an object with pointers, alive.
    unsafe {
        s.heap.for_each_pointer_word(base, size, |word| {
            listed.insert(core::ptr::from_ref(word).addr());
        });
    }
    for at in (0..size / WORD).map(|i| base.as_ptr().wrapping_add(i * WORD)) {
        if listed.contains(&at.addr()) {
            continue;
        }
        // SAFETY: GREY-2 — inside the object's slot, aligned. The word may be a `Cell` that its owner writes at the
        // moment: a debugging mode reads it all the same, by one atomic load, and acts on nothing that it finds.
        // ORDER: Relaxed — a guess.
        let word = unsafe { &*at.cast::<AtomicUsize>() }.load(Ordering::Relaxed);
        if s.heap.find_object(word).is_some_and(|o| o.base.as_ptr().addr() == word) {
            // ORDER: Relaxed — a number.
            if s.untraced.fetch_add(1, Ordering::Relaxed) == 0 {
                let mut line = String::new();
                let _ = writeln!(
                    line,
                    "gc: word {} of the object {base:p} names the object {word:#x}, and its map does not list it",
                    (at.addr() - base.as_ptr().addr()) / WORD
                );
                gort_sys::fatal::stderr(line.as_bytes());
            }
        }
    }
}
