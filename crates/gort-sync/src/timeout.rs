//! [`timeout`]: an answer in time, or none.

use crate::bounded;
use crate::context::{Cancel, Context};
use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::panic::{self, AssertUnwindSafe};

/// The time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("deadline has elapsed")
    }
}

impl Error for Elapsed {}

/// Runs `f` on a goroutine of its own and returns its result, if it comes within `limit`.
///
/// If it does not, the context that `f` was given has ended. `f` runs on until it looks at it: nothing
/// is torn away from under it, and its result is dropped. If the caller panics or is shut down meanwhile,
/// the context ends too.
///
/// ```
/// # gort_sched::testing::run(1, || {
/// use gort_sync::{never, select, timeout};
/// use std::time::Duration;
///
/// assert_eq!(timeout(Duration::from_secs(10), |_| 6 * 7), Ok(42));
/// let late = timeout(Duration::from_millis(1), |context| {
///     select! {
///         recv(never::<u32>()) -> n => n.ok(),
///         recv(context.done()) -> _ => None,
///     }
/// });
/// assert_eq!(late.unwrap_err().to_string(), "deadline has elapsed");
/// # });
/// ```
///
/// # Errors
/// If the time runs out.
///
/// # Panics
/// If `f` does; and as [`gort_sched::go`].
pub fn timeout<F, T>(limit: Duration, f: F) -> Result<T, Elapsed>
where
    F: FnOnce(&Context) -> T + Send + 'static,
    T: Send + 'static,
{
    struct End(Cancel);
    impl Drop for End {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }
    let (context, cancel) = Context::background().with_timeout(limit);
    let _end = End(cancel);
    let (sender, receiver) = bounded(1);
    drop(gort_sched::go(move || {
        let result = panic::catch_unwind(AssertUnwindSafe(|| f(&context)));
        // The caller may have gone.
        let _ = sender.send(result);
    }));
    match receiver.recv_timeout(limit) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(payload)) => panic::resume_unwind(payload),
        Err(_) => Err(Elapsed(())),
    }
}
