//! What C programs can ask about the heap, the request to give back, and the settings that they know.

use core::ffi::{CStr, c_int};
use core::fmt::Write;
use gort_heap::GortAlloc;
use gort_sys::fatal::Line;

/// glibc's `struct mallinfo2`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Mallinfo2 {
    /// Bytes mapped for small blocks.
    pub arena: usize,
    /// Free chunks: not counted here, 0.
    pub ordblks: usize,
    /// 0.
    pub smblks: usize,
    /// 0: large blocks are counted with the others.
    pub hblks: usize,
    /// 0.
    pub hblkhd: usize,
    /// 0, as in glibc.
    pub usmblks: usize,
    /// 0.
    pub fsmblks: usize,
    /// Bytes allocated.
    pub uordblks: usize,
    /// Bytes mapped and not allocated.
    pub fordblks: usize,
    /// Bytes that a trim could give back.
    pub keepcost: usize,
}

/// glibc's older `struct mallinfo`: the same in `int`s.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Mallinfo {
    /// As in [`Mallinfo2`], all of them; what does not fit is the largest `int`.
    pub arena: c_int,
    /// 0.
    pub ordblks: c_int,
    /// 0.
    pub smblks: c_int,
    /// 0.
    pub hblks: c_int,
    /// 0.
    pub hblkhd: c_int,
    /// 0.
    pub usmblks: c_int,
    /// 0.
    pub fsmblks: c_int,
    /// Bytes allocated.
    pub uordblks: c_int,
    /// Bytes mapped and not allocated.
    pub fordblks: c_int,
    /// Bytes that a trim could give back.
    pub keepcost: c_int,
}

/// glibc's `mallinfo2`.
#[unsafe(no_mangle)]
pub extern "C" fn mallinfo2() -> Mallinfo2 {
    let Some(heap) = GortAlloc::heap() else { return Mallinfo2::default() };
    let s = heap.stats();
    let mapped = (s.heap_in_use + s.heap_free) as usize;
    Mallinfo2 {
        arena: mapped,
        uordblks: s.live_bytes as usize,
        fordblks: mapped.saturating_sub(s.live_bytes as usize),
        keepcost: s.heap_free as usize,
        ..Mallinfo2::default()
    }
}

/// glibc's `mallinfo`.
#[unsafe(no_mangle)]
pub extern "C" fn mallinfo() -> Mallinfo {
    let m = mallinfo2();
    let int = |n: usize| c_int::try_from(n).unwrap_or(c_int::MAX);
    Mallinfo {
        arena: int(m.arena),
        uordblks: int(m.uordblks),
        fordblks: int(m.fordblks),
        keepcost: int(m.keepcost),
        ..Mallinfo::default()
    }
}

/// glibc's `malloc_trim`: gives free memory back to the system; whether there was any.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_trim(_keep: usize) -> c_int {
    c_int::from(GortAlloc::free_os_memory() > 0)
}

/// glibc's `mallopt`: its settings are those of another allocator, so each is accepted and means nothing.
#[unsafe(no_mangle)]
pub extern "C" fn mallopt(_what: c_int, _value: c_int) -> c_int {
    1
}

/// glibc's `malloc_stats`: a few lines on standard error.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_stats() {
    let m = mallinfo2();
    let mut line = Line::new();
    let _ = writeln!(line, "gort-malloc:");
    let _ = writeln!(line, "system bytes     = {:>10}", m.arena);
    let _ = writeln!(line, "in use bytes     = {:>10}", m.uordblks);
    line.print();
}

/// glibc's `malloc_info`: an XML document. Its outer elements are glibc's; there are no heaps to tell apart. -1 with
/// `errno` if the stream takes it not.
///
/// # Safety
/// `stream` is an open stream; `options` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_info(options: c_int, stream: *mut libc::FILE) -> c_int {
    if options != 0 {
        return libc::EINVAL;
    }
    let m = mallinfo2();
    let mut text = Line::new();
    let _ = write!(
        text,
        "<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n</sizes>\n\
         <total type=\"fast\" count=\"0\" size=\"0\"/>\n<total type=\"rest\" count=\"0\" size=\"{free}\"/>\n\
         <system type=\"current\" size=\"{mapped}\"/>\n<system type=\"max\" size=\"{mapped}\"/>\n\
         <aspace type=\"total\" size=\"{mapped}\"/>\n<aspace type=\"mprotect\" size=\"{mapped}\"/>\n</heap>\n\
         <total type=\"fast\" count=\"0\" size=\"0\"/>\n<total type=\"rest\" count=\"0\" size=\"{free}\"/>\n\
         <total type=\"mmap\" count=\"0\" size=\"0\"/>\n\
         <system type=\"current\" size=\"{mapped}\"/>\n<system type=\"max\" size=\"{mapped}\"/>\n\
         <aspace type=\"total\" size=\"{mapped}\"/>\n<aspace type=\"mprotect\" size=\"{mapped}\"/>\n</malloc>\n\0",
        free = m.fordblks,
        mapped = m.arena,
    );
    let Ok(text) = CStr::from_bytes_with_nul(text.as_bytes()) else { return -1 };
    // SAFETY: MALLOC-2 — a string that ends in 0; the stream is the caller's.
    if unsafe { libc::fputs(text.as_ptr(), stream) } < 0 { -1 } else { 0 }
}
