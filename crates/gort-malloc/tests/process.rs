//! What a process does around its allocator: threads that come and go, forks from handlers, libraries that are loaded.
#[allow(dead_code, reason = "each test program uses a part of it")]
mod common;

use common::{PART, library, plays_well};
use std::env;
use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn a_fork_in_a_handler_that_interrupts_the_heap() {
    plays_well("handler");
}

#[test]
fn threads_that_come_and_go() {
    plays_well("threads");
}

#[test]
fn destructors_of_other_keys_allocate() {
    plays_well("keys");
}

#[test]
fn a_library_that_prefers_the_c_librarys_functions() {
    plays_well("deepbind");
}

#[test]
fn children_that_share_the_memory_until_they_execute() {
    plays_well("spawn");
}

/// Not preloaded but loaded, used by several threads, and closed before they end.
#[test]
fn the_library_may_be_loaded_and_closed() {
    let path = CString::new(library().to_str().unwrap()).unwrap();
    for _ in 0..3 {
        // SAFETY: a text that ends with 0; the library's constructors are made for this.
        let lib = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!lib.is_null());
        // SAFETY: the library is open, the name ends with 0.
        let find = |name: &std::ffi::CStr| unsafe { libc::dlsym(lib, name.as_ptr()) };
        // SAFETY: C's function of that type.
        let malloc: unsafe extern "C" fn(usize) -> *mut c_void =
            unsafe { std::mem::transmute(find(c"malloc")) };
        // SAFETY: as above.
        let free: unsafe extern "C" fn(*mut c_void) = unsafe { std::mem::transmute(find(c"free")) };
        let (began, begun) = std::sync::mpsc::channel();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        // SAFETY: the library is open until the thread has allocated; after that nothing of it is called but its own end.
        let thread = std::thread::spawn(move || unsafe {
            let p = malloc(100);
            began.send(p.expose_provenance()).unwrap();
            gone.recv().unwrap();
        });
        let p = begun.recv().unwrap();
        // SAFETY: the block is of this library, and is freed once; then it is closed once.
        unsafe {
            free(p as *mut c_void);
            assert_eq!(libc::dlclose(lib), 0);
        }
        go.send(()).unwrap();
        thread.join().unwrap();
    }
}

#[test]
fn a_part_of_the_child() {
    match env::var(PART).as_deref() {
        Ok("handler") => handler(),
        Ok("threads") => threads(),
        Ok("keys") => keys(),
        Ok("deepbind") => deepbind(),
        Ok("spawn") => spawn(),
        Ok(other) => panic!("no part {other}"),
        Err(_) => {}
    }
}

static FORKS: AtomicU32 = AtomicU32::new(0);

extern "C" fn fork_and_wait(_: i32) {
    // SAFETY: called in a signal handler; the child exits at once.
    unsafe {
        match libc::fork() {
            0 => libc::_exit(0),
            child => {
                let mut status = 0;
                libc::waitpid(child, &mut status, 0);
            }
        }
    }
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// The C library forks in a handler, whatever the thread was doing; with one thread so must we.
fn handler() {
    // SAFETY: filled records and live out-parameters; the handler is of the right type.
    unsafe {
        // Whoever waits for himself is ended by this.
        libc::alarm(60);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = fork_and_wait as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGVTALRM, &raw const action, null_mut());
        let every = libc::timeval { tv_sec: 0, tv_usec: 300 };
        let timer = libc::itimerval { it_interval: every, it_value: every };
        libc::setitimer(libc::ITIMER_VIRTUAL, &raw const timer, null_mut());
        let mut live: Vec<*mut c_void> = vec![null_mut(); 300];
        let mut rng = 1u64;
        while FORKS.load(Ordering::Relaxed) < 150 {
            rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Mostly large ones: they hold locks for longest.
            let at = (rng >> 33) as usize % live.len();
            let size = if at.is_multiple_of(3) { (rng >> 40) as usize % 3000 } else { 40_000 };
            libc::free(live[at]);
            live[at] = libc::malloc(size);
            live[at].cast::<u8>().write(1);
        }
        let off: libc::itimerval = std::mem::zeroed();
        libc::setitimer(libc::ITIMER_VIRTUAL, &raw const off, null_mut());
    }
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// 1000 threads that live at once, then more, one after the other: their caches are used again. `GORT_MALLOC_THREADS` says
/// how many.
fn threads() {
    let work = |seed: usize| {
        let blocks: Vec<Vec<u8>> =
            (0..20).map(|n| vec![seed as u8; (seed * 37 + n * 91) % 2000 + 1]).collect();
        assert!(blocks.iter().flatten().all(|b| *b == seed as u8));
    };
    let started = std::sync::Barrier::new(1000);
    std::thread::scope(|scope| {
        for seed in 0..1000 {
            let started = &started;
            std::thread::Builder::new()
                .stack_size(64 << 10)
                .spawn_scoped(scope, move || {
                    started.wait();
                    work(seed);
                })
                .unwrap();
        }
    });
    let before = resident();
    let more = env::var("GORT_MALLOC_THREADS").map_or(2000, |n| n.parse().unwrap());
    for seed in 0..more {
        std::thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(move || work(seed))
            .unwrap()
            .join()
            .unwrap();
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 4 << 20, "{more} threads, one at a time, left {grown} bytes");
}

static ROUNDS: AtomicU32 = AtomicU32::new(0);
static KEYS: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];

