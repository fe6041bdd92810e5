//! The process's heap in full, as lines of JSON: what `cargo xtask frag` and `cargo xtask heap-map` read.
//!
//! The format is [`gort_heap::report`]'s.

use gort_heap::GortAlloc;
use std::fmt;
use std::io::{self, Write};

/// A writer of bytes as one of text; keeps the first error.
struct Text<W> {
    to: W,
    failed: Option<io::Error>,
}

impl<W: Write> fmt::Write for Text<W> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.to.write_all(s.as_bytes()).map_err(|error| {
            self.failed = Some(error);
            fmt::Error
        })
    }
}

/// Writes the report of the process's heap. The heap may move meanwhile; the lines then do not quite fit together.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::NotFound`] while the process's heap is not in use.
pub fn write(to: impl Write) -> io::Result<()> {
    let Some(heap) = GortAlloc::heap() else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the process's heap is not in use"));
    };
    let mut text = Text { to: io::BufWriter::new(to), failed: None };
    let written = heap.write_report(&mut text);
    match (text.failed, written) {
        (Some(error), _) => Err(error),
        (None, Err(fmt::Error)) => Err(io::ErrorKind::Other.into()),
        (None, Ok(())) => text.to.flush(),
    }
}
