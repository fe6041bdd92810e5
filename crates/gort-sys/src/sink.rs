//! A file that is written without allocating: what a layer says about itself when the process ends.

use crate::errno::{self, Kept};
use core::fmt::{self, Write};

const BUFFER: usize = 4096;

/// An open file and what waits to be written to it. Dropping it writes the rest and closes it; who wants to know of errors
/// calls [`Sink::finish`].
pub struct Sink {
    fd: libc::c_int,
    buf: [u8; BUFFER],
    len: usize,
    failed: bool,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sink({}, {} bytes waiting)", self.fd, self.len)
    }
}

impl Sink {
    /// Makes a file, or empties one that is there. `%p` in the path stands for the number of the process. `None`: it cannot
    /// be made, or the path is longer than 1 KiB or has a zero byte.
    pub fn create(path: &[u8]) -> Option<Self> {
        let mut name = Name { buf: [0; 1025], len: 0 };
        let mut rest = path;
        while let Some(at) = rest.windows(2).position(|w| w == b"%p") {
            name.push(&rest[..at])?;
            write!(name, "{}", crate::process::pid()).ok()?;
            rest = &rest[at + 2..];
        }
        name.push(rest)?;
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC;
        // SAFETY: SYS-CALL — a C string that lives on this frame.
        let fd = unsafe { libc::open(name.buf.as_ptr().cast(), flags, 0o644 as libc::c_uint) };
        (fd >= 0).then_some(Self { fd, buf: [0; BUFFER], len: 0, failed: false })
    }

    fn flush(&mut self) {
        let _errno = Kept::new();
        let mut rest = &self.buf[..self.len];
        while !rest.is_empty() && !self.failed {
            // SAFETY: SYS-WRITE — pointer and length describe a borrowed slice.
            let n = unsafe { libc::write(self.fd, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(n) {
                Ok(n) => rest = &rest[n.min(rest.len())..],
                Err(_) if errno::last() == libc::EINTR => {}
                Err(_) => self.failed = true,
            }
        }
        self.len = 0;
    }

    /// Writes what waits; whether everything was written.
    pub fn finish(mut self) -> bool {
        self.flush();
        !self.failed
    }
}

impl Write for Sink {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let mut rest = s.as_bytes();
        while !rest.is_empty() {
            let n = rest.len().min(BUFFER - self.len);
            self.buf[self.len..self.len + n].copy_from_slice(&rest[..n]);
            self.len += n;
            rest = &rest[n..];
            if self.len == BUFFER {
                self.flush();
            }
        }
        if self.failed { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.flush();
        // SAFETY: SYS-CALL — a descriptor of our own.
        unsafe { libc::close(self.fd) };
    }
}

/// A path under construction; the last byte stays zero.
struct Name {
    buf: [u8; 1025],
    len: usize,
}

impl Name {
    fn push(&mut self, part: &[u8]) -> Option<()> {
        let end = self.len + part.len();
        if end >= self.buf.len() || part.contains(&0) {
            return None;
        }
        self.buf[self.len..end].copy_from_slice(part);
        self.len = end;
        Some(())
    }
}

impl Write for Name {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.push(s.as_bytes()).ok_or(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    #[test]
    fn everything_arrives_in_order() {
        let dir = std::env::temp_dir();
        let path = std::format!("{}/gort-sink-%p-%p", dir.display());
        let mut sink = Sink::create(path.as_bytes()).expect("made");
        let mut want = String::new();
        for i in 0..3000 {
            writeln!(sink, "line {i}").expect("written");
            want += &std::format!("line {i}\n");
        }
        assert!(sink.finish());
        let pid = std::process::id();
        let path = path.replace("%p", &std::format!("{pid}"));
        assert_eq!(std::fs::read_to_string(&path).expect("there"), want);
        std::fs::remove_file(&path).expect("removed");
        assert!(Sink::create(b"/nowhere/at/all").is_none());
        assert!(Sink::create(b"a\0b").is_none());
        assert!(Sink::create(&[b'x'; 2000]).is_none());
    }
}
