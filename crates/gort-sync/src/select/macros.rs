//! [`select!`](crate::select) and [`select_biased!`](crate::select_biased).
//!
//! `__select!` works in four steps: `@arm` reads the arms one by one into a list; `@bind` borrows
//! each handle, in a `match` so that what the handle's expression makes lives as long as the
//! arms; `@run` asks the engine; `@pick` is a chain of `if`s that finds the arm.

/// Waits until one of several operations is possible, does it, and runs its arm.
///
/// If several are possible, one of them is chosen at random. An operation that fails because its
/// channel is disconnected is possible.
///
/// - `recv(r) -> pattern => arm`: receives from `r`; the pattern gets the `Result`.
/// - `send(s, message) -> pattern => arm`: sends into `s`. The message is made after this
///   operation has been chosen.
/// - `readable(d) -> pattern => arm`, `writable(d) -> pattern => arm`: the socket or other descriptor `d`
///   can be read, or written to; the pattern gets an [`io::Result<()>`](std::io::Result). Nothing is taken
///   from it: the arm reads, or writes.
/// - `default => arm`: if nothing is possible now.
/// - `default(timeout) => arm`: if nothing becomes possible in time.
///
/// ```
/// use gort_sync::{bounded, select};
///
/// let (s, r) = bounded(1);
/// for _ in 0..2 {
///     select! {
///         recv(r) -> msg => assert_eq!(msg, Ok("one")),
///         send(s, "one") -> sent => assert!(sent.is_ok()),
///     }
/// }
/// let got = select! {
///     recv(r) -> msg => msg.ok(),
///     default => None,
/// };
/// assert_eq!(got, None);
/// ```
#[macro_export]
macro_rules! select {
    ($($arms:tt)*) => { $crate::__select!(@arm false [] [] $($arms)*) };
}

/// Like [`select!`](crate::select), but of several possible operations the first is chosen.
///
/// ```
/// use gort_sync::{select_biased, unbounded};
///
/// let ((s1, r1), (s2, r2)) = (unbounded(), unbounded());
/// s1.send(1).unwrap();
/// s2.send(2).unwrap();
/// let first = select_biased! {
///     recv(r1) -> msg => msg,
///     recv(r2) -> msg => msg,
/// };
/// assert_eq!(first, Ok(1));
/// ```
#[macro_export]
macro_rules! select_biased {
    ($($arms:tt)*) => { $crate::__select!(@arm true [] [] $($arms)*) };
}

