//! Futures on goroutines: [`block_on`], [`go_async`], and a goroutine's handle as a future.

use crate::g::G;
use crate::park::WaitReason;
use crate::parker::Parker;
use crate::thread::Inner;
use crate::{JoinHandle, join};
use core::future::Future;
use core::pin::{Pin, pin};
use core::sync::atomic::Ordering::SeqCst;
use core::sync::atomic::fence;
use core::task::{Context, Poll};
use std::sync::Arc;
use std::task::Wake;

struct Signal(Parker);

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future on the calling goroutine (or thread), which waits between the wakes.
///
/// ```
/// let n = gort_sched::testing::run(1, || {
///     gort_sched::block_on(async { gort_sched::go(|| 7).await.unwrap() })
/// });
/// assert_eq!(n, 7);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let signal = Arc::new(Signal(Parker::new()));
    let waker = Arc::clone(&signal).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        signal.0.park(WaitReason::Future, None);
    }
}

/// Makes a goroutine that runs a future to its end, such as an `async` block: [`go`](crate::go) of
/// [`block_on`]. Between the wakes the goroutine waits; dropping the handle lets it run on by itself.
///
/// ```
/// use gort_sched::{block_on, go_async};
///
/// let n = gort_sched::testing::run(2, || {
///     let parts: Vec<_> = (1..=3).map(|n| go_async(async move { n * n })).collect();
///     block_on(async {
///         let mut sum = 0;
///         for part in parts {
///             sum += part.await.unwrap();
///         }
///         sum
///     })
/// });
/// assert_eq!(n, 14);
/// ```
///
/// # Panics
/// As [`go`](crate::go).
#[track_caller]
pub fn go_async<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    crate::go(move || block_on(future))
}

/// Resolves to what [`JoinHandle::join`] returns.
///
/// # Panics
/// If it is polled again after that.
impl<T> Future for JoinHandle<T> {
    type Output = join::Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if !this.is_finished() {
            this.thread().inner().set_waker(context.waker().clone());
            // ORDER: SeqCst — the waker before the look; pairs with `wake_future`.
            fence(SeqCst);
            if !this.is_finished() {
                return Poll::Pending;
            }
        }
        match this.take_result() {
            Some(result) => Poll::Ready(result),
            None => panic!("a JoinHandle was polled after it had resolved"),
        }
    }
}

/// A goroutine's result is there: wakes the future that waits for it, if any.
#[inline]
pub(crate) fn wake_future(g: &G) {
    // ORDER: SeqCst — the result before the look; pairs with `poll`.
    // (The exchange that published it is one already on the machines we know.)
    let inner: *const Inner = g.inner.load(SeqCst);
    // SAFETY: THREAD-1 — the record keeps its count until it is used again, and its goroutine is
    // still on it.
    if let Some(waker) = unsafe { inner.as_ref() }.and_then(Inner::take_waker) {
        waker.wake();
    }
}
