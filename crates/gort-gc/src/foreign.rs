//! Mutators whose handles survive safepoints: for virtual machines and compilers with frames of their own.
//!
//! A guard of this crate proves by its borrows that no handle exists where it passes; so no stack is ever read. Code that a
//! compiler of yours made, or an interpreter with a native stack, cannot prove that. It registers a [`Mutator`] with a
//! [`Stack`] that the collector reads: by a stack map ([`Visitor::exact`]), conservatively ([`Visitor::conservative`],
//! [`NativeStack`]), or both.
//!
//! ```
//! use gort_gc::foreign::{Mutator, Stack, Visitor};
//! use gort_gc::{Collector, Config, Field, Trace};
//!
//! #[derive(Trace)]
//! struct Pair { head: u64, tail: Field<Pair> }
//!
//! /// The registers of a machine: addresses of pairs, or 0.
//! struct Registers([usize; 4]);
//! // SAFETY: all registers are shown.
//! unsafe impl Stack for Registers {
//!     fn scan(&mut self, v: &mut Visitor<'_>) {
//!         self.0.iter().for_each(|&register| v.exact(register));
//!     }
//! }
//!
//! let collector = Collector::new(Config::default()).unwrap();
//! // SAFETY: no guard is held; what is loaded from a register below was shown by `scan`.
//! let mut mu = unsafe { Mutator::register(&collector, Registers([0; 4])) }.unwrap();
//! let pair = mu.guard().alloc(PairInit { head: 7, tail: None }).addr();
//! mu.stack().0[1] = pair;
//! mu.collect();
//! // SAFETY: the register was shown at each safepoint since.
//! let pair = unsafe { mu.handle::<Pair>(mu.shown().0[1]) };
//! assert_eq!(pair.head, 7);
//! ```
//!
//! # Rules
//! 1. **Show everything.** At each [`safepoint`](Mutator::safepoint), [`blocked`](Mutator::blocked) and [`collect`](Mutator::collect),
//!    `scan` shows every word through which the mutator will use an object afterwards (STACK-MAP). What is not shown may be
//!    freed.
//! 2. **Nothing but these three is a safepoint.** Between two of them, addresses may lie anywhere.
//! 3. **Store through fields.** [`guard`](Mutator::guard) gives the safe interface: allocation, [`Field`](crate::Field),
//!    [`Root`](crate::Root). Its barriers are all that the collector asks for.
//! 4. **A blocked stack stands still.** While `blocked` runs, the words that were shown do not change.
//! 5. **Take addresses from the own guard only.** A handle of another guard may name an object that the collector has not seen
//!    yet, while this stack was read already. Hand it over through a field or a root.
//! 6. **Register without a guard** in hand: registering may wait for a cycle to end.
//!
//! # What it costs
//! While one foreign mutator exists, stores of *all* mutators of its collector shade what they replace, too, while a cycle
//! marks: an exchange instead of a store. Each stack is read once in a cycle, and at each `blocked`. The two stops are the
//! mutator's own passes of H1 and H2; nobody else waits.
//!
//! What is found by a conservative word is kept, whatever the word really is; a number that looks like an address keeps an
//! object until it goes away.

use core::marker::PhantomData;
use core::panic::Location;

use crate::range::Range;
use crate::stacks::Words;
use crate::{AllocError, Collector, Gc, Trace};

/// Where a foreign mutator has its addresses.
///
/// # Safety
/// `scan` shows every word through which the mutator uses an object after the safepoint at which it is called (rule 1).
pub unsafe trait Stack {
    /// Shows all words. Called on the mutator's own thread, inside of its safepoints. Must neither allocate in the collected
    /// heap nor touch the mutator.
    fn scan(&mut self, v: &mut Visitor<'_>);
}

/// Takes the words of a stack.
#[derive(Debug)]
pub struct Visitor<'a> {
    words: &'a mut Words,
    range: Range,
}

