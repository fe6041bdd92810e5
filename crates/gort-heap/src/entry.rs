//! What the page table says about a heap page.
//!
//! ```text
//! 0..6    class    0 = large, 1..67 = size class
//! 7       noscan
//! 8..10   kind     0 none, 1 Gc, 2 Explicit, 3 Stack, 4 Meta
//! 11..15  flags    13 sampled objects begin here, 14 a guarded block; else zero
//! 16..31  owner    cache tag, 0 = nobody
//! 32..59  span     index into the span table
//! 60..63  offset   page number inside a small span
//! ```
//! The low 32 bits without the flags are the key that a magazine compares (H-7).

use crate::class::SpanClass;
use crate::config::Kind;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry(pub(crate) u64);

/// Mask of the key: class, noscan, kind, owner.
pub(crate) const KEY: u32 = 0xffff_07ff;

/// Flag 13.
pub(crate) const SAMPLED: u64 = 1 << 13;
/// Flag 14.
const GUARDED: u64 = 1 << 14;

impl Entry {
    /// The entry of a page that belongs to no span (H-6).
    pub(crate) const NONE: Entry = Entry(0);

    /// Of a page of a span. `offset` is taken modulo 16: it has meaning for small spans only.
    pub(crate) const fn new(
        span: u32,
        class: SpanClass,
        kind: Kind,
        owner: u16,
        offset: usize,
    ) -> Self {
        Self(
            class.class() as u64
                | (class.noscan() as u64) << 7
                | (kind as u64) << 8
                | (owner as u64) << 16
                | (span as u64) << 32
                | (offset as u64) << 60,
        )
    }

    /// The same page, with a guarded block in it.
    pub(crate) const fn with_guard(self) -> Self {
        Self(self.0 | GUARDED)
    }

    /// A guarded block is in it, and nothing else.
    pub(crate) const fn guarded(self) -> bool {
        self.0 & GUARDED != 0
    }

    /// A sampled object begins in it.
    #[inline]
    pub(crate) const fn sampled(self) -> bool {
        self.0 & SAMPLED != 0
    }

    /// The same page, as if none did.
    pub(crate) const fn without_sample(self) -> Self {
        Self(self.0 & !SAMPLED)
    }

    /// The half that frees compare with a magazine's key: a flag makes them miss.
    #[inline]
    pub(crate) const fn low(self) -> u32 {
        self.0 as u32
    }

    /// A page of an explicit span of this class, whoever owns it, and nothing else is known of it.
    #[inline]
    pub(crate) const fn is_plain_slot(self, class: u8) -> bool {
        self.0 as u16 == class as u16 | (Kind::Explicit as u16) << 8
    }

    /// Size class, 0 = large.
    #[inline]
    pub(crate) const fn class(self) -> u8 {
        self.0 as u8 & 0x7f
    }

    #[inline]
    pub(crate) const fn noscan(self) -> bool {
        self.0 & 0x80 != 0
    }

    #[inline]
    pub(crate) const fn kind(self) -> u8 {
        (self.0 >> 8) as u8 & 7
    }

    #[inline]
    pub(crate) const fn span(self) -> u32 {
        (self.0 >> 32) as u32 & 0x0fff_ffff
    }

    #[inline]
    pub(crate) const fn offset(self) -> usize {
        (self.0 >> 60) as usize
    }

    /// What must be equal for a free to be local.
    #[inline]
    pub(crate) const fn key(self) -> u32 {
        self.0 as u32 & KEY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fields_do_not_touch(span in 0u32..1 << 28, class in 0u8..68, noscan: bool, owner: u16, offset in 0usize..10) {
            let e = Entry::new(span, SpanClass::new(class, noscan), Kind::Gc, owner, offset);
            prop_assert_eq!((e.span(), e.class(), e.noscan(), e.kind(), e.offset()), (span, class, noscan, 1, offset));
            prop_assert_eq!(e.key(), (u32::from(owner) << 16) | 1 << 8 | u32::from(noscan) << 7 | u32::from(class));
        }
    }
}
