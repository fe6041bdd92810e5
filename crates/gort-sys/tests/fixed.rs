//! Fixed regions: the four states and their errors, the steps against a model, the boundary with a real stack, the guard.

mod common;

use common::{bytes, discard, fault, fill, free, map, unused, used};
use gort_sys::mem::fixed::{
    Asked, Fixed, FixedError, GUARD, LEAST, Load, PlanError, Side, Strategy as Split, plan,
};
use gort_sys::{Backend, Linux, MemOp, MemState, PageRange, Release, Resource, SysStat};
use proptest::prelude::*;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

const PAGE: usize = LEAST;

/// Memory of a test, given back when it ends.
struct Memory(NonNull<u8>, std::alloc::Layout);

impl Memory {
    fn new(len: usize) -> Self {
        let layout = std::alloc::Layout::from_size_align(len, 1 << 16).unwrap();
        // Dirty, so that "mapped memory is zero" is not an accident.
        // SAFETY: MEM-2 — the layout has a size, and the memory is ours.
        let p = unsafe {
            let p = std::alloc::alloc(layout);
            p.write_bytes(0xee, len);
            p
        };
        Self(NonNull::new(p).unwrap(), layout)
    }

    fn fixed(&self) -> Fixed {
        // SAFETY: FIXED-1 — the memory outlives the region, and nobody else touches it.
        unsafe { Fixed::new(self.0.as_ptr(), self.1.size()) }.unwrap()
    }

    fn addr(&self) -> usize {
        self.0.as_ptr() as usize
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: MEM-2 — allocated with this layout, used no more.
        unsafe { std::alloc::dealloc(self.0.as_ptr(), self.1) };
    }
}

/// Through all the states.
fn ready(asked: Asked) -> Result<Fixed, FixedError> {
    let aligned = asked.check()?.align()?;
    // SAFETY: FIXED-1 — the tests' memory outlives the region, and nobody else touches it.
    unsafe { aligned.ready() }
}

fn at(addr: usize) -> *mut u8 {
    std::ptr::without_provenance_mut(addr)
}

/// SYS-10: each illegal request is an error with its numbers, found by the state that it belongs to.
#[test]
fn each_refusal_is_a_value() {
    let refused = |base, len| Asked::new(at(base), len).check().err();
    assert_eq!(refused(0, 1 << 20), Some(FixedError::Base { base: 0 }));
    assert_eq!(refused(0x2000_0000, 4095), Some(FixedError::Size { len: 4095, least: 4096 }));
    assert_eq!(refused(0x2000_0000, 0), Some(FixedError::Size { len: 0, least: 4096 }));
    let high = usize::MAX - 8191;
    assert_eq!(refused(high, 8193), Some(FixedError::Overflow { base: high, len: 8193 }));
    assert_eq!(refused(1, usize::MAX), Some(FixedError::Overflow { base: 1, len: usize::MAX }));
    assert_eq!(refused(0x2000_0000, 4096), None);

    let unaligned = |asked: Asked| asked.check().unwrap().align().err();
    let odd = Asked::new(at(0x2000_0001), 4096).guard(0);
    assert_eq!(unaligned(odd), Some(FixedError::Size { len: 4096, least: 4096 }));
    let full = Asked::new(at(0x2000_0000), 16 << 10).stack(12 << 10);
    let room = FixedError::Room { len: 16 << 10, stack: 12 << 10, guard: GUARD };
    assert_eq!(unaligned(full), Some(room));
    let deep = Asked::new(at(0x2000_0000), 16 << 10).stack(usize::MAX);
    assert!(matches!(unaligned(deep), Some(FixedError::Room { .. })));
    assert!(room.to_string().contains("16384") && room.to_string().contains("12288"));

    // Both ends are rounded inwards.
    let ready = Asked::new(at(0x2000_0001), 20 << 10).check().unwrap().align().unwrap();
    assert_eq!((ready.heap_start(), ready.heap_end()), (0x2000_1000, 0x2000_5000));
}