impl Visitor<'_> {
    /// A word that the stack map lists: 0, or an address in a live object of this collector.
    ///
    /// # Panics
    /// On any address outside of the collector's range.
    pub fn exact(&mut self, word: usize) {
        if word != 0 {
            assert!(
                self.range.quiet(word, word),
                "a stack map lists a word that holds {word:#x}: no address of this collector"
            );
            self.words.exact.push(word);
        }
    }

    /// A word that may be an address in an object, or anything else.
    #[inline]
    pub fn conservative(&mut self, word: usize) {
        if self.range.quiet(word, word) {
            self.words.doubtful.push(word);
        }
    }

    /// All words of a range of memory, conservatively.
    ///
    /// # Safety
    /// The range is readable, and nobody writes to it meanwhile.
    pub unsafe fn conservative_range(&mut self, from: *const usize, to: *const usize) {
        let mut at = from;
        while at < to {
            // SAFETY: by this function's contract. Volatile: the compiler does not know what the words are.
            self.conservative(unsafe { at.read_volatile() });
            at = at.wrapping_add(1);
        }
    }
}

/// A mutator whose handles survive safepoints. One thread or goroutine at a time has it.
#[must_use = "the mutator is registered until it is dropped"]
pub struct Mutator<S: Stack> {
    inner: crate::Mutator,
    id: u64,
    stack: S,
    /// Its stack is that of one thread.
    here: PhantomData<*const ()>,
}

impl<S: Stack> Mutator<S> {
    /// Registers a mutator. Waits for the end of a cycle that began without any foreign one.
    ///
    /// # Safety
    /// The rules of this module's page. The caller holds no guard of this collector.
    ///
    /// # Errors
    /// No memory for a context.
    #[track_caller]
    pub unsafe fn register(collector: &Collector, stack: S) -> Result<Self, AllocError> {
        let at = Location::caller();
        let s = collector.shared();
        let id = s.stacks.register(s);
        match crate::Mutator::pin_in(collector.shared_ptr(), at) {
            Ok(inner) => {
                s.stacks.unpark(id, inner.ctx().order.get().mode());
                Ok(Self { inner, id, stack, here: PhantomData })
            }
            Err(e) => {
                s.stacks.forget(id);
                Err(e)
            }
        }
    }

    /// The guard: allocation, fields, roots, weak names. Handles that come of it end at the next safepoint; their
    /// [addresses](Gc::addr) may be kept where the stack shows them.
    #[inline(always)]
    pub fn guard(&self) -> &crate::Mutator {
        &self.inner
    }

    /// The stack, to be changed.
    #[inline(always)]
    pub fn stack(&mut self) -> &mut S {
        &mut self.stack
    }

    /// The stack, to be read.
    #[inline(always)]
    pub fn shown(&self) -> &S {
        &self.stack
    }

    /// A handle of an address that was kept.
    ///
    /// # Safety
    /// It is the address of a `T` that was got from a handle, and was shown at every safepoint since (rule 1).
    #[inline(always)]
    pub unsafe fn handle<T: Trace>(&self, address: usize) -> Gc<'_, T> {
        let object = core::ptr::with_exposed_provenance_mut::<T>(address);
        // SAFETY: GC-HANDLE, STACK-MAP — by this function's contract it is an object that the collector has kept; this guard
        // protects it until the next safepoint.
        unsafe { Gc::from_non_null(core::ptr::NonNull::new_unchecked(object)) }
    }

    /// Lets the collector go on. One load and one compare when nothing is asked.
    #[inline(always)]
    pub fn safepoint(&mut self) {
        let ctx = self.inner.ctx();
        if ctx.shared().g.peek() != ctx.expected.get() {
            self.pass();
        }
    }

    #[cold]
    #[inline(never)]
    fn pass(&mut self) {
        let now = self.inner.shared().g.get();
        // Who is held, or has debts, gives the context back meanwhile: its stack must be where the coordinator finds it.
        if now.mode().holds() || self.inner.ctx().debt.get() > 0 {
            self.park();
            self.inner.pass_and_pay();
            return self.unpark();
        }
        // Nothing happens between the copy and the pass: what is allocated then is black.
        if self.inner.shared().stacks.is_due(self.id, now.mode()) {
            let words = words(&mut self.stack, &self.inner);
            let s = self.inner.shared();
            s.stacks.give(s, self.id, words);
        }
        self.inner.pass_to(now);
    }

    /// Runs `f` without the context: the collector does not wait for this mutator meanwhile, and reads its stack if it wants
    /// to. For anything that may block or take long.
    #[track_caller]
    pub fn blocked<R>(&mut self, f: impl FnOnce() -> R) -> R {
        /// Comes back also when `f` panics.
        struct Back<'a, S: Stack>(&'a mut Mutator<S>);
        impl<S: Stack> Drop for Back<'_, S> {
            fn drop(&mut self) {
                self.0.unpark();
            }
        }
        let at = Location::caller();
        self.park();
        let back = Back(self);
        back.0.inner.unpinned_at(at, f)
    }

    /// Runs a whole cycle and returns after its sweep. A safepoint.
    #[track_caller]
    pub fn collect(&mut self) {
        let shared = self.inner.shared_ptr();
        // A collector that shuts down is no fault of the caller's.
        // SAFETY: COLL-1 — `blocked` holds the collector.
        let _ = self.blocked(|| unsafe { shared.as_ref() }.collect());
    }

    fn park(&mut self) {
        let words = words(&mut self.stack, &self.inner);
        self.inner.shared().stacks.park(self.id, words);
    }

    fn unpark(&mut self) {
        let mode = self.inner.ctx().order.get().mode();
        self.inner.shared().stacks.unpark(self.id, mode);
    }
}

