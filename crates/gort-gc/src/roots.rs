//! The root table: slots outside the heap whose objects every cycle marks first.
//!
//! ```text
//! page (4 KiB):  | collector | 0 | slot 1 | slot 2 | .. | slot 255 |
//! slot:          | word: the object | count: Root handles | next: free list |
//! ```
//! A slot's page is found by rounding its address down, the page names the collector. Free slots are linked
//! by number (`page * 256 + place`, 0 ends a list).
//!
//! * A context takes free slots from a list of its own, refilled by 32 from the table under its lock.
//! * The last `Root` of a slot may be dropped on any thread, without a guard: the slot is pushed on a stack
//!   that is only ever emptied as a whole, so it needs no tag against reuse (ROOT-2).
//!
//! The scan reads `word` of every slot at any time between H1 and the first round. A slot freed or reused
//! meanwhile is harmless: either value names an object that no sweep freed since, and `Root::new`
//! shades the object of a reused slot (ROOT-1).

use core::alloc::Layout;
use core::panic::Location;
use core::ptr::{self, NonNull};

use std::collections::HashMap;

use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

use crate::atomic::{AtomicPtr, AtomicU32, Ordering};
use crate::registry::Registry;
use crate::shared::Shared;

const PAGE: usize = 4096;
const SLOTS: usize = PAGE / size_of::<RootSlot>();
/// Slots that a context takes at once.
const BATCH: usize = 32;

static PLACES: Rank = Rank { layer: layer::GC, n: 10, name: "gc.places" };
static ROOTS: Rank = Rank { layer: layer::GC, n: 4, name: "gc.roots" };

/// One root.
#[repr(C, align(16))]
#[derive(Debug)]
pub(crate) struct RootSlot {
    pub(crate) word: AtomicPtr<u8>,
    pub(crate) count: AtomicU32,
    next: AtomicU32,
}

/// The first slot's place in a page.
#[repr(C, align(16))]
struct Header {
    shared: NonNull<Shared>,
    number: u32,
}

#[repr(C, align(4096))]
struct Page {
    header: Header,
    slots: [RootSlot; SLOTS - 1],
}

/// A singly linked list of free slots, by number.
#[derive(Debug)]
pub(crate) struct SlotList {
    head: u32,
    len: usize,
}

impl SlotList {
    pub(crate) const fn new() -> Self {
        Self { head: 0, len: 0 }
    }
}

/// The table of one collector.
#[derive(Debug)]
pub(crate) struct RootTable {
    pages: Registry<Page>,
    free: Lock<SlotList>,
    /// Freed by the drop of a last `Root`.
    dropped: AtomicU32,
    /// Where the slots' roots were made, by address (`Config::root_places`); else nothing.
    places: Option<Lock<HashMap<usize, &'static Location<'static>>>>,
}

impl RootTable {
    pub(crate) fn new(places: bool) -> Self {
        Self {
            places: places.then(|| Lock::new(&PLACES, HashMap::new())),
            pages: Registry::new(),
            free: Lock::new(&ROOTS, SlotList::new()),
            dropped: AtomicU32::new(0),
        }
    }

    fn slot(&self, number: u32) -> NonNull<RootSlot> {
        let (page, place) = (number as usize / SLOTS, number as usize % SLOTS);
        let page = self.pages.get(page);
        // SAFETY: ROOT-3 — `place` is 1.. of a page that exists until the table is dropped. The pointer is
        // the page's own, so that `page_of` may go back to the header.
        unsafe { page.cast::<RootSlot>().add(place) }
    }

    /// A free slot from `mine`, the list of the calling context. `None`: out of memory.
    pub(crate) fn take(
        &self,
        mine: &mut SlotList,
        shared: NonNull<Shared>,
    ) -> Option<NonNull<RootSlot>> {
        if mine.head == 0 {
            self.refill(mine, shared)?;
        }
        let slot = self.slot(mine.head);
        // SAFETY: ROOT-3 — a slot of this table.
        // ORDER: Relaxed — the slot is in the caller's own list.
        mine.head = unsafe { slot.as_ref() }.next.load(Ordering::Relaxed);
        mine.len -= 1;
        Some(slot)
    }

    #[cold]
    fn refill(&self, mine: &mut SlotList, shared: NonNull<Shared>) -> Option<()> {
        let mut free = self.free.lock();
        self.collect_dropped(&mut free);
        if free.head == 0 {
            self.grow(&mut free, shared)?;
        }
        while mine.len < BATCH && free.head != 0 {
            let number = free.head;
            // SAFETY: ROOT-3.
            let slot = unsafe { self.slot(number).as_ref() };
            // ORDER: Relaxed — both lists are under the lock or the caller's own.
            free.head = slot.next.load(Ordering::Relaxed);
            free.len -= 1;
            // ORDER: Relaxed — as above.
            slot.next.store(mine.head, Ordering::Relaxed);
            mine.head = number;
            mine.len += 1;
        }
        Some(())
    }

    /// Moves the slots of dropped roots to the free list.
    fn collect_dropped(&self, free: &mut SlotList) {
        // ORDER: Acquire ⇐ `give`: the slots' links, and the droppers' last access to them.
        let mut number = self.dropped.swap(0, Ordering::Acquire);
        while number != 0 {
            // SAFETY: ROOT-3.
            let slot = unsafe { self.slot(number).as_ref() };
            // ORDER: Relaxed — the swap above made the list ours.
            let next = slot.next.load(Ordering::Relaxed);
            // ORDER: Relaxed — the free list is under the lock.
            slot.next.store(free.head, Ordering::Relaxed);
            free.head = number;
            free.len += 1;
            number = next;
        }
    }