/// The smallest region of all gives its one page if it needs no guard.
#[test]
fn one_page_is_a_region() {
    let memory = Memory::new(PAGE);
    let fixed = ready(Asked::new(memory.0.as_ptr(), PAGE).guard(0)).unwrap();
    let st = SysStat::new();
    let r = fixed.reserve(PAGE, PAGE, 0, &st).unwrap();
    map(&fixed, r, &st).unwrap();
    let error = fixed.reserve(PAGE, PAGE, 0, &st).unwrap_err();
    assert_eq!((error.op, error.resource, error.limit), (MemOp::Reserve, Resource::Region, 4096));
    assert!(error.to_string().contains("4096-byte block (4096 in use)"), "{error}");
    free(&fixed, r, PAGE, 0, &st);
    assert_eq!((st.bytes(), fixed.heap_top()), (Default::default(), memory.addr()));
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Reserve(usize, u32),
    Map,
    Unused(Release),
    Used,
    Fault,
    Free,
    Stack(usize),
}

fn op() -> impl Strategy<Value = (Op, usize)> {
    let op = prop_oneof![
        (1..6usize, 0..3u32).prop_map(|(n, shift)| Op::Reserve(n, shift)),
        Just(Op::Map),
        Just(Op::Map),
        Just(Op::Unused(Release::DontNeed)),
        Just(Op::Unused(Release::Free)),
        Just(Op::Used),
        Just(Op::Fault),
        Just(Op::Free),
        (0..64 * PAGE).prop_map(Op::Stack),
    ];
    (op, any::<usize>())
}