/// The workings of `select!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // Reading: the arm's body ends at a comma, or at the end, or is a block.
    (@arm $b:tt [] []) => {
        ::core::compile_error!("`select!` needs an operation or a `default`")
    };
    (@arm $b:tt [$($ops:tt)*] $default:tt) => {
        $crate::__select!(@bind $b [] [$($ops)*] $default)
    };
    (@arm $b:tt $ops:tt $default:tt , $($rest:tt)*) => {
        $crate::__select!(@arm $b $ops $default $($rest)*)
    };
    (@arm $b:tt $ops:tt [] default $(())? => $body:expr, $($rest:tt)*) => {
        $crate::__select!(@arm $b $ops [now $body] $($rest)*)
    };
    (@arm $b:tt $ops:tt [] default $(())? => $body:expr) => {
        $crate::__select!(@arm $b $ops [now $body])
    };
    (@arm $b:tt $ops:tt [] default $(())? => $body:block $($rest:tt)*) => {
        $crate::__select!(@arm $b $ops [now $body] $($rest)*)
    };
    (@arm $b:tt $ops:tt [] default($after:expr $(,)?) => $body:expr, $($rest:tt)*) => {
        $crate::__select!(@arm $b $ops [after $after, $body] $($rest)*)
    };
    (@arm $b:tt $ops:tt [] default($after:expr $(,)?) => $body:expr) => {
        $crate::__select!(@arm $b $ops [after $after, $body])
    };
    (@arm $b:tt $ops:tt [] default($after:expr $(,)?) => $body:block $($rest:tt)*) => {
        $crate::__select!(@arm $b $ops [after $after, $body] $($rest)*)
    };
    (@arm $b:tt $ops:tt [$($default:tt)+] default $($rest:tt)*) => {
        ::core::compile_error!("`select!` has two `default` arms")
    };
    (@arm $b:tt [$($ops:tt)*] $default:tt
        $op:ident $args:tt -> $res:pat => $body:expr, $($rest:tt)*) => {
        $crate::__select!(@arm $b [$($ops)* {$op $args ($res) $body}] $default $($rest)*)
    };
    (@arm $b:tt [$($ops:tt)*] $default:tt
        $op:ident $args:tt -> $res:pat => $body:expr) => {
        $crate::__select!(@arm $b [$($ops)* {$op $args ($res) $body}] $default)
    };
    (@arm $b:tt [$($ops:tt)*] $default:tt
        $op:ident $args:tt -> $res:pat => $body:block $($rest:tt)*) => {
        $crate::__select!(@arm $b [$($ops)* {$op $args ($res) $body}] $default $($rest)*)
    };
    (@arm $b:tt $ops:tt $default:tt $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "expected `recv(r) -> pattern => arm`, `send(s, message) -> pattern => arm`, ",
            "`default => arm` or `default(timeout) => arm`, found `",
            ::core::stringify!($($rest)*),
            "`",
        ))
    };

    // Borrowing. Each step's `h` is a name of its own.
    (@bind $b:tt $done:tt [] $default:tt) => {
        $crate::__select!(@run $b $done $default)
    };
    (@bind $b:tt [$($done:tt)*]
        [{recv ($r:expr $(,)?) $res:tt $body:tt} $($todo:tt)*] $default:tt) => {
        match &$r {
            h => {
                let h: &$crate::Receiver<_> = h;
                $crate::__select!(@bind $b
                    [$($done)* {recv h () $res $body}] [$($todo)*] $default)
            }
        }
    };
    (@bind $b:tt [$($done:tt)*]
        [{send ($s:expr, $m:expr $(,)?) $res:tt $body:tt} $($todo:tt)*] $default:tt) => {
        match &$s {
            h => {
                let h: &$crate::Sender<_> = h;
                $crate::__select!(@bind $b
                    [$($done)* {send h ($m) $res $body}] [$($todo)*] $default)
            }
        }
    };
    (@bind $b:tt [$($done:tt)*]
        [{readable ($d:expr $(,)?) $res:tt $body:tt} $($todo:tt)*] $default:tt) => {
        match &$d {
            h => $crate::__select!(@bind $b
                [$($done)* {readable h () $res $body}] [$($todo)*] $default)
        }
    };
    (@bind $b:tt [$($done:tt)*]
        [{writable ($d:expr $(,)?) $res:tt $body:tt} $($todo:tt)*] $default:tt) => {
        match &$d {
            h => $crate::__select!(@bind $b
                [$($done)* {writable h () $res $body}] [$($todo)*] $default)
        }
    };
    (@bind $b:tt $done:tt [{$op:ident $args:tt $res:tt $body:tt} $($todo:tt)*] $default:tt) => {
        ::core::compile_error!(::core::concat!(
            "expected `recv(r)`, `send(s, message)`, `readable(d)` or `writable(d)`, found `",
            ::core::stringify!($op $args),
            "`",
        ))
    };

    // Asking. The operation stays where it is: what it wins may lie in it.
    (@run $b:tt [$({$op:ident $h:ident $m:tt $res:tt $body:tt})*] []) => {{
        let cases: &[$crate::macro_support::Case<'_>] =
            &[$($crate::macro_support::Case::$op($h)),*];
        let mut oper = $crate::macro_support::SelectedOperation::for_cases(cases);
        $crate::macro_support::select(&mut oper, cases, $b);
        $crate::__select!(@pick oper (0usize) $({$op $h $m $res $body})*)
    }};
    (@run $b:tt [$({$op:ident $h:ident $m:tt $res:tt $body:tt})*] [now $default:expr]) => {{
        let cases: &[$crate::macro_support::Case<'_>] =
            &[$($crate::macro_support::Case::$op($h)),*];
        let mut oper = $crate::macro_support::SelectedOperation::for_cases(cases);
        if $crate::macro_support::try_select(&mut oper, cases, $b) {
            $crate::__select!(@pick oper (0usize) $({$op $h $m $res $body})*)
        } else {
            // In a `match`, so that braces around the arm are not superfluous.
            match ::core::mem::drop(oper) {
                () => $default,
            }
        }
    }};
    (@run $b:tt [$({$op:ident $h:ident $m:tt $res:tt $body:tt})*]
        [after $after:expr, $default:expr]) => {{
        let cases: &[$crate::macro_support::Case<'_>] =
            &[$($crate::macro_support::Case::$op($h)),*];
        let mut oper = $crate::macro_support::SelectedOperation::for_cases(cases);
        if $crate::macro_support::select_timeout(&mut oper, cases, $after, $b) {
            $crate::__select!(@pick oper (0usize) $({$op $h $m $res $body})*)
        } else {
            // In a `match`, so that braces around the arm are not superfluous.
            match ::core::mem::drop(oper) {
                () => $default,
            }
        }
    }};

    // Finding the arm.
    (@pick $oper:ident $n:tt) => {
        ::core::unreachable!("select chose operation {}", $oper.index())
    };
    (@pick $oper:ident ($n:expr) {recv $h:ident () ($res:pat) $body:tt} $($rest:tt)*) => {
        if $oper.index() == $n {
            let result = $oper.recv($h);
            let $res = result;
            $body
        } else {
            $crate::__select!(@pick $oper ($n + 1usize) $($rest)*)
        }
    };
    (@pick $oper:ident ($n:expr) {readable $h:ident () ($res:pat) $body:tt} $($rest:tt)*) => {
        $crate::__select!(@pick $oper ($n) {writable $h () ($res) $body} $($rest)*)
    };
    (@pick $oper:ident ($n:expr) {writable $h:ident () ($res:pat) $body:tt} $($rest:tt)*) => {
        if $oper.index() == $n {
            let result = $oper.ready($h);
            let $res = result;
            $body
        } else {
            $crate::__select!(@pick $oper ($n + 1usize) $($rest)*)
        }
    };
    (@pick $oper:ident ($n:expr) {send $h:ident ($m:expr) ($res:pat) $body:tt} $($rest:tt)*) => {
        if $oper.index() == $n {
            let result = $oper.send($h, $m);
            let $res = result;
            $body
        } else {
            $crate::__select!(@pick $oper ($n + 1usize) $($rest)*)
        }
    };
}
