//! All locks of a heap at once: nobody is in the middle of anything then.

use crate::central::Lists;
use crate::class::CLASSES;
use crate::config::Kind;
use crate::explicit::Ring;
use crate::inner::{Inner, Pool};
use crate::pages::PageAlloc;
use crate::profile::Buckets;
use crate::side::Grow;
use crate::span::Special;
use gort_fixalloc::FixAlloc;
use gort_sys::Backend;
use gort_sys::lock::{Guard, RawGuard};

/// The locks of the explicit side and those that both sides share, until dropped.
#[expect(dead_code, reason = "held, not looked at")]
pub(crate) struct Held<'a> {
    pool: Guard<'a, Pool>,
    setup: Guard<'a, ()>,
    quarantine: Guard<'a, Ring>,
    profile: Guard<'a, Buckets>,
    centrals: [Guard<'a, Lists>; CLASSES],
    specials: Guard<'a, FixAlloc<Special>>,
    side: Option<(Guard<'a, Grow>, Guard<'a, PageAlloc>)>,
    spans: Guard<'a, u32>,
    persist: RawGuard<'a>,
}

impl<B: Backend> Inner<B> {
    /// Takes them in the order of their ranks.
    pub(crate) fn hold(&self) -> Held<'_> {
        let (pool, setup) = (self.pool.lock(), self.setup.lock());
        let quarantine = self.quarantine.hold();
        let profile = self.profile.buckets.lock();
        let centrals = core::array::from_fn(|class| {
            // Locks of one rank: whoever holds one of them holds no other, so waiting for each in turn comes to an end.
            loop {
                if let Some(lists) = self.central_explicit[class].try_lock() {
                    return lists;
                }
                gort_sys::thread::yield_os();
            }
        });
        let specials = self.specials.lock();
        let side = self.side(Kind::Explicit).map(|s| (s.grow.lock(), s.pages.lock()));
        let (spans, persist) = (self.spans.hold(), self.persist.hold());
        Held { pool, setup, quarantine, profile, centrals, specials, side, spans, persist }
    }
}