    fn grow(&self, free: &mut SlotList, shared: NonNull<Shared>) -> Option<()> {
        // SAFETY: the layout is not empty.
        let page = NonNull::new(unsafe { std::alloc::alloc_zeroed(Layout::new::<Page>()) })?;
        let page = page.cast::<Page>();
        let number = self.pages.len() as u32;
        // SAFETY: fresh memory of the page's layout; all-zero slots are valid.
        unsafe { (&raw mut (*page.as_ptr()).header).write(Header { shared, number }) };
        self.pages.push(page)?;
        for place in (1..SLOTS as u32).rev() {
            let number = number * SLOTS as u32 + place;
            // SAFETY: ROOT-3.
            let slot = unsafe { self.slot(number).as_ref() };
            // ORDER: Relaxed — the free list is under the lock.
            slot.next.store(free.head, Ordering::Relaxed);
            free.head = number;
            free.len += 1;
        }
        Some(())
    }

    /// Every object that a root names at some moment of the call.
    pub(crate) fn scan(&self, mut f: impl FnMut(NonNull<u8>)) {
        for page in self.pages.iter() {
            // SAFETY: ROOT-3 — pages live as long as the table; all of a slot is atomic.
            for slot in unsafe { &(*page.as_ptr()).slots } {
                // ORDER: Acquire ⇐ `Root::new`, `Root::set`: the object's words.
                if let Some(object) = NonNull::new(slot.word.load(Ordering::Acquire)) {
                    f(object);
                }
            }
        }
    }

    /// Notes where a slot's root was made.
    pub(crate) fn note(&self, slot: NonNull<RootSlot>, at: &'static Location<'static>) {
        if let Some(places) = &self.places {
            places.lock().insert(slot.as_ptr().addr(), at);
        }
    }

    /// How many roots that exist were made where, the most first. Clones of a root are one.
    pub(crate) fn by_place(&self) -> Vec<(&'static Location<'static>, usize)> {
        let mut sums: HashMap<&'static Location<'static>, usize> = HashMap::new();
        if let Some(places) = &self.places {
            places.lock().values().for_each(|at| *sums.entry(at).or_default() += 1);
        }
        let mut out: Vec<_> = sums.into_iter().collect();
        out.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        out
    }

    /// Bytes that a scan reads.
    pub(crate) fn bytes(&self) -> u64 {
        (self.pages.len() * PAGE) as u64
    }

    /// Whether no `Root` is left, and no drop of one is under way. `lists`: the free lists of all contexts.
    pub(crate) fn is_unused(&self, in_contexts: usize) -> bool {
        let mut free = self.free.lock();
        self.collect_dropped(&mut free);
        free.len + in_contexts == self.pages.len() * (SLOTS - 1)
    }
}

/// Slots in a context's list.
pub(crate) fn list_len(list: &SlotList) -> usize {
    list.len
}

/// The collector of a slot.
pub(crate) fn collector_of(slot: NonNull<RootSlot>) -> NonNull<Shared> {
    // SAFETY: ROOT-3 — the slot is in use, so its page exists; the header does not change.
    unsafe { (*page_of(slot)).header.shared }
}

fn page_of(slot: NonNull<RootSlot>) -> *const Page {
    slot.as_ptr().map_addr(|a| a & !(PAGE - 1)).cast_const().cast()
}

/// Frees the slot of a last `Root`: this call's last access to the table is the exchange.
pub(crate) fn give(slot: NonNull<RootSlot>) {
    let page = page_of(slot);
    // SAFETY: ROOT-3 — the slot counts as in use until it is in a list.
    let (table, slot_ref, number) = unsafe {
        let place = (slot.as_ptr().addr() - page.addr()) / size_of::<RootSlot>();
        let table = &(*page).header.shared.as_ref().roots;
        (table, slot.as_ref(), (*page).header.number * SLOTS as u32 + place as u32)
    };
    if let Some(places) = &table.places {
        places.lock().remove(&slot.as_ptr().addr());
    }
    // ORDER: Relaxed — the object's death needs no publication: the scan may still see it.
    slot_ref.word.store(ptr::null_mut(), Ordering::Relaxed);
    // ORDER: Relaxed — the exchange below checks it.
    let mut head = table.dropped.load(Ordering::Relaxed);
    loop {
        // ORDER: Relaxed — published by the exchange.
        slot_ref.next.store(head, Ordering::Relaxed);
        // ORDER: Release ⇒ `collect_dropped`; Relaxed on failure: tried again.
        match table.dropped.compare_exchange_weak(
            head,
            number,
            Ordering::Release,
            Ordering::Relaxed,
        ) {
            Ok(_) => return,
            Err(now) => head = now,
        }
    }
}

impl Drop for RootTable {
    fn drop(&mut self) {
        for page in self.pages.iter() {
            // SAFETY: ROOT-3 — the table is dropped when no Root is left; `grow` made the page so.
            unsafe { std::alloc::dealloc(page.as_ptr().cast(), Layout::new::<Page>()) };
        }
    }
}
