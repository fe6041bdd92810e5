//! What is done with the bytes of one file; the same for both ways of searching.

use crate::query::Trigram;
use std::io::Write;
use std::path::Path;

/// Whether the contents are not text.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(8 << 10)].contains(&0)
}

/// Finds the distinct trigrams of one file after another.
pub(crate) struct Distinct {
    /// One bit for each of the 2^24 trigrams.
    seen: Vec<u64>,
    found: Vec<u32>,
}

impl Distinct {
    pub(crate) fn new() -> Self {
        Self { seen: vec![0; 1 << 18], found: Vec::new() }
    }

    /// Calls `each` once for every trigram in `bytes`.
    pub(crate) fn of(&mut self, bytes: &[u8], mut each: impl FnMut(Trigram)) {
        let mut code = 0u32;
        for (i, &b) in bytes.iter().enumerate() {
            code = (code << 8 | u32::from(b)) & 0xff_ffff;
            let (word, bit) = ((code >> 6) as usize, 1u64 << (code & 63));
            if i >= 2 && self.seen[word] & bit == 0 {
                self.seen[word] |= bit;
                self.found.push(code);
            }
        }
        for code in self.found.drain(..) {
            self.seen[(code >> 6) as usize] = 0;
            let [_, a, b, c] = code.to_be_bytes();
            each([a, b, c]);
        }
    }
}

/// The lines of a file that match, as they are printed; empty if none does.
pub(crate) fn matches(pattern: &regex::bytes::Regex, path: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if bytes.is_empty() {
        return out;
    }
    for (i, line) in text.split(|&b| b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if pattern.is_match(line) {
            out.extend_from_slice(path.as_os_str().as_encoded_bytes());
            // Writing to a vector cannot fail.
            let _ = write!(out, ":{}:", i + 1);
            out.extend_from_slice(line);
            out.push(b'\n');
        }
    }
    out
}

/// Says that something could not be read, and that the search goes on.
pub(crate) fn complain(path: &Path, e: &std::io::Error) {
    eprintln!("codesearch: {}: {e}", path.display());
}