impl<S: Stack> Drop for Mutator<S> {
    /// Its stack is gone with it.
    fn drop(&mut self) {
        self.inner.shared().stacks.forget(self.id);
    }
}

impl<S: Stack> core::fmt::Debug for Mutator<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "foreign::Mutator({}, {:?})", self.id, self.inner)
    }
}

fn words<S: Stack>(stack: &mut S, guard: &crate::Mutator) -> Words {
    let mut words = Words::default();
    stack.scan(&mut Visitor { words: &mut words, range: guard.range().with_barrier(false) });
    words
}

/// The native stack of the thread or goroutine, from the place where it is read up to a base, and the registers that calls
/// preserve: all conservatively. For frames of Rust, C or a compiler of yours, without a map.
///
/// An object is kept if an address in it lies in one of these words, as such. Code must not keep it in disguise (tagged,
/// compressed) only.
#[derive(Debug)]
pub struct NativeStack<'frame> {
    base: *const usize,
    /// It does not leave the call in which its base is a frame.
    frame: PhantomData<&'frame ()>,
}

impl NativeStack<'_> {
    /// Calls `f` with a stack that ends at the frame of this call: what `f` and its callees have is read.
    #[inline(never)]
    pub fn below<R>(f: impl for<'frame> FnOnce(NativeStack<'frame>) -> R) -> R {
        let base = [0usize; 1];
        let base_at = core::hint::black_box(base.as_ptr());
        let result = f(NativeStack { base: base_at, frame: PhantomData });
        core::hint::black_box(&base);
        result
    }
}

// SAFETY: STACK-MAP — every word between the innermost frame and the base is shown, and so are the registers that callees
// preserve; the others are in the frames by the rules of calls.
unsafe impl Stack for NativeStack<'_> {
    fn scan(&mut self, v: &mut Visitor<'_>) {
        let base = self.base;
        with_registers(&mut |from| {
            // SAFETY: STACK-MAP — the own stack from a live frame to an older one: readable, and nobody else writes there.
            unsafe { v.conservative_range(from, base) };
        });
    }
}

/// Calls `f` with the address of a copy of the preserved registers, the lowest word that counts.
#[inline(never)]
fn with_registers(f: &mut dyn FnMut(*const usize)) {
    let mut registers = [0usize; 12];
    #[cfg(target_arch = "x86_64")]
    // SAFETY: STACK-MAP — stores six registers into the array; nothing else changes.
    unsafe {
        core::arch::asm!(
            "mov [{at}], rbx", "mov [{at} + 8], rbp", "mov [{at} + 16], r12",
            "mov [{at} + 24], r13", "mov [{at} + 32], r14", "mov [{at} + 40], r15",
            at = in(reg) registers.as_mut_ptr(), options(nostack, preserves_flags),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: STACK-MAP — stores eleven registers into the array; nothing else changes.
    unsafe {
        core::arch::asm!(
            "stp x19, x20, [{at}]", "stp x21, x22, [{at}, #16]", "stp x23, x24, [{at}, #32]",
            "stp x25, x26, [{at}, #48]", "stp x27, x28, [{at}, #64]", "str x29, [{at}, #80]",
            at = in(reg) registers.as_mut_ptr(), options(nostack, preserves_flags),
        );
    }
    let from = core::hint::black_box(&mut registers).as_ptr();
    f(from);
    core::hint::black_box(&registers);
}
