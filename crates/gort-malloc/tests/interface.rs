//! This program preloaded with the library, which puts the C interface through its paces.
#[allow(dead_code, reason = "each test program uses a part of it")]
mod common;

use common::{PART, play, plays_well};
use proptest::prelude::*;
use std::env;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn the_c_interface() {
    plays_well("interface");
}

#[test]
fn random_calls_agree_with_a_model() {
    plays_well("model");
}

#[test]
fn threads_and_forks_at_once() {
    plays_well("load");
}

/// What is wrong ends the process, with words.
#[test]
fn wrong_frees_are_reported() {
    for (part, words) in [
        ("foreign", "no block"),
        ("interior", "start of a slot"),
        ("twice", "double free"),
        ("large twice", "no block"),
    ] {
        let out = play(part);
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success(), "{part}: it went on");
        assert!(text.contains("fatal error") && text.contains(words), "{part}: {text}");
    }
}

#[test]
fn a_part_of_the_child() {
    match env::var(PART).as_deref() {
        Ok("interface") => interface(),
        Ok("model") => model(),
        Ok("load") => load(),
        // SAFETY: none of C's: the library has to end the program, which is what is tested.
        Ok("foreign") => unsafe {
            static PLACE: [u64; 8] = [0; 8];
            libc::free(PLACE.as_ptr().cast_mut().cast());
        },
        // SAFETY: as above.
        Ok("interior") => unsafe {
            // Of another thread's span, so that it does not wait in an array.
            let p = std::thread::spawn(|| libc::malloc(100).expose_provenance()).join().unwrap();
            libc::free((p + 16) as *mut c_void);
            libc::malloc_trim(0);
        },
        // SAFETY: as above.
        Ok("twice") => unsafe {
            let p = libc::malloc(100);
            libc::free(p);
            libc::free(p);
            libc::malloc_trim(0);
        },
        // SAFETY: as above.
        Ok("large twice") => unsafe {
            let p = libc::malloc(1 << 20);
            libc::free(p);
            libc::free(p);
        },
        Ok(other) => panic!("no part {other}"),
        Err(_) => {}
    }
}

/// C23's, which an older C library does not have: from the preloaded one.
unsafe fn free_sized(p: *mut c_void, size: usize) {
    // SAFETY: the caller's promise; the symbol is C23's function of that type.
    unsafe {
        let f = libc::dlsym(libc::RTLD_DEFAULT, c"free_sized".as_ptr());
        assert!(!f.is_null());
        std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void, usize)>(f)(p, size);
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap()
}

fn interface() {
    // SAFETY: each block comes from these calls, is written within its size, and is freed once.
    unsafe {
        for size in [0, 1, 8, 15, 16, 17, 1000, 1025, 32768, 32769, 1 << 20] {
            let p = libc::malloc(size);
            assert!(!p.is_null() && libc::malloc_usable_size(p) >= size);
            assert!(p.addr().is_multiple_of(if size < 16 { 8 } else { 16 }));
            free_sized(p, size);
            for align in [8usize, 16, 32, 64, 4096, 8192, 16384, 1 << 20] {
                let mut q = null_mut();
                assert_eq!(libc::posix_memalign(&mut q, align, size), 0);
                let r = libc::memalign(align, size);
                let s = libc::aligned_alloc(align, size);
                for p in [q, r, s] {
                    assert!(!p.is_null() && p.addr().is_multiple_of(align), "{size} {align}");
                    assert!(libc::malloc_usable_size(p) >= size);
                    p.cast::<u8>().write_bytes(1, size);
                    // Any block may be made larger and smaller.
                    let p = libc::realloc(p, size + 5000);
                    assert!(
                        std::slice::from_raw_parts(p.cast::<u8>(), size).iter().all(|b| *b == 1)
                    );
                    let p = libc::realloc(p, size / 3 + 1);
                    libc::free(p);
                }
            }
        }
        let mut q = null_mut();
        assert_eq!(libc::posix_memalign(&mut q, 24, 8), libc::EINVAL);
        assert_eq!(libc::posix_memalign(&mut q, 4, 8), libc::EINVAL);
        assert_eq!(libc::posix_memalign(&mut q, 16, usize::MAX - 8), libc::ENOMEM);
        for p in [
            libc::malloc(usize::MAX),
            libc::malloc(isize::MAX as usize + 1),
            libc::calloc(usize::MAX / 2, 3),
            libc::reallocarray(null_mut(), usize::MAX / 2, 3),
            libc::memalign(1 << 20, usize::MAX - 5),
        ] {
            assert!(p.is_null());
            assert_eq!(errno(), libc::ENOMEM);
        }
        let p = libc::malloc(100);
        assert!(libc::realloc(p, usize::MAX - 100).is_null());
        assert!(libc::realloc(p, 0).is_null());
        libc::free(null_mut());
        let z = libc::calloc(1000, 17).cast::<u8>();
        assert!((0..17_000).all(|i| *z.add(i) == 0));
        libc::free(z.cast());
        let (a, b) = (libc::malloc(0), libc::malloc(0));
        assert!(a != b);
        libc::free(a);
        libc::free(b);
        let before = libc::mallinfo2();
        let big = libc::malloc(8 << 20);
        let after = libc::mallinfo2();
        assert!(after.uordblks >= before.uordblks + (8 << 20));
        libc::free(big);
        libc::malloc_trim(0);
    }
}

