//! `#[derive(Leaf)]`.
//!
//! The promise stands in an unsafe impl; the proof is a function that is never called and compiles only if
//! every member is `Leaf`. It is no `where` clause on the impl, because a type that contains itself (through
//! a `Box`) would then have to prove its own bound first.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, GenericParam, Type, parse_quote};

use crate::path;

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let gc = path::gc(&input.attrs)?;
    let name = &input.ident;
    let mut generics = input.generics.clone();
    for param in &mut generics.params {
        match param {
            GenericParam::Type(t) => {
                t.default = None;
                t.bounds.push(parse_quote!(#gc::Leaf));
            }
            GenericParam::Const(c) => c.default = None,
            GenericParam::Lifetime(l) => {
                return Err(syn::Error::new(
                    l.span(),
                    "a type in the collected heap cannot borrow: it must be `'static`",
                ));
            }
        }
    }
    let (params, args, clause) = generics.split_for_impl();
    let proofs = member_types(&input.data)
        .map(|ty| quote_spanned!(ty.span()=> #gc::__private::must_be_leaf::<#ty>();));
    Ok(quote! {
        #[doc(hidden)]
        const _: () = {
            // SAFETY: MACRO-4: `every_member_is_leaf` below compiles.
            #[automatically_derived]
            unsafe impl #params #gc::Leaf for #name #args #clause {}
            #[allow(dead_code, reason = "it is a proof, not a function to call")]
            fn every_member_is_leaf #params () #clause { #(#proofs)* }
        };
    })
}

fn member_types(data: &Data) -> Box<dyn Iterator<Item = &Type> + '_> {
    match data {
        Data::Struct(data) => Box::new(data.fields.iter().map(|field| &field.ty)),
        Data::Enum(data) => {
            Box::new(data.variants.iter().flat_map(|v| v.fields.iter().map(|field| &field.ty)))
        }
        Data::Union(data) => Box::new(data.fields.named.iter().map(|field| &field.ty)),
    }
}
