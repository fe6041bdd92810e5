//! Waiting for whichever of several operations is possible first.
//!
//! `case` is one operation, `engine` chooses, `operation` completes; `dynamic` and `macros` are
//! the two ways to ask.

mod case;
mod dynamic;
mod engine;
mod landing;
mod macros;
mod operation;

pub use dynamic::Select;
pub use operation::SelectedOperation;

/// What the macros expand to; not for use by hand.
#[doc(hidden)]
pub mod macro_support {
    pub use super::case::Case;
    use super::dynamic::choose;
    use super::engine::Limit;
    use super::operation::SelectedOperation;
    use core::time::Duration;

    /// Waits until an operation is possible.
    #[inline]
    pub fn select<'a>(cases: &[Case<'a>], biased: bool) -> SelectedOperation<'a> {
        choose(cases, biased, Limit::Never, |at| at)
            .unwrap_or_else(|| unreachable!("no limit, no end"))
    }

    /// Does not wait.
    #[inline]
    pub fn try_select<'a>(cases: &[Case<'a>], biased: bool) -> Option<SelectedOperation<'a>> {
        choose(cases, biased, Limit::Now, |at| at)
    }

    /// Waits for at most `timeout`.
    #[inline]
    pub fn select_timeout<'a>(
        cases: &[Case<'a>],
        timeout: Duration,
        biased: bool,
    ) -> Option<SelectedOperation<'a>> {
        choose(cases, biased, Limit::after(timeout), |at| at)
    }
}
