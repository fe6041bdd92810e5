//! The ragged handshake: one published word, one word per context.
//!
//! ```text
//! G     63 ......... 24   23 .... 8   7 .. 0        word   63 .. 2   1   0
//!      +---------------+------------+-------+             +--------+-------+
//!      |      seq      | generation | mode  |             |  seq   | state |
//!      +---------------+------------+-------+             +--------+-------+
//! ```
//! The coordinator publishes a new `G`. A context *passes* when it takes `G` over: at a safepoint, when it
//! is pinned, or, in effect, by being free. When every context has passed, nobody acts in an older mode.
//!
//! # Why nobody slips through (HS-1)
//! A guard that pins writes its word and then reads `G`; the coordinator writes `G` and then reads the word.
//! All four are SeqCst, so in their total order either the coordinator sees PINNED and waits, or the guard
//! sees the new `G` and takes it over before its first handle exists. A plain store instead of the exchange,
//! or not reading `G` again, breaks it: the model at the end of this file shows both.
//!
//! Passing and unpinning need Release only: what was done in the old mode happens before the acknowledgement.
//!
//! # Following (HS-2)
//! A context that passes tells two things: it acts in the new mode, and none of its handles exists. Only a round needs the second;
//! H1 to H4 ask for the first. So a guard also takes an order over in the slow path of an allocation, where it is inside of
//! no store: it *follows* the order, with its handles, and passes at its next safepoint. What a context follows is a word of
//! its own beside this one. Following instead of passing in a round is the mutant `FollowRound`.

use crate::atomic::{AtomicU64, Ordering};

/// What contexts do while this mode is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode(u8);

impl Mode {
    /// No cycle: stores do not shade, objects are born white.
    pub(crate) const IDLE: Mode = Mode(0);
    /// Stores shade the new value.
    pub(crate) const SHADE: Mode = Mode(1);
    /// Stores shade, objects are born black.
    pub(crate) const SHADE_BLACK: Mode = Mode(3);
    /// Objects are born black.
    pub(crate) const BLACK: Mode = Mode(2);

    pub(crate) fn shades(self) -> bool {
        self.0 & 1 != 0
    }

    /// The same, and who comes by is held: it gives its context back and waits for the next order. For debugging.
    pub(crate) fn held(self) -> Mode {
        Mode(self.0 | 4)
    }

    pub(crate) fn holds(self) -> bool {
        self.0 & 4 != 0
    }

    /// The same, and stores shade the old value, too: for cycles with foreign stacks.
    pub(crate) fn with_old(self) -> Mode {
        Mode(self.0 | 8)
    }

    pub(crate) fn shades_old(self) -> bool {
        self.0 & 8 != 0
    }

    pub(crate) fn black(self) -> bool {
        self.0 & 2 != 0
    }
}

/// A value of the published word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order(u64);

impl Order {
    pub(crate) fn new(seq: u64, generation: u32, mode: Mode) -> Self {
        Self(seq << 24 | u64::from(generation & 0xffff) << 8 | u64::from(mode.0))
    }

    pub(crate) fn seq(self) -> u64 {
        self.0 >> 24
    }

    /// The sweep generation modulo 2^16: compared for equality only.
    pub(crate) fn generation(self) -> u16 {
        (self.0 >> 8) as u16
    }

    pub(crate) fn mode(self) -> Mode {
        Mode(self.0 as u8)
    }

    /// The word itself, for the compare of the safepoint.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

/// `G`.
#[derive(Debug)]
pub(crate) struct Published(AtomicU64);

impl Published {
    pub(crate) fn new(order: Order) -> Self {
        Self(AtomicU64::new(order.0))
    }

