//! Tiny objects (HEAP-6): those without pointers and under 16 bytes share a slot of 16 with their neighbours. (Not those of 8
//! bytes: there are slots of that size, so sharing would save nothing, and each dies on its own.)
//!
//! ```text
//! | u32 | u32 | u8 | - | u16 | .... |     a block: filled from its start, each part at a multiple of 8, 4, 2 or 1
//! ```
//! A context has one block at hand. A mark belongs to the slot, so the block lives while any part of it is reachable: a part
//! may outlive its death, as in Go. Drop glue belongs to a slot too, so types that have some are not tiny.
//!
//! # Why a part is as safe as a slot of its own (TINY-1)
//! A block gets its colour when its slot is taken, and is dropped from the context when that takes over an order
//! ([`Context::take_over`]), whatever the order changes. So all parts are made under one order: where objects are born
//! black the block was marked before its first part escaped (G-1); where they are born white it is white until a part is
//! shaded or reached, as a slot of its own would be; and no part is put into a block that a sweep may have freed, because a
//! sweep of a generation begins after every context has taken over the order before it.

use core::mem::needs_drop;

use gort_heap::{Slot, SpanClass, class_of};

use crate::context::{Context, bump};
use crate::error::AllocError;
use crate::{Mutator, Trace};

/// Bytes of a block.
const BLOCK: usize = 16;
/// The class of blocks.
const SPAN: SpanClass = SpanClass::new(class_of(BLOCK), true);

/// Whether objects of a type share blocks.
pub(crate) const fn is_tiny<T: Trace>(noscan: bool) -> bool {
    let size = size_of::<T>();
    noscan && !needs_drop::<T>() && size != 0 && size != 8 && size < BLOCK
}

/// The alignment of a part of that size; at least that of any type which has it.
const fn align(size: usize) -> usize {
    1 << size.trailing_zeros()
}

/// Where a part goes, if it fits behind the `used` bytes of a block.
#[inline(always)]
const fn place(used: usize, size: usize) -> Option<usize> {
    let at = used.next_multiple_of(align(size));
    // Nothing used: no block at hand, or one that is full to its last byte.
    if used != 0 && at + size <= BLOCK { Some(at) } else { None }
}

impl Mutator {
    /// Room for a tiny `T`.
    #[inline(always)]
    pub(crate) fn take_tiny<T: Trace>(&self) -> Result<Slot, AllocError> {
        let (ctx, size) = (self.ctx(), size_of::<T>());
        let next = ctx.tiny.get();
        let used = next.addr() % BLOCK;
        let Some(at) = place(used, size) else { return self.take_block(size) };
        let part = next.wrapping_add(at - used);
        ctx.tiny.set(part.wrapping_add(size));
        bump(&ctx.tiny_parts, 1);
        // SAFETY: TINY-1 — inside of a block of this context, so it is not null.
        Ok(Slot { ptr: unsafe { core::ptr::NonNull::new_unchecked(part) }, zeroed: false })
    }

    /// A new block, with a part at its start. The one at hand stays if it has more room left.
    #[inline(never)]
    fn take_block(&self, size: usize) -> Result<Slot, AllocError> {
        let slot = self.take_class(SPAN)?;
        let ctx = self.ctx();
        let used = ctx.tiny.get().addr() % BLOCK;
        if used == 0 || size < used {
            ctx.tiny.set(slot.ptr.as_ptr().wrapping_add(size));
        }
        Ok(slot)
    }
}

impl Context {
    /// Lets go of the block at hand (TINY-1).
    pub(crate) fn drop_tiny(&self) {
        if !self.shared().mutant(crate::Mutant::TinyKept) {
            self.tiny.set(core::ptr::null_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        // Bytes used, size → where.
        let table = [
            ((0, 1), None),
            ((1, 1), Some(1)),
            ((1, 2), Some(2)),
            ((1, 4), Some(4)),
            ((1, 8), Some(8)),
            ((9, 8), None),
            ((8, 8), Some(8)),
            ((3, 12), Some(4)),
            ((5, 12), None),
            ((15, 1), Some(15)),
            ((15, 2), None),
            ((2, 14), Some(2)),
            ((3, 14), None),
        ];
        for ((used, size), at) in table {
            assert_eq!(place(used, size), at, "{size} behind {used}");
        }
        assert_eq!([1, 2, 3, 4, 6, 8, 12, 15].map(align), [1, 2, 1, 4, 2, 8, 4, 1]);
    }
}
