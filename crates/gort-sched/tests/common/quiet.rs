//! Panics on purpose, without their messages.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

use std::any::Any;
use std::sync::Once;

/// What a planned panic says.
pub const PLANNED: &str = "on purpose";
/// What a park inside `no_park` says.
pub const NO_PARK: &str = "a goroutine parked inside no_park";

/// From here on planned panics print nothing; all others do.
pub fn expect_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if ![PLANNED, NO_PARK].contains(&text(info.payload())) {
                others(info);
            }
        }));
    });
}

/// The text of a panic.
pub fn text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