    /// A look that may be late by one safepoint.
    #[inline(always)]
    pub(crate) fn peek(&self) -> u64 {
        // ORDER: Relaxed — whoever finds a difference reads again with `get`.
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn get(&self) -> Order {
        // ORDER: Acquire ⇐ `publish`: the heap's generation was advanced before.
        Order(self.0.load(Ordering::Acquire))
    }

    /// The second look of a pin (HS-1).
    #[inline(always)]
    pub(crate) fn look_again(&self) -> Order {
        model_fence();
        // ORDER: SeqCst — HS-1: after the exchange of `ContextWord::claim`.
        Order(self.0.load(Ordering::SeqCst))
    }

    /// Publishes the next order. One coordinator, so load and store need not be one step.
    pub(crate) fn publish(&self, generation: u32, mode: Mode) -> Order {
        // ORDER: Relaxed — only the coordinator writes the word.
        let seq = Order(self.0.load(Ordering::Relaxed)).seq() + 1;
        let next = Order::new(seq, generation, mode);
        // ORDER: SeqCst — HS-1: before the loads of `ContextWord::look`.
        self.0.store(next.0, Ordering::SeqCst);
        model_fence();
        next
    }
}

/// Who has a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// In the pool.
    Free,
    /// Owned by a guard that has taken over the order with this number.
    Pinned(u64),
    /// The coordinator serves it.
    Claimed,
}

const FREE: u64 = 0;
const PINNED: u64 = 1;
const CLAIMED: u64 = 2;

/// The word of one context.
#[derive(Debug)]
pub(crate) struct ContextWord(AtomicU64);

impl ContextWord {
    /// A context that is born pinned, before anybody can find it.
    pub(crate) fn pinned(seq: u64) -> Self {
        Self(AtomicU64::new(seq << 2 | PINNED))
    }

