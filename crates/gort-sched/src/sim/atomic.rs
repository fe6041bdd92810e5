//! Atomics whose every access is a [`point`](super::point), under the names of `core`.
//!
//! A program that synchronises by atomics of its own takes them from here when it is tested: the
//! simulator then explores the order of its accesses. One processor sees them in one order, so
//! what weak memory could do is not explored. Outside of a simulation they are `core`'s, and cost one
//! test more.

use core::sync::atomic;

pub use atomic::{Ordering, compiler_fence, fence};

/// Lets others run: what a loop that waits for an atomic must do in a simulation.
pub fn spin_loop() {
    if super::is_simulated() {
        crate::thread::yield_now();
    } else {
        core::hint::spin_loop();
    }
}

macro_rules! access {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $t:ty),*) -> $out:ty;)*) => {
        $($(#[$doc])* #[inline] pub fn $name(&self, $($arg: $t),*) -> $out {
            super::at("atomic");
            self.0.$name($($arg),*)
        })*
    };
}

macro_rules! atomic {
    ($name:ident, $t:ty, [$($gen:ident)?], $new:expr) => {
        /// As `core`'s type of the same name.
        #[derive(Debug, Default)]
        #[repr(transparent)]
        pub struct $name$(<$gen>)?(atomic::$name$(<$gen>)?);

        impl$(<$gen>)? $name$(<$gen>)? {
            /// Holds `value`.
            pub const fn new(value: $t) -> Self {
                Self(atomic::$name::new(value))
            }

            /// Reaches the value without a point: nobody else can.
            pub fn get_mut(&mut self) -> &mut $t {
                self.0.get_mut()
            }

            /// The value.
            pub fn into_inner(self) -> $t {
                self.0.into_inner()
            }

            access! {
                /// Reads.
                load(order: Ordering) -> $t;
                /// Writes.
                store(value: $t, order: Ordering) -> ();
                /// Writes and returns what stood there.
                swap(value: $t, order: Ordering) -> $t;
                /// Writes `new` if `old` stands there.
                ///
                /// # Errors
                /// What stands there instead.
                compare_exchange(old: $t, new: $t, success: Ordering, failure: Ordering)
                    -> Result<$t, $t>;
            }

            /// As [`compare_exchange`](Self::compare_exchange): here it does not fail in vain.
            ///
            /// # Errors
            /// As [`compare_exchange`](Self::compare_exchange).
            #[inline]
            pub fn compare_exchange_weak(
                &self,
                old: $t,
                new: $t,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$t, $t> {
                self.compare_exchange(old, new, success, failure)
            }

            /// Writes what `f` makes of the value, unless it makes nothing.
            ///
            /// # Errors
            /// The value, of which `f` made nothing.
            pub fn fetch_update(
                &self,
                success: Ordering,
                failure: Ordering,
                mut f: impl FnMut($t) -> Option<$t>,
            ) -> Result<$t, $t> {
                let mut now = self.load(failure);
                while let Some(new) = f(now) {
                    match self.compare_exchange(now, new, success, failure) {
                        Ok(old) => return Ok(old),
                        Err(seen) => now = seen,
                    }
                }
                Err(now)
            }
        }
    };
}

macro_rules! integer {
    ($name:ident, $t:ty) => {
        atomic!($name, $t, [], 0);
        impl $name {
            access! {
                /// Adds, wrapping, and returns what stood there.
                fetch_add(value: $t, order: Ordering) -> $t;
                /// Subtracts, wrapping, and returns what stood there.
                fetch_sub(value: $t, order: Ordering) -> $t;
                /// Keeps the common bits and returns what stood there.
                fetch_and(value: $t, order: Ordering) -> $t;
                /// Sets bits and returns what stood there.
                fetch_or(value: $t, order: Ordering) -> $t;
            }
        }
    };
}

integer!(AtomicU8, u8);
integer!(AtomicU32, u32);
integer!(AtomicI32, i32);
integer!(AtomicU64, u64);
integer!(AtomicI64, i64);
integer!(AtomicUsize, usize);
integer!(AtomicIsize, isize);
atomic!(AtomicBool, bool, [], false);
atomic!(AtomicPtr, *mut T, [T], core::ptr::null_mut());

impl AtomicBool {
    access! {
        /// Sets if `value`, and returns what stood there.
        fetch_or(value: bool, order: Ordering) -> bool;
        /// Clears unless `value`, and returns what stood there.
        fetch_and(value: bool, order: Ordering) -> bool;
    }
}
