//! A program that has worked and now waits; `tests/idle.rs` looks whether it really sleeps.

use gort::channel::unbounded;
use gort::gc::{self, Field, Root, Trace};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: gort::GortAlloc = gort::GortAlloc;

const FAR: Duration = Duration::from_secs(3600);

#[derive(Trace)]
struct Link {
    next: Field<Link>,
}

/// A chain of objects, a collection, and memory of the allocator that is free again.
fn work() {
    let mu = gc::pin();
    let mut chain = mu.alloc(LinkInit { next: None });
    for _ in 0..10_000 {
        chain = mu.alloc(LinkInit { next: Some(chain) });
    }
    let root = Root::new(&mu, chain);
    drop(mu);
    gc::collect().expect("no guard is held");
    drop(root);
    drop(vec![1u8; 30 << 20]);
    let (tx, rx) = unbounded();
    for n in 0..1000 {
        let tx = tx.clone();
        gort::go(move || tx.send(n));
    }
    drop(tx);
    assert_eq!(rx.iter().sum::<u64>(), 499_500);
}

#[gort::main(unsafe(migrate))]
fn main() {
    work();
    match std::env::args().nth(1).as_deref() {
        Some("listener") => {
            let listener = gort::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            gort::go(move || listener.accept());
        }
        Some("timers") => {
            for _ in 0..100_000 {
                gort::go(|| gort::thread::sleep(FAR));
            }
        }
        Some("deep") => {
            for _ in 0..200 {
                gort::go(|| {
                    std::hint::black_box(deep(24));
                    gort::thread::sleep(FAR);
                });
            }
        }
        _ => {}
    }
    println!("ready");
    gort::thread::sleep(FAR);
}

/// Goes down so many KiB of stack.
fn deep(kib: u32) -> u64 {
    let room = std::hint::black_box([kib as u8; 1024]);
    let below = if kib == 0 { 0 } else { deep(kib - 1) };
    below + room.iter().map(|&b| u64::from(b)).sum::<u64>()
}