/// Frees what it was given, and leaves a block for the next round.
unsafe extern "C" fn again(p: *mut c_void) {
    // SAFETY: the value of a key of this program: a block of `malloc`, given up here.
    unsafe {
        libc::free(p);
        let round = ROUNDS.fetch_add(1, Ordering::Relaxed) as usize;
        libc::free(libc::malloc(round * 1000 % 50_000));
        let key = KEYS[round % 2].load(Ordering::Relaxed);
        libc::pthread_setspecific(key, libc::malloc(100));
    }
}

/// Keys made before the allocator's and after it; the C library calls destructors of which some come after its end.
fn keys() {
    for cell in &KEYS {
        let mut key = 0;
        // SAFETY: a live out-parameter, a function of the right type.
        unsafe { assert_eq!(libc::pthread_key_create(&mut key, Some(again)), 0) };
        cell.store(key, Ordering::Relaxed);
    }
    for _ in 0..100 {
        // SAFETY: keys of this program; each value is a block of its own.
        std::thread::spawn(|| unsafe {
            for cell in &KEYS {
                libc::pthread_setspecific(cell.load(Ordering::Relaxed), libc::malloc(64));
            }
        })
        .join()
        .unwrap();
    }
    assert!(ROUNDS.load(Ordering::Relaxed) >= 200);
}

/// A shared library made of one function that frees what it gets, where there is a C compiler.
fn freeing_library(dir: &Path) -> Option<PathBuf> {
    let (source, lib) = (dir.join("give.c"), dir.join("give.so"));
    std::fs::write(
        &source,
        "#include <stdlib.h>\nvoid *give(void *p) { free(p); return malloc(1000); }\n",
    )
    .unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&lib, &source])
        .env_remove("LD_PRELOAD")
        .stderr(Stdio::null())
        .status();
    made.is_ok_and(|status| status.success()).then_some(lib)
}

fn deepbind() {
    let dir = env::temp_dir().join(format!("gort-malloc-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    if let Some(path) = freeing_library(&dir) {
        // SAFETY: texts that end with 0; `give` is of that type in the library that was just made; each block is freed once.
        unsafe {
            let path = CString::new(path.to_str().unwrap()).unwrap();
            let lib = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_DEEPBIND);
            assert!(!lib.is_null());
            let give: unsafe extern "C" fn(*mut c_void) -> *mut c_void =
                std::mem::transmute(libc::dlsym(lib, c"give".as_ptr()));
            for size in [1, 100, 40_000] {
                libc::free(give(libc::malloc(size)));
            }
            libc::dlclose(lib);
            assert!(libc::dlopen(c"/there/is/none.so".as_ptr(), libc::RTLD_NOW).is_null());
            assert!(!libc::dlerror().is_null());
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

/// `posix_spawn` (and `vfork` under it) while other threads allocate.
fn spawn() {
    let stop = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut n = 0usize;
                while stop.load(Ordering::Relaxed) == 0 {
                    n = (n * 7 + 13) % 70_001;
                    std::hint::black_box(vec![1u8; n]);
                }
            });
        }
        for _ in 0..40 {
            assert!(Command::new("true").status().unwrap().success());
        }
        stop.store(1, Ordering::Relaxed);
    });
}
