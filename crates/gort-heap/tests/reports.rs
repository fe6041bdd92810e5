//! What is wrong is said in words, and ends the process: this program plays the wrong programs as its own children.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "the tests break the contracts that the functions state"
)]

use gort_heap::GortAlloc;
use std::alloc::{GlobalAlloc, Layout};
use std::env;
use std::process::{Command, Output};

#[global_allocator]
static ALLOCATOR: GortAlloc = GortAlloc;

const PART: &str = "GORT_HEAP_PART";

fn play(part: &str, modes: &str) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(PART, part).env("GORT_MALLOC", modes).env("RUST_BACKTRACE", "0");
    command.args(["--exact", "a_part_of_the_child", "--nocapture", "--test-threads=1"]);
    command.output().unwrap()
}

/// Class and size of the block that most parts use.
const BLOCK: &str = "class 10 (128 bytes)";

#[test]
fn mistakes_are_reported() {
    // Rows: what is done. Columns: the modes, and the words of the report; what is not there is not seen in that mode.
    let none = "";
    let cases: &[(&str, &str, &[&str])] = &[
        // A foreign address, whatever the mode.
        ("foreign", none, &["GLOBAL-3", "no block is there"]),
        ("foreign", "check", &["GLOBAL-3", "no block is there"]),
        ("foreign", "quarantine=64", &["GLOBAL-3", "no block is there"]),
        ("foreign", "guard=1", &["GLOBAL-3", "no block is there"]),
        // A wrong layout.
        (
            "wrong layout",
            none,
            &["H-7", "wrong layout", "class 33 (1152 bytes", "class 10 (128", "owner"],
        ),
        (
            "wrong layout",
            "check",
            &["H-7", "wrong layout", "class 33 (1152 bytes", "class 10 (128", "owner"],
        ),
        ("wrong layout", "guard=1", &["H-7", "guarded block", "has 128 bytes"]),
        ("large as small", none, &["H-7", "wrong layout", "0 is large"]),
        ("large as small", "check,junk", &["H-7", "wrong layout", "0 is large"]),
        ("small as large", none, &["H-7", "wrong layout", "class 0", "class 10 (128"]),
        // The inside of a block.
        ("inside", "check", &["H-10", "not the start of a slot", BLOCK, "owner"]),
        ("inside", "quarantine=64", &["H-10", "not the start of a slot", BLOCK, "owner"]),
        ("inside", "guard=1", &["H-7", "guarded block"]),
        ("inside, then given back", none, &["H-10", "not the start of a slot", BLOCK]),
        ("inside of a large one", none, &["H-10", "not the start of a large object"]),
        ("inside of a large one", "check", &["H-10", "not the start of a large object"]),
        // A second free: at once in the modes; without, when the array goes back at the latest, and in debug builds at once
        // if the two follow each other.
        ("twice", "check", &["H-1", "double free", BLOCK, "owner"]),
        ("twice", "junk", &["H-1", "double free", BLOCK, "owner"]),
        ("twice", "quarantine=64", &["H-1", "double free", BLOCK, "owner"]),
        ("twice", "guard=1", &["no block is there"]),
        ("twice with others between", "check", &["H-1", "double free", BLOCK]),
        ("twice with others between", "quarantine=64", &["H-1", "double free", BLOCK]),
        ("twice, then given back", none, &["H-1", "double free", BLOCK, "owner"]),
        (
            "twice with others between, then given back",
            none,
            &["H-1", "double free", BLOCK, "owner"],
        ),
        ("twice by two threads", none, &["H-1", "double free", BLOCK, "owner"]),
        ("twice by two threads", "check", &["H-1", "double free", BLOCK, "owner"]),
        ("large twice", none, &["no block is there"]),
        ("large twice", "check,junk,quarantine=64", &["no block is there"]),
        // A use after the free.
        ("write after free", "junk", &["H-1", "write after free", "byte 5", BLOCK]),
        ("write after free", "junk,quarantine=16", &["H-1", "write after free", "byte 5", BLOCK]),
        (
            "write after free",
            "check,junk,guard=100000",
            &["H-1", "write after free", "byte 5", BLOCK],
        ),
        // A write behind the end.
        (
            "write behind the end",
            "guard=1",
            &["GLOBAL-3", "guard was hit", "0 bytes behind the end", "(128 bytes)"],
        ),
        (
            "read behind the end",
            "check,junk,guard=1",
            &["GLOBAL-3", "guard was hit", "8 bytes behind the end", "(128 bytes)"],
        ),
        // Others.
        ("realloc of nothing", none, &["GLOBAL-3", "no block begins there"]),
        ("right", "chek", &["GLOBAL-5", "GORT_MALLOC=chek: chek is not understood", "guard=N"]),
        ("right", "check,guard=x", &["GLOBAL-5", "guard=x is not understood"]),
        ("right", "quarantine=99999999", &["GLOBAL-5", "quarantine=99999999 is not understood"]),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(part, modes, words)| {
            let out = play(part, modes);
            let text = String::from_utf8_lossy(&out.stderr);
            let line = text.lines().find(|l| l.contains("fatal error")).unwrap_or_default();
            let missing: Vec<_> = words.iter().filter(|word| !line.contains(**word)).collect();
            let bad = out.status.success() || !missing.is_empty();
            bad.then(|| format!("{part} ({modes}): no {missing:?} in: {text}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modes_do_not_disturb_what_is_right() {
    for modes in
        ["", "check", "junk", "guard=1", "quarantine=100", "guard=7,check,junk,quarantine=1000"]
    {
        let out = play("right", modes);
        assert!(out.status.success(), "{modes}: {}", String::from_utf8_lossy(&out.stderr));
    }
}

fn right() {
    let mut live: Vec<(*mut u8, Layout)> = Vec::new();
    let mut rng = 1u64;
    for i in 0..3000usize {
        rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let size = 1 + (rng >> 40) as usize % if i % 8 == 0 { 40_000 } else { 600 };
        let l = Layout::from_size_align(size, 1 << (rng >> 60)).unwrap();
        unsafe {
            let p = if i % 3 == 0 { ALLOCATOR.alloc_zeroed(l) } else { ALLOCATOR.alloc(l) };
            assert!(i % 3 != 0 || (0..size).all(|k| *p.add(k) == 0));
            p.write_bytes(7, size);
            live.push((p, l));
            if i % 5 == 0 {
                let at = (rng >> 33) as usize % live.len();
                let (p, l) = live[at];
                let new = l.size() * 3 / 2 + 1;
                let q = ALLOCATOR.realloc(p, l, new);
                assert!((0..l.size()).all(|k| *q.add(k) == 7));
                q.write_bytes(7, new);
                live[at] = (q, Layout::from_size_align(new, l.align()).unwrap());
            }
            if live.len() > 200 {
                let (p, l) = live.swap_remove((rng >> 33) as usize % live.len());
                // Some are freed by another thread.
                if i % 4 == 0 {
                    let p = p.expose_provenance();
                    std::thread::spawn(move || ALLOCATOR.dealloc(p as *mut u8, l)).join().unwrap();
                } else {
                    ALLOCATOR.dealloc(p, l);
                }
            }
        }
    }
    for (p, l) in live {
        unsafe { ALLOCATOR.dealloc(p, l) };
    }
    GortAlloc::flush_current();
}

#[test]
fn a_part_of_the_child() {
    let l = Layout::from_size_align(128, 8).unwrap();
    let big = Layout::from_size_align(200_000, 8).unwrap();
    let Ok(part) = env::var(PART) else { return };
    unsafe {
        let p = ALLOCATOR.alloc(l);
        match part.as_str() {
            "right" => right(),
            "foreign" => {
                static PLACE: [u64; 16] = [0; 16];
                ALLOCATOR.dealloc(PLACE.as_ptr().cast_mut().cast(), l);
            }
            "wrong layout" => ALLOCATOR.dealloc(p, Layout::from_size_align(1100, 8).unwrap()),
            "large as small" => ALLOCATOR.dealloc(ALLOCATOR.alloc(big), l),
            "twice, then given back" => {
                ALLOCATOR.dealloc(p, l);
                ALLOCATOR.dealloc(p, l);
                GortAlloc::flush_current();
            }
            "large twice" => {
                let p = ALLOCATOR.alloc(big);
                ALLOCATOR.dealloc(p, big);
                ALLOCATOR.dealloc(p, big);
            }
            "inside of a large one" => ALLOCATOR.dealloc(ALLOCATOR.alloc(big).add(8192), big),
            "twice" => {
                ALLOCATOR.dealloc(p, l);
                ALLOCATOR.dealloc(p, l);
            }
            "twice with others between" => {
                let more: Vec<_> = (0..100).map(|_| ALLOCATOR.alloc(l)).collect();
                ALLOCATOR.dealloc(p, l);
                more.iter().step_by(2).for_each(|p| ALLOCATOR.dealloc(*p, l));
                ALLOCATOR.dealloc(p, l);
            }
            "twice with others between, then given back" => {
                let other = ALLOCATOR.alloc(l);
                ALLOCATOR.dealloc(p, l);
                ALLOCATOR.dealloc(other, l);
                ALLOCATOR.dealloc(p, l);
                GortAlloc::flush_current();
            }
            "twice by two threads" => {
                for _ in 0..2 {
                    let p = p.expose_provenance();
                    std::thread::spawn(move || ALLOCATOR.dealloc(p as *mut u8, l)).join().unwrap();
                }
                // Each wrote it into a buffer that went back when its thread ended.
                GortAlloc::flush_current();
            }
            "inside, then given back" => {
                ALLOCATOR.dealloc(p.add(16), l);
                GortAlloc::flush_current();
            }
            "small as large" => ALLOCATOR.dealloc(p, big),
            "read behind the end" => {
                std::hint::black_box(p.add(136).read_volatile());
            }
            "realloc of nothing" => {
                gort_heap::global::sized::realloc(p.add(8), 64);
            }
            "inside" => ALLOCATOR.dealloc(p.add(16), l),
            "write after free" => {
                p.write_bytes(1, 128);
                ALLOCATOR.dealloc(p, l);
                p.add(5).write(9);
                for _ in 0..10_000 {
                    ALLOCATOR.alloc(l);
                }
            }
            "write behind the end" => p.add(128).write_volatile(1),
            other => panic!("no part {other}"),
        }
    }
}
