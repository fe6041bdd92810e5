//! [`across!`](crate::across).

/// Carries handles across code that needs the guard for itself: roots them, runs the code, and shadows them
/// by fresh handles.
///
/// ```
/// use gort_gc::{Trace, across};
///
/// #[derive(Trace)]
/// struct Word(String);
///
/// let mut mu = gort_gc::pin();
/// let word = mu.alloc(WordInit("stays".into()));
/// across!(mu, [word] => mu.safepoint());
/// assert_eq!(word.0, "stays");
/// across!(mu, [word] => let n = mu.unpinned(|| 2));
/// assert_eq!((n, word.0.len()), (2, 5));
/// ```
#[macro_export]
macro_rules! across {
    ($mu:ident, [$($handle:ident),* $(,)?] => let $result:pat = $code:expr) => {
        $(let $handle = $crate::Root::new(&$mu, $handle);)*
        let $result = $code;
        $(let $handle = { let root = $handle; root.get(&$mu) };)*
    };
    ($mu:ident, [$($handle:ident),* $(,)?] => $code:expr) => {
        $crate::across!($mu, [$($handle),*] => let () = $code)
    };
}
