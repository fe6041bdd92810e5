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

    /// Whether the walk came to the oldest frame of the stack.
    pub fn is_whole(&self) -> bool {
        !self.cut && self.len > 0
    }

    /// Prints them to standard error as Go does: a line with the function, and an indented one
    /// with file and line. Frames of the runtime's inner layers, and of the standard library's
    /// unwinding, are left out: they are the same below and above every goroutine.
    ///
    /// Symbols are read from the binary, which allocates and takes a lock: not for signal
    /// handlers of a process that goes on.
    pub fn print(&self) {
        let mut started = false;
        for &ip in &self.ips[..self.len] {
            let mut named = false;
            backtrace::resolve(ip as *mut _, |symbol| {
                named = true;
                let mut name = Text::default();
                if let Some(symbol) = symbol.name() {
                    let _ = write!(name, "{symbol:#}");
                }
                let mut file = Text::default();
                if let Some(path) = symbol.filename() {
                    let _ = write!(file, "{}", path.display());
                }
                if is_inner(name.as_str(), file.as_str()) {
                    return;
                }
                started = true;
                let mut line = Line::new();
                let _ = write!(line, "{}\n\t", name.as_str());
                let _ = match symbol.lineno() {
                    Some(no) if file.len > 0 => writeln!(line, "{}:{no}", file.as_str()),
                    _ => writeln!(line, "{ip:#x}"),
                };
                stderr(line.as_bytes());
            });
            if !named && started && ip != 0 {
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

/// Whether a frame tells the reader nothing about the program.
fn is_inner(name: &str, file: &str) -> bool {
    const FILES: [&str; 7] = [
        "/backtrace-",
        "/gort-stack/src/",
        "/gort-sched/src/",
        "/gort-boot/src/",
        "/library/std/src/panic",
        "/library/core/src/panic",
        "/library/core/src/ops/function.rs",
    ];
    const NAMES: [&str; 6] = [
        "backtrace::",
        "gort_stack",
        "gort_sched::",
        "<gort_sched::",
        "__restore_rt",
        "__rust_try",
    ];
    name.is_empty()
        || NAMES.iter().any(|n| name.starts_with(n))
        || FILES.iter().any(|f| file.contains(f))
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
