//! What a workload says at its end: its metrics, or that its result is wrong.

use std::fmt;
use std::time::Duration;

/// A result that is not what the work must have computed, or none.
#[derive(Debug)]
pub struct Wrong {
    why: String,
    status: u8,
}

impl Wrong {
    /// The exit status that says so.
    #[must_use]
    pub fn status(&self) -> u8 {
        self.status
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// Prints one line, `metric NAME VALUE UNIT`.
pub fn metric(name: &str, value: f64, unit: &str) {
    println!("metric {name} {value:.4} {unit}");
}

/// Nanoseconds per operation.
#[must_use]
pub fn per_op(elapsed: Duration, operations: u64) -> f64 {
    elapsed.as_secs_f64() * 1e9 / operations as f64
}

/// Milliseconds, with their fraction.
#[must_use]
pub fn millis(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1e3
}

/// Refuses what is not as it must be.
///
/// # Errors
/// `got` is not `want`.
pub fn verify(what: &str, got: u64, want: u64) -> Result<(), Wrong> {
    if got == want { Ok(()) } else { fail(format_args!("{what} is {got}, must be {want}")) }
}

/// For what cannot be measured at all.
///
/// # Errors
/// Always.
pub fn fail<T>(why: impl fmt::Display) -> Result<T, Wrong> {
    Err(Wrong { why: why.to_string(), status: 1 })
}

/// For what the system cannot do within its limits: that is no wrong result, and
/// the bench reports it as a property of the system. Status 3.
///
/// # Errors
/// Always.
pub fn cannot<T>(why: impl fmt::Display) -> Result<T, Wrong> {
    Err(Wrong { why: why.to_string(), status: 3 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong() {
        assert!(verify("sum", 1, 1).is_ok());
        let wrong = verify("sum", 1, 2).expect_err("is wrong");
        assert_eq!(wrong.to_string(), "sum is 1, must be 2");
    }

    #[test]
    fn units() {
        assert!((per_op(Duration::from_micros(3), 1000) - 3.0).abs() < 1e-9);
        assert!((millis(Duration::from_micros(1500)) - 1.5).abs() < 1e-9);
    }
}
