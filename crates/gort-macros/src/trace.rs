//! `#[derive(Trace)]`.
//!
//! For `struct Node { key: u64, left: Field<Node> }` it makes, with `gc` for the path of `gort-gc`:
//! ```text
//! struct NodeInit<'mu> { key: <u64 as gc::Trace>::Init<'mu>, left: <Field<Node> as gc::Trace>::Init<'mu> }
//! const _: () = {
//!     trait MustNotImplementDrop {}  impl<T: Drop + ?Sized> .. for T {}  impl .. for Node {}     // MACRO-3
//!     unsafe impl gc::Trace for Node { type Init<'mu> = NodeInit<'mu>; MAP; VARIES; record }    // MACRO-1
//!     unsafe impl<'mu> gc::Init<'mu> for NodeInit<'mu> { type Target = Node; visit; build }     // MACRO-2
//! };
//! ```
//! Every member goes through the trait of its own type, so the macro need not recognise `Field` by its
//! name, and a type alias works. A member that is neither `Field` nor `Leaf` fails where its type
//! stands in the struct.
//!
//! An enum `Tree` gets an enum `TreeInit<'mu>` with the same variants. Which words of it are pointers depends on the
//! variant, so there is no constant map: `record` matches on the value, once, when the object is made.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Field, Fields, GenericParam, Generics, Ident, Lifetime, Type,
    parse_quote,
};

use crate::path;

/// What all parts of the expansion are made from.
struct Source<'a> {
    input: &'a DeriveInput,
    /// The path of `gort-gc`.
    gc: TokenStream,
    /// `NameInit`.
    init: Ident,
    /// The type's generics with their bounds, and the same with `'mu` before them.
    generics: Generics,
    init_generics: Generics,
    /// A struct is one variant without a name.
    variants: Vec<Variant<'a>>,
}

struct Variant<'a> {
    name: Option<&'a Ident>,
    attrs: &'a [Attribute],
    fields: &'a Fields,
}

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let gc = path::gc(&input.attrs)?;
    let generics = bounded(&input.generics, &gc)?;
    let source = Source {
        input,
        init: format_ident!("{}Init", input.ident),
        init_generics: with_lifetime(&generics),
        generics,
        variants: variants(input)?,
        gc,
    };
    let (init, no_drop) = (source.init_type(), source.no_drop());
    let (trace_impl, init_impl) = (source.trace_impl(), source.init_impl());
    Ok(quote! {
        #init
        #[doc(hidden)]
        const _: () = { #no_drop #trace_impl #init_impl };
    })
}

