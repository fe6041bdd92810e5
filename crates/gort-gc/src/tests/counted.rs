//! What the scripted tests allocate: nodes of a chain whose deaths are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Field, Leaf, Trace};

#[derive(Leaf)]
pub(super) struct Counted(pub(super) Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Trace)]
pub(super) struct Node {
    pub(super) next: Field<Node>,
    pub(super) counted: Counted,
}
