//! B1, `hello`: the whole life of a small process, and nothing else in it: boot,
//! one task that says hello, exit. The bench measures it from outside.

#[gort::main(unsafe(migrate))]
fn main() -> Result<(), &'static str> {
    gort::go(|| println!("hello")).join().map_err(|_| "the task panicked")
}
