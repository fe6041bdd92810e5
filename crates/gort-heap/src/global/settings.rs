//! What the environment says to the process's heap, read once, by the first allocation.
//!
//! A value that is not understood ends the process with words (GLOBAL-5): whoever asks for checks wants to know that there
//! are none.

use crate::config::Huge;
use crate::explicit::Asked;
use core::ffi::CStr;
use gort_sys::Release;
use gort_sys::process::env;

/// The settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) modes: Asked,
    pub(super) huge: Huge,
    pub(super) release: Release,
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

/// A word of `GORT_HUGE`.
fn huge(text: &[u8]) -> Option<Huge> {
    match text {
        b"" | b"system" => Some(Huge::System),
        b"off" => Some(Huge::Off),
        b"dense" => Some(Huge::Dense),
        _ => None,
    }
}

/// What `GODEBUG` says about free pages: `madvdontneed=0` leaves them to the system. Other keys are others' business.
fn release(text: &[u8]) -> Option<Release> {
    let mut found = Some(Release::DontNeed);
    for word in text.split(|b| *b == b',') {
        found = match word.strip_prefix(b"madvdontneed=") {
            None => found,
            Some(b"0") => Some(Release::Free),
            Some(b"1") => Some(Release::DontNeed),
            Some(_) => return None,
        };
    }
    found
}

impl Settings {
    pub(super) fn of_process() -> Self {
        let name = c"GORT_MALLOC";
        let text = env(name).unwrap_or_default();
        let modes =
            Asked::parse(text).unwrap_or_else(|word| wrong(name, text, word, Asked::GRAMMAR));
        let (name, text) = (c"GORT_HUGE", env(c"GORT_HUGE").unwrap_or_default());
        let huge = huge(text).unwrap_or_else(|| wrong(name, text, text, "off, system, dense"));
        let (name, text) = (c"GODEBUG", env(c"GODEBUG").unwrap_or_default());
        let release = release(text)
            .unwrap_or_else(|| wrong(name, text, b"madvdontneed", "madvdontneed=0 or 1"));
        Self { modes, huge, release, profile_rate: Self::number(c"GORT_MEMPROFILE_RATE") }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let cases = [
            ("", Some(Release::DontNeed)),
            ("gctrace=1", Some(Release::DontNeed)),
            ("madvdontneed=0", Some(Release::Free)),
            ("gctrace=1,madvdontneed=0,schedtrace=5", Some(Release::Free)),
            ("madvdontneed=0,madvdontneed=1", Some(Release::DontNeed)),
            ("madvdontneed=", None),
            ("madvdontneed=2", None),
        ];
        for (text, want) in cases {
            assert_eq!(release(text.as_bytes()), want, "{text}");
        }
        let words = ["", "system", "off", "dense", "on", "Dense"].map(|w| huge(w.as_bytes()));
        let none = None;
        assert_eq!(
            words,
            [
                Some(Huge::System),
                Some(Huge::System),
                Some(Huge::Off),
                Some(Huge::Dense),
                none,
                none
            ]
        );
    }
}
