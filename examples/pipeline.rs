//! Channels and `select!`: numbers go through a pool of workers; a clock ends it.
//!
//! `cargo run --release --example pipeline`

use gort::channel::{after, bounded};
use gort::select;
use std::time::Duration;

#[gort::main]
fn main() {
    let (numbers, work) = bounded(16);
    let (done, squares) = bounded(16);
    let end = after(Duration::from_secs(5));

    for _ in 0..4 {
        let (work, done) = (work.clone(), done.clone());
        gort::go(move || {
            for n in work {
                if done.send(n * n).is_err() {
                    return;
                }
            }
        });
    }
    drop((work, done));
    gort::go(move || (1..=1000u64).try_for_each(|n| numbers.send(n)));

    let mut sum = 0;
    loop {
        select! {
            recv(squares) -> square => match square {
                Ok(square) => sum += square,
                // Every worker has ended: the channel has no sender left.
                Err(_) => break,
            },
            recv(end) -> _ => {
                eprintln!("that took too long");
                break;
            }
        }
    }
    println!("the sum of the first thousand squares is {sum}");
}