const PAGES: usize = 64;

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 8 } else { 96 }, failure_persistence: None, ..ProptestConfig::default() })]
    /// FIXED-1, FIXED-2: places, contents, account, top and boundary are what a naive model says.
    #[test]
    fn agrees_with_the_model(ops in prop::collection::vec(op(), 0..80)) {
        let memory = Memory::new(PAGES * PAGE);
        let fixed = memory.fixed();
        let st = SysStat::new();
        let mut model: [Option<MemState>; PAGES] = [None; PAGES];
        let mut live: Vec<PageRange> = vec![];
        let mut low = memory.addr() + PAGES * PAGE;
        let pages = |r: &PageRange| {
            let first = (r.addr() - memory.addr()) / PAGE;
            first..first + r.len / PAGE
        };
        for (op, pick) in ops {
            if let Op::Reserve(n, shift) = op {
                let align = 1 << shift;
                let want = (0..PAGES)
                    .filter(|p| (memory.addr() / PAGE + p).is_multiple_of(align) && p + n <= PAGES)
                    .find(|p| model[*p..p + n].iter().all(Option::is_none));
                let got = fixed.reserve(n * PAGE, align * PAGE, 0, &st);
                prop_assert_eq!(got.ok().map(|r| pages(&r).start), want);
                if let Ok(r) = got {
                    model[pages(&r)].fill(Some(MemState::Reserved));
                    live.push(r);
                }
                continue;
            }
            if let Op::Stack(off) = op {
                // A stack does not come down onto the heap in this test.
                let sp = memory.addr() + off;
                if sp >= fixed.heap_top() + GUARD {
                    fixed.note_stack(sp);
                    low = low.min(sp);
                }
                continue;
            }
            if live.is_empty() {
                continue;
            }
            let i = pick % live.len();
            let r = live[i];
            let is = model[pages(&r).start];
            let top_of = |m: &[Option<MemState>; PAGES]| {
                let up = |s: &Option<MemState>| matches!(s, Some(MemState::Ready | MemState::Prepared));
                memory.addr() + m.iter().rposition(up).map_or(0, |p| p + 1) * PAGE
            };
            let (from, to, done) = match op {
                Op::Map => (MemState::Reserved, MemState::Ready, map(&fixed, r, &st)),
                Op::Unused(how) => {
                    (MemState::Ready, MemState::Prepared, unused(&fixed, r, how, &st).map(|g| assert!(g.zero)))
                }
                Op::Used => (MemState::Prepared, MemState::Ready, used(&fixed, r, &st)),
                Op::Fault => (MemState::Ready, MemState::Reserved, fault(&fixed, r, &st)),
                _ => {
                    let (ready, released) = match is {
                        Some(MemState::Ready) => (r.len, 0),
                        Some(MemState::Prepared) => (0, r.len),
                        _ => (0, 0),
                    };
                    free(&fixed, r, ready, released, &st);
                    model[pages(&r)].fill(None);
                    live.swap_remove(i);
                    prop_assert_eq!(fixed.heap_top(), top_of(&model));
                    continue;
                }
            };
            if is != Some(from) {
                prop_assert_eq!(done.unwrap_err().op, MemOp::Order);
            } else if to == MemState::Ready && from == MemState::Reserved && top_of(&model).max(r.end()) + GUARD > low {
                let heap_top = fixed.heap_top();
                let error = done.unwrap_err();
                prop_assert_eq!((error.op, error.len), (MemOp::Boundary { heap_top, stack_low: low }, r.len));
            } else {
                prop_assert!(done.is_ok());
                model[pages(&r)].fill(Some(to));
                if to == MemState::Ready {
                    let bytes = bytes(r);
                    prop_assert!(bytes.iter().all(|b| *b == 0));
                    fill(r, 0xdd);
                }
            }
            prop_assert_eq!(fixed.heap_top(), top_of(&model));
            prop_assert!(fixed.check().is_ok());
            let count = |s| (model.iter().filter(|m| **m == Some(s)).count() * PAGE) as u64;
            let now = st.bytes();
            prop_assert_eq!(
                (now.reserved, now.mapped, now.released),
                (count(MemState::Reserved), count(MemState::Ready), count(MemState::Prepared))
            );
        }
    }

    /// SYS-11: the parts are disjoint, in order, cover the memory, and are at least as large as was asked.
    #[test]
    fn a_plan_covers_the_memory(
        start in 0usize..1 << 40, len in 0usize..1 << 24, guard in 0usize..1 << 14,
        part in 0usize..1 << 24, load in (0usize..200, 0usize..2000, 0usize..1 << 22, 0usize..300),
        which in 0..3,
    ) {
        let ram = start..start + len;
        let load = Load { depth: load.0, frame: load.1, live: load.2, slack_percent: load.3 };
        let strategy = match which {
            0 => Split::Static { stack: part, guard },
            1 => Split::Checked { sp: start + part, guard },
            _ => Split::Split { load, guard },
        };
        let (heap, stack) = match strategy {
            Split::Static { stack, .. } => (0, stack),
            Split::Checked { sp, .. } => (0, (start + len).saturating_sub(sp)),
            Split::Split { load, .. } => (load.live + load.live * load.slack_percent / 100, load.depth * load.frame),
        };
        match plan(ram.clone(), strategy) {
            Ok(p) => {
                prop_assert_eq!((p.heap.start, p.stack.end), (ram.start, ram.end));
                prop_assert_eq!((p.heap.end, p.guard.end), (p.guard.start, p.stack.start));
                prop_assert!(p.heap.start <= p.heap.end && p.guard.len() == guard && p.stack.start <= p.stack.end);
                prop_assert!(p.heap.len() >= heap && p.stack.len() >= stack);
                prop_assert!(p.heap.end.is_multiple_of(PAGE));
            }
            Err(PlanError::Order { .. }) => prop_assert_eq!(len, 0),
            Err(PlanError::Elsewhere { sp }) => prop_assert!(sp > ram.end),
            // Rounding may cost a page and no more.
            Err(PlanError::Room { .. }) => prop_assert!(heap + stack + guard + PAGE > len),
        }
    }
}

