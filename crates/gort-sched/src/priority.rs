//! Three classes of goroutines: [`Priority`], and who comes first when several wait.
//!
//! Goroutines of the normal class take the ways that they always take (run-next, the local queue, the
//! thread's list of bound goroutines, the injector). One of another class goes to a lane of its class
//! instead: the scheduler's, which all processors look into, or if it is bound, its thread's own. So
//! no place of the normal ways ever holds one, and a program that never asks for a class pays for a
//! test of a byte that it loads anyway ([`Wishes`]).
//!
//! # Shares
//! Each thread counts its choices. Of 64, 56 ask the latency class first, 7 the normal one, and 1 the
//! background ([`first_at`]); who has nothing lets the others have the turn.
//!
//! # Nobody starves (PRIO-1)
//! Take a goroutine that is runnable, with k before it in its lane or list; these are first in, first
//! out. A thread that may run it and goes on choosing asks its class first once in 64 choices, and
//! each second time the one of lane and list that it is in. (The normal class has several places,
//! which have shares of their own: the injector each 61st slice.) So it runs after at most
//! 128 · (k + 1) choices of that thread, and choices do not cease: a goroutine parks, ends or yields, or loses
//! its processor when its slice is over, and the thread that gets that goes on. If no thread
//! chooses, all sleep; but who puts a goroutine into a lane looks for an idle processor afterwards,
//! and who goes to sleep looks at the lanes once more (WAKE-1: the lanes are counted with the
//! injector); a bound one is found by its thread before that sleeps.
//!
//! Shares are of choices, not of time: there is no preemption signal, so a background goroutine that
//! computes has its processor for a slice: 10 ms, or 1 ms if others wait (`sysmon`).
//!
//! # Inversion
//! A goroutine of the latency class that waits for a lock which one of the background class holds
//! waits for that one's turns: longer, but not for ever, by the above. The lock does not lend its
//! waiter's class. Who shares a lock between classes can hold it in the higher one
//! ([`with_priority`]: a priority ceiling), or hand the work to a goroutine by a channel.

use crate::g::G;
use crate::m::M;
use crate::scheduler::Scheduler;
use core::cell::Cell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// How urgent a goroutine is.
///
/// A goroutine inherits the class of the one that spawns it, as it mostly does a part of its work: else
/// what a background job fans out would compete as normal, and a latency goroutine would wait for
/// normal helpers. The program's first goroutine, and those that plain threads make, are normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Priority {
    /// Asked first, in 56 of 64 choices; what becomes runnable wakes an idle processor at once. For
    /// goroutines that answer somebody and compute little.
    Latency,
    /// What a goroutine has that asks for nothing: first in 7 of 64.
    #[default]
    Normal,
    /// First in 1 of 64. For work that nobody waits for.
    Background,
}

/// Bits of a goroutine's flags; neither: normal.
pub(crate) const LATENCY: u8 = 8;
pub(crate) const BACKGROUND: u8 = 16;
pub(crate) const PRIORITIES: u8 = LATENCY | BACKGROUND;
/// In the flags that a new goroutine begins with: some goroutine has a class, so look.
pub(crate) const LOOK: u8 = 32;

/// Lanes: of the latency class, and of the background class.
pub(crate) const LANES: usize = 2;

impl Priority {
    pub(crate) const fn bits(self) -> u8 {
        match self {
            Self::Latency => LATENCY,
            Self::Normal => 0,
            Self::Background => BACKGROUND,
        }
    }

    pub(crate) const fn of_bits(bits: u8) -> Self {
        match bits & PRIORITIES {
            0 => Self::Normal,
            LATENCY => Self::Latency,
            _ => Self::Background,
        }
    }

    /// The word for it in a dump.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Normal => "normal",
            Self::Background => "background",
        }
    }
}

/// The lane of a goroutine that has a class.
pub(crate) fn lane_of(g: &G) -> usize {
    usize::from(!g.has(LATENCY))
}

/// Choices of a round.
const ROUND: u32 = 64;

/// Whose turn a choice is.
pub(crate) const fn first_at(turn: u32) -> Priority {
    match turn % ROUND {
        63 => Priority::Background,
        t if t % 8 == 7 => Priority::Normal,
        _ => Priority::Latency,
    }
}

/// What a processor's holder has to look at before it takes the short way to the next goroutine.
#[derive(Debug, Default)]
pub(crate) struct Wishes(AtomicU8);

const OVER: u8 = 1;
const BY_PRIORITY: u8 = 2;

