//! B1, `hello`, on tokio: the least runtime, one task that says hello, exit.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async { tokio::spawn(async { println!("hello") }).await })?;
    Ok(())
}
