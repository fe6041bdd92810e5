//! What C programs can ask about the heap, and the request to give back.

use core::ffi::c_int;
use gort_heap::GortAlloc;

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

/// glibc's `malloc_trim`: gives free memory back to the system; whether there was any.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_trim(_keep: usize) -> c_int {
    c_int::from(GortAlloc::free_os_memory() > 0)
}
