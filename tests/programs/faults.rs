//! Programs that end badly, one per argument; `tests/faults.rs` runs them.

use gort::channel::{bounded, never};
use gort::{select, thread};
use std::hint::black_box;
use std::process::ExitCode;

gort::init_task! { first: first }
gort::init_task! { second: second, after: [first] }

fn mode() -> String {
    std::env::args().nth(1).unwrap_or_default()
}

fn first() {
    if mode() == "init-overflow" {
        black_box(dig(0));
    }
    if mode() == "init-order" {
        println!("first");
    }
}

fn second() {
    match mode().as_str() {
        "init-order" => println!("second"),
        "init-deadlock" => _ = never::<()>().recv(),
        _ => {}
    }
}

#[expect(unconditional_recursion, reason = "the overflow is wanted")]
fn dig(depth: u64) -> u64 {
    let frame = black_box([depth; 8]);
    dig(depth + 1) + frame[3]
}

/// One frame larger than the whole stack of a goroutine: stack probes walk it page by page.
fn huge() -> u8 {
    let frame = black_box([1u8; 400 << 10]);
    frame[black_box(7)]
}

struct Loud(&'static str);

impl Drop for Loud {
    fn drop(&mut self) {
        println!("{}", self.0);
    }
}

#[gort::main]
fn main() -> ExitCode {
    match mode().as_str() {
        "main-overflow" => _ = black_box(dig(0)),
        "huge-frame" => {
            let big = thread::Builder::new().name("big".into()).spawn(huge);
            println!("{:?}", big.map(|g| g.join().is_ok()));
        }
        "segv" => {
            // SAFETY: not safe at all: the fault must not be taken for an overflow.
            unsafe { black_box(16 as *mut u8).write_volatile(1) };
        }
        "recv" => _ = never::<()>().recv(),
        "select" => {
            let (tx, rx) = bounded::<u8>(0);
            select! { recv(rx) -> _ => {}, recv(never::<u8>()) -> _ => {} }
            drop(tx);
        }
        "park" => loop {
            thread::park();
        },
        "goexit" => {
            let _loud = Loud("destructor");
            gort::go(|| {
                thread::yield_now();
                println!("the other goroutine");
            });
            gort::runtime::goexit();
        }
        "outsider" => {
            // A plain thread that has not done anything yet will wake the goroutine: no deadlock.
            let (tx, rx) = bounded(0);
            std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(100));
                let _ = tx.send(5);
            });
            println!("{:?}", rx.recv());
        }
        "panic" => {
            let _loud = Loud("destructor");
            gort::runtime::at_exit(|| println!("hook"));
            panic!("on purpose");
        }
        "go-panic" => {
            let bad = thread::Builder::new().name("bad".into()).spawn(|| panic!("on purpose"));
            println!("joined: {}", bad.is_ok_and(|g| g.join().is_err()));
        }
        "exit" => {
            let _loud = Loud("destructor");
            gort::runtime::at_exit(|| println!("hook"));
            std::process::exit(7);
        }
        "code" => {
            gort::runtime::at_exit(|| println!("hook 1"));
            gort::runtime::at_exit(|| println!("hook 2"));
            gort::go(|| {
                loop {
                    thread::park();
                }
            });
            return ExitCode::from(9);
        }
        _ => {}
    }
    ExitCode::SUCCESS
}
