//! Random numbers for choices that must not repeat, and need not be secret.
//!
//! The generator is Marsaglia's xorshift64* ("Xorshift RNGs", 2003, with Vigna's multiplier):
//! one word of state, three shifts and a product.

/// A small generator. The same seed gives the same numbers.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Starts from `seed`; zero is replaced, as the all-zero state never leaves itself.
    pub const fn seed(seed: u64) -> Self {
        Self(if seed == 0 { 0x9e37_79b9_7f4a_7c15 } else { seed })
    }

    /// Starts from the operating system's randomness, or the clock where there is none.
    pub fn from_os() -> Self {
        let mut seed = 0u64;
        // SAFETY: SYS-RANDOM — writes at most eight bytes into `seed`.
        let n = unsafe { libc::getrandom((&raw mut seed).cast(), 8, libc::GRND_NONBLOCK) };
        Self::seed(if n == 8 { seed } else { crate::clock::nanos() })
    }

    /// The next 64 bits.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        let mut x = self.0;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0 = x;
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `n`, or 0 if `n` is 0; the bias is below n / 2^32 (Lemire's product).
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        (((self.draw() >> 32) * u64::from(n)) >> 32) as u32
    }
}
