//! Random operations against a map of live ranges; after each step the invariants and exact figures.
use gort_heap::class::class_for;
use gort_heap::{Backend, Cache, Heap, HeapConfig, Kind, MemError, Slot, SpanClass};
use gort_sys::mem::fixed::Fixed;
use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Arc;

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Alloc { cache: usize, size: usize, align: u32, zeroed: bool },
    Free { cache: usize, which: usize },
    Realloc { cache: usize, which: usize, size: usize },
    Flush { cache: usize },
    Drop { cache: usize },
    Take { cache: usize, size: usize, noscan: bool },
    Cycle { seed: u64, lag: bool, lazy: bool },
    Black { cache: usize, on: bool },
    Scavenge { budget: u64, force: bool },
    Trim,
}

impl Op {
    /// From a byte that says what, one that says who, and four that say how much.
    fn read([what, who, a, b, c, d]: [u8; 6]) -> Self {
        let n = u32::from_le_bytes([a, b, c, d]) as usize;
        let (cache, which) = (usize::from(who) % 3, n);
        let most = [200, 4000, 33_000, 300_000][usize::from(who >> 4) % 4];
        let size = 1 + n % most;
        let flag = who & 8 != 0;
        match what % 32 {
            0..=8 => Op::Alloc { cache, size, align: u32::from(what >> 5) * 2, zeroed: flag },
            9..=14 => Op::Free { cache, which },
            15 | 16 => Op::Realloc { cache, which: usize::from(what), size },
            17 => Op::Scavenge { budget: n as u64 % 3_000_000, force: flag },
            18 => Op::Trim,
            19 => Op::Flush { cache },
            20 => Op::Drop { cache },
            21..=29 => Op::Take { cache: cache % 2, size, noscan: flag },
            30 => Op::Cycle { seed: n as u64, lag: flag, lazy: who & 16 != 0 },
            _ => Op::Black { cache: cache % 2, on: flag },
        }
    }
}

/// Steps from bytes, six for each.
pub(crate) fn run<B: Backend>(backend: B, bytes: &[u8]) {
    drive(backend, bytes.as_chunks::<6>().0.iter().map(|op| Op::read(*op)));
}

/// The same in a region of 1, 4 or 16 MiB, as the first byte says, which is full now and then.
pub(crate) fn run_fixed(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let len = (1 << 20) << (2 * usize::from(first % 3));
    let mut memory = vec![0xee_u8; len];
    // SAFETY: the vector outlives the region and is used through it alone.
    let fixed = Arc::new(unsafe { Fixed::new(memory.as_mut_ptr(), len) }.unwrap());
    // A heap that does not even have room for its caches says so, and leaves nothing behind.
    if let Ok(machine) = Machine::new(fixed.clone(), HeapConfig::within(len, true, true), true) {
        play(machine, rest.as_chunks::<6>().0.iter().map(|op| Op::read(*op)));
    }
    fixed.check().unwrap();
    assert_eq!(fixed.heap_top(), fixed.heap_start());
}

struct Live {
    layout: Layout,
    fill: u8,
    black: bool,
}

struct Machine<B: Backend> {
    heap: Heap<B>,
    /// Memory may run out; then nothing has changed.
    tight: bool,
    explicit: Vec<Option<Cache<B>>>,
    gc: Vec<Cache<B>>,
    live: BTreeMap<usize, Live>,
    objects: BTreeMap<usize, Live>,
    made: u64,
    step: u8,
}

fn fill(at: usize, len: usize, byte: u8) {
    // SAFETY: a live object of `len` bytes, of this machine.
    unsafe { std::ptr::with_exposed_provenance_mut::<u8>(at).write_bytes(byte, len) }
}

fn verify(at: usize, live: &Live) {
    // SAFETY: a live object of the machine's map, with its layout.
    let bytes = unsafe {
        std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(at), live.layout.size())
    };
    assert!(bytes.iter().all(|b| *b == live.fill), "contents of {at:#x} changed");
}

impl<B: Backend> Machine<B> {
    fn new(backend: B, config: HeapConfig, tight: bool) -> Result<Self, MemError> {
        let heap = Heap::with(backend, config)?;
        let explicit =
            (0..3).map(|_| heap.cache(Kind::Explicit).map(Some)).collect::<Result<_, _>>()?;
        let gc = (0..2).map(|_| heap.cache(Kind::Gc)).collect::<Result<_, _>>()?;
        Ok(Machine {
            heap,
            tight,
            explicit,
            gc,
            live: BTreeMap::new(),
            objects: BTreeMap::new(),
            made: 0,
            step: 0,
        })
    }

    fn explicit(&mut self, i: usize) -> &mut Cache<B> {
        let heap = &self.heap;
        self.explicit[i].get_or_insert_with(|| heap.cache(Kind::Explicit).unwrap())
    }

