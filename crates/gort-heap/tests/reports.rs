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

#[test]
fn mistakes_are_reported() {
    // (what is done, modes, words of the report)
    let cases: &[(&str, &str, &[&str])] = &[
        // Without any mode: where heap.md says that it costs nothing.
        ("foreign", "", &["no block is there"]),
        ("wrong layout", "", &["wrong layout", "class 33 (1152 bytes", "class 10 (128"]),
        ("large as small", "", &["wrong layout", "0 is large"]),
        ("twice, then given back", "", &["double free"]),
        ("large twice", "", &["no block is there"]),
        ("inside of a large one", "", &["not the start of a large object"]),
        // At once, at the call.
        ("twice", "check", &["double free", "class 10 (128 bytes)"]),
        ("twice with others between", "check", &["double free", "class 10"]),
        ("inside", "check", &["not the start of a slot", "class 10 (128 bytes)"]),
        ("write after free", "junk", &["write after free", "byte 5", "class 10"]),
        ("write behind the end", "guard=1", &["guard was hit", "(128 bytes)"]),
        ("wrong layout", "guard=1", &["guarded block"]),
    ];
    for (part, modes, words) in cases {
        let out = play(part, modes);
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success(), "{part} ({modes}): it went on");
        let line = text.lines().find(|l| l.contains("fatal error")).unwrap_or_default();
        for word in *words {
            assert!(line.contains(word), "{part} ({modes}): no {word:?} in: {text}");
        }
    }
}

#[test]
fn modes_do_not_disturb_what_is_right() {
    for modes in ["", "check", "junk", "guard=1", "guard=7,check,junk", "nonsense"] {
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
