//! What a workload says at its end: its metrics, or that its result is wrong.

use std::fmt;
use std::time::Duration;

/// A result that is not what the work must have computed.
#[derive(Debug)]
pub(crate) struct Wrong(String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Prints one line, `metric NAME VALUE UNIT`.
pub(crate) fn metric(name: &str, value: f64, unit: &str) {
    println!("metric {name} {value:.4} {unit}");
}

/// Nanoseconds per operation.
pub(crate) fn per_op(elapsed: Duration, operations: u64) -> f64 {
    elapsed.as_secs_f64() * 1e9 / operations as f64
}

/// Milliseconds, with their fraction.
pub(crate) fn millis(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1e3
}

/// Refuses what is not as it must be.
pub(crate) fn verify(what: &str, got: u64, want: u64) -> Result<(), Wrong> {
    if got == want { Ok(()) } else { Err(Wrong(format!("{what} is {got}, must be {want}"))) }
}

/// For what cannot be measured at all.
pub(crate) fn fail<T>(why: impl fmt::Display) -> Result<T, Wrong> {
    Err(Wrong(why.to_string()))
}