/// SYS-11's golden line, and one of each other strategy.
#[test]
fn golden_plans() {
    let ram = 0x2000_0000..0x2000_4000;
    let p = plan(ram.clone(), Split::Static { stack: 4096, guard: 0 }).unwrap();
    assert_eq!((p.heap, p.stack), (0x2000_0000..0x2000_3000, 0x2000_3000..0x2000_4000));
    let p = plan(ram.clone(), Split::Checked { sp: 0x2000_3f00, guard: 256 }).unwrap();
    assert_eq!((p.heap, p.stack), (0x2000_0000..0x2000_3000, 0x2000_3100..0x2000_4000));
    // 2 KiB of stack and 6 KiB of heap are wanted: a quarter and three.
    let load = Load { depth: 16, frame: 128, live: 4096, slack_percent: 50 };
    let p = plan(ram.clone(), Split::Split { load, guard: 0 }).unwrap();
    assert_eq!((p.heap, p.stack), (0x2000_0000..0x2000_3000, 0x2000_3000..0x2000_4000));
    let big = Load { live: 1 << 20, ..load };
    let error = plan(ram, Split::Split { load: big, guard: 64 }).unwrap_err();
    let want = PlanError::Room { ram: 16 << 10, heap: 3 << 19, guard: 64, stack: 2048 };
    assert_eq!(error, want);
    assert!(error.to_string().contains("1572864"), "{error}");
}

/// A damaged guard is found by `check` and by the next growth, with the side that did it.
#[test]
fn the_guard_says_who_wrote() {
    for (offsets, side) in [
        (&[0usize][..], Side::Heap),
        (&[GUARD / 2 - 1], Side::Heap),
        (&[GUARD / 2], Side::Stack),
        (&[GUARD - 1], Side::Stack),
        (&[8, GUARD - 9], Side::Both),
    ] {
        let memory = Memory::new(16 * PAGE);
        let fixed = memory.fixed();
        let st = SysStat::new();
        let r = fixed.reserve(4 * PAGE, PAGE, 0, &st).unwrap();
        map(&fixed, r, &st).unwrap();
        fixed.check().unwrap();
        for off in offsets {
            let p = fixed.pointer(r.end() + off).unwrap();
            // SAFETY: FIXED-1 — a byte of the region, and no other thread looks.
            unsafe { p.write(!p.read()) };
        }
        let first = r.end() + offsets[0] / 8 * 8;
        let error = fixed.check().unwrap_err();
        assert_eq!(error.op, MemOp::Guard { at: first, side });
        assert!(error.to_string().starts_with("guard of the fixed region damaged at 0x"));
        let more = fixed.reserve(PAGE, PAGE, 0, &st).unwrap();
        let error = map(&fixed, more, &st).unwrap_err();
        assert_eq!(error.op, MemOp::Guard { at: first, side });
        assert_eq!(fixed.heap_top(), r.end());
    }
    let memory = Memory::new(16 * PAGE);
    assert_eq!(memory.fixed().pointer(memory.addr() + 16 * PAGE), None);
}

/// A region of more than 4 MiB keeps its page map in itself.
#[test]
fn a_large_region_pays_for_its_map() {
    let len = if cfg!(miri) { 5 << 20 } else { 64 << 20 };
    let memory = Memory::new(len);
    let fixed = memory.fixed();
    assert_eq!(fixed.heap_start(), memory.addr() + PAGE);
    assert_eq!(fixed.bound(), Some(len - PAGE));
    let st = SysStat::new();
    let r = fixed.reserve(len / 2 / PAGE * PAGE, 1 << 20, 0, &st).unwrap();
    assert_eq!(r.addr() % (1 << 20), 0);
    let part = r.part(0, if cfg!(miri) { 3 * PAGE } else { r.len }).unwrap();
    map(&fixed, part, &st).unwrap();
    fixed.check().unwrap();
    free(&fixed, r, part.len, 0, &st);
    assert_eq!(fixed.heap_top(), fixed.heap_start());
}

