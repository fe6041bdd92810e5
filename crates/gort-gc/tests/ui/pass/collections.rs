//! Collections, trait objects, texts, weak names, root cells and cleanups used together.
use gort_gc::{Array, ArrayInit, Gc, GcBox, GcMap, GcStr, GcVec, Field, Maybe, MaybeInit, Mutator, Root, RootCell, Trace, Weak};

trait Animal: Send + Sync {
    fn name(&self) -> &str;
}

#[derive(Trace)]
struct Dog {
    name: Field<GcStr>,
}

impl Animal for Dog {
    fn name(&self) -> &str {
        self.name.load().map_or("", Gc::text)
    }
}

#[derive(Trace)]
struct Zoo {
    rows: GcVec<Cage>,
    by_name: GcMap<String, Cage>,
    first: Maybe<Cage>,
    pair: Array<Cage, 2>,
}

#[derive(Trace)]
struct Cage {
    animal: GcBox<dyn Animal>,
}

static ZOO: RootCell<Zoo> = RootCell::new();

fn cage<'mu>(mu: &'mu Mutator, name: &str) -> CageInit<'mu> {
    let dog = mu.alloc(DogInit { name: Some(mu.alloc_str(name).unwrap()) });
    CageInit { animal: dog.coerce(|dog| dog as &dyn Animal) }
}

fn main() {
    let mut mu = gort_gc::pin();
    let zoo = mu.alloc(ZooInit {
        rows: GcVec::init(),
        by_name: GcMap::init(),
        first: MaybeInit::Some(cage(&mu, "first")),
        pair: ArrayInit([cage(&mu, "left"), cage(&mu, "right")]),
    });
    ZOO.set(&mu, Some(zoo));
    for name in ["rex", "fido"] {
        let cage = mu.alloc(cage(&mu, name));
        zoo.rows.push(&mu, cage);
        zoo.by_name.insert(&mu, name.into(), cage);
    }
    let weak = Weak::new(&mu, zoo.rows.get(1).unwrap());
    let root = Root::new(&mu, zoo.rows.get(0).unwrap());
    mu.collect();
    let zoo = ZOO.get(&mu).unwrap().get();
    assert_eq!(zoo.first.as_ref().unwrap().animal.name(), "first");
    assert_eq!(zoo.pair[1].animal.name(), "right");
    assert!(zoo.by_name.get("fido").unwrap().ptr_eq(weak.get(&mu).unwrap()));
    assert_eq!(root.get(&mu).animal.name(), "rex");
    mu.add_cleanup(root.get(&mu), root.downgrade(&mu), |weak| drop(weak));
    ZOO.set(&mu, None);
    drop(root);
    mu.collect();
    assert!(weak.get(&mu).is_none());
}
