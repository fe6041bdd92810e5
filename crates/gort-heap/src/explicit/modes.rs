//! Ways of working in which mistakes are found where they are made: all off unless asked for, and then without arrays, so
//! that every call goes through [`super::debug`] and every free goes to the free bits of its span.
//!
//! | mode | finds |
//! |---|---|
//! | check | each second free, each free of the inside of a block, each wrong layout, at the call that makes it |
//! | junk | writes to a block after its free, when the slot is used again |
//! | quarantine=N | the same later frees and writes, N frees long: so long no freed slot is used again |
//! | guard=N | writes and reads behind the end of a block, as a fault, for one block in N |

use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU32, AtomicU64};

/// Which modes are on. Set before there is any cache.
#[derive(Debug, Default)]
pub(crate) struct Modes {
    bits: AtomicU32,
    /// One block in so many is guarded.
    rate: AtomicU32,
    count: AtomicU64,
}

const CHECK_BIT: u32 = 1;
pub(super) const JUNK_BIT: u32 = 2;
const GUARD_BIT: u32 = 4;

/// What a program asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    bits: u32,
    rate: u32,
    /// Freed slots that wait before they are used again.
    pub(crate) quarantine: u32,
}

/// A whole number above 0 and up to `most`, and nothing else.
fn number(text: &[u8], most: u32) -> Option<u32> {
    let n = core::str::from_utf8(text).ok()?.parse().ok()?;
    (text[0].is_ascii_digit() && n > 0 && n <= most).then_some(n)
}

impl Asked {
    /// What a text may say.
    pub(crate) const GRAMMAR: &str = "check, junk, quarantine=N (up to 65536), guard=N (one block in N), with commas between them";

    /// Reads `check,junk,guard=1000`; an empty text asks for nothing.
    ///
    /// # Errors
    /// The word that is not understood.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, &[u8]> {
        let mut asked = Self::default();
        for word in text.split(|b| *b == b',').filter(|w| !w.is_empty()) {
            if word == b"check" {
                asked.bits |= CHECK_BIT;
            } else if word == b"junk" {
                asked.bits |= JUNK_BIT | CHECK_BIT;
            } else if let Some(rate) = word.strip_prefix(b"guard=") {
                asked.rate = number(rate, u32::MAX).ok_or(word)?;
                asked.bits |= GUARD_BIT;
            } else if let Some(n) = word.strip_prefix(b"quarantine=") {
                asked.quarantine = number(n, 1 << 16).ok_or(word)?;
                asked.bits |= CHECK_BIT;
            } else {
                return Err(word);
            }
        }
        Ok(asked)
    }
}

impl Modes {
    /// Any mode at all.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.bits.load(Relaxed) != 0 // ORDER: Relaxed — set before there is any cache.
    }

    pub(super) fn has(&self, bit: u32) -> bool {
        self.bits.load(Relaxed) & bit != 0 // ORDER: Relaxed — as above.
    }

    /// Turns on what was asked for.
    pub(crate) fn set(&self, asked: Asked) {
        // ORDER: Relaxed, both — set before there is any cache.
        self.rate.store(asked.rate, Relaxed);
        self.bits.store(asked.bits, Relaxed);
    }

    /// Whether the next block is to be guarded.
    pub(super) fn guards_next(&self) -> bool {
        // ORDER: Relaxed, both — a counter and a number.
        self.has(GUARD_BIT)
            && self.count.fetch_add(1, Relaxed).is_multiple_of(self.rate.load(Relaxed).into())
    }

    /// Whether it is time to ask for faults again: others ask too, when their part of the program starts.
    pub(crate) fn wants_faults(&self) -> bool {
        self.has(GUARD_BIT) && self.count.load(Relaxed).is_power_of_two() // ORDER: Relaxed — a counter.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let asked = |bits, rate, quarantine| Ok(Asked { bits, rate, quarantine });
        let cases: &[(&str, Result<Asked, &[u8]>)] = &[
            ("", asked(0, 0, 0)),
            ("check", asked(1, 0, 0)),
            ("junk", asked(3, 0, 0)),
            ("guard=1", asked(4, 1, 0)),
            ("quarantine=7", asked(1, 0, 7)),
            ("check,junk,guard=1000,quarantine=65536", asked(7, 1000, 65536)),
            (",check,", asked(1, 0, 0)),
            ("chek", Err(b"chek")),
            ("check,Junk", Err(b"Junk")),
            ("check, junk", Err(b" junk")),
            ("guard", Err(b"guard")),
            ("guard=", Err(b"guard=")),
            ("guard=0", Err(b"guard=0")),
            ("guard=+1", Err(b"guard=+1")),
            ("guard=1k", Err(b"guard=1k")),
            ("guard=4294967296", Err(b"guard=4294967296")),
            ("quarantine=65537", Err(b"quarantine=65537")),
            ("quarantine=-1", Err(b"quarantine=-1")),
        ];
        for (text, want) in cases {
            assert_eq!(Asked::parse(text.as_bytes()), *want, "{text:?}");
        }
        assert_eq!(Asked::parse(b"\xff"), Err(&b"\xff"[..]));
    }
}