fn variants(input: &DeriveInput) -> syn::Result<Vec<Variant<'_>>> {
    match &input.data {
        Data::Struct(data) => Ok(vec![Variant { name: None, attrs: &[], fields: &data.fields }]),
        Data::Enum(data) if data.variants.iter().all(|v| v.fields.is_empty()) => {
            Err(syn::Error::new(
                input.ident.span(),
                "an enum without members needs no `Trace` of its own: derive `Leaf`",
            ))
        }
        Data::Enum(data) => Ok(data
            .variants
            .iter()
            .map(|v| Variant { name: Some(&v.ident), attrs: &v.attrs, fields: &v.fields })
            .collect()),
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
    let mu = mu();
    out.params.insert(0, parse_quote!(#mu));
    out
}

fn mu() -> Lifetime {
    Lifetime::new("'mu", proc_macro2::Span::mixed_site())
}

impl Source<'_> {
    /// The type of a member's initialiser.
    fn member(&self, field: &Field) -> TokenStream {
        let (gc, mu, ty, name) = (&self.gc, mu(), &field.ty, &field.ident);
        let docs = documentation(&field.attrs);
        let name = name.as_ref().map(|name| quote!(#name:));
        let vis = &field.vis;
        quote_spanned!(ty.span()=> #(#docs)* #vis #name <#ty as #gc::Trace>::Init<#mu>)
    }

    /// `NameInit<'mu>`: the same shape, the members' own initialisers.
    fn init_type(&self) -> TokenStream {
        let (vis, init, mu) = (&self.input.vis, &self.init, mu());
        let (params, _, clause) = self.init_generics.split_for_impl();
        let members = |fields: &Fields| {
            let members = fields.iter().map(|field| self.member(field));
            quote!(#(#members),*)
        };
        let body = match &self.input.data {
            Data::Struct(data) => {
                let inside = members(&data.fields);
                match &data.fields {
                    Fields::Named(_) => quote!(#clause { #inside }),
                    Fields::Unnamed(_) => quote!(( #inside ) #clause;),
                    // An initialiser without a member must still use its lifetime.
                    Fields::Unit => {
                        quote!(#clause { _mu: ::core::marker::PhantomData<&#mu ()> })
                    }
                }
            }
            _ => {
                let all = self.variants.iter().map(|v| {
                    let (name, inside) = (v.name, members(v.fields));
                    let docs = documentation(v.attrs);
                    let inside = match v.fields {
                        Fields::Named(_) => quote!({ #inside }),
                        Fields::Unnamed(_) => quote!(( #inside )),
                        Fields::Unit => quote!(),
                    };
                    quote!(#(#docs)* #name #inside)
                });
                quote!(#clause { #(#all),* })
            }
        };
        let kind =
            if matches!(self.input.data, Data::Struct(_)) { quote!(struct) } else { quote!(enum) };
        let doc =
            format!(" What a new [`{}`] holds: pass it to `Mutator::alloc`.", self.input.ident);
        quote! {
            #[doc = #doc]
            #[allow(missing_debug_implementations, missing_docs, reason = "made by a derive")]
            #vis #kind #init #params #body
        }
    }

    /// MACRO-3: the second impl overlaps with the first exactly when the type has a `Drop`.
    fn no_drop(&self) -> TokenStream {
        let name = &self.input.ident;
        let (params, args, clause) = self.generics.split_for_impl();
        quote_spanned! {name.span()=>
            #[allow(dead_code, reason = "only its impls matter")]
            trait MustNotImplementDrop {}
            #[allow(drop_bounds, reason = "the bound is the point")]
            impl<T: ::core::ops::Drop + ?::core::marker::Sized> MustNotImplementDrop for T {}
            impl #params MustNotImplementDrop for #name #args #clause {}
        }
    }

    fn trace_impl(&self) -> TokenStream {
        let (gc, name, init, mu) = (&self.gc, &self.input.ident, &self.init, mu());
        let (params, args, clause) = self.generics.split_for_impl();
        let (_, init_args, _) = self.init_generics.split_for_impl();
        let is_enum = !matches!(self.input.data, Data::Struct(_));
        let types: Vec<&Type> =
            self.variants.iter().flat_map(|v| v.fields).map(|f| &f.ty).collect();
        let parts = self.variants.iter().filter(|_| !is_enum).flat_map(|v| {
            v.fields.members().zip(v.fields).map(|(member, field)| {
                let ty = &field.ty;
                quote!(.with(::core::mem::offset_of!(#name #args, #member), &<#ty as #gc::Trace>::MAP))
            })
        });
        let varies = types.iter().map(|ty| {
            let own = is_enum.then(|| quote!(|| !<#ty as #gc::Trace>::MAP.is_none()));
            quote!(|| <#ty as #gc::Trace>::VARIES #own)
        });
        let arms = self.variants.iter().map(|v| {
            let (pattern, bound) = self.pattern(name, v);
            quote! { #pattern => { #(
                #gc::Trace::record(#bound, map, offset + #gc::__private::distance(self, #bound));
            )* } }
        });
        quote! {
            // SAFETY: MACRO-1: each member's own map, at the member's offset; MACRO-3: no `Drop`.
            #[automatically_derived]
            unsafe impl #params #gc::Trace for #name #args #clause {
                type Init<#mu> = #init #init_args;
                const MAP: #gc::PointerMap = #gc::PointerMap::NONE #(#parts)*;
                const VARIES: bool = false #(#varies)*;
                #[allow(unused_variables, reason = "there may be no member")]
                fn record(&self, map: &mut #gc::PointerMap, offset: usize) {
                    match self { #(#arms)* }
                }
            }
        }
    }

    fn init_impl(&self) -> TokenStream {
        let (gc, name, init, mu) = (&self.gc, &self.input.ident, &self.init, mu());
        let (_, target_args, _) = self.generics.split_for_impl();
        let (params, args, clause) = self.init_generics.split_for_impl();
        let visits = self.variants.iter().map(|v| {
            let (pattern, bound) = self.pattern(init, v);
            quote!(#pattern => { #(#gc::Init::visit(#bound, ptrs);)* })
        });
        let builds = self.variants.iter().map(|v| {
            let (pattern, bound) = self.pattern(init, v);
            let member = v.fields.members();
            let variant = v.name.map(|variant| quote!(::#variant));
            quote! {
                #pattern => #name #variant {
                    // SAFETY: MACRO-2: the member goes where the whole value goes.
                    #(#member: unsafe { #gc::Init::build(#bound) }),*
                }
            }
        });
        quote! {
            // SAFETY: MACRO-2: `visit` shows the pointers of every member that `build` builds.
            #[automatically_derived]
            unsafe impl #params #gc::Init<#mu> for #init #args #clause {
                type Target = #name #target_args;
                #[inline(always)]
                #[allow(unused_variables, reason = "there may be no member")]
                fn visit(&self, ptrs: &mut #gc::Pointers) {
                    match self { #(#visits)* }
                }
                #[inline(always)]
                unsafe fn build(self) -> Self::Target {
                    match self { #(#builds),* }
                }
            }
        }
    }

    /// A pattern for a variant of `of` that binds all members, and the names that it binds. The form with braces
    /// serves tuples and units as well.
    fn pattern(&self, of: &Ident, v: &Variant<'_>) -> (TokenStream, Vec<Ident>) {
        let bound: Vec<Ident> = (0..v.fields.len()).map(|i| format_ident!("member_{i}")).collect();
        let member = v.fields.members();
        let variant = v.name.map(|variant| quote!(::#variant));
        (quote!(#of #variant { #(#member: #bound,)* .. }), bound)
    }
}

fn documentation(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs.iter().filter(|a| a.path().is_ident("doc") || a.path().is_ident("cfg"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    proptest! {
        /// Whatever a struct is made of, the expansion is Rust, and its initialiser has one member for
        /// each of the struct's.
        #[test]
        fn the_initialiser_has_every_member(kinds in proptest::collection::vec(0..4u8, 0..12)) {
            let mut text = String::from("#[trace(crate = gort_gc)] struct Thing {");
            for (i, kind) in kinds.iter().enumerate() {
                let ty = match kind {
                    0 => "Field<Thing>",
                    1 => "[Field<Thing>; 3]",
                    2 => "String",
                    _ => "std::sync::atomic::AtomicU32",
                };
                let _ = write!(text, "m{i}: {ty},");
            }
            text.push('}');
            let input: DeriveInput = syn::parse_str(&text).expect("a struct");
            let file: syn::File =
                syn::parse2(expand(&input).expect("it can be traced")).expect("the expansion is Rust");
            let init = file.items.iter().find_map(|item| match item {
                syn::Item::Struct(s) if s.ident == "ThingInit" => Some(s),
                _ => None,
            });
            let members: Vec<String> = init
                .expect("an initialiser")
                .fields
                .iter()
                .filter_map(|f| f.ident.as_ref().map(ToString::to_string))
                .filter(|name| name.starts_with('m'))
                .collect();
            let want: Vec<String> = (0..kinds.len()).map(|i| format!("m{i}")).collect();
            prop_assert_eq!(members, want);
        }
    }
}
