//! The end of a process whose invariants are broken, in words, without memory.
//!
//! [`fatal!`](crate::fatal!) formats into a buffer on the stack, writes it with one `write(2)`
//! and aborts. It takes no lock and allocates nothing, so it may be used in a signal handler,
//! under any lock, and in the middle of an allocation.

use core::fmt::{self, Write};

/// A message of bounded length that is built without allocation.
///
/// What does not fit is cut off; the message then ends in `...`.
#[derive(Debug)]
pub struct Line {
    buf: [u8; 1024],
    len: usize,
    cut: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl Line {
    /// An empty line.
    pub const fn new() -> Self {
        Self { buf: [0; 1024], len: 0, cut: false }
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buf[..self.len]
    }

    /// Writes the line to standard error with as few `write(2)` calls as the kernel allows.
    pub fn print(&mut self) {
        if self.cut {
            let at = self.len.min(self.buf.len() - 4);
            self.buf[at..at + 4].copy_from_slice(b"...\n");
            self.len = at + 4;
        }
        stderr(self.as_bytes());
    }
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let room = self.buf.len() - self.len;
        let take = s.len().min(room);
        self.buf[self.len..self.len + take].copy_from_slice(&s.as_bytes()[..take]);
        self.len += take;
        self.cut |= take < s.len();
        Ok(())
    }
}

/// Writes bytes to standard error, whole, without std's lock or buffer.
pub fn stderr(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: SYS-WRITE — pointer and length describe a borrowed slice.
        let n = unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
        if n <= 0 {
            if n < 0 && crate::errno::last() == libc::EINTR {
                continue;
            }
            return;
        }
        bytes = &bytes[n as usize..];
    }
}

/// Prints `fatal error: ID: message` and aborts the process. Use [`fatal!`](crate::fatal!).
#[cold]
#[inline(never)]
pub fn die(id: &str, message: fmt::Arguments<'_>) -> ! {
    let mut line = Line::new();
    let _ = writeln!(line, "fatal error: {id}: {message}");
    line.print();
    // SAFETY: SYS-ABORT — ends the process; nothing of ours runs afterwards.
    unsafe { libc::abort() }
}

/// Reports a broken invariant by its id and aborts; allocates nothing.
///
/// ```no_run
/// # let (span, got, now) = (1, 2, 3);
/// gort_sys::fatal!("SWEEP-1", "span {span} handed out at generation {got}, heap at {now}");
/// ```
#[macro_export]
macro_rules! fatal {
    ($id:expr, $($arg:tt)+) => {
        $crate::fatal::die($id, format_args!($($arg)+))
    };
}
