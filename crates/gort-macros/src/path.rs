//! Where the items that an expansion names are found.
//!
//! A user may depend on the facade `gort` only, on `gort-gc` only, on both, or on either under another
//! name. Cargo tells a macro the folder of the package that is compiled; `proc-macro-crate` reads
//! its `Cargo.toml`. An attribute `crate = path` overrules the search: macros that expand to a derive need
//! that, because the package that is compiled may know neither crate.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Ident, Path, Token};

/// The module that holds `gort-gc`'s public items: the attribute's path, `::gort_gc`, or `::gort::gc`.
pub(crate) fn gc(attrs: &[Attribute]) -> syn::Result<TokenStream> {
    if let Some(path) = trace_attribute(attrs)? {
        return Ok(path.into_token_stream());
    }
    if let Some(name) = dependency("gort-gc") {
        return Ok(quote!(::#name));
    }
    match dependency("gort") {
        Some(name) => Ok(quote!(::#name::gc)),
        // Neither is there: the compiler's message about the missing crate is the best one.
        None => Ok(quote!(::gort_gc)),
    }
}

/// The facade crate: `given`, or what `Cargo.toml` calls it, or `::gort`.
pub(crate) fn facade(given: Option<Path>) -> TokenStream {
    match (given, dependency("gort")) {
        (Some(path), _) => path.into_token_stream(),
        (None, Some(name)) => quote!(::#name),
        (None, None) => quote!(::gort),
    }
}

/// How the package that is compiled calls `package`. Inside the package itself its own name serves: its
/// tests and examples see it as an ordinary crate, and the library says `extern crate self as ..`.
fn dependency(package: &str) -> Option<Ident> {
    let name = match crate_name(package).ok()? {
        FoundCrate::Itself => package.replace('-', "_"),
        FoundCrate::Name(name) => name,
    };
    Some(Ident::new(&name, Span::call_site()))
}

/// The path of `#[trace(crate = path)]`, if there is one.
fn trace_attribute(attrs: &[Attribute]) -> syn::Result<Option<Path>> {
    let mut found = None;
    for attr in attrs.iter().filter(|a| a.path().is_ident("trace")) {
        attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unknown option: the only one is `crate = path`"));
            }
            meta.input.parse::<Token![=]>()?;
            found = Some(meta.input.call(Path::parse_mod_style)?);
            Ok(())
        })?;
    }
    Ok(found)
}
