//! The order of locks, written down once per lock and checked in debug builds.
//!
//! A [`Rank`] is `(layer, n)`. A thread may take a lock only if its rank is greater than that
//! of every ranked lock it already holds, so no cycle of waiting can form. The held ranks of a
//! thread fit into one of its thread words, eight bytes, eight locks.

use crate::thread::ThreadWord;
use core::sync::atomic::{AtomicPtr, Ordering};

/// The place of a lock in the order: an inner lock has the greater rank.
#[derive(Debug, PartialEq, Eq)]
pub struct Rank {
    /// The layer that owns the lock, 1 (outermost: boot) to 15 (innermost: sys).
    pub layer: u8,
    /// The place within the layer, 0 to 15.
    pub n: u8,
    /// The name that a report uses, like `sched.idle`.
    pub name: &'static str,
}

/// The layers' numbers: upper layers take their locks first.
pub mod layer {
    /// gort-boot
    pub const BOOT: u8 = 1;
    /// gort-sync
    pub const SYNC: u8 = 2;
    /// gort-sched
    pub const SCHED: u8 = 4;
    /// gort-gc
    pub const GC: u8 = 6;
    /// gort-stack
    pub const STACK: u8 = 8;
    /// gort-sys, where memory is allocated while the lock is held
    pub const SYS_ALLOCATES: u8 = 9;
    /// gort-heap. Inside of all that may allocate: the heap can be the program's allocator, and then whoever allocates while
    /// it holds a lock takes the heap's.
    pub const HEAP: u8 = 10;
    /// gort-fixalloc
    pub const FIX: u8 = 12;
    /// gort-sys
    pub const SYS: u8 = 14;
}

impl Rank {
    const fn code(&self) -> u8 {
        (self.layer << 4) | self.n
    }
}

/// Names for reports, by code: filled as locks are taken, in debug builds only.
static NAMES: [AtomicPtr<Rank>; 256] = [const { AtomicPtr::new(core::ptr::null_mut()) }; 256];

fn name_of(code: u8) -> &'static str {
    // ORDER: Acquire ⇐ `taken`: the rank behind the pointer is a constant.
    let rank = NAMES[code as usize].load(Ordering::Acquire);
    // SAFETY: RANK-1 — only `&'static Rank`s are ever stored.
    unsafe { rank.as_ref() }.map_or("?", |r| r.name)
}

/// Notes that this thread is about to take a lock of `rank`; `again` permits an equal rank
/// (several locks of one kind, taken in address order). If the thread holds a lock of an equal or
/// greater rank, the process ends with a message that names both (RANK-2): a panic would allocate,
/// and the allocator has locks too.
pub(crate) fn taken(rank: &'static Rank, again: bool) {
    // ORDER: Release ⇒ `name_of`.
    NAMES[rank.code() as usize].store(core::ptr::from_ref(rank).cast_mut(), Ordering::Release);
    let held = ThreadWord::<2>::get() as u64;
    let new = rank.code();
    for byte in held.to_le_bytes() {
        if byte > new || (byte == new && !again) {
            crate::fatal!(
                "RANK-2",
                "lock order: {} (rank {:#04x}) taken while {} (rank {:#04x}) is held",
                rank.name,
                new,
                name_of(byte),
                byte
            );
        }
    }
    // More than eight locks at once: the oldest is forgotten, a lost check and no error.
    ThreadWord::<2>::set(((held << 8) | u64::from(new)) as usize as *mut ());
}

/// Notes that this thread has released a lock of `rank`.
pub(crate) fn released(rank: &'static Rank) {
    let mut bytes = (ThreadWord::<2>::get() as u64).to_le_bytes();
    if let Some(at) = bytes.iter().position(|&b| b == rank.code()) {
        bytes.copy_within(at + 1.., at);
        bytes[7] = 0;
        ThreadWord::<2>::set(u64::from_le_bytes(bytes) as usize as *mut ());
    }
}
