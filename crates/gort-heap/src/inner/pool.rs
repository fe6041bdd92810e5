//! Records of caches: those in use, and those that wait in the pool for their next owner.

use super::{Inner, kind_index};
use crate::config::Kind;
use crate::record::CacheRec;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;
use gort_fixalloc::FixAlloc;
use gort_sys::{Backend, MemError};

#[derive(Debug)]
pub(crate) struct Pool {
    records: FixAlloc<CacheRec>,
    free: [*mut CacheRec; 2],
    /// Records in the two lists.
    idle: [u32; 2],
    made: u32,
}

// SAFETY: H-14 — records belong to the heap; the pool is touched under its lock.
unsafe impl Send for Pool {}

impl Pool {
    pub(super) fn new(records: FixAlloc<CacheRec>) -> Self {
        Self { records, free: [core::ptr::null_mut(); 2], idle: [0; 2], made: 0 }
    }

    fn take(&mut self, kind: Kind) -> Option<NonNull<CacheRec>> {
        let head = &mut self.free[kind_index(kind)];
        let rec = NonNull::new(*head)?;
        // SAFETY: H-14 — pooled records belong to the pool, and are never freed.
        let r = unsafe { rec.as_ref() };
        *head = r.next_free.get();
        r.pooled.set(false);
        self.idle[kind_index(kind)] -= 1;
        Some(rec)
    }
}

impl<B: Backend> Inner<B> {
    /// A record from the pool, or a new one.
    pub(crate) fn open_record(&self, kind: Kind) -> Result<NonNull<CacheRec>, MemError> {
        let mut pool = self.pool.lock();
        if let Some(rec) = pool.take(kind) {
            return Ok(rec);
        }
        let rec = pool.records.alloc(&self.persist, &self.stat.caches)?;
        pool.made += 1;
        let tag = u16::try_from(pool.made).unwrap_or(0);
        // SAFETY: FIX-C — ours alone until it is linked; zeros are a valid record but for `kind`.
        unsafe {
            (&raw mut (*rec.as_ptr()).kind).write(core::cell::Cell::new(kind));
            rec.as_ref().tag.set(tag);
            // ORDER: Relaxed — written under the pool's lock alone.
            rec.as_ref().next_all.set(self.all.load(Ordering::Relaxed));
        }
        self.all.store(rec.as_ptr(), Ordering::Release); // ORDER: Release ⇒ `records`: the record's fields.
        Ok(rec)
    }

    /// Records in the pool of a kind.
    pub(crate) fn idle_records(&self, kind: Kind) -> u32 {
        self.pool.lock().idle[kind_index(kind)]
    }

    /// A record that is in the pool; none is made.
    pub(crate) fn take_idle(&self, kind: Kind) -> Option<NonNull<CacheRec>> {
        self.pool.lock().take(kind)
    }

    /// Puts a record into the pool, for the next owner: flushed, or with what it has borrowed.
    pub(crate) fn close_record(&self, rec: NonNull<CacheRec>) {
        // SAFETY: H-14 — the caller owned the record until now.
        let r = unsafe { rec.as_ref() };
        self.profile_stop(r);
        let mut pool = self.pool.lock();
        let head = &mut pool.free[kind_index(r.kind.get())];
        r.next_free.set(*head);
        *head = rec.as_ptr();
        r.process.set(false);
        r.pooled.set(true);
        pool.idle[kind_index(r.kind.get())] += 1;
    }

    /// All cache records, in use or pooled. Only their atomics may be looked at.
    pub(crate) fn records(&self) -> impl Iterator<Item = &CacheRec> {
        let mut at = self.all.load(Ordering::Acquire); // ORDER: Acquire ⇐ `open_record`.
        core::iter::from_fn(move || {
            // SAFETY: H-14 — records are never freed, and `next_all` is written once, before publication.
            let rec = unsafe { at.as_ref() }?;
            at = rec.next_all.get();
            Some(rec)
        })
    }
}
