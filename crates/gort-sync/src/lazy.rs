//! [`LazyLock`], std's value that is made when it is first needed.

use crate::Once;
use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::panic::{RefUnwindSafe, UnwindSafe};

/// A value that is made by the first who needs it, while others wait.
///
/// ```
/// use gort_sync::LazyLock;
///
/// static SQUARES: LazyLock<Vec<u32>> = LazyLock::new(|| (0..4).map(|n| n * n).collect());
/// assert_eq!(SQUARES[3], 9);
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    once: Once,
    state: UnsafeCell<State<T, F>>,
}

enum State<T, F> {
    /// Not made yet.
    Recipe(F),
    Value(T),
    /// It is being made, or making it has panicked.
    Neither,
}

// SAFETY: ONCE-1 — the state is changed by the one run (or one who borrows it alone), and shared only
// afterwards. The recipe is used by whichever thread comes first, hence `F: Send`.
unsafe impl<T: Send + Sync, F: Send> Sync for LazyLock<T, F> {}
impl<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// A value that `f` will make.
    pub const fn new(f: F) -> Self {
        Self { once: Once::new(), state: UnsafeCell::new(State::Recipe(f)) }
    }

    /// The value, made now if it was not; waits while another task makes it.
    ///
    /// # Panics
    /// If making it panics, or has panicked.
    #[inline]
    pub fn force(this: &Self) -> &T {
        this.once.call_once_force(|once| {
            if once.is_poisoned() {
                panic_poisoned();
            }
            // SAFETY: ONCE-1 — the one run; nobody has a reference before it ends.
            make(unsafe { &mut *this.state.get() });
        });
        match Self::get(this) {
            Some(value) => value,
            None => panic_poisoned(),
        }
    }

    /// The value, made now if it was not.
    ///
    /// # Panics
    /// If making it panics, or has panicked.
    pub fn force_mut(this: &mut Self) -> &mut T {
        if matches!(this.state.get_mut(), State::Recipe(_)) {
            // Completed, or poisoned: as others will find it.
            let state = &this.state;
            this.once.call_once_force(|_| {
                // SAFETY: ONCE-1 — the one run, and `this` is borrowed alone.
                make(unsafe { &mut *state.get() });
            });
        }
        match this.state.get_mut() {
            State::Value(value) => value,
            _ => panic_poisoned(),
        }
    }
}

impl<T, F> LazyLock<T, F> {
    /// The value, if it was made.
    #[inline]
    pub fn get(this: &Self) -> Option<&T> {
        if !this.once.is_completed() {
            return None;
        }
        // SAFETY: ONCE-1 — completed: written, and not written again while it is shared.
        match unsafe { &*this.state.get() } {
            State::Value(value) => Some(value),
            _ => None,
        }
    }

    /// The value, if it was made.
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        match this.state.get_mut() {
            State::Value(value) => Some(value),
            _ => None,
        }
    }
}

fn make<T, F: FnOnce() -> T>(state: &mut State<T, F>) {
    if let State::Recipe(f) = core::mem::replace(state, State::Neither) {
        *state = State::Value(f());
    }
}

#[cold]
#[inline(never)]
fn panic_poisoned() -> ! {
    panic!("LazyLock instance has previously been poisoned")
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

impl<T, F: FnOnce() -> T> DerefMut for LazyLock<T, F> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        Self::force_mut(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_tuple("LazyLock");
        match Self::get(self) {
            Some(value) => out.field(value),
            None => out.field(&format_args!("<uninit>")),
        };
        out.finish()
    }
}
