//! `#[derive(Trace)]`.
//!
//! For `struct Node { key: u64, left: Field<Node> }` it makes, with `gc` for the path of `gort-gc`:
//! ```text
//! struct NodeInit<'mu> { key: <u64 as gc::Trace>::Init<'mu>, left: <Field<Node> as gc::Trace>::Init<'mu> }
//! const _: () = {
//!     trait MustNotImplementDrop {}  impl<T: Drop + ?Sized> .. for T {}  impl .. for Node {}     // MACRO-3
//!     unsafe impl gc::Trace for Node { type Init<'mu> = NodeInit<'mu>; const MAP = ..; }        // MACRO-1
//!     unsafe impl<'mu> gc::Init<'mu> for NodeInit<'mu> { type Target = Node; visit; write }     // MACRO-2
//! };
//! ```
//! Every member goes through the trait of its own type, so the macro need not recognise `Field` by its
//! name, and a type alias works. A member that is neither `Field` nor `Leaf` fails where its type
//! stands in the struct.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, GenericParam, Generics, Lifetime, Member, parse_quote};

use crate::path;

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = struct_fields(input)?;
    let gc = path::gc(&input.attrs)?;
    let init = format_ident!("{}Init", input.ident);
    let with_bounds = bounded(&input.generics, &gc)?;
    let with_mu = with_lifetime(&with_bounds);

    let structure = init_struct(input, fields, &init, &with_mu, &gc);
    let no_drop = no_drop(input, &with_bounds);
    let trace = trace_impl(input, fields, &init, &with_bounds, &with_mu, &gc);
    let init_impl = init_impl(input, fields, &init, &with_bounds, &with_mu, &gc);
    Ok(quote! {
        #structure
        #[doc(hidden)]
        const _: () = { #no_drop #trace #init_impl };
    })
}

fn struct_fields(input: &DeriveInput) -> syn::Result<&Fields> {
    match &input.data {
        Data::Struct(data) => Ok(&data.fields),
        Data::Enum(_) => Err(syn::Error::new(
            input.ident.span(),
            "`Trace` cannot be derived for an enum yet: if no variant holds a `Field`, derive `Leaf`; \
             else make each variant a struct of its own and keep a `Field` to it",
        )),
        Data::Union(_) => Err(syn::Error::new(
            input.ident.span(),
            "`Trace` cannot be derived for a union: which member is valid is not known to the collector",
        )),
    }
}

