//! Enums: the pointer words depend on the variant.

use gort_gc::{Field, Root, Trace};

/// A tree.
#[derive(Trace)]
pub enum Tree {
    /// Nothing.
    Nil,
    Leaf(u64, u64, u64),
    Fork { left: Field<Tree>, key: String, right: Field<Tree> },
    Wrapped(Inner, Field<Tree>),
}

#[derive(Trace)]
pub enum Inner {
    Number(u64),
    Tree(Field<Tree>),
}

#[derive(Trace)]
struct Holder<T> {
    before: u32,
    inner: Inner,
    pair: (u8, u8),
    value: T,
}

fn sum(t: &Tree) -> u64 {
    match t {
        Tree::Nil => 0,
        Tree::Leaf(a, b, c) => a + b + c,
        Tree::Fork { left, key, right } => {
            [left, right].iter().filter_map(|f| f.load()).map(|t| sum(t.get())).sum::<u64>()
                + key.len() as u64
        }
        Tree::Wrapped(inner, next) => {
            next.load().map_or(0, |t| sum(t.get()))
                + match inner {
                    Inner::Number(n) => *n,
                    Inner::Tree(t) => t.load().map_or(0, |t| sum(t.get())),
                }
        }
    }
}

fn main() {
    let mut mu = gort_gc::pin();
    let big = u64::MAX / 8;
    let leaf = mu.alloc(TreeInit::Leaf(big, 1, 2));
    let nil = mu.alloc(TreeInit::Nil);
    let fork =
        mu.alloc(TreeInit::Fork { left: Some(leaf), key: "fork".into(), right: Some(nil) });
    let wrapped = mu.alloc(TreeInit::Wrapped(InnerInit::Tree(Some(fork)), None));
    let number = mu.alloc(TreeInit::Wrapped(InnerInit::Number(big), Some(wrapped)));
    let holder = mu.alloc(HolderInit {
        before: 1,
        inner: InnerInit::Tree(Some(number)),
        pair: (2, 3),
        value: TreeInit::Wrapped(InnerInit::Number(5), Some(fork)),
    });
    let holder = Root::new(&mu, holder);
    for _ in 0..3 {
        mu.collect();
        for i in 0..10_000 {
            mu.alloc(TreeInit::Leaf(i, i, i));
            mu.alloc(TreeInit::Fork { left: None, key: "x".repeat(30), right: None });
        }
        let holder = holder.get(&mu);
        let Inner::Tree(tree) = &holder.inner else { panic!() };
        assert_eq!(sum(tree.load().unwrap().get()), 2 * big + 3 + 4);
        assert_eq!(sum(&holder.value), 5 + big + 3 + 4);
        assert_eq!((holder.before, holder.pair), (1, (2, 3)));
    }
}
