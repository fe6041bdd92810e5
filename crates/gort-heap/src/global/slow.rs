//! What is more than a pop or a push: everything here works under a [`Lease`].

use super::process::{Lease, PROCESS, watch_faults};
use super::{background, fast};
use crate::class::{FINE, MAG_STRIDE, MAX_SMALL, SpanClass, class_for, class_size};
use crate::config::Kind;
use crate::entry::Entry;
use crate::explicit::{class_of_layout, join, span_class};
use crate::inner::Inner;
use crate::profile::push_sampling;
use core::alloc::Layout;
use core::ptr::{NonNull, null_mut};
use gort_sys::Linux;

fn layout(size: usize, align: usize) -> Option<Layout> {
    Layout::from_size_align(size, align).ok()
}

/// Memory for a layout, and whether it is known to be zero.
fn alloc_known(l: Layout) -> Option<(NonNull<u8>, bool)> {
    let lease = Lease::take()?;
    if lease.inner().modes.wants_faults() {
        watch_faults();
    }
    let c = span_class(class_of_layout(l));
    lease.inner().explicit_alloc(lease.rec(), c, l)
}

/// Memory for a layout, or null: the array of its class was empty.
#[inline(never)]
pub(super) fn alloc(size: usize, align: usize) -> *mut u8 {
    let Some(l) = layout(size, align) else { return null_mut() };
    alloc_known(l).map_or(null_mut(), |(p, _)| p.as_ptr())
}

/// Memory for a layout that asks for more than 8.
#[inline(never)]
pub(super) fn alloc_aligned(size: usize, align: usize) -> *mut u8 {
    // Every class of 16 or more but that of 24 is a multiple of 16.
    if align == 16 && size <= MAX_SMALL - 15 {
        return fast::alloc_plain(size.next_multiple_of(16), 8);
    }
    let Some(l) = layout(size, align) else { return null_mut() };
    let class = class_of_layout(l);
    if class != 0 {
        return fast::alloc_plain(class_size(class), 8);
    }
    alloc(size, align)
}

#[inline(never)]
pub(super) fn alloc_zeroed(l: Layout) -> *mut u8 {
    let class = class_of_layout(l);
    let (size, align) = match class {
        0 => (l.size(), l.align()),
        _ => (class_size(class), 8),
    };
    if class != 0 {
        let mag = fast::mag(fast::record(), usize::from(class) * MAG_STRIDE);
        if !mag.is_empty() {
            let p = fast::alloc_plain(size, align);
            // SAFETY: H-1 — the slot is ours and at least as large as the layout.
            unsafe { p.write_bytes(0, l.size()) };
            return p;
        }
    }
    let Some((p, zeroed)) = layout(size, align).and_then(alloc_known) else { return null_mut() };
    if !zeroed {
        // SAFETY: H-1 — as above.
        unsafe { p.write_bytes(0, l.size()) };
    }
    p.as_ptr()
}

/// The page entry of a doubtful address.
fn entry_of(inner: &Inner<Linux>, addr: usize) -> Entry {
    inner.side(Kind::Explicit).map_or(Entry::NONE, |side| side.entry_of(addr))
}

/// Says that a block was freed twice in a row, and ends the process.
#[cold]
#[inline(never)]
pub(super) fn twice(p: *mut u8) -> ! {
    if let (Some(heap), Some(p)) = (PROCESS.get(), NonNull::new(p)) {
        let inner = heap.inner();
        let entry = entry_of(inner, p.as_ptr() as usize);
        inner.double_free(inner.spans.get(entry.span()), Inner::<Linux>::slot(entry, p));
    }
    gort_sys::fatal!("H-1", "double free of {p:p}");
}

/// Gives a block back that the fast path did not take.
///
/// # Safety
/// `p` came from here for this layout.
#[inline(never)]
pub(super) unsafe fn free(p: *mut u8, size: usize, align: usize) {
    debug_assert!(align <= 8);
    // SAFETY: GLOBAL-3 — by contract.
    unsafe { free_class(p, class_for(size)) }
}

/// The same for a block of a known class, 0 = large.
///
/// # Safety
/// `p` came from here, from this class.
pub(super) unsafe fn free_class(p: *mut u8, class: u8) {
    let Some(p) = NonNull::new(p) else { return };
    let rec = fast::record();
    if rec.sampling.get() {
        // SAFETY: GLOBAL-3 — by contract a block, and the record's table is that of the process's heap.
        let pushed = unsafe { push_sampling(rec, fast::entry(p.as_ptr(), rec), p.as_ptr(), class) };
        if pushed {
            return;
        }
        return free_with_lease(p, class);
    }
    // SAFETY: GLOBAL-3 — by contract there is a block, so there is a heap.
    let entry = unsafe { fast::whole_entry(p.as_ptr(), rec) };
    if !join(rec, entry, p, class) {
        free_with_lease(p, class);
    }
}