    fn put(map: &mut BTreeMap<usize, Live>, at: usize, live: Live) {
        if let Some((before, b)) = map.range(..=at).next_back() {
            assert!(before + b.layout.size() <= at, "overlap");
        }
        if let Some((after, _)) = map.range(at..).next() {
            assert!(at + live.layout.size() <= *after, "overlap");
        }
        fill(at, live.layout.size(), live.fill);
        map.insert(at, live);
    }

    fn pick(&self, which: usize) -> Option<usize> {
        self.live.keys().nth(which % self.live.len().max(1)).copied()
    }

    fn run(&mut self, op: Op) {
        self.step = self.step.wrapping_add(1).max(1);
        let fill = self.step;
        match op {
            Op::Alloc { cache, size, align, zeroed } => {
                let layout = Layout::from_size_align(size, 1 << align).unwrap();
                let c = self.explicit(cache);
                let Some(p) = (if zeroed { c.alloc_zeroed(layout) } else { c.alloc(layout) })
                else {
                    return self.ran_out();
                };
                let at = p.as_ptr().expose_provenance();
                assert_eq!(at % layout.align(), 0);
                if zeroed {
                    verify(at, &Live { layout, fill: 0, black: false });
                }
                self.made += 1;
                Self::put(&mut self.live, at, Live { layout, fill, black: false });
            }
            Op::Free { cache, which } => {
                let Some(at) = self.pick(which) else { return };
                let live = self.live.remove(&at).unwrap();
                verify(at, &live);
                let p = NonNull::new(std::ptr::with_exposed_provenance_mut(at)).unwrap();
                // SAFETY: out of the map of live blocks, with its layout.
                unsafe { self.explicit(cache).dealloc(p, live.layout) };
            }
            Op::Realloc { cache, which, size } => {
                // Large ones among themselves: they grow, shrink and move where they lie.
                let large =
                    self.live.iter().filter(|(_, l)| size > 32768 && l.layout.size() > 32768);
                let large: Vec<usize> = large.map(|(at, _)| *at).collect();
                let large = large.get(which % large.len().max(1)).copied();
                let Some(at) = large.or_else(|| self.pick(which)) else { return };
                let live = self.live.remove(&at).unwrap();
                let p = NonNull::new(std::ptr::with_exposed_provenance_mut(at)).unwrap();
                let before = self.heap.stats().mallocs;
                // SAFETY: out of the map of live blocks, with its layout; put back if it stays.
                let Some(q) = (unsafe { self.explicit(cache).realloc(p, live.layout, size) })
                else {
                    self.live.insert(at, live);
                    return self.ran_out();
                };
                self.made += self.heap.stats().mallocs - before;
                let to = Layout::from_size_align(size, live.layout.align()).unwrap();
                let kept = Layout::from_size_align(size.min(live.layout.size()), 1).unwrap();
                let at = q.as_ptr().expose_provenance();
                verify(at, &Live { layout: kept, fill: live.fill, black: false });
                Self::put(&mut self.live, at, Live { layout: to, fill, black: false });
            }
            Op::Flush { cache } => {
                self.explicit(cache).flush();
                self.gc[cache % 2].flush();
            }
            Op::Drop { cache } => self.explicit[cache] = None,
            Op::Take { cache, size, noscan } => {
                let Some(slot) = self.take(cache, size, noscan) else { return self.ran_out() };
                let at = slot.ptr.as_ptr().expose_provenance();
                let layout = Layout::from_size_align(size, 8).unwrap();
                if slot.zeroed {
                    verify(at, &Live { layout, fill: 0, black: false });
                }
                // SAFETY: a live object, just taken.
                let black = unsafe { self.heap.is_marked(&self.heap.object_of(slot.ptr)) };
                self.made += 1;
                Self::put(&mut self.objects, at, Live { layout, fill, black });
            }
            Op::Black { cache, on } => {
                // Black mode ends with a flush, as the collector's contexts do it.
                if !on {
                    self.gc[cache].flush();
                }
                self.gc[cache].set_black(on);
            }
            Op::Cycle { seed, lag, lazy } => self.cycle(seed, lag, lazy),
            Op::Scavenge { budget, force } => {
                let before = self.heap.stats();
                let gone = self.heap.scavenge(budget, force);
                let after = self.heap.stats();
                // To the byte: what was free and warm is free and released.
                assert_eq!(before.heap_free - after.heap_free, gone);
                assert_eq!(after.heap_released - before.heap_released, gone);
            }
            Op::Trim => {
                self.explicit.fill_with(|| None);
                self.heap.free_os_memory();
                let cached = self.heap.stats().heap_free;
                // A fixed region gives nothing back. Else what is left waits in the page caches of the two collector's caches.
                assert!(self.tight || cached <= 2 * 64 * 8192, "{cached} bytes stayed");
            }
        }
        self.verify_all();
    }

