//! The heap's report at the end of the process, if the environment asks for it: `GORT_HEAP_REPORT=PATH`.
//!
//! `%p` in the path stands for the process's number, so that children do not write over their parents' reports. A process
//! that is killed, or leaves by `_exit`, writes none.

use super::process::PROCESS;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::process::{at_exit, env};
use gort_sys::sink::Sink;

static WATCHED: AtomicU32 = AtomicU32::new(0);

fn path() -> Option<&'static [u8]> {
    env(c"GORT_HEAP_REPORT").filter(|path| !path.is_empty())
}

/// Asks to be told of the end, once, if a report is wanted. The C library may allocate for it.
pub(crate) fn watch() {
    // ORDER: Relaxed, both — only the first caller goes on; nothing is published.
    if WATCHED.load(Relaxed) == 0 && WATCHED.swap(1, Relaxed) == 0 && path().is_some() {
        at_exit(write);
    }
}

extern "C" fn write() {
    if let (Some(path), Some(heap)) = (path(), PROCESS.get())
        && let Some(mut sink) = Sink::create(path)
    {
        // Nobody is left who could be told of a full disk.
        let _ = heap.write_report(&mut sink);
    }
}
