//! Every kind of member, tuple structs, unit structs, generics.

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};

use gort_gc::{Field, GcSlice, Leaf, Root, Trace};

/// Documented.
#[derive(Trace)]
pub struct Mixed {
    pub name: String,
    /// A field.
    pub next: Field<Mixed>,
    pub hits: AtomicU32,
    pub many: [Field<Mixed>; 3],
    pub slice: Field<GcSlice<Mixed>>,
    pub shared: Arc<Mutex<Vec<u8>>>,
    pub pair: Pair<u64, Mixed>,
    pub kind: Kind,
    pub up: Option<Root<Mixed>>,
}

#[derive(Trace)]
pub struct Pair<A, B: Send>(pub A, pub Field<B>)
where
    A: Send;

#[derive(Trace)]
struct Unit;

#[derive(Trace)]
struct Numbers<const N: usize> {
    all: [u32; N],
    next: Field<Numbers<N>>,
}

#[derive(Leaf, Debug, PartialEq)]
pub enum Kind {
    Plain,
    Named { name: String, inner: Option<Box<Kind>> },
}

impl Drop for Kind {
    fn drop(&mut self) {}
}

fn main() {
    let mu = gort_gc::pin();
    let first = mu.alloc(MixedInit {
        name: "first".into(),
        next: None,
        hits: AtomicU32::new(0),
        many: [None; 3],
        slice: Some(mu.alloc_slice(10).unwrap()),
        shared: Arc::default(),
        pair: PairInit(7, None),
        kind: Kind::Named { name: "kind".into(), inner: Some(Box::new(Kind::Plain)) },
        up: None,
    });
    first.many[1].store(&mu, Some(first));
    first.pair.1.store(&mu, first.many[1].load());
    first.slice.load().unwrap()[9].store(&mu, Some(first));
    assert!(first.pair.1.load().unwrap().ptr_eq(first));
    mu.alloc(UnitInit { _mu: std::marker::PhantomData });
    let numbers = mu.alloc(NumbersInit::<4> { all: [1, 2, 3, 4], next: None });
    assert_eq!(numbers.all.iter().sum::<u32>(), 10);
    assert_eq!(*mu.alloc(String::from("a leaf")), "a leaf");
}
