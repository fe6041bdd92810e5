//! What the environment says to the process's heap, read once, by the first allocation.
//!
//! A value that is not understood ends the process with words (GLOBAL-5): whoever asks for checks wants to know that there
//! are none.

use crate::explicit::Asked;
use core::ffi::CStr;
use gort_sys::process::env;

/// The settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) modes: Asked,
    /// Bytes per sample of the heap profile, 0 = off.
    pub(super) profile_rate: u64,
}

#[cold]
fn wrong(name: &CStr, text: &[u8], word: &[u8], grammar: &str) -> ! {
    let show = |bytes| core::str::from_utf8(bytes).unwrap_or("(no text)");
    let name = show(name.to_bytes());
    gort_sys::fatal!(
        "GLOBAL-5",
        "{name}={}: {} is not understood; it may say {grammar}",
        show(text),
        show(word)
    );
}

impl Settings {
    pub(super) fn of_process() -> Self {
        let name = c"GORT_MALLOC";
        let text = env(name).unwrap_or_default();
        let modes =
            Asked::parse(text).unwrap_or_else(|word| wrong(name, text, word, Asked::GRAMMAR));
        Self { modes, profile_rate: Self::number(c"GORT_MEMPROFILE_RATE") }
    }

    /// A whole number, 0 if nothing is said.
    fn number(name: &CStr) -> u64 {
        let text = env(name).unwrap_or_default();
        text.iter().fold(0u64, |n, b| match b {
            b'0'..=b'9' => n.saturating_mul(10).saturating_add(u64::from(b - b'0')),
            _ => wrong(name, text, text, "a whole number of bytes"),
        })
    }
}