/// A kept stack is never given to the heap, and what a real stack takes is found when the heap grows on it.
#[test]
fn memory_kept_for_the_stack() {
    let memory = Memory::new(16 * PAGE);
    let asked = Asked::new(memory.0.as_ptr(), 16 * PAGE).stack(4 * PAGE);
    let fixed = ready(asked).unwrap();
    assert_eq!(fixed.heap_end(), memory.addr() + 12 * PAGE);
    assert_eq!(fixed.stack_low(), fixed.heap_end());
    let st = SysStat::new();
    let r = fixed.reserve(12 * PAGE, PAGE, 0, &st).unwrap();
    let part = r.part(0, 11 * PAGE).unwrap();
    map(&fixed, part, &st).unwrap();
    let last = r.part(11 * PAGE, PAGE).unwrap();
    let error = map(&fixed, last, &st).unwrap_err();
    let (heap_top, stack_low) = (part.end(), fixed.heap_end());
    assert_eq!(error.op, MemOp::Boundary { heap_top, stack_low });
    assert!(error.to_string().contains(&format!("{stack_low:#x}")));
    // The stack comes lower than planned: `check` says so, and the way back is open.
    fixed.note_stack(part.end() + 64);
    assert!(matches!(fixed.check().unwrap_err().op, MemOp::Boundary { .. } | MemOp::Guard { .. }));
    fixed.stack_rose(stack_low);
    fixed.check().unwrap();
}

#[test]
fn memory_of_a_static() {
    static mut MEMORY: [MaybeUninit<u8>; 64 << 10] = [const { MaybeUninit::uninit() }; 64 << 10];
    let memory: *mut [MaybeUninit<u8>] = &raw mut MEMORY;
    // SAFETY: FIXED-1 — the one reference to it, made once.
    let memory = unsafe { &mut *memory };
    static FIXED: std::sync::OnceLock<Fixed> = std::sync::OnceLock::new();
    let fixed = FIXED.get_or_init(|| Fixed::of(memory).unwrap());
    let st = SysStat::new();
    // By a shared handle, as a heap would.
    let backend: &'static Fixed = fixed;
    let r = Backend::reserve(&backend, 3 * PAGE, PAGE, 0, &st).unwrap();
    map(&backend, r, &st).unwrap();
    assert_eq!(fixed.heap_top(), r.end());
    assert_eq!(fixed.huge_page_size(), None);
}

/// The guard as an inaccessible page: what the kernel says about it, and memory that is not the kernel's.
#[cfg(not(miri))]
#[test]
fn the_guard_can_be_inaccessible() {
    let page = Linux.page_size();
    let st = SysStat::new();
    let all = Linux.reserve(32 * page, page, 0, &st).unwrap();
    map(&Linux, all, &st).unwrap();
    let access = |addr: usize| {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (from, to) = range.split_once('-')?;
            let inside = usize::from_str_radix(from, 16).ok()? <= addr
                && addr < usize::from_str_radix(to, 16).ok()?;
            inside.then(|| rest[..4].to_owned())
        });
        line.unwrap()
    };
    let asked = Asked::new(all.base.as_ptr(), all.len).guard(1).protect();
    let fixed = ready(asked).unwrap();
    assert_eq!(fixed.guard_bytes(), page);
    assert_eq!(access(all.addr()), "---p");
    let own = SysStat::new();
    let r = fixed.reserve(4 * page, page, 0, &own).unwrap();
    map(&fixed, r, &own).unwrap();
    assert_eq!((access(r.addr()), access(r.end())), ("rw-p".into(), "---p".into()));
    fixed.check().unwrap();
    free(&fixed, r, r.len, 0, &own);
    assert_eq!((access(all.addr()), access(r.end())), ("---p".into(), "rw-p".into()));
    free(&Linux, all, all.len, 0, &st);
    // Nothing is mapped there any more, so nothing can be protected.
    let asked = Asked::new(all.base.as_ptr(), all.len).protect();
    let error = ready(asked).unwrap_err();
    assert_eq!(error, FixedError::Protect { at: all.addr() });
}

