//! The frames of the running stack, printed as Go prints them.

use core::fmt::Write;
use gort_sys::fatal::{Line, stderr};

/// Prints the frames of the calling stack to standard error, innermost first, at most `most`:
/// a line with the function, and an indented one with file and line. Frames of the runtime
/// itself above the first foreign one are left out.
///
/// Symbols are read from the binary, which allocates and takes a lock: not for signal handlers
/// of a process that goes on.
pub fn print_frames(most: usize) {
    let mut printed = 0;
    let mut started = false;
    let mut frames = 0usize;
    backtrace::trace(|frame| {
        frames += 1;
        let mut named = false;
        backtrace::resolve_frame(frame, |symbol| {
            named = true;
            let mut line = Line::new();
            let name = symbol.name();
            let mut text = Text::default();
            if let Some(name) = &name {
                let _ = write!(text, "{name:#}");
            }
            let name = text.as_str();
            // The runtime's own frames above the caller tell the reader nothing.
            started |= !is_inner(name);
            if !started || name == "gort_stack_start" {
                return;
            }
            let _ = writeln!(line, "{}", if name.is_empty() { "?" } else { name });
            let _ = write!(line, "\t");
            match (symbol.filename(), symbol.lineno()) {
                (Some(file), Some(no)) => {
                    let _ = writeln!(line, "{}:{no}", file.display());
                }
                _ => {
                    let _ = writeln!(line, "{:?}", frame.ip());
                }
            }
            stderr(line.as_bytes());
            printed += 1;
        });
        if !named && started {
            let mut line = Line::new();
            let _ = writeln!(line, "?\n\t{:?}", frame.ip());
            stderr(line.as_bytes());
            printed += 1;
        }
        printed < most && frames < most + 64
    });
    if printed == most {
        stderr(b"...more frames not shown...\n");
    }
}

fn is_inner(name: &str) -> bool {
    name.is_empty()
        || ["backtrace::", "gort_stack::", "gort_sys::", "gort_sched::", "__restore_rt"]
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
