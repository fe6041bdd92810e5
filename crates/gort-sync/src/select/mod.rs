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
    use super::engine::Limit;
    pub use super::operation::SelectedOperation;
    use core::time::Duration;

    /// Waits until an operation is possible, and chooses it.
    #[inline]
    pub fn select<'a>(oper: &mut SelectedOperation<'a>, cases: &[Case<'a>], biased: bool) {
        let chosen = oper.choose(cases, biased, Limit::Never);
        debug_assert!(chosen, "no limit, no end");
    }

    /// Does not wait; `false`: none is possible.
    #[inline]
    pub fn try_select<'a>(
        oper: &mut SelectedOperation<'a>,
        cases: &[Case<'a>],
        biased: bool,
    ) -> bool {
        oper.choose(cases, biased, Limit::Now)
    }

    /// Waits for at most `timeout`; `false`: none became possible.
    #[inline]
    pub fn select_timeout<'a>(
        oper: &mut SelectedOperation<'a>,
        cases: &[Case<'a>],
        timeout: Duration,
        biased: bool,
    ) -> bool {
        oper.choose(cases, biased, Limit::after(timeout))
    }
}
