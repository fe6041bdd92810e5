//! The heap as this program's allocator: four threads against a model.
//!
//! The only test of its program: `check` asks that no other thread allocates meanwhile.

use gort_heap::GortAlloc;
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout};
use std::collections::HashMap;
use std::sync::mpsc;
use std::thread;

#[global_allocator]
static ALLOCATOR: GortAlloc = GortAlloc::new();

/// A live block: what the model knows of it.
#[derive(Debug, Clone, Copy)]
struct Block {
    address: usize,
    layout: Layout,
    stamp: u8,
}

impl Block {
    fn new(size: usize, align: usize, stamp: u8, zeroed: bool) -> Self {
        let layout = Layout::from_size_align(size, align).expect("a layout");
        // SAFETY: GLOBAL-3 — the size is not 0.
        let p = unsafe {
            if zeroed { ALLOCATOR.alloc_zeroed(layout) } else { ALLOCATOR.alloc(layout) }
        };
        assert!(!p.is_null() && p.addr().is_multiple_of(align), "{p:p} for {layout:?}");
        // SAFETY: GLOBAL-3 — `size` bytes of ours.
        let bytes = unsafe { std::slice::from_raw_parts_mut(p, size) };
        assert!(!zeroed || bytes.iter().all(|byte| *byte == 0), "not zero");
        bytes.fill(stamp);
        assert!(GortAlloc::usable_size(p) >= size);
        Self { address: p.expose_provenance(), layout, stamp }
    }

    fn pointer(self) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut(self.address)
    }

    /// Every byte is as it was written: no other block lies over this one.
    fn verify(self) {
        // SAFETY: GLOBAL-3 — a live block of the model.
        let bytes = unsafe { std::slice::from_raw_parts(self.pointer(), self.layout.size()) };
        assert!(bytes.iter().all(|byte| *byte == self.stamp), "block {self:?} was overwritten");
    }

    fn free(self) {
        self.verify();
        // SAFETY: GLOBAL-3 — a live block of the model, forgotten by it now.
        unsafe { ALLOCATOR.dealloc(self.pointer(), self.layout) };
    }

    fn resize(self, size: usize) -> Self {
        self.verify();
        // SAFETY: GLOBAL-3 — a live block of the model; its old address is forgotten now.
        let p = unsafe { ALLOCATOR.realloc(self.pointer(), self.layout, size) };
        assert!(!p.is_null());
        let kept = size.min(self.layout.size());
        // SAFETY: GLOBAL-3 — `size` bytes of ours.
        let bytes = unsafe { std::slice::from_raw_parts_mut(p, size) };
        assert!(bytes[..kept].iter().all(|byte| *byte == self.stamp), "contents lost");
        bytes.fill(self.stamp);
        let layout = Layout::from_size_align(size, self.layout.align()).expect("a layout");
        Self { address: p.expose_provenance(), layout, stamp: self.stamp }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Alloc {
        size: usize,
        align: u32,
        zeroed: bool,
    },
    Free(usize),
    Resize(usize, usize),
    /// To the thread beside: it is freed there.
    Send(usize),
    Flush,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 1..300_usize, 4 => 300..5_000_usize, 2 => 5_000..40_000_usize, 1 => 40_000..600_000_usize]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (size(), 0..13_u32, any::<bool>()).prop_map(|(size, align, zeroed)| Step::Alloc { size, align, zeroed }),
        4 => any::<usize>().prop_map(Step::Free),
        2 => (any::<usize>(), size()).prop_map(|(at, size)| Step::Resize(at, size)),
        2 => any::<usize>().prop_map(Step::Send),
        1 => Just(Step::Flush),
    ]
}

fn play(steps: &[Step], next: &mpsc::Sender<Block>, mine: &mpsc::Receiver<Block>) {
    let mut live: HashMap<usize, Block> = HashMap::new();
    let mut stamp = 0_u8;
    let pick = |live: &HashMap<usize, Block>, at: usize| {
        let mut keys: Vec<usize> = live.keys().copied().collect();
        keys.sort_unstable();
        (!keys.is_empty()).then(|| keys[at % keys.len()])
    };
    for step in steps {
        match *step {
            Step::Alloc { size, align, zeroed } => {
                stamp = stamp.wrapping_add(1);
                let block = Block::new(size, 1 << align, stamp, zeroed);
                assert!(live.insert(block.address, block).is_none(), "handed out twice");
            }
            Step::Free(at) => {
                let Some(key) = pick(&live, at) else { continue };
                live.remove(&key).expect("is live").free();
            }
            Step::Resize(at, size) => {
                let Some(key) = pick(&live, at) else { continue };
                let block = live.remove(&key).expect("is live").resize(size);
                assert!(live.insert(block.address, block).is_none(), "handed out twice");
            }
            Step::Send(at) => {
                let Some(key) = pick(&live, at) else { continue };
                next.send(live.remove(&key).expect("is live")).expect("the other thread lives");
            }
            Step::Flush => GortAlloc::flush_current(),
        }
        mine.try_iter().for_each(Block::free);
    }
    live.into_values().for_each(Block::free);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// GLOBAL-3 and H-1 over four threads that free each other's blocks.
    #[test]
    fn four_threads_agree_with_the_model(plans in prop::array::uniform4(prop::collection::vec(step(), 1..150))) {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..4).map(|_| mpsc::channel::<Block>()).unzip();
        // Joined by hand: the end of a scope does not wait for the threads' destructors, which flush.
        let mut threads = Vec::new();
        for (at, (plan, mine)) in plans.into_iter().zip(receivers).enumerate() {
            let next = senders[(at + 1) % 4].clone();
            threads.push(thread::spawn(move || {
                play(&plan, &next, &mine);
                drop(next);
                // Until the neighbour has ended, it may send more.
                mine.iter().for_each(Block::free);
            }));
        }
        drop(senders);
        for thread in threads {
            thread.join().expect("no panic");
        }
        GortAlloc::flush_current();
        GortAlloc::heap().expect("was made").check().expect("invariants");
        GortAlloc::heap().expect("was made").verify_stats().expect("figures");
    }
}
