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
        Self { modes }
    }
}
