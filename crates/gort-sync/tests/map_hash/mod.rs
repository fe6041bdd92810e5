//! Hashes that the tests of the map choose.

use std::hash::{BuildHasher, Hasher};

/// Hashes that meet: the key's own bits, masked. Keys of one hash make chains, keys that differ
/// in high bits only make deep paths.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Masked(pub(crate) u64);

pub(crate) struct MaskedHasher {
    mask: u64,
    hash: u64,
}

impl BuildHasher for Masked {
    type Hasher = MaskedHasher;

    fn build_hasher(&self) -> MaskedHasher {
        MaskedHasher { mask: self.0, hash: 0 }
    }
}

impl Hasher for MaskedHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.hash = self.hash.wrapping_mul(31) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, n: u64) {
        // Spread over the word's bottom and top.
        self.hash = n | n << 56;
    }

    fn finish(&self) -> u64 {
        self.hash & self.mask
    }
}

/// All bits, the top alone, two bits, none.
pub(crate) const MASKS: [u64; 4] = [!0, 0xff << 56, 0b11 << 60, 0];
