//! Small files of `/proc` and `/sys`, read without allocating.
//!
//! What the probes ask of the system stands in files of one or two lines, and in two tables (`/proc/self/cgroup`,
//! `/proc/self/mountinfo`) that are read line by line. A file that is not there, cannot be read or is longer than the
//! reader's buffer is the same as a file that says nothing.

use crate::errno::{self, Kept};

/// Longest path, in bytes.
const LONGEST: usize = 1024;
/// Longest line that [`lines`] shows whole.
const LINE: usize = 2048;

/// A path under construction, always ended by a zero byte.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    buf: [u8; LONGEST + 1],
    len: usize,
}

impl core::fmt::Debug for Path {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

impl Path {
    /// From its parts, one behind the other. `None` if it is too long or has a zero byte.
    pub(crate) fn new(parts: &[&[u8]]) -> Option<Self> {
        let mut path = Self { buf: [0; LONGEST + 1], len: 0 };
        parts.iter().all(|part| path.push(part)).then_some(path)
    }

    fn push(&mut self, part: &[u8]) -> bool {
        let end = self.len + part.len();
        if end > LONGEST || part.contains(&0) {
            return false;
        }
        self.buf[self.len..end].copy_from_slice(part);
        self.len = end;
        true
    }

    /// The same path with more behind it.
    pub(crate) fn with(&self, part: &[u8]) -> Option<Self> {
        let mut path = *self;
        path.push(part).then_some(path)
    }

    /// Takes the last component away; `false` if what is left would be shorter than `least` bytes.
    pub(crate) fn pop(&mut self, least: usize) -> bool {
        let Some(at) = self.as_bytes().iter().rposition(|b| *b == b'/') else { return false };
        if at < least {
            return false;
        }
        self.buf[at..self.len].fill(0);
        self.len = at;
        true
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.buf[..self.len]
    }
}

/// An open file; closed when dropped.
struct File(libc::c_int);

impl File {
    fn open(path: &Path) -> Option<Self> {
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        // SAFETY: SYS-CALL — a C string that lives on this frame.
        let fd = unsafe { libc::open(path.buf.as_ptr().cast(), flags) };
        (fd >= 0).then_some(Self(fd))
    }

    /// Fills the buffer from its front; how many bytes came, 0 at the end of the file or when it cannot be read.
    fn read(&self, buf: &mut [u8]) -> usize {
        loop {
            // SAFETY: SYS-CALL — pointer and length describe a borrowed slice.
            let n = unsafe { libc::read(self.0, buf.as_mut_ptr().cast(), buf.len()) };
            if n < 0 && errno::last() == libc::EINTR {
                continue;
            }
            return usize::try_from(n).unwrap_or(0);
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: SYS-CALL — a descriptor of our own.
        unsafe { libc::close(self.0) };
    }
}

/// A whole file without its white space at the end, or `None` if there is none or `buf` is too small for it.
pub(crate) fn read<'a>(path: &Path, buf: &'a mut [u8]) -> Option<&'a [u8]> {
    let _errno = Kept::new();
    let file = File::open(path)?;
    let mut len = 0;
    loop {
        match file.read(&mut buf[len..]) {
            0 if len == buf.len() => return None,
            0 => return Some(buf[..len].trim_ascii_end()),
            n => len += n,
        }
    }
}

/// Calls `f` with each line until it returns `false`. Of a line longer than 2 KiB the front is shown.
pub(crate) fn lines(path: &Path, mut f: impl FnMut(&[u8]) -> bool) {
    let _errno = Kept::new();
    let Some(file) = File::open(path) else { return };
    let (mut buf, mut len, mut cut) = ([0; LINE], 0, false);
    loop {
        let n = file.read(&mut buf[len..]);
        len += n;
        let mut from = 0;
        while let Some(at) = buf[from..len].iter().position(|b| *b == b'\n') {
            // The rest of a line that was shown already is no line.
            if !core::mem::take(&mut cut) && !f(&buf[from..from + at]) {
                return;
            }
            from += at + 1;
        }
        if n == 0 {
            if from < len && !cut {
                f(&buf[from..len]);
            }
            return;
        }
        if from == 0 && len == LINE {
            if !cut && !f(&buf[..len]) {
                return;
            }
            (cut, from) = (true, len);
        }
        buf.copy_within(from..len, 0);
        len -= from;
    }
}

/// A decimal number, with nothing around it.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    #[test]
    fn lines_of_every_length() {
        let dir = std::env::temp_dir();
        let name = dir.join(std::format!("gort-lines-{}", std::process::id()));
        let name = name.to_str().expect("a name");
        let long = "x".repeat(LINE + 700);
        let short = "y".repeat(LINE - 1);
        let text = std::format!("one\n\n{long}\n{short}\nlast");
        std::fs::write(name, &text).expect("written");
        let path = Path::new(&[name.as_bytes()]).expect("short");
        let mut seen: Vec<String> = Vec::new();
        lines(&path, |line| {
            seen.push(String::from_utf8_lossy(line).into_owned());
            true
        });
        assert_eq!(seen, ["one", "", &long[..LINE], &short, "last"]);
        let mut first = 0;
        lines(&path, |_| {
            first += 1;
            false
        });
        assert_eq!(first, 1);
        let mut small = [0; 16];
        assert_eq!(read(&path, &mut small), None);
        let mut large = [0; 8192];
        assert_eq!(read(&path, &mut large), Some(text.as_bytes()));
        std::fs::remove_file(name).expect("removed");
        assert_eq!(read(&path, &mut large), None);
    }

    #[test]
    fn paths_and_numbers() {
        let mut path = Path::new(&[b"/a", b"/bc", b"/d"]).expect("short");
        assert!(path.pop(2) && path.as_bytes() == b"/a/bc");
        assert!(path.pop(2) && path.as_bytes() == b"/a");
        assert!(!path.pop(2));
        assert!(Path::new(&[&[b'x'; LONGEST]]).is_some());
        assert!(Path::new(&[&[b'x'; LONGEST], b"y"]).is_none());
        assert!(Path::new(&[b"a\0b"]).is_none());
        let cases: [(&[u8], Option<u64>); 6] = [
            (b"0", Some(0)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"", None),
            (b"-1", None),
            (b"12 ", None),
        ];
        for (text, want) in cases {
            assert_eq!(number(text), want);
        }
    }
}