/// A thread whose stack is the region's upper end: recursion and heap meet, and the meeting is an error, not damage.
#[cfg(not(miri))]
#[test]
fn heap_and_a_real_stack_meet() {
    struct Job {
        fixed: Fixed,
        grown: Vec<PageRange>,
        depth: usize,
        error: Option<gort_sys::MemError>,
    }

    #[inline(never)]
    fn dive(job: &mut Job, st: &SysStat) -> u64 {
        let frame = std::hint::black_box([job.depth as u64; 256]);
        job.depth += 1;
        let r = job.fixed.reserve(4 * PAGE, PAGE, 0, st).unwrap();
        let sum = match map(&job.fixed, r, st) {
            Ok(()) => {
                fill(r, 0xab);
                job.grown.push(r);
                dive(job, st)
            }
            Err(e) => {
                job.error = Some(e);
                0
            }
        };
        assert!(std::hint::black_box(&frame).iter().all(|w| *w == frame[0]));
        sum + frame[255]
    }

    extern "C" fn run(job: *mut std::ffi::c_void) -> *mut std::ffi::c_void {
        // SAFETY: the caller waits for this thread, and keeps its hands off meanwhile.
        let job = unsafe { &mut *job.cast::<Job>() };
        dive(job, &SysStat::new());
        job.fixed.check().unwrap();
        std::ptr::null_mut()
    }

    let memory = Memory::new(1 << 20);
    let fixed = memory.fixed();
    let mut job = Job { fixed, grown: vec![], depth: 0, error: None };
    // SAFETY: SYS-CALL — the C library gets live places, and memory for a stack that lives longer than the thread.
    unsafe {
        let mut attr: libc::pthread_attr_t = std::mem::zeroed();
        libc::pthread_attr_init(&raw mut attr);
        // Half of the region, of which the thread uses as much as it needs.
        let half = memory.0.as_ptr().add(512 << 10);
        assert_eq!(libc::pthread_attr_setstack(&raw mut attr, half.cast(), 512 << 10), 0);
        let mut thread: libc::pthread_t = std::mem::zeroed();
        let made =
            libc::pthread_create(&raw mut thread, &raw const attr, run, (&raw mut job).cast());
        assert_eq!(made, 0);
        libc::pthread_join(thread, std::ptr::null_mut());
        libc::pthread_attr_destroy(&raw mut attr);
    }
    let error = job.error.expect("they have met");
    let MemOp::Boundary { heap_top, stack_low } = error.op else { panic!("{error}") };
    assert!(heap_top > memory.addr() + (512 << 10), "the heap has used more than its half");
    assert!(heap_top < stack_low && heap_top + 4 * PAGE + GUARD > stack_low);
    for r in &job.grown {
        assert!(bytes(*r).iter().all(|b| *b == 0xab));
    }
}

/// However it is asked for, what is given back stays in the region and reads as zero.
#[test]
fn what_is_given_back_is_cleared() {
    let memory = Memory::new(64 * PAGE);
    let (fixed, st) = (memory.fixed(), SysStat::new());
    let r = fixed.reserve(8 * PAGE, PAGE, 0, &st).unwrap();
    assert!(!discard(&fixed, r, Release::DontNeed).zero, "not mapped yet");
    map(&fixed, r, &st).unwrap();
    for how in [Release::DontNeed, Release::Free, Release::Hard] {
        fill(r, 7);
        let part = r.part(PAGE, 2 * PAGE).unwrap();
        let gone = discard(&fixed, part, how);
        assert_eq!((gone.bytes, gone.zero), (0, true), "{how:?}");
        let bytes = bytes(r);
        let zero = |byte: &u8| *byte == 0;
        assert!(bytes[PAGE..3 * PAGE].iter().all(zero), "{how:?}");
        assert!(!bytes[..PAGE].iter().any(zero) && !bytes[3 * PAGE..].iter().any(zero), "{how:?}");
        assert_eq!(st.bytes().mapped, r.len as u64, "{how:?}: nothing is unmapped");
    }
}
