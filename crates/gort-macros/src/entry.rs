//! `#[gort::main]` and `#[gort::test]`.
//!
//! Both keep the user's function as an inner function and put a caller round it:
//! ```text
//! fn main() -> impl Termination { fn main() -> R { .. }  ::gort::__private::main(migrate, main) }
//! #[test] fn name() -> R        { fn name() -> R { .. }  ::gort::__private::test(migrate, seed, explore, name) }
//! ```
//! with `main<R: Termination>(migrate: bool, f: fn() -> R) -> impl Termination` and
//! `test<R: Termination + Send>(migrate: bool, seed: Option<u64>, explore: Option<u64>, f: fn() -> R) -> R`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Ident, ItemFn, LitInt, Path, Signature, Token};

use crate::path;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Main,
    Test,
}

pub(crate) fn expand(kind: Kind, args: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let options = Options::parse(kind, args)?;
    let ItemFn { attrs, vis, sig, block } = syn::parse2(item).map_err(|e| {
        Error::new(e.span(), format!("{} goes on a function: {e}", kind.attribute()))
    })?;
    check(kind, &sig)?;
    let (name, output) = (&sig.ident, &sig.output);
    let (migrate, gort) = (options.migrate, path::facade(options.facade));
    Ok(match kind {
        Kind::Main => quote! {
            #(#attrs)*
            #vis fn #name() -> impl ::std::process::Termination {
                fn #name() #output #block
                #gort::__private::main(#migrate, #name)
            }
        },
        Kind::Test => {
            let number = |n: Option<u64>| match n {
                Some(n) => quote!(::core::option::Option::Some(#n)),
                None => quote!(::core::option::Option::None),
            };
            let (seed, explore) = (number(options.seed), number(options.explore));
            quote! {
                #[::core::prelude::v1::test]
                #(#attrs)*
                #vis fn #name() #output {
                    fn #name() #output #block
                    #gort::__private::test(#migrate, #seed, #explore, #name)
                }
            }
        }
    })
}

impl Kind {
    fn attribute(self) -> &'static str {
        match self {
            Kind::Main => "`#[gort::main]`",
            Kind::Test => "`#[gort::test]`",
        }
    }

    fn options(self) -> &'static str {
        match self {
            Kind::Main => "`unsafe(migrate)` and `crate = path`",
            Kind::Test => {
                "`unsafe(migrate)`, `seed = NUMBER`, `explore = SCHEDULES` and `crate = path`"
            }
        }
    }
}

/// Refuses what cannot run as a goroutine's body.
fn check(kind: Kind, sig: &Signature) -> syn::Result<()> {
    let refuse = |span, why: &str| Err(Error::new(span, format!("{} {why}", kind.attribute())));
    if let Some(token) = &sig.asyncness {
        return refuse(
            token.span(),
            "does not take an `async fn`: a goroutine just blocks; remove `async` (and run a future with `gort::block_on`)",
        );
    }
    if !sig.inputs.is_empty() {
        return refuse(
            sig.inputs.span(),
            "takes a function without arguments (see `std::env::args`)",
        );
    }
    if !sig.generics.params.is_empty() {
        return refuse(sig.generics.span(), "takes a function without type parameters");
    }
    if let Some(token) = &sig.unsafety {
        return refuse(token.span(), "takes a safe function");
    }
    if let Some(token) = &sig.constness {
        return refuse(token.span(), "does not take a `const fn`");
    }
    if let Some(abi) = &sig.abi {
        return refuse(abi.span(), "takes an ordinary Rust function");
    }
    if kind == Kind::Main && sig.ident != "main" {
        return refuse(sig.ident.span(), "goes on `fn main`");
    }
    Ok(())
}

#[derive(Default)]
struct Options {
    migrate: bool,
    seed: Option<u64>,
    explore: Option<u64>,
    facade: Option<Path>,
}

/// One option of the attribute, as written.
enum Choice {
    Migrate,
    Seed(u64, proc_macro2::Span),
    Explore(u64, proc_macro2::Span),
    Facade(Path),
}

