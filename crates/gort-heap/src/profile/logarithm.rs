//! The natural logarithm, without the C library's mathematics: who links that for one function has a third of a MiB more
//! resident in every process.

use core::f64::consts::{LN_2, SQRT_2};

/// `-ln(u)` for `u` above 0 and up to 1, to ten digits.
pub(super) fn minus_ln(u: f64) -> f64 {
    debug_assert!((f64::MIN_POSITIVE..=1.0).contains(&u));
    let bits = u.to_bits();
    // u = m * 2^e with m from 1 to 2; then m from 0.7 to 1.4, where the series is short.
    let mut e = (bits >> 52) as i64 - 1023;
    let mut m = f64::from_bits(bits & (u64::MAX >> 12) | 1023 << 52);
    if m > SQRT_2 {
        m *= 0.5;
        e += 1;
    }
    // ln m = 2 atanh(s).
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series =
        1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q / 11.0))));
    -(e as f64 * LN_2 + 2.0 * s * series)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(u: f64) -> bool {
        (minus_ln(u) + u.ln()).abs() <= 1e-9 * u.ln().abs().max(0.1)
    }

    #[test]
    fn at_the_ends() {
        assert_eq!(minus_ln(1.0), 0.0);
        assert!(
            [f64::MIN_POSITIVE, 1.0 / (1u64 << 53) as f64, 0.5, 0.75, 0.999].into_iter().all(close)
        );
    }

    proptest! {
        #[test]
        fn is_the_logarithm(draw in 1..1u64 << 53) {
            prop_assert!(close(draw as f64 / (1u64 << 53) as f64));
        }
    }
}
