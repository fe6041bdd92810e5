//! Programs about threads of the system, one per argument; `tests/threads.rs` runs them.

use gort::{go, runtime, thread};
use std::time::Duration;

/// Goroutines that each need a thread, for ever.
fn lock_threads(count: usize) {
    for _ in 0..count {
        go(|| {
            let _guard = thread::lock_os_thread();
            thread::sleep(Duration::from_secs(3600));
        });
    }
    thread::sleep(Duration::from_secs(3600));
}

// A goroutine that locks its thread would keep the main one off it in the bound mode.
#[gort::main(unsafe(migrate))]
fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    match mode.as_str() {
        "limit" => {
            assert_eq!(runtime::set_max_threads(10), 10_000);
            lock_threads(20);
        }
        "lower" => {
            for _ in 0..4 {
                go(|| {
                    let _guard = thread::lock_os_thread();
                    thread::sleep(Duration::from_secs(3600));
                });
                thread::sleep(Duration::from_millis(1));
            }
            while runtime::stats().threads < 4 {
                thread::yield_now();
            }
            runtime::set_max_threads(3);
        }
        "enough" => {
            runtime::set_max_threads(400);
            let all: Vec<_> = (0..40)
                .map(|_| {
                    go(|| {
                        let _guard = thread::lock_os_thread();
                        thread::sleep(Duration::from_millis(5));
                    })
                })
                .collect();
            all.into_iter().for_each(|g| g.join().expect("no panic"));
            println!("done");
        }
        "many" => lock_threads(200),
        "locked-deadlock" => {
            let _guard = thread::lock_os_thread();
            thread::park();
        }
        "locked-deadlock-2" => {
            go(|| {
                let _guard = thread::lock_os_thread();
                loop {
                    thread::park();
                }
            });
            loop {
                thread::park();
            }
        }
        "network" => {
            // Everybody waits, but one for the network: that is no deadlock.
            let socket = gort::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
            println!("{}", socket.local_addr().expect("bound").port());
            go(|| {
                loop {
                    thread::park();
                }
            });
            let mut byte = [0];
            socket.recv(&mut byte).expect("a byte");
            println!("done {}", byte[0]);
        }
        "stopped" => {
            let sleepers: Vec<_> = (0..20u64)
                .map(|n| {
                    go(move || {
                        (0..20).for_each(|_| thread::sleep(Duration::from_millis(1 + n % 7)))
                    })
                })
                .collect();
            println!("ready");
            sleepers.into_iter().for_each(|g| g.join().expect("no panic"));
            println!("done");
        }
        "procs" => println!("{} {}", runtime::num_cpu(), runtime::procs()),
        "stdout" => stdout(),
        "probe" => go(caller_of_the_probe).join().expect("no panic"),
        other => panic!("no mode {other:?}"),
    }
}

/// A goroutine holds std's lock of stdout over a park. Its neighbour on the thread, which std takes for the same owner, prints
/// through it; nobody waits for ever, and each `write` stays whole.
fn stdout() {
    use std::io::Write;
    let hold = |name: &'static str| {
        move || {
            let mut out = std::io::stdout().lock();
            for _ in 0..50 {
                writeln!(out, "{name} begins and {name} ends").expect("a pipe");
                thread::yield_now();
                thread::sleep(Duration::from_micros(20));
            }
        }
    };
    let all: Vec<_> = ["ada", "bob", "cyd", "dan"]
        .into_iter()
        .map(|name| thread::go_pinned(hold(name)))
        .collect();
    all.into_iter().for_each(|g| g.join().expect("no panic"));
    println!("done");
}

/// A debugger stops here, on a goroutine that was resumed.
#[inline(never)]
fn the_probe(n: u64) {
    std::hint::black_box(n);
}

#[inline(never)]
fn caller_of_the_probe() {
    thread::sleep(Duration::from_millis(1));
    the_probe(7);
    std::hint::black_box(());
}
