//! Ends of threads and forks, as the C library reports them.
//!
//! A thread that was marked with [`ThreadEnd::mark`] has its callback run when it ends, after the destructors of Rust's
//! thread-locals, which may still want what the callback takes away. Nothing here allocates; the C library may, for a key
//! above its first 32, and then calls whoever is the allocator: so the caller is ready for calls before it marks.

use core::ffi::c_void;
use core::sync::atomic::{AtomicU64, Ordering};

/// Key under which threads are marked; made at most once.
#[derive(Debug)]
pub struct ThreadEnd {
    /// 0: not made; else the key plus one.
    key: AtomicU64,
}

impl ThreadEnd {
    /// Without a key yet.
    #[allow(clippy::new_without_default, reason = "a constant for statics")]
    pub const fn new() -> Self {
        Self { key: AtomicU64::new(0) }
    }

    /// Makes the key; `f` gets what the thread was marked with. One caller, once. `false`: the C library has no key left.
    pub fn prepare(&self, f: unsafe extern "C" fn(*mut c_void)) -> bool {
        let mut key: libc::pthread_key_t = 0;
        // SAFETY: SYS-CALL — `key` is a live out-parameter, and `f` a function that stays.
        if unsafe { libc::pthread_key_create(&raw mut key, Some(f)) } != 0 {
            return false;
        }
        self.key.store(u64::from(key) + 1, Ordering::Release); // ORDER: Release ⇒ `mark`: the key exists.
        true
    }

    /// Marks the calling thread with a value that is not 0 (or takes the mark away, with 0).
    pub fn mark(&self, value: usize) -> bool {
        let key = self.key.load(Ordering::Acquire); // ORDER: Acquire ⇐ `prepare`.
        let Some(key) = key.checked_sub(1) else { return false };
        // SAFETY: SYS-CALL — a key made by `prepare`.
        unsafe {
            libc::pthread_setspecific(key as libc::pthread_key_t, value as *const c_void) == 0
        }
    }
}

/// Has `prepare` run before each fork, and `parent` and `child` after it, in the two processes. They stay for ever.
pub fn at_fork(
    prepare: unsafe extern "C" fn(),
    parent: unsafe extern "C" fn(),
    child: unsafe extern "C" fn(),
) -> bool {
    // SAFETY: SYS-CALL — three functions that stay.
    unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) == 0 }
}

/// Starts a thread of the process's own that runs `f` for ever: small stack, no signals, nobody joins it. `false`: there
/// is none. The C library allocates for it.
pub fn background(f: extern "C" fn(*mut c_void) -> *mut c_void) -> bool {
    let _errno = crate::errno::Kept::new();
    // SAFETY: SYS-CALL — all-zero values are filled by the calls below before they are used; all pointers are to locals.
    unsafe {
        let mut attr: libc::pthread_attr_t = core::mem::zeroed();
        if libc::pthread_attr_init(&raw mut attr) != 0 {
            return false;
        }
        libc::pthread_attr_setdetachstate(&raw mut attr, libc::PTHREAD_CREATE_DETACHED);
        libc::pthread_attr_setstacksize(&raw mut attr, 128 << 10);
        let mut all: libc::sigset_t = core::mem::zeroed();
        let mut old: libc::sigset_t = core::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut old);
        let mut thread: libc::pthread_t = core::mem::zeroed();
        let made =
            libc::pthread_create(&raw mut thread, &raw const attr, f, core::ptr::null_mut()) == 0;
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const old, core::ptr::null_mut());
        libc::pthread_attr_destroy(&raw mut attr);
        made
    }
}

static ON_FAULT: AtomicU64 = AtomicU64::new(0);
static BEFORE: AtomicU64 = AtomicU64::new(0);

/// Has `f` called with the address of each access to inaccessible memory, in a signal handler; when it returns, what
/// was asked for before happens, or the end of the process. To be called again when somebody else may have asked since.
pub fn on_fault(f: fn(usize)) -> bool {
    ON_FAULT.store(f as usize as u64, Ordering::Release); // ORDER: Release ⇒ `fault`.
    let me = fault as *const () as usize;
    // SAFETY: SYS-CALL — an all-zero action is valid; both are alive for the calls.
    unsafe {
        let mut old: libc::sigaction = core::mem::zeroed();
        libc::sigaction(libc::SIGSEGV, core::ptr::null(), &raw mut old);
        if old.sa_sigaction == me {
            return true;
        }
        let chain = if old.sa_flags & libc::SA_SIGINFO != 0 { old.sa_sigaction } else { 0 };
        BEFORE.store(chain as u64, Ordering::Release); // ORDER: Release ⇒ `fault`.
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = me;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSEGV, &raw const action, core::ptr::null_mut()) == 0
    }
}

