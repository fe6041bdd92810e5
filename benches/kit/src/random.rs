//! Pseudo-random numbers that are the same in every program of the bench.
//!
//! xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift
//! generators", 2016): three shifts and a multiplication, so that choosing costs
//! little beside the work.

/// A generator.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // The state must not be 0; neighbouring seeds must not look alike.
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next 64 bits.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `limit` (at most 2^32): the upper half, scaled.
    #[inline]
    pub fn below(&mut self, limit: u64) -> u64 {
        ((self.draw() >> 32) * limit) >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The programs in Go and C must draw the same: these are the numbers to compare with.
    #[test]
    fn first_draws() {
        let mut random = Random::new(42);
        let draws = [random.draw(), random.draw(), random.draw()];
        assert_eq!(draws, [0xB751_A5E2_26FC_2A08, 0xA227_8C33_E49C_C833, 0xDC11_FC0E_DC25_480F]);
    }

    #[test]
    fn below_is_below() {
        let mut random = Random::new(7);
        let mut seen = [0; 10];
        for _ in 0..10_000 {
            seen[random.below(10) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
    }
}
