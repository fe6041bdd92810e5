//! Pools against a model, guards of both kinds, the switch, and what a stack costs.

use gort_stack::walk::Frames;
use gort_stack::{Class, Config, Guard, Stack, StackCache, StackPool, frame, switch};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Whether the kernel can read a byte there: a pipe takes it, or answers EFAULT.
fn readable(address: usize) -> bool {
    let mut ends = [0; 2];
    // SAFETY: the array is a live out-parameter; `write` is given an address that it may refuse.
    unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        let n = libc::write(ends[1], address as *const _, 1);
        libc::close(ends[0]);
        libc::close(ends[1]);
        n == 1
    }
}

/// Resident pages of a range.
fn resident(low: usize, bytes: usize) -> usize {
    let mut pages = vec![0u8; bytes / 4096];
    // SAFETY: the range is mapped and page-aligned; the vector has a byte for each page.
    let ok = unsafe { libc::mincore(low as *mut _, bytes, pages.as_mut_ptr()) };
    assert_eq!(ok, 0);
    pages.iter().filter(|&&p| p & 1 == 1).count()
}

fn fill(stack: &Stack, byte: u8) {
    for at in [stack.limit(), stack.top() - 1] {
        // SAFETY: the lowest and the highest usable byte of a stack that this test owns.
        unsafe { (at as *mut u8).write_volatile(byte) };
    }
}

fn holds(stack: &Stack, byte: u8) -> bool {
    // SAFETY: as in `fill`.
    [stack.limit(), stack.top() - 1]
        .iter()
        .all(|&at| unsafe { (at as *const u8).read_volatile() } == byte)
}

#[derive(Debug, Clone)]
enum Op {
    Take(usize),
    Give(usize),
    TakeCached(usize),
    GiveCached(usize),
    Flush,
    Trim(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..4usize).prop_map(Op::Take),
        (0..64usize).prop_map(Op::Give),
        (0..4usize).prop_map(Op::TakeCached),
        (0..64usize).prop_map(Op::GiveCached),
        Just(Op::Flush),
        (0..8usize).prop_map(Op::Trim),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// STACK-OWN, STACK-SLOT, STACK-GUARD: whatever is taken and given, no two stacks overlap, each
    /// keeps its contents and its guard, and the figures are exact.
    #[test]
    fn agrees_with_a_map(ops in proptest::collection::vec(op(), 1..120), protect in any::<bool>()) {
        let config = if protect { Config::protected() } else { Config::default() };
        let (pool, mut cache) = (StackPool::new(config), StackCache::new());
        let mut held: BTreeMap<usize, (Stack, u8)> = BTreeMap::new();
        for (serial, op) in ops.into_iter().enumerate() {
            let taken = match op {
                Op::Take(c) => Some(pool.take(Class::from_index(c).unwrap()).unwrap()),
                Op::TakeCached(c) => Some(cache.take(&pool, Class::from_index(c).unwrap()).unwrap()),
                Op::Give(n) | Op::GiveCached(n) => {
                    if let Some(&low) = held.keys().nth(n % held.len().max(1)) {
                        let (stack, byte) = held.remove(&low).unwrap();
                        prop_assert!(holds(&stack, byte));
                        if matches!(op, Op::Give(_)) { pool.give(stack) } else { cache.give(&pool, stack) }
                    }
                    None
                }
                Op::Flush => { cache.flush(&pool); None }
                Op::Trim(keep) => { pool.trim(keep, 16); None }
            };
            if let Some(stack) = taken {
                prop_assert_eq!(stack.low() % stack.class().bytes(), 0);
                prop_assert_eq!(stack.top() - stack.limit(), stack.class().usable());
                let before = held.range(..=stack.low()).next_back();
                prop_assert!(before.is_none_or(|(_, (s, _))| s.top() <= stack.low()));
                let after = held.range(stack.low()..).next();
                prop_assert!(after.is_none_or(|(&low, _)| stack.top() <= low));
                prop_assert!(!readable(stack.low()) && !readable(stack.limit() - 1));
                let byte = serial as u8;
                fill(&stack, byte);
                held.insert(stack.low(), (stack, byte));
            }
            let stats = pool.stats();
            let taken: usize = stats.classes.iter().map(|c| c.taken).sum();
            prop_assert_eq!(taken, held.len() + cache.len());
        }
        prop_assert!(held.values().all(|(s, byte)| holds(s, *byte)));
    }
}

