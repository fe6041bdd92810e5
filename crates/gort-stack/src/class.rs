//! Sizes of stacks: powers of two from 64 KiB to 1 GiB.

/// A size class. A stack of class `c` is a slot of `64 KiB << c` bytes of address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class(u8);

/// Bytes of the smallest slot.
const SMALLEST_BYTES: usize = 64 << 10;

impl Class {
    /// How many classes there are.
    pub const COUNT: usize = 15;
    /// 64 KiB: enough to print a captured backtrace (19 KiB in a release build) with room to
    /// spare, and 128 bytes of page tables.
    pub const SMALLEST: Self = Self(0);
    /// 1 GiB.
    pub const LARGEST: Self = Self(14);
    /// What a goroutine gets that asks for nothing: 64 KiB in release builds; 256 KiB in debug
    /// builds, whose frames are several times larger.
    pub const DEFAULT: Self = if cfg!(debug_assertions) { Self(2) } else { Self(0) };
    /// What the main goroutine gets, as C's main does: 8 MiB of address space.
    pub const MAIN: Self = Self(7);

    /// The smallest class whose usable part holds `bytes`, or `None` above 1 GiB less its guard.
    pub fn for_bytes(bytes: usize) -> Option<Self> {
        (0..Self::COUNT as u8).map(Self).find(|c| c.usable() >= bytes)
    }

    /// Bytes of a slot, guard included.
    pub const fn bytes(self) -> usize {
        SMALLEST_BYTES << self.0
    }

    /// Bytes of the guard at the low end: 16 KiB; 64 KiB from slots of 256 KiB up.
    ///
    /// More than a page, because C code that was built without stack probes can step over one.
    pub const fn guard_bytes(self) -> usize {
        if self.0 < 2 { 16 << 10 } else { 64 << 10 }
    }

    /// Bytes that a goroutine can use.
    pub const fn usable(self) -> usize {
        self.bytes() - self.guard_bytes()
    }

    /// The class's number, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The class of a number below [`COUNT`](Self::COUNT).
    pub const fn from_index(index: usize) -> Option<Self> {
        if index < Self::COUNT { Some(Self(index as u8)) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: usize, slot: Option<usize>) {
        assert_eq!(Class::for_bytes(bytes).map(Class::bytes), slot, "{bytes}");
    }

    #[test]
    fn smallest_that_holds() {
        check(0, Some(64 << 10));
        check(48 << 10, Some(64 << 10));
        check((48 << 10) + 1, Some(128 << 10));
        check(112 << 10, Some(128 << 10));
        check(1 << 20, Some(2 << 20));
        check((1 << 30) - (64 << 10), Some(1 << 30));
        check(1 << 30, None);
    }
}