impl Wishes {
    /// Whether there is anything.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        // ORDER: Relaxed — wishes are no order.
        self.0.load(Relaxed) != 0
    }

    /// sysmon's wish: the slice is over, look at the queues first.
    #[inline]
    pub(crate) fn slice_is_over(&self) -> bool {
        // ORDER: Relaxed — as above.
        self.0.load(Relaxed) & OVER != 0
    }

    pub(crate) fn end_slice(&self) {
        if !self.slice_is_over() {
            // ORDER: Relaxed — as above.
            self.0.fetch_or(OVER, Relaxed);
        }
    }

    pub(crate) fn slice_was_ended(&self) {
        // ORDER: Relaxed — as above.
        self.0.fetch_and(!OVER, Relaxed);
    }

    /// From now on goroutines have classes.
    pub(crate) fn look_at_priorities(&self) {
        // ORDER: Relaxed — as above; who finds no work looks at the lanes whatever this says.
        self.0.fetch_or(BY_PRIORITY, Relaxed);
    }
}

/// A thread's choices.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    turn: Cell<u32>,
    /// For each class, whether the thread's own list comes before the lane next time.
    own_first: [Cell<bool>; LANES],
}

impl Turns {
    /// The choice that was counted last is made elsewhere.
    pub(crate) fn take_back(&self) {
        self.turn.set(self.turn.get().wrapping_sub(1));
    }
}

/// Whether a goroutine that has a class waits where `m` may take it.
#[inline]
pub(crate) fn any(m: &M, s: &Scheduler) -> bool {
    s.injector.has_lanes() || m.has_own_lanes()
}

/// One more choice: a goroutine of a class that comes before the normal one this time, or null.
pub(crate) fn before_normal(m: &M, s: &Scheduler) -> *mut G {
    let turn = m.turns.turn.replace(m.turns.turn.get().wrapping_add(1));
    match first_at(turn) {
        Priority::Normal => null_mut(),
        Priority::Latency => take(m, s, 0),
        Priority::Background => match take(m, s, 1) {
            g if g.is_null() => take(m, s, 0),
            g => g,
        },
    }
}

/// The normal class has nothing: a goroutine of another one, or null.
pub(crate) fn instead_of_normal(m: &M, s: &Scheduler) -> *mut G {
    match take(m, s, 0) {
        g if g.is_null() => take(m, s, 1),
        g => g,
    }
}

fn take(m: &M, s: &Scheduler, lane: usize) -> *mut G {
    // SAFETY: M-OWN — called on this thread.
    let own = || unsafe {
        m.take_inbox();
        m.own_lanes()[lane].pop()
    };
    let shared = || s.injector.take_lane(lane);
    let own_first = m.turns.own_first[lane].replace(!m.turns.own_first[lane].get());
    let g = if own_first { own().or_else(shared) } else { shared().or_else(own) };
    g.unwrap_or(null_mut())
}

/// A goroutine that has a class became runnable on a thread that is inside and holds a P.
#[cold]
pub(crate) fn make_ready(m: &M, g: *mut G) {
    let s = m.scheduler();
    // SAFETY: G-OWN, M-OWN — the caller owns the goroutine and hands it over; called on this thread.
    unsafe {
        let home = (*g).home();
        if home.is_null() {
            s.inject(g);
        } else if core::ptr::eq(home, m) {
            m.push_bound(g);
        } else {
            crate::ready::send_home(s, g);
        }
    }
}

impl Scheduler {
    /// The flags of a goroutine that is spawned while some have classes: with the class that was asked
    /// for, or the caller's.
    #[cold]
    pub(crate) fn with_class(&self, flags: u8, asked: Option<Priority>, m: Option<&M>) -> u8 {
        let class = asked.unwrap_or_else(|| {
            // SAFETY: G-OWN — the goroutine that runs on this thread is the caller.
            let caller = m.and_then(|m| unsafe { m.cur.get().as_ref() });
            caller.map_or(Priority::Normal, G::priority)
        });
        if class != Priority::Normal {
            self.begin_classes();
        }
        (flags & !(LOOK | PRIORITIES)) | class.bits()
    }

    /// From now on goroutines have classes.
    pub(crate) fn begin_classes(&self) {
        // ORDER: Relaxed — whoever misses it finds the goroutine by the lanes' own counts.
        if self.first_flags.load(Relaxed) & LOOK == 0 {
            // ORDER: Relaxed — as above.
            self.first_flags.fetch_or(LOOK, Relaxed);
            self.look_at_priorities();
        }
    }
}

fn current<'a>() -> Option<&'a G> {
    // SAFETY: M-OWN — a non-null word is this thread's M. G-OWN — the caller is what runs.
    unsafe { M::current().as_ref().and_then(|m| m.cur.get().as_ref()) }
}

