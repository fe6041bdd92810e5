//! [`Landing`], where the value that a select receives waits to be fetched.
//!
//! A select does not know the types of its channels, and only one of its cases wins. So there is
//! one room, big enough for any of them: in place for most, on the heap for great values.

use super::case::Case;
use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;
use std::alloc::{alloc, dealloc, handle_alloc_error};

/// Bytes and alignment of the room in place.
const PLACE: usize = 64;

#[repr(align(16))]
struct Place(UnsafeCell<MaybeUninit<[u8; PLACE]>>);

/// Room for one value of any of the cases. It may move while no case can write to it.
pub(super) struct Landing {
    place: Place,
    /// The room outside, if the place is too small.
    heap: *mut u8,
    layout: Layout,
}

impl Landing {
    /// Room for what any of `cases` may bring.
    #[inline]
    pub(super) fn for_cases(cases: &[Case<'_>]) -> Self {
        let (mut size, mut align) = (0, 1);
        for case in cases {
            let layout = case.room();
            size = size.max(layout.size());
            align = align.max(layout.align());
        }
        let place = Place(UnsafeCell::new(MaybeUninit::uninit()));
        let heap_is_needed = size > PLACE || align > align_of::<Place>();
        // An allocation of no bytes is not allowed: a room of one alignment at least.
        let size = if heap_is_needed { size.max(align) } else { size };
        let Ok(layout) = Layout::from_size_align(size, align) else {
            // Each case's size goes with its own alignment, but this one not with another's.
            handle_alloc_error(Layout::new::<()>());
        };
        if !heap_is_needed {
            return Self { place, heap: ptr::null_mut(), layout };
        }
        // SAFETY: LAND-1 — the layout's size is not zero, but at least its alignment.
        let heap = unsafe { alloc(layout) };
        if heap.is_null() {
            handle_alloc_error(layout);
        }
        Self { place, heap, layout }
    }

    /// The room. Good until the landing moves (if the room is in place) or ends.
    #[inline]
    pub(super) fn room(&self) -> *mut () {
        if self.heap.is_null() { self.place.0.get().cast() } else { self.heap.cast() }
    }
}

impl Drop for Landing {
    #[inline]
    fn drop(&mut self) {
        if !self.heap.is_null() {
            // SAFETY: LAND-1 — allocated in `for_cases` with this layout, and freed here only.
            unsafe { dealloc(self.heap, self.layout) };
        }
    }
}