#[test]
fn the_last_given_is_the_first_taken() {
    let (pool, mut cache) = (StackPool::new(Config::default()), StackCache::new());
    let a = cache.take(&pool, Class::SMALLEST).unwrap();
    let b = cache.take(&pool, Class::SMALLEST).unwrap();
    let low = b.low();
    cache.give(&pool, a);
    cache.give(&pool, b);
    assert_eq!(cache.take(&pool, Class::SMALLEST).unwrap().low(), low);
}

#[test]
fn trimming_gives_memory_back_and_keeps_the_guard() {
    for config in [Config::default(), Config::protected()] {
        let pool = StackPool::new(config);
        let stacks: Vec<Stack> = (0..20).map(|_| pool.take(Class::SMALLEST).unwrap()).collect();
        stacks.iter().for_each(|s| fill(s, 1));
        let (limit, usable, low) = (stacks[0].limit(), stacks[0].class().usable(), stacks[0].low());
        assert_eq!(resident(limit, usable), 2);
        stacks.into_iter().for_each(|s| pool.give(s));
        assert_eq!(pool.trim(0, 100), 20);
        let stats = pool.stats().classes[0];
        assert_eq!((stats.taken, stats.idle, stats.released), (0, 0, 20));
        assert_eq!(resident(limit, usable), 0);
        if pool.guard() != Guard::None {
            assert!(!readable(low));
        }
    }
}

/// Two stacks and the test's own switch to each other in turn.
struct Ring {
    home: usize,
    own: usize,
    count: u32,
    deep: Option<Frames>,
    caught: bool,
}

extern "C" fn player(ring: *mut u8) -> ! {
    let ring = ring.cast::<Ring>();
    // SAFETY: SWITCH-1 — the ring lives in the test's frame, which waits in `switch` meanwhile.
    unsafe {
        (*ring).caught = catch_unwind(AssertUnwindSafe(|| {
            std::panic::resume_unwind(Box::new(1u8));
        }))
        .is_err();
        (*ring).deep = Some(Frames::capture());
        loop {
            (*ring).count += 1;
            switch::switch(&raw mut (*ring).own, (*ring).home);
        }
    }
}

#[test]
fn switches_keep_what_the_compiler_keeps() {
    let pool = StackPool::new(Config::default());
    let stack = pool.take(Class::DEFAULT).unwrap();
    let mut ring = Ring { home: 0, own: 0, count: 0, deep: None, caught: false };
    let at = &raw mut ring;
    let mut sums = [0u64; 8];
    let mut float = 1.0f64;
    // SAFETY: SWITCH-1 — the stack is ours; each side resumes what the other has saved.
    unsafe {
        (*at).own = frame::first(stack.top(), player, at.cast());
        for i in 0..10_000u64 {
            switch::switch(&raw mut (*at).home, (*at).own);
            sums.iter_mut().zip(1..).for_each(|(s, k)| *s += i * k);
            float += 0.5;
        }
    }
    assert_eq!(ring.count, 10_000);
    assert!(ring.caught, "a panic is caught on the stack that it was raised on");
    assert_eq!(sums[0] * 8, sums[7]);
    assert_eq!(float, 5_001.0);
    // FRAME-1: the walk ended by itself, at the oldest frame.
    assert!(ring.deep.is_some_and(|f| f.is_whole()));
    // A stack that was only switched on and off touches one or two pages.
    let touched = resident(stack.limit(), stack.class().usable());
    assert!(touched <= if cfg!(debug_assertions) { 16 } else { 4 }, "{touched} pages");
    pool.give(stack);
}