impl Options {
    fn parse(kind: Kind, args: TokenStream) -> syn::Result<Self> {
        let choices =
            Punctuated::<Choice, Token![,]>::parse_terminated.parse2(args).map_err(|e| {
                Error::new(e.span(), format!("{e}; the options are {}", kind.options()))
            })?;
        let mut options = Options::default();
        for choice in choices {
            match choice {
                Choice::Migrate => options.migrate = true,
                Choice::Seed(_, span) if kind == Kind::Main => {
                    return Err(Error::new(span, "`seed` is an option of `#[gort::test]` only"));
                }
                Choice::Explore(_, span) if kind == Kind::Main => {
                    return Err(Error::new(span, "`explore` is an option of `#[gort::test]` only"));
                }
                Choice::Seed(seed, _) => options.seed = Some(seed),
                Choice::Explore(schedules, _) => options.explore = Some(schedules),
                Choice::Facade(path) => options.facade = Some(path),
            }
        }
        Ok(options)
    }
}

impl Parse for Choice {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Token![unsafe]) {
            input.parse::<Token![unsafe]>()?;
            let inner;
            syn::parenthesized!(inner in input);
            let what: Ident = inner.parse()?;
            return if what == "migrate" && inner.is_empty() {
                Ok(Choice::Migrate)
            } else {
                Err(Error::new(what.span(), "`unsafe(..)` holds `migrate` and nothing else"))
            };
        }
        if input.peek(Token![crate]) {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            return Ok(Choice::Facade(input.call(Path::parse_mod_style)?));
        }
        let name: Ident = input.parse()?;
        if name == "seed" {
            input.parse::<Token![=]>()?;
            return Ok(Choice::Seed(input.parse::<LitInt>()?.base10_parse()?, name.span()));
        }
        if name == "explore" {
            input.parse::<Token![=]>()?;
            return Ok(Choice::Explore(input.parse::<LitInt>()?.base10_parse()?, name.span()));
        }
        if name == "migrate" {
            return Err(Error::new(
                name.span(),
                "`migrate` is a promise about thread-locals that nobody can check: write `unsafe(migrate)`",
            ));
        }
        Err(Error::new(name.span(), format!("unknown option `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message of the refusal, or the expansion.
    fn run(kind: Kind, args: &str, item: &str) -> String {
        match expand(kind, args.parse().unwrap(), item.parse().unwrap()) {
            Ok(tokens) => tokens.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn accepted_forms() {
        for (kind, args, item, holds) in [
            (Kind::Main, "", "fn main() {}", "main (false , main)"),
            (Kind::Main, "unsafe(migrate)", "fn main() -> u8 { 1 }", "main (true , main)"),
            (Kind::Main, "crate = a::b", "fn main() {}", "a :: b :: __private"),
            (Kind::Test, "", "fn t() {}", "Option :: None , t)"),
            (Kind::Test, "explore = 50", "fn t() {}", "Some (50u64) , t)"),
            (Kind::Test, "seed = 7", "#[ignore] fn t() {}", "Some (7u64) , :: core"),
            (Kind::Test, "unsafe(migrate), seed = 1,", "fn t() {}", "test (true"),
        ] {
            let out = run(kind, args, item);
            assert!(out.contains(holds), "{args} {item}: {out}");
        }
    }

    #[test]
    fn refused_forms() {
        for (kind, args, item, says) in [
            (Kind::Main, "", "async fn main() {}", "remove `async`"),
            (Kind::Main, "", "fn main(x: u8) {}", "without arguments"),
            (Kind::Main, "", "fn other() {}", "goes on `fn main`"),
            (Kind::Main, "", "struct S;", "goes on a function"),
            (Kind::Main, "seed = 1", "fn main() {}", "of `#[gort::test]` only"),
            (Kind::Main, "explore = 1", "fn main() {}", "of `#[gort::test]` only"),
            (Kind::Main, "migrate", "fn main() {}", "write `unsafe(migrate)`"),
            (Kind::Main, "unsafe(other)", "fn main() {}", "and nothing else"),
            (Kind::Main, "flavor", "fn main() {}", "unknown option `flavor`; the options are"),
            (Kind::Test, "seed = x", "fn t() {}", "the options are"),
            (Kind::Test, "", "fn t<T>() {}", "type parameters"),
            (Kind::Test, "", "unsafe fn t() {}", "safe function"),
        ] {
            let out = run(kind, args, item);
            assert!(out.starts_with("error: ") && out.contains(says), "{args} {item}: {out}");
        }
    }
}
