//! Which words of a type are pointers.
//!
//! A map is a constant of the type, computed by the derive at compile time. `alloc` records it in the
//! heap's pointer bitmap (one bit per word of a span), so the marker knows nothing about types.

/// Words of 64 bits that a map covers: a struct with pointers may be up to 8 KiB large.
const ROWS: usize = 16;

/// The size of a pointer word.
pub(crate) const WORD: usize = size_of::<usize>();

/// The pointer words of a type: bit `i` stands for the word at byte offset `8 * i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointerMap {
    bits: [u64; ROWS],
}

impl PointerMap {
    /// No pointer at all.
    pub const NONE: Self = Self { bits: [0; ROWS] };

    /// One pointer, in the first word.
    pub const POINTER: Self = {
        let mut bits = [0; ROWS];
        bits[0] = 1;
        Self { bits }
    };

    /// Bytes from the start of a type that a map can describe.
    pub const MAX_BYTES: usize = ROWS * 64 * WORD;

    /// This map and a member's map, the member being `offset` bytes into the type.
    ///
    /// # Panics
    /// While compiling (for an enum: at `alloc`), if the member has pointers and is not aligned to a word (a packed
    /// struct), or a pointer lies beyond [`MAX_BYTES`](Self::MAX_BYTES).
    #[must_use]
    pub const fn with(mut self, offset: usize, member: &PointerMap) -> Self {
        if member.is_none() {
            return self;
        }
        assert!(offset.is_multiple_of(WORD), "a packed struct cannot hold a Field");
        let mut row = 0;
        while row < ROWS {
            let mut bits = member.bits[row];
            while bits != 0 {
                let at = offset / WORD + row * 64 + bits.trailing_zeros() as usize;
                assert!(at < ROWS * 64, "a Field lies beyond the first 8 KiB: use a GcSlice");
                self.bits[at / 64] |= 1 << (at % 64);
                bits &= bits - 1;
            }
            row += 1;
        }
        self
    }

    /// The map of `count` elements of this map, `stride` bytes apart.
    ///
    /// # Panics
    /// While compiling, as [`with`](Self::with).
    #[must_use]
    pub const fn repeat(&self, stride: usize, count: usize) -> Self {
        let mut all = Self::NONE;
        if self.is_none() {
            return all;
        }
        let mut i = 0;
        while i < count {
            all = all.with(i * stride, self);
            i += 1;
        }
        all
    }

    /// Whether the map lists no word.
    pub const fn is_none(&self) -> bool {
        let mut any = 0;
        let mut i = 0;
        while i < ROWS {
            any |= self.bits[i];
            i += 1;
        }
        any == 0
    }

    /// Whether word `word` is a pointer.
    pub const fn has(&self, word: usize) -> bool {
        word < ROWS * 64 && self.bits[word / 64] >> (word % 64) & 1 != 0
    }

    /// The bits of words `64 * row ..`.
    pub(crate) const fn row(&self, row: usize) -> u64 {
        if row < ROWS { self.bits[row] } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_at_their_offsets() {
        let two = PointerMap::NONE.with(8, &PointerMap::POINTER).with(24, &PointerMap::POINTER);
        assert_eq!(two.row(0), 0b1010);
        let nested = PointerMap::POINTER.with(504, &two);
        assert_eq!((nested.row(0), nested.row(1)), (1, 0b101));
        assert_eq!(two.repeat(32, 3).row(0), 0b1010_1010_1010);
        assert!(PointerMap::NONE.repeat(1, 1 << 20).is_none());
        assert!(!two.has(usize::MAX / 64) && two.has(3));
    }
}
