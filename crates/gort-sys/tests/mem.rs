//! States of memory: the backend against a model, the kernel's own list, and the account.

mod common;

use common::{fault, fill, free, map, unused, used};
use gort_sys::{Backend, Linux, MemError, MemOp, MemState, Region, Release, SysStat, TestBackend};
use proptest::prelude::*;

const PAGES: usize = 16;

#[derive(Clone, Copy, Debug)]
enum Op {
    Map,
    Unused(Release),
    Used,
    Fault,
    Write,
}

fn op() -> impl Strategy<Value = (Op, usize, usize)> {
    let op = prop_oneof![
        Just(Op::Map),
        Just(Op::Unused(Release::DontNeed)),
        Just(Op::Unused(Release::Hard)),
        Just(Op::Used),
        Just(Op::Fault),
        Just(Op::Write)
    ];
    (op, 0..PAGES, 1..5usize)
}

/// What the kernel says about an address: `None` if it is not mapped, else whether it may be written.
fn kernel_says(addr: usize) -> Option<bool> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let (from, to) =
            (usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?);
        (from <= addr && addr < to).then(|| rest.as_bytes()[1] == b'w')
    })
}

/// Runs legal steps only, and compares state, contents and account with the model after each.
fn drive<B: Backend>(
    b: &B,
    ops: &[(Op, usize, usize)],
    state_of: impl Fn(usize) -> Option<MemState>,
) {
    let st = SysStat::new();
    let page = b.page_size();
    let r = b.reserve(PAGES * page, 4 * page, 0, &st).unwrap();
    assert_eq!(r.addr() % (4 * page), 0);
    let mut model = [MemState::Reserved; PAGES];
    let mut bytes = [0u8; PAGES];
    for (i, &(op, at, n)) in ops.iter().enumerate() {
        let n = n.min(PAGES - at);
        let part = r.part(at * page, n * page).unwrap();
        let all = |s: MemState| model[at..at + n].iter().all(|m| *m == s);
        let step = match op {
            Op::Map if all(MemState::Reserved) => map(b, part, &st).map(|()| Some(MemState::Ready)),
            Op::Unused(how) if all(MemState::Ready) => {
                unused(b, part, how, &st).map(|_| Some(MemState::Prepared))
            }
            Op::Used if all(MemState::Prepared) => {
                used(b, part, &st).map(|()| Some(MemState::Ready))
            }
            Op::Fault if all(MemState::Ready) => {
                fault(b, part, &st).map(|()| Some(MemState::Reserved))
            }
            Op::Write if all(MemState::Ready) => {
                fill(part, i as u8);
                bytes[at..at + n].fill(i as u8);
                Ok(None)
            }
            _ => continue,
        };
        if let Some(to) = step.unwrap() {
            model[at..at + n].fill(to);
            bytes[at..at + n].fill(0);
        }
        for p in 0..PAGES {
            let at = r.part(p * page, page).unwrap();
            assert_eq!(state_of(at.addr()).unwrap_or(model[p]), model[p]);
            if model[p] == MemState::Ready {
                assert!(
                    common::bytes(at).iter().all(|x| *x == bytes[p]),
                    "page {p} after step {i}"
                );
            }
        }
        let count = |s| (model.iter().filter(|m| **m == s).count() * page) as u64;
        let now = st.bytes();
        let want = (count(MemState::Reserved), count(MemState::Ready), count(MemState::Prepared));
        assert_eq!((now.reserved, now.mapped, now.released), want);
    }
    let count = |s| model.iter().filter(|m| **m == s).count() * page;
    free(b, r, count(MemState::Ready), count(MemState::Prepared), &st);
    assert_eq!(st.bytes(), Default::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    /// SYS-1, MEM-1 on the kernel: contents and account are what the model says.
    #[test]
    fn linux_agrees_with_the_model(ops in prop::collection::vec(op(), 0..40)) {
        drive(&Linux, &ops, |_| None);
    }

    /// The same on checked memory, which knows each page's state.
    #[test]
    fn checked_memory_agrees_with_the_model(ops in prop::collection::vec(op(), 0..60)) {
        let b = TestBackend::new();
        drive(&b, &ops, |a| b.state(a));
        prop_assert_eq!(b.live(), 0);
    }

    /// What may be written is, by the kernel's own list, exactly what was mapped.
    #[test]
    fn the_kernel_agrees(steps in prop::collection::vec((0..PAGES, any::<bool>()), 1..20)) {
        let (st, page) = (SysStat::new(), Linux.page_size());
        let r = Linux.reserve(PAGES * page, page, 0, &st).unwrap();
        let mut ready = [false; PAGES];
        for (at, up) in steps {
            let part = r.part(at * page, page).unwrap();
            if up && !ready[at] {
                map(&Linux, part, &st).unwrap();
            } else if !up && ready[at] {
                fault(&Linux, part, &st).unwrap();
            }
            ready[at] = up;
            for (i, ready) in ready.iter().enumerate() {
                prop_assert_eq!(kernel_says(r.addr() + i * page), Some(*ready));
            }
        }
        free(&Linux, r, ready.iter().filter(|r| **r).count() * page, 0, &st);
        prop_assert_eq!(st.bytes(), Default::default());
    }

    /// MEM-1: a step out of order is refused, and changes nothing.
    #[test]
    fn a_step_out_of_order_is_an_error(ops in prop::collection::vec(op(), 0..60)) {
        let (b, st) = (TestBackend::new(), SysStat::new());
        let page = b.page_size();
        let r = b.reserve(PAGES * page, page, 0, &st).unwrap();
        let mut model = [MemState::Reserved; PAGES];
        for (op, at, n) in ops {
            let n = n.min(PAGES - at);
            let part = r.part(at * page, n * page).unwrap();
            let (from, to, done) = match op {
                Op::Map => (MemState::Reserved, MemState::Ready, map(&b, part, &st)),
                Op::Unused(how) => (MemState::Ready, MemState::Prepared, unused(&b, part, how, &st).map(|_| ())),
                Op::Used => (MemState::Prepared, MemState::Ready, used(&b, part, &st)),
                Op::Fault => (MemState::Ready, MemState::Reserved, fault(&b, part, &st)),
                Op::Write => continue,
            };
            let legal = model[at..at + n].iter().all(|m| *m == from);
            prop_assert_eq!(done.is_ok(), legal);
            match done {
                Ok(()) => model[at..at + n].fill(to),
                Err(e) => prop_assert_eq!(e.op, MemOp::Order),
            }
            let sum = st.bytes();
            prop_assert_eq!(sum.reserved + sum.mapped + sum.released, r.len as u64);
        }
    }
}

#[test]
fn alignment_beyond_the_page() {
    let st = SysStat::new();
    for shift in [12, 16, 21, 26, 30] {
        let r = Linux.reserve(1 << 16, 1 << shift, 0, &st).unwrap();
        assert_eq!(r.addr() % (1 << shift), 0);
        free(&Linux, r, 0, 0, &st);
    }
    assert_eq!(st.bytes(), Default::default());
}

#[test]
fn the_kth_call_fails_and_leaves_things_as_they_were() {
    let (b, st) = (TestBackend::new(), SysStat::new());
    b.fail_at(2);
    let r = b.reserve(1 << 16, 4096, 0, &st).unwrap();
    assert_eq!(map(&b, r, &st).unwrap_err().op, MemOp::Map);
    assert_eq!(b.state(r.addr()), Some(MemState::Reserved));
    map(&b, r, &st).unwrap();
    free(&b, r, r.len, 0, &st);
    assert_eq!((b.live(), st.bytes()), (0, Default::default()));
}

#[test]
fn regions_go_there_and_back() {
    let (b, st) = (TestBackend::new(), SysStat::new());
    let region = Region::reserve(&b, 8192, 4096, &st).unwrap();
    let ready = region.commit().map_err(|(_, e)| e).unwrap();
    // SAFETY: MEM-2 — Ready, and ours alone.
    unsafe { ready.as_ptr().cast::<u8>().write_bytes(7, 8192) };
    let reserved = ready.decommit().map_err(|(_, e)| e).unwrap();
    let again = reserved.commit().map_err(|(_, e)| e).unwrap();
    // SAFETY: MEM-2 — Ready, and nobody writes.
    assert!(unsafe { again.as_ptr().as_ref() }.iter().all(|x| *x == 0));
    assert_eq!(st.bytes().mapped, 8192);
    drop(again);
    assert_eq!((b.live(), st.bytes()), (0, Default::default()));
}

#[test]
fn running_out_names_the_figures() {
    let e = MemError::os(MemOp::Map, 4096, 12).in_use(1 << 20).limit(2 << 20);
    let text = e.to_string();
    assert!(
        text.starts_with("out of memory: cannot allocate 4096-byte block (1048576 in use)"),
        "{text}"
    );
    assert!(text.contains("limit 2097152 bytes"));
    let huge = Linux.reserve(1 << 60, 4096, 0, &SysStat::new()).unwrap_err();
    assert_eq!((huge.op, huge.errno), (MemOp::Reserve, 12));
}
