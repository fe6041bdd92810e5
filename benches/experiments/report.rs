//! The lines that an experiment prints.

use std::time::Duration;

/// One point of the drawing.
pub(crate) fn point(series: &str, x: f64, y: f64) {
    println!("point {series} {x:.4} {y:.4}");
}

/// One figure of the table, for this setting.
pub(crate) fn figure(name: &str, value: f64, unit: &str) {
    println!("figure {name} {value:.4} {unit}");
}

/// Microseconds.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