/// The type's generics, with `Trace` for each type parameter. A lifetime parameter is an error here,
/// because the compiler's own ("does not live long enough", in generated code) would puzzle.
fn bounded(generics: &Generics, gc: &TokenStream) -> syn::Result<Generics> {
    let mut out = generics.clone();
    for param in &mut out.params {
        match param {
            GenericParam::Type(t) => {
                t.default = None;
                t.bounds.push(parse_quote!(#gc::Trace));
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
    Ok(out)
}

fn with_lifetime(generics: &Generics) -> Generics {
    let mut out = generics.clone();
    let mu = Lifetime::new("'mu", proc_macro2::Span::mixed_site());
    out.params.insert(0, parse_quote!(#mu));
    out
}

fn init_struct(
    input: &DeriveInput,
    fields: &Fields,
    init: &syn::Ident,
    with_mu: &Generics,
    gc: &TokenStream,
) -> TokenStream {
    let vis = &input.vis;
    let mu = &with_mu.lifetimes().next().expect("with_lifetime puts it first").lifetime;
    let members = fields.iter().map(|field| {
        let (vis, ty) = (&field.vis, &field.ty);
        let docs =
            field.attrs.iter().filter(|a| a.path().is_ident("doc") || a.path().is_ident("cfg"));
        let name = field.ident.as_ref().map(|name| quote!(#name:));
        quote_spanned!(ty.span()=> #(#docs)* #vis #name <#ty as #gc::Trace>::Init<#mu>)
    });
    let (params, _, clause) = with_mu.split_for_impl();
    // An initialiser without a member must still use its lifetime.
    let body = match fields {
        Fields::Named(_) => quote!(#clause { #(#members),* }),
        Fields::Unnamed(_) => quote!(( #(#members),* ) #clause;),
        Fields::Unit => quote!(#clause { _mu: ::core::marker::PhantomData<&#mu ()> }),
    };
    let doc = format!(" What a new [`{}`] holds: pass it to `Mutator::alloc`.", input.ident);
    quote! {
        #[doc = #doc]
        #[allow(missing_debug_implementations, missing_docs, reason = "made by a derive")]
        #vis struct #init #params #body
    }
}

/// MACRO-3: the second impl overlaps with the first exactly when the type has a `Drop`.
fn no_drop(input: &DeriveInput, with_bounds: &Generics) -> TokenStream {
    let name = &input.ident;
    let (params, args, clause) = with_bounds.split_for_impl();
    quote_spanned! {name.span()=>
        #[allow(dead_code, reason = "only its impls matter")]
        trait MustNotImplementDrop {}
        #[allow(drop_bounds, reason = "the bound is the point")]
        impl<T: ::core::ops::Drop + ?::core::marker::Sized> MustNotImplementDrop for T {}
        impl #params MustNotImplementDrop for #name #args #clause {}
    }
}

fn trace_impl(
    input: &DeriveInput,
    fields: &Fields,
    init: &syn::Ident,
    with_bounds: &Generics,
    with_mu: &Generics,
    gc: &TokenStream,
) -> TokenStream {
    let name = &input.ident;
    let (params, args, clause) = with_bounds.split_for_impl();
    let (_, init_args, _) = with_mu.split_for_impl();
    let mu = &with_mu.lifetimes().next().expect("with_lifetime puts it first").lifetime;
    let parts = members(fields).map(|(member, ty)| {
        quote!(.with(::core::mem::offset_of!(#name #args, #member), &<#ty as #gc::Trace>::MAP))
    });
    quote! {
        // SAFETY: MACRO-1: each member's own map, at the member's offset; MACRO-3: no `Drop`.
        #[automatically_derived]
        unsafe impl #params #gc::Trace for #name #args #clause {
            type Init<#mu> = #init #init_args;
            const MAP: #gc::PointerMap = #gc::PointerMap::NONE #(#parts)*;
        }
    }
}

fn init_impl(
    input: &DeriveInput,
    fields: &Fields,
    init: &syn::Ident,
    with_bounds: &Generics,
    with_mu: &Generics,
    gc: &TokenStream,
) -> TokenStream {
    let name = &input.ident;
    let (_, target_args, _) = with_bounds.split_for_impl();
    let (params, args, clause) = with_mu.split_for_impl();
    let mu = &with_mu.lifetimes().next().expect("with_lifetime puts it first").lifetime;
    let visits = members(fields).map(|(member, _)| quote!(#gc::Init::visit(&self.#member, ptrs);));
    let writes = members(fields).map(|(member, _)| {
        quote! {
            // SAFETY: MACRO-2: the member lies inside `dst`, which the caller gave for writing.
            unsafe { #gc::Init::write(self.#member, &raw mut (*dst).#member) };
        }
    });
    quote! {
        // SAFETY: MACRO-2: `visit` shows the pointers of every member and `write` writes each once.
        #[automatically_derived]
        unsafe impl #params #gc::Init<#mu> for #init #args #clause {
            type Target = #name #target_args;
            #[inline(always)]
            #[allow(unused_variables, reason = "a struct may have no member")]
            fn visit(&self, ptrs: &mut #gc::Pointers) { #(#visits)* }
            #[inline(always)]
            #[allow(unused_variables, reason = "a struct may have no member")]
            unsafe fn write(self, dst: *mut Self::Target) { #(#writes)* }
        }
    }
}

/// Each member's name (or number) and type.
fn members(fields: &Fields) -> impl Iterator<Item = (Member, &syn::Type)> {
    fields.members().zip(fields.iter().map(|field| &field.ty))
}