    /// FREE → PINNED, with the number that the last owner left: the order that the context is really in. `false`
    /// if it is not free.
    #[inline(always)]
    pub(crate) fn claim(&self) -> bool {
        // ORDER: Relaxed — a look; the exchange decides.
        let now = self.0.load(Ordering::Relaxed);
        let new = now | PINNED;
        // ORDER: SeqCst — HS-1, and Acquire ⇐ `release`: the last owner's work on the context.
        // Relaxed on failure: nothing was gained.
        now & 3 == FREE
            && self.0.compare_exchange(now, new, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// Says that the owner has taken over the order `seq`, and holds no handle.
    pub(crate) fn pass(&self, seq: u64) {
        // ORDER: Release ⇒ `look`: what the owner did in the old mode, published blocks, counters.
        self.0.store(seq << 2 | PINNED, Ordering::Release);
    }

    /// PINNED → FREE.
    #[inline(always)]
    pub(crate) fn release(&self, seq: u64) {
        // ORDER: Release ⇒ `look`, and the next `claim`: as `pass`, and the context's contents.
        self.0.store(seq << 2 | FREE, Ordering::Release);
    }

    /// The number of the order that the owner passed last; for the owner.
    pub(crate) fn passed(&self) -> u64 {
        // ORDER: Relaxed — the owner wrote it.
        self.0.load(Ordering::Relaxed) >> 2
    }

    pub(crate) fn look(&self) -> Seen {
        // ORDER: SeqCst — HS-1, and Acquire ⇐ `pass`, `release`.
        let now = self.0.load(Ordering::SeqCst);
        match now & 3 {
            FREE => Seen::Free,
            PINNED => Seen::Pinned(now >> 2),
            _ => Seen::Claimed,
        }
    }

    /// Whether the context can no longer act in a mode older than `order` (or newer has been taken over).
    pub(crate) fn has_passed(&self, order: Order) -> bool {
        match self.look() {
            // A context that is being served belongs to the coordinator itself.
            Seen::Free | Seen::Claimed => true,
            Seen::Pinned(seq) => seq >= order.seq(),
        }
    }

    /// FREE → CLAIMED, so that the coordinator may work on the context; give it back by `release`.
    pub(crate) fn serve(&self) -> bool {
        // ORDER: Relaxed — a look; the exchange decides.
        let now = self.0.load(Ordering::Relaxed);
        if now & 3 != FREE {
            return false;
        }
        // ORDER: Acquire ⇐ `release`: the last owner's work. Relaxed on failure: nothing was gained.
        self.0.compare_exchange(now, now | CLAIMED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

/// loom treats SeqCst accesses as AcqRel; this fence gives its model what the accesses themselves promise.
#[inline(always)]
fn model_fence() {
    // ORDER: SeqCst — HS-1, in the model only.
    #[cfg(loom)]
    crate::atomic::fence(Ordering::SeqCst);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_word_packs_and_unpacks() {
        let order = Order::new(77, 0x1_0002, Mode::SHADE_BLACK);
        assert_eq!((order.seq(), order.generation(), order.mode()), (77, 2, Mode::SHADE_BLACK));
        let g = Published::new(order);
        let next = g.publish(4, Mode::BLACK);
        assert_eq!((next.seq(), next.generation(), g.get()), (78, 4, next));
        assert!(!next.mode().shades() && next.mode().black());
    }

    #[test]
    fn a_context_is_free_pinned_or_served() {
        let g = Published::new(Order::new(1, 0, Mode::IDLE));
        let word = ContextWord::pinned(1);
        assert!(!word.claim() && !word.serve());
        let next = g.publish(0, Mode::SHADE);
        assert!(!word.has_passed(next));
        word.pass(next.seq());
        assert!(word.has_passed(next));
        word.release(2);
        assert!(word.has_passed(g.publish(0, Mode::IDLE)));
        assert!(word.serve() && !word.claim() && !word.serve());
        assert_eq!(word.look(), Seen::Claimed);
        word.release(3);
        assert!(word.claim());
        assert_eq!(word.look(), Seen::Pinned(3));
    }
}

/// `RUSTFLAGS="--cfg loom" cargo test -p gort-gc --lib --release`
#[cfg(all(test, loom))]
mod model {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    #[derive(Clone, Copy, PartialEq)]
    enum Mutant {
        None,
        /// The claim is a plain store.
        Plain,
        /// G is not read again after the claim.
        Once,
    }

    /// One guard pins, acts, and unpins, against one handshake. `safe` is what the coordinator relies on.
    fn pin_against_handshake(mutant: Mutant) {
        loom::model(move || {
            let g = Arc::new(Published::new(Order::new(1, 0, Mode::IDLE)));
            let word = Arc::new(ContextWord::pinned(1));
            word.release(1);
            // The heap: an operation in mode IDLE writes 1. It must not come after the handshake.
            let acted = Arc::new(loom::cell::UnsafeCell::new(0));
            let mutator = {
                let (g, word, acted) = (g.clone(), word.clone(), acted.clone());
                thread::spawn(move || {
                    let seen = g.get();
                    match mutant {
                        // ORDER: Relaxed — the mutant's fault.
                        Mutant::Plain => word.0.store(seen.seq() << 2 | PINNED, Ordering::Relaxed),
                        _ => assert!(word.claim()),
                    }
                    let now = match mutant {
                        // ORDER: Acquire — as the mutant would have it, without the exchange's fence.
                        Mutant::Plain => Order(g.0.load(Ordering::Acquire)),
                        Mutant::Once => seen,
                        Mutant::None => g.look_again(),
                    };
                    if now != seen {
                        word.pass(now.seq());
                    }
                    if !now.mode().shades() {
                        // SAFETY: HS-1 — what the model checks.
                        acted.with_mut(|p| unsafe { *p += 1 });
                    }
                    word.release(now.seq());
                })
            };
            let order = g.publish(0, Mode::SHADE);
            while !word.has_passed(order) {
                thread::yield_now();
            }
            // Nobody acts in the old mode any more: reading cannot race (loom checks it).
            // SAFETY: HS-1 — what the model checks.
            acted.with(|p| unsafe { *p });
            mutator.join().unwrap();
        });
    }

    #[test]
    fn holds() {
        pin_against_handshake(Mutant::None);
    }

    /// A pinned guard works in the old mode, comes to a safepoint, and passes if it is asked to.
    fn pass_against_handshake(release: bool) {
        loom::model(move || {
            let g = Arc::new(Published::new(Order::new(1, 0, Mode::IDLE)));
            let word = Arc::new(ContextWord::pinned(1));
            let acted = Arc::new(loom::cell::UnsafeCell::new(0));
            let mutator = {
                let (g, word, acted) = (g.clone(), word.clone(), acted.clone());
                thread::spawn(move || {
                    // SAFETY: HS-1 — what the model checks.
                    acted.with_mut(|p| unsafe { *p += 1 });
                    if g.peek() != Order::new(1, 0, Mode::IDLE).bits() && release {
                        word.pass(g.get().seq());
                    } else if release {
                        word.release(1);
                    } else {
                        // ORDER: Relaxed — the mutant's fault.
                        word.0.store(1 << 2 | FREE, Ordering::Relaxed);
                    }
                })
            };
            let order = g.publish(0, Mode::SHADE);
            while !word.has_passed(order) {
                thread::yield_now();
            }
            // SAFETY: HS-1 — what the model checks.
            acted.with(|p| unsafe { *p });
            mutator.join().unwrap();
        });
    }

    #[test]
    fn a_pass_publishes_the_old_work() {
        pass_against_handshake(true);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn mutant_relaxed_pass() {
        pass_against_handshake(false);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn mutant_plain() {
        pin_against_handshake(Mutant::Plain);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn mutant_once() {
        pin_against_handshake(Mutant::Once);
    }
}
