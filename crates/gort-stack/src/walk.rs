//! The frames of the running stack, printed as Go prints them.

use core::fmt::Write;
use gort_sys::fatal::{Line, stderr};

/// Return addresses of a stack, innermost first, in a buffer without allocation.
#[derive(Debug, Clone, Copy)]
pub struct Frames {
    ips: [usize; Self::MOST],
    len: usize,
    cut: bool,
}

impl Frames {
    const MOST: usize = 64;

    /// No frames.
    pub const fn none() -> Self {
        Self { ips: [0; Self::MOST], len: 0, cut: false }
    }

    /// The frames of the calling stack. Needs little stack and takes no symbols.
    #[inline(never)]
    pub fn capture() -> Self {
        let mut frames = Self::none();
        backtrace::trace(|frame| {
            frames.cut = frames.len == Self::MOST;
            if !frames.cut {
                frames.ips[frames.len] = frame.ip() as usize;
                frames.len += 1;
            }
            !frames.cut
        });
        frames
    }

    /// Prints them to standard error as Go does: a line with the function, and an indented one
    /// with file and line. Frames of the runtime above the first foreign one are left out.
    ///
    /// Symbols are read from the binary, which allocates and takes a lock: not for signal
    /// handlers of a process that goes on.
    pub fn print(&self) {
        let mut started = false;
        for &ip in &self.ips[..self.len] {
            let mut named = false;
            backtrace::resolve(ip as *mut _, |symbol| {
                named = true;
                let mut text = Text::default();
                if let Some(name) = symbol.name() {
                    let _ = write!(text, "{name:#}");
                }
                let name = text.as_str();
                started |= !is_inner(name);
                if !started || name == "gort_stack_start" {
                    return;
                }
                let mut line = Line::new();
                let _ = write!(line, "{}\n\t", if name.is_empty() { "?" } else { name });
                let _ = match (symbol.filename(), symbol.lineno()) {
                    (Some(file), Some(no)) => writeln!(line, "{}:{no}", file.display()),
                    _ => writeln!(line, "{ip:#x}"),
                };
                stderr(line.as_bytes());
            });
            if !named && started {
                let mut line = Line::new();
                let _ = writeln!(line, "?\n\t{ip:#x}");
                stderr(line.as_bytes());
            }
        }
        if self.cut {
            stderr(b"...more frames not shown...\n");
        }
    }
}

fn is_inner(name: &str) -> bool {
    name.is_empty()
        || [
            "backtrace::",
            "gort_stack::",
            "gort_sys::",
            "gort_sched::",
            "<gort_sched::",
            "__restore_rt",
        ]
        .iter()
        .any(|p| name.starts_with(p))
}

/// A name in bounded memory; what does not fit is cut.
struct Text {
    buf: [u8; 256],
    len: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self { buf: [0; 256], len: 0 }
    }
}

impl Text {
    fn as_str(&self) -> &str {
        let bytes = &self.buf[..self.len];
        match core::str::from_utf8(bytes) {
            Ok(s) => s,
            Err(e) => core::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or(""),
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        let take = s.len().min(self.buf.len() - self.len);
        self.buf[self.len..self.len + take].copy_from_slice(&s.as_bytes()[..take]);
        self.len += take;
        Ok(())
    }
}
