//! The derive and attribute macros of gort.
//!
//! | macro | makes |
//! |---|---|
//! | [`Trace`](macro@Trace) | a type that can live in the collected heap, and its `NameInit<'mu>` |
//! | [`Leaf`](macro@Leaf) | the promise that a type holds no `Field`, checked member by member |
//! | [`main`](macro@main) | a `fn main` that boots the runtime and runs its body as the first goroutine |
//! | [`test`](macro@test) | a `#[test]` whose body runs as a goroutine |
//!
//! Programs import these through `gort` or `gort_gc`; the expansions name items of those crates and
//! work whichever of the two the program depends on, also under another name.
//!
//! ```ignore
//! use gort_gc::{Field, Trace};
//!
//! #[derive(Trace)]
//! struct Node { key: u64, left: Field<Node>, right: Field<Node> }
//! // ... which also made: struct NodeInit<'mu> { key: u64, left: Option<Gc<'mu, Node>>, right: .. }
//! ```
//! (Not a doc test: a macro crate cannot depend on the crates that its output names. `gort-gc` has
//! the tests, including the programs that must not compile.)
//!
//! # Does not know
//! How a collector or a scheduler works. The expansions call a fixed set of public items:
//! `Trace`, `Init`, `Leaf`, `Pointers`, `PointerMap` of `gort-gc`, and `__private::{main, test}` of
//! `gort`.
//!
//! # Invariants
//! - MACRO-1 A derived `PointerMap` is the union of the members' maps at their true offsets
//!   (`offset_of!`; for enums `record` takes the distance), so it lists every `Field` of the object and nothing else.
//! - MACRO-2 A derived `Init::visit` shows the pointers of every member, and `build` builds every member, without
//!   user code in between.
//! - MACRO-3 A type with a derived `Trace` has no `Drop` of its own: both together do not compile.
//! - MACRO-4 A derived `Leaf` compiles only if every member is `Leaf`.
//!
//! # Locks
//! None.
//!
//! # Read in this order
//! `trace` → `leaf` → `entry` → `path`

mod entry;
mod leaf;
mod path;
mod trace;

use proc_macro::TokenStream;

/// Makes a struct or an enum traceable, so that it can live in the collected heap.
///
/// Members may be `Field<T>`, arrays of fields, other `Trace` types by value, and anything that is
/// `Leaf` (all types that hold no pointer into the collected heap).
///
/// Beside the trait the macro makes the initialiser `NameInit<'mu>`: the same members with the same
/// visibility, in which `Field<T>` has become `Option<Gc<'mu, T>>`. Pass it to `Mutator::alloc`. The
/// struct itself can be built only with null fields, because a pointer outside the heap would not be
/// seen by the collector. For a tuple struct the initialiser is a tuple struct as well.
///
/// * A type parameter gets the bound `Trace`.
/// * The type must not implement `Drop` (its members that are `Leaf` may): when an object dies, the
///   objects that its fields name may be gone already.
/// * An object never changes its variant after `alloc`. A mutable sum is a `Field` that names one object or
///   another.
///
/// `#[trace(crate = path)]` says where the items of `gort-gc` are; by default the macro looks into the
/// program's `Cargo.toml` for `gort-gc`, then for `gort` (as `gort::gc`).
#[proc_macro_derive(Trace, attributes(trace))]
pub fn derive_trace(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    trace::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Declares that a type holds no pointer into the collected heap, which is checked: every member of the
/// struct, or of each variant of the enum, must be `Leaf`. A type parameter gets the bound `Leaf`.
///
/// A `Leaf` type may implement `Drop`: the glue runs some time after the object died, on a thread of
/// the collector.
///
/// `#[trace(crate = path)]` as for [`Trace`](macro@Trace).
#[proc_macro_derive(Leaf, attributes(trace))]
pub fn derive_leaf(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    leaf::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Boots the runtime and runs `fn main` as its first goroutine; the process ends with it.
///
/// The function takes no argument and returns anything that an ordinary `main` may return.
/// `#[gort::main(unsafe(migrate))]` lets goroutines move between threads: the program promises that
/// nothing keeps the address of a thread-local across a blocking call. `crate = path` names the
/// facade crate if it cannot be found in `Cargo.toml`.
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(entry::Kind::Main, args.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes a `#[test]` whose body runs as a goroutine of a runtime of its own.
///
/// Options: `unsafe(migrate)` as for [`main`](macro@main); `seed = 7` runs the test in the simulator
/// with that seed; `explore = 1000` with so many seeds, from `seed` or 0 on; `crate = path`. Other attributes (`#[ignore]`, `#[should_panic]`) work as usual.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(entry::Kind::Test, args.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