type Handler = unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut c_void);

unsafe extern "C" fn fault(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let f = ON_FAULT.load(Ordering::Acquire) as usize; // ORDER: Acquire ⇐ `on_fault`.
    let before = BEFORE.load(Ordering::Acquire) as usize; // ORDER: Acquire ⇐ `on_fault`.
    // SAFETY: SYS-CALL — the kernel's own record; the numbers are those of functions that `on_fault` was given and found.
    unsafe {
        let f: fn(usize) = core::mem::transmute(f as *const ());
        f((*info).si_addr() as usize);
        if before == 0 || before == 1 {
            // Again, with nobody in the way.
            libc::signal(signal, libc::SIG_DFL);
            return;
        }
        let before: Handler = core::mem::transmute(before as *const ());
        before(signal, info, context);
    }
}

/// Processor time that the calling thread has used, in nanoseconds.
pub fn thread_nanos() -> u64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: SYS-CLOCK — `ts` is a live out-parameter.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut ts) };
    ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
}

/// The process's number.
pub fn pid() -> u32 {
    // SAFETY: SYS-CALL — no arguments, no failure.
    unsafe { libc::getpid() as u32 }
}

/// Has `f` run when the process exits by itself, after what was asked for later. The C library may allocate for it.
pub fn at_exit(f: extern "C" fn()) -> bool {
    // SAFETY: SYS-CALL — a function that stays.
    unsafe { libc::atexit(f) == 0 }
}

/// Calls `f` with each line of `/proc/self/smaps` until it returns `false`; allocates nothing.
pub fn smaps(f: impl FnMut(&[u8]) -> bool) {
    if let Some(path) = crate::file::Path::new(&[b"/proc/self/smaps"]) {
        crate::file::lines(&path, f);
    }
}

/// Looks a name up in the environment without the standard library, which may allocate for it.
pub fn env(name: &core::ffi::CStr) -> Option<&'static [u8]> {
    // SAFETY: SYS-CALL — the name is a C string; the value stays as long as nobody changes the environment, and is looked at
    // by programs' first calls, before their threads.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        if value.is_null() { None } else { Some(core::ffi::CStr::from_ptr(value).to_bytes()) }
    }
}

/// Most address space that the process may have (`RLIMIT_AS`), in bytes; `u64::MAX` without a limit.
pub fn address_space_limit() -> u64 {
    soft_limit(libc::RLIMIT_AS)
}

/// Most private writable memory that the process may have (`RLIMIT_DATA`), in bytes; `u64::MAX` without a limit.
pub fn data_limit() -> u64 {
    soft_limit(libc::RLIMIT_DATA)
}

fn soft_limit(resource: libc::__rlimit_resource_t) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: SYS-CALL — `limit` is a live out-parameter.
    if unsafe { libc::getrlimit(resource, &raw mut limit) } != 0 {
        return u64::MAX;
    }
    if limit.rlim_cur == libc::RLIM_INFINITY { u64::MAX } else { limit.rlim_cur }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicUsize;

    static ENDED: AtomicUsize = AtomicUsize::new(0);
    static END: ThreadEnd = ThreadEnd::new();

    unsafe extern "C" fn ended(value: *mut c_void) {
        ENDED.fetch_add(value as usize, Ordering::Relaxed);
    }

    #[test]
    fn an_ending_thread_is_reported_once() {
        assert!(!END.mark(5));
        assert!(END.prepare(ended));
        let marked = || std::thread::spawn(|| END.mark(5));
        assert!(marked().join().expect("no panic") && marked().join().expect("no panic"));
        std::thread::spawn(|| ()).join().expect("no panic");
        assert_eq!(ENDED.load(Ordering::Relaxed), 10);
        assert!(address_space_limit() > 0);
    }
}
