//! The ranks of this crate's locks. No two of them are ever held together, except several
//! channels' locks by a select, in the order of their addresses.

use gort_sys::rank::{Rank, layer};

/// A mutex' queue.
pub(crate) static MUTEX: Rank = Rank { layer: layer::SYNC, n: 1, name: "sync.mutex" };
/// A condition variable's queue.
pub(crate) static CONDVAR: Rank = Rank { layer: layer::SYNC, n: 2, name: "sync.condvar" };
/// A wait group's queue.
pub(crate) static GROUP: Rank = Rank { layer: layer::SYNC, n: 3, name: "sync.waitgroup" };
/// A semaphore's queue and stock.
pub(crate) static SEMAPHORE: Rank = Rank { layer: layer::SYNC, n: 4, name: "sync.semaphore" };
/// A once's queue.
pub(crate) static ONCE: Rank = Rank { layer: layer::SYNC, n: 5, name: "sync.once" };
/// A reader-writer lock's queue.
pub(crate) static RWLOCK: Rank = Rank { layer: layer::SYNC, n: 7, name: "sync.rwlock" };
/// A channel.
pub(crate) static CHAN: Rank = Rank { layer: layer::SYNC, n: 8, name: "sync.chan" };