/// A block: size, and the byte it was filled with.
fn model() {
    let steps = prop::collection::vec((0..7u8, any::<usize>(), 0..60_000usize, 3..14u32), 1..400);
    let config =
        ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in steps)| {
        let mut live: Vec<(*mut u8, usize, u8)> = Vec::new();
        // SAFETY: `p` is a live block of `n` bytes of the list.
        let whole = |&(p, n, fill): &(*mut u8, usize, u8)| unsafe { std::slice::from_raw_parts(p, n) }.iter().all(|b| *b == fill);
        for (i, (what, at, size, shift)) in steps.into_iter().enumerate() {
            // Mostly small.
            let (size, fill) = (if at % 4 == 0 { size } else { size % 300 }, i as u8);
            // SAFETY: blocks are taken out of the list when they are freed or given to `realloc`.
            let p: *mut u8 = unsafe {
                match what {
                    0 | 1 => libc::malloc(size).cast(),
                    2 => {
                        let p = libc::calloc(size, 1).cast::<u8>();
                        prop_assert!(whole(&(p, size, 0)));
                        p
                    }
                    3 => libc::memalign(1 << shift, size).cast(),
                    4 if !live.is_empty() => {
                        let at = at % live.len();
                        let (p, n, old) = live.swap_remove(at);
                        prop_assert!(whole(&(p, n, old)));
                        let p = libc::realloc(p.cast(), size + 1).cast::<u8>();
                        prop_assert!(whole(&(p, n.min(size + 1), old)));
                        p
                    }
                    _ if !live.is_empty() => {
                        let at = at % live.len();
                        let block = live.swap_remove(at);
                        prop_assert!(whole(&block));
                        libc::free(block.0.cast());
                        continue;
                    }
                    _ => continue,
                }
            };
            prop_assert!(!p.is_null());
            if what == 3 {
                prop_assert!(p.addr().is_multiple_of(1 << shift));
            }
            // SAFETY: a fresh block of `size` bytes.
            unsafe { p.write_bytes(fill, size) };
            live.push((p, size, fill));
        }
        for block in live {
            prop_assert!(whole(&block));
            // SAFETY: a block of the list, which ends here.
            unsafe { libc::free(block.0.cast()) };
        }
    });
}

/// Threads that come and go and hand blocks on, while the process forks.
fn load() {
    let stop = AtomicBool::new(false);
    let (tx, rx) = std::sync::mpsc::sync_channel::<Vec<u8>>(100);
    std::thread::scope(|scope| {
        for seed in 1..4u64 {
            let (stop, tx) = (&stop, tx.clone());
            scope.spawn(move || {
                let mut rng = seed;
                while !stop.load(Ordering::Relaxed) {
                    rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let n = (rng >> 33) as usize % 4000;
                    std::thread::spawn(move || drop(vec![vec![1u8; n]; 20])).join().unwrap();
                    let _ = tx.try_send(vec![1; n]);
                }
            });
        }
        for _ in 0..25 {
            rx.try_iter().for_each(|v| assert!(v.iter().all(|b| *b == 1)));
            // SAFETY: the child allocates, which the library promises after a fork, and exits.
            match unsafe { libc::fork() } {
                0 => {
                    let sum: usize = (0..2000).map(|n| vec![7u8; n].len()).sum();
                    let other = std::thread::spawn(|| vec![1u8; 100_000].len()).join().unwrap_or(0);
                    // SAFETY: ends the child.
                    unsafe { libc::_exit(i32::from(sum != 1_999_000 || other != 100_000)) };
                }
                child => {
                    let mut status = 0;
                    // SAFETY: a live out-parameter; the child is ours.
                    unsafe { libc::waitpid(child, &mut status, 0) };
                    assert_eq!(status, 0, "the child ended with {status:#x}");
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}