#[inline(never)]
fn free_with_lease(p: NonNull<u8>, class: u8) {
    let Some(lease) = Lease::take() else { return };
    let inner = lease.inner();
    let entry = entry_of(inner, p.as_ptr() as usize);
    inner.explicit_free(lease.rec(), entry, p, class);
    drop(lease);
    background::look(inner);
}

/// Gives a block of another layout back.
///
/// # Safety
/// `p` came from here for this layout.
#[inline(never)]
pub(super) unsafe fn free_aligned(p: *mut u8, size: usize, align: usize) {
    let class = if align == 16 && size <= MAX_SMALL - 15 {
        class_for(size.next_multiple_of(16))
    } else {
        layout(size, align).map_or(0, class_of_layout)
    };
    // SAFETY: GLOBAL-3 — by contract.
    unsafe {
        let rec = fast::record();
        if !fast::push(p, fast::entry(p, rec), rec, usize::from(class) * MAG_STRIDE) {
            free_class(p, class);
        }
    }
}

/// Memory for `new` bytes with the contents of the old; on null the old stays.
///
/// # Safety
/// `p` came from here for this layout; `new` is not 0.
#[inline(never)]
pub(super) unsafe fn realloc(p: *mut u8, l: Layout, new: usize) -> *mut u8 {
    let Some(to) = layout(new, l.align()) else { return null_mut() };
    let (old_class, new_class) = (class_of_layout(l), class_of_layout(to));
    if old_class == new_class && old_class != 0 {
        return p;
    }
    if old_class == 0 && new_class == 0 {
        let Some(lease) = Lease::take() else { return null_mut() };
        let Some(old) = NonNull::new(p) else { return null_mut() };
        let entry = entry_of(lease.inner(), p as usize);
        if let Some(q) = lease.inner().explicit_resize(lease.rec(), entry, old, to) {
            return q.as_ptr();
        }
    }
    let q = fast::alloc(new, l.align());
    if !q.is_null() {
        // SAFETY: H-1 — both are ours, and different blocks; GLOBAL-3 for the free.
        unsafe {
            q.copy_from_nonoverlapping(p, l.size().min(new));
            fast::free(p, l.size(), l.align());
        }
    }
    q
}

/// The same for a block of which only the address is known.
///
/// # Safety
/// `p` came from here; `new` is not 0.
#[inline(never)]
pub(super) unsafe fn realloc_known(p: *mut u8, new: usize) -> *mut u8 {
    let (Some(to), Some(old)) = (layout(new, 8), NonNull::new(p)) else { return null_mut() };
    let size = usable_size(p as usize);
    if size == 0 {
        gort_sys::fatal!("GLOBAL-3", "realloc of {p:p}: no block begins there");
    }
    let class = {
        let Some(lease) = Lease::take() else { return null_mut() };
        let entry = entry_of(lease.inner(), p as usize);
        // A guarded block has a span of its own and is small all the same.
        let class = if entry.guarded() { class_for(size) } else { entry.class() };
        if class != 0 && new <= size && new >= size / 2 {
            return p;
        }
        if class == 0
            && let Some(q) = lease.inner().explicit_resize(lease.rec(), entry, old, to)
        {
            return q.as_ptr();
        }
        class
    };
    let q = fast::alloc_plain(new, 8);
    if !q.is_null() {
        // SAFETY: H-1 — both are ours, and different blocks; GLOBAL-3 for the free.
        unsafe {
            q.copy_from_nonoverlapping(p, size.min(new));
            free_class(p, class);
        }
    }
    q
}

/// Bytes of the block at a doubtful address, 0 if there is none.
pub(super) fn usable_size(addr: usize) -> usize {
    PROCESS.get().map_or(0, |heap| heap.inner().explicit_size(addr))
}

/// Gives back what the calling thread has borrowed.
pub(super) fn flush_current() {
    if fast::record().process.get()
        && let Some(lease) = Lease::take()
    {
        lease.inner().explicit_flush(lease.rec());
    }
}

const _: () = assert!(FINE < MAX_SMALL && size_of::<SpanClass>() == 1);
