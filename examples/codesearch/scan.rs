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
    /// One bit for each trigram of the file at hand; see [`bit_of`].
    seen: Vec<u64>,
}

impl Distinct {
    pub(crate) fn new() -> Self {
        Self { seen: vec![0; (1 << 15) + (1 << 18)] }
    }

    /// The distinct trigrams of a file, as numbers of 24 bits.
    pub(crate) fn of(&mut self, bytes: &[u8]) -> Vec<u32> {
        let mut codes = Vec::with_capacity(bytes.len().min(2048));
        for w in bytes.windows(3) {
            let code = u32::from_be_bytes([0, w[0], w[1], w[2]]);
            let (word, bit) = bit_of(code);
            if self.seen[word] & bit == 0 {
                self.seen[word] |= bit;
                codes.push(code);
            }
        }
        for &code in &codes {
            self.seen[bit_of(code).0] = 0;
        }
        codes
    }
}

/// Collects the trigrams of many files, and hands them out sorted: so each posting list is touched once
/// for many files, and neighbours lie near each other.
pub(crate) struct Batch {
    /// Trigram << 8 | place in `files`.
    pairs: Vec<u32>,
    /// The numbers of the files in this batch, at most 256.
    files: Vec<u32>,
    /// The other buffer of the sort.
    spare: Vec<u32>,
}

impl Batch {
    /// Pairs at which a batch is full.
    const FULL: usize = 128 << 10;

    pub(crate) fn new() -> Self {
        Self { pairs: Vec::new(), files: Vec::new(), spare: Vec::new() }
    }

    /// Adds a file. `true`: the batch is full, and must be handed out.
    pub(crate) fn add(&mut self, file: u32, codes: &[u32]) -> bool {
        let place = self.files.len() as u32;
        self.files.push(file);
        self.pairs.extend(codes.iter().map(|code| code << 8 | place));
        self.files.len() == 256 || self.pairs.len() >= Self::FULL
    }

    /// Calls `each` for every trigram of the batch, with the files that have it, ascending; then the
    /// batch is empty.
    pub(crate) fn hand_out(&mut self, mut each: impl FnMut(Trigram, &[u32])) {
        for shift in [8, 20] {
            self.sort_by(shift);
        }
        let mut files = Vec::with_capacity(256);
        for group in self.pairs.chunk_by(|a, b| a >> 8 == b >> 8) {
            files.clear();
            files.extend(group.iter().map(|pair| self.files[(pair & 0xff) as usize]));
            let [a, b, c, _] = group[0].to_be_bytes();
            each([a, b, c], &files);
        }
        self.pairs.clear();
        self.files.clear();
    }

    /// Sorts by twelve bits from `shift` on, keeping the order of equals.
    fn sort_by(&mut self, shift: u32) {
        let digit = |pair: u32| (pair >> shift) as usize & 0xfff;
        let mut starts = vec![0u32; 4096];
        for &pair in &self.pairs {
            starts[digit(pair)] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += std::mem::replace(start, sum);
        }
        self.spare.resize(self.pairs.len(), 0);
        for &pair in &self.pairs {
            let start = &mut starts[digit(pair)];
            self.spare[*start as usize] = pair;
            *start += 1;
        }
        std::mem::swap(&mut self.pairs, &mut self.spare);
    }
}

/// Where the bit of a trigram is: those of three ASCII bytes lie together in the first 256 KiB, which a
/// core's own cache holds.
fn bit_of(code: u32) -> (usize, u64) {
    let word = if code & 0x80_8080 == 0 {
        (code >> 2 & 0x1f_c000 | code >> 1 & 0x3f80 | code & 0x7f) >> 6
    } else {
        (1 << 15) + (code >> 6)
    };
    (word as usize, 1 << (code & 63))
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
