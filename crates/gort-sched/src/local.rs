//! Values that each goroutine has for itself: `goroutine_local!` and [`LocalKey`].
//!
//! On a plain thread the same key gives that thread's own value. Values are made at first use
//! and dropped when the goroutine ends, the last made first.

use crate::g::G;
use crate::m::M;
use core::any::Any;
use core::cell::{Cell, RefCell};
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// The values of one goroutine, in the order in which they were made.
#[derive(Default)]
pub struct Locals {
    values: Vec<(usize, Rc<dyn Any>)>,
}

impl fmt::Debug for Locals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locals({})", self.values.len())
    }
}

/// The key of a value that every goroutine has for itself; made by `goroutine_local!`.
pub struct LocalKey<T: 'static> {
    init: fn() -> T,
}

impl<T> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalKey")
    }
}

/// The goroutine (or thread) has dropped its values already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessError;

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the goroutine has already dropped its local values")
    }
}

impl std::error::Error for AccessError {}

std::thread_local! {
    static OF_THREAD: RefCell<Locals> = RefCell::new(Locals::default());
}

fn current_g() -> *const G {
    // SAFETY: M-OWN — a non-null word is this thread's M.
    unsafe { M::current().as_ref() }.map_or(core::ptr::null(), |m| m.cur.get().cast_const())
}

/// Runs `f` on the values of the calling goroutine or thread. `f` must not park.
#[inline(never)]
fn with_locals<R>(f: impl FnOnce(&mut Locals) -> R) -> Result<R, AccessError> {
    let g = current_g();
    // SAFETY: G-OWN — the goroutine that runs is the caller.
    if let Some(g) = unsafe { g.as_ref() } {
        let mut locals = g.locals.take().unwrap_or_default();
        let result = f(&mut locals);
        g.locals.set(Some(locals));
        return Ok(result);
    }
    OF_THREAD.try_with(|l| f(&mut l.borrow_mut())).map_err(|_| AccessError)
}

impl<T: 'static> LocalKey<T> {
    /// For `goroutine_local!`.
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> Self {
        Self { init }
    }

    /// Runs `f` on the caller's value, which is made if this is the first use.
    ///
    /// # Panics
    /// If the thread's values were dropped already (its last moments).
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(e) => panic!("{e}"),
        }
    }

    /// As [`with`](Self::with), with an error instead of the panic.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let key = core::ptr::from_ref(self) as usize;
        let found = with_locals(|l| l.values.iter().find(|v| v.0 == key).map(|v| Rc::clone(&v.1)))?;
        let value = match found {
            Some(value) => value,
            None => {
                // The initialiser may use other keys, or park: no borrow is held.
                let value: Rc<dyn Any> = Rc::new((self.init)());
                with_locals(|l| match l.values.iter().find(|v| v.0 == key) {
                    Some(v) => Rc::clone(&v.1),
                    None => {
                        l.values.push((key, Rc::clone(&value)));
                        value
                    }
                })?
            }
        };
        match value.downcast_ref::<T>() {
            Some(value) => Ok(f(value)),
            None => Err(AccessError),
        }
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the caller's value.
    pub fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }

    /// The caller's value.
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Takes the caller's value and leaves the default.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// Puts a value in and returns the one before.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

/// Declares values that each goroutine has for itself, as `std::thread_local!` does for threads.
///
/// ```
/// use std::cell::Cell;
/// gort_sched::goroutine_local! { static DEPTH: Cell<u32> = Cell::new(0); }
/// DEPTH.set(3);
/// assert_eq!(DEPTH.get(), 3);
/// ```
#[macro_export]
macro_rules! goroutine_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr; $($rest:tt)*) => {
        $crate::goroutine_local! { $(#[$attr])* $vis static $name: $t = $init }
        $crate::goroutine_local! { $($rest)* }
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr) => {
        $(#[$attr])* $vis static $name: $crate::local::LocalKey<$t> = {
            fn init() -> $t { $init }
            $crate::local::LocalKey::new(init)
        };
    };
}

/// Drops the values of a goroutine that ends, the last made first. A destructor that makes new
/// values has them dropped as well; one that panics is passed over.
pub(crate) fn drop_all(g: &G) {
    while let Some(mut locals) = g.locals.take() {
        while let Some((_, value)) = locals.values.pop() {
            let _ = catch_unwind(AssertUnwindSafe(move || drop(value)));
        }
    }
}
