//! What each stage of the boot took.
//!
//! `cargo run --release --example boot_report`

#[gort::main]
fn main() {
    print!("{}", gort::boot::report());
}