/// The class of the calling goroutine; a plain thread is normal.
pub fn priority() -> Priority {
    current().map_or(Priority::Normal, G::priority)
}

/// Changes the class of the calling goroutine; the class before. It counts from the next time that the
/// goroutine becomes runnable, and for those that it spawns. A plain thread stays normal.
///
/// Costs a few instructions.
pub fn set_priority(class: Priority) -> Priority {
    let Some(g) = current() else { return Priority::Normal };
    if class != Priority::Normal {
        g.scheduler().begin_classes();
    }
    g.set_priority(class)
}

/// Runs `f` in a class, and returns to the one before; also if it panics. For code that holds a lock
/// for which goroutines of a higher class wait.
pub fn with_priority<T>(class: Priority, f: impl FnOnce() -> T) -> T {
    struct Back(Priority);
    impl Drop for Back {
        fn drop(&mut self) {
            set_priority(self.0);
        }
    }
    let _back = Back(set_priority(class));
    f()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shares_of_a_round() {
        let count = |class| (0..ROUND).filter(|&t| first_at(t) == class).count();
        assert_eq!(count(Priority::Latency), 56);
        assert_eq!(count(Priority::Normal), 7);
        assert_eq!(count(Priority::Background), 1);
        // Also where the counter wraps.
        assert_eq!(first_at(u32::MAX), Priority::Background);
    }

    #[test]
    fn bits_say_the_class() {
        for class in [Priority::Latency, Priority::Normal, Priority::Background] {
            assert_eq!(Priority::of_bits(class.bits() | 7), class);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// PRIO-1: with places that fill and empty anyhow, each class that has somebody has at least its
        /// share of any stretch of choices, and nobody waits for more than 128 choices for each before him.
        #[test]
        fn nobody_starves(
            refill in proptest::collection::vec((0..4u8, 0..4u8, 0..4u8, 0..4u8, 0..4u8), 1..1000),
        ) {
            let s = Scheduler::new(crate::Config { procs: 1, ..Default::default() }).expect("a scheduler");
            let m = s.new_m();
            let mut made = Vec::new();
            let mut normal = std::collections::VecDeque::new();
            // By record: class, whether bound, choices waited, how many were before it.
            let mut waiting: Vec<(*mut G, Priority, bool, u32, usize)> = Vec::new();
            for (choice, (latency, plain, background, own_l, own_b)) in refill.into_iter().enumerate() {
                let mut add = |class: Priority, bound: bool| {
                    let g = Box::into_raw(Box::new(G::new(&raw const *s)));
                    made.push(g);
                    let before = waiting.iter().filter(|w| w.1 == class && w.2 == bound).count();
                    waiting.push((g, class, bound, 0, before));
                    // SAFETY: G-OWN, M-OWN — just made, and the thread is this one.
                    unsafe {
                        (*g).set_priority(class);
                        match (class, bound) {
                            (Priority::Normal, _) => normal.push_back(g),
                            (_, true) => { (*g).set_home(m); m.push_bound(g) }
                            (_, false) => s.injector.push(g),
                        }
                    }
                };
                // A flood of the latency class; the others by chance.
                for _ in 0..=latency.min(1) { add(Priority::Latency, false); }
                if plain == 0 { add(Priority::Normal, false); }
                if background == 0 && choice % 16 == 0 { add(Priority::Background, false); }
                if own_l == 0 { add(Priority::Latency, true); }
                if own_b == 0 && choice % 16 == 1 { add(Priority::Background, true); }
                let mut got = before_normal(m, &s);
                if got.is_null() {
                    got = normal.pop_front().unwrap_or(null_mut());
                }
                if got.is_null() {
                    got = instead_of_normal(m, &s);
                }
                prop_assert!(!got.is_null(), "somebody waits and nobody runs");
                let at = waiting.iter().position(|w| w.0 == got).expect("it waited");
                let mine = waiting.remove(at);
                prop_assert!(waiting.iter().all(|w| (w.1, w.2) != (mine.1, mine.2) || w.4 > mine.4));
                for w in &mut waiting {
                    w.3 += 1;
                    if (w.1, w.2) == (mine.1, mine.2) {
                        w.4 -= 1;
                        w.3 = 0;
                    }
                    prop_assert!(w.3 <= 2 * ROUND, "{:?} bound {} waits for {} choices", w.1, w.2, w.3);
                }
            }
            // SAFETY: G-MEM — nobody else has them; the queues are emptied first.
            unsafe {
                while !instead_of_normal(m, &s).is_null() {}
                made.into_iter().for_each(|g| drop(Box::from_raw(g)));
            }
            s.shut_down(core::time::Duration::from_secs(1));
        }
    }
}