    /// Marks a random half, flips, and sweeps; what was white must be gone and nothing else.
    fn cycle(&mut self, seed: u64, lag: bool, lazy: bool) {
        let mut rng = seed | 1;
        for c in &mut self.gc {
            c.set_black(true);
        }
        for (at, live) in &mut self.objects {
            rng ^= rng << 13;
            rng ^= rng >> 7;
            rng ^= rng << 17;
            let p = NonNull::new(std::ptr::with_exposed_provenance_mut::<u8>(*at)).unwrap();
            if rng & 1 == 0 {
                // SAFETY: an object of the map, alive until the flip.
                unsafe { self.heap.mark_ptr(p) };
            }
            // SAFETY: as above.
            live.black = unsafe { self.heap.is_marked(&self.heap.object_of(p)) };
        }
        self.heap.advance_sweepgen();
        if lag {
            // A context that has not passed yet goes on allocating, black, in its stale spans or white in swept ones.
            for i in 0..40 {
                self.take_late(i % 2, [24, 600, 40_000][i % 3]);
            }
        }
        for c in &mut self.gc {
            c.flush();
            c.set_black(false);
        }
        if lazy {
            for size in [16, 100, 3000] {
                self.take_late(0, size);
            }
        }
        while self.heap.sweep_one().is_some() {}
        assert!(self.heap.sweep_done());
        self.objects.retain(|_, o| std::mem::replace(&mut o.black, false));
        // The next cycle starts without a mark: what a late cache took from a swept span was born white.
        for at in self.objects.keys() {
            let p = NonNull::new(std::ptr::with_exposed_provenance_mut::<u8>(*at)).unwrap();
            // SAFETY: an object of the map, alive.
            let marked = unsafe { self.heap.is_marked(&self.heap.object_of(p)) };
            assert!(!marked, "a mark outlives the sweep");
        }
    }

    /// A slot of the collector's side, if there is memory for it.
    fn take(&mut self, cache: usize, size: usize, noscan: bool) -> Option<Slot> {
        let c = &mut self.gc[cache];
        let class = class_for(size);
        if class == 0 {
            return c.take_large(size, noscan).ok();
        }
        let class = SpanClass::new(class, noscan);
        loop {
            match c.take(class) {
                Ok(slot) => return Some(slot),
                Err(need) => c.refill(need).ok()?,
            }
        }
    }

    fn ran_out(&mut self) {
        assert!(self.tight, "no memory");
        self.verify_all();
    }

    /// Allocates in the middle of a flip; such an object is always alive afterwards.
    fn take_late(&mut self, cache: usize, size: usize) {
        let Some(slot) = self.take(cache, size, true) else { return assert!(self.tight) };
        let p = slot.ptr;
        // What was white is dead, and may have been swept and handed out again.
        // SAFETY: a live object, just taken.
        let o = unsafe { self.heap.object_of(p) };
        let at = p.as_ptr().expose_provenance();
        self.objects
            .retain(|a, live| live.black || *a + live.layout.size() <= at || *a >= at + o.size);
        self.made += 1;
        let layout = Layout::from_size_align(size, 8).unwrap();
        Self::put(&mut self.objects, at, Live { layout, fill: 0x5a, black: true });
    }

    fn verify_all(&mut self) {
        self.heap.check().unwrap();
        if self.step.is_multiple_of(4) {
            self.heap.verify_stats().unwrap();
        }
        for (at, live) in self.live.iter().chain(&self.objects) {
            verify(*at, live);
        }
        let s = self.heap.stats();
        assert_eq!(s.mallocs, self.made);
        assert_eq!(s.live_objects as usize, self.live.len() + self.objects.len());
        for (at, live) in &self.objects {
            let found = self.heap.find_object(at + live.layout.size() - 1).unwrap();
            assert_eq!(found.base.as_ptr() as usize, *at);
        }
    }
}

/// Plays the steps on a heap of its own, and takes it apart.
pub(crate) fn drive<B: Backend>(backend: B, ops: impl IntoIterator<Item = Op>) {
    play(Machine::new(backend, HeapConfig::SMALL, false).unwrap(), ops);
}

fn play<B: Backend>(mut machine: Machine<B>, ops: impl IntoIterator<Item = Op>) {
    for op in ops {
        machine.run(op);
    }
    // At the end everything goes back.
    let live = std::mem::take(&mut machine.live);
    for (at, live) in live {
        let p = NonNull::new(std::ptr::with_exposed_provenance_mut(at)).unwrap();
        // SAFETY: out of the map of live blocks, with its layout.
        unsafe { machine.explicit(0).dealloc(p, live.layout) };
    }
    machine.explicit.fill_with(|| None);
    machine.objects.clear();
    for _ in 0..2 {
        // What was born black is found dead by the second flip.
        machine.heap.advance_sweepgen();
        for c in &mut machine.gc {
            c.flush();
        }
        while machine.heap.sweep_one().is_some() {}
    }
    machine.verify_all();
    assert_eq!(machine.heap.stats().heap_in_use, 0);
}
